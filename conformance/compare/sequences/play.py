"""The player: gives two stores the same steps, and says of each place where they part."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, TypeAlias

from conformance.compare.operations.operation import Operation
from conformance.compare.sequences.coverage import Coverage
from conformance.compare.sequences.side import Answer, Side, latest
from conformance.compare.sequences.steps import Call, Change, Steps
from conformance.compare.values.change import changes_of, mark_of
from conformance.compare.values.contrast import HungError, Kind, Mismatch, mismatches, outcome_mismatches
from conformance.compare.values.parts import IncomparableError, inside
from conformance.compare.values.picture import Id, Node, Picture, without
from conformance.compare.values.script import Line, argument_name, result_name
from conformance.engine.script import source

Symptom: TypeAlias = tuple[str, Kind, str, str]
"""Where something shows: operation, kind, field, and what differs there."""
Entry: TypeAlias = tuple[Any, Any]
_KEPT = 8


@dataclass(frozen=True)
class Deviation:
    """A place where the two sides part, after the step of this index."""

    index: int
    operation: str
    mismatch: Mismatch
    where: str
    lines: tuple[Line, ...]
    handed: str | None = None
    """Of an aliasing: the argument that was kept, or nothing for a result."""

    @property
    def symptom(self) -> Symptom:
        """What makes it the same deviation in another sequence."""
        if self.handed is not None:
            return self.handed, Kind.ALIASING, "", ""
        return self.operation, self.mismatch.kind, self.where, self.mismatch.what


@dataclass
class _Handed:
    """A value that was passed in or came back, as each side has it, and how it looked."""

    expression: str
    operation: str
    argument: str
    values: tuple[Any, Any]
    pictures: tuple[Picture, Picture]


@dataclass
class Player:
    """Two opened stores that are given the same steps, and everything that passed between them and their caller."""

    sides: tuple[Side, Side]
    coverage: Coverage
    audits: Sequence[Operation]
    """The reads that follow each write."""
    settled: Collection[tuple[str, ...]] = ()
    """What shows with plain values, and is reported: it is passed over, so that it hides nothing else. A field that
    differs does so in every operation: it stands there without one."""
    lines: list[Line] = field(default_factory=list)
    deviations: list[Deviation] = field(default_factory=list)
    hung: set[str] = field(default_factory=set)
    """Operations that did not return, in earlier sequences and in this one: they are left out."""
    live: dict[Entry, tuple[Any, Any]] = field(default_factory=dict)
    """Entries that were written, and how each side names them."""
    _aside: set[Entry] = field(default_factory=set)
    _masked: set[str] = field(default_factory=set)
    _handed: list[_Handed] = field(default_factory=list)
    _changed: dict[str, _Handed] = field(default_factory=dict)
    """What the caller has changed, by the mark that the change left."""
    _drawn: set[str] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _differing: set[Entry] = field(default_factory=set)
    _is_over: bool = False

    async def play(self, steps: Steps) -> list[Deviation]:
        """Take the steps one by one; an entry that differs is left out from then on."""
        for index, step in enumerate(steps):
            if self._is_over:
                break
            if isinstance(step, Call):
                await self._call(index, step)
            else:
                await self._change(index, step)
            if not (isinstance(step, Call) and not step.is_audited):
                self._look_back(index)
        return self.deviations

    async def _call(self, index: int, step: Call) -> None:
        operation = self.sides[0].operations[step.operation]
        here, there = self.sides
        given = here.fill(step.arguments), there.fill(step.arguments)
        entries = self._entries(operation, given)
        is_cut = (
            operation.is_view and step.arguments and self._aside
        )  # what it leaves out is another entry on each side
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
        parted, found = self._compare(index, operation, answers, hit=is_hit, lines=self.lines)
        if self._is_over:
            return
        self._hand(operation, number, given, answers)
        touched = {**made, **(entries if operation.reads is None else {})}
        if answers[0].error is None and answers[1].error is None and operation.reads is None:
            self.live.update(touched)
            self.coverage.largest = max(self.coverage.largest, len(self.live))
        if parted:
            self._set_aside(operation, touched or entries)
        elif found and operation.reads is not None:
            self._set_aside(operation, entries)
        elif operation.writes is not None and step.is_audited:
            await self._audit(index, touched or self._latest())

    def _entries(self, operation: Operation, given: tuple[Mapping[str, Any], Mapping[str, Any]]) -> dict[Entry, Any]:
        """The entries that a call names."""
        if operation.entry is None or operation.entry not in given[0]:
            return {}
        named = [one[operation.entry] for one in given]
        several = isinstance(named[0], (Mapping, list, tuple, set, frozenset))
        pairs = zip(*map(list, named), strict=True) if several else [tuple(named)]
        return {key: pair for pair in pairs if (key := self.sides[0].entry_key(pair[0])) is not None}

    def _learn(self, operation: Operation, answers: tuple[Answer, Answer], result: str) -> dict[Entry, tuple[Any, Any]]:
        """Match the new ids of both results, and return them; one that has no match is of its side alone."""
        fresh = [
            side.observer.new_ids(answer.result, operation) if answer.error is None else []
            for side, answer in zip(self.sides, answers, strict=True)
        ]
        made: dict[Entry, tuple[Any, Any]] = {}
        for (mine, path), (theirs, _) in zip(*fresh, strict=False):
            position = self.sides[0].observer.learn(mine, result + path)
            self.sides[1].observer.learn(theirs, result + path)
            made[Id, Id(position)] = mine, theirs
        matched = min(map(len, fresh))
        for side, ids in zip(self.sides, fresh, strict=True):
            self._aside.update((Id, Id(side.observer.learn_alone(one))) for one, _ in ids[matched:])
        return made

    def _compare(
        self, index: int, operation: Operation, answers: tuple[Answer, Answer], *, hit: bool, lines: list[Line]
    ) -> tuple[bool, bool]:
        """Compare what a call came to: whether one side alone refused it, and whether anything differs."""
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
        if operation.is_view and self._aside:
            here, there = (replace(one, picture=without(one.picture, self._aside)) for one in (here, there))
        found = [
            self._attributed(Deviation(index, name, one, one.where(self._drawn), tuple(lines)))
            for one in outcome_mismatches(here, there)
        ]
        if (
            operation.is_view and self._aside
        ):  # its total, or that it cannot be made, is due to an entry that is set aside
            found = [one for one in found if one.mismatch.kind is not Kind.EXCEPTION and "int" not in one.mismatch.what]
        new = [one for one in found if one.symptom not in self.settled and one.symptom[1:] not in self.settled]
        self.deviations += new
        return here.raised != there.raised, bool(new)

    def _attributed(self, deviation: Deviation) -> Deviation:
        """Say of a deviation in which one side shows a caller's change that it is an aliasing of what was changed."""
        texts = deviation.mismatch.texts
        for mark, handed in reversed(self._changed.items()):
            if (mark in texts[0]) != (mark in texts[1]):
                mismatch = replace(deviation.mismatch, kind=Kind.ALIASING)
                return replace(deviation, operation=handed.operation, mismatch=mismatch, handed=handed.argument)
        return deviation

    def _latest(self) -> dict[Entry, tuple[Any, Any]]:
        return dict([*self.live.items()][-3:])

    def _set_aside(self, operation: Operation, entries: Mapping[Entry, Any]) -> None:
        if entries:
            self._aside.update(entries)
        if operation.is_view or not entries:
            self._masked.add(operation.name)

    async def _audit(self, index: int, touched: Mapping[Entry, tuple[Any, Any]]) -> None:
        """Read what was written: the entries, and then the store as a whole."""
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
        written = {name: self._name_of(value) for name, value in given[0].items()}
        call = _line(operation, answers[0], written)
        self._learn(operation, answers, "")
        parted, found = self._compare(index, operation, answers, hit=True, lines=[*self.lines, call])
        if (parted or found) and entry is not None:
            self._differing.add(entry)
        elif parted or found:
            self._masked.add(operation.name)

    def _name_of(self, value: Any) -> str:
        observer = self.sides[0].observer
        known = self.sides[0].entry_key(value)
        if known is not None and isinstance(known[1], Id) and known[1].position >= 0:
            return observer.names[known[1].position]
        return source(value)

    def _hand(self, operation: Operation, number: int, given: Any, answers: tuple[Answer, Answer]) -> None:
        """Keep what was passed in, and what came back, to look at it again later."""
        candidates = [(argument_name(name, number), name, (given[0][name], given[1][name])) for name in given[0]]
        if answers[0].error is None and answers[1].error is None:
            candidates.append((result_name(number), "", (answers[0].result, answers[1].result)))
        for expression, argument, values in candidates:
            try:
                pictures = self._look(values, operation)
            except IncomparableError:
                continue
            if all(isinstance(picture, Node) for picture in pictures):
                self._handed.append(_Handed(expression, operation.name, argument, values, pictures))
        del self._handed[:-_KEPT]

    def _look(self, values: tuple[Any, Any], operation: Operation) -> tuple[Picture, Picture]:
        return (
            self.sides[0].observer.look(values[0], operation),
            self.sides[1].observer.look(values[1], operation),
        )

    async def _change(self, index: int, step: Change) -> None:
        """Change one place in a value, alike on both sides, and read the entries: none may show it on one side only."""
        if not self._handed:
            return
        handed = latest(self._handed, step.back)
        operation = self.sides[0].operations[handed.operation]
        spared = {*operation.ids, *operation.times}
        mark = mark_of(len(self._changed))
        here, there = (changes_of(value, mark, spared) for value in handed.values)
        shared = [change for change in here if change in there]
        if not shared:
            return
        change = shared[step.place % len(shared)]
        here[change]()
        there[change]()
        self.lines.append(Line(handed.expression + change))
        handed.pictures = self._look(handed.values, operation)
        self._changed[mark] = handed
        await self._audit(index, self._latest())

    def _look_back(self, index: int) -> None:
        """Whether what was handed over earlier has changed on one side alone."""
        for handed in [*self._handed]:
            operation = self.sides[0].operations[handed.operation]
            now = self._look(handed.values, operation)
            moved = [next(mismatches(then, one), None) for then, one in zip(handed.pictures, now, strict=True)]
            if (moved[0] is None) != (moved[1] is None):
                found = moved[0] or moved[1]
                assert found is not None  # noqa: S101  one of them is not
                texts = _texts_at(now, found.path)
                what = Mismatch(Kind.ALIASING, "", texts, found.path)
                deviation = Deviation(
                    index, handed.operation, what, "", (*self.lines, Line(handed.expression)), handed.argument
                )
                if deviation.symptom not in self.settled:
                    self.deviations.append(deviation)
                self._handed.remove(handed)
            else:
                handed.pictures = now


def _line(operation: Operation, answer: Answer, written: Mapping[str, str], number: int = 0) -> Line:
    return Line(f"{'await ' if answer.awaited else ''}store.{operation.name}", number, written, operation.positional)


def _texts_at(pictures: tuple[Picture, Picture], path: tuple[str, ...]) -> tuple[str, str]:
    found = []
    for picture in pictures:
        part: Picture | None = picture
        for label in path:
            part = part.parts.get(label) if isinstance(part, Node) else None
        found.append("nothing" if part is None else part.text)
    return found[0], found[1]
