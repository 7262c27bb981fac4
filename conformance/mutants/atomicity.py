"""Stores that let others come between."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from conformance.mutants.around import Around, Shown, altered, page_of
from conformance.mutants.lifecycle import reopen
from conformance.mutants.mutant import On, mutant
from conformance.mutants.scripts import Scripted, edited
from taskstore import (
    FailureKind,
    MemoryTaskStore,
    StoreUnavailable,
    Task,
    TaskCreateRequest,
    TaskFinal,
    TaskNotFound,
    TaskPage,
    TaskStatus,
)
from taskstore.arguments import Change, check_change
from taskstore.redis import RedisTaskStore
from taskstore.redis.scripts import UPDATE, Script

FIELDS = ("progress", "current_step", "result_url")


@mutant("ATOM-01", by="atomicity.test_concurrent_updates_lose_nothing", source="reinhardt-web #739, #1548")
class GetsThenSets(Around):
    """An update reads the task, changes it, and writes all of it back."""

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        before = await self.get_task(task_id)
        await asyncio.sleep(0)
        for name in FIELDS:
            if fields[name] is None and status is not TaskStatus.COMPLETED:
                fields[name] = getattr(before, name)
        return await super().write(task_id, status, **fields)


RACE = "atomicity.test_a_cancel_and_a_completion_that_race_have_one_winner"


@mutant("ATOM-02", by=RACE)
class BothAreToldThatTheyWon(Around):
    """The one that comes second is told nothing."""

    async def cancel_task(self, task_id: str) -> Task:
        try:
            return await super().cancel_task(task_id)
        except TaskFinal:
            return await self.get_task(task_id)

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        try:
            return await super().write(task_id, status, **fields)
        except TaskFinal:
            return await self.get_task(task_id)


async def check(store: MemoryTaskStore | RedisTaskStore, task_id: str) -> None:
    """Refuse a final task, before others have their turn."""
    if (task := await store.get_task(task_id)).status.is_final:
        raise TaskFinal(task_id, task.status)
    await asyncio.sleep(0)


class _Overwrites(MemoryTaskStore):
    async def _apply(self, task_id: str, change: Change) -> Task:
        if (task := self._live(task_id)).status.is_final:
            reopen(self, task)
        return await super()._apply(task_id, change)


class _OverwritesARecord(Scripted):
    scripts: ClassVar = {UPDATE: edited(UPDATE, "if FINAL[old_status] then", "if false then")}


@mutant("ATOM-02", by=RACE, on=On.MEMORY, source="octos #700")
class ChecksThenWrites(_Overwrites):
    """Whether a task is final is looked at first, and no more when it is written."""

    async def write_checked(self, task_id: str, change: Change) -> Task:
        """Check, then write."""
        await check(self, task_id)
        return await self._apply(task_id, change)

    async def cancel_task(self, task_id: str) -> Task:
        return await self.write_checked(task_id, Change(TaskStatus.CANCELLED))

    async def update_task_status(self, task_id: str, status: TaskStatus, *fields: Any, **named: Any) -> Task:
        return await self.write_checked(task_id, check_change(status, *fields, **named))


@mutant("ATOM-02", by=RACE, on=On.REDIS, source="octos #700")
class ChecksOnTheClient(_OverwritesARecord):
    """Whether a task is final is looked at by the client, and not by the script that writes."""

    async def _apply(self, task_id: str, change: Change) -> Task:
        await check(self, task_id)
        return await super()._apply(task_id, change)


@mutant("ATOM-02", by=RACE, on=On.MEMORY, source="Pixelle-Video #96")
class CancelChecksThenWrites(_Overwrites):
    """A cancel looks first whether the task is final, and overwrites what came between."""

    async def cancel_task(self, task_id: str) -> Task:
        await check(self, task_id)
        return await super().cancel_task(task_id)


@mutant("ATOM-02", by=RACE, on=On.REDIS, source="Pixelle-Video #96")
class CancelChecksOnTheClient(_OverwritesARecord):
    """A cancel looks first whether the task is final, and overwrites what came between."""

    async def cancel_task(self, task_id: str) -> Task:
        await check(self, task_id)
        return await super().cancel_task(task_id)


class _Remembers(Shown):
    """Keeps the latest task that it showed for each id."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self.seen: dict[str, Task] = {}

    def show(self, task: Task) -> Task:
        self.seen[task.task_id] = task
        return task


