"""40 stores that are wrong on purpose, each in one way, and 10 that are changed and still right."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha1
from typing import Any

from taskstore import InvalidArgument, MemoryTaskStore, Task, TaskCreateRequest, TaskExists, TaskFinal, TaskNotFound
from taskstore import TaskStatus as S
from taskstore.arguments import check_change, check_moment, check_new_id, check_request, check_task, is_same_request
from taskstore.json_text import MAX_DEPTH, decode, encode
from taskstore.redis import RedisTaskStore, record
from taskstore.redis.scripts import INSERT, LIST, UPDATE, Script
from taskstore.values import microseconds, trusted

Opener = Any
DAY = timedelta(days=1)
LONG_AFTER = datetime(2190, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Place:
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


FAULTS: list[Fault] = []
VARIANTS: list[Fault] = []


class Proxy:
    """Passes every operation on."""

    def __init__(self, store, place):
        self._store, self._place, self._bag = store, place, {}

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def create_task(self, request, *, task_id=None):
        return await self._store.create_task(request, task_id=task_id)

    async def get_task(self, task_id):
        return await self._store.get_task(task_id)

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        return await self._store.list_tasks(status, limit, offset, after=after)

    async def update_task_status(self, task_id, status, *args, **kwargs):
        return await self._store.update_task_status(task_id, status, *args, **kwargs)

    async def cancel_task(self, task_id):
        return await self._store.cancel_task(task_id)

    async def purge(self, before):
        return await self._store.purge(before)

    async def restore(self, task):
        return await self._store.restore(task)

    async def aclose(self):
        await self._store.aclose()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.aclose()


class Read(Proxy):
    """Changes every task that comes out."""

    def out(self, task):
        return task

    async def create_task(self, request, *, task_id=None):
        return self.out(await super().create_task(request, task_id=task_id))

    async def get_task(self, task_id):
        return self.out(await super().get_task(task_id))

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        page = await super().list_tasks(status, limit, offset, after=after)
        return page.model_copy(update={"tasks": tuple(map(self.out, page.tasks))})

    async def update_task_status(self, task_id, status, *args, **kwargs):
        return self.out(await super().update_task_status(task_id, status, *args, **kwargs))

    async def cancel_task(self, task_id):
        return self.out(await super().cancel_task(task_id))


def become(kind):
    """A wrap for a subclass of the store's own class: the open store is made one of them."""
    if issubclass(kind, Proxy):
        return kind

    def wrap(store, place):
        store.__class__ = kind
        store._place, store._bag = place, {}
        return store

    return wrap


def lua(*changes):
    """A wrap that changes the text of scripts: (script, old, new), each once in the text."""
    swapped = {}
    for script, old, new in changes:
        text = swapped.get(script.digest, script).text
        assert text.count(old) == 1, old
        text = text.replace(old, new)
        swapped[script.digest] = Script(text, sha1(text.encode()).hexdigest(), script.writes)

    class Mutant(RedisTaskStore):
        async def _run(self, script, *arguments, until=None):
            return await super()._run(swapped.get(script.digest, script), *arguments, until=until)

    return become(Mutant)


def fault(name, requirement, base, text, wrap=None):
    """Decorates `shows` (with `wrap`), or a class whose `shows` it has."""

    def add(thing):
        if isinstance(thing, type):
            FAULTS.append(Fault(name, requirement, base, text, become(thing), thing.shows))
        else:
            FAULTS.append(Fault(name, requirement, base, text, wrap, thing))
        return thing

    return add


def variant(name, base, text, wrap=None):
    def add(thing):
        VARIANTS.append(Fault(name, "", base, text, become(thing), None))
        return thing

    if wrap is not None:
        VARIANTS.append(Fault(name, "", base, text, wrap, None))
    return add


def req(config=None, videos=("v1",), url=None):
    return TaskCreateRequest(video_ids=videos, webhook_url=url, config=config)


def a_task(task_id, created, updated=None, status=S.PENDING, completed=None, **more):
    fields = {"progress": 100.0 if status is S.COMPLETED else 0.0, "current_step": "", "video_ids": ("v1",)}
    fields |= {"metadata": {"webhook_url": None, "config": None}, "updated_at": updated or created} | more
    return Task(task_id=task_id, status=status, created_at=created, completed_at=completed, **fields)


async def raises(kind, call):
    try:
        await call
    except kind:
        return True
    return False


async def there(store, task_id):
    return not await raises(TaskNotFound, store.get_task(task_id))


# --- memory that expires -------------------------------------------------------------------------------------------


@fault("deadline-cut-to-seconds", "EXP-01", "memory-expiring", "A deadline is kept in whole seconds, rounded down: a task goes up to 999 ms before its lifetime ends.")
class _(MemoryTaskStore):
    def _renew(self, task_id):
        super()._renew(task_id)
        deadline = self._deadline_of[task_id]
        self._deadlines.remove((deadline, task_id))
        deadline = self._deadline_of[task_id] = deadline // 1000 * 1000
        self._deadlines.add((deadline, task_id))

    async def shows(opener):
        async with opener.open() as store:
            now = (await store.create_task(req())).created_at
            await opener.advance(timedelta(microseconds=1_900_000 - now.microsecond))
            task = await store.create_task(req())
            await opener.advance(7 * DAY - timedelta(milliseconds=500))
            return not await there(store, task.task_id)


