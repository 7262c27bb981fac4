"""Newest first, counted exactly, cut into pages that join."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, TypeAlias, cast

import pytest

from conformance.case import Namespace, NotApplicable, NotTestable, case
from conformance.cases.atomicity import two_instances
from conformance.cases.contents import Contents, check_same, check_writes, fill
from conformance.harness import Capability
from conformance.strategies import a_request
from taskstore import InvalidArgument, MaintainedTaskStore, Task, TaskPage, TaskStatus, TaskStore

STATUSES = [TaskStatus.PENDING, TaskStatus.FAILED, TaskStatus.CLIPPING, TaskStatus.FAILED, TaskStatus.PENDING]
_MOST_PAGES = 20
"""After which a walk ends that would not end by itself."""


async def populate(store: TaskStore, wanted: list[TaskStatus]) -> list[Task]:
    """Create tasks of these statuses, and return them in the order of a listing, each as it was last written."""
    tasks = []
    for status in wanted:
        task = await store.create_task(a_request())
        tasks.append(await store.update_task_status(task.task_id, status))
    return newest_first(tasks)


def newest_first(tasks: Iterable[Task]) -> list[Task]:
    """The order of a listing: a store with a coarse clock gives several tasks the same `created_at`."""
    return sorted(tasks, key=attrgetter("created_at", "task_id"), reverse=True)


@case("LIST-01")
async def test_newest_come_first_whatever_was_updated(store: TaskStore) -> None:
    """The order is that of creation, and later updates do not move a task."""
    tasks = await populate(store, STATUSES)
    oldest = next(task for task in reversed(tasks) if not task.status.is_final)
    await store.update_task_status(oldest.task_id, TaskStatus.UPLOADING)
    assert [task.task_id for task in (await store.list_tasks()).tasks] == [task.task_id for task in tasks]


@case("LIST-03")
async def test_total_and_filter_are_exact(store: TaskStore) -> None:
    """Total counts what matches, on the page or not; the page holds nothing else, in the common order."""
    tasks = await populate(store, STATUSES)
    for status in (None, *TaskStatus):
        matching = [task for task in tasks if status in (None, task.status)]
        page = await store.list_tasks(status, limit=1)
        assert page.total == len(matching)
        assert list(page.tasks) == matching[:1]


@case("LIST-03")
async def test_total_and_order_hold_while_others_write(namespace: Namespace) -> None:
    """Tasks come and are cancelled meanwhile: those that stay are on each page, in order, and the total is possible."""
    begun = created = ended = 0

    async def come_and_go(store: TaskStore) -> None:
        nonlocal begun, created, ended
        for _ in range(20):
            begun += 1
            task = await store.create_task(a_request())
            created += 1
            await store.cancel_task(task.task_id)
            ended += 1

    async with two_instances(namespace) as (one, two):
        stay = [task.task_id for task in await populate(one, [TaskStatus.PENDING] * 5)]
        others = asyncio.gather(come_and_go(one), come_and_go(two), come_and_go(two))
        while not others.done():
            await asyncio.sleep(0)  # a call in memory does not let others go on
            gone = ended
            page = await one.list_tasks(TaskStatus.PENDING, limit=1_000)
            assert 0 <= page.total - len(stay) <= begun - gone
            assert {task.status for task in page.tasks} == {TaskStatus.PENDING}
            there = created
            everything = await one.list_tasks(limit=1_000)
            assert there <= everything.total - len(stay) <= begun
            for seen in (page, everything):
                ids = [task.task_id for task in seen.tasks]
                assert list(seen.tasks) == newest_first(seen.tasks)
                assert len(set(ids)) == len(ids)
                assert [task_id for task_id in ids if task_id in stay] == stay
        await others


@case("LIST-04")
async def test_pages_join_without_gap_or_overlap(store: TaskStore) -> None:
    """Walking a quiet store page by page meets each task once; past the end, and with limit=0, there is the total."""
    tasks = await populate(store, STATUSES)
    walked: list[Task] = []
    while (page := await store.list_tasks(limit=2, offset=len(walked))).tasks:
        walked += page.tasks
        assert len(walked) <= len(tasks)
    assert walked == tasks
    for empty in (page, await store.list_tasks(limit=0), await store.list_tasks(limit=0, offset=1)):
        assert (len(empty.tasks), empty.total) == (0, len(tasks))


@case("LIST-06")
async def test_a_limit_or_offset_that_is_none_is_refused(store: TaskStore) -> None:
    """Negative, fractional, bool and text are refused, for limit and for offset, and more than the maximum."""
    await store.create_task(a_request())
    wrong: tuple[Any, ...] = (-1, 1.0, 2.5, True, "10", 10**30)
    for number in wrong:
        with pytest.raises(InvalidArgument):
            await store.list_tasks(limit=number)
        with pytest.raises(InvalidArgument):
            await store.list_tasks(offset=number)


@case("LIST-06")
async def test_a_page_names_its_place(store: TaskStore) -> None:
    """Limit and offset come back as they were asked, and are 50 and 0 by default."""
    asked = await store.list_tasks(limit=7, offset=3)
    assert (asked.limit, asked.offset) == (7, 3)
    default = await store.list_tasks()
    assert (default.limit, default.offset) == (50, 0)


@case("LIST-10")
async def test_a_neighbour_is_never_shown_or_removed(namespace: Namespace) -> None:
    """Whatever is written in a namespace, others whose names begin or continue its name keep their tasks."""
    async with neighbours(namespace) as (mine, *theirs):
        for store, contents in (mine, *theirs):
            assert {task.task_id for task in (await store.list_tasks()).tasks} == contents.ids
        for written, others in ((mine, theirs), (theirs[0], [mine]), (theirs[1], [mine])):
            before = [await kept.seen(other) for other, kept in others]
            await check_writes(*written, namespace)
            await written[0].create_task(a_request())
            check_same([await kept.seen(other) for other, kept in others], before)


@case("LIST-10", needs=Capability.EXPIRING)
async def test_a_neighbour_outlives_what_has_expired(namespace: Namespace) -> None:
    """When all tasks of a namespace have expired, and it was read and written again, its neighbour has its own."""
    async with neighbours(namespace, most=1) as ((store, mine), (other, theirs)):
        before = await theirs.seen(other)
        namespace.advance(timedelta(days=7, minutes=1))
        assert await mine.met(store) == []
        await fill(store, namespace)
        check_same(await theirs.seen(other), before)


@asynccontextmanager
async def neighbours(namespace: Namespace, most: int | None = None) -> AsyncIterator[list[tuple[Any, Contents]]]:
    """Stores with contents, the first of the namespace, and others with names like it; the callers' ids are alike."""
    others = namespace.neighbours()[:most]
    try:
        async with AsyncExitStack() as stack:
            places = [(await stack.enter_async_context(one.open()), one) for one in (namespace, *others)]
            yield [(store, await fill(store, one)) for store, one in places]
    finally:
        for other in others:
            other.harness.discard(other.name)


