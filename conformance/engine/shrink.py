"""The shortest scenario that shows the same: actions are left out, then what is given becomes simpler."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from typing import Any, TypeAlias

from conformance.engine.scenario import (
    Action,
    Mutate,
    Race,
    Reference,
    Series,
    calls_of,
    with_calls,
)
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


def simpler_argument(_operation: Operation, _name: str, value: Any) -> Iterator[Any]:
    """Yield simpler values of any argument."""
    return simpler_values(value)


class Shrinker:
    """Shrinks scenarios: `replay` says which show the same, and remembers the last of them.

    No operation can do without its `arguments`. `values` yields simpler values of one.
    """

    def __init__(
        self,
        replay: Replay,
        operations: Mapping[str, Operation],
        values: Values = simpler_argument,
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
            actions = await self._shortened(actions)
            actions = await self._simplified(actions)
        return actions

    async def _shown(self, actions: Actions) -> Actions:
        if self._left <= 0 or time.monotonic() > self._until:
            self._left = 0
            return ()
        self._left -= 1
        return await self._replay(actions)

    async def _shortened(self, actions: Actions) -> Actions:
        size = len(actions)
        while size := size // 2:
            place = 0
            while place < (last := len(actions) - 1):
                fewer = await self._shown(actions[:place] + actions[min(place + size, last) :])
                if fewer:
                    actions = fewer
                else:
                    place += size
        return actions

    async def _simplified(self, actions: Actions) -> Actions:
        place = 0
        while place < len(actions) and self._left:
            for simpler in self._simpler(actions, place):
                shorter = await self._shown(simpler)
                if shorter:
                    actions = shorter
                    break
                if not self._left:
                    break
            else:
                place += 1
        return actions

    # What is simpler

    def _simpler(self, actions: Actions, place: int) -> Iterator[Actions]:
        """Yield the actions with less at one place: with fewer parts, then with simpler values."""
        action = actions[place]
        for less in (*_with_fewer_parts(action), *self._with_fewer_arguments(action)):
            yield (*actions[:place], less, *actions[place + 1 :])

        for call in calls_of(action):
            for name, value in call.arguments.items():
                for simpler in self._values(self._operations[call.operation], name, value):
                    yield tuple(_with(each, value, simpler) for each in actions)

    def _with_fewer_arguments(self, action: Action) -> Iterator[Action]:
        calls = calls_of(action)
        for place, call in enumerate(calls):
            for name in call.arguments:
                if name in self._operations[call.operation].arguments:
                    continue
                left = {**call.arguments}
                del left[name]
                less = replace(call, arguments=left)
                yield with_calls(action, (*calls[:place], less, *calls[place + 1 :]))


def _with_fewer_parts(action: Action) -> Iterator[Action]:
    match action:
        case Race(calls=(only,), failure=None):
            yield only
        case Race(calls):
            if action.cancelled:
                yield replace(action, cancelled=())
            for fewer in _fewer(calls):
                yield replace(action, calls=fewer)
        case Mutate(place=None):
            yield from (replace(action, place=place) for place in range(_MOST_PLACES))
        case Series():
            yield from _simpler_objects(action, _simpler_counts)


def _with(action: Action, value: Any, simpler: Any) -> Action:
    """Return an action with a simpler value wherever it has this one: scenarios name an entry again and again."""
    calls = []
    for call in calls_of(action):
        given = {**call.arguments}
        for name, present in given.items():
            if present is value or (type(present) is type(value) and present == value):
                given[name] = simpler
        calls.append(replace(call, arguments=given))
    return with_calls(action, tuple(calls))


def simpler_values(value: Any) -> Iterator[Any]:
    """Yield values with less in them, the least first: parts are left out, then parts are made simpler."""
    match value:
        case tuple() | list() if type(value) in (tuple, list):
            yield from _simpler_sequences(value)
        case dict() if type(value) is dict:
            yield from _simpler_mappings(value)
        case str() if type(value) is str and len(value) > 1:
            yield from _simpler_texts(value)
        case int() | float() if type(value) in (int, float):
            yield from _simpler_numbers(value)
        case _ if is_dataclass(value) and not isinstance(value, Reference):
            yield from _simpler_objects(value, simpler_values)


def _simpler_sequences(values: Any) -> Iterator[Any]:
    yield from _fewer(values)
    kind = type(values)
    for place, value in enumerate(values):
        for less in simpler_values(value):
            yield values[:place] + kind([less]) + values[place + 1 :]


def _simpler_mappings(values: dict[Any, Any]) -> Iterator[dict[Any, Any]]:
    for name, value in values.items():
        yield {key: kept for key, kept in values.items() if key != name}
        for less in simpler_values(value):
            yield {**values, name: less}


def _fewer(values: Any) -> Iterator[Any]:
    """Yield the sequence without a half of it, then without a quarter, and so on."""
    size = len(values)
    while size := size // 2:
        for place in range(0, len(values), size):
            yield values[:place] + values[place + size :]


def _simpler_texts(text: str) -> Iterator[str]:
    size = len(text)
    yield text[: size // 2]
    yield text[size // 2 :]
    if size >= _HUGE and {*text} != {"x"}:  # it is about the size
        round_size = 10 ** len(str(size))
        yield "x" * round_size
        yield "x" * 2 * round_size


def _simpler_numbers(number: float) -> Iterator[float]:
    """Yield small whole numbers, then the half, if they are shorter to write."""
    kind = type(number)
    for whole in (0, 1, -1, 2):
        if len(source(kind(whole))) < len(source(number)):
            yield kind(whole)
    if kind is int and number > 1:
        yield int(number) // 2


def _simpler_counts(value: Any) -> Iterator[Any]:
    """Yield smaller numbers only: other values of a series may mean nothing to the contract."""
    if type(value) is int:
        yield from _simpler_numbers(value)


def _simpler_objects(value: Any, simpler: Callable[[Any], Iterator[Any]]) -> Iterator[Any]:
    """Yield a dataclass with the default of a field, then with less in a field."""
    for field in fields(value):
        inside = getattr(value, field.name)
        if field.default is not MISSING and inside != field.default:
            yield replace(value, **{field.name: field.default})
        for less in simpler(inside):
            yield replace(value, **{field.name: less})
