"""The plan: sequences that are played first, so that what is found does not depend on luck."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from random import Random
from typing import Any

from conformance.compare.operations.operation import EarlierId, Operation
from conformance.compare.sequences.coverage import Coverage
from conformance.compare.sequences.steps import Call, Change, Step, Steps, Vocabulary, entries_in

SIZES = (2, 3, 11, 51)
"""Sizes of a store for which every listing is called; 0 and 1 come by themselves."""
LENGTH = 8
_EACH = 2
_KEYS = 14
_MOST_ALONE = 12


def plan(known: Vocabulary, start: Steps = ()) -> Iterator[Steps]:
    """Every operation with plain values, with each class of argument, in pairs, and on stores of several sizes."""
    for parts in (_alone(known), _pairs(known), _sizes(known), _changes(known), _values(known), _keys(known)):
        yield from ((*start, *steps) for steps in parts)


def _make(known: Vocabulary, /, **arguments: Any) -> Call:
    return known.plain(known.makers()[0], **arguments)


def _alone(known: Vocabulary) -> Iterator[Steps]:
    for name, operation in known.operations.items():
        call = known.plain(name)
        yield (call,)
        yield _make(known), call
        yield _make(known), call, call
        for argument in operation.optional:
            values = known.pools[name, argument].values
            yield _make(known), known.plain(name, **{argument: values[0]})
            yield known.plain(name, **{argument: next(filter(None, values), values[0])}), known.plain(name)


def _pairs(known: Vocabulary) -> Iterator[Steps]:
    """Every two operations on one entry."""
    for first, second in product(known.operations, repeat=2):
        yield _make(known), known.plain(first), known.plain(second)


def _values(known: Vocabulary) -> Iterator[Steps]:
    """Every class of every argument; what was made with it meets every operation."""
    for name, operation in known.operations.items():
        for argument in (*operation.arguments, *operation.optional):
            for value in known.pools[name, argument].representatives(_EACH):
                call = known.plain(name, **{argument: value})
                yield from _on_an_entry(known, operation, argument, value, call)
    for name in known.makers():
        for argument in known.operations[name].arguments:
            for value in known.pools[name, argument].representatives(1):
                made = known.plain(name, **{argument: value})
                for other in known.writes():
                    yield made, _on(known, other, argument, value)


def _on_an_entry(known: Vocabulary, operation: Operation, argument: str, value: Any, call: Call) -> Iterator[Steps]:
    yield _make(known), call
    maker = known.operations[known.makers()[0]]
    if maker.entry and argument == operation.entry and maker.entry in maker.arguments and operation.name != maker.name:
        named = next(iter(entries_in(value)), None)
        if named is not None:
            yield _make(known, **{maker.entry: named}), call


def _on(known: Vocabulary, name: str, argument: str, value: Any) -> Call:
    """A plain call, on the same entry if the argument names one."""
    same_entry = argument in known.operations[name].arguments and known.operations[name].entry == argument
    return known.plain(name, **({argument: value} if same_entry else {}))


def _keys(known: Vocabulary) -> Iterator[Steps]:
    """Two entries whose names are related, and what is done to one of them."""
    maker = known.operations[known.makers()[0]]
    if maker.entry is None or maker.entry not in maker.arguments:
        return
    names = known.pools[maker.name, maker.entry].representatives(1)[:_KEYS]
    reads = [one for one in known.operations.values() if one.reads == maker.entry]
    for first, second in product(names, repeat=2):
        for other in known.writes():
            if other == maker.name or known.operations[other].entry not in (None, maker.entry):
                continue
            yield (
                _make(known, **{maker.entry: first}),
                _make(known, **{maker.entry: second}),
                _on(known, other, maker.entry, first),
                *(known.plain(read.name, **{maker.entry: second}) for read in reads),
            )


def _sizes(known: Vocabulary) -> Iterator[Steps]:
    views = [one for one in known.operations.values() if one.is_view]
    for size in SIZES if views else ():
        made = [*several(known, size)]
        calls: list[Step] = [known.plain(view.name) for view in views]
        for view in views:
            for argument in (*view.arguments, *view.optional):
                values = known.pools[view.name, argument].representatives(_EACH)
                calls += [known.plain(view.name, **{argument: value}) for value in values]
        yield (*made, *calls[: len(views)])
        for first in range(len(views), len(calls), _MOST_ALONE):
            yield (*made, *calls[first : first + _MOST_ALONE])


def several(known: Vocabulary, size: int) -> Iterator[Call]:
    """So many entries, made without reading each."""
    maker = known.operations[known.makers()[0]]
    entry = maker.entry if maker.entry in maker.arguments else None
    if entry is None:
        yield from size * [replace(known.plain(maker.name), is_audited=False)]
        return
    names = known.pools[maker.name, entry].values
    for index in range(size):
        name = f"k{index}" if isinstance(names[0], str) else names[index % len(names)]
        yield replace(known.plain(maker.name, **{entry: name}), is_audited=False)


def _changes(known: Vocabulary) -> Iterator[Steps]:
    """What was passed in or came back is changed by the caller."""
    made = next((_make(known, **given) for given in _mutable(known, known.makers()[0])), _make(known))
    for name in known.operations:
        for given, back, place in product([{}, *_mutable(known, name)], range(2), range(3)):
            yield made, known.plain(name, **given), Change(back, place)


def _mutable(known: Vocabulary, name: str) -> Iterator[dict[str, Any]]:
    """Arguments of which one can be changed in its place."""
    for argument in known.operations[name].arguments:
        changing: dict[frozenset[str], Any] = {}  # one of each class: a value that differs hides what is changed in it
        for value in known.pools[name, argument].values:
            if (novel := known.pools[name, argument].novel(value)) & {"list", "dict", "set"}:
                changing.setdefault(novel, value)
        yield from ({argument: one} for one in [*changing.values()][:3])


def random_steps(known: Vocabulary, coverage: Coverage, random: Random, length: int) -> Steps:
    """A random sequence: entries first, arguments that hit, and operations that have not succeeded yet more often."""
    names = [*known.operations]
    weights = [known.operations[name].weight * (4 if coverage.rows[name].results < 20 else 1) for name in names]  # noqa: PLR2004
    used: list[Any] = []
    steps: list[Step] = []
    for index in range(length):
        if index > 1 and random.random() < 0.15:  # noqa: PLR2004
            steps.append(Change(random.randrange(6), random.randrange(6)))
            continue
        name = random.choice(known.makers()) if index < 2 else random.choices(names, weights)[0]  # noqa: PLR2004
        operation = known.operations[name]
        chosen = [*operation.arguments, *(one for one in operation.optional if random.random() < 0.4)]  # noqa: PLR2004
        arguments = {one: _value(known.pools[name, one].values, used, random, one == operation.entry) for one in chosen}
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
