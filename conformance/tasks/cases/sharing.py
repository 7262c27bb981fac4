"""Who sees whose tasks, and what outlives what: event loops, processes and namespaces."""

from __future__ import annotations

import asyncio
import gc
import sys
import warnings
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

from conformance.guard import HarnessFailedError
from conformance.harness import Capability
from conformance.tasks.case import Namespace, case
from conformance.tasks.cases.contents import a_request, calls_on, fill, outcome_of, seen
from conformance.tasks.cases.environment import ASCII, FOREIGN_LINE, application, time_zone
from conformance.tasks.interpreter import run_elsewhere
from conformance.tasks.tables.tasks import BEYOND
from taskstore import StoreNotOpen, TaskNotFound, TaskStore


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
    calls = calls_on(task_id)
    calls["create"] = lambda store: store.create_task(a_request())
    calls["list"] = lambda store: store.list_tasks()
    for name, call in calls.items():
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
            for task_id in ids if namespace.has(Capability.SHARED) else ():
                await store.get_task(task_id)

        async with namespace.open_from_environment() as store:
            tasks = [await store.get_task(task_id) for task_id in ids]
            page = await store.list_tasks(limit=1_000)
        assert [task.video_ids[0] for task in tasks] == [f"v{number}" for number in range(8)]
        assert [task.metadata["config"] for task in tasks] == [{"字": "文"}] * 8
        assert {*ids} <= {task.task_id for task in page.tasks}


_MINUTES = timedelta(minutes=5)
"""How far a store's clock may be from ours."""


@case("VAL-10")
async def test_times_do_not_depend_on_the_time_zone(store: TaskStore) -> None:
    """In Shanghai and in New York the times of a task are those of the clock in UTC."""
    for zone in ("Asia/Shanghai", "America/New_York"):
        with time_zone(zone):
            task_id = (await store.create_task(a_request())).task_id
            await store.cancel_task(task_id)
            task = await store.get_task(task_id)
            now = datetime.now(UTC)
        for name in ("created_at", "updated_at", "completed_at"):
            moment = getattr(task, name)
            if moment is not None:
                assert moment.tzinfo, f"{name} has no time zone"
                assert abs(moment - now) < _MINUTES, f"{name} is {moment} at {now}, in {zone}"


@case("LIST-10")
async def test_a_neighbour_is_never_shown_or_removed(store: Any, namespace: Namespace) -> None:
    """Whatever is written or purged in a namespace, those whose names resemble its name keep their tasks."""
    async with AsyncExitStack() as stack:
        neighbours = [await _opened(stack, namespace, name) for name in _resembling(namespace.name)]
        for each in (store, *neighbours):
            made = await fill(each, namespace)
        totals = {(await each.list_tasks(limit=0)).total for each in (store, *neighbours)}
        assert totals == {len(made)}
        before = [await seen(neighbour) for neighbour in neighbours]

        for task in (await store.list_tasks(limit=1_000)).tasks:
            await outcome_of(store.cancel_task(task.task_id))
        if namespace.has(Capability.MAINTENANCE):
            await store.purge(BEYOND)

        for neighbour, tasks in zip(neighbours, before, strict=True):
            assert await seen(neighbour) == tasks, "a neighbour has changed"


def _resembling(name: str) -> list[str]:
    """Return names that begin a name, continue it, or differ from it in letter case only."""
    stem, _, own = name.rpartition("-")  # rights may name what all names begin with
    resembling = [f"{name}bar", name[:-1], f"{name}-0", f"{stem}-{own.upper()}"]
    return [neighbour for neighbour in resembling if neighbour != name]


async def _opened(stack: AsyncExitStack, namespace: Namespace, name: str) -> Any:
    stack.callback(namespace.harness.discard, name)
    return await stack.enter_async_context(namespace.harness.open(name))


@case("LIST-10", needs=Capability.SHARED)
async def test_a_name_and_an_id_make_no_key_of_a_neighbour(store: Any, namespace: Namespace) -> None:
    """A namespace whose name continues with what the store puts between name and id, and an id that has it inside."""
    first = (await store.create_task(a_request())).task_id
    async with AsyncExitStack() as stack:
        for between in _between(namespace, first):
            try:
                neighbour = await _opened(stack, namespace, f"{namespace.name}{between}x")
            except HarnessFailedError:
                continue  # no name may have that
            assert (await neighbour.list_tasks(limit=0)).total == 0, f"tasks of a neighbour, with {between!r}"
            theirs = (await neighbour.create_task(a_request({"of": "the neighbour"}))).task_id
            for task_id in (f"x{between}{theirs}", f"{between}x{theirs}"):
                came = await outcome_of(store.get_task(task_id))
                assert isinstance(came, TaskNotFound), f"{task_id!r} gave {came!r:.200}"
            if namespace.has(Capability.CALLER_IDS):
                await store.create_task(a_request(), task_id=f"x{between}y")
                own = await neighbour.create_task(a_request({"of": "the neighbour"}), task_id="y")
                assert own.metadata["config"], f"the task of another namespace, with {between!r}"
            if namespace.has(Capability.MAINTENANCE):
                await store.purge(BEYOND)
            assert (await neighbour.get_task(theirs)).task_id == theirs


def _between(namespace: Namespace, task_id: str) -> list[str]:
    """Return what the store puts between the name of a namespace and the id of a task, in the keys that it has."""
    found = {":"}
    keys = namespace.inspector.keys()
    for key in keys:
        _, has_name, rest = key.partition(namespace.name)
        between, has_id, _ = rest.partition(task_id)
        if has_name and has_id:
            found.add(between)
    return sorted(found)
