"""`conformance diff`: two runs, or two subjects of one run, side by side."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from conformance.commands.options import CommandFailedError
from conformance.results.document import Result, Results, read
from conformance.text import cut

DESCRIPTION = "Show what came out differently in two results files, or on two subjects of one file."
EPILOG = """\
examples:
  conformance diff before.json after.json
  conformance diff results.json --subject memory --subject embedded
  conformance diff before.json after.json --markdown >> "$GITHUB_STEP_SUMMARY"

exit status:
  0  every test has the same verdict on both sides; a failure may have another reason
  1  some test does not
  2  wrong usage, or a file is no results file"""
_ABSENT = "not there"
_FAILING = ("fail", "harness-error")
_NOTHING_FOUND = ("not-applicable", "not-run")
_IDS = re.compile(r"[0-9a-f-]{8,}")
"""What differs in the reasons of two subjects even if the same was found."""
_NUMBERS = re.compile(r"[0-9a-f-]{8,}|[0-9]+")
"""The same for two runs whose values were drawn with different seeds."""
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


@dataclass(frozen=True)
class Change:
    """A test on two sides. A side is None where there is no such test."""

    test: str
    one: Result | None
    other: Result | None
    varying: re.Pattern[str]
    """What may differ in their reasons."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """The first line of each side's reason, cut short."""
        lines = [side.reason.partition("\n")[0] for side in (self.one, self.other) if side is not None]
        return tuple(cut(line, _LONGEST) for line in lines)

    @property
    def verdicts(self) -> tuple[str, str]:
        """What it came out as on both sides."""
        return _verdict(self.one), _verdict(self.other)

    @property
    def is_about_nothing(self) -> bool:
        """Whether it was not applicable, or did not run, on both sides."""
        return all(side is not None and side.verdict in _NOTHING_FOUND for side in (self.one, self.other))

    @property
    def kind(self) -> str:
        """What kind of change it is, as a key of `TITLES`; `` for none."""
        if self.verdicts[0] == self.verdicts[1]:
            is_failure = self.one is not None and self.one.verdict in _FAILING
            return "reason" if is_failure and len({self.varying.sub("", one) for one in self.reasons}) > 1 else ""
        if self.one is None or self.other is None:
            return "only-other" if self.one is None else "only-one"
        before, after = self.one.verdict in _FAILING, self.other.verdict in _FAILING
        if before != after and "pass" in (self.one.verdict, self.other.verdict):
            return "fails" if after else "passes"
        return "otherwise"


TITLES = {
    "fails": "passes in {one}, fails in {other}",
    "passes": "fails in {one}, passes in {other}",
    "otherwise": "another verdict",
    "reason": "fails in both, for another reason",
    "only-other": "only in {other}",
    "only-one": "only in {one}",
}


@dataclass(frozen=True)
class Comparison:
    """Two subjects, test by test."""

    one: str
    other: str
    tests: int
    changes: tuple[Change, ...]

    @property
    def differing(self) -> int:
        """How many tests have another verdict."""
        return sum(change.kind != "reason" for change in self.changes)

    def groups(self) -> Iterator[tuple[str, list[Change]]]:
        """The changes of each kind that there are, under their title."""
        for kind, title in TITLES.items():
            found = [change for change in self.changes if change.kind == kind]
            if found:
                yield title.format(one=self.one, other=self.other), found


def main(options: argparse.Namespace) -> int:
    """Print what differs, and return the exit status."""
    comparisons = list(_compare(options.one, options.other or options.one, options.subject))
    print("\n\n".join(map(_as_markdown if options.markdown else _as_text, comparisons)))
    return 1 if any(comparison.differing for comparison in comparisons) else 0


def _compare(file: Path, other_file: Path, names: list[str]) -> Iterator[Comparison]:
    one, other = read(file), read(other_file)
    varying = _IDS if one.suite.seed == other.suite.seed else _NUMBERS
    for name, other_name in _pairs(one, other, names, is_same=file == other_file):
        left, right = one.on(name), other.on(other_name)
        both = [Change(test, left.get(test), right.get(test), varying) for test in dict.fromkeys([*left, *right])]
        tests = [one for one in both if not one.is_about_nothing]
        changes = tuple(one for one in tests if one.kind)
        shown = (name, other_name) if name != other_name else (f"{file}, {name}", f"{other_file}, {name}")
        yield Comparison(*shown, len(tests), changes)


def _pairs(one: Results, other: Results, names: list[str], *, is_same: bool) -> list[tuple[str, str]]:
    """Which subject is compared with which."""
    there = [[subject.name for subject in results.subjects] for results in (one, other)]
    if len(names) > 2:  # noqa: PLR2004  one for each file
        raise CommandFailedError("--subject may be given twice: for A and for B")
    if names:
        chosen = names[0], names[-1]
        for name, among in zip(chosen, there, strict=True):
            if name not in among:
                raise CommandFailedError(f"--subject: there is no {name}, only {', '.join(among)}")
        return [chosen]
    if is_same:
        if len(there[0]) == 2:  # noqa: PLR2004  the two of one file
            return [(there[0][0], there[0][1])]
        raise CommandFailedError(f"name two of its subjects with --subject: {', '.join(there[0])}")
    if len(there[0]) == len(there[1]) == 1:
        return [(there[0][0], there[1][0])]
    return [(name, name) for name in dict.fromkeys([*there[0], *there[1]])]


def _verdict(result: Result | None) -> str:
    if result is None:
        return _ABSENT
    return f"{result.verdict} ({result.expected.kind})" if result.expected else result.verdict


def _reason(change: Change) -> str:
    """Why the side that did not pass did not; both, where both fail for different reasons."""
    if change.kind == "reason":
        return " → ".join(change.reasons)
    sides = [side for side in (change.one, change.other) if side is not None]
    found = [text for side, text in zip(sides, change.reasons, strict=True) if side.verdict != "pass" and text]
    return found[-1] if found else ""


def _as_text(comparison: Comparison) -> str:
    lines = [f"{comparison.one} and {comparison.other}: {comparison.tests} tests, {comparison.differing} differ"]
    for title, changes in comparison.groups():
        lines.append(f"{title} ({len(changes)}):")
        for change in changes:
            verdicts = "" if change.kind in ("fails", "passes", "reason") else f" {' → '.join(change.verdicts)}"
            reason = _reason(change)
            lines.append(f"  {change.test}{verdicts}{': ' if reason else ''}{reason}")
    return "\n".join(lines)


def _as_markdown(comparison: Comparison) -> str:
    one, other = _plain(comparison.one), _plain(comparison.other)
    lines = [
        f"### Conformance: {one} and {other}",
        "",
        f"{comparison.differing} of {comparison.tests} tests did not come out alike.",
    ]
    for title, changes in comparison.groups():
        lines += [
            "",
            f"**{_plain(title)}** ({len(changes)})",
            "",
            f"| test | {one} | {other} | why |",
            "|---|---|---|---|",
        ]
        lines += [_row([change.test, *change.verdicts, _reason(change)]) for change in changes]
    return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(map(_plain, cells))} |"


def _plain(text: str) -> str:
    """The text with nothing that Markdown or HTML would take for markup."""
    return " ".join(text.split()).translate(_MARKDOWN)