@fault("repeated-create-renews", "ID-06", "memory-expiring", "A create that finds the same request under its id renews the task's lifetime, though it should write nothing.")
class _(MemoryTaskStore):
    async def create_task(self, request, *, task_id=None):
        was = self._tasks.get(task_id) if isinstance(task_id, str) else None
        task = await super().create_task(request, task_id=task_id)
        if task is was:
            self._renew(task_id)
        return task

    async def shows(opener):
        async with opener.open() as store:
            await store.create_task(req(), task_id="x")
            await opener.advance(4 * DAY)
            await store.create_task(req(), task_id="x")
            await opener.advance(4 * DAY)
            return await there(store, "x")


@fault("refused-update-renews", "LIFE-14", "memory-expiring", "An update or cancel that raises TaskFinal renews the lifetime of the task (touch before check).")
class _(MemoryTaskStore):
    async def _apply(self, task_id, change):
        try:
            return await super()._apply(task_id, change)
        except TaskFinal:
            self._renew(task_id)
            raise

    async def shows(opener):
        async with opener.open() as store:
            await store.create_task(req(), task_id="x")
            await store.update_task_status("x", S.COMPLETED)
            await opener.advance(4 * DAY)
            with suppress(TaskFinal):
                await store.cancel_task("x")
            await opener.advance(4 * DAY)
            return await there(store, "x")


