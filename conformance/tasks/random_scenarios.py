"""Random scenarios: rows of the tables, in an order that no table has. They depend on what the store has answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, product
from random import Random
from typing import Any

from conformance.engine.player import Player
from conformance.engine.scenario import Action, Call, Race, ReadBack, Reopen, Wait
from conformance.harness import Capability
from conformance.tasks import calls as do
from conformance.tasks.calls import Id
from conformance.tasks.spec.model import LIFETIME, STATUSES, TEXTS
from conformance.tasks.tables import values
from conformance.tasks.tables.arguments import REFUSED, REQUESTS
from conformance.tasks.tables.lifetimes import GAPS, OLD
from conformance.tasks.tables.tasks import BEYOND, DAY, LONG_AGO, MINUTE, SECOND, A, fitting
from taskstore import TaskStatus

_LEAST = 4
_MOST = 16
"""Actions of a random scenario."""
_RACERS = 4
_CANCELLED_AFTER = (*[None] * 8, 0, 1, 2, 4)
_BY_CURSOR = 0.7
_RACED = ("create", "named", "update", "update", "cancel", "get", "restore")
_KINDS = ("wait", "race", "reopen", "list", "list", "purge", "bad", *_RACED)
"""Kinds of actions. One that stands here twice is drawn more often."""
_TIMES = *GAPS, LIFETIME - MINUTE, LIFETIME + 2 * SECOND
"""How much time passes at once in a store that expires."""
_SIZES = (*[0] * 9, 3, 51, 110)
_LIMITS = (0, 1, 2, 3, 5, 50, 100, 1_000)
_OFFSETS = (0, 1, 2, 3, 49, 50, 51, 100, 10**12)
_PROGRESSES = *values.PROGRESSES, *(0.0, 100) * 10
"""Two of them are what a task has whose application tells no progress."""
_IDS = ("job-1", *values.NEW_IDS[:5])
_ROWS: Mapping[str, Sequence[Call]] = {
    "create": [do.create("a", **request) for request in REQUESTS],
    "named": [do.create(task_id=task_id, config=config) for task_id, config in product(_IDS, values.ALIKE_CONFIGS[:9])],
    "get": [do.get(A)],
    "cancel": [do.cancel(A)],
    "restore": [*map(do.restore, OLD)],
    "purge": [do.purge(LONG_AGO + DAY), do.purge(BEYOND)],
    "bad": [*chain.from_iterable(REFUSED)],
}
"""By kind the calls that are drawn as they are, but for another task in the place of `A`."""


class RandomTasks:
    """Actions that are drawn while they are played, by the same random numbers alike. The player writes them down."""

    def __init__(self, random: Random, player: Player) -> None:
        self._random = random
        self._one_of = random.choice
        self._results = player.results
        self._has = player.harness.capabilities

    def __iter__(self) -> Iterator[Action]:
        """Draw, now and then, many tasks first, then actions of some kinds, and at the end reads of all that is there.

        What they did is read after none, half or all of them.
        """
        if size := self._one_of(_SIZES):
            yield do.Populate(size, ("pending", "completed"))
        kinds = self._random.sample(_KINDS, self._random.randint(3, len(_KINDS)))
        how_often = self._one_of((0.0, 0.5, 1.0))
        for _ in range(self._random.randint(_LEAST, _MOST)):
            yield from fitting([self._action(self._one_of(("create", *kinds)))], self._has)
            if self._random.random() < how_often:
                yield ReadBack()
        yield ReadBack()
        yield do.Pages(self._one_of((1, 7, 50)), by_cursor=Capability.CURSOR in self._has)

    def _action(self, kind: str) -> Action:
        match kind:
            case "wait":
                return Wait(self._one_of(_TIMES)) if Capability.EXPIRING in self._has else Wait()
            case "race":
                calls = [replace(self._call(self._one_of(_RACED)), label="") for _ in range(_RACERS)]
                return Race(tuple(fitting(calls, self._has)), cancelled_after=self._one_of(_CANCELLED_AFTER))
            case "reopen":
                return Reopen()
        return self._call(kind)

    def _call(self, kind: str) -> Call:
        """Return a call of a kind, a row of a table if there is one."""
        made = [*self._results]
        task: Any = self._one_of(["job-1", "restored", *map(Id, (*made[:2], *made[-4:]))])
        match kind:
            case "update":
                status = self._one_of((*STATUSES, *TaskStatus))
                texts = TEXTS if status == "failed" else TEXTS[:2]
                return do.update(task, status, **self._some(progress=_PROGRESSES, **dict.fromkeys(texts, values.TEXTS)))
            case "list":
                by_cursor = made and self._random.random() < _BY_CURSOR
                place = {"after": [*map(do.CursorOf, made)]} if by_cursor else {"offset": _OFFSETS}
                return do.listing(**self._some(status=[*TaskStatus], limit=_LIMITS, **place))

        call = self._one_of(_ROWS[kind])
        arguments = {name: task if value is A else value for name, value in call.arguments.items()}
        return replace(call, arguments=arguments, label=call.label and f"task{len(made) + 1}")

    def _some(self, **tables: Sequence[Any]) -> dict[str, Any]:
        """Draw values of some of these arguments."""
        return {name: self._one_of(table) for name, table in tables.items() if self._one_of((True, False))}
