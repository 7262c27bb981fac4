"""Forty stores that are wrong on purpose, each in one way, and ten that are unusual and right."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import random
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from typing import Any

from taskstore import (
    MAX_BYTES,
    InvalidArgument,
    StoreUnavailable,
    Task,
    TaskCreateRequest,
    TaskExists,
    TaskFinal,
    TaskNotFound,
    TaskStatus,
    TaskStoreError,
    FailureKind,
)
from taskstore.arguments import check_change, check_moment, check_page, check_request
from taskstore.json_text import write
from taskstore.values import trusted

Opener = Any
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIELDS = ("progress", "current_step", "result_url", "error_message", "error_traceback")
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


@dataclass(frozen=True)
class Place:
    """One namespace, given by the runner."""

    now: Callable[[], int]
    state: dict


@dataclass(frozen=True)
class Fault:
    name: str
    requirement: str
    base: str
    text: str
    wrap: Callable[[Any, Place], Any]
    shows: Callable[[Opener], Awaitable[bool]] | None


class Proxy:
    """Passes everything on. A subclass changes `update` (the fields of an update as a dictionary) or an operation."""

    def __init__(self, inner: Any, place: Place) -> None:
        self._inner, self._place = inner, place
        self.setup()

    def setup(self) -> None: ...

    def __getattr__(self, name: str) -> Any:
        if name in ("_inner", "_place"):
            raise AttributeError(name)
        return getattr(self._inner, name)

    async def create_task(self, request: Any, *, task_id: Any = None) -> Any:
        return await self._inner.create_task(request, task_id=task_id)

    async def get_task(self, task_id: Any) -> Any:
        return await self._inner.get_task(task_id)

    async def list_tasks(self, status: Any = None, limit: Any = 50, offset: Any = 0, *, after: Any = None) -> Any:
        return await self._inner.list_tasks(status, limit, offset, after=after)

    async def update_task_status(
        self,
        task_id: Any,
        status: Any,
        progress: Any = None,
        current_step: Any = None,
        result_url: Any = None,
        error_message: Any = None,
        error_traceback: Any = None,
    ) -> Any:
        values = progress, current_step, result_url, error_message, error_traceback
        return await self.update(task_id, status, dict(zip(FIELDS, values, strict=True)))

    async def update(self, task_id: Any, status: Any, given: dict) -> Any:
        return await self._inner.update_task_status(task_id, status, **given)

    async def cancel_task(self, task_id: Any) -> Any:
        return await self._inner.cancel_task(task_id)

    async def purge(self, before: Any) -> Any:
        return await self._inner.purge(before)

    async def restore(self, task: Any) -> None:
        await self._inner.restore(task)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class View(Proxy):
    """Shows every task otherwise than it is kept."""

    def view(self, task: Task) -> Task:
        return task

    async def create_task(self, request, *, task_id=None):
        return self.view(await super().create_task(request, task_id=task_id))

    async def get_task(self, task_id):
        return self.view(await super().get_task(task_id))

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        page = await super().list_tasks(status, limit, offset, after=after)
        return page.model_copy(update={"tasks": tuple(map(self.view, page.tasks))})

    async def update(self, task_id, status, given):
        return self.view(await super().update(task_id, status, given))

    async def cancel_task(self, task_id):
        return self.view(await super().cancel_task(task_id))


# Help for the memory store

def rewrite(memory: Any, task_id: str, **fields: Any) -> Task:
    """Overwrite fields of a stored task, whatever its status; its deadline stays."""
    old = memory._tasks[task_id]
    new = trusted(Task, {**vars(old), **fields})
    memory._created_by_status[old.status].remove((old.created_at, task_id))
    memory._created.remove((old.created_at, task_id))
    if old.completed_at is not None:
        memory._finished.remove((old.completed_at, task_id))
    memory._created_by_status[new.status].add((new.created_at, task_id))
    memory._created.add((new.created_at, task_id))
    if new.completed_at is not None:
        memory._finished.add((new.completed_at, task_id))
    memory._tasks[task_id] = new
    return new


def live(memory: Any, task_id: Any) -> Task | None:
    task = memory._tasks.get(task_id) if type(task_id) is str else None
    return None if task is None or memory._is_due(task_id) else task


def set_deadline(memory: Any, task_id: str, deadline: int) -> None:
    memory._deadlines.remove((memory._deadline_of[task_id], task_id))
    memory._deadline_of[task_id] = deadline
    memory._deadlines.add((deadline, task_id))


def ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def is_valid(status: Any, given: dict) -> bool:
    try:
        check_change(status, **given)
    except InvalidArgument:
        return False
    return True


# Help for `shows`

def request(name: str = "v", **more: Any) -> TaskCreateRequest:
    return TaskCreateRequest(video_ids=(name,), **more)


def made(task_id: str, created: datetime, **more: Any) -> Task:
    fields = {"task_id": task_id, "status": "pending", "progress": 0.0, "current_step": "", "video_ids": ("v",)}
    times = {"created_at": created, "updated_at": created}
    return Task(**(fields | {"metadata": {"webhook_url": None, "config": None}} | times | more))


async def is_there(store: Any, task_id: str) -> bool:
    try:
        await store.get_task(task_id)
    except TaskNotFound:
        return False
    return True


async def raised(call: Awaitable[Any]) -> TaskStoreError | None:
    try:
        await call
    except TaskStoreError as error:
        return error
    return None


async def later(opener: Opener, by: timedelta) -> None:
    """Let time pass, whether `advance` is a coroutine function or not."""
    if inspect.isawaitable(done := opener.advance(by)):
        await done


async def row(store: Any, opener: Opener, names: Any) -> list[Task]:
    """Tasks created one after another, a moment apart."""
    tasks = []
    for name in names:
        tasks.append(await store.create_task(request(name), task_id=name))
        await later(opener, timedelta(milliseconds=2))
    return tasks


FAULTS: list[Fault] = []
VARIANTS: list[Fault] = []


def fault(requirement: str, base: str, text: str) -> Any:
    """Enters a class as a fault: its docstring is not needed, its static method `shows` is the proof."""

    def enter(kind: Any) -> Any:
        name = "".join(f"-{c.lower()}" if c.isupper() else c for c in kind.__name__).strip("-")
        FAULTS.append(Fault(name, requirement, base, text, kind, with_store(kind.shows)))
        return kind

    return enter


def variant(base: str, text: str) -> Any:
    def enter(kind: Any) -> Any:
        name = "".join(f"-{c.lower()}" if c.isupper() else c for c in kind.__name__).strip("-")
        VARIANTS.append(Fault(name, "", base, text, kind, None))
        return kind

    return enter


def with_store(shows: Any) -> Any:
    @functools.wraps(shows)
    async def run(opener: Opener) -> bool:
        async with opener.open() as store:
            return bool(await shows(store, opener))

    return run


# Values

@fault("VAL-02", "memory", "One object per id, as in an ORM session: every read and write refreshes the task that was "
       "returned first, so a task that somebody still holds changes under their hands.")
class IdentityMap(Proxy):
    def setup(self):
        self._known = {}

    def _same(self, task):
        known = self._known.setdefault(task.task_id, task)
        if known is task:
            known = self._known[task.task_id] = task.model_copy()
        known.__dict__.update(task.__dict__)
        return known

    async def create_task(self, request, *, task_id=None):
        return self._same(await super().create_task(request, task_id=task_id))

    async def get_task(self, task_id):
        return self._same(await super().get_task(task_id))

    async def update(self, task_id, status, given):
        return self._same(await super().update(task_id, status, given))

    async def cancel_task(self, task_id):
        return self._same(await super().cancel_task(task_id))

    @staticmethod
    async def shows(store, opener):
        task = await store.create_task(request())
        await store.update_task_status(task.task_id, TaskStatus.CLIPPING)
        return task.status is not TaskStatus.PENDING


@fault("VAL-06", "memory", "An update measures its texts as ASCII JSON (\\uXXXX is six bytes for a character of three), so "
       "600 KB of Chinese are refused as too large.")
class SizeOfEscapedText(Proxy):
    async def update(self, task_id, status, given):
        size = sum(len(json.dumps(text)) for text in given.values() if type(text) is str)
        if is_valid(status, given) and size > MAX_BYTES:
            raise InvalidArgument("task", f"would hold {size:,} bytes of JSON, more than {MAX_BYTES:,}")
        return await super().update(task_id, status, given)

    @staticmethod
    async def shows(store, opener):
        task = await store.create_task(request())
        change = store.update_task_status(task.task_id, "failed", error_message="x", error_traceback="错" * 200_000)
        return await raised(change) is not None


@fault("VAL-09", "memory", "Universal newlines: CRLF and CR in an error traceback come back as LF.")
class UniversalNewlines(Proxy):
    async def update(self, task_id, status, given):
        if type(text := given["error_traceback"]) is str:
            given["error_traceback"] = text.replace("\r\n", "\n").replace("\r", "\n")
        return await super().update(task_id, status, given)

    @staticmethod
    async def shows(store, opener):
        task = await store.create_task(request())
        await store.update_task_status(task.task_id, "failed", error_traceback="a\r\nb\rc")
        return (await store.get_task(task.task_id)).error_traceback != "a\r\nb\rc"


@fault("VAL-01", "redis", "A Lua script rewrites the record with cjson: once a task has been updated, an empty list in its "
       "config comes back as an empty object (once `updated_at` is not `created_at`).")
class EmptyListsThroughCjson(View):
    def view(self, task):
        if task.updated_at == task.created_at or "[]" not in task.metadata_json:
            return task
        return task.model_copy(update={"metadata_json": write(self._cjson(task.metadata))})

    def _cjson(self, value):
        if isinstance(value, dict):
            return {name: self._cjson(item) for name, item in value.items()}
        return [self._cjson(item) for item in value] or {} if isinstance(value, list) else value

    @staticmethod
    async def shows(store, opener):
        config = {"tags": [], "deep": [{"cuts": []}]}
        task = await store.create_task(request(config=config))
        await store.update_task_status(task.task_id, "analyzing")
        return (await store.get_task(task.task_id)).metadata["config"] != config


# Life cycle

@fault("LIFE-03", "memory", "Progress is throttled: an update of a running task that gives nothing but a progress less than "
       "one away from the stored one is answered as if it were written, and is not.")
class ThrottledProgress(Proxy):
    async def update(self, task_id, status, given):
        known, progress = live(self._inner, task_id), given["progress"]
        alone = progress is not None and all(given[name] is None for name in FIELDS[1:])
        self._inner._check_open()
        if known and alone and is_valid(status, given) and not known.status.is_final and known.status == status:
            if 0 < abs(progress - known.progress) < 1:
                now = max(self._inner._now(), known.updated_at)
                return known.model_copy(update={"progress": float(progress), "updated_at": now})
        return await super().update(task_id, status, given)

    @staticmethod
    async def shows(store, opener):
        task_id = (await store.create_task(request())).task_id
        await store.update_task_status(task_id, "clipping", 40)
        told = await store.update_task_status(task_id, "clipping", 40.5)
        return told != await store.get_task(task_id)


@fault("LIFE-09", "memory", "Cancelling a task while it uploads forgets its result URL, since nothing complete is there yet.")
class CancelWhileUploading(Proxy):
    async def cancel_task(self, task_id):
        before = live(self._inner, task_id)
        task = await super().cancel_task(task_id)
        if before and before.status is TaskStatus.UPLOADING:
            task = rewrite(self._inner, task_id, result_url=None)
        return task

    @staticmethod
    async def shows(store, opener):
        task_id = (await store.create_task(request())).task_id
        await store.update_task_status(task_id, "uploading", 90, result_url="s3://part")
        return (await store.cancel_task(task_id)).result_url is None


@fault("LIFE-10", "memory", "A retry button: a failed task, and no other final one, can be set to pending again.")
class RetryOfFailed(Proxy):
    async def update(self, task_id, status, given):
        known = live(self._inner, task_id)
        self._inner._check_open()
        if known and known.status is TaskStatus.FAILED and status == "pending" and not any(given.values()):
            if is_valid(status, given):
                fresh = dict.fromkeys(("completed_at", "error_message", "error_traceback"))
                now = max(self._inner._now(), known.updated_at)
                return rewrite(self._inner, task_id, status=TaskStatus.PENDING, progress=0.0, updated_at=now, **fresh)
        return await super().update(task_id, status, given)

    @staticmethod
    async def shows(store, opener):
        task_id = (await store.create_task(request())).task_id
        await store.update_task_status(task_id, "failed", error_message="x")
        return not isinstance(await raised(store.update_task_status(task_id, "pending")), TaskFinal)


@fault("LIFE-12", "memory", "A repeated final update is compared with the whole task, arguments that are None included: the "
       "same completion again raises TaskFinal if an earlier update had set a step or URL that it does not give.")
class RepeatComparedWithNone(Proxy):
    async def update(self, task_id, status, given):
        known = live(self._inner, task_id)
        task = await super().update(task_id, status, given)
        if known and known.status.is_final:
            if any(getattr(known, name) and given[name] is None for name in ("current_step", "result_url")):
                raise TaskFinal(task_id, known.status)
        return task

    @staticmethod
    async def shows(store, opener):
        task_id = (await store.create_task(request())).task_id
        await store.update_task_status(task_id, "uploading", current_step="3 of 3")
        await store.update_task_status(task_id, "completed", result_url="u")
        return await raised(store.update_task_status(task_id, "completed", result_url="u")) is not None


@fault("LIFE-14", "memory", "A cancel that is refused because the task is completed still stamps `updated_at` (a column with "
       "ON UPDATE CURRENT_TIMESTAMP).")
class RefusedCancelStamps(Proxy):
    async def cancel_task(self, task_id):
        try:
            return await super().cancel_task(task_id)
        except TaskFinal:
            known = self._inner._tasks[task_id]
            if known.status is TaskStatus.COMPLETED:
                rewrite(self._inner, task_id, updated_at=max(self._inner._now(), known.updated_at))
            raise

    @staticmethod
    async def shows(store, opener):
        task_id = (await store.create_task(request())).task_id
        task = await store.update_task_status(task_id, "completed")
        await later(opener, SECOND)
        await raised(store.cancel_task(task_id))
        return await store.get_task(task_id) != task


@fault("LIFE-17", "memory", "An update of a running task takes the clock as it is: `updated_at` goes back for a task that was "
       "written (or restored) while another clock was ahead.")
class UpdatedAtFollowsTheClock(Proxy):
    async def update(self, task_id, status, given):
        before = live(self._inner, task_id)
        task = await super().update(task_id, status, given)
        now = max(self._inner._now(), task.created_at)
        if before is not task and not task.status.is_final and now < task.updated_at:
            task = rewrite(self._inner, task_id, updated_at=now)
        return task

    @staticmethod
    async def shows(store, opener):
        created = (await store.create_task(request())).created_at
        await store.restore(made("ahead", created, updated_at=created + timedelta(hours=1)))
        task = await store.update_task_status("ahead", "analyzing")
        return task.updated_at < created + timedelta(hours=1)


# Atomicity

@fault("ATOM-01", "memory", "An update reads the task, waits a turn of the loop and writes progress and step back with it: of "
       "two updates at once that set different fields, one is undone.")
class ReadModifyWrite(Proxy):
    async def update(self, task_id, status, given):
        if is_valid(status, given):
            before = await self._inner.get_task(task_id)
            await asyncio.sleep(0)
            if not before.status.is_final:
                for name in ("progress", "current_step"):
                    if given[name] is None and not (name == "progress" and status == "completed"):
                        given[name] = getattr(before, name)
        return await super().update(task_id, status, given)

    @staticmethod
    async def shows(store, opener):
        task_id = (await store.create_task(request())).task_id
        one = store.update_task_status(task_id, "clipping", progress=50)
        await asyncio.gather(one, store.update_task_status(task_id, "clipping", current_step="cut"))
        task = await store.get_task(task_id)
        return (task.progress, task.current_step) != (50, "cut")


@fault("ATOM-02", "redis", "A cancel that comes too late is taken for successful where the instance itself last saw the task "
       "running: then both the cancel and the completion succeed.")
class LateCancelSwallowed(Proxy):
    def setup(self):
        self._seen = {}

    def _see(self, task):
        self._seen[task.task_id] = task.status
        return task

    async def create_task(self, request, *, task_id=None):
        return self._see(await super().create_task(request, task_id=task_id))

    async def get_task(self, task_id):
        return self._see(await super().get_task(task_id))

    async def update(self, task_id, status, given):
        return self._see(await super().update(task_id, status, given))

    async def cancel_task(self, task_id):
        seen = self._seen.get(task_id) if type(task_id) is str else None
        try:
            return self._see(await super().cancel_task(task_id))
        except TaskFinal:
            if seen is None or seen.is_final:
                raise
            return await self._inner.get_task(task_id)

    @staticmethod
    async def shows(store, opener):
        async with opener.open() as other:
            for _ in range(20):
                task_id = (await store.create_task(request())).task_id
                calls = other.update_task_status(task_id, "completed"), store.cancel_task(task_id)
                if [type(one) for one in await asyncio.gather(*map(raised, calls))] == [type(None)] * 2:
                    return True
        return False


@fault("ATOM-03", "memory-expiring", "An update is an upsert: the store fills in what it last wrote, and so brings back a task "
       "that has expired or was purged.")
class Upsert(Proxy):
    def setup(self):
        self._last = {}

    def _keep(self, task):
        self._last[task.task_id] = task
        return task

    async def create_task(self, request, *, task_id=None):
        return self._keep(await super().create_task(request, task_id=task_id))

    async def cancel_task(self, task_id):
        return self._keep(await super().cancel_task(task_id))

    async def update(self, task_id, status, given):
        try:
            return self._keep(await super().update(task_id, status, given))
        except TaskNotFound:
            if (old := self._last.get(task_id)) is None:
                raise
            change = check_change(status, **given)
            now = max(self._inner._now(), old.updated_at)
            done = now if change.status.is_final else None
            self._inner._insert(trusted(Task, {**vars(old), **change.given(), "updated_at": now, "completed_at": done}))
            return self._keep(self._inner._tasks[task_id])

    @staticmethod
    async def shows(store, opener):
        task_id = (await store.create_task(request())).task_id
        await later(opener, 8 * DAY)
        await raised(store.update_task_status(task_id, "analyzing"))
        return await is_there(store, task_id)


@fault("ATOM-06", "memory", "Updates take a lock that `except Exception` gives back: an update that is cancelled while it has "
       "the lock keeps it, and every later update waits, and fails after a second.")
class LockKeptByCancelled(Proxy):
    def setup(self):
        self._lock = asyncio.Lock()

    async def update(self, task_id, status, given):
        try:
            async with asyncio.timeout(1):
                await self._lock.acquire()
        except TimeoutError:
            raise StoreUnavailable("memory", FailureKind.BUSY, False, "lock wait timeout") from None
        try:
            await asyncio.sleep(0)
            task = await super().update(task_id, status, given)
        except Exception:
            self._lock.release()
            raise
        self._lock.release()
        return task

    @staticmethod
    async def shows(store, opener):
        task_id = (await store.create_task(request())).task_id
        for turns in range(4):
            call = asyncio.ensure_future(store.update_task_status(task_id, "analyzing"))
            for _ in range(turns):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
        return await raised(store.update_task_status(task_id, "clipping")) is not None


@fault("ATOM-06", "redis", "A get that is cancelled leaves its reply on the connection: the next get of this instance takes it "
       "for its own, and so on from then.")
class RepliesShiftAfterCancel(Proxy):
    def setup(self):
        self._replies = deque()

    async def get_task(self, task_id):
        self._inner._check_open()
        self._replies.append(asyncio.ensure_future(self._inner.get_task(task_id)))
        reply = self._replies.popleft()
        try:
            return await asyncio.shield(reply)
        except asyncio.CancelledError:
            self._replies.appendleft(reply)
            raise

    async def aclose(self):
        for reply in self._replies:
            reply.add_done_callback(lambda one: one.cancelled() or one.exception())
        await super().aclose()

    @staticmethod
    async def shows(store, opener):
        one, other = await row(store, opener, ("a", "b"))
        call = asyncio.ensure_future(store.get_task(one.task_id))
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        return (await store.get_task(other.task_id)).task_id != other.task_id


# Listing

@fault("LIST-01", "memory", "The index of a status is ordered by when a task came to it: with a filter, an older task that got "
       "the status last stands first.")
class FilteredByArrival(Proxy):
    def setup(self):
        self._came, self._count = {}, 0

    def _note(self, task, before=None):
        if before != task.status:
            self._count += 1
            self._came[task.task_id] = self._count
        return task

    async def create_task(self, request, *, task_id=None):
        known = live(self._inner, task_id)
        return self._note(await super().create_task(request, task_id=task_id), known and known.status)

    async def update(self, task_id, status, given):
        known = live(self._inner, task_id)
        return self._note(await super().update(task_id, status, given), known and known.status)

    async def cancel_task(self, task_id):
        known = live(self._inner, task_id)
        return self._note(await super().cancel_task(task_id), known and known.status)

    async def restore(self, task):
        await super().restore(task)
        self._note(task)

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        page = await super().list_tasks(status, limit, offset, after=after)
        if status is None or after is not None:
            return page
        ids = [task_id for _, task_id in self._inner._created_by_status[TaskStatus(status)]]
        ids.sort(key=lambda task_id: -self._came[task_id])
        tasks = tuple(self._inner._tasks[task_id] for task_id in ids[offset : offset + limit])
        following = None
        if tasks and offset + limit < len(ids):
            following = f"{(tasks[-1].created_at - _EPOCH) // timedelta(microseconds=1)}.{tasks[-1].task_id}"
        return page.model_copy(update={"tasks": tasks, "next": following})

    @staticmethod
    async def shows(store, opener):
        await row(store, opener, "ab")
        await store.update_task_status("b", "clipping")
        await store.update_task_status("a", "clipping")
        return [task.task_id for task in (await store.list_tasks(TaskStatus.CLIPPING)).tasks] != ["b", "a"]


@fault("LIST-03", "memory", "The total is counted no further than 1,000, as search engines do.")
class TotalUpToThousand(Proxy):
    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        page = await super().list_tasks(status, limit, offset, after=after)
        return page.model_copy(update={"total": min(page.total, 1_000)})

    @staticmethod
    async def shows(store, opener):
        for _ in range(1_002):
            await store.create_task(request())
        return (await store.list_tasks(limit=1)).total != 1_002


@fault("LIST-04", "memory", "With a status filter the offset counts the tasks of every status, so the second page repeats what "
       "the first had.")
class OffsetBeforeFilter(Proxy):
    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        page = await super().list_tasks(status, limit, offset, after=after)
        if status is None or not offset:
            return page
        skipped = [self._inner._tasks[task_id] for _, task_id in islice(reversed(self._inner._created), offset)]
        page = await super().list_tasks(status, limit, sum(task.status == status for task in skipped))
        return page.model_copy(update={"offset": offset})

    @staticmethod
    async def shows(store, opener):
        await row(store, opener, "abcdef")
        for name in "bdf":
            await store.update_task_status(name, "clipping")
        pages = [await store.list_tasks("clipping", 1, offset) for offset in range(3)]
        return [task.task_id for page in pages for task in page.tasks] != ["f", "d", "b"]


@fault("LIST-04", "redis", "ZREVRANGE 0 -1: with limit 0 and offset 0 the page holds every task (up to a thousand).")
class LimitZeroIsEverything(Proxy):
    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        if type(limit) is int and type(offset) is int and (limit, offset, after) == (0, 0, None):
            page = await super().list_tasks(status, 1_000, 0)
            return page.model_copy(update={"limit": 0, "next": None})
        return await super().list_tasks(status, limit, offset, after=after)

    @staticmethod
    async def shows(store, opener):
        await store.create_task(request())
        return bool((await store.list_tasks(limit=0)).tasks)


@fault("LIST-12", "memory", "A cursor compares the time alone: tasks of the same microsecond as the last of a page, behind it, "
       "are left out.")
class CursorSkipsTies(Proxy):
    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        try:
            cursor = check_page(limit, offset, after)
        except InvalidArgument:
            cursor = None
        if cursor is not None:
            after = f"{cursor[0]}.\0"
        return await super().list_tasks(status, limit, offset, after=after)

    @staticmethod
    async def shows(store, opener):
        now = (await store.create_task(request(), task_id="d")).created_at
        for name in "abc":
            await store.restore(made(name, now - DAY))
        first = await store.list_tasks(limit=2)
        second = await store.list_tasks(limit=2, after=first.next)
        return [task.task_id for task in (*first.tasks, *second.tasks)] != ["d", "c", "b", "a"]


@fault("LIST-12", "memory", "The place of a cursor is looked up by its task: if that was purged since, the next page starts at "
       "the newest task again.")
class CursorOfPurgedTask(Proxy):
    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        page = await super().list_tasks(status, limit, offset, after=after)
        if after is not None and live(self._inner, after.partition(".")[2]) is None:
            page = await super().list_tasks(status, limit, offset)
        return page

    @staticmethod
    async def shows(store, opener):
        await row(store, opener, "abcd")
        await store.cancel_task("c")
        first = await store.list_tasks(limit=2)
        await later(opener, SECOND)
        await store.purge((await store.get_task("c")).completed_at + timedelta(microseconds=1))
        return [task.task_id for task in (await store.list_tasks(limit=2, after=first.next)).tasks] != ["b", "a"]


@fault("LIST-13", "memory", "A cursor is split at its last dot: if the last id of a page has a dot, the store refuses its own "
       "cursor.")
class CursorSplitAtLastDot(Proxy):
    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        page = await super().list_tasks(status, limit, offset, after=after)
        if after is not None and "." in after.rpartition(".")[0]:
            raise InvalidArgument("after", "must be the `next` of a page")
        return page

    @staticmethod
    async def shows(store, opener):
        await row(store, opener, ("old", "clip.v1.2"))
        first = await store.list_tasks(limit=1)
        return await raised(store.list_tasks(limit=1, after=first.next)) is not None


# Expiry

@fault("EXP-01", "memory-expiring", "Sliding expiry: a get renews the lifetime, so a task that somebody polls never expires.")
class GetRenews(Proxy):
    async def get_task(self, task_id):
        task = await super().get_task(task_id)
        self._inner._renew(task_id)
        return task

    @staticmethod
    async def shows(store, opener):
        task_id = (await store.create_task(request())).task_id
        await later(opener, 5 * DAY)
        await store.get_task(task_id)
        await later(opener, 3 * DAY)
        return await is_there(store, task_id)


@fault("EXP-01", "memory-expiring", "The total is counted before the listing removes what is due: the first listing after tasks "
       "have expired still counts them.")
class TotalBeforeSweep(Proxy):
    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        sizes = {one: len(index) for one, index in self._inner._created_by_status.items()}
        sizes[None] = len(self._inner._created)
        page = await super().list_tasks(status, limit, offset, after=after)
        return page.model_copy(update={"total": sizes[status if status is None else TaskStatus(status)]})

    @staticmethod
    async def shows(store, opener):
        await store.create_task(request())
        await later(opener, 8 * DAY)
        return (await store.list_tasks()).total != 0


@fault("EXP-01", "memory-expiring", "Results are kept for one day only: a task that was finished by an update is gone 24 hours "
       "after it was completed.")
class ResultsKeptOneDay(Proxy):
    async def update(self, task_id, status, given):
        task = await super().update(task_id, status, given)
        if task.completed_at is not None:
            deadline = ms(task.completed_at + DAY)
            set_deadline(self._inner, task_id, min(deadline, self._inner._deadline_of[task_id]))
        return task

    @staticmethod
    async def shows(store, opener):
        task_id = (await store.create_task(request())).task_id
        await store.update_task_status(task_id, "completed", result_url="u")
        await later(opener, 2 * DAY)
        return not await is_there(store, task_id)


@fault("EXP-01", "memory-expiring", "The repetition of the update that made a task final, which changes nothing, renews its "
       "lifetime.")
class RepeatRenews(Proxy):
    async def update(self, task_id, status, given):
        before = live(self._inner, task_id)
        task = await super().update(task_id, status, given)
        if before is task:
            self._inner._renew(task_id)
        return task

    @staticmethod
    async def shows(store, opener):
        task_id = (await store.create_task(request())).task_id
        await store.update_task_status(task_id, "completed")
        await later(opener, 5 * DAY)
        await store.update_task_status(task_id, "completed")
        await later(opener, 3 * DAY)
        return await is_there(store, task_id)


@fault("EXP-01", "redis", "SET without a time to live: once a task has been updated or cancelled it does not expire (for a hundred years).")
class UpdateDropsExpiry(Proxy):
    def setup(self):
        from taskstore.redis.scripts import UPDATE

        run, forever = self._inner._run, 36_525 * 86_400_000

        async def longer(script, *arguments, until=None):
            if script is UPDATE:
                arguments = (arguments[0], forever, *arguments[2:])
            return await run(script, *arguments, until=until)

        self._inner._run = longer

    @staticmethod
    async def shows(store, opener):
        task_id = (await store.create_task(request())).task_id
        await store.update_task_status(task_id, "analyzing")
        await later(opener, 8 * DAY)
        return await is_there(store, task_id)


@fault("EXP-03", "memory-expiring", "`cancel_task` does not renew the lifetime; the update to cancelled does.")
class CancelDoesNotRenew(Proxy):
    async def cancel_task(self, task_id):
        deadline = self._inner._deadline_of.get(task_id) if live(self._inner, task_id) else None
        task = await super().cancel_task(task_id)
        set_deadline(self._inner, task_id, deadline)
        return task

    @staticmethod
    async def shows(store, opener):
        task_id = (await store.create_task(request())).task_id
        await later(opener, 5 * DAY)
        await store.cancel_task(task_id)
        await later(opener, 3 * DAY)
        return not await is_there(store, task_id)


@fault("EXP-05", "memory", "A ring for results: of the finished tasks the 200 that were finished last are kept.")
class KeepsTwoHundredFinished(Proxy):
    def _trim(self, result):
        finished = self._inner._finished
        while len(finished) > 200:
            self._inner._remove(self._inner._tasks[finished[0][1]])
        return result

    async def update(self, task_id, status, given):
        return self._trim(await super().update(task_id, status, given))

    async def cancel_task(self, task_id):
        return self._trim(await super().cancel_task(task_id))

    @staticmethod
    async def shows(store, opener):
        ids = [(await store.create_task(request())).task_id for _ in range(205)]
        for task_id in ids:
            await store.update_task_status(task_id, "completed")
        return (await store.list_tasks(limit=0)).total != 205


# Identity

@fault("ID-01", "redis", "Ids come from a generator that each instance seeds alike: the second instance, or the application "
       "after a restart, gives the same ids again.")
class SeededIds(Proxy):
    def setup(self):
        self._random = random.Random(20240101)

    async def create_task(self, request, *, task_id=None):
        if task_id is None:
            task_id = f"task_{self._random.getrandbits(128):032x}"
        return await super().create_task(request, task_id=task_id)

    @staticmethod
    async def shows(store, opener):
        one = await store.create_task(request())
        async with opener.open() as other:
            return (await other.create_task(request())).task_id == one.task_id


@fault("ID-06", "memory", "Two requests are compared with Python's ==, to which 1, 1.0 and True are the same: the second is "
       "answered with the task of the first, not with TaskExists.")
class RequestsEqualInPython(Proxy):
    async def create_task(self, request, *, task_id=None):
        self._inner._check_open()
        video_ids, metadata = check_request(request)
        known = live(self._inner, task_id)
        if known and known.video_ids == video_ids and known.metadata == json.loads(metadata):
            return known
        return await super().create_task(request, task_id=task_id)

    @staticmethod
    async def shows(store, opener):
        await store.create_task(request(config={"n": 1}), task_id="a")
        again = store.create_task(request(config={"n": True}), task_id="a")
        return not isinstance(await raised(again), TaskExists)


@fault("ID-06", "memory", "A soft delete: the id of a purged task stays taken.")
class PurgedIdsStayTaken(Proxy):
    def setup(self):
        self._deleted = set()

    async def purge(self, before):
        ids = set(self._inner._tasks)
        removed = await super().purge(before)
        self._deleted |= ids - set(self._inner._tasks)
        return removed

    async def create_task(self, request, *, task_id=None):
        if type(task_id) is str and task_id in self._deleted:
            self._inner._check_open()
            check_request(request)
            raise TaskExists(task_id)
        return await super().create_task(request, task_id=task_id)

    @staticmethod
    async def shows(store, opener):
        await store.create_task(request(), task_id="a")
        done = await store.cancel_task("a")
        await store.purge(done.completed_at + SECOND)
        return await raised(store.create_task(request(), task_id="a")) is not None


@fault("ID-06", "memory-expiring", "The unique index knows no expiry: creating under the id of a task that has expired, and "
       "that no other call has swept yet, raises TaskExists.")
class ExpiredIdsStayTaken(Proxy):
    async def create_task(self, request, *, task_id=None):
        if type(task_id) is str and self._inner._tasks.get(task_id) is not None and self._inner._is_due(task_id):
            self._inner._check_open()
            check_request(request)
            raise TaskExists(task_id)
        return await super().create_task(request, task_id=task_id)

    @staticmethod
    async def shows(store, opener):
        await store.create_task(request(), task_id="a")
        await later(opener, 8 * DAY)
        return await raised(store.create_task(request(), task_id="a")) is not None


# Durability and sharing

@fault("DUR-01", "redis", "Crash recovery: the first call of every instance but the very first sets every task that is under way (not pending, not "
       "final) to failed, although another instance is at work on it or the application comes back for it.")
class OpeningFailsRunningTasks(Proxy):
    def setup(self):
        self._recovery = None
        self._is_first = not self._place.state.get("opened")  # nothing to recover, and no request is spent on it
        self._place.state["opened"] = True

    async def _recover(self):
        for status in TaskStatus:
            if not status.is_final and status is not TaskStatus.PENDING:
                for task in (await self._inner.list_tasks(status, 1_000)).tasks:
                    await self._inner.update_task_status(task.task_id, "failed", error_message="interrupted")

    async def _recovered(self):
        if self._is_first:
            return
        self._recovery = self._recovery or asyncio.ensure_future(self._recover())
        await asyncio.wait([self._recovery])
        self._recovery.cancelled() or self._recovery.exception()

    async def create_task(self, request, *, task_id=None):
        await self._recovered()
        return await super().create_task(request, task_id=task_id)

    async def get_task(self, task_id):
        await self._recovered()
        return await super().get_task(task_id)

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        await self._recovered()
        return await super().list_tasks(status, limit, offset, after=after)

    async def update(self, task_id, status, given):
        await self._recovered()
        return await super().update(task_id, status, given)

    @staticmethod
    async def shows(store, opener):
        task_id = (await store.create_task(request())).task_id
        before = await store.update_task_status(task_id, "clipping", 40)
        async with opener.open() as other:
            return await other.get_task(task_id) != before


@fault("SHARE-01", "redis", "Final tasks do not change, so an instance that has got one keeps it for ever: it still gives it "
       "after another instance has purged it.")
class FinalTasksCached(Proxy):
    def setup(self):
        self._final = {}

    async def get_task(self, task_id):
        self._inner._check_open()
        if type(task_id) is str and task_id in self._final:
            return self._final[task_id]
        task = await super().get_task(task_id)
        if task.status.is_final:
            self._final[task_id] = task
        return task

    async def purge(self, before):
        self._final.clear()
        return await super().purge(before)

    @staticmethod
    async def shows(store, opener):
        task_id = (await store.create_task(request())).task_id
        await store.cancel_task(task_id)
        done = await store.get_task(task_id)
        async with opener.open() as other:
            await other.purge(done.completed_at + SECOND)
        return await is_there(store, task_id)


@fault("SHARE-01", "redis", "An instance remembers which ids it did not find: a task that another instance then creates under "
       "such an id stays unknown to its get.")
class NotFoundRemembered(Proxy):
    def setup(self):
        self._missing = set()

    async def get_task(self, task_id):
        self._inner._check_open()
        if type(task_id) is str and task_id in self._missing:
            raise TaskNotFound(task_id)
        try:
            return await super().get_task(task_id)
        except TaskNotFound:
            self._missing.add(task_id)
            raise

    async def create_task(self, request, *, task_id=None):
        task = await super().create_task(request, task_id=task_id)
        self._missing.discard(task.task_id)
        return task

    async def restore(self, task):
        await super().restore(task)
        self._missing.discard(task.task_id)

    @staticmethod
    async def shows(store, opener):
        await is_there(store, "a")
        async with opener.open() as other:
            await other.create_task(request(), task_id="a")
        return not await is_there(store, "a")


# Maintenance

@fault("MAINT-01", "memory", "`purge` drops the time zone of the moment and takes its wall clock for UTC: with a moment in "
       "UTC+8 it removes what was completed up to eight hours later.")
class PurgeDropsTimeZone(Proxy):
    async def purge(self, before):
        self._inner._check_open()
        check_moment(before)
        return await super().purge(before.replace(tzinfo=UTC))

    @staticmethod
    async def shows(store, opener):
        task_id = (await store.create_task(request())).task_id
        done = (await store.cancel_task(task_id)).completed_at
        await store.purge((done - timedelta(hours=1)).astimezone(timezone(timedelta(hours=8))))
        return not await is_there(store, task_id)


@fault("MAINT-02", "memory-expiring", "A restored task gets the rest of its old lifetime, counted from its `updated_at`: one "
       "that was written eight days ago is gone at once.")
class RestoreKeepsOldLifetime(Proxy):
    async def restore(self, task):
        await super().restore(task)
        deadline = ms(check_moment(task.updated_at)) + self._inner._lifetime_ms
        set_deadline(self._inner, task.task_id, min(deadline, self._inner._deadline_of[task.task_id]))

    @staticmethod
    async def shows(store, opener):
        now = (await store.create_task(request())).created_at
        await store.restore(made("old", now - 8 * DAY))
        return not await is_there(store, "old")


@fault("MAINT-02", "redis", "`restore` cuts the times of a task to milliseconds.")
class RestoreCutsMicroseconds(Proxy):
    async def restore(self, task):
        try:
            names = ("created_at", "updated_at", "completed_at")
            times = {name: getattr(task, name) for name in names if getattr(task, name) is not None}
            cut = {name: time.replace(microsecond=time.microsecond // 1_000 * 1_000) for name, time in times.items()}
            task = task.model_copy(update=cut)
        except (AttributeError, TypeError):
            pass
        await super().restore(task)

    @staticmethod
    async def shows(store, opener):
        task = made("a", datetime(2024, 2, 29, 23, 59, 59, 123456, UTC))
        await store.restore(task)
        return await store.get_task("a") != task


@fault("MAINT-04", "memory", "`restore` checks each field and not how the times stand to each other: it takes a task that was "
       "updated before it was created.")
class RestoreIgnoresOrderOfTimes(Proxy):
    async def restore(self, task):
        try:
            await super().restore(task)
        except InvalidArgument as error:
            if error.argument != "updated_at" or not isinstance(task, Task) or task.completed_at is not None:
                raise
            created, updated = check_moment(task.created_at), check_moment(task.updated_at)
            if not _EPOCH <= updated < created:
                raise
            await super().restore(task.model_copy(update={"updated_at": created}))
            rewrite(self._inner, task.task_id, updated_at=updated)

    @staticmethod
    async def shows(store, opener):
        now = (await store.create_task(request())).created_at
        return await raised(store.restore(made("a", now, updated_at=now - SECOND))) is None


# Right, if unusual

@variant("redis", "The store chooses ids of 48 digits, in capitals.")
class LongCapitalIds(Proxy):
    async def create_task(self, request, *, task_id=None):
        if task_id is None:
            task_id = f"task_{secrets.token_hex(24).upper()}"
        return await super().create_task(request, task_id=task_id)


@variant("redis", "Every operation lets others run, a few times before and after.")
class ManyAwaits(Proxy):
    async def _turns(self, call, turns=3):
        for _ in range(turns):
            await asyncio.sleep(0)
        result = await call()
        for _ in range(turns):
            await asyncio.sleep(0)
        return result

    async def create_task(self, request, *, task_id=None):
        self._inner._check_open()
        video_ids, metadata = check_request(request)  # a copy, since the caller may change a config while this waits
        copy = TaskCreateRequest(video_ids=video_ids, **json.loads(metadata))
        return await self._turns(lambda: self._inner.create_task(copy, task_id=task_id))

    async def get_task(self, task_id):
        return await self._turns(lambda: self._inner.get_task(task_id))

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        return await self._turns(lambda: self._inner.list_tasks(status, limit, offset, after=after))

    async def update(self, task_id, status, given):
        return await self._turns(lambda: self._inner.update_task_status(task_id, status, **given))

    async def cancel_task(self, task_id):
        return await self._turns(lambda: self._inner.cancel_task(task_id))

    async def purge(self, before):
        return await self._turns(lambda: self._inner.purge(before))


class NoSuchTask(TaskNotFound):
    pass


class WrongArgument(InvalidArgument):
    pass


class AlreadyThere(TaskExists):
    pass


class AlreadyFinal(TaskFinal):
    pass


@variant("memory", "Exceptions are of subclasses with the same facts; the reason of a wrong argument is in other words.")
class SubclassedExceptions(Proxy):
    async def _other(self, call):
        try:
            return await call
        except TaskNotFound as error:
            raise NoSuchTask(error.task_id) from None
        except InvalidArgument as error:
            raise WrongArgument(error.argument, "is not what this store takes") from None
        except TaskExists as error:
            raise AlreadyThere(error.task_id) from None
        except TaskFinal as error:
            raise AlreadyFinal(error.task_id, error.status) from None

    async def create_task(self, request, *, task_id=None):
        return await self._other(super().create_task(request, task_id=task_id))

    async def get_task(self, task_id):
        return await self._other(super().get_task(task_id))

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        return await self._other(super().list_tasks(status, limit, offset, after=after))

    async def update(self, task_id, status, given):
        return await self._other(super().update(task_id, status, given))

    async def cancel_task(self, task_id):
        return await self._other(super().cancel_task(task_id))

    async def purge(self, before):
        return await self._other(super().purge(before))

    async def restore(self, task):
        return await self._other(super().restore(task))


class StoredTask(Task):
    """A task that knows one thing more."""

    @property
    def is_done(self) -> bool:
        return self.status.is_final


@variant("memory", "Every task that comes out is of a subclass of Task.")
class TasksOfASubclass(View):
    def view(self, task):
        stored = task.model_copy()
        object.__setattr__(stored, "__class__", StoredTask)
        return stored


@variant("memory-expiring", "Every task that comes out is built anew, with metadata, texts and times of its own.")
class Clones(View):
    def view(self, task):
        fields = {name: value for name, value in vars(task).items() if name != "metadata_json"}
        times = {name: fields[name] and fields[name] + timedelta(0) for name in ("created_at", "updated_at", "completed_at")}
        return Task(**(fields | times), metadata=json.loads(task.metadata_json))


@variant("memory", "Gets are answered from a cache that every write to a task and every purge clears.")
class CacheInvalidated(Proxy):
    def setup(self):
        self._cache = {}

    async def get_task(self, task_id):
        self._inner._check_open()
        if type(task_id) is str and task_id in self._cache:
            return self._cache[task_id]
        task = self._cache[task_id] = await super().get_task(task_id)  # the memory store gives up no turn in between
        return task

    async def create_task(self, request, *, task_id=None):
        task = await super().create_task(request, task_id=task_id)
        self._cache.pop(task.task_id, None)
        return task

    async def update(self, task_id, status, given):
        task = await super().update(task_id, status, given)
        self._cache.pop(task.task_id, None)
        return task

    async def cancel_task(self, task_id):
        task = await super().cancel_task(task_id)
        self._cache.pop(task.task_id, None)
        return task

    async def purge(self, before):
        self._cache.clear()
        try:
            return await super().purge(before)
        finally:
            self._cache.clear()

    async def restore(self, task):
        await super().restore(task)
        self._cache.pop(task.task_id, None)


@variant("memory-expiring", "One call at a time, under a lock that is given back whatever happens.")
class OneAtATime(Proxy):
    def setup(self):
        self._lock = asyncio.Lock()

    async def _alone(self, call):
        self._inner._check_open()
        async with self._lock:
            await asyncio.sleep(0)
            return await call()

    async def get_task(self, task_id):
        return await self._alone(lambda: self._inner.get_task(task_id))

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        return await self._alone(lambda: self._inner.list_tasks(status, limit, offset, after=after))

    async def update(self, task_id, status, given):
        return await self._alone(lambda: self._inner.update_task_status(task_id, status, **given))

    async def cancel_task(self, task_id):
        return await self._alone(lambda: self._inner.cancel_task(task_id))

    async def purge(self, before):
        return await self._alone(lambda: self._inner.purge(before))

    async def restore(self, task):
        return await self._alone(lambda: self._inner.restore(task))


@variant("memory", "The keys of a config come back in alphabetical order, at every depth; the config is equal all the same.")
class SortedKeys(Proxy):
    async def create_task(self, request, *, task_id=None):
        self._inner._check_open()
        _, metadata = check_request(request)
        config = json.loads(metadata)["config"]
        if config is not None:
            request = request.model_copy(update={"config": self._sorted(config)})
        return await super().create_task(request, task_id=task_id)

    def _sorted(self, value):
        if isinstance(value, dict):
            return {name: self._sorted(value[name]) for name in sorted(value)}
        return list(map(self._sorted, value)) if isinstance(value, list) else value


@variant("memory", "No two writes have the same time: where the clock has not moved, the later gets the next microsecond.")
class NoTwoTimesAlike(Proxy):
    def setup(self):
        now, last = self._inner._now, [_EPOCH]

        def later():
            last[0] = max(now(), last[0] + timedelta(microseconds=1))
            return last[0]

        self._inner._now = later


@variant("memory-expiring", "An update that would leave every field of a running task equal writes nothing: neither its times nor "
         "its lifetime change, since nothing else has.")
class EqualUpdateWritesNothing(Proxy):
    async def update(self, task_id, status, given):
        self._inner._check_open()
        known = live(self._inner, task_id)
        if known and is_valid(status, given) and not known.status.is_final:
            change = check_change(status, **given).given()
            if all(repr(getattr(known, name)) == repr(value) for name, value in change.items()):
                return known
        return await super().update(task_id, status, given)