@fault("restored-lives-from-updated-at", "MAINT-02", "memory-expiring", "The lifetime of a restored task counts from its updated_at and not from the restore, so an old task is gone at once.")
class _(MemoryTaskStore):
    async def restore(self, task):
        await super().restore(task)
        deadline = self._deadline_of[task.task_id]
        self._deadlines.remove((deadline, task.task_id))
        deadline = min(deadline, microseconds(task.updated_at) // 1000 + self._lifetime_ms)
        self._deadline_of[task.task_id] = deadline
        self._deadlines.add((deadline, task.task_id))

    async def shows(opener):
        async with opener.open() as store:
            now = (await store.create_task(req())).created_at
            await store.restore(a_task("x", now - 10 * DAY))
            return not await there(store, "x")


@fault("update-trusts-the-sweep", "ATOM-03", "memory-expiring", "An update or cancel does not look at the deadline but relies on the removal of 100 expired tasks before it: of more than 100, it brings the rest back.")
class _(MemoryTaskStore):
    async def _apply(self, task_id, change):
        self._bag["trusting"] = True
        try:
            return await super()._apply(task_id, change)
        finally:
            self._bag["trusting"] = False

    def _is_due(self, task_id):
        return not self._bag.get("trusting") and super()._is_due(task_id)

    async def shows(opener):
        async with opener.open() as store:
            for _ in range(150):
                await store.create_task(req())
            await store.create_task(req(), task_id="~x")
            await opener.advance(8 * DAY)
            return not await raises(TaskNotFound, store.update_task_status("~x", S.ANALYZING))


@fault("listing-removes-one-batch", "EXP-01", "memory-expiring", "A listing removes one batch of 250 expired tasks before it counts, and shows and counts the rest of them.")
class _(MemoryTaskStore):
    def _sweep(self, most):
        return super()._sweep(most) and most != 250

    async def shows(opener):
        async with opener.open() as store:
            for _ in range(300):
                await store.create_task(req())
            await opener.advance(8 * DAY)
            return (await store.list_tasks()).total > 0


@fault("final-tasks-cached-past-expiry", "EXP-01", "memory-expiring", "get_task remembers a final task that it has read once (purge forgets it, expiry does not), so it is found after its lifetime.")
class _(MemoryTaskStore):
    async def get_task(self, task_id):
        if not self._closed and isinstance(task_id, str) and task_id in self._bag:
            self._check_open()
            return self._bag[task_id]
        task = await super().get_task(task_id)
        if task.status.is_final:
            self._bag[task_id] = task
        return task

    async def purge(self, before):
        self._bag.clear()
        try:
            return await super().purge(before)
        finally:
            self._bag.clear()

    def _insert(self, task):
        super()._insert(task)
        self._bag.pop(task.task_id, None)

    async def shows(opener):
        async with opener.open() as store:
            await store.create_task(req(), task_id="x")
            await store.cancel_task("x")
            await store.get_task("x")
            await opener.advance(8 * DAY)
            return await there(store, "x")


@fault("expired-id-is-still-taken", "ID-06", "memory-expiring", "A create or restore under the id of an expired task that nothing has removed yet raises TaskExists.")
class _(MemoryTaskStore):
    def _insert(self, task):
        if self._tasks.get(task.task_id) is not None:
            raise TaskExists(task.task_id)
        super()._insert(task)

    async def shows(opener):
        async with opener.open() as store:
            await store.create_task(req(), task_id="x")
            await opener.advance(8 * DAY)
            return await raises(TaskExists, store.create_task(req(), task_id="x"))


@fault("filtered-total-counts-expired", "EXP-01", "memory-expiring", "The total of a listing by status comes from a counter that purge and updates keep right and expiry does not.")
class _(MemoryTaskStore):
    def _sweep(self, most):
        self._bag["sweeping"] = True
        try:
            return super()._sweep(most)
        finally:
            self._bag["sweeping"] = False

    def _remove(self, task):
        super()._remove(task)
        if self._bag.get("sweeping"):
            self._bag[task.status] = self._bag.get(task.status, 0) + 1

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        page = await super().list_tasks(status, limit, offset, after=after)
        more = 0 if status is None else self._bag.get(S(status), 0)
        return page.model_copy(update={"total": page.total + more}) if more else page

    async def shows(opener):
        async with opener.open() as store:
            await store.create_task(req())
            await opener.advance(8 * DAY)
            return (await store.list_tasks(S.PENDING)).total > 0


# --- redis ---------------------------------------------------------------------------------------------------------

_ADD = "{'ZADD', DEADLINES, deadline, id}", "{'ZADD', DEADLINES, 'NX', deadline, id}"


@fault("deadline-index-not-moved", "EXP-03", "redis", "An update renews the expiry of the key but not the entry in the index of deadlines, so the next listing removes the task one lifetime after its creation.",
       lua((INSERT, *_ADD), (UPDATE, *_ADD)))
async def _(opener):
    async with opener.open() as store:
        await store.create_task(req(), task_id="x")
        await opener.advance(4 * DAY)
        await store.update_task_status("x", S.ANALYZING)
        await opener.advance(4 * DAY)
        await store.list_tasks()
        return not await there(store, "x")


@fault("reused-id-in-old-status-index", "LIST-03", "redis", "A task created under the id of an expired one stays in the index of the status that the old task had, and is listed and counted there too.",
       lua((INSERT, "if other ~= status then", "if false then")))
async def _(opener):
    async with opener.open() as store:
        await store.create_task(req(), task_id="x")
        await store.update_task_status("x", S.ANALYZING)
        await opener.advance(8 * DAY)
        await store.create_task(req(), task_id="x")
        return (await store.list_tasks(S.ANALYZING)).total == 1


@fault("reused-id-is-purged", "MAINT-01", "redis", "A task created under the id of an expired final task stays in the index of finished tasks, so purge removes it though it is pending.",
       lua((INSERT, "if completed_us == '' then steps", "if false then steps")))
async def _(opener):
    async with opener.open() as store:
        await store.create_task(req(), task_id="x")
        await store.update_task_status("x", S.COMPLETED)
        await opener.advance(8 * DAY)
        await store.create_task(req(), task_id="x")
        await store.purge(LONG_AFTER)
        return not await there(store, "x")


@fault("cursor-found-by-id-alone", "LIST-12", "redis", "A page by cursor begins behind the task with the cursor's id wherever that stands now: if it was purged and created anew, tasks come twice.",
       lua((LIST, "if rank and tonumber(redis.call('ZSCORE', index, after_id)) == tonumber(after_us) then", "if rank then")))
async def _(opener):
    async with opener.open() as store:
        for task_id in "abc":
            await store.create_task(req(), task_id=task_id)
        page = await store.list_tasks(limit=2)
        await store.cancel_task("b")
        await store.purge(LONG_AFTER)
        await store.create_task(req(), task_id="b")
        return [task.task_id for task in (await store.list_tasks(after=page.next)).tasks] != ["a"]


@fault("cursor-skips-a-shorter-id", "LIST-12", "redis", "If the cursor's task is gone, a task of the same microsecond whose id is a beginning of the cursor's id is skipped.",
       lua((LIST, "return #one < #other", "return false")))
async def _(opener):
    async with opener.open() as store:
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        await store.restore(a_task("a", moment))
        await store.restore(a_task("aa", moment, status=S.CANCELLED, completed=moment))
        page = await store.list_tasks(limit=1)
        await store.purge(LONG_AFTER)
        return [task.task_id for task in (await store.list_tasks(after=page.next)).tasks] != ["a"]


@fault("requeued-task-moves-to-the-front", "LIST-01", "redis", "A task that is set back to pending from another status gets a new place in the listings, as if it had just been created.",
       lua((UPDATE, "steps[2] = {'ZADD', status_index(status), created_us, id}",
            "local at = status == 'pending' and now_us or created_us\n  steps[2] = {'ZADD', status_index(status), at, id}\n"
            "  if at == now_us then steps[3] = {'ZADD', CREATED, at, id} end")))
async def _(opener):
    async with opener.open() as store:
        await store.create_task(req(), task_id="a")
        await store.create_task(req(), task_id="b")
        await store.update_task_status("a", S.ANALYZING)
        await store.update_task_status("a", S.PENDING)
        return [task.task_id for task in (await store.list_tasks()).tasks] != ["b", "a"]


@fault("finished-index-by-the-server-clock", "MAINT-01", "redis", "Where updated_at is ahead of the clock, completed_at follows it but purge's index has the clock's time, so purge removes a task completed after the moment.",
       lua((UPDATE, "now, written_us = time, micros(time)", "now = time")))
async def _(opener):
    async with opener.open() as store:
        await store.restore(a_task("x", datetime(2026, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)))
        await store.update_task_status("x", S.COMPLETED)
        await store.purge(datetime(2099, 1, 1, tzinfo=UTC))
        return not await there(store, "x")


@fault("restored-finished-by-updated-at", "MAINT-01", "redis", "purge takes a restored final task for completed at its updated_at, so one that was written after its completion stays too long.")
class _(RedisTaskStore):
    async def restore(self, task):
        self._check_open()
        task = check_task(task)
        finished = "" if task.completed_at is None else microseconds(task.updated_at)
        tail = record.tail(task.task_id, task.video_ids, task.metadata_json)
        form = microseconds(task.created_at), finished, record.head_of(task), record.times_of(task), tail, "", ""
        if (await self._insert(task.task_id, task.status, *form))[0]:
            raise TaskExists(task.task_id)

    async def shows(opener):
        async with opener.open() as store:
            first, second, third = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3))
            await store.restore(a_task("x", first, third, S.CANCELLED, first))
            await store.purge(second)
            return await there(store, "x")


