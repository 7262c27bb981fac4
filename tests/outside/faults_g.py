"""Forty stores that are wrong in one way each, and twelve that are odd and right. See wrapped.py."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import secrets
import threading
import zlib
from base64 import b64decode, b64encode
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha1
from typing import Any, ClassVar
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from taskstore import (
    InvalidArgument,
    RecordUnreadable,
    StoreNotOpen,
    Task,
    TaskCreateRequest,
    TaskExists,
    TaskFinal,
    TaskNotFound,
    TaskPage,
    TaskStatus,
    TaskStoreError,
)
from taskstore.arguments import check_change, check_moment, check_page, check_request, check_status
from taskstore.redis import RedisTaskStore, connect
from taskstore.redis.scripts import INSERT, LIST, UPDATE, Script
from taskstore.values import EPOCH, microseconds, trusted
from tests.outside.wrapped import Entries, Wrapped, changed, every_page, now, raised, repaged, request

ENTRIES = Entries()
FAULTS, VARIANTS = ENTRIES.faults, ENTRIES.variants
PENDING, ANALYZING, UPLOADING = TaskStatus.PENDING, TaskStatus.ANALYZING, TaskStatus.UPLOADING
COMPLETED, FAILED, CANCELLED = TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED
MICROSECOND = timedelta(microseconds=1)


# Memory mode


@ENTRIES.fault("same-progress-is-a-heartbeat", "LIFE-04", base="memory")
class SameProgressIsAHeartbeat(Wrapped):
    """An update with the status and the progress that a task has already is taken for a heartbeat: its step is lost."""

    async def update_task_status(self, task_id, status, progress=None, current_step=None, *rest, **more):
        old = self.held(task_id)
        if old and type(current_step) is str and (old.status, old.progress) == (status, progress):
            current_step = old.current_step
        return await super().update_task_status(task_id, status, progress, current_step, *rest, **more)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await store.update_task_status(task.task_id, ANALYZING, progress=40, current_step="one")
            await store.update_task_status(task.task_id, ANALYZING, progress=40, current_step="two")
            assert (await store.get_task(task.task_id)).current_step == "two"


@ENTRIES.fault("last-32-endings-are-known", "LIFE-12", base="memory")
class Last32EndingsAreKnown(Wrapped):
    """The repetition of a final write is recognised while the task is among the last 32 that were ended."""

    def prepare(self) -> None:
        self.ended = OrderedDict()

    def note(self, task: Task) -> Task:
        if task.status.is_final:
            self.ended[task.task_id] = True
            while len(self.ended) > 32:
                self.ended.popitem(last=False)
        return task

    def refuse(self, task_id: str) -> None:
        old = self.held(task_id)
        if old and old.status.is_final and task_id not in self.ended:
            raise TaskFinal(task_id, old.status)

    async def update_task_status(self, task_id, status, *fields, **more):
        self.store._check_open()
        check_change(status, *fields, **more)
        self.refuse(task_id)
        return self.note(await super().update_task_status(task_id, status, *fields, **more))

    async def cancel_task(self, task_id):
        self.store._check_open()
        self.refuse(task_id)
        return self.note(await super().cancel_task(task_id))

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            tasks = [await store.create_task(request()) for _ in range(40)]
            for task in tasks:
                await store.update_task_status(task.task_id, COMPLETED, result_url="https://example.org/1")
            first = tasks[0].task_id
            known = await store.get_task(first)
            assert await store.update_task_status(first, COMPLETED, result_url="https://example.org/1") == known


@ENTRIES.fault("short-page-tells-the-total", "LIST-04", "LIST-03", base="memory")
class ShortPageTellsTheTotal(Wrapped):
    """A page that is not full spares the count: its total is the offset and what is on it, also past the end."""

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        page = await super().list_tasks(status, limit, offset, after=after)
        if after is None and len(page.tasks) < limit:
            return repaged(page, total=offset + len(page.tasks))
        return page

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            for _ in range(3):
                await store.create_task(request())
            page = await store.list_tasks(limit=10, offset=7)
            assert (page.tasks, page.total) == ((), 3)


@ENTRIES.fault("cursor-goes-with-its-id", "LIST-12", base="memory")
class CursorGoesWithItsId(Wrapped):
    """A cursor is looked up by its id, so it goes to the front if the id was purged and is used by a new task."""

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        self.store._check_open()
        if status is not None:
            check_status(status)
        cursor = check_page(limit, offset, after)
        if cursor and (task := self.held(cursor[1])):
            after = f"{microseconds(task.created_at)}.{task.task_id}"
        return await super().list_tasks(status, limit, offset, after=after)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            for name in ("one", "two", "three"):
                await store.create_task(request(), task_id=name)
                await asyncio.sleep(0.001)
            page = await store.list_tasks(limit=2)
            assert [task.task_id for task in page.tasks] == ["three", "two"]
            await store.cancel_task("two")
            await store.purge(now() + timedelta(seconds=1))
            await store.create_task(request(), task_id="two")
            following = await store.list_tasks(limit=2, after=page.next)
            assert [task.task_id for task in following.tasks] == ["one"]


@ENTRIES.fault("longest-page-is-the-last", "LIST-12", base="memory")
class LongestPageIsTheLast(Wrapped):
    """One task more than the limit is read to see if a page follows, but never more than 1,000."""

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        page = await super().list_tasks(status, limit, offset, after=after)
        return repaged(page, next=None) if limit == 1_000 else page

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            for _ in range(1_001):
                await store.create_task(request())
            assert len(await every_page(store, 1_000)) == 1_001


@ENTRIES.fault("purge-reads-the-wall-clock", "MAINT-01", base="memory")
class PurgeReadsTheWallClock(Wrapped):
    """A purge takes date and time of its moment, and takes them for UTC whatever the time zone is."""

    async def purge(self, before):
        self.store._check_open()
        check_moment(before)
        return await super().purge(before.replace(tzinfo=UTC))

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await store.cancel_task(task.task_id)
            await store.purge((now() - timedelta(hours=1)).astimezone(timezone(timedelta(hours=5, minutes=30))))
            await store.get_task(task.task_id)


@ENTRIES.fault("cancelled-request-is-queued-again", "ID-06", base="memory")
class CancelledRequestIsQueuedAgain(Wrapped):
    """Creating a task again under the id of one that was cancelled puts a new one in its place."""

    async def create_task(self, request, *, task_id=None):
        task = await super().create_task(request, task_id=task_id)
        if task.status is CANCELLED:
            self.store._remove(task)
            task = await super().create_task(request, task_id=task_id)
        return task

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            await store.create_task(request(), task_id="job-1")
            task = await store.cancel_task("job-1")
            assert await store.create_task(request(), task_id="job-1") == task
            assert await store.get_task("job-1") == task


@ENTRIES.fault("large-config-is-written-later", "VAL-02", base="memory")
class LargeConfigIsWrittenLater(Wrapped):
    """A config of more than 16 KiB is written when somebody first reads a task, as it is by then."""

    def prepare(self) -> None:
        self.later = {}

    def write(self) -> None:
        for task_id, asked in self.later.items():
            with contextlib.suppress(TaskStoreError):
                if task := self.held(task_id):
                    self.store._tasks[task_id] = changed(task, metadata_json=check_request(asked)[1])
        self.later.clear()

    async def create_task(self, request, *, task_id=None):
        self.write()
        task = await super().create_task(request, task_id=task_id)
        if len(task.metadata_json) > 16_384 and task.updated_at == task.created_at:
            self.later[task.task_id] = request
        return task

    async def get_task(self, task_id):
        self.write()
        return await super().get_task(task_id)

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        self.write()
        return await super().list_tasks(status, limit, offset, after=after)

    async def update_task_status(self, *fields, **more):
        self.write()
        return await super().update_task_status(*fields, **more)

    async def cancel_task(self, task_id):
        self.write()
        return await super().cancel_task(task_id)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            config = {"scenes": ["x" * 200 for _ in range(100)], "fps": 25}
            task = await store.create_task(request(config=config))
            config["fps"] = 50
            assert (await store.get_task(task.task_id)).metadata["config"]["fps"] == 25


@ENTRIES.fault("mixed-numbers-become-floats", "VAL-01", base="memory")
class MixedNumbersBecomeFloats(Wrapped):
    """In a list of a config that holds integers and floats the integers come back as floats."""

    def mixed(self, value: Any) -> Any:
        if type(value) is dict:
            return {key: self.mixed(item) for key, item in value.items()}
        if type(value) is not list:
            return value
        items = [self.mixed(item) for item in value]
        is_mixed = {*map(type, items)} == {int, float}
        return [float(item) if abs(item) < 2**53 else item for item in items] if is_mixed else items

    async def create_task(self, request, *, task_id=None):
        self.store._check_open()
        check_request(request)
        if request.config is not None:
            request = request.model_copy(update={"config": self.mixed(request.config)})
        return await super().create_task(request, task_id=task_id)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request(config={"cuts": [0, 2.5, 7], "sizes": [1, 2]}))
            cuts = (await store.get_task(task.task_id)).metadata["config"]["cuts"]
            assert [*map(type, cuts)] == [int, float, int]


@ENTRIES.fault("only-another-status-renews", "EXP-03", "EXP-01", base="memory-expiring")
class OnlyAnotherStatusRenews(Wrapped):
    """An update that leaves the status as it is, and changes progress or step, does not renew the lifetime."""

    async def update_task_status(self, task_id, status, *fields, **more):
        old, store = self.held(task_id), self.store
        deadline = store._deadline_of.get(task_id) if old else None
        task = await super().update_task_status(task_id, status, *fields, **more)
        if old and deadline is not None and task.status is old.status:
            store._deadlines.remove((store._deadline_of[task_id], task_id))
            store._deadline_of[task_id] = deadline
            store._deadlines.add((deadline, task_id))
        return task

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await store.update_task_status(task.task_id, ANALYZING)
            scene.advance("a", timedelta(days=6))
            await store.update_task_status(task.task_id, ANALYZING, progress=50, current_step="still at it")
            scene.advance("a", timedelta(days=2))
            await store.get_task(task.task_id)


@ENTRIES.fault("restored-life-began-before", "MAINT-02", base="memory-expiring")
class RestoredLifeBeganBefore(Wrapped):
    """The lifetime of a restored task counts from its last change, not from the restoring."""

    async def restore(self, task):
        await super().restore(task)
        store, task_id = self.store, task.task_id
        store._deadlines.remove((store._deadline_of[task_id], task_id))
        deadline = microseconds(store._tasks[task_id].updated_at) // 1_000 + store._lifetime_ms
        store._deadline_of[task_id] = deadline
        store._deadlines.add((deadline, task_id))

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as source, scene.open("b") as store:
            task = await source.create_task(request())
            past = task.created_at - timedelta(days=3)
            await store.restore(changed(task, created_at=past, updated_at=past))
            scene.advance("b", timedelta(days=5))
            assert (await store.get_task(task.task_id)).created_at == past


@ENTRIES.fault("ids-are-unquoted", "ID-03", base="memory")
class IdsAreUnquoted(Wrapped):
    """An id that is not found is taken for a part of a URL, and looked up again with its percent signs decoded."""

    async def found(self, operation: Callable[..., Awaitable[Task]], task_id: str, *fields: Any, **more: Any) -> Task:
        try:
            return await operation(task_id, *fields, **more)
        except TaskNotFound:
            with contextlib.suppress(TaskNotFound):
                return await operation(unquote(task_id), *fields, **more)
            raise

    async def get_task(self, task_id):
        return await self.found(super().get_task, task_id)

    async def update_task_status(self, task_id, *fields, **more):
        return await self.found(super().update_task_status, task_id, *fields, **more)

    async def cancel_task(self, task_id):
        return await self.found(super().cancel_task, task_id)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await raised(store.get_task(task.task_id.replace("_", "%5F")), TaskNotFound)


@ENTRIES.fault("used-id-inherits", "LIFE-01", base="memory")
class UsedIdInherits(Wrapped):
    """A task that is created under an id which was purged begins with the step and the result of the former one."""

    def prepare(self) -> None:
        self.former = {}

    async def update_task_status(self, *fields, **more):
        task = await super().update_task_status(*fields, **more)
        self.former[task.task_id] = task.current_step, task.result_url
        return task

    async def create_task(self, request, *, task_id=None):
        is_used = type(task_id) is str and task_id in self.former and self.held(task_id) is None
        task = await super().create_task(request, task_id=task_id)
        if is_used:
            step, url = self.former[task_id]
            task = self.store._tasks[task_id] = changed(task, current_step=step, result_url=url)
        return task

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            await store.create_task(request(), task_id="job-1")
            await store.update_task_status("job-1", COMPLETED, current_step="done", result_url="https://example.org/1")
            await store.purge(now() + timedelta(seconds=1))
            await store.create_task(request("other"), task_id="job-1")
            task = await store.get_task("job-1")
            assert (task.current_step, task.result_url) == ("", None)


@ENTRIES.fault("total-is-a-sum-over-time", "LIST-03", base="memory")
class TotalIsASumOverTime(Wrapped):
    """The total of all tasks is the sum of those of each status, counted one after the other while others write."""

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        if status is not None:
            return await super().list_tasks(status, limit, offset, after=after)
        page = await super().list_tasks(None, limit, offset, after=after)
        total = 0
        for one in TaskStatus:
            total += (await super().list_tasks(one, 0)).total
            await asyncio.sleep(0)
        return repaged(page, total=total)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            page, _ = await asyncio.gather(store.list_tasks(), store.update_task_status(task.task_id, COMPLETED))
            assert page.total == 1


@ENTRIES.fault("too-large-update-is-half-made", "LIFE-14", base="memory")
class TooLargeUpdateIsHalfMade(Wrapped):
    """Of an update that makes a task too large the status and the progress are saved before it is refused."""

    async def update_task_status(self, task_id, status, progress=None, *rest, **more):
        try:
            return await super().update_task_status(task_id, status, progress, *rest, **more)
        except InvalidArgument as refusal:
            if refusal.argument == "task" and (old := self.held(task_id)) and not old.status.is_final:
                await super().update_task_status(task_id, status, progress)
            raise

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request(config={"text": "x" * 700_000}))
            call = store.update_task_status(task.task_id, ANALYZING, progress=5, current_step="y" * 400_000)
            await raised(call, InvalidArgument)
            assert await store.get_task(task.task_id) == task


@ENTRIES.fault("final-status-is-guessed", "LIFE-10", base="memory")
class FinalStatusIsGuessed(Wrapped):
    """`TaskFinal` takes the status from other fields: failed with a message, completed at 100, and else cancelled."""

    def guess(self, refusal: TaskFinal) -> TaskFinal:
        task = self.held(refusal.task_id)
        if task is None:
            return refusal
        guessed = FAILED if task.error_message else COMPLETED if task.progress == 100 else CANCELLED
        return TaskFinal(refusal.task_id, guessed)

    async def update_task_status(self, *fields, **more):
        try:
            return await super().update_task_status(*fields, **more)
        except TaskFinal as refusal:
            raise self.guess(refusal) from None

    async def cancel_task(self, task_id):
        try:
            return await super().cancel_task(task_id)
        except TaskFinal as refusal:
            raise self.guess(refusal) from None

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await store.update_task_status(task.task_id, FAILED, error_traceback="Traceback: ...")
            assert (await raised(store.cancel_task(task.task_id), TaskFinal)).status is FAILED


@ENTRIES.fault("reads-from-any-loop", "API-04", base="memory")
class ReadsFromAnyLoop(Wrapped):
    """A task can be read on an event loop that is not the store's; only listings and writes are refused."""

    async def get_task(self, task_id):
        if type(task_id) is not str or self.store._closed or self.store._loop is None:
            return await super().get_task(task_id)
        return self.store._live(task_id)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            met: list[BaseException | None] = []

            async def read() -> None:
                try:
                    await store.get_task(task.task_id)
                    met.append(None)
                except TaskStoreError as error:
                    met.append(error)

            thread = threading.Thread(target=lambda: asyncio.run(read()))
            thread.start()
            await asyncio.to_thread(thread.join)
            assert isinstance(met[0], StoreNotOpen)


