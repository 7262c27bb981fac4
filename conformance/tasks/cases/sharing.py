"""Who sees whose tasks, and what outlives what: event loops, processes and namespaces."""

import asyncio
import gc
import os
import sys
import time
import warnings
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from unittest import mock

from conformance.harness import Capability
from conformance.tasks.case import Namespace, case
from conformance.tasks.cases.contents import create, every_call, outcome_of
from conformance.tasks.cases.environment import ASCII, FOREIGN_LINE, application
from conformance.tasks.interpreter import run_elsewhere
from taskstore import StoreNotOpen, TaskStore


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
            assert runner.run(store.list_tasks(limit=0)).total
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


@case("DUR-01", needs="persistent")
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
            is_ours = abs(moment - now) < timedelta(minutes=5)  # the store's clock may be another
            assert is_ours, f"{moment} is a time of {task_id} at {now}, in {zone}"
