"""The report of a comparison, and the known differences that are accepted."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict

from conformance.files import FileError, read_toml
from conformance.operations.operation import WHOLE, Operation
from conformance.operations.trees import Tree
from conformance.text import in_columns

_WIDE, _UNREASONED, _NOTHING = 96, "TODO", (None, 0, "''")
TITLES = {
    "exception": "{seen} raises in one store only, or another exception",
    "value": "{seen} has another value",
    "message": "{seen} raises the same exception with other facts",
    "type": "{seen} is of another type",
    "order": "{seen} comes in another order",
    "argument": "what the caller passed in is still connected to what one store keeps",
    "result": "what the caller got back is still connected to what one store keeps",
    "race": "concurrent calls give a result in one store that no order of them gives",
    "expiring": "after some time something else is there; if that is meant, declare Capability.EXPIRING",
    "lifetime": "a lifetime ends at another time",
    "shared": "a second instance sees something else; if that is meant, declare Capability.SHARED",
    "persistent": "after reopening something else is there; if that is meant, declare Capability.PERSISTENT",
    "foreign value": "one store reads a value of another type as if nothing were there",
    "server": "with its server away one store says that nothing is there",
}


@dataclass
class Difference:
    """Differences of one cause: the operation that they come from, and everywhere that they show.

    As an entry of a file it accepts a finding that shows nowhere else, and with no other classes.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    operation: str
    kind: str
    shows: set[str] = field(default_factory=set)
    """Each place where it shows, with the class of the value and what each side gives."""
    reason: str = ""
    """Why it is accepted, if it is."""
    seen: str = ""
    """The operation and field that show it."""
    script: Sequence[str] = ()
    is_odd: bool = False
    """Whether its script does something that no caller would do."""

    def lines(self, *, scripts: bool = True) -> list[str]:
        """The finding: its title, its script, and where it shows, in a few lines."""
        title = f"{self.operation}: {TITLES[self.kind].format(seen=self.seen)}"
        places = "; ".join(sorted(self.shows))
        rest = f" … {len(self.shows)} in all"
        lines = [*self.script] if scripts else []
        lines += textwrap.wrap(f"shows in {places}", _WIDE, max_lines=4, placeholder=rest)
        if self.reason:
            lines.append(f"known: {self.reason}")
        return [title, *(f"    {line}" for line in lines)]

    def toml(self) -> str:
        """The entry that accepts it, with a reason still to be written if it has none."""
        named = {"operation": self.operation, "kind": self.kind, "reason": self.reason or _UNREASONED}
        lines = [f"{name} = {json.dumps(text)}" for name, text in named.items()]
        shows = [f"    {json.dumps(place)}," for place in sorted(self.shows)]
        return "\n".join(["[[known]]", *lines, "shows = [", *shows, "]", "", ""])


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

    def count(self, one: Tree, other: Tree) -> None:
        """Count a call."""
        self.calls += 1
        if one.raised or other.raised:
            self.raised = f"{one.raised or 'a result'} / {other.raised or 'a result'}"
            return
        self.results += 1
        parts = one.parts or {}
        self.filled += bool(parts) or (one.parts is None and one.value not in _NOTHING)
        self.longest = max(self.longest, len(parts), *(len(part.parts or ()) for part in parts.values()))

    def gaps(self, operation: Operation) -> list[str]:
        """Return what was not exercised; the first that applies."""
        gap = ""
        if not self.calls:
            gap = "was never called"
        elif not self.results:
            gap = f"never gave a result: {self.raised}"
        elif operation.reads is not None and not self.filled:
            gap = "only ever gave empty results"
        elif operation.reads == WHOLE and self.longest == 1:
            gap = "never gave a list longer than 1"
        return [f"not exercised: {operation.name} {gap}"] if gap else []


@dataclass
class Report:
    """The differences that a comparison found, and what it did to find them."""

    stores: Sequence[str]
    seed: int
    operations: dict[str, Row] = field(default_factory=dict)
    findings: list[Difference] = field(default_factory=list)
    gaps: set[str] = field(default_factory=set)
    """Reasons why a comparison without findings is no pass."""
    notes: set[str] = field(default_factory=set)
    """Kinds that were not tried, since a hook is missing, and differences that the harnesses declare."""
    sequences: int = 0
    """How many were played; none if the search did not come to its end."""

    @property
    def new(self) -> list[Difference]:
        """The findings that are not accepted."""
        return [finding for finding in self.findings if not finding.reason]

    @property
    def status(self) -> int:
        """The exit status of the command."""
        return 8 if not self.sequences else 1 if self.new else 6 if self.gaps else 0

    def accept(self, known: Iterable[Difference]) -> None:
        """Mark the findings that are accepted, and note the known differences that did not show."""
        for entry in known:
            alike = [one for one in self.findings if (one.operation, one.kind) == (entry.operation, entry.kind)]
            for one in alike:
                one.reason = entry.reason if one.shows <= entry.shows else one.reason
            if entry.kind != "race" and not any(one.shows & entry.shows for one in alike):  # a race may not happen
                self.gaps.add(f"known: {entry.operation}, {entry.kind} no longer shows, remove it from the file")

    def lines(self, *, scripts: bool = False) -> list[str]:
        """Where each finding shows, what was exercised, and how it ended."""
        lines = []
        for finding in self.findings:
            lines += finding.lines(scripts=scripts)
        table = [["operation", "calls", "results", "filled", "longest"]]
        for name, row in self.operations.items():
            table.append([name, *map(str, (row.calls, row.results, row.filled, row.longest))])
        lines += in_columns(table)
        return [*lines, *sorted(self.gaps), *sorted(self.notes), self.summary()]

    def summary(self) -> str:
        """One line that says how it ended."""
        found = f"{len(self.new)} new and {len(self.findings) - len(self.new)} known differences"
        unsure = ", and not everything was exercised: this is no pass" if self.gaps else ""
        where = f"{' and '.join(self.stores)} in {self.sequences} sequences, seed {self.seed}"
        return f"{found} between {where}{unsure}"

    def markdown(self) -> str:
        """The report for a job summary or a pull request."""
        return "\n".join([f"### {self.summary()}", "", "```", *self.lines(scripts=True), "```", ""])

    def json(self) -> str:
        """The report as JSON."""
        return json.dumps({"status": self.status, **asdict(self)}, indent=1, default=sorted) + "\n"


def read_known(file: Path) -> list[Difference]:
    """Read known differences; none from a file that is not there yet."""
    form = dict[Literal["known"], list[Difference]]
    known = read_toml(file, form, "a list of known differences").get("known", []) if file.exists() else []
    for entry in known:
        if entry.reason in ("", _UNREASONED):
            raise FileError(file, f"the entry of {entry.operation}, {entry.kind} needs a reason")
    return known
