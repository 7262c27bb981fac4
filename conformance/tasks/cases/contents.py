"""A store with tasks of every kind, all that a reader sees of it, and a call of each form."""

import asyncio
import secrets
from collections.abc import Awaitable
from contextlib import suppress
from operator import methodcaller
from typing import Any

from conformance.guard import HarnessFailedError
from conformance.harness import Capability, HookMissingError
from conformance.tasks.case import Namespace
from conformance.tasks.observe import for_store
from conformance.tasks.tables.tasks import restorable
from taskstore import TaskCreateRequest, TaskStatus, TaskStore

_RICH = TaskCreateRequest(video_ids=("v",), webhook_url="url", config={"k": ["v"]})
_FIELDS = {"current_step": "step", "result_url": "url"}
_ERROR = {"error_message": "no disk", "error_traceback": "line"}


def a_request(config: Any = None) -> TaskCreateRequest:
    """An ordinary request."""
    return TaskCreateRequest(video_ids=("v1",), config=config)


async def create(store: TaskStore) -> str:
    """Create an ordinary task, and return its id."""
    return (await store.create_task(a_request())).task_id


async def fill(store: Any, namespace: Namespace) -> set[str]:
    """Create a simple task and one of every status with every field, and restore one; return their ids."""
    ids = {await create(store)}
    for status in TaskStatus:
        task_id = (await store.create_task(_RICH)).task_id
        ids.add(task_id)
        fields = _FIELDS | (_ERROR if status is TaskStatus.FAILED else {})
        with suppress(HookMissingError):  # the store has no such status or field
            await store.update_task_status(task_id, status, **fields)
    if namespace.has(Capability.MAINTENANCE):
        task_id = f"task_{secrets.token_hex(16)}"
        ids.add(task_id)
        await store.restore(for_store(restorable(task_id)))
        await store.cancel_task(task_id)
    return ids


def calls_on(task_id: str) -> dict[str, methodcaller]:
    """The operations that take the id of a task, on this one."""
    return {
        "get": methodcaller("get_task", task_id),
        "update": methodcaller("update_task_status", task_id, TaskStatus.CLIPPING, 40),
        "cancel": methodcaller("cancel_task", task_id),
    }


def every_call(task_id: str) -> dict[str, methodcaller]:
    """A call of each operation, in an order that suits the task with this id; it creates another."""
    return {
        "create": methodcaller("create_task", a_request()),
        "list": methodcaller("list_tasks"),
        **calls_on(task_id),
    }


async def outcome_of(call: Awaitable[Any]) -> Any:
    """Return the result of a call, or the exception that it raises, if that says anything about the store."""
    try:
        async with asyncio.timeout(5):
            return await call
    except (HarnessFailedError, HookMissingError):
        raise
    except Exception as fault:  # noqa: BLE001  whatever it is, it is compared
        return fault
