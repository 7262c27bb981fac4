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
    level = REQUIREMENTS[first].level
    also = f"; also {', '.join(others)}" if others else ""
    yield screen.paint(f"{first} ({level}{also}): {failure.name}", BOLD)
    yield from screen.wrap(REQUIREMENTS[first].text)
    if failure.script:
        yield from _script(failure.script)
        yield from screen.compare(failure.expected, failure.came)
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


def _script(script: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a script, without the middle if there are very many."""
    half, left_out = _MOST_LINES // 2, len(script) - _MOST_LINES
    for place, line in enumerate(script):
        if left_out > 0 and place == half:
            yield f"    …  # {left_out} more lines"
        if left_out <= 0 or not half <= place < half + left_out:
            yield f"    {cut(line, _LONGEST)}"


def words_of(fault: BaseException) -> str:
    """The class and the message of an exception, also of one that has none to give."""
    return printable("".join(traceback.format_exception_only(fault)).strip())