@case("LIST-11", needs=Capability.SHARED)
async def test_a_removed_record_is_not_counted(store: MaintainedTaskStore, namespace: Namespace) -> None:
    """Pages that come to the places of deleted records leave them out, and from then on no total counts them."""
    has_cursor = Capability.CURSOR in namespace.harness.capabilities
    for by_cursor in (False, True) if has_cursor else (False,):
        async for tasks, gone, wanted, limit in to_remove(store, limits=(2,)):
            remove(namespace, gone)
            pages = await walk(store, wanted, limit, by_cursor=by_cursor)
            assert not gone & {task.task_id for page in pages for task in page.tasks}
            left = [task.status for task in tasks if task.task_id not in gone]
            for status in (None, TaskStatus.PENDING, TaskStatus.FAILED):
                total = (await store.list_tasks(status, limit=0)).total
                assert total == len([one for one in left if status in (None, one)]), (status, wanted, limit)


@case("LIST-04", needs=Capability.SHARED)
async def test_pages_join_where_records_were_removed(store: MaintainedTaskStore, namespace: Namespace) -> None:
    """A page that comes to the place of a deleted record is as long as one that does not."""
    async for tasks, gone, wanted, limit in to_remove(store):
        remove(namespace, gone)
        check_pages(await walk(store, wanted, limit), limit, listed(tasks, gone, wanted))


