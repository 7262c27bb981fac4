"""The gate: whether a change may land, by counts that are the same on any machine. `tox -e gate` runs it.

* Requests, commands and keys: more than `benchmarks.gate.counts` allows, with few tasks or with many.
* Instructions: over a tenth more for a call than in the revision it is based on (`benchmarks.gate.instructions`).

Nothing here is timed. Whether every MUST is kept is for the suite to say.
"""
