"""What both stores share: when they may be used, and how the arguments of an update are checked.

A Redis connection belongs to one event loop of one process. The memory store keeps the same rule, so that a store which
is used on a second loop, or after a fork, fails in tests too, and not in production only.
"""

import os
from asyncio import get_running_loop
from threading import get_ident
from typing import Any
from weakref import WeakSet

from taskstore.arguments import Change, check_change, check_task_id
from taskstore.contract import MaintainedTaskStore
from taskstore.errors import StoreNotOpen
from taskstore.status import TaskStatus
from taskstore.values import Task

_stores = WeakSet["BaseStore"]()


class BaseStore(MaintainedTaskStore):
    """A store that is open until it is closed, on the event loop and in the process that used it first."""

    def __init__(self) -> None:
        self._closed = ""  # why it cannot be used any more
        self._loop: Any = None  # that used the store first
        self._thread: int | None = None  # in which this loop runs, while the store is open
        _stores.add(self)

    def _check_open(self) -> None:
        """Refuse the call if the store is closed, or belongs to another loop."""
        # `get_running_loop` asks the system for the id of the process: that would take a third of the time of a get.
        if self._thread == get_ident() and self._loop.is_running():
            return
        if self._closed:
            raise StoreNotOpen(self._closed)
        loop = get_running_loop()
        if self._loop not in {None, loop}:
            raise StoreNotOpen("the store belongs to another event loop")
        self._loop, self._thread = loop, get_ident()

    async def update_task_status(
        self,
        task_id: str,
        status: TaskStatus,
        progress: float | None = None,
        current_step: str | None = None,
        result_url: str | None = None,
        error_message: str | None = None,
        error_traceback: str | None = None,
    ) -> Task:
        self._check_open()
        change = check_change(
            status,
            progress,
            current_step=current_step,
            result_url=result_url,
            error_message=error_message,
            error_traceback=error_traceback,
        )
        return await self._apply(check_task_id(task_id), change)

    async def cancel_task(self, task_id: str) -> Task:
        self._check_open()
        return await self._apply(check_task_id(task_id), check_change(TaskStatus.CANCELLED))

    async def _apply(self, task_id: str, change: Change) -> Task:
        """Make a checked change of a task, and return what results."""
        raise NotImplementedError

    async def aclose(self) -> None:
        self._closed, self._thread = "the store is closed", None


def _close_in_child() -> None:
    """Close the stores that the parent has used: a fork copies their thread and running loop."""
    reason = "the store belongs to the process that this one was forked from"
    for store in _stores:
        if store._loop:  # noqa: SLF001  this module made it
            store._closed, store._thread = reason, None  # noqa: SLF001


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_close_in_child)
