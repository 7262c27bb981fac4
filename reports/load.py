"""What a store gets through: throughput against callers, and waits against the rate at which calls come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median
from typing import Annotated, Literal

from pydantic import Field

from reports.inputs import Seconds, Strict
from reports.verdicts import Estimate, compare, estimate

Operation = Literal["get", "update"]
QuantileName = Literal["p50", "p90", "p99", "p99.9"]
GLIDE = "valkey-glide"
"""The same by valkey-glide."""
PLAIN = "redis-py"
"""The subject that is redis-py by itself, with the commands of our store."""
HELD = 0.95
"""Share of the time to the last answer in which calls came: with less, answers fell behind the calls."""
KNEE = 0.9
"""Share of the highest throughput that counts as having reached it."""


class SpreadInput(Strict):
    """Waits in seconds: exact quantiles of all of them, where they are enough, and buckets 10 % wide."""

    n: Annotated[int, Field(ge=1)]
    least: float
    most: float
    quantiles: dict[QuantileName, float]
    buckets: dict[str, int]


class BlockInput(Strict):
    """Calls in a closed loop."""

    answered: Annotated[int, Field(ge=0)]
    failed: Annotated[int, Field(ge=0)]
    seconds: Seconds
    cpu_seconds: Annotated[float, Field(ge=0)]


class CellInput(Strict):
    """One operation of one subject by that many callers."""

    subject: str
    operation: Operation
    callers: Annotated[int, Field(ge=1)]
    blocks: Annotated[tuple[BlockInput, ...], Field(min_length=1)]
    waits: SpreadInput | None
    failures: dict[str, int]


class LoadInput(Strict):
    """What the study of load wrote."""

    tasks: int
    cells: tuple[CellInput, ...]


class ArrivalsInput(Strict):
    """Calls in an open loop in one process, counted from when they were due: the last of them after `due_seconds`."""

    capacity: Annotated[float, Field(gt=0)]
    rate: Annotated[float, Field(gt=0)]
    waits: SpreadInput
    lateness: SpreadInput
    failures: dict[str, int]
    due_seconds: Seconds
    seconds: Seconds
    cpu_seconds: Annotated[float, Field(ge=0)]


class OfferedInput(Strict):
    """Calls that came at one share of the capacity, in each process."""

    subject: str
    operation: Operation
    share: Annotated[float, Field(gt=0)]
    runs: Annotated[tuple[ArrivalsInput, ...], Field(min_length=1)]


class OpenInput(Strict):
    """What the study of arrivals wrote."""

    tasks: int
    offered: tuple[OfferedInput, ...]


@dataclass(frozen=True)
class Waits:
    """Quantiles in milliseconds, of all calls; None where they are too few for one."""

    n: int
    p50_ms: float | None
    p90_ms: float | None
    p99_ms: float | None
    p999_ms: float | None
    most_ms: float


@dataclass(frozen=True)
class Throughput:
    """What that many callers got through."""

    callers: int
    per_second: Estimate
    times_plain: Estimate | None
    """Calls per second as a multiple of those of redis-py by itself, round by round; None where there are none."""
    waits: Waits | None
    cpu_share: float
    """Of one core, by the process of the callers."""
    failed_share: float
    failures: tuple[str, ...]


@dataclass(frozen=True)
class ThroughputCurve:
    """One operation of one subject: `ours`, `described`, or `redis-py` or `valkey-glide` with the same commands."""

    subject: str
    operation: Operation
    points: tuple[Throughput, ...]
    knee: int
    """The fewest callers that reach 90 % of the highest throughput."""


@dataclass(frozen=True)
class Response:
    """Calls that came at one rate, a share of what 64 callers get through; each process is a block."""

    share: float
    rate: Estimate
    held: Estimate
    """Calls answered a second, until the last answer."""
    saturated: bool
    """Whether answers fell behind: the waits then only say how long the run was."""
    p50_ms: Estimate
    p99_ms: Estimate | None
    """None where a process made too few calls."""
    most_ms: float
    lateness_p99_ms: Estimate | None
    """How late calls were begun, which is the generator's fault and is in the waits."""
    lateness_most_ms: float
    cpu_share: float
    failed_share: float


@dataclass(frozen=True)
class ResponseCurve:
    """One operation of one subject, from few calls to more than it gets through."""

    subject: str
    operation: Operation
    capacity: Estimate
    held: float | None
    """The highest rate that was held; None if each was more than it gets through."""
    points: tuple[Response, ...]


