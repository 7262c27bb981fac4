"""The requirements, and the model that decides a call."""
