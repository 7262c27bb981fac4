"""How a listing grows with the number of tasks: a curve for each store and page, its exponent, and where it crosses.

The exponent is the slope of the least-squares line through the logarithms of tasks and of median seconds. Its interval
holds the middle 95 % of the slopes that come out when the blocks of each point are drawn anew, with replacement (a
percentile bootstrap, 1,000 draws, from a fixed seed). A curve that is flat and then rises has no single exponent; the
one given is of the whole of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from random import Random
from statistics import linear_regression, median
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from reports.inputs import Design, Mode, Seconds, Strict
from reports.verdicts import Estimate, estimate, ratios

LIMITS_MS = (10.0, 50.0)
"""Where a listing begins to be felt, and where a page is late."""
DRAWS = 1_000
SEED = 1
FARTHEST = 10.0
"""A line is not prolonged to more than this many times the most tasks that were measured."""

Page = Literal["first", "filtered", "deep", "deep filtered"]
Found = TypeVar("Found")
Points = Sequence[tuple[int, Sequence[float]]]
"""Tasks, and the seconds of each block."""


class PointInput(Strict):
    """One listing from one store; seconds are means of the calls of a block."""

    design: Design
    mode: Mode
    page: Page
    tasks: Annotated[int, Field(ge=1)]
    offset: Annotated[int, Field(ge=0)]
    calls: Annotated[int, Field(ge=1)]
    seconds: Annotated[tuple[Seconds, ...], Field(min_length=1)]
    ping_seconds: tuple[Seconds, ...]
    own_ping_seconds: tuple[Seconds, ...]


class GrowthInput(Strict):
    """What the study of growth wrote."""

    points: tuple[PointInput, ...]


@dataclass(frozen=True)
class CurvePoint:
    """A listing at one number of tasks."""

    tasks: int
    offset: int
    ms: Estimate
    times_ping: Estimate | None
    """As a multiple of a PING through redis-py's asyncio client."""
    times_own_ping: Estimate | None
    """The same of a PING through the store's own client."""


@dataclass(frozen=True)
class Crossing:
    """The number of tasks at which a listing takes `limit_ms`; none if it always or never does, as far as is known."""

    limit_ms: float
    tasks: float | None
    interval: tuple[float, float] | None
    how: Literal["interpolated", "extrapolated", "always above", "not reached"]


@dataclass(frozen=True)
class Curve:
    """One page of one store, from few tasks to many."""

    design: Design
    mode: Mode
    page: Page
    points: tuple[CurvePoint, ...]
    exponent: float | None
    """None for a curve of one point."""
    interval: tuple[float, float] | None
    crossings: tuple[Crossing, ...]


def gather_curves(growth: GrowthInput) -> tuple[Curve, ...]:
    """Draw every curve."""

    def line(point: PointInput) -> tuple[str, str, str]:
        return point.design, point.mode, point.page

    ordered = sorted(growth.points, key=lambda point: (*line(point), point.tasks))
    return tuple(_curve(list(points)) for _, points in groupby(ordered, key=line))


def _curve(points: list[PointInput]) -> Curve:
    first = points[0]
    blocks = [(point.tasks, point.seconds) for point in points]
    exponent, interval = fit(blocks) if len(points) > 1 else (None, None)
    return Curve(
        first.design,
        first.mode,
        first.page,
        tuple(_point(point) for point in points),
        exponent,
        interval,
        tuple(cross(blocks, limit) for limit in LIMITS_MS) if len(points) > 1 else (),
    )


def _point(point: PointInput) -> CurvePoint:
    in_ms = estimate(seconds * 1000 for seconds in point.seconds)
    assert in_ms is not None  # noqa: S101  there is a block
    times_ping, times_own_ping = (
        estimate(ratios(point.seconds, pings)) if pings else None
        for pings in (point.ping_seconds, point.own_ping_seconds)
    )
    return CurvePoint(point.tasks, point.offset, in_ms, times_ping, times_own_ping)


def fit(points: Points) -> tuple[float, tuple[float, float]]:
    """Find the exponent of a curve of two points or more, and its interval."""
    drawn = sorted(_bootstrap(points, lambda medians: _line(medians)[0]))
    return _line(_medians(points))[0], _middle(drawn)


def cross(points: Points, limit_ms: float) -> Crossing:
    """Find where a curve of two points or more crosses a limit upwards for the first time.

    Between two points it is taken as straight, both axes logarithmic; beyond the last one the fitted line is followed,
    if it rises at all, for a while.
    """
    limit = limit_ms / 1000
    medians = _medians(points)
    if medians[0][1] >= limit:
        return Crossing(limit_ms, None, None, "always above")
    between = _interpolate(medians, limit)
    find = _interpolate if between is not None else _extrapolate
    tasks = find(medians, limit)
    if tasks is None:
        return Crossing(limit_ms, None, None, "not reached")
    drawn = [one for one in _bootstrap(points, lambda again: find(again, limit)) if one is not None]
    interval = _middle(sorted(drawn)) if len(drawn) == DRAWS else None
    return Crossing(limit_ms, tasks, interval, "interpolated" if between is not None else "extrapolated")


def _interpolate(medians: Sequence[tuple[int, float]], limit: float) -> float | None:
    for (few, short), (many, long) in pairwise(medians):
        if short < limit <= long:
            share = math.log(limit / short) / math.log(long / short)
            return math.exp(math.log(few) + share * math.log(many / few))
    return None


def _extrapolate(medians: Sequence[tuple[int, float]], limit: float) -> float | None:
    slope, intercept = _line(medians)
    most = medians[-1][0]
    if slope <= 0 or (logarithm := (math.log(limit) - intercept) / slope) > math.log(most * FARTHEST):
        return None
    return max(float(most), math.exp(logarithm))


def _line(medians: Sequence[tuple[int, float]]) -> tuple[float, float]:
    line = linear_regression([math.log(tasks) for tasks, _ in medians], [math.log(seconds) for _, seconds in medians])
    return line.slope, line.intercept


def _medians(points: Points) -> list[tuple[int, float]]:
    return [(tasks, median(seconds)) for tasks, seconds in points]


def _bootstrap(points: Points, find: Callable[[list[tuple[int, float]]], Found]) -> list[Found]:
    random = Random(SEED)  # noqa: S311  the same draws in every run
    return [
        find([(tasks, median(random.choices(seconds, k=len(seconds)))) for tasks, seconds in points])
        for _ in range(DRAWS)
    ]


def _middle(ordered: Sequence[float]) -> tuple[float, float]:
    cut = len(ordered) * 25 // 1000
    return ordered[cut], ordered[-1 - cut]
