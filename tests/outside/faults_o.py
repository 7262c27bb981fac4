"""Forty stores that are wrong in one way each, and ten that are odd and right. See wrapped.py."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha1
from typing import Any, ClassVar

from redis.exceptions import ResponseError

from taskstore import (
    FailureKind,
    InvalidArgument,
    RecordUnreadable,
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
from taskstore.arguments import (
    NEW,
    check_change,
    check_moment,
    check_page,
    check_request,
    check_task,
    is_same_request,
    new_task_id,
)
from taskstore.json_text import check_text, write
from taskstore.redis.scripts import INSERT, LIST, PURGE, UPDATE, Script
from taskstore.values import microseconds, trusted
from tests.outside.wrapped import Entries, Scene, Wrapped, changed, every_page, now, raised, repaged, request

ENTRIES = Entries()
FAULTS, VARIANTS = ENTRIES.faults, ENTRIES.variants

PENDING, ANALYZING, CLIPPING = TaskStatus.PENDING, TaskStatus.ANALYZING, TaskStatus.CLIPPING
COMPLETED, FAILED, CANCELLED = TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def inner(store: Any) -> Any:
    """The real store, wrapped or not."""
    return getattr(store, "store", store)


def lifetime_of(store: Any) -> timedelta:
    """How long a task of a store lives."""
    return timedelta(milliseconds=inner(store)._lifetime_ms)


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


def is_plain(text: object) -> bool:
    """Whether it is a text that a store takes."""
    try:
        check_text("", text)
    except InvalidArgument:
        return False
    return True


def is_takable(request: object) -> bool:
    """Whether it is a request that a store takes."""
    try:
        check_request(request)
    except InvalidArgument:
        return False
    return True


async def outcome(call: Any) -> Any:
    """What a call returns, or the exception that it raises."""
    try:
        return await call
    except Exception as error:  # noqa: BLE001  the script looks at it
        return error


def rescripted(store: Any, script: Script, old: str, new: str) -> None:
    """Let a store in Redis run a script in which one text is replaced."""
    assert script.text.count(old) == 1
    text = script.text.replace(old, new)
    other = Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest(), script.writes)
    for part in store.parts:
        run = part._run

        async def run_other(chosen: Script, *fields: Any, until: float | None = None, run: Any = run) -> Any:
            return await run(other if chosen is script else chosen, *fields, until=until)

        part._run = run_other


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


# Memory mode: values.


@ENTRIES.fault("listing-turns-whole-floats-into-integers", "VAL-01", "LIFE-03", base="memory")
class ListingTurnsWholeFloatsIntoIntegers(Wrapped):
    """A listing writes its configs with another serializer, which makes `1` of `1.0`. Class: second code path."""

    def compact(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self.compact(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.compact(item) for item in value]
        return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value

    async def list_tasks(self, *fields: Any, **more: Any) -> Any:
        page = await super().list_tasks(*fields, **more)
        return repaged(
            page, tasks=tuple(changed(task, metadata_json=write(self.compact(task.metadata))) for task in page.tasks)
        )

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            await store.create_task(request(config={"scale": [0.5, 2.0]}))
            (task,) = (await store.list_tasks()).tasks
            assert [*map(type, task.metadata["config"]["scale"])] == [float, float]


@ENTRIES.fault("config-is-copied-shallowly", "VAL-02", base="memory")
class ConfigIsCopiedShallowly(Wrapped):
    """`dict(config)` is kept: what the caller does to a list or object inside reaches the store. Class: aliasing."""

    def prepare(self) -> None:
        self.configs: dict[str, Any] = {}

    def with_config(self, task: Task) -> Task:
        if task.task_id not in self.configs:
            return task
        metadata = task.metadata | {"config": self.configs[task.task_id]}
        if not is_takable(request(config=metadata["config"])):
            return task
        return changed(task, metadata_json=write(metadata))

    async def create_task(self, request: Any, *, task_id: str | None = None) -> Any:
        was_there = self.held(task_id) is not None
        task = await super().create_task(request, task_id=task_id)
        if not was_there:
            self.configs.pop(task.task_id, None)
            if config := vars(request).get("config"):
                self.configs[task.task_id] = dict(config)
        return self.with_config(task)

    async def get_task(self, task_id: Any) -> Any:
        return self.with_config(await super().get_task(task_id))

    async def list_tasks(self, *fields: Any, **more: Any) -> Any:
        page = await super().list_tasks(*fields, **more)
        return repaged(page, tasks=tuple(map(self.with_config, page.tasks)))

    async def update_task_status(self, *fields: Any, **more: Any) -> Any:
        return self.with_config(await super().update_task_status(*fields, **more))

    async def cancel_task(self, task_id: Any) -> Any:
        return self.with_config(await super().cancel_task(task_id))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            config = {"clips": [1, 2]}
            task = await store.create_task(request(config=config))
            config["clips"].append(3)
            assert (await store.get_task(task.task_id)).metadata["config"] == {"clips": [1, 2]}


@ENTRIES.fault("update-size-ignores-what-is-there", "VAL-06", base="memory")
class UpdateSizeIgnoresWhatIsThere(Wrapped):
    """The bound of a task is applied to the fields of an update alone. Class: validation of a part for the whole."""

    async def update_task_status(
        self, task_id: Any, status: Any, progress: Any = None, *texts: Any, **more: Any
    ) -> Any:
        try:
            return await super().update_task_status(task_id, status, progress, *texts, **more)
        except InvalidArgument as error:
            if error.argument != "task":
                raise
            change = check_change(status, progress, *texts, **more)
            await super().update_task_status(task_id, status, progress)
            return put(self.store, changed(self.held(task_id), **change.given()))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request(config={"script": "x" * 700_000}))
            await raised(store.update_task_status(task.task_id, FAILED, error_traceback="y" * 700_000), InvalidArgument)
            assert await store.get_task(task.task_id) == task


@ENTRIES.fault("traceback-is-split-into-lines", "VAL-09", base="memory")
class TracebackIsSplitIntoLines(Wrapped):
    """A traceback is kept as `splitlines()` and joined by newlines: other line ends are lost. Class: round trip."""

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
        if is_plain(error_traceback):
            error_traceback = "\n".join(error_traceback.splitlines())
        return await super().update_task_status(
            task_id, status, progress, current_step, result_url, error_message, error_traceback
        )

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            text = "Traceback:\r\n  in ffmpeg\u2028exit 1\n"
            await store.update_task_status(task.task_id, FAILED, error_message="no", error_traceback=text)
            assert (await store.get_task(task.task_id)).error_traceback == text


@ENTRIES.fault("zone-of-a-restored-time-is-kept", "VAL-10", base="memory")
class ZoneOfARestoredTimeIsKept(Wrapped):
    """The times of a restored task come back in the zone they had. Class: normalization left out on one path."""

    async def restore(self, task: Any) -> None:
        await super().restore(task)
        times = {name: vars(task)[name] for name in ("created_at", "updated_at", "completed_at")}
        self.store._tasks[task.task_id] = changed(self.held(task.task_id), **times)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            moment = task.created_at.astimezone(timezone(timedelta(hours=8)))
            await store.restore(changed(task, task_id="from-shanghai", created_at=moment, updated_at=moment))
            found = await store.get_task("from-shanghai")
            assert found.created_at == task.created_at
            assert found.created_at.utcoffset() == timedelta(0)


# Memory mode: the life of a task.


@ENTRIES.fault("listing-has-the-row-of-the-last-status", "LIFE-03", base="memory")
class ListingHasTheRowOfTheLastStatus(Wrapped):
    """A listing shows a copy that is renewed when the status changes only. Class: stale denormalized copy."""

    def prepare(self) -> None:
        self.rows: dict[str, Task] = {}

    async def create_task(self, request: Any, *, task_id: str | None = None) -> Any:
        was_there = self.held(task_id) is not None
        task = await super().create_task(request, task_id=task_id)
        if not was_there:
            self.rows[task.task_id] = task
        return task

    async def restore(self, task: Any) -> None:
        await super().restore(task)
        self.rows[task.task_id] = self.held(task.task_id)

    async def update_task_status(self, task_id: Any, *fields: Any, **more: Any) -> Any:
        old = self.held(task_id)
        task = await super().update_task_status(task_id, *fields, **more)
        if old is None or old.status is not task.status:
            self.rows[task.task_id] = task
        return task

    async def cancel_task(self, task_id: Any) -> Any:
        task = await super().cancel_task(task_id)
        self.rows[task.task_id] = task
        return task

    async def list_tasks(self, *fields: Any, **more: Any) -> Any:
        page = await super().list_tasks(*fields, **more)
        return repaged(page, tasks=tuple(self.rows.get(task.task_id, task) for task in page.tasks))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await store.update_task_status(task.task_id, ANALYZING, 10)
            task = await store.update_task_status(task.task_id, ANALYZING, 20, "scene 2")
            assert (await store.list_tasks()).tasks == (task,)


@ENTRIES.fault("traceback-needs-a-message", "LIFE-05", "LIFE-04", base="memory")
class TracebackNeedsAMessage(Wrapped):
    """A traceback is kept inside of the branch for the message, so not without one. Class: nested condition."""

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
        if error_message is None and status == FAILED and is_plain(error_traceback):
            error_traceback = None
        return await super().update_task_status(
            task_id, status, progress, current_step, result_url, error_message, error_traceback
        )

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await store.update_task_status(task.task_id, FAILED, error_traceback="in line 1")
            assert (await store.get_task(task.task_id)).error_traceback == "in line 1"


@ENTRIES.fault("cancel-drops-the-result", "LIFE-09", base="memory")
class CancelDropsTheResult(Wrapped):
    """Cancelling forgets the URL of a partial result. Class: clean-up that goes too far."""

    async def cancel_task(self, task_id: Any) -> Any:
        old = self.held(task_id)
        task = await super().cancel_task(task_id)
        if old is None or old.status.is_final or task.result_url is None:
            return task
        return put(self.store, changed(task, result_url=None))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await store.update_task_status(task.task_id, CLIPPING, 50, "clip 2", "https://host/preview.mp4")
            await store.cancel_task(task.task_id)
            assert (await store.get_task(task.task_id)).result_url == "https://host/preview.mp4"


@ENTRIES.fault("repetition-has-to-name-every-field", "LIFE-12", base="memory")
class RepetitionHasToNameEveryField(Wrapped):
    """A write to a final task passes only if it has the arguments of the one before. Class: request for its effect."""

    def prepare(self) -> None:
        self.ended_by: dict[str, Any] = {}

    async def update_task_status(self, task_id: Any, *fields: Any, **more: Any) -> Any:
        old = self.held(task_id)
        if old is not None and old.status.is_final:
            self.store._check_open()
            given = check_change(*fields, **more).given()
            if given != self.ended_by.get(task_id, given):
                raise TaskFinal(task_id, old.status)
        task = await super().update_task_status(task_id, *fields, **more)
        if old is not None and not old.status.is_final and task.status.is_final:
            self.ended_by[task_id] = check_change(*fields, **more).given()
        return task

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            task = await store.update_task_status(task.task_id, COMPLETED, result_url="https://host/1.mp4")
            assert await outcome(store.update_task_status(task.task_id, COMPLETED)) == task


@ENTRIES.fault("refused-text-leaves-the-status-set", "LIFE-14", base="memory")
class RefusedTextLeavesTheStatusSet(Wrapped):
    """Status and progress are set before the texts are looked at, which may be refused. Class: half a write."""

    async def update_task_status(
        self, task_id: Any, status: Any, progress: Any = None, *texts: Any, **more: Any
    ) -> Any:
        try:
            return await super().update_task_status(task_id, status, progress, *texts, **more)
        except InvalidArgument as error:
            if error.argument not in ("task_id", "status", "progress"):
                with contextlib.suppress(TaskStoreError):
                    await super().update_task_status(task_id, status, progress)
            raise

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await raised(store.update_task_status(task.task_id, ANALYZING, 10, "\ud83d"), InvalidArgument)
            assert await store.get_task(task.task_id) == task


@ENTRIES.fault("updated-at-is-the-clock", "LIFE-17", base="memory")
class UpdatedAtIsTheClock(Wrapped):
    """The clock is taken as it is, also where the task was written later than it says. Class: clock not monotonic."""

    def set_to_clock(self, old: Task | None, task: Task) -> Task:
        moment = self.store._now()
        if old is None or old.status.is_final or task.updated_at <= moment:
            return task
        return put(self.store, changed(task, updated_at=moment, completed_at=task.completed_at and moment))

    async def update_task_status(self, task_id: Any, *fields: Any, **more: Any) -> Any:
        old = self.held(task_id)
        return self.set_to_clock(old, await super().update_task_status(task_id, *fields, **more))

    async def cancel_task(self, task_id: Any) -> Any:
        old = self.held(task_id)
        return self.set_to_clock(old, await super().cancel_task(task_id))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            ahead = task.created_at + DAY  # another host wrote it, whose clock is ahead
            await store.restore(changed(task, task_id="ahead", updated_at=ahead))
            assert (await store.update_task_status("ahead", ANALYZING)).updated_at >= ahead


# Memory mode: at the same time.


@ENTRIES.fault("cancel-overwrites-a-completion", "ATOM-02", "LIFE-10", base="memory")
class CancelOverwritesACompletion(Wrapped):
    """A cancel looks at the status, waits, and then sets it whatever it is by then. Class: check, then act."""

    async def cancel_task(self, task_id: Any) -> Any:
        seen = self.held(task_id)
        if seen is None or seen.status.is_final:
            return await super().cancel_task(task_id)
        self.store._check_open()
        await asyncio.sleep(0)
        task = self.held(task_id)
        if task is None or not task.status.is_final:
            return await super().cancel_task(task_id)
        return put(self.store, changed(task, status=CANCELLED))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            ends = store.cancel_task(task.task_id), store.update_task_status(task.task_id, COMPLETED)
            results = await asyncio.gather(*ends, return_exceptions=True)
            assert [*map(type, results)].count(TaskFinal) == 1, results


@ENTRIES.fault("repetition-brings-a-purged-task-back", "ATOM-03", base="memory")
class RepetitionBringsAPurgedTaskBack(Wrapped):
    """A repeated completion writes what it has read, also if that was purged meanwhile. Class: upsert."""

    async def update_task_status(self, task_id: Any, *fields: Any, **more: Any) -> Any:
        seen = self.held(task_id)
        task = await super().update_task_status(task_id, *fields, **more)
        if seen is not None and seen.status.is_final:
            await asyncio.sleep(0)
            if self.held(task_id) is None:
                self.store._insert(task)
        return task

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            task = await store.update_task_status(task.task_id, COMPLETED)
            again = store.update_task_status(task.task_id, COMPLETED)
            _, removed = await asyncio.gather(again, store.purge(task.completed_at + SECOND))
            assert removed == 1
            await raised(store.get_task(task.task_id), TaskNotFound)


# Memory mode: listings.


@ENTRIES.fault("ids-are-ordered-without-case", "LIST-01", base="memory")
class IdsAreOrderedWithoutCase(Wrapped):
    """Ids of one moment are ordered as a database's collation does, capitals as small letters. Class: collation."""

    async def list_tasks(self, *fields: Any, **more: Any) -> Any:
        page = await super().list_tasks(*fields, **more)
        tasks = sorted(page.tasks, key=lambda task: (task.created_at, task.task_id.casefold()), reverse=True)
        return repaged(page, tasks=tuple(tasks))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = changed(await store.create_task(request()), created_at=now() - DAY)
            for task_id in ("job-a", "job-B", "job-c"):
                await store.restore(changed(task, task_id=task_id))
            ids = [task.task_id for task in (await store.list_tasks()).tasks[1:]]
            assert ids == ["job-c", "job-a", "job-B"]


