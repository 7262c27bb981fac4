"""The shortest scenario that shows the same: actions are left out, then values are made plainer."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from itertools import chain, takewhile
from typing import Any, TypeVar

from conformance.engine.finding import Finding
from conformance.engine.scenario import Action, Call, Populate, Race, Scenario
from conformance.tasks.spec.model import Request

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
        for one in takewhile(lambda _: left > 0, _smaller(actions[place])):
            yield (*actions[:place], one, *actions[place + 1 :])

    await reduce(finding.scenario.actions, shown, plainer)
    return finding


async def reduce(
    actions: tuple[T, ...],
    shown: Callable[[tuple[T, ...]], Awaitable[tuple[T, ...]]],
    plainer: Callable[[tuple[T, ...], int], Iterator[tuple[T, ...]]],
) -> None:
    """Leave actions out, but for the last, then put simpler ones at each place, until nothing gets shorter or simpler.

    A simpler action may make an earlier one superfluous.

    `shown` returns the actions that show the same, those that it is given or their beginning, or none.
    """
    before: tuple[T, ...] = ()
    while actions != before:
        before = actions
        actions = await _simplified(await _shortened(actions, shown), shown, plainer)


async def _shortened(
    actions: tuple[T, ...], shown: Callable[[tuple[T, ...]], Awaitable[tuple[T, ...]]]
) -> tuple[T, ...]:
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
    actions: tuple[T, ...],
    shown: Callable[[tuple[T, ...]], Awaitable[tuple[T, ...]]],
    plainer: Callable[[tuple[T, ...], int], Iterator[tuple[T, ...]]],
) -> tuple[T, ...]:
    place = 0
    while place < len(actions):
        for candidate in plainer(actions, place):
            if simpler := await shown(candidate):
                actions = simpler
                break
        else:
            place += 1
    return actions


def _smaller(value: Any) -> Iterator[Any]:
    """The value with less in it, the most first."""
    if type(value) in (tuple, list):
        size = len(value)
        while size := size // 2:
            for place in range(0, len(value), size):
                yield value[:place] + value[place + size :]
        for place, inside in enumerate(value):
            yield from (value[:place] + type(value)([less]) + value[place + 1 :] for less in _smaller(inside))
    elif type(value) is dict:
        for name, inside in value.items():
            yield {one: other for one, other in value.items() if one != name}
            yield from ({**value, name: less} for less in _smaller(inside))
    elif type(value) is str and len(value) > 1:
        yield from (value[: len(value) // 2], value[len(value) // 2 :])
    elif type(value) is int and value > 1:
        yield value // 2
    else:
        yield from _simpler(value)


def _simpler(value: Any) -> Iterator[Any]:
    """An action or a request with less in it."""
    match value:
        case Race(calls=(only,), failure=None):
            yield only
        case Race(calls):
            yield from (replace(value, calls=less) for less in _smaller(calls))
        case Call(operation, arguments):
            needed = ("request",) if operation in ("create_task", "list_tasks") else _NEEDED
            for less in _smaller({**arguments}):
                if all(name in less for name in needed if name in arguments):
                    yield replace(value, arguments=less)
        case Populate(count):
            yield from (replace(value, count=less) for less in _smaller(count))
        case Request():
            for name in value.__slots__:
                plain = [None] if name != "video_ids" and getattr(value, name) is not None else []
                yield from (replace(value, **{name: one}) for one in chain(plain, _smaller(getattr(value, name))))
