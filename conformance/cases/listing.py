"""Newest first, counted exactly, cut into pages that join."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from hypothesis import strategies as st

from conformance.case import Namespace, case
from conformance.cases.atomicity import maintained
from conformance.harness import Capability
from conformance.strategies import a_request, not_page_numbers
from taskstore import InvalidArgument, MaintainedTaskStore, Task, TaskFinal, TaskNotFound, TaskStatus, TaskStore

NO_CURSORS = [
    "",
    ".",
    "1",
    "1.",
    ".a",
    "a.a",
    "01.a",
    "+1.a",
    " 1.a",
    "1e3.a",
    "-0.a",
    "٣.a",
    f"{10**18}.a",
    "1.\ud800",
    7,
    b"1.a",
]
MOST_WALKED = 100
statuses = st.lists(st.sampled_from(TaskStatus), max_size=12)


async def populate(store: TaskStore, wanted: list[TaskStatus]) -> list[Task]:
    """Create tasks of these statuses, and return them newest first, each as it was last written."""
    tasks = []
    for status in wanted:
        task = await store.create_task(a_request())
        tasks.append(await store.update_task_status(task.task_id, status))
    return tasks[::-1]


def at_moment(moment: datetime, task_id: str, status: TaskStatus = TaskStatus.PENDING) -> Task:
    """A task of that moment, to restore."""
    return Task(
        task_id=task_id,
        status=status,
        progress=0,
        current_step="",
        video_ids=("v",),
        created_at=moment,
        updated_at=moment,
        completed_at=moment if status.is_final else None,
    )


@case("LIST-01", wanted=statuses)
async def test_newest_come_first_whatever_was_updated(store: TaskStore, wanted: list[TaskStatus]) -> None:
    """The order is that of creation, and later updates do not move a task."""
    tasks = await populate(store, wanted)
    for task in tasks:
        if not task.status.is_final:
            await store.update_task_status(task.task_id, task.status, 1)
    assert [task.task_id for task in (await store.list_tasks()).tasks] == [task.task_id for task in tasks]


@case("LIST-03", wanted=statuses, limit=st.integers(0, 3))
async def test_total_and_filter_are_exact(store: TaskStore, wanted: list[TaskStatus], limit: int) -> None:
    """Total counts what matches, on the page or not; the page holds nothing else, in the common order."""
    tasks = await populate(store, wanted)
    for status in (None, *TaskStatus):
        matching = [task for task in tasks if status in (None, task.status)]
        page = await store.list_tasks(status, limit=limit)
        assert page.total == len(matching)
        assert list(page.tasks) == matching[:limit]


@case("LIST-04", count=st.integers(0, 12), limit=st.integers(1, 5))
async def test_pages_join_without_gap_or_overlap(store: TaskStore, count: int, limit: int) -> None:
    """Walking a quiet store page by page meets each task once."""
    tasks = await populate(store, [TaskStatus.PENDING] * count)
    walked: list[Task] = []
    while page := (await store.list_tasks(limit=limit, offset=len(walked))).tasks:
        walked += page
    assert walked == tasks


@case("LIST-06", wrong=not_page_numbers)
async def test_a_limit_or_offset_that_is_none_is_refused(store: TaskStore, wrong: Any) -> None:
    """Negative, fractional, bool and text are refused, for limit and for offset."""
    await store.create_task(a_request())
    with pytest.raises(InvalidArgument):
        await store.list_tasks(limit=wrong)
    with pytest.raises(InvalidArgument):
        await store.list_tasks(offset=wrong)


@case("LIST-09", limit=st.integers(0, 1_000), offset=st.integers(0, 10**6))
async def test_a_page_names_its_place(store: TaskStore, limit: int, offset: int) -> None:
    """Limit and offset come back as they were asked, and are 50 and 0 by default."""
    asked = await store.list_tasks(limit=limit, offset=offset)
    assert (asked.limit, asked.offset) == (limit, offset)
    default = await store.list_tasks()
    assert (default.limit, default.offset) == (50, 0)


@case("LIST-10")
async def test_a_neighbour_is_never_shown_or_removed(namespace: Namespace) -> None:
    """A namespace whose name continues this one's keeps its tasks, and this one does not see them."""
    neighbour = namespace.neighbour()
    try:
        async with namespace.open() as store, neighbour.open() as other:
            mine = await store.create_task(a_request())
            theirs = await other.create_task(a_request())
            await other.update_task_status(theirs.task_id, TaskStatus.COMPLETED)
            if Capability.MAINTENANCE in namespace.harness.capabilities:
                await maintained(store).purge(datetime.now(UTC) + timedelta(days=1))
            assert [task.task_id for task in (await store.list_tasks()).tasks] == [mine.task_id]
            assert [task.task_id for task in (await other.list_tasks()).tasks] == [theirs.task_id]
    finally:
        neighbour.harness.discard(neighbour.name)