@fault("cache-by-revision", "SHARE-01", "redis", "A read record is decoded anew only if its revision number changed: after another instance purged the task and created its id again, an instance shows the old task at the same revision.")
class _(RedisTaskStore):
    def _task(self, task_id, text):
        known = self._remembered.get(task_id)
        if known and known[0].partition(b',"created_us"')[0] == text.partition(b',"created_us"')[0]:
            return known[1]
        return super()._task(task_id, text)

    async def shows(opener):
        async with opener.open() as one, opener.open() as other:
            await one.create_task(req(), task_id="x")
            await other.cancel_task("x")
            await other.purge(LONG_AFTER)
            await other.create_task(req(videos=("v2",)), task_id="x")
            return (await one.get_task("x")).video_ids != ("v2",)


@fault("opening-fails-running-tasks", "DUR-01", "redis", "At its first create, get or listing a newly opened instance marks every task that is neither pending nor final as failed, as left over from a crash.")
class _(Proxy):
    async def _recover(self):
        if self._bag.setdefault("done", False):
            return
        self._bag["done"] = True
        for status in S:
            if status is not S.PENDING and not status.is_final:
                for task in (await self._store.list_tasks(status, 1000)).tasks:
                    with suppress(TaskFinal, TaskNotFound):
                        await self._store.update_task_status(task.task_id, S.FAILED, error_message="interrupted")

    async def create_task(self, request, *, task_id=None):
        await self._recover()
        return await super().create_task(request, task_id=task_id)

    async def get_task(self, task_id):
        await self._recover()
        return await super().get_task(task_id)

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        await self._recover()
        return await super().list_tasks(status, limit, offset, after=after)

    async def shows(opener):
        async with opener.open() as store:
            await store.create_task(req(), task_id="x")
            await store.update_task_status("x", S.CLIPPING)
        async with opener.open() as store:
            return (await store.get_task("x")).status is not S.CLIPPING


@fault("shared-get-is-cancelled", "ATOM-06", "redis", "Calls of get_task for one id at the same time share one request; cancelling one of the calls cancels the others.")
class _(Proxy):
    async def get_task(self, task_id):
        if type(task_id) is not str or self._store._closed:
            return await super().get_task(task_id)
        key = task_id, asyncio.get_running_loop()
        if key not in self._bag:
            flight = self._bag[key] = asyncio.ensure_future(self._store.get_task(task_id))
            flight.add_done_callback(lambda _: self._bag.pop(key, None))
        return await self._bag[key]

    async def shows(opener):
        async with opener.open() as store:
            await store.create_task(req(), task_id="x")
            calls = [asyncio.ensure_future(store.get_task("x")) for _ in range(2)]
            await asyncio.sleep(0)
            calls[0].cancel()
            return isinstance((await asyncio.gather(*calls, return_exceptions=True))[1], asyncio.CancelledError)


@fault("empty-list-becomes-object", "VAL-01", "redis", "An update decodes and encodes the record in Lua, where an empty list has no type: an empty list under a key of the config is {} afterwards.",
       lua((UPDATE, ".. string.sub(record, rest)", """.. string.gsub(string.sub(record, rest), '([^\\\\]":)%[%]', '%1{}')""")))
async def _(opener):
    async with opener.open() as store:
        await store.create_task(req({"tags": []}), task_id="x")
        await store.update_task_status("x", S.ANALYZING)
        return (await store.get_task("x")).metadata["config"] != {"tags": []}


