"""Who sees whose tasks, and what outlives what: event loops, processes and namespaces."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
import warnings
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

from conformance.harness import Capability
from conformance.tasks.case import Namespace, case
from conformance.tasks.cases.contents import create, every_call, fill, outcome_of
from conformance.tasks.cases.environment import ASCII, FOREIGN_LINE, application
from conformance.tasks.interpreter import run_elsewhere
from conformance.tasks.observe import result_of
from conformance.tasks.tables.tasks import BEYOND
from taskstore import StoreNotOpen, TaskNotFound, TaskStore


@case("API-04")
async def test_a_store_belongs_to_one_event_loop(namespace: Namespace) -> None:
    """On a second loop a store refuses every call, and the first loop goes on; also when the first loop has ended."""

    async def use(opened: AbstractAsyncContextManager[TaskStore]) -> tuple[TaskStore, str]:
        sys.set_asyncgen_hooks(None, lambda _: None)  # or the generator that opens the store would hold the loop
        store = await opened.__aenter__()
        return store, await create(store)

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
    for name, call in every_call(task_id).items():
        fault = await outcome_of(call(store))
        assert isinstance(fault, StoreNotOpen), f"expected StoreNotOpen of {name}, came {fault!r}"


_WRITE = """
async with open_store() as store:
    requests = [TaskCreateRequest(video_ids=[f"v{number}"], config={"\\u5b57": "\\u6587"}) for number in range(8)]
    return [(await store.create_task(request)).task_id for request in requests]
"""


@case("DUR-01", needs=Capability.PERSISTENT)
async def test_tasks_outlive_the_process_that_wrote_them(namespace: Namespace) -> None:
    """What a process of another locale writes is seen at once by an open store that shares it, and by the next one."""
    with application(namespace, ASCII, FOREIGN_LINE):
        async with namespace.open_from_environment() as store:
            ids = await run_elsewhere(namespace, _WRITE)
            if namespace.has(Capability.SHARED):
                for task_id in ids:
                    await store.get_task(task_id)

        async with namespace.open_from_environment() as store:
            tasks = [await store.get_task(task_id) for task_id in ids]
            listed = await store.list_tasks()
            assert {*ids} <= {task.task_id for task in listed.tasks}
    assert [task.metadata["config"] for task in tasks] == [{"字": "文"}] * 8


_MINUTES = timedelta(minutes=5)
"""How far a store's clock may be from ours."""


@case("VAL-10")
async def test_times_do_not_depend_on_the_time_zone(store: TaskStore) -> None:
    """In Shanghai and in New York the times of a task are those of the clock in UTC."""
    for zone in ("Asia/Shanghai", "America/New_York"):
        try:
            with mock.patch.dict(os.environ, {"TZ": zone}):
                time.tzset()
                task_id = await create(store)
                await store.cancel_task(task_id)
                task = await store.get_task(task_id)
        finally:
            time.tzset()
        now = datetime.now(UTC)
        for moment in filter(None, (task.created_at, task.updated_at, task.completed_at)):
            assert moment.tzinfo, f"{moment} has no time zone"
            assert abs(moment - now) < _MINUTES, f"{moment} is a time of {task_id} at {now}, in {zone}"


_BEHIND = (":x", "/x", "bar", "-0")
"""What stands behind the name of a namespace in the names of others."""


@case("LIST-10")
async def test_a_neighbour_is_never_shown_or_removed(store: Any, namespace: Namespace) -> None:
    """Whatever is written or purged in a namespace, those whose names resemble its name keep their tasks."""
    name = namespace.name
    stem, _, own = name.rpartition("-")  # rights may name what all names begin with
    names = {name[:-1], f"{stem}-{own.upper()}", *(name + behind for behind in _BEHIND)}
    async with AsyncExitStack() as stack:
        stores = [store]
        for neighbour in names - {name}:
            stack.callback(namespace.harness.discard, neighbour)
            stores.append(await stack.enter_async_context(namespace.harness.open(neighbour)))
        for each in stores:
            made = await fill(each, namespace)
            for between in ":/":  # what stores put between the name of a namespace and the id of a task
                came = await outcome_of(store.get_task(f"x{between}{made[0].task_id}"))
                assert isinstance(came, TaskNotFound), f"a task of a neighbour: {came!r:.200}"
        before = [await _listed(each) for each in stores]
        assert [len(page.records) for page in before] == [len(made)] * len(stores)

        for task in (await store.list_tasks(limit=1_000)).tasks:
            await outcome_of(store.cancel_task(task.task_id))
        if namespace.has(Capability.MAINTENANCE):
            await store.purge(BEYOND)

        assert [await _listed(each) for each in stores[1:]] == before[1:], "a neighbour has changed"


async def _listed(store: Any) -> Any:
    return result_of(await store.list_tasks(limit=1_000))
