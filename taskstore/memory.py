"""Memory mode: the tasks of one process, in sorted indexes. Imports and contacts nothing of Redis.

Operations do not await, so each takes effect at one instant. Two let others run meanwhile: a purge, and a listing that
removes many due tasks or sorts many by status, before it looks at anything. Get costs a dictionary look-up, writes and
a page a few binary searches, at a hundred tasks and at a million. Tasks are immutable, so none is copied.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice, takewhile

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
"""Tasks that a listing or a purge looks at before others may run."""
_MOST_MOVED = 50_000
"""Tasks whose place among those of their status is left to a listing."""
_MOST_TOGETHER = 80_000
"""Tasks in one dictionary. One of a million would hold the loop for 50 ms when it has to grow."""


def _place(number: int, task_id: str) -> str:
    """The entry of a sorted index. Texts are compared several times faster than pairs of a number and an id."""
    return f"{number:018}{task_id}"


def _created_place(task: Task) -> str:
    return _place(microseconds(task.created_at), task.task_id)


class MemoryTaskStore(BaseStore):
    """A task store in the memory of this process: not persistent, not shared.

    `lifetime`, if given (a second or more), makes tasks expire as in Redis mode; without it no task expires.
    `clock` gives nanoseconds since 1970, as `time.time_ns` does.
    """

    def __init__(self, *, lifetime: timedelta | None = None, clock: Callable[[], int] = time.time_ns) -> None:
        super().__init__()
        self._lifetime_ms = None if lifetime is None else check_lifetime(lifetime)
        self._clock = clock
        self._tasks: dict[str, Task] = {}  # the latest
        self._earlier: list[dict[str, Task]] = []  # that are full
        self._created: SortedList[str] = SortedList()  # by microsecond of creation and id, as the next nine
        self._created_by_status = {status: SortedList[str]() for status in TaskStatus}
        self._moved: dict[str, TaskStatus | None] = {}  # tasks that may be in another of these nine than their own
        self._deadline_of = OrderedDict[str, int]()  # the last millisecond of each life, the earliest first
        self._last_deadline = 0
        self._listings = 0  # which are waiting

    async def create_task(self, request: TaskCreateRequest, *, task_id: str | None = None) -> Task:
        self._check_open()
        video_ids, metadata = check_request(request)
        new_id = new_task_id() if task_id is None else check_new_id(task_id)
        created = self._clock() // 1_000
        task = new_task(new_id, video_ids, metadata, EPOCH + created * MICROSECOND)
        try:
            self._insert(task, _place(created, new_id))
        except TaskExists:
            known = self._tasks_with(new_id)[new_id]
            if is_same_request(known, video_ids, metadata):
                return known
            raise
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
        self._listings += 1
        try:
            while self._sweep(_AT_ONCE) or (wanted and self._sort_by_status(_AT_ONCE)):  # noqa: ASYNC110  lets others run
                await asyncio.sleep(0)
        finally:
            self._listings -= 1
        index = self._created_by_status[wanted] if wanted else self._created
        total = len(index)
        end = index.bisect_left(_place(*cursor)) if cursor else max(total - offset, 0)
        start = max(end - limit, 0)
        places = [*index.islice(start, end, reverse=True)]
        try:
            tasks = tuple([self._tasks[place[18:]] for place in places])
        except KeyError:  # not all are among the latest
            tasks = tuple([self._tasks_with(place[18:])[place[18:]] for place in places])
        following = f"{microseconds(tasks[-1].created_at)}.{tasks[-1].task_id}" if tasks and start else None
        return TaskPage.model_construct(tasks=tasks, total=total, limit=limit, offset=offset, next=following)

    async def purge(self, before: datetime) -> int:
        self._check_open()
        before = check_moment(before)
        removed = 0
        last = ""
        while places := [*islice(self._created.irange(last, inclusive=(False, True)), _AT_ONCE)]:
            for task_id in [place[18:] for place in places]:
                completed = self._tasks_with(task_id)[task_id].completed_at
                if completed and completed < before and not self._is_due(task_id):
                    self._remove(task_id)
                    removed += 1
            last = places[-1]
            await asyncio.sleep(0)
        return removed

    async def restore(self, task: Task) -> None:
        self._check_open()
        self._insert(task := check_task(task), _created_place(task))

    def _tasks_with(self, task_id: str) -> dict[str, Task]:
        """The tasks among which the one of this id is, if it is anywhere, or should be."""
        for tasks in self._earlier:
            if task_id in tasks:
                return tasks
        return self._tasks

    def _now_ms(self) -> int:
        return self._clock() // 1_000_000

    def _live(self, task_id: str) -> Task:
        task = self._tasks.get(task_id) or self._tasks_with(task_id).get(task_id)
        if task is None or (self._lifetime_ms is not None and self._is_due(task_id)):
            raise TaskNotFound(task_id)
        return task

    def _is_due(self, task_id: str) -> bool:
        return self._lifetime_ms is not None and self._deadline_of[task_id] < self._now_ms()

    async def _apply(self, task_id: str, change: Change) -> Task:
        task = self._live(task_id)
        status = change["status"]
        if (before := task.status).is_final:
            if all(repr(getattr(task, name)) == repr(value) for name, value in change.items()):
                return task
            raise TaskFinal(task_id, before)
        now = EPOCH + self._clock() // 1_000 * MICROSECOND
        if now < task.updated_at:  # noqa: PLR1730  `max` would take 1 % of an update. A clock may step back.
            now = task.updated_at
        completed = now if status.is_final else None
        changed = trusted({**vars(task), **change, "updated_at": now, "completed_at": completed})
        check_size_of(changed)
        if status is not before:
            self._moved.setdefault(task_id, before)
        self._tasks_with(task_id)[task_id] = changed
        self._renew(task_id)
        return changed

    def _insert(self, task: Task, place: str) -> None:
        task_id = task.task_id
        if task_id in self._tasks or (self._earlier and task_id in self._tasks_with(task_id)):
            if not self._is_due(task_id):
                raise TaskExists(task_id)
            self._remove(task_id)
        if len(self._tasks) >= _MOST_TOGETHER:
            self._earlier.append(self._tasks)
            self._tasks = {}
        self._tasks[task_id] = task
        self._created.add(place)
        self._moved[task_id] = None
        self._renew(task_id)

    def _remove(self, task_id: str) -> None:
        tasks = self._tasks_with(task_id)
        task = tasks.pop(task_id)
        if not tasks:
            self._earlier = [*filter(None, self._earlier)]
        place = _created_place(task)
        listed = self._moved.pop(task_id, task.status)
        self._created.remove(place)
        if listed:
            self._created_by_status[listed].remove(place)
        self._deadline_of.pop(task_id, None)

    def _renew(self, task_id: str) -> None:
        """After a write, begin the life of its task anew, remove some whose life is over, and help a listing to end."""
        if self._listings or len(self._moved) > _MOST_MOVED:
            self._sort_by_status(1)
        if self._lifetime_ms is not None:
            # Deadlines stand in their order: if the clock steps back, a new one is not before the last.
            self._last_deadline = max(self._last_deadline, self._now_ms() + self._lifetime_ms)
            self._deadline_of[task_id] = self._last_deadline
            self._deadline_of.move_to_end(task_id)
            self._sweep(_SWEPT_PER_WRITE)

    def _sweep(self, most: int) -> bool:
        """Remove up to `most` of the tasks whose deadline has passed, the earliest first. Say if more may be."""
        due = [*takewhile(self._is_due, islice(self._deadline_of, most))]
        for task_id in due:
            self._remove(task_id)
        return len(due) == most

    def _sort_by_status(self, most: int) -> bool:
        """Put some of the moved tasks into the right index. Say if more are left.

        Listings by status do it, and not updates, which so take a third less time. While a listing waits for it, each
        write sorts as many as it has moved: so the listing ends, however many write.
        """
        for _ in range(min(most, len(self._moved))):
            task_id, listed = self._moved.popitem()
            place = _created_place(task := self._tasks_with(task_id)[task_id])
            if listed:
                self._created_by_status[listed].remove(place)
            self._created_by_status[task.status].add(place)
        return bool(self._moved)