def gather_throughput(load: LoadInput) -> tuple[ThroughputCurve, ...]:
    """Draw throughput against callers."""

    def line(cell: CellInput) -> tuple[Operation, str]:
        return cell.operation, cell.subject

    plain = {(cell.operation, cell.callers): cell for cell in load.cells if cell.subject == PLAIN}
    ordered = sorted(load.cells, key=lambda cell: (*line(cell), cell.callers))
    curves = []
    for (operation, subject), cells in groupby(ordered, key=line):
        points = tuple(_throughput(cell, plain.get((operation, cell.callers))) for cell in cells)
        curves.append(ThroughputCurve(subject, operation, points, find_knee(points)))
    return tuple(curves)


def find_knee(points: Iterable[Throughput]) -> int:
    """Find the fewest callers that reach most of the highest throughput."""
    by_callers = {point.callers: point.per_second.value for point in points}
    enough = KNEE * max(by_callers.values())
    return min(callers for callers, rate in by_callers.items() if rate >= enough)


def gather_responses(arrivals: OpenInput) -> tuple[ResponseCurve, ...]:
    """Draw waits against the offered rate."""

    def line(one: OfferedInput) -> tuple[Operation, str]:
        return one.operation, one.subject

    ordered = sorted(arrivals.offered, key=lambda one: (*line(one), one.share))
    curves = []
    for (operation, subject), group in groupby(ordered, key=line):
        rates = list(group)
        points = tuple(map(_response, rates))
        capacity = _over(rates[0].runs, lambda run: run.capacity)
        held = max((point.held.value for point in points if not point.saturated), default=None)
        curves.append(ResponseCurve(subject, operation, capacity, held, points))
    return tuple(curves)


def _throughput(cell: CellInput, plain: CellInput | None) -> Throughput:
    per_second = estimate(_rates(cell))
    assert per_second is not None  # noqa: S101  there is a block
    failed = sum(block.failed for block in cell.blocks)
    calls = failed + sum(block.answered for block in cell.blocks)
    return Throughput(
        callers=cell.callers,
        per_second=per_second,
        times_plain=compare(_rates(cell), _rates(plain)) if plain and all(_rates(plain)) else None,
        waits=to_waits(cell.waits) if cell.waits else None,
        cpu_share=median(block.cpu_seconds / block.seconds for block in cell.blocks),
        failed_share=failed / calls if calls else 0.0,
        failures=tuple(sorted(cell.failures)),
    )


def _rates(cell: CellInput) -> list[float]:
    return [block.answered / block.seconds for block in cell.blocks]


def _response(one: OfferedInput) -> Response:
    runs = one.runs
    calls = sum(run.waits.n for run in runs)
    return Response(
        share=one.share,
        rate=_over(runs, lambda run: run.rate),
        held=_over(runs, lambda run: (run.waits.n - sum(run.failures.values())) / run.seconds),
        saturated=median(run.due_seconds / run.seconds for run in runs) < HELD,
        p50_ms=_over(runs, lambda run: run.waits.quantiles["p50"] * 1000),
        p99_ms=_p99(runs, lambda run: run.waits),
        most_ms=max(run.waits.most for run in runs) * 1000,
        lateness_p99_ms=_p99(runs, lambda run: run.lateness),
        lateness_most_ms=max(run.lateness.most for run in runs) * 1000,
        cpu_share=median(run.cpu_seconds / run.seconds for run in runs),
        failed_share=sum(sum(run.failures.values()) for run in runs) / calls,
    )


def _p99(runs: Sequence[ArrivalsInput], of: Callable[[ArrivalsInput], SpreadInput]) -> Estimate | None:
    if any("p99" not in of(run).quantiles for run in runs):
        return None
    return _over(runs, lambda run: of(run).quantiles["p99"] * 1000)


def _over(runs: Sequence[ArrivalsInput], find: Callable[[ArrivalsInput], float]) -> Estimate:
    found = estimate(map(find, runs))
    assert found is not None  # noqa: S101  there is a run
    return found


def to_waits(spread: SpreadInput) -> Waits:
    """Put a spread into milliseconds."""

    def in_ms(name: QuantileName) -> float | None:
        seconds = spread.quantiles.get(name)
        return None if seconds is None else seconds * 1000

    return Waits(spread.n, in_ms("p50"), in_ms("p90"), in_ms("p99"), in_ms("p99.9"), spread.most * 1000)
