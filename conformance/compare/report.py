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
from conformance.files import FileError, read_toml
from conformance.text import in_columns

_WIDE = 96
_UNREASONED = "TODO"
_TITLES = {
    "exception": "{seen} raises in one store only, or another exception",
    "value": "{seen} has another value",
    "hanging": "{seen} does not return in one store",
    "message": "{seen} raises the same exception with other facts",
    "type": "{seen} is of another type",
    "order": "{seen} comes in another order",
    "aliasing": "what the caller holds is still connected to what one store keeps",
    "race": "two calls at the same time come out as in neither order in one store",
    "expiry": "after some time something else is there",
    "foreign value": "one store reads a value of another type as if nothing were there",
    "server": "with its server away one store says that nothing is there",
}


@dataclass
class Finding:
    """One cause of differences: the operation that it comes from, and everywhere that it shows."""

    operation: str
    kind: str
    seen: str
    """The operation and field that show it."""
    script: tuple[str, ...] = ()
    shows: set[str] = field(default_factory=set)
    """Each place where it shows, with the class of the value and what each side gives."""
    known: str = ""
    """The reason why it is accepted."""

    @property
    def title(self) -> str:
        """The finding in one line."""
        return f"{self.operation}: {_TITLES[self.kind].format(seen=self.seen)}"

    def lines(self) -> Iterator[str]:
        """The finding with its script, and where it shows."""
        yield self.title
        yield from (f"    {line}" for line in (*self.script, *self.places()))

    def places(self) -> Iterator[str]:
        """Where it shows, in a few lines."""
        rest = f" … {len(self.shows)} in all: --json FILE has them"
        yield from textwrap.wrap(f"shows in {'; '.join(sorted(self.shows))}", _WIDE, max_lines=4, placeholder=rest)
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
    longest: int = 0
    """The longest list in a result."""
    raised: str = ""
    """The last exceptions."""

    def count(self, one: Outcome, other: Outcome) -> None:
        """Count a call."""
        self.calls += 1
        if one.raised or other.raised:
            self.raised = f"{one.name} / {other.name}"
            return
        self.results += 1
        self.filled += not one.tree.is_nothing
        parts = one.tree.parts or {}
        self.longest = max(self.longest, len(parts), *(len(part.parts or ()) for part in parts.values()))

    def gaps(self, operation: Operation) -> list[str]:
        """What was not exercised; the first that applies."""
        gaps = {
            "was never called": not self.calls,
            f"never gave a result: {self.raised}": not self.results,
            "only ever gave empty results": operation.reads is not None and not self.filled,
            "never gave a list longer than 1": operation.reads == WHOLE and self.longest == 1,
        }
        return [f"not exercised: {operation.name} {gap}" for gap, is_met in gaps.items() if is_met][:1]


@dataclass
class Report:
    """What a comparison found, and what it did to find it."""

    stores: tuple[str, str]
    seed: int
    operations: dict[str, Row]
    findings: list[Finding] = field(default_factory=list)
    gaps: set[str] = field(default_factory=set)
    """What was tried without a result, and known differences that did not show."""
    notes: set[str] = field(default_factory=set)
    """What was not tried, since a hook is missing, and differences that the harnesses declare."""
    sequences: int = 0
    broken: str = ""
    """Why the search ended before its end."""

    @property
    def status(self) -> int:
        """The exit status of the command."""
        is_different = any(not finding.known for finding in self.findings)
        return 8 if self.broken else 1 if is_different else 6 if self.gaps else 0

    def accept(self, known: Iterable[Known]) -> None:
        """Mark the findings that are accepted, and note the known differences that did not show."""
        for entry in known:
            alike = [one for one in self.findings if (one.operation, one.kind) == (entry.operation, entry.kind)]
            for one in alike:
                one.known = entry.reason if one.shows <= entry.shows else one.known
            if entry.kind != "race" and not any(one.shows & entry.shows for one in alike):  # a race may not happen
                self.gaps.add(f"known: {entry.operation}, {entry.kind} no longer shows, remove it from the file")

    def shortcomings(self) -> list[str]:
        """What keeps a comparison without findings from being a pass."""
        return [*([self.broken] if self.broken else []), *sorted(self.gaps)]

    def lines(self) -> Iterator[str]:
        """Everything but the scripts: where each finding shows, what was exercised, and how it ended."""
        for number, finding in enumerate(self.findings, start=1):
            yield f"{number}. {finding.title}"
            yield from (f"    {line}" for line in finding.places())
        rows = ([name, *map(str, [*vars(row).values()][:4])] for name, row in self.operations.items())
        table = in_columns([["operation", "calls", "results", "filled", "longest"], *rows])
        yield from (*table, *self.shortcomings(), *sorted(self.notes), self.summary())

    def summary(self) -> str:
        """One line that says how it ended."""
        new = sum(not finding.known for finding in self.findings)
        told = f"{new} new and {len(self.findings) - new} known differences between {' and '.join(self.stores)}"
        unsure = ", and not everything was exercised: this is no pass" if self.shortcomings() else ""
        return f"{told} in {self.sequences} sequences, seed {self.seed}{unsure}"

    def markdown(self) -> str:
        """The report for a job summary or a pull request."""
        scripts = [line for finding in self.findings for line in (*finding.lines(), "")]
        return "\n".join([f"### {self.summary()}", "", "```", *scripts, *self.lines(), "```", ""])

    def json(self) -> str:
        """The report as JSON."""
        return json.dumps({"status": self.status, **asdict(self)}, indent=1, default=sorted) + "\n"


class Known(BaseModel):
    """One accepted difference. It covers a finding that shows nowhere else, and with no other classes."""

    model_config = ConfigDict(extra="forbid")

    operation: str
    kind: str
    reason: str
    shows: set[str]


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
    known = read_toml(file, _File, "a list of known differences").known
    for entry in known:
        if entry.reason in ("", _UNREASONED):
            raise FileError(file, f"the entry of {entry.operation}, {entry.kind} needs a reason")
    return known


def known_text(findings: Iterable[Finding]) -> str:
    """Entries for these findings; a new one has a reason still to be written."""
    lines: list[str] = []
    for one in findings:
        fields = {"operation": one.operation, "kind": one.kind, "reason": one.known or _UNREASONED}
        lines += ["[[known]]", *(f"{name} = {json.dumps(text)}" for name, text in fields.items()), "shows = ["]
        lines += (f"    {json.dumps(place)}," for place in sorted(one.shows))
        lines += ["]", ""]
    return "\n".join(lines)
