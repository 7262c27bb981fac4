"""The sequences that are played: recipes first, so that what is found does not depend on luck, then random ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import product
from random import Random
from typing import TypeAlias

from conformance.compare.play import BESIDE, ELSEWHERE, NOWHERE, EndOfLife, Steps
from conformance.engine.mutation import changes_of
from conformance.engine.scenario import Action, Call, Damage, Mutate, Open, Reopen, Wait
from conformance.operations.choices import Choice, Pool, pool_of
from conformance.operations.operation import LONGEST, WHOLE, Operation

Row: TypeAlias = Sequence[Sequence[Action]]
"""The alternatives for each step."""
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
        self._listings = [each for each in reads if each.reads == WHOLE]
        lookups = [each for each in reads if {*each.arguments} == {*each.entry}]
        if not any(each.entry for each in lookups):
            lookups += [each for each in reads if each.entry]
        self._lookups = [*map(plain_call, lookups)]

        maker = self._writes[0]
        self._made = plain_call(maker)
        several = [self._made]
        for name in (*maker.entry, *maker.arguments)[:1]:
            plain = (choice for choice in pool(maker, name).choices if not choice.classes)
            several = [plain_call(maker, **{name: choice}) for choice in plain]
        self._several = several * _SIZES[-1]
        """Calls that make entries, which differ in what names them, or else in the first argument."""

    def planned(self) -> Iterator[Steps]:
        """Yield the sequences that do not depend on the seed: what no caller would pass comes after what some would."""
        calls = [call for operation in self._operations for call in variants(operation, 2)]
        for call in sorted(calls, key=lambda call: is_odd(self._by_name, call)):
            reads = self._reads(call)
            yield (call, *reads)
            yield (self._on(call, self._made)[0], call, *reads)
        yield from self._written()
        for entry in (self._made, max(variants(self._writes[0]), key=_richness)):
            for call in self._on(entry, *map(plain_call, self._operations)):
                yield (entry, call, Mutate("result"), *self._reads(entry))
        writes = self._on(self._made, *map(plain_call, self._writes))
        yield from self._in_a_row(writes)
        for row in self._surroundings(_second(writes)):
            yield from product(*row)
        yield from self._sizes()

    def separation(self) -> Steps:
        """Return a sequence that begins and ends with what has to agree if another namespace is another place."""
        reads = _second(self._reads(self._made))
        return (_BESIDE, *reads, self._made, *reads)

    # Calls on an entry

    def _on(self, entry: Call, *calls: Call) -> list[Call]:
        """Return each call on each entry that another call names; as it is, if they do not name entries alike."""
        other = self._by_name[entry.operation]
        named = [entry.arguments[name].entries for name in other.entry if name in entry.arguments]
        made = []
        for call in calls:
            operation = self._by_name[call.operation]
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

    # Values and sizes

    def _written(self) -> Iterator[Steps]:
        """For each value class of a write: the caller changes it later, a lifetime ends, or another write follows."""
        others = [*map(plain_call, self._writes[1:] or self._writes)]
        for place, write in enumerate(self._writes):
            for call in variants(write):
                before = self._on(call, self._made)[:1] if place else []  # the first write makes the entry
                reads = self._reads(call)
                if _richness(call):
                    yield (*before, call, Mutate("argument"), *reads)
                for row in self._lives(call, reads):
                    yield from ((*before, *steps) for steps in product(*row))
                if not before or call.arguments.keys() == write.arguments.keys():
                    for other in self._on(call, *others):
                        yield (self._made, *before, call, other, *reads, *self._reads(self._made))

    def _sizes(self) -> Iterator[Steps]:
        """Every listing of several entries."""
        listings = [call for each in self._listings for call in variants(each)]
        first = self._several[0]
        for size in _SIZES:
            yield (*self._several[:size], *listings, first, *listings, *self._reads(first))

    def _in_a_row(self, writes: Sequence[Call]) -> Iterator[Steps]:
        """Yield every three writes, or two of many, on one of two entries: what one leaves another may need."""
        reads = self._reads(self._made)
        count = 2 if len(writes) > _FEW_WRITES else 3
        for calls in product(writes, repeat=count):
            yield (*self._several[:2], *calls, *reads, *map(plain_call, self._listings))

    # Rows of a table: of steps that have alternatives every combination is a sequence

    def _lives(self, call: Call, reads: Sequence[Call]) -> Iterator[Row]:
        """Read near the end of a lifetime, and near both ends that an entry has that is written again."""
        values = {name: choice.value for name, choice in call.arguments.items()}
        span = self._by_name[call.operation].lifetime_in(values)
        if span:
            again = self._on(call, *map(plain_call, self._writes))
            renewed = _near(span * 1.5, "a renewed end")
            yield [call], _near(span), reads
            yield [call], [EndOfLife(span / 2, "in the middle")], again, _near(span) + renewed, reads

    def _surroundings(self, again: Sequence[Call]) -> Iterator[Row]:
        """Time, other instances and failures. Each read is made alone: it may remove what another would show."""
        made, opened = [self._made], (_HERE, _ELSEWHERE)
        wide = [call for write in self._writes for call in variants(write, names=_texts_of(write))]
        for one in self._reads(self._made):
            read, there = [one], _second([one])
            yield made, [_HERE], there
            yield made, _PASSING, read
            yield opened, _second(made), read
            yield made, opened, read, again, read
            yield [_BESIDE], _second(made), wide, there
            yield read, made, read, [Damage()], read
            yield read, made, read, [_NOWHERE], there

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
