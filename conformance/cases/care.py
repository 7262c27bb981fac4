"""What a store costs, how it is cleaned up, and how tasks are carried over."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime, timedelta

from conformance.case import World, case
from conformance.cases.atomicity import maintained
from conformance.cases.failure import OPERATIONS
from conformance.harness import Capability
from conformance.strategies import a_request
from taskstore import MemoryTaskStore, Task, TaskStatus, TaskStoreError, migrate


@case("COST-01", needs=Capability.REMOTE)
async def test_every_operation_asks_the_server(world: World) -> None:
    """No operation is answered without the server: each costs a round trip."""
    assert min((await requests_of_each(world)).values()) >= 1


@case("COST-02", needs=Capability.REMOTE)
async def test_every_operation_is_one_request(world: World) -> None:
    """Among forty tasks as among none, each of the five operations is one request."""
    assert await requests_of_each(world) == dict.fromkeys(OPERATIONS, 1)
    assert await requests_of_each(world, tasks=40) == dict.fromkeys(OPERATIONS, 1)


async def requests_of_each(world: World, tasks: int = 0) -> dict[str, int]:
    """How many requests the server reads for one call of each operation, on a store that is warm."""
    counted = {}
    async with world.open() as store:
        for _ in range(tasks):
            await store.create_task(a_request())
        witness = world.witness
        for attempt in ("warm", "counted"):
            for name, operation in OPERATIONS.items():
                before = witness.requests()
                try:
                    await operation(store)
                except TaskStoreError:
                    assert name in ("get", "update", "cancel"), attempt  # of a task that is not there
                counted[name] = witness.requests() - before - 1  # less the witness's own
    return counted


@case("COST-03", mode="memory")
async def test_memory_grows_with_the_tasks(world: World) -> None:
    """Five hundred tasks of a kilobyte hold at least half a megabyte more than none."""
    async with world.harness.open(world.name) as store:  # what records the calls would count as well
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for number in range(500):
                await store.create_task(a_request({"text": str(number).zfill(1_000)}))
            assert tracemalloc.get_traced_memory()[0] - before > 500 * 1_000
        finally:
            tracemalloc.stop()


@case("COST-04", mode="memory")
async def test_memory_holds_every_task(world: World) -> None:
    """Of ten thousand tasks none is dropped, the first one included."""
    async with world.open() as store:
        first = await store.create_task(a_request())
        for _ in range(9_999):
            await store.create_task(a_request())
        assert (await store.list_tasks(limit=0)).total == 10_000
        assert await store.get_task(first.task_id) == first


@case("CARE-01")
async def test_purge_removes_old_final_tasks_only(world: World) -> None:
    """What was completed before the moment goes; what was completed at it, and what is not final, stays."""
    async with world.open() as opened:
        store = maintained(opened)
        finals = [status for status in TaskStatus if status.is_final]
        open_task = await store.create_task(a_request())
        old = [
            await store.update_task_status((await store.create_task(a_request())).task_id, status) for status in finals
        ]
        recent = await store.cancel_task((await store.create_task(a_request())).task_id)
        assert recent.completed_at is not None
        assert await store.purge(recent.completed_at) == len(old)
        assert [task.task_id for task in (await store.list_tasks()).tasks] == [recent.task_id, open_task.task_id]
        assert (await store.list_tasks(TaskStatus.COMPLETED)).total == 0
        assert await store.purge(datetime.now(UTC) + timedelta(days=1)) == 1
        assert list((await store.list_tasks()).tasks) == [open_task]


async def some_tasks(source: MemoryTaskStore) -> list[Task]:
    """A task of every status, newest first."""
    made = []
    for status in TaskStatus:
        task = await source.create_task(a_request({"n": [1.0, -0.0, 10**30], "字": "文\n"}))
        error = "no disk" if status is TaskStatus.FAILED else None
        made.append(await source.update_task_status(task.task_id, status, None, "步", "url", error, error))
    return made[::-1]


@case("CARE-02")
async def test_tasks_can_be_carried_over_from_memory(world: World) -> None:
    """Every task arrives with its id, times and values, in its place; where tasks expire it has seven days from now."""
    async with MemoryTaskStore() as source, world.open() as opened:
        target = maintained(opened)
        tasks = await some_tasks(source)
        newer = await target.create_task(a_request())
        assert await migrate(source, target) == len(tasks)
        assert list((await target.list_tasks()).tasks) == [newer, *tasks]
        for status in TaskStatus:
            assert [t for t in (await target.list_tasks(status)).tasks if t != newer] == [
                task for task in tasks if task.status is status
            ]
        assert (await source.list_tasks()).total == len(tasks)
        if Capability.EXPIRING in world.harness.capabilities:
            world.advance(timedelta(days=7, minutes=-1))
            assert (await target.list_tasks()).total == len(tasks) + 1
            world.advance(timedelta(minutes=2))
            assert (await target.list_tasks()).total == 0


@case("CARE-03")
async def test_carrying_over_again_changes_nothing(world: World) -> None:
    """A migration that is repeated copies what is missing and leaves what has moved on since."""
    async with MemoryTaskStore() as source, world.open() as opened:
        target = maintained(opened)
        tasks = await some_tasks(source)
        await target.restore(tasks[-1])
        moved_on = await target.update_task_status(tasks[-1].task_id, TaskStatus.CLIPPING)
        assert await migrate(source, target) == len(tasks) - 1
        assert await target.get_task(moved_on.task_id) == moved_on
        assert await migrate(source, target) == 0
