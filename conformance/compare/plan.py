"""The sequences that are played: recipes first, so that what is found does not depend on luck, then random ones.

Of steps that have alternatives every combination is a sequence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import product
from random import Random

from conformance.compare.play import BESIDE, ELSEWHERE, NOWHERE, EndOfLife, Steps
from conformance.engine.mutation import changes_of
from conformance.engine.scenario import Action, Call, Damage, Mutate, Open, Reopen, Wait
from conformance.operations.choices import Choice, Pool, pool_of
from conformance.operations.operation import LONGEST, WHOLE, Operation

_SIZES = (1, 2, 3, 11, 51)
"""Numbers of entries with which every listing is called: few, and one more than a page of ten or fifty."""
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
"""Writes of which every three are made in a row."""
_RANDOM = 80
"""Random sequences: their number does not depend on the machine."""
_LENGTH = 8
"""Calls of a random sequence, besides the reads after each write."""
_OPTIONAL = 0.4
"""How often an optional argument is given."""


class Sequences:
    """Sequences of calls of these operations. The first of them that writes makes the entries."""

    def __init__(self, operations: Mapping[str, Operation], seed: int) -> None:
        self._by_name = operations
        self._operations = [*operations.values()]
        self._random = Random(seed)  # noqa: S311  a search is no secret
        self._writes = [each for each in self._operations if not each.is_read] or self._operations
        reads = [each for each in self._operations if each.is_read]
        self._lookups = [each for each in reads if {*each.arguments} == {*each.entry}]
        if not any(each.entry for each in self._lookups):
            self._lookups += [each for each in reads if each.entry]
        self._maker = self._writes[0]
        self._made = plain_call(self._maker)

    def planned(self) -> Iterator[Steps]:
        """Yield the sequences that do not depend on the seed: what no caller would pass comes after what some would."""
        calls = [call for operation in self._operations for call in variants(operation, 2)]
        for call in sorted(calls, key=lambda call: is_odd(self._by_name, call)):
            reads = self._reads(call)
            yield (call, *reads)
            yield (self._on(call, self._made)[0], call, *reads)
        yield from self._written()
        for entry in (self._made, max(variants(self._maker), key=_richness)):
            for call in self._each_on(entry, self._operations):
                yield (entry, call, Mutate("result"), *self._reads(entry))
        yield from self._in_a_row()
        yield from self._surroundings()
        yield from self._sizes()

    def separation(self) -> Steps:
        """Return a sequence that begins and ends with what has to agree if another namespace is another place."""
        reads = _second(self._reads(self._made))
        return (_BESIDE, *reads, self._made, *reads)

    # Calls on an entry

    def _on(self, entry: Call, call: Call) -> list[Call]:
        """Return a call on each entry that another call names; as it is, if they do not name entries alike."""
        operation, other = self._by_name[call.operation], self._by_name[entry.operation]
        named = [entry.arguments[name].entries for name in other.entry if name in entry.arguments]
        calls = []
        for keys in zip(*named, strict=False):
            own = {name: pool(operation, name).own(key) for name, key in zip(operation.entry, keys, strict=False)}
            if all(own.values()):
                calls.append(replace(call, arguments={**call.arguments, **own}))
        return calls or [call]

    def _each_on(self, entry: Call, operations: Iterable[Operation]) -> list[Call]:
        """Return a plain call of each operation on an entry, or on each entry that the other call names."""
        return [call for operation in operations for call in self._on(entry, plain_call(operation))]

    def _reads(self, entry: Call) -> list[Call]:
        """Return the reads of what a call touched."""
        return self._each_on(entry, self._lookups)

    # Values

    def _written(self) -> Iterator[Steps]:
        """For each value class of a write: the caller changes it later, a lifetime ends, or another write follows."""
        for write in self._writes:
            for call in variants(write):
                before = [] if write is self._maker else self._on(call, self._made)[:1]
                reads = self._reads(call)
                if _richness(call):
                    yield (*before, call, Mutate("argument"), *reads)
                yield from self._lives([*before, call], reads)
                if write is self._maker or call.arguments.keys() == write.arguments.keys():
                    for other in self._each_on(call, self._writes[1:] or self._writes):
                        yield (self._made, *before, call, other, *reads, *self._reads(self._made))

    def _in_a_row(self) -> Iterator[Steps]:
        """Yield every three writes, or two of many, on one of two entries: what one leaves another may need."""
        listings = [plain_call(each) for each in self._operations if each.reads == WHOLE]
        writes = self._each_on(self._made, self._writes)
        entries = self._several(2)
        reads = self._reads(self._made)
        count = 2 if len(writes) > _FEW_WRITES else 3
        for calls in product(writes, repeat=count):
            yield (*entries, *calls, *reads, *listings)

    def _lives(self, steps: Sequence[Call], reads: Sequence[Call]) -> Iterator[Steps]:
        """Read near the end of a lifetime, and near both ends that an entry has that is written again."""
        call = steps[-1]
        values = {name: choice.value for name, choice in call.arguments.items()}
        span = self._by_name[call.operation].lifetime_in(values)
        if span:
            life = [[step] for step in steps]
            yield from product(*life, _near(span), reads)
            again = self._each_on(call, self._writes)
            ends = _near(span) + _near(span * 1.5, "a renewed end")
            yield from product(*life, [EndOfLife(span / 2, "in the middle")], again, ends, reads)

    def _sizes(self) -> Iterator[Steps]:
        """Every listing of several entries, which differ in what names them, or else in the first argument."""
        made = self._several(_SIZES[-1])
        listings = [call for each in self._operations if each.reads == WHOLE for call in variants(each)]
        for size in _SIZES:
            yield (*made[:size], *listings, made[0], *listings, *self._reads(made[0]))

    def _several(self, count: int) -> list[Call]:
        """Return so many calls that make entries, plain ones before they repeat themselves."""
        made = []
        for name in (*self._maker.entry, *self._maker.arguments)[:1]:
            plain = [choice for choice in pool(self._maker, name).choices if not choice.classes]
            made = [plain_call(self._maker, **{name: choice}) for choice in plain]
        return ((made or [self._made]) * count)[:count]

    # Time, other instances and failures. Each read is made alone: it may remove what another would show

    def _surroundings(self) -> Iterator[Steps]:
        made, opened = [self._made], (_HERE, _ELSEWHERE)
        again = _second(self._each_on(self._made, self._writes))
        wide = [call for write in self._writes for call in variants(write, names=_texts_of(write))]
        for one in self._reads(self._made):
            read, there = [one], _second([one])
            yield from product(made, [_HERE], there)
            yield from product(made, _PASSING, read)
            yield from product(opened, _second(made), read)
            yield from product(made, opened, read, again, read)
            yield from product([_BESIDE], _second(made), wide, there)
            yield from product(read, made, read, [Damage()], read)
            yield from product(read, made, read, [_NOWHERE], there)

    # Chance

    def random(self) -> Iterator[Steps]:
        """Yield an entry, and calls of any values of which many name an entry again."""
        for _ in range(_RANDOM):
            calls = [self._made, *self._reads(self._made)]
            for operation in self._random.choices(self._operations, k=_LENGTH):
                drawn = self._drawn(operation)
                call = self._random.choice((drawn, *self._on(self._random.choice(calls), drawn)))
                calls += [call] if operation.is_read else [call, *self._reads(call)]
            yield tuple(calls)

    def _drawn(self, operation: Operation) -> Call:
        """Return a call with any values, of which many are plain."""
        given = {}
        for argument in operation.strategies:
            values = pool(operation, argument)
            if argument in operation.arguments or self._random.random() < _OPTIONAL:
                choices = values.plain, *self._random.choices(values.choices, k=2)
                given[argument] = self._random.choice(choices)
        return Call(operation.name, given)


def pool(operation: Operation, argument: str) -> Pool:
    """Return the values of an argument."""
    return pool_of(operation.strategies[argument])


def plainer(operation: Operation, argument: str, choice: Choice) -> Iterator[Choice]:
    """Yield what an argument may be given in place of a value."""
    return pool(operation, argument).plainer(choice)


def is_odd(operations: Mapping[str, Operation], call: Call) -> bool:
    """Whether an argument is given a value that it does not take."""
    operation = operations[call.operation]
    return any(pool(operation, name).is_foreign(choice) for name, choice in call.arguments.items())


def plain_call(operation: Operation, /, **arguments: Choice) -> Call:
    """Return a call with the plain value of each argument that has to be given, except for these."""
    return Call(operation.name, {name: pool(operation, name).plain for name in operation.arguments} | arguments)


def variants(operation: Operation, each: int = 1, names: Iterable[str] | None = None) -> Iterator[Call]:
    """Yield a plain call, and those with so many values of each class of one argument: any, or one of these."""
    yield plain_call(operation)
    for name in operation.strategies if names is None else names:
        for choice in pool(operation, name).representatives(each):
            yield plain_call(operation, **{name: choice})


def _texts_of(operation: Operation) -> list[str]:
    """Return the arguments that may name more than they should: by globs, prefixes, separators."""
    return [name for name in operation.strategies if isinstance(pool(operation, name).plain.value, str)]


def _second(calls: Iterable[Call]) -> list[Call]:
    """Return the calls, made on the second instance."""
    return [replace(call, on=1) for call in calls]


def _near(span: timedelta, end: str = "its end") -> list[EndOfLife]:
    """Return waits until just before and just after the end of a span."""
    apart = min(_CLOSE, span * _SHARE)
    return [EndOfLife(span - apart, f"just before {end}"), EndOfLife(span + apart, f"just after {end}")]


def _richness(call: Call) -> int:
    """Count what a caller can change in its arguments."""
    return sum(1 for choice in call.arguments.values() for _ in changes_of(choice.value, ""))
