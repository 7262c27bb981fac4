"""The end of a run: its exit status, what is accepted, what was not decided, and what to fix first."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import TypeAlias

import pytest

from conformance.results import known
from conformance.results.document import Result, Results
from conformance.results.plan import Plan
from conformance.results.show import block
from conformance.tasks.spec.requirements import REQUIREMENTS
from conformance.text import on_one_line

INCOMPLETE = 6
"""The exit status of a run in which nothing failed and something that applies was not decided."""
Line: TypeAlias = tuple[str, ...]
"""A line of text, and what pytest calls its color and weight on a terminal."""
_COLORS = {"MUST": "red", "SHOULD": "yellow"}


def status_of(results: Results, plan: Plan) -> int:
    """Return the exit status of a run that pytest takes for a success: it may be none."""
    verdicts = {result.verdict for result in results.results}
    is_empty = verdicts.isdisjoint(("pass", "fail")) and not plan.option.collectonly
    is_stale = any(known.stale(plan.known, results.results))
    if is_empty or is_stale or any(result.is_failure for result in results.results):
        return pytest.ExitCode.TESTS_FAILED
    return INCOMPLETE if _undecided(results, plan) else pytest.ExitCode.OK


def _undecided(results: Results, plan: Plan) -> list[Result]:
    """Return the results that make the run incomplete; of a partial run, those for which a hook is missing."""
    is_partial = plan.option.conformance_partial or plan.only
    return [result for result in results.results if result.is_open and (result.hook or not is_partial)]


def summary(results: Results, plan: Plan) -> Iterator[Line]:
    """Yield the lines of a summary, and last the failure to fix first."""
    yield from _titled("accepted", _accepted(results))
    stale = known.stale(plan.known, results.results)
    yield from _titled("known failures that are none any more; take them out of the file", stale)
    reasons = Counter(on_one_line(f"{result.verdict}: {result.reason}") for result in _undecided(results, plan))
    gaps = [f"{number} × {reason}" for reason, number in reasons.most_common()]
    yield from _titled("incomplete: some applicable requirements were not decided", gaps)

    broken = [result for result in results.results if result.failure and not result.is_accepted]
    numbers = defaultdict(set)
    for result in broken:
        for number in result.requirements:
            numbers[result.backend, REQUIREMENTS[number].level].add(number)
    for (backend, level), found in sorted(numbers.items()):
        yield f"{backend}: {len(found)} {level} broken: {', '.join(sorted(found))}", "bold", _COLORS[level]
    if not broken and any(result.verdict == "pass" for result in results.results):
        yield "no MUST and no SHOULD is broken", "bold", "green"
    elif not broken and not gaps:
        yield "nothing was decided: nothing that was selected applies", "bold", "red"
    worst = min(broken, key=lambda result: (not result.is_failure, result.weight), default=None)
    if worst and worst.failure and len(broken) > 1:
        yield "\nFix this first:", "bold", "red"
        yield from zip(block(worst.failure, plan.again(worst.backend)))


def _titled(title: str, lines: Iterable[str]) -> Iterator[Line]:
    """Yield a title and different lines, or nothing without a line."""
    different = dict.fromkeys(lines)
    if different:
        yield title, "bold"
    yield from zip(f"  {line}" for line in different)


def _accepted(results: Results) -> Iterator[str]:
    for result in results.results:
        expected = result.expected
        if expected and result.is_accepted:
            name = result.hook or f"{result.test} [{result.backend}]"
            yield f"{name}: {expected.reason} {expected.link}".strip()
