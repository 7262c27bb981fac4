"""Forty stores that are wrong in one way each, and ten that are odd and right.

Most are patches of the open store that `wrap` is given: its own method is kept as `right` and called from the wrong one.
Behind each fault stands a kind of bug that task queues, caches and session stores have shipped; `text` names what is wrong.
"""

from __future__ import annotations

import asyncio
import inspect
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from hashlib import sha1
from itertools import islice
from typing import Any

from pydantic import computed_field

from taskstore import (
    InvalidArgument,
    RecordUnreadable,
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
from taskstore.arguments import check_change, check_moment, check_page, check_task_id
from taskstore.json_text import decode
from taskstore.values import TaskPage, microseconds

Opener = Any


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
    shows: Callable[[Opener], Awaitable[bool]]


FAULTS: list[Fault] = []
VARIANTS: list[Fault] = []
P, A, C, F, X = (TaskStatus(s) for s in ("pending", "analyzing", "completed", "failed", "cancelled"))
DAY = timedelta(days=1)
OLD = datetime(1999, 5, 6, 7, 8, 9, 123456, UTC)
OPERATIONS = ("create_task", "get_task", "list_tasks", "update_task_status", "cancel_task", "purge", "restore")


class Proxy:
    """Another object in front of the store."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._store.aclose()


def fault(requirement: str, base: str, text: str, shows: Any) -> Any:
    """Enter a wrap; its name is the fault's."""

    def enter(wrap: Any) -> Any:
        FAULTS.append(Fault(wrap.__name__.replace("_", "-"), requirement, base, text, wrap, shows))
        return wrap

    return enter


def variant(base: str, text: str) -> Any:
    def enter(wrap: Any) -> Any:
        VARIANTS.append(Fault(wrap.__name__.replace("_", "-"), "", base, text, wrap, None))  # type: ignore[arg-type]
        return wrap

    return enter


# -- what the `shows` share ------------------------------------------------------------------------------------------------


async def advance(opener: Opener, by: timedelta) -> None:
    done = opener.advance(by)
    if inspect.isawaitable(done):
        await done


def request(config: Any = None, *ids: str, url: str | None = None) -> TaskCreateRequest:
    return TaskCreateRequest(video_ids=ids or ("v1",), webhook_url=url, config=config)


def old_task(task_id: str, status: TaskStatus = P, at: datetime = OLD, **fields: Any) -> Task:
    given = {
        "task_id": task_id, "status": status, "progress": 100.0 if status is C else 0.0, "current_step": "",
        "video_ids": ("v1",), "metadata": {"webhook_url": None, "config": None}, "created_at": at, "updated_at": at,
        "completed_at": at if status.is_final else None,
    }  # fmt: skip
    return Task(**{**given, **fields})


async def gone(call: Awaitable[Any]) -> bool:
    try:
        await call
    except TaskNotFound:
        return True
    return False


async def raises(kind: Any, call: Awaitable[Any]) -> bool:
    try:
        await call
    except kind:
        return True
    return False


async def walk(store: Any, **how: Any) -> list[str]:
    """The ids on all pages by cursor (at most 50 pages)."""
    ids: list[str] = []
    page = await store.list_tasks(**how)
    for _ in range(50):
        ids += [task.task_id for task in page.tasks]
        if page.next is None:
            break
        page = await store.list_tasks(**how, after=page.next)
    return ids


# -- what the `wrap`s share ------------------------------------------------------------------------------------------------


def set_deadline(store: Any, task_id: str, deadline: int) -> None:
    store._deadlines.remove((store._deadline_of[task_id], task_id))
    store._deadline_of[task_id] = deadline
    store._deadlines.add((deadline, task_id))


def relua(store: Any, old: str, new: str, *names: str) -> Any:
    """Let the store run other Lua in these scripts."""
    from taskstore.redis import scripts

    made = {}
    for script in (getattr(scripts, name) for name in names):
        assert old in script.text, (old, names)
        text = script.text.replace(old, new)
        made[script.digest] = scripts.Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest(), script.writes)
    right = store._run

    async def _run(script: Any, *arguments: Any, until: Any = None) -> Any:
        return await right(made.get(script.digest, script), *arguments, until=until)

    store._run = _run
    return store


async def all_rows(right: Any, status: Any) -> list[Task]:
    rows: list[Task] = []
    while True:
        page = await right(status, 1000, len(rows))
        rows += page.tasks
        if not page.tasks:
            return rows


# == memory ================================================================================================================


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        for _ in range(301):
            await store.create_task(request())
        return (await store.list_tasks()).total != 301


@fault("EXP-05", "memory", "As Django's LocMemCache with MAX_ENTRIES=300: the write that makes 301 tasks culls a third of them.", _shows)
def local_memory_culls_over_300_entries(store: Any, place: Place) -> Any:
    right = store._insert

    def _insert(task: Task) -> None:
        right(task)
        if len(store._tasks) > 300:
            for known in sorted(store._tasks.values(), key=lambda one: one.task_id)[::3]:
                if known.task_id != task.task_id:
                    store._remove(known)

    store._insert = _insert
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        task = await store.create_task(request())
        text = "cutting 🎬 clip 2"
        return (await store.update_task_status(task.task_id, A, current_step=text)).current_step != text


