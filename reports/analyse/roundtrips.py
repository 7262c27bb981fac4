"""Round trips: at which distance of the server each documented range of Redis mode would be true.

A call makes its requests one after another, and waits for each answer. So its latency grows by their number for each
millisecond of round trip: latency = besides + requests × PING. Requests are counted, at a proxy in front of the server;
what a call takes besides them follows from its latency and the PING beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.document import Design, Operation
from benchmarks.studies.document import Studies
from reports.analyse.latency import Latency

LISTED = 100
"""Tasks in the store where requests are counted: a documented listing makes one for each."""


@dataclass(frozen=True)
class RoundTrips:
    """An operation of one design in Redis mode, and the PINGs between which its documented range holds."""

    operation: Operation
    design: Design
    requests: float
    besides_ms: float
    low_ms: float
    high_ms: float
    true_from_ms: float
    true_to_ms: float | None
    """None if the range is exceeded whatever the PING."""


def gather_round_trips(latencies: Iterable[Latency], studies: Studies | None) -> tuple[RoundTrips, ...]:
    """Find the distances for every operation whose requests were counted; the range is taken without its margin."""
    found = []
    for row in latencies:
        counted = studies.find("calls", subject=row.design, what=row.operation) if studies else None
        if not (counted and "requests" in counted.figures and row.decides and row.mode == "redis" and row.times_ping):
            continue
        if row.operation != "list" or row.tasks == LISTED:
            requests = counted.figures["requests"][0]
            besides = row.median_ms - requests * row.median_ms / row.times_ping
            low, high = ((end - besides) / requests for end in (row.low_ms, row.high_ms))
            ends = (row.low_ms, row.high_ms, max(0.0, low), high if high > 0 else None)
            found.append(RoundTrips(row.operation, row.design, requests, besides, *ends))
    return tuple(found)
