"""Forty stores that are wrong in one way each, and ten that are odd and right. See wrapped.py."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from redis.exceptions import ResponseError

from taskstore import (
    MAX_BYTES,
    FailureKind,
    InvalidArgument,
    ObservedTaskStore,
    RecordUnreadable,
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
from taskstore.arguments import (
    check_change,
    check_moment,
    check_page,
    check_request,
    check_status,
    check_task,
    is_same_request,
)
from taskstore.json_text import check_text
from taskstore.redis.scripts import INSERT
from taskstore.values import microseconds
from tests.outside.wrapped import Entries, Scene, Wrapped, changed, every_page, now, raised, repaged, request

ENTRIES = Entries()
FAULTS, VARIANTS = ENTRIES.faults, ENTRIES.variants

PENDING, ANALYZING, CLIPPING = TaskStatus.PENDING, TaskStatus.ANALYZING, TaskStatus.CLIPPING
COMPLETED, FAILED, CANCELLED = TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED
WEEK = timedelta(days=7)
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


def cursor_of(task: Task) -> str:
    """The cursor that names a task."""
    return f"{microseconds(task.created_at)}.{task.task_id}"


def is_plain(text: object) -> bool:
    """Whether it is a text that a store takes."""
    try:
        check_text("", text)
    except InvalidArgument:
        return False
    return True


async def keys_of(store: Any) -> list[str]:
    """All keys of a store in Redis."""
    return [key.decode() for key in await inner(store)._server.read("KEYS", f"{inner(store)._base}*")]


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


# Memory mode: what anybody meets.


@ENTRIES.fault("empty-config-is-none", "VAL-01", base="memory")
class EmptyConfigIsNone(Wrapped):
    """`config or None`: an empty config comes back as none at all. Class: truth value for presence."""

    async def create_task(self, request: Any, **more: Any) -> Any:
        if isinstance(request, TaskCreateRequest) and vars(request).get("config") == {}:
            request = request.model_copy(update={"config": None})
        return await super().create_task(request, **more)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request(config={}))
            assert task.metadata == {"webhook_url": None, "config": {}}


@ENTRIES.fault("nothing-completes-that-has-not-begun", "LIFE-02", base="memory")
class NothingCompletesThatHasNotBegun(Wrapped):
    """A table of transitions has no way from pending to completed. Class: state machine that is too strict."""

    async def update_task_status(self, task_id: Any, status: Any, *fields: Any, **more: Any) -> Any:
        old = self.held(task_id)
        if old and old.status is PENDING and status == COMPLETED:
            raise InvalidArgument("status", "cannot follow pending")
        return await super().update_task_status(task_id, status, *fields, **more)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            try:
                task = await store.update_task_status(task.task_id, COMPLETED)
            except TaskStoreError as error:
                raise AssertionError(error) from error
            assert (task.status, task.progress) == (COMPLETED, 100)


@ENTRIES.fault("purge-includes-the-moment", "MAINT-01", base="memory")
class PurgeIncludesTheMoment(Wrapped):
    """`<=` for `<`: a task that was completed at the very moment is purged. Class: off by one."""

    async def purge(self, before: Any) -> Any:
        with contextlib.suppress(TypeError, OverflowError):
            before += MICROSECOND
        return await super().purge(before)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.cancel_task((await store.create_task(request())).task_id)
            assert await store.purge(task.completed_at) == 0
            assert await store.get_task(task.task_id) == task


@ENTRIES.fault("only-completion-has-a-result", "LIFE-04", base="memory")
class OnlyCompletionHasAResult(Wrapped):
    """A result URL is kept with `completed` and dropped with any other status. Class: field tied to a state."""

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
        if status != COMPLETED and is_plain(result_url):
            result_url = None
        return await super().update_task_status(
            task_id, status, progress, current_step, result_url, error_message, error_traceback
        )

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            task = await store.update_task_status(task.task_id, "uploading", result_url="https://x/part")
            assert (await store.get_task(task.task_id)).result_url == "https://x/part"


@ENTRIES.fault("restoring-the-same-again-succeeds", "ID-05", base="memory")
class RestoringTheSameAgainSucceeds(Wrapped):
    """Restoring a task that is there already, equal in every field, succeeds. Class: idempotence nobody asked for."""

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
            await raised(store.restore(task), TaskExists)


@ENTRIES.fault("status-is-read-in-any-case", "LIFE-16", base="memory")
class StatusIsReadInAnyCase(Wrapped):
    """The text of a status is taken with capitals and blanks around it. Class: lenient parsing."""

    async def update_task_status(self, task_id: Any, status: Any, *fields: Any, **more: Any) -> Any:
        if type(status) is str:
            status = status.strip().lower()
        return await super().update_task_status(task_id, status, *fields, **more)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await raised(store.update_task_status(task.task_id, "Completed"), InvalidArgument)
            assert await store.get_task(task.task_id) == task


@ENTRIES.fault("total-is-what-is-left", "LIST-03", "LIST-04", base="memory")
class TotalIsWhatIsLeft(Wrapped):
    """The total is counted behind the offset: COUNT over the query that has it already. Class: wrong subquery."""

    async def list_tasks(self, status: Any = None, limit: Any = 50, offset: Any = 0, *, after: Any = None) -> Any:
        page = await super().list_tasks(status, limit, offset, after=after)
        return repaged(page, total=max(page.total - offset, 0))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            for _ in range(5):
                await store.create_task(request())
            page = await store.list_tasks(limit=2, offset=2)
            assert (len(page.tasks), page.total) == (2, 5)


@ENTRIES.fault("full-page-has-a-cursor", "LIST-12", base="memory")
class FullPageHasACursor(Wrapped):
    """A page of `limit` tasks is taken for one that others follow, also if it ends the listing. Class: off by one."""

    async def list_tasks(self, status: Any = None, limit: Any = 50, offset: Any = 0, *, after: Any = None) -> Any:
        page = await super().list_tasks(status, limit, offset, after=after)
        if page.next is None and page.tasks and len(page.tasks) == limit:
            return repaged(page, next=cursor_of(page.tasks[-1]))
        return page

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            for _ in range(4):
                await store.create_task(request())
            page = await store.list_tasks(limit=2)
            page = await store.list_tasks(limit=2, after=page.next)
            assert len(page.tasks) == 2
            assert page.next is None


@ENTRIES.fault("empty-cursor-is-the-first-page", "LIST-13", base="memory")
class EmptyCursorIsTheFirstPage(Wrapped):
    """`if after:`: an empty text counts as no cursor. Class: truth value for presence."""

    async def list_tasks(self, status: Any = None, limit: Any = 50, offset: Any = 0, *, after: Any = None) -> Any:
        return await super().list_tasks(status, limit, offset, after=None if after == "" else after)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            await store.create_task(request())
            await raised(store.list_tasks(after=""), InvalidArgument)


@ENTRIES.fault("restored-work-waits-again", "MAINT-02", base="memory")
class RestoredWorkWaitsAgain(Wrapped):
    """A restored task that is at work is set to pending: nobody works on it here. Class: helpful recovery."""

    async def restore(self, task: Any) -> None:
        self.store._check_open()
        task = check_task(task)
        await super().restore(task if task.status.is_final else changed(task, status=PENDING))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as source, scene.open("b") as target:
            task = await source.create_task(request())
            task = await source.update_task_status(task.task_id, CLIPPING, progress=40)
            await target.restore(task)
            assert await target.get_task(task.task_id) == task


# Memory mode: what a particular argument or state meets.


@ENTRIES.fault("completed-takes-progress-zero", "LIFE-13", base="memory")
class CompletedTakesProgressZero(Wrapped):
    """`if progress and progress != 100`: completing with progress 0 is accepted. Class: truth value for presence."""

    async def update_task_status(self, task_id: Any, status: Any, progress: Any = None, *rest: Any, **more: Any) -> Any:
        if status == COMPLETED and type(progress) in (int, float) and not progress:
            progress = None
        return await super().update_task_status(task_id, status, progress, *rest, **more)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await raised(store.update_task_status(task.task_id, COMPLETED, progress=0), InvalidArgument)
            assert await store.get_task(task.task_id) == task


@ENTRIES.fault("traceback-needs-a-message", "LIFE-05", "LIFE-04", base="memory")
class TracebackNeedsAMessage(Wrapped):
    """The traceback of a failure is kept if there is a message too, and lost if not. Class: nested condition."""

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
        if status == FAILED and error_message is None and is_plain(error_traceback):
            error_traceback = None
        return await super().update_task_status(
            task_id, status, progress, current_step, result_url, error_message, error_traceback
        )

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            task = await store.update_task_status(task.task_id, FAILED, error_traceback="Traceback: x")
            assert task.error_traceback == "Traceback: x"


@ENTRIES.fault("videos-are-compared-as-a-set", "ID-06", base="memory")
class VideosAreComparedAsASet(Wrapped):
    """Requests for the same videos in another order, or with one twice, are the same. Class: loose comparison."""

    async def create_task(self, request: Any, *, task_id: Any = None) -> Any:
        try:
            return await super().create_task(request, task_id=task_id)
        except TaskExists:
            known, (video_ids, metadata) = self.held(task_id), check_request(request)
            if known and {*known.video_ids} == {*video_ids} and is_same_request(known, known.video_ids, metadata):
                return known
            raise

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            await store.create_task(request("one", "two"), task_id="x")
            await raised(store.create_task(request("two", "one"), task_id="x"), TaskExists)


@ENTRIES.fault("floats-have-15-digits", "VAL-01", base="memory")
class FloatsHave15Digits(Wrapped):
    """A config is written with 15 digits for each float, where two more may be needed. Class: lossy encoding."""

    def cut(self, value: Any) -> Any:
        if type(value) is float:
            return float(format(value, ".15g"))
        if type(value) is list:
            return [self.cut(one) for one in value]
        return {key: self.cut(one) for key, one in value.items()} if type(value) is dict else value

    async def create_task(self, request: Any, **more: Any) -> Any:
        self.store._check_open()
        check_request(request)
        cut = request.model_copy(update={"config": self.cut(vars(request).get("config"))})
        return await super().create_task(cut, **more)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            config = {"gain": 0.1 + 0.2, "cuts": [1 / 3, 1.5]}
            assert (await store.create_task(request(config=config))).metadata["config"] == config


@ENTRIES.fault("traceback-is-measured-in-characters", "VAL-06", base="memory")
class TracebackIsMeasuredInCharacters(Wrapped):
    """A traceback may have as many characters as a task may have bytes. Class: characters taken for bytes."""

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
        fields = task_id, status, progress, current_step, result_url, error_message
        old = self.held(task_id)
        try:
            return await super().update_task_status(*fields, error_traceback)
        except InvalidArgument as error:
            is_long = is_plain(error_traceback) and len(error_traceback) > MAX_BYTES
            if error.argument != "task" or status != FAILED or error_traceback is None or is_long:
                raise
            if old and old.status.is_final:
                if old.error_traceback == error_traceback:
                    return old
                raise TaskFinal(task_id, old.status) from None
        task = await super().update_task_status(*fields, "")
        return put(self.store, changed(task, error_traceback=error_traceback))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            text = "错" * (MAX_BYTES // 2)
            await raised(store.update_task_status(task.task_id, FAILED, error_traceback=text), InvalidArgument)
            assert await store.get_task(task.task_id) == task


@ENTRIES.fault("refused-purge-locks-out-the-next", "MAINT-01", base="memory")
class RefusedPurgeLocksOutTheNext(Wrapped):
    """A flag says that a purge is under way; after one that raised it stays, and no purge removes anything any more.

    Class: no `finally`.
    """

    running = False

    async def purge(self, before: Any) -> Any:
        self.store._check_open()
        if self.running:
            check_moment(before)
            return 0
        self.running = True
        count = await super().purge(before)
        self.running = False
        return count

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            await store.cancel_task((await store.create_task(request())).task_id)
            await raised(store.purge(datetime(2024, 1, 1)), InvalidArgument)
            assert await store.purge(now() + SECOND) == 1


@ENTRIES.fault("cancelled-task-can-still-fail", "LIFE-10", base="memory")
class CancelledTaskCanStillFail(Wrapped):
    """A worker that breaks off because its task was cancelled reports a failure, and that is written over the cancel.

    Class: final state that is not quite final.
    """

    async def update_task_status(self, task_id: Any, status: Any, *fields: Any, **more: Any) -> Any:
        old = self.held(task_id)
        if not old or old.status is not CANCELLED or status != FAILED:
            return await super().update_task_status(task_id, status, *fields, **more)
        put(self.store, changed(old, status=CLIPPING, completed_at=None))
        try:
            return await super().update_task_status(task_id, status, *fields, **more)
        except TaskStoreError:
            put(self.store, old)
            raise

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            task = await store.cancel_task(task.task_id)
            await raised(store.update_task_status(task.task_id, FAILED, error_message="broke off"), TaskFinal)
            assert await store.get_task(task.task_id) == task


# Memory mode: what comes of an order of calls, of many, or of several at a time.


@ENTRIES.fault("cancel-may-come-before-create", "ID-03", "LIFE-01", "ID-06", base="memory")
class CancelMayComeBeforeCreate(Wrapped):
    """A cancel of an unknown id is refused and remembered: the task that is created under that id is cancelled at once.

    Class: tombstone for messages out of order.
    """

    def prepare(self) -> None:
        self.ahead: set[str] = set()

    async def cancel_task(self, task_id: Any) -> Any:
        try:
            return await super().cancel_task(task_id)
        except TaskNotFound as error:
            self.ahead.add(error.task_id)
            raise

    async def create_task(self, request: Any, *, task_id: Any = None) -> Any:
        task = await super().create_task(request, task_id=task_id)
        if task.task_id not in self.ahead:
            return task
        self.ahead.discard(task.task_id)
        return await super().cancel_task(task.task_id)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            await raised(store.cancel_task("job-7"), TaskNotFound)
            assert (await store.create_task(request(), task_id="job-7")).status is PENDING


@ENTRIES.fault("refused-create-takes-the-id", "VAL-05", "LIFE-14", "ID-06", base="memory")
class RefusedCreateTakesTheId(Wrapped):
    """An id is reserved before the request is looked at, and stays reserved if that is refused. Class: no roll-back."""

    def prepare(self) -> None:
        self.reserved: set[str] = set()

    async def create_task(self, request: Any, *, task_id: Any = None) -> Any:
        self.store._check_open()
        if type(task_id) is str and task_id in self.reserved:
            check_request(request)
            raise TaskExists(task_id)
        try:
            return await super().create_task(request, task_id=task_id)
        except InvalidArgument as error:
            if type(task_id) is str and error.argument != "task_id":
                self.reserved.add(task_id)
            raise

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            await raised(store.create_task(request(config={"a": {1, 2}}), task_id="x"), InvalidArgument)
            try:
                task = await store.create_task(request(config={"a": [1, 2]}), task_id="x")
            except TaskExists as error:
                raise AssertionError(error) from error
            assert await store.get_task("x") == task


@ENTRIES.fault("cancelled-update-is-rolled-back", "ATOM-06", "ATOM-01", base="memory")
class CancelledUpdateIsRolledBack(Wrapped):
    """An update waits for its journal; if it is cancelled then, the task is put back as it was before it, and with that
    goes what others have written to it since.

    Class: roll-back of a whole row.
    """

    async def update_task_status(self, task_id: Any, *fields: Any, **more: Any) -> Any:
        old = self.held(task_id)
        task = await super().update_task_status(task_id, *fields, **more)
        try:
            await asyncio.sleep(0.001)
        except asyncio.CancelledError:
            if old and self.held(task_id):
                put(self.store, old)
            raise
        return task

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task_id = (await store.create_task(request())).task_id
            first = asyncio.create_task(store.update_task_status(task_id, ANALYZING, current_step="one"))
            second = asyncio.create_task(store.update_task_status(task_id, ANALYZING, progress=50))
            await asyncio.sleep(0)
            first.cancel()
            await asyncio.gather(first, second, return_exceptions=True)
            assert second.result().progress == 50
            assert (await store.get_task(task_id)).progress == 50


@ENTRIES.fault("long-listing-is-read-in-steps", "LIST-03", base="memory")
class LongListingIsReadInSteps(Wrapped):
    """A page of more than a hundred tasks is read by offset, a hundred at a time, and others run in between: a task
    that is created then pushes one over the edge, which comes and is counted twice.

    Class: pages by offset while others write.
    """

    async def list_tasks(self, status: Any = None, limit: Any = 50, offset: Any = 0, *, after: Any = None) -> Any:
        if type(limit) is not int or limit <= 100 or after is not None:
            return await super().list_tasks(status, limit, offset, after=after)
        check_page(limit, offset, after)
        tasks: list[Task] = []
        while True:
            page = await super().list_tasks(status, min(limit - len(tasks), 100), offset + len(tasks))
            tasks += page.tasks
            if page.next is None or len(tasks) == limit:
                break
            await asyncio.sleep(0)
        total = page.total if page.next or not tasks else offset + len(tasks)
        return repaged(page, tasks=tuple(tasks), limit=limit, offset=offset, total=total)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            ids = {(await store.create_task(request())).task_id for _ in range(150)}
            listing = asyncio.create_task(store.list_tasks(limit=500))
            await asyncio.sleep(0)
            ids.add((await store.create_task(request())).task_id)
            page = await listing
            assert len({task.task_id for task in page.tasks}) == len(page.tasks)
            assert page.total in (150, 151)


@ENTRIES.fault("two-purges-count-the-same", "MAINT-01", base="memory")
class TwoPurgesCountTheSame(Wrapped):
    """A purge counts what it is going to remove, and lets others run before it does: two at a time count it both.

    Class: count, then act.
    """

    async def purge(self, before: Any) -> Any:
        self.store._check_open()
        moment = check_moment(before)
        count = self.store._finished.bisect_left((moment, ""))
        await asyncio.sleep(0)
        await super().purge(before)
        return count

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            for _ in range(3):
                await store.cancel_task((await store.create_task(request())).task_id)
            moment = now() + SECOND
            assert sum(await asyncio.gather(store.purge(moment), store.purge(moment))) == 3


@ENTRIES.fault("ids-are-indexed-by-128-characters", "ID-06", "ID-03", "ID-07", base="memory")
class IdsAreIndexedBy128Characters(Wrapped):
    """A long id is found by its first 128 characters, so two that differ only behind them are one.

    Class: prefix index.
    """

    def prepare(self) -> None:
        self.full: dict[str, str] = {}

    def found(self, task_id: Any) -> Any:
        known = self.full.get(task_id[:128]) if type(task_id) is str and 128 < len(task_id) <= 256 else None
        return known if known is not None and self.held(known) else task_id

    async def create_task(self, request: Any, *, task_id: Any = None) -> Any:
        task = await super().create_task(request, task_id=self.found(task_id))
        if len(task.task_id) > 128:
            self.full[task.task_id[:128]] = task.task_id
        return task

    async def get_task(self, task_id: Any) -> Any:
        return await super().get_task(self.found(task_id))

    async def update_task_status(self, task_id: Any, *fields: Any, **more: Any) -> Any:
        return await super().update_task_status(self.found(task_id), *fields, **more)

    async def cancel_task(self, task_id: Any) -> Any:
        return await super().cancel_task(self.found(task_id))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            one, other = "x" * 255 + "1", "x" * 255 + "2"
            await store.create_task(request(), task_id=one)
            await raised(store.get_task(other), TaskNotFound)
            assert (await store.create_task(request(), task_id=other)).task_id == other


@ENTRIES.fault("page-ends-at-a-megabyte", "LIST-04", base="memory")
class PageEndsAtAMegabyte(Wrapped):
    """A page is cut where its tasks have a mebibyte of metadata, whatever its limit; the cursor names the place.

    Class: limit of a reply, as DynamoDB has it.
    """

    async def list_tasks(self, status: Any = None, limit: Any = 50, offset: Any = 0, *, after: Any = None) -> Any:
        page = await super().list_tasks(status, limit, offset, after=after)
        size = 0
        for at, task in enumerate(page.tasks):
            size += len(task.metadata_json)
            if at and size > MAX_BYTES:
                return repaged(page, tasks=page.tasks[:at], next=cursor_of(page.tasks[at - 1]))
        return page

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            tasks = [await store.create_task(request(config={"a": "x" * 400_000})) for _ in range(4)]
            assert (await store.list_tasks()).tasks == tuple(tasks[::-1])


@ENTRIES.fault("large-configs-are-spooled", "COST-05", "MODE-08", base="memory")
class LargeConfigsAreSpooled(Wrapped):
    """A config of more than 64 KiB goes to a temporary file, which stays open as long as the store.

    Class: leaked descriptor.
    """

    def prepare(self) -> None:
        self.files: list[Any] = []

    async def create_task(self, request: Any, **more: Any) -> Any:
        task = await super().create_task(request, **more)
        if len(task.metadata_json) > 65_536:
            file = tempfile.TemporaryFile()
            file.write(task.metadata_json.encode())
            self.files.append(file)
        return task

    async def aclose(self) -> None:
        for file in self.files:
            file.close()
        await super().aclose()

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            before = len(os.listdir("/dev/fd"))
            for _ in range(20):
                await store.create_task(request(config={"a": "x" * 100_000}))
            assert len(os.listdir("/dev/fd")) < before + 10


# Memory mode with a lifetime.


@ENTRIES.fault("failed-tasks-live-twice-as-long", "EXP-01", base="memory-expiring")
class FailedTasksLiveTwiceAsLong(Wrapped):
    """Failed tasks are kept for two lifetimes, so that somebody can look at them. Class: a lifetime of its own."""

    async def update_task_status(self, task_id: Any, *fields: Any, **more: Any) -> Any:
        old = self.held(task_id)
        task = await super().update_task_status(task_id, *fields, **more)
        if task.status is FAILED and old is not task:
            deadline = self.store._deadline_of[task.task_id] + self.store._lifetime_ms
            set_deadline(self.store, task.task_id, deadline)
        return task

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await store.update_task_status(task.task_id, FAILED, error_message="x")
            scene.advance("a", WEEK + SECOND)
            await raised(store.get_task(task.task_id), TaskNotFound)


@ENTRIES.fault("renewals-are-throttled", "EXP-03", "EXP-01", base="memory-expiring")
class RenewalsAreThrottled(Wrapped):
    """A write within a minute of the last renewal does not renew the lifetime again. Class: debounce."""

    async def update_task_status(self, task_id: Any, *fields: Any, **more: Any) -> Any:
        old = self.store._deadline_of.get(task_id) if type(task_id) is str else None
        return self.throttled(old, await super().update_task_status(task_id, *fields, **more))

    async def cancel_task(self, task_id: Any) -> Any:
        old = self.store._deadline_of.get(task_id) if type(task_id) is str else None
        return self.throttled(old, await super().cancel_task(task_id))

    def throttled(self, old: int | None, task: Task) -> Task:
        if old is not None and self.store._deadline_of[task.task_id] - old < 60_000:
            set_deadline(self.store, task.task_id, old)
        return task

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            scene.advance("a", 45 * SECOND)
            task = await store.update_task_status(task.task_id, ANALYZING, progress=1)
            scene.advance("a", WEEK - 20 * SECOND)
            try:
                assert await store.get_task(task.task_id) == task
            except TaskNotFound as error:
                raise AssertionError(error) from error


@ENTRIES.fault("repetition-is-known-for-an-hour", "LIFE-12", base="memory-expiring")
class RepetitionIsKnownForAnHour(Wrapped):
    """The repetition of a final write succeeds for an hour, and is refused later. Class: window of idempotence."""

    def is_late(self, old: Task | None) -> bool:
        ended = old and old.completed_at
        return bool(ended and self.place.now() // 1_000 - microseconds(ended) > 3_600_000_000)

    async def update_task_status(self, task_id: Any, *fields: Any, **more: Any) -> Any:
        old = self.held(task_id)
        task = await super().update_task_status(task_id, *fields, **more)
        if self.is_late(old):
            raise TaskFinal(task.task_id, task.status)
        return task

    async def cancel_task(self, task_id: Any) -> Any:
        old = self.held(task_id)
        task = await super().cancel_task(task_id)
        if self.is_late(old):
            raise TaskFinal(task.task_id, task.status)
        return task

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            task = await store.update_task_status(task.task_id, COMPLETED, result_url="u")
            scene.advance("a", timedelta(days=1))
            try:
                assert await store.update_task_status(task.task_id, COMPLETED, result_url="u") == task
            except TaskFinal as error:
                raise AssertionError(error) from error


@ENTRIES.fault("pages-by-cursor-show-expired-tasks", "EXP-01", "EXP-04", base="memory-expiring")
class PagesByCursorShowExpiredTasks(Wrapped):
    """Only the first page of a listing removes what has expired; one by cursor shows and counts it.

    Class: second path without the check of the first.
    """

    async def list_tasks(self, status: Any = None, limit: Any = 50, offset: Any = 0, *, after: Any = None) -> Any:
        lifetime, self.store._lifetime_ms = self.store._lifetime_ms, self.store._lifetime_ms if after is None else None
        try:
            return await super().list_tasks(status, limit, offset, after=after)
        finally:
            self.store._lifetime_ms = lifetime

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            old = [await store.create_task(request()) for _ in range(2)]
            scene.advance("a", WEEK / 2)
            new = [await store.create_task(request()) for _ in range(2)]
            page = await store.list_tasks(limit=1)
            scene.advance("a", WEEK / 2 + SECOND)
            page = await store.list_tasks(after=page.next)
            assert page.tasks == (new[0],), old
            assert page.total == 2


@ENTRIES.fault("purge-renews-what-it-leaves", "EXP-01", "MAINT-01", base="memory-expiring")
class PurgeRenewsWhatItLeaves(Wrapped):
    """A purge writes the tasks that are not final anew, and so renews them. Class: rewrite on clean-up."""

    async def purge(self, before: Any) -> Any:
        count = await super().purge(before)
        for task in [*self.store._tasks.values()]:
            if not task.status.is_final and not self.store._is_due(task.task_id):
                self.store._renew(task.task_id)
        return count

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            scene.advance("a", timedelta(days=4))
            await store.purge(now())
            scene.advance("a", timedelta(days=3, seconds=1))
            await raised(store.get_task(task.task_id), TaskNotFound)


# Redis mode.


@ENTRIES.fault("ids-begin-with-the-time", "ID-02", base="redis")
class IdsBeginWithTheTime(Wrapped):
    """The digits of an id are a UUID of version 7: the first twelve are the millisecond. Class: fewer random bits."""

    async def create_task(self, request: Any, *, task_id: Any = None) -> Any:
        if task_id is None:
            moment = self.place.now() // 1_000_000
            task_id = (
                f"task_{moment:012x}7{secrets.token_hex(2)[:3]}{secrets.choice('89ab')}{secrets.token_hex(8)[:15]}"
            )
        return await super().create_task(request, task_id=task_id)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            ids = [(await store.create_task(request())).task_id for _ in range(8)]
            assert all(re.fullmatch("task_[0-9A-Fa-f]{32,}", task_id) for task_id in ids)
            assert len({task_id[5:13] for task_id in ids}) == 8


@ENTRIES.fault("update-without-news-is-skipped", "ATOM-01", "SHARE-01", "LIFE-04", base="redis")
class UpdateWithoutNewsIsSkipped(Wrapped):
    """An update that would leave a task as this instance last wrote it is not written, though another instance has
    written to the task since.

    Class: dirty check against a stale copy.
    """

    def prepare(self) -> None:
        self.wrote: dict[str, Task] = {}

    async def update_task_status(self, task_id: Any, *fields: Any, **more: Any) -> Any:
        known = self.wrote.get(task_id) if type(task_id) is str else None
        if known is not None and not known.status.is_final:
            self.store._check_open()
            given = check_change(*fields, **more).given()
            same = all(repr(getattr(known, name)) == repr(value) for name, value in given.items())
            if same and await self.store._server.read("EXISTS", self.store._key(known.task_id)):
                return known
        task = self.wrote[task_id] = await super().update_task_status(task_id, *fields, **more)
        return task

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as one, scene.open("a") as other:
            task_id = (await one.create_task(request())).task_id
            await one.update_task_status(task_id, ANALYZING, current_step="first")
            await other.update_task_status(task_id, CLIPPING, current_step="second")
            await one.update_task_status(task_id, ANALYZING, current_step="first")
            task = await other.get_task(task_id)
            assert (task.status, task.current_step) == (ANALYZING, "first")


@ENTRIES.fault("update-gives-up-after-three-tries", "ATOM-06", "ATOM-01", base="redis")
class UpdateGivesUpAfterThreeTries(Wrapped):
    """An update that finds a newer version of its task begins anew, and fails when that has happened three times.

    Class: optimistic lock with a bound.
    """

    def prepare(self) -> None:
        self.versions: dict[str, int] = {}

    async def update_task_status(self, task_id: Any, *fields: Any, **more: Any) -> Any:
        if type(task_id) is not str:
            return await super().update_task_status(task_id, *fields, **more)
        for _ in range(3):
            seen = self.versions.get(task_id, 0)
            await asyncio.sleep(0)
            if self.versions.get(task_id, 0) == seen:
                self.versions[task_id] = seen + 1
                return await super().update_task_status(task_id, *fields, **more)
        raise StoreUnavailable(self.store._server.address, FailureKind.BUSY, False, "the task has changed meanwhile")

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task_id = (await store.create_task(request())).task_id
            calls = (store.update_task_status(task_id, ANALYZING, progress=at) for at in range(20))
            results = await asyncio.gather(*calls, return_exceptions=True)
            assert not [one for one in results if isinstance(one, BaseException)]


@ENTRIES.fault("own-writes-outlive-a-purge-elsewhere", "SHARE-01", base="redis")
class OwnWritesOutliveAPurgeElsewhere(Wrapped):
    """To see its own writes on a replica that lags, an instance gives a task that it wrote in the last five seconds if
    the server has not got it, though another instance has purged it.

    Class: read-your-writes from a local copy.
    """

    def prepare(self) -> None:
        self.own: dict[str, tuple[int, Task]] = {}

    def wrote(self, task: Task) -> Task:
        self.own[task.task_id] = self.place.now(), task
        return task

    async def create_task(self, *fields: Any, **more: Any) -> Any:
        return self.wrote(await super().create_task(*fields, **more))

    async def update_task_status(self, *fields: Any, **more: Any) -> Any:
        return self.wrote(await super().update_task_status(*fields, **more))

    async def cancel_task(self, task_id: Any) -> Any:
        return self.wrote(await super().cancel_task(task_id))

    async def purge(self, before: Any) -> Any:
        self.own.clear()
        return await super().purge(before)

    async def get_task(self, task_id: Any) -> Any:
        try:
            return await super().get_task(task_id)
        except TaskNotFound as error:
            moment, task = self.own.get(error.task_id, (0, None))
            if task is None or self.place.now() - moment > 5_000_000_000:
                raise
            return task

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as one, scene.open("a") as other:
            task = await one.create_task(request())
            task = await one.cancel_task(task.task_id)
            assert await other.purge(task.completed_at + SECOND) == 1
            await raised(one.get_task(task.task_id), TaskNotFound)


@ENTRIES.fault("count-is-zero-if-the-server-fails", "FAIL-12", "FAIL-01", base="redis")
class CountIsZeroIfTheServerFails(Wrapped):
    """A listing with limit 0, which is asked for its total, has a total of 0 if the server fails.

    Class: default in place of an error.
    """

    async def list_tasks(self, status: Any = None, limit: Any = 50, offset: Any = 0, *, after: Any = None) -> Any:
        try:
            return await super().list_tasks(status, limit, offset, after=after)
        except StoreUnavailable:
            if limit:
                raise
            return TaskPage(tasks=(), total=0, limit=limit, offset=offset)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            await store.create_task(request())
            with unanswered(store):
                await raised(store.list_tasks(limit=0), StoreUnavailable)


class NothingWritten(StoreUnavailable):
    """Its message says that nothing was written, whatever its field says."""

    def __str__(self) -> str:
        return super().__str__().replace("The write may have happened.", "Nothing was written.")


@ENTRIES.fault("message-always-denies-the-write", "FAIL-11", base="redis")
class MessageAlwaysDeniesTheWrite(Wrapped):
    """If the reply to a cancel is late, the field says that it may have happened and the message that it has not.

    Class: two sources for one fact.
    """

    async def cancel_task(self, task_id: Any) -> Any:
        try:
            return await super().cancel_task(task_id)
        except StoreUnavailable as error:
            if not error.write_may_have_happened:
                raise
            raise NothingWritten(error.address, error.failure_kind, True, error.detail) from error

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            with unanswered(store):
                error = await raised(store.cancel_task(task.task_id), StoreUnavailable)
            assert error.write_may_have_happened
            assert "Nothing was written" not in str(error)


@ENTRIES.fault("listing-puts-unreadable-records-aside", "FAIL-09", base="redis")
class ListingPutsUnreadableRecordsAside(Wrapped):
    """A listing names the key of a record that cannot be read, and renames it: the next one does not know of it.

    Class: quarantine nobody asked for.
    """

    async def list_tasks(self, status: Any = None, limit: Any = 50, offset: Any = 0, *, after: Any = None) -> Any:
        page = await super().list_tasks(status, limit, offset, after=after)
        for key in page.unreadable:
            with contextlib.suppress(StoreUnavailable):
                await self.store._server.read("RENAME", key, key.replace(":task:", ":aside:"))
        return page

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task, kept = [await store.create_task(request()) for _ in range(2)]
            key = inner(store)._key(task.task_id)
            await inner(store)._server.read("SET", key, "?", "KEEPTTL")
            for _ in range(2):
                page = await store.list_tasks()
                assert (page.tasks, page.unreadable) == ((kept,), (key,))
            await raised(store.get_task(task.task_id), RecordUnreadable)


@ENTRIES.fault("create-asks-whether-the-id-is-free", "COST-02", base="redis")
class CreateAsksWhetherTheIdIsFree(Wrapped):
    """A create with an id of the caller's first asks whether there is such a task. Class: an extra round trip."""

    async def create_task(self, request: Any, *, task_id: Any = None) -> Any:
        self.store._check_open()
        if type(task_id) is str and re.fullmatch("[!-~]{1,256}", task_id):
            check_request(request)
            try:
                await self.store._server.read("EXISTS", self.store._key(task_id))
            except StoreUnavailable as error:
                error.task_id = task_id
                raise
        return await super().create_task(request, task_id=task_id)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            await store.create_task(request(), task_id="x")
            with requests_of(store) as made:
                await store.create_task(request(), task_id="y")
            assert len(made) == 1


