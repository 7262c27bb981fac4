"""Pictures of how a listing grows with the number of tasks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import geometric_mean

from reports.growth import Curve as Growth
from reports.growth import Page
from reports.inputs import Design, Mode
from reports.latency import MODES, Latency
from reports.parity import DESIGNS
from reports.plots.curves import Curve, draw_curves
from reports.plots.drawing import STYLES, Band, Picture, Style
from reports.plots.rows import Dot, Row, draw_rows


def draw_listing(latencies: Iterable[Latency]) -> Picture:
    """Draw the time of a listing against the number of tasks, with the documented bands."""
    rows = [row for row in latencies if row.operation == "list" and row.decides and row.tasks > 0]
    bands = dict.fromkeys((row.mode, row.low_ms, row.high_ms) for row in rows)
    return draw_curves(
        "Time of a listing against the number of tasks, for both designs and both modes",
        [
            Curve(
                _in_mode(design, mode),
                tuple((row.tasks, row.median_ms) for row in rows if (row.mode, row.design) == (mode, design)),
            )
            for mode in MODES
            for design in DESIGNS
        ],
        "tasks in the store",
        "ms",
        bands=[Band(low, high, f"documented for {MODES[mode]}") for mode, low, high in bands],
    )


def draw_growth(page: Page, curves: Iterable[Growth]) -> Picture:
    """Draw one page of every store against the number of tasks."""
    return draw_curves(
        f"A {page} page of 50",
        [
            Curve(_in_mode(curve.design, curve.mode), points := _points(curve), fit=_fit(points, curve.exponent))
            for curve in curves
            if curve.page == page
        ],
        "tasks in the store",
        "ms",
    )


def draw_exponents(curves: Iterable[Growth]) -> Picture:
    """Draw the exponent of every page: 0 is flat, 1 is twice as long for twice as many tasks."""
    rows: dict[tuple[Page, Mode], list[Dot]] = {}
    for curve in curves:
        if curve.exponent is not None:
            dot = Dot(STYLES[curve.design], curve.exponent, curve.interval)
            rows.setdefault((curve.page, curve.mode), []).append(dot)
    return draw_rows(
        "Growth exponent of a listing: time grows as tasks to this power",
        [Row(page, MODES[mode], tuple(dots)) for (page, mode), dots in rows.items()],
        "exponent",
        linear=True,
        line=("flat", 0.0),
    )


def _points(curve: Growth) -> tuple[tuple[float, float], ...]:
    return tuple((point.tasks, point.ms.value) for point in curve.points)


def _fit(points: Sequence[tuple[float, float]], exponent: float | None) -> tuple[tuple[float, float], ...]:
    """Find the ends of a fitted line: on logarithmic axes it goes through the middle of the points."""
    if exponent is None:
        return ()
    across, up = (geometric_mean(values) for values in zip(*points, strict=True))
    return tuple((x, up * (x / across) ** exponent) for x in (points[0][0], points[-1][0]))


def _in_mode(design: Design, mode: Mode) -> Style:
    style = STYLES[design]
    return replace(style, name=f"{style.name}, {MODES[mode]}", dashed=mode == "memory")
