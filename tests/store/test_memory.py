"""The store in memory, its clock in the test's hands. A task is alive while now ≤ deadline, in whole milliseconds."""

import asyncio
import gc
import itertools
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from time import thread_time
from typing import Any

import pytest

from taskstore import (
    MAX_BYTES,
    InvalidArgument,
    MemoryTaskStore,
    Task,
    TaskCreateRequest,
    TaskExists,
    TaskNotFound,
    TaskStatus,
)
from taskstore.values import EPOCH, MICROSECOND, new_task

pytestmark = pytest.mark.anyio

MS = 1_000_000
START = 1_790_000_000_000 * MS + 999_999
"""The last nanosecond of a millisecond, so that rounding would show."""
REQUEST = TaskCreateRequest(video_ids=("v",))


class Clock:
    now = START

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@asynccontextmanager
async def opened(tasks: int, clock: Clock) -> AsyncIterator[tuple[MemoryTaskStore, list[Task]]]:
    """A store whose tasks live for a second, and its tasks, each created a microsecond after the other."""
    async with MemoryTaskStore(lifetime=timedelta(seconds=1), clock=clock) as store:
        created = []
        for at in range(tasks):
            clock.now = START + at * 1_000
            created.append(await store.create_task(REQUEST))
        yield store, created


async def test_the_last_millisecond_of_a_life_counts(clock: Clock) -> None:
    async with opened(1, clock) as (store, [task]):
        assert task.created_at.isoformat() == "2026-09-21T14:13:20.000999+00:00"
        clock.now = START + 1_000 * MS
        assert await store.get_task(task.task_id) == task
        assert (await store.list_tasks()).total == 1
        clock.now += 1
        for call in (store.get_task, store.cancel_task):
            with pytest.raises(TaskNotFound):
                await call(task.task_id)
        assert (await store.list_tasks()).total == 0


async def test_an_id_is_free_when_its_task_is_due(clock: Clock) -> None:
    async with opened(350, clock) as (store, tasks):
        with pytest.raises(TaskExists):
            await store.restore(tasks[-1])
        with pytest.raises(InvalidArgument):  # it is larger than a task may be
            await store.restore(tasks[-1].model_copy(update={"current_step": "x" * MAX_BYTES}))
        clock.now += 1_002 * MS
        await store.restore(tasks[-1])  # more are due than a write removes
        for status in (None, TaskStatus.PENDING):
            page = await store.list_tasks(status)
            assert (list(page.tasks), page.total) == (tasks[-1:], 1)


@pytest.mark.parametrize("operation", ["purge", "list"])
async def test_others_run_while_many_tasks_are_removed_and_see_none_that_is_due(operation: str, clock: Clock) -> None:
    async with opened(2_000, clock) as (store, tasks):
        for task in tasks:
            await store.cancel_task(task.task_id)
        clock.now += 1_002 * MS if operation == "list" else 0
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
        assert turns >= 7  # no turn removes more than 250
        assert (await store.list_tasks()).total == 1
        assert operation == "list" or removing.result() == 2_000


async def test_a_listing_by_status_ends_while_others_write_without_a_pause(clock: Clock) -> None:
    async with opened(1_000, clock) as (store, tasks):
        statuses = itertools.cycle((TaskStatus.CLIPPING, TaskStatus.UPLOADING, TaskStatus.PENDING))
        turns = 0

        async def write() -> None:
            nonlocal turns
            for status in statuses:
                turns += 1
                for task in tasks:
                    await store.update_task_status(task.task_id, status)
                await asyncio.sleep(0)

        writing = asyncio.create_task(write())
        listings = [store.list_tasks(status, limit=1_000) for status in (TaskStatus.CLIPPING, TaskStatus.PENDING)]
        async with asyncio.timeout(10):
            pages = await asyncio.gather(*listings)
        assert turns < 10
        for page in pages:
            assert page.total == len(page.tasks) in {0, 1_000}  # all were written in one turn
        writing.cancel()


async def test_the_index_of_a_status_is_right_whatever_is_written_while_it_is_made(clock: Clock) -> None:
    async with opened(12_000, clock) as (store, tasks):  # more than two turns look at
        listing = asyncio.ensure_future(store.list_tasks(TaskStatus.PENDING, limit=3))
        await asyncio.sleep(0)
        assert not listing.done()
        for task in (tasks[0], tasks[1], tasks[6_000], tasks[-1]):
            await store.update_task_status(task.task_id, TaskStatus.CLIPPING)
        clock.now += 1_000
        new = await store.create_task(REQUEST)
        back = await store.update_task_status(tasks[0].task_id, TaskStatus.PENDING)
        page = await listing
        assert (page.tasks, page.total) == ((new, tasks[-2], tasks[-3]), 11_998)
        assert (await store.list_tasks(TaskStatus.PENDING, offset=11_997)).tasks == (back,)
        assert (await store.list_tasks(TaskStatus.CLIPPING)).total == 3


def put_inside(store: MemoryTaskStore, tasks: int) -> None:
    """Put pending tasks into a new store, in a tenth of the time that creating them takes."""
    inside = vars(store)
    places = []
    for number in range(tasks):
        task = new_task(f"t{number}", REQUEST.video_ids, "{}", EPOCH + number * MICROSECOND)
        inside["_tasks"][task.task_id] = task
        places.append(f"{number:018}{task.task_id}")
    inside["_created"].update(places)
    inside["_created_by_status"][TaskStatus.PENDING].update(places)


@pytest.mark.slow
async def test_no_call_holds_the_loop_for_long_among_a_million_tasks() -> None:
    """Time of the processor, without the garbage collector's: a dictionary of a million takes 50 ms when it grows."""
    longest = 0.0

    async def timed(call: Coroutine[Any, Any, object]) -> None:
        nonlocal longest
        is_done = False
        while not is_done:
            start = thread_time()
            try:
                call.send(None)
            except StopIteration:
                is_done = True
            longest = max(longest, thread_time() - start)
            if not is_done:
                await asyncio.sleep(0)

    gc.collect()
    gc.disable()
    try:
        async with MemoryTaskStore() as store:
            put_inside(store, 690_000)  # one dictionary would grow at 699,051
            for number in range(690_000, 1_000_000):
                await timed(store.create_task(REQUEST, task_id=f"t{number}"))
            await timed(store.list_tasks(TaskStatus.PENDING, limit=1_000, offset=500_000))
            for number in range(0, 1_000_000, 10):
                await timed(store.cancel_task(f"t{number}"))
            await timed(store.list_tasks(TaskStatus.CANCELLED))
            await timed(store.purge(datetime.now(UTC) + timedelta(days=1)))
            assert (await store.list_tasks()).total == 900_000
    finally:
        gc.enable()
    assert longest < 0.02