def is_out_of_memory(command: tuple[Any, ...]) -> None:
    """Refuse what stores a new task, as a server that is out of memory does."""
    if INSERT.digest in command or INSERT.text in command:
        raise ResponseError("OOM command not allowed when used memory > 'maxmemory'.")


@ENTRIES.fault("full-server-is-purged", "FAIL-06", "EXP-01", base="redis")
class FullServerIsPurged(Wrapped):
    """Where the server is out of memory, a create removes every final task to make room, and raises all the same.

    Class: eviction by the client.
    """

    async def create_task(self, *fields: Any, **more: Any) -> Any:
        try:
            return await super().create_task(*fields, **more)
        except StoreUnavailable as error:
            if error.failure_kind is FailureKind.OUT_OF_MEMORY:
                with contextlib.suppress(StoreUnavailable):
                    await super().purge(now())
            raise

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            task = await store.update_task_status(task.task_id, COMPLETED, result_url="u")
            with requests_of(store, is_out_of_memory):
                await raised(store.create_task(request()), StoreUnavailable)
            assert (await store.list_tasks()).tasks == (task,)


@ENTRIES.fault("breaker-counts-refusals", "ID-03", "LIFE-10", base="redis")
class BreakerCountsRefusals(Wrapped):
    """A circuit breaker takes "not found" and "final" for failures of the server: after thirty in a row every get,
    update and cancel raises `StoreUnavailable` for half a minute.

    Class: wrong set of exceptions.
    """

    failures, until = 0, 0

    async def guarded(self, call: Any) -> Any:
        if self.place.now() < self.until:
            call.close()
            self.store._check_open()
            raise StoreUnavailable(self.store._server.address, FailureKind.UNREACHABLE, False, "the breaker is open")
        try:
            result = await call
        except TaskStoreError:
            self.failures += 1
            if self.failures >= 30:
                self.failures, self.until = 0, self.place.now() + 30_000_000_000
            raise
        self.failures = 0
        return result

    async def get_task(self, task_id: Any) -> Any:
        return await self.guarded(super().get_task(task_id))

    async def update_task_status(self, *fields: Any, **more: Any) -> Any:
        return await self.guarded(super().update_task_status(*fields, **more))

    async def cancel_task(self, task_id: Any) -> Any:
        return await self.guarded(super().cancel_task(task_id))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            for at in range(40):
                try:
                    await raised(store.get_task(f"no-{at}"), TaskNotFound)
                except StoreUnavailable as error:
                    raise AssertionError(error) from error
            assert await store.get_task(task.task_id) == task


