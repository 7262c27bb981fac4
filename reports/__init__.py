"""One page that says what was verified and what was measured, made from JSON files and nothing else."""
