"""A server that may evict keys has removed those beside the records: calls are right all the same, or are refused."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

from conformance.case import Namespace, NotTestable, case
from conformance.cases.connection import LONG, behind_a_proxy, met
from conformance.cases.contents import fill
from conformance.cases.environment import configured
from conformance.cases.expiry import MINUTE, WEEK, create_many
from conformance.cases.listing import newest_first
from conformance.cases.operations import make_target, operations_of
from conformance.cases.table.bench import cancel_when, outcome_of
from conformance.engine.arguments import as_task
from conformance.harness import Capability
from conformance.spec.equality import snapshots
from conformance.strategies import a_request
from conformance.subjects.proxy import Action, Stage
from taskstore import MaintainedTaskStore, StoreUnavailable, Task, TaskStatus, TaskStore

Answer = TypeVar("Answer")
LATER = datetime(2100, 1, 1, tzinfo=UTC)
YEARS = (1970, 1972, 1999, 2000, 2001, 2023, 2024)
MICROSECOND = timedelta(microseconds=1)


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


async def create_long(store: TaskStore) -> list[Task]:
    """Create final tasks of ten kilobytes and more, whose texts stand before or behind all else; more than a megabyte.

    Each has one long text, or long ones everywhere.
    """
    tasks = []
    for length in (5_000, 120_000):
        text = "x" * length
        errors: list[dict[str, Any]] = [{"error_traceback": text}, {"current_step": text, "error_message": text}]
        for config, given in ((None, errors[0]), ({"text": text}, {}), ({"text": text}, {**errors[0], **errors[1]})):
            task = await store.create_task(a_request(config))
            tasks.append(await store.update_task_status(task.task_id, TaskStatus.FAILED, **given))
    return tasks


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


@case("EXP-08", needs=(Capability.EXPIRING, Capability.SHARED, Capability.REMOTE))
async def test_a_call_that_broke_off_after_an_eviction_leaves_nothing(namespace: Namespace) -> None:
    """Whichever exchange of the first call was its last: a lifetime after the tasks were due every key has gone."""
    forms: dict[str, Callable[[Any], Awaitable[Any]]] = {
        "list": lambda store: store.list_tasks(),
        "count": lambda store: store.list_tasks(TaskStatus.PENDING, limit=0),
    }
    if Capability.MAINTENANCE in namespace.harness.capabilities:
        forms["purge"] = lambda store: store.purge(LATER)
    for (name, call), is_cancelled in itertools.product(forms.items(), (True, False)):
        for exchange in itertools.count():
            with namespace.beside(f"-{name}-{exchange}-{is_cancelled}") as place:
                async with behind_a_proxy(place, LONG) as (proxy, store):
                    tasks = (await fill(store, place)).tasks
                    with evicting(place, others_than_records(place, tasks), tasks):
                        action = Action.HOLD if is_cancelled else Action.CUT
                        broken = proxy.interrupt(Stage.REPLY, action, after=exchange)
                        await cancel_when(met(proxy, broken), call(store))
                        proxy.release()
                place.advance(WEEK + WEEK + MINUTE)
                assert place.inspector.keys() == set(), f"{name}, after exchange {exchange + 1}"
            if not broken.met or exchange >= 9:
                break


@case("LIST-03", needs=(Capability.SHARED, Capability.REMOTE))
async def test_many_tasks_are_listed_though_an_index_was_evicted(store: TaskStore, namespace: Namespace) -> None:
    """Whichever keys the server has evicted beside the records, small and large: listings are right, or are refused."""
    tasks = await create_many(store, 600)
    for task in tasks[:100]:
        await store.cancel_task(task.task_id)
    long = await create_long(store)
    tasks += long
    right = {None: 600 + len(long), TaskStatus.PENDING: 500, TaskStatus.CANCELLED: 100, TaskStatus.FAILED: len(long)}
    others = others_than_records(namespace, tasks)
    for evicted in (others, *([key] for key in others)):
        with evicting(namespace, evicted, tasks):
            async with namespace.open() as other:
                for one in (other, store):
                    with contextlib.suppress(StoreUnavailable):
                        for status, total in right.items():
                            assert (await one.list_tasks(status, limit=0 if status else 1)).total == total, (
                                evicted,
                                status,
                            )


@case("MAINT-01", needs=(Capability.SHARED, Capability.REMOTE, Capability.MAINTENANCE))
async def test_a_purge_finds_all_though_an_index_was_evicted(namespace: Namespace) -> None:
    """Whichever keys are evicted beside the records, the first call after it counts and removes every final task."""
    for number in itertools.count():
        with namespace.beside(f"-{number}") as place:
            async with place.open() as store:
                tasks = (await fill(store, place)).tasks + await create_long(store)
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


@case("MAINT-01", "LIST-01", needs=(Capability.SHARED, Capability.REMOTE, Capability.MAINTENANCE))
async def test_dates_are_told_apart_after_an_eviction(store: MaintainedTaskStore, namespace: Namespace) -> None:
    """Tasks of the first and last days of months, leap years or not, are in order, and a purge finds the older ones."""
    task = await store.cancel_task((await store.create_task(a_request())).task_id)
    months = [datetime(year, month, 1, tzinfo=UTC) for year in YEARS for month in range(1, 13)]
    moments = [months[0], *(one - plus for one in months[1:] for plus in (MICROSECOND, timedelta(0)))]
    times = ("created_at", "updated_at", "completed_at")
    tasks = [as_task(task, task_id=f"task_{one:%Y%m%d}", **dict.fromkeys(times, one)) for one in moments]
    for one in tasks:
        await store.restore(one)
    with evicting(namespace, others_than_records(namespace, [task, *tasks]), tasks):
        page = await unless_refused(store.list_tasks(limit=1_000))
        assert page is None or snapshots(page.tasks) == snapshots([task, *newest_first(tasks)])
        for before in moments:
            removed = await unless_refused(store.purge(before))
            assert removed in (0 if before is moments[0] else 1, None), before


@case("LIST-03", needs=(Capability.SHARED, Capability.REMOTE))
async def test_few_tasks_among_many_of_others_are_listed_after_an_eviction(namespace: Namespace) -> None:
    """Only the records of a few tasks are left on a server with many keys of others: listings are right, or refused."""
    with namespace.beside("-others") as others:
        async with others.open() as busy:
            await create_many(busy, 5_000)
        for number, first in enumerate((None, TaskStatus.PENDING, TaskStatus.CANCELLED)):
            with namespace.beside(f"-{number}") as place:
                async with place.open() as store:
                    tasks = [await store.create_task(a_request()) for _ in range(5)]
                    tasks[0] = await store.cancel_task(tasks[0].task_id)
                    with evicting(place, others_than_records(place, tasks), tasks):
                        for status in (first, None, TaskStatus.CANCELLED):
                            page = await unless_refused(store.list_tasks(status))
                            right = [one for one in tasks if status in (None, one.status)]
                            found = page and (page.total, list(page.tasks))
                            assert found in (None, (len(right), newest_first(right))), status


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
