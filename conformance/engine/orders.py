"""Races: calls at the same time, in every order, from starts where they can show something.

Nobody says what is right: each outcome has to be one that the same calls give, one after the other in some order, on
the same store.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, combinations_with_replacement, groupby, permutations, product
from typing import Any

from conformance.engine.contract import Contract, Entry
from conformance.engine.scenario import Call
from conformance.engine.schedule import CALLERS, Arena, Choice, Exploration, Plan, Play, Request, explore
from conformance.engine.script import call_text
from conformance.operations.choices import Choice as Value
from conformance.operations.choices import pool_of
from conformance.operations.operation import Operation
from conformance.operations.parts import inside
from conformance.text import source

_MOST_ORDERS = 300
"""Plays of one race."""
_MOST_REPEATS = 60
"""Calls after which the answer of an operation has changed, or does not change."""
_ARGUMENTS = "different", "equal", "all"
_COLUMN = 15
"""Letters by which each caller's requests are further to the right."""
_SHOWN = 90
"""Letters of a request that are shown."""


class Plans:
    """The races of these operations, on one instance and on two, from several starts, with different arguments."""

    def __init__(self, operations: Collection[Operation], instances: Sequence[int]) -> None:
        self._operations = operations
        self._instances = instances
        self.writes = [operation for operation in operations if operation.reads is None]
        self.brinks: dict[str, tuple[Call, ...]] = {}
        """By operation, the calls of it after which one more gives another answer."""

    def crowds(self, *, is_full: bool) -> Iterator[tuple[Operation, ...]]:
        """Yield each two operations of which one writes, then three times each that writes."""
        for pair in combinations_with_replacement(self._operations, 2):
            if not all(operation.reads is not None for operation in pair):
                yield pair
        if is_full:
            yield from ((operation,) * 3 for operation in self.writes)

    def of(self, crowd: Sequence[Operation]) -> Iterator[Plan]:
        """Yield the races of these operations."""
        reads = tuple(self._reads())
        starts = {"entry absent": (), "entry there": (self.call(self.writes[0]),)}
        for operation in dict.fromkeys(operation.name for operation in crowd):
            if operation in self.brinks:
                starts[f"at the brink of {operation}"] = self.brinks[operation]

        seen = []
        for (start, before), arguments in product(starts.items(), _ARGUMENTS):
            calls = [self._turn(operation, place, arguments) for place, operation in enumerate(crowd)]
            if (before, calls) in seen:
                continue
            seen.append((before, calls))
            for count in self._instances:
                racing = tuple(replace(call, on=place % count) for place, call in enumerate(calls))
                yield Plan(before, racing, reads, f"{start}, {arguments} arguments, instances: {count}")

    def _turn(self, operation: Operation, place: int, arguments: str) -> Call:
        turn = 0 if arguments == "equal" else place % 2
        return self.call(operation, turn, is_full=arguments == "all")

    def call(self, operation: Operation, turn: int = 0, *, is_full: bool = False) -> Call:
        """Return a call on the common entry, with other arguments in each turn, and with its optional ones if full."""
        given = {}
        for name, strategy in operation.strategies.items():
            values = pool_of(strategy)
            if name in operation.entry:
                given[name] = values.plain
            elif name in operation.arguments or is_full:
                given[name] = _apart(values.choices)[turn]
        return Call(operation.name, given)

    def _reads(self) -> Iterator[Call]:
        """Yield the reads that need no more than the entry."""
        for operation in self._operations:
            if operation.reads is not None and {*operation.arguments} <= {*operation.entry}:
                yield self.call(operation)


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
        reads = [place for place in in_all if play.entries[place] in play.seen]
        place = next(chain(reads, in_all, nearest))

        expected: list[Any] = []
        for sequence in self.plays:
            result = sequence.entries[place].observed
            if all(self._contract.differences(known, result) for known in expected):
                expected.append(result)
        return play.entries[place], nearest[place], expected


# The search


