"""What pytest's terminal shows of a failure, and of a run."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias, get_args

import pytest

from conformance.case import Case
from conformance.results.document import Result, Results, Verdict
from conformance.spec.requirements import REQUIREMENTS
from conformance.text import cut, printable

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
_SUITE = Path(__file__).parents[1]
_MOST = 20
_WIDTH = 200
_Line: TypeAlias = tuple[str, dict[str, bool]]
"""A line and its colours."""


def summary(results: Results, stale: Iterable[str], undecided: list[Result]) -> Iterator[_Line]:
    """The lines of a summary. `undecided` makes the run incomplete."""
    names = [subject.name for subject in results.subjects]
    width = max(map(len, names))
    yield "  ".join([" " * width, *VERDICTS]), {}
    for name in names:
        count = Counter(result.verdict for result in results.results if result.subject == name)
        counted = [str(count[verdict]).rjust(len(verdict)) for verdict in VERDICTS]
        yield "  ".join([name.ljust(width), *counted]), {}
    for title, kind in (
        ("SHOULDs that are not kept:", "should"),
        ("known failures:", "known"),
    ):
        found = [one for one in results.results if one.verdict == "fail" and one.expected and one.expected.kind == kind]
        yield from _listed(title, [_failure(one) for one in found], {"yellow": True})
    yield from _listed("known failures that are none any more; take them out of the file:", stale, {"red": True})
    declared = {one.expected.reason for one in results.results if one.expected and one.expected.kind == "missing-hook"}
    yield from _listed("hooks that are declared missing:", sorted(declared), {})
    whys = Counter(_why(result) for result in undecided).most_common()
    reasons = [f"{number} {'test' if number == 1 else 'tests'}: {why}" for why, number in whys]
    yield from _listed("incomplete: not all that applies was decided (exit status 6 if nothing fails)", reasons, {})


def _listed(title: str, lines: Iterable[str], markup: dict[str, bool]) -> Iterator[_Line]:
    listed = list(lines)
    if listed:
        yield title, markup
    for line in listed[:_MOST]:
        yield f"  {line}", {}
    if len(listed) > _MOST:
        yield f"  … and {len(listed) - _MOST} more, which the results file names", {}


def _failure(result: Result) -> str:
    expected = result.expected
    why = f" ({expected.reason}{' ' + expected.link if expected.link else ''})" if expected else ""
    return f"{result.test} [{result.subject}]{why}: {_in_line(result.reason)}"


def _why(result: Result) -> str:
    if result.hooks and "adapter" not in result.hooks:  # of an adapter the reason says what to do
        return f"the harness has no hook {', '.join(result.hooks)}"
    return f"{result.verdict}: {_in_line(result.reason)}"


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector from running while a failure is written.

    pytest parses the source for its traceback. In Python 3.11 `ast.parse` raises SystemError if a finalizer that the
    collector calls meanwhile parses too. The traceback that asyncio logs of a task whose exception nobody took does.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def shorten(report: pytest.TestReport, call: pytest.CallInfo[None], case: Case, config: pytest.Config) -> None:
    """Show what a case decides and how it failed, without the code of the suite; `--tb=long` shows the code."""
    decides = f"{case.doc}\n{_requirements(case.requirements)}"
    fault = call.excinfo and call.excinfo.value
    longrepr: Any = report.longrepr
    if isinstance(longrepr, tuple):  # what pytest shows of a skip
        report.longrepr = str(longrepr[2])
    if call.excinfo is None or not hasattr(longrepr, "chain") or config.getoption("tbstyle") in ("long", "native"):
        report.sections.append(("what it decides", decides))
    else:
        traceback, crash, _ = longrepr.chain[-1]
        entry = traceback.reprentries[-1]
        text = "\n".join([decides, "", call.excinfo.exconly(tryshort=True), *_frames_of_the_store(call.excinfo)])
        # In the style "value" pytest writes the lines of an entry as they are.
        entry.lines, entry.style = text.splitlines(), "value"
        entry.reprfuncargs = entry.reprlocals = entry.reprfileloc = None
        traceback.reprentries, traceback.extraline = [entry], None
        longrepr.chain, longrepr.reprtraceback, longrepr.reprcrash = [(traceback, crash, None)], traceback, crash
    if calls := getattr(fault, "conformance_calls", ""):
        report.sections.append(("what was called", calls))
    if write := getattr(fault, "conformance_script", None):
        report.sections.append(("a script that plays it again without pytest", printable(write())))


def _frames_of_the_store(raised: pytest.ExceptionInfo[BaseException]) -> list[str]:
    """Name the frames below the last one of the suite: those of the store, if the store raised."""
    frames: list[str] = []
    for entry in raised.traceback:
        path = Path(entry.path)
        frames = [] if path.is_relative_to(_SUITE) else [*frames, f"  {path}:{entry.lineno + 1}: in {entry.name}"]
    return frames


def _requirements(numbers: tuple[str, ...]) -> str:
    requirements = (REQUIREMENTS[number] for number in numbers)
    return "\n".join(f"{requirement.id} ({requirement.level}): {requirement.text}" for requirement in requirements)


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
