"""What mutants are made of: a right store with something between it and its caller, and what they share."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Self

from taskstore import MaintainedTaskStore, Task, TaskCreateRequest, TaskPage, TaskStatus
from taskstore.values import trusted


class Around:
    """A right store, of either mode; whatever a mutant does not get wrong passes through."""

    def __init__(self, store: MaintainedTaskStore) -> None:
        self.store = store

    async def create_task(self, request: TaskCreateRequest, **named: Any) -> Task:
        return await self.store.create_task(request, **named)

    async def get_task(self, task_id: str) -> Task:
        return await self.store.get_task(task_id)

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        return await self.store.list_tasks(status, limit, offset, after=after)

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
        return await self.write(
            task_id,
            status,
            progress=progress,
            current_step=current_step,
            result_url=result_url,
            error_message=error_message,
            error_traceback=error_traceback,
        )

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        """Every update, its fields by name: what a mutant of updates gets wrong."""
        return await self.store.update_task_status(task_id, status, **fields)

    async def cancel_task(self, task_id: str) -> Task:
        return await self.store.cancel_task(task_id)

    async def purge(self, before: datetime) -> int:
        return await self.store.purge(before)

    async def restore(self, task: Task) -> None:
        await self.store.restore(task)

    async def aclose(self) -> None:
        await self.store.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class Shown(Around):
    """A right store whose tasks are changed on their way out."""

    def show(self, task: Task) -> Task:
        """What a caller gets in place of a task."""
        return task

    async def create_task(self, request: TaskCreateRequest, **named: Any) -> Task:
        return self.show(await super().create_task(request, **named))

    async def get_task(self, task_id: str) -> Task:
        return self.show(await super().get_task(task_id))

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        page = await super().list_tasks(status, limit, offset, after=after)
        return page.model_copy(update={"tasks": tuple(map(self.show, page.tasks))})

    async def write(self, task_id: str, status: TaskStatus, **fields: Any) -> Task:
        return self.show(await super().write(task_id, status, **fields))

    async def cancel_task(self, task_id: str) -> Task:
        return self.show(await super().cancel_task(task_id))


class Rewritten(Around):
    """A right store whose configs are changed on their way in, leaf by leaf."""

    def leaf(self, value: Any) -> Any:
        """What is stored in place of a value that is neither list nor object, or is an empty one."""
        return value

    def config(self, value: Any) -> Any:
        """What is stored in place of a config."""
        return self._deep(value)

    def _deep(self, value: Any) -> Any:
        if type(value) is dict and value:
            return {key: self._deep(item) for key, item in value.items()}
        if type(value) is list and value:
            return [self._deep(item) for item in value]
        return self.leaf(value)

    async def create_task(self, request: TaskCreateRequest, **named: Any) -> Task:
        return await super().create_task(request.model_copy(update={"config": self.config(request.config)}), **named)


def shaped(kind: type[Task], task: Task, **fields: Any) -> Task:
    """The task as another kind of object, with other fields."""
    made = kind.__new__(kind)
    object.__setattr__(made, "__dict__", {**vars(task), **fields})
    object.__setattr__(made, "__pydantic_fields_set__", set())
    object.__setattr__(made, "__pydantic_extra__", None)
    object.__setattr__(made, "__pydantic_private__", None)
    return made


def altered(task: Task, **fields: Any) -> Task:
    """The task with other fields, whether a right store would have them or not."""
    return trusted(Task, {**vars(task), **fields})


def with_metadata(task: Task, metadata: Any) -> Task:
    """The task with another metadata."""
    return altered(task, metadata_json=json.dumps(metadata, ensure_ascii=False))


def page_of(tasks: list[Task], total: int, limit: int, offset: int) -> TaskPage:
    """A page of these tasks."""
    return TaskPage(tasks=tuple(tasks), total=total, limit=limit, offset=offset)
