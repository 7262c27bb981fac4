"""Texts of a failure, and of a run, for pytest's terminal."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import get_args

import pytest

from conformance.results.document import Result, Results, Verdict
from conformance.tasks.spec.requirements import REQUIREMENTS
from conformance.text import cut, in_columns, printable

_SUITE = Path(__file__).parents[1]
_MOST, _WIDTH = 20, 200
_TITLES = {
    "should": "SHOULDs that are not kept:",
    "known": "known failures:",
    "stale": "known failures that are none any more; take them out of the file:",
    "missing-hook": "hooks that are declared missing:",
    "open": "incomplete: some applicable requirements were not decided (exit status 6 if nothing fails)",
}


def summary(results: Results, stale: Iterable[str], undecided: Iterable[Result]) -> Iterator[str]:
    """The lines of a summary. `undecided` makes the run incomplete."""
    rows = [["", *get_args(Verdict)]]
    for backend in results.backends:
        count = Counter(result.verdict for result in results.on(backend.name).values())
        rows.append([backend.name, *(str(count[verdict]) for verdict in get_args(Verdict))])
    yield from in_columns(rows)
    if not any(result.verdict in ("pass", "fail") for result in results.results):
        yield "nothing was decided: nothing that was selected applies"
    found: dict[str, dict[str, None]] = {kind: {} for kind in _TITLES}
    for result in results.results:
        if result.expected:
            why = f"{result.expected.reason} {result.expected.link}".strip()
            line = why if result.hooks else f"{result.test} [{result.backend}] ({why}): {_in_line(result.reason)}"
            found[result.expected.kind][line] = None
    found["stale"] = dict.fromkeys(stale)
    for why, number in Counter(map(_why, undecided)).most_common():
        found["open"][f"{number} {'test' if number == 1 else 'tests'}: {why}"] = None
    for kind, lines in found.items():
        if lines:
            left = [f"… and {len(lines) - _MOST} more, which the results file names"] if len(lines) > _MOST else []
            yield from (_TITLES[kind], *(f"  {line}" for line in [*[*lines][:_MOST], *left]))
    yield f"seed {results.suite.seed}; --conformance-seed N draws other scenarios"


def _why(result: Result) -> str:
    if result.hooks and "adapter" not in result.hooks:  # of an adapter the reason says what to do
        return f"the harness has no hook {', '.join(result.hooks)}"
    return f"{result.verdict}: {_in_line(result.reason)}"


def _in_line(text: str) -> str:
    return cut(" ".join(text.split()), _WIDTH)


def failure(raised: pytest.ExceptionInfo[BaseException], doc: str, numbers: Iterable[str]) -> str:
    """Return what a test decides and how it failed, without the code of the suite."""
    frames: list[str] = []  # below the last one of the suite: those of the store, if the store raised
    for entry in raised.traceback:
        path = Path(entry.path)
        frames = [] if path.is_relative_to(_SUITE) else [*frames, f"  {path}:{entry.lineno + 1}: in {entry.name}"]
    requirements = (REQUIREMENTS[number] for number in numbers)
    decides = (f"{requirement.id} ({requirement.level}): {requirement.text}" for requirement in requirements)
    return "\n".join([doc, *decides, "", words_of(raised.value).removeprefix("AssertionError: "), *frames])


def words_of(fault: BaseException) -> str:
    """The class and the message of an exception, also of one that has none to give."""
    return printable("".join(traceback.format_exception_only(fault)).strip())