@ENTRIES.fault("total-stops-at-1000", "LIST-03", base="memory")
class TotalStopsAt1000(Wrapped):
    """No more than 1,000 matches are counted, as search servers do by default. Class: bounded count."""

    async def list_tasks(self, *fields: Any, **more: Any) -> Any:
        page = await super().list_tasks(*fields, **more)
        return repaged(page, total=min(page.total, 1_000))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            for _ in range(1_001):
                await store.create_task(request())
            assert (await store.list_tasks(PENDING, 1)).total == 1_001


@ENTRIES.fault("cursor-skips-the-rest-of-its-microsecond", "LIST-12", base="memory")
class CursorSkipsTheRestOfItsMicrosecond(Wrapped):
    """The next page begins at `created_at < cursor`: ties are lost at a page's end. Class: paging by half a key."""

    async def list_tasks(self, status: Any = None, limit: Any = 50, offset: Any = 0, *, after: Any = None) -> Any:
        with contextlib.suppress(InvalidArgument):
            if check_page(limit, offset, after) is not None:
                after = f"{after.partition('.')[0]}.!"
        return await super().list_tasks(status, limit, offset, after=after)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            for at in range(4):
                await store.restore(changed(task, task_id=f"imported-{at}"))
            assert len(await every_page(store, 2)) == 5