# Stores that are odd and right.


@ENTRIES.variant(
    "writes-go-on-when-their-call-is-cancelled",
    "ATOM-01 and ATOM-06 ask that a write takes effect once and that others are not affected; whether a write that "
    "is cancelled has taken effect is free.",
    base="memory",
)
class WritesGoOnWhenTheirCallIsCancelled(Wrapped):
    """A write is made in a task of its own, which a cancelled call leaves running."""

    async def apart(self, call: Any) -> Any:
        return await asyncio.shield(asyncio.create_task(call))

    async def create_task(self, *fields: Any, **more: Any) -> Any:
        return await self.apart(super().create_task(*fields, **more))

    async def update_task_status(self, *fields: Any, **more: Any) -> Any:
        return await self.apart(super().update_task_status(*fields, **more))

    async def cancel_task(self, task_id: Any) -> Any:
        return await self.apart(super().cancel_task(task_id))

    async def restore(self, task: Any) -> None:
        await self.apart(super().restore(task))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            call = asyncio.create_task(store.update_task_status(task.task_id, ANALYZING, progress=5))
            await asyncio.sleep(0)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            assert (await store.get_task(task.task_id)).progress in (0, 5)
            assert (await store.cancel_task(task.task_id)).status is CANCELLED


@ENTRIES.variant(
    "one-worker-does-all",
    "No requirement says in what task an operation runs; each takes effect at one instant between call and answer.",
    base="memory",
)
class OneWorkerDoesAll(Wrapped):
    """Calls are put in a queue, and one worker, which ends when the queue is empty, makes them one after another."""

    def prepare(self) -> None:
        self.queue: list[tuple[Any, asyncio.Future[Any]]] = []
        self.worker: asyncio.Task[None] | None = None

    async def work(self) -> None:
        while self.queue:
            call, answer = self.queue.pop(0)
            if answer.cancelled():
                call.close()
                continue
            try:
                result = await call
            except Exception as error:  # whatever it is, the caller gets it
                if not answer.done():
                    answer.set_exception(error)
            else:
                if not answer.done():
                    answer.set_result(result)
        self.worker = None

    async def queued(self, call: Any) -> Any:
        if self.store._loop not in {None, asyncio.get_running_loop()}:
            return await call  # it is refused there
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.queue.append((call, answer))
        if self.worker is None:
            self.worker = asyncio.create_task(self.work())
        return await answer

    async def create_task(self, *fields: Any, **more: Any) -> Any:
        return await self.queued(super().create_task(*fields, **more))

    async def get_task(self, task_id: Any) -> Any:
        return await self.queued(super().get_task(task_id))

    async def list_tasks(self, *fields: Any, **more: Any) -> Any:
        return await self.queued(super().list_tasks(*fields, **more))

    async def update_task_status(self, *fields: Any, **more: Any) -> Any:
        return await self.queued(super().update_task_status(*fields, **more))

    async def cancel_task(self, task_id: Any) -> Any:
        return await self.queued(super().cancel_task(task_id))

    async def purge(self, before: Any) -> Any:
        return await self.queued(super().purge(before))

    async def restore(self, task: Any) -> None:
        await self.queued(super().restore(task))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            tasks = await asyncio.gather(*(store.create_task(request(str(at))) for at in range(20)))
            assert [task.video_ids for task in tasks] == [(str(at),) for at in range(20)]
            calls = [asyncio.create_task(store.cancel_task(task.task_id)) for task in tasks]
            await asyncio.sleep(0)
            calls[3].cancel()
            results = await asyncio.gather(*calls, return_exceptions=True)
            assert [at for at, one in enumerate(results) if isinstance(one, BaseException)] in ([], [3])
            assert (await store.list_tasks("cancelled")).total in (19, 20)


