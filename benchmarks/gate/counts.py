"""Counts: requests and commands per operation, and keys left behind. They are the same on every machine.

A request is counted between the client and the server, by a proxy; a command is counted by the server, those that a
script calls among them. What is written here is what the store needs today: who makes it need more changes this file.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from random import Random
from typing import NamedTuple, cast

from benchmarks.cancels import cancels
from conformance import Harness
from conformance.backends.proxy import Proxy
from conformance.measure.tasks import REQUEST, fill, works
from taskstore import MaintainedTaskStore, TaskStatus

FEW, MANY = 100, 10_000
MOST: Mapping[str, tuple[int, int]] = {
    "create": (1, 12),
    "get": (1, 1),
    "list": (1, 55),  # one for each record of a page of fifty: see DESIGN.md
    "update": (1, 13),
    "cancel": (1, 15),
}
"""Requests and commands of a call, however many tasks there are."""
MOST_KEYS: Mapping[str, int] = {"after purge": 0, "after expiry": 0, "of one task": 4, "after discard": 0}
"""One task is a record and three indexes, however many there were before."""

_CALLS = 20


class Count(NamedTuple):
    """Something that was counted, and the most that it may be."""

    what: str
    found: float
    most: float


async def count_costs(harness: Harness, namespace: str, tasks: int) -> list[Count]:
    """Count what a call of each operation costs among so many tasks."""
    counts = []
    async with harness.open(namespace) as store:
        ids = await fill(store, tasks)
    async with Proxy(harness.url()) as proxy, harness.open_at(namespace, proxy.url, 10) as store:
        made = works(store, ids, Random(0))  # noqa: S311  an order that is the same in every run
        made["cancel"] = cancels(store, ids)
        for operation, endless in made.items():
            calls = [*islice(endless, _CALLS + 1)]
            await calls[0]()  # connects, and makes the server know the script
            requests, commands = proxy.requests, _commands(harness)
            for call in calls[1:]:
                await call()
            found = (proxy.requests - requests) / _CALLS, (_commands(harness) - commands) / _CALLS
            for what, one, most in zip(("requests", "commands"), found, MOST[operation], strict=True):
                counts.append(Count(f"{what} of {operation} among {tasks:,} tasks", one, most))
    harness.discard(namespace)
    return counts


async def count_keys(harness: Harness, namespace: str) -> list[Count]:
    """Count the keys that are left in an empty namespace once its tasks have been purged, or have expired."""
    left = {}
    async with harness.open(namespace) as opened:
        store = cast(MaintainedTaskStore, opened)
        for status in (TaskStatus.COMPLETED, TaskStatus.CANCELLED):
            task = await store.create_task(REQUEST)
            await store.update_task_status(task.task_id, status)
        await store.purge(datetime.now(UTC) + timedelta(hours=1))
        left["after purge"] = len(harness.inspector(namespace).keys())
        await fill(store, _CALLS)
        harness.advance(namespace, timedelta(days=4))
        await store.create_task(REQUEST)
        harness.advance(namespace, timedelta(days=4))
        await store.list_tasks()
        left["of one task"] = len(harness.inspector(namespace).keys())
        harness.advance(namespace, timedelta(days=15))  # the lifetime of the task, and one more
        left["after expiry"] = len(harness.inspector(namespace).keys())
        await store.create_task(REQUEST)
    harness.discard(namespace)
    left["after discard"] = harness.administer("DBSIZE")
    return [Count(f"keys {moment}", found, MOST_KEYS[moment]) for moment, found in left.items()]


def _commands(harness: Harness) -> int:
    """How many commands the server has run, without those that asked for it."""
    calls = harness.administer("INFO", "commandstats")
    return sum(one["calls"] for name, one in calls.items() if name != "cmdstat_info")
