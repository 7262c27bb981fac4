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
