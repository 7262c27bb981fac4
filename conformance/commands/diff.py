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
        reason = self.after.reason or self.before.reason
        shown = [self.test, self.before.verdict, self.after.verdict, cut(reason.partition("\n")[0], _LONGEST)]
        return [on_one_line(text) for text in shown]


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
        rows = []
        for test in {**before.get(left, {}), **after.get(right, {})}:
            there, here = before.get(left, {}).get(test, Side()), after.get(right, {}).get(test, Side())
            rows.append(Row(test, there, here))
        differing = sorted((row for row in rows if row.differs), key=lambda row: row.cells[1:3])
        _print([on_one_line(title) for title in titles], len(rows), differing, is_markdown=options.markdown)
        status |= bool(differing)
    return status


def _read(file: Path) -> Sides:
    """Read the results of a run, or of a comparison, whose findings are its tests."""
    content = read_file(file, json.loads, "a results file")
    if not isinstance(content, dict) or "findings" not in content:
        results = read(file)
        return {
            about.name: {test: _side(result) for test, result in results.on(about.name).items()}
            for about in results.backends
        }
    sides = {}
    for finding in content["findings"]:
        places = "; ".join(finding["shows"])
        verdict = "known" if finding["reason"] else "differs"
        sides[f"{finding['operation']}: {finding['kind']} of {finding['seen']}"] = Side(verdict, places)
    return {_COMPARISON: sides}


def _side(result: Result) -> Side:
    expected = f" ({result.expected.kind})" if result.expected else ""
    return Side(result.verdict + expected, result.reason if result.verdict != "pass" else "")


def _pairs(options: argparse.Namespace, before: Sides, after: Sides) -> Iterable[tuple[str, str]]:
    """Return the backends that are compared.

    Raises:
        CommandFailedError: if they have to be named, or a name is none of a backend.
    """
    left, right = [*before], [*after]
    if not options.backend and options.after:
        if {*left}.isdisjoint(right):
            raise CommandFailedError(
                f"no backend is in both files: name one of {left} and one of {right} with --backend"
            )
        return [(name, name) for name in {**before, **after}]
    names = options.backend or left
    if not options.backend and len(left) != 2:  # noqa: PLR2004  the two of one file
        raise CommandFailedError(f"name another file, or two backends with --backend: {', '.join(left)}")
    if unknown := {names[0]} - {*left} | {names[-1]} - {*right}:
        raise CommandFailedError(f"--backend: there is no {', '.join(unknown)}, only {', '.join(left)}")
    return [(names[0], names[-1])]


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
