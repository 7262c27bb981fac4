"""Stores that are wrong on purpose, to show that the suite catches them, and changed ones that are still right.

`conformance mutants` runs them. `written` holds those that are written by hand, `operators` makes the others.
"""
