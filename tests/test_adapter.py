"""A store with other names: what is done by its adapter, and what is seen through it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from conformance import Harness
from conformance.engine.scenario import Action, Scenario
from conformance.operations.parts import parts_of
from conformance.tasks.adapter import Adapter, Call, TaskView
from conformance.tasks.calibration import CalibrationError, calibrate
from conformance.tasks.calls import Id, create, get, listing, update
from conformance.tasks.spec.model import FIELDS, TEXTS
from taskstore import TaskCreateRequest, TaskFinal, TaskNotFound, TaskStatus
from tests.playing import broken, played


class JobOverError(Exception):
    def __init__(self, state: str) -> None:
        self.state = state


class Jobs:
    """A dictionary of live objects whose times have no zone, with methods that are not coroutine functions."""

    def __init__(self, now: Callable[[], datetime] = datetime.now) -> None:
        self._jobs: dict[str, Any] = {}
        self._now = now

    def submit(self, videos: tuple[str, ...], options: Any = None, hook: str | None = None) -> Any:
        now, key = self._now(), f"task_{len(self._jobs):032x}"
        job = dict.fromkeys((*TEXTS, "ended")) | {"state": "queued", "percent": 0, "current_step": ""}
        job |= {"key": key, "videos": [*videos], "options": options, "hook": hook, "made": now, "changed": now}
        return self._jobs.setdefault(key, SimpleNamespace(**job))

    def fetch(self, key: str) -> Any:
        return self._jobs.get(key)

    def move(self, key: str, state: str, **changes: Any) -> Any:
        job = self._jobs[key]
        if job.ended:
            raise JobOverError(job.state)
        vars(job).update(changes, state=state, changed=self._now())
        if state in ("done", "failed", "stopped"):
            job.ended = job.changed
        return job

    def recent(self, state: str | None = None, count: int = 10, skip: int = 0) -> tuple[list[Any], int]:
        jobs = [job for job in self._jobs.values() if state in (None, job.state)][::-1]
        return jobs[skip : skip + count], len(jobs)


JOBS = Adapter(
    calls={
        "create_task": Call("submit", "video_ids", options="config", hook="webhook_url"),
        "get_task": Call("fetch", "task_id"),
        "list_tasks": Call("recent", state="status", count="limit", skip="offset"),
        "update_task_status": Call("move", "task_id", "status", percent="progress", **{name: name for name in TEXTS}),
        "cancel_task": lambda jobs, task_id: jobs.move(task_id, "stopped"),
    },
    task={
        "task_id": "key",
        "status": "state",
        "progress": "percent",
        "video_ids": "videos",
        "metadata": lambda job: {"webhook_url": job.hook, "config": job.options},
        "created_at": "made",
        "updated_at": "changed",
        "completed_at": "ended",
    },
    page={"tasks": lambda page: page[0], "total": lambda page: page[1]},
    statuses={
        TaskStatus.PENDING: "queued",
        TaskStatus.CLIPPING: "running",
        TaskStatus.COMPLETED: "done",
        TaskStatus.CANCELLED: "stopped",
    },
    raises={KeyError: TaskNotFound, None: TaskNotFound, JobOverError: TaskFinal},
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


def found(harness: Harness, *actions: Action) -> set[str]:
    """The requirements that a scenario breaks on a store. A difference ends it, and the next time it goes on."""
    return broken(played(harness, [Scenario(actions)] * 6))


@pytest.mark.anyio
async def test_a_store_with_other_names_is_called_and_read() -> None:
    async with JOBS.adapt(Jobs()) as store:
        task = await store.create_task(TaskCreateRequest(video_ids=("v",), config={"a": [1]}, webhook_url="w"))
        assert (task.status, task.metadata) == (TaskStatus.PENDING, {"webhook_url": "w", "config": {"a": [1]}})
        updated = await store.update_task_status(task.task_id, "clipping", 40, current_step="s")
        assert (updated.status, updated.progress, updated.current_step) == (TaskStatus.CLIPPING, 40, "s")
        page = await store.list_tasks(TaskStatus.CLIPPING, limit=1)
        assert ([task.task_id for task in page.tasks], page.total, page.limit) == ([task.task_id], 1, None)
        await store.cancel_task(task.task_id)
        assert task.status is TaskStatus.CANCELLED, "the store hands out its own objects, and that is seen"
        with pytest.raises(TaskFinal) as final:
            await store.update_task_status(task.task_id, TaskStatus.PENDING)
        assert (final.value.task_id, final.value.status) == (task.task_id, TaskStatus.CANCELLED)
        for call in (store.get_task, store.cancel_task):
            with pytest.raises(TaskNotFound, match="other"):
                await call("other")


def test_what_the_store_has_no_place_for_fails_one_requirement_and_no_other() -> None:
    class Less(JobsHarness):
        def open(self, namespace: str) -> AbstractAsyncContextManager[Any]:
            calls = {**JOBS.calls, "create_task": Call("submit", "video_ids")}
            statuses = {**JOBS.statuses, TaskStatus.UPLOADING: None}
            return replace(JOBS, calls=calls, statuses=statuses).adapt(Jobs())

    assert found(Less(), create("a", config={}), create("b"), get(Id("b"))) == {"VAL-01"} | found(Less(), create("b"))
    uploading = update(Id("a"), TaskStatus.UPLOADING)
    assert found(Less(), create("a"), uploading, get(Id("a"))) == {"LIFE-02"} | found(Less(), create("a"))


def test_an_adapter_that_cannot_read_a_page_is_no_fault_of_the_store() -> None:
    class Unread(JobsHarness):
        def open(self, namespace: str) -> AbstractAsyncContextManager[Any]:
            return replace(JOBS, page={}).adapt(Jobs())

    with pytest.raises(CalibrationError, match=r"`adapter` .* which raises"):
        calibrate(Unread())


@pytest.mark.anyio
async def test_an_argument_that_is_none_is_passed_where_none_is_wrong() -> None:
    passed: list[Mapping[str, Any]] = []
    adapter = Adapter(dict.fromkeys(("update_task_status", "list_tasks"), lambda _, **given: passed.append(given)))
    async with adapter.adapt(None) as store:
        await store.update_task_status("x", TaskStatus.CLIPPING, None, "s")
        await store.list_tasks(limit=None)
    changed = {"task_id": "x", "status": TaskStatus.CLIPPING, "current_step": "s"}
    assert passed == [changed, {"limit": None}]


def test_aliasing_and_times_without_a_zone_are_seen_through_a_view() -> None:
    calibrate(JobsHarness())
    wrong = {"VAL-02", "VAL-10"}
    assert found(JobsHarness(), create("a", config={"a": [1]}), get(Id("a")), listing()) >= wrong
    assert found(JobsHarness(), create("a"), update(Id("a"), TaskStatus.CLIPPING, progress=40)) >= wrong


def test_compare_reads_a_view_by_our_fields() -> None:
    job = Jobs().submit(("v",))
    parts = parts_of(TaskView(job, JOBS)) or {}
    assert (parts[".task_id"], parts[".status"]) == (job.key, TaskStatus.PENDING)
    assert parts.keys() == {f".{name}" for name in FIELDS}
