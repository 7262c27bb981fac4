"""The sequences that are played: a plan first, so that what is found does not depend on luck, then random ones."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import chain, combinations_with_replacement, islice, product
from random import Random

from conformance.compare.play import EndOfLife, Steps
from conformance.engine.mutation import changes_of
from conformance.engine.scenario import Action, Call, Damage, Mutate, Open, Race, Reopen, Wait
from conformance.operations.choices import Choice, Pool, pool_of
from conformance.operations.operation import WHOLE, Operation

_SIZES = 1, 2, 3, 11, 51
"""Numbers of entries with which every listing is called."""
_SPANS = tuple(timedelta(hours=hours) for hours in (1, 48, 8 * 24, 400 * 24))
"""After which entries are read back."""
_NOWHERE = "redis://127.0.0.1:1/0"
_SERVER_SECONDS = 0.5
_RANDOM = 200
"""Random sequences: their number does not depend on the machine."""
_LENGTH = 8
_OPTIONAL = 0.4
"""How often an optional argument is given."""
_MOST_PAIRS = 20
"""Races."""
_RICHEST = 3
"""Entries of which the caller changes what it got back."""
_OTHERS = 12
"""Keys that are read in a store of another size."""
_FILTERS = 3
"""Values by which listings filter."""


class Sequences:
    """Sequences of calls of these operations. The first of them that writes makes the entries."""

    def __init__(self, operations: Collection[Operation], seed: int) -> None:
        self._operations, self._seed = operations, seed
        self._by_name = {operation.name: operation for operation in operations}
        self._writes = [one for one in operations if one.reads is None] or [*operations]
        self._lookups = [one for one in operations if one.reads is not None and {*one.arguments} == {*one.entry}]
        self._listings = [call for one in operations if one.reads == WHOLE for call in _variants(one)]
        self._maker = self._writes[0]
        self._made = _plain(self._maker)
        self.others = {(one.name, "", "") for one in self._writes[1:]}  # plain writes that are not in every sequence

    def all(self) -> Iterator[Steps]:
        """Yield every sequence."""
        return chain(self._values(), self._entries(), self._sizes(), self._probed(), self._random())

    def _reads(self, call: Call) -> list[Call]:
        """Return the reads of what a call touched."""
        return [each for read in self._lookups for each in self._on(_plain(read), call)]

    def _reads_after(self, action: Action, call: Call) -> Steps:
        """Return the reads of what a call touched, after an action, on the instance that it opens; none if none is."""
        on = action.on if isinstance(action, Open) else 0
        reads = [replace(read, on=on) for read in self._reads(call)]
        return (action, *reads) if reads else ()

    def _with_reads(self, *calls: Call) -> Steps:
        """Return the calls, with the reads after each write."""
        steps: list[Action] = []
        for call in calls:
            steps.append(call)
            if self._by_name[call.operation].reads is None:
                steps += self._reads(call)
        return tuple(steps)

    def _values(self) -> Iterator[Steps]:
        """Every class of every argument; then the caller changes what it passed in, or got back."""
        for operation in self._operations:
            for call in _variants(operation, 2):
                reads = self._reads(call)
                yield (call, *reads, *self._reads_after(Mutate("argument"), call))
                yield (self._on(self._made, call)[0], call, *reads)
        made = sorted(_variants(self._maker), key=_richness, reverse=True)[:_RICHEST]
        for rich, operation in product([*made, self._made], self._operations):
            call = self._on(_plain(operation), rich)[0]
            yield (rich, call, *self._reads_after(Mutate("result"), call))

    def _entries(self) -> Iterator[Steps]:
        """For each value class: a plain entry beside one of that class, then every write and listing."""
        for made in _variants(self._maker):
            for operation in self._writes:
                write = self._on(_plain(operation), made)[0]
                yield (*self._with_reads(self._made, made, write), *self._reads(self._made))
            yield (self._made, made, *self._listings)

    def _sizes(self) -> Iterator[Steps]:
        """Every listing of several entries, at most one for each plain key; and by what only one or two have."""
        maker = self._maker
        keys = [(name, key) for name in maker.entry[:1] for key in pool(maker, name).choices if not key.classes]
        made = [_plain(maker, **{name: key}) for name, key in keys] or [self._made] * _SIZES[-1]
        for size in _SIZES:
            reads: list[Call] = []
            for call in (made[0], *made[size : size + _OTHERS]):
                reads += self._reads(call)
            yield (*made[:size], *self._listings, made[0], *self._listings, *reads)
        yield from self._filters(made)

    def _filters(self, made: Sequence[Call]) -> Iterator[Steps]:
        """Yield listings by a value that the first of several entries has, then the last too."""
        listings = [operation for operation in self._operations if operation.reads == WHOLE]
        for write, read in product(self._writes, listings):
            for given, asked in product(write.strategies, read.strategies):
                is_filter = write.strategies[given] is read.strategies[asked]
                for choice in pool(read, asked).choices[:_FILTERS] if is_filter else ():
                    change = _plain(write, **{given: choice})
                    first, last = self._on(change, made[0])[0], self._on(change, made[-1])[0]
                    listing = _plain(read, **{asked: choice})
                    yield (made[0], first, *made[1 : _SIZES[-1]], listing, last, listing)

    def _probed(self) -> Iterator[Steps]:
        """Time, other instances, failures, and calls at the same time, which one caller does not see."""
        made = self._made
        before: list[Action] = [Open(1), Reopen(), *map(Wait, _SPANS)]
        for action in before:
            yield (made, *self._reads_after(action, made))
        yield from self._lifetimes()
        for read in self._reads(made):
            yield read, made, read, Damage(), read
        for read in self._reads(made):
            yield read, made, read, Open(1, _NOWHERE, _SERVER_SECONDS), replace(read, on=1)
        yield from self._races()

    def _lifetimes(self) -> Iterator[Steps]:
        for call in chain.from_iterable(map(_variants, self._writes)):
            span = self._lifetime(call)
            for share in (0.8, 1.2) if span else ():
                yield (call, *self._reads_after(EndOfLife(span * share), call))

    def _races(self) -> Iterator[Steps]:
        """Before each race reads at the same time open the connections."""
        made = self._made
        for pair in islice(combinations_with_replacement(self._racing(), 2), _MOST_PAIRS):
            for read in self._reads(made)[:1]:
                yield made, Race((read, read)), Race(pair), read
        lookups = [_plain(lookup) for lookup in self._lookups if not lookup.entry]
        for read in lookups[:1] if not self._maker.entry else ():
            yield made, Race((read, read)), Race((made, made)), read

    def _lifetime(self, call: Call) -> timedelta:
        """Return the lifetime that a call gives, if time can pass that far; else none."""
        argument = self._by_name[call.operation].lifetime or ""
        if argument not in call.arguments:
            return timedelta(0)
        seconds = call.arguments[argument].value
        if not isinstance(seconds, int | float) or not 0 < seconds < _SPANS[-1].total_seconds():
            return timedelta(0)
        return timedelta(seconds=seconds)

    def _racing(self) -> Iterator[Call]:
        """Yield calls that change an entry that is there: plain ones, and those with one optional argument."""
        for operation in self._writes:
            if operation.entry or operation is not self._maker:  # new entries may be listed in any order
                yield _plain(operation)
            for argument in operation.optional if operation.entry else ():
                filled = [choice for choice in pool(operation, argument).choices if choice.value]
                yield from (_plain(operation, **{argument: choice}) for choice in filled[:1])

    def _random(self) -> Iterator[Steps]:
        """An entry, and calls of any values of which many name an entry again."""
        random = Random(self._seed)  # noqa: S311  a search is no secret
        for _ in range(_RANDOM):
            calls = [self._made]
            for operation in random.choices([*self._operations], k=_LENGTH):
                given = {}
                for argument in operation.strategies:
                    values = pool(operation, argument)
                    if argument in operation.arguments or random.random() < _OPTIONAL:
                        given[argument] = random.choice((values.plain, *random.choices(values.choices, k=2)))
                call = Call(operation.name, given)
                calls.append(random.choice((call, *self._on(call, random.choice(calls)))))
            yield self._with_reads(*calls)

    def _on(self, call: Call, like: Call) -> list[Call]:
        """Return the call on each entry that another call names; as it is, if both do not name entries alike."""
        operation, other = self._by_name[call.operation], self._by_name[like.operation]
        names = operation.entry
        named = [like.arguments[name].entries for name in other.entry if name in like.arguments]
        if len(names) != len(named) or any(pool(operation, name).plain.is_several for name in names):
            return [call]
        calls = []
        for entry in zip(*named, strict=False):
            own = {name: pool(operation, name).own(key) for name, key in zip(names, entry, strict=True)}
            if all(own.values()):
                calls.append(replace(call, arguments={**call.arguments, **own}))
        return calls or [call]


def pool(operation: Operation, argument: str) -> Pool:
    """The values of an argument."""
    return pool_of(operation.strategies[argument])


def _plain(operation: Operation, /, **arguments: Choice) -> Call:
    """A call with the plain value of each argument that has to be given, except for these."""
    return Call(operation.name, {name: pool(operation, name).plain for name in operation.arguments} | arguments)


def _variants(operation: Operation, each: int = 1) -> Iterator[Call]:
    """A plain call, and those with so many values of each class of one argument."""
    yield _plain(operation)
    for argument in operation.strategies:
        yield from (_plain(operation, **{argument: one}) for one in pool(operation, argument).representatives(each))


def _richness(call: Call) -> int:
    """How much in its arguments a caller can change."""
    return sum(1 for choice in call.arguments.values() for _ in changes_of(choice.value, ""))
