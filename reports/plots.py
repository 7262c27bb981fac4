"""The plots, as inline SVG: pure functions from measurements to markup. Colours come from the page's style sheet."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files

from markupsafe import Markup

from reports.figures import figure
from reports.inputs import Design, Mode
from reports.latency import MODES, Latency
from reports.parity import DESIGNS

WIDTH = 340
"""Of a drawing, in units of its own: about what a telephone shows, so that the text stays readable there."""
LEFT, TOP, RIGHT = 72, 22, 322
ROW = 36


@dataclass(frozen=True)
class LogScale:
    """Places values between two powers of ten."""

    low: int
    high: int
    start: float
    end: float

    @classmethod
    def around(cls, values: Iterable[float], start: float, end: float) -> LogScale:
        """Take the powers of ten that enclose some positive values."""
        logarithms = [math.log10(value) for value in values]
        low, high = math.floor(min(logarithms)), math.ceil(max(logarithms))
        return cls(low, max(high, low + 1), start, end)

    def __call__(self, value: float) -> float:
        """Find the place of a value."""
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """The place and the text of each power of ten, or of every other one where they are many."""
        step = 1 + (self.high - self.low) // 7
        powers = [10.0**power for power in range(self.low, self.high + 1, step)]
        return [(self(power), f"{power:,.{max(0, -round(math.log10(power)))}f}") for power in powers]


def draw_latencies(mode: Mode, latencies: Iterable[Latency], ping_ms: float | None) -> Markup:
    """Draw the operations of a mode one below the other: the documented range as a band, each median over it."""
    rows = [row for row in latencies if row.mode == mode and row.decides]
    if not rows:
        return Markup()
    lines = list(dict.fromkeys((row.operation, row.tasks) for row in rows))
    bottom = TOP + ROW * len(lines)
    pings = [ping_ms] if ping_ms else []
    scale = LogScale.around(
        [ms for row in rows for ms in (row.low_ms, row.high_ms, row.p5_ms, row.p95_ms)] + pings, LEFT, RIGHT
    )
    parts = [_line(x, TOP, x, bottom, "grid") + _text(x, bottom + 14, tick, "tick") for x, tick in scale.ticks]
    parts += [_line(x, TOP, x, bottom, "ping") + _text(x, TOP - 6, "PING", "tick") for x in map(scale, pings)]
    for index, line in enumerate(lines):
        middle = TOP + ROW * (index + 0.5)
        here = [row for row in rows if (row.operation, row.tasks) == line]
        low, high = scale(here[0].low_ms), scale(here[0].high_ms)
        parts.append(_rectangle(low, middle - 13, high - low, 26, "band"))
        parts.append(_text(0, middle, line[0], "name") + _text(0, middle + 12, f"{line[1]:,} tasks", "small"))
        for row in here:
            y = middle + (-6 if row.design == "described" else 6)
            parts.append(_line(scale(row.p5_ms), y, scale(row.p95_ms), y, f"whisker {row.design}"))
            parts.append(_mark(row.design, scale(row.median_ms), y, f"{figure(row.median_ms)} ms"))
    parts.append(_text(RIGHT, bottom + 30, "ms per call, logarithmic", "unit"))
    return _drawing(bottom + 36, f"Latency in {MODES[mode]} by operation, against the documented ranges", parts)


def draw_listing(latencies: Iterable[Latency]) -> Markup:
    """Draw the time of a listing against the number of tasks, both axes logarithmic, with the documented bands."""
    rows = [row for row in latencies if row.operation == "list" and row.decides and row.tasks > 0]
    if not rows:
        return Markup()
    left, bottom = 48, 270
    across = LogScale.around([row.tasks for row in rows], left, RIGHT)
    up = LogScale.around([ms for row in rows for ms in (row.low_ms, row.high_ms, row.median_ms)], bottom, TOP)
    parts = [_line(x, TOP, x, bottom, "grid") + _text(x, bottom + 14, tick, "tick") for x, tick in across.ticks]
    parts += [_line(left, y, RIGHT, y, "grid") + _text(left - 5, y + 4, tick, "unit") for y, tick in up.ticks]
    bands = dict.fromkeys((row.mode, row.low_ms, row.high_ms) for row in rows)
    parts += [_rectangle(left, up(high), RIGHT - left, up(low) - up(high), "band") for _, low, high in bands]
    for mode in MODES:
        for design in DESIGNS:
            curve = [row for row in rows if (row.mode, row.design) == (mode, design)]
            points = [(across(row.tasks), up(row.median_ms)) for row in curve]
            path = " ".join(f"{x},{y}" for x, y in points)
            parts.append(Markup('<polyline points="{}" class="curve {} {}"/>').format(path, design, mode))
            parts += [
                _mark(design, x, y, f"{figure(row.median_ms)} ms") for (x, y), row in zip(points, curve, strict=True)
            ]
    parts += [_text(left + 5, up(high) + 11, f"documented for {MODES[mode]}", "halo") for mode, _, high in bands]
    parts.append(_text(left - 5, TOP - 9, "ms", "unit") + _text(RIGHT, bottom + 30, "tasks in the store", "unit"))
    return _drawing(
        bottom + 36, "Time of a listing against the number of tasks, for both designs and both modes", parts
    )


def stand_alone(drawing: Markup) -> str:
    """Make a drawing a file of its own, for a README: with the page's light colours, on white."""
    style = re.sub(
        r"@media [^{]*\{(?:[^{}]*\{[^{}]*\})*\s*\}", "", files("reports").joinpath("page.css").read_text("utf-8")
    )
    head, _, rest = drawing.partition(">")
    return (
        f'{head} xmlns="http://www.w3.org/2000/svg"><style>{style}</style>'
        f'<rect width="100%" height="100%" fill="#fff"/>{rest}\n'
    )


def draw_key(design: Design, mode: Mode | None = None) -> Markup:
    """Draw what stands for a design in a plot, or for its curve in a mode, for a caption."""
    line = _line(0, 7, 26, 7, f"curve {design} {mode}" if mode else f"whisker {design}")
    return Markup('<svg class="key" viewBox="0 0 26 14" aria-hidden="true">{}{}</svg>').format(
        line, _mark(design, 13, 7)
    )


def _drawing(height: float, label: str, parts: Sequence[Markup]) -> Markup:
    return Markup('<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, height, label, Markup().join(parts)
    )


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return Markup('<line x1="{}" y1="{}" x2="{}" y2="{}" class="{}"/>').format(x1, y1, x2, y2, kind)


def _rectangle(x: float, y: float, width: float, height: float, kind: str) -> Markup:
    return Markup('<rect x="{}" y="{}" width="{:.1f}" height="{:.1f}" class="{}"/>').format(x, y, width, height, kind)


def _text(x: float, y: float, text: str, kind: str) -> Markup:
    return Markup('<text x="{}" y="{}" class="{}">{}</text>').format(x, y, kind, text)


def _mark(design: Design, x: float, y: float, title: str = "") -> Markup:
    """A square for the described design, a disc for ours: told apart without colour."""
    told = Markup("<title>{}</title>").format(title) if title else ""
    if design == "described":
        return Markup('<rect x="{:.1f}" y="{}" width="9" height="9" class="mark described">{}</rect>').format(
            x - 4.5, y - 4.5, told
        )
    return Markup('<circle cx="{}" cy="{}" r="5" class="mark ours">{}</circle>').format(x, y, told)
