"""Where tasks expire, they do so everywhere at once; where they do not, nothing goes by itself."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import cast

import pytest

from conformance.case import Namespace, NotTestable, case
from conformance.cases.contents import check_same, check_writes, fill, fill_in_every_way
from conformance.cases.environment import SOURCES, application, application_from
from conformance.cases.listing import newest_first
from conformance.cases.operations import Call, operations_on
from conformance.cases.table.bench import cancelled_after
from conformance.engine.arguments import as_task
from conformance.harness import Capability
from conformance.spec.equality import snapshot, snapshots
from conformance.strategies import a_request
from taskstore import (
    MaintainedTaskStore,
    MemoryTaskStore,
    Task,
    TaskNotFound,
    TaskPage,
    TaskStatus,
    TaskStore,
)

WEEK = timedelta(days=7)
MINUTE = timedelta(minutes=1)
"""How near a deadline a case goes, so that a slow machine does not decide it."""
ATTEMPTS = 200
"""How often a case tries to do something within one millisecond."""


@case("EXP-01", needs=Capability.EXPIRING)
async def test_an_expired_task_is_gone_everywhere(store: TaskStore, namespace: Namespace) -> None:
    """A minute before seven days are over it is there, and then in no get, list, total, filter, update or cancel."""
    gone = await store.create_task(a_request())
    gone = await store.update_task_status(gone.task_id, TaskStatus.CLIPPING)
    namespace.advance(timedelta(days=4))
    kept = await store.create_task(a_request())
    namespace.advance(timedelta(days=3) - MINUTE)
    assert snapshot(await store.get_task(gone.task_id)) == snapshot(gone)
    assert snapshots((await store.list_tasks()).tasks) == snapshots(newest_first([kept, gone]))
    namespace.advance(2 * MINUTE)
    with pytest.raises(TaskNotFound):  # before a write or a listing could sweep
        await store.get_task(gone.task_id)
    assert (await store.list_tasks(limit=0)).total == 1
    for call in operations_on(store, gone.task_id).values():
        with pytest.raises(TaskNotFound):
            await call()
    page = await store.list_tasks()
    assert ([task.task_id for task in page.tasks], page.total) == ([kept.task_id], 1)
    filtered = await store.list_tasks(TaskStatus.CLIPPING)
    assert (len(filtered.tasks), filtered.total) == (0, 0)


@case("EXP-01", needs=Capability.EXPIRING, lacks=Capability.SHARED)
async def test_a_task_lives_in_the_last_millisecond_of_its_lifetime(store: TaskStore, namespace: Namespace) -> None:
    """At its deadline every operation finds it, a millisecond later none does: no mode leaves out the boundary."""
    passed = timedelta(0)
    for name in ("get", "list", "update", "cancel"):
        for _ in range(ATTEMPTS):
            witness, task = [await store.create_task(a_request()) for _ in range(2)]
            left = namespace.inspector.lifetime_ms(witness.task_id)
            is_one_moment = left == namespace.inspector.lifetime_ms(task.task_id)
            namespace.advance(timedelta(milliseconds=left))
            passed += timedelta(milliseconds=left)
            calls: dict[str, Call] = {"list": store.list_tasks, **operations_on(store, task.task_id)}
            (outcome,) = await asyncio.gather(calls[name](), return_exceptions=True)
            lived = datetime.now(UTC) + passed - witness.updated_at
            is_there = namespace.inspector.mentions(witness.task_id)
            is_last = is_one_moment and is_there and namespace.inspector.lifetime_ms(witness.task_id) == 0
            if is_last or (not is_there and lived <= WEEK):  # or the call has removed it before its time
                break
            namespace.advance(WEEK + MINUTE)
            passed += WEEK + MINUTE
            await store.list_tasks()
        else:
            raise NotTestable(f"none of {ATTEMPTS} attempts took less than a millisecond")
        if isinstance(outcome, BaseException):
            pytest.fail(f"{name}: {outcome!r}")
        if name == "get":
            assert outcome == task
        elif name == "list":
            page = cast(TaskPage, outcome)
            assert (page.total, list(page.tasks)) == (2, newest_first([witness, task]))
        namespace.advance(timedelta(milliseconds=1))
        for call in operations_on(store, witness.task_id).values():
            with pytest.raises(TaskNotFound):
                await call()
        assert (await store.list_tasks()).total == (1 if name in ("update", "cancel") else 0)  # they renew its life
        namespace.advance(WEEK + MINUTE)
        passed += WEEK + MINUTE + timedelta(milliseconds=1)
        assert (await store.list_tasks()).total == 0


@case("EXP-03", needs=Capability.EXPIRING)
async def test_each_successful_write_renews_the_lifetime(store: TaskStore, namespace: Namespace) -> None:
    """Four days after an update four days after creation a task is there, and so are its entries in every list."""
    task = await store.create_task(a_request())
    for status in (TaskStatus.CLIPPING, TaskStatus.UPLOADING, TaskStatus.COMPLETED):
        namespace.advance(timedelta(days=4))
        await store.update_task_status(task.task_id, status)
    namespace.advance(timedelta(days=4))
    assert (await store.get_task(task.task_id)).status == TaskStatus.COMPLETED
    assert (await store.list_tasks()).total == 1
    assert (await store.list_tasks(TaskStatus.COMPLETED)).total == 1


async def create_many(store: TaskStore, count: int) -> list[Task]:
    """Create tasks in handfuls: how many calls a store takes at once is another requirement."""
    created: list[Task] = []
    while len(created) < count:
        created += await asyncio.gather(*(store.create_task(a_request()) for _ in range(50)))
    return created


@case("EXP-01", "ATOM-06", needs=Capability.EXPIRING)
async def test_a_call_cancelled_among_expired_tasks_holds_up_no_other(store: TaskStore, namespace: Namespace) -> None:
    """Whichever call meets many of them and is cancelled under way: the next one is answered, and shows none."""
    for turns in (1, 3):
        for name in ("list", "create", "get", "update", "cancel"):
            gone = await create_many(store, 550)
            namespace.advance(WEEK + MINUTE)
            calls: dict[str, Call] = {
                "list": store.list_tasks,
                "create": lambda: store.create_task(a_request()),
                **operations_on(store, gone[0].task_id),
            }
            await cancelled_after(turns, calls[name]())
            page = await store.list_tasks()
            assert page.total == len(page.tasks) <= 1  # the creation may have taken effect
            assert {one.task_id for one in page.tasks}.isdisjoint(one.task_id for one in gone)


@case("EXP-05", lacks=Capability.EXPIRING)
async def test_nothing_goes_by_itself(store: TaskStore, namespace: Namespace) -> None:
    """After an hour, a week, a year and ten years everything is there."""
    contents = await fill(store, namespace)
    before = await contents.seen(store)
    for days in (1 / 24, 8, 365, 3_650):
        namespace.advance(timedelta(days=days))
        check_same(await contents.seen(store), before)
    await check_writes(store, contents, namespace)


@case("COST-04", "EXP-05", mode="memory", lacks=Capability.EXPIRING)
async def test_memory_mode_has_no_lifetime(namespace: Namespace) -> None:
    """Opened by the application's own function, with the shortest TASK_TTL: when it is over, everything is there."""
    with application(namespace, {"TASK_TTL": "1"}):
        async with namespace.open_from_environment() as store:
            contents = await fill(store, namespace)
            before = await contents.seen(store)
            await asyncio.sleep(1.1)  # it is the lifetime that is asked about, and this store has the real clock
            check_same(await contents.seen(store), before)
            await check_writes(store, contents, namespace)


