"""Faults with figures: what callers under load get while the server behind a store fails, and what is left afterwards.

`faults` is the table of faults, `callers` is a process with callers, `judge` compares their results with the model and
with what is stored afterwards, `run` plays rounds of a fault and counts, `document` is the form of the results.
"""