@ENTRIES.fault("cursor-is-read-with-int", "LIST-13", base="memory")
class CursorIsReadWithInt(Wrapped):
    """`int` reads the moment of a cursor: it takes blanks, signs, underscores, leading zeros. Class: lenient parser."""

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
            for text in (f"0{cursor}", f"+{cursor}", f" {cursor}", f"{cursor[:1]}_{cursor[1:]}"):
                await raised(store.list_tasks(after=text), InvalidArgument)


# Memory mode: which tasks are there.


@ENTRIES.fault("restore-lets-the-newer-task-win", "ID-05", base="memory")
class RestoreLetsTheNewerTaskWin(Wrapped):
    """A restored task replaces one under its id that was written earlier. Class: the last write wins."""

    async def restore(self, task: Any) -> None:
        try:
            await super().restore(task)
        except TaskExists:
            known, other = self.held(task.task_id), check_task(task)
            if known is None or other.updated_at <= known.updated_at:
                raise
            self.store._remove(known)
            self.store._insert(other)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            newer = changed(task, current_step="of the source", updated_at=task.updated_at + SECOND)
            assert isinstance(await outcome(store.restore(newer)), TaskExists)
            assert await store.get_task(task.task_id) == task


@ENTRIES.fault("requests-are-compared-with-python", "ID-06", base="memory")
class RequestsAreComparedWithPython(Wrapped):
    """`==` says whether a request is the same: `1`, `1.0` and `true` are equal to it. Class: loose equality."""

    async def create_task(self, request: Any, *, task_id: str | None = None) -> Any:
        try:
            return await super().create_task(request, task_id=task_id)
        except TaskExists:
            known, fields = self.held(task_id), vars(request)
            metadata = {"webhook_url": fields.get("webhook_url"), "config": fields.get("config")}
            if known is None or known.video_ids != fields["video_ids"] or known.metadata != metadata:
                raise
            return known

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            await store.create_task(request(config={"subtitles": True}), task_id="order-17")
            other = store.create_task(request(config={"subtitles": 1}), task_id="order-17")
            assert isinstance(await outcome(other), TaskExists)


