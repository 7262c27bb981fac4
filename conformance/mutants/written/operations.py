"""Mutants of the five operations: what they do, list, cost, and do at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from conformance.mutants.mutant import On, mutant
from conformance.mutants.operators.values import altered
from conformance.mutants.wrapper import Scripted, Wrapper, edited
from taskstore import (
    MAX_LIMIT,
    FailureKind,
    MemoryTaskStore,
    StoreUnavailable,
    Task,
    TaskCreateRequest,
    TaskNotFound,
    TaskPage,
    TaskStatus,
)
from taskstore.arguments import Change
from taskstore.redis import RedisTaskStore
from taskstore.redis.scripts import INSERT, LIST, UPDATE

WORKS = "lifecycle.test_a_task_can_be_created_read_listed_updated_and_cancelled"
CLOSED = "lifecycle.test_a_closed_store_refuses_every_call"
LOOP = "lifecycle.test_a_store_belongs_to_one_event_loop"
RETRY = "lifecycle.test_repeating_a_final_write_is_a_quiet_success"
MANY = "atomicity.test_many_calls_at_once_are_all_answered"
NEIGHBOUR = "listing.test_a_neighbour_is_never_shown_or_removed"
REMOVED = "listing.test_a_removed_record_is_not_counted"
NO_PATTERN = "identity.test_an_id_is_no_pattern"
ONE_REQUEST = "cost.test_every_operation_is_one_request"
HELD = "cost.test_memory_holds_every_task"
LEFT = "cost.test_calls_leave_nothing_behind"
READABLE = "durability.test_another_client_can_read_the_record"


@mutant("API-02", by=WORKS)
class ListsInAPlainFunction(Wrapper):
    """One operation is a plain function."""

    def list_tasks(self, *arguments: Any, **named: Any) -> Coroutine[Any, Any, TaskPage]:
        page: Coroutine[Any, Any, TaskPage] = self.store.list_tasks(*arguments, **named)
        return page


@mutant("API-03", by=CLOSED, on=On.MEMORY)
class ReadsAfterItsEnd(MemoryTaskStore):
    """A closed store still answers."""

    async def get_task(self, task_id: str) -> Task:
        return self._live(task_id)


@mutant("API-03", by=CLOSED, on=On.REDIS, instead=StoreUnavailable)
class BlamesItsServerAfterItsEnd(RedisTaskStore):
    """A closed store says that its server does not answer."""

    async def aclose(self) -> None:
        self.server.close()


@mutant("API-04", by=LOOP, on=On.REDIS, instead=RuntimeError, source="redis-py #3351")
class TakesItsConnectionToAnotherLoop(RedisTaskStore):
    """On another loop the caller gets what asyncio says of a connection that is not this loop's."""

    async def get_task(self, task_id: str) -> Task:
        return self._task(task_id, await self._read(task_id, self.server.deadline()))


@mutant("VAL-01", by="tour", on=On.REDIS, source="redis #856, #3292, #7520; sidekiq #2478")
class DecodesMetadataInTheScript(Scripted):
    """An update decodes and encodes the metadata in Lua: [] becomes {}, and long numbers lose digits."""

    scripts: ClassVar = {
        UPDATE: edited(
            UPDATE,
            "set('updated_at', updated)",
            "set('updated_at', updated) set('metadata', cjson.encode(cjson.decode(values[place.metadata])))",
        )
    }


@mutant("LIFE-10", by=RETRY, on=On.MEMORY, source="MCP python-sdk #3003")
class RepeatingMovesTheTime(MemoryTaskStore):
    """Repeating the write that made a task final moves its times."""

    async def _apply(self, task_id: str, change: Change) -> Task:
        before = self._live(task_id)
        task = await super()._apply(task_id, change)
        if task is before:
            task = self._tasks[task_id] = altered(task, updated_at=self._now())
        return task


@mutant("LIFE-10", by=RETRY, on=On.REDIS, source="MCP python-sdk #3003")
class RepeatingMovesTheTimeOfTheRecord(Scripted):
    """Repeating the write that made a task final moves its times."""

    scripts: ClassVar = {UPDATE: edited(UPDATE, "if FINAL[old.status] then", "if FINAL[old.status] and differs then")}


@mutant("LIFE-14", by="tour")
class WritesBeforeItChecks(Wrapper):
    """A call that is refused for its progress has set the status already."""

    async def update_task_status(self, task_id: str, status: TaskStatus, *arguments: Any, **named: Any) -> Any:
        if not status.is_final:
            await self.store.update_task_status(task_id, status)
        return await self.store.update_task_status(task_id, status, *arguments, **named)


