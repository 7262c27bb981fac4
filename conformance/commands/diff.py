"""`conformance diff`: two runs, two stores of one run, or two comparisons, side by side."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TypeAlias

from conformance.files import CommandFailedError, read_file
from conformance.results.document import read
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
_UNFOUND = ("not there", "")
_MARKDOWN = str.maketrans({character: f"&#{ord(character)};" for character in "\\`*[]<>|@&~#"})

Side: TypeAlias = dict[str, tuple[str, str]]
"""By test, or difference of a comparison, its verdict and why."""


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
    """Print what differs, and return the exit status.

    Raises:
        CommandFailedError: if backends have to be named, or a name is none of a backend.
    """
    before, after = _read(options.before), _read(options.after or options.before)
    pairs = [(name, name) for name in {**before, **after}]
    if options.backend or not options.after:
        names = options.backend or [*before]
        pairs = [(names[0], names[-1])]
        is_clear = options.backend or len(names) == 2  # noqa: PLR2004  those of one file
        if not is_clear or names[0] not in before or names[-1] not in after:
            raise CommandFailedError(f"name two backends with --backend, of {[*before]} and {[*after]}")
    status = 0
    for left, right in pairs:
        there, here = before.get(left, {}), after.get(right, {})
        tests = {**there, **here}
        lines = []
        for test in tests:
            (verdict, why), (other, reason) = there.get(test, _UNFOUND), here.get(test, _UNFOUND)
            if verdict != other and "not-applicable" not in (verdict, other):
                end = f": {cut(reason or why, _LONGEST)}" if reason or why else ""
                lines.append(f"{test}: {verdict} → {other}{end}")
                status = 1
        names = left if left == right else f"{left} and {right}"
        heading = f"{names}: {len(tests)} tests, {len(lines)} differ"
        begin, indent, escapes = ("### ", "* ", _MARKDOWN) if options.markdown else ("", "  ", {})
        for line in [heading, *lines]:
            print((begin if line is heading else indent) + on_one_line(line).translate(escapes))
    return status


def _read(file: Path) -> dict[str, Side]:
    """Read by backend the results of a run, or the findings of a comparison."""
    content = read_file(file, json.loads, "a results file")
    sides: dict[str, Side] = {}
    if isinstance(content, dict) and "findings" in content:
        side = sides.setdefault("compare", {})
        for finding in content["findings"]:
            name = f"{finding['operation']}: {finding['kind']} of {finding['seen']}"
            side[name] = "known" if finding["reason"] else "differs", "; ".join(finding["shows"])
        return sides
    for result in read(file).results:
        verdict: str = result.verdict
        reason = "" if verdict == "pass" else result.reason.partition("\n")[0]
        if result.expected:
            verdict += f" ({result.expected.kind})"
        sides.setdefault(result.backend, {})[result.test] = verdict, reason
    return sides
