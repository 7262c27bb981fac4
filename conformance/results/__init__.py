"""What came of a run: the document, who gathers it during a run, and what is expected of it."""
