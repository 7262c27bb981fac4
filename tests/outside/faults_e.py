"""Forty stores that are wrong in one way each, and ten that are odd and right."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import random
import re
import secrets
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha1
from typing import Any
from unicodedata import normalize

from taskstore import (
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
    memory,
)
from taskstore.arguments import check_change, check_page, check_status, check_task
from taskstore.json_text import write
from taskstore.redis.scripts import INSERT, LIST, UPDATE, Script
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


# What several of them need.


def request(*video_ids: str, **fields: Any) -> TaskCreateRequest:
    return TaskCreateRequest(video_ids=video_ids or ("v1",), **fields)


async def raises(kind: type[BaseException], call: Awaitable[Any]) -> bool:
    try:
        await call
    except kind:
        return True
    return False


def changed(task: Task, **fields: Any) -> Task:
    return trusted(Task, {**vars(task), **fields})


def aged(task: Task, by: timedelta, **fields: Any) -> Task:
    """The same task, moved into the past."""
    completed = None if task.completed_at is None else task.completed_at - by
    times = {"created_at": task.created_at - by, "updated_at": task.updated_at - by, "completed_at": completed}
    return changed(task, **(times | fields))


def over_tasks(store: Any, look: Callable[[Task], Task], names: str = "create get update cancel list") -> Any:
    """Show every task that comes out as `look` makes it."""
    create, get, update = store.create_task, store.get_task, store.update_task_status
    cancel, listing = store.cancel_task, store.list_tasks

    async def create_task(request, *, task_id=None):
        return look(await create(request, task_id=task_id))

    async def get_task(task_id):
        return look(await get(task_id))

    async def update_task_status(*args, **kwargs):
        return look(await update(*args, **kwargs))

    async def cancel_task(task_id):
        return look(await cancel(task_id))

    async def list_tasks(status=None, limit=50, offset=0, *, after=None):
        page = await listing(status, limit, offset, after=after)
        return page.model_copy(update={"tasks": tuple(map(look, page.tasks))})

    made = {
        "create": create_task,
        "get": get_task,
        "update": update_task_status,
        "cancel": cancel_task,
        "list": list_tasks,
    }
    for name in names.split():
        setattr(store, made[name].__name__, made[name])
    return store


def over_changes(store: Any, look: Callable[[Any], Any]) -> Any:
    """Let every checked change pass `look` before it is made."""
    apply = store._apply

    async def _apply(task_id, change):
        return await apply(task_id, look(change))

    store._apply = _apply
    return store


def over_lua(store: Any, script: Script, *edits: tuple[str, str]) -> Any:
    """Run another text in place of a script."""
    text = script.text
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    other, run = Script(text, sha1(text.encode()).hexdigest(), script.writes), store._run

    async def _run(one, *arguments, until=None):
        return await run(other if one is script else one, *arguments, until=until)

    store._run = _run
    return store


def by_scan(store: Any, moment: Callable[[Task], datetime]) -> Callable[..., Awaitable[TaskPage]]:
    """A listing of a memory store that sorts what is there at every call."""

    async def list_tasks(status=None, limit=50, offset=0, *, after=None):
        store._check_open()
        wanted = None if status is None else check_status(status)
        place = check_page(limit, offset, after)
        while store._sweep(250):
            await asyncio.sleep(0)

        def key(task):
            return microseconds(moment(task)), task.task_id

        tasks = sorted((one for one in store._tasks.values() if wanted in (None, one.status)), key=key, reverse=True)
        total = len(tasks)
        if place is not None:
            tasks = [one for one in tasks if key(one) < place]
        page, rest = tasks[offset : offset + limit], tasks[offset + limit :]
        following = f"{key(page[-1])[0]}.{page[-1].task_id}" if page and rest else None
        return TaskPage(tasks=tuple(page), total=total, limit=limit, offset=offset, next=following)

    return list_tasks


# Memory.


def shallow_copy(store, place):
    create, live = store.create_task, {}

    def look(task):
        config = live.get((task.task_id, task.created_at))
        return task if config is None else changed(task, metadata_json=write({**task.metadata, "config": config}))

    async def create_task(request, *, task_id=None):
        task = await create(request, task_id=task_id)
        if request.config is not None:
            live.setdefault((task.task_id, task.created_at), dict(request.config))
        return look(task)

    over_tasks(store, look, "get update cancel list")
    store.create_task = create_task
    return store


async def shallow_copy_shows(opener):
    async with opener.open() as store:
        config = {"clips": {"lengths": [1, 2]}}
        task = await store.create_task(request(config=config))
        config["clips"]["lengths"].append(3)
        return (await store.get_task(task.task_id)).metadata["config"] != {"clips": {"lengths": [1, 2]}}


def class_level_dict(store, place):
    for name in ("_tasks", "_created", "_created_by_status", "_finished", "_deadline_of", "_deadlines"):
        setattr(store, name, place.state.setdefault(name, getattr(store, name)))
    return store


async def class_level_dict_shows(opener):
    async with opener.open() as one, opener.open() as other:
        await one.create_task(request())
        return (await other.list_tasks()).total != 0


def newest_by_update(store, place):
    store.list_tasks = by_scan(store, lambda task: task.updated_at)
    return store


async def newest_by_update_shows(opener):
    async with opener.open() as store:
        ids = []
        for _ in range(3):
            ids.insert(0, (await store.create_task(request())).task_id)
            await asyncio.sleep(0.002)
        await store.update_task_status(ids[-1], TaskStatus.ANALYZING)
        return [task.task_id for task in (await store.list_tasks()).tasks] != ids


def limit_or_default(store, place):
    listing = store.list_tasks

    async def list_tasks(status=None, limit=50, offset=0, *, after=None):
        return await listing(status, limit or 50, offset, after=after)

    store.list_tasks = list_tasks
    return store


async def limit_or_default_shows(opener):
    async with opener.open() as store:
        await store.create_task(request())
        return (await store.list_tasks(limit=0)).tasks != ()


def zero_progress(store, place):
    return over_changes(store, lambda change: change._replace(progress=change.progress or None))


async def zero_progress_shows(opener):
    async with opener.open() as store:
        task = await store.create_task(request())
        await store.update_task_status(task.task_id, TaskStatus.LLM_PASS1, progress=60)
        await store.update_task_status(task.task_id, TaskStatus.LLM_PASS2, progress=0)
        return (await store.get_task(task.task_id)).progress != 0


def bson_milliseconds(store, place):
    def cut(moment):
        return moment and moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def look(task):
        return changed(
            task, **{name: cut(getattr(task, name)) for name in ("created_at", "updated_at", "completed_at")}
        )

    return over_tasks(store, look, "get list")


async def bson_milliseconds_shows(opener):
    async with opener.open() as store:
        made = [await store.create_task(request()) for _ in range(5)]
        return made != [await store.get_task(task.task_id) for task in made]


def default_str(store, place):
    create = store.create_task

    async def create_task(request, *, task_id=None):
        try:
            return await create(request, task_id=task_id)
        except InvalidArgument as fault:
            if not fault.argument.startswith("config") or type(request.config) is not dict:
                raise
            try:
                config = json.loads(json.dumps(request.config, default=str))
            except (TypeError, ValueError, RecursionError):
                raise fault from None
            return await create(request.model_copy(update={"config": config}), task_id=task_id)

    store.create_task = create_task
    return store


async def default_str_shows(opener):
    async with opener.open() as store:
        refused = await raises(InvalidArgument, store.create_task(request(config={"until": datetime(2030, 1, 1)})))
        return not refused or (await store.list_tasks()).total != 0


def retry_reopens(store, place):
    apply = store._apply

    async def _apply(task_id, change):
        task = store._tasks.get(task_id)
        if task is not None and task.status is TaskStatus.FAILED and not change.status.is_final:
            entry = task.created_at, task_id
            store._finished.remove((task.completed_at, task_id))
            store._created_by_status[task.status].remove(entry)
            store._created_by_status[TaskStatus.PENDING].add(entry)
            fields = {"error_message": None, "error_traceback": None, "completed_at": None}
            store._tasks[task_id] = changed(task, status=TaskStatus.PENDING, **fields)
        return await apply(task_id, change)

    store._apply = _apply
    return store


async def retry_reopens_shows(opener):
    async with opener.open() as store:
        task = await store.create_task(request())
        await store.update_task_status(task.task_id, TaskStatus.FAILED, error_message="no space")
        return not await raises(TaskFinal, store.update_task_status(task.task_id, TaskStatus.ANALYZING))


def lru_thousand(store, place):
    insert = store._insert

    def _insert(task):
        insert(task)
        while len(store._tasks) > 1_000:
            store._remove(store._tasks[store._created[0][1]])

    store._insert = _insert
    return store


async def lru_thousand_shows(opener):
    async with opener.open() as store:
        first = await store.create_task(request())
        for _ in range(1_000):
            await store.create_task(request())
        return await raises(TaskNotFound, store.get_task(first.task_id))


def restore_overwrites(store, place):
    restore = store.restore

    async def wrong(task):
        store._check_open()
        if (known := store._tasks.get(check_task(task).task_id)) is not None:
            store._remove(known)
        await restore(task)

    store.restore = wrong
    return store


async def restore_overwrites_shows(opener):
    async with opener.open() as store:
        task = await store.create_task(request())
        await store.update_task_status(task.task_id, TaskStatus.CLIPPING, progress=70)
        refused = await raises(TaskExists, store.restore(task))
        return not refused or (await store.get_task(task.task_id)).progress != 70


def touch_on_refusal(store, place):
    apply = store._apply

    async def _apply(task_id, change):
        try:
            return await apply(task_id, change)
        except TaskFinal:
            task = store._tasks[task_id]
            store._tasks[task_id] = changed(task, updated_at=max(store._now(), task.updated_at))
            raise

    store._apply = _apply
    return store


async def touch_on_refusal_shows(opener):
    async with opener.open() as store:
        task = await store.create_task(request())
        done = await store.update_task_status(task.task_id, TaskStatus.COMPLETED)
        await asyncio.sleep(0.002)
        await raises(TaskFinal, store.cancel_task(task.task_id))
        return await store.get_task(task.task_id) != done


def cursor_by_offset(store, place):
    listing, offsets = store.list_tasks, {}

    async def list_tasks(status=None, limit=50, offset=0, *, after=None):
        at = offset
        if (status, after) in offsets and offset == 0:
            at = offsets[status, after]
            page = await listing(status, limit, at)
        else:
            page = await listing(status, limit, offset, after=after)
            if after is not None:
                return page
        if page.next is not None:
            offsets[status, page.next] = at + len(page.tasks)
        return page.model_copy(update={"offset": offset})

    store.list_tasks = list_tasks
    return store


async def cursor_by_offset_shows(opener):
    async with opener.open() as store:
        for _ in range(4):
            await store.create_task(request())
        first = await store.list_tasks(limit=2)
        await store.create_task(request())
        second = await store.list_tasks(limit=2, after=first.next)
        return bool({task.task_id for task in first.tasks} & {task.task_id for task in second.tasks})


def limit_per_call(store, place):
    apply = store._apply

    async def _apply(task_id, change):
        check, memory.check_size_of = memory.check_size_of, lambda task: None
        try:
            return await apply(task_id, change)  # which does not await: nobody else meets the change
        finally:
            memory.check_size_of = check

    store._apply = _apply
    return store


async def limit_per_call_shows(opener):
    async with opener.open() as store:
        task = await store.create_task(request())
        await store.update_task_status(task.task_id, TaskStatus.UPLOADING, current_step="s" * 700_000)
        update = store.update_task_status(task.task_id, TaskStatus.UPLOADING, result_url="u" * 700_000)
        return not await raises(InvalidArgument, update)


def unknown_filter(store, place):
    listing = store.list_tasks

    async def list_tasks(status=None, limit=50, offset=0, *, after=None):
        if isinstance(status, str) and status not in list(TaskStatus):
            page = await listing(None, limit, offset, after=after)
            return page.model_copy(update={"tasks": (), "total": 0, "next": None})
        return await listing(status, limit, offset, after=after)

    store.list_tasks = list_tasks
    return store


async def unknown_filter_shows(opener):
    async with opener.open() as store:
        await store.create_task(request())
        return not await raises(InvalidArgument, store.list_tasks("running"))


# Memory that expires.


def lazy_expiry(store, place):
    listing, sweep, inside = store.list_tasks, store._sweep, []

    async def list_tasks(status=None, limit=50, offset=0, *, after=None):
        inside.append(True)  # without a sweep a listing does not await
        try:
            return await listing(status, limit, offset, after=after)
        finally:
            inside.pop()

    store.list_tasks, store._sweep = list_tasks, lambda most: not inside and sweep(most)
    return store


async def lazy_expiry_shows(opener):
    async with opener.open() as store:
        await store.create_task(request())
        opener.advance(timedelta(days=8))
        return (await store.list_tasks()).total != 0


def from_creation(store, place):
    renew = store._renew

    def _renew(task_id):
        if task_id not in store._deadline_of:
            renew(task_id)

    store._renew = _renew
    return store


async def from_creation_shows(opener):
    async with opener.open() as store:
        task = await store.create_task(request())
        opener.advance(timedelta(days=4))
        await store.update_task_status(task.task_id, TaskStatus.ANALYZING)
        opener.advance(timedelta(days=4))
        return await raises(TaskNotFound, store.get_task(task.task_id))


def reads_renew(store, place):
    get = store.get_task

    async def get_task(task_id):
        task = await get(task_id)
        store._renew(task.task_id)
        return task

    store.get_task = get_task
    return store


async def reads_renew_shows(opener):
    async with opener.open() as store:
        task = await store.create_task(request())
        for _ in range(2):
            opener.advance(timedelta(days=4))
            gone = await raises(TaskNotFound, store.get_task(task.task_id))
        return not gone


def resurrects(store, place):
    apply, loaded = store._apply, {}

    def look(task):
        loaded[task.task_id] = task
        return task

    async def _apply(task_id, change):
        try:
            return await apply(task_id, change)
        except TaskNotFound:
            if task_id not in loaded:
                raise
            store._insert(loaded[task_id])
            return await apply(task_id, change)

    store._apply = _apply
    return over_tasks(store, look)


async def resurrects_shows(opener):
    async with opener.open() as store:
        task = await store.create_task(request())
        opener.advance(timedelta(days=8))
        missing = await raises(TaskNotFound, store.update_task_status(task.task_id, TaskStatus.CLIPPING))
        return not missing or not await raises(TaskNotFound, store.get_task(task.task_id))


def never_free_again(store, place):
    create, used = store.create_task, set()

    async def create_task(request, *, task_id=None):
        if type(task_id) is str and task_id in used and await raises(TaskNotFound, store.get_task(task_id)):
            raise TaskExists(task_id)
        task = await create(request, task_id=task_id)
        used.add(task.task_id)
        return task

    store.create_task = create_task
    return store


async def never_free_again_shows(opener):
    async with opener.open() as store:
        await store.create_task(request(), task_id="daily-clip")
        opener.advance(timedelta(days=8))
        return await raises(TaskExists, store.create_task(request("v2"), task_id="daily-clip"))


def ages_by_its_times(store, place):
    restore = store.restore

    async def wrong(task):
        await restore(task)
        task_id = task.task_id
        store._deadlines.remove((store._deadline_of[task_id], task_id))
        deadline = microseconds(task.updated_at) // 1_000 + store._lifetime_ms
        store._deadline_of[task_id] = deadline
        store._deadlines.add((deadline, task_id))

    store.restore = wrong
    return store


async def ages_by_its_times_shows(opener):
    async with opener.open() as store:
        task = await store.create_task(request())
        await store.restore(aged(task, timedelta(days=30), task_id="carried-over"))
        return await raises(TaskNotFound, store.get_task("carried-over"))


def clock_trusted(store, place):
    apply = store._apply

    async def _apply(task_id, change):
        before = store._tasks.get(task_id)
        task, now = await apply(task_id, change), store._now()
        if task is before or task.updated_at <= now:
            return task
        if task.completed_at is not None:
            store._finished.remove((task.completed_at, task_id))
            store._finished.add((now, task_id))
        store._tasks[task_id] = changed(task, updated_at=now, completed_at=task.completed_at and now)
        return store._tasks[task_id]

    store._apply = _apply
    return store


async def clock_trusted_shows(opener):
    async with opener.open() as store:
        task = await store.create_task(request())
        ahead = changed(task, task_id="from-a-fast-clock", updated_at=task.updated_at + timedelta(minutes=5))
        await store.restore(ahead)
        return (await store.update_task_status(ahead.task_id, TaskStatus.ANALYZING)).updated_at < ahead.updated_at


def with_new_ids(store, new_id):
    create = store.create_task

    async def create_task(request, *, task_id=None):
        return await create(request, task_id=new_id() if task_id is None else task_id)

    store.create_task = create_task
    return store


def short_ids(store, place):
    return with_new_ids(store, lambda: f"task_{secrets.token_hex(4)}")


async def short_ids_shows(opener):
    async with opener.open() as store:
        return not re.fullmatch("task_[0-9a-fA-F]{32,}", (await store.create_task(request())).task_id)


def limit_clamped(store, place):
    listing = store.list_tasks

    async def list_tasks(status=None, limit=50, offset=0, *, after=None):
        if type(limit) is int and type(offset) is int:
            limit, offset = min(max(limit, 0), 1_000), max(offset, 0)
        return await listing(status, limit, offset, after=after)

    store.list_tasks = list_tasks
    return store


async def limit_clamped_shows(opener):
    async with opener.open() as store:
        return not await raises(InvalidArgument, store.list_tasks(limit=5_000))


def naive_completed_at(store, place):
    def look(task):
        return changed(task, completed_at=task.completed_at and task.completed_at.replace(tzinfo=None))

    return over_tasks(store, look)


async def naive_completed_at_shows(opener):
    async with opener.open() as store:
        task = await store.create_task(request())
        await store.update_task_status(task.task_id, TaskStatus.COMPLETED)
        return (await store.get_task(task.task_id)).completed_at.utcoffset() is None


# Redis.


def total_without_where(store, place):
    listing = store.list_tasks

    async def list_tasks(status=None, limit=50, offset=0, *, after=None):
        page = await listing(status, limit, offset, after=after)
        return page if status is None else page.model_copy(update={"total": (await listing(limit=0)).total})

    store.list_tasks = list_tasks
    return store


async def total_without_where_shows(opener):
    async with opener.open() as store:
        task = await store.create_task(request())
        await store.create_task(request())
        await store.update_task_status(task.task_id, TaskStatus.ANALYZING)
        return (await store.list_tasks(TaskStatus.ANALYZING)).total != 1


def ids_in_a_set(store, place):
    create = store.create_task

    async def create_task(request, *, task_id=None):
        ids = getattr(request, "video_ids", None)
        if type(ids) is tuple and all(type(one) is str for one in ids):
            request = request.model_copy(update={"video_ids": tuple(sorted(set(ids)))})
        return await create(request, task_id=task_id)

    store.create_task = create_task
    return store


async def ids_in_a_set_shows(opener):
    async with opener.open() as store:
        return (await store.create_task(request("intro", "body", "credits"))).video_ids != ("intro", "body", "credits")


def repeat_final(store, place):
    old = "  if differs then return {'final', old_status} end\n  return {'ok', record}\n"
    return over_lua(store, UPDATE, (old, "  if differs then return {'final', old_status} end\n"))


async def repeat_final_shows(opener):
    async with opener.open() as store:
        task = await store.create_task(request())
        done = await store.update_task_status(task.task_id, TaskStatus.COMPLETED, result_url="https://x/1")
        await asyncio.sleep(0.002)
        return done != await store.update_task_status(task.task_id, TaskStatus.COMPLETED, result_url="https://x/1")


def cjson_round_trip(store, place):
    new = """  .. '\\n,"created_at":' .. created_at .. '\\n,"task_id":' .. task_id
  .. '\\n,"video_ids":' .. video_ids .. '\\n,"metadata":' .. packed .. '\\n}'
