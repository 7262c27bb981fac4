"""Faults made by operators: each operator is written once, and applied to an operation, a field and a condition.

`values` changes values, `ways` gets between a store and its caller, `draw` makes the population, `chosen` names those
that are always played, and `judge` plays the tour on them.
"""
