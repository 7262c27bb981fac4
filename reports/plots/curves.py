"""Curves over two axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from markupsafe import Markup

from reports.figures import figure
from reports.plots.drawing import (
    RIGHT,
    TOP,
    Band,
    Picture,
    Style,
    box,
    curve_class,
    draw_key,
    drawing,
    label,
    mark,
    stroke,
)
from reports.plots.scales import LinearScale, LogScale, Scale


@dataclass(frozen=True)
class Curve:
    """Points from left to right."""

    style: Style
    points: tuple[tuple[float, float], ...]
    marked: bool = True
    """Whether each point has a mark; else the last alone."""
    fit: tuple[tuple[float, float], ...] = ()
    """The two ends of a line that was fitted to the points, within them."""


def draw_curves(
    title: str,
    curves: Iterable[Curve],
    across: str,
    up: str,
    *,
    bands: Sequence[Band] = (),
    band_across: Band | None = None,
    linear: Literal["", "across", "up"] = "",
) -> Picture:
    """Draw curves over two axes, logarithmic unless `linear` says otherwise. A linear axis upwards begins at zero."""
    lines = [curve for curve in curves if curve.points]
    if not lines:
        return Picture(title)
    xs = [x for curve in lines for x, _ in curve.points]
    ys = [y for curve in lines for _, y in (*curve.points, *curve.fit)]
    left, bottom = 52, 250
    x_scale: Scale = (LinearScale if linear == "across" else LogScale).around(
        xs + ([band_across.low, band_across.high] if band_across else []), left, RIGHT
    )
    y_scale: Scale = (LinearScale if linear == "up" else LogScale).around(
        ys + [end for band in bands for end in (band.low, band.high)] + ([0.0] if linear == "up" else []), bottom, TOP
    )
    parts = [
        box(left, y_scale(band.high), RIGHT - left, y_scale(band.low) - y_scale(band.high), "band") for band in bands
    ]
    if band_across:
        start, end = x_scale(band_across.low), x_scale(band_across.high)
        parts.append(box(start, TOP, end - start, bottom - TOP, "band"))
    parts += [stroke(x, TOP, x, bottom, "grid") + label(x, bottom + 14, tick, "tick") for x, tick in x_scale.ticks]
    parts += [stroke(left, y, RIGHT, y, "grid") + label(left - 5, y + 4, tick, "unit") for y, tick in y_scale.ticks]
    for curve in lines:
        places = [(x_scale(x), y_scale(y)) for x, y in curve.points]
        path = " ".join(f"{x},{y}" for x, y in places)
        parts.append(Markup('<polyline points="{}" class="{}"/>').format(path, curve_class(curve.style)))
        parts += [
            stroke(x_scale(x1), y_scale(y1), x_scale(x2), y_scale(y2), f"fit {curve.style.kind}")
            for (x1, y1), (x2, y2) in pairwise(curve.fit)
        ]
        parts += [
            mark(curve.style, x, y, f"{curve.style.name}: {figure(value)}")
            for (x, y), (_, value) in list(zip(places, curve.points, strict=True))[0 if curve.marked else -1 :]
        ]
    parts += [label(left + 5, y_scale(band.high) + 11, band.label, "halo") for band in bands if band.label]
    parts.append(label(0, TOP - 9, up, "axis") + label(RIGHT, bottom + 30, across, "unit"))
    styles = dict.fromkeys(curve.style for curve in lines)
    return Picture(
        title,
        drawing(bottom + 36, title, parts),
        tuple((draw_key(style, curve=True), style.name) for style in styles),
        ("", across, up),
        tuple((curve.style.name, figure(x), figure(y)) for curve in lines for x, y in curve.points),
    )