@ENTRIES.variant(
    "scripts-are-always-sent-whole",
    "COST-02 asks for one request for an operation; EVAL with the whole script is one, as EVALSHA is.",
    base="redis",
)
class ScriptsAreAlwaysSentWhole(Wrapped):
    """Every script is sent with EVAL and its text, and never by its digest."""

    def prepare(self) -> None:
        server = self.store._server
        send = server._request

        async def whole(command: tuple[Any, ...], *fields: Any, **more: Any) -> Any:
            if command[0] == "EVALSHA":
                raise ResponseError("NOSCRIPT")  # the store then takes EVAL; nothing was sent
            return await send(command, *fields, **more)

        server._request = whole

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            task = await store.update_task_status(task.task_id, ANALYZING, progress=5)
            assert (await store.list_tasks()).tasks == (task,)
            assert await store.purge(now()) == 0


@ENTRIES.variant(
    "unknown-id-is-found-out-first",
    "ID-03 and LIFE-13 both say what an update of an unknown id with a wrong argument raises; neither goes first.",
    base="memory",
)
class UnknownIdIsFoundOutFirst(Wrapped):
    """An update looks whether there is such a task before it looks at the other arguments."""

    async def update_task_status(self, task_id: Any, *fields: Any, **more: Any) -> Any:
        await self.store.get_task(task_id)
        return await super().update_task_status(task_id, *fields, **more)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            error = await raised(store.update_task_status("x", ANALYZING, progress=101), TaskStoreError)
            assert isinstance(error, TaskNotFound | InvalidArgument)
            task = await store.create_task(request())
            await raised(store.update_task_status(task.task_id, ANALYZING, progress=101), InvalidArgument)


