"""Forty stores that are wrong in one way each, and ten that are odd and right. See wrapped.py."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import os
import random
import re
import secrets
import socket
import threading
import uuid
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta, timezone
from typing import Any

from pydantic import ValidationError
from redis.exceptions import ResponseError

from taskstore import (
    MAX_BYTES,
    FailureKind,
    InvalidArgument,
    MemoryTaskStore,
    RecordUnreadable,
    StoreNotOpen,
    StoreUnavailable,
    Task,
    TaskCreateRequest,
    TaskExists,
    TaskFinal,
    TaskNotFound,
    TaskStatus,
    TaskStoreError,
)
from taskstore.arguments import check_moment, check_page, check_request, check_status
from taskstore.redis import connect
from taskstore.redis.scripts import PURGE
from taskstore.redis.server import Server
from taskstore.redis.topology import Opener
from taskstore.values import EPOCH, microseconds
from tests.outside.wrapped import Entries, Scene, Wrapped, changed, every_page, now, raised, repaged, request

ENTRIES = Entries()
FAULTS, VARIANTS = ENTRIES.faults, ENTRIES.variants

PENDING, ANALYZING, CLIPPING = TaskStatus.PENDING, TaskStatus.ANALYZING, TaskStatus.CLIPPING
COMPLETED, FAILED, CANCELLED = TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)


def inner(store: Any) -> Any:
    """The real store, wrapped or not."""
    return getattr(store, "store", store)


def put(store: Any, task: Task) -> Task:
    """Replace a task of memory mode, in its indexes too, and leave its lifetime as it is."""
    old, place = store._tasks[task.task_id], (task.created_at, task.task_id)
    store._created_by_status[old.status].remove(place)
    store._created_by_status[task.status].add(place)
    if old.completed_at is not None:
        store._finished.remove((old.completed_at, old.task_id))
    if task.completed_at is not None:
        store._finished.add((task.completed_at, task.task_id))
    store._tasks[task.task_id] = task
    return task


def set_deadline(store: Any, task_id: str, milliseconds: int) -> None:
    """Let a task of memory mode live until then."""
    store._deadlines.remove((store._deadline_of[task_id], task_id))
    store._deadline_of[task_id] = milliseconds
    store._deadlines.add((milliseconds, task_id))


def lifetime_of(store: Any) -> timedelta:
    """How long a task of this store lives."""
    return timedelta(milliseconds=inner(store)._lifetime_ms)


@contextlib.contextmanager
def environment(name: str, value: str) -> Iterator[None]:
    """A variable has another value for a while."""
    old, os.environ[name] = os.environ.get(name), value
    try:
        yield
    finally:
        if old is None:
            del os.environ[name]
        else:
            os.environ[name] = old


@contextlib.contextmanager
def unanswered(store: Any) -> Iterator[None]:
    """The replies on the connection of a store are lost, and it waits a moment for each."""
    server = inner(store)._server
    limits, server._limits = server._limits, server._limits._replace(timeout=0.3)
    server._connections[-1].data_received = lambda data: None
    try:
        yield
    finally:
        server._limits = limits


@contextlib.contextmanager
def nowhere(store: Any, **credentials: str) -> Iterator[None]:
    """The server of a store is one on whose port nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    real, server = inner(store), inner(store)._server
    real._server = connect(f"redis://127.0.0.1:{port}/0", **credentials)  # type: ignore[arg-type]  # they are texts
    try:
        yield
    finally:
        real._server.close()
        real._server = server


@contextlib.contextmanager
def requests_of(store: Any, answer: Callable[[tuple[Any, ...]], None] = lambda command: None) -> Iterator[list[Any]]:
    """The requests that a store makes; `answer` may raise what the server says to one instead."""
    server, made = inner(store)._server, []
    send = server._request

    async def counting(command: tuple[Any, ...], *fields: Any, **more: Any) -> Any:
        made.append(command)
        answer(command)
        return await send(command, *fields, **more)

    server._request = counting
    try:
        yield made
    finally:
        del server._request


# The interface.


@ENTRIES.fault("closed-store-purges-nothing", "API-03", base="memory")
class ClosedStorePurgesNothing(Wrapped):
    """A purge that comes after the end has nothing to do, and says 0. Class: silent no-op at shutdown."""

    async def purge(self, before: Any) -> Any:
        return 0 if self.store._closed else await super().purge(before)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            assert await store.purge(now()) == 0
            await store.aclose()
            await raised(store.purge(now()), StoreNotOpen)


@ENTRIES.fault("dict-is-taken-for-a-request", "API-05", base="redis")
class DictIsTakenForARequest(Wrapped):
    """The body of a web request is validated into a request on the way. Class: coercion of a wrong type."""

    async def create_task(self, request: Any, **more: Any) -> Any:
        if isinstance(request, dict):
            with contextlib.suppress(ValidationError):
                request = TaskCreateRequest.model_validate(request)
        return await super().create_task(request, **more)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            body = {"video_ids": ["v"], "config": {"a": 1}}
            assert (await raised(store.create_task(body), InvalidArgument)).argument == "request"
            assert (await store.list_tasks()).total == 0


@ENTRIES.fault("closing-cancels-who-called", "API-07", base="redis")
class ClosingCancelsWhoCalled(Wrapped):
    """Closing cancels the calls in flight, so their callers see a cancellation. Class: cancellation that leaks."""

    def prepare(self) -> None:
        self.calls: set[asyncio.Future[Any]] = set()

    async def tied(self, call: Awaitable[Any]) -> Any:
        running = asyncio.ensure_future(call)
        self.calls.add(running)
        try:
            return await running
        finally:
            self.calls.discard(running)

    async def get_task(self, task_id: Any) -> Any:
        return await self.tied(super().get_task(task_id))

    async def list_tasks(self, *fields: Any, **more: Any) -> Any:
        return await self.tied(super().list_tasks(*fields, **more))

    async def update_task_status(self, *fields: Any, **more: Any) -> Any:
        return await self.tied(super().update_task_status(*fields, **more))

    async def aclose(self) -> None:
        for call in [*self.calls]:
            if call.get_loop() is asyncio.get_running_loop():
                call.cancel()
        await super().aclose()

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            with unanswered(store):
                call = asyncio.ensure_future(store.get_task(task.task_id))
                await asyncio.sleep(0.05)
                await store.aclose()
                ended = await asyncio.gather(call, return_exceptions=True)
            assert isinstance(ended[0], StoreUnavailable | StoreNotOpen), repr(ended)


# Values.