"""
    start = 'record = \'{"v":1,"revision":\' .. (revision + 1)'
    pack = "local coded, packed = pcall(function() return cjson.encode(cjson.decode(metadata)) end)\n"
    pack += "if not coded then packed = metadata end\n"
    return over_lua(store, UPDATE, ("  .. string.sub(record, rest)\n", new), (start, pack + start))


async def cjson_round_trip_shows(opener):
    async with opener.open() as store:
        config = {"subtitles": [], "title": "a"}
        task = await store.create_task(request(config=config))
        task = await store.update_task_status(task.task_id, TaskStatus.ANALYZING, progress=5)
        return task.metadata["config"] != config


def nfc_normalised(store, place):
    def look(change):
        given = change._asdict()
        texts = {n: normalize("NFC", v) for n, v in given.items() if isinstance(v, str) and n != "status"}
        return change._replace(**texts)

    return over_changes(store, look)


async def nfc_normalised_shows(opener):
    async with opener.open() as store:
        task = await store.create_task(request())
        url = "https://cdn/caf\N{LATIN SMALL LETTER E}\N{COMBINING ACUTE ACCENT}.mp4"  # as macOS names a file
        await store.update_task_status(task.task_id, TaskStatus.UPLOADING, result_url=url)
        return (await store.get_task(task.task_id)).result_url != url


def lost_update(store, place):
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
        store._check_open()
        change = check_change(status, progress, current_step, result_url, error_message, error_traceback)
        task = await store.get_task(task_id)
        await asyncio.sleep(0.005)
        fields = {name: getattr(task, name) for name in ("progress", "current_step", "result_url")}
        return await update(task_id, **(fields | change.given()))

    store.update_task_status = update_task_status
    return store


async def lost_update_shows(opener):
    async with opener.open() as one, opener.open() as other:
        task = await one.create_task(request())
        await other.get_task(task.task_id)
        await asyncio.gather(
            one.update_task_status(task.task_id, TaskStatus.CLIPPING, current_step="clip 3 of 9"),
            other.update_task_status(task.task_id, TaskStatus.CLIPPING, progress=40),
        )
        task = await one.get_task(task.task_id)
        return (task.current_step, task.progress) != ("clip 3 of 9", 40)


def one_reply_behind(store, place):
    get, unread = store.get_task, deque()

    async def get_task(task_id):
        if unread:
            unread.append(task_id)
            task_id = unread.popleft()
        try:
            return await get(task_id)
        except asyncio.CancelledError:
            unread.append(task_id)
            raise

    store.get_task = get_task
    return store


async def one_reply_behind_shows(opener):
    async with opener.open() as store:
        one, other = await store.create_task(request()), await store.create_task(request())
        call = asyncio.create_task(store.get_task(one.task_id))
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait([call])
        return (await store.get_task(other.task_id)).task_id != other.task_id


def cursor_dies(store, place):
    old = "  local low = redis.call('ZCOUNT', index, '(' .. after_us, '+inf')\n"
    return over_lua(store, LIST, (old, "  if not rank then return total end\n" + old))


async def cursor_dies_shows(opener):
    async with opener.open() as store:
        for _ in range(4):
            await store.create_task(request())
        page = await store.list_tasks(TaskStatus.PENDING, limit=2)
        await store.update_task_status(page.tasks[-1].task_id, TaskStatus.ANALYZING)
        return len((await store.list_tasks(TaskStatus.PENDING, limit=2, after=page.next)).tasks) != 2


def set_drops_ttl(store, place):
    old = "{'SET', record_key(id), record, 'PXAT', deadline}"
    return over_lua(store, UPDATE, (old, "{'SET', record_key(id), record}"))


async def set_drops_ttl_shows(opener):
    async with opener.open() as store:
        task = await store.create_task(request())
        await store.update_task_status(task.task_id, TaskStatus.ANALYZING)
        opener.advance(timedelta(days=8))
        return not await raises(TaskNotFound, store.get_task(task.task_id))


def local_read_cache(store, place):
    get, cache = store.get_task, {}

    def look(task):
        cache[task.task_id] = place.now(), task
        return task

    async def get_task(task_id):
        store._check_open()
        if type(task_id) is str and task_id in cache and place.now() - cache[task_id][0] < 5 * 10**9:
            return cache[task_id][1]
        return look(await get(task_id))

    over_tasks(store, look, "create update cancel")
    store.get_task = get_task
    return store


async def local_read_cache_shows(opener):
    async with opener.open() as one, opener.open() as other:
        task = await one.create_task(request())
        await other.get_task(task.task_id)
        await one.update_task_status(task.task_id, TaskStatus.ANALYZING)
        return (await other.get_task(task.task_id)).status is not TaskStatus.ANALYZING


def close_cancels(store, place):
    calls, aclose = set(), store.aclose

    def supervised(call):
        async def supervised(*args, **kwargs):
            task = asyncio.create_task(call(*args, **kwargs))
            calls.add(task)
            task.add_done_callback(calls.discard)
            return await task

        return supervised

    async def close():
        for task in calls:
            task.cancel()
        await aclose()

    for name in ("create_task", "get_task", "list_tasks", "update_task_status", "cancel_task", "purge", "restore"):
        setattr(store, name, supervised(getattr(store, name)))
    store.aclose = close
    return store


async def close_cancels_shows(opener):
    async with opener.open() as store:
        await store.create_task(request())
        call = asyncio.create_task(store.list_tasks())
        for _ in range(2):
            await asyncio.sleep(0)
        await store.aclose()
        await asyncio.wait([call], timeout=5)
        if not call.done() or call.cancelled():
            return True
        return not isinstance(call.exception(), StoreUnavailable | StoreNotOpen | None)


def cleans_up(store, place):
    create, aclose, mine = store.create_task, store.aclose, {}
    text = UPDATE.text.partition("-- One update. ARGV:")[0] + "forget(ARGV)\nreturn 0\n"
    script = Script(text, sha1(text.encode()).hexdigest(), True)

    async def create_task(request, *, task_id=None):
        task = await create(request, task_id=task_id)
        mine[task.task_id] = True
        return task

    async def close():
        ids = list(mine)
        mine.clear()
        if not store._closed:
            with contextlib.suppress(Exception):
                for at in range(0, len(ids), 100):
                    await store._run(script, *ids[at : at + 100])
        await aclose()

    store.create_task, store.aclose = create_task, close
    return store


async def cleans_up_shows(opener):
    async with opener.open() as store:
        task = await store.create_task(request())
    async with opener.open() as store:
        return await raises(TaskNotFound, store.get_task(task.task_id))


def id_as_glob(store, place):
    get = store.get_task

    async def get_task(task_id):
        try:
            return await get(task_id)
        except TaskNotFound:
            if not (set(task_id) & set("*?[") and task_id.isprintable()):
                raise
            found = await store._server.read("KEYS", store._key(task_id))
            if not found:
                raise
        return await get(found[0].decode().removeprefix(store._key("")))

    store.get_task = get_task
    return store


async def id_as_glob_shows(opener):
    async with opener.open() as store:
        await store.create_task(request())
        return not await raises(TaskNotFound, store.get_task("task_*"))


def restored_not_purged(store, place):
    old = "if completed_us ~= '' then steps[3] = {'ZADD', FINISHED, completed_us, id} end\n"
    return over_lua(store, INSERT, (old, ""))


async def restored_not_purged_shows(opener):
    async with opener.open() as store:
        task = await store.create_task(request())
        task = await store.update_task_status(task.task_id, TaskStatus.COMPLETED)
        await store.restore(aged(task, timedelta(days=90), task_id="carried-over"))
        removed = await store.purge(task.completed_at - timedelta(days=60))
        return removed != 1 or not await raises(TaskNotFound, store.get_task("carried-over"))


def without_traceback(store, place):
    return over_changes(store, lambda change: change._replace(error_traceback=None))


async def without_traceback_shows(opener):
    async with opener.open() as store:
        task = await store.create_task(request())
        fields = {"error_message": "no space", "error_traceback": "Traceback …"}
        await store.update_task_status(task.task_id, TaskStatus.FAILED, **fields)
        return (await store.get_task(task.task_id)).error_traceback != fields["error_traceback"]


def same_seed(store, place):
    source = random.Random(20240229)  # seeded once, before the workers were forked
    return with_new_ids(store, lambda: f"task_{source.getrandbits(128):032x}")


async def same_seed_shows(opener):
    async with opener.open() as one, opener.open() as other:
        first = await one.create_task(request("a"))
        try:
            return (await other.create_task(request("b"))).task_id == first.task_id
        except TaskExists:
            return True


# Variants.


def long_ids(store, place):
    return with_new_ids(store, lambda: f"task_{secrets.token_hex(24).upper()}")


class RichTask(Task):
    """A task that says a little more; equal to any task of the same fields."""

    @property
    def is_final(self) -> bool:
        return self.status.is_final

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Task) and vars(self) == vars(other)

    __hash__ = Task.__hash__


def rich_tasks(store, place):
    def look(task):
        rich = changed(task)
        object.__setattr__(rich, "__class__", RichTask)
        return rich

    return over_tasks(store, look)


def list_by_scan(store, place):
    store.list_tasks = by_scan(store, lambda task: task.created_at)
    return store


class NoSuchTask(TaskNotFound):
    pass


class IdTaken(TaskExists):
    pass


class AlreadyFinal(TaskFinal):
    pass


class ArgumentRefused(InvalidArgument):
    pass


class StoreClosed(StoreNotOpen):
    pass


SUBCLASSES = {one.__base__: one for one in (NoSuchTask, IdTaken, AlreadyFinal, ArgumentRefused, StoreClosed)}
OPERATIONS = ("create_task", "get_task", "list_tasks", "update_task_status", "cancel_task", "purge", "restore")


def error_subclasses(store, place):
    def translated(call):
        @functools.wraps(call)
        async def translated(*args, **kwargs):
            try:
                return await call(*args, **kwargs)
            except TaskStoreError as error:
                error.__class__ = SUBCLASSES.get(type(error), type(error))
                raise

        return translated

    for name in OPERATIONS:
        setattr(store, name, translated(getattr(store, name)))
    return store


def no_equal_times(store, place):
    now, last = store._now, [EPOCH]

    def _now():
        moment = now()
        if last[0] - timedelta(milliseconds=1) < moment <= last[0]:
            moment = last[0] + timedelta(microseconds=1)
        last[0] = moment
        return moment

    store._now = _now
    return store


def eager_sweep(store, place):
    get = store.get_task

    async def get_task(task_id):
        if not store._closed:
            store._sweep(1_000)
        return await get(task_id)

    store.get_task = get_task
    return store


def slower(store, place):
    def slowed(call):
        @functools.wraps(call)
        async def slowed(*args, **kwargs):
            await asyncio.sleep(0.002)
            result = await call(*args, **kwargs)
            await asyncio.sleep(0)
            return result

        return slowed

    for name in OPERATIONS:
        setattr(store, name, slowed(getattr(store, name)))
    return store


def write_counter(store, place):
    old = "  local swept, fault = pcall(sweep, ARGV[1])\n"
    new = "  redis.pcall('INCR', base .. ':writes')\n  redis.pcall('PEXPIRE', base .. ':writes', lifetime_ms)\n"
    for script in (INSERT, UPDATE):
        over_lua(store, script, (old, new + old))
    return store


class Forgetful(OrderedDict):
    """Remembers nothing."""

    def __setitem__(self, key, value):
        pass


def no_client_cache(store, place):
    store._remembered = Forgetful()
    return store


def revision_by_ten(store, place):
    return over_lua(store, UPDATE, ("(revision + 1)", "(revision + 10)"))


M, E, R = "memory", "memory-expiring", "redis"

FAULTS: list[Fault] = [
    Fault(
        "shallow-copy-of-config",
        "VAL-02",
        M,
        "The config is copied one level deep: lists and objects inside it stay shared with the caller.",
        shallow_copy,
        shallow_copy_shows,
    ),
    Fault(
        "class-level-dict",
        "SHARE-02",
        M,
        "The dictionaries of tasks belong to the class (a mutable default), so all instances share them.",
        class_level_dict,
        class_level_dict_shows,
    ),
    Fault(
        "newest-by-update",
        "LIST-01",
        M,
        "Listings are in the order of updated_at: an update moves a task to the top.",
        newest_by_update,
        newest_by_update_shows,
    ),
    Fault(
        "limit-or-default",
        "LIST-04",
        M,
        "`limit or 50`: a limit of 0 gives a page of 50.",
        limit_or_default,
        limit_or_default_shows,
    ),
    Fault(
        "zero-progress-ignored",
        "LIFE-04",
        M,
        "`if progress:`: a progress of 0 counts as not given.",
        zero_progress,
        zero_progress_shows,
    ),
    Fault(
        "bson-milliseconds",
        "LIFE-03",
        M,
        "Reads have times in milliseconds, as MongoDB keeps them; writes return microseconds.",
        bson_milliseconds,
        bson_milliseconds_shows,
    ),
    Fault(
        "json-default-str",
        "VAL-05",
        M,
        "`json.dumps(default=str)`: dates, tuples and whole numbers as keys are turned into JSON and stored.",
        default_str,
        default_str_shows,
    ),
    Fault(
        "retry-reopens-failed",
        "LIFE-10",
        M,
        "A failed task may be set to a status that is not final, as for a retry.",
        retry_reopens,
        retry_reopens_shows,
    ),
    Fault(
        "lru-of-a-thousand",
        "EXP-05",
        M,
        "The store is a cache of at most 1,000 tasks; the oldest goes.",
        lru_thousand,
        lru_thousand_shows,
    ),
    Fault(
        "restore-upserts",
        "ID-05",
        M,
        "Restoring replaces the task that has the id.",
        restore_overwrites,
        restore_overwrites_shows,
    ),
    Fault(
        "touch-on-refusal",
        "LIFE-14",
        M,
        "updated_at is touched before the status is looked at: a refused update of a final task moves it.",
        touch_on_refusal,
        touch_on_refusal_shows,
    ),
    Fault(
        "cursor-by-offset",
        "LIST-12",
        M,
        "A cursor stands for the number of tasks already shown: a new task makes the next page repeat one.",
        cursor_by_offset,
        cursor_by_offset_shows,
    ),
    Fault(
        "size-per-call-only",
        "VAL-06",
        M,
        "An update checks the size of what it is given, and not of the task that results.",
        limit_per_call,
        limit_per_call_shows,
    ),
    Fault(
        "unknown-filter-is-empty",
        "LIFE-16",
        M,
        "A listing of an unknown status matches nothing and is an empty page.",
        unknown_filter,
        unknown_filter_shows,
    ),
    Fault(
        "lazy-expiry-in-lists",
        "EXP-01",
        E,
        "Expiry is checked when a task is got; listings and totals still have it.",
        lazy_expiry,
        lazy_expiry_shows,
    ),
    Fault(
        "lifetime-from-creation",
        "EXP-03",
        E,
        "The deadline is set at creation, and no update renews it.",
        from_creation,
        from_creation_shows,
    ),
    Fault(
        "reads-renew",
        "EXP-01",
        E,
        "A sliding expiry: getting a task renews its lifetime, so a polled task never goes.",
        reads_renew,
        reads_renew_shows,
    ),
    Fault(
        "update-resurrects",
        "ATOM-03",
        E,
        "An update saves the object that was loaded before, whether the task is still there or not.",
        resurrects,
        resurrects_shows,
    ),
    Fault(
        "id-never-free-again",
        "ID-06",
        E,
        "Used ids are kept for ever: an expired id cannot be used again.",
        never_free_again,
        never_free_again_shows,
    ),
    Fault(
        "restored-ages-by-its-times",
        "MAINT-02",
        E,
        "The lifetime of a restored task counts from its updated_at: an old one is gone at once.",
        ages_by_its_times,
        ages_by_its_times_shows,
    ),
    Fault(
        "clock-trusted",
        "LIFE-17",
        E,
        "updated_at is what the clock says, even before the updated_at that is there.",
        clock_trusted,
        clock_trusted_shows,
    ),
    Fault(
        "short-ids",
        "ID-02",
        E,
        "An id has eight hexadecimal digits.",
        short_ids,
        short_ids_shows,
    ),
    Fault(
        "limit-clamped",
        "LIST-06",
        E,
        "A limit or offset out of bounds is moved to the nearest bound, without a word.",
        limit_clamped,
        limit_clamped_shows,
    ),
    Fault(
        "naive-completed-at",
        "VAL-10",
        E,
        "completed_at comes from `datetime.utcnow()`, without a time zone.",
        naive_completed_at,
        naive_completed_at_shows,
    ),
    Fault(
        "total-without-where",
        "LIST-03",
        R,
        "The total of a listing by status counts the tasks of every status.",
        total_without_where,
        total_without_where_shows,
    ),
    Fault(
        "video-ids-in-a-set",
        "LIFE-01",
        R,
        "The video ids are kept in a set, and come back sorted and without repetitions.",
        ids_in_a_set,
        ids_in_a_set_shows,
    ),
    Fault(
        "repeat-final-new-time",
        "LIFE-12",
        R,
        "A repeated completion is written again, with new times.",
        repeat_final,
        repeat_final_shows,
    ),
    Fault(
        "cjson-round-trip",
        "VAL-01",
        R,
        "An update decodes and encodes the metadata with cjson: an empty list becomes an object, numbers are rounded.",
        cjson_round_trip,
        cjson_round_trip_shows,
    ),
    Fault(
        "nfc-normalised",
        "VAL-09",
        R,
        "The texts of an update are normalised to NFC.",
        nfc_normalised,
        nfc_normalised_shows,
    ),
    Fault(
        "lost-update",
        "ATOM-01",
        R,
        "An update reads the task and writes every field back: of two at a time one is lost.",
        lost_update,
        lost_update_shows,
    ),
    Fault(
        "one-reply-behind",
        "ATOM-06",
        R,
        "A cancelled get leaves its reply on the connection: each get from then on returns that of the one before.",
        one_reply_behind,
        one_reply_behind_shows,
    ),
    Fault(
        "cursor-dies-with-its-task",
        "LIST-12",
        R,
        "A cursor is looked up as a task of the listing: if that left it, nothing follows.",
        cursor_dies,
        cursor_dies_shows,
    ),
    Fault(
        "set-drops-ttl",
        "EXP-01",
        R,
        "An update writes the record with SET and no expiry, which takes away the one that it had.",
        set_drops_ttl,
        set_drops_ttl_shows,
    ),
    Fault(
        "local-read-cache",
        "SHARE-01",
        R,
        "Each instance keeps what it read for five seconds.",
        local_read_cache,
        local_read_cache_shows,
    ),
    Fault(
        "close-cancels-callers",
        "API-07",
        R,
        "Closing cancels the calls under way, so that their callers get a CancelledError.",
        close_cancels,
        close_cancels_shows,
    ),
    Fault(
        "cleans-up-at-close",
        "DUR-01",
        R,
        "Closing removes the tasks that this instance has created.",
        cleans_up,
        cleans_up_shows,
    ),
    Fault(
        "id-as-glob",
        "ID-03",
        R,
        "Getting a task looks for keys that match its id.",
        id_as_glob,
        id_as_glob_shows,
    ),
    Fault(
        "restored-not-purged",
        "MAINT-01",
        R,
        "Restoring a final task leaves out the index by completion, so that no purge finds it.",
        restored_not_purged,
        restored_not_purged_shows,
    ),
    Fault(
        "failed-without-traceback",
        "LIFE-05",
        R,
        "The traceback of a failure is not kept.",
        without_traceback,
        without_traceback_shows,
    ),
    Fault(
        "same-seed-everywhere",
        "ID-01",
        R,
        "Ids come from a generator that every instance has with the same seed.",
        same_seed,
        same_seed_shows,
    ),
]

VARIANTS: list[Fault] = [
    Fault("long-ids", "", M, "An id has 48 digits, in capitals.", long_ids, None),
    Fault("rich-tasks", "", M, "Tasks are of a subclass with one more property.", rich_tasks, None),
    Fault("list-by-scan", "", M, "A listing sorts all tasks, and uses no index.", list_by_scan, None),
    Fault("error-subclasses", "", E, "Subclasses of the exceptions are raised.", error_subclasses, None),
    Fault("no-equal-times", "", E, "No two writes have the same microsecond.", no_equal_times, None),
    Fault("eager-sweep", "", E, "Getting a task also removes what has expired.", eager_sweep, None),
    Fault("slower", "", R, "Every call takes two milliseconds longer.", slower, None),
    Fault("write-counter", "", R, "One more key counts the writes, and expires with the tasks.", write_counter, None),
    Fault("no-client-cache", "", R, "The client remembers no record.", no_client_cache, None),
    Fault("revision-by-ten", "", R, "The revision of a record goes up by ten.", revision_by_ten, None),
]
