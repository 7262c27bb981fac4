"""The sequences that are played: a plan first, so that what is found does not depend on luck, then random ones."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import chain, combinations_with_replacement, islice, product
from random import Random
from typing import Any

from conformance.compare.play import Step, Steps
from conformance.compare.values import changes_of
from conformance.operations.choices import Choice, Pool, pool_of
from conformance.operations.operation import WHOLE, Operation

_SIZES = 1, 2, 3, 11, 51  # of a store for which every listing is called
_SPANS = 3600.0, 2 * 86_400.0, 8 * 86_400.0, 400 * 86_400.0  # seconds after which entries are looked at again
_RANDOM, _LENGTH, _MOST_PAIRS, _RICHEST, _OTHERS, _FILTERS = 200, 8, 20, 3, 12, 3


class Plan:
    """Sequences of calls of these operations. The first of them that writes makes the entries."""

    def __init__(self, operations: Collection[Operation], seed: int) -> None:
        self._operations, self._seed = operations, seed
        self._writes = [one for one in operations if one.reads is None] or [*operations]
        self._lookups = [one for one in operations if one.reads is not None and {*one.arguments} == {*one.entry}]
        self._listings = [call for one in operations if one.reads == WHOLE for call in _variants(one)]
        self._made = _plain(self._writes[0])
        self.others = {(one.name, "", "") for one in self._writes[1:]}  # plain writes that are not in every sequence

    def sequences(self) -> Iterator[Steps]:
        """Every sequence."""
        return chain(self._values(), self._entries(), self._sizes(), self._probed(), self._random())

    def _reads(self, call: Step, **before: Any) -> Steps:
        """The reads of what a call touched; before the first of them something is done."""
        reads = [on for read in self._lookups for on in _on(_plain(read), call)]
        return (*(replace(read, **before) for read in reads[:1]), *reads[1:])

    def _looked(self, *calls: Step) -> Steps:
        """The calls, with the reads after each write."""
        around = ((call, *(self._reads(call) if call.operation.reads is None else ())) for call in calls)
        return tuple(chain.from_iterable(around))

    def _values(self) -> Iterator[Steps]:
        """Every class of every argument; then the caller changes what it passed in, or got back."""
        for operation in self._operations:
            for call in _variants(operation, 2):
                reads = self._reads(call)
                yield (call, *reads, *self._reads(call, kind="argument"))
                yield (_on(self._made, call)[0], call, *reads)
        made = sorted(_variants(self._made.operation), key=_richness, reverse=True)[:_RICHEST]
        for rich, operation in product([*made, self._made], self._operations):
            call = _on(_plain(operation), rich)[0]
            yield (rich, call, *self._reads(call, kind="result"))

    def _entries(self) -> Iterator[Steps]:
        """Beside a plain entry one of every class: every write of it, and every listing of both."""
        for made in _variants(self._made.operation):
            for operation in self._writes:
                yield (*self._looked(self._made, made, _on(_plain(operation), made)[0]), *self._reads(self._made))
            yield (self._made, made, *self._listings)

    def _sizes(self) -> Iterator[Steps]:
        """Every listing of several entries, at most one for each plain key; and by what only one or two have."""
        maker = self._made.operation
        keys = [(name, key) for name in maker.entry[:1] for key in pool(maker, name).choices if not key.classes]
        made = [_plain(maker, **{name: key}) for name, key in keys] or [self._made] * _SIZES[-1]
        for size in _SIZES:
            reads = (read for one in (made[0], *made[size : size + _OTHERS]) for read in self._reads(one))
            yield (*made[:size], *self._listings, made[0], *self._listings, *reads)
        listings = [one for one in self._operations if one.reads == WHOLE]
        for write, read in product(self._writes, listings):
            for given, asked in product(write.strategies, read.strategies):
                is_filter = write.strategies[given] is read.strategies[asked]
                for choice in pool(read, asked).choices[:_FILTERS] if is_filter else ():
                    first, last = (_on(_plain(write, **{given: choice}), made[place])[0] for place in (0, -1))
                    listing = _plain(read, **{asked: choice})
                    yield (made[0], first, *made[1 : _SIZES[-1]], listing, last, listing)

    def _probed(self) -> Iterator[Steps]:
        """What one caller does not see: time, other instances, failures, and calls at the same time."""
        made = self._made
        for kind, span in (("shared", 0.0), ("persistent", 0.0), *product(["expiring"], _SPANS)):
            yield (made, *self._reads(made, kind=kind, seconds=span))
        for call in chain.from_iterable(map(_variants, self._writes)):
            choice = call.arguments.get(call.operation.lifetime or "")
            if choice and isinstance(choice.value, int | float) and 0 < choice.value < _SPANS[-1]:
                for part in (0.8, 1.2):
                    yield (call, *self._reads(call, kind="lifetime", seconds=choice.value * part))
        for kind, read in product(("foreign value", "server"), self._reads(made)):
            yield read, made, read, replace(read, kind=kind)
        for pair in islice(combinations_with_replacement(self._racing(), 2), _MOST_PAIRS):
            yield made, *self._reads(made, kind="race", calls=pair)[:1]
        if not made.operation.entry:
            new = (replace(_plain(one), kind="race", calls=(made, made)) for one in self._lookups if not one.entry)
            yield from ((made, one) for one in islice(new, 1))

    def _racing(self) -> Iterator[Step]:
        """Calls that change an entry that is there: plain ones, and those with one optional argument."""
        for operation in self._writes:
            if operation.entry or operation is not self._made.operation:  # new entries may be listed in any order
                yield _plain(operation)
            for argument in operation.optional if operation.entry else ():
                filled = (one for one in pool(operation, argument).choices if one.value)
                yield from (_plain(operation, **{argument: one}) for one in islice(filled, 1))

    def _random(self) -> Iterator[Steps]:
        """An entry, and calls of any values of which many name an entry again."""
        random = Random(self._seed)  # noqa: S311  a search is no secret
        for _ in range(_RANDOM):
            calls = [self._made]
            for operation in random.choices([*self._operations], k=_LENGTH):
                given = {}
                for argument in operation.strategies:
                    values = pool(operation, argument)
                    if argument in operation.arguments or random.random() < 0.4:  # noqa: PLR2004
                        given[argument] = random.choice((values.plain, *random.choices(values.choices, k=2)))
                call = Step(operation, given)
                calls.append(random.choice((call, *_on(call, random.choice(calls)))))
            yield self._looked(*calls)


def pool(operation: Operation, argument: str) -> Pool:
    """The values of an argument."""
    return pool_of(operation.strategies[argument])


def _plain(operation: Operation, /, **arguments: Choice) -> Step:
    """A call with the plain value of each argument that has to be given, except for these."""
    return Step(operation, {one: pool(operation, one).plain for one in operation.arguments} | arguments)


def _variants(operation: Operation, each: int = 1) -> Iterator[Step]:
    """A plain call, and those with so many values of each class of one argument."""
    yield _plain(operation)
    for argument in operation.strategies:
        yield from (_plain(operation, **{argument: one}) for one in pool(operation, argument).representatives(each))


def _on(call: Step, like: Step) -> list[Step]:
    """The call on each entry that another call names; as it is, if both do not name entries in the same way."""
    names = call.operation.entry
    named = [like.arguments[one].entries for one in like.operation.entry if one in like.arguments]
    if len(names) != len(named) or any(pool(call.operation, one).plain.is_several for one in names):
        return [call]
    entries = [dict(zip(names, one, strict=True)) for one in zip(*named, strict=False)]
    owned: Any = [{name: pool(call.operation, name).own(key) for name, key in one.items()} for one in entries]
    return [replace(call, arguments={**call.arguments, **one}) for one in owned if all(one.values())] or [call]


def _richness(call: Step) -> int:
    """How much in its arguments a caller can change."""
    return sum(1 for choice in call.arguments.values() for _ in changes_of(choice.value, ""))
