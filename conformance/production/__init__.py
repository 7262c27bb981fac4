"""Faults with figures: what callers under load get while the server behind a store fails, and what is left afterwards.

`faults` is the table of what goes wrong, `callers` is a process with callers, `judge` holds what they got against the
model and against what is there afterwards, `run` does rounds of a fault and counts, `document` is what comes of it.
"""
