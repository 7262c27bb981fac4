"""The sequences that are played: a plan first, so that what is found does not depend on luck, then random ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cached_property
from itertools import chain, combinations_with_replacement, product
from random import Random
from typing import Any

from conformance.compare.choices import Choice, Pool
from conformance.compare.operation import WHOLE, Operation
from conformance.compare.play import Act, Call, Change, Race, Step, Steps
from conformance.compare.values import inside

SIZES = (2, 3, 11, 51)
"""Sizes of a store for which every listing is called; 0 and 1 come by themselves."""
SPANS = (3600.0, 2 * 86_400.0, 8 * 86_400.0, 400 * 86_400.0)
"""Seconds after which entries are looked at again."""
_RANDOM, _LENGTH = 100, 8
_MOST_KEYS, _MOST_PAIRS, _MOST_AT_ONCE = 10, 20, 12


class Plan:
    """Sequences of calls of these operations. After each write the reads are called on the entry that it touched."""

    def __init__(self, operations: Mapping[str, Operation], seed: int) -> None:
        self.operations = operations
        self._seed = seed
        self._pools: dict[int, Pool] = {}

    def pool(self, operation: str, argument: str) -> Pool:
        """The values of an argument. Arguments that share a strategy share the values."""
        strategy = self.operations[operation].strategies[argument]
        if id(strategy) not in self._pools:
            self._pools[id(strategy)] = Pool(strategy)
        return self._pools[id(strategy)]

    def plain(self, name: str, /, **arguments: Choice) -> Call:
        """A call with the plain value of each argument that has to be given, except for these."""
        return Call(name, {one: self.pool(name, one).plain for one in self.operations[name].arguments} | arguments)

    def reads(self, call: Call, on: int = 0) -> list[Call]:
        """The reads of what a call touched."""
        entry = [call.arguments.get(name) for name in self.operations[call.operation].entry]
        named = [*zip(*(one.entries if one else [] for one in entry), strict=False)]
        calls = []
        for read in self._audits:
            fitting = [dict(zip(read.entry, one, strict=True)) for one in named if len(one) == len(read.entry)]
            given: list[dict[str, Choice]] = fitting if read.entry and fitting else [{}]
            calls += [Call(read.name, {**self.plain(read.name).arguments, **one}, on) for one in given]
        return calls

    @cached_property
    def _audits(self) -> list[Operation]:
        found = [one for one in self.operations.values() if one.reads is not None and {*one.arguments} <= {*one.entry}]
        return [one for one in found if not any(self.pool(one.name, name).plain.is_several for name in one.entry)]

    @cached_property
    def _writes(self) -> list[str]:
        found = [one for one in self.operations.values() if one.reads is None]
        return [one.name for one in sorted(found, key=lambda one: (self._takes_ids(one), -len(one.arguments)))]

    @cached_property
    def _makers(self) -> list[str]:
        """The operations that can make an entry where there is none, the likeliest first."""
        makers = [name for name in self._writes if not self._takes_ids(self.operations[name])]
        return makers or self._writes or [*self.operations]

    def _takes_ids(self, operation: Operation) -> bool:
        return any(self.pool(operation.name, argument).has_ids for argument in operation.arguments)

    def _make(self, **arguments: Choice) -> Call:
        return self.plain(self._makers[0], **arguments)

    @cached_property
    def _key(self) -> str:
        """The argument that names a new entry; empty if the store chooses its id."""
        maker = self.operations[self._makers[0]]
        return next((name for name in maker.entry if name in maker.arguments), "")

    def _read(self, *steps: Step) -> Steps:
        """The steps, with the reads after each write."""
        found: list[Step] = []
        for step in steps:
            found.append(step)
            if isinstance(step, Call) and self.operations[step.operation].reads is None:
                found += self.reads(step)
        return tuple(found)

    def sequences(self) -> Iterator[Steps]:
        """Every sequence of the plan: what shows soonest first."""
        parts = self._alone(), self._changes(), self._values(), self._pairs(), self._sizes(), self._keys(), self._acts()
        return chain(*parts)

    def _alone(self) -> Iterator[Steps]:
        for name in dict.fromkeys([*self._makers, *self.operations]):
            call = self.plain(name)
            yield self._read(call)
            yield self._read(self._make(), call, call)
            for argument in self.operations[name].optional:
                pool = self.pool(name, argument)
                filled = next((one for one in pool.choices if one.value), pool.plain)
                yield self._read(self._make(), self.plain(name, **{argument: pool.plain}))
                yield self._read(self.plain(name, **{argument: filled}), call)

    def _changes(self) -> Iterator[Steps]:
        """The caller changes what it passed in or got back, or looks at it again after a write."""
        made = self._make(**next(self._mutable(self._makers[0]), {}))
        for name in self.operations:
            for given in [{}, *self._mutable(name)]:
                call = self.plain(name, **given)
                steps = (call,) if name in self._makers else (made, call)
                for argument in (*given, ""):
                    yield (*steps, Change(name, argument), *self.reads(call))
            for write in self._writes:
                yield made, self.plain(name), self.plain(write), Change(name, is_look=True)

    def _mutable(self, name: str) -> Iterator[dict[str, Choice]]:
        """Arguments of which one can be changed in its place, the plainest values of each kind."""
        for argument in self.operations[name].arguments:
            kinds: dict[frozenset[type], Choice] = {}
            for choice in self.pool(name, argument).choices:
                found = frozenset({type(one) for _, one in inside([choice.value])} & {dict, list, set, bytearray})
                if found:
                    kinds.setdefault(found, choice)
            yield from ({argument: one} for one in [*kinds.values()][:3])

    def _values(self) -> Iterator[Steps]:
        """Every class of every argument, and every write on what was made with it."""
        for name, operation in self.operations.items():
            for argument in operation.strategies:
                for choice in self.pool(name, argument).representatives(2):
                    call = self.plain(name, **{argument: choice})
                    entry = (
                        {self._key: choice.entries[0]}
                        if self._key and argument in operation.entry and choice.entries
                        else {}
                    )
                    yield self._read(*([] if name == self._makers[0] else [self._make(**entry)]), call)
        for name in self._makers:
            for argument in self.operations[name].arguments:
                for choice in self.pool(name, argument).representatives():
                    made = self.plain(name, **{argument: choice})
                    for other in self._writes:
                        yield self._read(made, self._on(other, argument, choice))

    def _on(self, name: str, argument: str, choice: Choice) -> Call:
        """A plain call, on the same entry if the argument names one."""
        return self.plain(name, **({argument: choice} if argument in self.operations[name].entry else {}))

    def _pairs(self) -> Iterator[Steps]:
        for first, second in product(self.operations, repeat=2):
            yield self._read(self._make(), self.plain(first), self.plain(second))

    def _sizes(self) -> Iterator[Steps]:
        views = [one for one in self.operations.values() if one.reads == WHOLE]
        for size in SIZES if views else ():
            made = self._several(size)
            calls = [self.plain(view.name) for view in views] + [
                self.plain(view.name, **{argument: choice})
                for view in views
                for argument in view.strategies
                for choice in self.pool(view.name, argument).representatives()
            ]
            for first in range(0, len(calls), _MOST_AT_ONCE):
                yield (*made, *calls[first : first + _MOST_AT_ONCE])

    def _several(self, size: int) -> list[Call]:
        """Make this many entries, or as many as there are plain keys."""
        if not self._key:
            return [self._make()] * size
        choices = self.pool(self._makers[0], self._key).choices
        plain = [one for one in choices if not one.classes or one.is_plain] or choices
        return [self._make(**{self._key: one}) for one in plain[:size]]

    def _keys(self) -> Iterator[Steps]:
        """Two entries whose keys are related, a write of the first, and reads of the second."""
        if not self._key:
            return
        keys = self.pool(self._makers[0], self._key).representatives()[:_MOST_KEYS]
        for first, second in product(keys, repeat=2):
            for other in self._writes[1:]:
                made = [self._make(**{self._key: one}) for one in (first, second)]
                yield (*made, self._on(other, self._key, first), *self.reads(made[1]))

    def _acts(self) -> Iterator[Steps]:
        """What one caller cannot see."""
        made = self._make()
        before = (*self.reads(made), made, *self.reads(made))
        yield (*before, *self.reads(made, on=1))
        yield (*before, Act("reopening"), *self.reads(made))
        for seconds in SPANS:
            yield (*before, Act("expiry", seconds), *self.reads(made))
        for call, seconds in self._lifetimes():
            yield call, *self.reads(call), Act("expiry", seconds), *self.reads(call)
        for kind in ("foreign value", "server"):
            for read in self.reads(made):
                yield read, made, read, Act(kind), read
        for pair in [*combinations_with_replacement(self._racing(), 2)][:_MOST_PAIRS]:
            yield made, Race(pair), *self.reads(made)

    def _lifetimes(self) -> Iterator[tuple[Call, float]]:
        """Calls that make an entry with a lifetime of each class, and seconds before and after it ends."""
        for name in self._makers:
            if argument := self.operations[name].lifetime:
                for choice in self.pool(name, argument).representatives():
                    value = choice.value.total_seconds() if isinstance(choice.value, timedelta) else choice.value
                    if type(value) in (int, float) and 0 < value < SPANS[-1]:
                        margin = (value % 1 or min(value, 60) / 4) / 2  # whole seconds have lost the entry by then
                        for distance in (-margin, margin):
                            yield self.plain(name, **{argument: choice}), value + distance

    def _racing(self) -> Iterator[Call]:
        """Calls that change an entry that is there: plain ones, and those with one optional argument."""
        for name in self._writes:
            operation = self.operations[name]
            if operation.entry or name != self._makers[0]:  # two new entries may be listed in any order
                yield self.plain(name)
                for argument in operation.optional if operation.entry else ():
                    pool = self.pool(name, argument)
                    yield self.plain(name, **{argument: next((one for one in pool.choices if one.value), pool.plain)})

    def random(self) -> Iterator[Steps]:
        """Random sequences: entries first, and arguments that hit."""
        random = Random(self._seed)  # noqa: S311  a search is no secret
        for _ in range(_RANDOM):
            used: dict[str, list[Choice]] = {}
            names = [random.choice(self._makers), *random.choices([*self.operations], k=_LENGTH)]
            yield self._read(*(self._drawn(name, used, random) for name in names))

    def _drawn(self, name: str, used: dict[str, list[Choice]], random: Random) -> Call:
        operation = self.operations[name]
        given: dict[str, Any] = {}
        for argument in operation.strategies:
            if argument in operation.optional and random.random() < 0.6:  # noqa: PLR2004
                continue
            choices = self.pool(name, argument).choices
            earlier = used.setdefault(argument, []) if argument in operation.entry else []
            choice = choices[0] if random.random() < 0.3 else random.choice(choices)  # noqa: PLR2004
            given[argument] = random.choice(earlier) if earlier and random.random() < 0.7 else choice  # noqa: PLR2004
            earlier.append(given[argument])
        return Call(name, given)
