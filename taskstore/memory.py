"""Memory mode: the tasks of one process, in sorted indexes. Imports and contacts nothing of Redis.

Operations do not await, so each takes effect at one instant. Two let others run meanwhile: a listing that removes many
tasks that are due, before it looks at anything, and a purge, after each batch. Get costs a dictionary look-up, writes
and a page a few binary searches, at a hundred tasks and at a million. Tasks are immutable, so none is copied.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice

from sortedcontainers import SortedList

from taskstore.arguments import (
    NEW,
    Change,
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
from taskstore.base import BaseStore
from taskstore.errors import TaskExists, TaskFinal, TaskNotFound
from taskstore.status import TaskStatus
from taskstore.values import EPOCH, Task, TaskCreateRequest, TaskPage, microseconds, trusted

_NEW = dict.fromkeys(Task.model_fields) | NEW._asdict()  # in this order a task is written as JSON
_MICROSECOND = timedelta(microseconds=1)
SWEPT_PER_WRITE = 100
_AT_ONCE = 250
"""Tasks that a listing or a purge removes before others may run."""


class MemoryTaskStore(BaseStore):
    """A task store in the memory of this process: not persistent, not shared.

    `lifetime`, if given (a second or more), makes tasks expire as in Redis mode; without it no task expires.
    `clock` gives nanoseconds since 1970, as `time.time_ns` does.
    """

    def __init__(self, *, lifetime: timedelta | None = None, clock: Callable[[], int] = time.time_ns) -> None:
        super().__init__()
        self._lifetime_ms = None if lifetime is None else check_lifetime(lifetime)
        self._clock = clock
        self._tasks: dict[str, Task] = {}
        self._created: SortedList[tuple[datetime, str]] = SortedList()
        self._created_by_status = {status: SortedList[tuple[datetime, str]]() for status in TaskStatus}
        self._finished: SortedList[tuple[datetime, str]] = SortedList()  # final tasks, by their completion
        self._deadline_of: dict[str, int] = {}  # whole milliseconds since 1970; empty if nothing expires
        self._deadlines: SortedList[tuple[int, str]] = SortedList()

    async def create_task(self, request: TaskCreateRequest, *, task_id: str | None = None) -> Task:
        self._check_open()
        video_ids, metadata = check_request(request)
        new_id = new_task_id() if task_id is None else check_new_id(task_id)
        known = self._tasks.get(new_id)
        if known is not None and not self._is_due(new_id) and is_same_request(known, video_ids, metadata):
            return known
        now = self._now()
        fields = {"task_id": new_id, "video_ids": video_ids, "metadata_json": metadata}
        task = trusted(Task, {**_NEW, **fields, "created_at": now, "updated_at": now, "completed_at": None})
        self._insert(task)
        return task

    async def get_task(self, task_id: str) -> Task:
        self._check_open()
        return self._live(check_task_id(task_id))

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        self._check_open()
        index = self._created if status is None else self._created_by_status[check_status(status)]
        cursor = check_page(limit, offset, after)
        while self._sweep(_AT_ONCE):  # noqa: ASYNC110  it waits for nothing, it lets others run
            await asyncio.sleep(0)
        total = len(index)
        if cursor is None:
            end = max(total - offset, 0)
        else:
            moment, task_id = cursor
            end = index.bisect_left((EPOCH + moment * _MICROSECOND, task_id))
        start = max(end - limit, 0)
        places = index[start:end]
        following = f"{microseconds(places[0][0])}.{places[0][1]}" if places and start else None
        tasks = tuple([self._tasks[task_id] for _, task_id in reversed(places)])
        page = {"tasks": tasks, "total": total, "limit": limit, "offset": offset, "unreadable": (), "next": following}
        return trusted(TaskPage, page)

    async def purge(self, before: datetime) -> int:
        self._check_open()
        moment = check_moment(before)
        removed = 0
        while True:
            if not self._sweep(_AT_ONCE):
                older = self._finished.irange(maximum=(moment, ""), inclusive=(True, False))
                old = [self._tasks[task_id] for _, task_id in islice(older, _AT_ONCE)]
                for task in old:
                    self._remove(task)
                removed += len(old)
                if len(old) < _AT_ONCE:
                    return removed
            await asyncio.sleep(0)

    async def restore(self, task: Task) -> None:
        self._check_open()
        self._insert(check_task(task))

    def _now(self) -> datetime:
        return EPOCH + self._clock() // 1_000 * _MICROSECOND

    def _now_ms(self) -> int:
        return self._clock() // 1_000_000

    def _live(self, task_id: str) -> Task:
        task = self._tasks.get(task_id)
        if task is None or self._is_due(task_id):
            raise TaskNotFound(task_id)
        return task

    def _is_due(self, task_id: str) -> bool:
        return self._lifetime_ms is not None and self._deadline_of[task_id] < self._now_ms()

    async def _apply(self, task_id: str, change: Change) -> Task:
        self._sweep(SWEPT_PER_WRITE)
        task = self._live(task_id)
        given = change.given()
        if task.status.is_final:
            if all(repr(getattr(task, name)) == repr(value) for name, value in given.items()):
                return task
            raise TaskFinal(task_id, task.status)
        now = max(self._now(), task.updated_at)  # a clock may step back
        completed = now if change.status.is_final else None
        changed = trusted(Task, {**vars(task), **given, "updated_at": now, "completed_at": completed})
        check_size_of(changed)
        if changed.status is not task.status:
            place = (task.created_at, task_id)
            self._created_by_status[task.status].remove(place)
            self._created_by_status[changed.status].add(place)
        if completed is not None:
            self._finished.add((completed, task_id))
        self._tasks[task_id] = changed
        self._renew(task_id)
        return changed

    def _insert(self, task: Task) -> None:
        self._sweep(SWEPT_PER_WRITE)
        if (known := self._tasks.get(task.task_id)) is not None:
            if not self._is_due(task.task_id):
                raise TaskExists(task.task_id)
            self._remove(known)
        place = (task.created_at, task.task_id)
        self._created.add(place)
        self._created_by_status[task.status].add(place)
        if task.completed_at is not None:
            self._finished.add((task.completed_at, task.task_id))
        self._tasks[task.task_id] = task
        self._renew(task.task_id)

    def _remove(self, task: Task) -> None:
        del self._tasks[task.task_id]
        place = (task.created_at, task.task_id)
        self._created.remove(place)
        self._created_by_status[task.status].remove(place)
        if task.completed_at is not None:
            self._finished.remove((task.completed_at, task.task_id))
        if self._lifetime_ms is not None:
            self._deadlines.remove((self._deadline_of.pop(task.task_id), task.task_id))

    def _renew(self, task_id: str) -> None:
        if self._lifetime_ms is None:
            return
        if (old := self._deadline_of.get(task_id)) is not None:
            self._deadlines.remove((old, task_id))
        deadline = self._deadline_of[task_id] = self._now_ms() + self._lifetime_ms
        self._deadlines.add((deadline, task_id))

    def _sweep(self, most: int) -> bool:
        """Remove up to `most` of the tasks whose deadline has passed, the earliest first. Say if more may be."""
        if self._lifetime_ms is None:
            return False
        now = self._now_ms()
        for _ in range(most):
            if not self._deadlines or self._deadlines[0][0] >= now:
                return False
            self._remove(self._tasks[self._deadlines[0][1]])
        return True
