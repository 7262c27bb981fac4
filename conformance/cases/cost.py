"""What a call costs the server, and what a store holds and leaves open."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from pathlib import Path
from typing import Any

from conformance.case import Namespace, case
from conformance.cases.contents import a_request, outcome_of, reads_of, writes_of
from conformance.harness import Capability
from taskstore import StoreUnavailable, TaskStatus, TaskStore

_MANY = 3_000


async def requests_of_each(store: Any, maker: Any, namespace: Namespace, config: Any = None) -> dict[str, int]:
    """How many requests the server reads for one call of each form; the least of some attempts.

    A store may open a connection when it needs one, and that costs requests once.
    """
    capabilities, inspector = namespace.harness.capabilities, namespace.inspector
    counted: dict[str, int] = {}
    for _ in range(3):
        calls = {**await writes_of(maker, capabilities, config), **await reads_of(maker, capabilities)}
        for name, call in calls.items():
            before = inspector.requests()
            outcome = await outcome_of(call(store))
            assert not isinstance(outcome, StoreUnavailable), f"{name}: {outcome}"
            count = inspector.requests() - before - 1  # less the inspector's own
            counted[name] = min(count, counted.get(name, count))
    return counted


@case("COST-01", needs=Capability.REMOTE)
async def test_every_operation_asks_the_server(store: TaskStore, namespace: Namespace) -> None:
    """No operation is answered without the server, also when the same was asked before."""
    counted = await requests_of_each(store, store, namespace)
    assert [name for name, requests in counted.items() if not requests] == []


@case("COST-02", needs=Capability.REMOTE)
async def test_every_operation_is_one_request(store: TaskStore, namespace: Namespace) -> None:
    """Among 300 tasks of another instance as among few, each is one request; a listing one to each partition."""
    partitions = namespace.harness.partitions
    async with namespace.open() as other:
        for tasks, config in ((40, None), (260, {"文": "文" * 2_000})):
            for _ in range(tasks):
                await other.create_task(a_request())
            maker = other if namespace.has(Capability.SHARED) else store
            for name, count in (await requests_of_each(store, maker, namespace, config)).items():
                most = partitions if name.startswith(("list", "count")) else 1
                is_exempt = partitions > 1 and name == "list from an offset"
                assert count <= most or is_exempt, f"{name} among {tasks} tasks took {count} requests, not {most}"


@case("COST-04", mode="memory")
async def test_memory_holds_every_task(store: TaskStore) -> None:
    """Of three thousand tasks, some of them large, none is dropped, whether it is final or not."""
    ids = [
        (await store.create_task(a_request({"text": "x" * (900_000 if number < 30 else 9)}))).task_id
        for number in range(_MANY)
    ]
    for task_id in ids[::20]:
        await store.cancel_task(task_id)
    totals = [(await store.list_tasks(status, limit=0)).total for status in (None, TaskStatus.CANCELLED)]
    assert totals == [_MANY, len(ids[::20])]
    assert [len((await store.get_task(task_id)).metadata["config"]["text"]) for task_id in ids[:30]] == [900_000] * 30


@case("COST-05")
async def test_calls_leave_nothing_behind(store: TaskStore, namespace: Namespace) -> None:
    """After a hundred calls more, of every form, some of large tasks, some cancelled, as much is open as before."""
    capabilities = namespace.harness.capabilities

    async def calls() -> None:
        for turns in (None, None, None, 0, 1, 2):
            config = {"a": ["x" * 900] * 900} if turns else None
            every = {**await writes_of(store, capabilities, config), **await reads_of(store, capabilities)}
            made = [asyncio.ensure_future(call(store)) for call in every.values()]
            for _ in range(turns or 0):
                await asyncio.sleep(0)
            for one in made if turns is not None else ():
                one.cancel()
            await asyncio.gather(*made, return_exceptions=True)

    await calls()  # a pool of connections is full after this
    before, end = what_is_open(), time.monotonic() + 1
    await calls()
    while (found := what_is_open()) != before and time.monotonic() < end:
        await asyncio.sleep(0.01)  # a connection may take a moment to close
    assert found == before


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
