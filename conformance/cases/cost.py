"""What a call costs the server, and what a store holds and leaves open."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from itertools import product
from pathlib import Path
from typing import Any
from unittest import mock

from conformance.case import Namespace, NotTestable, case
from conformance.cases.operations import Target, make_target, operations_of
from conformance.cases.table.bench import cancelled_after, outcome_of
from conformance.harness import Capability
from conformance.strategies import a_request
from taskstore import (
    StoreUnavailable,
    TaskCreateRequest,
    TaskStatus,
    TaskStore,
)


@case("COST-01", needs=Capability.REMOTE)
async def test_every_operation_asks_the_server(namespace: Namespace) -> None:
    """No operation is answered without the server: each costs a round trip."""
    counted = await requests_of_each(namespace)
    assert [name for name, requests in counted.items() if not requests] == []


@case("COST-02", needs=Capability.REMOTE)
async def test_every_operation_is_one_request(namespace: Namespace) -> None:
    """Among many tasks as among few, and about larger ones, each is one request."""
    partitions = namespace.harness.partitions
    larger = {"text": "x" * 8_000}  # a server counts what it reads: 16 KiB at most, whole scripts included
    # Where several share the store, the tasks among many are another instance's, in another script.
    for tasks, config in ((40, None), (600, {"文": "文é😀\u200d"}), (0, larger)):
        by_another = tasks == 600 and Capability.SHARED in namespace.harness.capabilities
        counted = await requests_of_each(namespace, tasks, config, by_another=by_another, pauses=not tasks)
        counted.pop("purge", None)  # it takes as many as there is to remove
        for listing in [name for name in counted if name.startswith(("list", "count"))]:
            count = counted.pop(listing)
            if config is larger:  # a listing of many larger tasks
                continue
            assert count >= 1, listing
            assert count <= partitions or (partitions > 1 and listing in WITH_OFFSET), listing
        assert counted == dict.fromkeys(counted, 1), f"among {tasks} tasks"


@case("COST-02", needs=Capability.REMOTE)
async def test_a_call_after_a_long_pause_is_one_request(store: TaskStore, namespace: Namespace) -> None:
    """By the clock of the event loop, by which a store may know how long it was idle, half a minute passes."""
    loop, monotonic = asyncio.get_running_loop(), time.monotonic
    task = await store.create_task(a_request())

    def later() -> float:
        return monotonic() + _LONG_PAUSE

    began = loop.time()
    with mock.patch("time.monotonic", later):
        if loop.time() - began < _LONG_PAUSE:
            raise NotTestable("the event loop has a clock of its own")
        before = namespace.inspector.requests()
        assert await store.get_task(task.task_id) == task
        assert namespace.inspector.requests() - before - 1 == 1


@case("COST-02", needs=Capability.REMOTE)
async def test_a_large_task_is_read_at_once(store: TaskStore, namespace: Namespace) -> None:
    """Up to the largest size, of a task that is final and of one that is not."""
    for size, is_final in product((60_000, 1_000_000), (False, True)):
        task = await store.create_task(a_request({"text": "x" * size}))
        await store.get_task(task.task_id)
        task = await store.cancel_task(task.task_id) if is_final else task
        before = namespace.inspector.requests()
        assert await store.get_task(task.task_id) == task
        assert namespace.inspector.requests() - before - 1 == 1, f"of {size} characters"


LISTINGS: dict[str, dict[str, Any]] = {
    "list without arguments": {},
    "list pending tasks": {"status": TaskStatus.PENDING},
    "list failed tasks": {"status": TaskStatus.FAILED},
    "list one": {"limit": 1},
    "list a thousand": {"limit": 1_000},
    "list from an offset": {"limit": 7, "offset": 3},
    "list from far on": {"limit": 7, "offset": 330},
    "list pending tasks from an offset": {"status": TaskStatus.PENDING, "limit": 7, "offset": 3},
}
WITH_OFFSET = (
    *("list from an offset", "list from far on", "list pending tasks from an offset"),
    *("list by status", "list past the end"),
)


async def requests_of_each(
    namespace: Namespace,
    tasks: int = 0,
    config: dict[str, Any] | None = None,
    *,
    by_another: bool = False,
    pauses: bool = False,
) -> dict[str, int]:
    """How many requests the server reads for one call of each form, on a store that is warm.

    The store has so many tasks besides. The tasks that calls are about have the config, and are another instance's if
    `by_another`.
    """
    counted = {}
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(namespace.open())
        maker = await stack.enter_async_context(namespace.open()) if by_another else store
        for _ in range(tasks):
            await store.create_task(a_request())
        inspector = namespace.inspector
        calls = {one.name: one.call for one in operations_of(namespace.harness.capabilities)}
        calls["update with nothing new"] = lambda store, on: store.update_task_status(on.other.task_id, on.other.status)
        calls |= {name: _listing(arguments) for name, arguments in LISTINGS.items()}
        changing = {one.name for one in operations_of(namespace.harness.capabilities) if one.changes}
        for _ in ("warm", "counted"):
            for name, call in calls.items():
                target = await make_target(maker, config)
                for _ in range(1 if name in changing else 2):  # what is asked again is asked of the server again
                    before = inspector.requests()
                    outcome = await outcome_of(call(store, target))
                    assert not isinstance(outcome, StoreUnavailable), f"{name}: {outcome}"
                    counted[name] = inspector.requests() - before - 1  # less the inspector's own
        if pauses:  # what a call costs after it is what is asked
            await asyncio.sleep(_PAUSE)
            before = inspector.requests()
            await store.get_task(target.task.task_id)
            counted["get after a pause"] = inspector.requests() - before - 1
    return counted


def _listing(arguments: dict[str, Any]) -> Callable[[Any, Target], Awaitable[Any]]:
    """A call that lists with these arguments."""
    return lambda store, _: store.list_tasks(**arguments)


_LONG_PAUSE = 30
_PAUSE = 1.5
"""Seconds after which a store might think that it has to look whether its connection is still good."""


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
    """Of a hundred thousand tasks, and of eighty megabytes, none is dropped, whether they are final or not."""
    text = "x" * 900_000
    async with namespace.harness.open(namespace.name) as store:  # what records the calls would take as much again
        large = [(await store.create_task(a_request({"text": text}))).task_id for _ in range(90)]
        first, ended = [await store.create_task(a_request()) for _ in range(2)]
        ended = await store.cancel_task(ended.task_id)
        for task_id in large:
            await store.cancel_task(task_id)
        request = a_request()
        for number in range(100_000):
            task = await store.create_task(request)
            if number < 10_000:
                await store.cancel_task(task.task_id)
        assert (await store.list_tasks(limit=0)).total == 100_092
        assert (await store.list_tasks(TaskStatus.CANCELLED, limit=0)).total == 10_091
        assert [await store.get_task(one.task_id) for one in (first, ended)] == [first, ended]
        for task_id in large:
            assert (await store.get_task(task_id)).metadata["config"] == {"text": text}


@case("COST-05")
async def test_calls_leave_nothing_behind(store: TaskStore, namespace: Namespace) -> None:
    """After hundreds of calls more, of every form, some of large tasks, some cancelled, as much is open as before."""
    large: tuple[dict[str, Any], ...] = (
        {"config": {"a": "x" * 100_000}},
        {"config": {"a": ["x" * 900] * 900}},
        {"video_ids": tuple(map(str, range(3_000)))},
        {"webhook_url": "https://" + "x" * 100_000},
    )
    requests = [a_request()] * 25 + [TaskCreateRequest(**{"video_ids": ("v",), **fields}) for fields in large]

    async def calls() -> None:
        for request in requests:
            task = await store.create_task(request)
            await store.get_task(task.task_id)
            text = "y" * (100 if request.config is None else 100_000)
            await asyncio.gather(
                store.list_tasks(limit=1),
                store.list_tasks(TaskStatus.PENDING),
                store.update_task_status(task.task_id, TaskStatus.CLIPPING, 5, text),
                store.update_task_status(task.task_id, TaskStatus.CLIPPING, -1),
                store.update_task_status(task.task_id, TaskStatus.FAILED, error_traceback=text),
                store.cancel_task(task.task_id),
                store.get_task("task_0"),
                store.cancel_task("task_0"),
                return_exceptions=True,
            )
        for turns, operation in product((0, 1, 2, None), operations_of(namespace.harness.capabilities)):
            call = operation.call(store, await make_target(store))
            await (cancelled_after(turns, call) if turns is not None else outcome_of(call))

    # A pool of connections is full after this, so that it does not grow between the two rounds.
    await asyncio.gather(*(store.get_task("task_0") for _ in range(16)), return_exceptions=True)
    await calls()
    before = what_is_open()
    await calls()
    assert what_is_open() == before


def what_is_open() -> dict[str, int]:
    """How many files and sockets, threads, and tasks and timers of the event loop this process has."""
    files = Path("/proc/self/fd")
    gc.collect()
    # asyncio looks names up in a pool of threads that it bounds itself and fills when it likes: not the store's doing.
    threads = [thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")]
    return {
        "files": len(list(files.iterdir())) if files.is_dir() else 0,
        "threads": len(threads),
        "tasks": len(asyncio.all_tasks()),
        # asyncio has no public way to them, and other loops none at all.
        "timers": sum(not timer.cancelled() for timer in getattr(asyncio.get_running_loop(), "_scheduled", ())),
    }
