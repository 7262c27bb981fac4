"""The store in memory, its clock in the test's hands. A task is alive while now ≤ deadline, in whole milliseconds."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import wraps

import pytest

from taskstore import (
    InvalidArgument,
    MemoryTaskStore,
    StoreNotOpen,
    Task,
    TaskCreateRequest,
    TaskExists,
    TaskFinal,
    TaskNotFound,
    TaskStatus,
)

MS = 1_000_000
START = 1_790_000_000_000 * MS + 999_999
"""The last nanosecond of a millisecond, so that rounding would show."""
REQUEST = TaskCreateRequest(video_ids=("v",), config={"a": 1, "b": [1.0, True]})


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


def lives(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run a test on a store whose tasks live for a second, with its clock."""

    @wraps(test)
    def run(**arguments: object) -> None:
        clock = Clock()

        async def live() -> None:
            async with MemoryTaskStore(lifetime=timedelta(seconds=1), clock=clock) as store:
                await test(store, clock, **arguments)

        asyncio.run(live())

    del run.__wrapped__  # type: ignore[attr-defined]  # pytest would look for fixtures of these names
    return run


@lives
async def test_the_last_millisecond_of_a_life_counts(store: MemoryTaskStore, clock: Clock) -> None:
    task = await store.create_task(REQUEST)
    clock.now = START + 1_000 * MS
    assert await store.get_task(task.task_id) == task
    assert (await store.list_tasks()).total == 1
    clock.now += 1
    with pytest.raises(TaskNotFound):
        await store.get_task(task.task_id)
    with pytest.raises(TaskNotFound):
        await store.update_task_status(task.task_id, TaskStatus.CLIPPING)
    assert (await store.list_tasks()).total == 0


@lives
async def test_a_write_renews_the_life(store: MemoryTaskStore, clock: Clock) -> None:
    task = await store.create_task(REQUEST)
    clock.now += 900 * MS
    changed = await store.update_task_status(task.task_id, TaskStatus.CLIPPING)
    clock.now += 900 * MS
    assert await store.get_task(task.task_id) == changed
    clock.now += 200 * MS
    assert (await store.list_tasks(TaskStatus.CLIPPING)).total == 0


@lives
async def test_many_tasks_that_are_due_at_once_are_all_gone_from_a_listing(
    store: MemoryTaskStore, clock: Clock
) -> None:
    for _ in range(350):
        await store.create_task(REQUEST)
    clock.now += 1_002 * MS
    kept = await store.create_task(REQUEST)
    page = await store.list_tasks(TaskStatus.PENDING)
    assert (list(page.tasks), page.total) == ([kept], 1)


@lives
async def test_a_task_that_is_due_gives_its_id_free(store: MemoryTaskStore, clock: Clock) -> None:
    tasks = [await store.create_task(REQUEST) for _ in range(350)]
    with pytest.raises(TaskExists):
        await store.restore(tasks[-1])
    clock.now += 1_002 * MS
    await store.restore(tasks[-1])  # more are due than a write removes
    page = await store.list_tasks()
    assert (list(page.tasks), page.total) == (tasks[-1:], 1)


@pytest.mark.parametrize("operation", ["purge", "list"])
def test_others_run_while_many_tasks_are_removed_and_see_none_that_is_due(operation: str) -> None:
    @lives
    async def test(store: MemoryTaskStore, clock: Clock) -> None:
        tasks = [await store.create_task(REQUEST) for _ in range(2_000)]
        for task in tasks:
            await store.cancel_task(task.task_id)
        if operation == "list":
            clock.now += 1_002 * MS
        kept = await store.create_task(REQUEST)
        moment = kept.created_at + timedelta(seconds=1)
        removing = asyncio.ensure_future(store.purge(moment) if operation == "purge" else store.list_tasks())
        turns = 0
        while not removing.done():
            await asyncio.sleep(0)
            turns += 1
            assert await store.get_task(kept.task_id) == kept
            if operation == "list":
                with pytest.raises(TaskNotFound):
                    await store.get_task(tasks[-1].task_id)
        assert turns >= 7  # 2,000 tasks, of which no turn removes more than 250
        assert (await store.list_tasks()).total == 1
        assert operation == "list" or removing.result() == 2_000

    test()


@lives
async def test_a_purge_does_not_count_what_has_expired(store: MemoryTaskStore, clock: Clock) -> None:
    for _ in range(600):
        task = await store.create_task(REQUEST)
        await store.cancel_task(task.task_id)
    clock.now += 1_002 * MS
    await store.cancel_task((await store.create_task(REQUEST)).task_id)
    assert await store.purge(task.created_at + timedelta(days=1)) == 1


