"""One page that says what was proven and what was measured, made from two JSON files and nothing else."""
