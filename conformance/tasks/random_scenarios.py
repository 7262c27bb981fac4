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
_ROWS: Mapping[str, Sequence[Action]] = {
    "wait": [*map(Wait, _TIMES)],
    "reopen": [Reopen()],
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
"""By kind the actions that are drawn as they are, but for other tasks in the places of `A` and of the cursor."""
_KINDS = (*_ROWS, "create", "list", "update")
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

        What they did is read after about half of them.
        """
        if size := self._one_of(_SIZES):
            yield do.Populate(size, ("pending", "completed"))
        kinds = self._random.sample(_KINDS, self._random.randint(3, len(_KINDS)))
        for _ in range(self._random.randint(_LEAST, _MOST)):
            yield from fitting([self._action(self._one_of(("create", *kinds)))], self._has)
            if self._one_of((True, False)):
                yield ReadBack()
        yield ReadBack()
        yield do.Pages(self._one_of((1, 7, 50)), by_cursor=Capability.CURSOR in self._has)

    def _action(self, kind: str) -> Action:
        """Return a row of a kind, about tasks that were made, or that may have been."""
        action = self._one_of(_ROWS[kind])
        if not isinstance(action, Call):
            return action if Capability.EXPIRING in self._has or action == Reopen() else Wait()

        made = [*self._results]
        replaced = {
            id(A): self._one_of(["job-1", "restored", *map(Id, (*made[:2], *made[-4:]))]),
            id(_CURSOR): do.CursorOf(self._one_of(made or ["a"])),
        }
        arguments = {name: replaced.get(id(value), value) for name, value in action.arguments.items()}
        return replace(action, arguments=arguments, label=action.label and f"task{len(made) + 1}")
