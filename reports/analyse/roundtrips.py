"""Round trips: how an operation's latency grows with the distance to the server, and how far away the document is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

from benchmarks.document import Benchmark, Design, FloorInfo, Measured, Operation, OperationInfo
from conformance.measure import claims
from conformance.measure.estimate import Estimate, differences, estimate
from reports.analyse.latency import OPERATIONS, Ranges

Point = tuple[float, float]
"""The PINGs before the rounds, through the same client and proxy, and the latency: both in milliseconds."""


@dataclass(frozen=True)
class RoundTrips:
    """An operation of one design in Redis mode: latency = a + k * PING through the store's client."""

    operation: Operation
    design: Design
    k: Estimate
    """Serial round trips."""
    a_ms: Estimate
    """What it takes besides."""
    low_ms: float
    high_ms: float
    true_from_ms: float
    true_to_ms: float | None
    """The PINGs between which the documented range, without its margin, holds; none if it is exceeded at once."""


@dataclass(frozen=True)
class ProxyCost:
    """What the proxy adds when it is told to add nothing: PING on a bare socket, through it and past it."""

    direct_ms: float
    added_ms: Estimate


def gather_round_trips(benchmark: Benchmark, ranges: Ranges) -> tuple[RoundTrips, ...]:
    """Fit every operation that was measured at several distances."""
    series: dict[tuple[Operation, Design, int], dict[float, Measured]] = {}
    for row in benchmark.benchmarks:
        info = row.extra_info
        if isinstance(info, OperationInfo) and info.distance_ms is not None:
            series.setdefault((info.operation, info.design, info.tasks), {})[info.distance_ms] = row
    found = []
    for (operation, design, _), rows in series.items():
        points = [_points(row) for _, row in sorted(rows.items())]
        fits = [fit for block in zip(*points, strict=True) if (fit := fit_line(block)) is not None]
        k, a = estimate([fit[0] for fit in fits]), estimate([fit[1] for fit in fits])
        if k is not None and a is not None:
            found.append(_describe(operation, design, k, a, ranges["redis", operation]))
    return tuple(sorted(found, key=lambda one: (OPERATIONS.index(one.operation), one.design)))


def find_proxy_cost(benchmark: Benchmark) -> ProxyCost | None:
    """Compare a PING through the proxy that adds nothing with one past it, block by block."""
    pings = _pings(benchmark)
    if 0 not in pings or None not in pings:
        return None
    direct, added = estimate(pings[None]), estimate(differences(pings[0], pings[None]))
    return ProxyCost(direct.value, added) if direct and added else None


def fit_line(points: Sequence[Point | None]) -> Point | None:
    """Fit y = a + k * x by the median of all slopes (Theil and Sen), and return k and a; None if a point is missing."""
    whole = [point for point in points if point is not None]
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(whole, 2) if x1 != x2]
    if len(whole) < len(points) or not slopes:
        return None
    k = median(slopes)
    return k, median(y - k * x for x, y in whole)


def _pings(benchmark: Benchmark) -> dict[float | None, list[float | None]]:
    """Find the PINGs on a bare socket by distance, None for the private server without a proxy."""
    return {
        row.extra_info.distance_ms: row.medians()
        for row in benchmark.benchmarks
        if isinstance(row.extra_info, FloorInfo)
        and row.extra_info.operation == "raw-ping"
        and row.extra_info.transport in ("proxied", "embedded")
    }


def _points(row: Measured) -> list[Point | None]:
    return [
        (x, y) if x is not None and y is not None else None
        for x, y in zip(row.ping_medians(), row.medians(), strict=True)
    ]


def _describe(operation: Operation, design: Design, k: Estimate, a: Estimate, documented: claims.Latency) -> RoundTrips:
    low, high = documented.low_ms, documented.high_ms
    begin, end = ((low - a.value) / k.value, (high - a.value) / k.value) if k.value > 0 else (0.0, 0.0)
    return RoundTrips(operation, design, k, a, low, high, max(0.0, begin), end if end > 0 else None)
