"""Amounts that cross a batch, a limit or a pool: many tasks, and many calls that are cancelled or fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any

from conformance.backends.proxy import Action, Proxy, Stage
from conformance.harness import Capability
from conformance.tasks.case import Namespace, case, showing
from conformance.tasks.cases import environment as env
from conformance.tasks.cases.contents import a_request
from conformance.tasks.tables.tasks import BEYOND
from taskstore import TaskNotFound, TaskStatus, TaskStore

_MANY = 10_100
"""Tasks of one store: more than a counter may stop at."""
_FINAL = 1_100
"""Final tasks among them: more than the longest page, and than several batches of a purge."""
_FEWER = 10
"""At depth smoke there are so many times fewer."""
_CALLS = 300
"""Calls that are cancelled or fail: more than a pool has places."""
_TOGETHER = 100
_SECONDS = 5


async def _in_batches(calls: Iterable[Awaitable[Any]]) -> list[Any]:
    """Await calls, a hundred at a time, and return their results."""
    results: list[Any] = []
    batch: list[Awaitable[Any]] = []
    for call in calls:
        batch.append(call)
        if len(batch) == _TOGETHER:
            results += await asyncio.gather(*batch)
            batch.clear()
    return results + await asyncio.gather(*batch)


async def _keeps_many(store: Any, namespace: Namespace, kept: str) -> None:
    """Check that a store keeps many tasks, counts them, and purges those that are final."""
    fewer = _FEWER if namespace.depth == "smoke" else 1
    count = _MANY // fewer
    final = _FINAL // fewer

    request = a_request()
    made = await _in_batches(store.create_task(request) for _ in range(count))
    ids = [task.task_id for task in made]
    await _in_batches(store.cancel_task(task_id) for task_id in ids[:final])

    with showing(kept):
        for task_id in (*ids[:final:20], *ids[final::200]):
            await store.get_task(task_id)
    with showing("LIST-03"):
        assert (await store.list_tasks(limit=0)).total == count
        assert (await store.list_tasks(TaskStatus.CANCELLED, limit=0)).total == final
    if namespace.has(Capability.MAINTENANCE):
        with showing("MAINT-01"):
            assert await store.purge(BEYOND) == final
            assert (await store.list_tasks(limit=0)).total == count - final


@case("COST-04", "LIST-03", "MAINT-01", mode="memory")
async def test_memory_holds_every_task(store: TaskStore, namespace: Namespace) -> None:
    """Of ten thousand tasks none is dropped, whether it is final or not."""
    await _keeps_many(store, namespace, "COST-04")


@case("LIFE-03", "LIST-03", "MAINT-01", needs=Capability.PERSISTENT)
async def test_many_tasks_are_kept_counted_and_purged(store: TaskStore, namespace: Namespace) -> None:
    """Of ten thousand tasks each is there and counted, whether it is final or not, until it is purged."""
    await _keeps_many(store, namespace, "LIFE-03")


@case("ATOM-06")
async def test_cancelled_calls_give_back_their_places(store: TaskStore) -> None:
    """Hundreds of calls are cancelled, and hundreds find no task: the next call answers."""
    task_id = (await store.create_task(a_request())).task_id
    for turns in range(6):
        calls = [asyncio.ensure_future(store.get_task(task_id)) for _ in range(_CALLS // 6)]
        for _ in range(turns):
            await asyncio.sleep(0)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    missed = [store.get_task("nobody") for _ in range(_CALLS)]
    for fault in await asyncio.gather(*missed, return_exceptions=True):
        assert isinstance(fault, TaskNotFound)

    async with asyncio.timeout(_SECONDS):
        assert (await store.get_task(task_id)).task_id == task_id


@case("FAIL-13", needs=Capability.REMOTE)
async def test_failed_calls_give_back_their_places(store: TaskStore, namespace: Namespace) -> None:
    """The connections of hundreds of calls break: the next call answers."""
    task_id = (await store.create_task(a_request())).task_id
    async with (
        Proxy(env.proxied(namespace)) as proxy,
        namespace.harness.open_at(namespace.name, proxy.url, _SECONDS) as remote,
    ):
        await remote.get_task(task_id)
        proxy.interrupt(Stage.REQUEST, Action.CUT, times=10 * _CALLS)
        for _ in range(_CALLS // _TOGETHER):
            calls = [remote.get_task(task_id) for _ in range(_TOGETHER)]
            await asyncio.gather(*calls, return_exceptions=True)
        proxy.release()

        async with asyncio.timeout(_SECONDS):
            assert (await remote.get_task(task_id)).task_id == task_id
