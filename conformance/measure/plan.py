"""What the blocks of a run measure: written by the run, read by each block."""

from __future__ import annotations

from pydantic import BaseModel

from conformance.measure.timing import Effort

PLAN = "CONFORMANCE_MEASURE"
"""The environment variable that has the plan of a block, as JSON."""
NOOP, PING = "(empty await)", "(ping)"
"""The floors: what awaiting costs, and a round trip of the store's own client, where its harness has the hook."""


class Plan(BaseModel):
    """The stores, their numbers of entries, how long each operation is measured, and the seed of the order."""

    stores: tuple[str, ...]
    entries: tuple[int, ...]
    effort: Effort
    seed: str
    beside_ping: bool = False
    """Whether calls of Redis mode are timed one by one, each after a PING of the same client."""
    weigh: bool = True
    """Whether to measure what an entry adds to the memory of the process: filling takes four times as long then."""
    again: tuple[str, ...] = ()
    """The stores of which a read is measured twice, among the most entries: what it differs by is noise."""