@fault("VAL-09", "memory", "As MySQL's three-byte utf8: a text of an update ends before its first character beyond U+FFFF.", _shows)
def texts_end_at_first_four_byte_character(store: Any, place: Place) -> Any:
    right = store._apply

    def cut(text: Any) -> Any:
        at = next((i for i, c in enumerate(text) if ord(c) > 0xFFFF), None) if isinstance(text, str) else None
        return text if at is None else text[:at]

    async def _apply(task_id: str, change: Any) -> Task:
        return await right(task_id, change._replace(**{f: cut(getattr(change, f)) for f in change._fields[2:]}))

    store._apply = _apply
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        task = await store.create_task(request())
        await store.update_task_status(task.task_id, F, error_message="boom", error_traceback="x" * 20_000)
        page = await store.list_tasks()
        return page.tasks[0] != await store.get_task(task.task_id)


@fault("LIFE-03", "memory", "A listing abbreviates tracebacks of more than 10,000 characters; get_task gives them whole.", _shows)
def listing_abbreviates_long_tracebacks(store: Any, place: Place) -> Any:
    right = store.list_tasks

    async def list_tasks(status: Any = None, limit: Any = 50, offset: Any = 0, *, after: Any = None) -> TaskPage:
        page = await right(status, limit, offset, after=after)
        short = tuple(
            task.model_copy(update={"error_traceback": task.error_traceback[:10_000]})
            if task.error_traceback and len(task.error_traceback) > 10_000
            else task
            for task in page.tasks
        )
        return page.model_copy(update={"tasks": short})

    store.list_tasks = list_tasks
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        await store.create_task(request(), task_id="Job-A")
        return not await gone(store.get_task("job-a"))


@fault("ID-03", "memory", "As a case-insensitive collation: an id in other letter case finds, updates and cancels the task.", _shows)
def ids_match_in_any_letter_case(store: Any, place: Place) -> Any:
    right, apply = store._live, store._apply

    def real(task_id: str) -> str:
        if task_id in store._tasks:
            return task_id
        return next((known for known in store._tasks if known.lower() == task_id.lower()), task_id)

    store._live = lambda task_id: right(real(task_id))

    async def _apply(task_id: str, change: Any) -> Task:
        return await apply(real(task_id), change)

    store._apply = _apply
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        await store.create_task(request({"fast": 1}), task_id="same")
        return not await raises(TaskExists, store.create_task(request({"fast": True}), task_id="same"))


@fault("ID-06", "memory", "Requests are compared with Python's ==, so configs that differ as 1, 1.0 and true differ count as the same.", _shows)
def same_request_by_python_equality(store: Any, place: Place) -> Any:
    right = store.create_task

    async def create_task(request: Any, *, task_id: Any = None) -> Task:
        try:
            return await right(request, task_id=task_id)
        except TaskExists:
            known = await store.get_task(task_id)
            if known.video_ids == request.video_ids and known.metadata == {
                "webhook_url": request.webhook_url,
                "config": request.config,
            }:
                return known
            raise

    store.create_task = create_task
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        await store.create_task(request(), task_id="once")
        changed = await store.update_task_status("once", A, progress=10)
        return await store.create_task(request(), task_id="once") != changed


@fault("ID-06", "memory", "As an idempotency key that replays its first answer: a repeated create returns the task as it was created.", _shows)
def repeated_create_replays_first_answer(store: Any, place: Place) -> Any:
    right, answers = store.create_task, {}

    async def create_task(request: Any, *, task_id: Any = None) -> Task:
        task = await right(request, task_id=task_id)
        first = answers.get(task.task_id)
        if first is None or first.created_at != task.created_at:
            first = answers[task.task_id] = task
        return first

    store.create_task = create_task
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        await store.restore(old_task("a", C))
        before = (OLD + timedelta(hours=1)).astimezone(timezone(timedelta(hours=-5)))
        return await store.purge(before) != 1


@fault("MAINT-01", "memory", "purge takes the wall clock of its argument for UTC, so a moment in another time zone is hours off.", _shows)
def purge_drops_time_zone(store: Any, place: Place) -> Any:
    right = store.purge

    async def purge(before: Any) -> int:
        return await right(check_moment(before) and before.replace(tzinfo=UTC))

    store.purge = purge
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        for at in range(1_001):
            await store.restore(old_task(f"t{at}", C))
        await store.purge(OLD + DAY)
        return (await store.list_tasks()).total != 0


@fault("MAINT-01", "memory", "As a clean with a default limit: purge removes at most 1,000 tasks in a call.", _shows)
def purge_stops_at_a_thousand(store: Any, place: Place) -> Any:
    async def purge(before: Any) -> int:
        store._check_open()
        moment = check_moment(before)
        older = store._finished.irange(maximum=(moment, ""), inclusive=(True, False))
        old = [store._tasks[task_id] for _, task_id in islice(older, 1_000)]
        for task in old:
            store._remove(task)
        return len(old)

    store.purge = purge
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        for at in range(12):
            await store.restore(old_task(f"t{at:02}", F if at % 2 else P))
        page = await store.list_tasks(F, 2, 2)
        return [task.task_id for task in page.tasks] != ["t07", "t05"]