@mutant("LIFE-17", by="tour", on=On.MEMORY, source="backend.ai #6695")
class WritesWhatTheClockSays(MemoryTaskStore):
    """A clock that steps back takes the times of a task along."""

    async def _apply(self, task_id: str, change: Change) -> Task:
        task = self._live(task_id)
        self._tasks[task_id] = altered(task, updated_at=min(task.updated_at, self._now()))
        return await super()._apply(task_id, change)


@mutant("LIFE-17", by="tour", on=On.REDIS, source="backend.ai #6695")
class WritesWhatTheServersClockSays(Scripted):
    """A clock that steps back takes the times of a task along."""

    scripts: ClassVar = {UPDATE: edited(UPDATE, "and old.updated_at or now_us", "and now_us or now_us")}


@mutant("ATOM-06", by=MANY, source="redis-py #2624, #2665")
class IsOneReplyBehindAfterACancel(Wrapper):
    """The reply of a call that was cancelled stays where it came in, and the next caller takes it."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self._replies: asyncio.Queue[asyncio.Future[Task]] = asyncio.Queue()

    async def get_task(self, task_id: str) -> Task:
        asyncio.ensure_future(self.store.get_task(task_id)).add_done_callback(self._keep)
        return (await self._replies.get()).result()

    def _keep(self, reply: asyncio.Future[Task]) -> None:
        if not reply.cancelled():
            reply.exception()  # so that asyncio does not report that nobody has looked at it
        self._replies.put_nowait(reply)


@mutant("ATOM-06", by=MANY, source="redis-py #2995")
class FailsWhenItsPoolIsEmpty(Wrapper):
    """The call that finds a hundred others under way does not wait for its turn."""

    busy = 0

    async def get_task(self, task_id: str) -> Task:
        if self.busy == 100:  # noqa: PLR2004
            raise StoreUnavailable("a server", FailureKind.BUSY, False, "no connection is free")
        self.busy += 1
        try:
            await asyncio.sleep(0)
            task: Task = await self.store.get_task(task_id)
        finally:
            self.busy -= 1
        return task


class _Resorted(Wrapper):
    """Lists everything in an order of its own."""

    def key(self, task: Task) -> Any:
        """What tasks are sorted by, the largest first."""
        return task.created_at, task.task_id

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        page: TaskPage = await self.store.list_tasks(status, limit, offset, after=after)
        everything = (await self.store.list_tasks(status, MAX_LIMIT)).tasks
        tasks = sorted(everything, key=self.key, reverse=True)
        return page.model_copy(update={"tasks": tuple(tasks[offset : offset + limit])})


@mutant("LIST-01", by="tour", source="langgraph #8831")
class LatestUpdateFirst(_Resorted):
    """The order is that of the latest update."""

    def key(self, task: Task) -> Any:
        return task.updated_at, task.task_id


@mutant("LIST-01", by="tour", source="langgraph #8831")
class OldestFirst(_Resorted):
    """The order is that of insertion."""

    def key(self, task: Task) -> Any:
        return -task.created_at.timestamp()


@mutant("LIST-01", by="tour", source="a2a-js #383")
class TiesAscend(_Resorted):
    """Tasks of one microsecond are in the opposite order of ids."""

    def key(self, task: Task) -> Any:
        return task.created_at, [-ord(character) for character in task.task_id] + [1]


@mutant("LIST-01", by="tour", source="a2a-python #1233")
class ComparesTimesAsText(_Resorted):
    """Times are compared as texts that leave out trailing zeros."""

    def key(self, task: Task) -> Any:
        return f"{task.created_at:%Y-%m-%dT%H:%M:%S.%f}".rstrip("0").rstrip(".") + "Z", task.task_id


@mutant("LIST-03", by="tour", source="nestjs-throttler-storage-redis #1040")
class FiltersAfterThePage(Wrapper):
    """A page is cut first and filtered then, so that it is short while more match."""

    async def list_tasks(self, status: TaskStatus | None = None, *arguments: Any, **named: Any) -> TaskPage:
        right: TaskPage = await self.store.list_tasks(status, *arguments, **named)
        tasks = (await self.store.list_tasks(None, *arguments, **named)).tasks
        return right.model_copy(update={"tasks": tuple(task for task in tasks if status in (None, task.status))})


class _PurgesKeys(RedisTaskStore):
    """Removes keys, where a purge is asked for."""

    async def remove(self, pattern: str) -> int:
        """Remove every key that matches."""
        keys = await self.server.read("KEYS", pattern)
        return int(await self.server.read("DEL", *keys)) if keys else 0


@mutant("LIST-10", by=NEIGHBOUR, on=On.REDIS, source="aiocache #1081; redis-vl-python #702")
class PurgesWhatBeginsAlike(_PurgesKeys):
    """Clearing "foo" clears "foobar"."""

    async def purge(self, before: datetime) -> int:
        return await super().purge(before) + await self.remove(f"{self.base.removesuffix(':0/1}')}?*")


@mutant("LIST-10", by=NEIGHBOUR, on=On.REDIS, source="aiocache #580")
class PurgeFlushesTheDatabase(_PurgesKeys):
    """A purge empties the database."""

    async def purge(self, before: datetime) -> int:
        await self.server.read("FLUSHDB")
        return 0


@mutant(
    "LIST-10",
    "DUR-03",
    "SHARE-02",
    by=(
        NEIGHBOUR,
        "durability.test_an_application_starts_empty",
        "durability.test_an_instance_sees_only_its_own_tasks",
    ),
    on=On.MEMORY,
    source="aiocache #562",
)
class OneMemoryForAllInstances(MemoryTaskStore):
    """Every store of a process looks at the same tasks."""

    _all = MemoryTaskStore()

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        for name in ("_tasks", "_created", "_created_by_status", "_finished"):
            setattr(self, name, getattr(self._all, name))


@mutant("LIST-11", by=REMOVED, on=On.REDIS, source="rq: romm #3195")
class CountsGhosts(Scripted):
    """An entry without a record is counted for ever."""

    scripts: ClassVar = {LIST: edited(LIST, "if #ghosts > 0 then", "if false then")}


@mutant("ID-01", by="tour")
class GivesAnIdTwice(Wrapper):
    """Every second new task is the one before."""

    count = 0

    async def create_task(self, request: TaskCreateRequest, **named: Any) -> Task:
        self.count += 1
        if self.count % 2:
            self._latest: Task = await self.store.create_task(request, **named)
        return self._latest


@mutant("ID-03", by=NO_PATTERN, source="langgraphjs #2350; redis-vl-python #702")
class LooksForAGlob(Wrapper):
    """An id is taken for a pattern."""

    async def get_task(self, task_id: str) -> Task:
        listed = (await self.store.list_tasks(limit=MAX_LIMIT)).tasks
        found = next((task.task_id for task in listed if fnmatchcase(task.task_id, task_id)), task_id)
        task: Task = await self.store.get_task(found)
        return task


@mutant("SHARE-03", by=READABLE, on=On.REDIS)
class LeavesOutTheId(Scripted):
    """The id of a task is in the key of its record only."""

    scripts: ClassVar = {INSERT: edited(INSERT, "{unpack(ARGV, 7)}", "{unpack(ARGV, 9)}")}


@mutant("COST-01", by="cost.test_every_operation_asks_the_server", on=On.REDIS)
class RemembersWhatIsNotThere(Wrapper):
    """What was not found once is not asked for again."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self._missing: set[str] = set()

    async def get_task(self, task_id: str) -> Task:
        if task_id in self._missing:
            raise TaskNotFound(task_id)
        self._missing.add(task_id)
        task: Task = await self.store.get_task(task_id)
        self._missing.discard(task_id)
        return task