@case("LIST-04", needs=Capability.SHARED)
async def test_pages_are_full_where_one_partition_has_all(store: TaskStore, namespace: Namespace) -> None:
    """Tasks of one status that are all in one partition, among those of others: a page leaves none of them out."""
    if namespace.harness.partitions == 1:
        raise NotApplicable("the store has one partition")
    tasks = [await store.create_task(a_request()) for _ in range(240)]
    by_partition: dict[str, list[Task]] = {}
    there = namespace.inspector.keys()
    for task in tasks:
        places = [key.removesuffix(task.task_id) for key in there if key.endswith(task.task_id)]
        if len(places) != 1:
            raise NotTestable("records do not have keys of their own that end with the id")
        by_partition.setdefault(places[0], []).append(task)
    for chosen in by_partition.values():
        changed = [await store.update_task_status(task.task_id, TaskStatus.CLIPPING) for task in chosen]
        pages = await walk(cast(MaintainedTaskStore, store), TaskStatus.CLIPPING, 50)
        check_pages(pages, 50, newest_first(changed))
        for task in chosen:
            await store.update_task_status(task.task_id, TaskStatus.UPLOADING)


@case("LIST-12", needs=(Capability.SHARED, Capability.CURSOR))
async def test_pages_by_cursor_join_where_records_were_removed(
    store: MaintainedTaskStore, namespace: Namespace
) -> None:
    """Records are deleted before the first page, or behind it: also that of the task which the cursor names."""
    async for tasks, gone, wanted, limit in to_remove(store):
        remove(namespace, gone)
        check_pages(await walk(store, wanted, limit, by_cursor=True), limit, listed(tasks, gone, wanted))
    async for tasks, gone, wanted, limit in to_remove(store):
        first = await store.list_tasks(wanted, limit)
        assert first.next is not None
        remove(namespace, gone)
        behind = listed(tasks, set(), wanted)[limit:]
        pages = await walk(store, wanted, limit, by_cursor=True, after=first.next)
        check_pages(pages, limit, [task for task in behind if task.task_id not in gone])


REMOVED = ((0,), (2,), (4,), (1, 3), (0, 1), (2, 3, 4), (0, 1, 2, 3, 4))
"""Which of five tasks are removed, counted from the newest: one, several, a whole page, and all."""
Removal: TypeAlias = tuple[list[Task], set[str], TaskStatus | None, int]


async def to_remove(store: TaskStore, limits: Iterable[int] = (1, 2, 4)) -> AsyncIterator[Removal]:
    """Tasks in the order of a listing, the ids of those whose records are to be deleted, a filter and a limit."""
    left = await populate(store, [TaskStatus.PENDING, TaskStatus.FAILED])
    forms = ((TaskStatus.PENDING, False), (TaskStatus.PENDING, True), (TaskStatus.FAILED, True))
    for places, limit, (status, is_filtered) in itertools.product(REMOVED, limits, forms):
        there = [task for task in left if task.status is status]
        tasks = newest_first([*left, *await populate(store, [status] * (5 - len(there)))])
        same_status = [task.task_id for task in tasks if task.status is status]
        gone = {same_status[place] for place in places}
        yield tasks, gone, status if is_filtered else None, limit
        left = [task for task in tasks if task.task_id not in gone]


def remove(namespace: Namespace, ids: set[str]) -> None:
    """Delete the records of tasks behind the store's back."""
    for task_id in ids:
        namespace.inspector.delete(task_id)


def listed(tasks: list[Task], gone: set[str], wanted: TaskStatus | None) -> list[Task]:
    """The tasks of this status that are not gone."""
    return [task for task in tasks if wanted in (None, task.status) and task.task_id not in gone]


async def walk(
    store: MaintainedTaskStore,
    status: TaskStatus | None,
    limit: int,
    *,
    by_cursor: bool = False,
    after: str | None = None,
) -> list[TaskPage]:
    """The pages of a store, by offset up to an empty one, or by cursor up to the last; also from a cursor on."""
    pages: list[TaskPage] = []
    while len(pages) < _MOST_PAGES:
        if by_cursor:
            pages.append(await store.list_tasks(status, limit, after=after))
        else:
            pages.append(await store.list_tasks(status, limit, sum(len(page.tasks) for page in pages)))
        after = pages[-1].next if by_cursor else None
        if not (after if by_cursor else pages[-1].tasks):
            break
    return pages


