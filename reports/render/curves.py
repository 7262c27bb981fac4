"""Curves over two axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from reports.figures import figure
from reports.render.drawing import (
    RIGHT,
    TOP,
    Band,
    Picture,
    Style,
    box,
    curve_class,
    drawing,
    label,
    letters,
    mark,
    stroke,
)
from reports.render.scales import LogScale

LETTER, LINE = 5.4, 12
"""About the width of a letter, and the height of a line, of a label."""


@dataclass(frozen=True)
class Curve:
    """Points from left to right."""

    style: Style
    points: tuple[tuple[float, float], ...]


def draw_curves(title: str, curves: Iterable[Curve], across: str, up: str, bands: Sequence[Band] = ()) -> Picture:
    """Draw curves over two logarithmic axes, each curve named at its end."""
    lines = [curve for curve in curves if curve.points]
    if not lines:
        return Picture(title)
    xs = [x for curve in lines for x, _ in curve.points]
    ys = [y for curve in lines for _, y in curve.points]
    ys += [end for band in bands for end in (band.low, band.high)]
    left, right, bottom = 46, RIGHT - LETTER * max(letters(curve.style.name) for curve in lines) - 6, 250
    x_scale, y_scale = LogScale.around(xs, left, right), LogScale.around(ys, bottom, TOP)
    parts = [
        box(left, y_scale(band.high), right - left, y_scale(band.low) - y_scale(band.high), "band") for band in bands
    ]
    parts += [stroke(x, TOP, x, bottom, "grid") + label(x, bottom + 14, tick, "tick") for x, tick in x_scale.ticks]
    parts += [stroke(left, y, right, y, "grid") + label(left - 5, y + 4, tick, "unit") for y, tick in y_scale.ticks]
    for curve in lines:
        places = [(x_scale(x), y_scale(y)) for x, y in curve.points]
        path = " ".join(f"{x},{y}" for x, y in places)
        parts.append(Markup('<polyline points="{}" class="{}"/>').format(path, curve_class(curve.style)))
        parts += [
            mark(curve.style, x, y, f"{curve.style.name}: {figure(value)}")
            for (x, y), (_, value) in zip(places, curve.points, strict=True)
        ]
    parts += [label(left + 5, y_scale(band.high) + 11, band.label, "halo") for band in bands if band.label]
    ends = spread([y_scale(curve.points[-1][1]) for curve in lines], TOP + 4, bottom)
    parts += [
        label(right + 8, y + 4, curve.style.name, f"end {curve.style.kind}")
        for curve, y in zip(lines, ends, strict=True)
    ]
    parts.append(label(0, TOP - 9, up, "axis") + label(right, bottom + 30, across, "unit"))
    return Picture(
        title,
        drawing(bottom + 36, title, parts),
        ("", across, up),
        tuple((curve.style.name, figure(x), figure(y)) for curve in lines for x, y in curve.points),
    )


def spread(places: Sequence[float], top: float, bottom: float) -> list[float]:
    """Move labels apart so that none covers another, and keep them between two ends."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved = list(places)
    for above, below in pairwise(order):
        moved[below] = max(moved[below], moved[above] + LINE)
    limit = bottom
    for index in reversed(order):
        moved[index] = limit = min(moved[index], limit)
        limit -= LINE
    return [max(top, place) for place in moved] if len(places) * LINE < bottom - top else moved
