"""The report of a comparison: lines, groups of them for people, and the known lines that are accepted."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict

from conformance.files import FileError, read_toml
from conformance.operations.operation import WHOLE, Operation
from conformance.operations.trees import Tree
from conformance.text import in_columns

_WIDE = 96
_UNREASONED = "TODO"
_NOTHING = (None, 0, "''")
"""Results that are not filled, besides what is empty."""
_LISTED = 4
"""Rows of texts that a group shows."""
TITLES = {
    "exception": "{seen} raises in one store only, or another exception",
    "value": "{seen} has another value",
    "message": "{seen} raises the same exception with other facts",
    "type": "{seen} is of another type",
    "order": "{seen} comes in another order",
    "argument": "what the caller passed in is still connected to what one store keeps",
    "result": "what the caller got back is still connected to what one store keeps",
    "race": "concurrent calls give a result in one store that no order of them gives",
    "death": "where a connection, a caller or a process ends, one store breaks a rule",
    "expiring": "after some time something else is there; if that is meant, declare Capability.EXPIRING",
    "lifetime": "a lifetime ends at another time",
    "shared": "a second instance sees something else; if that is meant, declare Capability.SHARED",
    "process": "a second process sees something else; if that is meant, declare Capability.SHARED",
    "persistent": "after reopening something else is there; if that is meant, declare Capability.PERSISTENT",
    "neighbour": "what is done in one namespace changes another",
    "foreign value": "one store reads a value of another type as if nothing were there",
    "server": "with its server away one store says that nothing is there",
}
CHANCE = ("race",)
"""Kinds that may not show in every run."""


@dataclass(frozen=True)
class Line:
    """A finding, with its shortest script."""

    operation: str
    """The one that it comes from."""
    kind: str
    text: str
    """The calls, what is particular about their arguments, where it shows, and what each side gives."""
    seen: str = ""
    """The operation and field that show it."""
    script: tuple[str, ...] = ()
    is_odd: bool = False
    """Whether its script does something that no caller would do."""
    reason: str = ""
    """Why it is accepted, if it is."""
    steps: Any = ()
    """What was done, as plain data that can be played again."""

    @property
    def title(self) -> str:
        """A sentence that says what it is."""
        return f"{self.operation}: {TITLES[self.kind].format(seen=self.seen)}"

    @property
    def lines(self) -> list[str]:
        """The sentence and the script."""
        return [self.title, *(f"    {line}" for line in self.script)]


@dataclass
class Known:
    """An entry of a file of known differences: it accepts these lines of an operation and a kind."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    operation: str
    kind: str
    shows: set[str]
    reason: str = ""

    def accepts(self, line: Line) -> bool:
        """Whether a line is one of its own."""
        return (line.operation, line.kind) == (self.operation, self.kind) and line.text in self.shows

    def toml(self) -> str:
        """The entry as it stands in the file."""
        named = {"operation": self.operation, "kind": self.kind, "reason": self.reason or _UNREASONED}
        lines = [f"{name} = {json.dumps(text)}" for name, text in named.items()]
        shows = [f"    {json.dumps(text)}," for text in sorted(self.shows)]
        return "\n".join(["[[known]]", *lines, "shows = [", *shows, "]", "", ""])


@dataclass
class Group:
    """The lines of one operation and kind, in the order in which they were found."""

    operation: str
    kind: str
    members: list[Line] = field(default_factory=list)

    @property
    def new(self) -> list[Line]:
        """Those that are not accepted."""
        return [line for line in self.members if not line.reason]

    @property
    def texts(self) -> set[str]:
        """The texts of all lines."""
        return {line.text for line in self.members}

    @property
    def shown(self) -> Line:
        """The first new line or, if all are accepted, the first."""
        return (self.new or self.members)[0]

    @property
    def reason(self) -> str:
        """Why all are accepted; nothing if one is new."""
        return "" if self.new else self.shown.reason

    def lines(self, *, scripts: bool) -> list[str]:
        """The title, the script of the line that is shown, and the texts of the new lines."""
        listed = self.new or self.members
        said = f"{len(listed)} lines" if self.new else f"known: {self.reason}"
        if self.new and len(listed) < len(self.members):
            said += f", and {len(self.members) - len(listed)} known ones"
        texts = "; ".join(line.text for line in listed)
        body = textwrap.wrap(f"shows in {texts}", _WIDE, max_lines=_LISTED, placeholder=f" … {len(listed)} in all")
        if len(listed) > 1 or not self.new:
            body.append(said)
        shown = self.shown.lines if scripts else [self.shown.title]
        return [*shown, *(f"    {line}" for line in body)]

    def known(self) -> Iterator[Known]:
        """Yield the entries that accept its lines, one for each reason."""
        by_reason: dict[str, set[str]] = {}
        for line in self.members:
            by_reason.setdefault(line.reason, set()).add(line.text)
        for reason, texts in by_reason.items():
            yield Known(self.operation, self.kind, texts, reason)

    def toml(self) -> str:
        """The entry that accepts its new lines, with a reason still to be written."""
        return Known(self.operation, self.kind, {line.text for line in self.new}).toml()

    def as_json(self) -> dict[str, Any]:
        """The group as plain data, with the line that is shown in front."""
        shown = self.shown
        listed = [{"text": each.text, "script": each.script, "reason": each.reason} for each in self.members]
        return {
            "operation": self.operation,
            "kind": self.kind,
            "reason": self.reason,
            "seen": shown.seen,
            "script": shown.script,
            "is_odd": shown.is_odd,
            "shows": sorted(self.texts),
            "lines": listed,
        }


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
            self.raised = f"{one.outcome} / {other.outcome}"
            return
        self.results += 1
        parts = one.parts or {}
        self.filled += bool(parts) or (one.parts is None and one.value not in _NOTHING)
        self.longest = max(self.longest, len(parts), *(len(part.parts or ()) for part in parts.values()))

    def gap(self, operation: Operation) -> str:
        """Say what was not exercised, the first that applies; nothing if all was."""
        if not self.calls:
            return "was never called"
        if not self.results:
            return f"never gave a result: {self.raised}"
        if operation.reads is not None and not self.filled:
            return "only ever gave empty results"
        if operation.reads == WHOLE and self.longest == 1:
            return "never gave a list longer than 1"
        return ""


