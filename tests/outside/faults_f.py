"""Forty stores that are wrong in one way each, and ten that are odd and right."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import random
import secrets
import weakref
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from hashlib import sha1
from itertools import islice
from typing import Any

from taskstore import (
    MAX_OFFSET,
    InvalidArgument,
    StoreNotOpen,
    StoreUnavailable,
    Task,
    TaskCreateRequest,
    TaskExists,
    TaskFinal,
    TaskNotFound,
    TaskPage,
    TaskStatus,
    TaskStoreError,
)
from taskstore.arguments import Change, check_moment, check_page, check_status
from taskstore.redis.scripts import INSERT, LIST, PURGE, UPDATE, Script
from taskstore.values import EPOCH, microseconds, trusted

Opener = Any


@dataclass(frozen=True)
class Place:
    """`now()` is the time in nanoseconds, what `advance` let pass included; `state` is shared by all stores of a namespace."""

    now: Callable[[], int]
    state: dict


@dataclass(frozen=True)
class Fault:
    """`base` is memory, memory-expiring or redis. `wrap(store, place)` gets the open right store and returns the wrong one.

    `shows(opener)` is a coroutine function: true if the breach is seen, false on the right store. It uses
    `async with opener.open() as store` (again for a second instance on the same namespace) and
    `await advance(opener, timedelta)`-like `opener.advance(by)` (memory-expiring and redis).
    """

    name: str
    requirement: str
    base: str
    text: str
    wrap: Callable[[Any, Place], Any]
    shows: Callable[[Opener], Awaitable[bool]] | None


FAULTS: list[Fault] = []
VARIANTS: list[Fault] = []


# What the faults and their proofs have in common.

DAY = timedelta(days=1)
REQUEST = TaskCreateRequest(video_ids=("v1",))
TASK_CALLS = "create_task", "get_task", "list_tasks", "update_task_status", "cancel_task"
OPERATIONS = *TASK_CALLS, "purge", "restore"


def _named(cls: Any) -> str:
    return cls.__name__.replace("_", "-")


def fault(requirement: str, base: str, text: str) -> Any:
    def add(cls: Any) -> Any:
        FAULTS.append(Fault(_named(cls), requirement, base, text, cls.wrap, cls.shows))
        return cls

    return add


def variant(base: str, text: str) -> Any:
    def add(cls: Any) -> Any:
        VARIANTS.append(Fault(_named(cls), "", base, text, cls.wrap, None))
        return cls

    return add


def edited(script: Script, *edits: tuple[str, str]) -> Script:
    """A script with each old text, which stands in it once, replaced by the new one."""
    text = script.text
    for old, new in edits:
        if text.count(old) != 1:
            raise AssertionError((text.count(old), old))
        text = text.replace(old, new)
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest(), script.writes)


def relua(store: Any, script: Script, *edits: tuple[str, str], when: Callable[[], bool] = lambda: True) -> None:
    """Let a Redis store run an edited script in the place of its own."""
    run, changed = store._run, edited(script, *edits)

    async def _run(one: Script, *arguments: Any, until: float | None = None) -> Any:
        return await run(changed if one is script and when() else one, *arguments, until=until)

    store._run = _run


def put(store: Any, task: Task, **fields: Any) -> Task:
    """Replace what a memory store keeps of a task; its indexes are left alone."""
    changed = trusted(Task, {**vars(task), **fields})
    store._tasks[task.task_id] = changed
    return changed


def page_of(tasks: Any, status: Any, limit: Any, offset: Any, after: Any) -> TaskPage:
    """The page of these tasks, found by sorting all of them."""
    wanted = None if status is None else check_status(status)
    place = check_page(limit, offset, after)
    found = [task for task in tasks if wanted is None or task.status is wanted]
    found.sort(key=lambda task: (task.created_at, task.task_id), reverse=True)
    if place is None:
        behind = found[offset:]
    else:
        behind = [task for task in found if (microseconds(task.created_at), task.task_id) < place]
    shown = tuple(behind[:limit])
    following = None
    if shown and len(behind) > len(shown):
        following = f"{microseconds(shown[-1].created_at)}.{shown[-1].task_id}"
    return TaskPage(tasks=shown, total=len(found), limit=limit, offset=offset, next=following)


async def raises(kind: type[BaseException], call: Awaitable[Any]) -> bool:
    try:
        await call
    except kind:
        return True
    return False


async def is_gone(store: Any, task_id: str) -> bool:
    return await raises(TaskNotFound, store.get_task(task_id))


def a_task(task_id: str, created_at: datetime, **fields: Any) -> Task:
    """A task to be restored."""
    given = {
        "status": TaskStatus.PENDING,
        "progress": 0.0,
        "current_step": "",
        "video_ids": ("v1",),
        "metadata": {"webhook_url": None, "config": None},
        "updated_at": created_at,
    }
    return Task(task_id=task_id, created_at=created_at, **{**given, **fields})


# Values


@fault("VAL-01", "redis", "An update decodes and encodes the metadata with cjson: an empty list becomes {}, 1.0 is 1.")
class cjson_on_update:
    def wrap(store, place):
        lines = r"""'\n,"created_at":' .. created_at .. '\n,"task_id":' .. task_id .. '\n,"video_ids":' .. video_ids"""
        metadata = r"""'\n,"metadata":' .. cjson.encode(cjson.decode(metadata)) .. '\n}'"""
        relua(store, UPDATE, (".. string.sub(record, rest)", f".. {lines} .. {metadata}"))
        return store

    async def shows(opener):
        request = TaskCreateRequest(video_ids=("v1",), config={"clips": [], "speed": 1.0})
        async with opener.open() as store:
            task = await store.create_task(request)
            await store.update_task_status(task.task_id, TaskStatus.ANALYZING)
            return (await store.get_task(task.task_id)).metadata["config"]["clips"] != []


@fault("VAL-02", "memory-expiring", "An update that leaves the status as it is writes into the task that is kept.")
class in_place_update:
    def wrap(store, place):
        apply = store._apply

        async def _apply(task_id, change):
            old = store._tasks.get(task_id)
            changed = await apply(task_id, change)
            if old is None or old is changed or old.status is not changed.status:
                return changed
            vars(old).update(vars(changed))
            store._tasks[task_id] = old
            return old

        store._apply = _apply
        return store

    async def shows(opener):
        async with opener.open() as store:
            task = await store.create_task(REQUEST)
            first = await store.update_task_status(task.task_id, TaskStatus.CLIPPING, progress=10)
            await store.update_task_status(task.task_id, TaskStatus.CLIPPING, progress=20)
            return first.progress != 10


@fault("VAL-05", "memory", "What json.dumps takes is a config: tuples, keys that are numbers, members of enums.")
class dumps_is_the_check:
    def wrap(store, place):
        create = store.create_task

        async def create_task(request, *, task_id=None):
            if isinstance(request, TaskCreateRequest) and type(getattr(request, "config", None)) is dict:
                with contextlib.suppress(TypeError, ValueError, RecursionError):
                    config = json.loads(json.dumps(request.config))
                    request = request.model_copy(update={"config": config})
            return await create(request, task_id=task_id)

        store.create_task = create_task
        return store

    async def shows(opener):
        async with opener.open() as store:
            request = TaskCreateRequest(video_ids=("v1",), config={"clips": [{"span": {1: 2}}]})
            return not await raises(InvalidArgument, store.create_task(request))


@fault("VAL-06", "memory-expiring", "An update looks at the size of what it is given, and not at that of the task.")
class size_per_call:
    def wrap(store, place):
        apply = store._apply

        async def _apply(task_id, change):
            try:
                return await apply(task_id, change)
            except InvalidArgument as error:
                if error.argument != "task":
                    raise
            # as the right one from here on, without the check of the whole
            task = store._tasks[task_id]
            now = max(store._now(), task.updated_at)
            completed = now if change.status.is_final else None
            spot = (task.created_at, task_id)
            store._created_by_status[task.status].remove(spot)
            store._created_by_status[change.status].add(spot)
            if completed is not None:
                store._finished.add((completed, task_id))
            changed = put(store, task, **change.given(), updated_at=now, completed_at=completed)
            store._renew(task_id)
            return changed

        store._apply = _apply
        return store

    async def shows(opener):
        text = "x" * 600_000
        async with opener.open() as store:
            task = await store.create_task(REQUEST)
            await store.update_task_status(task.task_id, TaskStatus.CLIPPING, current_step=text)
            call = store.update_task_status(task.task_id, TaskStatus.CLIPPING, result_url=text)
            return not await raises(InvalidArgument, call)


@fault("VAL-09", "redis", "The script fills the step in with gsub, which takes a % in it for its own.")
class gsub_percent:
    def wrap(store, place):
        old = r"""'\n,"current_step":' .. fields[3]"""
        new = r"""string.gsub('\n,"current_step":{}', '{}', fields[3])"""
        relua(store, UPDATE, (old, new))
        return store

    async def shows(opener):
        async with opener.open() as store:
            task = await store.create_task(REQUEST)
            await store.update_task_status(task.task_id, TaskStatus.CLIPPING, current_step="cut 40% of it")
            return (await store.get_task(task.task_id)).current_step != "cut 40% of it"


# Life cycle


@fault("LIFE-01", "memory", "A video id that is given twice is kept once.")
class ids_deduped:
    def wrap(store, place):
        create = store.create_task

        async def create_task(request, *, task_id=None):
            if isinstance(request, TaskCreateRequest):
                video_ids = getattr(request, "video_ids", None)
                if type(video_ids) is tuple and all(type(one) is str for one in video_ids):
                    request = request.model_copy(update={"video_ids": tuple(dict.fromkeys(video_ids))})
            return await create(request, task_id=task_id)

        store.create_task = create_task
        return store

    async def shows(opener):
        async with opener.open() as store:
            task = await store.create_task(TaskCreateRequest(video_ids=("a", "b", "a")))
            return task.video_ids != ("a", "b", "a")


@fault("LIFE-02", "memory", "The statuses are steps, and a task goes forward only: no step can be done again.")
class no_way_back:
    def wrap(store, place):
        apply, order = store._apply, list(TaskStatus)

        async def _apply(task_id, change):
            task = store._tasks.get(task_id)
            if task is not None and not task.status.is_final and order.index(change.status) < order.index(task.status):
                raise InvalidArgument("status", f"cannot follow {task.status}")
            return await apply(task_id, change)

        store._apply = _apply
        return store

    async def shows(opener):
        async with opener.open() as store:
            task = await store.create_task(REQUEST)
            await store.update_task_status(task.task_id, TaskStatus.LLM_PASS2)
            return await raises(InvalidArgument, store.update_task_status(task.task_id, TaskStatus.LLM_PASS1))


@fault(
    "LIFE-03", "memory-expiring", "Each status has its own copies of tasks; an update within the status forgets them."
)
class filtered_copies_stale:
    def wrap(store, place):
        apply, insert, remove, page = store._apply, store._insert, store._remove, store.list_tasks
        copies = {}

        def _insert(task):
            insert(task)
            copies[task.task_id] = task

        def _remove(task):
            remove(task)
            del copies[task.task_id]

        async def _apply(task_id, change):
            changed = await apply(task_id, change)
            if copies[task_id].status is not changed.status:
                copies[task_id] = changed
            return changed

        async def list_tasks(status=None, limit=50, offset=0, *, after=None):
            found = await page(status, limit, offset, after=after)
            if status is None:
                return found
            return found.model_copy(update={"tasks": tuple(copies[task.task_id] for task in found.tasks)})

        store._insert, store._remove, store._apply, store.list_tasks = _insert, _remove, _apply, list_tasks
        return store

    async def shows(opener):
        async with opener.open() as store:
            task = await store.create_task(REQUEST)
            await store.update_task_status(task.task_id, TaskStatus.CLIPPING, progress=10)
            written = await store.update_task_status(task.task_id, TaskStatus.CLIPPING, progress=20)
            return (await store.list_tasks(TaskStatus.CLIPPING)).tasks != (written,)


@fault("LIFE-04", "redis", "A progress of 0 counts as not given.")
class zero_progress_kept:
    def wrap(store, place):
        update = store.update_task_status

        async def update_task_status(
            task_id,
            status,
            progress=None,
            current_step=None,
            result_url=None,
            error_message=None,
            error_traceback=None,
        ):
            if type(progress) in (int, float) and not progress:
                progress = None
            return await update(task_id, status, progress, current_step, result_url, error_message, error_traceback)

        store.update_task_status = update_task_status
        return store

    async def shows(opener):
        async with opener.open() as store:
            task = await store.create_task(REQUEST)
            await store.update_task_status(task.task_id, TaskStatus.CLIPPING, progress=80)
            return (await store.update_task_status(task.task_id, TaskStatus.PENDING, progress=0)).progress != 0


@fault("LIFE-05", "memory-expiring", "A task that fails without an error message gets no completed_at.")
class quiet_failure:
    def wrap(store, place):
        apply = store._apply

        async def _apply(task_id, change):
            task = await apply(task_id, change)
            if task.status is TaskStatus.FAILED and task.error_message is None and task.completed_at is not None:
                store._finished.remove((task.completed_at, task_id))
                task = put(store, task, completed_at=None)
            return task

        store._apply = _apply
        return store

    async def shows(opener):
        async with opener.open() as store:
            task = await store.create_task(REQUEST)
            return (await store.update_task_status(task.task_id, TaskStatus.FAILED)).completed_at is None


@fault("LIFE-09", "memory-expiring", "A cancel drops the result that was there already.")
class cancel_drops_result:
    def wrap(store, place):
        cancel = store.cancel_task

        async def cancel_task(task_id):
            task = await cancel(task_id)
            return task if task.result_url is None else put(store, task, result_url=None)

        store.cancel_task = cancel_task
        return store

    async def shows(opener):
        async with opener.open() as store:
            task = await store.create_task(REQUEST)
            await store.update_task_status(task.task_id, TaskStatus.UPLOADING, result_url="https://a/b")
            return (await store.cancel_task(task.task_id)).result_url is None


@fault("LIFE-10", "redis", "A completed task that has no result yet can be given one.")
class late_result:
    def wrap(store, place):
        late = "old_status == 'completed' and fields[1] == found[3] and found[6] == 'null' and ARGV[10] ~= ''"
        relua(store, UPDATE, ("if FINAL[old_status] then\n", f"if FINAL[old_status] and not ({late}) then\n"))
        return store

    async def shows(opener):
        async with opener.open() as store:
            task = await store.create_task(REQUEST)
            await store.update_task_status(task.task_id, TaskStatus.COMPLETED)
            call = store.update_task_status(task.task_id, TaskStatus.COMPLETED, result_url="https://a/b")
            return not await raises(TaskFinal, call)


@fault("LIFE-12", "redis", "Only the instance that made a task final may repeat that write; others get TaskFinal.")
class repeat_elsewhere_refused:
    def wrap(store, place):
        finished = set()
        end = "\nend\nlocal size"
        relua(store, UPDATE, (f"return {{'ok', record}}{end}", f"return {{'same', record, old_status}}{end}"))
        run = store._run

        async def _run(script, *arguments, until=None):
            reply = await run(script, *arguments, until=until)
            if script is UPDATE and type(reply) is list:
                task_id = arguments[3]
                if reply[0] == b"same":
                    reply = [b"ok", reply[1]] if task_id in finished else [b"final", reply[2]]
                elif reply[0] == b"ok" and b'\n,"completed_at":null\n' not in reply[1]:
                    finished.add(task_id)
            return reply

        store._run = _run
        return store

    async def shows(opener):
        async with opener.open() as one, opener.open() as other:
            task = await one.create_task(REQUEST)
            await one.update_task_status(task.task_id, TaskStatus.COMPLETED)
            return await raises(TaskFinal, other.update_task_status(task.task_id, TaskStatus.COMPLETED))


@fault("LIFE-14", "memory-expiring", "A write renews the lifetime before it looks whether the task is final.")
class refused_renews:
    def wrap(store, place):
        apply = store._apply

        async def _apply(task_id, change):
            try:
                return await apply(task_id, change)
            except TaskFinal:
                store._renew(task_id)
                raise

        store._apply = _apply
        return store

    async def shows(opener):
        async with opener.open() as store:
            task = await store.create_task(REQUEST)
            await store.cancel_task(task.task_id)
            opener.advance(4 * DAY)
            with contextlib.suppress(TaskFinal):
                await store.update_task_status(task.task_id, TaskStatus.CLIPPING)
            opener.advance(4 * DAY)
            return not await is_gone(store, task.task_id)


@fault("LIFE-17", "redis", "A clock that is behind is stopped at created_at, and not at the updated_at that was there.")
class floor_is_creation:
    def wrap(store, place):
        relua(store, UPDATE, ("ipairs({updated_at, created_at})", "ipairs({created_at})"))
        return store

    async def shows(opener):
        now = datetime.now(UTC)
        async with opener.open() as store:
            await store.restore(a_task("ahead", now - DAY, updated_at=now + DAY))
            return (await store.update_task_status("ahead", TaskStatus.CLIPPING)).updated_at < now + DAY


# Atomicity


@fault("ATOM-01", "redis", "An update reads the task, and writes all its fields back with the given ones among them.")
class read_then_write:
    def wrap(store, place):
        apply = store._apply

        async def _apply(task_id, change):
            task = await store.get_task(task_id)
            known = {name: getattr(task, name) for name in Change._fields}
            return await apply(task_id, Change(**{**known, **change.given()}))

        store._apply = _apply
        return store

    async def shows(opener):
        async with opener.open() as store:
            task = await store.create_task(REQUEST)
            await asyncio.gather(
                store.update_task_status(task.task_id, TaskStatus.UPLOADING, current_step="half"),
                store.update_task_status(task.task_id, TaskStatus.UPLOADING, result_url="https://a/b"),
            )
            task = await store.get_task(task.task_id)
            return task.current_step != "half" or task.result_url is None


@fault("ATOM-02", "redis", "A cancel looks whether the task is final, and then writes without a second look.")
class cancel_checks_first:
    def wrap(store, place):
        apply, unchecked = store._apply, ContextVar("unchecked", default=False)

        async def _apply(task_id, change):
            if change.status is not TaskStatus.CANCELLED or (await store.get_task(task_id)).status.is_final:
                return await apply(task_id, change)
            token = unchecked.set(True)
            try:
                return await apply(task_id, change)
            finally:
                unchecked.reset(token)

        relua(store, UPDATE, ("if FINAL[old_status] then\n", "if false then\n"), when=unchecked.get)
        store._apply = _apply
        return store

    async def shows(opener):
        async with opener.open() as store:
            task = await store.create_task(REQUEST)
            calls = store.cancel_task(task.task_id), store.update_task_status(task.task_id, TaskStatus.COMPLETED)
            results = await asyncio.gather(*calls, return_exceptions=True)
            return not any(isinstance(result, TaskFinal) for result in results)


@fault("ATOM-03", "memory-expiring", "A write relies on the sweep before it, which ends after a hundred tasks.")
class sweep_is_enough:
    def wrap(store, place):
        apply = store._apply

        async def _apply(task_id, change):
            store._is_due = lambda _: False
            try:
                return await apply(task_id, change)
            finally:
                del store._is_due

        store._apply = _apply
        return store

    async def shows(opener):
        async with opener.open() as store:
            for _ in range(120):
                await store.create_task(REQUEST)
            opener.advance(timedelta(seconds=1))
            last = await store.create_task(REQUEST)
            opener.advance(8 * DAY)
            return not await raises(TaskNotFound, store.update_task_status(last.task_id, TaskStatus.CLIPPING))


@fault("ATOM-06", "redis", "Reads of one task at the same time share one request, and whoever is cancelled ends it.")
class shared_read_cancelled:
    def wrap(store, place):
        get, flights = store.get_task, {}

        async def get_task(task_id):
            store._check_open()
            if type(task_id) is not str:
                return await get(task_id)
            if task_id not in flights:
                flights[task_id] = asyncio.ensure_future(get(task_id))
                flights[task_id].add_done_callback(lambda _: flights.pop(task_id, None))
            return await flights[task_id]

        store.get_task = get_task
        return store

    async def shows(opener):
        async with opener.open() as store:
            task = await store.create_task(REQUEST)
            one, other = (asyncio.ensure_future(store.get_task(task.task_id)) for _ in range(2))
            await asyncio.sleep(0)
            one.cancel()
            _, result = await asyncio.gather(one, other, return_exceptions=True)
            return result != task


# Listing


@fault("LIST-01", "redis", "The index of a status is ordered by when a task came to the status.")
class status_index_by_change:
    def wrap(store, place):
        old = "steps[2] = {'ZADD', status_index(status), created_us, id}"
        relua(store, UPDATE, (old, old.replace("created_us", "now_us")))
        return store

    async def shows(opener):
        async with opener.open() as store:
            older, newer = [await store.create_task(REQUEST) for _ in range(2)]
            for task in (newer, older):
                await store.update_task_status(task.task_id, TaskStatus.CLIPPING)
            page = await store.list_tasks(TaskStatus.CLIPPING)
            return [task.task_id for task in page.tasks] != [newer.task_id, older.task_id]


@fault("LIST-03", "memory", "With a cursor the total is what stands behind the cursor.")
class total_behind_cursor:
    def wrap(store, place):
        page = store.list_tasks

        async def list_tasks(status=None, limit=50, offset=0, *, after=None):
            found = await page(status, limit, offset, after=after)
            if after is None:
                return found
            index = store._created if status is None else store._created_by_status[TaskStatus(status)]
            moment, _, task_id = after.partition(".")
            total = index.bisect_left((EPOCH + timedelta(microseconds=int(moment)), task_id))
            return found.model_copy(update={"total": total})

        store.list_tasks = list_tasks
        return store

    async def shows(opener):
        async with opener.open() as store:
            for _ in range(3):
                await store.create_task(REQUEST)
            first = await store.list_tasks(limit=1)
            return (await store.list_tasks(limit=1, after=first.next)).total != 3


@fault("LIST-04", "memory", "A page is a dictionary by created_at: of the tasks of one microsecond it has one.")
class one_per_microsecond:
    def wrap(store, place):
        page = store.list_tasks

        async def list_tasks(status=None, limit=50, offset=0, *, after=None):
            found = await page(status, limit, offset, after=after)
            tasks = tuple({task.created_at: task for task in found.tasks}.values())
            return found.model_copy(update={"tasks": tasks})

        store.list_tasks = list_tasks
        return store

    async def shows(opener):
        now = datetime.now(UTC)
        async with opener.open() as store:
            for task_id in ("a", "b", "c"):
                await store.restore(a_task(task_id, now))
            return len((await store.list_tasks()).tasks) != 3


@fault("LIST-06", "memory", "An offset beyond the maximum is past the end, and gives an empty page.")
class far_offset:
    def wrap(store, place):
        page = store.list_tasks

        async def list_tasks(status=None, limit=50, offset=0, *, after=None):
            if type(offset) is not int or offset <= MAX_OFFSET:
                return await page(status, limit, offset, after=after)
            return (await page(status, limit, MAX_OFFSET, after=after)).model_copy(update={"offset": offset})

        store.list_tasks = list_tasks
        return store

    async def shows(opener):
        async with opener.open() as store:
            return not await raises(InvalidArgument, store.list_tasks(offset=MAX_OFFSET + 1))


@fault("LIST-12", "redis", "If the task of a cursor has left the listing, the page begins at the next microsecond.")
class cursor_skips_ties:
    def wrap(store, place):
        low = "local low = redis.call('ZCOUNT', index, '(' .. after_us, '+inf')"
        high = "local high = low + redis.call('ZCOUNT', index, after_us, after_us)"
        relua(store, LIST, (low, low.replace("'(' .. ", "")), (high, "local high = low"))
        return store

    async def shows(opener):
        now = datetime.now(UTC)
        async with opener.open() as store:
            for task_id in ("a", "b", "c", "d"):
                await store.restore(a_task(task_id, now))
            first = await store.list_tasks(TaskStatus.PENDING, limit=2)
            await store.update_task_status("c", TaskStatus.CLIPPING)
            second = await store.list_tasks(TaskStatus.PENDING, limit=2, after=first.next)
            return [task.task_id for task in second.tasks] != ["b", "a"]


@fault("LIST-13", "redis", "What int() reads before the first dot is the microsecond of a cursor.")
class lenient_cursor:
    def wrap(store, place):
        page = store.list_tasks

        async def list_tasks(status=None, limit=50, offset=0, *, after=None):
            if isinstance(after, str):
                moment, dot, task_id = after.partition(".")
                with contextlib.suppress(ValueError):
                    after = f"{int(moment)}{dot}{task_id}"
            return await page(status, limit, offset, after=after)

        store.list_tasks = list_tasks
        return store

    async def shows(opener):
        async with opener.open() as store:
            for _ in range(2):
                await store.create_task(REQUEST)
            first = await store.list_tasks(limit=1)
            return not await raises(InvalidArgument, store.list_tasks(after=f" +{first.next}"))


# Expiry


@fault("EXP-01", "redis", "Only a listing of all tasks removes what expired: the total of a filter counts it on.")
class filter_without_sweep:
    def wrap(store, place):
        old = "if sweep(bound) then return {1} end"
        relua(store, LIST, (old, old.replace("sweep", "status == '' and sweep")))
        return store

    async def shows(opener):
        async with opener.open() as store:
            for _ in range(3):
                await store.create_task(REQUEST)
            opener.advance(8 * DAY)
            return (await store.list_tasks(TaskStatus.PENDING, limit=0)).total != 0


@fault("EXP-03", "redis", "An update that leaves the status as it is leaves the lifetime as it is.")
class same_status_keeps_ttl:
    def wrap(store, place):
        old = "return keep(id, record, lifetime_ms, steps)"
        new = f"if status == old_status then lifetime_ms = redis.call('PTTL', record_key(id)) end\n{old}"
        relua(store, UPDATE, (old, new))
        return store

    async def shows(opener):
        async with opener.open() as store:
            task = await store.create_task(REQUEST)
            await store.update_task_status(task.task_id, TaskStatus.CLIPPING)
            opener.advance(4 * DAY)
            await store.update_task_status(task.task_id, TaskStatus.CLIPPING, progress=50)
            opener.advance(4 * DAY)
            return await is_gone(store, task.task_id)


@fault("EXP-04", "memory-expiring", "A listing removes a hundred expired tasks, and only hides the others.")
class one_sweep_per_listing:
    def wrap(store, place):
        async def list_tasks(status=None, limit=50, offset=0, *, after=None):
            store._check_open()
            store._sweep(100)
            live = [task for task in store._tasks.values() if not store._is_due(task.task_id)]
            return page_of(live, status, limit, offset, after)

        store.list_tasks = list_tasks
        return store

    async def shows(opener):
        async with opener.open() as store:
            kept = [weakref.ref(await store.create_task(REQUEST)) for _ in range(150)]
            opener.advance(8 * DAY)
            await store.list_tasks()
            gc.collect()
            return any(one() is not None for one in kept)


# Identity


@fault("ID-01", "redis", "Ids come from a generator that each instance seeds with the process id.")
class seeded_by_pid:
    def wrap(store, place):
        create, generator = store.create_task, random.Random(os.getpid())

        async def create_task(request, *, task_id=None):
            if task_id is None:
                task_id = f"task_{generator.getrandbits(128):032x}"
            return await create(request, task_id=task_id)

        store.create_task = create_task
        return store

    async def shows(opener):
        async with opener.open() as one, opener.open() as other:
            return (await one.create_task(REQUEST)).task_id == (await other.create_task(REQUEST)).task_id


@fault("ID-03", "memory", "Blanks and line ends around an id are taken off.")
class id_trimmed:
    def wrap(store, place):
        get, apply = store.get_task, store._apply

        async def get_task(task_id):
            return await get(task_id.strip() if isinstance(task_id, str) else task_id)

        async def _apply(task_id, change):
            return await apply(task_id.strip(), change)

        store.get_task, store._apply = get_task, _apply
        return store

    async def shows(opener):
        async with opener.open() as store:
            task = await store.create_task(REQUEST)
            return not await is_gone(store, f"{task.task_id}\n")


@fault("ID-05", "memory", "A restored task takes the place of the stored one if it was updated later.")
class newer_restore_wins:
    def wrap(store, place):
        restore_new = store.restore

        async def restore(task):
            try:
                await restore_new(task)
            except TaskExists:
                known = store._tasks[task.task_id]
                if task.updated_at <= known.updated_at:
                    raise
                store._remove(known)
                await restore_new(task)

        store.restore = restore
        return store

    async def shows(opener):
        now = datetime.now(UTC)
        async with opener.open() as store:
            await store.restore(a_task("a", now - DAY))
            return not await raises(TaskExists, store.restore(a_task("a", now - DAY, updated_at=now)))


@fault("ID-06", "redis", "A creation looks whether its id is free, and then writes without a second look.")
class exists_then_set:
    def wrap(store, place):
        create, unchecked = store.create_task, ContextVar("unchecked", default=False)

        async def create_task(request, *, task_id=None):
            token = unchecked.set(False)
            try:
                if task_id is not None:
                    try:
                        await store.get_task(task_id)
                    except TaskNotFound:
                        unchecked.set(True)
                    except StoreUnavailable as error:
                        error.task_id = task_id
                        raise
                return await create(request, task_id=task_id)
            finally:
                unchecked.reset(token)

        taken = "if redis.call('EXISTS', record_key(id)) == 1 then\n  if last"
        relua(store, INSERT, (taken, "if false then\n  if last"), when=unchecked.get)
        store.create_task = create_task
        return store

    async def shows(opener):
        async with opener.open() as store:
            requests = [TaskCreateRequest(video_ids=(name,)) for name in ("v1", "v2")]
            calls = [store.create_task(request, task_id="a") for request in requests]
            results = await asyncio.gather(*calls, return_exceptions=True)
            return not any(isinstance(result, TaskExists) for result in results)


# The end of a store, and other instances


@fault("API-03", "memory-expiring", "purge does not look whether the store is closed.")
class purge_after_close:
    def wrap(store, place):
        async def purge(before):
            moment = check_moment(before)
            removed = 0
            while True:
                if not store._sweep(250):
                    older = store._finished.irange(maximum=(moment, ""), inclusive=(True, False))
                    old = [store._tasks[task_id] for _, task_id in islice(older, 250)]
                    for task in old:
                        store._remove(task)
                    removed += len(old)
                    if len(old) < 250:
                        return removed
                await asyncio.sleep(0)

        store.purge = purge
        return store

    async def shows(opener):
        async with opener.open() as store:
            await store.aclose()
            return not await raises(StoreNotOpen, store.purge(datetime.now(UTC)))


@fault("DUR-01", "redis", "An application that ends removes the tasks that it created and nobody has begun.")
class pending_dropped_on_close:
    def wrap(store, place):
        create, close, created = store.create_task, store.aclose, set()
        text = INSERT.text.partition("-- A new record, unless")[0] + "forget({ARGV[1]}) return 1"
        forget = Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest(), True)

        async def create_task(request, *, task_id=None):
            task = await create(request, task_id=task_id)
            created.add(task.task_id)
            return task

        async def aclose():
            while created and not store._closed:
                task_id = created.pop()
                try:
                    if (await store.get_task(task_id)).status is TaskStatus.PENDING:
                        await store._run(forget, task_id)
                except StoreUnavailable:
                    break
                except TaskStoreError:
                    continue
            await close()

        store.create_task, store.aclose = create_task, aclose
        return store

    async def shows(opener):
        async with opener.open() as store:
            task = await store.create_task(REQUEST)
        async with opener.open() as store:
            return await is_gone(store, task.task_id)


@fault("SHARE-01", "redis", "Final tasks do not change, so they are kept for a minute: also if another purges them.")
class final_cached:
    def wrap(store, place):
        get, purge_stored, kept = store.get_task, store.purge, {}

        async def get_task(task_id):
            store._check_open()
            if type(task_id) is str and task_id in kept:
                task, until = kept[task_id]
                if place.now() < until:
                    return task
                del kept[task_id]
            task = await get(task_id)
            if task.status.is_final:
                kept[task.task_id] = task, place.now() + 60 * 10**9
            return task

        async def purge(before):
            kept.clear()
            return await purge_stored(before)

        store.get_task, store.purge = get_task, purge
        return store

    async def shows(opener):
        async with opener.open() as one, opener.open() as other:
            task = await one.create_task(REQUEST)
            await one.cancel_task(task.task_id)
            await one.get_task(task.task_id)
            await other.purge(datetime.now(UTC) + DAY)
            return not await is_gone(one, task.task_id)


@fault("SHARE-02", "memory", "The dictionary of tasks stands in the class, its indexes in the instance.")
class class_level_dictionary:
    def wrap(store, place):
        store._tasks = place.state.setdefault("tasks", store._tasks)
        return store

    async def shows(opener):
        async with opener.open() as one, opener.open() as other:
            task = await one.create_task(REQUEST)
            return not await is_gone(other, task.task_id)


# Cost and maintenance


@fault("COST-04", "memory", "Of the final tasks the last 500 are kept.")
class finished_capped:
    def wrap(store, place):
        apply = store._apply

        async def _apply(task_id, change):
            changed = await apply(task_id, change)
            while len(store._finished) > 500:
                store._remove(store._tasks[store._finished[0][1]])
            return changed

        store._apply = _apply
        return store

    async def shows(opener):
        async with opener.open() as store:
            for _ in range(501):
                await store.cancel_task((await store.create_task(REQUEST)).task_id)
            return (await store.list_tasks()).total != 501


@fault("COST-05", "memory-expiring", "Each task has a coroutine of its own that waits for the end of its lifetime.")
class timer_per_task:
    def wrap(store, place):
        create, close, timers = store.create_task, store.aclose, {}

        async def expire():
            await asyncio.sleep(store._lifetime_ms / 1_000)
            store._sweep(100)

        async def create_task(request, *, task_id=None):
            task = await create(request, task_id=task_id)
            if task.task_id not in timers:
                timers[task.task_id] = asyncio.create_task(expire())
            return task

        async def aclose():
            for timer in timers.values():
                timer.cancel()
            await close()

        store.create_task, store.aclose = create_task, aclose
        return store

    async def shows(opener):
        async with opener.open() as store:
            before = len(asyncio.all_tasks())
            for _ in range(50):
                await store.create_task(REQUEST)
            return len(asyncio.all_tasks()) >= before + 50


@fault("MAINT-01", "redis", "A purge ends after its first batch of 250 tasks.")
class purge_one_batch:
    def wrap(store, place):
        relua(store, PURGE, ("return {#old == tonumber(bound) and 1 or 0, removed}", "return {0, removed}"))
        return store

    async def shows(opener):
        async with opener.open() as store:
            tasks = await asyncio.gather(*(store.create_task(REQUEST) for _ in range(260)))
            await asyncio.gather(*(store.cancel_task(task.task_id) for task in tasks))
            await store.purge(datetime.now(UTC) + DAY)
            return (await store.list_tasks()).total != 0


@fault("MAINT-02", "memory-expiring", "A restored task lives until one lifetime after its creation.")
class restore_keeps_age:
    def wrap(store, place):
        restore_new = store.restore

        async def restore(task):
            await restore_new(task)
            store._deadlines.remove((store._deadline_of[task.task_id], task.task_id))
            deadline = microseconds(task.created_at) // 1_000 + store._lifetime_ms
            store._deadline_of[task.task_id] = deadline
            store._deadlines.add((deadline, task.task_id))

        store.restore = restore
        return store

    async def shows(opener):
        async with opener.open() as store:
            await store.restore(a_task("old", datetime.now(UTC) - 6 * DAY))
            opener.advance(2 * DAY)
            return await is_gone(store, "old")


# Odd, and right


@variant("memory", "Ids have 48 random digits.")
class longer_ids:
    def wrap(store, place):
        create = store.create_task

        async def create_task(request, *, task_id=None):
            return await create(request, task_id=f"task_{secrets.token_hex(24)}" if task_id is None else task_id)

        store.create_task = create_task
        return store


@variant("memory", "Pages are kept until the next write.")
class page_cache:
    def wrap(store, place):
        page, insert, remove, apply, pages = store.list_tasks, store._insert, store._remove, store._apply, {}
        nothing = type(None)

        async def list_tasks(status=None, limit=50, offset=0, *, after=None):
            store._check_open()
            plain = type(status) in (nothing, str, TaskStatus) and type(after) in (nothing, str)
            if not plain or type(limit) is not int or type(offset) is not int:
                return await page(status, limit, offset, after=after)
            key = status, limit, offset, after
            if key not in pages:
                found = await page(status, limit, offset, after=after)
                if len(pages) >= 64:
                    pages.clear()
                pages[key] = found
            return pages[key]

        def _insert(task):
            insert(task)
            pages.clear()

        def _remove(task):
            remove(task)
            pages.clear()

        async def _apply(task_id, change):
            try:
                return await apply(task_id, change)
            finally:
                pages.clear()

        store.list_tasks, store._insert, store._remove, store._apply = list_tasks, _insert, _remove, _apply
        return store


class NamedTask(Task):
    """A task that says what it is called; equal to a plain one of the same fields."""

    def __eq__(self, other):
        return isinstance(other, Task) and vars(self) == vars(other)

    __hash__ = Task.__hash__

    def name(self):
        return f"{self.task_id} ({self.status})"


@variant("memory", "Tasks come back as instances of a subclass of Task.")
class subclassed_tasks:
    def wrap(store, place):
        def named(task):
            task = task.model_copy()
            object.__setattr__(task, "__class__", NamedTask)
            return task

        def naming(call):
            @wraps(call)
            async def run(*args, **kwargs):
                found = await call(*args, **kwargs)
                if isinstance(found, Task):
                    return named(found)
                return found.model_copy(update={"tasks": tuple(map(named, found.tasks))})

            return run

        for name in TASK_CALLS:
            setattr(store, name, naming(getattr(store, name)))
        return store


@variant("memory-expiring", "A listing has no index: it sorts all tasks every time.")
class sorted_each_time:
    def wrap(store, place):
        async def list_tasks(status=None, limit=50, offset=0, *, after=None):
            store._check_open()
            if status is not None:
                check_status(status)
            check_page(limit, offset, after)
            while store._sweep(50):
                await asyncio.sleep(0)
            return page_of(store._tasks.values(), status, limit, offset, after)

        store.list_tasks = list_tasks
        return store


@variant("memory-expiring", "One lock lets one operation in at a time.")
class one_lock:
    def wrap(store, place):
        lock = asyncio.Lock()

        def locked(call):
            @wraps(call)
            async def run(*args, **kwargs):
                store._check_open()
                async with lock:
                    return await call(*args, **kwargs)

            return run

        for name in OPERATIONS:
            setattr(store, name, locked(getattr(store, name)))
        return store


@variant("memory-expiring", "A read, too, first removes every task that is due.")
class read_sweeps:
    def wrap(store, place):
        get = store.get_task

        async def get_task(task_id):
            store._check_open()
            while store._sweep(20):
                await asyncio.sleep(0)
            return await get(task_id)

        store.get_task = get_task
        return store


@variant("redis", "Every task that is returned is a deep copy.")
class deep_copies:
    def wrap(store, place):
        def copying(call):
            @wraps(call)
            async def run(*args, **kwargs):
                found = await call(*args, **kwargs)
                if isinstance(found, Task):
                    return found.model_copy(deep=True)
                return found.model_copy(update={"tasks": tuple(task.model_copy(deep=True) for task in found.tasks)})

            return run

        for name in TASK_CALLS:
            setattr(store, name, copying(getattr(store, name)))
        return store


@variant("redis", "Every operation waits a few turns of the loop, before and after.")
class extra_awaits:
    def wrap(store, place):
        def slowed(call):
            @wraps(call)
            async def run(*args, **kwargs):
                store._check_open()
                for _ in range(3):
                    await asyncio.sleep(0)
                try:
                    return await call(*args, **kwargs)
                finally:
                    await asyncio.sleep(0)

            return run

        for name in OPERATIONS:
            setattr(store, name, slowed(getattr(store, name)))
        return store


@variant("redis", "Every write prolongs every index, needed or not.")
class prolongs_always:
    def wrap(store, place):
        for script in (INSERT, UPDATE):
            longest = "left, short = 2 * lifetime_ms", "left, short = math.max(left, 2 * lifetime_ms)"
            relua(store, script, ("if left < tonumber(lifetime_ms) then", "if true then"), longest)
        return store


@variant("redis", "Reads are collected, and sent together at the next turn of the loop.")
class batched_reads:
    def wrap(store, place):
        get, waiting, running = store.get_task, [], set()

        async def answer(task_id, reply):
            try:
                task = await get(task_id)
            except Exception as error:
                if not reply.done():
                    reply.set_exception(error)
            else:
                if not reply.done():
                    reply.set_result(task)

        def flush():
            for task_id, reply in waiting:
                if not reply.done():
                    running.add(one := asyncio.ensure_future(answer(task_id, reply)))
                    one.add_done_callback(running.discard)
            waiting.clear()

        async def get_task(task_id):
            store._check_open()
            loop = asyncio.get_running_loop()
            if not waiting:
                loop.call_soon(flush)
            reply = loop.create_future()
            waiting.append((task_id, reply))
            return await reply

        store.get_task = get_task
        return store