@ENTRIES.fault("details-are-no-change", "LIFE-17", base="memory")
class DetailsAreNoChange(Wrapped):
    """An update that sets only a step or a URL, and neither status nor progress, leaves `updated_at` as it was."""

    async def update_task_status(
        self, task_id, status, progress=None, current_step=None, result_url=None, *rest, **more
    ):
        old = self.held(task_id)
        task = await super().update_task_status(task_id, status, progress, current_step, result_url, *rest, **more)
        has_details = current_step is not None or result_url is not None
        if old and old.status is task.status and not task.status.is_final and progress is None and has_details:
            task = self.store._tasks[task_id] = changed(task, updated_at=old.updated_at)
        return task

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await store.update_task_status(task.task_id, ANALYZING, progress=3)
            await asyncio.sleep(0.02)
            before = now() - timedelta(milliseconds=5)
            await store.update_task_status(task.task_id, ANALYZING, current_step="reading the titles")
            assert (await store.get_task(task.task_id)).updated_at >= before


@ENTRIES.fault("newer-task-replaces-on-restore", "ID-05", base="memory")
class NewerTaskReplacesOnRestore(Wrapped):
    """Restoring a task that was updated later than the stored one of its id replaces that."""

    async def restore(self, task):
        try:
            await super().restore(task)
        except TaskExists:
            known = self.held(task.task_id)
            if known is None or task.updated_at <= known.updated_at:
                raise
            self.store._remove(known)
            await super().restore(task)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as source, scene.open("b") as target:
            task = await source.create_task(request())
            await target.restore(task)
            await asyncio.sleep(0.001)
            newer = await source.update_task_status(task.task_id, ANALYZING, progress=70)
            await raised(target.restore(newer), TaskExists)
            assert await target.get_task(task.task_id) == task


