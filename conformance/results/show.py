"""The text of a failure."""

import shlex
import textwrap
from collections.abc import Iterator

from conformance.results.document import Failure
from conformance.tasks.spec.requirements import REQUIREMENTS
from conformance.text import cut, on_one_line

_LONGEST = 400
_LONGEST_VALUE = 1_000
_WIDTH = 80
_MOST_LINES = 12
"""Lines of a script that are shown at its beginning, and at its end. A program of `--scripts` has all."""


def block(failure: Failure, again: str = "") -> Iterator[str]:
    """Yield a failure in full: the sentences that are broken, how to see it, what came, and how to play it again."""
    first, *others = failure.requirements
    also = f"; also {', '.join(others)}" if others else ""
    yield f"{first} ({REQUIREMENTS[first].level}{also}): {failure.name}"
    yield from wrapped("  ", REQUIREMENTS[first].text)
    if failure.script:
        script = [f"    {cut(line, _LONGEST)}" for line in failure.script]
        if left_out := script[_MOST_LINES:-_MOST_LINES]:
            script[_MOST_LINES:-_MOST_LINES] = [f"    # … and {len(left_out)} lines more"]
        yield from script
        expected, came = failure.values
        yield from wrapped("  expected ", expected)
        yield from wrapped("  came     ", came)
    else:
        yield from wrapped("  test     ", failure.doc)
        for line in failure.came.splitlines():
            yield f"  {on_one_line(line)}"
    if failure.place:
        yield f"  at       {on_one_line(failure.place)}"
    if again:
        yield f"  again    {again} {shlex.quote(failure.name)}"


def wrapped(label: str, text: str) -> list[str]:
    """Return a text as lines behind a label."""
    shown, indent = on_one_line(cut(text, _LONGEST_VALUE)), " " * len(label)
    return textwrap.wrap(shown, _WIDTH, initial_indent=label, subsequent_indent=indent, break_on_hyphens=False)
