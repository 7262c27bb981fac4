"""How long an operation took: every benchmark beside its PING and the documented range."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from benchmarks.document import Benchmark, Design, Measured, Mode, Operation, OperationInfo
from conformance.measure import claims
from conformance.measure.estimate import Estimate, LatencyVerdict, differences, estimate, judge, quantile, ratios

MODES: Mapping[Mode, str] = {"memory": "memory mode", "redis": "Redis mode"}
OPERATIONS: tuple[Operation, ...] = ("create", "get", "list", "update")
DECIDING_TRANSPORTS: Mapping[Mode, tuple[str, ...]] = {"memory": ("none",), "redis": ("published", "embedded")}
"""Where the claims about a mode are decided: on the first of these that the design was measured on."""
WAYS: Mapping[str, str] = {
    "none": "",
    "embedded": "embedded server",
    "published": "published port",
}
ENOUGH_FOR_P99 = 100
Ranges = Mapping[tuple[str, str], claims.Latency]
"""What the document gives, by mode and operation."""


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
    """Of all blocks."""
    blocks: int
    """That have a figure."""
    block_ms: tuple[float | None, ...]
    """The median of each block, None where it has no figure: ratios and differences are taken of these."""
    calls_per_round: int
    """Above one, a round is the mean of about that many calls, and so are its quantiles."""
    median_ms: float
    """The median of the block medians."""
    interval_ms: tuple[float, float] | None
    mean_ms: float
    """Of all calls."""
    p99_ms: float | None
    """Of calls, not of means: where calls were timed one by one the median over blocks. None if too few were."""
    most_ms: float | None
    """The longest call, a single event."""
    low_ms: float
    high_ms: float
    verdict: LatencyVerdict
    verdict_without_margin: LatencyVerdict
    share_inside: float
    """Share of the rounds within the documented range, without the margin."""
    decides: bool
    """Whether the verdict on the claim is taken from here."""
    times_ping: float | None
    """As a multiple of the PING before each round."""
    times_memory: float | None
    """Redis mode: as a multiple of memory mode."""
    times_memory_interval: tuple[float, float] | None
    over_memory_ms: float | None
    """Redis mode: by how much it takes longer than memory mode."""
    over_memory_interval_ms: tuple[float, float] | None

    @property
    def factor(self) -> float | None:
        """How many times faster than the nearer end of the range, or slower, it is; None where it is neither."""
        match self.verdict:
            case "faster":
                return self.low_ms / self.median_ms
            case "slower":
                return self.median_ms / self.high_ms
            case _:
                return None

    @property
    def place(self) -> str:
        """Name the subject, the way to its server, and the server."""
        way = ", ".join(filter(None, (WAYS[self.transport], self.server)))
        return f"{self.subject} ({way})" if way else self.subject


def operations(benchmark: Benchmark) -> list[tuple[OperationInfo, Measured]]:
    """Select the operations, each once."""
    return [(info, row) for row in benchmark.benchmarks if isinstance(info := row.extra_info, OperationInfo)]


def gather_latencies(benchmark: Benchmark, ranges: Ranges) -> tuple[Latency, ...]:
    """Gather every measurement of a store's operation, by mode, operation, number of tasks and design."""
    measured = operations(benchmark)
    in_memory = {_what(info): row.medians() for info, row in measured if info.mode == "memory"}
    reached = {(info.design, info.mode, info.transport) for info, _ in measured}
    rows = [
        _latency(
            info,
            row,
            ranges[info.mode, info.operation],
            decides=info.transport
            == next((way for way in DECIDING_TRANSPORTS[info.mode] if (info.design, info.mode, way) in reached), None),
            memory=in_memory.get(_what(info)) if info.mode == "redis" else None,
        )
        for info, row in measured
    ]
    return tuple(sorted(rows, key=_place))


def _latency(
    info: OperationInfo,
    row: Measured,
    documented: claims.Latency,
    *,
    decides: bool,
    memory: Sequence[float | None] | None,
) -> Latency:
    low, high = documented.low_ms, documented.high_ms
    ordered = sorted(seconds * 1000 for seconds in row.stats.data)
    medians = row.medians()
    figure = estimate(medians)
    assert figure is not None  # noqa: S101  there is a round, so there is a block with one
    p99, most = _find_tail(info, ordered)
    times_memory = _times(medians, memory)
    over_memory = estimate(differences(medians, memory)) if memory is not None else None
    return Latency(
        operation=info.operation,
        tasks=info.tasks,
        design=info.design,
        mode=info.mode,
        transport=info.transport,
        subject=info.subject,
        server=str(info.facts.get("server", "")),
        rounds=len(ordered),
        blocks=figure.blocks,
        block_ms=tuple(medians),
        calls_per_round=info.calls_per_round,
        median_ms=figure.value,
        interval_ms=figure.interval,
        mean_ms=fmean(ordered),
        p99_ms=p99,
        most_ms=most,
        low_ms=low,
        high_ms=high,
        verdict=judge(figure.interval, low, high),
        verdict_without_margin=judge(figure.interval, low, high, margin=0),
        share_inside=(bisect_right(ordered, high) - bisect_left(ordered, low)) / len(ordered),
        decides=decides,
        times_ping=_value(_times(medians, row.ping_medians())),
        times_memory=_value(times_memory),
        times_memory_interval=times_memory.interval if times_memory else None,
        over_memory_ms=_value(over_memory),
        over_memory_interval_ms=over_memory.interval if over_memory else None,
    )


def _find_tail(info: OperationInfo, ordered: Sequence[float]) -> tuple[float | None, float | None]:
    """Find the 99th percentile and the longest of single calls, in milliseconds."""
    if info.single_calls:
        known = [one.p99 * 1000 for one in info.single_calls if one.n >= ENOUGH_FOR_P99]
        return median(known) if known else None, max(one.most for one in info.single_calls) * 1000
    if info.calls_per_round > 1:
        return None, None
    return quantile(ordered, 0.99) if len(ordered) >= ENOUGH_FOR_P99 else None, ordered[-1]


def _times(medians: Sequence[float | None], others: Sequence[float | None] | None) -> Estimate | None:
    return estimate(ratios(medians, others)) if others is not None else None


def _value(found: Estimate | None) -> float | None:
    return found.value if found else None


def _what(info: OperationInfo) -> tuple[Design, Operation, int]:
    return info.design, info.operation, info.tasks


def _place(row: Latency) -> tuple[str, int, int, str, bool, str]:
    """Memory before Redis, one operation after another, the documented design first, where it is decided first."""
    return row.mode, OPERATIONS.index(row.operation), row.tasks, row.design, not row.decides, row.subject
