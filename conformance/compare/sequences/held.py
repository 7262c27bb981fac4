"""Values that a caller holds: the arguments that it passed in, and the results that came back.

They show that a store hands out its own objects: one changes by itself, or a change by the caller shows in the store.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance.compare.operations.operation import Operation
from conformance.compare.sequences.side import Answer, Side, latest
from conformance.compare.sequences.steps import Change
from conformance.compare.values.change import changes_of, mark_of
from conformance.compare.values.mismatch import Kind, Mismatch, mismatches
from conformance.compare.values.parts import IncomparableError
from conformance.compare.values.script import argument_name, result_name
from conformance.compare.values.snapshot import Node, Snapshot

_MOST = 8


@dataclass
class HeldValue:
    """A value as each side has it, and how it looked when it was held or changed."""

    expression: str
    """The Python that names it."""
    operation: Operation
    argument: str
    """Empty for a result."""
    values: tuple[Any, Any]
    snapshots: tuple[Snapshot, Snapshot]


@dataclass
class HeldValues:
    """The latest values that a caller holds."""

    sides: tuple[Side, Side]
    _values: list[HeldValue] = field(default_factory=list)
    _changed: dict[str, HeldValue] = field(default_factory=dict)
    """What the caller has changed, by the mark that the change left."""

    def hold(
        self,
        operation: Operation,
        number: int,
        given: tuple[Mapping[str, Any], Mapping[str, Any]],
        answers: tuple[Answer, Answer],
    ) -> None:
        """Hold the arguments of a call, and its results if there are two."""
        found = [(argument_name(name, number), name, (given[0][name], given[1][name])) for name in given[0]]
        if answers[0].error is None and answers[1].error is None:
            found.append((result_name(number), "", (answers[0].result, answers[1].result)))
        for expression, argument, values in found:
            try:
                snapshots = self._look(values, operation)
            except IncomparableError:
                continue
            if all(isinstance(snapshot, Node) for snapshot in snapshots):
                self._values.append(HeldValue(expression, operation, argument, values, snapshots))
        del self._values[:-_MOST]

    def change(self, step: Change) -> str:
        """Change one place in a value in the same way on both sides, and return the Python that does it, if any can."""
        if not self._values:
            return ""
        held = latest(self._values, step.back)
        mark = mark_of(len(self._changed))
        here, there = (changes_of(one, mark, {*held.operation.ids, *held.operation.times}) for one in held.values)
        shared = [change for change in here if change in there]
        if not shared:
            return ""
        change = shared[step.place % len(shared)]
        here[change]()
        there[change]()
        held.snapshots = self._look(held.values, held.operation)
        self._changed[mark] = held
        return held.expression + change

    def changed_on_one_side(self) -> Iterator[tuple[HeldValue, Mismatch]]:
        """Each value that has changed by itself on one side alone since this was asked last, and where."""
        for held in [*self._values]:
            now = self._look(held.values, held.operation)
            first, second = (next(mismatches(*pair), None) for pair in zip(held.snapshots, now, strict=True))
            if (found := first or second) and not (first and second):
                yield held, Mismatch(Kind.ALIASING, "", _texts_at(now, found.path), found.path)
                self._values.remove(held)
            else:
                held.snapshots = now

    def shown_on_one_side(self, texts: tuple[str, str]) -> HeldValue | None:
        """The value whose change by the caller shows in one of these texts alone."""
        changes = reversed(self._changed.items())
        return next((held for mark, held in changes if (mark in texts[0]) != (mark in texts[1])), None)

    def _look(self, values: tuple[Any, Any], operation: Operation) -> tuple[Snapshot, Snapshot]:
        here, there = self.sides
        return here.observer.look(values[0], operation), there.observer.look(values[1], operation)


def _texts_at(snapshots: tuple[Snapshot, Snapshot], path: tuple[str, ...]) -> tuple[str, str]:
    found = []
    for snapshot in snapshots:
        part: Snapshot | None = snapshot
        for label in path:
            part = part.parts.get(label) if isinstance(part, Node) else None
        found.append("nothing" if part is None else part.text)
    return found[0], found[1]
