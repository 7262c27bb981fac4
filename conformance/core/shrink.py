"""The shortest scenario that shows the same: actions are left out, then values are made plainer."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

from conformance.core.finding import Finding
from conformance.core.scenario import Action, Call, Race, Scenario
from conformance.spec.model import Request

_MOST_PLAYED = 150
_MOST_SECONDS = 5


async def shrink(finding: Finding, play: Callable[[Scenario], Awaitable[Finding | None]]) -> Finding:
    """Return the finding of the shortest scenario that `play` finds the same with."""
    left, until = _MOST_PLAYED, time.monotonic() + _MOST_SECONDS

    async def shows(scenario: Scenario) -> bool:
        nonlocal finding, left
        left = left - 1 if time.monotonic() < until else -1
        found = await play(scenario) if left >= 0 else None
        if found is None or found.signature != finding.signature:
            return False
        finding = found
        return True

    size = max(len(finding.scenario.actions) // 2, 1)
    while size:
        place = 0
        while place < len(finding.scenario.actions) - 1 and left > 0:  # the last one shows it
            actions = finding.scenario.actions
            kept = actions[:place] + actions[min(place + size, len(actions) - 1) :]
            if not await shows(replace(finding.scenario, actions=kept)):
                place += size
        size //= 2
    for place in range(len(finding.scenario.actions)):
        while place < len(finding.scenario.actions) and left > 0:
            actions = finding.scenario.actions
            for plainer in _plainer(actions[place]):
                if await shows(replace(finding.scenario, actions=(*actions[:place], plainer, *actions[place + 1 :]))):
                    break
            else:
                break
    return finding


def _plainer(action: Action) -> Iterator[Action]:  # noqa: C901, PLR0912  one way after the other
    """The action with less, the most first."""
    if isinstance(action, Race):
        for place in range(len(action.calls) if len(action.calls) > 1 else 0):
            if place not in action.cancelled:
                cancelled = tuple(one - (one > place) for one in action.cancelled)
                yield replace(action, calls=action.calls[:place] + action.calls[place + 1 :], cancelled=cancelled)
        for place, call in enumerate(action.calls):
            for plainer in _plainer(call):
                if isinstance(plainer, Call):
                    yield replace(action, calls=(*action.calls[:place], plainer, *action.calls[place + 1 :]))
    if not isinstance(action, Call):
        return
    for name, value in action.arguments.items():
        others = {one: inside for one, inside in action.arguments.items() if one != name}
        if isinstance(value, Request):
            for fields in ({}, {"webhook_url": None}, {"config": None}, {"video_ids": ("v",)}):
                plain = replace(value, **fields) if fields else Request()
                if plain != value:
                    yield replace(action, arguments={**action.arguments, name: plain})
            for config in _smaller(value.config):
                yield replace(action, arguments={**action.arguments, name: replace(value, config=config)})
        elif name != "request" and (
            name not in ("task_id", "status", "task", "before") or action.operation in ("create_task", "list_tasks")
        ):
            yield replace(action, arguments=others)
            for smaller in _smaller(value):
                yield replace(action, arguments={**action.arguments, name: smaller})


def _smaller(value: Any) -> Iterator[Any]:
    if type(value) is dict:
        for key in value:
            yield {one: inside for one, inside in value.items() if one != key}
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