@ENTRIES.fault("watchdogs-of-failed-calls-stay", "COST-05", base="memory")
class WatchdogsOfFailedCallsStay(Wrapped):
    """Each look-up and each write sets a timer against hanging, which stays for ten minutes if the call fails."""

    async def watched(self, call: Awaitable[Any]) -> Any:
        timer = asyncio.get_running_loop().call_later(600, lambda: None)
        result = await call
        timer.cancel()
        return result

    async def get_task(self, task_id):
        return await self.watched(super().get_task(task_id))

    async def update_task_status(self, *fields, **more):
        return await self.watched(super().update_task_status(*fields, **more))

    async def cancel_task(self, task_id):
        return await self.watched(super().cancel_task(task_id))

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            timers = asyncio.get_running_loop()._scheduled
            before = sum(not timer.cancelled() for timer in timers)
            for number in range(300):
                await raised(store.get_task(f"task_{number}"), TaskNotFound)
            assert sum(not timer.cancelled() for timer in timers) - before < 50


# Redis mode


@ENTRIES.fault("cursor-of-a-float", "LIST-13", "LIST-12", base="redis")
class CursorOfAFloat(Wrapped):
    """The microsecond in a cursor comes from a float of seconds, so it is one too low now and then."""

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        page = await super().list_tasks(status, limit, offset, after=after)
        if page.next is None:
            return page
        moment, _, task_id = page.next.partition(".")
        seconds, part = divmod((EPOCH + int(moment) * MICROSECOND).timestamp(), 1)
        return repaged(page, next=f"{int(seconds) * 1_000_000 + int(part * 1_000_000)}.{task_id}")

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            for _ in range(200):
                await store.create_task(request())
            after = None
            for _ in range(199):
                page = await store.list_tasks(limit=1, after=after)
                after = page.next
                assert after == f"{microseconds(page.tasks[0].created_at)}.{page.tasks[0].task_id}"


