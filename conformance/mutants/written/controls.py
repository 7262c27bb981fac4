"""Controls: stores that are changed and still right, so that no case decides more than its requirement."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from secrets import token_hex
from types import SimpleNamespace
from typing import Any, ClassVar, TypeVar

from sortedcontainers import SortedList

from conformance.mutants.mutant import On
from conformance.mutants.wrapper import Scripted, Wrapper, edited
from conformance.spec.model import FIELDS
from taskstore import MemoryTaskStore, Task, TaskCreateRequest, TaskPage, TaskStatus
from taskstore.arguments import new_task_id
from taskstore.redis.scripts import INSERT, LIST, PURGE, UPDATE

CONTROLS: list[tuple[type[Any], On]] = []
Kind = TypeVar("Kind", bound=type[Any])


def control(*subjects: On) -> Callable[[Kind], Kind]:
    """Register a store as a control on these subjects."""

    def register(kind: Kind) -> Kind:
        CONTROLS.extend((kind, on) for on in subjects)
        return kind

    return register


class Ticket:
    """A task of another class than ours, with the same fields. It is equal to one that has the same values."""

    def __init__(self, task: Task) -> None:
        vars(self).update({name: getattr(task, name) for name in FIELDS})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ticket) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # its fields may be set


@control(On.MEMORY, On.EXPIRING, On.REDIS)
class TakesItsTime(Wrapper):
    """Others have their turn before and after every call, and what comes out is of classes that are not ours."""

    async def _slowly(self, call: Callable[..., Awaitable[Task]], *arguments: Any, **named: Any) -> Ticket:
        await asyncio.sleep(0)
        task = await call(*arguments, **named)
        await asyncio.sleep(0)
        return Ticket(task)

    async def create_task(self, request: TaskCreateRequest, **named: Any) -> Ticket:
        return await self._slowly(self.store.create_task, request, **named)

    async def get_task(self, task_id: str) -> Ticket:
        return await self._slowly(self.store.get_task, task_id)

    async def list_tasks(self, *arguments: Any, **named: Any) -> SimpleNamespace:
        page = await self.store.list_tasks(*arguments, **named)
        fields = {name: getattr(page, name) for name in TaskPage.model_fields}
        return SimpleNamespace(**fields | {"tasks": tuple(map(Ticket, page.tasks))})

    async def update_task_status(self, task_id: str, *arguments: Any, **named: Any) -> Ticket:
        return await self._slowly(self.store.update_task_status, task_id, *arguments, **named)

    async def cancel_task(self, task_id: str) -> Ticket:
        return await self._slowly(self.store.cancel_task, task_id)


@control(On.MEMORY)
class RebuildsItsIndexes(MemoryTaskStore):
    """The memory store sorts all its tasks anew for each listing, in place of keeping them sorted."""

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        places = list(self._created)
        random.shuffle(places)
        self._created = SortedList(places)
        return await super().list_tasks(status, limit, offset, after=after)


@control(On.MEMORY, On.REDIS)
class LongerIds(Wrapper):
    """An id has 256 random bits."""

    async def create_task(self, request: TaskCreateRequest, **named: Any) -> Task:
        task: Task = await self.store.create_task(request, **{"task_id": new_task_id() + token_hex(16), **named})
        return task


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
        INSERT: edited(INSERT, "  sweep(100)", "  write('SET', base .. ':latest', id, 'PX', life)\n  sweep(100)")
    }


@control(On.REDIS)
class DeletesInTheForeground(Scripted):
    """Records are removed by DEL in place of UNLINK, as older clients do."""

    scripts: ClassVar = {LIST: edited(LIST, "write('UNLINK', unpack(keys))", "write('DEL', unpack(keys))")}
