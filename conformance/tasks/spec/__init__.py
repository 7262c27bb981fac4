"""What is right: the requirements, and the model that decides a call."""