@ENTRIES.fault("later-pages-forget-the-filter", "LIST-03", "LIST-12", base="redis")
class LaterPagesForgetTheFilter(Wrapped):
    """A page behind a cursor is of all tasks, whatever status is given with the cursor."""

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        if status is not None and after is not None:
            self.store._check_open()
            check_status(status)
            status = None
        return await super().list_tasks(status, limit, offset, after=after)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            for number in range(6):
                task = await store.create_task(request())
                if number % 2:
                    await store.update_task_status(task.task_id, ANALYZING)
            found = await every_page(store, 2, ANALYZING)
            assert [task.status for task in found] == [ANALYZING] * 3


@ENTRIES.fault("result-window-of-10000", "LIST-04", base="redis")
class ResultWindowOf10000(Wrapped):
    """A page that ends behind the 10,000th place is refused, though limit and offset are within their bounds."""

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        self.store._check_open()
        check_page(limit, offset, after)
        if limit + offset > 10_000:
            raise InvalidArgument("offset", "and limit must not be more than 10,000 together")
        return await super().list_tasks(status, limit, offset, after=after)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            await store.create_task(request())
            page = await store.list_tasks(offset=9_951)
            assert (page.tasks, page.total) == ((), 1)


@ENTRIES.fault("first-unreadable-is-named", "FAIL-09", base="redis")
class FirstUnreadableIsNamed(Wrapped):
    """A listing names the first record that cannot be read, and leaves the others of the page out without a word."""

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        page = await super().list_tasks(status, limit, offset, after=after)
        return repaged(page, unreadable=page.unreadable[:1])

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            tasks = [await store.create_task(request()) for _ in range(4)]
            for task in tasks[1:3]:
                scene.inspector("a").overwrite(task.task_id, b'{"v":2}')
            page = await store.list_tasks()
            assert (len(page.tasks), len(page.unreadable)) == (2, 2)


@ENTRIES.fault("lost-task-is-healed", "ATOM-03", base="redis")
class LostTaskIsHealed(Wrapped):
    """An instance puts back a task that it wrote before, if the task is gone when it is written to again."""

    def prepare(self) -> None:
        self.known = {}

    def note(self, task: Task) -> Task:
        self.known[task.task_id] = task
        return task

    async def healed(self, task_id: str, make: Callable[[], Awaitable[Task]]) -> Task:
        try:
            return self.note(await make())
        except TaskNotFound:
            if task_id not in self.known:
                raise
            with contextlib.suppress(TaskExists):
                await self.store.restore(self.known[task_id])
            return self.note(await make())

    async def create_task(self, request, *, task_id=None):
        return self.note(await super().create_task(request, task_id=task_id))

    async def update_task_status(self, task_id, *fields, **more):
        return await self.healed(task_id, lambda: self.store.update_task_status(task_id, *fields, **more))

    async def cancel_task(self, task_id):
        return await self.healed(task_id, lambda: self.store.cancel_task(task_id))

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as one, scene.open("a") as other:
            task = await one.create_task(request())
            await one.cancel_task(task.task_id)
            await other.purge(now() + timedelta(seconds=5))
            await raised(one.cancel_task(task.task_id), TaskNotFound)
            await raised(other.get_task(task.task_id), TaskNotFound)


@ENTRIES.fault("progress-is-written-behind", "SHARE-01", "DUR-01", base="redis")
class ProgressIsWrittenBehind(Wrapped):
    """Updates of nothing but progress are held back until the task is written to again; others do not see them."""

    def prepare(self) -> None:
        self.status = {}
        self.held_back = {}

    def shown(self, task: Task) -> Task:
        self.status[task.task_id] = task.status
        kept = self.held_back.get(task.task_id)
        if kept is None or task.status is not kept[0]:
            return task
        return changed(task, progress=kept[1], updated_at=max(task.updated_at, kept[2]))

    async def get_task(self, task_id):
        return self.shown(await super().get_task(task_id))

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        page = await super().list_tasks(status, limit, offset, after=after)
        return repaged(page, tasks=tuple(map(self.shown, page.tasks)))

    async def update_task_status(self, task_id, status, progress=None, *rest, **more):
        self.store._check_open()
        change = check_change(status, progress, *rest, **more)
        only_progress = set(change.given()) == {"status", "progress"}
        known = self.status.get(task_id) if type(task_id) is str else None
        if only_progress and known is change.status and not known.is_final:
            task = await super().get_task(task_id)
            if task.status is known:
                self.held_back[task_id] = known, change.progress, now()
                return self.shown(task)
        kept = self.held_back.get(task_id) if type(task_id) is str else None
        if kept and progress is None and not change.status.is_final:
            progress = kept[1]
        task = await super().update_task_status(task_id, status, progress, *rest, **more)
        self.held_back.pop(task_id, None)
        return self.shown(task)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as one, scene.open("a") as other:
            task = await one.create_task(request())
            await one.update_task_status(task.task_id, ANALYZING, current_step="first")
            await one.update_task_status(task.task_id, ANALYZING, progress=30)
            assert (await other.get_task(task.task_id)).progress == 30


