"""The shortest scenario that shows the same: actions are left out, then what is given becomes simpler."""

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from functools import partial
from typing import Any

from conformance.engine.contract import is_same
from conformance.engine.scenario import Action, Call, Mutate, Race, Reference, calls_of, changed
from conformance.operations.operation import Operation
from conformance.text import source

MOST_PLAYED = 150
"""Scenarios that are played to make a finding shorter."""
_MOST_SECONDS = 3.0
_MOST_PLACES = 20
"""Places of what the caller changes that are tried alone."""
_SMALL = (0, 1, -1, 2)
Actions = tuple[Action, ...]
Replay = Callable[[Actions], Awaitable[Actions]]
"""Plays actions, and returns those that show the same: all, or their beginning, or none."""
Values = Callable[[Operation, str, Any], Iterable[Any]]
"""Yields what an argument of an operation may have in place of a value, the simplest first."""


async def shrink(
    actions: Actions,
    replay: Replay,
    operations: Mapping[str, Operation],
    values: Values = lambda _operation, _name, value: simpler_values(value),
    most_played: int = MOST_PLAYED,
    seconds: float = _MOST_SECONDS,
) -> Actions:
    """Leave out actions but the last, and simplify the others, until nothing gets shorter or simpler.

    `replay` says which show the same. A simpler action may make an earlier one superfluous. No operation can do without
    its `arguments`. `values` yields simpler values of one.
    """
    until = time.monotonic() + seconds
    before: Actions = ()
    while actions != before:
        before = actions
        for less in (partial(_without_some, kept=1), partial(_simpler, operations, values)):
            place = 0
            while place < len(actions):
                place += 1
                for candidate in less(actions, place - 1):
                    if not most_played or time.monotonic() > until:
                        return actions
                    most_played -= 1
                    if shown := await replay(candidate):
                        actions = shown
                        place -= 1
                        break
    return actions


def _without_some(values: Any, place: int, kept: int = 0) -> Iterator[Any]:
    """Yield a sequence without as many as possible from one place on, and with so many at its end."""
    size = len(values)
    while size := size // 2:
        if place + size + kept <= len(values):
            yield values[:place] + values[place + size :]


def _simpler(operations: Mapping[str, Operation], values: Values, actions: Actions, place: int) -> Iterator[Actions]:
    """Yield the actions with less at one place: with fewer parts, then with fewer arguments or simpler ones."""
    action = actions[place]
    before, after = actions[:place], actions[place + 1 :]
    for less in _with_fewer_parts(action):
        yield (*before, less, *after)
    for call in calls_of(action):
        operation = operations[call.operation]
        for name, value in call.arguments.items():
            if name not in operation.arguments:
                yield (*before, changed(action, partial(_without, name=name, of=call)), *after)
            for simpler in values(operation, name, value):
                change = partial(_with, value=value, simpler=simpler)
                yield tuple(changed(each, change) for each in actions)


def _with_fewer_parts(action: Action) -> Iterator[Action]:
    match action:
        case Race(calls=(only,), failure=None):
            yield only
        case Race():
            yield from _simpler_objects(action, _fewer)
        case Mutate(place=None):
            yield from (replace(action, place=place) for place in range(_MOST_PLACES))


def _without(call: Call, name: str, of: Call) -> Call:
    """Return a call without this argument, if it is the one in question."""
    given = {**call.arguments}
    if call is of:
        del given[name]
    return replace(call, arguments=given)


def _with(call: Call, value: Any, simpler: Any) -> Call:
    """Return a call with a simpler value wherever it has this one: scenarios name an entry again and again."""
    given = {name: simpler if is_same(present, value) else present for name, present in call.arguments.items()}
    return replace(call, arguments=given)


def simpler_values(value: Any) -> Iterator[Any]:
    """Yield values with less in them, the least first: parts are left out, then parts are made simpler."""
    yield from _fewer(value)
    kind = type(value)
    if kind in (tuple, list):
        for place, part in enumerate(value):
            for less in simpler_values(part):
                yield value[:place] + kind([less]) + value[place + 1 :]
    elif kind is dict:
        for name, part in value.items():
            yield {key: kept for key, kept in value.items() if key != name}
            for less in simpler_values(part):
                yield {**value, name: less}
    elif is_dataclass(value) and not isinstance(value, Reference):
        yield from _simpler_objects(value, simpler_values)


def _fewer(values: Any) -> Iterator[Any]:
    """Yield a sequence or a text without some of it, or small whole numbers and the half, if they are shorter."""
    kind = type(values)
    if kind in (tuple, list):
        for place in range(len(values)):
            yield from _without_some(values, place)
    elif kind is str and len(values) > 1:
        half = len(values) // 2
        yield values[:half]
        yield values[half:]
    elif kind in (int, float):
        for small in map(kind, _SMALL):
            if len(source(small)) < len(source(values)):
                yield small
        if kind is int and values > 1:
            yield values // 2


def _simpler_objects(value: Any, simpler: Callable[[Any], Iterator[Any]]) -> Iterator[Any]:
    """Yield a dataclass with the default of a field, then with less in a field. A flag says what it is, and stays."""
    for field in fields(value):
        inside = getattr(value, field.name)
        if field.default is not MISSING and field.default is not False and inside != field.default:
            yield replace(value, **{field.name: field.default})
        for less in simpler(inside):
            yield replace(value, **{field.name: less})
