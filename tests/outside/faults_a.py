"""Forty stores that are wrong on purpose, each in one way, and ten that are changed and still right."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha1
from typing import Any, Protocol

from taskstore import (
    InvalidArgument,
    StoreUnavailable,
    Task,
    TaskCreateRequest,
    TaskExists,
    TaskFinal,
    TaskNotFound,
    TaskPage,
    TaskStatus,
    TaskStoreError,
    FailureKind,
)
from taskstore.arguments import check_request
from taskstore.json_text import write
from taskstore.redis.scripts import INSERT, LIST, UPDATE, Script
from taskstore.values import trusted

S = TaskStatus
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
SECOND = timedelta(seconds=1)


class Opener(Protocol):
    def open(self) -> AbstractAsyncContextManager[Any]: ...
    async def advance(self, time: timedelta) -> None: ...


@dataclass(frozen=True)
class Place:
    """One namespace."""

    now: Callable[[], int]
    state: dict[Any, Any]


@dataclass(frozen=True)
class Fault:
    name: str
    requirement: str
    base: str
    text: str
    wrap: Callable[[Any, Place], Any]
    shows: Callable[[Opener], Awaitable[bool]] | None


# ---------------------------------------------------------------- tools


class Proxy:
    """Hands every call to the right store, all through `_call`."""

    def __init__(self, store: Any, place: Place) -> None:
        self.store = store
        self.place = place

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    async def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return await getattr(self.store, name)(*args, **kwargs)

    async def create_task(self, request: TaskCreateRequest, *, task_id: str | None = None) -> Task:
        return await self._call("create_task", request, task_id=task_id)

    async def get_task(self, task_id: str) -> Task:
        return await self._call("get_task", task_id)

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        return await self._call("list_tasks", status, limit, offset, after=after)

    async def update_task_status(
        self,
        task_id: str,
        status: TaskStatus,
        progress: float | None = None,
        current_step: str | None = None,
        result_url: str | None = None,
        error_message: str | None = None,
        error_traceback: str | None = None,
    ) -> Task:
        return await self._call(
            "update_task_status",
            task_id,
            status,
            progress=progress,
            current_step=current_step,
            result_url=result_url,
            error_message=error_message,
            error_traceback=error_traceback,
        )

    async def cancel_task(self, task_id: str) -> Task:
        return await self._call("cancel_task", task_id)

    async def purge(self, before: datetime) -> int:
        return await self._call("purge", before)

    async def restore(self, task: Task) -> None:
        return await self._call("restore", task)

    async def aclose(self) -> None:
        await self.store.aclose()

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def changed(task: Task, **fields: Any) -> Task:
    return trusted(Task, {**vars(task), **fields})


def put(store: Any, task: Task) -> Task:
    """Memory: set a task and its places in the indexes, whatever was there; its deadline stays."""
    old = store._tasks[task.task_id]
    for one, act in ((old, "remove"), (task, "add")):
        place = (one.created_at, one.task_id)
        getattr(store._created, act)(place)
        getattr(store._created_by_status[one.status], act)(place)
        if one.completed_at is not None:
            getattr(store._finished, act)((one.completed_at, one.task_id))
    store._tasks[task.task_id] = task
    return task


def set_deadline(store: Any, task_id: str, ms: int) -> None:
    """Memory: the last millisecond of a task."""
    store._deadlines.remove((store._deadline_of[task_id], task_id))
    store._deadline_of[task_id] = ms
    store._deadlines.add((ms, task_id))


def after_renewal(act: Callable[[Any, str], None]) -> Callable[[Any, Place], Any]:
    """Memory: do something to a task whenever its lifetime has been renewed."""

    def wrap(store: Any, place: Place) -> Any:
        right = store._renew

        def renew(task_id: str) -> None:
            right(task_id)
            act(store, task_id)

        store._renew = renew
        return store

    return wrap


def scripted(script: Script, *changes: tuple[str, str]) -> Callable[[Any, Place], Any]:
    """Redis: the store with another text in one script."""
    text = script.text
    for old, new in changes:
        assert text.count(old) == 1, (old, text.count(old))
        text = text.replace(old, new)
    wrong = Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest(), script.writes)

    def wrap(store: Any, place: Place) -> Any:
        right = store._run

        async def run(one: Script, *arguments: Any, until: float | None = None) -> Any:
            return await right(wrong if one is script else one, *arguments, until=until)

        store._run = run
        return store

    return wrap


def micro(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def cursor(task: Task) -> str:
    return f"{micro(task.created_at)}.{task.task_id}"


async def everything(store: Any, status: Any = None) -> list[Task]:
    page = await store.list_tasks(status, 1000)
    tasks = [*page.tasks]
    while page.next:
        page = await store.list_tasks(status, 1000, after=page.next)
        tasks += page.tasks
    return tasks


def request(*video_ids: str, **more: Any) -> TaskCreateRequest:
    return TaskCreateRequest(video_ids=video_ids or ("v1",), **more)


async def is_there(store: Any, task_id: str) -> bool:
    try:
        await store.get_task(task_id)
    except TaskNotFound:
        return False
    return True


async def raises(kind: type[BaseException], call: Awaitable[Any]) -> bool:
    try:
        await call
    except kind:
        return True
    return False


def some_task(task_id: str, created: datetime, **fields: Any) -> Task:
    return Task.model_validate(
        {
            "task_id": task_id,
            "status": "pending",
            "progress": 0.0,
            "current_step": "",
            "video_ids": ("v1",),
            "metadata": {"webhook_url": None, "config": None},
            "created_at": created,
            "updated_at": created,
            **fields,
        }
    )


FAULTS: list[Fault] = []
VARIANTS: list[Fault] = []


def fault(name: str, requirement: str, base: str, text: str, wrap: Any) -> Callable[[Any], Any]:
    """Enter a fault; what is decorated is its `shows`."""

    def enter(shows: Any) -> Any:
        FAULTS.append(Fault(name, requirement, base, text, wrap, shows))
        return shows

    return enter


def variant(name: str, base: str, text: str) -> Callable[[Any], Any]:
    def enter(wrap: Any) -> Any:
        VARIANTS.append(Fault(name, "", base, text, wrap, None))
        return wrap

    return enter


# ---------------------------------------------------------------- memory


class ListCache(Proxy):
    def __init__(self, store: Any, place: Place) -> None:
        super().__init__(store, place)
        self.pages: dict[str, TaskPage] = {}

    async def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        if name != "list_tasks":
            try:
                return await super()._call(name, *args, **kwargs)
            finally:
                if name not in ("cancel_task", "get_task"):
                    self.pages.clear()
        self.store._check_open()
        key = repr((args, kwargs))
        if key not in self.pages:
            self.pages[key] = await super()._call(name, *args, **kwargs)
        return self.pages[key]


@fault(
    "list-cache-survives-cancel",
    "LIST-03",
    "memory",
    "Pages are cached until the next write, but cancel_task forgets to drop them.",
    ListCache,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        task = await store.create_task(request())
        await store.list_tasks(S.PENDING)
        await store.cancel_task(task.task_id)
        return (await store.list_tasks(S.PENDING)).total == 1


class CursorByTimeOnly(Proxy):
    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        if after is not None:
            await self.store.list_tasks(status, 0, offset, after=after)
            after = after.partition(".")[0] + ".!"
        return await self.store.list_tasks(status, limit, offset, after=after)


@fault(
    "cursor-skips-same-microsecond",
    "LIST-12",
    "memory",
    "The page behind a cursor begins at an earlier microsecond: further tasks of the same microsecond are skipped.",
    CursorByTimeOnly,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        moment = datetime(2024, 5, 1, tzinfo=UTC)
        for name in "abc":
            await store.restore(some_task(name, moment))
        page = await store.list_tasks(limit=2)
        return (await store.list_tasks(limit=2, after=page.next)).tasks == ()


class OffsetBeforeFilter(Proxy):
    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        page = await self.store.list_tasks(status, limit, offset, after=after)
        if status is None or not offset or not limit:
            return page
        rest = [task for task in (await everything(self.store))[offset:] if task.status == status]
        tasks = tuple(rest[:limit])
        following = cursor(tasks[-1]) if len(rest) > limit else None
        return page.model_copy(update={"tasks": tasks, "next": following})


@fault(
    "offset-counted-before-filter",
    "LIST-04",
    "memory",
    "With a status and an offset, the offset skips tasks of every status, and the filter is applied to what is left.",
    OffsetBeforeFilter,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        tasks = [await store.create_task(request()) for _ in range(6)]
        for task in tasks[::2]:
            await store.cancel_task(task.task_id)
        pages = [(await store.list_tasks(S.PENDING, 1, at)).tasks for at in range(3)]
        return len({task.task_id for page in pages for task in page}) < 3


class Window(Proxy):
    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        page = await self.store.list_tasks(status, limit, offset, after=after)
        return page.model_copy(update={"tasks": (), "next": None}) if offset >= 500 else page


@fault(
    "pages-beyond-500-are-empty",
    "LIST-04",
    "memory",
    "A search window: pages at an offset of 500 or more are empty, with the right total, even if tasks are there.",
    Window,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        for _ in range(505):
            await store.create_task(request())
        return (await store.list_tasks(limit=10, offset=500)).tasks == ()


class CursorNeedsTask(Proxy):
    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        page = await self.store.list_tasks(status, limit, offset, after=after)
        if after is not None and not await is_there(self.store, after.partition(".")[2]):
            return page.model_copy(update={"tasks": (), "next": None})
        return page


@fault(
    "cursor-of-purged-task-ends-listing",
    "LIST-12",
    "memory",
    "A cursor whose task was purged meanwhile gives an empty last page instead of the tasks behind its place.",
    CursorNeedsTask,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        for _ in range(4):
            await store.create_task(request())
        page = await store.list_tasks(limit=2)
        done = await store.update_task_status(page.tasks[-1].task_id, S.COMPLETED)
        await store.purge(done.completed_at + SECOND)
        return (await store.list_tasks(limit=2, after=page.next)).tasks == ()


class RequeueIsNew(Proxy):
    async def update_task_status(self, task_id, status, *args, **kwargs):
        try:
            old = await self.store.get_task(task_id)
        except TaskStoreError:
            old = None
        task = await self.store.update_task_status(task_id, status, *args, **kwargs)
        if old is not None and task.status is S.PENDING and old.status is not S.PENDING:
            return put(self.store, changed(task, created_at=task.updated_at))
        return task


@fault(
    "requeued-task-is-created-anew",
    "LIFE-17",
    "memory",
    "A task that goes back to pending from another status gets the moment of that update as created_at.",
    RequeueIsNew,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        task = await store.create_task(request())
        await store.update_task_status(task.task_id, S.CLIPPING)
        await opener.advance(SECOND)
        await store.update_task_status(task.task_id, S.PENDING)
        return (await store.get_task(task.task_id)).created_at != task.created_at


class HundredCompletes(Proxy):
    async def update_task_status(self, task_id, status, progress=None, *args, **kwargs):
        running = [one for one in S if not one.is_final]
        if type(progress) in (int, float) and progress == 100 and status in running:
            status = S.COMPLETED
        return await self.store.update_task_status(task_id, status, progress, *args, **kwargs)


@fault(
    "progress-100-completes",
    "LIFE-02",
    "memory",
    "An update to progress 100 with a status that is not final makes the task completed, not what was asked for.",
    HundredCompletes,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        task = await store.create_task(request())
        return (await store.update_task_status(task.task_id, S.UPLOADING, 100)).status is not S.UPLOADING


class TouchFirst(Proxy):
    async def update_task_status(self, task_id, status, *args, **kwargs):
        try:
            return await self.store.update_task_status(task_id, status, *args, **kwargs)
        except InvalidArgument:
            task = self.store._tasks.get(task_id) if isinstance(task_id, str) else None
            if task is not None and not task.status.is_final:
                put(self.store, changed(task, updated_at=max(self.store._now(), task.updated_at)))
            raise


@fault(
    "refused-update-touches-the-task",
    "LIFE-14",
    "memory",
    "An update that raises InvalidArgument has set updated_at already, as a heartbeat.",
    TouchFirst,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        task = await store.create_task(request())
        await opener.advance(SECOND)
        await raises(InvalidArgument, store.update_task_status(task.task_id, S.ANALYZING, 101))
        return await store.get_task(task.task_id) != task


class PurgeByWallClock(Proxy):
    async def purge(self, before):
        try:
            if before.utcoffset():
                before = before.replace(tzinfo=UTC)
        except Exception:  # the store itself says what is wrong
            pass
        return await self.store.purge(before)


@fault(
    "purge-ignores-utc-offset",
    "MAINT-01",
    "memory",
    "purge takes the digits of a moment in another time zone for UTC, so it removes hours too much or too little.",
    PurgeByWallClock,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        task = await store.create_task(request())
        done = await store.update_task_status(task.task_id, S.COMPLETED)
        before = (done.completed_at - timedelta(hours=1)).astimezone(timezone(timedelta(hours=8)))
        return await store.purge(before) == 1


class IdentityMap(Proxy):
    def __init__(self, store: Any, place: Place) -> None:
        super().__init__(store, place)
        self.live: dict[str, Task] = {}

    def _same(self, task: Task) -> Task:
        known = self.live.setdefault(task.task_id, changed(task))
        vars(known).update(vars(task))
        return known

    async def get_task(self, task_id):
        return self._same(await self.store.get_task(task_id))

    async def update_task_status(self, *args, **kwargs):
        return self._same(await self.store.update_task_status(*args, **kwargs))


@fault(
    "identity-map-changes-returned-tasks",
    "VAL-02",
    "memory",
    "get_task and update_task_status return one object per task, and the next of these calls changes it in place.",
    IdentityMap,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        task = await store.create_task(request())
        got = await store.get_task(task.task_id)
        await store.update_task_status(task.task_id, S.ANALYZING, 20)
        return got.status is not S.PENDING


class UniversalNewlines(Proxy):
    async def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        for field in ("error_message", "error_traceback"):
            if type(kwargs.get(field)) is str:
                kwargs[field] = kwargs[field].replace("\r\n", "\n")
        return await super()._call(name, *args, **kwargs)


@fault(
    "crlf-becomes-lf",
    "VAL-09",
    "memory",
    "In error messages and tracebacks every CR LF comes back as LF.",
    UniversalNewlines,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        task = await store.create_task(request())
        await store.update_task_status(task.task_id, S.FAILED, error_message="m", error_traceback="a\r\nb")
        return (await store.get_task(task.task_id)).error_traceback != "a\r\nb"


class EveryTenthLost(Proxy):
    def __init__(self, store: Any, place: Place) -> None:
        super().__init__(store, place)
        self.count: dict[str, int] = {}

    async def update_task_status(self, task_id, *args, **kwargs):
        old = self.store._tasks.get(task_id) if isinstance(task_id, str) else None
        task = await self.store.update_task_status(task_id, *args, **kwargs)
        if task is not old:
            self.count[task_id] = self.count.get(task_id, 0) + 1
            if self.count[task_id] % 10 == 0:
                put(self.store, old)
        return task


@fault(
    "every-tenth-update-lost",
    "ATOM-01",
    "memory",
    "The tenth update of one task, and every tenth after it, is acknowledged and returned but not stored.",
    EveryTenthLost,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        task = await store.create_task(request())
        for at in range(1, 11):
            await store.update_task_status(task.task_id, S.ANALYZING, at)
        return (await store.get_task(task.task_id)).progress != 10


class KeepsThousandFinished(Proxy):
    async def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        result = await super()._call(name, *args, **kwargs)
        if name in ("update_task_status", "cancel_task"):
            while len(self.store._finished) > 1000:
                self.store._remove(self.store._tasks[self.store._finished[0][1]])
        return result


@fault(
    "oldest-finished-evicted-at-1000",
    "EXP-05",
    "memory",
    "When more than 1,000 tasks are final, the one that was finished first disappears.",
    KeepsThousandFinished,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        for _ in range(1001):
            await store.cancel_task((await store.create_task(request())).task_id)
        return (await store.list_tasks(limit=0)).total != 1001


class LooselySame(Proxy):
    async def create_task(self, request, *, task_id=None):
        try:
            return await self.store.create_task(request, task_id=task_id)
        except TaskExists:
            known = await self.store.get_task(task_id)
            wanted = {"webhook_url": request.webhook_url, "config": request.config}
            if known.video_ids == request.video_ids and known.metadata == wanted:
                return known
            raise


@fault(
    "repeated-create-compares-with-python-equality",
    "ID-06",
    "memory",
    "Under a taken id, a request whose config has 1, 1.0 or True where the stored one has another of them counts as the same.",
    LooselySame,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        await store.create_task(request(config={"fast": True}), task_id="job")
        return not await raises(TaskExists, store.create_task(request(config={"fast": 1}), task_id="job"))


class SixtyFourBits(Proxy):
    async def create_task(self, request, *, task_id=None):
        self.store._check_open()
        check_request(request)

        def look(value: Any) -> None:
            if type(value) is int and not -(2**63) <= value < 2**64:
                raise InvalidArgument("config", "holds an integer of more than 64 bits")
            for one in value.values() if type(value) is dict else value if type(value) is list else ():
                look(one)

        look(vars(request).get("config"))
        return await self.store.create_task(request, task_id=task_id)


@fault(
    "integer-beyond-64-bits-refused",
    "VAL-06",
    "memory",
    "A config with an integer that does not fit 64 bits raises InvalidArgument, as a fast JSON library does.",
    SixtyFourBits,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        return await raises(InvalidArgument, store.create_task(request(config={"seed": 2**64})))


class Snapshot(Proxy):
    def __init__(self, store: Any, place: Place) -> None:
        super().__init__(store, place)
        last = place.state.get("last")
        if last is not None and last._closed:
            for task in last._tasks.values():
                store._insert(task)
        place.state["last"] = store


@fault(
    "memory-store-loads-last-session",
    "DUR-03",
    "memory",
    "A memory store that is opened after another was closed begins with the tasks of that one.",
    Snapshot,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        await store.create_task(request())
    async with opener.open() as store:
        return (await store.list_tasks()).total == 1


class CancelChecksEarly(Proxy):
    async def cancel_task(self, task_id):
        try:
            seen = await self.store.get_task(task_id)
        except TaskStoreError:
            seen = None
        await asyncio.sleep(0)
        try:
            return await self.store.cancel_task(task_id)
        except TaskFinal:
            if seen is None or seen.status.is_final:
                raise
            task = self.store._tasks[task_id]
            now = max(self.store._now(), task.updated_at)
            return put(self.store, changed(task, status=S.CANCELLED, updated_at=now, completed_at=now))


@fault(
    "cancel-overwrites-concurrent-completion",
    "ATOM-02",
    "memory",
    "cancel_task looks at the status, lets others run, and writes: a completion in between is overwritten.",
    CancelChecksEarly,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        task_id = (await store.create_task(request())).task_id
        results = await asyncio.gather(
            store.cancel_task(task_id), store.update_task_status(task_id, S.COMPLETED), return_exceptions=True
        )
        return not any(isinstance(one, TaskFinal) for one in results)


class FailsAgain(Proxy):
    async def update_task_status(self, task_id, status, progress=None, *args, **kwargs):
        try:
            return await self.store.update_task_status(task_id, status, progress, *args, **kwargs)
        except TaskFinal:
            old = self.store._tasks[task_id]
            names = ("current_step", "result_url", "error_message", "error_traceback")
            given = {"progress": progress, **dict(zip(names, args)), **kwargs}
            given = {name: value for name, value in given.items() if value is not None}
            traceback = given.pop("error_traceback", None)
            if status != old.status or traceback is None or any(getattr(old, n) != v for n, v in given.items()):
                raise
            return put(self.store, changed(old, error_traceback=traceback))


@fault(
    "failed-task-takes-another-traceback",
    "LIFE-10",
    "memory",
    "Failing a failed task again with only the traceback different overwrites the traceback instead of raising TaskFinal.",
    FailsAgain,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        task_id = (await store.create_task(request())).task_id
        await store.update_task_status(task_id, S.FAILED, error_message="m", error_traceback="one")
        again = store.update_task_status(task_id, S.FAILED, error_message="m", error_traceback="two")
        return not await raises(TaskFinal, again)


class ShortIdInError(Proxy):
    async def create_task(self, request, *, task_id=None):
        try:
            return await self.store.create_task(request, task_id=task_id)
        except TaskExists as error:
            raise TaskExists(error.task_id[:64]) from None


@fault(
    "exists-error-cuts-long-id",
    "ID-08",
    "memory",
    "TaskExists from create_task states only the first 64 characters of a longer id.",
    ShortIdInError,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        await store.create_task(request("a"), task_id="x" * 200)
        try:
            await store.create_task(request("b"), task_id="x" * 200)
        except TaskExists as error:
            return error.task_id != "x" * 200
        return False


# ---------------------------------------------------------------- memory that expires


class ReadRenews(Proxy):
    async def get_task(self, task_id):
        task = await self.store.get_task(task_id)
        self.store._renew(task.task_id)
        return task


@fault(
    "reading-renews-lifetime",
    "EXP-01",
    "memory-expiring",
    "get_task renews the lifetime: a task that somebody polls never expires.",
    ReadRenews,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        task = await store.create_task(request())
        await opener.advance(4 * DAY)
        await store.get_task(task.task_id)
        await opener.advance(4 * DAY)
        return await is_there(store, task.task_id)


def _a_day_if_completed(store: Any, task_id: str) -> None:
    if store._tasks[task_id].status is S.COMPLETED:
        set_deadline(store, task_id, store._now_ms() + 86_400_000)


@fault(
    "completed-task-lives-one-day",
    "EXP-01",
    "memory-expiring",
    "A completed task is gone a day after its completion.",
    after_renewal(_a_day_if_completed),
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        task = await store.create_task(request())
        await store.update_task_status(task.task_id, S.COMPLETED)
        await opener.advance(2 * DAY)
        return not await is_there(store, task.task_id)


class RepeatRenews(Proxy):
    async def create_task(self, request, *, task_id=None):
        known = self.store._tasks.get(task_id) if isinstance(task_id, str) else None
        task = await self.store.create_task(request, task_id=task_id)
        if task is known:
            self.store._renew(task.task_id)
        return task


@fault(
    "repeated-create-renews-lifetime",
    "ID-06",
    "memory-expiring",
    "Repeating a create under the id of a live task writes: it renews the lifetime of that task.",
    RepeatRenews,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        await store.create_task(request(), task_id="job")
        await opener.advance(4 * DAY)
        await store.create_task(request(), task_id="job")
        await opener.advance(4 * DAY)
        return await is_there(store, "job")


class RestoredIsOld(Proxy):
    async def restore(self, task):
        await self.store.restore(task)
        set_deadline(self.store, task.task_id, micro(task.updated_at) // 1000 + self.store._lifetime_ms)


@fault(
    "restored-task-expires-by-its-old-times",
    "MAINT-02",
    "memory-expiring",
    "The lifetime of a restored task is counted from its updated_at, not from the restoring.",
    RestoredIsOld,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        now = (await store.create_task(request())).created_at
        await store.restore(some_task("old", now - 30 * DAY))
        return not await is_there(store, "old")


def _whole_hours(store: Any, task_id: str) -> None:
    set_deadline(store, task_id, store._deadline_of[task_id] // 3_600_000 * 3_600_000)


@fault(
    "deadline-rounded-down-to-the-hour",
    "EXP-01",
    "memory-expiring",
    "Deadlines are kept in whole hours, rounded down, so a task goes up to an hour early.",
    after_renewal(_whole_hours),
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        for _ in range(2):  # one of two that begin a second apart is not at a full hour
            task = await store.create_task(request())
            await opener.advance(WEEK - SECOND)
            if not await is_there(store, task.task_id):
                return True
        return False


class UpdateRevives(Proxy):
    async def update_task_status(self, task_id, *args, **kwargs):
        if isinstance(task_id, str) and self.store._tasks.get(task_id) and self.store._is_due(task_id):
            self.store._renew(task_id)
        return await self.store.update_task_status(task_id, *args, **kwargs)


@fault(
    "update-revives-expired-task",
    "ATOM-03",
    "memory-expiring",
    "An update of a task that has expired, and was not yet swept, finds it and makes it live again.",
    UpdateRevives,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        task = await store.create_task(request())
        await opener.advance(WEEK + SECOND)
        return not await raises(TaskNotFound, store.update_task_status(task.task_id, S.ANALYZING))


class CutTraceback(Proxy):
    async def update_task_status(self, *args, **kwargs):
        task = await self.store.update_task_status(*args, **kwargs)
        if len(task.error_traceback or "") > 65_535:
            return put(self.store, changed(task, error_traceback=task.error_traceback[:65_535]))
        return task


@fault(
    "traceback-cut-at-64k",
    "LIFE-05",
    "memory-expiring",
    "Of a longer error_traceback only the first 65,535 characters are kept, as in a TEXT column.",
    CutTraceback,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        task = await store.create_task(request())
        await store.update_task_status(task.task_id, S.FAILED, error_message="m", error_traceback="x" * 70_000)
        return len((await store.get_task(task.task_id)).error_traceback) != 70_000


class SweepsOnce(Proxy):
    async def list_tasks(self, *args, **kwargs):
        right = type(self.store)._sweep

        def once(most: int) -> bool:
            right(self.store, 100)
            return False

        self.store._sweep = once
        try:
            return await self.store.list_tasks(*args, **kwargs)
        finally:
            del self.store._sweep


@fault(
    "listing-sweeps-only-100",
    "EXP-01",
    "memory-expiring",
    "A listing removes at most 100 expired tasks first: if more have expired, it shows and counts the others.",
    SweepsOnce,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        for _ in range(150):
            await store.create_task(request())
        await opener.advance(WEEK + SECOND)
        return (await store.list_tasks()).total != 0


# ---------------------------------------------------------------- redis

_TAIL = "(FINAL[status] and now or 'null')\n  .. string.sub(record, rest)\n"


@fault(
    "cjson-rewrites-config-on-update",
    "VAL-01",
    "redis",
    "An update sends the config through the server's cjson: [] becomes {}, 1.0 becomes 1, and long numbers lose digits.",
    scripted(
        UPDATE,
        (
            _TAIL,
            """(FINAL[status] and now or 'null')
  .. string.sub(record, rest, -(#metadata + 3)) .. (function()
    local good, text = pcall(function() return cjson.encode(cjson.decode(metadata)) end)
    return good and text or metadata
  end)() .. '\\n}'
""",
        ),
    ),
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        task = await store.create_task(request(config={"tags": []}))
        await store.update_task_status(task.task_id, S.ANALYZING)
        return (await store.get_task(task.task_id)).metadata["config"] != {"tags": []}


@fault(
    "cursor-in-whole-milliseconds",
    "LIST-13",
    "redis",
    "A cursor has the millisecond of creation, with three zeros, so further tasks of that millisecond are skipped.",
    scripted(
        LIST,
        (
            "string.format('%.0f', redis.call('ZSCORE', index, last))",
            "string.format('%.0f', math.floor(redis.call('ZSCORE', index, last) / 1000) * 1000)",
        ),
    ),
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        moment = datetime(2024, 5, 1, tzinfo=UTC)
        for at in range(1, 4):
            await store.restore(some_task(f"t{at}", moment + timedelta(microseconds=at)))
        page = await store.list_tasks(limit=1)
        return page.next != cursor(page.tasks[0])


@fault(
    "failed-task-stays-under-old-status",
    "LIST-03",
    "redis",
    "A task that fails is entered under failed, but not removed from the listing of the status it had.",
    scripted(
        UPDATE,
        (
            "  steps[1] = {'ZREM', status_index(old_status), id, score = created_us}\n  steps[2] =",
            "  if status ~= 'failed' then steps[1] = {'ZREM', status_index(old_status), id, score = created_us} end\n"
            "  steps[#steps + 1] =",
        ),
    ),
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        task = await store.create_task(request())
        await store.update_task_status(task.task_id, S.ANALYZING)
        await store.update_task_status(task.task_id, S.FAILED, error_message="m")
        return (await store.list_tasks(S.ANALYZING)).total == 1


@fault(
    "progress-update-keeps-ttl",
    "EXP-03",
    "redis",
    "An update that leaves the status as it is does not renew the lifetime.",
    scripted(
        UPDATE,
        (
            "\nreturn keep(id, record, lifetime_ms, steps)",
            "\nif status == old_status then lifetime_ms = string.format('%.0f', redis.call('PTTL', record_key(id))) end"
            "\nreturn keep(id, record, lifetime_ms, steps)",
        ),
    ),
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        task = await store.create_task(request())
        await opener.advance(4 * DAY)
        await store.update_task_status(task.task_id, S.PENDING, 1)
        await opener.advance(4 * DAY)
        return not await is_there(store, task.task_id)


@fault(
    "updated-at-goes-back",
    "LIFE-17",
    "redis",
    "An update compares the clock with created_at only: if updated_at is later than the clock, it goes back.",
    scripted(UPDATE, ("ipairs({updated_at, created_at})", "ipairs({created_at})")),
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        now = (await store.create_task(request())).created_at
        task = some_task("ahead", now - DAY, updated_at=now + DAY)
        await store.restore(task)
        return (await store.update_task_status("ahead", S.ANALYZING)).updated_at < task.updated_at


@fault(
    "restored-final-task-never-purged",
    "MAINT-01",
    "redis",
    "A task that was restored in a final status is missing in the index of finished tasks, so purge never removes it.",
    scripted(INSERT, ("if completed_us ~= '' then steps[3] =", "if false then steps[3] =")),
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        old = datetime(2024, 5, 1, tzinfo=UTC)
        await store.restore(some_task("old", old, status="cancelled", completed_at=old))
        return await store.purge(old + DAY) == 0


class CachesFinal(Proxy):
    def __init__(self, store: Any, place: Place) -> None:
        super().__init__(store, place)
        self.final: dict[str, Task] = {}

    async def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        self.store._check_open()
        if name == "get_task" and type(args[0]) is str and args[0] in self.final:
            return self.final[args[0]]
        result = await super()._call(name, *args, **kwargs)
        if name == "get_task" and result.status.is_final:
            self.final[result.task_id] = result
        if name in ("purge", "create_task", "restore"):
            self.final.clear()
        return result


@fault(
    "final-task-cached-after-purge-elsewhere",
    "SHARE-01",
    "redis",
    "get_task remembers final tasks in its instance, and finds them there after another instance has purged them.",
    CachesFinal,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as one, opener.open() as other:
        task = await one.create_task(request())
        done = await one.cancel_task(task.task_id)
        await one.get_task(task.task_id)
        await other.purge(done.completed_at + SECOND)
        return await is_there(one, task.task_id)


class RemembersMissing(Proxy):
    def __init__(self, store: Any, place: Place) -> None:
        super().__init__(store, place)
        self.missing: set[str] = set()

    async def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        self.store._check_open()
        if name != "get_task":
            if name in ("create_task", "restore"):
                self.missing.clear()
            return await super()._call(name, *args, **kwargs)
        if type(args[0]) is str and args[0] in self.missing:
            raise TaskNotFound(args[0])
        try:
            return await super()._call(name, *args, **kwargs)
        except TaskNotFound as error:
            self.missing.add(error.task_id)
            raise


@fault(
    "missing-id-remembered",
    "SHARE-01",
    "redis",
    "get_task remembers ids that it did not find: a task that another instance then creates under one stays unfound.",
    RemembersMissing,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as one, opener.open() as other:
        await is_there(one, "job")
        await other.create_task(request(), task_id="job")
        return not await is_there(one, "job")


class FailsInterrupted(Proxy):
    first = True

    async def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        if self.first:
            self.first = False
            for status in S:
                if status is S.PENDING or status.is_final:
                    continue
                for task in await everything(self.store, status):
                    await self.store.update_task_status(task.task_id, S.FAILED, error_message="interrupted")
        return await super()._call(name, *args, **kwargs)


@fault(
    "opening-fails-running-tasks",
    "DUR-01",
    "redis",
    "The first call of a newly opened store sets every task that is at work to failed, as if it had been interrupted.",
    FailsInterrupted,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        task = await store.create_task(request())
        await store.update_task_status(task.task_id, S.LLM_PASS1)
    async with opener.open() as store:
        return (await store.get_task(task.task_id)).status is not S.LLM_PASS1


class SmallPool(Proxy):
    busy = 0

    async def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        if self.busy >= 64:
            raise StoreUnavailable(self.store._server.address, FailureKind.BUSY, False, "Too many connections")
        self.busy += 1
        try:
            return await super()._call(name, *args, **kwargs)
        finally:
            self.busy -= 1


@fault(
    "pool-of-64-connections",
    "ATOM-06",
    "redis",
    "While 64 calls are under way, a further one raises StoreUnavailable.",
    SmallPool,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        calls = [store.create_task(request()) for _ in range(100)]
        return any(isinstance(one, StoreUnavailable) for one in await asyncio.gather(*calls, return_exceptions=True))


class SharedFlight(Proxy):
    def __init__(self, store: Any, place: Place) -> None:
        super().__init__(store, place)
        self.flights: dict[str, asyncio.Future[Task]] = {}

    async def get_task(self, task_id):
        self.store._check_open()
        if type(task_id) is not str:
            return await self.store.get_task(task_id)
        if (flight := self.flights.get(task_id)) is None or flight.done():
            flight = self.flights[task_id] = asyncio.ensure_future(self.store.get_task(task_id))
            flight.add_done_callback(lambda _: self.flights.pop(task_id, None))
        return await flight

    async def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return await super()._call(name, *args, **kwargs)
        finally:
            if name != "list_tasks":
                self.flights.clear()  # a read that begins after a write takes no earlier reply


@fault(
    "cancelling-one-get-cancels-its-like",
    "ATOM-06",
    "redis",
    "Concurrent get_task calls for one id share a request, and cancelling one of the calls cancels all of them.",
    SharedFlight,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        task_id = (await store.create_task(request())).task_id
        one, other = (asyncio.ensure_future(store.get_task(task_id)) for _ in range(2))
        await asyncio.sleep(0)
        one.cancel()
        results = await asyncio.gather(one, other, return_exceptions=True)
        return isinstance(results[1], asyncio.CancelledError)


class FillsFromRead(Proxy):
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
        try:
            old = await self.store.get_task(task_id)
        except (InvalidArgument, TaskNotFound):
            old = None  # the update says so itself
        if old is not None and not old.status.is_final:
            if progress is None and status != S.COMPLETED:
                progress = old.progress
            current_step = old.current_step if current_step is None else current_step
            result_url = old.result_url if result_url is None else result_url
        return await self.store.update_task_status(
            task_id, status, progress, current_step, result_url, error_message, error_traceback
        )


@fault(
    "update-writes-back-what-it-read",
    "ATOM-01",
    "redis",
    "An update reads the task and writes all fields: what a concurrent update set in between is lost.",
    FillsFromRead,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as store:
        task_id = (await store.create_task(request())).task_id
        await asyncio.gather(
            store.update_task_status(task_id, S.ANALYZING, current_step="step"),
            store.update_task_status(task_id, S.ANALYZING, result_url="url"),
        )
        task = await store.get_task(task_id)
        return (task.current_step, task.result_url) != ("step", "url")


class SameSeed(Proxy):
    def __init__(self, store: Any, place: Place) -> None:
        super().__init__(store, place)
        self.random = random.Random(20_240_501)

    async def create_task(self, request, *, task_id=None):
        if task_id is None:
            task_id = f"task_{self.random.getrandbits(128):032x}"
        return await self.store.create_task(request, task_id=task_id)


@fault(
    "two-instances-draw-the-same-ids",
    "ID-01",
    "redis",
    "Each instance draws ids from a generator of the same seed, so a second or reopened one draws ids that are taken.",
    SameSeed,
)
async def _(opener: Opener) -> bool:
    async with opener.open() as one, opener.open() as other:
        return (await one.create_task(request())).task_id == (await other.create_task(request())).task_id


# ---------------------------------------------------------------- changed, and still right


class Mapped(Proxy):
    """Makes something of every task and page that comes out."""

    def _task(self, task: Task) -> Task:
        return task

    def _page(self, page: TaskPage) -> TaskPage:
        return page.model_copy(update={"tasks": tuple(map(self._task, page.tasks))})

    async def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        result = await super()._call(name, *args, **kwargs)
        return self._task(result) if isinstance(result, Task) else self._page(result) if isinstance(result, TaskPage) else result


@variant("ids-of-64-digits", "memory", "An id of the store's own has 64 random hexadecimal digits.")
class LongIds(Proxy):
    async def create_task(self, request, *, task_id=None):
        return await self.store.create_task(request, task_id=f"task_{secrets.token_hex(32)}" if task_id is None else task_id)


@variant("extra-turns-of-the-loop", "redis", "Every call lets others run before and after its work.")
class ExtraTurns(Proxy):
    async def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        for _ in range(3):
            await asyncio.sleep(0)
        try:
            return await super()._call(name, *args, **kwargs)
        finally:
            await asyncio.sleep(0)


@variant("every-answer-a-clone", "memory", "Every task that comes out has been dumped and validated anew.")
class Clones(Mapped):
    def _task(self, task: Task) -> Task:
        return Task.model_validate(task.model_dump())


class Gone(TaskNotFound):
    pass


class Taken(TaskExists):
    pass


class Over(TaskFinal):
    pass


class Refused(InvalidArgument):
    pass


@variant("subclassed-exceptions", "redis", "Exceptions are of subclasses of those that are promised, with the same facts.")
class OwnErrors(Proxy):
    async def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return await super()._call(name, *args, **kwargs)
        except TaskNotFound as error:
            raise Gone(error.task_id) from None
        except TaskExists as error:
            raise Taken(error.task_id) from None
        except TaskFinal as error:
            raise Over(error.task_id, error.status) from None
        except InvalidArgument as error:
            raise Refused(error.argument, error.reason) from None


class OwnTask(Task):
    def __eq__(self, other: object) -> bool:  # equal to a Task of the same fields
        return isinstance(other, Task) and vars(self) == vars(other)

    __hash__ = Task.__hash__


class OwnPage(TaskPage):
    pass


@variant("subclassed-values", "memory", "Tasks and pages are of subclasses of Task and TaskPage.")
class OwnValues(Mapped):
    def _task(self, task: Task) -> Task:
        own = changed(task)
        object.__setattr__(own, "__class__", OwnTask)
        return own

    def _page(self, page: TaskPage) -> TaskPage:
        return OwnPage.model_construct(**{**vars(page), "tasks": tuple(map(self._task, page.tasks))})


@variant("cache-dropped-at-every-write", "memory", "get_task is answered from a cache that every write empties.")
class GoodCache(Proxy):
    def __init__(self, store: Any, place: Place) -> None:
        super().__init__(store, place)
        self.known: dict[str, Task] = {}

    async def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        self.store._check_open()
        if name == "get_task":
            if type(args[0]) is str and args[0] in self.known:
                return self.known[args[0]]
            task = self.known[args[0]] = await super()._call(name, *args, **kwargs)
            return task
        self.known.clear()
        try:
            return await super()._call(name, *args, **kwargs)
        finally:
            self.known.clear()


@variant("every-call-sweeps-all", "memory-expiring", "Every call removes all expired tasks before it does anything.")
class SweepsAll(Proxy):
    async def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        self.store._check_open()
        while self.store._sweep(1000):
            pass
        return await super()._call(name, *args, **kwargs)


@variant("page-put-together-of-small-ones", "memory", "A long page is read seven tasks at a time, in one turn of the loop.")
class SmallSteps(Proxy):
    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        if type(limit) is not int or not 7 < limit <= 1000:
            return await self.store.list_tasks(status, limit, offset, after=after)
        first = page = await self.store.list_tasks(status, 7, offset, after=after)
        tasks = [*page.tasks]
        while page.next and len(tasks) < limit:
            page = await self.store.list_tasks(status, min(7, limit - len(tasks)), after=page.next)
            tasks += page.tasks
        return first.model_copy(update={"tasks": tuple(tasks), "limit": limit, "next": page.next})


@variant("keys-of-config-sorted", "redis", "The metadata of every task that comes out has its keys in order; the values are equal.")
class SortedKeys(Mapped):
    def _task(self, task: Task) -> Task:
        def in_order(value: Any) -> Any:
            if type(value) is dict:
                return {key: in_order(value[key]) for key in sorted(value)}
            return [*map(in_order, value)] if type(value) is list else value

        return changed(task, metadata_json=write(in_order(task.metadata)))


@variant("purge-in-two-passes", "memory-expiring", "purge first removes what is a day older, then the rest, and adds the numbers up.")
class TwoPasses(Proxy):
    async def purge(self, before):
        try:
            removed = await self.store.purge(before - DAY)
        except (TypeError, AttributeError, OverflowError, InvalidArgument):
            removed = 0  # the other pass says what is wrong, if anything is
        return removed + await self.store.purge(before)