@ENTRIES.fault("one-object-for-each-id", "VAL-02", base="memory")
class OneObjectForEachId(Wrapped):
    """An identity map: the task that was handed out earlier changes with a later write. Class: shared object."""

    async def update_task_status(self, task_id: Any, *fields: Any, **more: Any) -> Any:
        old = self.held(task_id)
        task = await super().update_task_status(task_id, *fields, **more)
        if old is not None:
            vars(old).update(vars(task))
        return task

    async def cancel_task(self, task_id: Any) -> Any:
        old = self.held(task_id)
        task = await super().cancel_task(task_id)
        if old is not None:
            vars(old).update(vars(task))
        return task

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await store.update_task_status(task.task_id, ANALYZING, 30, "listening")
            assert (task.status, task.progress, task.current_step) == (PENDING, 0, "")


@ENTRIES.fault("numbers-as-keys-become-text", "VAL-05", base="redis")
class NumbersAsKeysBecomeText(Wrapped):
    """A config is written as `json.dumps` does it, which makes a text of a key 1. Class: lenient serialization."""

    async def create_task(self, request: Any, **more: Any) -> Any:
        config = vars(request).get("config") if isinstance(request, TaskCreateRequest) else None
        if type(config) is dict and any(type(key) is int for key in config):
            texts = {str(key) if type(key) is int else key: value for key, value in config.items()}
            request = request.model_copy(update={"config": texts})
        return await super().create_task(request, **more)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            await raised(store.create_task(request(config={1: "one"})), InvalidArgument)
            assert (await store.list_tasks()).total == 0


@ENTRIES.fault("escapes-count-for-size", "VAL-06", base="redis")
class EscapesCountForSize(Wrapped):
    """The size of an update is that of its ASCII form, six bytes for an é. Class: wrong unit of a limit."""

    async def update_task_status(self, task_id: Any, status: Any, *fields: Any, **more: Any) -> Any:
        texts = [text for text in (*fields, *more.values()) if type(text) is str]
        if sum(map(len, texts)) > MAX_BYTES // 16 and sum(len(json.dumps(text)) for text in texts) > MAX_BYTES:
            self.store._check_open()
            raise InvalidArgument("task", f"would hold more than {MAX_BYTES:,} bytes of JSON")
        return await super().update_task_status(task_id, status, *fields, **more)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            said = "é" * 400_000
            assert (await store.update_task_status(task.task_id, FAILED, error_message=said)).error_message == said


@ENTRIES.fault("restored-times-keep-their-zone", "VAL-10", base="memory")
class RestoredTimesKeepTheirZone(Wrapped):
    """The times of a restored task stay in the zone that it came with. Class: time zone not normalised."""

    async def restore(self, task: Any) -> None:
        await super().restore(task)
        kept = self.store._tasks[task.task_id]
        times = {name: vars(task)[name] for name in ("created_at", "updated_at", "completed_at")}
        self.store._tasks[kept.task_id] = changed(kept, **times)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            at = task.created_at.astimezone(timezone(timedelta(hours=8)))
            await store.restore(changed(task, task_id="task_from_shanghai", created_at=at, updated_at=at))
            moved = await store.get_task("task_from_shanghai")
            assert moved.created_at == at
            assert moved.created_at.utcoffset() == moved.updated_at.utcoffset() == timedelta(0)


# The life cycle.


