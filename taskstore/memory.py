"""Memory mode: the tasks of one process, in three sorted indexes. Imports and contacts nothing of Redis.

No operation awaits, so each takes effect at one instant. Get costs a dictionary look-up, writes and a page a few binary
searches, at a hundred tasks and at a million. A `Task` is immutable to the bottom, so it is handed out uncopied.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Self

from sortedcontainers import SortedList

from taskstore.arguments import (
    Change,
    check_change,
    check_lifetime,
    check_moment,
    check_new_id,
    check_page,
    check_request,
    check_size_of,
    check_status,
    check_task,
    check_task_id,
    is_same_request,
    new_task_id,
)
from taskstore.errors import TaskExists, TaskFinal, TaskNotFound
from taskstore.session import Session
from taskstore.status import TaskStatus
from taskstore.values import Task, TaskCreateRequest, TaskPage, trusted_task

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SWEPT_PER_WRITE = 100


class MemoryTaskStore:
    """A task store in the memory of this process: not persistent, not shared.

    `lifetime`, if given (a second or more), makes it expire as Redis mode does; without it nothing goes by itself.
    `clock` gives nanoseconds since 1970, as `time.time_ns` does.
    """

    def __init__(self, *, lifetime: timedelta | None = None, clock: Callable[[], int] = time.time_ns) -> None:
        self._lifetime_ms = None if lifetime is None else check_lifetime(lifetime)
        self._clock = clock
        self._session = Session()
        self._tasks: dict[str, Task] = {}
        self._created: SortedList[tuple[datetime, str]] = SortedList()
        self._created_by_status = {status: SortedList[tuple[datetime, str]]() for status in TaskStatus}
        self._deadline_of: dict[str, int] = {}  # whole milliseconds since 1970; empty if nothing expires
        self._deadlines: SortedList[tuple[int, str]] = SortedList()

    async def create_task(self, request: TaskCreateRequest, *, task_id: str | None = None) -> Task:
        self._session.check()
        video_ids, metadata = check_request(request)
        new_id = new_task_id() if task_id is None else check_new_id(task_id)
        known = self._tasks.get(new_id)
        if known is not None and self._is_alive(new_id) and is_same_request(known, video_ids, metadata):
            return known
        now = self._now()
        task = trusted_task(
            {
                "task_id": new_id,
                "status": TaskStatus.PENDING,
                "progress": 0.0,
                "current_step": "",
                "video_ids": video_ids,
                "result_url": None,
                "error_message": None,
                "error_traceback": None,
                "metadata_json": metadata,
                "created_at": now,
                "updated_at": now,
                "completed_at": None,
            }
        )
        self._insert(task)
        return task

    async def get_task(self, task_id: str) -> Task:
        self._session.check()
        return self._live(check_task_id(task_id))

    async def list_tasks(self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0) -> TaskPage:
        self._session.check()
        index = self._created if status is None else self._created_by_status[check_status(status)]
        check_page(limit, offset)
        self._sweep(len(self._tasks))
        total = len(index)
        newest = max(total - offset, 0)
        places = index.islice(max(newest - limit, 0), newest, reverse=True)
        return TaskPage(
            tasks=tuple(self._tasks[task_id] for _, task_id in places), total=total, limit=limit, offset=offset
        )

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
        self._session.check()
        change = check_change(status, progress, current_step, result_url, error_message, error_traceback)
        return self._apply(check_task_id(task_id), change)

    async def cancel_task(self, task_id: str) -> Task:
        self._session.check()
        return self._apply(check_task_id(task_id), Change(TaskStatus.CANCELLED))

    async def purge(self, before: datetime) -> int:
        self._session.check()
        moment = check_moment(before)
        self._sweep(len(self._tasks))
        old = [task for task in self._tasks.values() if task.completed_at is not None and task.completed_at < moment]
        for task in old:
            self._remove(task)
        return len(old)

    async def restore(self, task: Task) -> None:
        self._session.check()
        self._insert(check_task(task))

    async def aclose(self) -> None:
        self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _now(self) -> datetime:
        return _EPOCH + timedelta(microseconds=self._clock() // 1_000)

    def _now_ms(self) -> int:
        return self._clock() // 1_000_000

    def _live(self, task_id: str) -> Task:
        task = self._tasks.get(task_id)
        if task is None or not self._is_alive(task_id):
            raise TaskNotFound(task_id)
        return task

    def _is_alive(self, task_id: str) -> bool:
        return not self._deadline_of or self._deadline_of[task_id] >= self._now_ms()

    def _apply(self, task_id: str, change: Change) -> Task:
        self._sweep(_SWEPT_PER_WRITE)
        task = self._live(task_id)
        given = change.given()
        if task.status.is_final:
            if all(repr(getattr(task, name)) == repr(value) for name, value in given.items()):
                return task
            raise TaskFinal(task_id, task.status)
        now = max(self._now(), task.updated_at)  # a clock may step back
        changed = trusted_task(
            {**vars(task), **given, "updated_at": now, "completed_at": now if change.status.is_final else None}
        )
        check_size_of(changed)
        if changed.status is not task.status:
            place = (task.created_at, task_id)
            self._created_by_status[task.status].remove(place)
            self._created_by_status[changed.status].add(place)
        self._tasks[task_id] = changed
        self._renew(task_id)
        return changed

    def _insert(self, task: Task) -> None:
        self._sweep(_SWEPT_PER_WRITE)
        if (known := self._tasks.get(task.task_id)) is not None:
            if self._is_alive(task.task_id):
                raise TaskExists(task.task_id)
            self._remove(known)
        place = (task.created_at, task.task_id)
        self._created.add(place)
        self._created_by_status[task.status].add(place)
        self._tasks[task.task_id] = task
        self._renew(task.task_id)

    def _remove(self, task: Task) -> None:
        del self._tasks[task.task_id]
        place = (task.created_at, task.task_id)
        self._created.remove(place)
        self._created_by_status[task.status].remove(place)
        if self._deadline_of:
            self._deadlines.remove((self._deadline_of.pop(task.task_id), task.task_id))

    def _renew(self, task_id: str) -> None:
        if self._lifetime_ms is None:
            return
        if (old := self._deadline_of.get(task_id)) is not None:
            self._deadlines.remove((old, task_id))
        deadline = self._deadline_of[task_id] = self._now_ms() + self._lifetime_ms
        self._deadlines.add((deadline, task_id))

    def _sweep(self, most: int) -> None:
        """Remove up to `most` of the tasks whose deadline has passed, the earliest first."""
        if self._lifetime_ms is None:
            return
        now = self._now_ms()
        for _ in range(most):
            if not self._deadlines or self._deadlines[0][0] >= now:
                return
            self._remove(self._tasks[self._deadlines[0][1]])
