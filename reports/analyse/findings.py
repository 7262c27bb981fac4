"""What the checks and the measurements say of a claim, on one design."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, TypeAlias

from conformance.measure.claims import Latency, Texts
from conformance.measure.estimate import Estimate, LatencyVerdict, judge, judge_claim
from reports.analyse.differences import rank
from reports.analyse.latency import MODES, OPERATIONS, Ranges
from reports.analyse.latency import Latency as Measured
from reports.analyse.parity import Comparison, without_paths
from reports.figures import figure, write_time
from statements.document import Behaviour, CheckResult, Overhead, Ratio, StatementResults, Tail

ClaimVerdict = LatencyVerdict | Literal["holds", "holds-corrected", "refuted", "not-checked"]

ORDER: tuple[ClaimVerdict, ...] = (
    "holds",
    "confirmed",
    "holds-corrected",
    "faster",
    "slower",
    "inconclusive",
    "under-specified",
    "refuted",
    "not-checked",
)
"""In the order in which they are shown, from true to open."""

Note: TypeAlias = tuple[str, Mapping[str, str]]
"""A text of the catalogue, and the values in the places that it names."""

AS_EXPECTED: Note = ("as expected", {})
NOT_PLAYED: Note = ("not played", {})
PASSED: Mapping[str, bool | None] = {
    "pass": True,
    "fail": False,
    "not-testable": None,
    "confirmed": True,
    "inconclusive": None,
    "yes": True,
    "no": False,
    "not-checked": None,
}
"""Whether a check passed, by what it came to; a latency that is faster or slower did not."""
NO_DIFFERENCE: Texts = {"en": "no difference", "zh": "没有差别"}
COMMAND_OF_MEASURE = "conformance measure --store {} --claims conformance/examples/auto_clip.toml"


@dataclass(frozen=True)
class Check:
    """One thing that decides a claim: what was expected of it, what came, and the command that shows it again."""

    passed: bool | None
    """None: there is no verdict, and `came` says why."""
    expected: Texts
    came: Note
    where: str = ""
    """The store, and its server."""
    command: str = ""


@dataclass(frozen=True)
class Finding:
    """The verdict on a claim on one design, and the checks that it rests on."""

    verdict: ClaimVerdict
    checks: tuple[Check, ...] = ()


def judge_behaviour(claim: Behaviour, results: StatementResults, stores: Collection[str]) -> Finding:
    """Judge by the checks that the claim names, on those of the stores that each of them is about.

    One check that fails refutes the claim. It holds if each passed, and none is without a verdict.
    """
    checks = []
    for name, expected in claim.checks.items():
        found = [row for row in results.results if row.check == name and row.store in stores]
        if not found:
            checks.append(Check(None, expected, NOT_PLAYED))
        checks += [_checked(claim, expected, row, results.servers.get(row.store, "")) for row in found]
    return Finding(_conclude(checks, "holds-corrected" if claim.corrected else "holds"), tuple(checks))


def _checked(claim: Behaviour, expected: Texts, row: CheckResult, server: str) -> Check:
    came: Note = ("{came}", {"came": without_paths(row.came)})
    if row.verdict == "pass":
        came = AS_EXPECTED
    command = f"python -m statements {claim.id} --store {row.store}"
    return Check(PASSED[row.verdict], expected, came, f"{row.store} ({server})" if server else row.store, command)


def judge_identity(comparison: Comparison) -> Finding:
    """Refute by any difference between the modes that both can meet: a server that fails is none."""
    differences = [row for row in rank(comparison) if row.group != "one mode only"]
    passed = None if comparison.answer == "not-checked" else not differences
    counts = {"all": len(comparison.findings), "count": len(differences), "calls": comparison.calls}
    values = {name: f"{count:,}" for name, count in counts.items()}
    came = "{all} differences in {calls} calls, {count} of which both modes can meet", values
    stores = comparison.stores
    check = Check(passed, NO_DIFFERENCE, came, ", ".join(stores), f"conformance compare {' '.join(stores)}")
    return Finding(_conclude([check]), (check,))


def judge_latency(claim: Latency, rows: Iterable[Measured]) -> Finding:
    """Judge by the rule of `reports/RULE.md`, at each number of tasks."""
    low, high = claim.range
    expected = {"en": f"{low:g}–{high:g} {claim.unit}"}
    text = "{operation}, {tasks} tasks: {median} ({interval})"
    measured = [row for row in rows if (row.mode, row.operation) == (claim.mode, claim.operation)]
    checks = []
    for row in measured:
        came = _note(text, row, interval=_write_interval(row.ms, write_time))
        command = COMMAND_OF_MEASURE.format(row.backend.removesuffix("-container"))
        checks.append(Check(PASSED.get(row.verdict, False), expected, came, row.place, command))
    checks += [Check(None, expected, note) for note in _find_missing(claim, measured)]
    verdict, _ = judge_claim(claim, {row.tasks: row.ms for row in measured})
    return Finding("not-checked" if verdict == "not-measured" else verdict, tuple(checks))


def judge_ratio(claim: Ratio, ranges: Ranges, rows: Iterable[Measured]) -> Finding:
    """Refute by a ratio whose interval lies outside of what the documented ranges allow as a whole."""
    text = "{operation}, {tasks} tasks: {value} times as long as in memory mode ({interval}); allowed: {least}–{most}"
    compared = []
    for row in rows:
        if row.times_memory:
            quickest, slowest = ranges["memory", row.operation].range_ms
            low, high = ranges["redis", row.operation].range_ms
            allowed = low / slowest, high / quickest
            compared.append(_Compared(row, row.times_memory, allowed))
    return _judge_compared(claim, text, ranges, compared)


def judge_overhead(claim: Overhead, ranges: Ranges, rows: Iterable[Measured]) -> Finding:
    """Refute by a difference whose interval lies beyond the share of a request as a whole."""
    text = "{operation}, {tasks} tasks: {value} ms longer than in memory mode ({interval}); allowed: {most} ms"
    allowed = -math.inf, claim.share * claim.request_ms
    compared = [_Compared(row, row.over_memory, allowed) for row in rows if row.over_memory]
    return _judge_compared(claim, text, ranges, compared)


def judge_tail(claim: Tail, rows: Iterable[Measured]) -> Finding:
    """Refute by a 99th percentile at the limit, or, with too few calls to say that, by a median there."""
    measured: dict[tuple[str, str], Measured] = {
        (row.mode, row.operation): row for row in rows if row.tasks == claim.tasks
    }
    checks = []
    for place in product(MODES, OPERATIONS):
        if place not in measured:
            checks.append(Check(None, claim.sentence, _missing(*place, claim.tasks)))
            continue
        row = measured[place]
        text = "{operation}, {mode}: median {median}, too few calls for a percentile"
        passed = None
        if row.p99_ms is not None:
            text = "{operation}, {mode}: 99th percentile {p99}"
            passed = True
        if (row.p99_ms or row.ms.value) >= claim.limit_ms:
            passed = False
        checks.append(Check(passed, claim.sentence, _note(text, row), row.place))
    return Finding(_conclude(checks), tuple(checks))


def _conclude(checks: Iterable[Check], if_all_passed: ClaimVerdict = "holds") -> ClaimVerdict:
    """Refute by one check that failed; hold only if every check passed."""
    outcomes = {check.passed for check in checks}
    if False in outcomes:
        return "refuted"
    return "not-checked" if None in outcomes else if_all_passed


@dataclass(frozen=True)
class _Compared:
    """Redis mode beside memory mode, for one operation, and what is allowed."""

    row: Measured
    found: Estimate
    allowed: tuple[float, float]


def _judge_compared(claim: Ratio | Overhead, text: str, ranges: Ranges, compared: Sequence[_Compared]) -> Finding:
    """Refute by one contradiction; hold only where every operation was compared, and none is open."""
    checks = []
    for each in compared:
        least, most = each.allowed
        place = judge(each.found.interval, least, most, margin=0)
        came = _note(
            text,
            each.row,
            value=figure(each.found.value),
            interval=_write_interval(each.found, figure),
            least=f"{least:g}",
            most=f"{most:g}",
        )
        checks.append(Check(PASSED.get(place, False), claim.sentence, came, each.row.place))
    missing = []
    for documented in ranges.values():
        if documented.mode == "redis":
            rows = [each.row for each in compared if each.row.operation == documented.operation]
            missing += _find_missing(documented, rows)
    checks += [Check(None, claim.sentence, note) for note in missing]
    verdict = _conclude(checks)
    if verdict == "not-checked" and not missing:
        verdict = "inconclusive"
    return Finding(verdict, tuple(checks))


def _find_missing(claim: Latency, rows: Sequence[Measured]) -> list[Note]:
    """Say at which numbers of tasks a claim is judged and was not measured."""
    measured = {row.tasks for row in rows}
    if not measured:
        return [_missing(claim.mode, claim.operation)]
    return [_missing(claim.mode, claim.operation, tasks) for tasks in claim.entries if tasks not in measured]


def _missing(mode: str, operation: str, tasks: int = 0) -> Note:
    text = "not measured: {operation}, {mode}, {tasks} tasks" if tasks else "not measured: {operation}, {mode}"
    return text, {"operation": operation, "mode": MODES[mode], "tasks": f"{tasks:,}"}


def _note(text: str, row: Measured, **values: str) -> Note:
    own = {
        "operation": row.operation,
        "mode": MODES[row.mode],
        "tasks": f"{row.tasks:,}",
        "median": write_time(row.ms.value),
        "p99": write_time(row.p99_ms or 0),
    }
    return text, own | values


def _write_interval(found: Estimate, write: Callable[[float], str]) -> str:
    return " – ".join(write(end) for end in found.interval or ()) or "–"
