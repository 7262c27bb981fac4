"""What the measurements say of a claim, on one design. All rows given are of that design, where it is decided."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

from reports.claims import LatencyRange, Ratio, Tail, documented_ranges
from reports.figures import figure, percent, span
from reports.findings import NOT_MEASURED, ClaimVerdict, Finding
from reports.inputs import Operation
from reports.latency import MODES, OPERATIONS, Latency
from reports.verdicts import combine


def judge_latency(claim: LatencyRange, rows: Iterable[Latency]) -> Finding:
    """Judge by the rule of `reports.verdicts`, at each number of tasks."""
    measured = [row for row in rows if (row.mode, row.operation) == (claim.mode, claim.operation)]
    if not measured:
        return NOT_MEASURED
    return Finding(combine([row.verdict for row in measured]), _places(measured), tuple(map(_describe, measured)))


def judge_ratio(claim: Ratio, rows: Iterable[Latency]) -> Finding:
    """Refute by a ratio that the documented ranges do not allow, or by a median that takes too much of a request."""
    compared = [(row, row.times_memory) for row in rows if row.times_memory is not None]
    notes, refuted = [], False
    for row, ratio in compared:
        low, high = _allowed_ratio(row.operation)
        size = "below" if ratio < low else "above" if ratio > high else "within"
        share = row.median_ms / claim.request_ms
        refuted |= size != "within" or share >= claim.share
        notes.append(
            f"{row.operation} at {row.tasks:,} tasks: {figure(ratio)} times memory mode, {size} the documented "
            f"{low:g}\N{EN DASH}{high:g}; {percent(share)} of a request of {claim.request_ms:g} ms"
        )
    missing = [operation for operation in OPERATIONS if operation not in {row.operation for row, _ in compared}]
    return _finding(refuted, [row for row, _ in compared], notes, missing)


def judge_tail(claim: Tail, rows: Iterable[Latency]) -> Finding:
    """Refute by a 99th percentile at the limit, or, with too few rounds to say that, by a median there."""
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
            notes.append(f"{what}: p99 {figure(row.p99_ms)} ms{_of_means(row)}")
            refuted |= row.p99_ms >= claim.limit_ms
        else:
            notes.append(f"{what}: median {figure(row.median_ms)} ms, n too small for p99 ({row.rounds})")
            refuted |= row.median_ms >= claim.limit_ms
            missing.append(what)
    return _finding(refuted, list(largest.values()), notes, missing)


def _finding(refuted: bool, rows: Sequence[Latency], notes: Sequence[str], missing: Sequence[str]) -> Finding:
    """Refute by one contradiction; hold only by the whole."""
    left_out = (f"not measured enough: {', '.join(missing)}",) if missing else ()
    verdict: ClaimVerdict = "refuted" if refuted else "not-yet-checked" if missing else "holds"
    return Finding(verdict, _places(rows), (*notes, *left_out))


def _places(rows: Iterable[Latency]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row.place for row in rows))


def _describe(row: Latency) -> str:
    interval = span(*row.interval_ms) if row.interval_ms else f"n too small for an interval: {row.rounds}"
    return (
        f"{row.tasks:,} tasks: {row.verdict}, median {figure(row.median_ms)} ms ({interval}), "
        f"{percent(row.share_inside)} inside the range"
    )


def _of_means(row: Latency) -> str:
    return f", of means of {row.calls_per_round} calls" if row.calls_per_round > 1 else ""


def _allowed_ratio(operation: Operation) -> tuple[float, float]:
    """Divide the two documented ranges of an operation."""
    documented = {one.mode: one for one in documented_ranges() if one.operation == operation}
    memory, redis = documented["memory"], documented["redis"]
    return redis.low_ms / memory.high_ms, redis.high_ms / memory.low_ms
