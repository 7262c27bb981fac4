"""A store with other names: what is done by its adapter, what is seen through it, and what an adapter hides."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from conformance import Harness
from conformance.compare.search import Search
from conformance.engine.finding import Coverage
from conformance.engine.scenario import Action, Scenario
from conformance.suite import run
from conformance.tasks.adapter import Adapter, Call, Raise
from conformance.tasks.calibration import calibrate
from conformance.tasks.calls import Id, create, get, listing, update
from conformance.tasks.contract import play
from taskstore import Task, TaskCreateRequest, TaskFinal, TaskNotFound, TaskStatus

ALL = {name: name for name in ("create_task", "get_task", "list_tasks", "update_task_status", "cancel_task")}


class State(Enum):
    """The store's own statuses."""

    QUEUED, RUNNING, DONE, BROKEN, STOPPED = range(5)


@dataclass
class Job:
    key: str
    videos: list[str]
    options: dict[str, Any] | None
    hook: str | None
    made: datetime
    changed: datetime
    state: State = State.QUEUED
    percent: int = 0
    step: str = ""
    url: str | None = None
    message: str | None = None
    trace: str | None = None
    ended: datetime | None = None


class JobOverError(Exception):
    def __init__(self, state: State) -> None:
        self.state = state


class Jobs:
    """A dictionary of live objects whose times have no zone, with methods that are not coroutine functions."""

    def __init__(self, now: Callable[[], datetime] = datetime.now) -> None:
        self._jobs: dict[str, Job] = {}
        self._now = now

    def submit(self, videos: tuple[str, ...], options: Any = None, hook: str | None = None) -> Job:
        now, key = self._now(), f"task_{len(self._jobs):032x}"
        return self._jobs.setdefault(key, Job(key, list(videos), options, hook, now, now))

    def fetch(self, key: str) -> Job | None:
        return self._jobs.get(key)

    def move(self, key: str, state: State, **changes: Any) -> Job:
        job = self._jobs[key]
        if job.ended:
            raise JobOverError(job.state)
        job.state, job.changed = state, self._now()
        vars(job).update(changes)
        if state in (State.DONE, State.BROKEN, State.STOPPED):
            job.ended = job.changed
        if state is State.DONE:
            job.percent = 100
        return job

    def recent(self, state: State | None = None, count: int = 10, skip: int = 0) -> tuple[list[Job], int]:
        jobs = [job for job in self._jobs.values() if state in (None, job.state)][::-1]
        return jobs[skip : skip + count], len(jobs)


FIELDS = {
    "progress": "percent",
    "current_step": "step",
    "result_url": "url",
    "error_message": "message",
    "error_traceback": "trace",
}
JOBS = Adapter(
    calls={
        "create_task": Call("submit", "video_ids", options="config", hook="webhook_url"),
        "get_task": Call("fetch", "task_id"),
        "list_tasks": Call("recent", state="status", count="limit", skip="offset"),
        "update_task_status": Call("move", "task_id", "status", **{theirs: ours for ours, theirs in FIELDS.items()}),
        "cancel_task": lambda jobs, task_id: jobs.move(task_id, State.STOPPED),
    },
    task={
        **FIELDS,
        "task_id": "key",
        "status": "state",
        "video_ids": "videos",
        "webhook_url": "hook",
        "config": "options",
        "created_at": "made",
        "updated_at": "changed",
        "completed_at": "ended",
    },
    page={"tasks": lambda page: page[0], "total": lambda page: page[1]},
    statuses={
        TaskStatus.PENDING: State.QUEUED,
        TaskStatus.CLIPPING: State.RUNNING,
        TaskStatus.COMPLETED: State.DONE,
        TaskStatus.FAILED: State.BROKEN,
        TaskStatus.CANCELLED: State.STOPPED,
    },
    raises={KeyError: TaskNotFound, None: TaskNotFound, JobOverError: Raise(TaskFinal, status="state")},
)


