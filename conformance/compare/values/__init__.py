"""Values that are passed and returned: how they are taken apart, compared, classified, changed and written."""
