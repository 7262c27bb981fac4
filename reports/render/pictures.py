"""The pictures of the page, as inline SVG, each with its numbers: pure functions of what was found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from markupsafe import Markup

from benchmarks.document import Design, Mode
from benchmarks.studies.document import Called, Load, Memory, Open, Part
from conformance.measure.estimate import estimate_some
from reports.analyse.findings import ORDER, ClaimVerdict
from reports.analyse.growth import Curve as Growth
from reports.analyse.latency import MODES, Latency
from reports.analyse.noise import Pair
from reports.analyse.parity import DESIGNS, Comparison
from reports.analyse.removals import Removal
from reports.analyse.roundtrips import RoundTrips
from reports.render.curves import Curve, draw_curves
from reports.render.drawing import OURS, PLAIN, STYLES, WIDTH, Band, Picture, Style, box, drawing, label
from reports.render.rows import Dot, Row, draw_rows

NAMES: Mapping[Design, str] = {"documented": "The documented design", "ours": "Ours"}
COLUMNS = 14
"""Claims in a line."""
UNITS: Mapping[Mode, tuple[str, float]] = {"memory": ("µs", 1e3), "redis": ("ms", 1.0)}
"""What latencies of a mode are drawn in, and how many of them are a millisecond."""
AGAIN = Style("the same benchmark twice", "plain", "diamond")
QUIET = replace(PLAIN, name="when nothing goes on")
MEANWHILE = replace(OURS, name="while tasks go")
PARTS: Mapping[Part, str] = {"task": "the whole task", "metadata": "its metadata"}


def draw_comparisons(comparisons: Mapping[Design, Comparison]) -> Picture:
    """Draw the cases of each design as a bar: alike in both modes, different, or wrong in both."""
    title = "Cases that come out alike in both modes"
    shown = {design: one for design, one in comparisons.items() if one.compared}
    if not shown:
        return Picture(title)
    parts: list[Markup] = []
    rows: list[tuple[str, ...]] = []
    for index, (design, one) in enumerate(shown.items()):
        top = 18 + 74 * index
        differing, failing = len(one.differing), len(one.failing_in_both)
        counts = {"good": one.compared - differing - failing, "bad": differing, "open": failing}
        parts.append(label(0, top, NAMES[design], "name"))
        parts.append(label(WIDTH, top, f"{one.compared} cases compared", "unit"))
        parts += _bar(top + 8, counts)
        said = f"✓ {counts['good']} pass in both · ✗ {differing} differ · ! {failing} fail in both"
        parts.append(label(0, top + 46, said, "small"))
        rows.append((NAMES[design], *(str(count) for count in counts.values()), str(one.compared)))
    columns = ("", "pass in both", "differ", "fail in both", "compared")
    return Picture(title, drawing(74 * len(shown), title, parts), columns, tuple(rows))


def draw_claims(claims: Iterable[tuple[str, ClaimVerdict, str]], symbols: Mapping[str, str]) -> Picture:
    """Draw a tile for each statement, those with the same verdict together, each a link that has its sentence."""
    title = "The verdicts on the statements of the document"
    given = sorted(claims, key=lambda one: (ORDER.index(one[1]), one[0]))
    if not given:
        return Picture(title)
    side = WIDTH / COLUMNS
    tile = Markup(
        '<a href="#{0}"><g class="tile {1}"><title>{0}: {1}. {2}</title>'
        '<rect x="{3:.1f}" y="{4:.1f}" width="{5:.1f}" height="{6:.1f}"/>'
        '<text x="{7:.1f}" y="{8:.1f}">{9}</text><text x="{7:.1f}" y="{10:.1f}" class="id">{0}</text></g></a>'
    )
    parts = []
    for index, (claim, verdict, sentence) in enumerate(given):
        x, y = index % COLUMNS * side, index // COLUMNS * (side + 10)
        size, middle = (side - 2, side + 8), x + side / 2
        parts.append(
            tile.format(claim, verdict, sentence, x + 1, y + 1, *size, middle, y + 14, symbols[verdict], y + 27)
        )
    lines = -(-len(given) // COLUMNS)
    grouped = {verdict: [claim for claim, one, _ in given if one == verdict] for verdict in ORDER}
    return Picture(
        title,
        drawing(lines * (side + 10) + 2, title, parts, role="group"),
        ("verdict", "claims", "which"),
        tuple((verdict, str(len(ids)), ", ".join(ids)) for verdict, ids in grouped.items() if ids),
    )


def draw_latencies(mode: Mode, latencies: Iterable[Latency], ping_ms: float | None) -> Picture:
    """Draw the operations of a mode one below the other: the documented range as a band, each interval over it."""
    deciding = [row for row in latencies if row.mode == mode and row.decides]
    lines = dict.fromkeys((row.operation, row.tasks, row.low_ms, row.high_ms) for row in deciding)
    unit, per_ms = UNITS[mode]

    def dot(row: Latency) -> Dot:
        interval = row.interval_ms and (row.interval_ms[0] * per_ms, row.interval_ms[1] * per_ms)
        return Dot(STYLES[row.design], row.median_ms * per_ms, interval)

    return draw_rows(
        f"Latency in {MODES[mode]} by operation, against the documented ranges",
        [
            Row(
                operation,
                f"{tasks:,} tasks",
                tuple(dot(row) for row in deciding if (row.operation, row.tasks) == (operation, tasks)),
                Band(low * per_ms, high * per_ms),
            )
            for operation, tasks, low, high in lines
        ],
        f"{unit} per call",
        line=("PING", ping_ms) if ping_ms else None,
    )


def draw_listing(latencies: Iterable[Latency]) -> Picture:
    """Draw the time of a listing against the number of tasks, with the documented bands."""
    rows = [row for row in latencies if row.operation == "list" and row.decides and row.tasks > 0]
    bands = dict.fromkeys((row.mode, row.low_ms, row.high_ms) for row in rows)
    curves = [
        Curve(
            _in_mode(design, mode),
            tuple((row.tasks, row.median_ms) for row in rows if (row.mode, row.design) == (mode, design)),
        )
        for mode in MODES
        for design in DESIGNS
    ]
    named = [Band(low, high, f"documented for {MODES[mode]}") for mode, low, high in bands]
    return draw_curves("Time of a listing against the number of tasks", curves, "tasks in the store", "ms", bands=named)


def draw_growth(curves: Iterable[Growth]) -> Picture:
    """Draw the first page of every store, and the slowest page of ours, against the number of tasks."""
    shown = [
        Curve(
            replace(style, name=f"{style.name}{', deep' * (curve.page != 'first')}"),
            tuple((point.tasks, point.ms.value) for point in curve.points),
        )
        for curve in curves
        for style in [_in_mode(curve.design, curve.mode)]
        if curve.page in ("first", "deep filtered")
    ]
    return draw_curves("A page of 50 against the number of tasks", shown, "tasks in the store", "ms")


def draw_round_trips(found: Iterable[RoundTrips], ping_ms: float | None) -> Picture:
    """Draw between which PINGs a documented range of Redis mode would be true."""
    rows: dict[str, list[Dot]] = {}
    for one in found:
        if one.true_to_ms is not None:
            low, high = max(one.true_from_ms, 0.01), one.true_to_ms
            rows.setdefault(one.operation, []).append(Dot(STYLES[one.design], (low * high) ** 0.5, (low, high)))
    return draw_rows(
        "At which PING the documented ranges of Redis mode would be true",
        [Row(operation, "", tuple(dots)) for operation, dots in rows.items()],
        "ms of PING",
        line=("PING here", ping_ms) if ping_ms else None,
        ends=("true from", "true to"),
    )


def draw_noise(pairs: Sequence[Pair]) -> Picture:
    """Draw the ratios of benchmarks that are the same: what is no difference."""
    return draw_rows(
        "What the same benchmark differs from itself",
        [Row(one.subject, f"get, {one.mode}", (Dot(AGAIN, one.ratio.value, one.ratio.interval),)) for one in pairs],
        "ratio",
        linear=True,
        line=("1", 1.0),
    )


def draw_throughput(operation: Called, load: Load) -> Picture:
    """Draw calls per second against callers."""
    subjects = dict.fromkeys(cell.subject for cell in load.cells)
    curves = [
        Curve(
            STYLES[subject],
            tuple(
                (cell.callers, estimate_some(cell.rates).value)
                for cell in sorted(load.cells, key=lambda cell: cell.callers)
                if (cell.subject, cell.operation) == (subject, operation)
            ),
        )
        for subject in subjects
    ]
    title = f"{operation.capitalize()}: calls per second by callers"
    return draw_curves(title, curves, "callers at once", "calls per second", linear=True)


def draw_responses(operation: Called, arrivals: Open) -> Picture:
    """Draw the 99th percentile of waits against the rates that are held; what is not held is marked as saturated."""
    curves = []
    for subject in dict.fromkeys(one.subject for one in arrivals.offered):
        offered = [one for one in arrivals.offered if (one.subject, one.operation) == (subject, operation)]
        held = sorted((one for one in offered if not one.saturated), key=lambda one: one.share)
        points = tuple((one.rate.value, found.value) for one in held if (found := one.p99_ms or one.p50_ms))
        curves.append(Curve(STYLES[subject], points, "saturated" if len(held) < len(offered) else ""))
    title = f"{operation.capitalize()}: 99th percentile of waits, by the rate at which calls come"
    return draw_curves(title, curves, "calls per second that come", "ms from when it was due")


def draw_weights(memory: Memory) -> Picture:
    """Draw bytes per task."""
    rows: dict[tuple[Mode, Part, int], list[Dot]] = {}
    for one in sorted(memory.sizes, key=lambda size: (size.mode, size.part != "task", size.tasks, size.design)):
        rows.setdefault((one.mode, one.part, one.tasks), []).append(Dot(STYLES[one.design], one.bytes_per_task))
    return draw_rows(
        "Bytes of one task, everything counted",
        [
            Row(f"{tasks:,} in {MODES[mode]}", f"400 bytes of JSON: {PARTS[part]}", tuple(dots))
            for (mode, part, tasks), dots in rows.items()
        ],
        "bytes per task",
        linear=True,
    )


def draw_removals(removals: Iterable[Removal]) -> Picture:
    """Draw the longest that anybody waited while tasks went at once, beside when nothing went on."""
    return draw_rows(
        "The longest wait of others while many tasks expire in Redis",
        [
            Row(
                one.what.partition(",")[0],
                f"{one.tasks:,}{one.what.removeprefix(one.what.partition(',')[0])}",
                (Dot(QUIET, one.quiet_ms), Dot(MEANWHILE, one.wait_ms, one.between_ms if one.events > 1 else None)),
            )
            for one in removals
        ],
        "ms",
        ends=("least", "most"),
    )


def _in_mode(design: Design, mode: Mode) -> Style:
    style = STYLES[design]
    name = "documented" if design == "documented" else style.name
    return replace(style, name=f"{name}, {'Redis' if mode == 'redis' else mode}", dashed=mode == "memory")


def _bar(top: float, counts: Mapping[str, int]) -> Sequence[Markup]:
    parts, x, whole = [], 0.0, sum(counts.values())
    for kind, count in counts.items():
        width = WIDTH * count / whole
        parts.append(box(x, top, width, 24, f"bar {kind}"))
        x += width
    return parts
