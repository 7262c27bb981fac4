"""The end of a run: what is accepted, what was not decided, and what to fix first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from conformance.results.document import Result, Results
from conformance.results.show import block
from conformance.tasks.spec.requirements import REQUIREMENTS, Level
from conformance.terminal import BOLD, FAINT, GREEN, RED, YELLOW, Screen
from conformance.text import on_one_line

_MOST = 20
_ACCEPTED = {"known": "known failures", "missing-hook": "hooks that are declared missing"}
_EFFECTS = {
    "data": "MUSTs, lost or wrong data",
    "type": "MUSTs, wrong types",
    "message": "MUSTs, exceptions, settings, costs",
    "should": "SHOULDs",
}
_FAMILIES = ("ATOM", "DUR", "SHARE", "EXP", "LIST", "VAL", "LIFE", "ID", "MAINT", "FAIL", "API", "MODE", "COST")
"""Prefixes of requirements, the worst first where the effect is the same."""


def summary(
    results: Results, stale: Iterable[str], undecided: Iterable[Result], failed: str, screen: Screen
) -> Iterator[str]:
    """Yield the lines of a summary, up to the failure to fix first.

    Args:
        results: Those of the run.
        stale: Known failures that are none any more.
        undecided: What makes the run incomplete.
        failed: How many tests failed, in the words of pytest.
        screen: Where the lines are shown.
    """
    for kind, title in _ACCEPTED.items():
        yield from _titled(screen.paint(title, BOLD), _accepted(results, kind))
    yield from _titled(screen.paint("known failures that are none any more; take them out of the file", RED), stale)
    reasons = Counter(map(_why, undecided))
    gaps = [f"{number} {'test' if number == 1 else 'tests'}: {why}" for why, number in reasons.most_common()]
    yield from _titled(screen.paint("incomplete: some applicable requirements were not decided", YELLOW), gaps)

    broken = broken_by(results)
    for about in results.backends:
        for effect, title in _EFFECTS.items():
            here = [result for result in broken if result.backend == about.name and _effect(result) == effect]
            style = YELLOW if effect == "should" else RED
            heading = screen.paint(f"{about.name}: {title}: expected → came", style, BOLD)
            yield from _titled(heading, [_line(result, screen) for result in here], len(here))
    yield screen.paint(f"seed {results.suite.seed}; --seed N draws other scenarios", FAINT)
    musts = sum(result.is_failure for result in broken)
    shoulds = len(broken) - musts
    if broken:
        yield screen.paint(f"broken: {musts} MUST, {shoulds} SHOULD; tests: {failed}", BOLD)
    elif any(result.verdict == "pass" for result in results.results):
        yield screen.paint("no MUST and no SHOULD is broken", GREEN)
    elif not gaps:
        yield "nothing was decided: nothing that was selected applies"


def first_of(broken: list[Result], again: str, screen: Screen) -> Iterator[str]:
    """Yield the failure to fix first in full."""
    if broken and broken[0].failure:
        failure, number = broken[0].failure, _number(broken[0])
        others = [other for other in failure.requirements if other != number]
        yield from ("", screen.paint("Fix this first:", RED, BOLD))
        yield from block(failure.model_copy(update={"requirements": (number, *others)}), screen, again)


def broken_by(results: Results) -> list[Result]:
    """Return a result for each requirement that a failure breaks first, and each MUST that only SHOULDs show.

    The worst comes first.
    """
    counted = [result for result in results.results if result.failure and _effect(result)]
    counted.sort(key=lambda result: result.test.startswith("requirement_"), reverse=True)
    seen: dict[tuple[str, str], Result] = {}
    for result in counted:
        if result.is_nearest:
            seen.setdefault((_number(result), result.backend), result)
    musts = {place for place, result in seen.items() if result.is_failure}
    for result in counted:
        first = result.failure.requirements[0] if result.failure else ""
        if result.is_failure and (first, result.backend) not in musts:
            seen[_number(result), result.backend] = result
    return sorted(seen.values(), key=_badness)


def _number(result: Result) -> str:
    """The requirement that a result is listed under: of a case the first MUST."""
    musts = [number for number in result.requirements if REQUIREMENTS[number].level is Level.MUST]
    return [*musts, *result.requirements][0]


def _effect(result: Result) -> str:
    """What a failure is wrong about, `should`, or nothing if it is accepted."""
    if result.expected is not None:
        return "should" if result.expected.kind == "should" else ""
    return result.failure.effect if result.failure else ""


def _badness(result: Result) -> tuple[int, int, int]:
    family, _, _ = _number(result).partition("-")
    effects = [*_EFFECTS]
    size = len(result.failure.script) if result.failure else 0
    return effects.index(_effect(result)), _FAMILIES.index(family), size


def _line(result: Result, screen: Screen) -> str:
    failure = result.failure
    if failure is None:
        return ""
    return screen.brief(f"{_number(result):<9}{failure.name:<12}  ", failure.expected, failure.came)


def _titled(title: str, lines: Iterable[str], most: int = _MOST) -> Iterator[str]:
    """Yield a title and so many different lines, and how many are left; nothing without a line."""
    different = [*dict.fromkeys(lines)]
    if different:
        yield title
        yield from (f"  {line}" for line in different[:most])
    if len(different) > most:
        yield f"  … and {len(different) - most} more, which the results file names"


def _accepted(results: Results, kind: str) -> Iterator[str]:
    for result in results.results:
        if result.expected and result.expected.kind == kind:
            why = f"{result.expected.reason} {result.expected.link}".strip()
            if not result.hooks:
                why = f"{result.test} [{result.backend}]: {why}"
            yield why


def _why(result: Result) -> str:
    if result.hooks and "adapter" not in result.hooks:  # of an adapter the reason says what to do
        return f"the harness has no hook {', '.join(result.hooks)}"
    return on_one_line(f"{result.verdict}: {result.reason}")
