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
from taskstore.values import EPOCH, MICROSECOND, Task, TaskCreateRequest, TaskPage, microseconds, new_task, trusted

_SWEPT_PER_WRITE = 100
_AT_ONCE = 250
"""Tasks that a listing or a purge removes before others may run."""
_KEPT_AT_ONCE = 5_000
_END = "~"  # comes after every place


def _place(number: int, task_id: str) -> str:
    """The entry of a sorted index. Texts are compared several times faster than pairs of a number and an id."""
    return f"{number:018}{task_id}"


def _created_place(task: Task) -> str:
    return _place(microseconds(task.created_at), task.task_id)


def _id_at(place: str) -> str:
    return place[18:]


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
        self._created: SortedList[str] = SortedList()  # by microsecond of creation and id, as the next nine
        self._created_by_status = {status: SortedList[str]() for status in TaskStatus}
        self._kept_to = dict.fromkeys(TaskStatus, "")  # the index of a status is kept for the places up to this one
        self._finished: SortedList[str] = SortedList()  # final tasks, by microsecond of completion
        self._deadline_of: dict[str, int] = {}  # the last millisecond of a life; empty if nothing expires
        self._deadlines: SortedList[str] = SortedList()

    async def create_task(self, request: TaskCreateRequest, *, task_id: str | None = None) -> Task:
        self._check_open()
        video_ids, metadata = check_request(request)
        new_id = new_task_id() if task_id is None else check_new_id(task_id)
        known = self._tasks.get(new_id)
        if known is not None and not self._is_due(new_id) and is_same_request(known, video_ids, metadata):
            return known
        created = self._clock() // 1_000
        now = EPOCH + created * MICROSECOND
        task = new_task(new_id, video_ids, metadata, now)
        self._insert(task, _place(created, new_id))
        return task

    async def get_task(self, task_id: str) -> Task:
        self._check_open()
        return self._live(check_task_id(task_id))

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        self._check_open()
        wanted = None if status is None else check_status(status)
        cursor = check_page(limit, offset, after)
        while self._sweep(_AT_ONCE) or self._keep_more(wanted):  # noqa: ASYNC110  it lets others run
            await asyncio.sleep(0)
        index = self._created if wanted is None else self._created_by_status[wanted]
        total = len(index)
        end = max(total - offset, 0) if cursor is None else index.bisect_left(_place(*cursor))
        start = max(end - limit, 0)
        places = index.islice(start, end, reverse=True)
        tasks = tuple([self._tasks[_id_at(place)] for place in places])
        following = f"{microseconds(tasks[-1].created_at)}.{tasks[-1].task_id}" if tasks and start else None
        page = {"tasks": tasks, "total": total, "limit": limit, "offset": offset, "unreadable": (), "next": following}
        return trusted(TaskPage, page)

    async def purge(self, before: datetime) -> int:
        self._check_open()
        end = _place(microseconds(check_moment(before)), "")
        removed = 0
        while True:
            if not self._sweep(_AT_ONCE):
                old = [*islice(self._finished.irange(maximum=end, inclusive=(True, False)), _AT_ONCE)]
                for place in old:
                    self._remove(_id_at(place))
                removed += len(old)
                if len(old) < _AT_ONCE:
                    return removed
            await asyncio.sleep(0)

    async def restore(self, task: Task) -> None:
        self._check_open()
        self._insert(task := check_task(task), _created_place(task))

    def _now(self) -> datetime:
        return EPOCH + self._clock() // 1_000 * MICROSECOND

    def _now_ms(self) -> int:
        return self._clock() // 1_000_000

    def _live(self, task_id: str) -> Task:
        task = self._tasks.get(task_id)
        if task is None or (self._lifetime_ms is not None and self._is_due(task_id)):
            raise TaskNotFound(task_id)
        return task

    def _is_due(self, task_id: str) -> bool:
        return self._lifetime_ms is not None and self._deadline_of[task_id] < self._now_ms()

    async def _apply(self, task_id: str, change: Change) -> Task:
        self._sweep(_SWEPT_PER_WRITE)
        task, given, status = self._live(task_id), change.given(), change.status
        if task.status.is_final:
            if all(repr(getattr(task, name)) == repr(value) for name, value in given.items()):
                return task
            raise TaskFinal(task_id, task.status)
        now = max(self._now(), task.updated_at)  # a clock may step back
        completed = now if status.is_final else None
        changed = trusted(Task, {**vars(task), **given, "updated_at": now, "completed_at": completed})
        check_size_of(changed)
        if status is not task.status:
            self._take(task)
            self._put(changed)
        if completed is not None:
            self._finished.add(_place(microseconds(completed), task_id))
        self._tasks[task_id] = changed
        self._renew(task_id)
        return changed

    def _insert(self, task: Task, place: str) -> None:
        self._sweep(_SWEPT_PER_WRITE)
        task_id = task.task_id
        if task_id in self._tasks:
            if not self._is_due(task_id):
                raise TaskExists(task_id)
            self._remove(task_id)
        self._tasks[task_id] = task
        self._created.add(place)
        self._put(task)
        if task.completed_at is not None:
            self._finished.add(_place(microseconds(task.completed_at), task_id))
        self._renew(task_id)

    def _remove(self, task_id: str) -> None:
        task = self._tasks.pop(task_id)
        self._created.remove(_created_place(task))
        self._take(task)
        if task.completed_at is not None:
            self._finished.remove(_place(microseconds(task.completed_at), task_id))
        if self._lifetime_ms is not None:
            self._deadlines.remove(_place(self._deadline_of.pop(task_id), task_id))

    def _renew(self, task_id: str) -> None:
        if self._lifetime_ms is not None:
            if (old := self._deadline_of.get(task_id)) is not None:
                self._deadlines.remove(_place(old, task_id))
            deadline = self._deadline_of[task_id] = self._now_ms() + self._lifetime_ms
            self._deadlines.add(_place(deadline, task_id))

    def _sweep(self, most: int) -> bool:
        """Remove up to `most` of the tasks whose deadline has passed, the earliest first. Say if more may be."""
        if self._lifetime_ms is None:
            return False
        end = _place(self._now_ms(), "")
        due = [*islice(self._deadlines.irange(maximum=end, inclusive=(True, False)), most)]
        for place in due:
            self._remove(_id_at(place))
        return len(due) == most

    def _put(self, task: Task) -> None:
        if (end := self._kept_to[task.status]) and (place := _created_place(task)) <= end:
            self._created_by_status[task.status].add(place)

    def _take(self, task: Task) -> None:
        if (end := self._kept_to[task.status]) and (place := _created_place(task)) <= end:
            self._created_by_status[task.status].remove(place)

    def _keep_more(self, status: TaskStatus | None) -> bool:
        """Keep the index of a status for some thousand places more. Say if more may follow.

        An index is kept from its first listing on: until then an update takes a third less time.
        """
        if status is None or (start := self._kept_to[status]) == _END:
            return False
        places = [*islice(self._created.irange(minimum=start, inclusive=(False, True)), _KEPT_AT_ONCE)]
        found = [place for place in places if self._tasks[_id_at(place)].status is status]
        self._created_by_status[status].update(found)
        self._kept_to[status] = places[-1] if len(places) == _KEPT_AT_ONCE else _END
        return len(places) == _KEPT_AT_ONCE
