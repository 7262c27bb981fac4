"""Nothing is left in storage of tasks that have expired, whoever meets them, and though nobody does."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import Any, cast

from conformance.case import Namespace, case
from conformance.cases.contents import fill_in_every_way
from conformance.cases.expiry import MINUTE, WEEK, create_many
from conformance.cases.operations import Call, operations_on
from conformance.cases.table.bench import settled
from conformance.engine.arguments import as_task
from conformance.harness import Capability
from conformance.strategies import a_request
from taskstore import (
    InvalidArgument,
    MaintainedTaskStore,
    TaskFinal,
    TaskStatus,
    TaskStore,
)


@case("EXP-04", needs=Capability.EXPIRING)
async def test_nothing_is_left_of_expired_tasks(store: TaskStore, namespace: Namespace) -> None:
    """After a listing that met them no key of theirs is there, record, index or what a refused call had made."""
    for status in TaskStatus:
        task = await store.create_task(a_request())
        await store.update_task_status(task.task_id, status)
        with contextlib.suppress(InvalidArgument, TaskFinal):
            await store.update_task_status(task.task_id, status, -1)
        for call in operations_on(store, task.task_id).values() if status.is_final else ():
            with contextlib.suppress(TaskFinal):
                await call()
    await fill_in_every_way(store, namespace)
    inspector = namespace.inspector
    assert inspector.keys()
    namespace.advance(WEEK + MINUTE)
    assert (await store.list_tasks()).total == 0
    assert inspector.keys() == set()


@case("EXP-04", needs=Capability.EXPIRING)
async def test_nothing_is_left_by_any_listing(store: TaskStore, namespace: Namespace) -> None:
    """Whatever the page, tasks that had expired are gone with all that names them, while others live or none does."""
    forms: list[dict[str, Any]] = [{"limit": 0}, {"limit": 1}, {"offset": 1}, {"limit": 1, "offset": 50}]
    forms += [{"status": status, "limit": 0} for status in TaskStatus]
    forms += [{"status": TaskStatus.FAILED, "offset": offset} for offset in (0, 1, 50)]
    if Capability.CURSOR in namespace.harness.capabilities:
        forms += [{"after": ""}, {"after": "", "status": TaskStatus.COMPLETED, "limit": 1}]
    for number, form in enumerate(forms):
        others = number % 2 == 0
        _, gone = await fill_in_every_way(store, namespace)
        if "after" in form:
            form["after"] = (await cast(MaintainedTaskStore, store).list_tasks(limit=3)).next
        namespace.advance(timedelta(days=4))
        if others:
            for status in (TaskStatus.PENDING, TaskStatus.FAILED):
                await store.update_task_status((await store.create_task(a_request())).task_id, status)
        namespace.advance(timedelta(days=4))
        await store.list_tasks(**form)
        if others:
            assert [task_id for task_id in sorted(gone) if namespace.inspector.mentions(task_id)] == [], form
            namespace.advance(timedelta(days=4))
            await store.list_tasks()
        assert namespace.inspector.keys() == set(), form


@case("EXP-04", needs=Capability.EXPIRING)
async def test_nothing_is_left_of_many_that_expire_together(store: TaskStore, namespace: Namespace) -> None:
    """However many are due at once, others alive or none, the next listing counts none and leaves none behind."""
    kept = await store.create_task(a_request())
    gone = await create_many(store, 1_000)
    assert len(gone) + 1 == (await store.list_tasks(limit=0)).total
    namespace.advance(timedelta(days=4))
    await store.update_task_status(kept.task_id, TaskStatus.PENDING, 1)
    namespace.advance(timedelta(days=4))
    assert [task.task_id for task in (await store.list_tasks(TaskStatus.PENDING)).tasks] == [kept.task_id]
    assert (await store.list_tasks()).total == 1
    assert [task.task_id for task in gone[:: len(gone) // 5] if namespace.inspector.mentions(task.task_id)] == []
    await create_many(store, 500)
    await store.cancel_task(kept.task_id)
    namespace.advance(WEEK + MINUTE)
    assert (await store.list_tasks(limit=0)).total == 0
    assert namespace.inspector.keys() == set()
    forms: tuple[dict[str, Any], ...] = ({"limit": 0}, {"status": TaskStatus.PENDING, "limit": 0}, {"limit": 1}, {})
    for arguments in forms:  # the one that is left is the newest: a page is full before it comes to the others
        gone = await create_many(store, 550)
        namespace.advance(timedelta(days=4))
        await store.create_task(a_request())
        namespace.advance(timedelta(days=4))
        assert (await store.list_tasks(**arguments)).total == 1, arguments
        assert [task.task_id for task in gone[::110] if namespace.inspector.mentions(task.task_id)] == [], arguments
        namespace.advance(WEEK + MINUTE)


@case("EXP-08", needs=Capability.EXPIRING)
async def test_a_write_lets_go_of_what_has_expired(store: TaskStore, namespace: Namespace) -> None:
    """Each kind of write removes some of the tasks that were due, and few more are needed until nothing is left."""
    kept = await store.create_task(a_request())
    change = store.update_task_status
    writes: dict[str, Call] = {
        "create": lambda: store.create_task(a_request()),
        "update": lambda: change(kept.task_id, TaskStatus.CLIPPING),
        "progress": lambda: change(kept.task_id, TaskStatus.PENDING, 5),
        "complete": lambda: change(kept.task_id, TaskStatus.COMPLETED),
        "fail": lambda: change(kept.task_id, TaskStatus.FAILED),
        "cancel": lambda: store.cancel_task(kept.task_id),
    }
    maintained = cast(MaintainedTaskStore, store)
    if Capability.CALLER_IDS in namespace.harness.capabilities:
        writes["create under an id"] = lambda: maintained.create_task(a_request(), task_id="Job-1")
    if Capability.MAINTENANCE in namespace.harness.capabilities:
        writes["restore"] = lambda: maintained.restore(as_task(kept, task_id="restored"))
    for name, write in writes.items():
        gone = [await store.create_task(a_request()) for _ in range(3)]
        await store.cancel_task(gone[1].task_id)
        namespace.advance(timedelta(days=4))
        kept = await store.create_task(a_request())
        namespace.advance(timedelta(days=4))
        await write()
        left = [task.task_id for task in gone if namespace.inspector.mentions(task.task_id)]
        # A write removes what its own partition has, and not all of it where there is much.
        assert len(left) < len(gone) or namespace.harness.partitions > 1, f"{name} has removed nothing"
        for _ in range(20 * namespace.harness.partitions if left else 0):
            await store.create_task(a_request())
        assert [task.task_id for task in gone if namespace.inspector.mentions(task.task_id)] == [], name
        namespace.advance(WEEK + MINUTE)
        await store.list_tasks()  # nothing of this is there when the next kind of write comes


@case("EXP-08", needs=(Capability.EXPIRING, Capability.SHARED))
async def test_nothing_is_left_when_nobody_calls(store: TaskStore, namespace: Namespace) -> None:
    """A lifetime after the last task was due every key has gone by itself; until it is due it is listed."""
    task = await store.create_task(a_request())
    await store.cancel_task((await store.create_task(a_request())).task_id)
    namespace.advance(timedelta(days=4))
    await store.update_task_status(task.task_id, TaskStatus.COMPLETED)
    namespace.advance(WEEK - MINUTE)
    assert [left.task_id for left in (await store.list_tasks(TaskStatus.COMPLETED)).tasks] == [task.task_id]
    namespace.advance(MINUTE + WEEK + MINUTE)
    assert await settled(namespace.inspector.keys, set[str]()) == set()  # a store may remove them while it is open


@case("EXP-08", needs=(Capability.EXPIRING, Capability.SHARED))
async def test_nothing_is_left_of_any_task_when_nobody_calls(store: TaskStore, namespace: Namespace) -> None:
    """Tasks that were created under an id, restored, purged or refused leave nothing more behind than others do."""
    await fill_in_every_way(store, namespace)
    namespace.advance(WEEK + WEEK + MINUTE)
    assert await settled(namespace.inspector.keys, set[str]()) == set()  # a store may remove them while it is open
