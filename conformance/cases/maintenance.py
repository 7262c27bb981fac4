"""How a store is cleaned up, and how tasks are carried over."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import pytest

from conformance.case import Namespace, case
from conformance.cases.contents import check_same, fill
from conformance.cases.expiry import create_many
from conformance.cases.listing import newest_first
from conformance.cases.table.bench import cancelled_after
from conformance.engine.arguments import as_task
from conformance.harness import Capability
from conformance.spec.equality import same, snapshot, snapshots
from conformance.strategies import a_request
from taskstore import (
    InvalidArgument,
    MaintainedTaskStore,
    MemoryTaskStore,
    Task,
    TaskExists,
    TaskStatus,
)


@case("MAINT-01", needs=Capability.MAINTENANCE)
async def test_purge_removes_old_final_tasks_only(store: MaintainedTaskStore) -> None:
    """What was completed before the moment goes; what was completed at it, and what is not final, stays."""
    finals = [status for status in TaskStatus if status.is_final]
    open_task = await store.create_task(a_request())
    old = [await store.update_task_status((await store.create_task(a_request())).task_id, status) for status in finals]
    recent = await store.cancel_task((await store.create_task(a_request())).task_id)
    later = await store.cancel_task((await store.create_task(a_request())).task_id)
    assert recent.completed_at is not None
    # A store with a coarse clock completes several tasks at the same moment.
    stay = [task for task in old if task.completed_at == recent.completed_at]
    assert await store.purge(recent.completed_at) == len(old) - len(stay)
    assert list((await store.list_tasks()).tasks) == newest_first([later, recent, open_task, *stay])
    completed = [task for task in stay if task.status is TaskStatus.COMPLETED]
    assert (await store.list_tasks(TaskStatus.COMPLETED)).total == len(completed)
    assert await store.purge(datetime.now(UTC) + timedelta(days=1)) == len([later, recent, *stay])
    assert list((await store.list_tasks()).tasks) == [open_task]


class SummerTime(tzinfo):
    """A zone whose offset depends on the moment: without one it has none, as those of `zoneinfo`."""

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        """Two hours in summer, and one in winter."""
        return timedelta(hours=1 + (4 <= moment.month <= 10)) if moment else None

    def dst(self, moment: datetime | None) -> timedelta | None:
        """An hour in summer."""
        return timedelta(hours=4 <= moment.month <= 10) if moment else None

    def tzname(self, _: datetime | None) -> str:
        """A name."""
        return "Summer"


@case("MAINT-01", "MAINT-02", needs=Capability.MAINTENANCE)
async def test_moments_may_be_of_a_zone_with_summer_time(store: MaintainedTaskStore) -> None:
    """A purge before one, and a restored task that has some, take them for the moments that they are, in any season."""
    task = await store.cancel_task((await store.create_task(a_request())).task_id)
    for month in (1, 7):
        moment = datetime(2025, month, 15, 12, tzinfo=UTC)
        times = ("created_at", "updated_at", "completed_at")
        old = as_task(task, task_id=f"task_{month}", **dict.fromkeys(times, moment))
        there = moment.astimezone(SummerTime())
        await store.restore(old.model_copy(update=dict.fromkeys(times, there)))
        assert same(snapshot(await store.get_task(old.task_id)), snapshot(old))
        for plus, removed in ((0, 0), (1, 1)):
            assert await store.purge((moment + timedelta(microseconds=plus)).astimezone(SummerTime())) == removed


@case("MAINT-01", "ATOM-01", needs=(Capability.MAINTENANCE, Capability.CALLER_IDS))
async def test_a_purge_spares_what_took_an_id_meanwhile(store: MaintainedTaskStore) -> None:
    """While one purge of hundreds is under way another one ends, and new tasks are created under the same ids."""
    later = datetime.now(UTC) + timedelta(days=1)
    for turns in (1, 2, 5):
        ids = [f"job-{turns}-{number}" for number in range(400)]
        await asyncio.gather(*(store.create_task(a_request(), task_id=one) for one in ids))
        await asyncio.gather(*(store.cancel_task(one) for one in ids))
        first = asyncio.ensure_future(store.purge(later))
        for _ in range(turns):
            await asyncio.sleep(0)
        await store.purge(later)
        for one in ids:  # one after the other: in memory this lets nothing else run
            await store.create_task(a_request(), task_id=one)
        await first
        assert (await store.list_tasks(limit=0)).total == len(ids), turns
        await asyncio.gather(*(store.cancel_task(one) for one in ids))
        await store.purge(later)


@case("LIFE-17", needs=Capability.MAINTENANCE)
async def test_a_clock_that_is_a_little_behind_moves_no_time_back(store: MaintainedTaskStore) -> None:
    """Of a task that was updated some milliseconds or seconds ahead of the clock, a write moves no time back."""
    task = await store.create_task(a_request())
    for number, milliseconds in enumerate((2, 5, 10, 20, 50, 200, 900, 3_000, 20_000, 100_000)):
        for status in (TaskStatus.CLIPPING, TaskStatus.COMPLETED, TaskStatus.CANCELLED):
            ahead = datetime.now(UTC) + timedelta(milliseconds=milliseconds)
            old = as_task(task, task_id=f"task_{number}_{status}", updated_at=ahead)
            await store.restore(old)
            written = await store.update_task_status(old.task_id, status)
            assert written.updated_at >= ahead, f"{milliseconds} ms"
            assert written.completed_at is None or written.completed_at >= ahead, f"{milliseconds} ms"


@case("MAINT-04", needs=Capability.MAINTENANCE)
async def test_restore_refuses_what_no_store_could_have_produced(store: MaintainedTaskStore) -> None:
    """No task at all, a final one without its end, one that is updated before its creation, and wrong values."""
    task = await store.create_task(a_request())
    changes: list[dict[str, Any]] = [
        {"status": TaskStatus.FAILED},
        {"completed_at": task.created_at},
        {"updated_at": task.created_at - timedelta(microseconds=1)},
        {"created_at": task.created_at.replace(tzinfo=None)},
        {"error_message": "no disk"},
        {"progress": 200.0},
        {"video_ids": ()},
        {"metadata_json": "[]"},
        {"task_id": "a b"},
        {"current_step": "\ud800"},
    ]
    wrong: list[Any] = [as_task(task, **{"task_id": "task_1", **change}) for change in changes]
    for one in (snapshot(task), *wrong):
        with pytest.raises(InvalidArgument):
            await store.restore(one)
    await store.restore(as_task(task, task_id="task_1"))
    assert (await store.list_tasks()).total == 2


async def carry_over(source: MaintainedTaskStore, store: MaintainedTaskStore) -> int:
    """Restore every task of a store in another one, and count those that were not there."""
    count, after = 0, None
    while True:
        page = await source.list_tasks(limit=500, after=after)
        for task in page.tasks:
            with contextlib.suppress(TaskExists):
                await store.restore(task)
                count += 1
        if (after := page.next) is None:
            return count


@case("MAINT-02", needs=Capability.MAINTENANCE)
async def test_tasks_can_be_carried_over_from_memory(store: MaintainedTaskStore, namespace: Namespace) -> None:
    """Every task arrives as it was, in its place; what is there already stays; each has the lifetime of the store."""
    async with MemoryTaskStore() as source:
        contents = await fill(source, namespace)
        before = await contents.seen(source)
        assert await carry_over(source, store) == len(contents.tasks)
        check_same(await contents.seen(store), before)
        check_same(await contents.seen(source), before)
        unfinished = next(task for task in contents.tasks if not task.status.is_final)
        changed = await store.update_task_status(unfinished.task_id, TaskStatus.UPLOADING)
        beside = await store.create_task(a_request())
        more = [await source.create_task(a_request()) for _ in range(1_050)]
        assert await carry_over(source, store) == len(more)
    expected = newest_first([*(one for one in contents.tasks if one is not unfinished), changed, beside, *more])
    pages = [await store.list_tasks(limit=1_000, offset=offset) for offset in (0, 1_000)]
    assert [page.total for page in pages] == [len(expected)] * 2
    assert same(snapshots(task for page in pages for task in page.tasks), snapshots(expected))
    if Capability.EXPIRING in namespace.harness.capabilities:
        namespace.advance(timedelta(days=7, minutes=-1))
        assert (await store.list_tasks()).total == len(expected)
        namespace.advance(timedelta(minutes=2))
        assert (await store.list_tasks()).total == 0


@case("MAINT-02", needs=Capability.MAINTENANCE)
async def test_a_migration_that_broke_off_is_completed(store: MaintainedTaskStore) -> None:
    """Whichever tasks are there already, the newest, the oldest or some between, the others are restored."""
    there: list[Task] = []
    few = ((0, 4, 1), (8, 12, 1), (4, 8, 1), (0, 12, 2), (1, 12, 3), (11, 12, 1), (0, 12, 1))
    for count, known in (*((12, one) for one in few), (1_040, (0, 1_030, 1))):  # that is more than a page
        async with MemoryTaskStore() as source:
            tasks = newest_first([await source.create_task(a_request()) for _ in range(count)])
            for task in tasks[slice(*known)]:
                await store.restore(task)
            assert await carry_over(source, store) == count - len(tasks[slice(*known)])
        there = newest_first([*tasks, *there])
        pages = [await store.list_tasks(limit=1_000, offset=offset) for offset in (0, 1_000, 2_000)]
        assert pages[0].total == len(there)
        assert same(snapshots(task for page in pages for task in page.tasks), snapshots(there))


@case("MAINT-01", needs=(Capability.MAINTENANCE, Capability.SHARED))
async def test_a_purge_counts_no_removed_record(store: MaintainedTaskStore, namespace: Namespace) -> None:
    """Of final tasks some were removed behind the store's back: it counts those that it removes itself."""
    tasks = [await store.cancel_task((await store.create_task(a_request())).task_id) for _ in range(5)]
    for task in tasks[1:3]:
        namespace.inspector.delete(task.task_id)
    later = datetime.now(UTC) + timedelta(days=1)
    assert [await store.purge(later) for _ in range(2)] == [3, 0]


@case("MAINT-01", "ATOM-06", needs=Capability.MAINTENANCE)
async def test_a_purge_that_is_cancelled_keeps_no_other_from_its_end(store: MaintainedTaskStore) -> None:
    """Cancelled under way, among many tasks: the next one removes what it has left."""
    kept = await store.create_task(a_request())
    later = datetime.now(UTC) + timedelta(days=1)
    for turns in (1, 2, 3, 5):
        for task in await create_many(store, 550):
            await store.cancel_task(task.task_id)
        await cancelled_after(turns, store.purge(later))
        await store.purge(later)
        assert list((await store.list_tasks()).tasks) == [kept]


@case("MAINT-01", "ATOM-06", needs=Capability.MAINTENANCE)
async def test_two_purges_at_the_same_time_both_end(store: MaintainedTaskStore) -> None:
    """Of many tasks, whichever of the two removes which, all are gone in the end."""
    kept = await store.create_task(a_request())
    for _ in range(600):
        await store.cancel_task((await store.create_task(a_request())).task_id)
    later = datetime.now(UTC) + timedelta(days=1)
    assert sum(await asyncio.gather(store.purge(later), store.purge(later))) == 600
    assert list((await store.list_tasks()).tasks) == [kept]
