"""What was exercised, for each operation, and what was not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sized
from dataclasses import dataclass, field
from typing import Any

from conformance.compare.contrast import Outcome
from conformance.compare.document import Row
from conformance.compare.operation import Operation
from conformance.compare.side import Answer

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

    def count(self, name: str, answers: tuple[Answer, Answer], outcomes: tuple[Outcome, Outcome], *, hit: bool) -> None:
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
        result = answers[0].result
        row.empty += outcomes[0].picture.type is type(None) or not _is_filled(result)
        lengths = [len(part) for part in _lists_in(result)]
        if lengths:
            row.longest = max(row.longest or 0, *lengths)

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


def _is_filled(result: Any) -> bool:
    try:
        lists = _lists_in(result)
        return any(map(len, lists)) if lists else bool(result)
    except Exception:  # noqa: BLE001  an object that has no truth value is something
        return True


def _lists_in(result: Any) -> list[Sized]:
    """The result, if it is a list or so, else the lists that it has."""
    inside = getattr(result, "__dict__", {})
    return [one for one in (result, *inside.values()) if isinstance(one, (list, tuple, set, frozenset))]


def _most(exceptions: Counter[str]) -> str:
    return exceptions.most_common(1)[0][0] if exceptions else "a result"
