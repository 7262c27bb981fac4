"""What the cases and the measurements say of a claim, on one design."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

from benchmarks.document import Design
from conformance.measure.claims import Behaviour, Latency, Overhead, Tail
from conformance.measure.estimate import LatencyVerdict, combine, judge
from reports.analyse import latency
from reports.analyse.latency import MODES, OPERATIONS, Ranges
from reports.analyse.parity import NOT_RUN, Case, Comparison, Passes, Requirement
from reports.figures import figure, percent, signed, times, write_time

ClaimVerdict = LatencyVerdict | Literal["holds", "holds-corrected", "refuted", "not-yet-checked"]

ORDER: tuple[ClaimVerdict, ...] = (
    "holds",
    "confirmed",
    "holds-corrected",
    "faster",
    "slower",
    "inconclusive",
    "under-specified",
    "refuted",
    "not-yet-checked",
)
"""In the order in which they are shown, from true to open."""

DECIDING_SUBJECTS: Mapping[Design, tuple[str, ...]] = {
    "documented": ("documented-memory", "documented-redis", "documented-sentinel", "documented-cluster"),
    "ours": (
        "memory",
        "memory-expiring",
        "embedded",
        "container",
        "sentinel",
        "cluster",
        "tls",
        "acl",
        "partitioned",
        "partitioned-cluster",
    ),
}
"""fakeredis is one more subject; it never decides a claim."""


@dataclass(frozen=True)
class Finding:
    """The verdict on a claim on one design: where it was decided, the figures, and the cases that speak against it."""

    verdict: ClaimVerdict
    where: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    against: tuple[str, ...] = ()


NOT_MEASURED = Finding("not-yet-checked", notes=("not measured",))


def judge_behaviour(
    claim: Behaviour,
    design: Design,
    passes: tuple[Passes, ...],
    requirements: tuple[Requirement, ...],
    cases: tuple[Case, ...],
) -> Finding:
    """Refute by any failing case on any subject of the design; hold where none fails and a requirement passed."""
    subjects = {one.subject: one.located for one in passes if one.subject in DECIDING_SUBJECTS[design]}
    deciding = {one.id: one for one in requirements if claim.id in one.claims}
    failed = {
        (case.id, subject)
        for case in cases
        for subject in subjects
        if not deciding.keys().isdisjoint(case.requirements) and case.outcomes.get(subject, NOT_RUN).verdict == "fail"
    }
    if failed:
        against = {case for case, _ in failed}
        return Finding(
            "refuted",
            tuple(located for subject, located in subjects.items() if subject in {one for _, one in failed}),
            against=tuple(case.id for case in cases if case.id in against),
        )
    passed = {(one.id, subject) for one in deciding.values() for subject in subjects if one.verdicts[subject] == "pass"}
    unsettled = deciding.keys() - {requirement for requirement, _ in passed}
    notes = (f"without a verdict: {', '.join(sorted(unsettled))}",) if unsettled else ()
    if not passed:
        return Finding("not-yet-checked", notes=notes or ("no requirement names it",))
    where = tuple(located for subject, located in subjects.items() if subject in {one for _, one in passed})
    return Finding("holds-corrected" if claim.corrected else "holds", where, notes)


def judge_identity(comparison: Comparison, passes: tuple[Passes, ...]) -> Finding:
    """Refute by any case that one mode passes and the other fails."""
    if not comparison.compared:
        return Finding("not-yet-checked", notes=("no case was decided in both modes",))
    differing, failing = len(comparison.differing), len(comparison.failing_in_both)
    return Finding(
        "refuted" if differing else "holds",
        tuple(one.located for one in passes if one.subject in (comparison.memory, comparison.redis)),
        (f"{differing} of {comparison.compared} cases come out differently; {failing} fail in both modes",),
        tuple(one.case for one in comparison.differing),
    )


SIZES: Mapping[LatencyVerdict, str] = {
    "confirmed": "within",
    "faster": "below",
    "slower": "above",
    "inconclusive": "not settled against",
}
"""Where an interval lies against what is allowed."""


def judge_latency(claim: Latency, rows: Iterable[latency.Latency]) -> Finding:
    """Judge by the rule of `reports/RULE.md`, at each number of tasks."""
    measured = [row for row in rows if (row.mode, row.operation) == (claim.mode, claim.operation)]
    if not measured:
        return NOT_MEASURED
    verdict: ClaimVerdict = combine([row.verdict for row in measured])
    notes = tuple(map(_describe, measured))
    if (missing := _find_missing_sizes(measured, claim)) and verdict != "under-specified":
        return Finding("not-yet-checked", _places(measured), (*notes, f"not measured enough: {', '.join(missing)}"))
    return Finding(verdict, _places(measured), notes)


def judge_ratio(ranges: Ranges, rows: Iterable[latency.Latency]) -> Finding:
    """Refute by a ratio whose interval lies outside as a whole; say which mode is not as documented."""
    measured = list(rows)
    in_memory = {(row.operation, row.tasks): row.verdict for row in measured if row.mode == "memory"}
    compared = [row for row in measured if row.times_memory is not None]
    notes, verdicts = [], []
    for row in compared:
        low, high = _allowed_ratio(row.operation, ranges)
        verdicts.append(judge(row.times_memory_interval, low, high, margin=0))
        memory = in_memory[row.operation, row.tasks]
        notes.append(
            f"{row.operation} at {row.tasks:,} tasks: {figure(row.times_memory or 0)} times memory mode "
            f"({_interval(row.times_memory_interval)}), {SIZES[verdicts[-1]]} the documented "
            f"{low:g}\N{EN DASH}{high:g}; against its own range memory mode is {memory}, Redis mode {row.verdict}"
        )
    return _compare(verdicts, compared, notes, ranges)


def judge_overhead(claim: Overhead, ranges: Ranges, rows: Iterable[latency.Latency]) -> Finding:
    """Refute by a difference whose interval lies beyond the share of a request as a whole."""
    limit = claim.share * claim.request_ms
    compared = [row for row in rows if row.over_memory_ms is not None]
    verdicts = [judge(row.over_memory_interval_ms, -math.inf, limit, margin=0) for row in compared]
    notes = [
        f"{row.operation} at {row.tasks:,} tasks: {signed(row.over_memory_ms or 0)} ms more "
        f"({_interval(row.over_memory_interval_ms)}), {SIZES[verdict]} {limit:g} ms"
        for row, verdict in zip(compared, verdicts, strict=True)
    ]
    return _compare(verdicts, compared, notes, ranges)


def judge_tail(claim: Tail, rows: Iterable[latency.Latency]) -> Finding:
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
            notes.append(f"{what}: p99 {write_time(row.p99_ms)}")
        else:
            notes.append(f"{what}: median {write_time(row.median_ms)}, n too small for p99 ({row.rounds})")
        if row.tasks < claim.tasks or row.p99_ms is None:
            missing.append(what)
        worst = row.median_ms if row.p99_ms is None else row.p99_ms
        refuted |= row.tasks == claim.tasks and worst >= claim.limit_ms
    return _finding(refuted, list(largest.values()), notes, missing)


def _compare(
    verdicts: Sequence[LatencyVerdict], rows: Sequence[latency.Latency], notes: Sequence[str], ranges: Ranges
) -> Finding:
    """Conclude from a verdict for each row; every operation has to have one."""
    missing: list[str] = [one for one in OPERATIONS if one not in {row.operation for row in rows}]
    for claim in ranges.values():
        if claim.mode == "redis":
            missing += _find_missing_sizes([row for row in rows if row.operation == claim.operation], claim)
    refuted = not {"faster", "slower"}.isdisjoint(verdicts)
    return _finding(refuted, rows, notes, missing, settled=set(verdicts) == {"confirmed"})


def _finding(
    refuted: bool,
    rows: Sequence[latency.Latency],
    notes: Sequence[str],
    missing: Sequence[str],
    *,
    settled: bool = True,
) -> Finding:
    """Refute by one contradiction; hold only by the whole."""
    left_out = (f"not measured enough: {', '.join(missing)}",) if missing else ()
    verdict: ClaimVerdict = (
        "refuted" if refuted else "not-yet-checked" if missing else "holds" if settled else "inconclusive"
    )
    return Finding(verdict, _places(rows), (*notes, *left_out))


def _find_missing_sizes(rows: Sequence[latency.Latency], claim: Latency) -> list[str]:
    """Say at which numbers of tasks a claim is judged and was not measured; nothing if none was measured."""
    measured = {row.tasks for row in rows}
    return [f"{claim.operation} at {tasks:,} tasks" for tasks in claim.entries if measured and tasks not in measured]


def _places(rows: Iterable[latency.Latency]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row.place for row in rows))


def _describe(row: latency.Latency) -> str:
    interval = (
        "–".join(map(write_time, row.interval_ms))
        if row.interval_ms
        else f"too few blocks for an interval: {row.blocks}"
    )
    factor = f" ({times(row.factor)}×)" if row.factor else ""
    without = f", {row.verdict_without_margin} without the margin" * (row.verdict_without_margin != row.verdict)
    return (
        f"{row.tasks:,} tasks: {row.verdict}{factor}{without}, median {write_time(row.median_ms)} ({interval}), "
        f"{percent(row.share_inside)} inside the range"
    )


def _interval(interval: tuple[float, float] | None) -> str:
    return f"{signed(interval[0])}\N{EN DASH}{signed(interval[1])}" if interval else "too few blocks for an interval"


def _allowed_ratio(operation: str, ranges: Ranges) -> tuple[float, float]:
    """Divide the two documented ranges of an operation."""
    memory, redis = ranges["memory", operation], ranges["redis", operation]
    return redis.low_ms / memory.high_ms, redis.high_ms / memory.low_ms