@fault("progress-written-behind", "SHARE-01", "redis", "An update of nothing but the progress stays in the instance until its next other write to the task or its end, and other instances do not see it.")
class _(Read):
    def out(self, task):
        late = self._bag.get(task.task_id)
        is_late = late and late["created_at"] == task.created_at and not task.status.is_final
        return task.model_copy(update=late) if is_late else task

    async def _flush(self, task_id):
        if late := self._bag.pop(task_id, None):
            with suppress(TaskFinal, TaskNotFound):
                task = await self._store.get_task(task_id)
                if task.created_at == late["created_at"]:
                    await self._store.update_task_status(task_id, task.status, late["progress"])

    async def update_task_status(self, task_id, status, *args, **kwargs):
        self._store._check_open()
        change = check_change(status, *args, **kwargs)
        if type(task_id) is str and set(change.given()) == {"status", "progress"}:
            task = await self._store.get_task(task_id)
            if task.status == change.status and not task.status.is_final:
                now = max(datetime.now(UTC), task.updated_at)
                self._bag[task_id] = {"progress": change.progress, "updated_at": now, "created_at": task.created_at}
                return self.out(task)
        if type(task_id) is str:
            await self._flush(task_id)
        return await super().update_task_status(task_id, status, *args, **kwargs)

    async def cancel_task(self, task_id):
        if type(task_id) is str:
            await self._flush(task_id)
        return await super().cancel_task(task_id)

    async def aclose(self):
        for task_id in [*self._bag]:
            await self._flush(task_id)
        await super().aclose()

    async def shows(opener):
        async with opener.open() as one, opener.open() as other:
            await one.create_task(req(), task_id="x")
            await one.update_task_status("x", S.ANALYZING)
            await one.update_task_status("x", S.ANALYZING, 50)
            return (await other.get_task("x")).progress != 50


# --- memory --------------------------------------------------------------------------------------------------------


@fault("same-request-by-python-equality", "ID-06", "memory", "A repeated create compares configs with ==, so 1, 1.0 and true are the same request, which should raise TaskExists.")
class _(MemoryTaskStore):
    async def create_task(self, request, *, task_id=None):
        self._check_open()
        if type(task_id) is str and (known := self._tasks.get(check_new_id(task_id))):
            video_ids, metadata = check_request(request)
            if known.video_ids == video_ids and known.metadata == decode(metadata):
                return known
        return await super().create_task(request, task_id=task_id)

    async def shows(opener):
        async with opener.open() as store:
            await store.create_task(req({"n": 1}), task_id="x")
            return not await raises(TaskExists, store.create_task(req({"n": True}), task_id="x"))


@fault("status-written-before-size-check", "LIFE-14", "memory", "An update that would make the task larger than 1 MiB raises InvalidArgument, but only after its status and progress were written.")
class _(MemoryTaskStore):
    async def _apply(self, task_id, change):
        try:
            return await super()._apply(task_id, change)
        except InvalidArgument:
            await super()._apply(task_id, type(change)(change.status, change.progress))
            raise

    async def shows(opener):
        async with opener.open() as store:
            await store.create_task(req({"a": "x" * 700_000}), task_id="x")
            await raises(InvalidArgument, store.update_task_status("x", S.ANALYZING, current_step="y" * 500_000))
            return (await store.get_task("x")).status is S.ANALYZING


@fault("restore-of-a-newer-copy-overwrites", "ID-05", "memory", "Restoring under a taken id replaces the stored task, without an exception, if the given one has the later updated_at.")
class _(MemoryTaskStore):
    async def restore(self, task):
        self._check_open()
        task = check_task(task)
        known = self._tasks.get(task.task_id)
        if known is not None and task.updated_at > known.updated_at:
            self._remove(known)
        await super().restore(task)

    async def shows(opener):
        async with opener.open() as store:
            task = await store.create_task(req(), task_id="x")
            newer = task.model_copy(update={"updated_at": task.updated_at + DAY, "current_step": "s"})
            return not await raises(TaskExists, store.restore(newer))


@fault("restore-refuses-deepest-config", "MAINT-02", "memory", "restore allows metadata, and not the config inside it, 100 levels, so a task with a config of 100 levels cannot be migrated.")
class _(MemoryTaskStore):
    async def restore(self, task):
        self._check_open()
        encode("metadata", decode(check_task(task).metadata_json), MAX_DEPTH)
        await super().restore(task)

    async def shows(opener):
        async with opener.open() as store:
            config = {}
            for _ in range(99):
                config = {"a": config}
            task = await store.create_task(req(config))
            await store.cancel_task(task.task_id)
            await store.purge(LONG_AFTER)
            return await raises(InvalidArgument, store.restore(task))


@fault("video-positions-as-text", "LIFE-01", "memory", "The places of video ids are sorted as text (0, 1, 10, 2), so with eleven or more they come back in another order.")
class _(Read):
    def out(self, task):
        order = sorted(range(len(task.video_ids)), key=str)
        return task.model_copy(update={"video_ids": tuple(task.video_ids[at] for at in order)})

    async def shows(opener):
        async with opener.open() as store:
            videos = tuple(f"v{n}" for n in range(12))
            return (await store.create_task(req(videos=videos))).video_ids != videos


