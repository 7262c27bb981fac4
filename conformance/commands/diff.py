"""`conformance diff`: two runs, two stores of one run, or two comparisons, side by side."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from conformance.files import CommandFailedError, read_file
from conformance.results.document import Result, read
from conformance.text import cut, on_one_line

DESCRIPTION = "Show what came out differently in two results files, or on two backends of one file."
EPILOG = """\
examples:
  conformance diff before.json after.json
  conformance diff results.json --backend memory --backend embedded
  conformance diff before.json after.json --markdown >> "$GITHUB_STEP_SUMMARY"

The files are those of `conformance run --json`, or of `conformance compare --json`.

exit status:
  0  every test that applies to both sides has the same verdict on both
  1  some test does not
  2  wrong usage, or a file is no results file"""
_LONGEST = 200
_COMPARISON = "compare"
"""Stands for the pair of stores in a file that `conformance compare` wrote."""
_UNFOUND = "not there"
_MARKDOWN = str.maketrans({character: f"&#{ord(character)};" for character in "\\`*[]<>|@&~#"})


@dataclass(frozen=True)
class Side:
    """What came of a test on one side."""

    verdict: str = _UNFOUND
    reason: str = ""


@dataclass(frozen=True)
class Row:
    """A test, and what came of it on both sides."""

    test: str
    before: Side
    after: Side

    @property
    def differs(self) -> bool:
        """Whether it applies to both sides, with different verdicts."""
        verdicts = {self.before.verdict, self.after.verdict}
        return len(verdicts) > 1 and "not-applicable" not in verdicts

    @property
    def cells(self) -> list[str]:
        """The test, both verdicts, and why the last that did not pass did not."""
        reason = cut(self.after.reason or self.before.reason, _LONGEST)
        shown = self.test, self.before.verdict, self.after.verdict, reason
        return [*map(on_one_line, shown)]


Sides = Mapping[str, Mapping[str, Side]]
"""By backend the tests of a file."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("before", metavar="A.json", type=Path, help="what --json of `run` or `compare` wrote")
    parser.add_argument("after", metavar="B.json", type=Path, nargs="?", help="another such file (default: the same)")
    parser.add_argument(
        "--backend",
        action="append",
        default=[],
        metavar="NAME",
        help="the backend to look at in both files; given twice, that of A and that of B (default: all)",
    )
    parser.add_argument("--markdown", action="store_true", help="print a summary for a pull request, in Markdown")


def main(options: argparse.Namespace) -> int:
    """Print what differs, and return the exit status."""
    before = _read(options.before)
    after = _read(options.after) if options.after else before
    status = 0
    for left, right in _pairs(options, before, after):
        titles = [left, right]
        if left == right:
            titles = [f"{options.before}, {left}", f"{options.after or options.before}, {right}"]
        titles = [*map(on_one_line, titles)]
        there, here = before.get(left, {}), after.get(right, {})
        tests = {**there, **here}
        differing = []
        for test in tests:
            row = Row(test, there.get(test, Side()), here.get(test, Side()))
            if row.differs:
                differing.append(row)
                status = 1
        differing.sort(key=lambda row: row.cells[1:3])
        _print(titles, len(tests), differing, is_markdown=options.markdown)
    return status


def _read(file: Path) -> Sides:
    """Read the results of a run, or of a comparison, whose findings are its tests."""
    content = read_file(file, json.loads, "a results file")
    if not isinstance(content, dict) or "findings" not in content:
        results = read(file)
        backends: dict[str, dict[str, Side]] = {about.name: {} for about in results.backends}
        for result in results.results:
            backends[result.backend][result.test] = _side(result)
        return backends
    sides = {}
    for finding in content["findings"]:
        name = f"{finding['operation']}: {finding['kind']} of {finding['seen']}"
        verdict = "known" if finding["reason"] else "differs"
        sides[name] = Side(verdict, "; ".join(finding["shows"]))
    return {_COMPARISON: sides}


def _side(result: Result) -> Side:
    expected = f" ({result.expected.kind})" if result.expected else ""
    reason, _, _ = result.reason.partition("\n")
    return Side(result.verdict + expected, "" if result.verdict == "pass" else reason)


def _pairs(options: argparse.Namespace, before: Sides, after: Sides) -> Iterable[tuple[str, str]]:
    """Return the backends that are compared.

    Raises:
        CommandFailedError: if they have to be named, or a name is none of a backend.
    """
    left, right = [*before], [*after]
    if not options.backend and options.after:
        if {*left}.isdisjoint(right):
            both = f"one of {left} and one of {right}"
            raise CommandFailedError(f"no backend is in both files: name {both} with --backend")
        return [(name, name) for name in {**before, **after}]
    names = options.backend or left
    if not options.backend and len(left) != 2:  # noqa: PLR2004  the two of one file
        raise CommandFailedError(f"name another file, or two backends with --backend: {', '.join(left)}")
    first, last = names[0], names[-1]
    for name, there in ((first, left), (last, right)):
        if name not in there:
            raise CommandFailedError(f"--backend: there is no {name}, only {', '.join(there)}")
    return [(first, last)]


def _print(titles: list[str], count: int, differing: list[Row], *, is_markdown: bool) -> None:
    heading = f"{' and '.join(titles)}: {count} tests, {len(differing)} differ"
    if is_markdown:
        rows = [["test", *titles, "why"], *(row.cells for row in differing)]
        lines = [_markdown(cells) for cells in rows]
        lines.insert(1, "|---|---|---|---|")
        print(f"### {heading}", "", *lines, sep="\n")
        return
    print(heading)
    for row in differing:
        test, before, after, reason = row.cells
        print(f"  {test}: {before} → {after}{': ' if reason else ''}{reason}")


def _markdown(cells: Iterable[str]) -> str:
    """A row of a table, with nothing in its cells that Markdown or HTML would take for markup."""
    return f"| {' | '.join(cell.translate(_MARKDOWN) for cell in cells)} |"
