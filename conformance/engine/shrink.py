"""The shortest scenario that shows the same: actions are left out, then what is given becomes simpler."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from functools import partial
from typing import Any, TypeAlias

from conformance.engine.scenario import Action, Call, Mutate, Race, Reference, Series, calls_of, changed
from conformance.operations.operation import Operation
from conformance.text import source

MOST_PLAYED = 150
"""Scenarios that are played to make a finding shorter."""
_MOST_SECONDS = 3.0
_MOST_PLACES = 20
"""Places of what the caller changes that are tried alone."""
_HUGE = 1_000
"""Characters of a text that is written as one character, so many times."""
Actions: TypeAlias = tuple[Action, ...]
Replay: TypeAlias = Callable[[Actions], Awaitable[Actions]]
"""Plays actions, and returns those that show the same: all, or their beginning, or none."""
Values: TypeAlias = Callable[[Operation, str, Any], Iterable[Any]]
"""Yields what an argument of an operation may have in place of a value, the simplest first."""


class Shrinker:
    """Shrinks scenarios: `replay` says which show the same, and remembers the last of them.

    No operation can do without its `arguments`. `values` yields simpler values of one.
    """

    def __init__(
        self,
        replay: Replay,
        operations: Mapping[str, Operation],
        values: Values = lambda _operation, _name, value: simpler_values(value),
        most_played: int = MOST_PLAYED,
        seconds: float = _MOST_SECONDS,
    ) -> None:
        self._replay = replay
        self._operations = operations
        self._values = values
        self._left = most_played
        self._until = time.monotonic() + seconds

    async def shrink(self, actions: Actions) -> Actions:
        """Leave out actions but the last, and simplify the others, until nothing gets shorter or simpler.

        A simpler action may make an earlier one superfluous.
        """
        before: Actions = ()
        while actions != before:
            before = actions
            for less in (partial(_without_some, kept=1), self._simpler):
                place = 0
                while place < len(actions):
                    shown = await self._first_shown(less(actions, place))
                    actions = shown or actions
                    place += not shown
        return actions

    async def _first_shown(self, candidates: Iterable[Actions]) -> Actions:
        for actions in candidates:
            if self._left <= 0 or time.monotonic() > self._until:
                break
            self._left -= 1
            if shown := await self._replay(actions):
                return shown
        return ()

    def _simpler(self, actions: Actions, place: int) -> Iterator[Actions]:
        """Yield the actions with less at one place: with fewer parts, then with fewer arguments or simpler ones."""
        action = actions[place]

        def instead(less: Action) -> Actions:
            return (*actions[:place], less, *actions[place + 1 :])

        yield from map(instead, _with_fewer_parts(action))
        for call in calls_of(action):
            operation = self._operations[call.operation]
            for name, value in call.arguments.items():
                if name not in operation.arguments:
                    yield instead(changed(action, partial(_without, name, of=call)))
                for simpler in self._values(operation, name, value):
                    change = partial(_with, value=value, simpler=simpler)
                    yield tuple(changed(each, change) for each in actions)


def _without_some(values: Any, place: int, kept: int = 0) -> Iterator[Any]:
    """Yield a sequence without as many as possible from one place on, and with so many at its end."""
    size = len(values)
    while size := size // 2:
        if place + size + kept <= len(values):
            yield values[:place] + values[place + size :]


def _with_fewer_parts(action: Action) -> Iterator[Action]:
    match action:
        case Race(calls=(only,), failure=None):
            yield only
        case Race() | Series():
            yield from _simpler_objects(action, _fewer)
        case Mutate(place=None):
            yield from (replace(action, place=place) for place in range(_MOST_PLACES))


def _without(name: str, call: Call, of: Call) -> Call:
    """Return a call without this argument, if it is the one in question."""
    left = {other: value for other, value in call.arguments.items() if other != name}
    return replace(call, arguments=left) if call is of else call


def _with(call: Call, value: Any, simpler: Any) -> Call:
    """Return a call with a simpler value wherever it has this one: scenarios name an entry again and again."""
    given = {**call.arguments}
    for name, present in given.items():
        if present is value or (type(present) is type(value) and present == value):
            given[name] = simpler
    return replace(call, arguments=given)


def simpler_values(value: Any) -> Iterator[Any]:
    """Yield values with less in them, the least first: parts are left out, then parts are made simpler."""
    kind = type(value)
    if kind in (tuple, list):
        yield from _fewer(value)
        for place, part in enumerate(value):
            for less in simpler_values(part):
                yield value[:place] + kind([less]) + value[place + 1 :]
    elif kind is dict:
        for name, part in value.items():
            yield {key: kept for key, kept in value.items() if key != name}
            for less in simpler_values(part):
                yield {**value, name: less}
    elif kind is str:
        yield from _simpler_texts(value)
    elif is_dataclass(value) and not isinstance(value, Reference):
        yield from _simpler_objects(value, simpler_values)
    else:
        yield from _simpler_numbers(value)


def _fewer(values: Any) -> Iterator[Any]:
    """Yield a sequence without some of it: as many as possible from each place on. A number becomes smaller."""
    if not isinstance(values, tuple | list):
        yield from _simpler_numbers(values)
        return
    for place in range(len(values)):
        yield from _without_some(values, place)


def _simpler_texts(text: str) -> Iterator[str]:
    half = len(text) // 2
    if half:
        yield text[:half]
        yield text[half:]
    if half >= _HUGE and {*text} != {"x"}:  # it is about the size
        yield "x" * 2 * 10 ** len(str(half))


def _simpler_numbers(number: Any) -> Iterator[float]:
    """Yield small whole numbers, then the half, if they are shorter to write; of another value nothing."""
    kind = type(number)
    if kind not in (int, float):
        return
    for whole in (0, 1, -1, 2):
        if len(source(kind(whole))) < len(source(number)):
            yield kind(whole)
    if kind is int and number > 1:
        yield number // 2


def _simpler_objects(value: Any, simpler: Callable[[Any], Iterator[Any]]) -> Iterator[Any]:
    """Yield a dataclass with the default of a field, then with less in a field. A flag says what it is, and stays."""
    for field in fields(value):
        inside = getattr(value, field.name)
        if field.default is not MISSING and field.default is not False and inside != field.default:
            yield replace(value, **{field.name: field.default})
        for less in simpler(inside):
            yield replace(value, **{field.name: less})
