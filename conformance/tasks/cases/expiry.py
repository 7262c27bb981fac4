"""How long tasks live, and that nothing is left in storage of those that have expired."""

import asyncio
from typing import Any

from conformance.harness import Capability
from conformance.tasks.case import Namespace, case
from conformance.tasks.cases.contents import create, fill
from conformance.tasks.spec.model import LIFETIME as WEEK
from conformance.tasks.tables.tasks import DAY, MINUTE
from taskstore import TaskStatus, TaskStore

DAYS = 4 * DAY
"""More than half of a lifetime. A minute is how near a deadline a case goes: a slow machine does not decide it."""


def left_of(namespace: Namespace, ids: set[str]) -> list[str]:
    """Those of the ids that anything in storage still names."""
    return [task_id for task_id in ids if namespace.inspector.mentions(task_id)]


@case("EXP-04", needs="expiring")
async def test_nothing_is_left_by_any_listing(store: Any, namespace: Namespace) -> None:
    """Whatever the page, the first listing leaves nothing of tasks that had expired, while others live."""
    forms: list[dict[str, Any]] = [{}, {"limit": 0}, {"status": TaskStatus.PENDING, "offset": 50}]
    if namespace.has(Capability.CURSOR):
        forms.append({"after": "1.a"})
    for form in forms:
        gone = await fill(store, namespace)
        namespace.advance(DAYS)
        await store.cancel_task(await create(store))
        namespace.advance(DAYS)
        await store.list_tasks(**form)
        assert left_of(namespace, gone) == [], f"expected nothing of expired tasks after list_tasks(**{form})"


@case("EXP-08", needs="expiring")
async def test_later_writes_let_go_of_what_has_expired(store: Any, namespace: Namespace) -> None:
    """Without any listing, nothing is left of tasks that have expired after twenty writes in each partition."""
    gone = await fill(store, namespace)
    namespace.advance(DAYS)
    task_id = await create(store)
    namespace.advance(DAYS)

    for number in range(20 * namespace.harness.partitions):
        await store.update_task_status(task_id, TaskStatus.CLIPPING, number / 10)
        await create(store)
    assert left_of(namespace, gone) == [], "expected nothing of expired tasks after many writes"


@case("EXP-08", needs="expiring shared")
async def test_nothing_is_left_when_nobody_calls(store: TaskStore, namespace: Namespace) -> None:
    """A lifetime after the last task was due every key has gone by itself."""
    await fill(store, namespace)
    namespace.advance(DAYS)
    await create(store)
    namespace.advance(2 * WEEK + MINUTE)
    await asyncio.sleep(0.1)  # a store may remove them itself while it is open
    assert namespace.inspector.keys() == set(), "expected that all keys have expired"
