"""The shortest scenario that shows the same: actions are left out, then values are made plainer."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from copy import copy
from dataclasses import replace
from typing import Any, TypeVar

from conformance.core.finding import Finding
from conformance.core.scenario import Action, Call, Race, Scenario
from conformance.spec.model import Request

_MOST_PLAYED, _MOST_SECONDS = 150, 3.0
T = TypeVar("T")
_NEEDED = ("request", "task_id", "status", "task", "before")


async def shrink(finding: Finding, play: Callable[[Scenario], Awaitable[Finding | None]]) -> Finding:
    """Return the finding of the shortest scenario that `play` finds the same with."""
    left, until = _MOST_PLAYED, time.monotonic() + _MOST_SECONDS

    async def shown(actions: tuple[Action, ...]) -> tuple[Action, ...]:
        nonlocal finding, left
        left = left - 1 if time.monotonic() < until else 0
        found = await play(replace(finding.scenario, actions=actions)) if left > 0 else None
        if found is None or found.signature != finding.signature:
            return ()
        finding = found
        return found.scenario.actions

    def plainer(actions: tuple[Action, ...], place: int) -> Iterator[tuple[Action, ...]]:
        for one in _plainer(actions[place]):
            yield (*actions[:place], one, *actions[place + 1 :])

    await reduce(finding.scenario.actions, shown, plainer)
    return finding


async def reduce(
    actions: tuple[T, ...],
    shown: Callable[[tuple[T, ...]], Awaitable[tuple[T, ...]]],
    plainer: Callable[[tuple[T, ...], int], Iterator[tuple[T, ...]]],
) -> None:
    """Leave actions out, but for the last, then put plainer ones at each place.

    `shown` returns the actions that show the same, those that it is given or their beginning, or none.
    """
    size = len(actions)
    while size := size // 2:
        place = 0
        while place < (last := len(actions) - 1):
            if fewer := await shown(actions[:place] + actions[min(place + size, last) :]):
                actions = fewer
            else:
                place += size
    place = 0
    while place < len(actions):
        for one in plainer(actions, place):
            if simpler := await shown(one):
                actions = simpler
                break
        else:
            place += 1


def _plainer(action: Any) -> Iterator[Any]:
    """The action with less, the most first."""
    if isinstance(action, Race):
        calls = action.calls
        for place in range(len(calls) if len(calls) > 1 else 0):
            if place not in action.cancelled:
                cancelled = tuple(one - (one > place) for one in action.cancelled)
                yield replace(action, calls=calls[:place] + calls[place + 1 :], cancelled=cancelled)
        for place, call in enumerate(calls):
            for plainer in _plainer(call):
                yield replace(action, calls=(*calls[:place], plainer, *calls[place + 1 :]))
    elif isinstance(action, Call):
        is_free = action.operation in ("create_task", "list_tasks")
        for name, value in action.arguments.items():
            if name not in _NEEDED or (is_free and name != "request"):
                others = {one: inside for one, inside in action.arguments.items() if one != name}
                yield replace(action, arguments=others)
            for smaller in _smaller(value) if name not in _NEEDED[1:] or is_free else ():
                yield replace(action, arguments={**action.arguments, name: smaller})


def _smaller(value: Any) -> Iterator[Any]:
    if isinstance(value, Request):
        plainer = (Request(), *(replace(value, **{name: getattr(Request(), name)}) for name in value.__slots__))
        yield from (one for one in plainer if one != value)
        yield from (replace(value, config=config) for config in _smaller(value.config))
    elif type(value) in (dict, list):
        for place in [*value] if type(value) is dict else range(len(value[:4])):
            less = copy(value)
            del less[place]
            yield less
            for smaller in _smaller(value[place]):
                other = copy(value)
                other[place] = smaller
                yield other
    elif type(value) is str and len(value) > 1:
        yield value[: len(value) // 2]
        yield value[len(value) // 2 :]