@fault("LIST-03", "memory", "With a status, the offset skips tasks of any status, and the filter is applied to those that are left.", _shows)
def offset_skips_before_filter(store: Any, place: Place) -> Any:
    right = store.list_tasks

    async def list_tasks(status: Any = None, limit: Any = 50, offset: Any = 0, *, after: Any = None) -> TaskPage:
        page = await right(status, limit, offset, after=after)
        if status is None or not offset:
            return page
        rows = [task for task in (await all_rows(right, None))[offset:] if task.status == status]
        return page.model_copy(update={"tasks": tuple(rows[:limit])})

    store.list_tasks = list_tasks
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        for at in range(6):
            await store.restore(old_task(f"t{at}", C, OLD + at * DAY))
        page = await store.list_tasks(limit=5)
        await store.purge(OLD + 2 * DAY)  # the last of the page is gone, and the next one too
        rest = await store.list_tasks(limit=5, after=page.next)
        return len(rest.tasks) != 0


@fault("LIST-12", "memory", "A cursor whose task was purged meanwhile starts again at the first page.", _shows)
def cursor_of_a_purged_task_restarts(store: Any, place: Place) -> Any:
    right = store.list_tasks

    async def list_tasks(status: Any = None, limit: Any = 50, offset: Any = 0, *, after: Any = None) -> TaskPage:
        found = check_page(limit, offset, after)
        if found and found[1] not in store._tasks:
            after = None
        return await right(status, limit, offset, after=after)

    store.list_tasks = list_tasks
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        for at in range(5):
            await store.create_task(request(), task_id=f"v1.{at}")
        try:
            return sorted(await walk(store, limit=2)) != [f"v1.{at}" for at in range(5)]
        except InvalidArgument:
            return True


@fault("LIST-12", "memory", "A cursor is split at its last dot, so one that names an id with a dot in it is refused as malformed.", _shows)
def cursor_split_at_last_dot(store: Any, place: Place) -> Any:
    right = store.list_tasks

    async def list_tasks(status: Any = None, limit: Any = 50, offset: Any = 0, *, after: Any = None) -> TaskPage:
        if isinstance(after, str) and not after.rpartition(".")[0].removeprefix("-").isdecimal():
            raise InvalidArgument("after", "must be the `next` of a page")
        return await right(status, limit, offset, after=after)

    store.list_tasks = list_tasks
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        for task_id in ("alpha", "Beta", "gamma"):
            await store.restore(old_task(task_id))
        return [task.task_id for task in (await store.list_tasks()).tasks] != ["gamma", "alpha", "Beta"]


@fault("LIST-01", "memory", "As a collation of a locale: tasks of the same moment are in order of their ids without regard to letter case.", _shows)
def ties_in_order_of_a_locale(store: Any, place: Place) -> Any:
    right = store.list_tasks

    def key(moment: datetime, task_id: str) -> Any:
        return moment, task_id.casefold(), task_id

    async def list_tasks(status: Any = None, limit: Any = 50, offset: Any = 0, *, after: Any = None) -> TaskPage:
        page = await right(status, limit, offset, after=after)
        found = check_page(limit, offset, after)
        rows = sorted(await all_rows(right, status), key=lambda task: key(task.created_at, task.task_id), reverse=True)
        if found:
            place = key(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=found[0]), found[1])
            rows = [task for task in rows if key(task.created_at, task.task_id) < place]
        tasks = tuple(rows[offset : offset + limit])
        more = bool(tasks) and offset + limit < len(rows)
        following = f"{microseconds(tasks[-1].created_at)}.{tasks[-1].task_id}" if more else None
        return page.model_copy(update={"tasks": tasks, "next": following})

    store.list_tasks = list_tasks
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        task = await store.create_task(request())
        await store.update_task_status(task.task_id, A, progress=7)
        return task.status is not P or task.progress != 0


@fault("VAL-02", "memory", "An update changes the task object in place, so a task that was returned earlier changes too.", _shows)
def update_changes_returned_task(store: Any, place: Place) -> Any:
    right = store._apply

    async def _apply(task_id: str, change: Any) -> Task:
        old = store._tasks.get(task_id)
        changed = await right(task_id, change)
        if changed is not old:
            vars(old).update(vars(changed))
            store._tasks[task_id] = old
        return old

    store._apply = _apply
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        task = await store.create_task(request())
        for at in range(12):
            await store.update_task_status(task.task_id, A, current_step=f"step {at}")
        return (await store.get_task(task.task_id)).current_step != "step 11"


@fault("ATOM-01", "memory", "Versions of a task are compared as text, so after its ninth every later update counts as stale and is dropped.", _shows)
def tenth_version_is_less_than_ninth(store: Any, place: Place) -> Any:
    right, versions = store._apply, {}

    async def _apply(task_id: str, change: Any) -> Task:
        old = store._tasks.get(task_id)
        version = versions.get(task_id, 1)
        if old is not None and not old.status.is_final and str(version + 1) < str(version):
            return store._live(task_id)
        changed = await right(task_id, change)
        if changed is not old:
            versions[task_id] = version + 1
        return changed

    store._apply = _apply
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        task = await store.create_task(request())
        one, other = (asyncio.create_task(store.get_task(task.task_id)) for _ in range(2))
        await asyncio.sleep(0)
        one.cancel()
        await asyncio.wait({one, other})
        return other.cancelled() or other.exception() is not None