@dataclass(frozen=True)
class Race:
    """A race whose outcome no order of its calls explains."""

    plan: Plan
    wrong: int
    orders: int
    lines: tuple[str, ...]
    """The order, as short as it gets, with the calls side by side."""
    schedule: str
    """What plays exactly this order again."""


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

    crowds: int = 0
    plays: int = 0
    is_bounded: bool = False
    not_raced: dict[str, set[str]] = field(default_factory=dict)
    """Why some orders were not played, and of which operations."""

    async def findings(self, only: str = "", schedule: str = "") -> AsyncIterator[Race]:
        """Yield of each set of operations the first race whose outcome no order of the calls explains.

        Others than that of the title `only` are left out; with a schedule one order of it is played.
        """
        plans = Plans(self.operations, self.instances)
        for operation in plans.writes:
            call = plans.call(operation)
            plans.brinks[operation.name] = (call,) * await self._brink(call)
        for crowd in plans.crowds(is_full=self.is_full):
            self.crowds += 1
            for plan in plans.of(crowd):
                if only and only != title(plan):
                    continue
                if found := await self.judge(plan, schedule):
                    yield found
                    break

    async def _brink(self, call: Call) -> int:
        """Return how often a call is repeated before two more show that its answer changes."""
        play = await self.arena.sequence(Plan((call,) * (_MOST_REPEATS - 1), (call,)), (0,))
        kinds = [_kind(entry) for entry in play.entries]
        changed = next((place for place, kind in enumerate(kinds) if kind != kinds[0]), 1)
        return changed - 1

    async def judge(self, plan: Plan, schedule: str = "") -> Race | None:
        """Play every order of a race, or that of a schedule, and return the shortest that no order explains."""
        sequences = Sequences(self.contract)
        if reason := await sequences.learn(self.arena, plan):
            self.not_raced.setdefault(reason, set()).add(title(plan))
            return None
        if schedule:
            explored = Exploration([await self.arena.play(plan, follow(schedule))])
        else:
            explored = await explore(self.arena, plan, _MOST_ORDERS, self.most_switches)
        self.plays += len(explored.plays)
        self.is_bounded |= explored.is_bounded
        for reason in explored.cuts:
            self.not_raced.setdefault(reason, set()).add(title(plan))

        wrong = [play for play in explored.plays if not sequences.explain(play)]
        if not wrong:
            return None
        shortest = min(wrong, key=lambda play: len([*groupby(play.choices, lambda choice: choice.request.caller)]))
        lines = tuple(_lines(self.contract, shortest, sequences))
        return Race(plan, _count(wrong), _count(explored.plays), lines, schedule_text(shortest.choices))


def _count(plays: Sequence[Play]) -> int:
    """Return how many orders of requests there are, whenever a call was begun."""
    orders = set()
    for play in plays:
        sent = [choice.request for choice in play.choices if choice.request.keys != frozenset()]
        orders.add(tuple(request.shape for request in sent))
    return len(orders)


def title(plan: Plan) -> str:
    """Return how a command line calls a plan."""
    names = " × ".join(call.operation for call in plan.racing)
    return f"{names}, {plan.name}"


def _kind(entry: Entry) -> object:
    """Return what of an answer tells that an operation has come to its limit."""
    if isinstance(entry.answer, bool | None):
        return entry.answer
    return type(entry.answer)


def _lines(contract: Contract, play: Play, sequences: Sequences) -> Iterator[str]:
    """Yield an order with the calls side by side, what came of it, and the result that no order explains."""
    for text, group in groupby(_text(contract, entry) for entry in play.started):
        count = len([*group])
        yield f"  before: {text}{f', {count} times' if count > 1 else ''}"
    for caller, entry in zip(CALLERS, play.results, strict=False):
        yield f"  {caller} = {_text(contract, entry)}"
    for choice in play.choices:
        yield _indented(choice.request.caller, choice.request.text)
    for caller, entry in zip(CALLERS, play.results, strict=False):
        yield _indented(caller, f"-> {contract.describe(entry.observed)}")

    entry, names, expected = sequences.unexplained(play)
    came = f"{_text(contract, entry)} -> {contract.describe(entry.observed, names)}"
    yield f"  then {came}; one after the other {' or '.join(contract.describe(right, names) for right in expected)}"


def _text(contract: Contract, entry: Entry) -> str:
    given = entry.invocation.arguments
    return entry.line or call_text(contract, entry.call, {name: source(value) for name, value in given.items()})


def _indented(caller: str, text: str) -> str:
    return f"  {' ' * _COLUMN * CALLERS.find(caller or 'A')}{caller or 'store'}: {text[:_SHOWN]}"


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
