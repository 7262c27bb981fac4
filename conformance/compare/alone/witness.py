"""Plays the calls of one store in an arena, compares what comes out, and words it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import groupby
from typing import Any

from conformance.compare.alone.plans import Plan
from conformance.compare.play import Operations
from conformance.engine.contract import Entry
from conformance.engine.orders.arena import Arena
from conformance.engine.orders.schedule import CALLERS, Choose, Play, first
from conformance.engine.outcome import CANCELLED, SILENT
from conformance.engine.player import Player
from conformance.engine.scenario import Action, Race, Scenario
from conformance.engine.script import call_text
from conformance.operations.operation import EarlierId, Operation
from conformance.operations.trees import Tree, mismatches

_COLUMN = 15
"""Letters by which each caller's requests are further to the right."""
_LONGEST = 90
"""Letters of a request that are shown."""
_SHOWN = 2
"""Parts of a result that are shown."""


class NoAnswerError(Exception):
    """Stands for the answer of a call that has none."""


class Witness(Player):
    """Plays a plan in an arena, and reads what comes out as trees, with names for the ids that the store gave in it.

    With an `order` the raced calls are made one after the other.
    """

    caught = (Exception, SystemExit)  # whatever comes out is what is compared
    contract: Operations
    choose: Choose
    instances = 1
    order: Sequence[int] | None = None

    def __init__(self, arena: Arena, operations: Mapping[str, Operation], plan: Plan) -> None:
        raced = [Race(plan.racing, every_order=True)] if plan.racing else []
        scenario = Scenario((*plan.start, *raced))
        instances = 1 + max((call.on for call in scenario.calls), default=0)
        super().__init__(
            Operations(operations), arena.harness, replace(scenario, instances=max(instances, self.instances))
        )
        self.arena: Arena = arena
        self.plan = plan
        self.ordered = Play(player=self)

    @property
    def entries(self) -> list[Entry]:
        """What came out, in the order of the plan."""
        return [entry for done in self.history for entry in done.made]

    @property
    def raced(self) -> list[Entry]:
        """What the raced calls gave, by caller."""
        return self.entries[len(self.plan.start) :][: len(self.plan.racing)]

    @property
    def compared(self) -> Sequence[Entry]:
        """What tells that the play is wrong."""
        return self.entries

    def drawn(self) -> Iterator[Action]:
        """Read what is there then."""
        yield from self.plan.after

    async def close(self, on: int) -> None:
        """Close an instance, whatever comes of that: its process may have died."""
        with suppress(Exception):
            await super().close(on)

    def invoke(self, operation: Operation, store: Any, given: Mapping[str, Any]) -> Any:
        """Call an operation, maybe in a thread."""
        return self.arena.invoke(operation, store, given)

    async def make_together(self, race: Race, made: Sequence[Entry]) -> None:
        """Make calls in the arena, also one alone: it may wait for time to pass."""
        for entry in made:
            texts = {}
            for name, value in entry.invocation.arguments.items():
                texts[name] = self.contract.written(entry.operation, name, value)
            entry.line = call_text(self.contract, entry.call, texts)
        if race.every_order and self.order is None:
            await self.arena.together(made, self.make, self.choose, self.ordered)
            return
        for place in self.order or (0,) if race.every_order else (0,):
            await self.arena.together([made[place]], self.make, first, Play())

    def take(self, race: Race, made: list[Entry]) -> None:
        """Learn the ids of all these calls, then make trees of their results."""
        observer = self.contract.observer
        for number, entry in enumerate(made, start=len(self.entries) - len(made)):
            if entry.observed in (CANCELLED, SILENT):
                entry.answer = NoAnswerError(entry.observed.error)
            if not isinstance(entry.answer, BaseException):
                observer.learn(entry.answer, entry.operation, f"result{number}")
        for entry in made:
            entry.observed = observer.look(entry.answer, entry.operation)

    def lines(self) -> Iterator[str]:
        """Yield what was done with the calls side by side, and what came of it."""
        for text, group in groupby(entry.line for entry in self.entries[: len(self.plan.start)]):
            times = len([*group])
            yield f"  before: {text}{f', {times} times' if times > 1 else ''}"
        raced = [*zip(CALLERS, self.raced, strict=False)]
        for caller, entry in raced:
            yield f"  {caller} = {entry.line}"
        shown = [(request.caller, request.text) for request in self.ordered.trace]
        shown += [(caller, f"-> {entry.observed.text()}") for caller, entry in raced]
        for caller, text in shown:
            column = _COLUMN * max(0, CALLERS.find(caller))
            yield f"  {' ' * column}{caller}: {text[: _LONGEST + column]}"


def differences(entries: Sequence[Entry], expected: Sequence[Entry]) -> dict[int, list[str]]:
    """Return which results are not the expected ones, by place, and where these trees part.

    Lists may be in another order: replies may overtake each other.
    """
    found: dict[int, list[str]] = {}
    for place, (came, right) in enumerate(zip(_numbered(entries), _numbered(expected), strict=True)):
        for mismatch in mismatches(right, came):
            if mismatch.kind != "order":
                found.setdefault(place, []).append("".join(mismatch.path))
    return found


def _numbered(entries: Sequence[Entry]) -> list[Tree]:
    """Return the results with ids as they first occur in these: of an answer that is lost nobody learns the id."""
    places: dict[Any, int] = {}

    def numbered(tree: Tree) -> Tree:
        if tree.kind is EarlierId:
            return replace(tree, value=places.setdefault(tree.value, len(places)))
        parts = {label: numbered(part) for label, part in (tree.parts or {}).items()}
        return replace(tree, parts=parts) if parts else tree

    return [numbered(entry.observed) for entry in entries]


def unexplained(entries: Sequence[Entry], sequences: Sequence[Sequence[Entry]], reads: int) -> Iterator[str]:
    """Yield the result that no sequence explains, where it differs, and what the sequences give there.

    Of several it is one in which all differ, if there is one, and one of the last, which are reads.
    """
    apart = [differences(entries, sequence) for sequence in sequences]
    if not all(apart):
        return
    nearest = min(apart, key=len)

    def clearness(place: int) -> tuple[int, bool]:
        return sum(place in places for places in apart), place >= len(entries) - reads

    place = max(nearest, key=clearness)
    came, *expected = [_text(each[place].observed, nearest[place]) for each in (entries, *sequences)]
    yield f"  then {entries[place].line} -> {came}; one after the other {' or '.join(dict.fromkeys(expected))}"


def _text(tree: Tree, paths: Sequence[str]) -> str:
    """Return a result as Python, or the parts to which these paths lead."""
    parts = [f"{path}: {part.text()}" for path, part in _parts(tree) if path and path in paths[:_SHOWN]]
    return ", ".join(parts) or tree.text()


def _parts(tree: Tree, path: str = "") -> Iterator[tuple[str, Tree]]:
    yield path, tree
    for label, part in (tree.parts or {}).items():
        yield from _parts(part, path + label)
