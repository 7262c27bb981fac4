"""What a store gets through: throughput against callers, and waits against the rate at which calls come."""

from __future__ import annotations

from collections.abc import Iterable
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
    """Calls in an open loop, counted from when they were due."""

    waits: SpreadInput
    lateness: SpreadInput
    failures: dict[str, int]
    seconds: Seconds
    cpu_seconds: Annotated[float, Field(ge=0)]


class OfferedInput(Strict):
    """Calls that came at one rate."""

    subject: str
    operation: Operation
    capacity: Annotated[float, Field(gt=0)]
    share: Annotated[float, Field(gt=0)]
    rate: Annotated[float, Field(gt=0)]
    arrivals: ArrivalsInput


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
    """Calls that came at one rate, a share of what 64 callers get through."""

    share: float
    rate: float
    waits: Waits
    lateness: Waits
    """How late calls were begun, which is the generator's fault and is in the waits."""
    cpu_share: float
    failed_share: float


@dataclass(frozen=True)
class ResponseCurve:
    """One operation of one subject, from few calls to more than it gets through."""

    subject: str
    operation: Operation
    capacity: float
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
        curves.append(ResponseCurve(subject, operation, rates[0].capacity, tuple(map(_response, rates))))
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
    arrivals = one.arrivals
    return Response(
        share=one.share,
        rate=one.rate,
        waits=to_waits(arrivals.waits),
        lateness=to_waits(arrivals.lateness),
        cpu_share=arrivals.cpu_seconds / arrivals.seconds,
        failed_share=sum(arrivals.failures.values()) / arrivals.waits.n,
    )


def to_waits(spread: SpreadInput) -> Waits:
    """Put a spread into milliseconds."""

    def in_ms(name: QuantileName) -> float | None:
        seconds = spread.quantiles.get(name)
        return None if seconds is None else seconds * 1000

    return Waits(spread.n, in_ms("p50"), in_ms("p90"), in_ms("p99"), in_ms("p99.9"), spread.most * 1000)