@fault("times-stored-in-milliseconds", "LIFE-03", "memory", "Times are stored in milliseconds, but create_task returns them with microseconds, so get and list differ from what it returned.")
class _(Read):
    def out(self, task):
        times = {name: getattr(task, name) for name in ("created_at", "updated_at", "completed_at")}
        cut = {k: t and t.replace(microsecond=t.microsecond // 1000 * 1000) for k, t in times.items()}
        return task.model_copy(update=cut)

    async def create_task(self, request, *, task_id=None):
        known = None
        with suppress(TaskNotFound, InvalidArgument):
            known = task_id and await self._store.get_task(task_id)
        task = await Proxy.create_task(self, request, task_id=task_id)
        return self.out(task) if task == known else task

    async def shows(opener):
        async with opener.open() as store:
            now = (await store.create_task(req())).created_at
            await opener.advance(timedelta(microseconds=10_345 - now.microsecond % 1000))
            task = await store.create_task(req())
            return await store.get_task(task.task_id) != task


@fault("traceback-newlines-translated", "VAL-09", "memory", "The traceback is kept in a file in text mode, so \\r\\n and \\r in it come back as \\n.")
class _(Read):
    def out(self, task):
        text = task.error_traceback
        if text is None or "\r" not in text:
            return task
        return task.model_copy(update={"error_traceback": text.replace("\r\n", "\n").replace("\r", "\n")})

    async def shows(opener):
        async with opener.open() as store:
            await store.create_task(req(), task_id="x")
            await store.update_task_status("x", S.FAILED, error_traceback="a\r\nb")
            return (await store.get_task("x")).error_traceback != "a\r\nb"


@fault("total-from-the-rows", "LIST-04", "memory", "The total comes with the rows of the page (COUNT(*) OVER ()), so a page past the end, or of limit 0, has the total 0.")
class _(Proxy):
    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        page = await super().list_tasks(status, limit, offset, after=after)
        return page if page.tasks else page.model_copy(update={"total": 0})

    async def shows(opener):
        async with opener.open() as store:
            await store.create_task(req())
            return (await store.list_tasks(offset=5)).total == 0


@fault("ids-without-case", "ID-03", "memory", "get, update and cancel find a task by its id in other letter case, as a column with a case-insensitive collation does.")
class _(MemoryTaskStore):
    def _known(self, task_id):
        if type(task_id) is str and self._tasks.get(task_id) is None:
            folded = task_id.lower()
            return next((one for one in self._tasks if one.lower() == folded), task_id)
        return task_id

    async def get_task(self, task_id):
        return await super().get_task(self._known(task_id))

    async def _apply(self, task_id, change):
        return await super()._apply(self._known(task_id), change)

    async def shows(opener):
        async with opener.open() as store:
            await store.create_task(req(), task_id="Abc")
            return await there(store, "aBC")


@fault("id-with-a-newline-at-its-end", "ID-07", "memory", "The check of a caller's id is a regular expression that ends in $, so an id followed by one newline is accepted.")
class _(MemoryTaskStore):
    async def create_task(self, request, *, task_id=None):
        self._check_open()
        if type(task_id) is not str or task_id[-1:] != "\n":
            return await super().create_task(request, task_id=task_id)
        video_ids, metadata = check_request(request)
        check_new_id(task_id[:-1])
        known = self._tasks.get(task_id)
        if known is not None and is_same_request(known, video_ids, metadata):
            return known
        now = self._now()
        fields = {**check_change(S.PENDING, 0, "")._asdict(), "task_id": task_id, "video_ids": video_ids}
        fields |= {"metadata_json": metadata, "created_at": now, "updated_at": now, "completed_at": None}
        self._insert(task := trusted(Task, fields))
        return task

    async def shows(opener):
        async with opener.open() as store:
            return not await raises(InvalidArgument, store.create_task(req(), task_id="abc\n"))


@fault("purge-drops-the-time-zone", "MAINT-01", "memory", "purge takes the clock time of a moment that is given in another time zone for UTC.")
class _(Proxy):
    async def purge(self, before):
        if isinstance(before, datetime) and before.tzinfo is not None:
            before = before.replace(tzinfo=UTC)
        return await super().purge(before)

    async def shows(opener):
        async with opener.open() as store:
            await store.create_task(req(), task_id="x")
            done = (await store.cancel_task("x")).completed_at
            await store.purge((done - timedelta(hours=1)).astimezone(timezone(timedelta(hours=8))))
            return not await there(store, "x")


@fault("versions-ordered-as-text", "LIFE-03", "memory", "Each write keeps a numbered version and reads take the highest by text: from the tenth version of a task on, get and list show the ninth.")
class _(Read):
    def out(self, task):
        versions = self._bag.get(task.task_id, [])
        return versions[8] if 9 < len(versions) < 90 else task

    def _note(self, task):
        versions = self._bag.setdefault(task.task_id, [])
        if task.created_at != (versions or [task])[0].created_at:
            versions.clear()
        if not versions or task != versions[-1]:
            versions.append(task)
        return task

    async def create_task(self, request, *, task_id=None):
        return self._note(await Proxy.create_task(self, request, task_id=task_id))

    async def update_task_status(self, task_id, status, *args, **kwargs):
        return self._note(await Proxy.update_task_status(self, task_id, status, *args, **kwargs))

    async def cancel_task(self, task_id):
        return self._note(await Proxy.cancel_task(self, task_id))

    async def restore(self, task):
        await super().restore(task)
        self._bag.pop(task.task_id, None)
        self._note(await self._store.get_task(task.task_id))

    async def purge(self, before):
        removed = await super().purge(before)
        for task_id in [*self._bag]:
            if not await there(self._store, task_id):
                self._bag.pop(task_id, None)
        return removed

    async def shows(opener):
        async with opener.open() as store:
            await store.create_task(req(), task_id="x")
            for progress in range(1, 11):
                await store.update_task_status("x", S.CLIPPING, progress)
            return (await store.get_task("x")).progress != 10


@fault("whole-row-written-back", "ATOM-01", "memory", "An update reads the task, awaits, and writes all its fields, so of two concurrent updates of different fields one is lost.")
class _(MemoryTaskStore):
    async def _apply(self, task_id, change):
        read = self._live(task_id)
        await asyncio.sleep(0)
        fields = {name: getattr(read, name) if value is None else value for name, value in change._asdict().items()}
        return await super()._apply(task_id, type(change)(**fields))

    async def shows(opener):
        async with opener.open() as store:
            await store.create_task(req(), task_id="x")
            step = store.update_task_status("x", S.ANALYZING, current_step="s")
            await asyncio.gather(store.update_task_status("x", S.ANALYZING, 50), step)
            task = await store.get_task("x")
            return (task.progress, task.current_step) != (50, "s")


@fault("batched-gets-shift", "ATOM-06", "memory", "Calls of get_task in one turn of the loop become one query for the distinct ids; if an id is asked for twice, later answers go to the wrong calls.")
class _(Proxy):
    async def get_task(self, task_id):
        if type(task_id) is not str:
            return await super().get_task(task_id)
        loop = asyncio.get_running_loop()
        queue = self._bag.setdefault(loop, [])
        future = loop.create_future()
        queue.append((task_id, future))
        if len(queue) == 1:
            self._bag["last"] = loop.create_task(self._answer(loop))
        return await future

    async def _answer(self, loop):
        queue = self._bag.pop(loop)
        ids = list(dict.fromkeys(task_id for task_id, _ in queue))
        found = dict(zip(ids, await asyncio.gather(*map(self._store.get_task, ids), return_exceptions=True)))
        results = list(found.values())
        for at, (task_id, future) in enumerate(queue):
            result = results[at] if at < len(results) else found[task_id]
            if future.done():
                continue
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)

    async def shows(opener):
        async with opener.open() as store:
            await store.create_task(req(), task_id="a")
            await store.create_task(req(), task_id="b")
            tasks = await asyncio.gather(*map(store.get_task, "aab"))
            return [task.task_id for task in tasks] != ["a", "a", "b"]


@fault("only-the-last-1000-finished", "EXP-05", "memory", "When more than 1,000 tasks are final, the one that was completed first disappears by itself.")
class _(MemoryTaskStore):
    async def _apply(self, task_id, change):
        task = await super()._apply(task_id, change)
        while len(self._finished) > 1000:
            self._remove(self._tasks[self._finished[0][1]])
        return task

    async def shows(opener):
        async with opener.open() as store:
            tasks = [await store.create_task(req()) for _ in range(1001)]
            for task in tasks:
                await store.cancel_task(task.task_id)
            return (await store.list_tasks(limit=0)).total != 1001


@fault("returned-task-changes-in-place", "VAL-02", "memory", "An update that keeps the status changes the stored object in place, so a task that was returned earlier changes with it.")
class _(MemoryTaskStore):
    async def _apply(self, task_id, change):
        old = self._tasks.get(task_id)
        task = await super()._apply(task_id, change)
        if old is not None and old is not task and old.status is task.status:
            vars(old).update(vars(task))
        return task

    async def shows(opener):
        async with opener.open() as store:
            await store.create_task(req(), task_id="x")
            task = await store.update_task_status("x", S.ANALYZING, 10)
            await store.update_task_status("x", S.ANALYZING, 20)
            return task.progress != 10


@fault("final-update-compares-status-only", "LIFE-10", "memory", "An update of a final task with the status that it has succeeds and does nothing, also if it gives another URL, step, progress or error.")
class _(MemoryTaskStore):
    async def _apply(self, task_id, change):
        task = self._tasks.get(task_id)
        if task is not None and task.status.is_final and task.status is change.status:
            return self._live(task_id)
        return await super()._apply(task_id, change)

    async def shows(opener):
        async with opener.open() as store:
            await store.create_task(req(), task_id="x")
            await store.update_task_status("x", S.COMPLETED, result_url="a")
            return not await raises(TaskFinal, store.update_task_status("x", S.COMPLETED, result_url="b"))


@fault("cursor-read-with-int", "LIST-13", "memory", "The number of a cursor is read with int(), which also takes '+5', '007', ' 5', '1_0' and digits of other scripts.")
class _(Proxy):
    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        if isinstance(after, str):
            number, dot, task_id = after.partition(".")
            with suppress(ValueError):
                after = f"{int(number)}{dot}{task_id}"
        return await super().list_tasks(status, limit, offset, after=after)

    async def shows(opener):
        async with opener.open() as store:
            return not await raises(InvalidArgument, store.list_tasks(after="1_000.x"))


# --- variants that are right ---------------------------------------------------------------------------------------


@variant("longer-ids", "memory", "New ids have 40 random hexadecimal digits, in capitals.")
class _(Proxy):
    async def create_task(self, request, *, task_id=None):
        new = f"task_{secrets.token_hex(20).upper()}"
        return await super().create_task(request, task_id=new if task_id is None else task_id)


@variant("waits-before-each-operation", "memory", "Every operation gives way to others three times before it begins.")
class _(Proxy):
    async def _wait(self):
        for _ in range(3):
            await asyncio.sleep(0)

    async def create_task(self, request, *, task_id=None):
        await self._wait()
        return await super().create_task(request, task_id=task_id)

    async def get_task(self, task_id):
        await self._wait()
        return await super().get_task(task_id)

    async def list_tasks(self, status=None, limit=50, offset=0, *, after=None):
        await self._wait()
        return await super().list_tasks(status, limit, offset, after=after)

    async def update_task_status(self, task_id, status, *args, **kwargs):
        await self._wait()
        return await super().update_task_status(task_id, status, *args, **kwargs)

    async def cancel_task(self, task_id):
        await self._wait()
        return await super().cancel_task(task_id)


@variant("returns-clones", "memory-expiring", "Every task that comes out is a deep copy.")
class _(Read):
    def out(self, task):
        return task.model_copy(deep=True)


@variant("cache-dropped-at-every-write", "memory", "get_task answers from a cache that every write empties, before and after.")
class _(MemoryTaskStore):
    async def get_task(self, task_id):
        self._check_open()
        if type(task_id) is not str:
            return await super().get_task(task_id)
        if task_id not in self._bag:
            self._bag[task_id] = await super().get_task(task_id)
        return self._bag[task_id]

    async def _apply(self, task_id, change):
        self._bag.pop(task_id, None)
        return await super()._apply(task_id, change)

    def _insert(self, task):
        self._bag.clear()
        super()._insert(task)

    def _remove(self, task):
        self._bag.pop(task.task_id, None)
        super()._remove(task)


@variant("one-write-at-a-time", "memory-expiring", "Writes wait for each other in a lock, reads do not.")
class _(Proxy):
    def _lock(self):
        return self._bag.setdefault(asyncio.get_running_loop(), asyncio.Lock())

    async def create_task(self, request, *, task_id=None):
        async with self._lock():
            return await super().create_task(request, task_id=task_id)

    async def update_task_status(self, task_id, status, *args, **kwargs):
        async with self._lock():
            return await super().update_task_status(task_id, status, *args, **kwargs)

    async def cancel_task(self, task_id):
        async with self._lock():
            return await super().cancel_task(task_id)

    async def purge(self, before):
        async with self._lock():
            return await super().purge(before)

    async def restore(self, task):
        async with self._lock():
            return await super().restore(task)


class NoSuchTask(TaskNotFound):
    """A kind of TaskNotFound."""


@variant("kind-of-not-found", "memory", "Where there is no task a subclass of TaskNotFound is raised.")
class _(MemoryTaskStore):
    def _live(self, task_id):
        try:
            return super()._live(task_id)
        except TaskNotFound as error:
            raise NoSuchTask(error.task_id) from None


@variant("purge-by-single-tasks", "memory", "purge removes one task at a time, gives way after each, and goes from the latest to the earliest.")
class _(MemoryTaskStore):
    async def purge(self, before):
        removed = 0
        self._check_open()
        moment = check_moment(before)
        for _, task_id in [*self._finished.irange(maximum=(moment, ""), inclusive=(True, False), reverse=True)]:
            task = self._tasks.get(task_id)
            if task is not None and task.completed_at is not None and task.completed_at < moment:
                self._remove(task)
                removed += 1
            await asyncio.sleep(0)
            self._check_open()
        return removed


@variant("gone-at-the-deadline-itself", "memory-expiring", "In the millisecond in which its lifetime ends a task is gone already.")
class _(MemoryTaskStore):
    def _renew(self, task_id):
        super()._renew(task_id)
        if self._clock() % 1_000_000:  # rounded up, or it would go within the last millisecond
            deadline = self._deadline_of[task_id]
            self._deadlines.remove((deadline, task_id))
            self._deadline_of[task_id] = deadline + 1
            self._deadlines.add((deadline + 1, task_id))

    def _is_due(self, task_id):
        return self._lifetime_ms is not None and self._deadline_of[task_id] <= self._now_ms()

    def _sweep(self, most):
        if self._lifetime_ms is None:
            return False
        now = self._now_ms()
        for _ in range(most):
            if not self._deadlines or self._deadlines[0][0] > now:
                return False
            self._remove(self._tasks[self._deadlines[0][1]])
        return True


@variant("decodes-every-record", "redis", "No record is remembered, so each is decoded at every read and updates never say what they know.")
class _(RedisTaskStore):
    def _task(self, task_id, text):
        try:
            return super()._task(task_id, text)
        finally:
            self._remembered.clear()


variant("revision-starts-at-1000", "redis", "The revision of a new record is 1000 and not 1.",
        lua((INSERT, '"revision":1,', '"revision":1000,')))
