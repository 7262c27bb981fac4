"""Stores that are wrong on purpose, which the suite has to catch, and changed stores that are still right.

`conformance mutants` runs them. `written` holds those that are written by hand, `operators` makes the others.
"""
