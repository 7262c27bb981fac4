"""Pictures of stores at work: many callers, many tasks, and other stores beside ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from reports.costs import Part, Removal, Spread, Weight
from reports.inputs import Mode
from reports.latency import MODES
from reports.load import Operation as Called
from reports.load import ResponseCurve, ThroughputCurve
from reports.peers import Operation, Peer
from reports.plots.curves import Curve, draw_curves
from reports.plots.drawing import OURS, PLAIN, STYLES, Picture, Style
from reports.plots.rows import Dot, Row, draw_rows

QUIET = replace(PLAIN, name="when nothing goes on")
MEANWHILE = replace(OURS, name="while tasks go")
CALLS = (OURS, replace(PLAIN, dashed=True), Style("", "peer", "triangle"), Style("", "described", "square"))
"""One look for each kind of call."""
PARTS: Mapping[Part, str] = {"task": "the whole task", "metadata": "its metadata"}
ISOLATES = Style("keeps what it was given", "peer", "square")
PEER_OPERATIONS: Mapping[Operation, str] = {
    "create": "Create",
    "get": "Get",
    "look": "Get, and look at the metadata,",
    "update": "Update",
    "list": "List",
}
SHARES = Style("hands out what it holds", "plain", "triangle")


def draw_throughput(operation: Called, curves: Iterable[ThroughputCurve]) -> Picture:
    """Draw calls per second against callers."""
    return draw_curves(
        f"{operation.capitalize()}: calls per second by callers",
        [
            Curve(STYLES[curve.subject], tuple((point.callers, point.per_second.value) for point in curve.points))
            for curve in curves
            if curve.operation == operation
        ],
        "callers at once",
        "calls per second",
        linear="up",
    )


def draw_responses(operation: Called, curves: Iterable[ResponseCurve]) -> Picture:
    """Draw the median and the 99th percentile of waits against the rates that are held."""
    lines = []
    for curve in curves:
        if curve.operation == operation:
            style = STYLES[curve.subject]
            held = [one for one in curve.points if not one.saturated]
            medians = tuple((one.rate.value, one.p50_ms.value) for one in held)
            tails = tuple((one.rate.value, one.p99_ms.value) for one in held if one.p99_ms)
            for name, points, dashed in (("median", medians, False), ("p99", tails, True)):
                lines.append(Curve(replace(style, name=f"{style.name}, {name}", dashed=dashed), points))
    title = f"{operation.capitalize()}: how long a call waits, by the rate at which calls come"
    return draw_curves(title, lines, "calls per second that come", "ms from when it was due")


def draw_peers(mode: Mode, operation: Operation, peers: Iterable[Peer]) -> Picture:
    """Draw one operation of every store that was timed, the fastest first."""
    shown = [peer for peer in peers if peer.mode == mode and operation in peer.timings]
    rows = [
        Row(peer.name, "", (Dot(_look(peer), peer.timings[operation].us.value, peer.timings[operation].us.interval),))
        for peer in sorted(shown, key=lambda peer: peer.timings[operation].us.value)
    ]
    return draw_rows(f"{PEER_OPERATIONS[operation]} in {MODES[mode]}, beside other stores", rows, "µs per call")


def draw_weights(weights: Iterable[Weight]) -> Picture:
    """Draw bytes per task."""
    rows: dict[tuple[Mode, Part, int], list[Dot]] = {}
    for one in weights:
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
        "The longest wait of others while many tasks go at once",
        [
            Row(
                one.what.partition(",")[0],
                f"{one.tasks:,}, {one.mode}{_without(one)}",
                (_spread(QUIET, one.longest_quiet_wait_ms), _spread(MEANWHILE, one.longest_wait_ms)),
            )
            for one in removals
        ],
        "ms",
        ends=("least", "most"),
    )


def draw_stall(removal: Removal) -> Picture:
    """Draw the longest waits of others, moment by moment, while tasks go."""
    return draw_curves(
        f"{removal.what.partition(',')[0].capitalize()}: {removal.tasks:,}, {MODES[removal.mode]}{_without(removal)}",
        [
            Curve(replace(style, name=kind), points, marked=False)
            for style, (kind, points) in zip(CALLS, removal.longest.items(), strict=False)
        ],
        "seconds since the beginning",
        "ms, longest wait",
        linear="across",
    )


def _spread(style: Style, spread: Spread) -> Dot:
    return Dot(style, spread.value, (spread.least, spread.most) if spread.events > 1 else None)


def _without(removal: Removal) -> str:
    """Say what is not going on meanwhile: a label that follows "expire" or "plain keys"."""
    return removal.what.removeprefix(removal.what.partition(",")[0]).replace("nobody", "no one")


def _look(peer: Peer) -> Style:
    return OURS if peer.name == "ours" else ISOLATES if peer.isolates else SHARES
