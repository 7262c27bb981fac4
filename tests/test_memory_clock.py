"""A task is alive while now ≤ deadline, in whole milliseconds: here the clock is in the test's hands."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from taskstore import InvalidArgument, MemoryTaskStore, TaskCreateRequest, TaskNotFound, TaskStatus

MS = 1_000_000
START = 1_790_000_000_000 * MS + 999_999
"""The last nanosecond of a millisecond, so that rounding would show."""


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


def test_the_last_millisecond_of_a_life_counts() -> None:
    async def live(clock: Clock) -> None:
        async with MemoryTaskStore(lifetime=timedelta(seconds=1), clock=clock) as store:
            task = await store.create_task(TaskCreateRequest(video_ids=("v",)))
            clock.now = START + 1_000 * MS
            assert await store.get_task(task.task_id) == task
            assert (await store.list_tasks()).total == 1
            clock.now += 1
            with pytest.raises(TaskNotFound):
                await store.get_task(task.task_id)
            with pytest.raises(TaskNotFound):
                await store.update_task_status(task.task_id, TaskStatus.CLIPPING)
            assert (await store.list_tasks()).total == 0

    asyncio.run(live(Clock()))


def test_many_tasks_that_are_due_at_once_are_all_gone_from_a_listing() -> None:
    async def live(clock: Clock) -> None:
        async with MemoryTaskStore(lifetime=timedelta(seconds=1), clock=clock) as store:
            for _ in range(350):
                await store.create_task(TaskCreateRequest(video_ids=("v",)))
            clock.now += 1_002 * MS
            kept = await store.create_task(TaskCreateRequest(video_ids=("v",)))
            page = await store.list_tasks(TaskStatus.PENDING)
            assert (list(page.tasks), page.total) == ([kept], 1)

    asyncio.run(live(Clock()))


def test_a_task_that_is_due_gives_its_id_free() -> None:
    async def live(clock: Clock) -> None:
        async with MemoryTaskStore(lifetime=timedelta(seconds=1), clock=clock) as store:
            tasks = [await store.create_task(TaskCreateRequest(video_ids=("v",))) for _ in range(350)]
            clock.now += 1_002 * MS
            await store.restore(tasks[-1])  # more are due than a write removes
            page = await store.list_tasks()
            assert (list(page.tasks), page.total) == (tasks[-1:], 1)

    asyncio.run(live(Clock()))


@pytest.mark.parametrize("operation", ["purge", "list"])
def test_others_run_while_many_tasks_are_removed_and_see_none_that_is_due(operation: str) -> None:
    async def live(clock: Clock) -> None:
        async with MemoryTaskStore(lifetime=timedelta(seconds=1), clock=clock) as store:
            tasks = [await store.create_task(TaskCreateRequest(video_ids=("v",))) for _ in range(2_000)]
            for task in tasks:
                await store.cancel_task(task.task_id)
            if operation == "list":
                clock.now += 1_002 * MS
            kept = await store.create_task(TaskCreateRequest(video_ids=("v",)))
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
            await removing
            if operation == "purge":
                assert removing.result() == 2_000

    asyncio.run(live(Clock()))


def test_a_purge_does_not_count_what_has_expired() -> None:
    async def live(clock: Clock) -> None:
        async with MemoryTaskStore(lifetime=timedelta(seconds=1), clock=clock) as store:
            for _ in range(600):
                task = await store.create_task(TaskCreateRequest(video_ids=("v",)))
                await store.cancel_task(task.task_id)
            clock.now += 1_002 * MS
            await store.cancel_task((await store.create_task(TaskCreateRequest(video_ids=("v",)))).task_id)
            assert await store.purge(task.created_at + timedelta(days=1)) == 1

    asyncio.run(live(Clock()))


def test_times_are_those_of_the_clock() -> None:
    async def live(clock: Clock) -> None:
        async with MemoryTaskStore(clock=clock) as store:
            task = await store.create_task(TaskCreateRequest(video_ids=("v",)))
            assert task.created_at.isoformat() == "2026-09-21T14:13:20.000999+00:00"

    asyncio.run(live(Clock()))


@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(milliseconds=999), timedelta(days=40_000), 7])
def test_a_lifetime_has_bounds(lifetime: timedelta) -> None:
    with pytest.raises(InvalidArgument):
        MemoryTaskStore(lifetime=lifetime)
