"""Each operation takes effect at one instant, also when others come between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from conformance.case import Namespace, NotTestable, case
from conformance.cases.interpreter import Pair, two_interpreters
from conformance.harness import Capability
from conformance.opened import Planned
from conformance.spec.equality import check_fields
from conformance.strategies import a_request
from taskstore import InvalidArgument, Task, TaskFinal, TaskNotFound, TaskStatus, TaskStore

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


@case("ATOM-01", needs=Capability.EXPIRING)
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
    """Each of 1,100 creations at once returns its own task; so does each of 6,100 calls that is not cancelled."""
    videos = [f"v{number}" for number in range(1_100)]
    made = await asyncio.gather(*(store.create_task(a_request(video=one)) for one in videos), return_exceptions=True)
    tasks = [one for one in made if not isinstance(one, BaseException)]
    assert [one for one in made if isinstance(one, BaseException)][:1] == []
    assert [list(task.video_ids) for task in tasks] == [[one] for one in videos]
    ids = [task.task_id for task in tasks]
    assert len({*ids}) == len(ids)
    # More reads than writes, which may each take a disk some milliseconds.
    change: Callable[[str], Awaitable[Task]] = partial(store.update_task_status, status=TaskStatus.CLIPPING)
    planned = [(call, one) for one in ids[:300] for call in (store.get_task, change)]
    planned += [(store.get_task, one) for one in ids * 5]
    calls = [asyncio.ensure_future(call(one)) for call, one in planned]
    await asyncio.sleep(0)
    for given_up in calls[::3]:
        given_up.cancel()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    for number, outcome in enumerate(outcomes):
        if number % 3 or not isinstance(outcome, asyncio.CancelledError):
            assert not isinstance(outcome, BaseException), repr(outcome)  # which may name the task, too
            assert outcome.task_id == planned[number][1]


@case("ATOM-06")
async def test_many_calls_about_large_tasks_are_all_answered(store: TaskStore) -> None:
    """Thirty creations of seven hundred kilobytes at the same time, and then as many of each other operation."""
    config = {"text": "x" * 700_000}
    await make_large(store, config)
    made = await asyncio.gather(*(store.create_task(a_request(config)) for _ in range(30)), return_exceptions=True)
    assert [one for one in made if isinstance(one, BaseException)] == []
    ids = [one.task_id for one in made if not isinstance(one, BaseException)]
    for call in (store.get_task, partial(store.update_task_status, status=TaskStatus.CLIPPING), store.cancel_task):
        answers = await asyncio.gather(*(call(one) for one in ids), return_exceptions=True)
        assert [one for one in answers if isinstance(one, BaseException)] == []
        assert [getattr(one, "task_id", one) for one in answers] == ids


async def make_large(store: TaskStore, config: dict[str, Any]) -> Task:
    """Create a task with a large config.

    Raises:
        NotTestable: if the store takes none of this size, which VAL-06 is about.
    """
    try:
        return await store.create_task(a_request(config))
    except InvalidArgument:
        raise NotTestable("the store does not take tasks of this size") from None


@case("ATOM-01", needs=(Capability.SHARED, Capability.REMOTE))
async def test_updates_from_two_processes_lose_nothing(namespace: Namespace) -> None:
    """The same of instances in two interpreters: what each sets is there, whichever was first."""
    async with two_interpreters(namespace) as pair:
        markers, ids = await marked(pair)
        calls = [(update(task_id, current_step="step"), update(task_id, result_url="url")) for task_id in ids]
        assert [one for both in await pair.race(calls, markers) for one in both if not isinstance(one, dict)] == []
        for task_id in ids:
            check_fields(await pair.here.get_task(task_id), current_step="step", result_url="url")


@case("ATOM-02", needs=(Capability.SHARED, Capability.REMOTE))
async def test_a_cancel_and_a_completion_in_two_processes_have_one_winner(namespace: Namespace) -> None:
    """One succeeds, the other gets TaskFinal with the winner's status, and the task has that status."""
    async with two_interpreters(namespace) as pair:
        markers, ids = await marked(pair)
        calls: list[tuple[Planned, Planned]] = [
            (("cancel_task", one, {}), ("update_task_status", one, TaskStatus.COMPLETED, {})) for one in ids
        ]
        for task_id, outcomes in zip(ids, await pair.race(calls, markers), strict=True):
            status = str((await pair.here.get_task(task_id)).status)
            assert ("TaskFinal", status) in outcomes, outcomes
            assert status in [one["status"] for one in outcomes if isinstance(one, dict)], outcomes


async def marked(pair: Pair) -> tuple[tuple[str, str], list[str]]:
    """Two tasks by which the two sides keep step, and the ids of others to race for."""
    ids = [(await pair.here.create_task(a_request())).task_id for _ in range(2 + ROUNDS)]
    if any(isinstance(seen, str) for seen in await pair.make_there(("get_task", one, {}) for one in ids)):
        raise NotTestable("the instances do not see each other's tasks, which SHARE-01 is about")
    return (ids[0], ids[1]), ids[2:]


def update(task_id: str, **named: object) -> Planned:
    """An update of one field."""
    return "update_task_status", task_id, TaskStatus.CLIPPING, named