@lives
async def test_times_are_those_of_the_clock_and_never_go_back(store: MemoryTaskStore, clock: Clock) -> None:
    task = await store.create_task(REQUEST)
    assert task.created_at.isoformat() == "2026-09-21T14:13:20.000999+00:00"
    clock.now -= 500 * MS
    ended = await store.cancel_task(task.task_id)
    assert ended.created_at == ended.updated_at == ended.completed_at == task.created_at
    older = await store.create_task(REQUEST)
    assert [one.task_id for one in (await store.list_tasks()).tasks] == [task.task_id, older.task_id]


@lives
async def test_a_status_is_listed_right_whatever_is_written_while_its_index_is_made(
    store: MemoryTaskStore, clock: Clock
) -> None:
    tasks = []
    for _ in range(12_000):  # more than are looked at in two turns
        clock.now += 1_000
        tasks.append(await store.create_task(REQUEST))
    listing = asyncio.ensure_future(store.list_tasks(TaskStatus.PENDING, limit=3))
    await asyncio.sleep(0)
    assert not listing.done()
    for task in (tasks[0], tasks[6_000], tasks[-1]):
        await store.update_task_status(task.task_id, TaskStatus.CLIPPING)
    clock.now += 1_000
    new = await store.create_task(REQUEST)
    back = await store.update_task_status(tasks[0].task_id, TaskStatus.PENDING)
    page = await listing
    assert (page.tasks, page.total) == ((new, tasks[-2], tasks[-3]), 11_999)
    assert (await store.list_tasks(TaskStatus.PENDING, offset=11_998)).tasks == (back,)
    assert (await store.list_tasks(TaskStatus.CLIPPING)).total == 2


@lives
async def test_the_same_request_and_the_same_end_can_be_repeated(store: MemoryTaskStore, clock: Clock) -> None:
    task = await store.create_task(REQUEST, task_id="a")
    clock.now += 1_000
    swapped = TaskCreateRequest(video_ids=("v",), config={"b": [1.0, True], "a": 1})
    assert await store.create_task(swapped, task_id="a") == task
    for config in ({"a": 1.0, "b": [1.0, True]}, {"a": True, "b": [1.0, True]}, None):
        with pytest.raises(TaskExists):
            await store.create_task(TaskCreateRequest(video_ids=("v",), config=config), task_id="a")
    ended = await store.update_task_status("a", TaskStatus.COMPLETED, result_url="u")
    clock.now += 1_000
    assert await store.update_task_status("a", TaskStatus.COMPLETED, 100) is ended
    with pytest.raises(TaskFinal):
        await store.update_task_status("a", TaskStatus.COMPLETED, result_url="v")


@lives
async def test_a_task_is_written_in_the_order_of_its_fields(store: MemoryTaskStore, clock: Clock) -> None:
    task = await store.create_task(REQUEST)
    changed = await store.cancel_task(task.task_id)
    assert [*vars(task)] == [*vars(changed)] == [*Task.model_fields]
    assert Task.model_validate(changed.model_dump()) == changed
    assert {**task.metadata, "config": None} == {"webhook_url": None, "config": None}
    assert task.metadata is not task.metadata


@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(milliseconds=999), timedelta(days=40_000), 7])
def test_a_lifetime_has_bounds(lifetime: timedelta) -> None:
    with pytest.raises(InvalidArgument):
        MemoryTaskStore(lifetime=lifetime)


def test_a_store_belongs_to_one_loop_until_it_is_closed() -> None:
    store = MemoryTaskStore()
    task = asyncio.run(store.create_task(REQUEST))
    refused: list[StoreNotOpen] = []

    async def call() -> None:
        with pytest.raises(StoreNotOpen) as caught:
            await store.get_task(task.task_id)
        refused.append(caught.value)

    asyncio.run(call())

    async def elsewhere() -> None:
        own = MemoryTaskStore()
        created = await own.create_task(REQUEST)

        async def get() -> Task:
            return await own.get_task(created.task_id)

        def other_thread() -> None:
            with pytest.raises(StoreNotOpen):
                asyncio.run(get())

        thread = threading.Thread(target=other_thread)
        thread.start()
        while thread.is_alive():  # noqa: ASYNC110  its loop runs while that of the store does
            await asyncio.sleep(0.001)
        assert await get() == created
        await own.aclose()
        await own.aclose()
        with pytest.raises(StoreNotOpen, match="closed"):
            await get()

    asyncio.run(elsewhere())
    assert refused == [StoreNotOpen("the store belongs to another event loop")]
