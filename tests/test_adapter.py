"""A store with other names: what is seen through the adapter and the views of its adopter."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from conformance import Harness, HookMissingError
from conformance.engine.scenario import Action, Race, Scenario
from conformance.operations.parts import parts_of
from conformance.tasks.calibration import CalibrationError, calibrate
from conformance.tasks.calls import Id, create, get, listing, update
from conformance.tasks.spec.model import FIELDS, TEXTS
from conformance.tasks.view import TaskView
from taskstore import TaskCreateRequest, TaskNotFound, TaskPage, TaskStatus
from tests.playing import broken, played

READS = {
    "task_id": "key",
    "status": lambda job: TaskStatus(job.state),
    "metadata": lambda job: {"webhook_url": job.hook, "config": job.options},
    "completed_at": lambda _: None,
}


class Jobs:
    """An adapter of a dictionary of live objects, whose times have no zone."""

    def __init__(self, now: Callable[[], datetime] = datetime.now) -> None:
        self._jobs: dict[str, Any] = {}
        self._now = now

    async def create_task(self, request: TaskCreateRequest) -> TaskView:
        now, key = self._now(), f"task_{len(self._jobs):032x}"
        job = dict.fromkeys(TEXTS) | {"key": key, "state": "pending", "progress": 0.0, "current_step": ""}
        job |= {"video_ids": request.video_ids, "options": request.config, "hook": request.webhook_url}
        self._jobs[key] = SimpleNamespace(**job, created_at=now, updated_at=now)
        return TaskView(self._jobs[key], READS)

    async def get_task(self, task_id: str) -> TaskView:
        if task_id not in self._jobs:
            raise TaskNotFound(task_id)
        return TaskView(self._jobs[task_id], READS)

    async def list_tasks(self, status: Any = None, limit: int = 50, offset: int = 0) -> Any:
        jobs = [TaskView(job, READS) for job in self._jobs.values() if status in (None, job.state)][::-1]
        tasks: Any = jobs[offset : offset + limit]
        return TaskPage.model_construct(tasks=tasks, total=len(jobs), limit=limit, offset=offset)

    async def update_task_status(self, task_id: str, status: Any, **changes: Any) -> TaskView:
        task = await self.get_task(task_id)
        vars(self._jobs[task_id]).update(changes, state=status, updated_at=self._now())
        return task

    async def cancel_task(self, task_id: str) -> TaskView:
        return await self.update_task_status(task_id, TaskStatus.CANCELLED)


class LesserJobs(Jobs):
    """Jobs without a config, and without one of our statuses."""

    async def create_task(self, request: TaskCreateRequest) -> TaskView:
        if request.config is not None:
            raise HookMissingError("config")
        return await super().create_task(request)

    async def update_task_status(self, task_id: str, status: Any, **changes: Any) -> TaskView:
        if status == TaskStatus.UPLOADING:
            raise HookMissingError("status")
        return await super().update_task_status(task_id, status, **changes)


class UnreadJobs(Jobs):
    async def list_tasks(self, *_: Any) -> Any:
        return SimpleNamespace(tasks=())


class JobsHarness(Harness):
    """Jobs on a clock that `advance` moves."""

    def __init__(self, kind: Callable[..., Jobs] = Jobs) -> None:
        self._kind = kind
        self._ahead = timedelta(0)

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[Jobs]:
        yield self._kind(lambda: datetime.now() + self._ahead)  # noqa: DTZ005  without a zone, as it is

    def advance(self, namespace: str, by: timedelta) -> None:
        self._ahead += by

    def discard(self, namespace: str) -> None:
        self._ahead = timedelta(0)


def found(harness: Harness, *actions: Action) -> set[str]:
    """The requirements that a scenario breaks on a store. A difference ends it, and the next time it goes on."""
    return broken(played(harness, [Scenario(actions)] * 6))


def test_what_the_store_lacks_fails_one_requirement_and_no_other() -> None:
    whole, lesser = JobsHarness(), JobsHarness(LesserJobs)
    configured = create("a", config={}), create("b"), get(Id("b"))
    assert found(lesser, *configured) == {"VAL-01"} | found(whole, create("b"))
    refused = update(Id("a"), TaskStatus.UPLOADING)
    uploading = create("a"), refused, Race((refused, refused)), get(Id("a"))
    assert found(lesser, *uploading) == {"LIFE-02"} | found(whole, create("a"))
    assert "ATOM-01" not in played(lesser, [Scenario(uploading)] * 6).exercised


def test_a_page_that_cannot_be_read_is_no_fault_of_the_store() -> None:
    with pytest.raises(CalibrationError, match=r"`open` .* adapter .* which raises"):
        calibrate(JobsHarness(UnreadJobs))


def test_aliasing_and_times_without_a_zone_are_seen_through_a_view() -> None:
    calibrate(JobsHarness())
    assert found(JobsHarness(), create("a", config={"a": [1]}), get(Id("a")), listing()) >= {"VAL-02", "VAL-10"}


def test_a_view_has_our_fields_of_an_object_or_a_mapping() -> None:
    job = {**dict.fromkeys(FIELDS), "key": "k", "state": "pending"}
    reads = {"task_id": "key", "metadata": lambda _: {}}
    for own in (job, SimpleNamespace(**job)):
        parts = parts_of(TaskView(own, reads)) or {}
        assert parts.keys() == {f".{name}" for name in FIELDS}
        assert (parts[".task_id"], parts[".metadata"]) == ("k", {})
