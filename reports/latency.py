"""How long an operation took: every benchmark beside its floor, its PING and the documented range."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Literal

from reports.inputs import BaselineInfo, Benchmark, Design, Mode, Operation, OperationInfo
from reports.verdicts import LatencyVerdict, judge, median_interval, quantile

MODES: Mapping[Mode, str] = {"memory": "memory mode", "redis": "Redis mode"}
OPERATIONS: tuple[Operation, ...] = ("create", "get", "list", "update")
DECIDING_TRANSPORTS: Mapping[Mode, tuple[str, ...]] = {"memory": ("none",), "redis": ("published", "embedded")}
"""Where the claims about a mode are decided: on the first of these that the design was measured on."""
WAYS: Mapping[str, str] = {
    "none": "",
    "embedded": "embedded server",
    "published": "published port",
    "direct": "own address",
}
ENOUGH_FOR_P99 = 100


@dataclass(frozen=True)
class Range:
    """What the document gives for one operation in one mode, in milliseconds."""

    operation: Operation
    mode: Mode
    low_ms: float
    high_ms: float


@dataclass(frozen=True)
class Baseline:
    """What figures are compared with: an awaited no-op, or a PING through the client of the subject."""

    operation: Literal["noop", "ping"]
    subject: str
    transport: str
    rounds: int
    median_ms: float


@dataclass(frozen=True)
class Latency:
    """One operation of one store at one number of tasks. Times are milliseconds per call."""

    operation: Operation
    tasks: int
    design: Design
    mode: Mode
    transport: str
    subject: str
    server: str
    rounds: int
    calls_per_round: int
    """Above one, a round is the mean of that many calls, and so are its quantiles."""
    p5_ms: float
    median_ms: float
    interval_ms: tuple[float, float] | None
    p95_ms: float
    p99_ms: float | None
    """None where there are too few rounds to say."""
    low_ms: float
    high_ms: float
    verdict: LatencyVerdict
    share_inside: float
    """Share of the rounds within the documented range, without the margin."""
    decides: bool
    """Whether the verdict on the claim is taken from here."""
    times_ping: float | None
    """The median as a multiple of the median PING of the same rounds."""
    times_floor: float | None
    times_memory: float | None
    """Redis mode: the median as a multiple of the one in memory mode."""

    @property
    def place(self) -> str:
        """Name the subject, the way to its server, and the server."""
        way = ", ".join(filter(None, (WAYS[self.transport], self.server)))
        return f"{self.subject} ({way})" if way else self.subject


def gather_baselines(benchmark: Benchmark) -> tuple[Baseline, ...]:
    """Gather the floor and the PINGs."""
    return tuple(
        Baseline(info.operation, info.subject, info.transport, len(row.stats.data), median(row.stats.data) * 1000)
        for row in benchmark.benchmarks
        if isinstance(info := row.extra_info, BaselineInfo)
    )


def gather_latencies(benchmark: Benchmark, ranges: Iterable[Range]) -> tuple[Latency, ...]:
    """Gather every measurement of a store's operation, by mode, operation, number of tasks and design."""
    measured = [(info, row.stats) for row in benchmark.benchmarks if isinstance(info := row.extra_info, OperationInfo)]
    documented = {(one.mode, one.operation): one for one in ranges}
    baselines = gather_baselines(benchmark)
    floor = next((one.median_ms for one in baselines if one.operation == "noop"), None)
    in_memory = {_what(info): median(stats.data) * 1000 for info, stats in measured if info.mode == "memory"}
    reached = {(info.design, info.mode, info.transport) for info, _ in measured}
    rows = [
        _latency(
            info,
            sorted(seconds * 1000 for seconds in stats.data),
            documented[info.mode, info.operation],
            decides=info.transport
            == next((way for way in DECIDING_TRANSPORTS[info.mode] if (info.design, info.mode, way) in reached), None),
            ping=median(info.ping_seconds) * 1000 if info.ping_seconds else None,
            floor=floor,
            memory=in_memory.get(_what(info)) if info.mode == "redis" else None,
        )
        for info, stats in measured
    ]
    return tuple(sorted(rows, key=_place))


def _latency(
    info: OperationInfo,
    ordered: list[float],
    documented: Range,
    *,
    decides: bool,
    ping: float | None,
    floor: float | None,
    memory: float | None,
) -> Latency:
    low, high = documented.low_ms, documented.high_ms
    middle = median(ordered)
    interval = median_interval(ordered)
    return Latency(
        operation=info.operation,
        tasks=info.tasks,
        design=info.design,
        mode=info.mode,
        transport=info.transport,
        subject=info.subject,
        server=str(info.facts.get("server", "")),
        rounds=len(ordered),
        calls_per_round=info.calls_per_round,
        p5_ms=quantile(ordered, 0.05),
        median_ms=middle,
        interval_ms=interval,
        p95_ms=quantile(ordered, 0.95),
        p99_ms=quantile(ordered, 0.99) if len(ordered) >= ENOUGH_FOR_P99 else None,
        low_ms=low,
        high_ms=high,
        verdict=judge(interval, low, high),
        share_inside=(bisect_right(ordered, high) - bisect_left(ordered, low)) / len(ordered),
        decides=decides,
        times_ping=ping and middle / ping,
        times_floor=floor and middle / floor,
        times_memory=memory and middle / memory,
    )


def _what(info: OperationInfo) -> tuple[Design, Operation, int]:
    return info.design, info.operation, info.tasks


def _place(row: Latency) -> tuple[str, int, int, str, bool, str]:
    """Memory before Redis, one operation after another, the described design first, where it is decided first."""
    return row.mode, OPERATIONS.index(row.operation), row.tasks, row.design, not row.decides, row.subject
