"""The sequences that are played: recipes, so that what is found does not depend on luck."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import combinations, cycle, permutations, product, zip_longest

from conformance.compare.play import BESIDE, ELSEWHERE, NOWHERE, EndOfLife, Steps
from conformance.engine.mutation import changes_of
from conformance.engine.scenario import Action, Call, Damage, Mutate, Open, Reopen, Scenario, Wait
from conformance.operations.choices import Choice, Pool, pool_of
from conformance.operations.operation import LONGEST, WHOLE, Operation
from conformance.operations.parts import inside

_SIZES = (1, 2, 3, 11, 51)
"""How many entries there are, or writes of one: few, and one more than a page of ten or fifty, or a limit."""
_MANY = 101
"""Writes of one entry, one more than most histories keep."""
_OFTEN = 10
"""Writes of one entry, more than most limits that are reached within a lifetime."""
_CYCLES = 4
"""How often two writes follow each other: one more than most things are tried again."""
_PASSING: tuple[Action, ...] = (Reopen(), Wait(timedelta(hours=1)), *map(Wait, (*map(timedelta, (2, 8)), LONGEST)))
"""After which entries are read back: beyond an hour, a day, a week and a year."""
_CLOSE = timedelta(seconds=0.4)
"""How near to the end of a lifetime entries are read: less than a second, and more than some calls take."""
_SHARE = 0.2
"""The same for short lifetimes, as a share of them."""
_HERE, _ELSEWHERE = Open(1), Open(1, at=ELSEWHERE)
_BESIDE = Open(1, at=BESIDE, behind="-neighbour")  # a prefix that ends too early meets it
_NOWHERE = Open(1, "redis://127.0.0.1:1/0", 0.5, NOWHERE)
_FEW_WRITES = 6
"""Writes of which every three are made in a row, and all after each value of one. Of more these are two, and some."""
_IN_TURN = 3
"""Writes that follow a value if there are many: others after each."""


class Sequences:
    """Sequences of calls of these operations. The first of them that writes makes the entries."""

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        self._operations = operations
        every = [*operations.values()]
        self._writes = [each for each in every if not each.is_read] or every
        reads = [each for each in every if each.is_read]
        self._listings = [each for each in reads if each.reads == WHOLE]
        lookups = [each for each in reads if {*each.arguments} == {*each.entry}]
        if not any(each.entry for each in lookups):
            lookups += [each for each in reads if each.entry]
        self._lookups = [*map(plain_call, lookups)]
        self._made = plain_call(self._writes[0])
        self._rewrites = self._on(self._made, *map(plain_call, self._writes))
        self._others = _some_of(self._writes[1:] or self._writes)
        self._again = _some_of(self._writes)
        self._spans: set[tuple[str, timedelta]] = set()
        """The lifetimes of each write that were played with more than one value."""

    def planned(self) -> Sequence[Steps]:
        """Return every sequence: those with what no caller would pass come after all others."""
        return sorted(self._every(), key=partial(is_odd, self._operations))

    def _every(self) -> Iterator[Steps]:
        """Yield the sequences of the recipes in turn: the first of each operation come before the last of any."""
        recipes = [
            *map(self._alone, self._operations.values()),
            *map(self._written, self._writes),
            self._in_a_row(),
            self._surroundings(),
            self._sizes(),
        ]
        for turn in zip_longest(*recipes):
            yield from filter(None, turn)

    def separations(self) -> Iterator[Steps]:
        """Yield for each write reads before and after it that agree if another namespace is another place."""
        for call in map(plain_call, self._writes):
            reads = _second(self._reads(call))
            yield (_BESIDE, *reads, call, *reads)

    def _alone(self, operation: Operation) -> Iterator[Steps]:
        """Calls with a value of each class, and with two, without an entry and on one; the caller changes a result."""
        for call in (*variants(operation, 2), *_pairs(operation)):
            reads = self._reads(call)
            yield (call, *reads)
            yield (self._on(call, self._made)[0], call, *reads)
        for entry in (self._made, max(variants(self._writes[0]), key=_richness)):
            for call in self._on(entry, plain_call(operation)):
                yield (entry, call, Mutate("result"), *self._reads(entry))

    # Calls on an entry

    def _on(self, entry: Call, *calls: Call) -> list[Call]:
        """Return each call on each entry that another call names; as it is, if they do not name entries alike."""
        other = self._operations[entry.operation]
        named = [entry.arguments[name].entries for name in other.entry if name in entry.arguments]
        made = []
        for call in calls:
            operation = self._operations[call.operation]
            placed = []
            for keys in zip(*named, strict=False):
                own = {name: pool(operation, name).own(key) for name, key in zip(operation.entry, keys, strict=False)}
                if all(own.values()):
                    placed.append(replace(call, arguments={**call.arguments, **own}))
            made += placed or [call]
        return made

    def _reads(self, entry: Call) -> list[Call]:
        """Return the reads of what a call touched."""
        return self._on(entry, *self._lookups)

    def _several(self) -> Iterator[list[Call]]:
        """Yield entries that differ in one of the arguments that name them, or else in the first argument."""
        maker = self._writes[0]
        for name in maker.entry or [*maker.arguments][:1]:
            values = pool(maker, name)
            taken = [choice for choice in values.choices if not values.is_foreign(choice)]
            yield [plain_call(maker, **{name: choice}) for choice in taken[: _SIZES[-1]]]
        if not maker.arguments:
            yield [self._made]

    # Values and sizes

    def _written(self, write: Operation) -> Iterator[Steps]:
        """For each value class of a write: the caller changes it later, a lifetime ends, or another write follows."""
        maker = self._writes[0]
        starts = []  # where there is more to lose
        if maker.optional:
            starts.append(plain_call(maker, **{name: pool(maker, name).plain for name in maker.optional}))
        if write is not maker:
            starts.append(plain_call(write))
        for call in variants(write):
            for start in starts:
                yield (*self._on(call, self._made, start), call, *self._reads(call))
            before = self._on(call, self._made)[: write is not maker]  # the first write makes the entry
            reads = self._reads(call)
            if _richness(call):
                yield (*before, call, Mutate("argument"), *reads)
            for steps in self._lives(call, reads):
                yield (*before, call, *steps)
            if not before or call.arguments.keys() == write.arguments.keys():
                for other in self._on(call, *next(self._others)):
                    yield (self._made, *before, call, other, *reads, *self._reads(self._made))

    def _lives(self, call: Call, reads: Sequence[Call]) -> Iterator[Steps]:
        """Read near the end of a lifetime, and near both ends that an entry has that is written again.

        Each read near the only end is made alone: it may remove what another would show.
        """
        values = {name: choice.value for name, choice in call.arguments.items()}
        span = self._operations[call.operation].lifetime_in(values)
        if not span:
            return
        yield from product(_near(span), reads)
        for again in self._on(call, *map(plain_call, self._writes)):  # on what has ended
            yield (_near(span)[1], again, *reads)
        ends = _near(span) + _near(span * 1.5, "a renewed end")
        read_at_ends: list[Action] = []
        for end in ends:
            read_at_ends += [end, *reads]
        middle = EndOfLife(span / 2, "in the middle")
        for again in self._on(call, *next(self._again)):
            yield (middle, again, *read_at_ends)
        if (call.operation, span) in self._spans:
            return
        self._spans.add((call.operation, span))
        for entries in self._several():
            yield (middle, *entries[1:2], *read_at_ends)
        yield (*[call] * _OFTEN, middle, call, *read_at_ends)
        yield (middle, call, _near(span)[1], call, *reads)

    def _sizes(self) -> Iterator[Steps]:
        """Every read and listing of several entries, and of one that was written as many times by each write."""
        listings = [call for each in self._listings for call in variants(each)]
        repeated = ([write] for write in self._rewrites)
        for entries in (*self._several(), *repeated):
            for size in _SIZES:
                made = (entries * size)[:size]
                ends = made[:1] + made[1:][-1:]
                reads = [read for end in ends for read in self._reads(end)]
                yield (*made, *reads, *listings, *ends, *listings, *reads)

    def _in_a_row(self) -> Iterator[Steps]:
        """Yield writes that follow each other: what one leaves another may need.

        They are every three, or two of many, on one of two entries; every two, again and again; and one very often.
        """
        reads = [*self._reads(self._made), *map(plain_call, self._listings)]
        count = 2 if len(self._rewrites) > _FEW_WRITES else 3
        for entries in self._several():
            yield tuple(step for entry in entries for step in (*self._reads(entry), entry))  # two names may mean one
            two = (entries * 2)[:2]
            for calls in product(self._rewrites, repeat=count):
                yield (*two, *calls, *reads, *self._reads(two[1]))
        for pair in permutations(self._rewrites, 2):
            yield (self._made, *pair * _CYCLES, *reads)
        for write in self._rewrites:
            yield (*[write] * _MANY, *reads)

    def _surroundings(self) -> Iterator[Steps]:
        """Time, other instances and failures. Each read is made alone: it may remove what another would show."""
        made = self._made
        for read in self._reads(made):
            (there,) = _second([read])
            yield (made, _HERE, there)
            yield from ((made, passing, read) for passing in _PASSING)
            for opened in (_HERE, _ELSEWHERE):
                yield (opened, *_second([made]), read)
            for again in _second(self._rewrites):
                yield (made, _HERE, read, again, read)
            yield (read, made, read, Damage(), read)
            yield (read, made, read, _NOWHERE, there)
        for write in self._writes:
            for call in variants(write, kind=str):  # globs, prefixes, separators: they may name more than they should
                yield (_BESIDE, *_second([made]), call, *_second(self._reads(made)))


def _some_of(writes: Sequence[Operation]) -> Iterator[Sequence[Call]]:
    """Yield all calls each time if they are few, else some in turn, for ever."""
    calls = [*map(plain_call, writes)]
    size = _IN_TURN if len(calls) > _FEW_WRITES else len(calls)
    return cycle([calls[place : place + size] for place in range(0, len(calls), size)])


def pool(operation: Operation, argument: str) -> Pool:
    """Return the values of an argument."""
    return pool_of(operation.strategies[argument])


def plainer(operation: Operation, argument: str, choice: Choice) -> Iterator[Choice]:
    """Yield what an argument may be given in place of a value."""
    return pool(operation, argument).plainer(choice)


def is_odd(operations: Mapping[str, Operation], steps: Steps) -> bool:
    """Whether an argument is given a value that it does not take."""
    given = [(operations[call.operation], *each) for call in Scenario(steps).calls for each in call.arguments.items()]
    return any(pool(operation, name).is_foreign(choice) for operation, name, choice in given)


def plain_call(operation: Operation, /, **arguments: Choice) -> Call:
    """Return a call with the plain value of each argument that has to be given, except for these.

    Arguments that take the same values, as of a copy or a move, are given different ones.
    """
    given = {}
    taken: list[object] = []
    for name, strategy in operation.arguments.items():
        choices = pool(operation, name).choices
        given[name] = choices[taken.count(strategy) % len(choices)]
        taken.append(strategy)
    return Call(operation.name, given | arguments)


def variants(operation: Operation, each: int = 1, kind: type = object) -> Iterator[Call]:
    """Yield a plain call, and those with so many values of each class of one argument: any, or one of this type.

    The value with the most in it comes last: a store may treat parts of it apart.
    """
    yield plain_call(operation)
    for name in operation.strategies:
        values = pool(operation, name)
        if not isinstance(values.plain.value, kind):
            continue
        richest = max(values.choices, key=_fullness)
        for choice in dict.fromkeys([*values.representatives(each), richest]):
            yield plain_call(operation, **{name: choice})


def _pairs(operation: Operation) -> Iterator[Call]:
    """Yield calls in which two arguments are given what a plain call does not give."""
    others = {}
    for name in operation.strategies:
        plainest = pool(operation, name).choices[: 1 if name in operation.optional else 2]
        others[name] = plainest[-1]
    for one, other in combinations(others, 2):
        yield plain_call(operation, **{one: others[one], other: others[other]})


def _second(calls: Iterable[Call]) -> list[Call]:
    """Return the calls, made on the second instance."""
    return [replace(call, on=1) for call in calls]


def _near(span: timedelta, end: str = "its end") -> list[EndOfLife]:
    """Return waits until just before and just after the end of a span."""
    apart = min(_CLOSE, span * _SHARE)
    return [EndOfLife(span - apart, f"just before {end}"), EndOfLife(span + apart, f"just after {end}")]


def _fullness(choice: Choice) -> tuple[bool, int, int]:
    """Return how much a value has in it, that can be encoded: parts, and classes of parts."""
    return not choice.has_surrogates, len([*inside(choice.value)]), len(choice.classes)


def _richness(call: Call) -> int:
    """Count what a caller can change in its arguments."""
    return sum(1 for choice in call.arguments.values() for _ in changes_of(choice.value, ""))
