"""What the cases and the measurements say of a claim, on one design."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, TypeAlias

from conformance.measure.claims import Behaviour, Latency, Overhead, Tail
from conformance.measure.estimate import Estimate, LatencyVerdict, combine, judge
from reports.analyse import latency
from reports.analyse.latency import MODES, OPERATIONS, Ranges
from reports.analyse.parity import Case, Comparison, Requirement
from reports.figures import figure, write_time

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

Note: TypeAlias = tuple[str, Mapping[str, str]]
"""A text of the catalogue, and the values in the places that it names."""


@dataclass(frozen=True)
class Finding:
    """The verdict on a claim on one design: where it was decided, the figures, and the cases that speak against it."""

    verdict: ClaimVerdict
    where: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    against: tuple[str, ...] = ()


NOT_MEASURED = Finding("not-yet-checked", notes=(("not measured", {}),))


def judge_behaviour(
    claim: Behaviour, subjects: Mapping[str, str], requirements: Iterable[Requirement], cases: Sequence[Case]
) -> Finding:
    """Judge by the requirements that name the claim: one failing case refutes it, and one that passes is needed.

    Where a case was written for one of them, only such cases decide. Else it is what the chapters found: a finding of
    theirs names all the requirements that its scenario is about, and so some that are kept.

    `subjects` are those of the design, each with its server.
    """
    deciding = {one.id for one in requirements if claim.id in one.claims}
    met = [
        (case, subject)
        for case in cases
        for subject in subjects
        if not deciding.isdisjoint(case.requirements) and case.on(subject).is_decided
    ]
    chosen = [one for one in met if one[0].is_written] or met
    failed = [(case, subject) for case, subject in chosen if case.on(subject).verdict == "fail"]
    if failed:
        against = tuple(dict.fromkeys(case.id for case, _ in failed))
        return Finding("refuted", _located(subjects, {subject for _, subject in failed}), against=against)
    undecided = deciding.difference(*(case.requirements for case, _ in met))
    notes: tuple[Note, ...] = ()
    if undecided or not deciding:
        notes = (("without a verdict: {what}", {"what": ", ".join(sorted(undecided)) or "–"}),)
    if not chosen:
        return Finding("not-yet-checked", notes=notes)
    where = _located(subjects, {subject for _, subject in chosen})
    return Finding("holds-corrected" if claim.corrected else "holds", where, notes)


def judge_identity(comparison: Comparison, subjects: Mapping[str, str]) -> Finding:
    """Refute by any difference between the modes."""
    if comparison.answer == "not-checked":
        return Finding("not-yet-checked")
    values = {"count": str(len(comparison.findings)), "calls": f"{comparison.calls:,}"}
    notes = (("{count} differences in {calls} calls", values),)
    where = _located(subjects, comparison.stores)
    return Finding("refuted" if comparison.findings else "holds", where, notes)


def judge_latency(claim: Latency, rows: Iterable[latency.Latency]) -> Finding:
    """Judge by the rule of `reports/RULE.md`, at each number of tasks."""
    measured = [row for row in rows if (row.mode, row.operation) == (claim.mode, claim.operation)]
    if not measured:
        return NOT_MEASURED
    verdict: ClaimVerdict = combine([row.verdict for row in measured])
    missing = _find_missing(claim, measured)
    if missing and verdict != "under-specified":
        verdict = "not-yet-checked"
    return Finding(verdict, _places(measured), missing)


def judge_ratio(ranges: Ranges, rows: Iterable[latency.Latency]) -> Finding:
    """Refute by a ratio whose interval lies outside of what the documented ranges allow as a whole."""

    def allowed(operation: str) -> tuple[float, float]:
        memory, redis = ranges["memory", operation], ranges["redis", operation]
        return redis.low_ms / memory.high_ms, redis.high_ms / memory.low_ms

    compared = [(row, row.times_memory, allowed(row.operation)) for row in rows if row.times_memory]
    text = "{operation}, {tasks} tasks: {value} times as long as in memory mode ({interval}); allowed: {least}–{most}"
    return _conclude(text, ranges, compared)


def judge_overhead(claim: Overhead, ranges: Ranges, rows: Iterable[latency.Latency]) -> Finding:
    """Refute by a difference whose interval lies beyond the share of a request as a whole."""
    limit = claim.share * claim.request_ms
    compared = [(row, row.over_memory, (-math.inf, limit)) for row in rows if row.over_memory]
    text = "{operation}, {tasks} tasks: {value} ms longer than in memory mode ({interval}); allowed: {most} ms"
    return _conclude(text, ranges, compared)


def judge_tail(claim: Tail, rows: Iterable[latency.Latency]) -> Finding:
    """Refute by a 99th percentile at the limit, or, with too few rounds to say that, by a median there."""
    measured = {(row.mode, row.operation): row for row in rows if row.tasks == claim.tasks}
    missing = [place for place in product(MODES, OPERATIONS) if place not in measured]
    few = [row for row in measured.values() if row.p99_ms is None]
    verdict: ClaimVerdict = "not-yet-checked" if missing or few else "holds"
    if any((row.p99_ms or row.ms.value) >= claim.limit_ms for row in measured.values()):
        verdict = "refuted"
    notes = [_note("{operation}, {mode}: 99th percentile {p99}", row) for row in measured.values() if row.p99_ms]
    notes += [_note("{operation}, {mode}: median {median}, too few calls for a percentile", row) for row in few]
    notes += [_missing(*place, claim.tasks) for place in missing]
    return Finding(verdict, _places(measured.values()), tuple(notes))


def _conclude(
    text: str, ranges: Ranges, compared: Sequence[tuple[latency.Latency, Estimate, tuple[float, float]]]
) -> Finding:
    """Refute by one contradiction; hold only where every operation was compared, and none is open."""
    verdicts = {judge(found.interval, *allowed, margin=0) for _, found, allowed in compared}
    rows = [row for row, *_ in compared]
    missing = [
        note
        for claim in ranges.values()
        if claim.mode == "redis"
        for note in _find_missing(claim, [row for row in rows if row.operation == claim.operation])
    ]
    verdict: ClaimVerdict = "not-yet-checked" if missing else "holds" if verdicts == {"confirmed"} else "inconclusive"
    if not verdicts.isdisjoint(("faster", "slower")):
        verdict = "refuted"
    notes = [
        _note(
            text,
            row,
            value=figure(found.value),
            interval=" – ".join(map(figure, found.interval or ())),
            least=f"{least:g}",
            most=f"{most:g}",
        )
        for row, found, (least, most) in compared
    ]
    return Finding(verdict, _places(rows), (*notes, *missing))


def _find_missing(claim: Latency, rows: Sequence[latency.Latency]) -> tuple[Note, ...]:
    """Say at which numbers of tasks a claim is judged and was not measured."""
    measured = {row.tasks for row in rows}
    if not measured:
        return (_missing(claim.mode, claim.operation),)
    return tuple(_missing(claim.mode, claim.operation, tasks) for tasks in claim.entries if tasks not in measured)


def _missing(mode: str, operation: str, tasks: int = 0) -> Note:
    text = "not measured: {operation}, {mode}, {tasks} tasks" if tasks else "not measured: {operation}, {mode}"
    return text, {"operation": operation, "mode": MODES[mode], "tasks": f"{tasks:,}"}


def _note(text: str, row: latency.Latency, **values: str) -> Note:
    own = {
        "operation": row.operation,
        "mode": MODES[row.mode],
        "tasks": f"{row.tasks:,}",
        "median": write_time(row.ms.value),
        "p99": write_time(row.p99_ms or 0),
    }
    return text, own | values


def _located(subjects: Mapping[str, str], named: Iterable[str]) -> tuple[str, ...]:
    chosen = set(named)
    return tuple(f"{name} ({server})" if server else name for name, server in subjects.items() if name in chosen)


def _places(rows: Iterable[latency.Latency]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row.place for row in rows))
