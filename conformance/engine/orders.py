"""Races: calls at the same time, in every order, from starts where they can show something.

Nobody says what is right: each outcome has to be one that the same calls give, one after the other in some order, on
the same store.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations_with_replacement, groupby, permutations
from typing import Any

from conformance.engine.contract import Contract, Entry
from conformance.engine.scenario import Call
from conformance.engine.schedule import CALLERS, Arena, Choice, Plan, Play, Request, explore, orders_like
from conformance.engine.script import call_text
from conformance.operations.choices import Choice as Value
from conformance.operations.choices import pool_of
from conformance.operations.operation import Operation
from conformance.operations.parts import inside

_MOST_ORDERS = 300
"""Plays of one race."""
_MOST_REPEATS = 60
"""Calls after which the answer of an operation has changed, or does not change."""
_MOST_REQUESTS = 3
"""Requests of each of three callers."""
_COLUMN = 15
"""Letters by which each caller's requests are further to the right."""
_SHOWN = 90
"""Letters of a request that are shown."""


@dataclass(frozen=True)
class RacePlan:
    """A race of operations from one start."""

    names: tuple[str, ...]
    start: str
    plan: Plan

    @property
    def name(self) -> str:
        """How a command line calls it."""
        on = {call.on for call in self.plan.racing}
        return f"{' × '.join(self.names)}, {self.start}, {len(on)} instance{'s' * (len(on) > 1)}"


@dataclass(frozen=True)
class Race:
    """A race whose outcome no order of its calls explains."""

    of: RacePlan
    lines: tuple[str, ...]
    field: str
    """Which of the results no order explains."""
    wrong: int
    orders: int
    schedule: str
    """What plays exactly this order again."""


class Plans:
    """The races of these operations: each two, on one instance and on two, with different arguments."""

    def __init__(self, operations: Collection[Operation], instances: Sequence[int] = (1, 2)) -> None:
        self._operations = {operation.name: operation for operation in operations}
        self._instances = instances
        self.writes = [operation for operation in operations if operation.reads is None]
        self.brinks: dict[str, tuple[Call, ...]] = {}
        """By operation, the calls of it after which one more gives another answer."""

    def pairs(self) -> Iterator[RacePlan]:
        """Yield every race of two calls, of which one writes."""
        for pair in combinations_with_replacement(self._operations.values(), 2):
            if any(operation.reads is None for operation in pair):
                yield from self._races(pair)

    def triples(self) -> Iterator[RacePlan]:
        """Yield the races of three calls of one operation."""
        for operation in self.writes:
            yield from self._races((operation,) * 3)

    def _races(self, operations: tuple[Operation, ...]) -> Iterator[RacePlan]:
        names = tuple(operation.name for operation in operations)
        reads = tuple(self._reads())
        for start, before in self._starts(names).items():
            for calls in self._calls(operations):
                for instances in self._instances:
                    racing = tuple(replace(call, on=place % instances) for place, call in enumerate(calls))
                    yield RacePlan(names, start, Plan(before, racing, reads))

    def _starts(self, names: Collection[str]) -> dict[str, tuple[Call, ...]]:
        made = self.plain(self.writes[0])
        brinks = {f"at the brink of {name}": calls for name, calls in self.brinks.items() if name in names}
        return {"entry absent": (), "entry there": (made,), **brinks}

    def plain(self, operation: Operation, turn: int = 0, *, is_full: bool = False) -> Call:
        """Return a call on the common entry, with other arguments in each turn."""
        given = {}
        for name, strategy in operation.strategies.items():
            values = pool_of(strategy)
            if name in operation.entry:
                given[name] = values.plain
            elif name in operation.arguments or is_full:
                given[name] = _apart(values.choices)[turn]
        return Call(operation.name, given)

    def _calls(self, operations: Sequence[Operation]) -> Iterator[list[Call]]:
        """Yield the calls of a race: with different arguments, with the same, and each with its optional ones."""
        turns = [place % 2 for place in range(len(operations))]
        choices = [
            [self.plain(operation, turn) for operation, turn in zip(operations, turns, strict=True)],
            [self.plain(operation) for operation in operations],
            [self.plain(operation, turn, is_full=True) for operation, turn in zip(operations, turns, strict=True)],
        ]
        seen = []
        for calls in choices:
            if calls not in seen:
                seen.append(calls)
                yield calls

    def _reads(self) -> Iterator[Call]:
        """Yield the reads that need no more than the entry."""
        for operation in self._operations.values():
            if operation.reads is not None and {*operation.arguments} <= {*operation.entry}:
                yield self.plain(operation)


