"""What was exercised and what was not, for each operation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from conformance.compare.document import Row
from conformance.compare.operations.operation import Operation
from conformance.compare.values.mismatch import Outcome
from conformance.compare.values.snapshot import Leaf, Node, Snapshot

_FEW = 3


@dataclass
class Coverage:
    """What was exercised, for each operation."""

    operations: Mapping[str, Operation]
    rows: dict[str, Row] = field(default_factory=dict)
    largest: int = 0
    """Entries in the largest store."""
    values: dict[tuple[str, str], tuple[set[str], set[str]]] = field(default_factory=dict)
    """For each argument the classes of values that its strategy gives, and those that were used."""

    def __post_init__(self) -> None:
        self.rows = {name: Row() for name in self.operations}

    def count(self, name: str, outcomes: tuple[Outcome, Outcome], *, hit: bool) -> None:
        """Count a call that was compared."""
        row = self.rows[name]
        row.calls += 1
        row.hits += hit
        for seen, outcome in zip(row.exceptions, outcomes, strict=True):
            if outcome.raised:
                seen[outcome.name] += 1
        if any(outcome.raised for outcome in outcomes):
            return
        row.results += 1
        lists = _lists_in(outcomes[0].snapshot)
        row.empty += not _is_filled(outcomes[0].snapshot, lists if self.operations[name].is_view else [])
        if lists:
            row.longest = max(row.longest or 0, *(len(one.parts) for one in lists))

    def gaps(self) -> Iterator[str]:
        """What was not exercised."""
        for name, row in self.rows.items():
            if fault := self._gap(self.operations[name], row):
                yield f"{name} {fault}"
        for (name, argument), (given, used) in self.values.items():
            if left := given - used:
                yield f"{name}: no {argument} of the class {', '.join(sorted(left))} was used"

    def _gap(self, operation: Operation, row: Row) -> str:
        gaps = {
            "was never called": not row.calls and not row.incomparable,
            f"{next(iter(row.incomparable), '')}": bool(row.incomparable),
            f"never gave a result: {_most(row.exceptions[0])} / {_most(row.exceptions[1])}": not row.results,
            f"gave a result {row.results} times only": row.results < _FEW,
            "never met an entry that existed": operation.entry is not None and not row.hits,
            "only ever gave empty results": operation.reads is not None and not row.filled,
            f"never gave a list longer than {row.longest}": operation.is_view and row.longest in (0, 1),
        }
        return next((gap for gap, is_met in gaps.items() if is_met), "")


def _is_filled(snapshot: Snapshot, lists: list[Node]) -> bool:
    if isinstance(snapshot, Leaf):
        return bool(snapshot.value)
    return any(one.parts for one in lists) if lists else bool(snapshot.parts)


def _lists_in(snapshot: Snapshot) -> list[Node]:
    """The result, if it is a collection, and the collections directly inside it."""
    inside = snapshot.parts.values() if isinstance(snapshot, Node) else ()
    return [one for one in (snapshot, *inside) if isinstance(one, Node) and one.is_collection]


def _most(exceptions: Counter[str]) -> str:
    return exceptions.most_common(1)[0][0] if exceptions else "a result"
