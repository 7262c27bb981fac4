"""From documents to conclusions: pure functions, whose results are the parts of a `Report`."""
