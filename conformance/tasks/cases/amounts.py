"""Amounts that cross a batch, a limit or a pool: many tasks."""

from __future__ import annotations

import asyncio
from typing import Any

from conformance.harness import Capability
from conformance.tasks.case import Namespace, case, showing
from conformance.tasks.cases.contents import a_request
from conformance.tasks.tables.tasks import BEYOND
from taskstore import TaskStatus, TaskStore

_MANY = 10_100
"""Tasks of one store: more than a counter may stop at."""
_FINAL = 1_100
"""Final tasks among them: more than the longest page, and than several batches of a purge."""
_FEWER = 10
"""At depth smoke there are so many times fewer."""
_TOGETHER = 100


async def _keeps_many(store: Any, namespace: Namespace, kept: str) -> None:
    """Check that a store keeps many tasks, counts them, and purges those that are final."""
    fewer = _FEWER if namespace.depth == "smoke" else 1
    count, final = _MANY // fewer, _FINAL // fewer

    ids: list[str] = []
    while len(ids) < count:
        made = await asyncio.gather(*(store.create_task(a_request()) for _ in range(_TOGETHER)))
        ids += [task.task_id for task in made]
    for task_id in ids[:final]:
        await store.cancel_task(task_id)

    with showing(kept):
        for task_id in (*ids[:final:20], *ids[final::200]):
            await store.get_task(task_id)
    with showing("LIST-03"):
        assert (await store.list_tasks(limit=0)).total == len(ids)
        assert (await store.list_tasks(TaskStatus.CANCELLED, limit=0)).total == final
    if namespace.has(Capability.MAINTENANCE):
        with showing("MAINT-01"):
            assert await store.purge(BEYOND) == final
            assert (await store.list_tasks(limit=0)).total == len(ids) - final


@case("COST-04", "LIST-03", "MAINT-01", mode="memory")
async def test_memory_holds_every_task(store: TaskStore, namespace: Namespace) -> None:
    """Of ten thousand tasks none is dropped, whether it is final or not."""
    await _keeps_many(store, namespace, "COST-04")


@case("LIFE-03", "LIST-03", "MAINT-01", needs=Capability.PERSISTENT)
async def test_many_tasks_are_kept_counted_and_purged(store: TaskStore, namespace: Namespace) -> None:
    """Of ten thousand tasks each is there and counted, whether it is final or not, until it is purged."""
    await _keeps_many(store, namespace, "LIFE-03")
