"""Metrics and traces: a store around another one, that reports each operation when it ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from time import perf_counter
from typing import Self, TypeAlias, TypeVar

from taskstore.contract import MaintainedTaskStore
from taskstore.status import TaskStatus
from taskstore.values import Task, TaskCreateRequest, TaskPage

Observer: TypeAlias = Callable[[str, float, str], object]
"""Takes the name of an operation, its seconds, and how it ended: `ok`, or the name of the exception's class."""
_Result = TypeVar("_Result")


class ObservedTaskStore:
    """Does what `store` does, and calls `observer` after each operation, in the task that called it.

    `observer` has to be quick, and what it raises comes out of the operation.
    """

    def __init__(self, store: MaintainedTaskStore, observer: Observer) -> None:
        self._store = store
        self._observer = observer

    async def create_task(self, request: TaskCreateRequest, *, task_id: str | None = None) -> Task:
        return await self._observe("create_task", self._store.create_task(request, task_id=task_id))

    async def get_task(self, task_id: str) -> Task:
        return await self._observe("get_task", self._store.get_task(task_id))

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        return await self._observe("list_tasks", self._store.list_tasks(status, limit, offset, after=after))

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
        return await self._observe(
            "update_task_status",
            self._store.update_task_status(
                task_id, status, progress, current_step, result_url, error_message, error_traceback
            ),
        )

    async def cancel_task(self, task_id: str) -> Task:
        return await self._observe("cancel_task", self._store.cancel_task(task_id))

    async def purge(self, before: datetime) -> int:
        return await self._observe("purge", self._store.purge(before))

    async def restore(self, task: Task) -> None:
        return await self._observe("restore", self._store.restore(task))

    async def aclose(self) -> None:
        await self._store.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _observe(self, operation: str, call: Awaitable[_Result]) -> _Result:
        start, outcome = perf_counter(), "ok"
        try:
            return await call
        except BaseException as error:
            outcome = type(error).__name__
            raise
        finally:
            self._observer(operation, perf_counter() - start, outcome)