@ENTRIES.fault("only-the-last-1000-final-tasks-stay", "COST-04", "EXP-05", base="memory")
class OnlyTheLast1000FinalTasksStay(Wrapped):
    """Of the final tasks the latest thousand are kept, as job queues do it. Class: bounded history."""

    def bound(self) -> None:
        while len(self.store._finished) > 1_000:
            self.store._remove(self.store._tasks[self.store._finished[0][1]])

    async def update_task_status(self, *fields: Any, **more: Any) -> Any:
        task = await super().update_task_status(*fields, **more)
        self.bound()
        return task

    async def cancel_task(self, task_id: Any) -> Any:
        task = await super().cancel_task(task_id)
        self.bound()
        return task

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            for _ in range(1_001):
                task = await store.create_task(request())
                await store.cancel_task(task.task_id)
            assert (await store.list_tasks(CANCELLED, 0)).total == 1_001


@ENTRIES.fault("expired-tasks-are-swept-once-a-minute", "EXP-01", "EXP-04", base="memory-expiring")
class ExpiredTasksAreSweptOnceAMinute(Wrapped):
    """A listing has expired tasks if they were swept less than a minute ago. Class: clean-up taken for expiry."""

    def prepare(self) -> None:
        sweep, clock = self.store._sweep, self.store._clock
        self.swept_at: int | None = None

        def sweep_sometimes(most: int) -> bool:
            if self.swept_at is not None and clock() - self.swept_at < 60 * 10**9:
                return False
            more: bool = sweep(most)
            if not more:
                self.swept_at = clock()
            return more

        self.store._sweep = sweep_sometimes

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            await store.create_task(request())
            scene.advance("a", lifetime_of(store) - SECOND)
            assert (await store.list_tasks()).total == 1
            scene.advance("a", 5 * SECOND)
            page = await store.list_tasks()
            assert (page.total, page.tasks) == (0, ())


@ENTRIES.fault("only-a-new-status-renews-the-lifetime", "EXP-03", base="memory-expiring")
class OnlyANewStatusRenewsTheLifetime(Wrapped):
    """Reported progress does not prolong the life of a task that works on. Class: lifetime renewed on some paths."""

    async def update_task_status(self, task_id: Any, *fields: Any, **more: Any) -> Any:
        old = self.held(task_id)
        deadline = self.store._deadline_of.get(task_id) if old is not None else None
        task = await super().update_task_status(task_id, *fields, **more)
        if old is not None and old.status is task.status and deadline is not None:
            set_deadline(self.store, task_id, deadline)
        return task

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            for progress in (10, 20, 30):
                written = await outcome(store.update_task_status(task.task_id, CLIPPING, progress))
                assert isinstance(written, Task)
                scene.advance("a", 0.6 * lifetime_of(store))
            assert isinstance(await outcome(store.get_task(task.task_id)), Task)


