"""The end of a run: its exit status, what is accepted, what was not decided, and what to fix first."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import TypeAlias

import pytest

from conformance.results import known
from conformance.results.document import Result
from conformance.results.plan import Plan
from conformance.results.show import block
from conformance.tasks.spec.requirements import REQUIREMENTS
from conformance.text import on_one_line

INCOMPLETE = 6
"""The exit status of a run in which nothing failed and something that applies was not decided."""
Line: TypeAlias = tuple[str, ...]
"""A line of text, and what pytest calls its color and weight on a terminal."""
_COLORS = {"MUST": "red", "SHOULD": "yellow"}


def conclude(results: Collection[Result], plan: Plan) -> tuple[int, list[Line]]:
    """Conclude a run: its exit status if pytest takes it for a success, and its summary, last what to fix first."""
    is_partial = plan.option.conformance_partial or plan.only
    is_whole = not is_partial and plan.option.conformance_depth != "smoke"
    stale = dict(known.stale(plan.known, results, is_whole=is_whole))
    undecided = Counter[str]()
    broken = []
    numbers = defaultdict(set)
    for result in results:
        if result.is_open and (result.hook or not is_partial):
            undecided[on_one_line(f"{result.verdict}: {result.reason}")] += 1
        if result.failure and not result.is_accepted:
            broken.append(result)
            for number in result.requirements:
                numbers[result.backend, REQUIREMENTS[number].level].add(number)
    verdicts = {result.verdict for result in results}
    is_empty = verdicts.isdisjoint(("pass", "fail")) and not plan.option.collectonly

    status: int = INCOMPLETE if undecided else pytest.ExitCode.OK
    if is_empty or any(stale.values()) or any(result.is_failure for result in results):
        status = pytest.ExitCode.TESTS_FAILED

    gaps = [f"{number} × {reason}" for reason, number in undecided.most_common()]
    lines = [
        *_titled("accepted", _accepted(results)),
        *_titled("known failures that are none any more; take them out of the file", stale),
        *_titled("incomplete: some applicable requirements were not decided", gaps),
    ]
    for (backend, level), found in sorted(numbers.items()):
        lines.append((f"{backend}: {len(found)} {level} broken: {', '.join(sorted(found))}", "bold", _COLORS[level]))
    if not broken and "pass" in verdicts:
        lines.append(("no MUST and no SHOULD is broken", "bold", "green"))
    elif not broken and not gaps:
        lines.append(("nothing was decided: nothing that was selected applies", "bold", "red"))
    worst = min(broken, key=lambda result: (not result.is_failure, result.weight), default=None)
    if worst and worst.failure and len(broken) > 1:
        lines.append(("\nFix this first:", "bold", "red"))
        lines += zip(block(worst.failure, plan.again(worst.backend)))
    return status, lines


def _titled(title: str, lines: Iterable[str]) -> Iterator[Line]:
    """Yield a title and different lines, or nothing without a line."""
    different = dict.fromkeys(lines)
    if different:
        yield title, "bold"
    yield from zip(f"  {line}" for line in different)


def _accepted(results: Iterable[Result]) -> Iterator[str]:
    for result in results:
        expected = result.expected
        if expected and result.is_accepted:
            name = result.hook or f"{result.test} [{result.backend}]"
            yield f"{name}: {expected.reason} {expected.link}".strip()
