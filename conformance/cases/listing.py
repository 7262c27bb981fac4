"""Newest first, counted exactly, cut into pages that join."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st

from conformance.case import World, case
from conformance.cases.atomicity import maintained
from conformance.harness import Capability
from conformance.strategies import a_request, not_page_numbers
from taskstore import InvalidArgument, Task, TaskStatus, TaskStore

statuses = st.lists(st.sampled_from(TaskStatus), max_size=12)


async def populate(store: TaskStore, wanted: list[TaskStatus]) -> list[Task]:
    """Create tasks of these statuses, and return them newest first, each as it was last written."""
    tasks = []
    for status in wanted:
        task = await store.create_task(a_request())
        tasks.append(await store.update_task_status(task.task_id, status))
    return tasks[::-1]


@case("LIST-01", wanted=statuses)
async def test_newest_come_first_whatever_was_updated(store: TaskStore, wanted: list[TaskStatus]) -> None:
    """The order is that of creation, and later updates do not move a task."""
    tasks = await populate(store, wanted)
    for task in tasks:
        if not task.status.is_final:
            await store.update_task_status(task.task_id, task.status, 1)
    assert [task.task_id for task in (await store.list_tasks()).tasks] == [task.task_id for task in tasks]


@case("LIST-01")
async def test_times_are_compared_as_times(store: TaskStore) -> None:
    """A time with fewer digits is no earlier and no later for it."""
    into = maintained(store)
    second = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    moments = [second + timedelta(microseconds=us) for us in (0, 1, 100_000, 120_000, 123_456, 1_000_000)]
    for number, moment in enumerate(moments):
        await into.restore(
            Task(
                task_id=f"task_{number}",
                status=TaskStatus.PENDING,
                progress=0,
                current_step="",
                video_ids=("v",),
                created_at=moment,
                updated_at=moment,
            )
        )
    assert [task.created_at for task in (await store.list_tasks()).tasks] == moments[::-1]


@case("LIST-01", names=st.lists(st.text("ab0:_~", min_size=1, max_size=4), min_size=2, max_size=6, unique=True))
async def test_ties_are_in_the_order_of_ids(store: TaskStore, names: list[str]) -> None:
    """Tasks of one microsecond are listed by id, descending by code point, on one page and across pages."""
    into = maintained(store)
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    for name in names:
        await into.restore(
            Task(
                task_id=f"task_{name}",
                status=TaskStatus.PENDING,
                progress=0,
                current_step="",
                video_ids=("v",),
                created_at=moment,
                updated_at=moment,
            )
        )
    expected = sorted((f"task_{name}" for name in names), reverse=True)
    assert [task.task_id for task in (await store.list_tasks()).tasks] == expected
    one_by_one = [(await store.list_tasks(limit=1, offset=place)).tasks[0].task_id for place in range(len(names))]
    assert one_by_one == expected


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


@case("LIST-04")
async def test_limit_zero_is_an_empty_page_with_the_total(store: TaskStore) -> None:
    """Asking for no task gives none, and the count."""
    await populate(store, [TaskStatus.PENDING] * 3)
    for offset in (0, 1, 5):
        page = await store.list_tasks(limit=0, offset=offset)
        assert (len(page.tasks), page.total) == (0, 3)


@case("LIST-06", wrong=not_page_numbers)
async def test_a_limit_or_offset_that_is_none_is_refused(store: TaskStore, wrong: Any) -> None:
    """Negative, fractional, bool and text are refused, for limit and for offset."""
    await store.create_task(a_request())
    with pytest.raises(InvalidArgument):
        await store.list_tasks(limit=wrong)
    with pytest.raises(InvalidArgument):
        await store.list_tasks(offset=wrong)


@case("LIST-06")
async def test_a_limit_beyond_the_maximum_is_refused(store: TaskStore) -> None:
    """1,000 is the longest page; more is refused rather than cut without a word."""
    await store.list_tasks(limit=1_000)
    with pytest.raises(InvalidArgument):
        await store.list_tasks(limit=1_001)


@case("LIST-04", offset=st.sampled_from([3, 4, 2**31, 2**63, 10**20]))
async def test_an_offset_past_the_end_is_an_empty_page(store: TaskStore, offset: int) -> None:
    """However far, there is nothing, and the total says how many there are."""
    await populate(store, [TaskStatus.PENDING] * 3)
    page = await store.list_tasks(offset=offset)
    assert (len(page.tasks), page.total) == (0, 3)


@case("LIST-09", limit=st.integers(0, 1_000), offset=st.integers(0, 10**6))
async def test_a_page_names_its_place(store: TaskStore, limit: int, offset: int) -> None:
    """Limit and offset come back as they were asked, and are 50 and 0 by default."""
    asked = await store.list_tasks(limit=limit, offset=offset)
    assert (asked.limit, asked.offset) == (limit, offset)
    default = await store.list_tasks()
    assert (default.limit, default.offset) == (50, 0)


@case("LIST-09")
async def test_a_page_holds_fifty_by_default(store: TaskStore) -> None:
    """Of 51 tasks the first page has 50."""
    await populate(store, [TaskStatus.PENDING] * 51)
    page = await store.list_tasks()
    assert (len(page.tasks), page.total) == (50, 51)


@case("LIST-10")
async def test_a_neighbour_is_never_shown_or_removed(world: World) -> None:
    """A world whose name continues this one's keeps its tasks, and this one does not see them."""
    neighbour = world.neighbour()
    try:
        async with world.open() as store, neighbour.open() as other:
            mine = await store.create_task(a_request())
            theirs = await other.create_task(a_request())
            await other.update_task_status(theirs.task_id, TaskStatus.COMPLETED)
            if hasattr(store, "purge"):
                await store.purge(datetime.now(UTC) + timedelta(days=1))
            assert [task.task_id for task in (await store.list_tasks()).tasks] == [mine.task_id]
            assert [task.task_id for task in (await other.list_tasks()).tasks] == [theirs.task_id]
    finally:
        neighbour.harness.discard(neighbour.name)


@case("LIST-11", needs=Capability.SHARED)
async def test_a_removed_record_is_not_counted(world: World) -> None:
    """An eviction, or a delete by hand, leaves no ghost in page or total."""
    async with world.open() as store:
        tasks = await populate(store, [TaskStatus.PENDING] * 3)
        world.witness.delete(tasks[1].task_id)
        page = await store.list_tasks(TaskStatus.PENDING)
        assert [task.task_id for task in page.tasks] == [tasks[0].task_id, tasks[2].task_id]
        assert page.total == 2
        assert (await store.list_tasks()).total == 2
        world.witness.delete(tasks[0].task_id)
        page = await store.list_tasks()
        assert [task.task_id for task in page.tasks] == [tasks[2].task_id]
        assert page.total == 1
