"""The tables of failures: each operation meets each failure, early or on a warm connection, and others beside it."""