def _apart(values: Sequence[Value]) -> tuple[Value, Value]:
    """Return two values that are not empty and have as little in common as possible."""
    filled = [value for value in values if value.value] or [*values]
    first = filled[0]
    labels = {label for label, _ in inside(first.value)} - {()}
    others = filled[1:] or [first]
    return first, min(others, key=lambda value: len(labels & {label for label, _ in inside(value.value)}))


# The judge


class Sequences:
    """What the calls of a plan give one after the other, in each order."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self.plays: list[Play] = []

    async def learn(self, arena: Arena, plan: Plan) -> str:
        """Play them; return why they are no judge."""
        for order in permutations(range(len(plan.racing))):
            self.plays.append(await arena.sequence(plan, order))
        again = await arena.sequence(plan, range(len(plan.racing)))
        if any(self._differences(again, self.plays[0])):
            return "the same calls one after the other give something else each time"
        return ""

    def explain(self, play: Play) -> bool:
        """Whether one of the orders gives the same."""
        return any(not any(self._differences(play, sequence)) for sequence in self.plays)

    def _differences(self, play: Play, sequence: Play) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Yield in which results, by place, a play differs from a sequence, and the fields."""
        for place, (entry, expected) in enumerate(zip(play.entries, sequence.entries, strict=True)):
            if names := self._contract.differences(expected.observed, entry.observed):
                yield place, names

    def unexplained(self, play: Play) -> tuple[Entry, tuple[str, ...], list[Any]]:
        """Return the result that no order explains, its fields, and what the orders give there."""
        apart = [dict(self._differences(play, sequence)) for sequence in self.plays]
        nearest = min(apart, key=len)
        in_all = [place for place in nearest if all(place in places for places in apart)]
        place = (in_all or [*nearest])[-1]
        return play.entries[place], nearest[place], [sequence.entries[place].observed for sequence in self.plays]


# The search


