"""The shortest scenario that shows the same: actions are left out, then values are made plainer."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from copy import copy
from dataclasses import replace
from typing import Any

from conformance.core.finding import Finding
from conformance.core.scenario import Action, Call, Race, Scenario
from conformance.spec.model import Request

_MOST_PLAYED, _MOST_SECONDS = 150, 3.0
_NEEDED = ("request", "task_id", "status", "task", "before")


async def shrink(finding: Finding, play: Callable[[Scenario], Awaitable[Finding | None]]) -> Finding:
    """Return the finding of the shortest scenario that `play` finds the same with."""
    left, until = _MOST_PLAYED, time.monotonic() + _MOST_SECONDS

    async def shows(actions: tuple[Action, ...]) -> bool:
        nonlocal finding, left
        left = left - 1 if time.monotonic() < until else 0
        found = await play(replace(finding.scenario, actions=actions)) if left > 0 else None
        if found is None or found.signature != finding.signature:
            return False
        finding = found
        return True

    size = len(finding.scenario.actions)
    while size := size // 2:
        place = 0
        while place < len(actions := finding.scenario.actions) - 1:  # the last one shows it
            if not await shows(actions[:place] + actions[min(place + size, len(actions) - 1) :]):
                place += size
    place = 0
    while place < len(actions := finding.scenario.actions):
        for plainer in _plainer(actions[place]):
            if await shows((*actions[:place], plainer, *actions[place + 1 :])):
                break
        else:
            place += 1
    return finding


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
