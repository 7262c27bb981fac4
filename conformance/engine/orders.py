"""Races: calls at the same time, in every order, from starts where they can show something.

Nobody says what is right: each outcome has to be one that the same calls give, one after the other in some order, on
the same store.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import combinations_with_replacement, groupby, permutations, product

from conformance.engine.arena import Arena, Plan
from conformance.engine.contract import Contract, Entry
from conformance.engine.scenario import Call
from conformance.engine.schedule import CALLERS, Choice, Exploration, Play, Request, explore
from conformance.operations.choices import Choice as Value
from conformance.operations.choices import pool_of
from conformance.operations.operation import Operation
from conformance.operations.parts import inside

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
        for operation in crowd:
            if operation.name in self.brinks:
                starts[f"at the brink of {operation.name}"] = self.brinks[operation.name]

        seen = []
        for (start, before), arguments, count in product(starts.items(), _ARGUMENTS, self._instances):
            racing = []
            for place, operation in enumerate(crowd):
                call = self._turn(operation, place, arguments)
                racing.append(replace(call, on=place % count))
            if (before, racing) not in seen:
                seen.append((before, racing))
                yield Plan(before, tuple(racing), reads, f"{start}, {arguments} arguments, instances: {count}")

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
    others = filled[1:] or [first]

    def common(value: Value) -> int:
        return len(_labels(first) & _labels(value))

    return first, min(others, key=common)


def _labels(value: Value) -> set[tuple[str, ...]]:
    return {label for label, _ in inside(value.value)}


# The judge


class Sequences:
    """What the calls of a plan give one after the other, in each order."""

    def __init__(self, arena: Arena, plan: Plan) -> None:
        self._arena = arena
        self._plan = plan
        self.plays: list[Play] = []

    async def learn(self) -> bool:
        """Play them; return whether they give the same each time."""
        for order in permutations(range(len(self._plan.racing))):
            self.plays.append(await self._arena.sequence(self._plan, order))
        again = await self._arena.sequence(self._plan, range(len(self._plan.racing)))
        return not self._differences(again, self.plays[0])

    def explain(self, play: Play) -> bool:
        """Whether one of the orders gives the same."""
        return not all(self._differences(play, sequence) for sequence in self.plays)

    def _differences(self, play: Play, sequence: Play) -> dict[int, tuple[str, ...]]:
        """Return in which results, by place, a play differs from a sequence, and the fields."""
        differences = self._arena.contract.differences
        found = {}
        for place, (entry, expected) in enumerate(zip(play.entries, sequence.entries, strict=True)):
            if names := differences(expected.observed, entry.observed):
                found[place] = names
        return found

    def unexplained(self, play: Play) -> str:
        """Return the result that no order explains, its fields, and what the orders give there.

        Of several it is one in which all orders differ, if there is one, and a read.
        """
        apart = [self._differences(play, sequence) for sequence in self.plays]
        nearest = min(apart, key=len)

        def clearness(place: int) -> tuple[int, int]:
            return sum(place in places for places in apart), play.entries[place] in play.seen

        place = max(nearest, key=clearness)
        describe = partial(self._arena.contract.describe, names=nearest[place])
        expected = dict.fromkeys(describe(sequence.entries[place].observed) for sequence in self.plays)
        entry = play.entries[place]
        return f"{entry.line} -> {describe(entry.observed)}; one after the other {' or '.join(expected)}"


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
    instances: Sequence[int] = (1, 2)
    most_switches: int | None = None
    is_full: bool = False
    """Whether three callers race too."""

    crowds: int = 0
    plays: int = 0
    is_bounded: bool = False
    not_raced: dict[str, set[str]] = field(default_factory=dict)
    """Why some orders were not played, and of which races."""

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
                if only not in ("", plan.title):
                    continue
                if found := await self.judge(plan, schedule):
                    yield found
                    break

    async def _brink(self, call: Call) -> int:
        """Return how often a call is repeated before two more show that its answer changes."""
        play = await self.arena.sequence(Plan((call,) * _MOST_REPEATS, ()), ())
        kinds = [_kind(entry) for entry in play.entries]
        for place, kind in enumerate(kinds):
            if kind != kinds[0]:
                return place - 1
        return 0

    async def judge(self, plan: Plan, schedule: str = "") -> Race | None:
        """Play every order of a race, or that of a schedule, and return the shortest that no order explains."""
        sequences = Sequences(self.arena, plan)
        if not await sequences.learn():
            self._leave_out(plan, "the same calls one after the other give something else each time")
            return None
        explored = await self._explored(plan, schedule)
        wrong = [play for play in explored.plays if not sequences.explain(play)]
        if not wrong:
            return None

        shortest = min(wrong, key=_turns)
        text = schedule_text(shortest.choices)
        if not await self._is_confirmed(plan, text):
            self._leave_out(plan, "it came out wrong, and not on new stores")
            return None
        lines = tuple(_lines(self.arena.contract, shortest))
        last = f"  then {sequences.unexplained(shortest)}"
        return Race(plan, _count(wrong), _count(explored.plays), (*lines, last), text)

    async def _explored(self, plan: Plan, schedule: str) -> Exploration:
        play = partial(self.arena.play, plan)
        if schedule:
            return Exploration([await play(follow(schedule))])
        explored = await explore(play, _MOST_ORDERS, self.most_switches)
        self.plays += len(explored.plays)
        self.is_bounded |= explored.is_bounded
        for reason in explored.cuts:
            self._leave_out(plan, reason)
        return explored

    def _leave_out(self, plan: Plan, reason: str) -> None:
        self.not_raced.setdefault(reason, set()).add(plan.title)

    async def _is_confirmed(self, plan: Plan, schedule: str) -> bool:
        """Whether an order comes out wrong on stores that were used for nothing before."""
        with self.arena.fresh():
            sequences = Sequences(self.arena, plan)
            is_judge = await sequences.learn()
            play = await self.arena.play(plan, follow(schedule))
        return is_judge and not sequences.explain(play)


def _turns(play: Play) -> int:
    """Return how often another caller goes on."""
    callers = [choice.request.caller for choice in play.choices]
    return len([*groupby(callers)])


def _count(plays: Sequence[Play]) -> int:
    """Return how many orders of requests there are, whenever a call was begun."""
    orders = set()
    for play in plays:
        requests = (choice.request for choice in play.choices)
        orders.add(tuple(request.shape for request in requests if request.keys != frozenset()))
    return len(orders)


def _kind(entry: Entry) -> object:
    """Return what of an answer tells that an operation has come to its limit."""
    if isinstance(entry.answer, bool | None):
        return entry.answer
    return type(entry.answer)


def _lines(contract: Contract, play: Play) -> Iterator[str]:
    """Yield an order with the calls side by side, and what came of it."""
    for text, group in groupby(entry.line for entry in play.started):
        count = len([*group])
        times = f", {count} times" if count > 1 else ""
        yield f"  before: {text}{times}"
    calls = dict(zip(CALLERS, play.results, strict=False))
    for caller, entry in calls.items():
        yield f"  {caller} = {entry.line}"
    for choice in play.choices:
        yield _indented(choice.request.caller, choice.request.text)
    for caller, entry in calls.items():
        yield _indented(caller, f"-> {contract.describe(entry.observed)}")


def _indented(caller: str, text: str) -> str:
    column = _COLUMN * max(0, CALLERS.find(caller or "A"))
    return f"  {' ' * column}{caller or 'store'}: {text[:_SHOWN]}"


# An order as text: the caller of each choice and, if it waits with several requests, which of them


def schedule_text(choices: Sequence[Choice]) -> str:
    """Return an order as `follow` takes it."""
    texts = []
    for choice in choices:
        caller = choice.request.caller
        own = [request for request in choice.waiting if request.caller == caller]
        texts.append(f"{caller or '-'}{own.index(choice.request) or ''}")
    return "".join(texts)


def follow(schedule: str) -> Callable[[tuple[Request, ...]], int]:
    """Return what chooses as a text says, and after its end the first that waits."""
    steps = iter(re.findall(r"([A-H-])(\d*)", schedule))

    def choose(waiting: tuple[Request, ...]) -> int:
        caller, number = next(steps, ("", ""))
        own = []
        for place, request in enumerate(waiting):
            if (request.caller or "-") == caller:
                own.append(place)
        return own[int(number or 0)] if own else 0

    return choose
