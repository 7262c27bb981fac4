"""The sequences that are played: a plan first, so that what is found does not depend on luck, then random ones."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import combinations_with_replacement, islice, product
from random import Random
from typing import Any

from conformance.compare.choices import Choice, Pool, pool_of
from conformance.compare.operation import WHOLE, Operation
from conformance.compare.play import Step, Steps
from conformance.compare.values import changes_of

SIZES = (1, 2, 3, 11, 51)
"""Sizes of a store for which every listing is called."""
SPANS = (3600.0, 2 * 86_400.0, 8 * 86_400.0, 400 * 86_400.0)
"""Seconds after which entries are looked at again."""
_RANDOM, _LENGTH, _MOST_PAIRS, _RICHEST, _OTHERS = 200, 8, 20, 3, 12


class Plan:
    """Sequences of calls of these operations. The first of them that writes makes the entries.

    Of `expiring`, `shared` and `persistent` those in `probes` are tried.
    """

    def __init__(self, operations: Mapping[str, Operation], seed: int, probes: Collection[str]) -> None:
        self._operations, self._seed, self._probes = operations, seed, probes
        self._writes = [name for name, one in operations.items() if one.reads is None] or [*operations]
        self._maker = operations[self._writes[0]]

    def pool(self, operation: str, argument: str) -> Pool:
        """The values of an argument."""
        return pool_of(self._operations[operation].strategies[argument])

    def owner(self, operation: str, argument: str) -> str:
        """The first operation that writes and has an argument of the same strategy: it is the same argument."""
        strategy = self._operations[operation].strategies[argument]
        names = [name for name in self._writes if strategy in self._operations[name].strategies.values()]
        return [*names, operation][0]

    def sequences(self) -> Iterator[Steps]:
        """Every sequence."""
        for part in (self._values, self._entries, self._sizes, self._probed, self._random):
            yield from part()

    def _plain(self, name: str, /, **arguments: Choice) -> Step:
        """A call with the plain value of each argument that has to be given, except for these."""
        return Step(name, {one: self.pool(name, one).plain for one in self._operations[name].arguments} | arguments)

    def _variants(self, name: str, each: int = 1) -> Iterator[Step]:
        """A plain call, and those with so many values of each class of one argument."""
        yield self._plain(name)
        for argument in self._operations[name].strategies:
            for choice in self.pool(name, argument).representatives(each):
                yield self._plain(name, **{argument: choice})

    def _on(self, call: Step, like: Step) -> list[Step]:
        """The call on each entry that another call names; as it is, if both do not name entries in the same way."""
        names, others = self._operations[call.operation].entry, self._operations[like.operation].entry
        named = [like.arguments[one].entries for one in others if one in like.arguments]
        is_several = any(self.pool(call.operation, one).plain.is_several for one in names)
        if not names or len(names) != len(named) or is_several:
            return [call]
        entries = [dict(zip(names, one, strict=True)) for one in zip(*named, strict=False)]
        return [replace(call, arguments={**call.arguments, **entry}) for entry in entries] or [call]

    def _reads(self, call: Step, **before: Any) -> Steps:
        """The reads of what a call touched; before the first of them something is done."""
        reads = [one for one in self._operations.values() if one.reads is not None and {*one.arguments} == {*one.entry}]
        first, *others = [on for read in reads for on in self._on(self._plain(read.name), call)] or [call]
        return (replace(first, **before), *others) if reads else ()

    def _read(self, *calls: Step) -> Steps:
        """The calls, with the reads after each write."""
        around = ((call, *(self._reads(call) if call.operation in self._writes else ())) for call in calls)
        return tuple(step for steps in around for step in steps)

    def _values(self) -> Iterator[Steps]:
        """Every class of every argument; then the caller changes what it passed in, or got back."""
        plain = self._plain(self._maker.name)
        for name in self._operations:
            for call in self._variants(name, 2):
                reads = self._reads(call)
                yield (call, *reads, *(self._reads(call, kind="argument") if _richness(call) else ()))
                yield (self._on(plain, call)[0], call, *reads)
        made = sorted(self._variants(self._maker.name), key=_richness, reverse=True)[:_RICHEST]
        for rich, name in product(made, self._operations):
            call = self._on(self._plain(name), rich)[0]
            yield (rich, call, *self._reads(call, kind="result"))

    def _entries(self) -> Iterator[Steps]:
        """Beside a plain entry one of every class: every write of it, and every listing of both."""
        plain = self._plain(self._maker.name)
        for made in self._variants(self._maker.name):
            for name in self._writes:
                write = self._on(self._plain(name), made)[0]
                yield (*self._read(plain, made, write), *self._reads(plain))
            yield (plain, made, *self._listings())

    def _listings(self) -> Iterator[Step]:
        for name, operation in self._operations.items():
            yield from self._variants(name) if operation.reads == WHOLE else ()

    def _sizes(self) -> Iterator[Steps]:
        """Every listing of a store with several entries, as many as there are plain keys, and reads of the next."""
        made = [self._plain(self._maker.name)] * SIZES[-1]
        for key in self._maker.entry[:1]:
            plain = (one for one in self.pool(self._maker.name, key).choices if not one.classes)
            made = [self._plain(self._maker.name, **{key: one}) for one in plain]
        for size in SIZES:
            others = [read for one in made[size : size + _OTHERS] for read in self._reads(one)]
            yield (*made[:size], *self._listings(), *others)

    def _probed(self) -> Iterator[Steps]:
        """What one caller does not see: time, other instances, failures, and calls at the same time."""
        made = self._plain(self._maker.name)
        for kind in self._probes:
            for span in SPANS if kind == "expiring" else (0.0,):
                yield (made, *self._reads(made, kind=kind, seconds=span))
        for name in self._writes:
            for call in self._variants(name):
                choice = call.arguments.get(self._operations[name].lifetime or "")
                value = choice.value if choice else None
                seconds = value.total_seconds() if isinstance(value, timedelta) else value
                if isinstance(seconds, int | float) and 0 < seconds < SPANS[-1]:
                    for by in (0.8, 1.2):
                        yield (call, *self._reads(call, kind="lifetime", seconds=seconds * by))
        for kind, read in product(("foreign value", "server"), self._reads(made)):
            yield read, made, read, replace(read, kind=kind)
        for pair in islice(combinations_with_replacement(self._racing(), 2), _MOST_PAIRS):
            yield made, *self._reads(made, kind="race", calls=pair)[:1]

    def _racing(self) -> Iterator[Step]:
        """Calls that change an entry that is there: plain ones, and those with one optional argument."""
        for name in self._writes:
            operation = self._operations[name]
            if operation.entry or operation is not self._maker:  # two new entries may be listed in any order
                yield self._plain(name)
            for argument in operation.optional if operation.entry else ():
                filled = (one for one in self.pool(name, argument).choices if one.value)
                yield from (self._plain(name, **{argument: one}) for one in islice(filled, 1))

    def _random(self) -> Iterator[Steps]:
        """An entry, and calls of any values of which many name an entry again."""
        random = Random(self._seed)  # noqa: S311  a search is no secret
        for _ in range(_RANDOM):
            calls = [self._plain(self._maker.name)]
            for name in random.choices([*self._operations], k=_LENGTH):
                operation, given = self._operations[name], {}
                for argument in operation.strategies:
                    pool = self.pool(name, argument)
                    if argument in operation.arguments or random.random() < 0.4:  # noqa: PLR2004
                        given[argument] = random.choice((pool.plain, *random.choices(pool.choices, k=2)))
                call = Step(name, given)
                calls.append(random.choice((call, *self._on(call, random.choice(calls)))))
            yield self._read(*calls)


def _richness(call: Step) -> int:
    """How much in its arguments a caller can change."""
    return sum(1 for choice in call.arguments.values() for _ in changes_of(choice.value, ""))
