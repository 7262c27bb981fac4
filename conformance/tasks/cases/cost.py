"""Costs of a call for the server, and what a store holds, of many tasks, and leaves open."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from pathlib import Path
from typing import Any

from conformance.harness import Capability
from conformance.tasks.case import Namespace, case, showing
from conformance.tasks.cases.contents import calls_of_every_form, create, outcome_of
from conformance.tasks.tables.tasks import BEYOND
from taskstore import StoreUnavailable, TaskStatus, TaskStore


@case("COST-01", "COST-02", needs="remote shared")
async def test_every_operation_is_one_request(store: TaskStore, namespace: Namespace) -> None:
    """Among 300 tasks of another instance each is one request, or one to each partition, however often it is made."""
    counted: dict[str, int] = {}
    async with namespace.open() as other:
        for _ in range(300):
            await create(other)
        for _ in range(3):
            calls = await calls_of_every_form(other, namespace, {"文": "文" * 2_000})
            for name, call in [*calls.items()] * 2:
                before = namespace.inspector.requests()
                outcome = await outcome_of(call(store))
                count = namespace.inspector.requests() - before - 1  # less the inspector's own
                assert not isinstance(outcome, StoreUnavailable), f"{name}: {outcome}"
                counted[name] = min(count, counted.get(name, count))  # to open a connection costs more, once

    with showing("COST-01"):
        assert all(counted.values()), f"requests of each: {counted}"
    with showing("COST-02"):
        most = namespace.harness.partitions
        more = [name for name, count in counted.items() if count > (most if name.startswith("list") else 1)]
        assert not more, f"{more} took more than one request each: {counted}"


@case("COST-05")
async def test_calls_leave_nothing_behind(store: TaskStore, namespace: Namespace) -> None:
    """After a hundred calls more, of every form, some of large tasks, some cancelled, as much is open as before."""
    await _call_everything(store, namespace)
    before = what_is_open()
    await _call_everything(store, namespace)

    end = time.monotonic() + 1
    while (found := what_is_open()) != before and time.monotonic() < end:
        await asyncio.sleep(0.01)  # a connection may take a moment to close
    assert found == before, f"open files, threads, tasks and timers: {found}, not {before}"


async def _call_everything(store: TaskStore, namespace: Namespace) -> None:
    for turns in reversed(range(6)):  # the last are not cancelled: a pool has all its connections then
        every = await calls_of_every_form(store, namespace, {"a": "x" * 90_000 * turns})
        calls = [asyncio.ensure_future(call(store)) for call in every.values()]
        for _ in range(turns):
            await asyncio.sleep(0)
        if turns % 2:
            for call in calls:
                call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)


def what_is_open() -> list[int]:
    """How many files and sockets, threads, and tasks and timers of the event loop this process has."""
    gc.collect()
    # asyncio looks names up in a pool of threads that it bounds itself and fills when it likes: not the store's doing.
    threads = [thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")]
    # asyncio has no public way to its timers, and other loops none at all.
    timers = getattr(asyncio.get_running_loop(), "_scheduled", ())
    timers = [timer for timer in timers if not timer.cancelled()]
    files = [*Path("/proc/self").glob("fd/*")]
    return [len(files), len(threads), len(asyncio.all_tasks()), len(timers)]


_MANY = 10_100, 1_100
"""More tasks than a counter may stop at; final ones among them, more than the longest page and batches of a purge."""
_FEWER = 1_100, 100


@case("COST-04", "LIST-03", "LIST-04")
async def test_many_tasks_are_kept_counted_and_purged(store: Any, namespace: Namespace) -> None:
    """Of ten thousand tasks each is there, listed and counted, whether it is final or not, until it is purged."""
    many, final = _FEWER if namespace.depth == "smoke" else _MANY
    ids: list[str] = []
    while len(ids) < many:
        ids += await asyncio.gather(*(create(store) for _ in range(100)))
    for task_id in ids[:final]:
        await store.cancel_task(task_id)

    with showing("COST-04"):
        for task_id in ids[::50]:
            await store.get_task(task_id)
    with showing("LIST-04"):
        assert len((await store.list_tasks(limit=1_000)).tasks) == 1_000
    with showing("LIST-03"):
        assert (await store.list_tasks(limit=0)).total == len(ids)
        assert (await store.list_tasks(TaskStatus.CANCELLED, limit=0)).total == final
    if namespace.has(Capability.MAINTENANCE):
        with showing("MAINT-01"):  # which groups decide, with fewer tasks
            purged = await asyncio.gather(store.purge(BEYOND), store.purge(BEYOND))
            assert sum(purged) == final
            assert (await store.list_tasks(limit=0)).total == len(ids) - final
