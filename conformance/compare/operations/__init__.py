"""What is called: operations, ready sets of them, and the check of what a harness names."""
