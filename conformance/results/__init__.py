"""Results: the document, who gathers it during a run, and the failures that are known."""