@dataclass
class Races:
    """Races operations in an arena, and says what was raced."""

    operations: Collection[Operation]
    arena: Arena
    contract: Contract
    instances: Sequence[int] = (1, 2)
    most_switches: int | None = None
    is_full: bool = False
    """Whether three callers race too."""

    plays: int = 0
    pairs: int = 0
    not_raced: dict[str, set[str]] = field(default_factory=dict)
    """Why some orders were not played, and of which operations."""

    async def findings(self) -> AsyncIterator[Race]:
        """Yield the shortest order of each set of operations whose outcome no order of the calls explains."""
        plans = Plans(self.operations, self.instances)
        for operation in plans.writes:
            await self._find_brink(plans, operation)
        requests: Counter[str] = Counter()
        async for found in self._found(plans.pairs(), requests):
            yield found
        if self.is_full:
            short = (race for race in plans.triples() if requests[race.names[0]] <= _MOST_REQUESTS)
            async for found in self._found(short, Counter()):
                yield found

    async def _find_brink(self, plans: Plans, operation: Operation) -> None:
        """Repeat a call until its answer changes."""
        call = plans.plain(operation)
        play = await self.arena.sequence(Plan((call,) * (_MOST_REPEATS - 1), (call,)), (0,))
        kinds = [_kind(entry) for entry in play.entries]
        changed = next((place for place, kind in enumerate(kinds) if kind != kinds[0]), 0)
        if changed > 1:
            plans.brinks[operation.name] = (call,) * (changed - 1)

    async def _found(self, races: Iterator[RacePlan], requests: Counter[str]) -> AsyncIterator[Race]:
        for _names, group in groupby(races, key=lambda race: race.names):
            self.pairs += 1
            for race in group:
                found = await self.judge(race, requests)
                if found:
                    yield found
                    break

    async def judge(self, race: RacePlan, requests: Counter[str]) -> Race | None:
        """Play every order of a race, and return the shortest that no order of the calls explains."""
        sequences = Sequences(self.contract)
        if reason := await sequences.learn(self.arena, race.plan):
            self._note(reason, race)
            return None
        explored = await explore(self.arena, race.plan, _MOST_ORDERS, self.most_switches)
        self.plays += len(explored.plays)
        for reason in explored.cuts:
            self._note(reason, race)

        weights = [orders_like(play.choices) for play in explored.plays]
        wrong = []
        for play, weight in zip(explored.plays, weights, strict=True):
            for caller, name in zip(CALLERS, race.names, strict=False):
                sent = sum(choice.request.caller == caller for choice in play.choices)
                requests[name] = max(requests[name], sent)
            if not sequences.explain(play):
                wrong.append((_switches(play), weight, play))
        if not wrong:
            return None
        _, _, shortest = min(wrong, key=lambda found: found[0])
        counts = sum(weight for _, weight, _ in wrong), sum(weights)
        return self._race(race, shortest, sequences, counts)

    def _note(self, reason: str, race: RacePlan) -> None:
        self.not_raced.setdefault(reason, set()).add(" × ".join(race.names))

    def _race(self, race: RacePlan, play: Play, sequences: Sequences, counts: tuple[int, int]) -> Race:
        entry, names, expected = sequences.unexplained(play)
        came = self.contract.describe(entry.observed, names)
        orders = dict.fromkeys(self.contract.describe(observed, names) for observed in expected)
        lines = [f"  before: {text}" for text in self._starts(play)]
        for caller, result in zip(CALLERS, play.results, strict=False):
            lines.append(f"  {caller} = {self._text(result)}")
        lines += map(_line, play.choices)
        for caller, result in zip(CALLERS, play.results, strict=False):
            lines.append(_indented(caller, f"-> {self.contract.describe(result.observed)}"))
        for read in play.seen:
            lines.append(f"  then {self._text(read)} -> {self.contract.describe(read.observed)}")
        lines.append(f"  no order gives {self._text(entry)} -> {came}, but {' or '.join(orders)}")
        return Race(race, tuple(lines), entry.call.operation, *counts, schedule_text(play.choices))

    def _starts(self, play: Play) -> Iterator[str]:
        for text, group in groupby(map(self._text, play.started)):
            count = len([*group])
            yield f"{count} times {text}" if count > 1 else text

    def _text(self, entry: Entry) -> str:
        operation = self.contract.operations[entry.call.operation]
        given = {}
        for name, value in entry.invocation.arguments.items():
            given[name] = (operation.show and operation.show(value)) or repr(value)
        return call_text(self.contract, entry.call, given)


def _kind(entry: Entry) -> object:
    """Return what of an answer tells that an operation has come to its limit."""
    if isinstance(entry.answer, bool | None):
        return entry.answer
    return type(entry.answer)


def _switches(play: Play) -> int:
    callers = [choice.request.caller for choice in play.choices]
    return len([*groupby(callers)])


def _line(choice: Choice) -> str:
    return _indented(choice.request.caller, choice.request.text)


def _indented(caller: str, text: str) -> str:
    place = max(CALLERS.find(caller), 0) if caller else 0
    return f"  {' ' * _COLUMN * place}{caller or 'store'}: {text[:_SHOWN]}"


# An order as text: the caller of each choice and, if it waits with several requests, which of them


def schedule_text(choices: Sequence[Choice]) -> str:
    """Return an order as `follow` takes it."""
    texts = []
    for choice in choices:
        own = [request for request in choice.waiting if request.caller == choice.request.caller]
        number = own.index(choice.request)
        texts.append(f"{choice.request.caller or '-'}{number or ''}")
    return "".join(texts)


def follow(schedule: str) -> Callable[[tuple[Request, ...]], int]:
    """Return what chooses as a text says, and after its end the first that waits."""
    steps = iter(re.findall(r"([A-H-])(\d*)", schedule))

    def choose(waiting: tuple[Request, ...]) -> int:
        caller, number = next(steps, ("", ""))
        own = [place for place, request in enumerate(waiting) if (request.caller or "-") == caller]
        return own[int(number or 0)] if own else 0

    return choose
