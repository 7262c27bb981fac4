"""Where the marks of the two charts lie; `page/charts.html.j2` draws them. Units are those of the drawing."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from reports.analyse.latency import Latency

LEFT, RIGHT = 78, 316
ROW, HEAD, LABEL = 19, 22, 24
"""Heights of a row of marks, of a heading, and of a label at the end of a curve."""
TOP, FLOOR = 24, 240
"""Of the curves."""


@dataclass(frozen=True)
class Scale:
    """A logarithmic axis between two powers of ten: equal ratios are equal distances."""

    low: int
    high: int
    """Powers of ten."""
    start: float
    end: float

    @classmethod
    def around(cls, values: Iterable[float], start: float, end: float) -> Scale:
        """Enclose some positive values."""
        powers = [math.log10(value) for value in values]
        low = math.floor(min(powers) + 1e-9)
        return cls(low, max(low + 1, math.ceil(max(powers) - 1e-9)), start, end)

    def __call__(self, value: float) -> float:
        """Find the place of a value."""
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Give powers of ten with their places; every other one is written where they are many."""
        step = 1 + (self.high - self.low) // 7
        return [
            (self(10.0**power), "" if (power - self.low) % step else f"{10.0**power:,.{max(0, -power)}f}")
            for power in range(self.low, self.high + 1)
        ]


@dataclass(frozen=True)
class Line:
    """What was measured of one operation at one number of tasks, and how far down it is drawn."""

    y: float
    heading: str
    """The mode, above the first line of it."""
    rows: tuple[Latency, ...]


@dataclass(frozen=True)
class RangeChart:
    """Intervals over documented ranges, one operation below the other."""

    lines: tuple[Line, ...]
    x: Scale
    bottom: float


@dataclass(frozen=True)
class Curve:
    """The time of a listing by one design in one mode, and how far down its label is."""

    rows: tuple[Latency, ...]
    label: float


@dataclass(frozen=True)
class GrowthChart:
    """Curves over the number of tasks, with the documented ranges."""

    curves: tuple[Curve, ...]
    bands: tuple[Latency, ...]
    """One measurement of each mode, which has the documented range."""
    x: Scale
    y: Scale

    def is_free(self, band: Latency) -> bool:
        """Whether no curve begins in a band, so that a label there crosses none."""
        return not any(band.low_ms <= curve.rows[0].ms.value <= band.high_ms for curve in self.curves)


def place_ranges(latencies: Iterable[Latency]) -> RangeChart | None:
    """Place what decides the claims; nothing if there is nothing."""
    by_line: dict[tuple[str, str, int], list[Latency]] = {}
    for row in latencies:
        if row.decides:
            by_line.setdefault((row.mode, row.operation, row.tasks), []).append(row)
    if not by_line:
        return None
    lines: list[Line] = []
    y, last = 0.0, ""
    for (mode, *_), rows in by_line.items():
        y += ROW + (HEAD if mode != last else 0)
        lines.append(Line(y - ROW / 2, mode if mode != last else "", tuple(rows)))
        last = mode
    shown = [row for line in lines for row in line.rows]
    ends = [end for row in shown for end in (row.low_ms, row.high_ms, row.ms.value, *(row.ms.interval or ()))]
    return RangeChart(tuple(lines), Scale.around(ends, LEFT, RIGHT), y)


def place_growth(latencies: Iterable[Latency]) -> GrowthChart | None:
    """Place the listings that decide the claims; nothing if there is nothing."""
    listings = [row for row in latencies if row.operation == "list" and row.decides]
    if not listings:
        return None
    by_curve: dict[tuple[str, str], list[Latency]] = {}
    for row in listings:
        by_curve.setdefault((row.mode, row.design), []).append(row)
    x = Scale.around([row.tasks for row in listings], 44, 232)
    y = Scale.around([end for row in listings for end in (row.low_ms, row.high_ms, row.ms.value)], FLOOR, TOP)
    by_end = sorted(by_curve.values(), key=lambda rows: y(rows[-1].ms.value))
    labels = [y(rows[-1].ms.value) for rows in by_end]
    for above, below in pairwise(range(len(labels))):
        labels[below] = max(labels[below], labels[above] + LABEL)
    curves = tuple(Curve(tuple(rows), label) for rows, label in zip(by_end, labels, strict=True))
    return GrowthChart(curves, tuple({row.mode: row for row in listings}.values()), x, y)