def check_pages(pages: list[TaskPage], limit: int, tasks: list[Task]) -> None:
    """The pages have these tasks, in order, and each of them has as many as it may."""
    assert [task.task_id for page in pages for task in page.tasks] == [task.task_id for task in tasks]
    lengths = [len(page.tasks) for page in pages]
    assert lengths == [min(limit, max(len(tasks) - limit * number, 0)) for number in range(len(pages))], lengths


@case("LIST-11", needs=Capability.SHARED)
async def test_a_removed_record_among_large_ones_is_not_counted(store: TaskStore, namespace: Namespace) -> None:
    """The same where the tasks of a page are larger than a megabyte together."""
    large = a_request({"text": "x" * 700_000})
    tasks = [await store.create_task(large) for _ in range(4)]
    for left in (3, 2, 1):
        namespace.inspector.delete(tasks[3 - left].task_id)
        assert [task.task_id for task in (await store.list_tasks()).tasks] == [
            one.task_id for one in tasks[: -left - 1 : -1]
        ]
        assert (await store.list_tasks()).total == left


@case("LIST-11", needs=Capability.SHARED)
async def test_many_removed_records_are_not_counted(store: TaskStore, namespace: Namespace) -> None:
    """The same of hundreds at once, which stand between others: one page that comes to their places is enough."""
    for form in ({}, {"status": TaskStatus.PENDING}, {"limit": 5}, {"limit": 1_000}):
        tasks = [await store.create_task(a_request()) for _ in range(404)]
        kept = newest_first([*tasks[:2], *tasks[-2:]])
        for task in tasks[2:-2]:
            namespace.inspector.delete(task.task_id)
        page = await store.list_tasks(**form)
        assert [task.task_id for task in page.tasks] == [task.task_id for task in kept], form
        assert not page.unreadable, form
        assert (await store.list_tasks(limit=0)).total == len(kept), form
        for task in kept:
            namespace.inspector.delete(task.task_id)
        await store.list_tasks()


@case("LIST-12", needs=Capability.CURSOR)
async def test_pages_by_cursor_join_while_others_write(store: MaintainedTaskStore) -> None:
    """Between the pages a task is created, one is finished and the one that the cursor names is cancelled."""
    tasks = await populate(store, [TaskStatus.PENDING] * 5)
    page = await store.list_tasks(TaskStatus.PENDING, 2)
    walked = [*page.tasks]
    new = await store.create_task(a_request())
    await store.update_task_status(tasks[3].task_id, TaskStatus.COMPLETED)
    await store.cancel_task(tasks[1].task_id)
    while page.next is not None:
        page = await store.list_tasks(TaskStatus.PENDING, 2, after=page.next)
        walked += page.tasks
        assert len(walked) <= len(tasks) + 1
    # The new task may have the time of creation of another, and its place is then further on.
    assert [task for task in walked if task.task_id != new.task_id] == [tasks[0], tasks[1], tasks[2], tasks[4]]


@case("LIST-13", needs=Capability.CURSOR)
async def test_what_is_no_cursor_is_refused(store: MaintainedTaskStore) -> None:
    """Any other text or type is refused, and a cursor together with an offset."""
    task = await store.create_task(a_request())
    moment = (task.created_at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    cursor = f"{moment}.{task.task_id}"
    wrong: tuple[Any, ...] = ("", ".", "1", "1.", ".a", "a.a", "01.a", "+1.a", "٣.a", f"{10**18}.a", "1.\ud800", 7)
    for after in wrong:
        with pytest.raises(InvalidArgument) as refused:
            await store.list_tasks(after=after)
        assert refused.value.argument == "after"
    with pytest.raises(InvalidArgument) as refused:
        await store.list_tasks(after=cursor, offset=1)
    assert refused.value.argument == "after"
    assert not (await store.list_tasks(after=cursor, offset=0)).tasks
