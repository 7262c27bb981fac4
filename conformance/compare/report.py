"""The report of a comparison: lines, grouped for people, and the file of lines that are accepted."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from conformance.known import UNREASONED, Known, as_toml, group_of
from conformance.operations.operation import Operation
from conformance.operations.trees import Tree

_NOTHING = (None, 0, "''")
"""Results that are not filled, besides what is empty."""
TITLES = {
    "exception": "{seen} raises in one store only, or another exception",
    "value": "{seen} has another value",
    "message": "{seen} raises the same exception with other facts",
    "type": "{seen} is of another type",
    "order": "{seen} comes in another order",
    "argument": "what the caller passed in is still connected to what one store keeps",
    "result": "what the caller got back is still connected to what one store keeps",
    "race": "calls at the same time give what no order of them gives",
    "death": "when a connection, a caller or a process ends, something is left wrong",
    "expiring": "after some time something else is there; if that is meant, declare Capability.EXPIRING",
    "lifetime": "a lifetime ends at another time",
    "shared": "a second instance sees something else; if that is meant, declare Capability.SHARED",
    "process": "a second process sees something else; if that is meant, declare Capability.SHARED",
    "persistent": "after reopening something else is there; if that is meant, declare Capability.PERSISTENT",
    "neighbour": "what is done in one namespace changes another",
    "foreign value": "one store reads a value of another type as if nothing were there",
    "server": "with its server away one store says that nothing is there",
}


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
    steps: str = ""
    """What was done, as JSON that can be played again."""

    @property
    def group(self) -> str:
        """The lines of one operation and kind are shown together."""
        return group_of(self.operation, self.kind)

    @property
    def shown_with(self) -> str:
        """Of lines that have this in common the first is shown: many operations are odd alike."""
        return self.kind if self.is_odd else self.group

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it the same line in another run, as a file of known differences has it."""
        return self.group, "", self.text

    @property
    def lines(self) -> list[str]:
        """A sentence that says what it is, and the script."""
        title = f"{self.operation}: {TITLES[self.kind].format(seen=self.seen)}"
        return [title, *(f"    {line}" for line in self.script)]


@dataclass
class Row:
    """The calls of one operation."""

    calls: int = 0
    results: int = 0
    """Calls that returned a result in both stores."""
    filled: int = 0
    """Results that were not None, False, zero or empty."""
    raised: str = ""
    """The last exceptions."""

    def count(self, one: Tree, other: Tree) -> None:
        """Count a call."""
        self.calls += 1
        if one.error or other.error:
            self.raised = f"{one.outcome} / {other.outcome}"
            return
        self.results += 1
        if one.parts or one.value not in _NOTHING:
            self.filled += 1

    def gap(self, operation: Operation) -> str:
        """Say what was not exercised, the first that applies; nothing if all was."""
        if not self.results:
            return f"never gave a result: {self.raised or 'it was never called'}"
        if operation.is_read and not self.filled:
            return "only ever gave empty results"
        return ""


@dataclass
class Report:
    """The lines that a comparison found, and what it did to find them."""

    stores: Sequence[str]
    known: Known = field(default_factory=dict)
    """Why lines are accepted."""
    operations: dict[str, Row] = field(default_factory=lambda: defaultdict(Row))
    every_line: list[Line] = field(default_factory=list)
    """All lines, new or known."""
    gaps: set[str] = field(default_factory=set)
    """Reasons why a comparison without findings is no pass."""
    notes: set[str] = field(default_factory=set)
    """Kinds that were not tried, since a hook is missing, and differences that the harnesses declare."""
    played: dict[str, dict[str, int]] = field(default_factory=dict)
    """By store, how many orders of calls at the same time were played, and at how many points something ended."""
    sequences: int = 0
    """How many were played."""
    failures: set[str] = field(default_factory=set)
    """Why not all came to its end."""

    def merge(self, part: "Report") -> None:
        """Note what a part of the comparison did."""
        for name in ("operations", "gaps", "notes", "played"):
            getattr(self, name).update(getattr(part, name))
        self.sequences += part.sequences

    def add(self, line: Line) -> Line | None:
        """Note a line, and return it with the reason why it is accepted; nothing if it was there before."""
        if any(line.key == earlier.key for earlier in self.every_line):
            return None
        line = replace(line, reason=self.known.get(line.key, ""))
        self.every_line.append(line)
        return line

    @property
    def new(self) -> list[Line]:
        """The lines that are not accepted."""
        return [line for line in self.every_line if not line.reason]

    @property
    def groups(self) -> list[list[Line]]:
        """The lines of each operation and kind: new lines before known ones, and what callers do before what is odd."""
        groups: dict[str, list[Line]] = {}
        for line in sorted(self.every_line, key=lambda line: (bool(line.reason), line.is_odd)):
            groups.setdefault(line.group, []).append(line)
        return [*groups.values()]

    @property
    def status(self) -> int:
        """The exit status of the command."""
        if self.failures:
            return 8
        if self.new:
            return 1
        return 6 if self.gaps else 0

    def miss(self) -> None:
        """Note which known lines did not show, though all came to its end."""
        shown = {line.key for line in self.every_line}
        groups = {line.group for line in self.every_line}
        for group, _, text in self.known.keys() - shown if not self.failures else ():
            where = self.notes if group in groups else self.gaps
            where.add(f"known: {group} no longer shows, remove it from the file: {text}")


def accepting(lines: Iterable[Line]) -> str:
    """Return the entries that accept lines, with reasons that are still to be written."""
    found = []
    for line in lines:
        about = {"operation": line.operation, "kind": line.kind, "reason": line.reason or UNREASONED}
        found.append((about, line.text))
    return as_toml(found)