class JobsHarness(Harness):
    """The jobs on a clock that `advance` moves."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def open(self, namespace: str) -> AbstractAsyncContextManager[Any]:
        return JOBS.adapt(Jobs(lambda: datetime.now() + self.ahead))  # noqa: DTZ005  without a zone, as it is

    def advance(self, namespace: str, by: timedelta) -> None:
        self.ahead += by

    def discard(self, namespace: str) -> None:
        self.ahead = timedelta(0)


class InUtc(Harness):
    """The jobs with times that have a zone."""

    def open(self, namespace: str) -> AbstractAsyncContextManager[Any]:
        return JOBS.adapt(nullcontext(Jobs(lambda: datetime.now(UTC))))


def found(harness: Harness, *actions: Action) -> set[str]:
    """The requirements that a scenario breaks on a store. A difference ends it, and the next time it goes on."""
    coverage = Coverage()
    asyncio.run(play(harness, [Scenario(actions)] * 3, coverage))
    return {number for one in coverage.findings.values() for number in one.requirements}


@contextmanager
def raising(kind: type[BaseException], **facts: Any) -> Iterator[None]:
    with pytest.raises(kind) as raised:
        yield
    assert {name: getattr(raised.value, name) for name in facts} == facts


async def use(adapter: Adapter, store: Any, play: Callable[[Any], Any]) -> None:
    async with adapter.adapt(store) as adapted:
        await play(adapted)


def test_a_store_with_other_names_is_called_and_read() -> None:
    async def play(store: Any) -> None:
        task = await store.create_task(TaskCreateRequest(video_ids=("v",), config={"a": [1]}, webhook_url="w"))
        assert (task.status, task.metadata) == (TaskStatus.PENDING, {"webhook_url": "w", "config": {"a": [1]}})
        updated = await store.update_task_status(task.task_id, "clipping", 40, current_step="s")
        assert (updated.status, updated.progress, updated.current_step) == (TaskStatus.CLIPPING, 40.0, "s")
        assert type(updated.progress) is float
        page = await store.list_tasks(TaskStatus.CLIPPING, limit=1)
        assert ([task.task_id for task in page.tasks], page.total) == ([task.task_id], 1)
        assert (page.limit, page.next, page.unreadable) == (None, None, ())
        await store.cancel_task(task.task_id)
        with raising(TaskFinal, task_id=task.task_id, status=TaskStatus.CANCELLED):
            await store.update_task_status(task.task_id, TaskStatus.PENDING)
        for call in (store.get_task, store.cancel_task):
            with raising(TaskNotFound, task_id="other"):
                await call("other")
        assert task.status is TaskStatus.CANCELLED, "the store hands out its own objects, and that is seen"

    asyncio.run(use(JOBS, Jobs(), play))


def test_what_the_store_has_no_place_for_fails_one_requirement_and_no_other() -> None:
    class Less(JobsHarness):
        def open(self, namespace: str) -> AbstractAsyncContextManager[Any]:
            calls = {**JOBS.calls, "create_task": Call("submit", "video_ids")}
            statuses = {**JOBS.statuses, TaskStatus.UPLOADING: None}
            return replace(JOBS, calls=calls, statuses=statuses).adapt(Jobs())

    assert found(Less(), create("a", config={}), create("b"), get(Id("b"))) == {"VAL-01"} | found(Less(), create("b"))
    uploading = update(Id("a"), TaskStatus.UPLOADING)
    assert found(Less(), create("a"), uploading, get(Id("a"))) == {"LIFE-02"} | found(Less(), create("a"))


def test_an_argument_that_is_none_is_passed_where_none_is_wrong() -> None:
    passed: list[Mapping[str, Any]] = []

    async def play(store: Any) -> None:
        await store.update_task_status("x", TaskStatus.CLIPPING, None, "s")
        await store.list_tasks(limit=None)
        await store.get_task(None)

    asyncio.run(use(Adapter(dict.fromkeys(ALL, lambda _, **given: passed.append(given))), object(), play))
    changed = {"task_id": "x", "status": TaskStatus.CLIPPING, "current_step": "s"}
    assert passed == [changed, {"limit": None, "offset": 0}, {"task_id": None}]


def test_a_mapping_is_read_by_its_keys_and_a_text_is_a_status() -> None:
    async def play(store: Any) -> None:
        task = await store.get_task("x")
        assert (task.task_id, task.status) == ("x", TaskStatus.PENDING)

    adapter = Adapter({**ALL, "get_task": lambda _, task_id: {"id": task_id, "status": "pending"}}, {"task_id": "id"})
    asyncio.run(use(adapter, object(), play))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"calls": {**ALL, "fetch": "fetch"}}, "'fetch' is none of create_task"),
        ({"task": {"id": "key"}}, "'id' is none of task_id"),
        ({"page": {"count": "total"}}, "'count' is none of tasks"),
    ],
)
def test_a_name_that_is_none_of_ours_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Adapter(**{"calls": ALL, **wrong})


def test_other_attributes_are_those_of_the_store_itself() -> None:
    async def change() -> int:
        own: Any = Jobs()
        async with Adapter(calls=ALL).adapt(own) as store:
            store.lifetime = 3600
        lifetime: int = own.lifetime
        return lifetime

    assert asyncio.run(change()) == 3600


def test_aliasing_and_times_without_a_zone_are_seen_through_a_view() -> None:
    assert calibrate(JobsHarness()) == {}
    options = {"a": [1]}
    assert "VAL-02" in found(InUtc(), create("a", config=options), get(Id("a")), listing())
    assert "VAL-02" in found(InUtc(), create("a"), update(Id("a"), TaskStatus.CLIPPING, progress=40))
    assert found(JobsHarness(), create("a"), get(Id("a"))) >= {"VAL-10"}


class Hiding(Harness):
    """An adapter of the kind that hides: it makes our objects of the store's."""

    def open(self, namespace: str) -> AbstractAsyncContextManager[Any]:
        made = {"create_task": lambda jobs, video_ids: as_task(jobs.submit(video_ids))}
        calls = {**JOBS.calls, **made, "get_task": lambda jobs, task_id: as_task(jobs.fetch(task_id))}
        return replace(JOBS, calls=calls, task={}).adapt(Jobs())


