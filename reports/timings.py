"""What the measurements say of a claim, on one design. All rows given are of that design, where it is decided."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import product

from reports.claims import LatencyRange, Overhead, Ratio, Tail, documented_ranges
from reports.figures import figure, percent, signed, span
from reports.findings import NOT_MEASURED, ClaimVerdict, Finding
from reports.inputs import Operation
from reports.latency import MODES, OPERATIONS, Latency
from reports.verdicts import LatencyVerdict, combine, judge

SIZES: Mapping[LatencyVerdict, str] = {
    "confirmed": "within",
    "faster": "below",
    "slower": "above",
    "inconclusive": "not settled against",
}
"""Where an interval lies against what is allowed."""
LISTED = (100, 1_000, 10_000)
"""Numbers of tasks at which a listing is judged: the same at every depth, or a depth would decide the verdict."""


def judge_latency(claim: LatencyRange, rows: Iterable[Latency]) -> Finding:
    """Judge by the rule of `reports.verdicts`, at each number of tasks."""
    measured = [row for row in rows if (row.mode, row.operation) == (claim.mode, claim.operation)]
    if not measured:
        return NOT_MEASURED
    verdict: ClaimVerdict = combine([row.verdict for row in measured])
    notes = tuple(map(_describe, measured))
    if (missing := _find_missing_sizes(measured)) and verdict != "under-specified":
        return Finding("not-yet-checked", _places(measured), (*notes, f"not measured enough: {', '.join(missing)}"))
    return Finding(verdict, _places(measured), notes)


def judge_ratio(_: Ratio, rows: Iterable[Latency]) -> Finding:
    """Refute by a ratio whose interval lies outside as a whole; say which mode is not as documented."""
    measured = list(rows)
    in_memory = {(row.operation, row.tasks): row.verdict for row in measured if row.mode == "memory"}
    compared = [row for row in measured if row.times_memory is not None]
    notes, verdicts = [], []
    for row in compared:
        low, high = _allowed_ratio(row.operation)
        verdicts.append(judge(row.times_memory_interval, low, high, margin=0))
        memory = in_memory[row.operation, row.tasks]
        notes.append(
            f"{row.operation} at {row.tasks:,} tasks: {figure(row.times_memory or 0)} times memory mode "
            f"({_interval(row.times_memory_interval)}), {SIZES[verdicts[-1]]} the documented "
            f"{low:g}\N{EN DASH}{high:g}; against its own range memory mode is {memory}, Redis mode {row.verdict}"
        )
    return _compare(verdicts, compared, notes)


def judge_overhead(claim: Overhead, rows: Iterable[Latency]) -> Finding:
    """Refute by a difference whose interval lies beyond the share of a request as a whole."""
    limit = claim.share * claim.request_ms
    compared = [row for row in rows if row.over_memory_ms is not None]
    verdicts = [judge(row.over_memory_interval_ms, -math.inf, limit, margin=0) for row in compared]
    notes = [
        f"{row.operation} at {row.tasks:,} tasks: {signed(row.over_memory_ms or 0)} ms more "
        f"({_interval(row.over_memory_interval_ms)}), {SIZES[verdict]} {limit:g} ms"
        for row, verdict in zip(compared, verdicts, strict=True)
    ]
    return _compare(verdicts, compared, notes)


def judge_tail(claim: Tail, rows: Iterable[Latency]) -> Finding:
    """Refute by a 99th percentile at the limit, or, with too few rounds to say that, by a median there.

    Measurements at fewer tasks than the claim is about are told, and decide nothing.
    """
    by_size = sorted((row for row in rows if row.tasks <= claim.tasks), key=lambda row: row.tasks)
    largest = {(row.mode, row.operation): row for row in by_size}
    notes, missing, refuted = [], [], False
    for mode, operation in product(MODES, OPERATIONS):
        row = largest.get((mode, operation))
        if row is None:
            missing.append(f"{operation} in {MODES[mode]}")
            continue
        what = f"{operation} in {MODES[mode]} at {row.tasks:,} tasks"
        if row.p99_ms is not None:
            notes.append(f"{what}: p99 {figure(row.p99_ms)} ms")
        else:
            notes.append(f"{what}: median {figure(row.median_ms)} ms, n too small for p99 ({row.rounds})")
        if row.tasks < claim.tasks or row.p99_ms is None:
            missing.append(what)
        worst = row.median_ms if row.p99_ms is None else row.p99_ms
        refuted |= row.tasks == claim.tasks and worst >= claim.limit_ms
    return _finding(refuted, list(largest.values()), notes, missing)


def _compare(verdicts: Sequence[LatencyVerdict], rows: Sequence[Latency], notes: Sequence[str]) -> Finding:
    """Conclude from a verdict for each row; every operation has to have one."""
    missing: list[str] = [one for one in OPERATIONS if one not in {row.operation for row in rows}]
    missing += _find_missing_sizes(rows)
    refuted = not {"faster", "slower"}.isdisjoint(verdicts)
    return _finding(refuted, rows, notes, missing, settled=set(verdicts) == {"confirmed"})


def _finding(
    refuted: bool, rows: Sequence[Latency], notes: Sequence[str], missing: Sequence[str], *, settled: bool = True
) -> Finding:
    """Refute by one contradiction; hold only by the whole."""
    left_out = (f"not measured enough: {', '.join(missing)}",) if missing else ()
    verdict: ClaimVerdict = (
        "refuted" if refuted else "not-yet-checked" if missing else "holds" if settled else "inconclusive"
    )
    return Finding(verdict, _places(rows), (*notes, *left_out))


def _find_missing_sizes(rows: Sequence[Latency]) -> list[str]:
    """Say at which numbers of tasks a listing is judged and was not measured; nothing if none was measured."""
    listed = {row.tasks for row in rows if row.operation == "list"}
    return [f"list at {tasks:,} tasks" for tasks in LISTED if listed and tasks not in listed]


def _places(rows: Iterable[Latency]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row.place for row in rows))


def _describe(row: Latency) -> str:
    interval = span(*row.interval_ms) if row.interval_ms else f"too few blocks for an interval: {row.blocks}"
    without = f", {row.verdict_without_margin} without the margin" * (row.verdict_without_margin != row.verdict)
    return (
        f"{row.tasks:,} tasks: {row.verdict}{without}, median {figure(row.median_ms)} ms ({interval}), "
        f"{percent(row.share_inside)} inside the range"
    )


def _interval(interval: tuple[float, float] | None) -> str:
    return f"{signed(interval[0])}\N{EN DASH}{signed(interval[1])}" if interval else "too few blocks for an interval"


def _allowed_ratio(operation: Operation) -> tuple[float, float]:
    """Divide the two documented ranges of an operation."""
    documented = {one.mode: one for one in documented_ranges() if one.operation == operation}
    memory, redis = documented["memory"], documented["redis"]
    return redis.low_ms / memory.high_ms, redis.high_ms / memory.low_ms
