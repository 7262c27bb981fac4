"""What pytest's terminal shows of a failure, and of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import get_args

import pytest

from conformance.results.document import Result, Results, Verdict
from conformance.spec.requirements import REQUIREMENTS
from conformance.text import cut, printable

_SUITE = Path(__file__).parents[1]
_MOST, _WIDTH = 20, 200


def summary(results: Results, stale: Iterable[str], undecided: list[Result]) -> Iterator[str]:
    """The lines of a summary. `undecided` makes the run incomplete."""
    names = [subject.name for subject in results.subjects]
    width, verdicts = max(map(len, names)), get_args(Verdict)
    yield "  ".join([" " * width, *verdicts])
    for name in names:
        count = Counter(result.verdict for result in results.results if result.subject == name)
        yield "  ".join([name.ljust(width), *(str(count[verdict]).rjust(len(verdict)) for verdict in verdicts)])
    found: dict[str, list[str]] = {"should": [], "known": [], "missing-hook": []}
    for result in results.results:
        if result.expected and (result.hooks or result.verdict == "fail"):
            why = f"{result.expected.reason} {result.expected.link}".strip()
            line = f"{result.test} [{result.subject}] ({why}): {_in_line(result.reason)}"
            found[result.expected.kind].append(why if result.hooks else line)
    yield from _listed("SHOULDs that are not kept:", found["should"])
    yield from _listed("known failures:", found["known"])
    yield from _listed("known failures that are none any more; take them out of the file:", stale)
    yield from _listed("hooks that are declared missing:", dict.fromkeys(found["missing-hook"]))
    whys = Counter(map(_why, undecided)).most_common()
    reasons = [f"{number} {'test' if number == 1 else 'tests'}: {why}" for why, number in whys]
    yield from _listed("incomplete: not all that applies was decided (exit status 6 if nothing fails)", reasons)


def _listed(title: str, found: Iterable[str]) -> Iterator[str]:
    lines = [f"  {line}" for line in found]
    if len(lines) > _MOST:
        lines[_MOST:] = [f"  … and {len(lines) - _MOST} more, which the results file names"]
    yield from [title, *lines] if lines else []


def _why(result: Result) -> str:
    if result.hooks and "adapter" not in result.hooks:  # of an adapter the reason says what to do
        return f"the harness has no hook {', '.join(result.hooks)}"
    return f"{result.verdict}: {_in_line(result.reason)}"


def failure(raised: pytest.ExceptionInfo[BaseException], doc: str, numbers: Iterable[str]) -> str:
    """What a test decides and how it failed, without the code of the suite."""
    frames: list[str] = []  # below the last one of the suite: those of the store, if the store raised
    for entry in raised.traceback:
        path = Path(entry.path)
        frames = [] if path.is_relative_to(_SUITE) else [*frames, f"  {path}:{entry.lineno + 1}: in {entry.name}"]
    requirements = (REQUIREMENTS[number] for number in numbers)
    decides = (f"{requirement.id} ({requirement.level}): {requirement.text}" for requirement in requirements)
    words = f"{type(raised.value).__name__}: {words_of(raised.value)}"
    return "\n".join([doc, *decides, "", words.removeprefix("AssertionError: "), *frames])


def words_of(fault: BaseException) -> str:
    """The message of an exception, or why there is none."""
    try:
        return printable(str(fault))
    except Exception as another:  # noqa: BLE001  a store may raise anything, also in `__str__`
        return f"its text cannot be had: {type(another).__name__}"


def _in_line(text: str) -> str:
    """The text on one line, without control characters."""
    line = " ".join(text.split())
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in cut(line, _WIDTH))
