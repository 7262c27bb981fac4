"""Costs of a call for the server, and what a store holds and leaves open."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from pathlib import Path
from typing import Any

from conformance.harness import Capability
from conformance.tasks.case import Namespace, case
from conformance.tasks.cases.contents import a_request, outcome_of, reads_of, writes_of
from taskstore import StoreUnavailable, TaskStore

_MANY = 3_000


async def requests_of_each(store: Any, maker: Any, namespace: Namespace, config: Any = None) -> dict[str, int]:
    """How many requests the server reads for one call of each form; the least of some attempts.

    A store may open a connection when it needs one, and that costs requests once.
    """
    counted: dict[str, int] = {}
    for _ in range(3):
        calls = {**await writes_of(maker, namespace, config), **await reads_of(maker, namespace)}
        for name, call in calls.items():
            before = namespace.inspector.requests()
            outcome = await outcome_of(call(store))
            assert not isinstance(outcome, StoreUnavailable), f"{name}: {outcome}"
            count = namespace.inspector.requests() - before - 1  # less the inspector's own
            shown = f"{name}, which raised {type(outcome).__name__}" if isinstance(outcome, Exception) else name
            counted[shown] = min(count, counted.get(shown, count))
    return counted


@case("COST-01", needs=Capability.REMOTE)
async def test_every_operation_asks_the_server(store: TaskStore, namespace: Namespace) -> None:
    """No operation is answered without the server, also when the same was asked before."""
    counted = await requests_of_each(store, store, namespace)
    assert all(counted.values()), f"requests of each: {counted}"


@case("COST-02", needs=Capability.REMOTE)
async def test_every_operation_is_one_request(store: TaskStore, namespace: Namespace) -> None:
    """Among 300 tasks of another instance each is one request; a listing is one to each partition."""
    async with namespace.open() as other:
        for _ in range(300):
            await other.create_task(a_request())
        maker = other if namespace.has(Capability.SHARED) else store
        for name, count in (await requests_of_each(store, maker, namespace, {"文": "文" * 2_000})).items():
            most = namespace.harness.partitions if name.startswith(("list", "count")) else 1
            assert count <= most, f"{name} among 300 tasks took {count} requests, not {most}"


@case("COST-04", mode="memory")
async def test_memory_holds_every_task(store: TaskStore) -> None:
    """Of three thousand tasks none is dropped, whether it is final or not."""
    ids = [(await store.create_task(a_request({"text": "x" * 9_000}))).task_id for _ in range(_MANY)]
    for task_id in ids[::20]:
        await store.cancel_task(task_id)
    assert (await store.list_tasks()).total == _MANY
    for task_id in ids:
        await store.get_task(task_id)


@case("COST-05")
async def test_calls_leave_nothing_behind(store: TaskStore, namespace: Namespace) -> None:
    """After a hundred calls more, of every form, some of large tasks, some cancelled, as much is open as before."""

    async def calls() -> None:
        for turns in reversed(range(6)):  # the last are not cancelled: a pool has all its connections then
            config = {"a": ["x" * 900] * 900} if turns > 3 else None
            every = {**await writes_of(store, namespace, config), **await reads_of(store, namespace)}
            made = [asyncio.ensure_future(call(store)) for call in every.values()]
            for _ in range(turns):
                await asyncio.sleep(0)
            for one in made if turns % 2 else ():
                one.cancel()
            await asyncio.gather(*made, return_exceptions=True)

    await calls()
    before = what_is_open()
    await calls()
    end = time.monotonic() + 1
    while (found := what_is_open()) != before and time.monotonic() < end:
        await asyncio.sleep(0.01)  # a connection may take a moment to close
    assert found == before


def what_is_open() -> dict[str, int]:
    """How many files and sockets, threads, and tasks and timers of the event loop this process has."""
    gc.collect()
    # asyncio looks names up in a pool of threads that it bounds itself and fills when it likes: not the store's doing.
    threads = [thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")]
    # asyncio has no public way to its timers, and other loops none at all.
    timers = getattr(asyncio.get_running_loop(), "_scheduled", ())
    return {
        "files": len([*Path("/proc/self").glob("fd/*")]),
        "threads": len(threads),
        "tasks": len(asyncio.all_tasks()),
        "timers": sum(not timer.cancelled() for timer in timers),
    }
