"""Pictures of latencies: against the documented ranges, out to the slowest, by distance, and the noise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from reports.distributions import Distribution
from reports.inputs import Mode, Operation
from reports.latency import MODES, Latency
from reports.noise import Difference, Pair
from reports.plots.curves import Curve, draw_curves
from reports.plots.drawing import STYLES, Band, Picture, Style
from reports.plots.rows import Dot, Row, draw_rows
from reports.roundtrips import RoundTrips

AGAIN = Style("the same benchmark twice", "plain", "diamond")
SEEN = Style("a difference that is seen", "ours", "disc")
UNSEEN = Style("no difference is seen", "plain", "square")


def draw_latencies(mode: Mode, latencies: Iterable[Latency], ping_ms: float | None) -> Picture:
    """Draw the operations of a mode one below the other: the documented range as a band, each interval over it."""
    deciding = [row for row in latencies if row.mode == mode and row.decides]
    lines = dict.fromkeys((row.operation, row.tasks, row.low_ms, row.high_ms) for row in deciding)
    return draw_rows(
        f"Latency in {MODES[mode]} by operation, against the documented ranges",
        [
            Row(
                operation,
                f"{tasks:,} tasks",
                tuple(
                    Dot(STYLES[row.design], row.median_ms, row.interval_ms)
                    for row in deciding
                    if (row.operation, row.tasks) == (operation, tasks)
                ),
                Band(low, high),
            )
            for operation, tasks, low, high in lines
        ],
        "ms per call",
        line=("PING", ping_ms) if ping_ms else None,
    )


def draw_tails(mode: Mode, operation: Operation, found: Iterable[Distribution], documented: Band | None) -> Picture:
    """Draw how many rounds took at least as long, at the most tasks: the slower, the further down."""
    alike = [one for one in found if (one.mode, one.operation) == (mode, operation)]
    most = max((one.tasks for one in alike), default=0)
    return draw_curves(
        f"{operation.capitalize()} in {MODES[mode]} at {most:,} tasks",
        [
            Curve(replace(STYLES[one.design], dashed=one.design == "described"), one.points, marked=False)
            for one in alike
            if one.tasks == most
        ],
        "ms per call",
        "share of rounds at least as long",
        band_across=documented,
    )


def draw_round_trips(found: Iterable[RoundTrips], ping_ms: float | None) -> Picture:
    """Draw between which PINGs a documented range of Redis mode would be true."""
    rows: dict[str, list[Dot]] = {}
    for one in found:
        if one.true_to_ms is not None:
            low, high = max(one.true_from_ms, 0.01), one.true_to_ms
            rows.setdefault(one.operation, []).append(Dot(STYLES[one.design], (low * high) ** 0.5, (low, high)))
    return draw_rows(
        "How far away the server would have to be for the documented ranges of Redis mode to be true",
        [Row(operation, "", tuple(dots)) for operation, dots in rows.items()],
        "ms of PING",
        line=("PING here", ping_ms) if ping_ms else None,
        ends=("true from", "true to"),
    )


def draw_noise(pairs: Sequence[Pair], differences: Iterable[Difference]) -> Picture:
    """Draw the ratios of benchmarks that are the same, and below them those of ours to the described design."""
    same = [Row("same twice", one.subject, (Dot(AGAIN, one.ratio, one.interval),)) for one in pairs]
    other = [
        Row(
            f"{one.operation}, {one.mode}",
            f"{one.tasks:,} tasks",
            (Dot(SEEN if one.seen else UNSEEN, one.ratio, one.interval),),
        )
        for one in differences
        if one.against.startswith("described")
    ]
    return draw_rows(
        "Ours over the described design, beside what the same benchmark differs from itself",
        [*same, *other],
        "ratio",
        line=("1", 1.0),
    )