@dataclass
class Report:
    """The lines that a comparison found, and what it did to find them."""

    stores: Sequence[str]
    seed: int
    operations: dict[str, Row] = field(default_factory=dict)
    groups: dict[tuple[str, str], Group] = field(default_factory=dict)
    gaps: set[str] = field(default_factory=set)
    """Reasons why a comparison without findings is no pass."""
    notes: set[str] = field(default_factory=set)
    """Kinds that were not tried, since a hook is missing, and differences that the harnesses declare."""
    doing: str = ""
    """What is being done now; nothing between the sequences."""
    sequences: int = 0
    """How many were played; none if the search did not come to its end."""

    def add(self, line: Line) -> None:
        """Put a line into its group."""
        empty = Group(line.operation, line.kind)
        self.groups.setdefault((line.operation, line.kind), empty).members.append(line)

    @property
    def new(self) -> list[Group]:
        """The groups with a line that is not accepted."""
        return [group for group in self.groups.values() if group.new]

    @property
    def every_line(self) -> list[Line]:
        """All lines, new or known."""
        return [line for group in self.groups.values() for line in group.members]

    @property
    def status(self) -> int:
        """The exit status of the command."""
        if not self.sequences:
            return 8
        if self.new:
            return 1
        return 6 if self.gaps else 0

    def miss(self, known: Iterable[Known]) -> None:
        """Note the known lines that did not show."""
        for entry in known:
            group = self.groups.get((entry.operation, entry.kind))
            shown = group.texts if group else set()
            gone = [] if entry.kind in CHANCE else sorted(entry.shows - shown)
            for text in gone:
                missed = f"known: {entry.operation}, {entry.kind} no longer shows, remove it from the file: {text}"
                (self.notes if entry.shows & shown else self.gaps).add(missed)

    def lines(self, *, scripts: bool = False) -> list[str]:
        """Where each finding shows, what was exercised, and how it ended."""
        lines = []
        for group in self.groups.values():
            lines += group.lines(scripts=scripts)
        table = [["operation", "calls", "results", "filled", "longest"]]
        for name, row in self.operations.items():
            table.append([name, *map(str, (row.calls, row.results, row.filled, row.longest))])
        lines += in_columns(table)
        return [*lines, *sorted(self.gaps), *sorted(self.notes), self.summary()]

    def summary(self) -> str:
        """One line that says how it ended."""
        found = f"{len(self.new)} new and {len(self.groups) - len(self.new)} known differences"
        new = sum(len(group.new) for group in self.new)
        found += f" ({new} of {len(self.every_line)} lines are new)"
        unsure = ", and not everything was exercised: this is no pass" if self.gaps else ""
        where = f"{' and '.join(self.stores)} in {self.sequences} sequences, seed {self.seed}"
        return f"{found} between {where}{unsure}"

    def markdown(self) -> str:
        """The report for a job summary or a pull request."""
        return "\n".join([f"### {self.summary()}", "", "```", *self.lines(scripts=True), "```", ""])

    def json(self) -> str:
        """The report as JSON."""
        described = {
            "status": self.status,
            "stores": self.stores,
            "seed": self.seed,
            "operations": {name: asdict(row) for name, row in self.operations.items()},
            "findings": [group.as_json() for group in self.groups.values()],
            "gaps": sorted(self.gaps),
            "notes": sorted(self.notes),
            "sequences": self.sequences,
        }
        return json.dumps(described, indent=1) + "\n"

    def toml(self) -> str:
        """The entries that accept all that was found."""
        return "".join(entry.toml() for group in self.groups.values() for entry in group.known())


def accepted(line: Line, known: Iterable[Known]) -> Line:
    """Return the line, with the reason why it is accepted if it is."""
    for entry in known:
        if entry.accepts(line):
            return replace(line, reason=entry.reason)
    return line


def read_known(file: Path) -> list[Known]:
    """Read known differences; none from a file that is not there yet."""
    form = dict[Literal["known"], list[Known]]
    known = read_toml(file, form, "a list of known differences").get("known", []) if file.exists() else []
    for entry in known:
        if entry.reason in ("", _UNREASONED):
            raise FileError(file, f"the entry of {entry.operation}, {entry.kind} needs a reason")
    return known
