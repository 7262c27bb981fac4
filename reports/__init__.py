"""One page that says what was proven and what was measured, made from JSON files and nothing else."""
