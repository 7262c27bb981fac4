"""Where the marks of the charts lie, across in percent and down in pixels: `page/charts.html.j2` draws them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reports.analyse.distance import Reach
from reports.analyse.latency import Latency
from reports.analyse.report import Report

LEFT, RIGHT = 22, 65
"""Where the axis of times begins and ends: names stand before it, figures behind it."""
ROW, HEAD = 23, 34
"""Heights of a row, and of the name of a mode."""
MARGIN = 0.15
"""Of an axis beyond its values, in powers of ten."""
START, STOP = 14, 64
"""Where the curves begin and end; their names stand behind them."""
TOP, FLOOR = 20, 250


@dataclass(frozen=True)
class Scale:
    """A logarithmic axis: equal ratios are equal distances. Its ends are powers of ten, not always whole ones."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def around(cls, values: Iterable[float], start: float, end: float) -> Scale:
        """Enclose some positive values."""
        powers = [math.log10(value) for value in values]
        return cls(min(powers) - MARGIN, max(powers) + MARGIN, start, end)

    def __call__(self, value: float) -> float:
        """Find the place of a value."""
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 2)

    @property
    def ticks(self) -> list[float]:
        """Give the powers of ten on the axis."""
        return [10.0**power for power in range(math.ceil(self.low), math.floor(self.high) + 1)]


@dataclass(frozen=True)
class Line:
    """The measurements of an operation at one number of tasks, and how far down they are drawn."""

    y: float
    heading: str
    """The mode, above its first line."""
    rows: tuple[Latency, ...]


@dataclass(frozen=True)
class RangeChart:
    """Measurements beside documented ranges, one operation below the other."""

    lines: tuple[Line, ...]
    x: Scale
    bottom: float


@dataclass(frozen=True)
class GrowthChart:
    """Curves over the number of tasks, with the documented ranges."""

    curves: Sequence[Sequence[Latency]]
    ranges: Sequence[Latency]
    """A measurement of each mode, which has its documented range."""
    x: Scale
    y: Scale


def place_ranges(report: Report) -> RangeChart | None:
    """Place the measurements that decide the claims, Redis mode first; None without any."""
    by_line: dict[tuple[str, str, int], list[Latency]] = {}
    for row in report.latencies:
        if row.decides:
            by_line.setdefault((row.mode, row.operation, row.tasks), []).append(row)
    if not by_line:
        return None

    lines: list[Line] = []
    y, last_mode = 0.0, ""
    for mode, operation, tasks in sorted(by_line, key=_by_mode):
        is_first = mode != last_mode
        y += ROW + HEAD if is_first else ROW
        rows = tuple(by_line[mode, operation, tasks])
        lines.append(Line(y, mode if is_first else "", rows))
        last_mode = mode

    ends = [end for line in lines for row in line.rows for end in _extent(row)]
    if report.ping_ms:
        ends.append(report.ping_ms)
    return RangeChart(tuple(lines), Scale.around(ends, LEFT, RIGHT), y + ROW / 2)


@dataclass(frozen=True)
class DistanceChart:
    """From which distance to which each documented figure holds."""

    reaches: Sequence[Reach]
    most: float
    """The farthest PING, at the right end of the axis."""

    def x(self, ping_ms: float) -> float:
        """Find the place of a distance: equal differences are equal distances."""
        return round(LEFT + ping_ms / self.most * (RIGHT - LEFT), 2)


def place_distances(report: Report) -> DistanceChart | None:
    """Place the documented figures of Redis mode, the listings last; None without the study."""
    documented = [reach for reach in report.reaches if reach.design == "documented"]
    if not documented:
        return None
    reaches = sorted(documented, key=lambda reach: reach.operation == "list")
    pings = [point.ping.value for reach in reaches for point in reach.points]
    return DistanceChart(reaches, max(pings))


def place_growth(report: Report) -> GrowthChart | None:
    """Place the listings that decide the claims; None without any."""
    listings = [row for row in report.latencies if row.operation == "list" and row.decides]
    if not listings:
        return None
    by_curve: dict[tuple[str, str], list[Latency]] = {}
    by_mode: dict[str, Latency] = {}
    for row in listings:
        by_curve.setdefault((row.mode, row.design), []).append(row)
        by_mode[row.mode] = row
    times = [end for row in listings for end in _extent(row)]
    x = Scale.around([row.tasks for row in listings], START, STOP)
    y = Scale.around(times, FLOOR, TOP)
    return GrowthChart([*by_curve.values()], [*by_mode.values()], x, y)


def _extent(row: Latency) -> tuple[float, ...]:
    """List the times that a chart has to show of a measurement."""
    return row.low_ms, row.high_ms, row.ms.value, *(row.ms.interval or ())


def _by_mode(line: tuple[str, str, int]) -> tuple[bool, bool]:
    """Sort Redis mode before memory mode, and the listings of each last."""
    mode, operation, _ = line
    return mode != "redis", operation == "list"
