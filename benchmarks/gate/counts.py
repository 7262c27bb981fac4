"""Counts: requests and commands per operation, and keys left behind. They are the same on every machine.

A request is counted between the client and the server, by a proxy; a command is counted by the server, those that a
script calls among them. What is written here is what the store needs today: who makes it need more changes this file.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import cast
from urllib.parse import urlsplit

from benchmarks.workload import REQUEST, Work, creating, fill, getting, listing, updating
from conformance import Harness
from conformance.subjects.proxy import Proxy
from taskstore import MaintainedTaskStore, TaskStatus, TaskStore


@dataclass(frozen=True)
class Cost:
    """What one call costs."""

    requests: float
    commands: float


@dataclass(frozen=True)
class Counts:
    """Costs by number of tasks and operation, and keys by when they are there."""

    costs: Mapping[int, Mapping[str, Cost]]
    keys: Mapping[str, int]


FEW, MANY = 100, 10_000
MOST: Mapping[str, Cost] = {
    "create": Cost(1, 12),
    "get": Cost(1, 1),
    "list": Cost(1, 55),  # one for each record of a page of fifty: see DESIGN.md
    "update": Cost(1, 13),
    "cancel": Cost(1, 15),
}
MOST_KEYS: Mapping[str, int] = {"after purge": 0, "after expiry": 0, "one task": 4, "after discard": 0}
"""One task is a record and three indexes, however many there were before."""

_CALLS = 20
_TIMEOUT = 10.0


async def count(redis: Harness, url: str) -> Counts:
    """Count it all, on the server at `url`."""
    costs = {}
    for tasks in (FEW, MANY):
        async with redis.open(f"gate-{tasks}") as store:
            ids = await fill(store, tasks)
        costs[tasks] = await count_costs(redis, f"gate-{tasks}", url, ids)
        redis.discard(f"gate-{tasks}")
    return Counts(costs, await count_keys(redis, "gate-keys", url))


async def count_costs(harness: Harness, namespace: str, url: str, ids: Sequence[str]) -> dict[str, Cost]:
    """Count what a call of each operation costs in a namespace that has these tasks, on the server at `url`."""
    costs = {}
    async with Proxy(url) as proxy, harness.open_at(namespace, proxy.url, _TIMEOUT) as store:
        for operation, work in _works(harness, store, ids).items():
            calls = list(islice(work.arguments, _CALLS + 1))
            await work.call(*calls[0])  # connects, and makes the server know the script
            requests, commands = proxy.requests, _commands(url)
            for arguments in calls[1:]:
                await work.call(*arguments)
            costs[operation] = Cost((proxy.requests - requests) / _CALLS, (_commands(url) - commands) / _CALLS)
    return costs


async def count_keys(harness: Harness, namespace: str, url: str) -> dict[str, int]:
    """Count the keys that are left in an empty namespace once its tasks have been purged, or have expired."""
    left = {}
    async with harness.open(namespace) as opened:
        store = cast(MaintainedTaskStore, opened)
        for status in (TaskStatus.COMPLETED, TaskStatus.CANCELLED):
            task = await store.create_task(REQUEST)
            await store.update_task_status(task.task_id, status)
        await store.purge(datetime.now(UTC) + timedelta(hours=1))
        left["after purge"] = len(harness.inspector(namespace).keys())
        for _ in range(_CALLS):
            await store.create_task(REQUEST)
        harness.advance(namespace, timedelta(days=4))
        await store.create_task(REQUEST)
        harness.advance(namespace, timedelta(days=4))
        await store.list_tasks()
        left["one task"] = len(harness.inspector(namespace).keys())
        harness.advance(namespace, timedelta(days=15))  # the lifetime of the task, and one more
        left["after expiry"] = len(harness.inspector(namespace).keys())
        await store.create_task(REQUEST)
    harness.discard(namespace)
    left["after discard"] = int(_ask(url, b"DBSIZE"))
    return left


def find_excess(counts: Counts) -> Iterator[str]:
    """Say what costs more than is written here, and where more keys are left."""
    for tasks, costs in counts.costs.items():
        for operation, cost in costs.items():
            most = MOST[operation]
            if cost.requests > most.requests:
                yield f"with {tasks} tasks {operation} needs {cost.requests:g} requests, not {most.requests:g}"
            if cost.commands > most.commands:
                yield f"with {tasks} tasks {operation} needs {cost.commands:g} commands, not {most.commands:g}"
    for moment, left in counts.keys.items():
        if left > MOST_KEYS[moment]:
            yield f"keys that are there, {moment}: {left}, not {MOST_KEYS[moment]}"


def _works(harness: Harness, store: TaskStore, ids: Sequence[str]) -> dict[str, Work]:
    return {
        "get": getting(harness, store, ids),
        "list": listing(harness, store, ids),
        "update": updating(harness, store, ids),
        "cancel": Work(store.cancel_task, ((task_id,) for task_id in ids), lambda *_: True),
        "create": creating(harness, store, ids),
    }


def _commands(url: str) -> int:
    """How many commands the server has run, without those that asked for it."""
    calls = re.findall(rb"cmdstat_(\S+?):calls=(\d+)", _ask(url, b"INFO commandstats"))
    return sum(int(count) for name, count in calls if name.lower() != b"info")


def _ask(url: str, command: bytes) -> bytes:
    """Send one command and nothing else, which no client library does, and return the bulk or number in the reply."""
    parts = urlsplit(url)
    with (
        socket.create_connection((parts.hostname, parts.port), _TIMEOUT) as connection,
        connection.makefile("rb") as got,
    ):
        connection.sendall(command + b"\r\n")
        kind, head = got.read(1), got.readline().strip()
        return got.read(int(head)) if kind == b"$" else head