@fault("ATOM-06", "memory", "Concurrent gets of one task share one look-up, and cancelling one of them cancels them all.", _shows)
def shared_lookup_is_cancelled_for_all(store: Any, place: Place) -> Any:
    right, flights = store.get_task, {}

    async def look_up(task_id: str) -> Task:
        try:
            for _ in range(3):
                await asyncio.sleep(0)
            return await right(task_id)
        finally:
            flights.pop(task_id, None)

    async def get_task(task_id: str) -> Task:
        store._check_open()
        task_id = check_task_id(task_id)
        if task_id not in flights:
            flights[task_id] = asyncio.create_task(look_up(task_id))
            flights[task_id].add_done_callback(lambda done: flights.pop(task_id, None) if done.cancelled() else None)
        return await flights[task_id]

    store.get_task = get_task
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        task = await store.create_task(request())
        results = await asyncio.gather(
            store.cancel_task(task.task_id), store.update_task_status(task.task_id, C), return_exceptions=True
        )
        return sum(isinstance(one, TaskFinal) for one in results) != 1


@fault("ATOM-02", "memory", "cancel_task checks the status, lets others run, and then cancels even what was completed meanwhile.", _shows)
def cancel_checks_before_it_waits(store: Any, place: Place) -> Any:
    right = store.cancel_task

    async def cancel_task(task_id: str) -> Task:
        store._check_open()
        task = store._live(check_task_id(task_id))
        if task.status.is_final:
            return await right(task_id)
        await asyncio.sleep(0)
        current = store._live(task.task_id)
        if not current.status.is_final:
            return await right(task_id)
        now = max(store._now(), current.updated_at)
        changed = current.model_copy(update={"status": X, "updated_at": now, "completed_at": now})
        store._remove(current)
        store._insert(changed)
        return changed

    store.cancel_task = cancel_task
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        ahead = datetime(2190, 1, 2, 3, 4, 5, 6, UTC)
        await store.restore(old_task("t", A, updated_at=ahead))
        return (await store.update_task_status("t", A, progress=5)).updated_at < ahead


@fault("LIFE-17", "memory", "An update takes the time of this machine, also for a task restored from one whose clock was ahead: updated_at goes back.", _shows)
def clock_behind_a_restored_task(store: Any, place: Place) -> Any:
    right = store._apply

    async def _apply(task_id: str, change: Any) -> Task:
        old = store._tasks.get(task_id)
        task = await right(task_id, change)
        now = max(store._now(), task.created_at)
        if task is old or task.updated_at <= now:
            return task
        fixed = task.model_copy(update={"updated_at": now, "completed_at": now if task.completed_at else None})
        if task.completed_at:
            store._finished.remove((task.completed_at, task_id))
            store._finished.add((now, task_id))
        store._tasks[task_id] = fixed
        return fixed

    store._apply = _apply
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        number = -(10**4300 - 1)
        try:
            return (await store.create_task(request({"n": number}))).metadata["config"] != {"n": number}
        except InvalidArgument:
            return True


@fault("VAL-06", "memory", "The sign counts as a digit: a negative integer of 4,300 digits in a config is refused.", _shows)
def minus_sign_counts_as_digit(store: Any, place: Place) -> Any:
    right, least = store.create_task, -(10**4299)

    def holds(value: Any) -> bool:
        if isinstance(value, dict | list):
            return any(map(holds, value.values() if isinstance(value, dict) else value))
        return type(value) is int and value <= least

    async def create_task(request: Any, *, task_id: Any = None) -> Task:
        task = None
        if isinstance(request, TaskCreateRequest) and type(getattr(request, "config", None)) is dict:
            try:
                bad = holds(request.config)
            except RecursionError:
                bad = False
            if bad:
                store._check_open()
                raise InvalidArgument("config", "holds an integer of more than 4,300 digits")
        task = await right(request, task_id=task_id)
        return task

    store.create_task = create_task
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        await store.create_task(request())
    async with o.open() as store:
        return (await store.list_tasks()).total != 0


@fault("DUR-03", "memory", "The dictionaries are attributes of the class, so every memory store of the process has the tasks of the others.", _shows)
def tasks_are_attributes_of_the_class(store: Any, place: Place) -> Any:
    for name in ("_tasks", "_created", "_created_by_status", "_finished", "_deadline_of", "_deadlines"):
        setattr(store, name, place.state.setdefault(name, getattr(store, name)))
    return store


_decode_once = lru_cache(maxsize=1024)(decode)


class _CachedTask(Task):
    @computed_field  # type: ignore[prop-decorator]
    @property
    def metadata(self) -> dict[str, Any]:
        return _decode_once(self.metadata_json)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Task) and vars(self) == vars(other)

    __hash__ = Task.__hash__


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        task = await store.create_task(request({"clips": [secrets.token_hex(8)]}))
        task.metadata["config"]["clips"].append("mine")
        return len((await store.get_task(task.task_id)).metadata["config"]["clips"]) != 1


@fault("VAL-02", "memory", "An lru_cache stands before the decoder of metadata, so a config that a caller changes is changed for all who read it.", _shows)
def decoded_metadata_is_cached(store: Any, place: Place) -> Any:
    def cached(task: Task) -> Task:
        made = task.model_copy()
        object.__setattr__(made, "__class__", _CachedTask)
        return made

    def over(name: str) -> None:
        right = getattr(store, name)

        async def call(*args: Any, **named: Any) -> Any:
            result = await right(*args, **named)
            if isinstance(result, TaskPage):
                return result.model_copy(update={"tasks": tuple(map(cached, result.tasks))})
            return cached(result)

        setattr(store, name, call)

    for name in OPERATIONS[:5]:
        over(name)
    return store


# == memory that expires ===================================================================================================


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        await store.create_task(request(), task_id="t")
        await advance(o, 5 * DAY)
        await store.create_task(request(), task_id="t")
        await advance(o, 3 * DAY)
        return not await gone(store.get_task("t"))


