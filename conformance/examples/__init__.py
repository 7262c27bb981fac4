"""Claims of documents, to start from."""
