"""A store as its own judge: what comes out at the same time, or of a death, has to be what a sequence gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement, groupby, permutations
from math import inf
from typing import Any

from conformance.compare.alone.plans import Plan, call, plans_of
from conformance.compare.alone.witness import REPEATED, NoAnswerError, Witness
from conformance.engine.contract import SILENT, Entry
from conformance.engine.orders.arena import Arena
from conformance.engine.orders.network import NetworkArena
from conformance.engine.orders.schedule import Choose, Play, explore, first, follow
from conformance.engine.scenario import Call
from conformance.harness import Capability
from conformance.operations.operation import EarlierId, Operation, OperationsError
from conformance.operations.trees import Mismatch, Tree, mismatches

_MOST_ORDERS = 300
"""Plays of one plan."""
_MOST_REPEATS = 60
"""Calls after which the answer of an operation has changed, or does not change."""
_MOST_SWITCHES = 3
"""How often a caller of a store in memory has to wait that could go on."""
_SHOWN = 2
"""Places that are shown where two results part."""
_TEXTS = {
    "race": "in {} of {} orders of their requests, as in no order of the calls",
    "death": "{2}, at {0} of {1} points",
}


@dataclass(frozen=True)
class Anomaly:
    """Something that no sequence of the calls explains."""

    plan: Plan
    rule: str
    """What is wrong, where that is not the same of all."""
    text: str
    """What is wrong, and how often."""
    lines: Sequence[str]
    """The play as a script, with the requests side by side, and what shows that it is wrong."""
    schedule: str
    """What plays exactly this again."""

    @property
    def title(self) -> str:
        """What is alike in two stores that have it."""
        return f"{self.plan.title}: {self.rule}" if self.rule else self.plan.title


class SelfJudge:
    """Races each two operations in an arena, lets something die in each, and notes what was played."""

    def __init__(self, arena: Arena, operations: Mapping[str, Operation], *, is_full: bool = False) -> None:
        """Take an arena. If full, three callers race too."""
        self.arena = arena
        self.operations = operations
        self.left_out: dict[str, set[str]] = {}
        """Why something was not played, and the titles of plans."""
        self.played = Counter[str]()
        """How many orders of races, and points of deaths."""
        self.found = self._races = 0
        self._is_at_server = isinstance(arena, NetworkArena)
        self._most_switches = inf if self._is_at_server else _MOST_SWITCHES
        self._instances = (1, 2) if Capability.SHARED in arena.harness.capabilities else (1,)
        self.crowds = [*_crowds(operations.values(), is_full=is_full, with_deaths=self._is_at_server)]
        """The operations of each plan."""
        self._brinks: dict[str, tuple[Call, ...]] = {}

    def extent(self) -> Iterator[str]:
        """Yield what was played."""
        bound = "" if self._is_at_server else f" with at most {_MOST_SWITCHES} switches"
        whole = "" if self.left_out else f"every order{bound} of "
        yield f"raced: {whole}{self._races} races, {self.played['race']:,} plays"
        if self._is_at_server:
            yield f"died: a connection, a caller or a process at {self.played['death']:,} points"

    async def findings(self, only: str = "", schedule: str = "") -> AsyncIterator[Anomaly]:
        """Yield what is found first of each set of operations, by rule.

        Others than the plan of the title `only` are left out; with a schedule one order of it is played.

        Raises:
            OperationsError: if there is no plan of this title.
        """
        await self._learn_brinks()
        titles = {""}
        for crowd in self.crowds:
            rules = set[str]()
            brinks = self._brinks if len(crowd) > 1 else {}
            for plan in plans_of(self.operations.values(), crowd, self._instances, brinks):
                titles.add(plan.title)
                if only not in ("", plan.title) or "" in rules:
                    continue
                for anomaly in await self.judge(plan, schedule):
                    if anomaly.rule not in rules:
                        self.found += 1
                        yield anomaly
                    rules.add(anomaly.rule)
        if only not in titles:
            raise OperationsError(f"nothing is called {only!r}: take a title that `conformance compare` has printed")

    async def _learn_brinks(self) -> None:
        """Learn how often each write is repeated before two more show that its answer changes."""
        for operation in self.operations.values():
            if not operation.is_read:
                repeated = (call(operation),) * _MOST_REPEATS
                played = await self._play(Plan(repeated, ()))
                kinds = [_kind(entry) for entry in played.entries]
                count = next((place - 1 for place, kind in enumerate(kinds) if kind != kinds[0]), 0)
                self._brinks[operation.name] = repeated[:count]

    async def _play(self, plan: Plan, choose: Choose = first, order: Sequence[int] | None = None) -> Witness:
        witness = Witness(self.arena, self.operations, plan, choose, order)
        await witness.play(witness.drawn())
        return witness

    async def sequences(self, plan: Plan) -> list[Witness]:
        """Make the calls in each order, or one not at all, and then; none if that gives something else each time."""
        orders: list[Sequence[int]] = [*permutations(range(len(plan.racing)))]
        if plan.kind == "death":
            orders.insert(0, ())
        *plays, again = [await self._play(plan, order=order) for order in (*orders, orders[-1])]
        if not _apart(again, plays[-1]):
            return plays
        self.leave_out(plan, "the same calls one after the other give something else each time")
        return []

    async def plays(self, plan: Plan, schedule: str = "") -> list[Play]:
        """Play every order of a plan, or that of a schedule."""

        async def play(choose: Choose) -> Play:
            witness = await self._play(plan, choose)
            return witness.ordered

        if schedule:
            return [await play(follow(schedule))]
        plays, cut = await explore(play, _MOST_ORDERS, self._most_switches)
        if cut:
            self.leave_out(plan, cut)
        plays = [play for play in plays if play.has_died or plan.kind == "race"]
        self.played[plan.kind] += len(plays)
        self._races += plan.kind == "race"
        return plays

    async def judge(self, plan: Plan, schedule: str = "") -> list[Anomaly]:
        """Play every order of a plan, and return the shortest that breaks each rule."""
        sequences = await self.sequences(plan)
        if not sequences:
            return []
        plays = await self.plays(plan, schedule)
        if plan.kind == "death" and self.arena.in_threads:
            self.leave_out(plan, "a call in a thread is neither cancelled nor killed")
        wrong: dict[str, list[Play]] = {}
        for play in plays:
            for rule in broken(play.player, sequences):
                wrong.setdefault(rule, []).append(play)

        found = []
        for rule, those in wrong.items():
            text = min(those, key=_turns).schedule
            shown = await self._play(plan, follow(text))
            if rule in broken(shown, sequences):
                counted = _TEXTS[plan.kind].format(_count(those), _count(plays), rule)
                found.append(Anomaly(plan, rule, counted, [*shown.lines(), *_why(shown, sequences)], text))
            else:
                self.leave_out(plan, "it came out wrong, and not once more")
        return found

    def leave_out(self, plan: Plan, reason: str) -> None:
        """Note why something of a plan is not played."""
        self.left_out.setdefault(reason, set()).add(plan.title)


def _crowds(operations: Collection[Operation], *, is_full: bool, with_deaths: bool) -> Iterator[Sequence[Operation]]:
    """Yield each two operations of which one writes, three times each that writes, and those in which one dies."""
    writes = [operation for operation in operations if not operation.is_read]
    for pair in combinations_with_replacement(operations, 2):
        if any(operation in writes for operation in pair):
            yield pair
    for operation in writes if is_full else ():
        yield (operation,) * 3
    for operation in operations if with_deaths else ():
        yield (operation,)


def broken(played: Witness, sequences: Sequence[Witness]) -> Iterator[str]:
    """Yield the rules that a play breaks: that of the first result that no sequence explains, and of lifetimes."""
    lifetimes = [sequence.lifetimes for sequence in sequences]
    known = {key for each in lifetimes for key in each}
    apart = [_apart(played, sequence) for sequence in sequences]
    if all(apart):
        rule = played.rules[max(min(places) for places in apart)]
        is_locked = any(left >= 0 and key not in known for key, left in played.lifetimes.items())
        if not (rule == REPEATED and is_locked and played.is_refused):  # who holds a lock is waited for
            yield rule
    lasting = {key for key, left in played.lifetimes.items() if left < 0}
    if any(all(each.get(key, 0) >= 0 for each in lifetimes) for key in lasting & known):
        yield "leaves a key that never expires"


def _apart(played: Witness, sequence: Witness) -> dict[int, list[Mismatch]]:
    """Return which results are not those of a sequence, by place, and where they part.

    A call in which something dies may fail. Lists may be in another order: replies may overtake each other.
    """
    answer = played.outcome[0].answer
    may_fail = played.plan.kind == "death" and isinstance(answer, BaseException)
    begin = int(may_fail and SILENT.error not in answer.args)
    results = [_numbered(each.outcome[begin:]) for each in (played, sequence)]
    found: dict[int, list[Mismatch]] = {}
    for place, (came, right) in enumerate(zip(*results, strict=True), start=begin):
        for mismatch in mismatches(right, came):
            if mismatch.kind != "order":
                found.setdefault(place, []).append(mismatch)
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


def _why(shown: Witness, sequences: Sequence[Witness]) -> Iterator[str]:
    """Yield the result that no sequence explains, where it differs, then what the sequences give there.

    Of several it is one in which all differ, if there is one, and one that came afterwards.
    """
    apart = [_apart(shown, sequence) for sequence in sequences]
    if not all(apart):
        return
    nearest = min(apart, key=len)

    def clearness(place: int) -> tuple[int, bool]:
        return sum(place in places for places in apart), place >= len(shown.plan.racing)

    place = max(nearest, key=clearness)
    came = _text(nearest[place], 1)
    expected = {}
    for sequence, places in zip(sequences, apart, strict=True):
        if place in places and not isinstance(sequence.outcome[place].answer, NoAnswerError):
            expected[_text(places[place], 0)] = sequence
    yield f"#   then {shown.outcome[place].line} -> {came}"
    yield f"#   one after the other {' or '.join(expected)}"


def _text(apart: Sequence[Mismatch], side: int) -> str:
    """Return one of two sides of a result, where they part."""
    texts = []
    for mismatch in apart[:_SHOWN]:
        path = "".join(mismatch.path)
        texts.append(f"{path}: {mismatch.texts[side]}" if path else mismatch.texts[side])
    return ", ".join(texts)


def _turns(play: Play) -> int:
    """Return how often another caller goes on, and where something ends."""
    return len([*groupby(request.caller for request in play.trace)])


def _count(plays: Sequence[Play]) -> int:
    """Return how many orders of requests there are, whenever a call was begun."""
    return len({tuple((each.name, each.word) for each in play.trace if each.keys != frozenset()) for play in plays})


def _kind(entry: Entry) -> object:
    """Return what of an answer tells that an operation has come to its limit."""
    return entry.answer if isinstance(entry.answer, bool | None) else type(entry.answer)
