"""Controls: stores that are changed and still right, so that no case decides more than its requirement."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from secrets import token_hex
from typing import Any, ClassVar, TypeVar

from sortedcontainers import SortedList

from conformance.mutants.around import Around, Shown
from conformance.mutants.mutant import On
from conformance.mutants.scripts import Scripted, edited
from taskstore import MemoryTaskStore, Task, TaskCreateRequest, TaskPage, TaskStatus
from taskstore.arguments import new_task_id
from taskstore.redis import RedisTaskStore
from taskstore.redis.scripts import INSERT, LIST, PURGE, UPDATE

CONTROLS: list[tuple[type[Any], On]] = []
Kind = TypeVar("Kind", bound=type[Any])
Value = TypeVar("Value")


def control(*subjects: On) -> Callable[[Kind], Kind]:
    """Register a store as a control on these subjects."""

    def register(kind: Kind) -> Kind:
        CONTROLS.extend((kind, on) for on in subjects)
        return kind

    return register


async def slowly(call: Coroutine[Any, Any, Value]) -> Value:
    """Let others have their turn before and after a call."""
    await asyncio.sleep(0)
    value = await call
    await asyncio.sleep(0)
    return value


@control(On.MEMORY, On.EXPIRING, On.REDIS)
class TakesItsTime(Around):
    """Others have their turn before and after every call."""

    async def create_task(self, request: TaskCreateRequest, **named: Any) -> Task:
        return await slowly(super().create_task(request, **named))

    async def get_task(self, task_id: str) -> Task:
        return await slowly(super().get_task(task_id))

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        return await slowly(super().list_tasks(status, limit, offset, after=after))

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        return await slowly(super().write(task_id, status, **fields))

    async def cancel_task(self, task_id: str) -> Task:
        return await slowly(super().cancel_task(task_id))


@control(On.MEMORY, On.REDIS)
class FreshObjects(Shown):
    """Every task that comes out is an object of its own."""

    def show(self, task: Task) -> Task:
        return task.model_copy(deep=True)


@control(On.MEMORY)
class RebuildsItsIndexes(MemoryTaskStore):
    """The memory store sorts all its tasks anew for each listing, in place of keeping them sorted."""

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        places = [(task.created_at, task.task_id) for task in self._tasks.values()]
        random.shuffle(places)
        self._created = SortedList(places)
        return await super().list_tasks(status, limit, offset, after=after)


@control(On.MEMORY)
class LongerIds(MemoryTaskStore):
    """An id has 256 random bits."""

    async def create_task(self, request: TaskCreateRequest, **named: Any) -> Task:
        return await super().create_task(request, **{"task_id": new_task_id() + token_hex(16), **named})


@control(On.REDIS)
class LongerIdsInRedis(RedisTaskStore):
    """An id has 256 random bits."""

    async def create_task(self, request: TaskCreateRequest, **named: Any) -> Task:
        return await super().create_task(request, **{"task_id": new_task_id() + token_hex(16), **named})


@control(On.REDIS)
class NamesItsIndexesOtherwise(Scripted):
    """The index of creation has another key; those of the statuses begin with it."""

    scripts: ClassVar = {
        script: edited(script, "base .. ':created'", "base .. ':newest'") for script in (INSERT, UPDATE, LIST, PURGE)
    }


@control(On.REDIS)
class KeepsAnotherKey(Scripted):
    """A key that no requirement speaks of lies under the prefix, and goes with the tasks."""

    scripts: ClassVar = {
        INSERT: edited(
            INSERT,
            "pcall(sweep, ARGV[1])",
            "redis.call('SET', base .. ':latest', id, 'PX', lifetime_ms) and pcall(sweep, ARGV[1])",
        )
    }


@control(On.REDIS)
class DeletesInTheForeground(Scripted):
    """Records are removed by DEL in place of UNLINK, as older clients do."""

    scripts: ClassVar = {LIST: edited(LIST, "redis.call('UNLINK', unpack(keys))", "redis.call('DEL', unpack(keys))")}
