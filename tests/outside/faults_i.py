"""Forty stores that are wrong in one way each, and ten that are odd and right. See wrapped.py."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import secrets
import struct
import zlib
from datetime import timedelta
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from taskstore import (
    FailureKind,
    InvalidArgument,
    RecordUnreadable,
    StoreNotOpen,
    StoreUnavailable,
    TaskExists,
    TaskFinal,
    TaskNotFound,
    TaskPage,
    TaskStoreError,
)
from taskstore.arguments import new_task_id
from taskstore.values import microseconds
from tests.outside.wrapped import Entries, Wrapped, changed, every_page, now, raised, repaged, request

ENTRIES = Entries()
FAULTS, VARIANTS = ENTRIES.faults, ENTRIES.variants

WEEK = timedelta(days=7)
SECOND = timedelta(seconds=1)


class Hooked(Wrapped):
    """Tells `wrote` of each write that succeeded: the task, or nothing for a purge."""

    async def wrote(self, task):
        """Do what follows a write."""

    async def create_task(self, *fields, **more):
        task = await super().create_task(*fields, **more)
        await self.wrote(task)
        return task

    async def update_task_status(self, *fields, **more):
        task = await super().update_task_status(*fields, **more)
        await self.wrote(task)
        return task

    async def cancel_task(self, task_id):
        task = await super().cancel_task(task_id)
        await self.wrote(task)
        return task

    async def restore(self, task):
        await super().restore(task)
        await self.wrote(task)

    async def purge(self, before):
        count = await super().purge(before)
        await self.wrote(None)
        return count


class Shown(Wrapped):
    """Gives every task in the form of `show`."""

    def show(self, task):
        """What the caller gets."""
        return task

    async def create_task(self, *fields, **more):
        return self.show(await super().create_task(*fields, **more))

    async def get_task(self, task_id):
        return self.show(await super().get_task(task_id))

    async def list_tasks(self, *fields, **more):
        page = await super().list_tasks(*fields, **more)
        return repaged(page, tasks=tuple(map(self.show, page.tasks)))

    async def update_task_status(self, *fields, **more):
        return self.show(await super().update_task_status(*fields, **more))

    async def cancel_task(self, task_id):
        return self.show(await super().cancel_task(task_id))


def inner(store):
    """The real store, wrapped or not."""
    return getattr(store, "store", store)


async def redis(store, *command):
    """The reply of the server to a command."""
    return await inner(store)._server.read(*command)


async def keys_of(store):
    """All keys of a store in Redis, as text."""
    return [key.decode() for key in await redis(store, "KEYS", f"{inner(store)._base}*")]


@contextlib.contextmanager
def unanswered(store):
    """The replies on the connection of a store are lost, and it waits a moment for each."""
    server = inner(store)._server
    limits, server._limits = server._limits, server._limits._replace(timeout=0.3)
    server._connections[-1].data_received = lambda data: None
    try:
        yield
    finally:
        server._limits = limits


@contextlib.asynccontextmanager
async def full(store):
    """The server is out of memory."""
    await redis(store, "CONFIG", "SET", "maxmemory", 1)
    try:
        yield
    finally:
        await redis(store, "CONFIG", "SET", "maxmemory", 0)


def set_deadline(store, task_id, milliseconds):
    """Let a task of memory mode live until then."""
    store._deadlines.remove((store._deadline_of[task_id], task_id))
    store._deadline_of[task_id] = milliseconds
    store._deadlines.add((milliseconds, task_id))


async def totals(store, *statuses):
    """The totals of listings without tasks."""
    return [(await store.list_tasks(status, 0)).total for status in statuses or (None,)]


# Memory mode.


@ENTRIES.fault("empty-store-lists-after-closing", "API-03", base="memory")
class EmptyStoreListsAfterClosing(Wrapped):
    """A listing of a store without tasks is answered before it is looked at whether the store is open."""

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        try:
            return await super().list_tasks(status, limit, offset, after=after)
        except StoreNotOpen:
            if self.store._tasks or not self.store._closed:
                raise
            return TaskPage(tasks=(), total=0, limit=50, offset=0)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            assert (await store.list_tasks()).total == 0
        await raised(store.list_tasks(), StoreNotOpen)


@ENTRIES.fault("equal-configs-are-interned", "VAL-01", "VAL-05", "ID-06", base="memory")
class EqualConfigsAreInterned(Wrapped):
    """A flat config that compares equal to an earlier one is replaced by that: 1, 1.0 and true are the same to it."""

    def prepare(self):
        self.known = {}

    async def create_task(self, request, *, task_id=None):
        config = getattr(request, "config", None)
        try:
            key = frozenset(config.items())
            given = request.model_copy(update={"config": self.known.get(key, config)})
        except (AttributeError, TypeError):
            return await super().create_task(request, task_id=task_id)
        task = await super().create_task(given, task_id=task_id)
        self.known.setdefault(key, task.metadata["config"])
        return task

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            for value in (1, True, 1.0):
                task = await store.create_task(request(config={"fast": value}))
                for seen in (task, await store.get_task(task.task_id)):
                    assert type(seen.metadata["config"]["fast"]) is type(value)


@ENTRIES.fault("cancel-changes-the-task-in-place", "VAL-02", base="memory")
class CancelChangesTheTaskInPlace(Wrapped):
    """A cancel also writes the new values into the object that earlier calls returned."""

    async def cancel_task(self, task_id):
        before = self.held(task_id)
        task = await super().cancel_task(task_id)
        if before is not None:
            vars(before).update(vars(task))
        return task

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            listed = (await store.list_tasks()).tasks[0]
            await store.cancel_task(task.task_id)
            assert task.status == listed.status == "pending"
            assert task.completed_at is None


def has_long_negative(value, depth=101):
    """Whether it has an integer that takes more than 4,300 characters with its sign."""
    if type(value) is int:
        return -(10**4_300) < value <= -(10**4_299)
    items = value.values() if type(value) is dict else value if type(value) is list else ()
    return depth > 0 and any(has_long_negative(item, depth - 1) for item in items)


@ENTRIES.fault("sign-counts-as-a-digit", "VAL-06", base="memory")
class SignCountsAsADigit(Wrapped):
    """An integer may have 4,300 characters, its sign among them."""

    async def create_task(self, request, *, task_id=None):
        if has_long_negative(getattr(request, "config", None)):
            raise InvalidArgument("config", "holds an integer that is too long")
        return await super().create_task(request, task_id=task_id)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            for config in ({"n": 10**4_300 - 1}, {"n": [1 - 10**4_300]}):
                assert (await store.create_task(request(config=config))).metadata["config"] == config


@ENTRIES.fault("traceback-lines-are-joined-anew", "VAL-09", "LIFE-04", "LIFE-05", base="memory")
class TracebackLinesAreJoinedAnew(Wrapped):
    """A traceback is split into lines and joined again, which loses its last line break and all unusual ones."""

    async def update_task_status(
        self,
        task_id,
        status,
        progress=None,
        current_step=None,
        result_url=None,
        error_message=None,
        error_traceback=None,
    ):
        if type(error_traceback) is str:
            error_traceback = "\n".join(error_traceback.splitlines())
        fields = progress, current_step, result_url, error_message, error_traceback
        return await super().update_task_status(task_id, status, *fields)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            text = "Traceback:\r\n  at \u2028 line 1\nValueError\n"
            task = await store.create_task(request())
            task = await store.update_task_status(task.task_id, "failed", None, None, None, "no", text)
            assert task.error_traceback == text


@ENTRIES.fault("progress-is-single-precision", "LIFE-04", "LIFE-13", base="memory")
class ProgressIsSinglePrecision(Wrapped):
    """An update keeps the progress in four bytes, as a column of type REAL does."""

    async def update_task_status(self, task_id, status, progress=None, *fields, **more):
        if type(progress) in (int, float) and 0 <= progress <= 100:
            (progress,) = struct.unpack("f", struct.pack("f", progress))
        return await super().update_task_status(task_id, status, progress, *fields, **more)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            for progress in (12.5, 33.3, 100 / 3):
                assert (await store.update_task_status(task.task_id, "clipping", progress)).progress == progress


@ENTRIES.fault("failing-again-with-other-words-succeeds", "LIFE-10", base="memory")
class FailingAgainWithOtherWordsSucceeds(Wrapped):
    """A second failure of a task passes for a repetition of the first, whatever its message and traceback."""

    async def update_task_status(self, task_id, status, *fields, **more):
        try:
            return await super().update_task_status(task_id, status, *fields, **more)
        except TaskFinal as error:
            if status != "failed" or error.status != "failed":
                raise
            return await self.get_task(task_id)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            failed = await store.update_task_status(task.task_id, "failed", error_message="first")
            assert await store.update_task_status(task.task_id, "failed", error_message="first") == failed
            error = await raised(store.update_task_status(task.task_id, "failed", error_message="second"), TaskFinal)
            assert error.status == "failed"


@ENTRIES.fault("cancel-times-are-whole-seconds", "LIFE-17", base="memory")
class CancelTimesAreWholeSeconds(Wrapped):
    """A cancel sets times without a fraction of a second."""

    async def cancel_task(self, task_id):
        before = self.held(task_id)
        task = await super().cancel_task(task_id)
        if task is before:
            return task
        whole = task.updated_at.replace(microsecond=0)
        self.store._finished.remove((task.completed_at, task_id))
        self.store._finished.add((whole, task_id))
        task = self.store._tasks[task_id] = changed(task, updated_at=whole, completed_at=whole)
        return task

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            for _ in range(5):
                task = await store.create_task(request())
                cancelled = await store.cancel_task(task.task_id)
                assert cancelled.updated_at >= task.updated_at
                assert cancelled.completed_at >= task.updated_at
                scene.advance("a", timedelta(milliseconds=270))


@ENTRIES.fault("ids-are-collated-without-case", "LIST-01", "LIST-04", "LIST-12", base="memory")
class IdsAreCollatedWithoutCase(Wrapped):
    """Tasks of one microsecond are listed by their ids in lower case, as many a database collates."""

    async def list_tasks(self, *fields, **more):
        page = await super().list_tasks(*fields, **more)
        tasks = sorted(page.tasks, key=lambda task: (task.created_at, task.task_id.lower()), reverse=True)
        return repaged(page, tasks=tuple(tasks))

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request(), task_id="a")
            for task_id in ("B", "c"):
                await store.restore(changed(task, task_id=task_id))
            assert [one.task_id for one in (await store.list_tasks()).tasks] == ["c", "a", "B"]


@ENTRIES.fault("total-is-zero-past-the-end", "LIST-04", "LIST-03", base="memory")
class TotalIsZeroPastTheEnd(Wrapped):
    """The total stands in the rows of the page, so a page behind the last row has none."""

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        page = await super().list_tasks(status, limit, offset, after=after)
        return repaged(page, total=0) if offset and limit and not page.tasks else page

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            for _ in range(3):
                await store.create_task(request())
            page = await store.list_tasks(limit=2, offset=3)
            assert (page.tasks, page.total) == ((), 3)


@ENTRIES.fault("get-decodes-percent-escapes", "ID-03", "ID-07", "LIFE-03", base="memory")
class GetDecodesPercentEscapes(Wrapped):
    """`get_task` takes the id for a part of a URL and decodes it once more."""

    async def get_task(self, task_id):
        return await super().get_task(unquote(task_id) if type(task_id) is str else task_id)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await raised(store.get_task(task.task_id.replace("_", "%5F")), TaskNotFound)
            await store.create_task(request(), task_id="a%2Fb")
            assert (await store.get_task("a%2Fb")).task_id == "a%2Fb"


@ENTRIES.fault("restore-overwrites-an-older-task", "ID-05", base="memory")
class RestoreOverwritesAnOlderTask(Wrapped):
    """A restored task replaces the one of its id if that was updated earlier."""

    async def restore(self, task):
        try:
            await super().restore(task)
        except TaskExists:
            known = self.held(task.task_id)
            if known.updated_at >= task.updated_at:
                raise
            self.store._remove(known)
            await super().restore(task)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await raised(store.restore(changed(task, current_step="x")), TaskExists)
            later = changed(task, current_step="x", updated_at=task.updated_at + SECOND)
            await raised(store.restore(later), TaskExists)
            assert await store.get_task(task.task_id) == task


@ENTRIES.fault("update-writes-back-what-it-read", "ATOM-01", "LIFE-04", base="memory")
class UpdateWritesBackWhatItRead(Wrapped):
    """An update reads the task, yields, and writes the whole of it, with fields that another has changed meanwhile."""

    async def update_task_status(
        self, task_id, status, progress=None, current_step=None, result_url=None, *errors, **m
    ):
        read = self.held(task_id)
        await asyncio.sleep(0)
        if read is not None and not read.status.is_final:
            if progress is None and status != "completed":
                progress = read.progress
            current_step = read.current_step if current_step is None else current_step
            result_url = read.result_url if result_url is None else result_url
        return await super().update_task_status(task_id, status, progress, current_step, result_url, *errors, **m)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await asyncio.gather(
                store.update_task_status(task.task_id, "clipping", 40),
                store.update_task_status(task.task_id, "clipping", current_step="two"),
                store.update_task_status(task.task_id, "clipping", result_url="u"),
            )
            task = await store.get_task(task.task_id)
            assert (task.progress, task.current_step, task.result_url) == (40, "two", "u")


@ENTRIES.fault("cancel-that-lost-a-race-succeeds", "ATOM-02", base="memory")
class CancelThatLostARaceSucceeds(Wrapped):
    """A cancel that found a live task, and then a final one, returns that as if all were well."""

    async def cancel_task(self, task_id):
        before = await self.get_task(task_id)
        await asyncio.sleep(0)
        try:
            return await super().cancel_task(task_id)
        except TaskFinal:
            if before.status.is_final:
                raise
            return await self.get_task(task_id)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            ends = store.cancel_task(task.task_id), store.update_task_status(task.task_id, "completed")
            results = await asyncio.gather(*ends, return_exceptions=True)
            assert sorted(type(result).__name__ for result in results) == ["Task", "TaskFinal"]


@ENTRIES.fault("memory-keeps-a-thousand-final-tasks", "COST-04", "EXP-05", base="memory")
class MemoryKeepsAThousandFinalTasks(Hooked):
    """Of more than a thousand final tasks those that were completed first are dropped."""

    async def wrote(self, task):
        while len(self.store._finished) > 1_000:
            self.store._remove(self.store._tasks[self.store._finished[0][1]])

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            first = await store.create_task(request())
            await store.cancel_task(first.task_id)
            for _ in range(1_000):
                await store.update_task_status((await store.create_task(request())).task_id, "completed")
            assert await totals(store) == [1_001]
            assert (await store.get_task(first.task_id)).status == "cancelled"


@ENTRIES.fault("purge-goes-by-the-last-update", "MAINT-01", base="memory")
class PurgeGoesByTheLastUpdate(Wrapped):
    """A purge compares the moment with `updated_at`, and keeps a restored task that was completed before it."""

    async def purge(self, before):
        finished = [self.store._tasks[task_id] for _, task_id in self.store._finished]
        count = await super().purge(before)
        kept = [task for task in finished if task.completed_at < before <= task.updated_at]
        for task in kept:
            await super().restore(task)
        return count - len(kept)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.cancel_task((await store.create_task(request())).task_id)
            await store.restore(changed(task, task_id="old", updated_at=task.updated_at + 9 * SECOND))
            assert await store.purge(task.completed_at + SECOND) == 2
            assert await totals(store) == [0]


@ENTRIES.fault("restore-mends-the-times", "MAINT-04", base="memory")
class RestoreMendsTheTimes(Wrapped):
    """A restored task that was updated before it was created is taken, with one of these times for both."""

    async def restore(self, task):
        with contextlib.suppress(AttributeError, TypeError):
            if task.updated_at < task.created_at:
                task = changed(task, updated_at=task.created_at)
        await super().restore(task)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            wrong = changed(task, task_id="x", updated_at=task.created_at - SECOND)
            await raised(store.restore(wrong), InvalidArgument)
            assert await totals(store) == [1]


@ENTRIES.fault("ids-are-taken-in-all-instances", "SHARE-02", "DUR-03", "ID-06", base="memory")
class IdsAreTakenInAllInstances(Wrapped):
    """The ids that callers chose are registered once in the process, so no other instance may use them."""

    async def create_task(self, request, *, task_id=None):
        self.store._check_open()
        owners = self.place.state.setdefault("owners", {})
        if type(task_id) is str and owners.get(task_id, self) is not self:
            raise TaskExists(task_id)
        task = await super().create_task(request, task_id=task_id)
        if task_id is not None:
            owners[task.task_id] = self
        return task

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as one, scene.open("a") as other:
            await one.create_task(request("1"), task_id="x")
            task = await other.create_task(request("2"), task_id="x")
            assert task.video_ids == ("2",)


@ENTRIES.fault("timers-outlive-their-updates", "COST-05", base="memory")
class TimersOutliveTheirUpdates(Wrapped):
    """Each update starts a watchdog of ten minutes, and does not stop it at its end."""

    async def update_task_status(self, task_id, *fields, **more):
        asyncio.get_running_loop().call_later(600, lambda: None)
        return await super().update_task_status(task_id, *fields, **more)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            loop = asyncio.get_running_loop()
            task = await store.create_task(request())
            before = len(loop._scheduled)
            for progress in range(50):
                await store.update_task_status(task.task_id, "clipping", progress)
            assert len(loop._scheduled) < before + 10


# Memory mode with a lifetime.


@ENTRIES.fault("counts-are-cached-until-a-write", "EXP-01", "LIST-03", base="memory-expiring")
class CountsAreCachedUntilAWrite(Hooked):
    """The total of a listing without tasks is kept until the next write, and an expiry is none."""

    def prepare(self):
        self.counts = {}

    async def wrote(self, task):
        self.counts.clear()

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        page = await super().list_tasks(status, limit, offset, after=after)
        return page if limit else repaged(page, total=self.counts.setdefault(status, page.total))

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            await store.create_task(request())
            assert await totals(store, None, "pending", "failed") == [1, 1, 0]
            scene.advance("a", WEEK + SECOND)
            assert await totals(store, None, "pending", "failed") == [0, 0, 0]


@ENTRIES.fault("updates-of-one-status-do-not-renew", "EXP-03", "EXP-01", base="memory-expiring")
class UpdatesOfOneStatusDoNotRenew(Wrapped):
    """An update that leaves the status as it is leaves the lifetime as it is, too."""

    async def update_task_status(self, task_id, *fields, **more):
        before = self.held(task_id)
        deadline = self.store._deadline_of.get(task_id) if before else None
        task = await super().update_task_status(task_id, *fields, **more)
        if before is not None and task.status is before.status:
            set_deadline(self.store, task_id, deadline)
        return task

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await store.update_task_status(task.task_id, "clipping", 1)
            for progress in (2, 3, 4):
                scene.advance("a", WEEK / 2)
                await store.update_task_status(task.task_id, "clipping", progress)


@ENTRIES.fault("used-ids-stay-bound-to-their-request", "ID-06", base="memory-expiring")
class UsedIdsStayBoundToTheirRequest(Wrapped):
    """An id that had another request is refused, also when its task has expired or was purged."""

    def prepare(self):
        self.requests = {}

    async def create_task(self, request, *, task_id=None):
        self.store._check_open()
        if type(task_id) is str and self.requests.get(task_id, request) != request:
            raise TaskExists(task_id)
        task = await super().create_task(request, task_id=task_id)
        if task_id is not None:
            self.requests[task.task_id] = request
        return task

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            await store.create_task(request("1"), task_id="x")
            scene.advance("a", WEEK + SECOND)
            assert (await store.create_task(request("1"), task_id="x")).video_ids == ("1",)
            scene.advance("a", WEEK + SECOND)
            assert (await store.create_task(request("2"), task_id="x")).video_ids == ("2",)


@ENTRIES.fault("lifetimes-are-jittered", "EXP-01", "EXP-07", "MAINT-02", base="memory-expiring")
class LifetimesAreJittered(Hooked):
    """A lifetime is up to a tenth shorter, by the id, so that not all tasks expire together."""

    def prepare(self):
        self.given = {}

    async def wrote(self, task):
        deadline = self.store._deadline_of.get(task.task_id) if task else None
        if deadline is None or deadline == self.given.get(task.task_id):
            return
        deadline -= self.store._lifetime_ms * (zlib.crc32(task.task_id.encode()) % 11) // 100
        set_deadline(self.store, task.task_id, deadline)
        self.given[task.task_id] = deadline

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            for at in range(40):
                await store.create_task(request(), task_id=f"t{at}")
            scene.advance("a", WEEK - timedelta(minutes=1))
            assert await totals(store) == [40]


@ENTRIES.fault("restored-tasks-expire-by-their-last-update", "MAINT-02", base="memory-expiring")
class RestoredTasksExpireByTheirLastUpdate(Wrapped):
    """A restored task lives as long as if it had been in this store since its last update."""

    async def restore(self, task):
        await super().restore(task)
        updated = microseconds(task.updated_at) // 1_000
        set_deadline(self.store, task.task_id, updated + self.store._lifetime_ms)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            old = changed(task, task_id="old", created_at=now() - 30 * WEEK, updated_at=now() - 5 * SECOND)
            await store.restore(old)
            scene.advance("a", WEEK - SECOND)
            assert await store.get_task("old") == old


@ENTRIES.fault("update-revives-an-expired-task", "ATOM-03", "EXP-01", base="memory-expiring")
class UpdateRevivesAnExpiredTask(Wrapped):
    """An update of a task that is gone puts it back from what the last update returned, if it was not final then."""

    def prepare(self):
        self.last = {}

    async def update_task_status(self, task_id, *fields, **more):
        try:
            task = await super().update_task_status(task_id, *fields, **more)
        except TaskNotFound:
            if task_id not in self.last:
                raise
            await self.restore(self.last[task_id])
            task = await super().update_task_status(task_id, *fields, **more)
        self.last[task_id] = task
        if task.status.is_final:
            del self.last[task_id]
        return task

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await store.update_task_status(task.task_id, "clipping")
            scene.advance("a", WEEK + SECOND)
            await raised(store.update_task_status(task.task_id, "uploading"), TaskNotFound)
            assert await totals(store) == [0]


# Redis mode.


@ENTRIES.fault("purge-reaches-longer-namespaces", "LIST-10", "COST-02", "MAINT-01", base="redis")
class PurgeReachesLongerNamespaces(Wrapped):
    """A purge looks for indexes by what their keys begin with, and so finds those of every longer namespace."""

    async def purge(self, before):
        from taskstore.redis.scripts import PURGE

        count = await super().purge(before)
        base, server = self.store._base, self.store._server
        for key in await server.read("KEYS", f"{base.removesuffix(':0}')}*:finished"):
            other = key.decode().removesuffix(":finished")
            if other != base:
                count += (await server.run(PURGE, other, 250, microseconds(before)))[-1]
        return count

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store, scene.open("ab") as other:
            for one in (store, other):
                await one.cancel_task((await one.create_task(request())).task_id)
            assert await store.purge(now() + SECOND) == 1
            assert await totals(other, None, "cancelled") == [1, 1]


@ENTRIES.fault("first-page-adds-own-tasks", "LIST-11", "EXP-01", "SHARE-01", "LIST-03", base="redis")
class FirstPageAddsOwnTasks(Wrapped):
    """To a first page that has room an instance adds the tasks that it created itself and does not find there."""

    def prepare(self):
        self.own = {}

    async def create_task(self, request, *, task_id=None):
        task = await super().create_task(request, task_id=task_id)
        self.own[task.task_id] = task
        return task

    async def purge(self, before):
        self.own.clear()
        return await super().purge(before)

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        page = await super().list_tasks(status, limit, offset, after=after)
        if status is not None or offset or after is not None or page.unreadable:
            return page
        found = {task.task_id: task for task in page.tasks}
        added = [task for task_id, task in self.own.items() if task_id not in found][: limit - len(found)]
        tasks = sorted([*page.tasks, *added], key=lambda task: (task.created_at, task.task_id), reverse=True)
        return repaged(page, tasks=tuple(tasks))

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            kept = await store.create_task(request())
            await redis(store, "DEL", inner(store)._key(task.task_id))
            assert (await store.list_tasks()).tasks == (kept,)


@ENTRIES.fault("pages-end-where-the-cursors-task-is-gone", "LIST-12", "COST-02", "FAIL-09", base="redis")
class PagesEndWhereTheCursorsTaskIsGone(Wrapped):
    """A page by cursor begins by looking up the task of the cursor, and is an empty last one if that is gone."""

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        page = await super().list_tasks(status, limit, offset, after=after)
        if after is not None:
            try:
                await self.get_task(after.partition(".")[2])
            except TaskNotFound:
                return repaged(page, tasks=(), next=None)
        return page

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            tasks = [await store.create_task(request()) for _ in range(5)]
            page = await store.list_tasks(limit=2)
            await store.cancel_task(page.tasks[-1].task_id)
            await store.purge(now() + SECOND)
            rest = await store.list_tasks(after=page.next)
            assert rest.tasks == (tasks[2], tasks[1], tasks[0])


@ENTRIES.fault("repeated-create-of-a-changed-task-is-refused", "ID-06", base="redis")
class RepeatedCreateOfAChangedTaskIsRefused(Wrapped):
    """A create is taken for a repetition only while the task is as it was created."""

    async def create_task(self, request, *, task_id=None):
        task = await super().create_task(request, task_id=task_id)
        if task.updated_at != task.created_at or task.status != "pending":
            raise TaskExists(task.task_id)
        return task

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request("1"), task_id="x")
            assert await store.create_task(request("1"), task_id="x") == task
            task = await store.update_task_status("x", "completed", result_url="u")
            assert await store.create_task(request("1"), task_id="x") == task


@ENTRIES.fault("get-is-stale-if-the-server-fails", "FAIL-01", "FAIL-06", "FAIL-12", base="redis")
class GetIsStaleIfTheServerFails(Wrapped):
    """`get_task` returns what it returned the last time, if the server does not answer now."""

    def prepare(self):
        self.last = {}

    async def get_task(self, task_id):
        try:
            task = self.last[task_id] = await super().get_task(task_id)
        except StoreUnavailable:
            if task_id not in self.last:
                raise
            return self.last[task_id]
        return task

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            assert await store.get_task(task.task_id) == task
            with unanswered(store):
                await raised(store.get_task(task.task_id), StoreUnavailable)


@ENTRIES.fault("refused-updates-are-made-later", "FAIL-06", "FAIL-11", base="redis")
class RefusedUpdatesAreMadeLater(Wrapped):
    """An update that the server refused raises, and is made before the next read that finds the server well."""

    def prepare(self):
        self.later = []

    async def update_task_status(self, *fields, **more):
        try:
            return await super().update_task_status(*fields, **more)
        except StoreUnavailable as error:
            if not error.write_may_have_happened and error.failure_kind != "unreachable":
                self.later.append((fields, more))
            raise

    async def make_up(self):
        while self.later:
            fields, more = self.later.pop(0)
            try:
                await super().update_task_status(*fields, **more)
            except StoreUnavailable:
                self.later.insert(0, (fields, more))
                return
            except TaskStoreError:
                continue

    async def get_task(self, task_id):
        await self.make_up()
        return await super().get_task(task_id)

    async def list_tasks(self, *fields, **more):
        await self.make_up()
        return await super().list_tasks(*fields, **more)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            async with full(store):
                error = await raised(store.update_task_status(task.task_id, "completed"), StoreUnavailable)
                assert error.failure_kind == "out-of-memory"
            assert await store.get_task(task.task_id) == task
            assert await totals(store, "completed") == [0]


@ENTRIES.fault("update-deletes-an-unreadable-record", "FAIL-09", base="redis")
class UpdateDeletesAnUnreadableRecord(Wrapped):
    """An update that cannot read the record says so, and deletes it to mend the store."""

    async def update_task_status(self, *fields, **more):
        try:
            return await super().update_task_status(*fields, **more)
        except RecordUnreadable as error:
            await self.store._server.read("DEL", error.key)
            raise

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            key = inner(store)._key(task.task_id)
            await redis(store, "SET", key, '{"v":9}')
            for _ in range(2):
                error = await raised(store.update_task_status(task.task_id, "clipping"), RecordUnreadable)
                assert error.key == key
            assert await redis(store, "GET", key) == b'{"v":9}'


@ENTRIES.fault("restore-without-a-reply-was-not-made", "FAIL-11", base="redis")
class RestoreWithoutAReplyWasNotMade(Wrapped):
    """A restore whose reply does not come says that nothing was written."""

    async def restore(self, task):
        try:
            await super().restore(task)
        except StoreUnavailable as error:
            error.write_may_have_happened = False
            raise

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = changed(await store.create_task(request()), task_id="x")
            with unanswered(store):
                error = await raised(store.restore(task), StoreUnavailable)
            assert await store.get_task("x") == task
            assert error.write_may_have_happened
            assert "may have happened" in str(error)


@ENTRIES.fault("create-fails-on-a-connection-closed-when-idle", "FAIL-14", "FAIL-13", base="redis")
class CreateFailsOnAConnectionClosedWhenIdle(Wrapped):
    """A create, which is never sent twice, fails if the server has closed the connection since the last call."""

    async def create_task(self, request, *, task_id=None):
        connections = self.store._server._connections
        if connections and not self.store._closed and not connections[-1].is_usable:
            connections.pop().close()
            told = "Connection reset by peer"
            address = self.store._server.address
            raise StoreUnavailable(address, FailureKind.BROKEN, False, told, task_id or new_task_id())
        return await super().create_task(request, task_id=task_id)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store, scene.open("a") as other:
            await store.create_task(request())
            await redis(other, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            await asyncio.sleep(0.05)
            await store.create_task(request())
            assert await totals(store) == [2]


@ENTRIES.fault("final-tasks-are-cached", "SHARE-01", "EXP-01", "COST-01", "FAIL-01", "FAIL-09", "FAIL-12", base="redis")
class FinalTasksAreCached(Wrapped):
    """An instance keeps the final tasks that it has got, since these do not change, until it purges itself."""

    def prepare(self):
        self.final = {}

    async def get_task(self, task_id):
        self.store._check_open()
        if type(task_id) is str and task_id in self.final:
            return self.final[task_id]
        task = await super().get_task(task_id)
        if task.status.is_final:
            self.final[task.task_id] = task
        return task

    async def purge(self, before):
        self.final.clear()
        return await super().purge(before)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store, scene.open("a") as other:
            task = await store.cancel_task((await store.create_task(request())).task_id)
            assert await store.get_task(task.task_id) == task
            assert await other.purge(now() + SECOND) == 1
            await raised(store.get_task(task.task_id), TaskNotFound)


@ENTRIES.fault("large-new-records-are-compressed", "SHARE-03", "COST-02", "ATOM-06", base="redis")
class LargeNewRecordsAreCompressed(Wrapped):
    """A new record of more than 64 KiB is kept compressed until an instance of the process needs it."""

    async def unpack(self):
        packed, server = self.place.state.setdefault("packed", set()), self.store._server
        while packed and not self.store._closed:
            key = packed.pop()
            try:
                text = await server.read("GET", key)
                if text and text[:1] != b"{":
                    await server.read("SET", key, zlib.decompress(text), "XX", "KEEPTTL")
            except (StoreUnavailable, zlib.error):
                packed.add(key)
                return

    async def create_task(self, request, *, task_id=None):
        await self.unpack()
        task = await super().create_task(request, task_id=task_id)
        key, server = self.store._key(task.task_id), self.store._server
        if len(task.metadata_json) + sum(map(len, task.video_ids)) > 65_536:
            text = await server.read("GET", key) or b""
            await server.read("SET", key, zlib.compress(text), "XX", "KEEPTTL")
            self.place.state["packed"].add(key)
        return task

    async def get_task(self, task_id):
        await self.unpack()
        return await super().get_task(task_id)

    async def list_tasks(self, *fields, **more):
        await self.unpack()
        return await super().list_tasks(*fields, **more)

    async def update_task_status(self, *fields, **more):
        await self.unpack()
        return await super().update_task_status(*fields, **more)

    async def cancel_task(self, task_id):
        await self.unpack()
        return await super().cancel_task(task_id)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            config = {"words": ["word"] * 20_000}
            task = await store.create_task(request(config=config))
            record = await redis(store, "GET", inner(store)._key(task.task_id))
            assert config in json.loads(record)["metadata"].values()
            assert (await store.get_task(task.task_id)).metadata["config"] == config


@ENTRIES.fault("create-is-repeated-with-another-id", "ATOM-01", "FAIL-11", "ID-08", base="redis")
class CreateIsRepeatedWithAnotherId(Wrapped):
    """A create that got no reply is made once more, and each time an id is drawn."""

    async def create_task(self, request, *, task_id=None):
        try:
            return await super().create_task(request, task_id=task_id)
        except StoreUnavailable as error:
            if error.failure_kind not in ("timeout", "broken"):
                raise
            return await super().create_task(request, task_id=task_id)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            await store.create_task(request("first"))
            with unanswered(store), contextlib.suppress(StoreUnavailable):
                await store.create_task(request("second"))
            made = [task.video_ids for task in (await store.list_tasks()).tasks]
            assert made in ([("first",)], [("second",), ("first",)])


@ENTRIES.fault("gets-of-one-task-are-cancelled-together", "ATOM-06", "SHARE-01", "LIFE-03", base="redis")
class GetsOfOneTaskAreCancelledTogether(Wrapped):
    """Callers that get the same task at the same time share one request, and end with it if one is cancelled."""

    def prepare(self):
        self.calls = {}

    async def get_task(self, task_id):
        if type(task_id) is not str:
            return await super().get_task(task_id)
        if task_id not in self.calls:
            self.calls[task_id] = asyncio.ensure_future(super().get_task(task_id))
            self.calls[task_id].add_done_callback(lambda _: self.calls.pop(task_id))
        return await self.calls[task_id]

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            calls = [asyncio.create_task(store.get_task(task.task_id)) for _ in range(3)]
            await asyncio.sleep(0)
            calls[0].cancel()
            results = await asyncio.gather(*calls, return_exceptions=True)
            assert results[1:] == [task, task]


@ENTRIES.fault("closing-waits-for-reads", "API-07", base="redis")
class ClosingWaitsForReads(Wrapped):
    """Closing first lets the reads in flight get their replies, for up to three seconds."""

    def prepare(self):
        self.reads = 0

    async def get_task(self, task_id):
        self.reads += 1
        try:
            return await super().get_task(task_id)
        finally:
            self.reads -= 1

    async def list_tasks(self, *fields, **more):
        self.reads += 1
        try:
            return await super().list_tasks(*fields, **more)
        finally:
            self.reads -= 1

    async def aclose(self):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(3):
                while self.reads:
                    await asyncio.sleep(0.01)
        await super().aclose()

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await redis(store, "CLIENT", "PAUSE", 1_500)
            read = asyncio.create_task(store.get_task(task.task_id))
            await asyncio.sleep(0.05)
            await store.aclose()
            result = (await asyncio.gather(read, return_exceptions=True))[0]
            await asyncio.sleep(1.5)
            assert isinstance(result, StoreUnavailable | StoreNotOpen)


@ENTRIES.fault("refused-update-leaves-its-lock", "EXP-04", "EXP-08", "LIFE-14", "COST-02", base="redis")
class RefusedUpdateLeavesItsLock(Wrapped):
    """An update marks the task as locked, and forgets to remove the mark where the task is final."""

    async def update_task_status(self, task_id, *fields, **more):
        self.store._check_open()
        if type(task_id) is not str or not task_id.isascii():
            return await super().update_task_status(task_id, *fields, **more)
        server, lock = self.store._server, f"{self.store._base}:lock:{task_id}"
        await server.read("SET", lock, "")
        try:
            task = await super().update_task_status(task_id, *fields, **more)
        except TaskFinal:
            raise
        except BaseException:
            with contextlib.suppress(StoreUnavailable):
                await server.read("DEL", lock)
            raise
        await server.read("DEL", lock)
        return task

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await store.cancel_task(task.task_id)
            await raised(store.update_task_status(task.task_id, "clipping"), TaskFinal)
            scene.advance("a", WEEK + SECOND)
            assert await totals(store) == [0]
            assert not [key for key in await keys_of(store) if task.task_id in key]


# Stores that are odd and right.


@ENTRIES.variant(
    "times-have-another-utc", "VAL-10 asks for aware times in UTC; which object says UTC is free.", base="memory"
)
class TimesHaveAnotherUtc(Shown):
    """Times have the zone `ZoneInfo("UTC")`, where the store has `datetime.UTC`."""

    def show(self, task):
        zone = ZoneInfo("UTC")
        times = {name: getattr(task, name) for name in ("created_at", "updated_at", "completed_at")}
        return changed(task, **{name: time and time.replace(tzinfo=zone) for name, time in times.items()})

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            assert task.created_at.utcoffset() == timedelta(0)
            task = await store.cancel_task(task.task_id)
            assert (await store.list_tasks()).tasks == (task,)
            await store.purge(task.completed_at)
            assert await store.get_task(task.task_id) == task


@ENTRIES.variant(
    "ids-are-long-and-in-capitals",
    "ID-02 asks for at least 32 random hexadecimal digits; more, and capitals, are hexadecimal digits too.",
    base="memory",
)
class IdsAreLongAndInCapitals(Wrapped):
    """A new id has 48 hexadecimal digits, with A to F."""

    async def create_task(self, request, *, task_id=None):
        return await super().create_task(request, task_id=task_id or f"task_{secrets.token_hex(24).upper()}")

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            assert re.fullmatch("task_[0-9A-Fa-f]{32,}", task.task_id)
            assert await store.get_task(task.task_id) == task


@ENTRIES.variant(
    "reads-on-a-broken-connection-are-repeated", "FAIL-12 lets a read whose reply is lost be repeated.", base="redis"
)
class ReadsOnABrokenConnectionAreRepeated(Wrapped):
    """A get or a listing whose connection breaks is made once more."""

    async def get_task(self, task_id):
        try:
            return await super().get_task(task_id)
        except StoreUnavailable as error:
            if error.failure_kind != "broken":
                raise
            return await super().get_task(task_id)

    async def list_tasks(self, *fields, **more):
        try:
            return await super().list_tasks(*fields, **more)
        except StoreUnavailable as error:
            if error.failure_kind != "broken":
                raise
            return await super().list_tasks(*fields, **more)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            for call in (store.get_task(task.task_id), store.list_tasks()):
                call = asyncio.create_task(call)
                await asyncio.sleep(0)
                inner(store)._server._connections[-1]._transport.abort()
                result = (await asyncio.gather(call, return_exceptions=True))[0]
                assert result == task or isinstance(result, StoreUnavailable | TaskPage)
                assert await totals(store) == [1]


@ENTRIES.variant(
    "operations-let-others-go-first",
    "No requirement says when during a call it takes effect; each still does so at one instant.",
    base="memory",
)
class OperationsLetOthersGoFirst(Wrapped):
    """Operations yield to the loop up to three times: a create when the task is stored, the others before they act."""

    def prepare(self):
        self.count = 0

    async def wait(self):
        self.count += 1
        for _ in range(self.count % 4):
            await asyncio.sleep(0)

    async def create_task(self, request, *, task_id=None):
        task = await super().create_task(request, task_id=task_id)
        await self.wait()
        return task

    async def get_task(self, task_id):
        await self.wait()
        return await super().get_task(task_id)

    async def list_tasks(self, *fields, **more):
        await self.wait()
        return await super().list_tasks(*fields, **more)

    async def update_task_status(self, *fields, **more):
        await self.wait()
        return await super().update_task_status(*fields, **more)

    async def cancel_task(self, task_id):
        await self.wait()
        return await super().cancel_task(task_id)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            tasks = await asyncio.gather(*(store.create_task(request(str(at))) for at in range(20)))
            assert [task.video_ids for task in tasks] == [(str(at),) for at in range(20)]
            ends = (store.cancel_task(tasks[0].task_id), store.update_task_status(tasks[0].task_id, "completed"))
            results = await asyncio.gather(*ends, return_exceptions=True)
            assert sorted(type(result).__name__ for result in results) == ["Task", "TaskFinal"]


@ENTRIES.variant(
    "pages-by-cursor-are-short",
    "LIST-12 asks that the pages by cursor hold every task once, in order; none says that a page fills its limit.",
    base="memory",
)
class PagesByCursorAreShort(Wrapped):
    """A page by cursor has ten tasks at most, and a cursor for the rest."""

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        page = await super().list_tasks(status, limit, offset, after=after)
        if after is None or limit <= 10:
            return page
        return repaged(await super().list_tasks(status, 10, after=after), limit=limit)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            tasks = [await store.create_task(request()) for _ in range(45)]
            assert await every_page(store, 20) == tasks[::-1]


@ENTRIES.variant(
    "keys-of-a-config-come-back-sorted",
    "VAL-01 asks that a config comes back equal in value and type; objects with another order of keys are equal.",
    base="memory",
)
class KeysOfAConfigComeBackSorted(Shown):
    """The keys of the metadata and of every object in it are sorted."""

    def show(self, task):
        text = json.dumps(task.metadata, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return changed(task, metadata_json=text)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            config = {"b": 1, "a": {"d": 1.0, "c": [True, None]}}
            task = await store.create_task(request(config=config))
            assert task.metadata == {"webhook_url": None, "config": config}
            assert (await store.list_tasks()).tasks == (task,)


@ENTRIES.variant(
    "purge-counts-what-had-expired",
    "MAINT-01 says which tasks a purge removes, and not what it returns; expired tasks are gone anyway (EXP-01).",
    base="memory-expiring",
)
class PurgeCountsWhatHadExpired(Wrapped):
    """A purge counts the expired tasks that it removes from storage along with the others."""

    async def purge(self, before):
        there = len(self.store._tasks)
        await super().purge(before)
        return there - len(self.store._tasks)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            await store.create_task(request())
            scene.advance("a", WEEK + SECOND)
            task = await store.create_task(request())
            other = await store.cancel_task((await store.create_task(request())).task_id)
            await store.purge(other.completed_at + SECOND)
            assert (await store.list_tasks()).tasks == (task,)


@ENTRIES.variant(
    "calls-in-flight-end-with-not-open",
    "API-07 lets the calls that closing ends raise StoreNotOpen as well as StoreUnavailable.",
    base="redis",
)
class CallsInFlightEndWithNotOpen(Wrapped):
    """A read or an update that is ended by closing raises `StoreNotOpen`."""

    async def told(self, call):
        try:
            return await call
        except StoreUnavailable:
            if self.store._closed:
                raise StoreNotOpen("the store was closed meanwhile") from None
            raise

    async def get_task(self, task_id):
        return await self.told(super().get_task(task_id))

    async def list_tasks(self, *fields, **more):
        return await self.told(super().list_tasks(*fields, **more))

    async def update_task_status(self, *fields, **more):
        return await self.told(super().update_task_status(*fields, **more))

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await redis(store, "CLIENT", "PAUSE", 1_500)
            calls = store.get_task(task.task_id), store.list_tasks(), store.update_task_status(task.task_id, "failed")
            calls = [asyncio.create_task(call) for call in calls]
            await asyncio.sleep(0.05)
            await store.aclose()
            results = await asyncio.gather(*calls, return_exceptions=True)
            await asyncio.sleep(1.5)
            assert all(isinstance(result, StoreUnavailable | StoreNotOpen) for result in results)


class TaskGone(TaskNotFound):
    """A task of this store that is there no more."""


@ENTRIES.variant(
    "gone-tasks-raise-a-kind-of-not-found",
    "ID-03 asks for TaskNotFound; an exception of a class derived from it is one.",
    base="memory-expiring",
)
class GoneTasksRaiseAKindOfNotFound(Hooked):
    """For a task that was here and is gone, a get, an update and a cancel raise a class derived from `TaskNotFound`."""

    def prepare(self):
        self.ids = set()

    async def wrote(self, task):
        if task is not None:
            self.ids.add(task.task_id)

    async def told(self, task_id, call):
        try:
            return await call
        except TaskNotFound:
            if task_id in self.ids:
                raise TaskGone(task_id) from None
            raise

    async def get_task(self, task_id):
        return await self.told(task_id, super().get_task(task_id))

    async def update_task_status(self, task_id, *fields, **more):
        return await self.told(task_id, super().update_task_status(task_id, *fields, **more))

    async def cancel_task(self, task_id):
        return await self.told(task_id, super().cancel_task(task_id))

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            scene.advance("a", WEEK + SECOND)
            await raised(store.get_task(task.task_id), TaskNotFound)
            await raised(store.update_task_status(task.task_id, "clipping"), TaskNotFound)
            await raised(store.cancel_task("task_"), TaskNotFound)


@ENTRIES.variant(
    "refused-updates-may-have-happened",
    "FAIL-11 forbids to say wrongly that nothing was written; only where nothing listens it has to be said.",
    base="redis",
)
class RefusedUpdatesMayHaveHappened(Wrapped):
    """An update or cancel that a full server refused says that it may have happened, to be on the safe side."""

    async def told(self, call):
        try:
            return await call
        except StoreUnavailable as error:
            error.write_may_have_happened |= error.failure_kind == "out-of-memory"
            raise

    async def update_task_status(self, *fields, **more):
        return await self.told(super().update_task_status(*fields, **more))

    async def cancel_task(self, task_id):
        return await self.told(super().cancel_task(task_id))

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            async with full(store):
                for call in (store.cancel_task(task.task_id), store.update_task_status(task.task_id, "failed")):
                    error = await raised(call, StoreUnavailable)
                    assert error.failure_kind == "out-of-memory"
            assert await store.get_task(task.task_id) == task
