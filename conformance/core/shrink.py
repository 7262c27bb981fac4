"""The shortest scenario that shows the same: actions are left out, then values are made plainer."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
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
                yield replace(action, arguments=_without(action.arguments, name))
            for smaller in _smaller(value) if name not in _NEEDED[1:] or is_free else ():
                yield replace(action, arguments={**action.arguments, name: smaller})


def _without(values: Mapping[Any, Any], key: Any) -> dict[Any, Any]:
    return {one: inside for one, inside in values.items() if one != key}


def _smaller(value: Any) -> Iterator[Any]:
    if isinstance(value, Request):
        plainer = (Request(), *(replace(value, **{name: getattr(Request(), name)}) for name in value.__slots__))
        yield from (one for one in plainer if one != value)
        for config in _smaller(value.config):
            yield replace(value, config=config)
    elif type(value) is dict:
        for key in value:
            yield _without(value, key)
            for smaller in _smaller(value[key]):
                yield {**value, key: smaller}
    elif type(value) is list:
        for place, inside in enumerate(value[:4]):
            yield value[:place] + value[place + 1 :]
            for smaller in _smaller(inside):
                yield [*value[:place], smaller, *value[place + 1 :]]
    elif type(value) is str and len(value) > 1:
        yield value[: len(value) // 2]
        yield value[len(value) // 2 :]