@ENTRIES.fault("late-cancel-is-forgiven", "ATOM-02", "LIFE-10", base="redis")
class LateCancelIsForgiven(Wrapped):
    """A cancel that meets a final task is a success, if this instance last saw the task when it was not final."""

    def prepare(self) -> None:
        self.status = {}

    def note(self, task: Task) -> Task:
        self.status[task.task_id] = task.status
        return task

    async def create_task(self, request, *, task_id=None):
        return self.note(await super().create_task(request, task_id=task_id))

    async def get_task(self, task_id):
        return self.note(await super().get_task(task_id))

    async def update_task_status(self, *fields, **more):
        return self.note(await super().update_task_status(*fields, **more))

    async def cancel_task(self, task_id):
        last = self.status.get(task_id, CANCELLED) if type(task_id) is str else CANCELLED
        try:
            return self.note(await super().cancel_task(task_id))
        except TaskFinal:
            if last.is_final:
                raise
            return self.note(await super().get_task(task_id))

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            calls = store.update_task_status(task.task_id, COMPLETED), store.cancel_task(task.task_id)
            ends = await asyncio.gather(*calls, return_exceptions=True)
            assert sorted(isinstance(end, TaskFinal) for end in ends) == [False, True]


@ENTRIES.fault("cancelled-call-keeps-its-lock", "ATOM-06", base="redis")
class CancelledCallKeepsItsLock(Wrapped):
    """A write that is cancelled while it waits for the reply leaves the task locked in this instance, for ever."""

    def prepare(self) -> None:
        self.locks = {}

    async def locked(self, task_id: object, make: Callable[[], Awaitable[Task]]) -> Task:
        self.store._check_open()
        lock = self.locks.setdefault(str(task_id), asyncio.Lock())
        await lock.acquire()
        try:
            task = await make()
        except Exception:
            lock.release()
            raise
        lock.release()
        return task

    async def update_task_status(self, task_id, *fields, **more):
        return await self.locked(task_id, lambda: self.store.update_task_status(task_id, *fields, **more))

    async def cancel_task(self, task_id):
        return await self.locked(task_id, lambda: self.store.cancel_task(task_id))

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            call = asyncio.create_task(store.update_task_status(task.task_id, ANALYZING))
            await asyncio.sleep(0)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            async with asyncio.timeout(3):
                await store.update_task_status(task.task_id, ANALYZING, progress=9)


@ENTRIES.fault("same-listings-share-a-fate", "ATOM-06", base="redis")
class SameListingsShareAFate(Wrapped):
    """Equal listings at the same time are one request, and if its first caller is cancelled they all are."""

    def prepare(self) -> None:
        self.flights = {}

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        self.store._check_open()
        check_page(limit, offset, after)
        key = None if status is None else check_status(status), limit, offset, after
        if key in self.flights:
            return await asyncio.shield(self.flights[key])
        flight = self.flights[key] = asyncio.get_running_loop().create_future()
        try:
            page = await super().list_tasks(status, limit, offset, after=after)
        except asyncio.CancelledError:
            flight.cancel()
            raise
        except BaseException as error:
            flight.set_exception(error)
            flight.exception()
            raise
        else:
            flight.set_result(page)
            return page
        finally:
            del self.flights[key]

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            await store.create_task(request())
            first, second = (asyncio.create_task(store.list_tasks()) for _ in range(2))
            await asyncio.sleep(0)
            first.cancel()
            ends = await asyncio.gather(first, second, return_exceptions=True)
            assert isinstance(ends[1], TaskPage)


@ENTRIES.fault("last-update-of-a-turn-wins", "ATOM-01", "LIFE-04", base="redis")
class LastUpdateOfATurnWins(Wrapped):
    """Of the updates of one task to one status that come in the same turn of the loop only the last is sent."""

    def prepare(self) -> None:
        self.waiting = {}

    async def send(self, key: tuple[str, TaskStatus]) -> Task:
        await asyncio.sleep(0)
        fields, more, _ = self.waiting.pop(key)
        return await self.store.update_task_status(*fields, **more)

    async def update_task_status(self, task_id, status, *fields, **more):
        self.store._check_open()
        change = check_change(status, *fields, **more)
        if type(task_id) is not str or change.status.is_final:
            return await super().update_task_status(task_id, status, *fields, **more)
        key = task_id, change.status
        sending = self.waiting[key][2] if key in self.waiting else asyncio.create_task(self.send(key))
        self.waiting[key] = (task_id, status, *fields), more, sending
        return await asyncio.shield(sending)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await asyncio.gather(
                store.update_task_status(task.task_id, ANALYZING, current_step="cutting"),
                store.update_task_status(task.task_id, ANALYZING, progress=20),
            )
            task = await store.get_task(task.task_id)
            assert (task.current_step, task.progress) == ("cutting", 20)


@ENTRIES.fault("ids-from-the-same-seed", "ID-01", "ID-02", "ATOM-01", base="redis")
class IdsFromTheSameSeed(Wrapped):
    """Ids come from a generator whose seed is the prefix, so each instance makes the same ones in the same order."""

    def prepare(self) -> None:
        self.random = random.Random(self.store.base)

    async def create_task(self, request, *, task_id=None):
        if task_id is None:
            task_id = f"task_{self.random.getrandbits(128):032x}"
        return await super().create_task(request, task_id=task_id)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            first = await store.create_task(request())
        async with scene.open("a") as store:
            second = await store.create_task(request())
            assert first.task_id != second.task_id
            assert (await store.list_tasks()).total == 2


