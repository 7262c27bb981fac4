"""From pending to a final status: what each operation sets, keeps and refuses."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import strategies as st

from conformance.case import Namespace, calls, case
from conformance.cases.atomicity import maintained
from conformance.equality import snapshot
from conformance.harness import Capability
from conformance.strategies import FINAL, NOT_FINAL, a_request, not_progresses, progresses, requests, texts
from taskstore import InvalidArgument, StoreNotOpen, TaskCreateRequest, TaskFinal, TaskStatus, TaskStore

not_final = st.sampled_from(NOT_FINAL)
final = st.sampled_from(FINAL)
completed_or_failed = st.sampled_from([TaskStatus.COMPLETED, TaskStatus.FAILED])


@case("API-02")
async def test_a_task_can_be_created_read_listed_updated_and_cancelled(store: TaskStore) -> None:
    """All five operations are coroutine functions, and work together on one task."""
    for name in ("create_task", "get_task", "list_tasks", "update_task_status", "cancel_task"):
        assert inspect.iscoroutinefunction(getattr(store, name, None)), name
    task = await store.create_task(a_request())
    assert (await store.get_task(task.task_id)).task_id == task.task_id
    assert [listed.task_id for listed in (await store.list_tasks()).tasks] == [task.task_id]
    assert (await store.update_task_status(task.task_id, TaskStatus.ANALYZING)).status == TaskStatus.ANALYZING
    assert (await store.cancel_task(task.task_id)).status == TaskStatus.CANCELLED


@case("API-03")
async def test_a_closed_store_refuses_every_call(namespace: Namespace) -> None:
    """After its end a store raises StoreNotOpen, whatever is asked of it."""
    async with namespace.open() as store:
        task = await store.create_task(a_request())
    for call in calls(
        lambda: store.get_task(task.task_id),
        lambda: store.list_tasks(),
        lambda: store.create_task(a_request()),
        lambda: store.cancel_task(task.task_id),
        lambda: store.update_task_status(task.task_id, TaskStatus.CLIPPING),
    ):
        with pytest.raises(StoreNotOpen):
            await call()


@case("API-04")
async def test_a_store_belongs_to_one_event_loop(namespace: Namespace) -> None:
    """On a second loop a store refuses, in memory mode as in Redis mode, and the first loop goes on."""
    async with namespace.open() as store:
        task = await store.create_task(a_request())

        def elsewhere() -> None:
            asyncio.run(get(store, task.task_id))

        with pytest.raises(StoreNotOpen):
            await asyncio.to_thread(elsewhere)
        assert (await store.get_task(task.task_id)).task_id == task.task_id


WRONG: dict[str, Callable[[Any], Awaitable[object]]] = {
    "request": lambda store: store.create_task({"video_ids": ["v"]}),
    "task_id": lambda store: store.get_task(7),
    "status": lambda store: store.list_tasks("done"),
    "limit": lambda store: store.list_tasks(limit="10"),
    "offset": lambda store: store.list_tasks(offset=None),
    "task_id of an update": lambda store: store.update_task_status(None, TaskStatus.CLIPPING),
    "task_id of a cancel": lambda store: store.cancel_task(b"task_0"),
    "progress": lambda store: store.update_task_status("task_0", TaskStatus.CLIPPING, "50"),
    "result_url": lambda store: store.update_task_status("task_0", TaskStatus.CLIPPING, result_url=7),
    "error_message": lambda store: store.update_task_status("task_0", TaskStatus.CLIPPING, error_message="no"),
}
"""Calls with one argument of another kind than stated, by its name."""


@case("API-05")
async def test_an_argument_of_another_kind_is_named(store: TaskStore) -> None:
    """Before anything is looked up: the refusal says which argument it is."""
    for name, call in WRONG.items():
        with pytest.raises(InvalidArgument) as refused:
            await call(store)
        assert refused.value.argument == name.partition(" ")[0]


async def get(store: TaskStore, task_id: str) -> None:
    """Read one task."""
    await store.get_task(task_id)


@case("LIFE-01", request_=requests)
async def test_a_new_task_is_pending(store: TaskStore, request_: TaskCreateRequest) -> None:
    """A new task is pending at 0, with nothing but what the request gave it."""
    task = await store.create_task(request_)
    assert task.status == TaskStatus.PENDING
    assert task.progress == 0
    assert task.current_step == ""
    assert list(task.video_ids) == list(request_.video_ids)
    assert (task.result_url, task.error_message, task.error_traceback, task.completed_at) == (None, None, None, None)
    assert task.created_at <= task.updated_at


@case("LIFE-02", before=not_final, after=st.sampled_from(TaskStatus))
async def test_every_status_can_follow_one_that_is_not_final(
    store: TaskStore, before: TaskStatus, after: TaskStatus
) -> None:
    """From pending to any open status, and from there to any status at all."""
    task = await store.create_task(a_request())
    await store.update_task_status(task.task_id, before)
    await store.update_task_status(task.task_id, after)
    assert (await store.get_task(task.task_id)).status == after


@case("LIFE-03", status=st.sampled_from(TaskStatus), progress=st.none() | st.floats(0, 100), step=st.none() | texts)
async def test_a_write_returns_what_get_then_returns(
    store: TaskStore, status: TaskStatus, progress: float | None, step: str | None
) -> None:
    """Create, update and cancel return the task that results."""
    created = await store.create_task(a_request({"a": [1]}))
    assert snapshot(await store.get_task(created.task_id)) == snapshot(created)
    progress = None if status is TaskStatus.COMPLETED else progress
    updated = await store.update_task_status(created.task_id, status, progress, step)
    assert snapshot(await store.get_task(created.task_id)) == snapshot(updated)
    other = await store.create_task(a_request())
    cancelled = await store.cancel_task(other.task_id)
    assert snapshot(await store.get_task(other.task_id)) == snapshot(cancelled)


@case("LIFE-04", progress=progresses, step=texts, url=texts)
async def test_none_leaves_a_field_as_it_is(store: TaskStore, progress: float, step: str, url: str) -> None:
    """What an update does not name stays; what it names is set, an empty text included."""
    task = await store.create_task(a_request())
    await store.update_task_status(task.task_id, TaskStatus.CLIPPING, progress, step, url)
    later = await store.update_task_status(task.task_id, TaskStatus.UPLOADING)
    assert (later.progress, later.current_step, later.result_url) == (progress, step, url)
    emptied = await store.update_task_status(task.task_id, TaskStatus.UPLOADING, current_step="", result_url="")
    assert (emptied.progress, emptied.current_step, emptied.result_url) == (progress, "", "")


@case("LIFE-05", progress=st.sampled_from([None, 100, 100.0]))
async def test_completing_sets_progress_and_time(store: TaskStore, progress: float | None) -> None:
    """A completed task is at 100 and has its time of completion."""
    task = await store.create_task(a_request())
    await store.update_task_status(task.task_id, TaskStatus.CLIPPING, 30)
    done = await store.update_task_status(task.task_id, TaskStatus.COMPLETED, progress, result_url="https://x/y.mp4")
    assert done.progress == 100
    assert done.result_url == "https://x/y.mp4"
    assert done.completed_at == done.updated_at


@case("LIFE-05", message=texts, traceback=st.none() | texts)
async def test_failing_keeps_the_error(store: TaskStore, message: str, traceback: str | None) -> None:
    """A failed task has its error and its time of completion, and the progress that it had."""
    task = await store.create_task(a_request())
    await store.update_task_status(task.task_id, TaskStatus.CLIPPING, 30)
    failed = await store.update_task_status(
        task.task_id, TaskStatus.FAILED, error_message=message, error_traceback=traceback
    )
    assert (failed.error_message, failed.error_traceback, failed.progress) == (message, traceback, 30)
    assert failed.completed_at == failed.updated_at


@case("LIFE-09")
async def test_cancelling_sets_the_status(store: TaskStore) -> None:
    """A cancelled task keeps its progress and its step."""
    task = await store.create_task(a_request())
    await store.update_task_status(task.task_id, TaskStatus.CLIPPING, 30, "cutting")
    cancelled = await store.cancel_task(task.task_id)
    assert (cancelled.status, cancelled.progress, cancelled.current_step) == (TaskStatus.CANCELLED, 30, "cutting")


@case("LIFE-18")
async def test_cancelling_sets_the_time_of_completion(store: TaskStore) -> None:
    """A cancelled task says since when, as a completed or failed one does."""
    task = await store.create_task(a_request())
    cancelled = await store.cancel_task(task.task_id)
    assert cancelled.completed_at is not None
    assert cancelled.completed_at == cancelled.updated_at


@case("LIFE-10")
async def test_update_of_a_final_task_is_refused(store: TaskStore) -> None:
    """What is final stays, whatever is attempted: the refusal names the state, and the task is as it was."""
    for state, attempt in product(FINAL, TaskStatus):
        task = await store.create_task(a_request())
        before = snapshot(await store.update_task_status(task.task_id, state, result_url="first"))
        with pytest.raises(TaskFinal) as refused:
            await store.update_task_status(task.task_id, attempt, result_url="second")
        assert (refused.value.task_id, refused.value.status) == (task.task_id, state)
        assert snapshot(await store.get_task(task.task_id)) == before


@case("LIFE-12", state=final, step=st.none() | texts)
async def test_repeating_a_final_write_is_a_quiet_success(
    store: TaskStore, state: TaskStatus, step: str | None
) -> None:
    """A retry after a lost reply succeeds, and no time moves."""
    task = await store.create_task(a_request())
    given: dict[str, Any] = {"current_step": step, "result_url": "https://x"}
    if state is TaskStatus.FAILED:
        given |= {"error_message": "no disk", "progress": 12.5}
    first = snapshot(await store.update_task_status(task.task_id, state, **given))
    assert snapshot(await store.update_task_status(task.task_id, state, **given)) == first
    assert snapshot(await store.update_task_status(task.task_id, state)) == first
    if state is TaskStatus.CANCELLED:
        assert snapshot(await store.cancel_task(task.task_id)) == first
    assert snapshot(await store.get_task(task.task_id)) == first


@case("LIFE-13", progress=not_progresses)
async def test_a_progress_out_of_range_is_refused(store: TaskStore, progress: Any) -> None:
    """Progress is a finite number from 0 to 100: no more, no less, no bool, no text."""
    task = await store.create_task(a_request())
    before = snapshot(task)
    with pytest.raises(InvalidArgument):
        await store.update_task_status(task.task_id, TaskStatus.CLIPPING, progress)
    assert snapshot(await store.get_task(task.task_id)) == before


@case("LIFE-14")
async def test_a_refused_call_changes_nothing(store: TaskStore) -> None:
    """After every kind of refusal the task is as it was, updated_at included."""
    task = await store.create_task(a_request())
    before = snapshot(await store.update_task_status(task.task_id, TaskStatus.FAILED, error_message="first"))
    for attempt in calls(
        lambda: store.update_task_status(task.task_id, TaskStatus.CLIPPING, 5),
        lambda: store.update_task_status(task.task_id, TaskStatus.FAILED, error_message="second"),
        lambda: store.update_task_status(task.task_id, TaskStatus.FAILED, error_message="an earlier word"),
        lambda: store.update_task_status(task.task_id, TaskStatus.FAILED, 300),
        lambda: store.cancel_task(task.task_id),
    ):
        with pytest.raises((TaskFinal, InvalidArgument)):
            await attempt()
    assert snapshot(await store.get_task(task.task_id)) == before
    unfinished = await store.create_task(a_request())
    with pytest.raises(InvalidArgument):
        await store.update_task_status(unfinished.task_id, TaskStatus.CLIPPING, 5, current_step="\ud800")
    assert snapshot(await store.get_task(unfinished.task_id)) == snapshot(unfinished)


@case("LIFE-16", status=st.sampled_from(["", "done", "PENDING", None, 1]))
async def test_an_unknown_status_is_refused(store: TaskStore, status: Any) -> None:
    """A status is one of nine."""
    task = await store.create_task(a_request())
    before = snapshot(task)
    with pytest.raises(InvalidArgument):
        await store.update_task_status(task.task_id, status)
    assert snapshot(await store.get_task(task.task_id)) == before


@case("LIFE-17")
async def test_an_update_moves_updated_at_and_keeps_created_at(store: TaskStore) -> None:
    """created_at never changes; updated_at goes forward only, and by an update."""
    task = await store.create_task(a_request())
    seen = [task.updated_at]
    for status in NOT_FINAL:
        updated = await store.update_task_status(task.task_id, status)
        assert updated.created_at == task.created_at
        seen.append(updated.updated_at)
    assert seen == sorted(seen)
    assert seen[-1] > seen[0]


@case("LIFE-17", needs=Capability.MAINTENANCE)
async def test_no_time_goes_back_when_the_clock_does(store: TaskStore) -> None:
    """A task from a clock that is an hour ahead: what is written to it now is no earlier, and a purge sees it so."""
    into = maintained(store)
    ahead = datetime.now(UTC) + timedelta(hours=1)
    tasks = [await into.create_task(a_request()) for _ in range(2)]
    for number, task in enumerate(tasks):
        times = {"task_id": f"task_{number}", "created_at": ahead, "updated_at": ahead + timedelta(microseconds=number)}
        await into.restore(task.model_copy(update=times))
    for number in range(2):
        before = await into.get_task(f"task_{number}")
        updated = await into.update_task_status(before.task_id, TaskStatus.CLIPPING)
        assert updated.updated_at >= before.updated_at >= updated.created_at
        done = await into.cancel_task(before.task_id)
        assert done.completed_at is not None
        assert done.completed_at == done.updated_at >= updated.updated_at
        assert await into.get_task(before.task_id) == done
        assert await into.purge(done.completed_at) == 0
        assert await into.purge(done.completed_at + timedelta(microseconds=1)) == 1
