"""How the calls of an operation are spread, out to the slowest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reports.inputs import Benchmark, Design, Mode, Operation
from reports.latency import Latency, near_operations

PER_DECADE = 8
"""Of the points that are kept in either tail, so that the file stays small; the least and the most are always there."""


@dataclass(frozen=True)
class Distribution:
    """One operation where its claim is decided: milliseconds, and the share of rounds that took at least as long."""

    operation: Operation
    mode: Mode
    design: Design
    tasks: int
    rounds: int
    calls_per_round: int
    points: tuple[tuple[float, float], ...]


def gather_distributions(benchmark: Benchmark, latencies: Iterable[Latency]) -> tuple[Distribution, ...]:
    """Gather the distribution of every deciding measurement, in the order of the latencies."""
    measured = {(info.subject, info.operation, info.tasks): row for info, row in near_operations(benchmark)}
    return tuple(
        Distribution(
            one.operation,
            one.mode,
            one.design,
            one.tasks,
            one.rounds,
            one.calls_per_round,
            thin(sorted(s * 1000 for s in measured[one.subject, one.operation, one.tasks].stats.data)),
        )
        for one in latencies
        if one.decides
    )


def thin(ordered: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """Keep some values of a sorted sample, more of them towards both ends, each with the share that is not below it."""
    n = len(ordered)
    step = 10 ** (1 / PER_DECADE)
    ranks, distance = {0, n - 1}, 1.0
    while distance < n / 2:
        ranks |= {round(distance), n - 1 - round(distance)}
        distance = max(distance + 1, distance * step)
    return tuple((ordered[rank], (n - rank) / n) for rank in sorted(ranks))