@fault("ID-06", "memory-expiring", "Repeating a create under the id of a live task renews its lifetime, though nothing is to be written.", _shows)
def repeated_create_renews_lifetime(store: Any, place: Place) -> Any:
    right = store.create_task

    async def create_task(request: Any, *, task_id: Any = None) -> Task:
        task = await right(request, task_id=task_id)
        store._renew(task.task_id)
        return task

    store.create_task = create_task
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        await store.create_task(request(), task_id="t")
        await store.update_task_status("t", C)
        await advance(o, 5 * DAY)
        await raises(TaskFinal, store.cancel_task("t"))
        await advance(o, 3 * DAY)
        return not await gone(store.get_task("t"))


@fault("LIFE-14", "memory-expiring", "A task is touched before it is checked: an update or cancel that is refused as TaskFinal renews its lifetime.", _shows)
def refused_write_renews_lifetime(store: Any, place: Place) -> Any:
    right = store._apply

    async def _apply(task_id: str, change: Any) -> Task:
        try:
            return await right(task_id, change)
        except TaskFinal:
            store._renew(task_id)
            raise

    store._apply = _apply
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        await store.restore(old_task("t", C))
        return await gone(store.get_task("t"))


@fault("MAINT-02", "memory-expiring", "A restored task lives seven days from its updated_at, so an old one is gone as soon as it is migrated.", _shows)
def restored_lifetime_from_last_update(store: Any, place: Place) -> Any:
    right = store.restore

    async def restore(task: Any) -> None:
        await right(task)
        known = store._tasks[task.task_id]
        set_deadline(store, task.task_id, microseconds(known.updated_at) // 1_000 + store._lifetime_ms)

    store.restore = restore
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        await store.create_task(request(), task_id="t")
        await store.update_task_status("t", C)
        await advance(o, 2 * DAY)
        return await gone(store.get_task("t"))


@fault("EXP-01", "memory-expiring", "As a result_ttl of its own: a task that was completed is gone after one day.", _shows)
def completed_tasks_live_one_day(store: Any, place: Place) -> Any:
    right = store._apply

    async def _apply(task_id: str, change: Any) -> Task:
        old = store._tasks.get(task_id)
        task = await right(task_id, change)
        if task is not old and task.status is C:
            set_deadline(store, task_id, store._now_ms() + 86_400_000)
        return task

    store._apply = _apply
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        for at in range(250):
            await store.create_task(request(), task_id=f"t{at:03}")
        await advance(o, 8 * DAY)
        return not await gone(store.update_task_status("t249", A))


@fault("ATOM-03", "memory-expiring", "An update trusts its sweep: where more than a hundred tasks are due at once, one that was not yet swept comes back to life.", _shows)
def unswept_task_comes_back(store: Any, place: Place) -> Any:
    right = store._apply

    async def _apply(task_id: str, change: Any) -> Task:
        store._sweep(100)
        if task_id in store._tasks and store._is_due(task_id):
            store._renew(task_id)
        return await right(task_id, change)

    store._apply = _apply
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        await store.create_task(request(), task_id="t")
        await store.update_task_status("t", A)
        await advance(o, 5 * DAY)
        await store.update_task_status("t", A, progress=50)
        await advance(o, 3 * DAY)
        return await gone(store.get_task("t"))


@fault("EXP-03", "memory-expiring", "Only a change of status renews the lifetime: an update that reports progress in the same status does not.", _shows)
def progress_does_not_renew_lifetime(store: Any, place: Place) -> Any:
    right = store._apply

    async def _apply(task_id: str, change: Any) -> Task:
        old, deadline = store._tasks.get(task_id), store._deadline_of.get(task_id)
        task = await right(task_id, change)
        if old is not None and task is not old and task.status is old.status:
            set_deadline(store, task_id, deadline)
        return task

    store._apply = _apply
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        await store.create_task(request())
        await advance(o, 8 * DAY)
        return (await store.list_tasks()).total != 0


@fault("EXP-01", "memory-expiring", "A listing counts before it cleans up: the first one after tasks expired still has them in its total.", _shows)
def total_is_counted_before_cleanup(store: Any, place: Place) -> Any:
    right = store.list_tasks

    async def list_tasks(status: Any = None, limit: Any = 50, offset: Any = 0, *, after: Any = None) -> TaskPage:
        counts = {None: len(store._created), **{one: len(index) for one, index in store._created_by_status.items()}}
        due = bool(store._deadlines) and store._deadlines[0][0] < store._now_ms()
        page = await right(status, limit, offset, after=after)
        return page.model_copy(update={"total": counts[status]}) if due else page

    store.list_tasks = list_tasks
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        await store.create_task(request(), task_id="t")
        await advance(o, 7 * DAY + timedelta(seconds=5))
        return not await gone(store.get_task("t"))


@fault("EXP-01", "memory-expiring", "As a race_condition_ttl: get_task still returns a task for thirty seconds after its lifetime ended.", _shows)
def expired_task_served_for_thirty_seconds(store: Any, place: Place) -> Any:
    right = store.get_task

    async def get_task(task_id: str) -> Task:
        try:
            return await right(task_id)
        except TaskNotFound:
            if task_id in store._tasks and store._now_ms() < store._deadline_of[task_id] + 30_000:
                return store._tasks[task_id]
            raise

    store.get_task = get_task
    return store


# == Redis =================================================================================================================


async def _shows(o: Opener) -> bool:
    async with o.open() as one, o.open() as other:
        await gone(one.get_task("t"))
        await other.create_task(request(), task_id="t")
        return await gone(one.get_task("t"))


@fault("SHARE-01", "redis", "An instance remembers ids that it did not find, and does not find the task when another instance has created it.", _shows)
def absence_is_cached(store: Any, place: Place) -> Any:
    right, create, restore_right, missing = store.get_task, store.create_task, store.restore, set()

    async def get_task(task_id: str) -> Task:
        store._check_open()
        if check_task_id(task_id) in missing:
            raise TaskNotFound(task_id)
        try:
            return await right(task_id)
        except TaskNotFound:
            missing.add(task_id)
            raise

    async def create_task(request: Any, *, task_id: Any = None) -> Task:
        task = await create(request, task_id=task_id)
        missing.discard(task.task_id)
        return task

    async def restore(task: Any) -> None:
        await restore_right(task)
        missing.discard(task.task_id)

    store.get_task, store.create_task, store.restore = get_task, create_task, restore
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as one, o.open() as other:
        await one.restore(old_task("t", C))
        await one.get_task("t")
        await other.purge(OLD + DAY)
        return not await gone(one.get_task("t"))


@fault("SHARE-01", "redis", "As Celery's result cache: an instance keeps final tasks, since they never change, and returns one that another instance purged.", _shows)
def final_tasks_are_cached_for_ever(store: Any, place: Place) -> Any:
    right, purge_right, create, known = store.get_task, store.purge, store.create_task, {}

    async def get_task(task_id: str) -> Task:
        store._check_open()
        task_id = check_task_id(task_id)
        if task_id not in known:
            task = await right(task_id)
            if not task.status.is_final:
                return task
            known[task_id] = task
        return known[task_id]

    async def purge(before: Any) -> int:
        known.clear()
        return await purge_right(before)

    async def create_task(request: Any, *, task_id: Any = None) -> Task:
        task = await create(request, task_id=task_id)
        known.pop(task.task_id, None)
        return task

    store.get_task, store.purge, store.create_task = get_task, purge, create_task
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        await store.create_task(request(), task_id="t")
        await advance(o, 5 * DAY)
        await store.update_task_status("t", A)
        await advance(o, 3 * DAY)
        return (await store.list_tasks()).total != 1


@fault("EXP-03", "redis", "The deadline is entered with ZADD NX, so an update does not renew it: a listing removes the task seven days after its creation.", _shows)
def deadline_is_entered_only_once(store: Any, place: Place) -> Any:
    return relua(store, "{'ZADD', DEADLINES, deadline, id}", "{'ZADD', DEADLINES, 'NX', deadline, id}", "INSERT", "UPDATE")


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        for at in range(5):
            await store.restore(old_task(f"t{at}"))
        page = await store.list_tasks(P, 2)
        await store.cancel_task("t3")
        rest = await store.list_tasks(P, 9, after=page.next)
        return [task.task_id for task in rest.tasks] != ["t2", "t1", "t0"]


@fault("LIST-12", "redis", "A cursor whose task has left the filter goes by its microsecond alone: tasks of that microsecond come a second time.", _shows)
def cursor_of_a_moved_task_forgets_ties(store: Any, place: Place) -> Any:
    return relua(store, "while low < high do", "while false do", "LIST")


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        task = await store.create_task(request({"clips": [], "n": 1}))
        task = await store.update_task_status(task.task_id, A)
        return task.metadata["config"]["clips"] != []


@fault("VAL-01", "redis", "As cjson in a script: an empty list in a config comes back as an empty object after the first update.", _shows)
def empty_list_becomes_object(store: Any, place: Place) -> Any:
    return relua(
        store,
        ".. string.sub(record, rest)",
        ".. string.sub(record, rest, -(#metadata + 3)) .. string.gsub(metadata, ':%[%]', ':{}') .. '\\n}'",
        "UPDATE",
    )


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        task = await store.create_task(request())
        results = await asyncio.gather(*(store.get_task(task.task_id) for _ in range(200)), return_exceptions=True)
        return any(isinstance(one, TaskStoreError) for one in results)


@fault("ATOM-06", "redis", "As a connection pool with max_connections: the 101st call at the same time raises StoreUnavailable instead of waiting.", _shows)
def more_than_a_hundred_calls_fail(store: Any, place: Place) -> Any:
    under_way = 0

    def over(name: str) -> None:
        right = getattr(store, name)

        async def call(*args: Any, **named: Any) -> Any:
            nonlocal under_way
            if under_way >= 100:
                raise StoreUnavailable(store._server.address, FailureKind.BUSY, False, "Too many connections")
            under_way += 1
            try:
                return await right(*args, **named)
            finally:
                under_way -= 1

        setattr(store, name, call)

    for name in OPERATIONS:
        over(name)
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        for task_id in ("mine", "yours"):
            await store.create_task(request(), task_id=task_id)
        call = asyncio.create_task(store.get_task("mine"))
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait({call})
        return (await store.get_task("yours")).task_id != "yours"


@fault("ATOM-06", "redis", "As redis-py in March 2023: a get that is cancelled leaves its reply on the connection, and every later get gets that of the one before.", _shows)
def reply_of_a_cancelled_get_goes_to_the_next(store: Any, place: Place) -> Any:
    right, left = store.get_task, []

    async def get_task(task_id: str) -> Task:
        store._check_open()
        mine = asyncio.ensure_future(right(check_task_id(task_id)))
        mine.add_done_callback(lambda done: done.cancelled() or done.exception())
        left.append(mine)
        first = left.pop(0)
        try:
            return await asyncio.shield(first)
        except asyncio.CancelledError:
            left.insert(0, first)
            raise

    store.get_task = get_task
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        task = old_task("t", at=OLD.replace(microsecond=0))
        await store.restore(task)
        try:
            return await store.get_task("t") != task
        except RecordUnreadable:
            return True


@fault("MAINT-02", "redis", "restore writes times with isoformat(), which leaves out a fraction of zero: a task of a whole second cannot be read afterwards.", _shows)
def whole_second_written_without_fraction(store: Any, place: Place) -> Any:
    right = store._insert

    async def _insert(task_id: str, status: Any, *form: Any) -> Any:
        times = '\n,"updated_at"'
        fixed = [
            part.replace('.000000Z"', 'Z"') if isinstance(part, str) and part.startswith(times) else part for part in form
        ]
        return await right(task_id, status, *fixed)

    store._insert = _insert
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        await store.create_task(request(), task_id="t")
        for step in range(2):
            await advance(o, 6 * DAY)
            await store.update_task_status("t", A, progress=step + 1)
        await advance(o, 3 * DAY)
        return (await store.list_tasks()).total != 1


@fault("EXP-01", "redis", "The lifetime of the indexes is set when they are made and never renewed: after 14 days live tasks are missing in listings.", _shows)
def indexes_expire_before_their_tasks(store: Any, place: Place) -> Any:
    return relua(store, "if left < tonumber(lifetime_ms) then", "if left < 0 then", "INSERT", "UPDATE")


async def _shows(o: Opener) -> bool:
    async with o.open() as one, o.open() as other:
        for _ in range(5):
            task = await one.create_task(request())
            await asyncio.gather(
                one.update_task_status(task.task_id, A, current_step="cut"),
                other.update_task_status(task.task_id, A, result_url="http://x/y"),
            )
            now = await one.get_task(task.task_id)
            if (now.current_step, now.result_url) != ("cut", "http://x/y"):
                return True
        return False


@fault("ATOM-01", "redis", "As an ORM's save() of every column: an update reads the task and writes its other fields back, over those of a concurrent update.", _shows)
def update_writes_back_what_it_read(store: Any, place: Place) -> Any:
    right, get = store.update_task_status, store.get_task

    async def update_task_status(
        task_id: str, status: Any, progress: Any = None, current_step: Any = None, result_url: Any = None,
        error_message: Any = None, error_traceback: Any = None,
    ) -> Task:  # fmt: skip
        store._check_open()
        change = check_change(status, progress, current_step, result_url, error_message, error_traceback)
        task = await get(task_id)
        return await right(
            task_id,
            change.status,
            task.progress if change.progress is None else change.progress,
            task.current_step if current_step is None else current_step,
            task.result_url if result_url is None else result_url,
            error_message,
            error_traceback,
        )

    store.update_task_status = update_task_status
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as one, o.open() as other:
        await one.create_task(request(), task_id="t")
        await one.update_task_status("t", C, result_url="http://x/y")
        return await raises(TaskFinal, other.update_task_status("t", C, result_url="http://x/y"))


@fault("LIFE-12", "redis", "Each instance remembers the final writes that it made itself: a repetition by another instance, or after reopening, raises TaskFinal.", _shows)
def final_write_is_repeated_only_by_its_instance(store: Any, place: Place) -> Any:
    right, made = store._apply, {}

    async def _apply(task_id: str, change: Any) -> Task:
        if made.get(task_id) == change:
            return await right(task_id, change)
        try:
            known = await store.get_task(task_id)
        except TaskStoreError:
            return await right(task_id, change)
        if known.status.is_final:
            raise TaskFinal(task_id, known.status)
        task = await right(task_id, change)
        if task.status.is_final:
            made[task_id] = change
        return task

    store._apply = _apply
    return store


async def _shows(o: Opener) -> bool:
    async with o.open() as store:
        task = await store.create_task(request())
        task = await store.update_task_status(task.task_id, F, error_message="boom")
        return await store.purge(task.completed_at + timedelta(seconds=1)) != 1


@fault("MAINT-01", "redis", "A task that an update made `failed` is not entered in the index of finished tasks, so purge never removes it.", _shows)
def purge_never_sees_failed_tasks(store: Any, place: Place) -> Any:
    step = "then steps[#steps + 1] = {'ZADD', FINISHED, written_us, id} end"
    return relua(store, f"if FINAL[status] {step}", f"if FINAL[status] and status ~= 'failed' {step}", "UPDATE")


# == right all the same ====================================================================================================


def _with_id(store: Any, make: Callable[[], str]) -> Any:
    right = store.create_task

    async def create_task(request: Any, *, task_id: Any = None) -> Task:
        return await right(request, task_id=make() if task_id is None else task_id)

    store.create_task = create_task
    return store


@variant("memory", "New ids have 48 random hexadecimal digits.")
def longer_ids(store: Any, place: Place) -> Any:
    return _with_id(store, lambda: f"task_{secrets.token_hex(24)}")


@variant("redis", "The hexadecimal digits of new ids are in upper case.")
def upper_case_ids(store: Any, place: Place) -> Any:
    return _with_id(store, lambda: f"task_{secrets.token_hex(16).upper()}")


def _after(store: Any, then: Callable[[Any], Awaitable[Any]]) -> Any:
    def over(name: str) -> None:
        right = getattr(store, name)

        async def call(*args: Any, **named: Any) -> Any:
            return await then(await right(*args, **named))

        setattr(store, name, call)

    for name in OPERATIONS:
        over(name)
    return store


@variant("redis", "Every operation lets others run several times between its effect and its answer.")
def lets_others_run_before_it_answers(store: Any, place: Place) -> Any:
    async def then(result: Any) -> Any:
        for _ in range(5):
            await asyncio.sleep(0)
        return result

    return _after(store, then)


@variant("memory", "Every task that is returned is a deep copy, made for this call.")
def returns_deep_copies(store: Any, place: Place) -> Any:
    async def then(result: Any) -> Any:
        if isinstance(result, TaskPage):
            return result.model_copy(update={"tasks": tuple(task.model_copy(deep=True) for task in result.tasks)})
        return result.model_copy(deep=True) if isinstance(result, Task) else result

    return _after(store, then)


@variant("memory-expiring", "get_task answers from a cache that every other call empties, and that knows when its tasks expire.")
def cache_that_is_kept_right(store: Any, place: Place) -> Any:
    right, cache = store.get_task, {}

    def over(name: str) -> None:
        other = getattr(store, name)

        async def call(*args: Any, **named: Any) -> Any:
            try:
                return await other(*args, **named)
            finally:
                cache.clear()

        setattr(store, name, call)

    for name in OPERATIONS:
        if name != "get_task":
            over(name)
    apply, insert, remove = store._apply, store._insert, store._remove

    async def _apply(task_id: str, change: Any) -> Task:
        cache.pop(task_id, None)
        return await apply(task_id, change)

    def _insert(task: Task) -> None:
        cache.pop(task.task_id, None)
        insert(task)

    def _remove(task: Task) -> None:
        cache.pop(task.task_id, None)
        remove(task)

    async def get_task(task_id: str) -> Task:
        store._check_open()
        task, deadline = cache.get(check_task_id(task_id), (None, 0))
        if task is not None and store._now_ms() <= deadline:
            return task
        task = await right(task_id)
        if store._lifetime_ms is not None:
            cache[task.task_id] = task, store._deadline_of[task.task_id]
        return task

    store._apply, store._insert, store._remove, store.get_task = _apply, _insert, _remove, get_task
    return store


class TaskGone(TaskNotFound):
    """A kind of TaskNotFound."""


class TaskIsFinal(TaskFinal):
    """A kind of TaskFinal."""


@variant("memory", "TaskNotFound and TaskFinal are raised as subclasses of theirs, with the same facts.")
def raises_subclasses(store: Any, place: Place) -> Any:
    def over(name: str) -> None:
        right = getattr(store, name)

        async def call(*args: Any, **named: Any) -> Any:
            try:
                return await right(*args, **named)
            except TaskNotFound as error:
                raise TaskGone(error.task_id) from error
            except TaskFinal as error:
                raise TaskIsFinal(error.task_id, error.status) from error

        setattr(store, name, call)

    for name in ("get_task", "update_task_status", "cancel_task"):
        over(name)
    return store


@variant("memory-expiring", "Every read removes all expired tasks first, not only listings and a hundred at each write.")
def reads_clean_up_too(store: Any, place: Place) -> Any:
    right = store.get_task

    async def get_task(task_id: str) -> Task:
        store._check_open()
        while store._sweep(1_000):
            pass
        return await right(task_id)

    store.get_task = get_task
    return store


class _OneAtATime(Proxy):
    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self._lock = asyncio.Lock()


def _locked(name: str) -> Any:
    async def call(self: Any, *args: Any, **named: Any) -> Any:
        self._store._check_open()
        async with self._lock:
            return await getattr(self._store, name)(*args, **named)

    call.__name__ = name
    return call


for _name in OPERATIONS:
    setattr(_OneAtATime, _name, _locked(_name))


@variant("redis", "A lock lets one call of an instance through at a time.")
def one_call_at_a_time(store: Any, place: Place) -> Any:
    return _OneAtATime(store)


@variant("memory", "purge removes the latest of the old tasks first, ten at a time, and lets others run in between.")
def purges_backwards(store: Any, place: Place) -> Any:
    async def purge(before: Any) -> int:
        store._check_open()
        moment, removed = check_moment(before), 0
        while True:
            older = store._finished.irange(maximum=(moment, ""), inclusive=(True, False), reverse=True)
            old = [store._tasks[task_id] for _, task_id in islice(older, 10)]
            for task in old:
                store._remove(task)
            removed += len(old)
            if len(old) < 10:
                return removed
            await asyncio.sleep(0)

    store.purge = purge
    return store


@variant("memory", "The keys of a new config are kept in sorted order, as jsonb would; it is equal to the one that was given.")
def sorts_keys_of_config(store: Any, place: Place) -> Any:
    right = store.create_task

    async def create_task(request: Any, *, task_id: Any = None) -> Task:
        config = vars(request).get("config") if isinstance(request, TaskCreateRequest) else None
        if type(config) is dict and all(type(key) is str for key in config):
            request = request.model_copy(update={"config": {key: config[key] for key in sorted(config)}})
        return await right(request, task_id=task_id)

    store.create_task = create_task
    return store


assert len(FAULTS) == 40 and len(VARIANTS) == 10, (len(FAULTS), len(VARIANTS))
assert len({one.name for one in FAULTS + VARIANTS}) == 50
