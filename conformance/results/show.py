"""The text of a failure, for a terminal, or for a file."""

from __future__ import annotations

import shlex
import traceback
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from conformance.results.document import Failure
from conformance.tasks.spec.requirements import REQUIREMENTS
from conformance.terminal import BOLD, FAINT, Screen
from conformance.text import cut, on_one_line, printable

_PLAIN = Screen()
_LONGEST = 400
_MOST_LINES = 60
_MOST_OTHERS = 5


def failed(
    doc: str, failures: Sequence[Failure], reason: str, screen: Screen = _PLAIN, again: str = ""
) -> Iterator[str]:
    """Yield the failures of a test: the first of each requirement in full. Without any there is a reason."""
    if not failures:
        yield from (doc, "", reason)
    nearest = sorted(failures, key=lambda failure: _nearest(failures, failure))
    for place, (_, alike) in enumerate(groupby(nearest, key=lambda failure: failure.requirements[0])):
        first, *others = alike
        if place:
            yield ""
        if not first.script:
            yield from screen.wrap(doc)
        yield from block(first, screen, again)
        for other in others[:_MOST_OTHERS]:
            yield screen.brief(f"  also {other.name}: ", other.expected, other.came)
        if len(others) > _MOST_OTHERS:
            yield f"  and {len(others) - _MOST_OTHERS} more of {first.requirements[0]}"


def _nearest(failures: Sequence[Failure], failure: Failure) -> int:
    """The place of the first failure of the same requirement."""
    return [other.requirements[0] for other in failures].index(failure.requirements[0])


def block(failure: Failure, screen: Screen = _PLAIN, again: str = "") -> Iterator[str]:
    """Yield a failure in full: the sentence that is broken, how to see it, what came, and how to play it again."""
    first, *others = failure.requirements
    more = f"; also {', '.join(others)}" if others and failure.script else ""
    yield screen.paint(f"{first} ({REQUIREMENTS[first].level}{more}): {failure.name}", BOLD)
    yield from screen.wrap(REQUIREMENTS[first].text)
    if not failure.script:  # a case decides all of its requirements
        for number in others:
            yield from screen.wrap(f"{number} ({REQUIREMENTS[number].level}): {REQUIREMENTS[number].text}")
    yield from _script(failure.script)
    if failure.expected:
        yield from screen.compare(failure.expected, failure.came)
    else:
        yield from (f"  {on_one_line(line)}" for line in failure.came.splitlines())
    if failure.place:
        yield f"  at       {on_one_line(failure.place)}"
    if failure.times > 1:
        yield screen.paint(f"  The same shows in {failure.times - 1} more scenarios.", FAINT)
    if again:
        yield f"  again    {screen.paint(f'{again} {shlex.quote(failure.name)}', BOLD)}"


def _script(script: Sequence[str]) -> Iterator[str]:
    lines = [f"    {cut(line, _LONGEST)}" for line in script]
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES // 2 : -_MOST_LINES // 2] = [f"    …  # {len(lines) - _MOST_LINES} more lines"]
    yield from lines


def words_of(fault: BaseException) -> str:
    """The class and the message of an exception, also of one that has none to give."""
    return printable("".join(traceback.format_exception_only(fault)).strip())


def listed(lines: Iterable[str], most: int) -> Iterator[str]:
    """Yield so many different lines, and how many are left."""
    different = [*dict.fromkeys(lines)]
    yield from different[:most]
    if len(different) > most:
        yield f"  … and {len(different) - most} more, which the results file names"
