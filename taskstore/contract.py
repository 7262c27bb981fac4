"""The contract: what a task store promises, in either mode. `conformance` decides what these docstrings say.

A store is chosen once, at opening. It belongs to the process and to the event loop that first use it. Every operation
takes effect at one instant, between its call and its answer. Nothing that a caller does to what it passed in or got
back, through the public interface of that object, changes the store. Only `TaskStoreError`s come out, and besides those
named below any operation may raise

* `InvalidArgument`, before anything is looked up, for an argument of another kind than stated;
* `StoreUnavailable`, when the server behind the store failed; it says whether a write may have happened;
* `RecordUnreadable`, when what is stored for this task is not its record. Nothing is changed then, unless it says that
  the write may have happened: a write looks at all fields first, but not into texts;
* `StoreNotOpen`, when the store was closed, on another event loop, or in a process forked after the first use.

A `status` is a `TaskStatus`, or its text.
"""

from datetime import datetime
from typing import Protocol, Self

from taskstore.status import TaskStatus
from taskstore.values import Task, TaskCreateRequest, TaskPage

MAX_LIMIT = 1_000
"""The longest page that `list_tasks` gives."""

MAX_OFFSET = 10**12
"""The largest offset that `list_tasks` takes."""

MAX_BYTES = 1024 * 1024
"""The size of one task at most: UTF-8 bytes of its texts (step, URL, error), and of its video ids and metadata as JSON
without spaces, and with escapes only where JSON demands them."""


class TaskStore(Protocol):
    """The five operations. How a store is opened and closed is its own affair."""

    async def create_task(self, request: TaskCreateRequest, *, task_id: str | None = None) -> Task:
        """Store a new pending task, and return it: under `task_id`, or under a new id if that is `None`.

        A new id is `task_` and at least 32 random hexadecimal digits.

        `webhook_url` and `config` stand in `metadata`, both always present, and come back equal in value and type.

        The same request under the id of a live task succeeds, writes nothing, and returns that task as it stands,
        whatever its status: a create whose answer was lost can be repeated. `StoreUnavailable.task_id` is the id that
        a failed create used. Two requests are the same if `video_ids`, `webhook_url` and `config` are equal as JSON
        values, in value and type; the order of keys does not count. An expired or purged id can be used again.

        Raises:
            TaskExists: if a live task of another request has the id; that task is left as it is.
            InvalidArgument: if `config` is not a JSON object, made of exactly `dict` with keys of `str`, `list`, `str`,
                `int` from -2**63 to 2**64 - 1, finite `float`, `bool` and `None`, nested up to 100 deep; if a text has
                a lone surrogate, the task exceeds `MAX_BYTES`, or `task_id` is not from 1 to 256 visible ASCII
                characters. Nothing is stored.
        """

    async def get_task(self, task_id: str) -> Task:
        """Return the task as it stands. Any text may be looked up.

        Raises:
            TaskNotFound: if there is no such live task.
        """

    async def list_tasks(self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0) -> TaskPage:
        """Return the live tasks of that status (of any, if `None`), newest first, and how many there are in all.

        Ordered by `created_at`, then `task_id`, both descending. `limit` is from 0 (an empty page with the total) to
        `MAX_LIMIT`, `offset` from 0 to `MAX_OFFSET`. Pages by offset join without gap or overlap while nobody writes.

        Ids, order and total are of one instant; in a store of several partitions, of one instant of the call for each:
        of two writes meanwhile the later may show and the earlier not. Each task is read at some moment of the call: a
        task that is removed meanwhile is left out, and a task may show a newer status than that of the filter. A record
        that cannot be read is named in `unreadable`, and the page has the other tasks.
        """

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
        """Set the status and whatever else is given, and return the task that results.

        `None` leaves a field as it is. From a status that is not final every status can follow. `completed` sets
        progress to 100; an error message or traceback goes with `failed` only. A final status sets `completed_at`.
        `updated_at` and `completed_at` are never before the `updated_at` that was there, even if the clock steps back.
        On a task that is final already the call succeeds, and writes nothing, if it would leave every field but the
        times equal: a retry after a lost reply is safe.

        Raises:
            TaskNotFound: if there is no such live task; an update never brings one back.
            TaskFinal: if the task is final and the call would change it. Nothing changes, times included.
            InvalidArgument: if `progress` is not a finite number from 0 to 100, or not 100 with `completed`; if an
                error is given with another status than `failed`; if the task would exceed `MAX_BYTES`.
        """

    async def cancel_task(self, task_id: str) -> Task:
        """Set the status to `cancelled`, and return the task; the same as that update.

        Raises:
            TaskNotFound: if there is no such live task.
            TaskFinal: if it is completed or failed.
        """


class MaintainedTaskStore(TaskStore, Protocol):
    """What the stores of this package offer besides: pages by cursor, clean-up, carrying tasks over, and an end."""

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        """Return a page as `TaskStore.list_tasks` does: the newest tasks, those at an offset, or those behind a cursor.

        `after` takes the `next` of an earlier page. Whatever is written between the pages, a task that is there and
        matches the filter throughout comes on exactly one of them. A cursor is the text of a microsecond of creation, a
        dot and a task id. It names a place in the order, so it stays valid when that task is changed or removed.

        Raises:
            InvalidArgument: if `after` is not a cursor, or is given together with an offset.
        """

    async def purge(self, before: datetime) -> int:
        """Remove the final tasks that were completed before a moment (aware), and return how many.

        Tasks that are not final stay, however old. Not one instant, but many short ones: tasks that become final while
        it runs may be left.
        """

    async def restore(self, task: Task) -> None:
        """Store a task as it is: its id and times are kept, its lifetime starts anew.

        Raises:
            TaskExists: if its id is taken; that task is left as it is.
            InvalidArgument: if it is not a task that this contract could have produced: a field of the wrong type or
                beyond its bounds, an id that `create_task` does not take, no video ids, metadata that is no
                JSON object, `completed` with another progress than 100, an error with another status
                than `failed`, a `completed_at` without a final status or the reverse, times that are not in the order
                `created_at`, `completed_at`, `updated_at`, or not in the years 1970 to 2200.
        """

    async def aclose(self) -> None:
        """Close every connection. A second call does nothing. It may be called on another event loop."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
