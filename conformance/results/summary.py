"""The end of a run: what is accepted, what was not decided, and what to fix first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import TypeAlias

from conformance.results.document import Result, Results
from conformance.results.show import block
from conformance.tasks.spec.requirements import REQUIREMENTS
from conformance.text import on_one_line

Line: TypeAlias = tuple[str, ...]
"""A line of text, and what pytest calls its color and weight on a terminal."""


def summary(
    results: Results, stale: Iterable[str], undecided: Iterable[Result], again: Callable[[str], str]
) -> Iterator[Line]:
    """Yield the lines of a summary, and last the failure to fix first.

    Args:
        results: Those of the run.
        stale: Known failures that are none any more.
        undecided: What makes the run incomplete.
        again: Gives the command that plays a failure on a backend again, but for its name.
    """
    yield from _titled("accepted", _accepted(results))
    yield from _titled("known failures that are none any more; take them out of the file", stale)
    reasons = Counter(map(_why, undecided))
    gaps = [f"{number} × {why}" for why, number in reasons.most_common()]
    yield from _titled("incomplete: some applicable requirements were not decided", gaps)

    broken = [result for result in results.results if result.failure and not result.is_accepted]
    for about, level in product(results.backends, ("MUST", "SHOULD")):
        here = [number for result in broken if result.backend == about.name for number in result.requirements]
        numbers = sorted(number for number in {*here} if REQUIREMENTS[number].level == level)
        if numbers:
            color = "red" if level == "MUST" else "yellow"
            yield f"{about.name}: {len(numbers)} {level} broken: {', '.join(numbers)}", "bold", color
    if not broken and any(result.verdict == "pass" for result in results.results):
        yield "no MUST and no SHOULD is broken", "bold", "green"
    elif not broken and not gaps:
        yield "nothing was decided: nothing that was selected applies", "bold", "red"
    worst = min(broken, key=lambda result: (not result.is_failure, result.weight), default=None)
    if worst and worst.failure and len(broken) > 1:
        yield "\nFix this first:", "bold", "red"
        yield from zip(block(worst.failure, again(worst.backend)))


def _titled(title: str, lines: Iterable[str]) -> Iterator[Line]:
    """Yield a title and different lines, or nothing without a line."""
    different = [*dict.fromkeys(lines)]
    if different:
        yield title, "bold"
    for line in different:
        yield (f"  {line}",)


def _accepted(results: Results) -> Iterator[str]:
    for result in results.results:
        expected = result.expected
        if expected and result.is_accepted:
            name = result.hook or f"{result.test} [{result.backend}]"
            yield f"{name}: {expected.reason} {expected.link}".strip()


def _why(result: Result) -> str:
    if result.hook and result.hook != "adapter":  # of an adapter the reason says what to do
        return f"the harness has no hook {result.hook}"
    return on_one_line(f"{result.verdict}: {result.reason}")
