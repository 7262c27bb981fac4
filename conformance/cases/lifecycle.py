"""From pending to a final status: what each operation sets, keeps and refuses."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from itertools import product
from typing import Any

import pytest

from conformance.case import Namespace, case
from conformance.cases.environment import application
from conformance.cases.operations import Call, Target, make_target, operations_of
from conformance.cases.table.bench import outcome_of
from conformance.engine.checks import TICK
from conformance.spec.equality import check_fields, snapshot
from conformance.strategies import a_request
from taskstore import (
    InvalidArgument,
    MemoryTaskStore,
    StoreNotOpen,
    StoreUnavailable,
    TaskCreateRequest,
    TaskFinal,
    TaskStatus,
    TaskStore,
)

FINAL = tuple(status for status in TaskStatus if status.is_final)
NOT_FINAL = tuple(status for status in TaskStatus if not status.is_final)


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
    """After its end a store raises StoreNotOpen, whatever is asked of it, and however it was closed."""
    for by_hand in (False, True):
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(namespace.open())
            target = await make_target(store)
            await (store.aclose() if by_hand and hasattr(store, "aclose") else stack.aclose())
            await refuses_all(store, target, namespace)


@case("API-03", mode="either")
async def test_a_store_that_was_opened_from_settings_is_closed(namespace: Namespace) -> None:
    """At the end of the block of the application's own function every call is refused, however the block ends."""
    with application(namespace):
        for ending in (None, RuntimeError("the application failed"), asyncio.CancelledError()):
            try:
                async with namespace.open_from_environment() as store:
                    target = await make_target(store)
                    if ending is not None:
                        raise ending
            except (RuntimeError, asyncio.CancelledError) as fault:
                if fault is not ending:
                    raise
            else:
                assert ending is None, "the exception of the application does not come out"
            await refuses_all(store, target, namespace)


async def refuses_all(store: TaskStore, target: Target, namespace: Namespace) -> None:
    """Make a call of every form, which has to be refused."""
    with nobody_closes():
        for operation in operations_of(namespace.harness.capabilities):
            outcome = await outcome_of(operation.call(store, target))
            assert isinstance(outcome, StoreNotOpen), f"{operation.name}: {outcome!r}"