@ENTRIES.fault("long-traceback-is-packed", "SHARE-03", base="redis")
class LongTracebackIsPacked(Wrapped):
    """A traceback of more than 2 KiB is stored packed, in a form that only this store can read."""

    MARK = "zlib:"

    def unpacked(self, task: Task) -> Task:
        text = task.error_traceback or ""
        if text.startswith(self.MARK):
            with contextlib.suppress(ValueError, zlib.error):
                plain = zlib.decompress(b64decode(text[len(self.MARK) :], validate=True)).decode()
                return changed(task, error_traceback=plain)
        return task

    async def create_task(self, request, *, task_id=None):
        return self.unpacked(await super().create_task(request, task_id=task_id))

    async def get_task(self, task_id):
        return self.unpacked(await super().get_task(task_id))

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        page = await super().list_tasks(status, limit, offset, after=after)
        return repaged(page, tasks=tuple(map(self.unpacked, page.tasks)))

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
        self.store._check_open()
        check_change(status, progress, current_step, result_url, error_message, error_traceback)
        if error_traceback is not None and len(error_traceback) > 2_048:
            error_traceback = self.MARK + b64encode(zlib.compress(error_traceback.encode())).decode()
        fields = status, progress, current_step, result_url, error_message, error_traceback
        return self.unpacked(await super().update_task_status(task_id, *fields))

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            text = "\n".join(f'  File "cut.py", line {number}, in cut' for number in range(200))
            task = await store.update_task_status(task.task_id, FAILED, error_message="no", error_traceback=text)
            assert task.error_traceback == text
            assert json.loads(scene.inspector("a").raw(task.task_id))["error_traceback"] == text


@ENTRIES.fault("known-requests-are-of-the-class", "LIST-10", base="redis")
class KnownRequestsAreOfTheClass(Wrapped):
    """What was created under a caller's id is kept in an attribute of the class, so namespaces share it."""

    known: ClassVar[dict[str, tuple[str, Any, Task]]] = {}

    async def create_task(self, request, *, task_id=None):
        if type(task_id) is not str:
            return await super().create_task(request, task_id=task_id)
        self.store._check_open()
        asked = check_request(request)
        place, known, task = self.known.get(task_id, ("", None, None))
        if known == asked and place != self.store.base:
            return task
        task = await super().create_task(request, task_id=task_id)
        self.known[task_id] = self.store.base, asked, task
        return task

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as one, scene.open("b") as other:
            await one.create_task(request("shared"), task_id="job-1")
            task = await other.create_task(request("shared"), task_id="job-1")
            assert (await other.list_tasks()).tasks == (task,)


def scripted(store: Any, script: Script, *replacements: tuple[str, str]) -> None:
    """Let a store run a script whose text is changed."""
    text = script.text
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    other = Script(text, sha1(text.encode()).hexdigest(), script.writes)
    run = store._run

    async def run_other(asked: Script, *arguments: Any, **more: Any) -> Any:
        return await run(other if asked is script else asked, *arguments, **more)

    store._run = run_other


@ENTRIES.fault("sweep-forgets-an-index", "EXP-04", base="redis")
class SweepForgetsAnIndex(Wrapped):
    """The sweep of a listing leaves expired tasks in the index of final tasks."""

    def prepare(self) -> None:
        each = "for _, index in ipairs(indexes()) do redis.call('ZREM', index, unpack(ids)) end"
        scripted(self.store, LIST, (each, each.replace("do redis", "do if index ~= FINISHED then redis") + " end"))

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await store.update_task_status(task.task_id, COMPLETED)
            scene.advance("a", timedelta(days=7, seconds=1))
            assert (await store.list_tasks()).total == 0
            assert not scene.inspector("a").mentions(task.task_id)


@ENTRIES.fault("restore-makes-an-index-eternal", "EXP-08", base="redis")
class RestoreMakesAnIndexEternal(Wrapped):
    """After a restore the index of all tasks has no time to live, so it is left over if nobody writes again."""

    def prepare(self) -> None:
        old = "return keep(id, '{"
        new = (
            "local function kept(...) local said = keep(...) "
            "if created_us ~= now_us then redis.call('PERSIST', CREATED) end return said end\n"
        )
        scripted(self.store, INSERT, (old, f"{new}return kept(id, '{{"))

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as source, scene.open("b") as target:
            task = await source.create_task(request())
            await target.restore(task)
        scene.advance("b", timedelta(days=7, seconds=1))
        scene.advance("b", timedelta(days=7, seconds=1))
        assert scene.inspector("b").keys() == set()


@ENTRIES.fault("filtered-page-is-read-again", "COST-02", base="redis")
class FilteredPageIsReadAgain(Wrapped):
    """Each task of a page with a status is read once more, so that it is as fresh as can be."""

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        page = await super().list_tasks(status, limit, offset, after=after)
        if status is None:
            return page
        tasks = []
        for task in page.tasks:
            with contextlib.suppress(TaskNotFound, RecordUnreadable):
                tasks.append(await self.store.get_task(task.task_id))
        return repaged(page, tasks=tuple(tasks))

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            for _ in range(10):
                await store.create_task(request())
            before = scene.inspector("a").requests()
            await store.list_tasks(PENDING)
            assert scene.inspector("a").requests() - before < 6


@ENTRIES.fault("error-ends-at-an-emoji", "VAL-09", "LIFE-05", base="redis")
class ErrorEndsAtAnEmoji(Wrapped):
    """An error message ends before its first character that takes four bytes in UTF-8."""

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
        if type(error_message) is str:
            at = next((at for at, character in enumerate(error_message) if character > "\uffff"), None)
            error_message = error_message[:at]
        fields = status, progress, current_step, result_url, error_message, error_traceback
        return await super().update_task_status(task_id, *fields)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await store.update_task_status(task.task_id, FAILED, error_message="clip 🎬 has no sound")
            assert (await store.get_task(task.task_id)).error_message == "clip 🎬 has no sound"


@ENTRIES.fault("ties-turn-round-in-a-filter", "LIST-01", base="redis")
class TiesTurnRoundInAFilter(Wrapped):
    """On a page of one status, tasks of the same microsecond are in ascending order of their ids."""

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        page = await super().list_tasks(status, limit, offset, after=after)
        if status is None:
            return page
        tasks = sorted(page.tasks, key=lambda task: task.task_id)
        tasks.sort(key=lambda task: task.created_at, reverse=True)
        return repaged(page, tasks=tuple(tasks))

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as source, scene.open("b") as store:
            task = await source.create_task(request())
            for name in ("job-1", "job-2", "job-3"):
                await store.restore(changed(task, task_id=name))
            page = await store.list_tasks(PENDING)
            assert [task.task_id for task in page.tasks] == ["job-3", "job-2", "job-1"]


