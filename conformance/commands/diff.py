"""`conformance diff`: two runs, two stores of one run, or two comparisons, side by side."""

import argparse
from collections import defaultdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter

from conformance.compare.report import Line
from conformance.files import CommandFailedError, read_file
from conformance.results.document import Results
from conformance.results.show import wrapped
from conformance.text import on_one_line

DESCRIPTION = "Show what came out differently in two results files, or on the first backend of one file and each other."
EPILOG = """\
examples:
  conformance diff before.json after.json
  conformance diff results.json

The files are those of `conformance run --json`, or of `conformance compare --json`.

exit status:
  0  every test that applies to both sides has the same verdict on both
  1  some test does not
  2  wrong usage, or a file is no results file"""
OPTIONS = {
    "before": {"metavar": "A.json", "type": Path, "help": "what --json of `run` or `compare` wrote"},
    "after": {"metavar": "B.json", "type": Path, "nargs": "?", "help": "another such file"},
}
_UNFOUND = ("not there", "")

Side = dict[str, tuple[str, str]]
"""By test, or line of a comparison, its verdict and why."""


class _Comparison(BaseModel):
    """The part of a comparison's report that is read here."""

    every_line: list[Line]


_FORM: Any = TypeAdapter(Results | _Comparison)


def main(options: argparse.Namespace) -> int:
    """Print what differs, and return the exit status.

    Raises:
        CommandFailedError: if there is nothing to compare with.
    """
    before = _read(options.before)
    if options.after:
        after = _read(options.after)
        pairs = {name: (before[name], after[name]) for name in [*before, *after]}
    else:
        first, *others = before or [""]
        pairs = {f"{first} and {other}": (before[first], before[other]) for other in others}
    if not pairs:
        raise CommandFailedError(f"{options.before} is about one backend: name another file")
    differ = [_show(title, *pair) for title, pair in pairs.items()]
    return max(differ)


def _show(title: str, left: Side, right: Side) -> bool:
    """Print what differs, and return whether anything does."""
    every = left | right
    lines = []
    differ = 0
    for test in every:
        before, reason = left.get(test, _UNFOUND)
        after, why = right.get(test, _UNFOUND)
        if before != after and "not-applicable" not in (before, after):
            differ += 1
            lines.extend(wrapped("  ", f"{test}: {before} → {after}"))
            lines.extend(wrapped("      ", why or reason))
    print(on_one_line(f"{title}: {differ} of {len(every)} differ"), *lines, sep="\n")
    return differ > 0


def _read(file: Path) -> defaultdict[str, Side]:
    """Read by backend the results of a run, or the lines of a comparison."""
    found = read_file(file, _FORM.validate_json, "a results file")
    sides = defaultdict[str, Side](dict)
    if isinstance(found, _Comparison):
        for line in found.every_line:
            sides["compare"][line.text] = "known" if line.reason else "differs", line.reason
        return sides
    for result in found.results:
        verdict = result.verdict
        why, _, _ = result.reason.partition("\n")
        if result.failure:
            why = f"{result.failure.name}: {result.failure.difference}"
        kind = " (known)" if result.accepted else ""
        sides[result.backend][result.test] = f"{verdict}{kind}", "" if verdict == "pass" else why
    return sides
