"""Every form of call: each operation on what it changes, on what it does not, and on nothing."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from conformance.harness import Capability
from conformance.strategies import a_request
from conformance.text import printable
from taskstore import MemoryTaskStore, Task, TaskCreateRequest, TaskPage, TaskStatus, TaskStore

Call: TypeAlias = Callable[[], Awaitable[object]]
MANY = 12
"""The tasks of a target are among so many that are the newest."""


@dataclass(frozen=True)
class Target:
    """What one call is about, and what else is there."""

    request: TaskCreateRequest
    task: Task
    other: Task
    page: TaskPage
    new: Task
    """One that no store has."""
    bystanders: Sequence[Task]
    """A completed and a cancelled task, which no call changes."""


@dataclass(frozen=True)
class Operation:
    """One way to call a store."""

    name: str
    call: Callable[[Any, Target], Awaitable[Any]]
    writes: bool = True
    needs: Capability | None = None
    changes: bool = True
    """Whether it changes something. If not, it is answered, also by a refusal, as often as it is made."""


_read = partial(Operation, writes=False, changes=False)
_idle = partial(Operation, changes=False)
OPERATIONS = (
    Operation("create", lambda store, on: store.create_task(on.request)),
    Operation(
        "create under an id",
        lambda store, on: store.create_task(on.request, task_id=on.new.task_id),
        needs=Capability.CALLER_IDS,
    ),
    _idle(
        "create again",
        lambda store, on: store.create_task(on.request, task_id=on.task.task_id),
        needs=Capability.CALLER_IDS,
    ),
    _idle(
        "create under a taken id",
        lambda store, on: store.create_task(on.request, task_id=on.bystanders[0].task_id),
        needs=Capability.CALLER_IDS,
    ),
    _read("get", lambda store, on: store.get_task(on.task.task_id)),
    _read("get a final task", lambda store, on: store.get_task(on.bystanders[0].task_id)),
    _read("get nothing", lambda store, on: store.get_task(on.new.task_id)),
    _read("list", lambda store, _: store.list_tasks(limit=MANY)),
    _read("count", lambda store, _: store.list_tasks(limit=0)),
    _read("count a status", lambda store, _: store.list_tasks(TaskStatus.CANCELLED, limit=0)),
    _read("list by status", lambda store, _: store.list_tasks(TaskStatus.PENDING, 1, 1)),
    _read("list past the end", lambda store, _: store.list_tasks(limit=1_000, offset=5_000)),
    _read(
        "list after",
        lambda store, on: store.list_tasks(limit=MANY, after=on.page.next),
        needs=Capability.CURSOR,
    ),
    _read(
        "list by status after",
        lambda store, on: store.list_tasks(TaskStatus.COMPLETED, 2, after=on.page.next),
        needs=Capability.CURSOR,
    ),
    _idle("update again", lambda store, on: store.update_task_status(on.bystanders[0].task_id, TaskStatus.COMPLETED)),
    _idle(
        "update a final task", lambda store, on: store.update_task_status(on.bystanders[1].task_id, TaskStatus.CLIPPING)
    ),
    _idle("update nothing", lambda store, on: store.update_task_status(on.new.task_id, TaskStatus.CLIPPING)),
    _idle("cancel again", lambda store, on: store.cancel_task(on.bystanders[1].task_id)),
    _idle("cancel a final task", lambda store, on: store.cancel_task(on.bystanders[0].task_id)),
    _idle("cancel nothing", lambda store, on: store.cancel_task(on.new.task_id)),
    Operation(
        "update", lambda store, on: store.update_task_status(on.task.task_id, TaskStatus.CLIPPING, 40, "cutting")
    ),
    Operation(
        "finish",
        lambda store, on: store.update_task_status(on.task.task_id, TaskStatus.FAILED, error_message="no such video"),
    ),
    Operation("cancel", lambda store, on: store.cancel_task(on.task.task_id)),
    Operation("purge", lambda store, on: store.purge(on.task.created_at), needs=Capability.MAINTENANCE),
    Operation("restore", lambda store, on: store.restore(on.new), needs=Capability.MAINTENANCE),
)
NO_IDS = ("", " ", "a b", "文", "é", "\0", "*", "task_", "x" * 257, "x" * 3_000, "\ud800")
"""Texts of which most are no id by the form alone. An operation on each of them finds no task."""
ON_NO_IDS = tuple(
    form(f"{name} {printable(text):.9}", partial(call, task_id=text))
    for text in NO_IDS
    for form, name, call in (
        (_read, "get", lambda store, _, task_id: store.get_task(task_id)),
        (_idle, "update", lambda store, _, task_id: store.update_task_status(task_id, TaskStatus.CLIPPING)),
        (_idle, "cancel", lambda store, _, task_id: store.cancel_task(task_id)),
    )
)
READS = tuple(one for one in OPERATIONS if not one.writes)
WRITES = tuple(one for one in OPERATIONS if one.writes)


def operations_of(capabilities: frozenset[Capability]) -> list[Operation]:
    """The forms of calls that stores of these capabilities have."""
    return [one for one in OPERATIONS if one.needs in {None, *capabilities}]


async def make_target(store: Any, config: dict[str, Any] | None = None) -> Target:
    """Create what one call of any form is about; the tasks have this config."""
    request = a_request(config, video=secrets.token_hex(6))
    task = await store.create_task(request)
    other = await store.create_task(a_request())
    async with MemoryTaskStore() as source:
        new = await source.create_task(request)
    page = await store.list_tasks(limit=1)
    final = [await store.create_task(a_request(config)) for _ in range(2)]
    completed = await store.update_task_status(final[0].task_id, TaskStatus.COMPLETED)
    return Target(request, task, other, page, new, (completed, await store.cancel_task(final[1].task_id)))


def operations_on(store: TaskStore, task_id: str) -> dict[str, Call]:
    """The operations that take the id of a task, on this one: get, update and cancel, in this order."""
    return {
        "get": lambda: store.get_task(task_id),
        "update": lambda: store.update_task_status(task_id, TaskStatus.CLIPPING),
        "cancel": lambda: store.cancel_task(task_id),
    }
