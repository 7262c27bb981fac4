"""How much of the store the suite holds: each small change of `taskstore/` has to fail it.

`python -m mutation` makes the changes in copies, and lets the suite alone judge them, never `tests/`. It is the other
side of `conformance/mutants/`: those are faults that somebody thought of, these are all that a machine finds.
"""
