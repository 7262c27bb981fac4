"""Stores that cost what they must not, or clean up and carry over the wrong thing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from datetime import UTC, datetime, timedelta
from typing import Any

from conformance.mutants.around import Around, altered, with_metadata
from conformance.mutants.mutant import On, mutant
from taskstore import (
    MAX_LIMIT,
    InvalidArgument,
    MemoryTaskStore,
    Task,
    TaskCreateRequest,
    TaskNotFound,
    TaskPage,
    TaskStatus,
)
from taskstore.redis import RedisTaskStore

PURGE = "maintenance.test_purge_removes_old_final_tasks_only"
CARRY = "maintenance.test_tasks_can_be_carried_over_from_memory"


@mutant(
    "COST-01",
    "COST-02",
    by=("maintenance.test_every_operation_asks_the_server", "maintenance.test_every_operation_is_one_request"),
    on=On.REDIS,
)
class RemembersWhatIsNotThere(Around):
    """What was not found once is not asked for again."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self._missing: set[str] = set()

    async def get_task(self, task_id: str) -> Task:
        if task_id in self._missing:
            raise TaskNotFound(task_id)
        try:
            return await super().get_task(task_id)
        except TaskNotFound:
            self._missing.add(task_id)
            raise


@mutant("COST-02", by="maintenance.test_every_operation_is_one_request", on=On.REDIS, source="arq #362")
class LooksTwice(RedisTaskStore):
    """A get asks whether the task is there, and then for it."""

    async def get_task(self, task_id: str) -> Task:
        await self._server.read("EXISTS", self._key(task_id))
        return await super().get_task(task_id)


@mutant("COST-02", by="maintenance.test_every_operation_is_one_request", on=On.REDIS)
class ReadsOneByOne(Around):
    """A listing reads each of its tasks for itself."""

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        page = await super().list_tasks(status, limit, offset, after=after)
        tasks = [await self.get_task(task.task_id) for task in page.tasks]
        return page.model_copy(update={"tasks": tuple(tasks)})


class _Bounded(MemoryTaskStore):
    most = 0

    def _insert(self, task: Task) -> None:
        super()._insert(task)
        if len(self._tasks) > self.most:
            _, oldest = self._created[0]
            self._remove(self._tasks[oldest])


@mutant("COST-04", by="maintenance.test_memory_grows_with_the_tasks", on=On.MEMORY)
class KeepsAHundred(_Bounded):
    """Memory holds the newest hundred tasks, and no more of them costs no more of it."""

    most = 100


@mutant("COST-04", by="maintenance.test_memory_holds_every_task", on=On.MEMORY)
class KeepsAThousand(_Bounded):
    """The oldest of more than a thousand tasks are dropped."""

    most = 1_000


@mutant("COST-04", by="maintenance.test_memory_holds_every_task", on=On.MEMORY)
class DropsTheFirst(_Bounded):
    """When memory is full, the first task goes."""

    most = 9_999


@mutant("MAINT-01", by=PURGE)
class PurgesTheMomentItself(Around):
    """A task that was completed at the very moment goes too."""

    async def purge(self, before: datetime) -> int:
        return await super().purge(before + timedelta(microseconds=1))


@mutant("MAINT-01", by=PURGE)
class PurgesWhatIsOpen(Around):
    """A task that is not final goes if it is old."""

    async def purge(self, before: datetime) -> int:
        for task in (await self.list_tasks(limit=MAX_LIMIT)).tasks:
            if not task.status.is_final and task.created_at < before:
                await self.cancel_task(task.task_id)
        return await super().purge(datetime.now(UTC))


@mutant("MAINT-01", by=PURGE)
class PurgeCountsWrong(Around):
    """How many went is not what is returned."""

    async def purge(self, before: datetime) -> int:
        return min(await super().purge(before), 1)


@mutant("MAINT-01", by=PURGE, source="flask-limiter #4")
class PurgeRemovesNothing(Around):
    """A purge lets go of nothing."""

    async def purge(self, before: datetime) -> int:
        return 0


@mutant("MAINT-02", by=CARRY)
class RestoresAsOfNow(Around):
    """A task that is carried over is new again."""

    async def restore(self, task: Task) -> None:
        await super().restore(altered(task, updated_at=datetime.now(UTC)))


@mutant("MAINT-02", by=CARRY)
class RestoresWholeNumbers(Around):
    """A task that is carried over loses the types of its values."""

    async def restore(self, task: Task) -> None:
        config = {
            name: list(map(int, value)) if name == "n" else value for name, value in task.metadata["config"].items()
        }
        await super().restore(with_metadata(task, {**task.metadata, "config": config}))


@mutant("MAINT-02", by=CARRY)
class RestoresAsPending(Around):
    """A task that is carried over starts again."""

    async def restore(self, task: Task) -> None:
        await super().restore(
            altered(task, status=TaskStatus.PENDING, completed_at=None, error_message=None, error_traceback=None)
        )


@mutant("MAINT-02", by=CARRY, on=On.REDIS)
class RestoresWithALifetimeOfAYear(RedisTaskStore):
    """A task that is carried over outlives the others."""

    async def restore(self, task: Task) -> None:
        own, self._lifetime_ms = self._lifetime_ms, 365 * 24 * 3_600_000
        try:
            await super().restore(task)
        finally:
            self._lifetime_ms = own


LEFT = "maintenance.test_calls_leave_nothing_behind"


@mutant("COST-05", by=LEFT, source="aiocache #807")
class StartsATimerForEachTask(Around):
    """Each task has a timer, which outlives it."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self._timers: list[asyncio.Task[None]] = []

    async def create_task(self, request: TaskCreateRequest, **named: Any) -> Task:
        self._timers.append(asyncio.create_task(asyncio.sleep(3_600)))
        return await super().create_task(request, **named)

    async def aclose(self) -> None:
        for timer in self._timers:
            timer.cancel()
        await asyncio.gather(*self._timers, return_exceptions=True)
        await super().aclose()


@mutant("COST-05", by=LEFT)
class OpensASocketForEachUpdate(Around):
    """Each update opens a connection of its own, and lets go of none before the end."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self._sockets: list[socket.socket] = []

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        self._sockets.append(socket.socket())
        return await super().write(task_id, status, **fields)

    async def aclose(self) -> None:
        for one in self._sockets:
            one.close()
        await super().aclose()


@mutant("MAINT-04", by="maintenance.test_restore_refuses_what_no_store_could_have_produced")
class LeavesOutWhatItCannotRestore(Around):
    """A task that cannot be restored is left out without a word."""

    async def restore(self, task: Task) -> None:
        with contextlib.suppress(InvalidArgument):
            await super().restore(task)


@mutant("MAINT-04", by="maintenance.test_restore_refuses_what_no_store_could_have_produced")
class CompletesWhatItRestores(Around):
    """A completed task with another progress than 100 is taken, with 100."""

    async def restore(self, task: Task) -> None:
        if getattr(task, "status", None) is TaskStatus.COMPLETED:
            task = altered(task, progress=100.0)
        await super().restore(task)