@case("LIST-11", needs=Capability.SHARED)
async def test_a_removed_record_is_not_counted(namespace: Namespace) -> None:
    """A page that comes to the place of a deleted record leaves it out, and from then on no total counts it."""
    async with namespace.open() as store:
        tasks = await populate(store, [TaskStatus.PENDING] * 3)
        namespace.inspector.delete(tasks[1].task_id)
        page = await store.list_tasks(TaskStatus.PENDING)
        assert [task.task_id for task in page.tasks] == [tasks[0].task_id, tasks[2].task_id]
        assert page.total == 2
        assert (await store.list_tasks()).total == 2
        namespace.inspector.delete(tasks[0].task_id)
        page = await store.list_tasks()
        assert [task.task_id for task in page.tasks] == [tasks[2].task_id]
        assert page.total == 1


def with_cursor(store: TaskStore) -> MaintainedTaskStore:
    """The store, which takes `after`, since the subject declares it."""
    return store  # type: ignore[return-value]  # its other operations are asked for by `maintained`


async def walk(
    store: TaskStore,
    limit: int,
    status: TaskStatus | None = None,
    between: Callable[[list[Task]], Awaitable[object]] | None = None,
) -> list[str]:
    """The ids of every page, each behind the one before; `between` is called with each page but the last."""
    walked: list[Task] = []
    after = None
    while True:
        page = await with_cursor(store).list_tasks(status, limit, after=after)
        walked += page.tasks
        if page.next is None:
            return [task.task_id for task in walked]
        assert len(walked) <= MOST_WALKED, "the pages come to no end"
        after = page.next
        if between is not None:
            await between(walked)


@case(
    "LIST-12",
    needs=Capability.CURSOR,
    count=st.integers(1, 9),
    limit=st.integers(1, 3),
    writes=st.lists(
        st.tuples(st.sampled_from(["create", "cancel", "purge", "complete"]), st.integers(0, 9)), max_size=9
    ),
)
async def test_pages_by_cursor_join_while_others_write(
    namespace: Namespace, count: int, limit: int, writes: list[tuple[str, int]]
) -> None:
    """Tasks are created, finished and purged between the pages; those that stay come once each, and in order."""
    purges = Capability.MAINTENANCE in namespace.harness.capabilities
    async with namespace.open() as store:
        tasks = await populate(store, [TaskStatus.PENDING] * count)
        walked = await walk(store, limit, between=writer(store, tasks, writes, purges=purges))
        stayed = {one.task_id for one in (await store.list_tasks(limit=1_000)).tasks} & {one.task_id for one in tasks}
        assert [one for one in walked if one in stayed] == [one.task_id for one in tasks if one.task_id in stayed]
        assert len(set(walked)) == len(walked)


def writer(
    store: TaskStore, tasks: list[Task], writes: list[tuple[str, int]], *, purges: bool
) -> Callable[[list[Task]], Awaitable[object]]:
    """What makes the next two of these writes each time that it is called; purges only where the store has them."""
    upcoming = iter(writes)

    async def write(_: list[Task]) -> None:
        for kind, which in [*islice(upcoming, 2)]:
            task_id = tasks[which % len(tasks)].task_id
            if kind == "create":
                await store.create_task(a_request())
            elif kind == "purge":
                if purges:
                    await maintained(store).purge(datetime.now(UTC) + timedelta(days=400))
            else:
                status = TaskStatus.CANCELLED if kind == "cancel" else TaskStatus.COMPLETED
                with suppress(TaskFinal, TaskNotFound):
                    await store.update_task_status(task_id, status)

    return write


IDS = ["A", "B_", "Z", "_a", "a", "a!", "aa", "b", "~"]
"""In the order of bytes, which that of a language is not."""


@case("LIST-13", needs=Capability.CURSOR, wrong=st.sampled_from(NO_CURSORS))
async def test_what_is_no_cursor_is_refused(store: TaskStore, wrong: Any) -> None:
    """Any other text or type is refused, and a cursor together with an offset."""
    await store.create_task(a_request())
    with pytest.raises(InvalidArgument) as raised:
        await with_cursor(store).list_tasks(after=wrong)
    assert raised.value.argument == "after"
    with pytest.raises(InvalidArgument) as raised:
        await with_cursor(store).list_tasks(after="1.a", offset=1)
    assert raised.value.argument == "after"
    await with_cursor(store).list_tasks(after="1.a", offset=0)


@case("LIST-04")
async def test_limit_zero_is_an_empty_page_with_the_total(store: TaskStore) -> None:
    """Asking for no task gives none, and the count."""
    await populate(store, [TaskStatus.PENDING] * 3)
    for offset in (0, 1, 5):
        page = await store.list_tasks(limit=0, offset=offset)
        assert (len(page.tasks), page.total) == (0, 3)