@mutant("COST-02", by=ONE_REQUEST, on=On.REDIS, source="arq #362")
class LooksTwice(RedisTaskStore):
    """A get asks whether the task is there, and then for it."""

    async def get_task(self, task_id: str) -> Task:
        await self.server.read("EXISTS", self._key(task_id))
        return await super().get_task(task_id)


@mutant("COST-04", by=HELD, on=On.MEMORY)
class KeepsAThousand(MemoryTaskStore):
    """The oldest of more than a thousand tasks are dropped."""

    def _insert(self, task: Task, *place: str) -> None:
        super()._insert(task, *place)
        if len(self._tasks) > 1_000:  # noqa: PLR2004
            self._remove(next(iter(self._tasks)))


@mutant("COST-05", by=LEFT, source="aiocache #807")
class StartsATimerForEachTask(Wrapper):
    """Each task has a timer, which outlives it."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self._timers: list[asyncio.Task[None]] = []

    async def create_task(self, request: TaskCreateRequest, **named: Any) -> Task:
        self._timers.append(asyncio.create_task(asyncio.sleep(3_600)))
        task: Task = await self.store.create_task(request, **named)
        return task

    async def aclose(self) -> None:
        for timer in self._timers:
            timer.cancel()
        await asyncio.gather(*self._timers, return_exceptions=True)
        await self.store.aclose()
