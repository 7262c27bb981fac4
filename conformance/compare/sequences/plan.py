"""The plan: sequences that are played first, so that what is found does not depend on luck."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from random import Random
from typing import Any

from conformance.compare.operations.operation import EarlierId
from conformance.compare.sequences.coverage import Coverage
from conformance.compare.sequences.steps import Call, Change, Step, Steps, Vocabulary, entries_in

SIZES = (2, 3, 11, 51)
"""Sizes of a store for which every listing is called; 0 and 1 come by themselves."""
LENGTH = 8
_EACH = 2
_KEYS = 14
_MOST_ALONE = 12


def plan(vocabulary: Vocabulary, start: Steps = ()) -> Iterator[Steps]:
    """Every operation with plain values, with each class of argument, in pairs, and on stores of several sizes."""
    for part in (_alone, _pairs, _sizes, _changes, _values, _keys):
        yield from ((*start, *steps) for steps in part(vocabulary))


def _alone(vocabulary: Vocabulary) -> Iterator[Steps]:
    for name, operation in vocabulary.operations.items():
        call = vocabulary.plain(name)
        yield (call,)
        yield vocabulary.make(), call
        yield vocabulary.make(), call, call
        for argument in operation.optional:
            values = vocabulary.pools[name, argument].values
            yield vocabulary.make(), vocabulary.plain(name, **{argument: values[0]})
            yield vocabulary.plain(name, **{argument: next(filter(None, values), values[0])}), call


def _pairs(vocabulary: Vocabulary) -> Iterator[Steps]:
    """Every two operations on one entry."""
    for first, second in product(vocabulary.operations, repeat=2):
        yield vocabulary.make(), vocabulary.plain(first), vocabulary.plain(second)


def _values(vocabulary: Vocabulary) -> Iterator[Steps]:
    """Every class of every argument, and every operation on what was made with it."""
    key = vocabulary.key
    for name, operation in vocabulary.operations.items():
        for argument in operation.strategies:
            for value in vocabulary.pools[name, argument].representatives(_EACH):
                call = vocabulary.plain(name, **{argument: value})
                yield vocabulary.make(), call
                if key and argument == operation.entry and name != vocabulary.maker.name:
                    entry = next(iter(entries_in(value)), None)
                    if entry is not None:
                        yield vocabulary.make(**{key: entry}), call
    for name in vocabulary.makers():
        for argument in vocabulary.operations[name].arguments:
            for value in vocabulary.pools[name, argument].representatives(1):
                made = vocabulary.plain(name, **{argument: value})
                for other in vocabulary.writes():
                    yield made, _on(vocabulary, other, argument, value)


def _on(vocabulary: Vocabulary, name: str, argument: str, value: Any) -> Call:
    """A plain call, on the same entry if the argument names one."""
    operation = vocabulary.operations[name]
    same_entry = argument in operation.arguments and operation.entry == argument
    return vocabulary.plain(name, **({argument: value} if same_entry else {}))


def _keys(vocabulary: Vocabulary) -> Iterator[Steps]:
    """Two entries whose keys are related, a write of the first, and reads of the second."""
    maker, key = vocabulary.maker, vocabulary.key
    if key is None:
        return
    keys = vocabulary.pools[maker.name, key].representatives(1)[:_KEYS]
    reads = [one.name for one in vocabulary.operations.values() if one.reads == key]
    writes = [one for one in vocabulary.writes() if one != maker.name]
    for first, second in product(keys, repeat=2):
        for other in writes:
            if vocabulary.operations[other].entry in (None, key):
                made = [vocabulary.make(**{key: one}) for one in (first, second)]
                looks = [vocabulary.plain(read, **{key: second}) for read in reads]
                yield (*made, _on(vocabulary, other, key, first), *looks)


def _sizes(vocabulary: Vocabulary) -> Iterator[Steps]:
    views = [one for one in vocabulary.operations.values() if one.is_view]
    for size in SIZES if views else ():
        made = [*_several(vocabulary, size)]
        yield (*made, *(vocabulary.plain(view.name) for view in views))
        calls = [
            vocabulary.plain(view.name, **{argument: value})
            for view in views
            for argument in view.strategies
            for value in vocabulary.pools[view.name, argument].representatives(_EACH)
        ]
        for first in range(0, len(calls), _MOST_ALONE):
            yield (*made, *calls[first : first + _MOST_ALONE])


def _several(vocabulary: Vocabulary, size: int) -> Iterator[Call]:
    """Make this many entries, without reading each."""
    maker, key = vocabulary.maker, vocabulary.key
    keys = [] if key is None else vocabulary.pools[maker.name, key].values
    for index in range(size):
        given = {}
        if key is not None:
            given[key] = f"k{index}" if isinstance(keys[0], str) else keys[index % len(keys)]
        yield replace(vocabulary.make(**given), is_audited=False)


def _changes(vocabulary: Vocabulary) -> Iterator[Steps]:
    """The caller changes what it passed in or got back."""
    made = next((vocabulary.make(**given) for given in _mutable(vocabulary, vocabulary.maker.name)), vocabulary.make())
    for name in vocabulary.operations:
        for given, back, place in product([{}, *_mutable(vocabulary, name)], range(2), range(3)):
            yield made, vocabulary.plain(name, **given), Change(back, place)


def _mutable(vocabulary: Vocabulary, name: str) -> Iterator[dict[str, Any]]:
    """Arguments of which one can be changed in its place."""
    for argument in vocabulary.operations[name].arguments:
        pool = vocabulary.pools[name, argument]
        changing: dict[frozenset[str], Any] = {}  # one of each class: a value that differs hides what is changed in it
        for value in pool.values:
            if (novel := pool.novel(value)) & {"list", "dict", "set"}:
                changing.setdefault(novel, value)
        yield from ({argument: one} for one in [*changing.values()][:3])


def random_steps(vocabulary: Vocabulary, coverage: Coverage, random: Random, length: int) -> Steps:
    """A random sequence: entries first, arguments that hit, and operations that have not succeeded yet more often."""
    names = [*vocabulary.operations]
    weights = [vocabulary.operations[name].weight * (4 if coverage.rows[name].results < 20 else 1) for name in names]  # noqa: PLR2004
    used: list[Any] = []
    steps: list[Step] = []
    for index in range(length):
        if index > 1 and random.random() < 0.15:  # noqa: PLR2004
            steps.append(Change(random.randrange(6), random.randrange(6)))
            continue
        name = random.choice(vocabulary.makers()) if index < 2 else random.choices(names, weights)[0]  # noqa: PLR2004
        operation = vocabulary.operations[name]
        chosen = [*operation.arguments, *(one for one in operation.optional if random.random() < 0.4)]  # noqa: PLR2004
        arguments = {
            one: _value(vocabulary.pools[name, one].values, used, random, one == operation.entry) for one in chosen
        }
        steps.append(Call(name, arguments))
    return tuple(steps)


def _value(values: Sequence[Any], used: list[Any], random: Random, is_entry: bool) -> Any:
    if not is_entry:
        return values[0] if random.random() < 0.3 else random.choice(values)  # noqa: PLR2004
    earlier = [one for one in values if isinstance(one, EarlierId)]
    if earlier and random.random() < 0.8:  # noqa: PLR2004
        return random.choice(earlier)
    fitting = [one for one in used if type(one) is type(values[0])]
    if fitting and random.random() < 0.7:  # noqa: PLR2004
        return random.choice(fitting)
    used.append(random.choice(values))
    return used[-1]
