"""The operations of a store as calls to make one after the other, with plain arguments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from conformance.strategies import a_request
from taskstore import TaskStatus, TaskStore

Call: TypeAlias = Callable[[], Awaitable[object]]


def every_operation(store: TaskStore, task_id: str) -> dict[str, Call]:
    """Each of the five operations by its name. Get, update and cancel are called on the task of this id."""
    return {
        "create": lambda: store.create_task(a_request()),
        "list": lambda: store.list_tasks(),
        **operations_on(store, task_id),
    }


def operations_on(store: TaskStore, task_id: str) -> dict[str, Call]:
    """The operations that take the id of a task, on this one: get, update and cancel, in this order."""
    return {
        "get": lambda: store.get_task(task_id),
        "update": lambda: store.update_task_status(task_id, TaskStatus.CLIPPING),
        "cancel": lambda: store.cancel_task(task_id),
    }
