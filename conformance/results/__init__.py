"""Results: the document, who gathers it during a run, and what the run deserves."""
