"""Each operation takes effect at one instant, also when others come between."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from conformance.case import Namespace, case
from conformance.harness import Capability
from conformance.strategies import a_request
from taskstore import MaintainedTaskStore, TaskFinal, TaskNotFound, TaskStatus, TaskStore

ROUNDS = 20


async def two_views(namespace: Namespace, stack: AsyncExitStack) -> tuple[TaskStore, TaskStore]:
    """Two instances where the namespace is shared, else the same one twice."""
    one = await stack.enter_async_context(namespace.open())
    if Capability.SHARED in namespace.harness.capabilities:
        return one, await stack.enter_async_context(namespace.open())
    return one, one


def maintained(store: TaskStore) -> MaintainedTaskStore:
    """The store, which can be purged and restored into, since the subject declares it."""
    return store  # type: ignore[return-value]  # a case that calls it needs the capability


@case("ATOM-01")
async def test_concurrent_updates_lose_nothing(namespace: Namespace) -> None:
    """Updates that each set another field, at the same time and from two instances, are all there in the end."""
    async with AsyncExitStack() as stack:
        one, two = await two_views(namespace, stack)
        for _ in range(ROUNDS):
            task = await one.create_task(a_request())
            await asyncio.gather(
                one.update_task_status(task.task_id, TaskStatus.CLIPPING, progress=50),
                two.update_task_status(task.task_id, TaskStatus.CLIPPING, current_step="step"),
                one.update_task_status(task.task_id, TaskStatus.CLIPPING, result_url="url"),
            )
            read = await two.get_task(task.task_id)
            assert (read.progress, read.current_step, read.result_url) == (50, "step", "url")


@case("ATOM-02")
async def test_a_cancel_and_a_completion_that_race_have_one_winner(namespace: Namespace) -> None:
    """One succeeds, the other gets TaskFinal with the winner's status, and both instances see that status."""
    async with AsyncExitStack() as stack:
        one, two = await two_views(namespace, stack)
        for turn in range(ROUNDS):
            task = await one.create_task(a_request())
            racers = [one.update_task_status(task.task_id, TaskStatus.COMPLETED), two.cancel_task(task.task_id)]
            outcomes = await asyncio.gather(*racers[:: 1 if turn % 2 else -1], return_exceptions=True)
            told = [outcome for outcome in outcomes if isinstance(outcome, TaskFinal)]
            assert len(told) == 1, outcomes
            assert (await one.get_task(task.task_id)).status == told[0].status
            assert await one.get_task(task.task_id) == await two.get_task(task.task_id)


@case("ATOM-03", needs=Capability.EXPIRING)
async def test_an_update_never_brings_back_an_expired_task(namespace: Namespace) -> None:
    """What has expired is not found, and stays away."""
    async with namespace.open() as store:
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
async def test_a_cancelled_call_takes_nobodys_answer(store: TaskStore) -> None:
    """Whenever a call is cancelled, those that come at once after it get their own answers, and not its."""
    first, *others = [await store.create_task(a_request()) for _ in range(3)]
    for turns in range(1, 13):
        given_up = asyncio.ensure_future(store.get_task(first.task_id))
        for _ in range(turns):
            await asyncio.sleep(0)
        given_up.cancel()
        for _ in range(2):
            assert await asyncio.gather(*(store.get_task(task.task_id) for task in others)) == others
        await asyncio.wait([given_up])
        assert given_up.cancelled() or given_up.result() == first


@case("ATOM-06")
async def test_many_calls_at_once_are_all_answered(store: TaskStore) -> None:
    """Three hundred reads and three hundred updates together: each returns its own task."""
    tasks = await asyncio.gather(*(store.create_task(a_request()) for _ in range(300)))
    calls = [
        *(store.get_task(task.task_id) for task in tasks),
        *(store.update_task_status(task.task_id, TaskStatus.CLIPPING) for task in tasks),
    ]
    answers = await asyncio.gather(*calls)
    assert [answer.task_id for answer in answers] == [task.task_id for task in tasks] * 2
