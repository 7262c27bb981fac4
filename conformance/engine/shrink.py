"""The shortest scenario that shows the same: actions are left out, then values are made simpler."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from typing import Any, TypeAlias

from conformance.engine.finding import Finding
from conformance.engine.scenario import Action, Call, Race, Reference, Scenario, Series
from conformance.operations.operation import Operation

MOST_PLAYED = 150
"""Scenarios that are played to make a finding shorter."""
_MOST_SECONDS = 3.0
_HUGE = 1_000
"""Characters of a text that is written as one character, so many times."""
Actions: TypeAlias = tuple[Action, ...]
Replay: TypeAlias = Callable[[Actions], Awaitable[Actions]]
"""Returns the actions that show the same, those that it is given or their beginning, or none."""
Simpler: TypeAlias = Callable[[Actions, int], Iterator[Actions]]
"""Yields the actions with less at one place."""


async def shrink(
    finding: Finding,
    play: Callable[[Scenario], Awaitable[Finding | None]],
    operations: Mapping[str, Operation],
    *,
    most_played: int = MOST_PLAYED,
) -> Finding:
    """Return the finding of the shortest scenario that `play` finds the same with.

    An operation cannot do without its `arguments`.
    """
    left, until = most_played, time.monotonic() + _MOST_SECONDS

    async def shown(actions: Actions) -> Actions:
        nonlocal finding, left
        left = left - 1 if time.monotonic() < until else 0
        found = await play(replace(finding.scenario, actions=actions)) if left > 0 else None
        if found is None or found.signature != finding.signature:
            return ()
        finding = found
        return found.scenario.actions

    def simpler(actions: Actions, place: int) -> Iterator[Actions]:
        for action in _simpler_actions(actions[place], operations):
            if left <= 0:
                return
            yield (*actions[:place], action, *actions[place + 1 :])

    await reduce(finding.scenario.actions, shown, simpler)
    return finding


async def reduce(
    actions: Actions,
    shown: Replay,
    simpler: Simpler,
) -> None:
    """Leave actions out, but for the last, then put simpler ones at each place, until nothing gets shorter or simpler.

    A simpler action may make an earlier one superfluous.
    """
    before: Actions = ()
    while actions != before:
        before = actions
        actions = await _simplified(await _shortened(actions, shown), shown, simpler)


async def _shortened(actions: Actions, shown: Replay) -> Actions:
    size = len(actions)
    while size := size // 2:
        place = 0
        while place < (last := len(actions) - 1):
            if fewer := await shown(actions[:place] + actions[min(place + size, last) :]):
                actions = fewer
            else:
                place += size
    return actions


async def _simplified(
    actions: Actions,
    shown: Replay,
    simpler: Simpler,
) -> Actions:
    place = 0
    while place < len(actions):
        for candidate in simpler(actions, place):
            if shorter := await shown(candidate):
                actions = shorter
                break
        else:
            place += 1
    return actions


def _simpler_actions(action: Action, operations: Mapping[str, Operation]) -> Iterator[Action]:
    """Yield the action with less in it, the least first."""
    match action:
        case Race(calls=(only,), failure=None):
            yield only
        case Race(calls):
            if action.cancelled:
                yield replace(action, cancelled=())
            for fewer in _fewer(calls):
                yield replace(action, calls=fewer)
            for place, call in enumerate(calls):
                for less in _simpler_calls(call, operations):
                    yield replace(action, calls=(*calls[:place], less, *calls[place + 1 :]))
        case Call():
            yield from _simpler_calls(action, operations)
        case Series():
            yield from _simpler_objects(action, _simpler_counts)


def _simpler_calls(call: Call, operations: Mapping[str, Operation]) -> Iterator[Call]:
    needed = operations[call.operation].arguments.keys() & call.arguments.keys()
    for given in simpler_values({**call.arguments}):
        if needed <= given.keys():
            yield replace(call, arguments=given)


def simpler_values(value: Any) -> Iterator[Any]:
    """Yield values with less in them, the least first: parts are left out, then parts are made simpler."""
    match value:
        case tuple() | list() if type(value) in (tuple, list):
            yield from _fewer(value)
            for place, inside in enumerate(value):
                for less in simpler_values(inside):
                    yield value[:place] + type(value)([less]) + value[place + 1 :]  # type: ignore[operator]  # both are of one type
        case dict() if type(value) is dict:
            yield from _simpler_mappings(value)
        case str() if type(value) is str and len(value) > 1:
            yield from _simpler_texts(value)
        case int() | float() if type(value) in (int, float):
            yield from _simpler_numbers(value)
        case _ if is_dataclass(value) and not isinstance(value, Reference):
            yield from _simpler_objects(value, simpler_values)


def _simpler_mappings(value: dict[Any, Any]) -> Iterator[dict[Any, Any]]:
    for name, inside in value.items():
        yield {other: kept for other, kept in value.items() if other != name}
        for less in simpler_values(inside):
            yield {**value, name: less}


def _fewer(values: Any) -> Iterator[Any]:
    """Yield the sequence without a half of it, then without a quarter, and so on."""
    size = len(values)
    while size := size // 2:
        for place in range(0, len(values), size):
            yield values[:place] + values[place + size :]


def _simpler_texts(text: str) -> Iterator[str]:
    size = len(text)
    yield from (text[: size // 2], text[size // 2 :])
    if size >= _HUGE and {*text} != {"x"}:  # it is about the size
        round_size = 10 ** len(str(size))
        yield from ("x" * round_size, "x" * 2 * round_size)


def _simpler_numbers(number: float) -> Iterator[float]:
    """Yield small whole numbers, then the half, if they are shorter to write."""
    kind = type(number)
    for simple in (0, 1, -1, 2):
        if len(repr(kind(simple))) < len(repr(number)):
            yield kind(simple)
    if kind is int and number > 1:
        yield int(number) // 2


def _simpler_counts(value: Any) -> Iterator[Any]:
    """Yield smaller numbers only: other values of a series may mean nothing to the contract."""
    if type(value) is int:
        yield from _simpler_numbers(value)


def _simpler_objects(value: Any, simpler: Callable[[Any], Iterator[Any]]) -> Iterator[Any]:
    """Yield a dataclass with the default of a field, then with less in a field."""
    for each in fields(value):
        inside = getattr(value, each.name)
        if each.default is not MISSING and inside != each.default:
            yield replace(value, **{each.name: each.default})
        for less in simpler(inside):
            yield replace(value, **{each.name: less})