@case("EXP-06", needs=Capability.EXPIRING)
async def test_the_lifetime_is_seven_days_by_default(store: TaskStore, namespace: Namespace) -> None:
    """The server counts 7 × 24 × 3600 s down from the last write."""
    task = await store.create_task(a_request())
    await store.update_task_status(task.task_id, TaskStatus.CLIPPING)
    left = timedelta(milliseconds=namespace.inspector.lifetime_ms(task.task_id))
    assert WEEK - MINUTE < left <= WEEK


@case("EXP-07", needs=Capability.EXPIRING, mode="either")
async def test_the_lifetime_can_be_set(namespace: Namespace) -> None:
    """TASK_TTL is the lifetime in seconds, and a week where it is not set, after each write and for each listing."""
    given: dict[str, timedelta] = {"": WEEK, "3600": timedelta(hours=1), "31536000": timedelta(days=365)}
    given |= {"100": timedelta(seconds=100), "3155760000": timedelta(seconds=3_155_760_000)}
    for source, (seconds, lifetime) in itertools.product(SOURCES, given.items()):
        with application_from(source, namespace, {"TASK_TTL": seconds} if seconds else {}):
            async with namespace.open_from_environment() as store:
                before = namespace.inspector.keys()  # how many partitions there are, for example
                tasks, _ = await fill_in_every_way(store, namespace)
                for one in tasks:
                    has_lifetime(namespace, one, lifetime)
                task = await store.create_task(a_request())
                clip = partial(store.update_task_status, status=TaskStatus.CLIPPING)
                for operation in (store.get_task, clip, store.cancel_task):
                    await operation(task.task_id)
                    has_lifetime(namespace, task, lifetime)
                there = [TaskStatus.CANCELLED, *(one.status for one in tasks)]
                for by in (lifetime - MINUTE, 2 * MINUTE):
                    namespace.advance(by)
                    for status in (None, *TaskStatus):
                        expected = len([one for one in there if status in (None, one)])
                        assert (await store.list_tasks(status, limit=0)).total == expected, (seconds, status, by)
                    there = []
                assert namespace.inspector.keys() <= before


