"""The text of a failure, for a terminal, or for a file."""

from __future__ import annotations

import shlex
import traceback
from collections.abc import Iterator, Sequence

from conformance.results.document import Failure
from conformance.tasks.spec.requirements import REQUIREMENTS
from conformance.terminal import BOLD, Screen
from conformance.text import cut, on_one_line, printable

PLAIN = Screen()
_LONGEST = 400
_MOST_LINES = 60


def failures(found: Sequence[Failure], screen: Screen = PLAIN, again: str = "") -> Iterator[str]:
    """Yield failures, the first of each requirement in full."""
    firsts: dict[str, list[Failure]] = {}
    for failure in found:
        firsts.setdefault(failure.requirements[0], []).append(failure)
    for first, *others in firsts.values():
        yield from block(first, screen, again)
        if others:
            yield f"  also     {', '.join(failure.name for failure in others)}"
        yield ""


def block(failure: Failure, screen: Screen = PLAIN, again: str = "") -> Iterator[str]:
    """Yield a failure in full: the sentences that are broken, how to see it, what came, and how to play it again."""
    first, *others = failure.requirements
    is_case = not failure.script
    more = f"; also {', '.join(others)}" if others else ""
    yield screen.paint(f"{first} ({REQUIREMENTS[first].level}{more}): {failure.name}", BOLD)
    for number in failure.requirements if is_case else [first]:
        yield from screen.wrap(REQUIREMENTS[number].text)
    if is_case:
        yield from screen.wrap(f"test     {failure.doc}")
        yield from (f"  {on_one_line(line)}" for line in failure.came.splitlines())
    else:
        lines = [f"    {cut(line, _LONGEST)}" for line in failure.script]
        if len(lines) > _MOST_LINES:
            lines[_MOST_LINES // 2 : -_MOST_LINES // 2] = [f"    …  # {len(lines) - _MOST_LINES} more lines"]
        yield from lines
        yield from screen.compare(failure.expected, failure.came)
    if failure.place:
        yield f"  at       {on_one_line(failure.place)}"
    if again:
        yield f"  again    {screen.paint(f'{again} {shlex.quote(failure.name)}', BOLD)}"


def words_of(fault: BaseException) -> str:
    """The class and the message of an exception, also of one that has none to give."""
    return printable("".join(traceback.format_exception_only(fault)).strip())