@ENTRIES.variant(
    "every-operation-is-observed",
    "The store of the package around a store does what that does; no requirement forbids to measure.",
    base="redis",
)
class EveryOperationIsObserved(Wrapped):
    """Operations go through `ObservedTaskStore`, with an observer that counts."""

    def prepare(self) -> None:
        self.counts: dict[tuple[str, str], int] = {}
        self.observed = ObservedTaskStore(self.store, self.observe)

    def observe(self, operation: str, seconds: float, outcome: str) -> None:
        self.counts[operation, outcome] = self.counts.get((operation, outcome), 0) + 1

    async def create_task(self, request: Any, *, task_id: Any = None) -> Any:
        return await self.observed.create_task(request, task_id=task_id)

    async def get_task(self, task_id: Any) -> Any:
        return await self.observed.get_task(task_id)

    async def list_tasks(self, *fields: Any, **more: Any) -> Any:
        return await self.observed.list_tasks(*fields, **more)

    async def update_task_status(self, *fields: Any, **more: Any) -> Any:
        return await self.observed.update_task_status(*fields, **more)

    async def cancel_task(self, task_id: Any) -> Any:
        return await self.observed.cancel_task(task_id)

    async def purge(self, before: Any) -> Any:
        return await self.observed.purge(before)

    async def restore(self, task: Any) -> None:
        await self.observed.restore(task)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            assert await store.get_task(task.task_id) == task
            await raised(store.get_task("x"), TaskNotFound)
            assert await every_page(store, 1) == [task]