@ENTRIES.fault("first-answer-is-repeated", "ID-06", "SHARE-01", base="redis")
class FirstAnswerIsRepeated(Wrapped):
    """A repeated creation gets the answer that the first one got, whatever the task has become."""

    async def create_task(self, request, *, task_id=None):
        task = await super().create_task(request, task_id=task_id)
        answers = self.place.state.setdefault("answers", {})
        known = answers.get(task.task_id)
        if known is not None and known.created_at == task.created_at:
            return known
        if task.updated_at == task.created_at:
            answers[task.task_id] = task
        return task

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            await store.create_task(request(), task_id="job-1")
            task = await store.update_task_status("job-1", ANALYZING, progress=60)
            assert await store.create_task(request(), task_id="job-1") == task


@ENTRIES.fault("closed-store-knows-the-last-state", "API-03", base="redis")
class ClosedStoreKnowsTheLastState(Wrapped):
    """After closing, a task that this instance wrote can still be looked up, as it was after its last write here."""

    def prepare(self) -> None:
        self.is_closed = False
        self.last = OrderedDict()

    def note(self, task: Task) -> Task:
        self.last[task.task_id] = task
        while len(self.last) > 1_000:
            self.last.popitem(last=False)
        return task

    async def create_task(self, request, *, task_id=None):
        return self.note(await super().create_task(request, task_id=task_id))

    async def update_task_status(self, *fields, **more):
        return self.note(await super().update_task_status(*fields, **more))

    async def cancel_task(self, task_id):
        return self.note(await super().cancel_task(task_id))

    async def get_task(self, task_id):
        if self.is_closed and type(task_id) is str and task_id in self.last:
            return self.last[task_id]
        return await super().get_task(task_id)

    async def aclose(self) -> None:
        self.is_closed = True
        await super().aclose()

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await store.aclose()
            await raised(store.get_task(task.task_id), StoreNotOpen)


# Right variants


class NoSuchTask(TaskNotFound):
    """A text of its own."""

    def __str__(self) -> str:
        return f"nothing here is called {self.task_id[:20]!r}"


class TaskIsOver(TaskFinal):
    """A text of its own."""

    def __str__(self) -> str:
        return f"{self.task_id[:20]!r} is over: {self.status.value}"


@ENTRIES.variant(
    "words-of-its-own",
    "SPEC.md names the class of an exception and the facts that it states, and these are of a subclass and state them.",
    base="memory",
)
class WordsOfItsOwn(Wrapped):
    """What is not found, or final, raises a subclass with another text."""

    async def worded(self, call: Awaitable[Task]) -> Task:
        try:
            return await call
        except TaskNotFound as error:
            raise NoSuchTask(error.task_id) from None
        except TaskFinal as error:
            raise TaskIsOver(error.task_id, error.status) from None

    async def get_task(self, task_id):
        return await self.worded(super().get_task(task_id))

    async def update_task_status(self, *fields, **more):
        return await self.worded(super().update_task_status(*fields, **more))

    async def cancel_task(self, task_id):
        return await self.worded(super().cancel_task(task_id))

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            await raised(store.get_task("task_x"), TaskNotFound)
            task = await store.create_task(request())
            await store.cancel_task(task.task_id)
            error = await raised(store.update_task_status(task.task_id, COMPLETED), TaskFinal)
            assert error.status is CANCELLED


@ENTRIES.variant("longer-ids", "ID-02 asks for at least 32 random hexadecimal digits, and these are 56.", base="redis")
class LongerIds(Wrapped):
    """A new id has 56 digits."""

    async def create_task(self, request, *, task_id=None):
        return await super().create_task(
            request, task_id=f"task_{secrets.token_hex(28)}" if task_id is None else task_id
        )

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            assert len(task.task_id) >= 37
            assert await store.get_task(task.task_id) == task


@ENTRIES.variant("upper-case-ids", "ID-02 asks for hexadecimal digits, and A to F are such as well as a to f.", base="memory")
class UpperCaseIds(Wrapped):
    """The digits of a new id are in capitals."""

    async def create_task(self, request, *, task_id=None):
        new = f"task_{secrets.token_hex(16).upper()}"
        return await super().create_task(request, task_id=new if task_id is None else task_id)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            int(task.task_id.removeprefix("task_"), 16)
            assert await store.get_task(task.task_id) == task


@ENTRIES.variant(
    "clock-of-milliseconds",
    "No requirement says how fine a timestamp is, and LIST-01 decides what comes first where two are equal.",
    base="memory",
)
class ClockOfMilliseconds(Wrapped):
    """All times are whole milliseconds."""

    def prepare(self) -> None:
        clock = self.store._clock
        self.store._clock = lambda: clock() // 1_000_000 * 1_000_000

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            for _ in range(50):
                await store.create_task(request())
            tasks = (await store.list_tasks()).tasks
            places = [(task.created_at, task.task_id) for task in tasks]
            assert places == sorted(places, reverse=True)


@ENTRIES.variant("answers-late", "No requirement says how fast an answer is; the effect is there before it.", base="redis")
class AnswersLate(Wrapped):
    """Each write is answered two milliseconds after it took effect, and each read as much later."""

    async def late(self, call: Awaitable[Any]) -> Any:
        try:
            return await call
        finally:
            await asyncio.sleep(0.002)

    async def create_task(self, request, *, task_id=None):
        return await self.late(super().create_task(request, task_id=task_id))

    async def get_task(self, task_id):
        return await self.late(super().get_task(task_id))

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        return await self.late(super().list_tasks(status, limit, offset, after=after))

    async def update_task_status(self, *fields, **more):
        return await self.late(super().update_task_status(*fields, **more))

    async def cancel_task(self, task_id):
        return await self.late(super().cancel_task(task_id))

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            assert (await store.list_tasks()).tasks == (task,)


@ENTRIES.variant(
    "revision-rises-by-two",
    "SHARE-03 asks for JSON with every field of the task; no requirement speaks of the revision.",
    base="redis",
)
class RevisionRisesByTwo(Wrapped):
    """Each update adds two to the revision in the record."""

    def prepare(self) -> None:
        scripted(self.store, UPDATE, ("(revision + 1)", "(revision + 2)"))

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            task = await store.update_task_status(task.task_id, ANALYZING, progress=1)
            assert await store.get_task(task.task_id) == task
            assert json.loads(scene.inspector("a").raw(task.task_id))["progress"] == 1


