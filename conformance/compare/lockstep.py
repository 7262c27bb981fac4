"""Lockstep: the same steps on both sides, until something differs."""

from __future__ import annotations

import asyncio
import copy
import inspect
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, TypeVar

from conformance.compare.change import MARK, changes_of
from conformance.compare.difference import Difference, Kind, Mismatch, Outcome, Signature, mismatch, outcome_mismatch
from conformance.compare.operation import EarlierId, Operation
from conformance.compare.picture import Node, Observer, Picture, parts_of, source
from conformance.compare.script import Line, argument_name, result_name, write_script
from conformance.compare.steps import Call, Change, Steps

T = TypeVar("T")

_SECONDS = 20
"""How long one call may take: one that hangs shall not hang the comparison."""
_NO_ID = "no such id"
"""What is asked for while there is no earlier id."""


@dataclass
class Side:
    """One subject in one example: its open store, and what has been seen of it."""

    name: str
    store: Any
    operations: Mapping[str, Operation]
    observer: Observer = field(default_factory=Observer)

    def fill(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        """The drawn arguments as this side is given them: its own ids, and copies of everything else."""
        return {name: self._fill(value) for name, value in drawn.items()}

    def _fill(self, value: Any) -> Any:
        if not isinstance(value, EarlierId):
            return copy.deepcopy(value)
        known = self.observer.ids
        return _latest(known, value.back) if known else _NO_ID

    def written(self, drawn: Mapping[str, Any]) -> dict[str, str]:
        """The same arguments as a script writes them."""
        known = self.observer.names
        return {
            name: _latest(known, value.back) if isinstance(value, EarlierId) and known else source(self._fill(value))
            for name, value in drawn.items()
        }

    async def call(self, operation: str, arguments: Mapping[str, Any], result_is: str) -> tuple[Outcome, Any]:
        """Make a call: what it came to, and the result itself, whose ids are known from now on."""
        known = self.operations[operation]
        awaited = False
        try:
            result = known.call(self.store, **arguments)
            awaited = inspect.isawaitable(result)
            if awaited:
                async with asyncio.timeout(_SECONDS):
                    result = await result
        except Exception as error:  # noqa: BLE001  whatever comes out is what is compared
            return Outcome(self.observer.look_at_exception(error, known), raised=True, awaited=awaited), None
        self.observer.learn(result, known, result_is)
        return Outcome(self.observer.look(result, known), raised=False, awaited=awaited), result


@dataclass(frozen=True, eq=False)
class _Handed:
    """A value that was passed in or came back, as each side has it."""

    expression: str
    operation: str
    values: tuple[Any, Any]


class Lockstep:
    """Two sides that are given the same steps, and everything that passed between them and their caller."""

    def __init__(self, one: Side, other: Side) -> None:
        self._one, self._other = one, other
        self._handed: list[_Handed] = []
        self._lines: list[Line] = []
        self._drawn: set[str] = set()

    async def play(self, steps: Steps, known: Collection[Signature]) -> Difference | None:
        """Take the steps one by one; the first difference ends it.

        Only a known one in what was handed over earlier does not: the stores themselves are still alike.
        """
        numbers = count(1)
        for step in steps:
            found = None
            if isinstance(step, Call):
                found = await self._call(next(numbers), step)
            elif isinstance(step, Change):
                self._change(step)
            if found := found or self._look_back(known):
                return found
        return None

    async def _call(self, number: int, step: Call) -> Difference | None:
        one, other = self._one, self._other
        name = step.operation
        given = one.fill(step.arguments), other.fill(step.arguments)
        written = one.written(step.arguments)
        for value in given[0].values():
            self._drawn |= _keys(one.observer.look(value, one.operations[name]))
        here, result = await one.call(name, given[0], result_name(number))
        there, other_result = await other.call(name, given[1], result_name(number))
        self._lines.append(Line(f"{'await ' if here.awaited else ''}store.{name}", number, written))
        if found := outcome_mismatch(here, there):
            return self._difference(name, found, self._lines)
        self._handed += [
            _Handed(argument_name(argument, number), name, (given[0][argument], given[1][argument]))
            for argument in step.arguments
            if parts_of(given[0][argument]) is not None
        ]
        if parts_of(result) is not None:
            self._handed.append(_Handed(result_name(number), name, (result, other_result)))
        return None

    def _change(self, step: Change) -> None:
        """Change one place in a value, alike on both sides."""
        if not self._handed:
            return
        handed = _latest(self._handed, step.back)
        here, there = (
            changes_of(value, {*side.operations[handed.operation].ids, *side.operations[handed.operation].times})
            for side, value in zip((self._one, self._other), handed.values, strict=True)
        )
        shared = [change for change in here if change in there]
        if shared:
            change = shared[step.place % len(shared)]
            here[change]()
            there[change]()
            self._lines.append(Line(handed.expression + change))

    def _look_back(self, known: Collection[Signature]) -> Difference | None:
        """Whether everything that was handed over earlier still looks alike on both sides."""
        for handed in [*self._handed]:
            one, other = (
                side.observer.look(value, side.operations[handed.operation])
                for side, value in zip((self._one, self._other), handed.values, strict=True)
            )
            if found := mismatch(one, other):
                lines = [*self._lines, Line(handed.expression)]
                difference = self._difference(handed.operation, replace(found, kind=Kind.ALIASING), lines)
                if difference.signature not in known:
                    return difference
                self._handed.remove(handed)
        return None

    def _difference(self, operation: str, found: Mismatch, lines: list[Line]) -> Difference:
        if found.kind is Kind.ALIASING:
            description = "what was handed over changes later"
        elif found.kind is not Kind.EXCEPTION and (MARK in found.texts[0]) != (MARK in found.texts[1]):
            found, description = replace(found, kind=Kind.ALIASING), "a change by the caller shows in the store"
        else:
            description = found.describe(self._drawn)
        script = write_script(lines, "".join(found.path), (self._one.name, self._other.name), found.texts)
        return Difference(operation, found.kind, description, script)


def _latest(known: Sequence[T], back: int) -> T:
    """The latest of these, or one so many places before it."""
    return known[-1 - back % len(known)]


def _keys(picture: Picture) -> set[str]:
    """Every key and index in a picture, at any depth."""
    if not isinstance(picture, Node):
        return set()
    return {label for label in picture.parts if label.startswith("[")}.union(*map(_keys, picture.parts.values()))
