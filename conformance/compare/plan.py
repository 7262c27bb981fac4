"""The sequences that are played: a plan first, so that what is found does not depend on luck, then random ones."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import chain, islice, product
from random import Random

from conformance.compare.play import BESIDE, ELSEWHERE, EndOfLife, Steps
from conformance.engine.mutation import changes_of
from conformance.engine.scenario import Action, Call, Damage, Mutate, Open, Reopen, Wait
from conformance.operations.choices import Choice, Pool, pool_of
from conformance.operations.operation import WHOLE, Operation

_SIZES = (1, 2, 3, 11, 51)
"""Numbers of entries with which every listing is called: none, some, and one more than a page of ten or fifty."""
SPANS = tuple(timedelta(hours=hours) for hours in (1, 48, 8 * 24, 400 * 24))
"""After which entries are read back: beyond an hour, a day, a week and a year."""
_CLOSE = timedelta(seconds=0.4)
"""How near to the end of a lifetime entries are read: less than a second, and more than some calls take."""
_SHARE = 0.2
"""The same for short lifetimes, as a share of them."""
_NOWHERE = "redis://127.0.0.1:1/0"
_SERVER_SECONDS = 0.5
_RANDOM = 80
"""Random sequences: their number does not depend on the machine."""
_LENGTH = 8
"""Calls of a random sequence, besides the reads after each write."""
_OPTIONAL = 0.4
"""How often an optional argument is given."""
_RICHEST = 3
"""Entries of which the caller changes what it got back."""
_OTHERS = 12
"""Keys that are read in a store of another size."""
_FILTERS = 3
"""Values by which listings filter."""


class Sequences:
    """Sequences of calls of these operations. The first of them that writes makes the entries."""

    def __init__(self, operations: Collection[Operation], seed: int) -> None:
        self._operations = operations
        self._seed = seed
        self._by_name = {operation.name: operation for operation in operations}
        self._writes = [each for each in operations if each.reads is None] or [*operations]
        self._lookups = [each for each in operations if each.reads is not None and {*each.arguments} == {*each.entry}]
        self._listings = [each for each in operations if each.reads == WHOLE]
        self._maker = self._writes[0]
        self._made = plain_call(self._maker)

    def planned(self) -> Iterator[Steps]:
        """Yield the sequences that do not depend on the seed, the short ones first."""
        return chain(self._values(), self._mutations(), self._probed(), self._entries(), self._sizes())

    def separation(self) -> Steps:
        """Return a sequence whose reads agree if another namespace is another place; nothing without a read."""
        for read in self._reads(self._made)[:1]:
            beside = replace(read, on=1)
            return (Open(1, at=BESIDE), beside, self._made, beside)
        return ()

    def with_plain_entries(self, steps: Steps) -> Iterator[Steps]:
        """Yield the steps with an entry that is made plainly in the place of each other write before the last call."""
        for place, step in enumerate(steps[:-1]):
            if isinstance(step, Call) and step.operation in {write.name for write in self._writes[1:]}:
                for plain in self._on(self._made, step)[:1]:
                    yield (*steps[:place], replace(plain, on=step.on), *steps[place + 1 :])

    # What is read

    def _reads(self, call: Call, on: int = 0) -> list[Call]:
        """Return the reads of what a call touched."""
        reads = []
        for lookup in self._lookups:
            reads += [replace(read, on=on) for read in self._on(plain_call(lookup), call)]
        return reads

    def _with_reads(self, *calls: Call) -> Steps:
        """Return the calls, with the reads after each write."""
        steps: list[Action] = []
        for call in calls:
            steps.append(call)
            if self._by_name[call.operation].reads is None:
                steps += self._reads(call)
        return tuple(steps)

    def _each_read(self, *steps: Action, of: Call, on: int = 0) -> Iterator[Steps]:
        """Yield the steps with each read of what a call touched, alone: a read may remove what another would show."""
        for read in self._reads(of, on):
            yield (*steps, read)

    # Values

    def _values(self) -> Iterator[Steps]:
        """Every class of every argument: alone, and where there is an entry already."""
        for operation in self._operations:
            each = 2 if operation is self._maker else 1
            for call in variants(operation, each):
                yield (call, *self._reads(call))
        for operation in self._operations:
            for call in variants(operation, 2):
                before = self._on(self._made, call)[0]
                yield (before, call, *self._reads(call))

    def _mutations(self) -> Iterator[Steps]:
        """The caller changes what it passed in, or what it got back."""
        for call in chain.from_iterable(map(variants, self._writes)):
            if _richness(call):
                before = [self._on(self._made, call)[0]] if call.operation != self._maker.name else []
                yield (*before, call, Mutate("argument"), *self._reads(call))
        made = sorted(variants(self._maker), key=_richness, reverse=True)[:_RICHEST]
        for rich, operation in product([*made, self._made], self._operations):
            call = self._on(plain_call(operation), rich)[0]
            yield (rich, call, Mutate("result"), *self._reads(call))

    def _entries(self) -> Iterator[Steps]:
        """For each value class: a plain entry beside or before one of that class, then every write, and the reads."""
        for first in self._writes:
            for odd in variants(first, needed_only=first is not self._maker):
                made = odd if first is self._maker else self._on(odd, self._made)[0]
                for operation in self._writes:
                    write = self._on(plain_call(operation), made)[0]
                    yield (self._made, made, write, *self._reads(made), *self._reads(self._made))

    # Sizes

    def _every_listing(self) -> list[Call]:
        return [call for listing in self._listings for call in variants(listing)]

    def _sizes(self) -> Iterator[Steps]:
        """Every listing of several entries, at most one for each plain key; and by what only one or two have."""
        made = self._several()
        for size in _SIZES:
            reads: list[Call] = []
            for call in (made[0], *made[size : size + _OTHERS]):
                reads += self._reads(call)
            listings = self._every_listing()
            yield (*made[:size], *listings, made[0], *listings, *reads)
        yield from self._filters(made)

    def _several(self) -> list[Call]:
        """Return calls that make different entries, or as many as are needed if the store chooses their ids."""
        maker = self._maker
        if not maker.entry:
            return [self._made] * _SIZES[-1]
        key = maker.entry[0]
        plain = [choice for choice in pool(maker, key).choices if not choice.classes]
        return [plain_call(maker, **{key: choice}) for choice in plain] or [self._made]

    def _filters(self, made: Sequence[Call]) -> Iterator[Steps]:
        """Yield listings by a value that the first of several entries has, then the last too."""
        for write, listing in product(self._writes, self._listings):
            for given, asked in product(write.strategies, listing.strategies):
                if write.strategies[given] is not listing.strategies[asked]:
                    continue
                for choice in pool(listing, asked).choices[:_FILTERS]:
                    change = plain_call(write, **{given: choice})
                    first, last = self._on(change, made[0])[0], self._on(change, made[-1])[0]
                    filtered = plain_call(listing, **{asked: choice})
                    yield (made[0], first, *made[1 : _SIZES[-1]], filtered, last, filtered)

    # Time, other instances and failures: what one caller does not see

    def _probed(self) -> Iterator[Steps]:
        made = self._made
        yield from self._each_read(made, Open(1), of=made, on=1)
        passing: list[Action] = [Reopen(), *map(Wait, SPANS)]
        for action in passing:
            yield from self._each_read(made, action, of=made)
        yield from self._lifetimes()
        yield from self._other_instances()
        yield from self._neighbours()
        for read in self._reads(made):
            yield (read, made, read, Damage(), read)
        for read in self._reads(made):
            yield (read, made, read, Open(1, _NOWHERE, _SERVER_SECONDS), replace(read, on=1))

    def _lifetimes(self) -> Iterator[Steps]:
        """Yield reads just before and after the end of each lifetime, and of one that another write may renew."""
        for call in chain.from_iterable(map(variants, self._writes)):
            span = self._lifetime(call)
            if not span:
                continue
            before = self._givers(call)
            for end in _near(span, "its end"):
                yield from self._each_read(*before, call, end, of=call)
        for giver in self._writes:
            for call in islice(filter(self._lifetime, variants(giver)), 1):
                yield from self._second_writes(call)

    def _givers(self, call: Call) -> list[Call]:
        """Return what has to be there for a call that gives a lifetime: nothing, if it makes the entry."""
        return [] if call.operation == self._maker.name else [self._on(self._made, call)[0]]

    def _second_writes(self, call: Call) -> Iterator[Steps]:
        """Yield reads near both ends that an entry may have that is written again in the middle of its life."""
        before, span = self._givers(call), self._lifetime(call)
        middle = EndOfLife(span / 2, "in the middle")
        for operation in self._writes:
            again = self._on(plain_call(operation), call)[0]
            renewed = self._lifetime(again) or span
            ends = [*_near(span / 2, "the first end"), *_near(renewed, "the new end")]
            for end in ends:
                yield from self._each_read(*before, call, middle, again, end, of=call)

    def _lifetime(self, call: Call) -> timedelta:
        """Return the lifetime that a call gives, if time can pass that far; else none."""
        argument = self._by_name[call.operation].lifetime or ""
        if argument not in call.arguments:
            return timedelta(0)
        given = call.arguments[argument].value
        seconds = given.total_seconds() if isinstance(given, timedelta) else given
        if not isinstance(seconds, int | float) or not 0 < seconds < SPANS[-1].total_seconds():
            return timedelta(0)
        return timedelta(seconds=seconds)

    def _other_instances(self) -> Iterator[Steps]:
        """Yield writes by a second instance, in this process or another, of what the first has read."""
        made = self._made
        for opened in (Open(1), Open(1, at=ELSEWHERE)):
            yield from self._each_read(opened, replace(made, on=1), of=made)
            for operation in self._writes:
                write = replace(self._on(plain_call(operation), made)[0], on=1)
                for read in self._reads(made):
                    yield (made, opened, read, write, read)

    def _neighbours(self) -> Iterator[Steps]:
        """Yield writes in one namespace, and reads in another on the same server."""
        made, beside = self._made, Open(1, at=BESIDE)
        for operation in self._writes:
            for write in _far_reaching(operation):
                yield from self._each_read(made, beside, replace(write, on=1), of=made)
                yield from self._each_read(beside, replace(made, on=1), write, of=made, on=1)

    # Chance

    def random(self) -> Iterator[Steps]:
        """Yield an entry, and calls of any values of which many name an entry again."""
        random = Random(self._seed)  # noqa: S311  a search is no secret
        for _ in range(_RANDOM):
            calls = [self._made]
            for operation in random.choices([*self._operations], k=_LENGTH):
                call = _drawn(operation, random)
                calls.append(random.choice((call, *self._on(call, random.choice(calls)))))
            yield self._with_reads(*calls)

    def _on(self, call: Call, like: Call) -> list[Call]:
        """Return the call on each entry that another call names; as it is, if both do not name entries alike."""
        operation, other = self._by_name[call.operation], self._by_name[like.operation]
        pools = {name: pool(operation, name) for name in operation.entry}
        named = [like.arguments[name].entries for name in other.entry if name in like.arguments]
        if len(pools) != len(named) or any(values.plain.is_several for values in pools.values()):
            return [call]
        calls = []
        for entry in zip(*named, strict=False):
            own = {name: pools[name].own(key) for name, key in zip(pools, entry, strict=True)}
            if all(own.values()):
                calls.append(replace(call, arguments={**call.arguments, **own}))
        return calls or [call]


def pool(operation: Operation, argument: str) -> Pool:
    """Return the values of an argument."""
    return pool_of(operation.strategies[argument])


def plain_call(operation: Operation, /, **arguments: Choice) -> Call:
    """Return a call with the plain value of each argument that has to be given, except for these."""
    return Call(operation.name, {name: pool(operation, name).plain for name in operation.arguments} | arguments)


def variants(operation: Operation, each: int = 1, *, needed_only: bool = False) -> Iterator[Call]:
    """Yield a plain call, and those with so many values of each class of one argument, or of one that is needed."""
    yield plain_call(operation)
    for argument in operation.arguments if needed_only else operation.strategies:
        for choice in pool(operation, argument).representatives(each):
            yield plain_call(operation, **{argument: choice})


def _far_reaching(operation: Operation) -> Iterator[Call]:
    """Yield a plain call, and those with texts that may name more than they should: globs, prefixes, separators."""
    yield plain_call(operation)
    for argument in operation.entry or operation.strategies:
        values = pool(operation, argument)
        for choice in values.representatives() if isinstance(values.plain.value, str) else ():
            yield plain_call(operation, **{argument: choice})


def _near(span: timedelta, what: str) -> tuple[EndOfLife, EndOfLife]:
    """Return waits until just before and just after the end of a span."""
    apart = min(_CLOSE, span * _SHARE)
    return EndOfLife(span - apart, f"just before {what}"), EndOfLife(span + apart, f"just after {what}")


def _richness(call: Call) -> int:
    """Count what a caller can change in its arguments."""
    return sum(1 for choice in call.arguments.values() for _ in changes_of(choice.value, ""))


def _drawn(operation: Operation, random: Random) -> Call:
    """Return a call with any values, of which many are plain."""
    given = {}
    for argument in operation.strategies:
        values = pool(operation, argument)
        if argument in operation.arguments or random.random() < _OPTIONAL:
            given[argument] = random.choice((values.plain, *random.choices(values.choices, k=2)))
    return Call(operation.name, given)
