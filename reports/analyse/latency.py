"""How long an operation took: every benchmark beside its PING and the documented range."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.document import Benchmark, Design, Measured, Mode, Operation, OperationInfo
from conformance.measure import claims
from conformance.measure.estimate import Estimate, LatencyVerdict, estimate, factor_of, judge

MODES: Mapping[str, str] = {"memory": "memory mode", "redis": "Redis mode"}
OPERATIONS: tuple[Operation, ...] = ("create", "get", "list", "update")
DECIDING_TRANSPORTS: Mapping[Mode, tuple[str, ...]] = {"memory": ("none",), "redis": ("published", "embedded")}
"""Where the claims about a mode are decided: on the first of these that the design was measured on."""
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
    backend: str
    server: str
    ms: Estimate
    """The median of the block medians."""
    p99_ms: float | None
    """Of calls that were timed one by one, the median over blocks. None if too few were."""
    low_ms: float
    high_ms: float
    verdict: LatencyVerdict
    decides: bool
    """Whether the verdict on the claim is taken from here."""
    times_memory: Estimate | None
    """Redis mode: as a multiple of memory mode, block by block."""
    over_memory: Estimate | None
    """Redis mode: by how many milliseconds it takes longer than memory mode, block by block."""

    @property
    def factor(self) -> float | None:
        """How many times faster than the nearer end of the range, or slower, it is; None where it is neither."""
        return factor_of(self.verdict, self.ms.value, self.low_ms, self.high_ms)

    @property
    def place(self) -> str:
        """Name the backend with its server."""
        return f"{self.backend} ({self.server})" if self.server else self.backend


def gather_latencies(benchmark: Benchmark, ranges: Ranges) -> tuple[Latency, ...]:
    """Gather every measurement of a store's operation, by mode, operation, number of tasks and design."""
    measured = [(info, row) for row in benchmark.benchmarks if isinstance(info := row.extra_info, OperationInfo)]
    deciding = _find_deciding([info for info, _ in measured])
    in_memory = {_what(info): row.medians() for info, row in measured if info.mode == "memory"}
    rows = []
    for info, row in measured:
        memory = in_memory.get(_what(info)) if info.mode == "redis" else None
        decides = deciding[info.design, info.mode] == info.transport
        documented = ranges[info.mode, info.operation]
        rows.append(_latency(info, row, documented, decides=decides, memory=memory or ()))
    return tuple(sorted(rows, key=_place))


def _find_deciding(infos: Sequence[OperationInfo]) -> Mapping[tuple[Design, Mode], str]:
    """Find the way to the server on which the claims about a mode are decided, for each design that was measured."""
    deciding: dict[tuple[Design, Mode], str] = {}
    for info in infos:
        ways = DECIDING_TRANSPORTS[info.mode]
        best = deciding.setdefault((info.design, info.mode), info.transport)
        if ways.index(info.transport) < ways.index(best):
            deciding[info.design, info.mode] = info.transport
    return deciding


def _latency(
    info: OperationInfo,
    row: Measured,
    documented: claims.Latency,
    *,
    decides: bool,
    memory: Sequence[float],
) -> Latency:
    """Describe a measurement; `memory` has the medians of memory mode, block by block, or nothing."""
    medians = row.medians()
    found = estimate(medians)
    low, high = documented.range_ms
    verdict = judge(found.interval, low, high)
    tails = row.tails()
    times_memory = over_memory = None
    if memory:
        pairs = [*zip(medians, memory, strict=True)]
        times_memory = estimate([far / near for far, near in pairs])
        over_memory = estimate([far - near for far, near in pairs])
    return Latency(
        operation=info.operation,
        tasks=info.tasks,
        design=info.design,
        mode=info.mode,
        transport=info.transport,
        backend=info.backend,
        server=str(info.facts.get("server", "")),
        ms=found,
        p99_ms=median(tails) if tails else None,
        low_ms=low,
        high_ms=high,
        verdict=verdict,
        decides=decides,
        times_memory=times_memory,
        over_memory=over_memory,
    )


def _what(info: OperationInfo) -> tuple[Design, Operation, int]:
    return info.design, info.operation, info.tasks


def _place(row: Latency) -> tuple[str, int, int, str, bool, str]:
    """Memory before Redis, one operation after another, the documented design first, where it is decided first."""
    return row.mode, OPERATIONS.index(row.operation), row.tasks, row.design, not row.decides, row.backend