EXPIRED = "atomicity.test_an_update_never_brings_back_an_expired_task"
PURGED = "tour"


@mutant("ATOM-03", by=(EXPIRED, PURGED), on=(On.EXPIRING, On.REDIS), source="osparc-simcore #8576")
class UpdateBringsBackWhatIsGone(_Remembers):
    """An update of a task that has gone writes the whole task again."""

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        try:
            return await super().write(task_id, status, **fields)
        except TaskNotFound:
            if task_id not in self.seen:
                raise
            await self.restore(self.seen[task_id])
            return await super().write(task_id, status, **fields)


@mutant("ATOM-03", by=EXPIRED, on=(On.EXPIRING, On.REDIS), source="arcade-mcp #828")
class CancelsWhatHasExpired(_Remembers):
    """A cancel of a task that has expired reports it as cancelled."""

    async def cancel_task(self, task_id: str) -> Task:
        try:
            return await super().cancel_task(task_id)
        except TaskNotFound:
            if task_id not in self.seen:
                raise
            return altered(self.seen[task_id], status=TaskStatus.CANCELLED)


@mutant("ATOM-01", by="tour")
class AppendsToAListItReadBefore(Around):
    """Creations that come together overwrite each other's entry in the list."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self._tasks: tuple[Task, ...] = ()

    async def create_task(self, request: TaskCreateRequest, **named: Any) -> Task:
        before = self._tasks
        await asyncio.sleep(0)
        task = await super().create_task(request, **named)
        self._tasks = (task, *before)
        return task

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        return page_of(list(self._tasks[offset : offset + limit]), len(self._tasks), limit, offset)


ONCE = "tour"


@mutant("ATOM-01", by=ONCE, on=On.REDIS, source="redis-py #261")
class SendsAWriteAgain(RedisTaskStore):
    """A write whose reply is late is sent again, and runs twice."""

    async def _run(self, script: Script, *arguments: str | bytes | int, **named: Any) -> Any:
        if script is UPDATE:
            await super()._run(script, *arguments, **named)
        return await super()._run(script, *arguments, **named)


@mutant("ATOM-01", by=ONCE, on=On.REDIS)
class DropsAnUpdate(RedisTaskStore):
    """An update of the progress to 7 is lost."""

    async def _run(self, script: Script, *arguments: str | bytes | int, **named: Any) -> Any:
        if script is UPDATE and "7.0" in arguments:
            return [b"ok", await self._server.read("GET", self._key(str(arguments[3])))]
        return await super()._run(script, *arguments, **named)


@mutant("ATOM-06", by="atomicity.test_a_cancelled_call_takes_nobodys_answer", source="redis-py #2624, #2665")
class IsOneReplyBehindAfterACancel(Around):
    """The reply of a call that was cancelled stays where it came in, and the next caller takes it."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self._replies: asyncio.Queue[asyncio.Future[Task]] = asyncio.Queue()

    async def get_task(self, task_id: str) -> Task:
        asyncio.ensure_future(super().get_task(task_id)).add_done_callback(self._replies.put_nowait)
        return (await self._replies.get()).result()


MOST_BUSY = 100


@mutant(
    "ATOM-06",
    by="atomicity.test_many_calls_at_once_are_all_answered",
    instead=StoreUnavailable,
    source="redis-py #2995",
)
class FailsWhenItsPoolIsEmpty(Around):
    """The call that finds a hundred others under way does not wait for its turn."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self._busy = 0

    async def get_task(self, task_id: str) -> Task:
        if self._busy == MOST_BUSY:
            raise StoreUnavailable("a server", FailureKind.BUSY, False, "no connection is free")
        self._busy += 1
        try:
            await asyncio.sleep(0)
            return await super().get_task(task_id)
        finally:
            self._busy -= 1
