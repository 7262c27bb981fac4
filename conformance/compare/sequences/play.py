"""The player: gives two stores the same steps, and says where they differ."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, TypeAlias

from conformance.compare.operations.operation import Operation
from conformance.compare.sequences.coverage import Coverage
from conformance.compare.sequences.held import HeldValues
from conformance.compare.sequences.side import Answer, Side
from conformance.compare.sequences.steps import Call, Change, Steps, entries_in
from conformance.compare.values.mismatch import HungError, Kind, Mismatch, outcome_mismatches
from conformance.compare.values.parts import IncomparableError, inside
from conformance.compare.values.script import Line, result_name
from conformance.compare.values.snapshot import Id, without
from conformance.text import source

Symptom: TypeAlias = tuple[str, Kind, str, str]
"""Where something shows: operation, kind, field, and what differs there."""
Entry: TypeAlias = tuple[Any, Any]
Entries: TypeAlias = dict[Entry, tuple[Any, Any]]
"""Entries, and how each side names them."""


@dataclass(frozen=True)
class Deviation:
    """A place where the two sides differ, after the step of this index."""

    index: int
    operation: str
    mismatch: Mismatch
    where: str
    lines: tuple[Line, ...]
    handed: str | None = None
    """For an aliasing: the argument that the store kept; empty if it is a result."""

    @property
    def symptom(self) -> Symptom:
        """What makes it the same deviation in another sequence."""
        if self.handed is not None:
            return self.handed, Kind.ALIASING, "", ""
        return self.operation, self.mismatch.kind, self.where, self.mismatch.what


@dataclass
class Player:
    """Two opened stores that are given the same steps."""

    sides: tuple[Side, Side]
    coverage: Coverage
    audits: Sequence[Operation]
    """The reads that follow each write."""
    settled: Collection[tuple[str, ...]] = ()
    """Symptoms that are reported already: they are passed over, so that they hide nothing else. One without its
    operation stands for a field that differs in every operation."""
    lines: list[Line] = field(default_factory=list)
    deviations: list[Deviation] = field(default_factory=list)
    hung: set[str] = field(default_factory=set)
    """Operations that did not return, in earlier sequences and in this one: they are left out."""
    live: Entries = field(default_factory=dict)
    """The entries that were written."""
    _aside: set[Entry] = field(default_factory=set)
    """Entries that differ, which are left out from then on."""
    _differing: set[Entry] = field(default_factory=set)
    """Entries that differ in the reads after the present step."""
    _masked: set[str] = field(default_factory=set)
    """Operations that are left out, since they differ for no single entry."""
    _drawn: set[str] = field(default_factory=set)
    """The keys and indexes in the arguments so far."""
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _is_over: bool = False

    def __post_init__(self) -> None:
        self._held = HeldValues(self.sides)

    async def play(self, steps: Steps) -> list[Deviation]:
        """Take the steps one by one; an entry that differs is left out from then on."""
        for index, step in enumerate(steps):
            if self._is_over:
                break
            if isinstance(step, Call):
                await self._call(index, step)
            elif change := self._held.change(step):
                self.lines.append(Line(change))
                await self._audit(index, self._latest())
            if isinstance(step, Change) or step.is_audited:
                self._check_held(index)
        return self.deviations

    async def _call(self, index: int, step: Call) -> None:
        here, there = self.sides
        operation = here.operations[step.operation]
        given = here.fill(step.arguments), there.fill(step.arguments)
        entries = self._entries(operation, given)
        # The arguments of a listing may select another entry on each side, if some are left out.
        is_cut = operation.is_view and step.arguments and self._aside
        if self._aside.intersection(entries) or step.operation in self._masked | self.hung or is_cut:
            return
        number = next(self._numbers)
        written = here.written(step.arguments)
        for value in given[0].values():
            self._drawn |= {part.label for part in inside(value) if part.label.startswith("[")}
        is_hit = any(entry in self.live for entry in entries)
        answers = await here.call(step.operation, given[0]), await there.call(step.operation, given[1])
        self.lines.append(_line(operation, answers[0], written, number))
        made = self._learn(operation, answers, result_name(number))
        refused, differs = self._compare(index, operation, answers, hit=is_hit, lines=self.lines)
        if self._is_over:
            return
        self._held.hold(operation, number, given, answers)
        touched = {**made, **(entries if operation.reads is None else {})}
        if answers[0].error is None and answers[1].error is None and operation.reads is None:
            self.live.update(touched)
            self.coverage.largest = max(self.coverage.largest, len(self.live))
        if refused:
            self._set_aside(operation, touched or entries)
        elif differs and operation.reads is not None:
            self._set_aside(operation, entries)
        elif operation.writes is not None and step.is_audited:
            await self._audit(index, touched or self._latest())

    def _entries(self, operation: Operation, given: tuple[Mapping[str, Any], Mapping[str, Any]]) -> Entries:
        """The entries that a call names."""
        if operation.entry is None or operation.entry not in given[0]:
            return {}
        pairs = zip(*(entries_in(one[operation.entry]) for one in given), strict=True)
        return {key: pair for pair in pairs if (key := self.sides[0].entry_key(pair[0])) is not None}

    def _learn(self, operation: Operation, answers: tuple[Answer, Answer], result: str) -> Entries:
        """Match the new ids of both results, and return them. An id without a match is of its side alone."""
        fresh = [
            side.observer.new_ids(answer.result, operation) if answer.error is None else []
            for side, answer in zip(self.sides, answers, strict=True)
        ]
        made: Entries = {}
        for (mine, path), (theirs, _) in zip(*fresh, strict=False):
            position = self.sides[0].observer.learn(mine, result + path)
            self.sides[1].observer.learn(theirs, result + path)
            made[Id, Id(position)] = mine, theirs
        for side, ids in zip(self.sides, fresh, strict=True):
            self._aside.update((Id, Id(side.observer.learn_alone(one))) for one, _ in ids[len(made) :])
        return made

    def _compare(
        self, index: int, operation: Operation, answers: tuple[Answer, Answer], *, hit: bool, lines: list[Line]
    ) -> tuple[bool, bool]:
        """Compare what a call gave: whether one side alone refused it, and whether anything differs."""
        name = operation.name
        if any(isinstance(answer.error, HungError) for answer in answers):
            self._is_over = True
            self.hung.add(name)
        try:
            here, there = (side.look(answer, name) for side, answer in zip(self.sides, answers, strict=True))
        except IncomparableError as fault:
            self.coverage.rows[name].incomparable[str(fault)] += 1
            return False, False
        self.coverage.count(name, (here, there), hit=hit)
        is_cut = operation.is_view and self._aside
        if is_cut:
            here, there = (replace(one, snapshot=without(one.snapshot, self._aside)) for one in (here, there))
        found = outcome_mismatches(here, there)
        if is_cut:  # its total, or that it raises, may be due to an entry that is set aside
            found = [one for one in found if one.kind is not Kind.EXCEPTION and "int" not in one.what]
        before = len(self.deviations)
        for mismatch in found:
            self._report(self._attributed(Deviation(index, name, mismatch, mismatch.where(self._drawn), tuple(lines))))
        return here.raised != there.raised, len(self.deviations) > before

    def _report(self, deviation: Deviation) -> None:
        if deviation.symptom not in self.settled and deviation.symptom[1:] not in self.settled:
            self.deviations.append(deviation)

    def _attributed(self, deviation: Deviation) -> Deviation:
        """A deviation; as an aliasing, if it is that one side shows a change by the caller."""
        held = self._held.shown_on_one_side(deviation.mismatch.texts)
        if held is None:
            return deviation
        mismatch = replace(deviation.mismatch, kind=Kind.ALIASING)
        return replace(deviation, operation=held.operation.name, mismatch=mismatch, handed=held.argument)

    def _check_held(self, index: int) -> None:
        for held, mismatch in self._held.changed_on_one_side():
            lines = (*self.lines, Line(held.expression))
            self._report(Deviation(index, held.operation.name, mismatch, "", lines, held.argument))

    def _latest(self) -> Entries:
        return dict([*self.live.items()][-3:])

    def _set_aside(self, operation: Operation, entries: Entries) -> None:
        self._aside.update(entries)
        if operation.is_view or not entries:
            self._masked.add(operation.name)

    async def _audit(self, index: int, touched: Entries) -> None:
        """Read what was written: the entries, and the store as a whole."""
        for operation in self.audits:
            if operation.name in self._masked | self.hung:
                continue
            if operation.is_view:
                await self._read(index, operation, None, None)
                continue
            for entry, named in touched.items():
                if entry not in self._aside and operation.name not in self.hung:
                    await self._read(index, operation, entry, named)
        self._aside.update(self._differing)
        self._differing.clear()

    async def _read(self, index: int, operation: Operation, entry: Entry | None, named: tuple[Any, Any] | None) -> None:
        given: list[dict[str, Any]] = [{operation.reads or "": one} for one in named] if named else [{}, {}]
        here, there = self.sides
        answers = await here.call(operation.name, given[0]), await there.call(operation.name, given[1])
        call = _line(operation, answers[0], {name: self._name_of(value) for name, value in given[0].items()})
        self._learn(operation, answers, "")
        if any(self._compare(index, operation, answers, hit=True, lines=[*self.lines, call])):
            if entry is None:
                self._masked.add(operation.name)
            else:
                self._differing.add(entry)

    def _name_of(self, value: Any) -> str:
        observer = self.sides[0].observer
        known = self.sides[0].entry_key(value)
        if known is not None and isinstance(known[1], Id) and known[1].position >= 0:
            return observer.names[known[1].position]
        return source(value)


def _line(operation: Operation, answer: Answer, written: Mapping[str, str], number: int = 0) -> Line:
    return Line(f"{'await ' if answer.awaited else ''}store.{operation.name}", number, written, operation.positional)