@contextmanager
def nobody_closes() -> Iterator[None]:
    """Ignore what Python says of connections that a wrong store has left open."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            gc.collect()


@case("API-04")
async def test_a_store_belongs_to_one_event_loop(store: TaskStore, namespace: Namespace) -> None:
    """On a second loop a store refuses, in memory mode as in Redis mode, and the first loop goes on."""
    target = await make_target(store)
    await asyncio.to_thread(lambda: asyncio.run(refuses_all(store, target, namespace)))
    assert await store.get_task(target.other.task_id) == target.other


@case("API-04")
async def test_a_store_does_not_move_to_another_event_loop(namespace: Namespace) -> None:
    """What was opened on an event loop that is closed is refused on the next one, and not taken over by it."""
    async with MemoryTaskStore() as source:
        target = await make_target(source)

    async def enter(opened: AbstractAsyncContextManager[TaskStore]) -> TaskStore:
        sys.set_asyncgen_hooks(None, lambda _: None)  # or the generator that opens the store would hold the loop
        return await opened.__aenter__()

    def elsewhere(first: Callable[[TaskStore], Awaitable[object]]) -> None:
        loop = asyncio.new_event_loop()
        opened = namespace.open()
        store = loop.run_until_complete(enter(opened))
        made = loop.run_until_complete(outcome_of(first(store)))
        assert not isinstance(made, StoreNotOpen | StoreUnavailable), made
        loop.close()
        del loop
        gc.collect()  # nobody has the first loop any more
        asyncio.run(refuses_all(store, made if isinstance(made, Target) else target, namespace))

    with nobody_closes():
        for first in FIRST:
            await asyncio.to_thread(elsewhere, first)


FIRST: tuple[Callable[[TaskStore], Awaitable[object]], ...] = (
    make_target,
    lambda store: store.list_tasks(limit=0),
    lambda store: store.get_task("task_0"),
    lambda store: store.cancel_task("task_0"),
)
"""What a store may be used for before it is taken to another event loop."""


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


@case("LIFE-01")
async def test_a_new_task_is_pending(store: TaskStore) -> None:
    """A new task is pending at 0, with nothing but what the request gave it."""
    videos = ("b", "a", "b")
    task = await store.create_task(TaskCreateRequest(video_ids=videos))
    check_fields(task, status=TaskStatus.PENDING, progress=0, current_step="")
    assert tuple(task.video_ids) == videos
    check_fields(task, result_url=None, error_message=None, error_traceback=None, completed_at=None)
    assert task.created_at <= task.updated_at


@case("LIFE-02")
async def test_every_status_can_follow_one_that_is_not_final(store: TaskStore) -> None:
    """From pending to any open status, and from there to any status at all."""
    for before, after in product(NOT_FINAL, TaskStatus):
        task = await store.create_task(a_request())
        await store.update_task_status(task.task_id, before)
        await store.update_task_status(task.task_id, after)
        assert (await store.get_task(task.task_id)).status == after


@case("LIFE-03")
async def test_a_write_returns_what_get_then_returns(store: TaskStore) -> None:
    """Create, update and cancel return the task that results."""
    task = await store.create_task(a_request({"a": [1]}))
    assert snapshot(await store.get_task(task.task_id)) == snapshot(task)
    task = await store.update_task_status(task.task_id, TaskStatus.CLIPPING, 100 / 3, "step")
    assert snapshot(await store.get_task(task.task_id)) == snapshot(task)
    task = await store.cancel_task(task.task_id)
    assert snapshot(await store.get_task(task.task_id)) == snapshot(task)


@case("LIFE-04")
async def test_none_leaves_a_field_as_it_is(store: TaskStore) -> None:
    """What an update does not name stays; what it names is set, an empty text included."""
    task = await store.create_task(a_request())
    await store.update_task_status(task.task_id, TaskStatus.CLIPPING, 100 / 3, "step", "url")
    later = await store.update_task_status(task.task_id, TaskStatus.UPLOADING)
    check_fields(later, progress=100 / 3, current_step="step", result_url="url")
    emptied = await store.update_task_status(task.task_id, TaskStatus.UPLOADING, current_step="", result_url="")
    check_fields(emptied, progress=100 / 3, current_step="", result_url="")


@case("LIFE-05")
async def test_completing_sets_progress_and_time(store: TaskStore) -> None:
    """A completed task is at 100, a failed one has its error, and both have their time of completion."""
    one, other = [await store.create_task(a_request()) for _ in range(2)]
    done = await store.update_task_status(one.task_id, TaskStatus.COMPLETED, result_url="https://x/y.mp4")
    assert done.progress == 100
    assert done.result_url == "https://x/y.mp4"
    failed = await store.update_task_status(
        other.task_id, TaskStatus.FAILED, 30, error_message="e", error_traceback="t"
    )
    check_fields(failed, error_message="e", error_traceback="t", progress=30)
    for begun, ended in ((one, done), (other, failed)):
        assert ended.completed_at is not None
        assert begun.updated_at <= ended.completed_at <= ended.updated_at


@case("LIFE-05")
async def test_an_update_takes_its_arguments_in_order(store: TaskStore) -> None:
    """By position they are the status, the progress, the step, the result, the error's message and its traceback."""
    task = await store.create_task(a_request())
    failed = TaskStatus.FAILED
    task = await store.update_task_status(task.task_id, failed, 7, "step", "result", "message", "traceback")
    check_fields(task, status=failed, progress=7, current_step="step", result_url="result")
    check_fields(task, error_message="message", error_traceback="traceback")


@case("LIFE-09")
async def test_cancelling_sets_the_status(store: TaskStore) -> None:
    """A cancelled task keeps its progress and its step."""
    task = await store.create_task(a_request())
    await store.update_task_status(task.task_id, TaskStatus.CLIPPING, 30, "cutting")
    cancelled = await store.cancel_task(task.task_id)
    check_fields(cancelled, status=TaskStatus.CANCELLED, progress=30, current_step="cutting")


@case("LIFE-18")
async def test_cancelling_sets_the_time_of_completion(store: TaskStore) -> None:
    """A cancelled task says since when, as a completed or failed one does."""
    task = await store.create_task(a_request())
    cancelled = await store.cancel_task(task.task_id)
    assert cancelled.completed_at is not None
    assert task.updated_at <= cancelled.completed_at <= cancelled.updated_at


