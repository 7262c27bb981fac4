"""`conformance diff`: two runs, or two subjects of one run, side by side."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from conformance.files import CommandFailedError
from conformance.results.document import Result, Results, read
from conformance.text import cut

DESCRIPTION = "Show what came out differently in two results files, or on two subjects of one file."
EPILOG = """\
examples:
  conformance diff before.json after.json
  conformance diff results.json --subject memory --subject embedded
  conformance diff before.json after.json --markdown >> "$GITHUB_STEP_SUMMARY"

exit status:
  0  every test has the same verdict on both sides
  1  some test does not
  2  wrong usage, or a file is no results file"""
_LONGEST = 200
_MARKDOWN = str.maketrans({character: f"&#{ord(character)};" for character in "\\`*[]<>|@&~#"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("one", metavar="A.json", type=Path, help="what --json of `conformance run` wrote")
    parser.add_argument("other", metavar="B.json", type=Path, nargs="?", help="another such file (default: the same)")
    parser.add_argument(
        "--subject",
        action="append",
        default=[],
        metavar="NAME",
        help="the subject to look at in both files; given twice, that of A and that of B (default: all)",
    )
    parser.add_argument("--markdown", action="store_true", help="print a summary for a pull request, in Markdown")


def main(options: argparse.Namespace) -> int:
    """Print what differs, and return the exit status."""
    files = options.one, options.other or options.one
    one, other = map(read, files)
    status = 0
    for pair in _pairs(one, other, options.subject, is_same=options.other is None):
        titles = list(pair) if pair[0] != pair[1] else [f"{file}, {pair[0]}" for file in files]
        before, after = one.on(pair[0]), other.on(pair[1])
        tests = list(dict.fromkeys([*before, *after]))
        rows = [[test, *_verdicts(before.get(test), after.get(test))] for test in tests]
        differing = sorted((row for row in rows if row[1] != row[2]), key=lambda row: row[1:3])
        print(f"{'### ' * options.markdown}{' and '.join(titles)}: {len(tests)} tests, {len(differing)} differ")
        if options.markdown:
            print("", _row(["test", *titles, "why"]), "|---|---|---|---|", *map(_row, differing), sep="\n")
        else:
            for test, left, right, reason in differing:
                print(f"  {test}: {left} → {right}{': ' if reason else ''}{reason}")
        status |= bool(differing)
    return status


def _verdicts(*sides: Result | None) -> Iterable[str]:
    """What a test came out as on both sides, and why the last that did not pass did not."""
    reason = ""
    for side in sides:
        if side is not None and side.verdict != "pass":
            reason = cut(side.reason.partition("\n")[0], _LONGEST)
        expected = f" ({side.expected.kind})" if side and side.expected else ""
        yield side.verdict + expected if side else "not there"
    yield reason


def _pairs(one: Results, other: Results, names: list[str], *, is_same: bool) -> list[tuple[str, str]]:
    """Which subject is compared with which."""
    left, right = ([subject.name for subject in results.subjects] for results in (one, other))
    if names:
        for name, there in ((names[0], left), (names[-1], right)):
            if name not in there:
                raise CommandFailedError(f"--subject: there is no {name}, only {', '.join(there)}")
        return [(names[0], names[-1])]
    if is_same and len(left) != 2:  # noqa: PLR2004  the two of one file
        raise CommandFailedError(f"name two of its subjects with --subject: {', '.join(left)}")
    if is_same:
        return [(left[0], left[1])]
    if len(left) == len(right) == 1:
        return [(left[0], right[0])]
    return [(name, name) for name in dict.fromkeys([*left, *right])]


def _row(cells: Iterable[str]) -> str:
    """A row of a table, with nothing in its cells that Markdown or HTML would take for markup."""
    return f"| {' | '.join(' '.join(cell.split()).translate(_MARKDOWN) for cell in cells)} |"
