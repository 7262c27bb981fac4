"""What a store costs, how it is cleaned up, and how tasks are carried over."""

from __future__ import annotations

import asyncio
import gc
import threading
import tracemalloc
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from conformance.case import Namespace, case
from conformance.cases.atomicity import maintained
from conformance.cases.values import nested
from conformance.equality import same, snapshots
from conformance.harness import Capability
from conformance.strategies import a_request
from taskstore import InvalidArgument, MemoryTaskStore, Task, TaskStatus, TaskStore, TaskStoreError, migrate

OPERATIONS: dict[str, Callable[[TaskStore], Awaitable[object]]] = {
    "create": lambda store: store.create_task(a_request()),
    "get": lambda store: store.get_task("task_0"),
    "list": lambda store: store.list_tasks(),
    "update": lambda store: store.update_task_status("task_0", TaskStatus.CLIPPING),
    "cancel": lambda store: store.cancel_task("task_0"),
}


@case("COST-01", needs=Capability.REMOTE)
async def test_every_operation_asks_the_server(namespace: Namespace) -> None:
    """No operation is answered without the server: each costs a round trip."""
    assert min((await requests_of_each(namespace)).values()) >= 1


@case("COST-02", needs=Capability.REMOTE)
async def test_every_operation_is_one_request(namespace: Namespace) -> None:
    """Among forty tasks as among none, each of the five operations is one request, and a get of nothing at most two."""
    for tasks in (0, 40):
        counted = await requests_of_each(namespace, tasks=tasks)
        assert 1 <= counted.pop("get of nothing") <= 2
        assert counted == dict.fromkeys(OPERATIONS, 1)


async def requests_of_each(namespace: Namespace, tasks: int = 0) -> dict[str, int]:
    """How many requests the server reads for one call of each operation, on a store that is warm."""
    counted = {}
    async with namespace.open() as store:
        for _ in range(tasks):
            await store.create_task(a_request())
        inspector = namespace.inspector
        there = (await store.create_task(a_request())).task_id
        operations = {
            **OPERATIONS,
            "get": lambda store: store.get_task(there),
            "get of nothing": OPERATIONS["get"],
        }
        for attempt in ("warm", "counted"):
            for name, operation in operations.items():
                before = inspector.requests()
                try:
                    await operation(store)
                except TaskStoreError:
                    assert name in ("get of nothing", "update", "cancel"), attempt  # of a task that is not there
                counted[name] = inspector.requests() - before - 1  # less the inspector's own
    return counted


@case("COST-04", mode="memory")
async def test_memory_grows_with_the_tasks(namespace: Namespace) -> None:
    """Five hundred tasks of a kilobyte hold at least half a megabyte more than none."""
    async with namespace.harness.open(namespace.name) as store:  # what records the calls would count as well
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for number in range(500):
                await store.create_task(a_request({"text": str(number).zfill(1_000)}))
            assert tracemalloc.get_traced_memory()[0] - before > 500 * 1_000
        finally:
            tracemalloc.stop()


@case("COST-04", mode="memory")
async def test_memory_holds_every_task(namespace: Namespace) -> None:
    """Of ten thousand tasks none is dropped, the first one included."""
    async with namespace.open() as store:
        first = await store.create_task(a_request())
        for _ in range(9_999):
            await store.create_task(a_request())
        assert (await store.list_tasks(limit=0)).total == 10_000
        assert await store.get_task(first.task_id) == first


@case("COST-05")
async def test_calls_leave_nothing_behind(store: TaskStore) -> None:
    """After a hundred and fifty calls more, some of them refused, as much is open as before."""

    async def calls() -> None:
        for _ in range(25):
            task = await store.create_task(a_request())
            await store.get_task(task.task_id)
            await asyncio.gather(
                store.list_tasks(limit=1),
                store.update_task_status(task.task_id, TaskStatus.CLIPPING),
                store.cancel_task(task.task_id),
                store.get_task("task_0"),
                return_exceptions=True,
            )

    await calls()
    before = what_is_open()
    await calls()
    assert what_is_open() == before


def what_is_open() -> dict[str, int]:
    """How many files and sockets, threads, and tasks of the event loop this process has."""
    files = Path("/proc/self/fd")
    gc.collect()
    return {
        "files": len(list(files.iterdir())) if files.is_dir() else 0,
        "threads": threading.active_count(),
        "tasks": len(asyncio.all_tasks()),
    }


@case("MAINT-01", needs=Capability.MAINTENANCE)
async def test_purge_removes_old_final_tasks_only(namespace: Namespace) -> None:
    """What was completed before the moment goes; what was completed at it, and what is not final, stays."""
    async with namespace.open() as opened:
        store = maintained(opened)
        finals = [status for status in TaskStatus if status.is_final]
        open_task = await store.create_task(a_request())
        old = [
            await store.update_task_status((await store.create_task(a_request())).task_id, status) for status in finals
        ]
        recent = await store.cancel_task((await store.create_task(a_request())).task_id)
        later = await store.cancel_task((await store.create_task(a_request())).task_id)
        assert recent.completed_at is not None
        assert await store.purge(recent.completed_at) == len(old)
        assert list((await store.list_tasks()).tasks) == [later, recent, open_task]
        assert (await store.list_tasks(TaskStatus.COMPLETED)).total == 0
        assert await store.purge(datetime.now(UTC) + timedelta(days=1)) == len([later, recent])
        assert list((await store.list_tasks()).tasks) == [open_task]