@ENTRIES.fault("update-answers-in-milliseconds", "LIFE-03", base="redis")
class UpdateAnswersInMilliseconds(Wrapped):
    """What an update returns has its time in milliseconds, what is kept has all. Class: lost precision."""

    async def update_task_status(self, *fields: Any, **more: Any) -> Any:
        task = await super().update_task_status(*fields, **more)
        at = task.updated_at
        return changed(task, updated_at=max(at.replace(microsecond=at.microsecond // 1_000 * 1_000), task.created_at))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            for progress in (10, 20, 30, 40):
                await asyncio.sleep(0.003)
                task = await store.update_task_status(task.task_id, ANALYZING, progress)
                assert await store.get_task(task.task_id) == task


@ENTRIES.fault("progress-never-falls", "LIFE-04", base="memory")
class ProgressNeverFalls(Wrapped):
    """A progress below the one that was reached is left out, also if a step begins anew. Class: assumed monotony."""

    async def update_task_status(
        self, task_id: Any, status: Any, progress: Any = None, *fields: Any, **more: Any
    ) -> Any:
        old = self.held(task_id)
        if old and not old.status.is_final and status != COMPLETED and type(progress) in (int, float):
            progress = None if 0 <= progress < old.progress else progress
        return await super().update_task_status(task_id, status, progress, *fields, **more)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await store.update_task_status(task.task_id, ANALYZING, 80)
            await store.update_task_status(task.task_id, ANALYZING, 5)
            assert (await store.get_task(task.task_id)).progress == 5


@ENTRIES.fault("cancel-clears-the-step", "LIFE-09", base="memory")
class CancelClearsTheStep(Wrapped):
    """Nothing goes on in a cancelled task, so its step is emptied. Class: side effect on another field."""

    async def cancel_task(self, task_id: Any) -> Any:
        old = self.held(task_id)
        task = await super().cancel_task(task_id)
        return put(self.store, changed(task, current_step="")) if old and not old.status.is_final else task

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await store.update_task_status(task.task_id, CLIPPING, 70, "clip 3 of 4")
            await store.cancel_task(task.task_id)
            assert (await store.get_task(task.task_id)).current_step == "clip 3 of 4"


@ENTRIES.fault("final-names-what-was-asked-for", "LIFE-10", base="redis")
class FinalNamesWhatWasAskedFor(Wrapped):
    """`TaskFinal` states the status that the call wanted, not the one that is. Class: wrong variable in an error."""

    async def update_task_status(self, task_id: Any, status: Any, *fields: Any, **more: Any) -> Any:
        try:
            return await super().update_task_status(task_id, status, *fields, **more)
        except TaskFinal as error:
            error.status = check_status(status)
            raise

    async def cancel_task(self, task_id: Any) -> Any:
        try:
            return await super().cancel_task(task_id)
        except TaskFinal as error:
            error.status = CANCELLED
            raise

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await store.update_task_status(task.task_id, COMPLETED)
            assert (await raised(store.cancel_task(task.task_id), TaskFinal)).status is COMPLETED


@ENTRIES.fault("status-is-set-before-the-rest-is-checked", "LIFE-14", base="redis")
class StatusIsSetBeforeTheRestIsChecked(Wrapped):
    """An update sets field after field, and stops at one that is refused. Class: write that is half done."""

    async def update_task_status(self, task_id: Any, status: Any, *fields: Any, **more: Any) -> Any:
        try:
            return await super().update_task_status(task_id, status, *fields, **more)
        except InvalidArgument as error:
            if error.argument in ("progress", "current_step", "result_url"):
                if not check_status(status).is_final:
                    with contextlib.suppress(TaskStoreError):
                        await super().update_task_status(task_id, status)
            raise

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await raised(store.update_task_status(task.task_id, ANALYZING, 101), InvalidArgument)
            assert await store.get_task(task.task_id) == task


@ENTRIES.fault("clock-behind-takes-times-back", "LIFE-17", base="memory")
class ClockBehindTakesTimesBack(Wrapped):
    """A write states the clock's time, also if the task has a later one already. Class: trust in the clock."""

    def restated(self, old: Any, task: Task) -> Task:
        at = self.store._now()
        if old is None or old.status.is_final or task.updated_at <= at:
            return task
        return put(self.store, changed(task, updated_at=at, completed_at=at if task.completed_at else None))

    async def update_task_status(self, task_id: Any, *fields: Any, **more: Any) -> Any:
        old = self.held(task_id)
        return self.restated(old, await super().update_task_status(task_id, *fields, **more))

    async def cancel_task(self, task_id: Any) -> Any:
        old = self.held(task_id)
        return self.restated(old, await super().cancel_task(task_id))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            ahead = changed(task, task_id="task_of_a_clock_ahead", updated_at=task.updated_at + 60 * SECOND)
            await store.restore(ahead)
            assert (await store.update_task_status(ahead.task_id, ANALYZING)).updated_at >= ahead.updated_at
            assert (await store.cancel_task(ahead.task_id)).updated_at >= ahead.updated_at


# Atomicity.


@ENTRIES.fault("create-is-tried-again-under-a-new-id", "ATOM-01", base="redis")
class CreateIsTriedAgainUnderANewId(Wrapped):
    """A creation whose reply was lost is made again, with another id. Class: retry that is not idempotent."""

    async def create_task(self, request: Any, *, task_id: Any = None) -> Any:
        try:
            return await super().create_task(request, task_id=task_id)
        except StoreUnavailable as error:
            if task_id is not None or not error.write_may_have_happened or self.store._closed:
                raise
        return await super().create_task(request)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            await store.create_task(request("one"))
            with unanswered(store), contextlib.suppress(StoreUnavailable):
                await store.create_task(request("two"))
            assert (await store.list_tasks()).total == 2


@ENTRIES.fault("cancel-decides-on-what-it-had-read", "ATOM-02", "LIFE-10", base="memory")
class CancelDecidesOnWhatItHadRead(Wrapped):
    """A cancel reads the task, lets others run, and writes over what they did. Class: check, then act."""

    async def cancel_task(self, task_id: Any) -> Any:
        read = self.held(task_id)
        if read is None or read.status.is_final:
            return await super().cancel_task(task_id)
        await asyncio.sleep(0)
        there = self.held(task_id)
        if there is None or there.status not in (COMPLETED, FAILED):
            return await super().cancel_task(task_id)
        self.store._check_open()
        at = max(self.store._now(), there.updated_at)
        return put(self.store, changed(there, status=CANCELLED, updated_at=at, completed_at=at))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            calls = store.cancel_task(task.task_id), store.update_task_status(task.task_id, COMPLETED)
            ended = await asyncio.gather(*calls, return_exceptions=True)
            assert sum(isinstance(one, TaskFinal) for one in ended) == 1, repr(ended)


@ENTRIES.fault("first-of-many-gets-takes-the-others-along", "ATOM-06", "SHARE-01", base="redis")
class FirstOfManyGetsTakesTheOthersAlong(Wrapped):
    """Gets of the same id share one request, and end with the caller that made it. Class: shared cancellation."""

    def prepare(self) -> None:
        self.flying: dict[str, asyncio.Future[Any]] = {}

    async def get_task(self, task_id: Any) -> Any:
        self.store._check_open()
        if type(task_id) is not str:
            return await super().get_task(task_id)
        if task_id in self.flying:
            return await asyncio.shield(self.flying[task_id])
        flying = self.flying[task_id] = asyncio.get_running_loop().create_future()
        try:
            task = await super().get_task(task_id)
        except asyncio.CancelledError:
            flying.cancel()
            raise
        except BaseException as error:
            flying.set_exception(error)
            flying.exception()
            raise
        else:
            flying.set_result(task)
            return task
        finally:
            del self.flying[task_id]

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            calls = [asyncio.ensure_future(store.get_task(task.task_id)) for _ in range(3)]
            await asyncio.sleep(0)
            calls[0].cancel()
            ended = await asyncio.gather(*calls, return_exceptions=True)
            assert ended[1:] == [task, task], repr(ended)


# Listing.


@ENTRIES.fault("ids-are-collated", "LIST-01", "LIST-12", "LIST-13", base="redis")
class IdsAreCollated(Wrapped):
    """Ids of the same moment are ordered without regard to case, as databases do. Class: collation."""

    async def list_tasks(self, *fields: Any, **more: Any) -> Any:
        page = await super().list_tasks(*fields, **more)
        tasks = sorted(page.tasks, key=lambda task: (task.created_at, task.task_id.lower(), task.task_id), reverse=True)
        return repaged(page, tasks=tuple(tasks))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request(), task_id="a")
            await store.restore(changed(task, task_id="B"))
            assert [one.task_id for one in (await store.list_tasks()).tasks] == ["a", "B"]


@ENTRIES.fault("total-is-what-is-left", "LIST-03", base="memory")
class TotalIsWhatIsLeft(Wrapped):
    """With a cursor the total counts what is behind it, since the same condition is used. Class: count of a query."""

    async def list_tasks(self, status: Any = None, limit: Any = 50, offset: Any = 0, *, after: Any = None) -> Any:
        page = await super().list_tasks(status, limit, offset, after=after)
        place = check_page(limit, offset, after)
        if place is None:
            return page
        index = self.store._created if status is None else self.store._created_by_status[check_status(status)]
        return repaged(page, total=index.bisect_left((EPOCH + place[0] * MICROSECOND, place[1])))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            for _ in range(5):
                await store.create_task(request())
            first = await store.list_tasks(limit=2)
            second = await store.list_tasks(limit=2, after=first.next)
            assert (first.total, second.total) == (5, 5)


@ENTRIES.fault("cursor-of-a-purged-task-is-the-end", "LIST-12", base="memory")
class CursorOfAPurgedTaskIsTheEnd(Wrapped):
    """The place of a cursor is looked up by its task; if that is gone nothing follows. Class: pagination by row."""

    async def list_tasks(self, status: Any = None, limit: Any = 50, offset: Any = 0, *, after: Any = None) -> Any:
        page = await super().list_tasks(status, limit, offset, after=after)
        if after is None or self.held(str(after).partition(".")[2]) is not None:
            return page
        return repaged(page, tasks=(), next=None)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            tasks = [await store.create_task(request()) for _ in range(4)]
            first = await store.list_tasks(limit=2)
            last = first.tasks[-1]
            done = await store.update_task_status(last.task_id, COMPLETED)
            assert await store.purge(done.completed_at + SECOND) == 1
            rest = await store.list_tasks(limit=2, after=first.next)
            assert {one.task_id for one in (*first.tasks, *rest.tasks)} == {one.task_id for one in tasks}


@ENTRIES.fault("cursor-is-read-by-int", "LIST-13", base="redis")
class CursorIsReadByInt(Wrapped):
    """`int()` reads the microsecond of a cursor: it takes signs, blanks and underscores. Class: lenient parser."""

    async def list_tasks(self, status: Any = None, limit: Any = 50, offset: Any = 0, *, after: Any = None) -> Any:
        if isinstance(after, str):
            moment, dot, task_id = after.partition(".")
            with contextlib.suppress(ValueError):
                after = f"{int(moment)}{dot}{task_id}"
        return await super().list_tasks(status, limit, offset, after=after)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            for _ in range(2):
                await store.create_task(request())
            cursor = (await store.list_tasks(limit=1)).next
            assert len((await store.list_tasks(after=cursor)).tasks) == 1
            for wrong in (f"+{cursor}", f" {cursor}", f"0{cursor}", f"{cursor[0]}_{cursor[1:]}"):
                assert (await raised(store.list_tasks(after=wrong), InvalidArgument)).argument == "after"


# Expiry.


@ENTRIES.fault("lifetimes-are-spread", "EXP-01", base="memory-expiring")
class LifetimesAreSpread(Wrapped):
    """A new task lives up to a tenth less, so that not all expire at once. Class: jitter in a promise."""

    async def create_task(self, request: Any, *, task_id: Any = None) -> Any:
        known = self.held(task_id)
        task = await super().create_task(request, task_id=task_id)
        if task is not known:
            less = int(self.store._lifetime_ms * random.uniform(0, 0.1))
            set_deadline(self.store, task.task_id, self.store._deadline_of[task.task_id] - less)
        return task

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            tasks = [await store.create_task(request()) for _ in range(30)]
            scene.advance("a", lifetime_of(store) * 0.99)
            for task in tasks:
                assert await store.get_task(task.task_id) == task


@ENTRIES.fault("only-a-new-status-renews", "EXP-03", base="memory-expiring")
class OnlyANewStatusRenews(Wrapped):
    """A report of progress leaves the lifetime as it was. Class: expiry that is forgotten on one path."""

    async def update_task_status(self, task_id: Any, status: Any, *fields: Any, **more: Any) -> Any:
        old = self.held(task_id)
        deadline = self.store._deadline_of.get(task_id) if old else None
        task = await super().update_task_status(task_id, status, *fields, **more)
        if old and old.status is task.status and not task.status.is_final:
            set_deadline(self.store, task_id, deadline)  # type: ignore[arg-type]  # a task has one
        return task

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await store.update_task_status(task.task_id, ANALYZING)
            for progress in (10, 20, 30):
                scene.advance("a", lifetime_of(store) * 0.6)
                await store.update_task_status(task.task_id, ANALYZING, progress)
            assert (await store.get_task(task.task_id)).progress == 30


@ENTRIES.fault("old-results-are-tidied-away", "EXP-05", "COST-04", base="memory")
class OldResultsAreTidiedAway(Wrapped):
    """A creation removes what was completed more than a day ago. Class: clean-up nobody asked for."""

    async def create_task(self, *fields: Any, **more: Any) -> Any:
        task = await super().create_task(*fields, **more)
        await self.store.purge(self.store._now() - DAY)
        return task

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            made = await store.create_task(request(), task_id="task_made")
            then = made.created_at - 2 * DAY
            times = {"created_at": then, "updated_at": then, "completed_at": then}
            old = changed(made, task_id="task_old", status=COMPLETED, progress=100.0, **times)
            await store.restore(old)
            await store.create_task(request())
            assert await store.get_task("task_old") == old


# Identity.


@ENTRIES.fault("id-is-a-uuid-with-dashes", "ID-02", base="redis")
class IdIsAUuidWithDashes(Wrapped):
    """An id is made of `str(uuid4())`. Class: wrong format."""

    async def create_task(self, request: Any, *, task_id: Any = None) -> Any:
        return await super().create_task(request, task_id=f"task_{uuid.uuid4()}" if task_id is None else task_id)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            assert re.fullmatch("task_[0-9a-fA-F]{32,}", task.task_id), task.task_id


@ENTRIES.fault("blanks-around-an-id-are-cut-off", "ID-03", base="redis")
class BlanksAroundAnIdAreCutOff(Wrapped):
    """`strip()`: an id that was copied with a line break finds its task. Class: lenient parser."""

    async def get_task(self, task_id: Any) -> Any:
        return await super().get_task(task_id.strip() if type(task_id) is str else task_id)

    async def cancel_task(self, task_id: Any) -> Any:
        return await super().cancel_task(task_id.strip() if type(task_id) is str else task_id)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await raised(store.get_task(f"{task.task_id}\n"), TaskNotFound)
            await raised(store.cancel_task(f" {task.task_id}"), TaskNotFound)
            assert await store.get_task(task.task_id) == task


@ENTRIES.fault("restoring-the-same-again-is-fine", "ID-05", base="memory")
class RestoringTheSameAgainIsFine(Wrapped):
    """Restoring a task that is there already, equal in every field, says nothing. Class: swallowed conflict."""

    async def restore(self, task: Any) -> None:
        try:
            await super().restore(task)
        except TaskExists:
            if self.held(task.task_id) != task:
                raise

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            assert (await raised(store.restore(task), TaskExists)).task_id == task.task_id


@ENTRIES.fault("one-is-true", "ID-06", "COST-02", base="redis")
class OneIsTrue(Wrapped):
    """Whether a request is the same is decided by `==`, to which 1 and 1.0 and True are. Class: equality of types."""

    async def create_task(self, request: Any, *, task_id: Any = None) -> Any:
        try:
            return await super().create_task(request, task_id=task_id)
        except TaskExists as error:
            known = None
            with contextlib.suppress(TaskStoreError):
                known = await self.store.get_task(error.task_id)
            wanted = {name: vars(request).get(name) for name in ("webhook_url", "config")}
            if known is None or (known.video_ids, known.metadata) != (vars(request).get("video_ids"), wanted):
                raise
            return known

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request(config={"retries": 1}), task_id="job-1")
            await raised(store.create_task(request(config={"retries": True}), task_id="job-1"), TaskExists)
            assert await store.create_task(request(config={"retries": 1}), task_id="job-1") == task


# Durability and sharing.


@ENTRIES.fault("memory-is-kept-for-the-next-start", "DUR-03", base="memory")
class MemoryIsKeptForTheNextStart(Wrapped):
    """Closing keeps the tasks, and the next opening takes them up. Class: state that outlives its owner."""

    def prepare(self) -> None:
        for task in self.place.state.pop("kept", ()):
            self.store._insert(task)

    async def aclose(self) -> None:
        if not self.store._closed:
            self.place.state["kept"] = [*self.store._tasks.values()]
        await super().aclose()

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            await store.create_task(request())
        async with scene.open("a") as store:
            assert (await store.list_tasks()).total == 0


@ENTRIES.fault("others-are-read-from-a-replica", "SHARE-01", "ATOM-02", base="redis")
class OthersAreReadFromAReplica(Wrapped):
    """A get is a moment behind what another instance wrote. Class: read from a replica that lags."""

    def noted(self, task: Task) -> Task:
        latest = self.place.state.get(task.task_id, (None, 0.0, None, None))[3]
        if latest != task:
            self.place.state[task.task_id] = (self, asyncio.get_running_loop().time(), latest, task)
        return task

    async def create_task(self, *fields: Any, **more: Any) -> Any:
        task = await super().create_task(*fields, **more)
        if self.place.state.get(task.task_id, (None, 0.0, None, None))[3] != task:
            self.place.state[task.task_id] = (self, asyncio.get_running_loop().time(), None, task)
        return task

    async def update_task_status(self, *fields: Any, **more: Any) -> Any:
        return self.noted(await super().update_task_status(*fields, **more))

    async def cancel_task(self, task_id: Any) -> Any:
        return self.noted(await super().cancel_task(task_id))

    async def get_task(self, task_id: Any) -> Any:
        task = await super().get_task(task_id)
        writer, at, before, latest = self.place.state.get(task_id, (self, 0.0, None, None))
        is_behind = writer is not self and task == latest and asyncio.get_running_loop().time() - at < 0.2
        return before if is_behind and before is not None else task

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as one, scene.open("a") as other:
            task = await one.create_task(request())
            task = await one.update_task_status(task.task_id, ANALYZING, 10)
            assert await other.get_task(task.task_id) == task


# Failure.


@ENTRIES.fault("memory-stands-in-for-a-lost-server", "FAIL-01", "DUR-01", "SHARE-01", base="redis")
class MemoryStandsInForALostServer(Wrapped):
    """If the server cannot be reached a task is made in memory, and is gone later. Class: silent fallback."""

    def prepare(self) -> None:
        self.spare = MemoryTaskStore()

    async def create_task(self, request: Any, *, task_id: Any = None) -> Any:
        try:
            return await super().create_task(request, task_id=task_id)
        except StoreUnavailable as error:
            if error.failure_kind is not FailureKind.UNREACHABLE or self.store._closed:
                raise
            return await self.spare.create_task(request, task_id=task_id)

    async def get_task(self, task_id: Any) -> Any:
        try:
            return await super().get_task(task_id)
        except StoreUnavailable as error:
            if task_id in self.spare._tasks and error.failure_kind is FailureKind.UNREACHABLE:
                return await self.spare.get_task(task_id)
            raise

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            await store.list_tasks()
            with nowhere(store):
                error = await raised(store.create_task(request()), StoreUnavailable)
            assert not error.write_may_have_happened


@ENTRIES.fault("failure-tells-the-options", "FAIL-05", base="redis")
class FailureTellsTheOptions(Wrapped):
    """The exception of a server that fails has a note with all connection options. Class: secret in diagnostics."""

    async def explained(self, call: Awaitable[Any]) -> Any:
        try:
            return await call
        except StoreUnavailable as error:
            opener = self.store._server._open_connection
            options = getattr(getattr(opener, "func", opener), "_options", {})
            error.add_note(f"connection options: {options}")
            raise

    async def create_task(self, *fields: Any, **more: Any) -> Any:
        return await self.explained(super().create_task(*fields, **more))

    async def get_task(self, task_id: Any) -> Any:
        return await self.explained(super().get_task(task_id))

    async def list_tasks(self, *fields: Any, **more: Any) -> Any:
        return await self.explained(super().list_tasks(*fields, **more))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            with nowhere(store, password="hush-hush"):
                error = await raised(store.get_task("task_1"), StoreUnavailable)
            assert "hush-hush" not in f"{error!r} {error} {vars(error)}"


@ENTRIES.fault("broken-record-is-thrown-away", "FAIL-09", base="redis")
class BrokenRecordIsThrownAway(Wrapped):
    """A get that meets a record it cannot read deletes it, and finds nothing. Class: self-healing that destroys."""

    async def get_task(self, task_id: Any) -> Any:
        try:
            return await super().get_task(task_id)
        except RecordUnreadable as error:
            await self.store._server.read("DEL", error.key)
            raise TaskNotFound(task_id) from None

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            key, server = inner(store)._key(task.task_id), inner(store)._server
            await server.read("SET", key, "half of a rec")
            assert (await raised(store.get_task(task.task_id), RecordUnreadable)).key == key
            assert await server.read("GET", key) == b"half of a rec"


@ENTRIES.fault("purge-forgets-what-it-has-removed", "FAIL-11", base="redis")
class PurgeForgetsWhatItHasRemoved(Wrapped):
    """A purge that breaks off after a batch says what is true of the next: nothing written. Class: partial result."""

    async def purge(self, before: Any) -> Any:
        try:
            return await super().purge(before)
        except StoreUnavailable as error:
            refused = FailureKind.OUT_OF_MEMORY, FailureKind.READ_ONLY, FailureKind.BUSY, FailureKind.LOADING
            error.write_may_have_happened &= error.failure_kind not in refused
            raise

    @staticmethod
    async def shows(scene: Scene) -> None:
        purges = 0

        def answer(command: tuple[Any, ...]) -> None:
            nonlocal purges
            purges += command[1] == PURGE.digest
            if purges > 1:
                raise ResponseError("READONLY You can't write against a read only replica.")

        async with scene.open("a") as store:
            await store.purge(EPOCH)
            made = await asyncio.gather(*(store.create_task(request()) for _ in range(260)))
            await asyncio.gather(*(store.cancel_task(task.task_id) for task in made))
            with requests_of(store, answer):
                error = await raised(store.purge(now() + DAY), StoreUnavailable)
            assert error.write_may_have_happened
            assert (await store.list_tasks(limit=0)).total < 260


@ENTRIES.fault("first-call-after-a-pause-fails", "FAIL-14", "FAIL-13", base="redis")
class FirstCallAfterAPauseFails(Wrapped):
    """That the server closed an idle connection is noticed by the call that uses it. Class: stale pooled connection."""

    def prepare(self) -> None:
        self.used: Any = None

    async def over(self, call: Callable[[], Awaitable[Any]]) -> Any:
        self.store._check_open()
        used, self.used, server = self.used, None, self.store._server
        if used is not None and server._connections[-1:] == [used] and not used.is_usable:
            detail = "Connection reset by peer"
            raise StoreUnavailable(server.address, FailureKind.BROKEN, False, detail)
        try:
            result = await call()
        except StoreUnavailable:
            raise
        except TaskStoreError:
            self.used = used
            raise
        self.used = server._connections[-1] if server._connections else None
        return result

    async def create_task(self, *fields: Any, **more: Any) -> Any:
        self.used = None
        return await super().create_task(*fields, **more)

    async def purge(self, before: Any) -> Any:
        self.used = None
        return await super().purge(before)

    async def restore(self, task: Any) -> None:
        self.used = None
        await super().restore(task)

    async def cancel_task(self, task_id: Any) -> Any:
        return await self.over(lambda: self.store.cancel_task(task_id))

    async def get_task(self, task_id: Any) -> Any:
        return await self.over(lambda: self.store.get_task(task_id))

    async def list_tasks(self, *fields: Any, **more: Any) -> Any:
        return await self.over(lambda: self.store.list_tasks(*fields, **more))

    async def update_task_status(self, *fields: Any, **more: Any) -> Any:
        return await self.over(lambda: self.store.update_task_status(*fields, **more))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store, scene.open("a") as other:
            task = await store.create_task(request())
            assert await store.get_task(task.task_id) == task
            number = await inner(store)._server.read("CLIENT", "ID")
            await inner(other)._server.read("CLIENT", "KILL", "ID", number)
            await asyncio.sleep(0.1)
            assert await store.get_task(task.task_id) == task


# Modes.


@ENTRIES.fault("mode-is-looked-up-in-each-call", "MODE-07", base="redis")
class ModeIsLookedUpInEachCall(Wrapped):
    """Each call reads the variable, so a change moves an open store to memory. Class: setting that is read too late."""

    def prepare(self) -> None:
        self.began, self.memory = os.environ.get("USE_REDIS_FOR_TASKS"), MemoryTaskStore()

    def chosen(self) -> Any:
        value = os.environ.get("USE_REDIS_FOR_TASKS", "")
        is_off = value != self.began and value.lower() in ("false", "0", "no", "off")
        return self.memory if is_off and not self.store._closed else self.store

    async def create_task(self, *fields: Any, **more: Any) -> Any:
        return await self.chosen().create_task(*fields, **more)

    async def get_task(self, task_id: Any) -> Any:
        return await self.chosen().get_task(task_id)

    async def list_tasks(self, *fields: Any, **more: Any) -> Any:
        return await self.chosen().list_tasks(*fields, **more)

    async def update_task_status(self, *fields: Any, **more: Any) -> Any:
        return await self.chosen().update_task_status(*fields, **more)

    async def cancel_task(self, task_id: Any) -> Any:
        return await self.chosen().cancel_task(task_id)

    @staticmethod
    async def shows(scene: Scene) -> None:
        with environment("USE_REDIS_FOR_TASKS", "true"):
            async with scene.open("a") as store:
                with environment("USE_REDIS_FOR_TASKS", "false"):
                    task = await store.create_task(request())
                assert await store.get_task(task.task_id) == task


@ENTRIES.fault("memory-has-a-janitor-thread", "MODE-08", base="memory")
class MemoryHasAJanitorThread(Wrapped):
    """A thread waits beside the store, to clean up now and then. Class: hidden background worker."""

    def prepare(self) -> None:
        self.over = threading.Event()
        threading.Thread(target=self.over.wait, name="task-janitor", daemon=True).start()

    async def aclose(self) -> None:
        self.over.set()
        await super().aclose()

    @staticmethod
    async def shows(scene: Scene) -> None:
        before = {*threading.enumerate()}
        async with scene.open("a") as store:
            await store.create_task(request())
            assert {*threading.enumerate()} <= before


# Cost.


@ENTRIES.fault("each-task-of-a-page-is-read-anew", "COST-02", "LIST-03", base="redis")
class EachTaskOfAPageIsReadAnew(Wrapped):
    """A listing gives ids, and each is read in a request of its own. Class: N + 1 queries."""

    async def list_tasks(self, *fields: Any, **more: Any) -> Any:
        page = await super().list_tasks(*fields, **more)
        read = await asyncio.gather(*(self.store.get_task(task.task_id) for task in page.tasks), return_exceptions=True)
        return repaged(page, tasks=tuple(task for task in read if isinstance(task, Task)))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            for _ in range(5):
                await store.create_task(request())
            await store.list_tasks()
            with requests_of(store) as made:
                assert len((await store.list_tasks()).tasks) == 5
            assert len(made) == 1, made


@ENTRIES.fault("a-thousand-tasks-at-most", "COST-04", "EXP-05", base="memory")
class AThousandTasksAtMost(Wrapped):
    """A creation beyond a thousand tasks drops the oldest one, as a bounded cache does. Class: eviction."""

    async def create_task(self, *fields: Any, **more: Any) -> Any:
        task = await super().create_task(*fields, **more)
        while len(self.store._tasks) > 1_000:
            self.store._remove(next(iter(self.store._tasks.values())))
        return task

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            tasks = [await store.create_task(request()) for _ in range(1_001)]
            assert await store.get_task(tasks[0].task_id) == tasks[0]
            assert (await store.list_tasks(limit=0)).total == 1_001


# Maintenance.


@ENTRIES.fault("purge-goes-by-creation", "MAINT-01", base="memory")
class PurgeGoesByCreation(Wrapped):
    """A purge removes the final tasks that were created before the moment. Class: wrong column."""

    async def purge(self, before: Any) -> Any:
        removed, moment = await super().purge(before), check_moment(before)
        older = [task for task in self.store._tasks.values() if task.status.is_final and task.created_at < moment]
        for task in older:
            self.store._remove(task)
        return removed + len(older)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await asyncio.sleep(0.002)
            task = await store.update_task_status(task.task_id, COMPLETED)
            assert await store.purge(task.completed_at) == 0
            assert await store.get_task(task.task_id) == task


@ENTRIES.fault("restored-task-has-lived-already", "MAINT-02", base="memory-expiring")
class RestoredTaskHasLivedAlready(Wrapped):
    """The lifetime of a restored task begins with its last change. Class: expiry from the wrong moment."""

    async def restore(self, task: Any) -> None:
        await super().restore(task)
        kept = self.store._tasks[task.task_id]
        deadline = microseconds(kept.updated_at) // 1_000 + self.store._lifetime_ms
        set_deadline(self.store, kept.task_id, min(deadline, self.store._deadline_of[kept.task_id]))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            made = await store.create_task(request())
            then = made.created_at - lifetime_of(store) * 2
            old = changed(made, task_id="task_old", created_at=then, updated_at=then)
            await store.restore(old)
            assert await store.get_task("task_old") == old


# Odd, and right.


@ENTRIES.variant(
    "ids-are-long-and-in-capitals",
    'ID-02: "An id is `task_` followed by at least 32 random hexadecimal digits": more of them, and capitals, are too.',
    base="redis",
)
class IdsAreLongAndInCapitals(Wrapped):
    """From 32 to 128 digits, A to F in capitals."""

    async def create_task(self, request: Any, *, task_id: Any = None) -> Any:
        new_id = f"task_{secrets.token_hex(16 + secrets.randbelow(49)).upper()}"
        return await super().create_task(request, task_id=new_id if task_id is None else task_id)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            tasks = [await store.create_task(request()) for _ in range(5)]
            assert all(re.fullmatch("task_[0-9a-fA-F]{32,}", task.task_id) for task in tasks)
            assert await every_page(store, 2) == tasks[::-1]


class NoSuchTask(TaskNotFound):
    """A `TaskNotFound` with words of its own."""

    def __str__(self) -> str:
        return "nobody here knows that task"


class TaskIsOver(TaskFinal):
    """A `TaskFinal` with words of its own."""

    def __str__(self) -> str:
        return f"too late: {self.status}"


@ENTRIES.variant(
    "exceptions-are-subclasses",
    'ID-03 and LIFE-10 ask that `TaskNotFound` and `TaskFinal` are raised, "which states the status": a subclass is '
    "one, and its words are free.",
    base="memory",
)
class ExceptionsAreSubclasses(Wrapped):
    """What is raised are subclasses of the exceptions, with the same fields and another message."""

    async def own(self, call: Awaitable[Any]) -> Any:
        try:
            return await call
        except TaskNotFound as error:
            raise NoSuchTask(error.task_id) from None
        except TaskFinal as error:
            raise TaskIsOver(error.task_id, error.status) from None

    async def get_task(self, task_id: Any) -> Any:
        return await self.own(super().get_task(task_id))

    async def update_task_status(self, *fields: Any, **more: Any) -> Any:
        return await self.own(super().update_task_status(*fields, **more))

    async def cancel_task(self, task_id: Any) -> Any:
        return await self.own(super().cancel_task(task_id))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            assert (await raised(store.get_task("none"), TaskNotFound)).task_id == "none"
            task = await store.create_task(request())
            await store.update_task_status(task.task_id, COMPLETED)
            assert (await raised(store.cancel_task(task.task_id), TaskFinal)).status is COMPLETED


@ENTRIES.variant(
    "one-call-at-a-time",
    'ATOM-06: "Each of many concurrent calls returns its own result, and none fails because there are many": it does '
    "not say that they run side by side.",
    base="memory",
)
class OneCallAtATime(Wrapped):
    """All calls go through one lock, and let others run while they hold it."""

    def prepare(self) -> None:
        self.lock = asyncio.Lock()

    async def alone(self, call: Callable[..., Awaitable[Any]], *fields: Any, **more: Any) -> Any:
        self.store._check_open()
        async with self.lock:
            await asyncio.sleep(0)
            return await call(*fields, **more)

    async def create_task(self, *fields: Any, **more: Any) -> Any:
        return await self.alone(self.store.create_task, *fields, **more)

    async def get_task(self, *fields: Any, **more: Any) -> Any:
        return await self.alone(self.store.get_task, *fields, **more)

    async def list_tasks(self, *fields: Any, **more: Any) -> Any:
        return await self.alone(self.store.list_tasks, *fields, **more)

    async def update_task_status(self, *fields: Any, **more: Any) -> Any:
        return await self.alone(self.store.update_task_status, *fields, **more)

    async def cancel_task(self, *fields: Any, **more: Any) -> Any:
        return await self.alone(self.store.cancel_task, *fields, **more)

    async def purge(self, *fields: Any, **more: Any) -> Any:
        return await self.alone(self.store.purge, *fields, **more)

    async def restore(self, *fields: Any, **more: Any) -> None:
        await self.alone(self.store.restore, *fields, **more)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            made = await asyncio.gather(*(store.create_task(request(f"{at}")) for at in range(50)))
            calls = [asyncio.ensure_future(store.get_task(task.task_id)) for task in made]
            await asyncio.sleep(0)
            calls[0].cancel()
            ended = await asyncio.gather(*calls, return_exceptions=True)
            assert ended[1:] == made[1:]


@ENTRIES.variant(
    "purge-goes-task-by-task",
    'MAINT-01: "`purge` removes the final tasks that were completed before the given moment, and no others, and '
    'returns how many it removed": not at one instant.',
    base="memory",
)
class PurgeGoesTaskByTask(Wrapped):
    """A purge removes one task, the latest first, and lets others run before the next."""

    async def purge(self, before: Any) -> Any:
        self.store._check_open()
        moment, finished, removed = check_moment(before), self.store._finished, 0
        while end := finished.bisect_left((moment, "")):
            self.store._remove(self.store._tasks[finished[end - 1][1]])
            removed += 1
            await asyncio.sleep(0)
        return removed

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            made = [await store.create_task(request()) for _ in range(20)]
            for task in made[:15]:
                await store.cancel_task(task.task_id)
            removed, new = await asyncio.gather(store.purge(now() + SECOND), store.create_task(request()))
            assert removed == 15
            assert await every_page(store, 4) == [new, *made[:14:-1]]


@ENTRIES.variant(
    "lost-reads-are-repeated",
    'FAIL-12: "A read whose reply is lost or does not come from Redis raises `StoreUnavailable` or is repeated."',
    base="redis",
)
class LostReadsAreRepeated(Wrapped):
    """A get or a listing without a reply is made once more."""

    async def twice(self, call: Callable[[], Awaitable[Any]]) -> Any:
        try:
            return await call()
        except StoreUnavailable as error:
            is_answer = isinstance(error.__cause__, ResponseError)
            if error.failure_kind not in (FailureKind.TIMEOUT, FailureKind.BROKEN) or is_answer:
                raise
        return await call()

    async def get_task(self, task_id: Any) -> Any:
        return await self.twice(lambda: self.store.get_task(task_id))

    async def list_tasks(self, *fields: Any, **more: Any) -> Any:
        return await self.twice(lambda: self.store.list_tasks(*fields, **more))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            with unanswered(store), contextlib.suppress(StoreUnavailable):
                assert await store.get_task(task.task_id) == task
            with unanswered(store) if inner(store)._server._connections[-1].is_usable else contextlib.nullcontext():
                with contextlib.suppress(StoreUnavailable):
                    assert (await store.list_tasks()).tasks == (task,)
            assert await store.get_task(task.task_id) == task


@ENTRIES.variant(
    "unreachable-server-is-tried-again",
    "FAIL-01 asks for `StoreUnavailable` where nothing listens, not after how many attempts; ATOM-01 holds, since "
    "nothing was written (FAIL-11).",
    base="redis",
)
class UnreachableServerIsTriedAgain(Wrapped):
    """A call for which no connection could be opened is made once more, a moment later."""

    async def again(self, call: Callable[..., Awaitable[Any]], *fields: Any, **more: Any) -> Any:
        try:
            return await call(*fields, **more)
        except StoreUnavailable as error:
            if error.failure_kind is not FailureKind.UNREACHABLE or error.write_may_have_happened:
                raise
        await asyncio.sleep(0.05)
        return await call(*fields, **more)

    async def create_task(self, *fields: Any, **more: Any) -> Any:
        return await self.again(self.store.create_task, *fields, **more)

    async def get_task(self, *fields: Any, **more: Any) -> Any:
        return await self.again(self.store.get_task, *fields, **more)

    async def list_tasks(self, *fields: Any, **more: Any) -> Any:
        return await self.again(self.store.list_tasks, *fields, **more)

    async def update_task_status(self, *fields: Any, **more: Any) -> Any:
        return await self.again(self.store.update_task_status, *fields, **more)

    async def cancel_task(self, *fields: Any, **more: Any) -> Any:
        return await self.again(self.store.cancel_task, *fields, **more)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            with nowhere(store):
                error = await raised(store.create_task(request(), task_id="task_late"), StoreUnavailable)
                await raised(store.list_tasks(), StoreUnavailable)
            assert (error.write_may_have_happened, error.task_id) == (False, "task_late")
            assert (await store.list_tasks()).tasks == (task,)


def with_sorted_keys(value: Any) -> Any:
    """The same JSON value, with the keys of its objects in order."""
    if isinstance(value, dict):
        return {key: with_sorted_keys(value[key]) for key in sorted(value)}
    return [*map(with_sorted_keys, value)] if isinstance(value, list) else value


@ENTRIES.variant(
    "config-comes-back-in-order",
    'VAL-01: "A config comes back equal in value and type": objects are equal whatever the order of their keys.',
    base="redis",
)
class ConfigComesBackInOrder(Wrapped):
    """The keys of a config are sorted before it is stored."""

    async def create_task(self, request: Any, **more: Any) -> Any:
        with contextlib.suppress(InvalidArgument):
            check_request(request)
            request = request.model_copy(update={"config": with_sorted_keys(vars(request).get("config"))})
        return await super().create_task(request, **more)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            config = {"z": [1, 1.0, True, None], "b": {"ß": "x", "a": {}}, "": []}
            task = await store.create_task(request(config=config), task_id="job-1")
            found = (await store.get_task("job-1")).metadata["config"]
            assert found == config
            assert [*map(type, found["z"])] == [int, float, bool, type(None)]
            again = dict(reversed(config.items()))
            assert await store.create_task(request(config=again), task_id="job-1") == task


@ENTRIES.variant(
    "every-call-removes-what-expired",
    "EXP-08 and EXP-04 say when expired tasks are removed from storage at the latest; a get may do it earlier.",
    base="memory-expiring",
)
class EveryCallRemovesWhatExpired(Wrapped):
    """A get, an update and a creation remove all tasks that have expired before they do anything else."""

    def sweep(self) -> None:
        self.store._check_open()
        while self.store._sweep(1_000):
            pass

    async def create_task(self, *fields: Any, **more: Any) -> Any:
        self.sweep()
        return await super().create_task(*fields, **more)

    async def get_task(self, task_id: Any) -> Any:
        self.sweep()
        return await super().get_task(task_id)

    async def update_task_status(self, *fields: Any, **more: Any) -> Any:
        self.sweep()
        return await super().update_task_status(*fields, **more)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            made = [await store.create_task(request()) for _ in range(5)]
            scene.advance("a", lifetime_of(store) / 2)
            kept = await store.update_task_status(made[0].task_id, ANALYZING)
            scene.advance("a", lifetime_of(store) / 2 + SECOND)
            await raised(store.get_task(made[1].task_id), TaskNotFound)
            page = await store.list_tasks()
            assert (page.tasks, page.total) == ((kept,), 1)


@ENTRIES.variant(
    "reads-have-their-own-connection",
    'COST-05 asks only that connections "do not grow with the number of calls", and SHARE-01 holds, as it does between '
    "instances.",
    base="redis",
)
class ReadsHaveTheirOwnConnection(Wrapped):
    """Gets and listings go over another connection than writes."""

    def prepare(self) -> None:
        self.reader: Any = None
        server = self.store._server
        if type(server._open_connection) is Opener:
            opener: Any = copy.copy(server._open_connection)
            opener._shared, opener._locks = {}, defaultdict(asyncio.Lock)
            self.reader = copy.copy(self.store)
            self.reader._server = Server(opener, server.address, server._limits)
            self.reader._remembered = OrderedDict()

    async def get_task(self, task_id: Any) -> Any:
        self.store._check_open()
        return await (self.reader or self.store).get_task(task_id)

    async def list_tasks(self, *fields: Any, **more: Any) -> Any:
        self.store._check_open()
        return await (self.reader or self.store).list_tasks(*fields, **more)

    async def aclose(self) -> None:
        if self.reader is not None:
            await self.reader.aclose()
        await super().aclose()

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            for progress in range(1, 20):
                task = await store.update_task_status(task.task_id, ANALYZING, progress)
                assert await store.get_task(task.task_id) == task
                assert (await store.list_tasks(ANALYZING)).tasks == (task,)
            await store.aclose()
            await raised(store.get_task(task.task_id), StoreNotOpen)


@ENTRIES.variant(
    "a-lost-reply-may-always-be-a-write",
    'FAIL-11: "`StoreUnavailable` says that nothing was written only if that is so"; that it may have happened can be '
    "said of any other failure, a read's too.",
    base="redis",
)
class ALostReplyMayAlwaysBeAWrite(Wrapped):
    """Whatever call ends without a reply, the exception says that a write may have happened."""

    async def careful(self, call: Awaitable[Any]) -> Any:
        try:
            return await call
        except StoreUnavailable as error:
            is_lost = error.failure_kind is FailureKind.TIMEOUT and error.detail.startswith("no reply")
            is_cut = error.failure_kind is FailureKind.BROKEN and not isinstance(error.__cause__, ResponseError)
            error.write_may_have_happened |= is_lost or is_cut
            raise

    async def get_task(self, task_id: Any) -> Any:
        return await self.careful(super().get_task(task_id))

    async def list_tasks(self, *fields: Any, **more: Any) -> Any:
        return await self.careful(super().list_tasks(*fields, **more))

    async def update_task_status(self, *fields: Any, **more: Any) -> Any:
        return await self.careful(super().update_task_status(*fields, **more))

    async def cancel_task(self, task_id: Any) -> Any:
        return await self.careful(super().cancel_task(task_id))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            with unanswered(store):
                error = await raised(store.get_task(task.task_id), StoreUnavailable)
            assert str(error).endswith("The write may have happened." if error.write_may_have_happened else "written.")
            assert await store.get_task(task.task_id) == task
