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


async def requests_of_each(store: Any, maker: Any, namespace: Namespace, config: Any = None) -> dict[str, int]:
    """How many requests the server reads for one call of each form; the least of some attempts.

    A store may open a connection when it needs one, and that costs requests once.
    """
    counted: dict[str, int] = {}
    for _ in range(3):
        calls = await writes_of(maker, namespace, config)
        calls |= await reads_of(maker, namespace)
        for name, call in calls.items():
            before = namespace.inspector.requests()
            outcome = await outcome_of(call(store))
            count = namespace.inspector.requests() - before - 1  # less the inspector's own

            assert not isinstance(outcome, StoreUnavailable), f"{name}: {outcome}"
            raised = f", which raised {type(outcome).__name__}" if isinstance(outcome, Exception) else ""
            shown = name + raised
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
        counted = await requests_of_each(store, maker, namespace, {"文": "文" * 2_000})
        for name, count in counted.items():
            is_listing = name.startswith(("list", "count"))
            most = namespace.harness.partitions if is_listing else 1
            assert count <= most, f"{name} among 300 tasks took {count} requests, not {most}"


@case("COST-05")
async def test_calls_leave_nothing_behind(store: TaskStore, namespace: Namespace) -> None:
    """After a hundred calls more, of every form, some of large tasks, some cancelled, as much is open as before."""
    await _call_everything(store, namespace)
    before = what_is_open()
    await _call_everything(store, namespace)

    end = time.monotonic() + 1
    while (found := what_is_open()) != before and time.monotonic() < end:
        await asyncio.sleep(0.01)  # a connection may take a moment to close
    assert found == before


async def _call_everything(store: TaskStore, namespace: Namespace) -> None:
    for turns in reversed(range(6)):  # the last are not cancelled: a pool has all its connections then
        config = {"a": ["x" * 900] * 900} if turns > 3 else None
        every = await writes_of(store, namespace, config)
        every |= await reads_of(store, namespace)
        calls = [asyncio.ensure_future(call(store)) for call in every.values()]
        for _ in range(turns):
            await asyncio.sleep(0)
        for call in calls if turns % 2 else ():
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)


def what_is_open() -> dict[str, int]:
    """How many files and sockets, threads, and tasks and timers of the event loop this process has."""
    gc.collect()
    loop = asyncio.get_running_loop()
    # asyncio looks names up in a pool of threads that it bounds itself and fills when it likes: not the store's doing.
    threads = [thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")]
    # asyncio has no public way to its timers, and other loops none at all.
    timers = [timer for timer in getattr(loop, "_scheduled", ()) if not timer.cancelled()]
    files = [*Path("/proc/self").glob("fd/*")]
    return {"files": len(files), "threads": len(threads), "tasks": len(asyncio.all_tasks()), "timers": len(timers)}