@case("MAINT-01", needs=(Capability.MAINTENANCE, Capability.REMOTE))
async def test_purge_removes_however_many_there_are(namespace: Namespace) -> None:
    """A thousand old tasks and one more go in one call, and are counted once each."""
    async with namespace.open() as opened:
        store = maintained(opened)
        done = await store.cancel_task((await store.create_task(a_request())).task_id)
        await asyncio.gather(*(store.restore(renamed(done, f"task_{number}")) for number in range(1_000)))
        assert await store.purge(datetime.now(UTC) + timedelta(days=1)) == 1_001
        assert (await store.list_tasks(limit=0)).total == 0
        assert await store.purge(datetime.now(UTC) + timedelta(days=1)) == 0


def renamed(task: Task, task_id: str, **fields: Any) -> Task:
    """The task under another id, with other fields."""
    return Task.model_validate({**task.model_dump(), "task_id": task_id, **fields})


@case("MAINT-04", needs=Capability.MAINTENANCE)
async def test_restore_refuses_what_no_store_could_have_produced(namespace: Namespace) -> None:
    """No task at all, a final one without its end, an end that is none, and texts that have no UTF-8 form."""
    async with namespace.open() as opened:
        store = maintained(opened)
        task = await store.create_task(a_request(nested(100)))
        await store.restore(renamed(task, "task_0"))
        wrong: list[Any] = [
            task.model_dump(),
            renamed(task, "task_1", status=TaskStatus.FAILED),
            renamed(task, "task_2", completed_at=task.created_at),
            task.model_copy(update={"task_id": "\ud800"}),
            task.model_copy(update={"task_id": "task_3", "current_step": "\ud800"}),
            task.model_copy(update={"task_id": "task_4", "video_ids": ("\ud800",)}),
            task.model_copy(update={"task_id": "task_5", "current_step": "x" * 1024 * 1024}),
            *impossible(task),
        ]
        for one in wrong:
            with pytest.raises(InvalidArgument):
                await store.restore(one)
        assert (await store.list_tasks()).total == 2


def impossible(task: Task) -> list[Task]:
    """What a pending task cannot be: values that contradict one another, or are none that a field can have."""
    at = task.created_at
    final = {"completed_at": at, "updated_at": at}
    early, late = datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2201, 1, 1, tzinfo=UTC)
    changes: list[dict[str, Any]] = [
        {"status": TaskStatus.COMPLETED, "progress": 30.0, **final},
        {"status": TaskStatus.COMPLETED, "progress": 100.0, "error_message": "x", **final},
        {"status": TaskStatus.CANCELLED, "error_traceback": "x", **final},
        {"error_message": "x"},
        {"updated_at": at - timedelta(microseconds=1)},
        {"status": TaskStatus.FAILED, "completed_at": at - timedelta(microseconds=1)},
        {"status": TaskStatus.FAILED, "completed_at": at + timedelta(microseconds=1), "updated_at": at},
        {"created_at": early, "updated_at": early},
        {"created_at": late, "updated_at": late},
        {"created_at": at.replace(tzinfo=None)},
        {"updated_at": at.isoformat()},
        {"video_ids": ()},
        {"video_ids": ["v"]},
        {"video_ids": ("v", 1)},
        {"video_ids": None},
        {"status": "pending"},
        {"status": "done"},
        {"progress": float("nan")},
        {"progress": 200.0},
        {"progress": "50"},
        {"current_step": None},
        {"current_step": b"step"},
        {"result_url": 7},
        {"metadata_json": "not json"},
        {"metadata_json": "[]"},
        {"metadata_json": '{"webhook_url":null,"config":{"a":NaN}}'},
        {"metadata_json": "[" * 5_000 + "]" * 5_000},
        *({"task_id": task_id} for task_id in ("", "a b", "é", "a\n", "x" * 257, 7, None)),
    ]
    return [task.model_copy(update={"task_id": "task_impossible", **change}) for change in changes]


async def some_tasks(source: MemoryTaskStore) -> list[Task]:
    """A task of every status, newest first."""
    made = []
    for status in TaskStatus:
        task = await source.create_task(a_request({"n": [1.0, -0.0, 10**30], "字": "文\n"}))
        error = "no disk" if status is TaskStatus.FAILED else None
        made.append(await source.update_task_status(task.task_id, status, None, "步", "url", error, error))
    return made[::-1]


@case("MAINT-02", needs=Capability.MAINTENANCE)
async def test_tasks_can_be_carried_over_from_memory(namespace: Namespace) -> None:
    """Every task arrives with its id, times and values, in its place; where tasks expire it has seven days from now."""
    async with MemoryTaskStore() as source, namespace.open() as opened:
        target = maintained(opened)
        tasks = await some_tasks(source)
        newer = await target.create_task(a_request())
        assert await migrate(source, target) == len(tasks)
        assert same(snapshots((await target.list_tasks()).tasks), snapshots([newer, *tasks]))
        for status in TaskStatus:
            listed = [task for task in (await target.list_tasks(status)).tasks if task.task_id != newer.task_id]
            assert same(snapshots(listed), snapshots(task for task in tasks if task.status is status))
        assert (await source.list_tasks()).total == len(tasks)
        if Capability.EXPIRING in namespace.harness.capabilities:
            namespace.advance(timedelta(days=7, minutes=-1))
            assert (await target.list_tasks()).total == len(tasks) + 1
            namespace.advance(timedelta(minutes=2))
            assert (await target.list_tasks()).total == 0
