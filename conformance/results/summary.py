"""The end of a run: what is accepted, what was not decided, and what to fix first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import product

from conformance.results.document import Result, Results
from conformance.results.show import block
from conformance.tasks.spec.requirements import REQUIREMENTS, Level
from conformance.terminal import BOLD, FAINT, GREEN, RED, YELLOW, Screen
from conformance.text import on_one_line

_MOST = 20
_EFFECTS = ("data", "type", "message")


def summary(
    results: Results,
    stale: Iterable[str],
    undecided: Iterable[Result],
    screen: Screen,
    again: Callable[[str], str],
) -> Iterator[str]:
    """Yield the lines of a summary, and last the failure to fix first.

    Args:
        results: Those of the run.
        stale: Known failures that are none any more.
        undecided: What makes the run incomplete.
        screen: Where the lines are shown.
        again: Gives the command that plays a failure on a backend again, but for its name.
    """
    yield from _titled(screen.paint("accepted", BOLD), _accepted(results))
    yield from _titled(screen.paint("known failures that are none any more; take them out of the file", RED), stale)
    reasons = Counter(map(_why, undecided))
    gaps = [f"{number} {'test' if number == 1 else 'tests'}: {why}" for why, number in reasons.most_common()]
    yield from _titled(screen.paint("incomplete: some applicable requirements were not decided", YELLOW), gaps)

    broken = _broken(results)
    for about, level in product(results.backends, Level):
        here = [result for result in broken if result.backend == about.name and _level(result) is level]
        style = RED if level is Level.MUST else YELLOW
        heading = screen.paint(f"{about.name}: {len(here)} {level} broken: expected → came", style, BOLD)
        yield from _titled(heading, [_line(result, screen) for result in here])
    yield screen.paint(f"seed {results.suite.seed}; --seed N draws other scenarios", FAINT)
    if not broken and any(result.verdict == "pass" for result in results.results):
        yield screen.paint("no MUST and no SHOULD is broken", GREEN)
    elif not broken and not gaps:
        yield "nothing was decided: nothing that was selected applies"
    if len(broken) > 1 and broken[0].failure:
        failure, number = broken[0].failure, _number(broken[0])
        others = [other for other in failure.requirements if other != number]
        first = failure.model_copy(update={"requirements": (number, *others)})
        yield from ("", screen.paint("Fix this first:", RED, BOLD))
        yield from block(first, screen, again(broken[0].backend))


def _broken(results: Results) -> list[Result]:
    """Return a result for each failure and each requirement that is broken, the worst first, and the nearest."""
    counted = [result for result in results.results if result.failure and _counts(result)]
    found: list[Result] = []
    seen: set[tuple[str, str]] = set()
    for result in sorted(counted, key=_badness):
        name = result.failure.name if result.failure else ""
        places = {(name, result.backend), (_number(result), result.backend)}
        if seen.isdisjoint(places):
            found.append(result)
        seen |= places
    return found


def _counts(result: Result) -> bool:
    return result.expected is None or result.expected.kind == "should"


def _badness(result: Result) -> tuple[bool, bool, int, bool, int]:
    size, effect = 0, 0
    if result.failure:
        size, effect = len(result.failure.script), _EFFECTS.index(result.failure.effect)
    return not result.is_failure, not result.is_nearest, effect, size == 0, size


def _number(result: Result) -> str:
    """The requirement that a result is listed under: of a case the first MUST."""
    musts = [number for number in result.requirements if REQUIREMENTS[number].level is Level.MUST]
    return [*musts, *result.requirements][0]


def _level(result: Result) -> Level:
    return REQUIREMENTS[_number(result)].level


def _line(result: Result, screen: Screen) -> str:
    failure = result.failure
    label = f"{_number(result):<9}{failure.name if failure else '':<12}  "
    return screen.brief(label, failure.expected if failure else "", failure.came if failure else "")


def _titled(title: str, lines: Iterable[str]) -> Iterator[str]:
    """Yield a title and different lines, as many as one reads, and how many are left; nothing without a line."""
    different = [*dict.fromkeys(lines)]
    if different:
        yield title
        yield from (f"  {line}" for line in different[:_MOST])
    if len(different) > _MOST:
        yield f"  … and {len(different) - _MOST} more, which the results file names"


def _accepted(results: Results) -> Iterator[str]:
    for result in results.results:
        expected = result.expected
        if expected and expected.kind != "should":
            place = "" if result.hooks else f"{result.test} [{result.backend}]: "
            yield f"{place}{expected.reason} {expected.link}".strip()


def _why(result: Result) -> str:
    if result.hooks and "adapter" not in result.hooks:  # of an adapter the reason says what to do
        return f"the harness has no hook {', '.join(result.hooks)}"
    return on_one_line(f"{result.verdict}: {result.reason}")