class LongerPage(TaskPage):
    """A page that can be counted and walked over."""

    def __len__(self) -> int:
        return len(self.tasks)

    @property
    def pages(self) -> int:
        """How many pages of this length there are."""
        return -(-self.total // self.limit) if self.limit else 0


@ENTRIES.variant(
    "page-with-more-to-it",
    "A page of a subclass states all that LIST-03, LIST-04, LIST-09 and LIST-12 ask of it, and its length besides.",
    base="memory",
)
class PageWithMoreToIt(Wrapped):
    """A listing returns a subclass of `TaskPage`, which is false where a page is empty, as a list is."""

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        page = await super().list_tasks(status, limit, offset, after=after)
        return LongerPage.model_construct(**vars(page))

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            for _ in range(3):
                await store.create_task(request())
            page = await store.list_tasks(limit=2)
            assert isinstance(page, TaskPage)
            assert (len(page.tasks), page.total, page.limit) == (2, 3, 2)


@ENTRIES.variant(
    "completed-before-it-is-written",
    "LIFE-05 asks for `completed_at`, and LIFE-17 that it never goes back; neither says that it equals `updated_at`.",
    base="memory",
)
class CompletedBeforeItIsWritten(Wrapped):
    """A task is completed when the call begins, and updated three microseconds later, when it is written."""

    def earlier(self, old: Task | None, task: Task) -> Task:
        if old is None or old.status.is_final or not task.status.is_final:
            return task
        completed = max(old.updated_at, task.updated_at - 3 * MICROSECOND)
        self.store._finished.remove((task.completed_at, task.task_id))
        self.store._finished.add((completed, task.task_id))
        task = self.store._tasks[task.task_id] = changed(task, completed_at=completed)
        return task

    async def update_task_status(self, task_id, *fields, **more):
        return self.earlier(self.held(task_id), await super().update_task_status(task_id, *fields, **more))

    async def cancel_task(self, task_id):
        return self.earlier(self.held(task_id), await super().cancel_task(task_id))

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await asyncio.sleep(0.001)
            task = await store.update_task_status(task.task_id, COMPLETED)
            assert task.created_at <= task.completed_at <= task.updated_at
            assert await store.get_task(task.task_id) == task
            await store.purge(task.completed_at)
            assert await store.get_task(task.task_id) == task
            await store.purge(task.completed_at + MICROSECOND)
            await raised(store.get_task(task.task_id), TaskNotFound)


@ENTRIES.variant(
    "config-in-order-of-keys",
    "VAL-01 asks for a config that is equal in value and type, and the order of keys is no part of that.",
    base="memory",
)
class ConfigInOrderOfKeys(Wrapped):
    """A config comes back with its keys in alphabetical order."""

    async def create_task(self, request, *, task_id=None):
        task = await super().create_task(request, task_id=task_id)
        text = json.dumps(json.loads(task.metadata_json), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        if text != task.metadata_json:
            task = self.store._tasks[task.task_id] = changed(task, metadata_json=text)
        return task

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            config = {"b": 1, "a": {"z": 1.5, "c": None}}
            task = await store.create_task(request(config=config))
            assert (await store.get_task(task.task_id)).metadata["config"] == config


@ENTRIES.variant(
    "reads-remove-what-is-due",
    "EXP-04 and EXP-08 say when expired tasks are out of storage at the latest, not that reads leave them there.",
    base="memory-expiring",
)
class ReadsRemoveWhatIsDue(Wrapped):
    """A look-up removes every task whose lifetime has ended."""

    async def get_task(self, task_id):
        self.store._check_open()
        while self.store._sweep(1_000):
            pass
        return await super().get_task(task_id)

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            scene.advance("a", timedelta(days=7, seconds=1))
            await raised(store.get_task(task.task_id), TaskNotFound)
            await store.create_task(request())


@ENTRIES.variant(
    "utc-from-the-zone-database",
    "VAL-10 asks for aware timestamps in UTC, not for one object that stands for UTC.",
    base="memory",
)
class UtcFromTheZoneDatabase(Wrapped):
    """The zone of every timestamp is `ZoneInfo("UTC")`."""

    def zoned(self, task: Task) -> Task:
        zone = ZoneInfo("UTC")
        names = ("created_at", "updated_at", "completed_at")
        moments = {name: getattr(task, name) for name in names}
        return changed(task, **{name: moment and moment.astimezone(zone) for name, moment in moments.items()})

    async def create_task(self, request, *, task_id=None):
        return self.zoned(await super().create_task(request, task_id=task_id))

    async def get_task(self, task_id):
        return self.zoned(await super().get_task(task_id))

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        page = await super().list_tasks(status, limit, offset, after=after)
        return repaged(page, tasks=tuple(map(self.zoned, page.tasks)))

    async def update_task_status(self, *fields, **more):
        return self.zoned(await super().update_task_status(*fields, **more))

    async def cancel_task(self, task_id):
        return self.zoned(await super().cancel_task(task_id))

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            assert task.created_at.utcoffset() == timedelta(0)
            assert task.created_at.tzname() == "UTC"
            assert task.created_at >= EPOCH
            assert await store.get_task(task.task_id) == task


@ENTRIES.variant(
    "reads-have-a-connection-of-their-own",
    "COST-05 forbids connections that grow with the calls, and two do not; SHARE-01 holds between connections as well.",
    base="redis",
)
class ReadsHaveAConnectionOfTheirOwn(Wrapped):
    """Reads go over a second connection, so that they do not wait behind writes."""

    def prepare(self) -> None:
        place = self.store.server.address
        url = place.replace("unix:", "unix://", 1) if place.startswith("unix:") else f"redis://{place}"
        prefix = self.store.base.removeprefix("{").rpartition(":")[0]
        lifetime = timedelta(milliseconds=self.store._lifetime_ms)
        self.reader = RedisTaskStore(connect(url), prefix=prefix, lifetime=lifetime)

    async def get_task(self, task_id):
        self.store._check_open()
        return await self.reader.get_task(task_id)

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        self.store._check_open()
        return await self.reader.list_tasks(status, limit, offset, after=after)

    async def aclose(self) -> None:
        await self.reader.aclose()
        await super().aclose()

    @staticmethod
    async def shows(scene):
        async with scene.open("a") as store:
            task = await store.create_task(request())
            assert await store.get_task(task.task_id) == task
            assert (await store.list_tasks()).tasks == (task,)
