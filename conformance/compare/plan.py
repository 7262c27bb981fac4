"""The sequences that are played: a plan first, so that what is found does not depend on luck, then random ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cached_property
from itertools import combinations_with_replacement, product
from random import Random

from conformance.compare.choices import Choice, Pool
from conformance.compare.operation import WHOLE, Operation
from conformance.compare.play import Act, Call, Change, Race, Step, Steps
from conformance.compare.values import inside

SIZES = (2, 3, 11, 51)
"""Sizes of a store for which every listing is called; 0 and 1 come by themselves."""
SPANS = (3600.0, 2 * 86_400.0, 8 * 86_400.0, 400 * 86_400.0)
"""Seconds after which entries are looked at again."""
_RANDOM, _LENGTH, _MOST_PLACES = 200, 8, 3
_MOST_PAIRS, _MOST_AT_ONCE, _MOST_MIXES = 20, 12, 6


class Plan:
    """Sequences of calls of these operations. After each write the reads are called on the entry that it touched."""

    def __init__(self, operations: Mapping[str, Operation], seed: int) -> None:
        self._operations, self._seed = operations, seed
        self._pools: dict[int, Pool] = {}

    def pool(self, operation: str, argument: str) -> Pool:
        """The values of an argument. Arguments that share a strategy share the values."""
        strategy = self._operations[operation].strategies[argument]
        if id(strategy) not in self._pools:
            self._pools[id(strategy)] = Pool(strategy)
        return self._pools[id(strategy)]

    def sequences(self) -> Iterator[Steps]:
        """Every sequence: what shows soonest first."""
        for part in (self._changes, self._values, self._pairs, self._sizes, self._keys, self._acts, self._random):
            yield from part()

    def _plain(self, name: str, /, **arguments: Choice) -> Call:
        """A call with the plain value of each argument that has to be given, except for these."""
        return Call(name, {one: self.pool(name, one).plain for one in self._operations[name].arguments} | arguments)

    def _variants(self, name: str, each: int = 1) -> Iterator[Call]:
        """A plain call, and those with so many values of each class of one argument."""
        yield self._plain(name)
        for argument in self._operations[name].strategies:
            for choice in self.pool(name, argument).representatives(each):
                yield self._plain(name, **{argument: choice})

    def _reads(self, call: Call) -> list[Call]:
        """The reads of what a call touched."""
        entry = [call.arguments[name] for name in self._operations[call.operation].entry if name in call.arguments]
        entries = [*zip(*(one.entries for one in entry), strict=False)]
        calls = []
        for read in self._operations.values():
            plain = self._plain(read.name).arguments
            if read.reads is None or {*plain} != {*read.entry} or any(one.is_several for one in plain.values()):
                continue
            fitting = [dict(zip(read.entry, one, strict=True)) for one in entries if len(one) == len(read.entry) > 0]
            calls += [Call(read.name, {**plain, **one}) for one in fitting or [{}]]
        return calls

    @cached_property
    def _makers(self) -> list[str]:
        """The operations that can make an entry where there is none, the likeliest first; then the other writes."""
        writes = [one for one in self._operations.values() if one.reads is None] or [*self._operations.values()]
        return [one.name for one in sorted(writes, key=lambda one: (self._takes_ids(one), -len(one.arguments)))]

    def _takes_ids(self, operation: Operation) -> bool:
        return any(self.pool(operation.name, argument).has_ids for argument in operation.arguments)

    @cached_property
    def _key(self) -> str:
        """The argument that names a new entry; empty if the store chooses its id."""
        maker = self._operations[self._makers[0]]
        return next((name for name in maker.entry if name in maker.arguments), "")

    def _make(self, like: Call | None = None) -> Call:
        """Make an entry, the one that another call names."""
        entry = self._operations[like.operation].entry if like and self._key else ()
        named = [one for name in entry if like and name in like.arguments for one in like.arguments[name].entries]
        return self._plain(self._makers[0], **({self._key: named[0]} if named else {}))

    def _read(self, *steps: Step) -> Steps:
        """The steps, with the reads after each write."""
        found: list[Step] = []
        for step in steps:
            found.append(step)
            if isinstance(step, Call) and self._operations[step.operation].reads is None:
                found += self._reads(step)
        return tuple(found)

    def _changes(self) -> Iterator[Steps]:
        """The caller changes what it passed in or got back."""
        made = [*self._mutable(self._makers[0]), self._make()][0]
        for name in self._operations:
            before = () if name == self._makers[0] else (made,)
            for call in (self._plain(name), *self._mutable(name)):
                yield self._read(*before, call)
                for argument, place in product((*call.arguments, ""), range(_MOST_PLACES)):
                    yield (*before, call, Change(name, argument, place), *self._reads(call))

    def _mutable(self, name: str) -> Iterator[Call]:
        """Calls with an argument that can be changed in its place: the plainest with each mix of containers."""
        for argument in self._operations[name].arguments:
            mixes: dict[frozenset[type], Choice] = {}
            for choice in self.pool(name, argument).choices:
                found = {type(part) for _, part in inside([choice.value])} & {dict, list, set}
                mixes.setdefault(frozenset(found), choice)
            yield from (self._plain(name, **{argument: one}) for mix, one in [*mixes.items()][:_MOST_MIXES] if mix)

    def _values(self) -> Iterator[Steps]:
        """Every class of every argument, and every write on what was made with it."""
        for name in self._operations:
            for call in self._variants(name, 2):
                yield self._read(call)
                yield self._read(self._make(call), call)
        for name, other in product(self._makers, repeat=2):
            if not self._takes_ids(self._operations[name]):
                yield from (self._read(made, self._on(other, made)) for made in self._variants(name))

    def _on(self, name: str, made: Call) -> Call:
        """A plain call on the entry of another call."""
        entry = self._operations[name].entry
        return self._plain(name, **{one: choice for one, choice in made.arguments.items() if one in entry})

    def _pairs(self) -> Iterator[Steps]:
        for first, second in product(self._operations, repeat=2):
            yield self._read(self._make(), self._plain(first), self._plain(second))

    def _sizes(self) -> Iterator[Steps]:
        """Every listing of a store with several entries, as many as there are plain keys."""
        calls = [call for view, one in self._operations.items() if one.reads == WHOLE for call in self._variants(view)]
        made = [self._make()] * SIZES[-1]
        if self._key:
            choices = self.pool(self._makers[0], self._key).choices
            made = [
                self._plain(self._makers[0], **{self._key: one}) for one in choices if one.is_plain or not one.classes
            ]
        for size, first in product(SIZES, range(0, len(calls), _MOST_AT_ONCE)):
            yield (*made[:size], *calls[first : first + _MOST_AT_ONCE])

    def _keys(self) -> Iterator[Steps]:
        """A plain entry and one with another key: a write of each, and reads of both."""
        plain = self._make()
        for choice in self.pool(self._makers[0], self._key).representatives() if self._key else ():
            other = self._plain(self._makers[0], **{self._key: choice})
            for write, touched in product(self._makers[1:], (plain, other)):
                yield (plain, other, self._on(write, touched), *self._reads(plain), *self._reads(other))

    def _acts(self) -> Iterator[Steps]:
        """What one caller does not see: time, failures, and calls at the same time."""
        made = self._make()
        reads = self._reads(made)
        for call, seconds in [*((made, span) for span in SPANS), *self._lifetimes()]:
            yield (call, *self._reads(call), Act("expiry", seconds), *self._reads(call))
        for kind, read in product(("foreign value", "server"), reads):
            yield read, made, read, Act(kind), read
        racing = [call for name in self._makers for call in self._racing(name)]
        for pair in [*combinations_with_replacement(racing, 2)][:_MOST_PAIRS]:
            yield (made, *reads, Race(pair), *reads)

    def _lifetimes(self) -> Iterator[tuple[Call, float]]:
        """Calls that make an entry with a lifetime of each class, and seconds before and after it ends."""
        for name in self._makers:
            lifetime = self._operations[name].lifetime or ""
            for choice in self.pool(name, lifetime).representatives() if lifetime else ():
                value = choice.value.total_seconds() if isinstance(choice.value, timedelta) else choice.value
                if type(value) in (int, float) and 0 < value < SPANS[-1]:
                    margin = (value % 1 or min(value, 60) / 4) / 2  # whole seconds have lost the entry by then
                    call = self._plain(name, **{lifetime: choice})
                    yield from ((call, value + distance) for distance in (-margin, margin))

    def _racing(self, name: str) -> Iterator[Call]:
        """Calls that change an entry that is there: plain ones, and those with one optional argument."""
        operation = self._operations[name]
        if operation.entry or name != self._makers[0]:  # two new entries may be listed in any order
            yield self._plain(name)
            for argument in operation.optional if operation.entry else ():
                filled = [one for one in self.pool(name, argument).choices if one.value]
                yield from (self._plain(name, **{argument: one}) for one in filled[:1])

    def _random(self) -> Iterator[Steps]:
        """An entry, and calls of any values of which many name an entry again."""
        random = Random(self._seed)  # noqa: S311  a search is no secret
        for _ in range(_RANDOM):
            calls: list[Call] = []
            for name in [self._makers[0], *random.choices([*self._operations], k=_LENGTH)]:
                operation, given = self._operations[name], {}
                for argument in operation.strategies:
                    choices = self.pool(name, argument).choices
                    earlier = [call.arguments[argument] for call in calls if argument in call.arguments]
                    known = earlier if earlier and argument in operation.entry else choices
                    if argument in operation.arguments or random.random() < 0.4:  # noqa: PLR2004
                        given[argument] = random.choice(random.choice([choices[:1], choices, known, known]))
                calls.append(Call(name, given))
            yield self._read(*calls)
