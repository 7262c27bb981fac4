"""Random scenarios: rows of the tables, in an order that no table has. They depend on what the store has answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, product
from random import Random
from typing import Any

from conformance.engine.player import Player
from conformance.engine.scenario import Action, Call, ReadBack, Reopen, Wait
from conformance.harness import Capability
from conformance.tasks import calls as do
from conformance.tasks.calls import Id
from conformance.tasks.spec.model import LIFETIME, STATUSES
from conformance.tasks.tables import values
from conformance.tasks.tables.arguments import CHANGES, REFUSED, REQUESTS, WRITTEN
from conformance.tasks.tables.lifetimes import GAPS, OLD
from conformance.tasks.tables.tasks import BEYOND, DAY, LONG_AGO, MINUTE, SECOND, A, fitting
from taskstore import TaskStatus

_LEAST = 4
_MOST = 16
"""Actions of a random scenario."""
_TIMES = *GAPS, LIFETIME - MINUTE, LIFETIME + 2 * SECOND
"""How much time passes at once in a store that expires."""
_SIZES = (*[0] * 9, 3, 51, 110)
_LIMITS = (0, 1, 2, 3, 5, 50, 100, 1_000)
_OFFSETS = (0, 1, 2, 3, 49, 50, 51, 100, 10**12)
_CURSOR = do.CursorOf("a")
_PLACES: Sequence[Mapping[str, Any]] = ({}, *({"offset": offset} for offset in _OFFSETS), *[{"after": _CURSOR}] * 10)
_IDS = ("job-1", *values.NEW_IDS[:5])
_ROWS: Mapping[str, Sequence[Call]] = {
    "create": [do.create("a", **request) for request in REQUESTS],
    "named": [do.create(task_id=task_id, config=config) for task_id, config in product(_IDS, values.ALIKE_CONFIGS[:9])],
    "get": [do.get(A)],
    "list": [
        do.listing(status=status, limit=limit, **place)
        for status, limit, place in product((None, *TaskStatus), _LIMITS, _PLACES)
    ],
    "update": [
        *(do.update(A, status, **fields) for status, fields in product((*STATUSES, *TaskStatus), CHANGES)),
        *(do.update(A, "failed", **fields) for fields in WRITTEN),
    ],
    "cancel": [do.cancel(A)],
    "restore": [*map(do.restore, OLD)],
    "purge": [do.purge(LONG_AGO + DAY), do.purge(BEYOND)],
    "bad": [*chain.from_iterable(REFUSED)],
}
"""By kind the calls that are drawn as they are, but for other tasks in the places of `A` and of the cursor."""
_KINDS = ("wait", "reopen", *_ROWS, "create", "list", "update")
"""Kinds of actions. One that stands here twice is drawn more often."""


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
            case "reopen":
                return Reopen()
        return self._call(kind)

    def _call(self, kind: str) -> Call:
        """Return a row of a kind, about tasks that were made, or that may have been."""
        made = [label for label in self._results if label]
        task = self._one_of(["job-1", "restored", *map(Id, (*made[:2], *made[-4:]))])
        cursor = do.CursorOf(self._one_of(made or ["a"]))
        call = self._one_of(_ROWS[kind])
        arguments = {**call.arguments}
        for name, value in call.arguments.items():
            if value is A:
                arguments[name] = task
            elif value is _CURSOR:
                arguments[name] = cursor
        return replace(call, arguments=arguments, label=call.label and f"task{len(made) + 1}")
