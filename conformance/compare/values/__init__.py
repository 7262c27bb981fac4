"""What is passed and returned: how values are read, compared, classed, changed and written."""