@ENTRIES.variant(
    "exceptions-have-causes-and-notes",
    "The requirements say which exceptions are raised and what they state; a cause and a note take nothing from it.",
    base="memory",
)
class ExceptionsHaveCausesAndNotes(Wrapped):
    """Each exception of a task that is gone, taken or final comes from a `KeyError` and has a note on what to do."""

    async def noted(self, call: Any) -> Any:
        try:
            return await call
        except (TaskNotFound, TaskExists, TaskFinal) as error:
            error.add_note("See the operations manual, chapter 4.")
            raise error from KeyError(error.task_id)

    async def create_task(self, *fields: Any, **more: Any) -> Any:
        return await self.noted(super().create_task(*fields, **more))

    async def get_task(self, task_id: Any) -> Any:
        return await self.noted(super().get_task(task_id))

    async def update_task_status(self, *fields: Any, **more: Any) -> Any:
        return await self.noted(super().update_task_status(*fields, **more))

    async def cancel_task(self, task_id: Any) -> Any:
        return await self.noted(super().cancel_task(task_id))

    async def restore(self, task: Any) -> None:
        await self.noted(super().restore(task))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            assert (await raised(store.get_task("x"), TaskNotFound)).task_id == "x"
            task = await store.create_task(request(), task_id="x")
            assert (await raised(store.restore(task), TaskExists)).task_id == "x"
            await store.cancel_task("x")
            assert (await raised(store.update_task_status("x", COMPLETED), TaskFinal)).status is CANCELLED


