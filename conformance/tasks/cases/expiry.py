"""How long tasks live, and that nothing is left in storage of those that have expired."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import product
from typing import Any

from conformance.harness import Capability
from conformance.tasks.case import Namespace, case
from conformance.tasks.cases.contents import create, fill, writes_of
from conformance.tasks.cases.environment import application
from conformance.tasks.spec.model import LIFETIME as WEEK
from conformance.tasks.tables.tasks import MINUTE
from taskstore import TaskStatus, TaskStore

DAYS = timedelta(days=4)
"""More than half of a lifetime. A minute is how near a deadline a case goes: a slow machine does not decide it."""


def left_of(namespace: Namespace, ids: set[str]) -> list[str]:
    """Those of the ids that anything in storage still names."""
    return [task_id for task_id in ids if namespace.inspector.mentions(task_id)]


@case("EXP-04", needs=Capability.EXPIRING)
async def test_nothing_is_left_by_any_listing(store: Any, namespace: Namespace) -> None:
    """Whatever the page, the first listing leaves nothing of tasks that had expired, while others live or none does."""
    forms: list[dict[str, Any]] = [{}, {"limit": 0}, {"status": TaskStatus.PENDING, "offset": 50}]
    if namespace.has(Capability.CURSOR):
        forms.append({"after": "1.a"})
    for form in forms:
        made = await fill(store, namespace)
        gone = {task.task_id for task in made}
        namespace.advance(DAYS)
        await store.cancel_task(await create(store))
        assert namespace.inspector.keys(), "expected keys of the tasks"
        namespace.advance(DAYS)
        await store.list_tasks(**form)
        assert left_of(namespace, gone) == [], f"expected nothing of expired tasks after list_tasks(**{form})"
        namespace.advance(DAYS)
        await store.list_tasks(**form)
        assert namespace.inspector.keys() == set(), f"expected no key after list_tasks(**{form})"


@case("EXP-08", needs=Capability.EXPIRING)
async def test_a_write_lets_go_of_what_has_expired(store: TaskStore, namespace: Namespace) -> None:
    """Each kind of write removes some of three tasks that were due, and few more are needed until nothing is left."""
    partitions = namespace.harness.partitions
    for name in await writes_of(store, namespace):
        namespace.advance(WEEK + MINUTE)
        await store.list_tasks()  # nothing else has expired when the write comes
        gone = {await create(store) for _ in range(3)}
        await store.cancel_task(min(gone))
        namespace.advance(DAYS)
        write = (await writes_of(store, namespace))[name]
        namespace.advance(DAYS)
        await write(store)
        # A write removes what its own partition has, and not all of it where there is much.
        assert len(left_of(namespace, gone)) < 3 or partitions > 1, f"{name} has removed none"
        for _ in range(20 * partitions):
            await create(store)
        assert left_of(namespace, gone) == [], f"after {name} and many creations"


@case("EXP-08", needs=(Capability.EXPIRING, Capability.SHARED))
async def test_nothing_is_left_when_nobody_calls(store: TaskStore, namespace: Namespace) -> None:
    """A lifetime after the last task was due every key has gone by itself."""
    await fill(store, namespace)
    namespace.advance(DAYS)
    await create(store)
    namespace.advance(2 * WEEK + MINUTE)
    await asyncio.sleep(0.1)  # a store may remove them itself while it is open
    assert namespace.inspector.keys() == set(), "expected that all keys have expired"


@case("EXP-06", needs=Capability.EXPIRING)
async def test_the_lifetime_is_seven_days_by_default(store: TaskStore, namespace: Namespace) -> None:
    """The record has 7 × 24 × 3600 s from the last write on."""
    task_id = await create(store)
    await store.update_task_status(task_id, TaskStatus.CLIPPING)
    left = namespace.inspector.lifetime_ms(task_id)
    assert WEEK - MINUTE < timedelta(milliseconds=left) <= WEEK, f"expected a lifetime of {WEEK}, PTTL is {left}"


@case("EXP-07", needs=Capability.EXPIRING, mode="memory or redis")
async def test_the_lifetime_can_be_set(namespace: Namespace) -> None:
    """TASK_TTL is the lifetime in seconds, and a week where it is not set, after each write and for each listing."""
    for in_dotenv, seconds in product((False, True), ("", "3600", "3155760000")):
        lifetime = timedelta(seconds=int(seconds)) if seconds else WEEK
        with application(namespace, {"TASK_TTL": seconds} if seconds else {}, in_dotenv=in_dotenv):
            async with namespace.open_from_environment() as store:
                made = len(await fill(store, namespace))
                for by, expected in ((lifetime - MINUTE, made), (2 * MINUTE, 0)):
                    namespace.advance(by)
                    found = len((await store.list_tasks()).tasks)
                    assert found == expected, f"with a TASK_TTL of {seconds!r} there are {found} tasks, {by} later"
