"""The noise of the machine on the day, and which differences are larger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.document import Benchmark, Measured, Mode, Operation, OperationInfo
from conformance.measure.estimate import Estimate, estimate, ratios
from reports.analyse.latency import Latency, operations


@dataclass(frozen=True)
class Pair:
    """The same benchmark twice in each block: the second over the first."""

    subject: str
    mode: Mode
    ratio: Estimate

    @property
    def noise(self) -> float | None:
        """How far from 1 the interval reaches, as a share; None without an interval."""
        interval = self.ratio.interval
        return max(1 / interval[0], interval[1]) - 1 if interval else None


@dataclass(frozen=True)
class Difference:
    """One operation of two subjects: how many times as long the first takes."""

    operation: Operation
    tasks: int
    subject: str
    against: str
    ratio: Estimate
    seen: bool
    """Whether the whole interval lies beyond the noise; if not, no difference is seen."""


def gather_pairs(benchmark: Benchmark) -> tuple[Pair, ...]:
    """Gather the benchmarks that each block made twice."""
    first = {(info.subject, info.operation, info.tasks): row for info, row in operations(benchmark)}
    pairs = []
    for row in benchmark.benchmarks:
        info = row.extra_info
        if isinstance(info, OperationInfo) and info.again:
            found = _compare(row, first.get((info.subject, info.operation, info.tasks)))
            if found is not None:
                pairs.append(Pair(info.subject, info.mode, found))
    return tuple(pairs)


def find_noise(pairs: Iterable[Pair], mode: Mode) -> float | None:
    """Find the noise of a mode: that of its worst pair; None if there is none."""
    return max((pair.noise for pair in pairs if pair.mode == mode and pair.noise is not None), default=None)


def gather_differences(
    benchmark: Benchmark, latencies: Sequence[Latency], pairs: Sequence[Pair]
) -> tuple[Difference, ...]:
    """Compare ours with the documented design where claims are decided, and the other ways to a server with that."""
    measured = {(info.subject, info.operation, info.tasks): (info, row) for info, row in operations(benchmark)}
    differences = []
    for one in latencies:
        against = _counterpart(one, latencies)
        if against is None:
            continue
        info, row = measured[one.subject, one.operation, one.tasks]
        found = _compare(row, measured[against.subject, one.operation, one.tasks][1])
        if found is not None:
            seen = _is_seen(found.interval, find_noise(pairs, info.mode))
            differences.append(Difference(one.operation, one.tasks, one.subject, against.subject, found, seen))
    return tuple(differences)


def _counterpart(one: Latency, latencies: Sequence[Latency]) -> Latency | None:
    if one.design != "ours":
        return None
    alike = [row for row in latencies if (row.mode, row.operation, row.tasks) == (one.mode, one.operation, one.tasks)]
    if one.decides:
        return next((row for row in alike if row.design == "documented" and row.decides), None)
    return next((row for row in alike if row.design == "ours" and row.decides), None)


def _compare(row: Measured, other: Measured | None) -> Estimate | None:
    return estimate(ratios(row.medians(), other.medians())) if other is not None else None


def _is_seen(interval: tuple[float, float] | None, noise: float | None) -> bool:
    if interval is None or noise is None:
        return False
    return interval[0] > 1 + noise or interval[1] < 1 / (1 + noise)
