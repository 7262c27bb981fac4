"""The end of a run: its exit status, what is accepted, what was not decided, and what to fix first."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator

import pytest

from conformance.results.document import Result
from conformance.results.plan import Plan
from conformance.results.show import block
from conformance.tasks.spec.requirements import REQUIREMENTS
from conformance.text import on_one_line

INCOMPLETE = 6
"""The exit status of a run in which nothing failed and something that applies was not decided."""
Line = tuple[str, ...]
"""A line of text, and what pytest calls its color and weight on a terminal."""
_COLORS = {"MUST": "red", "SHOULD": "yellow"}


def conclude(results: Collection[Result], plan: Plan) -> tuple[int, list[Line]]:
    """Conclude a run: its exit status if pytest takes it for a success, and its summary, last what to fix first."""
    stale = Counter(plan.stale(results))
    accepted = Counter(result.accepted for result in results if result.accepted)
    broken = [result for result in results if result.failure and not result.accepted]
    undecided = Counter[str]()
    for result in results:
        if result.is_open and (result.hook or not plan.is_partial):
            undecided[on_one_line(f"{result.verdict}: {result.reason}")] += 1
    verdicts = {result.verdict for result in results}
    is_empty = verdicts.isdisjoint(("pass", "fail")) and not plan.option.collectonly

    status: int = INCOMPLETE if undecided else pytest.ExitCode.OK
    if is_empty or stale or any(result.is_failure for result in results):
        status = pytest.ExitCode.TESTS_FAILED

    lines = [
        *_counted("accepted", accepted),
        *_counted("known failures that are none any more; take them out of the file", stale),
        *_counted("incomplete: some applicable requirements were not decided", undecided),
        *_numbered(broken),
    ]
    if not broken and "pass" in verdicts:
        lines.append(("no MUST and no SHOULD is broken", "bold", "green"))
    elif not broken and not undecided:
        lines.append(("nothing was decided: nothing that was selected applies", "bold", "red"))
    worst = min(broken, key=lambda result: (not result.is_failure, result.weight), default=None)
    is_shown_above = len(broken) == 1 and broken[0].is_failure  # pytest shows no SHOULD
    if worst and worst.failure and not is_shown_above:
        lines.append(("\nFix this first:", "bold", "red"))
        lines += zip(block(worst.failure, plan.again(worst.backend)))
    return status, lines


def _counted(title: str, texts: Counter[str]) -> Iterator[Line]:
    """Yield a title, and each text with its number; nothing without a text."""
    if texts:
        yield title, "bold"
    for text, number in texts.most_common():
        yield (f"  {number} × {text}",)


def _numbered(broken: Iterable[Result]) -> Iterator[Line]:
    """Yield for each backend and level the requirements that are broken."""
    numbers = defaultdict(set)
    for result in broken:
        for number in result.requirements:
            numbers[result.backend, REQUIREMENTS[number].level].add(number)
    for (backend, level), found in sorted(numbers.items()):
        yield f"{backend}: {len(found)} {level} broken: {', '.join(sorted(found))}", "bold", _COLORS[level]
