"""A server that may evict keys has removed those beside the records: calls are right all the same, or are refused."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Awaitable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeVar, cast

from conformance.case import Namespace, NotTestable, case
from conformance.cases.contents import fill
from conformance.cases.environment import configured
from conformance.cases.expiry import MINUTE, WEEK, create_many
from conformance.cases.listing import newest_first
from conformance.cases.operations import make_target, operations_of
from conformance.cases.table.bench import outcome_of
from conformance.harness import Capability
from conformance.strategies import a_request
from taskstore import MaintainedTaskStore, StoreUnavailable, Task, TaskStatus, TaskStore

Answer = TypeVar("Answer")
LATER = datetime(2100, 1, 1, tzinfo=UTC)


def others_than_records(namespace: Namespace, tasks: list[Task]) -> list[str]:
    """The keys of a namespace that are the record of none of the tasks."""
    ids = tuple(one.task_id for one in tasks)
    return [key for key in sorted(namespace.inspector.keys()) if not key.endswith(ids)]


@contextlib.contextmanager
def evicting(namespace: Namespace, keys: list[str], tasks: list[Task]) -> Iterator[None]:
    """Remove keys, on a server that may have done so by itself, but no record of these tasks."""
    with configured(namespace, {"maxmemory": "1gb", "maxmemory-policy": "allkeys-lru"}):
        for key in keys:
            namespace.harness.administer("DEL", key)
        if namespace.inspector.raw(tasks[0].task_id) is None:
            raise NotTestable("records do not have keys of their own that end with the id")
        yield


async def unless_refused(call: Awaitable[Answer]) -> Answer | None:
    """The answer, or None: a store may refuse what it has lost the index for."""
    try:
        return await call
    except StoreUnavailable:
        return None


@case("EXP-01", needs=(Capability.EXPIRING, Capability.SHARED, Capability.REMOTE))
async def test_a_task_expires_though_an_index_of_it_was_evicted(store: TaskStore, namespace: Namespace) -> None:
    """On a server that may evict keys, only the records are left: what the store makes of them expires when they do."""
    task = await store.create_task(a_request())
    namespace.advance(WEEK - timedelta(days=1))
    with evicting(namespace, others_than_records(namespace, [task]), [task]):
        async with namespace.open() as other:
            for total in (1, 0):
                for one in (other, store):
                    with contextlib.suppress(StoreUnavailable):  # it may refuse to count where its index is gone
                        assert (await one.list_tasks(limit=0)).total <= total
                        assert (await one.list_tasks()).total <= total
                namespace.advance(timedelta(days=1) + MINUTE)


@case("LIST-03", needs=(Capability.SHARED, Capability.REMOTE))
async def test_many_tasks_are_listed_though_an_index_was_evicted(store: TaskStore, namespace: Namespace) -> None:
    """Whichever keys the server has evicted beside the records: listings are right, or are refused."""
    tasks = await create_many(store, 600)
    for task in tasks[:100]:
        await store.cancel_task(task.task_id)
    others = others_than_records(namespace, tasks)
    for evicted in (others, *([key] for key in others)):
        with evicting(namespace, evicted, tasks):
            async with namespace.open() as other:
                for one in (other, store):
                    with contextlib.suppress(StoreUnavailable):
                        assert (await one.list_tasks(limit=1)).total == 600, evicted
                        assert (await one.list_tasks(TaskStatus.PENDING, limit=0)).total == 500, evicted
                        assert (await one.list_tasks(TaskStatus.CANCELLED, limit=0)).total == 100, evicted


@case("MAINT-01", needs=(Capability.SHARED, Capability.REMOTE, Capability.MAINTENANCE))
async def test_a_purge_finds_all_though_an_index_was_evicted(namespace: Namespace) -> None:
    """Whichever keys are evicted beside the records, the first call after it counts and removes every final task."""
    for number in itertools.count():
        with namespace.beside(f"-{number}") as place:
            async with place.open() as store:
                tasks = (await fill(store, place)).tasks
                evicted = others_than_records(place, tasks)
                with evicting(place, [*([key] for key in evicted), evicted][min(number, len(evicted))], tasks):
                    removed = await unless_refused(cast(MaintainedTaskStore, store).purge(LATER))
                    left = [task for task in tasks if not task.status.is_final]
                    assert removed in (len(tasks) - len(left), None), evicted
                    page = await unless_refused(store.list_tasks())
                    if removed is not None and page is not None:
                        assert list(page.tasks) == newest_first(left)
        if number >= len(evicted):  # each of them alone, and then all of them
            break


@case("LIST-03", needs=(Capability.SHARED, Capability.REMOTE))
async def test_listings_are_right_whatever_comes_first_after_an_eviction(namespace: Namespace) -> None:
    """Only the records are left, and a call of each form is the first: the others are listed, and counted right."""
    ends = ["", *(["[a]"] if any(one.name.endswith("[a]") for one in namespace.neighbours()) else ())]
    forms = itertools.product(ends, operations_of(namespace.harness.capabilities))
    for number, (end, operation) in enumerate(forms):
        with namespace.beside(f"-{number}{end}") as place:
            async with place.open() as store:
                target = await make_target(store)
                tasks = [target.task, target.other, *target.bystanders]
                with evicting(place, others_than_records(place, tasks), tasks):
                    await outcome_of(operation.call(store, target))
                    pages = {one: await unless_refused(store.list_tasks(one)) for one in (None, *TaskStatus)}
        if page := pages.pop(None):
            assert page.total == len(page.tasks), operation.name
            there = {task.task_id for task in page.tasks}
            assert there >= {task.task_id for task in tasks}, operation.name
            for status, filtered in pages.items():
                expected = [task for task in page.tasks if task.status == status]
                found = filtered and (filtered.total, list(filtered.tasks))
                assert found in (None, (len(expected), expected)), (operation.name, status)
