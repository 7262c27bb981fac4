"""Races: calls at the same time, in every order. Each outcome has to be one that they give one after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations_with_replacement, groupby, permutations
from math import inf
from typing import Any, ClassVar

from conformance.compare.alone.plans import Plan, call, plans_of
from conformance.compare.alone.witness import Witness, differences, unexplained
from conformance.engine.contract import Entry
from conformance.engine.orders.arena import Arena
from conformance.engine.orders.schedule import Choose, Exploration, Play, explore, follow
from conformance.engine.scenario import Call
from conformance.operations.operation import Operation

_MOST_ORDERS = 300
"""Plays of one race."""
_MOST_REPEATS = 60
"""Calls after which the answer of an operation has changed, or does not change."""


@dataclass(frozen=True)
class Anomaly:
    """Something that no sequence of the calls explains."""

    plan: Plan
    rule: str
    """What is wrong, where that is not the same of all."""
    text: str
    """What is wrong, and how often."""
    lines: Sequence[str]
    """The play, with the calls side by side."""
    schedule: str
    """What plays exactly this again."""

    @property
    def title(self) -> str:
        """What is alike in two stores that have it."""
        return f"{self.plan.title}: {self.rule}" if self.rule else self.plan.title


@dataclass
class Races:
    """Races each two operations in an arena, and notes what was played."""

    arena: Arena
    operations: Mapping[str, Operation]
    instances: Sequence[int] = (1,)
    most_switches: float = inf
    is_full: bool = False
    """Whether three callers race too."""
    count: int = 0
    """How many orders were played."""
    found: int = 0
    bound: str = ""
    left_out: dict[str, set[str]] = field(default_factory=dict)
    """Why something was not played, and the titles of plans."""
    brinks: dict[str, tuple[Call, ...]] = field(default_factory=dict)

    kind = "race"
    is_part = False
    text = "in {} of {} orders of their requests, as in no order of the calls"
    witness: ClassVar[type[Witness]] = Witness

    @property
    def extent(self) -> str:
        """What was played."""
        extent = "" if self.is_part or self.found or self.left_out else f"every order{self.bound} of "
        return f"raced: {extent}{len([*self.crowds()])} sets of operations, {self.count:,} plays"

    async def findings(self, only: str = "", schedule: str = "") -> AsyncIterator[Anomaly]:
        """Yield what is found first of each set of operations, by rule.

        Others than the plan of the title `only` are left out; with a schedule one order of it is played.
        """
        self.is_part = only != ""
        await self.prepare()
        for crowd in self.crowds():
            rules = set[str]()
            for plan in plans_of(self.operations.values(), crowd, self.instances, self.brinks):
                if only not in ("", plan.title) or "" in rules:
                    continue
                for anomaly in await self.judge(plan, schedule):
                    if anomaly.rule not in rules:
                        self.found += 1
                        yield anomaly
                    rules.add(anomaly.rule)

    async def prepare(self) -> None:
        """Learn how often each write is repeated before two more show that its answer changes."""
        for operation in self.operations.values():
            if not operation.is_read:
                repeated = (call(operation),) * _MOST_REPEATS
                play = await self.play(Plan(repeated, ()), order=())
                kinds = [_kind(entry) for entry in play.entries]
                count = next((place - 1 for place, kind in enumerate(kinds) if kind != kinds[0]), 0)
                self.brinks[operation.name] = repeated[:count]

    def crowds(self) -> Iterator[Sequence[Operation]]:
        """Yield each two operations of which one writes, then three times each that writes."""
        for pair in combinations_with_replacement(self.operations.values(), 2):
            if not all(operation.is_read for operation in pair):
                yield pair
        for operation in self.operations.values() if self.is_full else ():
            if not operation.is_read:
                yield (operation,) * 3

    async def play(self, plan: Plan, choose: Choose | None = None, order: Sequence[int] | None = None) -> Any:
        """Make the calls at the same time, as is chosen, or in an order."""
        witness = self.witness(self.arena, self.operations, plan)
        witness.order = order
        if choose:
            witness.choose = choose
        await witness.play(witness.drawn())
        return witness

    async def sequences(self, plan: Plan) -> list[Any]:
        """Make the calls one after the other, in each order; none if that gives something else each time."""
        orders = [*permutations(range(len(plan.racing)))]
        *plays, again = [await self.play(plan, order=order) for order in (*orders, orders[0])]
        if not differences(plays[0].entries, again.entries):
            return plays
        self.leave_out(plan, "the same calls one after the other give something else each time")
        return []

    async def explored(self, plan: Plan, schedule: str = "") -> Exploration:
        """Play every order of a plan, or that of a schedule."""

        async def play(choose: Choose) -> Play:
            ordered: Play = (await self.play(plan, choose)).ordered
            return ordered

        if schedule:
            return Exploration([await play(follow(schedule))])
        explored = await explore(play, _MOST_ORDERS, self.most_switches)
        explored.plays = [play for play in explored.plays if not play.deaths]
        self.count += len(explored.plays)
        if explored.is_bounded:
            self.bound = f" with at most {self.most_switches} switches"
        if explored.cut:
            self.leave_out(plan, explored.cut)
        return explored

    async def judge(self, plan: Plan, schedule: str = "") -> list[Anomaly]:
        """Play every order of a plan, and return the shortest that breaks each rule."""
        sequences = await self.sequences(plan)
        if not sequences:
            return []
        plays = (await self.explored(plan, schedule)).plays
        wrong: dict[str, list[Play]] = {}
        for play in plays:
            for rule in self.broken(play.player, sequences):
                wrong.setdefault(rule, []).append(play)

        found = []
        for rule, those in wrong.items():
            text = min(those, key=_turns).schedule
            shown = await self.play(plan, follow(text))
            if rule in self.broken(shown, sequences):
                lines = *shown.lines(), *self.why(shown, sequences)
                counted = self.text.format(_count(those), _count(plays), rule)
                found.append(Anomaly(plan, rule, counted, lines, text))
            else:
                self.leave_out(plan, "it came out wrong, and not once more")
        return found

    def why(self, shown: Any, sequences: Sequence[Any]) -> Iterator[str]:
        """Yield what tells that a play is wrong."""
        yield from unexplained(shown.compared, [each.compared for each in sequences], len(shown.plan.after))

    def broken(self, play: Any, sequences: Sequence[Any]) -> Iterator[str]:
        """Yield what is wrong about a play."""
        if all(differences(play.entries, sequence.entries) for sequence in sequences):
            yield ""

    def leave_out(self, plan: Plan, reason: str) -> None:
        """Note why something of a plan is not played."""
        self.left_out.setdefault(reason, set()).add(plan.title)


def _turns(play: Play) -> int:
    """Return how often another caller goes on, and where something ends."""
    return len([*groupby(request.caller for request in play.trace)])


def _count(plays: Sequence[Play]) -> int:
    """Return how many orders of requests there are, whenever a call was begun."""
    return len({tuple((each.name, each.word) for each in play.trace if each.keys != frozenset()) for play in plays})


def _kind(entry: Entry) -> object:
    """Return what of an answer tells that an operation has come to its limit."""
    return entry.answer if isinstance(entry.answer, bool | None) else type(entry.answer)
