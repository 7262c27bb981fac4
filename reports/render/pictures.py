"""The pictures of the page, as inline SVG, each with its numbers: pure functions of what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from benchmarks.document import Design, Mode
from benchmarks.studies.document import Studies
from reports.analyse.latency import MODES, Latency
from reports.analyse.parity import DESIGNS, Comparison
from reports.render.curves import Curve, draw_curves
from reports.render.drawing import STYLES, WIDTH, Band, Picture, Style, box, drawing, label
from reports.render.rows import Dot, Row, draw_rows

NAMES: Mapping[Design, str] = {"documented": "The documented design", "ours": "Ours"}


@dataclass(frozen=True)
class Pictures:
    """Draws in a language: `t` gives a text in it."""

    t: Callable[..., str]

    def draw_comparisons(self, comparisons: Mapping[Design, Comparison]) -> Picture:
        """Draw the cases of each design as a bar: alike in both modes, different, or wrong in both."""
        title = self.t("Cases that come out alike in both modes")
        shown = {design: one for design, one in comparisons.items() if one.compared}
        if not shown:
            return Picture(title)
        parts: list[Markup] = []
        rows: list[tuple[str, ...]] = []
        for index, (design, one) in enumerate(shown.items()):
            top = 18 + 74 * index
            differing, failing = len(one.differing), len(one.failing_in_both)
            counts = {"good": one.compared - differing - failing, "bad": differing, "open": failing}
            parts.append(label(0, top, self.t(NAMES[design]), "name"))
            parts.append(label(WIDTH, top, self.t("{count} cases compared", count=one.compared), "unit"))
            parts += _bar(top + 8, counts)
            said = self.t("✓ {good} pass in both · ✗ {bad} differ · ! {open} fail in both", **counts)
            parts.append(label(0, top + 46, said, "small"))
            rows.append((self.t(NAMES[design]), *(str(count) for count in counts.values()), str(one.compared)))
        columns = ("", *map(self.t, ("pass in both", "differ", "fail in both", "compared")))
        return Picture(title, drawing(74 * len(shown), title, parts), columns, tuple(rows))

    def draw_latencies(
        self,
        latencies: Iterable[Latency],
        modes: Sequence[Mode] = (*MODES,),
        designs: Sequence[Design] = DESIGNS,
        ping_ms: float | None = None,
    ) -> Picture:
        """Draw operations one below the other: the documented range as a band, each interval over it."""
        deciding = [row for row in latencies if row.decides and row.mode in modes and row.design in designs]
        lines = dict.fromkeys((row.mode, row.operation, row.tasks, row.low_ms, row.high_ms) for row in deciding)
        title = "Measured latencies against the documented ranges" + (f", {MODES[modes[0]]}" if len(modes) == 1 else "")
        return draw_rows(
            self.t(title),
            [
                Row(
                    self.t(operation),
                    f"{self.t(MODES[mode])}, {self.t('{tasks} tasks', tasks=f'{tasks:,}')}",
                    tuple(
                        Dot(self._named(STYLES[row.design]), row.median_ms, row.interval_ms)
                        for row in deciding
                        if (row.mode, row.operation, row.tasks) == (mode, operation, tasks)
                    ),
                    Band(low, high),
                )
                for mode, operation, tasks, low, high in lines
            ],
            self.t("ms per call, logarithmic"),
            tuple(map(self.t, ("from", "to", "documented range"))),
            line=("PING", ping_ms) if ping_ms else None,
        )

    def draw_listing(self, latencies: Iterable[Latency]) -> Picture:
        """Draw the time of a listing against the number of tasks, with the documented bands."""
        rows = [row for row in latencies if row.operation == "list" and row.decides and row.tasks > 0]
        bands = dict.fromkeys((row.mode, row.low_ms, row.high_ms) for row in rows)
        curves = [
            Curve(
                self._in_mode(design, mode),
                tuple((row.tasks, row.median_ms) for row in rows if (row.mode, row.design) == (mode, design)),
            )
            for mode in MODES
            for design in DESIGNS
        ]
        named = [Band(low, high, self.t(f"documented for {MODES[mode]}")) for mode, low, high in bands]
        return draw_curves(
            self.t("Time of a listing against the number of tasks"), curves, self.t("tasks in the store"), "ms", named
        )

    def draw_throughput(self, operation: str, studies: Studies) -> Picture:
        """Draw calls per second against callers."""
        cells = studies.select("load", what=operation)
        curves = [
            Curve(
                self._named(STYLES[subject]),
                tuple(
                    (cell.at, found.value)
                    for cell in cells
                    if cell.subject == subject and (found := cell.estimate("rate"))
                ),
            )
            for subject in dict.fromkeys(cell.subject for cell in cells)
        ]
        title = self.t(f"{operation.capitalize()}: calls per second by callers")
        return draw_curves(title, curves, self.t("callers at once"), self.t("calls per second"))

    def _named(self, style: Style) -> Style:
        return replace(style, name=self.t(style.name))

    def _in_mode(self, design: str, mode: Mode) -> Style:
        name = "documented" if design == "documented" else "ours"
        said = self.t(f"{name}, {'Redis' if mode == 'redis' else mode}")
        return replace(STYLES[design], name=said, dashed=mode == "memory")


def _bar(top: float, counts: Mapping[str, int]) -> Sequence[Markup]:
    parts, x, whole = [], 0.0, sum(counts.values())
    for kind, count in counts.items():
        width = WIDTH * count / whole
        parts.append(box(x, top, width, 24, f"bar {kind}"))
        x += width
    return parts
