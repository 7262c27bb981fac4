"""The floors: what a request costs without a store, on each way to a server, and which server stood there."""

from __future__ import annotations

from dataclasses import dataclass

from reports.inputs import Benchmark, Floor, FloorInfo, OperationInfo
from reports.latency import WAYS
from reports.verdicts import estimate, ratios

FLOORS: dict[Floor, str] = {
    "noop": "an awaited function that does nothing",
    "raw-ping": "PING on a bare socket, blocking",
    "sync-ping": "PING through redis-py's blocking client",
    "async-ping": "PING through redis-py's asyncio client",
    "bare-get": "GET of a value as long as a record, through redis-py",
    "bare-evalsha": "a script that returns its argument, as long as a record, through redis-py",
    "ping": "PING through the store's client",
}
"""In the order in which they are shown, from the bottom up."""


@dataclass(frozen=True)
class FloorCost:
    """What one floor costs on one way to a server, in milliseconds."""

    operation: Floor
    transport: str
    subject: str
    median_ms: float
    interval_ms: tuple[float, float] | None
    block_ms: tuple[float, ...]
    rounds: int
    times_raw: float | None
    """As a multiple of PING on a bare socket by the same way."""


@dataclass(frozen=True)
class Place:
    """A way to a server, and the server: its binary or its image."""

    transport: str
    server: str
    served_by: str
    way: str


def gather_floors(benchmark: Benchmark) -> tuple[FloorCost, ...]:
    """Gather the floors of every way but those through a proxy."""
    rows = [
        (info, row)
        for row in benchmark.benchmarks
        if isinstance(info := row.extra_info, FloorInfo) and info.distance_ms is None
    ]
    raw = {info.transport: row.medians() for info, row in rows if info.operation == "raw-ping"}
    floors = []
    for info, row in rows:
        found, bare = estimate(row.medians()), raw.get(info.transport)
        assert found is not None  # noqa: S101  there is a round, so there is a block with one
        times = estimate(ratios(row.medians(), bare)) if bare else None
        floors.append(
            FloorCost(
                info.operation,
                info.transport,
                info.subject,
                found.value,
                found.interval,
                found.values,
                len(row.stats.data),
                times.value if times else None,
            )
        )
    order, ways = list(FLOORS), list(WAYS)
    return tuple(sorted(floors, key=lambda one: (ways.index(one.transport), order.index(one.operation), one.subject)))


def gather_places(benchmark: Benchmark) -> tuple[Place, ...]:
    """Say which binary or image served which way."""
    infos = [row.extra_info for row in benchmark.benchmarks]
    return tuple(
        dict.fromkeys(
            Place(
                info.transport,
                str(info.facts.get("server", "")),
                str(info.facts.get("image") or info.facts.get("binary", "")),
                str(info.facts.get("transport", "")),
            )
            for info in infos
            if isinstance(info, (OperationInfo, FloorInfo)) and info.transport != "none"
        )
    )