@case("LIFE-10")
async def test_update_of_a_final_task_is_refused(store: TaskStore) -> None:
    """What is final stays, whatever is attempted: the refusal names the state, and the task is as it was."""
    for state, attempt in product(FINAL, TaskStatus):
        task = await store.create_task(a_request())
        before = snapshot(await store.update_task_status(task.task_id, state, result_url="first"))
        with pytest.raises(TaskFinal) as refused:
            await store.update_task_status(task.task_id, attempt, result_url="second")
        assert (refused.value.task_id, refused.value.status) == (task.task_id, state)
        if state is not TaskStatus.CANCELLED:
            with pytest.raises(TaskFinal):
                await store.cancel_task(task.task_id)
        assert snapshot(await store.get_task(task.task_id)) == before


@case("LIFE-10")
async def test_repeating_a_final_write_is_a_quiet_success(store: TaskStore) -> None:
    """A retry after a lost reply succeeds, and no time moves."""
    for state in FINAL:
        task = await store.create_task(a_request())
        given: dict[str, Any] = {"error_message": "no disk"} if state is TaskStatus.FAILED else {"result_url": "url"}
        first = snapshot(await store.update_task_status(task.task_id, state, **given))
        assert snapshot(await store.update_task_status(task.task_id, state, **given)) == first
        assert snapshot(await store.update_task_status(task.task_id, state)) == first
        if state is TaskStatus.CANCELLED:
            assert snapshot(await store.cancel_task(task.task_id)) == first
        assert snapshot(await store.get_task(task.task_id)) == first


@case("LIFE-13")
async def test_a_progress_out_of_range_is_refused(store: TaskStore) -> None:
    """Progress is a finite number from 0 to 100: no more, no less, no bool, no text."""
    task = await store.create_task(a_request())
    wrong: tuple[Any, ...] = (-0.0001, 100.0001, float("nan"), float("inf"), True, "50")
    for progress in wrong:
        with pytest.raises(InvalidArgument):
            await store.update_task_status(task.task_id, TaskStatus.CLIPPING, progress)
    assert snapshot(await store.get_task(task.task_id)) == snapshot(task)


@case("LIFE-14")
async def test_a_refused_call_changes_nothing(store: TaskStore) -> None:
    """After every kind of refusal the task is as it was, updated_at included."""
    task = await store.create_task(a_request())
    before = snapshot(await store.update_task_status(task.task_id, TaskStatus.FAILED, error_message="first"))
    attempts: tuple[Call, ...] = (
        lambda: store.update_task_status(task.task_id, TaskStatus.CLIPPING, 5),
        lambda: store.update_task_status(task.task_id, TaskStatus.FAILED, error_message="second"),
        lambda: store.update_task_status(task.task_id, TaskStatus.FAILED, error_message="an earlier word"),
        lambda: store.update_task_status(task.task_id, TaskStatus.FAILED, 300),
        lambda: store.cancel_task(task.task_id),
    )
    for attempt in attempts:
        with pytest.raises((TaskFinal, InvalidArgument)):
            await attempt()
    assert snapshot(await store.get_task(task.task_id)) == before
    unfinished = await store.create_task(a_request())
    with pytest.raises(InvalidArgument):
        await store.update_task_status(unfinished.task_id, TaskStatus.CLIPPING, 5, current_step="\ud800")
    assert snapshot(await store.get_task(unfinished.task_id)) == snapshot(unfinished)


@case("LIFE-02")
async def test_an_unknown_status_is_refused(store: TaskStore) -> None:
    """A status is one of nine."""
    task = await store.create_task(a_request())
    wrong: tuple[Any, ...] = ("", "done", "PENDING", None, 1)
    for status in wrong:
        with pytest.raises(InvalidArgument):
            await store.update_task_status(task.task_id, status)
    assert snapshot(await store.get_task(task.task_id)) == snapshot(task)


@case("LIFE-17")
async def test_an_update_moves_updated_at_and_keeps_created_at(store: TaskStore) -> None:
    """created_at never changes; updated_at goes forward only, and by an update."""
    task = await store.create_task(a_request())
    seen = [task.updated_at]
    begun = time.monotonic()
    while time.monotonic() - begun <= TICK:  # a clock may be coarse
        for status in NOT_FINAL:
            updated = await store.update_task_status(task.task_id, status)
            assert updated.created_at == task.created_at
            seen.append(updated.updated_at)
    assert seen == sorted(seen)
    assert seen[-1] > seen[0]
