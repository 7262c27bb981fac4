"""Each operation takes effect at one instant, also when others come between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from conformance.case import Namespace, case
from conformance.harness import Capability
from conformance.spec.equality import check_fields
from conformance.strategies import a_request
from taskstore import TaskFinal, TaskNotFound, TaskStatus, TaskStore

ROUNDS = 20


@asynccontextmanager
async def two_instances(namespace: Namespace) -> AsyncIterator[tuple[TaskStore, TaskStore]]:
    """Two instances if the store is shared, else the same one twice."""
    async with namespace.open() as one:
        if Capability.SHARED in namespace.harness.capabilities:
            async with namespace.open() as two:
                yield one, two
        else:
            yield one, one


@case("ATOM-01")
async def test_concurrent_updates_lose_nothing(namespace: Namespace) -> None:
    """Updates that each set another field, at the same time and from two instances, are all there in the end."""
    async with two_instances(namespace) as (one, two):
        for _ in range(ROUNDS):
            task = await one.create_task(a_request())
            await asyncio.gather(
                one.update_task_status(task.task_id, TaskStatus.CLIPPING, progress=50),
                two.update_task_status(task.task_id, TaskStatus.CLIPPING, current_step="step"),
                one.update_task_status(task.task_id, TaskStatus.CLIPPING, result_url="url"),
            )
            read = await two.get_task(task.task_id)
            check_fields(read, progress=50, current_step="step", result_url="url")


@case("ATOM-02")
async def test_a_cancel_and_a_completion_that_race_have_one_winner(namespace: Namespace) -> None:
    """One succeeds, the other gets TaskFinal with the winner's status, and both instances see that status."""
    async with two_instances(namespace) as (one, two):
        for turn in range(ROUNDS):
            task = await one.create_task(a_request())
            racers = [one.update_task_status(task.task_id, TaskStatus.COMPLETED), two.cancel_task(task.task_id)]
            outcomes = await asyncio.gather(*racers[:: 1 if turn % 2 else -1], return_exceptions=True)
            refused = [outcome for outcome in outcomes if isinstance(outcome, TaskFinal)]
            assert len(refused) == 1, outcomes
            assert (await one.get_task(task.task_id)).status == refused[0].status
            assert await one.get_task(task.task_id) == await two.get_task(task.task_id)


@case("ATOM-03", needs=Capability.EXPIRING)
async def test_an_update_never_brings_back_an_expired_task(store: TaskStore, namespace: Namespace) -> None:
    """What has expired is not found, and stays away."""
    task = await store.create_task(a_request())
    namespace.advance(timedelta(days=8))
    with pytest.raises(TaskNotFound):
        await store.update_task_status(task.task_id, TaskStatus.CLIPPING)
    with pytest.raises(TaskNotFound):
        await store.cancel_task(task.task_id)
    with pytest.raises(TaskNotFound):
        await store.get_task(task.task_id)
    assert (await store.list_tasks()).total == 0


@case("ATOM-06")
async def test_many_calls_at_once_are_all_answered(store: TaskStore) -> None:
    """Of six hundred calls together every third is cancelled: each of the others returns its own task."""
    tasks = [await store.create_task(a_request()) for _ in range(300)]
    calls = [
        asyncio.ensure_future(call)
        for task in tasks
        for call in (store.get_task(task.task_id), store.update_task_status(task.task_id, TaskStatus.CLIPPING))
    ]
    await asyncio.sleep(0)
    for given_up in calls[::3]:
        given_up.cancel()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    for number, outcome in enumerate(outcomes):
        if number % 3 or not isinstance(outcome, asyncio.CancelledError):
            assert getattr(outcome, "task_id", outcome) == tasks[number // 2].task_id