def as_task(job: Job) -> Task:
    times = {"created_at": job.made.astimezone(UTC), "updated_at": job.changed.astimezone(UTC)}
    return Task(task_id=job.key, status=TaskStatus.PENDING, progress=0, current_step="", video_ids=("v",), **times)


STORES = """
from conformance.backends.memory import MemoryHarness
from taskstore import MemoryTaskStore

class Store(MemoryTaskStore):
    '''In the module of its harness, and no adapter: it gives what it keeps.'''

class Anew(MemoryTaskStore):
    async def get_task(self, task_id):
        return (await super().get_task(task_id)).model_copy()

class Kept(MemoryHarness):
    store_class = Store

class Made(MemoryHarness):
    store_class = Anew

class Said(Made):
    rebuilds_results = False
"""


@pytest.mark.usefixtures("few_plugins")
def test_what_an_adapter_hides_does_not_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert calibrate(Hiding()).keys() == {"VAL-02", "VAL-10"}
    (tmp_path / "hiding.py").write_text(STORES)
    monkeypatch.chdir(tmp_path)
    results = run(["hiding:Kept", "hiding:Made", "hiding:Said"], ["--conformance-depth=smoke"])
    for name, verdict in (("Kept", "pass"), ("Made", "not-testable"), ("Said", "pass")):
        on = results.on(f"hiding:{name}")
        assert {on[f"requirement_{number}"].verdict for number in ("VAL-02", "VAL-10")} == {verdict}
    assert "say `rebuilds_results = False` in the harness" in results.on("hiding:Made")["requirement_VAL-02"].reason


class CopiedJobs(Jobs):
    def fetch(self, key: str) -> Job | None:
        found = super().fetch(key)
        return found and replace(found)


class CopiedHarness(Harness):
    def open(self, namespace: str) -> AbstractAsyncContextManager[Any]:
        return JOBS.adapt(CopiedJobs())


def test_compare_sees_through_views() -> None:
    search = Search(("live", JobsHarness()), ("copied", CopiedHarness()))
    asyncio.run(search.run())

    assert {(line.operation, line.kind) for line in search.report.every_line} == {("create_task", "result")}
    assert not search.report.gaps
