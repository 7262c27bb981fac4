"""How a listing grows with the number of tasks: a curve for each store and page, and its exponent.

The exponent is the slope of the least-squares line through the logarithms of tasks and of median seconds. Its interval
holds the middle 95 % of the slopes that come out when the blocks of each point are drawn anew, with replacement (a
percentile bootstrap, 1,000 draws, from a fixed seed). A curve that is flat and then rises has no single exponent; the
one given is of the whole of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from random import Random
from statistics import linear_regression, median

from benchmarks.document import Mode
from benchmarks.studies.document import Series, Studies

DRAWS = 1_000
SEED = 1

Points = Sequence[tuple[float, Sequence[float]]]
"""Tasks, and the seconds of each block."""


@dataclass(frozen=True)
class Curve:
    """One page of one store, from few tasks to many."""

    design: str
    mode: Mode
    page: str
    points: tuple[Series, ...]
    exponent: float | None
    """None for a curve of one point."""
    interval: tuple[float, float] | None


def gather_curves(studies: Studies | None) -> tuple[Curve, ...]:
    """Put the points of each curve together, and fit it; the studies have them in order."""

    def line(point: Series) -> tuple[str, Mode, str]:
        return point.subject, point.mode, point.what

    curves = groupby(studies.select("growth") if studies else (), key=line)
    return tuple(_curve(*key, tuple(points)) for key, points in curves)


def _curve(design: str, mode: Mode, page: str, points: tuple[Series, ...]) -> Curve:
    blocks = [(point.at, point.figures["seconds"]) for point in points]
    exponent, interval = fit(blocks) if len(points) > 1 else (None, None)
    return Curve(design, mode, page, points, exponent, interval)


def fit(points: Points) -> tuple[float, tuple[float, float]]:
    """Find the exponent of a curve of two points or more, and its interval."""
    random = Random(SEED)  # noqa: S311  the same draws in every run
    drawn = sorted(
        _slope([(tasks, median(random.choices(seconds, k=len(seconds)))) for tasks, seconds in points])
        for _ in range(DRAWS)
    )
    cut = DRAWS * 25 // 1000
    return _slope([(tasks, median(seconds)) for tasks, seconds in points]), (drawn[cut], drawn[-1 - cut])


def _slope(medians: Sequence[tuple[float, float]]) -> float:
    logarithms = zip(*((math.log(tasks), math.log(seconds)) for tasks, seconds in medians), strict=True)
    return linear_regression(*logarithms).slope
