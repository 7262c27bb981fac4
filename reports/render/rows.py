"""Rows of marks over one axis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from reports.figures import signed
from reports.render.drawing import RIGHT, TOP, Band, Picture, Style, box, drawing, label, letters, mark, stroke
from reports.render.scales import LogScale

LETTER, SMALL = 8.2, 5.6
"""About the width of a letter of a name, and of what stands below it."""


@dataclass(frozen=True)
class Dot:
    """One value, and the interval that holds it."""

    style: Style
    value: float
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Row:
    """Some values of one thing, one below the other."""

    name: str
    small: str
    dots: tuple[Dot, ...]
    band: Band | None = None


def draw_rows(
    title: str,
    rows: Iterable[Row],
    unit: str,
    columns: tuple[str, ...],
    line: tuple[str, float] | None = None,
) -> Picture:
    """Draw rows of marks over one logarithmic axis; `columns` name the ends of intervals, and the bands."""
    shown = [row for row in rows if row.dots]
    if not shown:
        return Picture(title)
    left = min(160.0, max(72.0, *(max(LETTER * letters(row.name), SMALL * letters(row.small)) + 10 for row in shown)))
    bands = [end for row in shown if row.band for end in (row.band.low, row.band.high)]
    dots = [dot for row in shown for dot in row.dots]
    values = [value for dot in dots for value in (dot.value, *(dot.interval or ()))]
    scale = LogScale.around(values + bands + ([line[1]] if line else []), left, RIGHT)
    heights = [max(25, 13 * len(row.dots) + 10) for row in shown]
    bottom = TOP + sum(heights)
    parts = [stroke(x, TOP, x, bottom, "grid") + label(x, bottom + 14, tick, "tick") for x, tick in scale.ticks]
    if line:
        x = scale(line[1])
        parts.append(stroke(x, TOP, x, bottom, "ping") + label(x, TOP - 6, line[0], "tick"))
    y = float(TOP)
    for row, height in zip(shown, heights, strict=True):
        middle = y + height / 2
        if row.band:
            start, end = scale(row.band.low), scale(row.band.high)
            parts.append(box(start, y + 4, end - start, height - 8, "band"))
        parts.append(label(0, middle + (-1 if row.small else 4), row.name, "name"))
        parts.append(label(0, middle + 11, row.small, "small") if row.small else Markup())
        for index, dot in enumerate(row.dots):
            place = middle + (index - (len(row.dots) - 1) / 2) * 13
            if dot.interval:
                low, high = (scale(end) for end in dot.interval)
                parts.append(stroke(low, place, high, place, f"whisker {dot.style.kind}"))
            parts.append(mark(dot.style, scale(dot.value), place, f"{dot.style.name}: {signed(dot.value)} {unit}"))
        y += height
    parts.append(label(RIGHT, bottom + 30, unit, "unit"))
    with_ends = any(dot.interval for dot in dots)
    return Picture(
        title,
        drawing(bottom + 36, title, parts),
        ("", "", unit, *(columns[:2] if with_ends else ()), *(columns[2:] if bands else ())),
        tuple(
            (
                f"{row.name}, {row.small}" if row.small else row.name,
                dot.style.name,
                signed(dot.value),
                *(map(signed, dot.interval or ()) if dot.interval else ("–", "–") if with_ends else ()),
                *((f"{row.band.low:g}–{row.band.high:g}" if row.band else "–",) if bands else ()),
            )
            for row in shown
            for dot in row.dots
        ),
    )