@case("EXP-01", needs=(Capability.EXPIRING, Capability.SHARED), mode="redis")
async def test_a_task_lives_as_long_as_the_instance_that_wrote_it_says(namespace: Namespace) -> None:
    """Instances with two lifetimes, as while TASK_TTL is changed: what was written for a week is there a day later."""
    given = {"604800": WEEK, "3600": timedelta(hours=1)}
    for first, last in itertools.permutations(given):
        async with contextlib.AsyncExitStack() as stack:
            stores = {}
            for seconds in given:
                with application(namespace, {"TASK_TTL": seconds}):
                    stores[seconds] = await stack.enter_async_context(namespace.open_from_environment())
            before = namespace.inspector.keys()
            contents = None
            for seconds in (first, last):
                if given[seconds] == WEEK:
                    contents = await fill(stores[seconds], namespace)
                else:
                    for status in TaskStatus:
                        task = await stores[seconds].create_task(a_request())
                        await stores[seconds].update_task_status(task.task_id, status)
            assert contents is not None
            async with MemoryTaskStore() as source:
                for task in contents.tasks:
                    await source.restore(as_task(task))
                expected = await contents.seen(source)
            for by in (timedelta(days=1), timedelta(days=6) - 2 * MINUTE):
                namespace.advance(by)
                for store in stores.values():
                    check_same(await contents.seen(store), expected)
            await check_writes(store, contents, namespace)
            namespace.advance(WEEK + MINUTE)
            assert (await store.list_tasks()).total == 0
            assert namespace.inspector.keys() <= before


@case("MAINT-02", needs=(Capability.EXPIRING, Capability.MAINTENANCE), mode="either")
async def test_a_restored_task_gets_the_lifetime_that_is_set(namespace: Namespace) -> None:
    """A task that is carried over lives as long as TASK_TTL says, whatever its status and times."""
    async with MemoryTaskStore() as source:
        tasks = (await fill(source, namespace)).tasks
    with application(namespace, {"TASK_TTL": "3600"}):
        async with namespace.open_from_environment() as store:
            for task in tasks:
                await cast(MaintainedTaskStore, store).restore(task)
                has_lifetime(namespace, task, timedelta(hours=1))


def has_lifetime(namespace: Namespace, task: Task, lifetime: timedelta) -> None:
    """The record of a task goes when its lifetime is over, up to a minute earlier."""
    left = timedelta(milliseconds=namespace.inspector.lifetime_ms(task.task_id))
    assert lifetime - MINUTE < left <= lifetime, (task.task_id, left)
