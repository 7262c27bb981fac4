"""Mutants that no case catches: each is wrong in a way that only one part of the verification can see."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from conformance.mutants.around import Around, altered
from conformance.mutants.mutant import Mutant, On, described
from taskstore import Task, TaskStatus
from taskstore.arguments import check_moment
from taskstore.redis import RedisTaskStore
from taskstore.redis.scripts import PURGE
from taskstore.values import microseconds

BEYOND: list[Mutant] = []
Kind = TypeVar("Kind", bound=Callable[..., Any])


def beyond(part: str, *on: On, source: str = "") -> Callable[[Kind], Kind]:
    """Register a mutant on each of these subjects: no case catches it, and `part` of the verification does.

    `part` is search, walk, histories, or faults with the names of a fault and an operation.
    """

    def register(kind: Kind) -> Kind:
        BEYOND.extend(Mutant(*described(kind), kind, subject, (), (part,), None, source) for subject in on)
        return kind

    return register


@beyond("histories", On.MEMORY)
class CachesWhatWasOverwritten(Around):
    """A write clears the task from a cache, and a get that had read it before puts it back there."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self._cache: dict[str, Task] = {}

    async def get_task(self, task_id: str) -> Task:
        if task_id not in self._cache:
            task = await super().get_task(task_id)
            await asyncio.sleep(0)
            self._cache[task_id] = task
        return self._cache[task_id]

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        task = await super().write(task_id, status, **fields)
        self._cache.pop(task_id, None)
        return task

    async def cancel_task(self, task_id: str) -> Task:
        task = await super().cancel_task(task_id)
        self._cache.pop(task_id, None)
        return task

    async def purge(self, before: datetime) -> int:
        removed = await super().purge(before)
        self._cache.clear()
        return removed


@beyond("histories", On.MEMORY)
class CancelGivesWay(Around):
    """A cancel that finds the task changed since it looked leaves it so, and says that it has cancelled it."""

    async def cancel_task(self, task_id: str) -> Task:
        before = await self.store.get_task(task_id)
        await asyncio.sleep(0)
        now = await self.store.get_task(task_id)
        if now != before and not now.status.is_final:
            return altered(now, status=TaskStatus.CANCELLED, completed_at=now.updated_at)
        return await super().cancel_task(task_id)


@beyond("faults read-only-meanwhile purge", On.REDIS)
class ForgetsWhatItPurged(RedisTaskStore):
    """A purge that fails in a later request says that nothing was removed."""

    async def purge(self, before: datetime) -> int:
        removed, ask_again = 0, 1
        moment = microseconds(check_moment(before))
        while ask_again:
            ask_again, count = await self._run(PURGE, 1_000, moment)
            if ask_again == b"written":
                raise self._server.failed_after_writing(count.decode())
            removed += count
        return removed