@ENTRIES.variant(
    "one-timer-for-all-deadlines",
    "MODE-08 forbids sockets, threads and files, and COST-05 timers that grow in number; this is one.",
    base="memory-expiring",
)
class OneTimerForAllDeadlines(Wrapped):
    """One timer at a time stands for the earliest deadline, and removes what is due when it comes."""

    timer: asyncio.TimerHandle | None = None

    def wind(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.store._deadlines and not self.store._closed:
            left = self.store._deadlines[0][0] - self.place.now() // 1_000_000
            self.timer = asyncio.get_running_loop().call_later(max(left / 1_000, 1), self.ring)

    def ring(self) -> None:
        while self.store._sweep(1_000):
            pass
        self.wind()

    async def create_task(self, *fields: Any, **more: Any) -> Any:
        task = await super().create_task(*fields, **more)
        if self.timer is None:
            self.wind()
        return task

    async def restore(self, task: Any) -> None:
        await super().restore(task)
        if self.timer is None:
            self.wind()

    async def aclose(self) -> None:
        await super().aclose()
        if self.timer is not None:
            with contextlib.suppress(RuntimeError):
                self.timer.cancel()
            self.timer = None

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await asyncio.sleep(0)
            assert await store.get_task(task.task_id) == task
            scene.advance("a", WEEK + SECOND)
            assert (await store.list_tasks()).total == 0


@ENTRIES.variant(
    "64-calls-at-a-time",
    "ATOM-06 asks that no call fails because there are many; some may wait for others.",
    base="redis",
)
class SixtyFourCallsAtATime(Wrapped):
    """Of the calls of an instance 64 are under way at most; the others wait, and get their place whatever happens."""

    def prepare(self) -> None:
        self.places = asyncio.Semaphore(64)

    async def placed(self, call: Any) -> Any:
        if self.store._closed or self.store._loop not in {None, asyncio.get_running_loop()}:
            return await call  # it is refused
        try:
            await self.places.acquire()
        except BaseException:
            call.close()
            raise
        try:
            return await call
        finally:
            self.places.release()

    async def create_task(self, *fields: Any, **more: Any) -> Any:
        return await self.placed(super().create_task(*fields, **more))

    async def get_task(self, task_id: Any) -> Any:
        return await self.placed(super().get_task(task_id))

    async def list_tasks(self, *fields: Any, **more: Any) -> Any:
        return await self.placed(super().list_tasks(*fields, **more))

    async def update_task_status(self, *fields: Any, **more: Any) -> Any:
        return await self.placed(super().update_task_status(*fields, **more))

    async def cancel_task(self, task_id: Any) -> Any:
        return await self.placed(super().cancel_task(task_id))

    async def purge(self, before: Any) -> Any:
        return await self.placed(super().purge(before))

    async def restore(self, task: Any) -> None:
        await self.placed(super().restore(task))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            tasks = await asyncio.gather(*(store.create_task(request(str(at))) for at in range(150)))
            found = await asyncio.gather(*(store.get_task(task.task_id) for task in tasks))
            assert found == tasks


@ENTRIES.variant(
    "last-wrong-argument-is-named",
    "API-05 asks that the exception names the argument; which one, if several are wrong, is free.",
    base="memory",
)
class LastWrongArgumentIsNamed(Wrapped):
    """Arguments are looked at from the last to the first."""

    async def list_tasks(self, status: Any = None, limit: Any = 50, offset: Any = 0, *, after: Any = None) -> Any:
        self.store._check_open()
        check_page(0, 0, after)
        check_page(0, offset, after)
        check_page(limit, offset, after)
        return await super().list_tasks(status, limit, offset, after=after)

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
        self.store._check_open()
        texts = {
            "error_traceback": error_traceback,
            "error_message": error_message,
            "result_url": result_url,
            "current_step": current_step,
        }
        for name, text in texts.items():
            if text is not None:
                check_text(name, text)
        check_change(PENDING, progress)
        check_status(status)
        return await super().update_task_status(
            task_id, status, progress, current_step, result_url, error_message, error_traceback
        )

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            assert (await raised(store.list_tasks("x", -1, -1), InvalidArgument)).argument in (
                "status",
                "limit",
                "offset",
            )
            assert (await raised(store.list_tasks(limit=-1), InvalidArgument)).argument == "limit"
            task = await store.create_task(request())
            await raised(store.update_task_status(task.task_id, "x", progress=-1), InvalidArgument)
            assert await store.get_task(task.task_id) == task


@ENTRIES.variant(
    "every-call-is-logged",
    "MODE-06 asks for one line at opening and FAIL-05 for no password in a log; further lines are free.",
    base="redis",
)
class EveryCallIsLogged(Wrapped):
    """The end of each call is logged at INFO by the logger `taskstore`."""

    async def logged(self, operation: str, call: Any) -> Any:
        try:
            result = await call
        except BaseException as error:
            logging.getLogger("taskstore").info("task_service_call operation=%s outcome=%s", operation, type(error))
            raise
        logging.getLogger("taskstore").info("task_service_call operation=%s outcome=ok", operation)
        return result

    async def create_task(self, *fields: Any, **more: Any) -> Any:
        return await self.logged("create_task", super().create_task(*fields, **more))

    async def get_task(self, task_id: Any) -> Any:
        return await self.logged("get_task", super().get_task(task_id))

    async def list_tasks(self, *fields: Any, **more: Any) -> Any:
        return await self.logged("list_tasks", super().list_tasks(*fields, **more))

    async def update_task_status(self, *fields: Any, **more: Any) -> Any:
        return await self.logged("update_task_status", super().update_task_status(*fields, **more))

    async def cancel_task(self, task_id: Any) -> Any:
        return await self.logged("cancel_task", super().cancel_task(task_id))

    async def purge(self, before: Any) -> Any:
        return await self.logged("purge", super().purge(before))

    async def restore(self, task: Any) -> None:
        await self.logged("restore", super().restore(task))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            assert await store.cancel_task(task.task_id) == await store.get_task(task.task_id)
