"""Who sees whose tasks, and what outlives what: event loops, processes and namespaces."""

from __future__ import annotations

import asyncio
import gc
import sys
import warnings
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import pytest

from conformance.harness import Capability
from conformance.tasks.case import Namespace, case
from conformance.tasks.cases.contents import CallOn, a_request, calls_on, fill, outcome_of, seen
from conformance.tasks.cases.environment import application
from conformance.tasks.interpreter import run_elsewhere
from conformance.tasks.tables.tasks import BEYOND
from taskstore import StoreNotOpen, TaskStore


@case("API-04")
async def test_a_store_belongs_to_one_event_loop(namespace: Namespace) -> None:
    """On a second loop a store refuses every call, and the first loop goes on; also when the first loop has ended."""

    async def use(opened: AbstractAsyncContextManager[TaskStore]) -> tuple[TaskStore, str]:
        sys.set_asyncgen_hooks(None, lambda _: None)  # or the generator that opens the store would hold the loop
        store = await opened.__aenter__()
        return store, (await store.create_task(a_request())).task_id

    def elsewhere() -> None:
        with asyncio.Runner() as runner:
            store, task_id = runner.run(use(namespace.open()))
            asyncio.run(_refuses(store, task_id))
            assert runner.run(store.list_tasks()).total
        del runner
        gc.collect()  # nobody has the first loop any more
        asyncio.run(_refuses(store, task_id))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nobody can close its connections
        await asyncio.to_thread(elsewhere)
        gc.collect()


async def _refuses(store: TaskStore, task_id: str) -> None:
    calls: list[CallOn] = [lambda store: store.create_task(a_request()), lambda store: store.list_tasks()]
    for call in (*calls, *calls_on(task_id).values()):
        with pytest.raises(StoreNotOpen):
            await asyncio.wait_for(call(store), 5)


_WRITE = """
async with open_store() as store:
    return [(await store.create_task(TaskCreateRequest(video_ids=[f"v{number}"]))).task_id for number in range(8)]
"""


@case("DUR-01", needs=Capability.PERSISTENT)
async def test_tasks_outlive_the_process_that_wrote_them(namespace: Namespace) -> None:
    """What another process writes is seen at once by an open store that shares it, and by the next one."""
    with application(namespace):
        async with namespace.open_from_environment() as store:
            ids = await run_elsewhere(namespace, _WRITE)
            for task_id in ids if namespace.has(Capability.SHARED) else ():
                await store.get_task(task_id)
        async with namespace.open_from_environment() as store:
            found = [(await store.get_task(task_id)).video_ids[0] for task_id in ids]
            assert found == [f"v{number}" for number in range(8)]
            assert {*ids} <= {task.task_id for task in (await store.list_tasks(limit=1_000)).tasks}


@case("LIST-10")
async def test_a_neighbour_is_never_shown_or_removed(store: Any, namespace: Namespace) -> None:
    """Whatever is written or purged in a namespace, those whose names begin or continue its name keep their tasks."""
    name, neighbours = namespace.name, []
    async with AsyncExitStack() as stack:
        for other in (f"{name}bar", name[:-1], f"{name}-0"):
            stack.callback(namespace.harness.discard, other)
            neighbours.append(await stack.enter_async_context(namespace.harness.open(other)))
        for one in (store, *neighbours):
            made = await fill(one, namespace)
        assert {(await one.list_tasks(limit=0)).total for one in (store, *neighbours)} == {len(made)}
        before = [await seen(one) for one in neighbours]
        for task in (await store.list_tasks(limit=1_000)).tasks:
            await outcome_of(store.cancel_task(task.task_id))
        if namespace.has(Capability.MAINTENANCE):
            await store.purge(BEYOND)
        assert [await seen(one) for one in neighbours] == before, "a neighbour has changed"
