"""The gate: whether a change may land, by what stays true on any machine. `tox -e gate` runs it.

Invariants: the working tree fails at once if

* a MUST fails, or cannot be decided for a fault, in a mode of ours (`benchmarks.gate.requirements`);
* an operation needs more requests, or the server more commands for it, than are written in `benchmarks.gate.counts`;
* a key is left behind, or a listing grows with the number of tasks (there, and in `benchmarks.gate.growth`).

Instructions: it fails if a call runs over a tenth more instructions than it did (`benchmarks.gate.instructions`).

Time: it fails if it is slower than the revision it is based on. Both are installed side by side and measured against
one server, in new processes for each of fifteen rounds. Within a round the blocks of an operation follow each other in
a random order and then in the reverse order (ABBA), so a machine that becomes slower steadily affects all alike. A
second copy of the base is measured too: the difference between identical code is the noise of the day. The rule is
that of `benchmarks.gate.decision`. A slowdown is reported if a second run confirms it.

Memory and Redis are compared with themselves only, and with no figure of any document: a claim that is found slower,
faster or refuted never fails the gate.
"""
