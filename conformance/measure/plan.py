"""What the blocks of a run measure: written by the run, read by each block."""

from __future__ import annotations

from pydantic import BaseModel

from conformance.measure.timing import Effort

PLAN = "CONFORMANCE_MEASURE"
"""The environment variable that has the plan of a block, as JSON."""
NOOP, PING = "(empty await)", "(ping)"
"""The floors: what awaiting costs, and a round trip of the store's own client, where its harness has the hook."""


class Plan(BaseModel):
    """The store, its numbers of entries, how long each operation is measured, and the seed of the order."""

    store: str
    entries: tuple[int, ...]
    effort: Effort
    seed: str
