"""What a comparison found and what it did to find it, and the known differences that are accepted."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from conformance.compare.operation import WHOLE, Operation
from conformance.compare.play import Outcome
from conformance.compare.values import IncomparableError
from conformance.files import FileError, read_file, toml_of
from conformance.text import cut, in_columns

_WIDE = 100
_MOST_LINES = 4
_SHOWN = 40
_UNREASONED = "TODO"
_ORDER = ("hanging", "exception", "value", "aliasing")
"""Kinds of findings, those that lose data first."""


@dataclass
class Finding:
    """One cause of differences: the operation that it comes from, and everywhere that it shows."""

    operation: str
    kind: str
    is_loss: bool
    seen: str
    """The operation and field that show it."""
    what: str
    script: tuple[str, ...]
    shows: dict[str, set[str]] = field(default_factory=dict)
    """For each place where it shows, and what each side gives there, the classes of the values that show it."""
    known: str = ""
    """The reason why it is accepted."""

    def title(self, stores: tuple[str, str]) -> str:
        """The finding in one line."""
        first, _, second = (part.rpartition(".")[2] for part in self.what.partition(" / "))
        lost = stores[first == "a result"]
        words = {
            "hanging": f"{self.seen} does not return in {stores[second == 'no return']}",
            "exception": f"{self.seen} raises in {lost} only"
            if self.is_loss
            else f"{self.seen} raises another exception",
            "message": f"{self.seen}: both raise {first}, with other facts",
            "value": f"{self.seen} has {'nothing in one of them' if self.is_loss else 'another value'}",
            "type": f"{self.seen} is of another type",
            "order": f"{self.seen} comes in another order",
            "aliasing": "what the caller holds is still connected to what one store keeps",
            "race": "two calls at the same time come out as in neither order in one store",
            "instance": "a second instance sees something else",
            "reopening": "after reopening something else is there",
            "expiry": "after some time something else is there",
            "foreign value": "a value of another type reads as if nothing were there in one store",
            "server": "with its server away one store says that nothing is there",
        }
        return f"{self.operation}: {words[self.kind]}"

    def lines(self, stores: tuple[str, str]) -> Iterator[str]:
        """The finding with its script, and where it shows."""
        yield self.title(stores)
        yield from (f"    {line}" for line in self.script)
        yield from (f"    {line}" for line in self.places())

    def places(self) -> Iterator[str]:
        """Where it shows, in a few lines."""
        places = [
            place + (f" ({', '.join(sorted(classes))})" if classes else "")
            for place, classes in sorted(self.shows.items())
        ]
        wrapped = textwrap.wrap(f"shows in {'; '.join(places)}", _WIDE - 4)
        yield from wrapped[:_MOST_LINES]
        if len(wrapped) > _MOST_LINES:
            yield f"… {len(places)} in all: --json FILE has them"
        if self.known:
            yield f"known: {self.known}"


@dataclass
class Row:
    """The calls of one operation."""

    calls: int = 0
    results: int = 0
    """Calls that returned a result in both stores."""
    filled: int = 0
    """Results that were not None, False, zero or empty."""
    longest: int | None = None
    """The longest list in a result."""
    exceptions: dict[str, int] = field(default_factory=dict)
    incomparable: str = ""

    def count(self, one: Outcome, other: Outcome) -> None:
        """Count a call."""
        self.calls += 1
        if one.raised or other.raised:
            raised = f"{one.name} / {other.name}"
            self.exceptions[raised] = self.exceptions.get(raised, 0) + 1
        for outcome in (one, other):
            if outcome.tree.kind is IncomparableError:
                self.incomparable = str(outcome.tree.value)
        if not (one.raised or other.raised):
            self.results += 1
            lists = [
                tree
                for tree in (one.tree, *(one.tree.parts or {}).values())
                if tree.is_collection and tree.parts is not None
            ]
            self.filled += not one.tree.is_nothing
            if lists:
                self.longest = max(self.longest or 0, *(len(tree.parts or ()) for tree in lists))

    def gaps(self, operation: Operation) -> list[str]:
        """What was not exercised; the first that applies."""
        usual = max(self.exceptions, key=self.exceptions.__getitem__, default="")
        gaps = {
            "was never called": not self.calls,
            self.incomparable: bool(self.incomparable),
            f"never gave a result: {usual}": not self.results,
            "only ever gave empty results": operation.reads is not None and not self.filled,
            f"never gave a list longer than {self.longest}": operation.reads == WHOLE and self.longest in (0, 1),
        }
        return [gap for gap, is_met in gaps.items() if is_met][:1]


@dataclass
class Report:
    """What a comparison found, and what it did to find it."""

    stores: tuple[str, str]
    seed: int
    operations: dict[str, Row]
    findings: list[Finding] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    """What was tried without a result."""
    not_tried: list[str] = field(default_factory=list)
    """What was not tried, since a hook is missing."""
    declared: list[str] = field(default_factory=list)
    """Differences that the capabilities of the harnesses declare."""
    stale: list[str] = field(default_factory=list)
    """Known differences that did not show."""
    sequences: int = 0
    broken: str = ""
    """Why the search ended before its end."""

    @property
    def status(self) -> int:
        """The exit status of the command."""
        if self.broken:
            return 8
        if any(not finding.known for finding in self.findings):
            return 1
        return 6 if self.gaps or self.stale else 0

    def accept(self, known: Iterable[Known]) -> None:
        """Mark the findings that are accepted, and note the known differences that did not show."""
        for entry in known:
            alike = [one for one in self.findings if (one.operation, one.kind) == (entry.operation, entry.kind)]
            for finding in alike:
                if all(
                    classes <= set(entry.shows.get(place, ())) and place in entry.shows
                    for place, classes in finding.shows.items()
                ):
                    finding.known = entry.reason
            if not any(place in finding.shows for finding in alike for place in entry.shows):
                self.stale.append(f"{entry.operation}, {entry.kind}: no longer shows, remove it from the file")

    def shortcomings(self) -> list[str]:
        """What keeps a comparison without findings from being a pass."""
        gaps = [f"not exercised: {gap}" for gap in dict.fromkeys(self.gaps)]
        return [*([self.broken] if self.broken else []), *gaps, *(f"known: {one}" for one in self.stale)]

    def lines(self) -> Iterator[str]:
        """Everything but the scripts: where each finding shows, what was exercised, and how it ended."""
        for number, finding in enumerate(self.findings, start=1):
            yield f"{number}. {finding.title(self.stores)}"
            yield from (f"     {line}" for line in finding.places())
        yield from ("", *in_columns(self._table()), "")
        yield from self.shortcomings()
        yield from (f"not tried: {one}" for one in self.not_tried)
        yield from (f"as declared: {one}" for one in self.declared)
        yield self.summary()

    def summary(self) -> str:
        """One line that says how it ended."""
        new = sum(not finding.known for finding in self.findings)
        known = len(self.findings) - new
        told = f"{new} difference{'' if new == 1 else 's'}" + (f" and {known} known" if known else "")
        unsure = ", and not everything was exercised: this is no pass" if self.status in (6, 8) else ""
        return f"{told} between {' and '.join(self.stores)} in {self.sequences} sequences, seed {self.seed}{unsure}"

    def markdown(self) -> Iterator[str]:
        """The report for a job summary or a pull request."""
        yield from (f"### {self.summary()}", "", *(f"- {one}" for one in self.shortcomings()), "")
        for number, finding in enumerate(self.findings, start=1):
            yield from (f"{number}. **{finding.title(self.stores)}**", "", "   ```python")
            yield from (f"   {line}" for line in (*finding.script, *finding.places()))
            yield from ("   ```", "")
        heading, *rows = self._table()
        yield from (f"| {' | '.join(row)} |" for row in (heading, ["---"] * len(heading), *rows))

    def json(self) -> str:
        """The report as JSON."""
        return json.dumps(
            {"schema": "conformance-comparison/2", "status": self.status, **asdict(self)}, indent=1, default=sorted
        )

    def _table(self) -> list[list[str]]:
        """A row for each operation, below the headings."""
        table = [["operation", "calls", "results", "filled", "longest list", "exceptions"]]
        for name, row in self.operations.items():
            longest = "-" if row.longest is None else str(row.longest)
            raised = "; ".join(f"{one} {times}" for one, times in row.exceptions.items())
            table.append([name, *map(str, (row.calls, row.results, row.filled)), longest, cut(raised, _SHOWN)])
        return table


class Known(BaseModel):
    """One accepted difference. It covers a finding that shows nowhere else, and with no other classes."""

    model_config = ConfigDict(extra="forbid")

    operation: str
    kind: str
    reason: str
    shows: dict[str, list[str]]


class _File(BaseModel):
    """The content of the file."""

    model_config = ConfigDict(extra="forbid")

    known: list[Known] = []


def read_known(file: Path) -> list[Known]:
    """Read known differences; none from a file that is not there yet.

    Raises:
        FileError: if the file is not TOML of this form, or an entry has no reason.
    """
    if not file.exists():
        return []
    known = read_file(file, lambda content: _File.model_validate(toml_of(content)), "a list of known differences").known
    for entry in known:
        if entry.reason in ("", _UNREASONED):
            raise FileError(file, f"the entry of {entry.operation}, {entry.kind} needs a reason")
    return known


def known_text(findings: Iterable[Finding]) -> str:
    """Entries for these findings; a new one has a reason still to be written."""
    lines: list[str] = []
    for one in findings:
        lines += ["[[known]]", f"operation = {json.dumps(one.operation)}", f"kind = {json.dumps(one.kind)}"]
        lines += [f"reason = {json.dumps(one.known or _UNREASONED, ensure_ascii=False)}", "[known.shows]"]
        lines += [
            f"{json.dumps(place)} = {json.dumps(sorted(classes))}" for place, classes in sorted(one.shows.items())
        ]
        lines.append("")
    return "\n".join(lines)
