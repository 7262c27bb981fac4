"""The report of a comparison: lines, groups of them for people, and the known lines that are accepted."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

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
    steps: str = "[]"
    """What was done, as JSON that can be played again."""

    @property
    def lines(self) -> list[str]:
        """A sentence that says what it is, and the script."""
        title = f"{self.operation}: {TITLES[self.kind].format(seen=self.seen)}"
        return [title, *(f"    {line}" for line in self.script)]


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
        return line.operation == self.operation and line.kind == self.kind and line.text in self.shows


@dataclass(frozen=True)
class Group:
    """The lines of one operation and kind, in the order in which they were found."""

    members: list[Line]

    @property
    def new(self) -> list[Line]:
        """Those that are not accepted."""
        return [line for line in self.members if not line.reason]

    @property
    def shown(self) -> Line:
        """The first new line or, if all are accepted, the first."""
        return (self.new or self.members)[0]

    def lines(self, *, scripts: bool) -> list[str]:
        """The title, the script of the line that is shown, and the texts of the new lines."""
        listed = self.new or self.members
        title, *script = self.shown.lines
        texts = "shows in " + "; ".join(line.text for line in listed)
        more = f" … {len(listed)} in all"
        body = textwrap.wrap(texts, _WIDE, max_lines=_LISTED, placeholder=more)
        known = len(self.members) - len(listed)
        if known:
            body.append(f"and {known} known lines")
        if self.shown.reason:
            body.append(f"known: {self.shown.reason}")
        body = [f"    {text}" for text in body]
        if scripts:
            return [title, *script, *body]
        return [title, *body]


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
        sizes = [len(parts), *(len(part.parts or ()) for part in parts.values())]
        self.longest = max(self.longest, *sizes)
        if parts or one.value not in _NOTHING:
            self.filled += 1

    def gap(self, operation: Operation) -> str:
        """Say what was not exercised, the first that applies; nothing if all was."""
        if not self.calls:
            return "was never called"
        if not self.results:
            return f"never gave a result: {self.raised}"
        if operation.is_read and not self.filled:
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
    known: Sequence[Known] = ()
    every_line: list[Line] = field(default_factory=list)
    """All lines, new or known."""
    gaps: set[str] = field(default_factory=set)
    """Reasons why a comparison without findings is no pass."""
    notes: set[str] = field(default_factory=set)
    """Kinds that were not tried, since a hook is missing, and differences that the harnesses declare."""
    played: dict[str, dict[str, int]] = field(default_factory=dict)
    """By store, how many orders of calls at the same time were played, and at how many points something ended."""
    doing: str = ""
    """What is being done now; nothing between the sequences."""
    sequences: int = 0
    """How many were played; none if the search did not come to its end."""

    def add(self, line: Line) -> Line | None:
        """Note a line, and return it with the reason if it is accepted; None if it was there before."""
        for entry in self.known:
            if entry.accepts(line):
                line = replace(line, reason=entry.reason)
        if any(line.kind == each.kind and line.text == each.text for each in self.every_line):
            return None
        self.every_line.append(line)
        return line

    @property
    def groups(self) -> list[Group]:
        """The lines by operation and kind."""
        groups: dict[tuple[str, str], Group] = {}
        for line in self.every_line:
            key = line.operation, line.kind
            group = groups.setdefault(key, Group([]))
            group.members.append(line)
        return [*groups.values()]

    @property
    def new(self) -> list[Group]:
        """The groups with a line that is not accepted."""
        return [group for group in self.groups if group.new]

    @property
    def status(self) -> int:
        """The exit status of the command."""
        if not self.sequences:
            return 8
        if self.new:
            return 1
        return 6 if self.gaps else 0

    def miss(self) -> None:
        """Note the known lines that did not show."""
        for entry in self.known:
            if entry.kind in CHANCE:
                continue
            shown = {line.text for line in self.every_line if entry.accepts(line)}
            gone = entry.shows - shown
            where = self.notes if shown else self.gaps
            known = f"known: {entry.operation}, {entry.kind} no longer shows, remove it from the file"
            where |= {f"{known}: {text}" for text in gone}

    def lines(self, *, scripts: bool = False) -> list[str]:
        """Where each finding shows, what was exercised, and how it ended."""
        lines = []
        for group in self.groups:
            lines += group.lines(scripts=scripts)
        table = [["operation", "calls", "results", "filled", "longest"]]
        for name, row in self.operations.items():
            table.append([name, *map(str, (row.calls, row.results, row.filled, row.longest))])
        return [*lines, *in_columns(table), *sorted(self.gaps), *sorted(self.notes), self.summary()]

    def summary(self) -> str:
        """One line that says how it ended."""
        new = len(self.new)
        known = len(self.groups) - new
        where = f"{' and '.join(self.stores)} in {self.sequences} sequences, seed {self.seed}"
        unsure = ", and not everything was exercised: this is no pass" if self.gaps else ""
        return f"{new} new and {known} known differences, {len(self.every_line)} lines, between {where}{unsure}"

    def markdown(self) -> str:
        """The report for a job summary or a pull request."""
        return "\n".join([f"### {self.summary()}", "", "```", *self.lines(scripts=True), "```", ""])

    def json(self) -> str:
        """The report as JSON: with each group as its line that is shown, and all that it shows."""
        findings = [asdict(group.shown) | {"shows": {line.text for line in group.members}} for group in self.groups]
        described = asdict(self) | {"status": self.status, "findings": findings}
        return json.dumps(described, indent=1, default=sorted) + "\n"


def as_toml(lines: Iterable[Line]) -> str:
    """Return the entries that accept lines, with reasons that are still to be written."""
    entries: dict[tuple[str, ...], list[str]] = {}
    for line in lines:
        entries.setdefault((line.operation, line.kind, line.reason or _UNREASONED), []).append(line.text)
    parts = []
    for named, texts in entries.items():
        operation, kind, reason = map(json.dumps, named)
        shows = "".join(f"    {json.dumps(text)},\n" for text in sorted(texts))
        parts.append(f"[[known]]\noperation = {operation}\nkind = {kind}\nreason = {reason}\nshows = [\n{shows}]\n\n")
    return "".join(parts)


def read_known(file: Path) -> list[Known]:
    """Read known differences; none from a file that is not there yet."""
    if not file.exists():
        return []
    form = dict[Literal["known"], list[Known]]
    known = read_toml(file, form, "a list of known differences").get("known", [])
    for entry in known:
        if entry.reason in ("", _UNREASONED):
            raise FileError(file, f"the entry of {entry.operation}, {entry.kind} needs a reason")
    return known
