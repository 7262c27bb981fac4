"""`conformance diff`: two runs, or two backends of one run, side by side."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from conformance.files import CommandFailedError
from conformance.results.document import Result, read
from conformance.text import cut, on_one_line

DESCRIPTION = "Show what came out differently in two results files, or on two backends of one file."
EPILOG = """\
examples:
  conformance diff before.json after.json
  conformance diff results.json --backend memory --backend embedded
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
        "--backend",
        action="append",
        default=[],
        metavar="NAME",
        help="the backend to look at in both files; given twice, that of A and that of B (default: all)",
    )
    parser.add_argument("--markdown", action="store_true", help="print a summary for a pull request, in Markdown")


def main(options: argparse.Namespace) -> int:
    """Print what differs, and return the exit status."""
    files = options.one, options.other or options.one
    one, other = map(read, files)
    left, right = ([backend.name for backend in results.backends] for results in (one, other))
    pairs = [(name, name) for name in dict.fromkeys([*left, *right])]
    if options.backend or not options.other:
        names = options.backend or left
        if not options.backend and len(left) != 2:  # noqa: PLR2004  the two of one file
            backends = on_one_line(", ".join(left))
            raise CommandFailedError(f"name another file, or two backends with --backend: {backends}")
        if unknown := {names[0]} - {*left} | {names[-1]} - {*right}:
            fault = f"there is no {', '.join(unknown)}, only {', '.join(left)}"
            raise CommandFailedError(f"--backend: {on_one_line(fault)}")
        pairs = [(names[0], names[-1])]
    elif not {*left} & {*right}:
        raise CommandFailedError(f"no backend is in both files: name one of {left} and one of {right} with --backend")
    status = 0
    for pair in pairs:
        names = pair if pair[0] != pair[1] else [f"{file}, {pair[0]}" for file in files]
        titles = [*map(on_one_line, names)]
        before, after = one.on(pair[0]), other.on(pair[1])
        rows = [_row(test, before.get(test), after.get(test)) for test in {**before, **after}]
        differing = sorted((row for row in rows if row[1] != row[2]), key=lambda row: row[1:3])
        print(f"{'### ' * options.markdown}{' and '.join(titles)}: {len(rows)} tests, {len(differing)} differ")
        if options.markdown:
            print("", _markdown(["test", *titles, "why"]), "|---|---|---|---|", *map(_markdown, differing), sep="\n")
        else:
            for test, was, came, reason in differing:
                print(f"  {test}: {was} → {came}{': ' if reason else ''}{reason}")
        status |= bool(differing)
    return status


def _row(test: str, *sides: Result | None) -> list[str]:
    """Return a test's verdicts on both sides, and why the last that did not pass did not."""
    row, reason = [test], ""
    for side in sides:
        if side and side.verdict != "pass":
            reason = side.reason.partition("\n")[0]
        expected = f" ({side.expected.kind})" if side and side.expected else ""
        row.append(side.verdict + expected if side else "not there")
    return [*map(on_one_line, row), on_one_line(cut(reason, _LONGEST))]


def _markdown(cells: Iterable[str]) -> str:
    """A row of a table, with nothing in its cells that Markdown or HTML would take for markup."""
    return f"| {' | '.join(cell.translate(_MARKDOWN) for cell in cells)} |"
