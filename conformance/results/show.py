"""The text of a failure, for a terminal, or for a file."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from conformance.results.document import Failure, Result
from conformance.tasks.spec.requirements import REQUIREMENTS
from conformance.terminal import BOLD, Screen
from conformance.text import cut, on_one_line

_PLAIN = Screen()
_LONGEST = 400
_MOST_LINES = 60


def firsts(results: Iterable[Result]) -> dict[str, Failure]:
    """Return the failure that shows best that a requirement is broken, by the requirement that it breaks first."""
    found: dict[str, Failure] = {}
    for result in sorted(results, key=lambda result: not result.is_nearest):
        if result.failure:
            found.setdefault(result.failure.requirements[0], result.failure)
    return found


def block(failure: Failure, screen: Screen = _PLAIN, again: str = "") -> Iterator[str]:
    """Yield a failure in full: the sentences that are broken, how to see it, what came, and how to play it again."""
    first, *others = failure.requirements
    also = f"; also {', '.join(others)}" if others else ""
    yield screen.paint(f"{first} ({REQUIREMENTS[first].level}{also}): {failure.name}", BOLD)
    yield from screen.wrap(REQUIREMENTS[first].text)
    if failure.script:
        if len(failure.script) > _MOST_LINES:
            yield f"    …  # {len(failure.script) - _MOST_LINES} lines before"
        for line in failure.script[-_MOST_LINES:]:
            yield f"    {cut(line, _LONGEST)}"
        yield from screen.wrap(failure.expected, "  expected ")
        yield from screen.wrap(failure.came, "  came     ")
    else:
        for number in others:
            yield from screen.wrap(REQUIREMENTS[number].text)
        yield from screen.wrap(f"test     {failure.doc}")
        for line in failure.came.splitlines():
            yield f"  {on_one_line(line)}"
    if failure.place:
        yield f"  at       {on_one_line(failure.place)}"
    if again:
        command = f"{again} {shlex.quote(failure.name)}"
        yield f"  again    {screen.paint(command, BOLD)}"
