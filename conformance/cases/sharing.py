"""Who sees whose tasks, and what outlives what: event loops, processes and namespaces."""

from __future__ import annotations

import asyncio
import gc
import sys
import warnings
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import UTC, datetime
from typing import Any

from conformance.case import Namespace, case
from conformance.cases.contents import CallOn, a_request, check_same, fill, outcome_of, reads_of, seen
from conformance.cases.environment import application
from conformance.harness import Capability
from conformance.interpreter import run_elsewhere
from taskstore import StoreNotOpen, TaskStatus, TaskStore


@case("API-04")
async def test_a_store_belongs_to_one_event_loop(namespace: Namespace) -> None:
    """On a second loop a store refuses every call, and the first loop goes on; also when the first loop has ended."""

    async def use(opened: AbstractAsyncContextManager[TaskStore]) -> TaskStore:
        sys.set_asyncgen_hooks(None, lambda _: None)  # or the generator that opens the store would hold the loop
        store = await opened.__aenter__()
        await store.create_task(a_request())
        return store

    def elsewhere() -> None:
        with asyncio.Runner() as runner:
            store = runner.run(use(namespace.open()))
            calls = runner.run(reads_of(store, namespace.harness.capabilities))
            asyncio.run(_refuses(store, calls))
            assert runner.run(store.list_tasks()).total
        del runner
        gc.collect()  # nobody has the first loop any more
        asyncio.run(_refuses(store, calls))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nobody can close its connections
        await asyncio.to_thread(elsewhere)
        gc.collect()


async def _refuses(store: TaskStore, calls: dict[str, CallOn]) -> None:
    every: dict[str, CallOn] = {**calls, "create": lambda store: store.create_task(a_request())}
    for name, call in every.items():
        outcome = await outcome_of(call(store))
        assert isinstance(outcome, StoreNotOpen), f"expected StoreNotOpen of {name}, got {outcome!r:.300}"


_WRITE = """
async with open_store() as store:
    return [(await store.create_task(TaskCreateRequest(video_ids=[f"v{number}"]))).task_id for number in range(8)]
"""


async def _has_all(store: TaskStore, ids: list[str]) -> None:
    found = [list((await store.get_task(task_id)).video_ids) for task_id in ids]
    assert found == [[f"v{number}"] for number in range(8)]
    assert {*ids} <= {task.task_id for task in (await store.list_tasks(limit=1_000)).tasks}


@case("SHARE-01", needs=Capability.SHARED)
async def test_what_another_process_writes_is_seen_at_once(namespace: Namespace) -> None:
    """What an application writes in another process is there at once in the store that is open here."""
    with application(namespace):
        async with namespace.open_from_environment() as store:
            await _has_all(store, await run_elsewhere(namespace, _WRITE))


@case("DUR-01", needs=Capability.PERSISTENT)
async def test_tasks_outlive_the_process_that_wrote_them(namespace: Namespace) -> None:
    """What another process wrote is there when it has ended and an application starts here."""
    with application(namespace):
        ids = await run_elsewhere(namespace, _WRITE)
        async with namespace.open_from_environment() as store:
            await _has_all(store, ids)


@case("LIST-10")
async def test_a_neighbour_is_never_shown_or_removed(namespace: Namespace) -> None:
    """Whatever is written or purged in a namespace, those whose names begin or continue its name keep their tasks."""
    capabilities, name = namespace.harness.capabilities, namespace.name
    others = [Namespace(namespace.harness, one) for one in (f"{name}bar", name[:-1], f"{name}-0")]
    async with AsyncExitStack() as stack:
        for other in others:
            stack.callback(other.harness.discard, other.name)
        stores: list[Any] = [await stack.enter_async_context(place.open()) for place in (namespace, *others)]
        for store in stores:
            await fill(store, capabilities)
        assert {(await store.list_tasks(limit=0)).total for store in stores} == {2 * len(TaskStatus)}
        for written in stores[:2]:
            before = [await seen(store) for store in stores if store is not written]
            for task in (await written.list_tasks(limit=1_000)).tasks:
                await outcome_of(written.cancel_task(task.task_id))
            if Capability.MAINTENANCE in capabilities:
                await written.purge(datetime(2100, 1, 1, tzinfo=UTC))
            check_same([await seen(store) for store in stores if store is not written], before)