@ENTRIES.fault("restored-task-lives-from-its-last-write", "MAINT-02", "EXP-01", base="memory-expiring")
class RestoredTaskLivesFromItsLastWrite(Wrapped):
    """The lifetime of a restored task is counted from its `updated_at`. Class: wrong start of a lifetime."""

    async def restore(self, task: Any) -> None:
        await super().restore(task)
        held = self.held(task.task_id)
        if held is not None:
            set_deadline(self.store, held.task_id, microseconds(held.updated_at) // 1_000 + self.store._lifetime_ms)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            moment = task.created_at - lifetime_of(store) - DAY
            old = changed(task, task_id="old", created_at=moment, updated_at=moment)
            await store.restore(old)
            assert await outcome(store.get_task("old")) == old


@ENTRIES.fault("purge-counts-expired-tasks", "MAINT-01", base="memory-expiring")
class PurgeCountsExpiredTasks(Wrapped):
    """What a purge sweeps because its life is over is in its count too. Class: wrong count."""

    async def purge(self, before: Any) -> Any:
        due = sum(map(self.store._is_due, self.store._tasks))
        return due + await super().purge(before)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            await store.create_task(request())
            scene.advance("a", 0.6 * lifetime_of(store))
            task = await store.create_task(request())
            task = await store.cancel_task(task.task_id)
            scene.advance("a", 0.6 * lifetime_of(store))
            assert await store.purge(task.completed_at + SECOND) == 1


# Redis mode: what several callers and instances meet.


@ENTRIES.fault("reads-of-one-task-are-made-once", "ATOM-06", base="redis")
class ReadsOfOneTaskAreMadeOnce(Wrapped):
    """Who reads the same task waits for the same call; if one is cancelled all are. Class: shared call, no shield."""

    def prepare(self) -> None:
        self.calls: dict[str, Any] = {}

    async def get_task(self, task_id: Any) -> Any:
        if type(task_id) is not str:
            return await super().get_task(task_id)
        call = self.calls.get(task_id)
        if call is None:
            call = self.calls[task_id] = asyncio.ensure_future(super().get_task(task_id))
            call.add_done_callback(lambda _: self.calls.pop(task_id, None))
        return await call

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            first, second = (asyncio.create_task(store.get_task(task.task_id)) for _ in range(2))
            await asyncio.sleep(0)
            first.cancel()
            await asyncio.wait([first, second])
            assert not second.cancelled()
            assert second.result() == task


@ENTRIES.fault("repeated-requests-are-known-without-namespace", "LIST-10", base="redis")
class RepeatedRequestsAreKnownWithoutNamespace(Wrapped):
    """What was created under a caller's id is remembered for all stores of the process. Class: key without scope."""

    created: ClassVar[dict[str, tuple[str, Task]]] = {}

    async def create_task(self, request: Any, *, task_id: str | None = None) -> Any:
        self.store._check_open()
        known = self.created.get(task_id) if type(task_id) is str else None
        if known is not None and known[0] != self.store._base and is_takable(request):
            if is_same_request(known[1], *check_request(request)):
                return known[1]
        task = await super().create_task(request, task_id=task_id)
        if task_id is not None:
            self.created[task.task_id] = self.store._base, task
        return task

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as one, scene.open("ab") as other:
            await one.create_task(request(), task_id="nightly")
            await other.create_task(request(), task_id="nightly")
            assert isinstance(await outcome(other.get_task("nightly")), Task)


@ENTRIES.fault("progress-is-written-twice-a-second", "SHARE-01", "LIFE-03", base="redis")
class ProgressIsWrittenTwiceASecond(Wrapped):
    """Progress that follows another write closely stays in the instance until the next. Class: delayed write."""

    def prepare(self) -> None:
        self.written: dict[str, tuple[float, Task]] = {}
        self.kept: dict[str, Task] = {}

    async def update_task_status(
        self, task_id: Any, status: Any, progress: Any = None, *texts: Any, **more: Any
    ) -> Any:
        time = asyncio.get_running_loop().time()
        at, last = self.written.get(task_id, (0.0, None)) if type(task_id) is str else (0.0, None)
        is_alone = all(text is None for text in (*texts, *more.values()))
        is_small = type(progress) in (int, float) and 0 <= progress <= 100 and is_alone
        if is_small and last is not None and time - at < 0.5 and last.status is status and not status.is_final:
            self.store._check_open()
            self.kept[task_id] = changed(last, progress=float(progress), updated_at=max(now(), last.updated_at))
            return self.kept[task_id]
        held = self.kept.pop(task_id, None) if type(task_id) is str else None
        if held is not None:
            with contextlib.suppress(TaskStoreError):
                await super().update_task_status(task_id, held.status, held.progress)
        task = await super().update_task_status(task_id, status, progress, *texts, **more)
        self.written[task.task_id] = time, task
        return task

    async def get_task(self, task_id: Any) -> Any:
        task = await super().get_task(task_id)
        held = self.kept.get(task.task_id)
        return task if held is None or held.updated_at < task.updated_at else held

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as one, scene.open("a") as other:
            task = await one.create_task(request())
            await one.update_task_status(task.task_id, CLIPPING, 10)
            await one.update_task_status(task.task_id, CLIPPING, 11)
            assert (await other.get_task(task.task_id)).progress == 11


@ENTRIES.fault("final-tasks-are-cached", "COST-01", "SHARE-01", "ATOM-03", base="redis")
class FinalTasksAreCached(Wrapped):
    """A final task is read once, since it never changes; but another instance may purge it. Class: stale cache."""

    def prepare(self) -> None:
        self.final: dict[str, Task] = {}

    async def get_task(self, task_id: Any) -> Any:
        self.store._check_open()
        if type(task_id) is str and task_id in self.final:
            return self.final[task_id]
        task = await super().get_task(task_id)
        if task.status.is_final:
            self.final[task.task_id] = task
        return task

    async def purge(self, before: Any) -> Any:
        self.final.clear()
        return await super().purge(before)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            await store.cancel_task(task.task_id)
            for _ in range(3):
                with requests_of(store) as made:
                    await store.get_task(task.task_id)
                assert made


# Redis mode: listings, ids and clean-up.


@ENTRIES.fault("removed-records-stay-counted", "LIST-11", "LIST-04", base="redis")
class RemovedRecordsStayCounted(Wrapped):
    """A listing passes over entries without a record, and leaves them in the index. Class: index not repaired."""

    def prepare(self) -> None:
        test = "if #doubtful > 0 and redis.call('EXISTS', unpack(doubtful)) < #doubtful then"
        rescripted(self.store, LIST, test, "if false then")

    async def list_tasks(self, *fields: Any, **more: Any) -> Any:
        page = await super().list_tasks(*fields, **more)
        there = [key for key in page.unreadable if await self.store.server.read("EXISTS", key)]
        return repaged(page, unreadable=tuple(there))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            one, other = [await store.create_task(request()) for _ in range(2)]
            await inner(store).server.read("DEL", inner(store)._key(other.task_id))
            assert (await store.list_tasks()).tasks == (one,)
            assert (await store.list_tasks()).total == 1


@ENTRIES.fault("cursor-needs-its-task", "LIST-12", base="redis")
class CursorNeedsItsTask(Wrapped):
    """If the task of a cursor has left the index, nothing is found behind it. Class: position by an element."""

    def prepare(self) -> None:
        line = "  local low = redis.call('ZCOUNT', index, '(' .. after_us, '+inf')\n"
        rescripted(self.store, LIST, line, "  if not rank then return total end\n" + line)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            tasks = [await store.create_task(request()) for _ in range(4)][::-1]
            page = await store.list_tasks(PENDING, 2)
            await store.update_task_status(tasks[1].task_id, ANALYZING)
            rest = await store.list_tasks(PENDING, 2, after=page.next)
            assert rest.tasks == tuple(tasks[2:])


@ENTRIES.fault("expired-tasks-stay-among-the-finished", "EXP-04", "MAINT-01", base="redis")
class ExpiredTasksStayAmongTheFinished(Wrapped):
    """The sweep forgets expired tasks in every index but that of completions. Class: an index left out."""

    def prepare(self) -> None:
        sweep = """  for i, id in ipairs(due) do redis.call('UNLINK', record_key(id)) end
  for _, index in ipairs(indexes()) do
    if index ~= FINISHED then redis.call('ZREM', index, unpack(due)) end
  end
"""
        for script in (LIST, INSERT, UPDATE, PURGE):
            rescripted(self.store, script, "  forget(due)\n", sweep)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            server, base = inner(store).server, inner(store)._base
            await store.create_task(request())
            task = await store.create_task(request())
            await store.cancel_task(task.task_id)
            await server.read("ZADD", f"{base}:deadlines", 1, task.task_id)  # its life is over
            await server.read("DEL", inner(store)._key(task.task_id))
            assert (await store.list_tasks()).total == 1
            assert await server.read("ZCARD", f"{base}:finished") == 0


@ENTRIES.fault("lone-surrogate-ends-in-an-encoding-error", "ID-03", base="redis")
class LoneSurrogateEndsInAnEncodingError(Wrapped):
    """An id that has no UTF-8 form fails where the key is encoded. Class: exception of a lower layer."""

    async def get_task(self, task_id: Any) -> Any:
        self.store._check_open()
        if isinstance(task_id, str):
            task_id.encode()
        return await super().get_task(task_id)

    async def cancel_task(self, task_id: Any) -> Any:
        self.store._check_open()
        if isinstance(task_id, str):
            task_id.encode()
        return await super().cancel_task(task_id)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            assert isinstance(await outcome(store.get_task("task_\udcff")), TaskNotFound)


@ENTRIES.fault("purge-ends-after-one-batch", "MAINT-01", base="redis")
class PurgeEndsAfterOneBatch(Wrapped):
    """A purge removes one batch of 250 tasks, and says that there were no more. Class: loop left out."""

    def prepare(self) -> None:
        rescripted(self.store, PURGE, "return {#old == tonumber(bound) and 1 or 0, #old}", "return {0, #old}")

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            task = await store.cancel_task(task.task_id)
            for first in range(0, 300, 50):
                some = (changed(task, task_id=f"old-{at}") for at in range(first, first + 50))
                await asyncio.gather(*map(store.restore, some))
            assert await store.purge(task.completed_at + DAY) == 301


# Redis mode: failures.


@ENTRIES.fault("failed-creation-keeps-its-new-id-to-itself", "ID-08", base="redis")
class FailedCreationKeepsItsNewIdToItself(Wrapped):
    """The exception states an id that the caller gave, and none that the store made. Class: fact left out."""

    async def create_task(self, request: Any, *, task_id: str | None = None) -> Any:
        try:
            return await super().create_task(request, task_id=task_id)
        except StoreUnavailable as error:
            error.task_id = task_id
            raise

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            await store.create_task(request())
            with unanswered(store):
                error = await raised(store.create_task(request()), StoreUnavailable)
            assert isinstance(error.task_id, str)
            assert (await store.create_task(request(), task_id=error.task_id)).task_id == error.task_id


@ENTRIES.fault("half-a-purge-is-nothing", "FAIL-11", base="redis")
class HalfAPurgeIsNothing(Wrapped):
    """A purge whose later batch is refused says that nothing was written. Class: error of a part for the whole."""

    async def purge(self, before: Any) -> Any:
        try:
            return await super().purge(before)
        except StoreUnavailable as error:
            if error.failure_kind is not FailureKind.TIMEOUT:
                error.write_may_have_happened = False
            raise

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            task = await store.cancel_task(task.task_id)
            for first in range(0, 300, 50):
                some = (changed(task, task_id=f"old-{at}") for at in range(first, first + 50))
                await asyncio.gather(*map(store.restore, some))
            await store.purge(task.completed_at)  # the server knows the script now
            batches: list[Any] = []

            def answer(command: tuple[Any, ...]) -> None:
                batches.append(command)
                if len(batches) > 1:
                    raise ResponseError("READONLY You can't write against a read only replica.")

            with requests_of(store, answer):
                error = await raised(store.purge(task.completed_at + DAY), StoreUnavailable)
            assert (await store.list_tasks(limit=0)).total < 301
            assert error.write_may_have_happened


@ENTRIES.fault("late-reply-is-taken-for-the-next", "FAIL-13", base="redis")
class LateReplyIsTakenForTheNext(Wrapped):
    """A read that timed out leaves its reply on the connection, for the next read. Class: replies out of step."""

    def prepare(self) -> None:
        self.late: list[str] = []

    async def get_task(self, task_id: Any) -> Any:
        if self.late and type(task_id) is str:
            self.late.append(task_id)
            task_id = self.late.pop(0)
        try:
            return await super().get_task(task_id)
        except StoreUnavailable as error:
            if error.failure_kind is FailureKind.TIMEOUT:
                self.late.append(task_id)
            raise

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            one, other = [await store.create_task(request()) for _ in range(2)]
            with unanswered(store):
                await outcome(store.get_task(one.task_id))
            assert await store.get_task(other.task_id) == other


@ENTRIES.fault("idle-connection-is-not-looked-at", "FAIL-14", base="redis")
class IdleConnectionIsNotLookedAt(Wrapped):
    """The first call after the server closed an idle connection finds that out, and fails. Class: stale connection."""

    def prepare(self) -> None:
        server = self.store.server
        send, self.idle = server._request, None

        async def send_blindly(command: Any, *fields: Any, **more: Any) -> Any:
            idle, self.idle = self.idle, None
            there = server._connections
            if idle is not None and there and there[-1] is idle and not idle.is_usable:
                raise StoreUnavailable(server.address, FailureKind.BROKEN, False, "Connection closed by server.")
            reply = await send(command, *fields, **more)
            self.idle = server._connections[-1]
            return reply

        server._request = send_blindly

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store, scene.open("b") as other:
            task = await store.create_task(request())
            number = await inner(store).server.read("CLIENT", "ID")
            await inner(other).server.read("CLIENT", "KILL", "ID", number)
            await asyncio.sleep(0.05)
            assert await outcome(store.get_task(task.task_id)) == task


@ENTRIES.fault("unreadable-record-is-deleted", "FAIL-09", base="redis")
class UnreadableRecordIsDeleted(Wrapped):
    """Who meets a record that cannot be read says so, and deletes it. Class: cache that heals itself."""

    async def healing(self, call: Any) -> Any:
        try:
            return await call
        except RecordUnreadable as error:
            await self.store.server.read("DEL", error.key)
            raise

    async def get_task(self, task_id: Any) -> Any:
        return await self.healing(super().get_task(task_id))

    async def update_task_status(self, *fields: Any, **more: Any) -> Any:
        return await self.healing(super().update_task_status(*fields, **more))

    async def cancel_task(self, task_id: Any) -> Any:
        return await self.healing(super().cancel_task(task_id))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            server = inner(store).server
            task = await store.create_task(request())
            key = inner(store)._key(task.task_id)
            await server.read("SET", key, '{"v":2}')
            assert (await raised(store.get_task(task.task_id), RecordUnreadable)).key == key
            assert await server.read("GET", key) == b'{"v":2}'


@ENTRIES.fault("refused-creation-is-kept-in-memory", "FAIL-06", base="redis")
class RefusedCreationIsKeptInMemory(Wrapped):
    """If the server takes no writes, a new task is kept in the process, and reported as stored. Class: fallback."""

    def prepare(self) -> None:
        self.local: dict[str, Task] = {}

    async def create_task(self, request: Any, *, task_id: str | None = None) -> Any:
        try:
            return await super().create_task(request, task_id=task_id)
        except StoreUnavailable as error:
            if error.failure_kind not in (FailureKind.OUT_OF_MEMORY, FailureKind.READ_ONLY):
                raise
            video_ids, metadata = check_request(request)
            fields = {"task_id": error.task_id, "video_ids": video_ids, "metadata_json": metadata, "completed_at": None}
            times = dict.fromkeys(("created_at", "updated_at"), now())
            task = trusted(Task, dict.fromkeys(Task.model_fields) | NEW._asdict() | fields | times)
            self.local[task.task_id] = task
            return task

    async def get_task(self, task_id: Any) -> Any:
        try:
            return await super().get_task(task_id)
        except TaskNotFound:
            if task_id not in self.local:
                raise
            return self.local[task_id]

    @staticmethod
    async def shows(scene: Scene) -> None:
        def answer(command: tuple[Any, ...]) -> None:
            raise ResponseError("OOM command not allowed when used memory > 'maxmemory'.")

        async with scene.open("a") as store:
            with requests_of(store, answer):
                error = await outcome(store.create_task(request()))
            assert isinstance(error, StoreUnavailable)
            assert not error.write_may_have_happened


@ENTRIES.fault("closing-cancels-the-calls", "API-07", base="redis")
class ClosingCancelsTheCalls(Wrapped):
    """Calls that wait while the store is closed end in `CancelledError`. Class: cancellation that leaks."""

    def prepare(self) -> None:
        self.calls: set[Any] = set()

    async def tracked(self, call: Any) -> Any:
        task = asyncio.ensure_future(call)
        self.calls.add(task)
        try:
            return await task
        finally:
            self.calls.discard(task)

    async def create_task(self, *fields: Any, **more: Any) -> Any:
        return await self.tracked(super().create_task(*fields, **more))

    async def get_task(self, task_id: Any) -> Any:
        return await self.tracked(super().get_task(task_id))

    async def list_tasks(self, *fields: Any, **more: Any) -> Any:
        return await self.tracked(super().list_tasks(*fields, **more))

    async def update_task_status(self, *fields: Any, **more: Any) -> Any:
        return await self.tracked(super().update_task_status(*fields, **more))

    async def cancel_task(self, task_id: Any) -> Any:
        return await self.tracked(super().cancel_task(task_id))

    async def aclose(self) -> None:
        for call in [*self.calls]:
            call.cancel()
        await super().aclose()

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            with unanswered(store):
                call = asyncio.create_task(store.get_task(task.task_id))
                await asyncio.sleep(0.05)
                await store.aclose()
                await asyncio.wait([call])
            assert not call.cancelled()
            assert isinstance(call.exception(), StoreUnavailable | StoreNotOpen)


# Odd and right.


@ENTRIES.variant(
    "ids-are-long-and-in-capitals",
    "ID-02 asks for `task_` and at least 32 random hexadecimal digits; more of them, and A to F, are such.",
    base="memory",
)
class IdsAreLongAndInCapitals(Wrapped):
    """A new id has 48 digits, in capitals."""

    async def create_task(self, request: Any, *, task_id: str | None = None) -> Any:
        made = f"task_{secrets.token_hex(24).upper()}" if task_id is None else task_id
        return await super().create_task(request, task_id=made)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            assert task.task_id.startswith("task_")
            assert len(task.task_id) >= len(new_task_id())
            assert await store.get_task(task.task_id) == task


@ENTRIES.variant(
    "reasons-are-in-chinese",
    "API-05 demands that `InvalidArgument` names the argument; what its reason says is free.",
    base="memory",
)
class ReasonsAreInChinese(Wrapped):
    """The reason of every refused argument is a Chinese sentence."""

    async def translated(self, call: Any) -> Any:
        try:
            return await call
        except InvalidArgument as error:
            raise InvalidArgument(error.argument, "的值无效") from None

    async def create_task(self, *fields: Any, **more: Any) -> Any:
        return await self.translated(super().create_task(*fields, **more))

    async def get_task(self, task_id: Any) -> Any:
        return await self.translated(super().get_task(task_id))

    async def list_tasks(self, *fields: Any, **more: Any) -> Any:
        return await self.translated(super().list_tasks(*fields, **more))

    async def update_task_status(self, *fields: Any, **more: Any) -> Any:
        return await self.translated(super().update_task_status(*fields, **more))

    async def cancel_task(self, task_id: Any) -> Any:
        return await self.translated(super().cancel_task(task_id))

    async def purge(self, before: Any) -> Any:
        return await self.translated(super().purge(before))

    async def restore(self, task: Any) -> None:
        await self.translated(super().restore(task))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            assert (await raised(store.list_tasks(limit=-1), InvalidArgument)).argument == "limit"


@ENTRIES.variant(
    "the-last-wrong-argument-is-named",
    "API-05 demands that `InvalidArgument` names the argument; where several are wrong, it may be any of them.",
    base="memory",
)
class TheLastWrongArgumentIsNamed(Wrapped):
    """Of several wrong arguments of an update the last is named, and not the first."""

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
        texts = {
            "error_traceback": error_traceback,
            "error_message": error_message,
            "result_url": result_url,
            "current_step": current_step,
        }
        try:
            return await super().update_task_status(task_id, status, progress, *[*texts.values()][::-1])
        except InvalidArgument as error:
            wrong = [name for name, text in texts.items() if text is not None and not is_plain(text)]
            if wrong:
                raise InvalidArgument(wrong[0], error.reason) from None
            raise

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            error = await raised(store.update_task_status(task.task_id, "done", 101, 5, 6), InvalidArgument)
            assert error.argument in ("status", "progress", "current_step", "result_url")
            assert await store.get_task(task.task_id) == task


@ENTRIES.variant(
    "purge-removes-the-newest-first",
    "MAINT-01 says which tasks a purge removes and how many it states; it need not be one instant, nor in an order.",
    base="memory",
)
class PurgeRemovesTheNewestFirst(Wrapped):
    """A purge removes one task after the other, the newest first, and lets others run after each."""

    async def purge(self, before: Any) -> Any:
        self.store._check_open()
        moment = check_moment(before)
        removed = 0
        for _, task_id in reversed([*self.store._finished.irange(maximum=(moment, ""), inclusive=(True, False))]):
            task = self.held(task_id)
            if task is not None and task.completed_at is not None and task.completed_at < moment:
                self.store._remove(task)
                removed += 1
            await asyncio.sleep(0)
        return removed

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            kept = await store.create_task(request())
            for _ in range(3):
                task = await store.create_task(request())
                task = await store.cancel_task(task.task_id)
            removed, page = await asyncio.gather(store.purge(task.completed_at + DAY), store.list_tasks())
            assert removed == 3
            assert 1 <= page.total <= 4
            assert (await store.list_tasks()).tasks == (kept,)


@ENTRIES.variant(
    "reads-sweep-too",
    "EXP-04 and EXP-08 say after which calls nothing is left of expired tasks; it may be gone earlier.",
    base="memory-expiring",
)
class ReadsSweepToo(Wrapped):
    """A `get_task` removes every expired task from storage first."""

    async def get_task(self, task_id: Any) -> Any:
        self.store._check_open()
        self.store._sweep(len(self.store._tasks))
        return await super().get_task(task_id)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            tasks = [await store.create_task(request()) for _ in range(3)]
            scene.advance("a", lifetime_of(store) + SECOND)
            await raised(store.get_task(tasks[0].task_id), TaskNotFound)
            assert (await store.list_tasks()).total == 0


@ENTRIES.variant(
    "keys-of-a-config-are-sorted",
    "VAL-01 demands a config that is equal in value and type; the order of the keys of an object is no part of either.",
    base="memory",
)
class KeysOfAConfigAreSorted(Wrapped):
    """A config is kept with its keys in order, at every depth."""

    def sorted(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self.sorted(value[key]) for key in sorted(value)}
        return [*map(self.sorted, value)] if isinstance(value, list) else value

    async def create_task(self, request: Any, *, task_id: str | None = None) -> Any:
        if is_takable(request):
            fields = vars(request)
            request = TaskCreateRequest.model_construct(**{**fields, "config": self.sorted(fields.get("config"))})
        return await super().create_task(request, task_id=task_id)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            config = {"b": [{"d": 1, "c": 2.0}], "a": True}
            task = await store.create_task(request(config=config), task_id="sorted")
            assert task.metadata["config"] == config
            assert await store.create_task(request(config=config), task_id="sorted") == task
            assert await store.get_task("sorted") == task


class TaskGone(TaskNotFound):
    """There is no such task any more."""


@ENTRIES.variant(
    "what-is-raised-is-a-kind-of-task-not-found",
    "ID-03 and EXP-01 demand `TaskNotFound`; an instance of a class derived from it is one.",
    base="memory",
)
class WhatIsRaisedIsAKindOfTaskNotFound(Wrapped):
    """Where a task is not found, an exception of a derived class is raised, with a note about what to do."""

    async def derived(self, call: Any) -> Any:
        try:
            return await call
        except TaskNotFound as error:
            gone = TaskGone(error.task_id)
            gone.add_note("List the tasks to see which there are.")
            raise gone from None

    async def get_task(self, task_id: Any) -> Any:
        return await self.derived(super().get_task(task_id))

    async def update_task_status(self, *fields: Any, **more: Any) -> Any:
        return await self.derived(super().update_task_status(*fields, **more))

    async def cancel_task(self, task_id: Any) -> Any:
        return await self.derived(super().cancel_task(task_id))

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            for call in (store.get_task("no"), store.cancel_task("no"), store.update_task_status("no", CLIPPING)):
                assert (await raised(call, TaskNotFound)).task_id == "no"


@ENTRIES.variant(
    "lost-reads-are-repeated",
    "FAIL-12 says that a read whose reply is lost raises `StoreUnavailable` or is repeated.",
    base="redis",
)
class LostReadsAreRepeated(Wrapped):
    """A get or a listing whose reply is lost is made once more."""

    async def get_task(self, task_id: Any) -> Any:
        try:
            return await super().get_task(task_id)
        except StoreUnavailable as error:
            if error.failure_kind not in (FailureKind.TIMEOUT, FailureKind.BROKEN):
                raise
        return await super().get_task(task_id)

    async def list_tasks(self, *fields: Any, **more: Any) -> TaskPage:
        try:
            return await super().list_tasks(*fields, **more)
        except StoreUnavailable as error:
            if error.failure_kind not in (FailureKind.TIMEOUT, FailureKind.BROKEN):
                raise
        return await super().list_tasks(*fields, **more)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            with unanswered(store):
                result = await outcome(store.get_task(task.task_id))
            assert result == task or isinstance(result, StoreUnavailable)
            assert await store.get_task(task.task_id) == task


@ENTRIES.variant(
    "the-last-write-is-noted",
    "LIST-10 is about other stores' keys, EXP-04 and EXP-08 about what is left of tasks; no request is added.",
    base="redis",
)
class TheLastWriteIsNoted(Wrapped):
    """The script of a write also sets a key of the store to the moment of the write, for as long as a task lives."""

    def prepare(self) -> None:
        line = "  local swept, fault = pcall(sweep, ARGV[1])\n"
        note = "  redis.pcall('SET', base .. ':last_write', now_us, 'PX', lifetime_ms)\n"
        for script in (INSERT, UPDATE):
            rescripted(self.store, script, line, note + line)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            with requests_of(store) as made:
                task = await store.cancel_task(task.task_id)
                await store.get_task(task.task_id)
            assert len([command for command in made if command[0] != "EVAL"]) == 2
            assert (await store.list_tasks()).tasks == (task,)
            assert await store.purge(datetime.now(UTC) + DAY) == 1
            assert (await store.list_tasks()).total == 0


@ENTRIES.variant(
    "writes-to-one-task-queue-up",
    "ATOM-01 and ATOM-06 promise what concurrent calls come to, and not that they are in flight together.",
    base="redis",
)
class WritesToOneTaskQueueUp(Wrapped):
    """Of the writes to one task the instance sends the next when the one before has ended."""

    def prepare(self) -> None:
        self.locks: dict[str, asyncio.Lock] = {}
        self.waiting: dict[str, int] = {}

    @contextlib.asynccontextmanager
    async def turn(self, task_id: Any) -> Any:
        if type(task_id) is not str:
            yield
            return
        lock = self.locks.setdefault(task_id, asyncio.Lock())
        self.waiting[task_id] = self.waiting.get(task_id, 0) + 1
        try:
            async with lock:
                yield
        finally:
            self.waiting[task_id] -= 1
            if not self.waiting[task_id]:
                del self.waiting[task_id], self.locks[task_id]

    async def update_task_status(self, task_id: Any, *fields: Any, **more: Any) -> Any:
        async with self.turn(task_id):
            return await super().update_task_status(task_id, *fields, **more)

    async def cancel_task(self, task_id: Any) -> Any:
        async with self.turn(task_id):
            return await super().cancel_task(task_id)

    @staticmethod
    async def shows(scene: Scene) -> None:
        async with scene.open("a") as store:
            task = await store.create_task(request())
            updates = (store.update_task_status(task.task_id, CLIPPING, progress) for progress in range(20))
            results = await asyncio.gather(*updates)
            assert [result.progress for result in results] == [*map(float, range(20))]
            ends = store.cancel_task(task.task_id), store.update_task_status(task.task_id, COMPLETED)
            assert [*map(type, await asyncio.gather(*ends, return_exceptions=True))].count(TaskFinal) == 1
