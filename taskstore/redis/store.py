"""Redis mode: one request for an operation on one task, decided on the server by the scripts in `lua/`.

The id of a task says which partition it is in. A listing asks all partitions at once, and merges their pages in the
common order.
"""

import asyncio
import contextlib
from datetime import datetime, timedelta
from operator import itemgetter

from taskstore.arguments import (
    Change,
    check_lifetime,
    check_moment,
    check_new_id,
    check_page,
    check_request,
    check_status,
    check_task,
    check_task_id,
    is_same_request,
    new_task_id,
)
from taskstore.base import BaseStore
from taskstore.contract import MAX_LIMIT
from taskstore.errors import InvalidArgument, RecordUnreadable, StoreUnavailable, TaskExists, TaskNotFound
from taskstore.json_text import check_text
from taskstore.redis import record
from taskstore.redis.partitions import Listed, Partition, partition_of
from taskstore.redis.server import Server
from taskstore.status import TaskStatus
from taskstore.values import Task, TaskCreateRequest, TaskPage, microseconds, new_task


class RedisTaskStore(BaseStore):
    """A task store in Redis 6.2 or later, or Valkey: persistent, shared by all that name the same server and prefix.

    Takes over `server` (from `connect`). A task is gone `lifetime` (from a second to a hundred years) after the last
    write to it. Each partition has a hash tag: of three, keys begin with `{prefix:0/3}:`, `{prefix:1/3}:` or
    `{prefix:2/3}:`. In a Redis Cluster a partition is on the node that has its slot. Another number of partitions has
    other keys: `taskstore migrate` copies tasks from one number to another.
    """

    def __init__(
        self,
        server: Server,
        *,
        prefix: str = "taskstore",
        lifetime: timedelta = timedelta(days=7),
        partitions: int = 1,
    ) -> None:
        super().__init__()
        if not check_text("prefix", prefix) or set("{}") & set(prefix):
            raise InvalidArgument("prefix", "must be text without braces, and not empty")
        lifetime_ms = check_lifetime(lifetime)
        bases = [f"{{{prefix}:{number}/{partitions}}}" for number in range(partitions)]
        self.server = server
        self.parts = [Partition(server, base, lifetime_ms) for base in bases]

    def part_of(self, task_id: str) -> Partition:
        """The partition of a task."""
        parts = self.parts
        return parts[partition_of(task_id, len(parts))] if len(parts) > 1 else parts[0]

    async def create_task(self, request: TaskCreateRequest, *, task_id: str | None = None) -> Task:
        self._check_open()
        video_ids, metadata = check_request(request)
        new_id = new_task_id() if task_id is None else check_new_id(task_id)
        new = new_task(new_id, video_ids, metadata, None)  # the server has the clock
        part = self.part_of(new_id)
        try:
            is_new, reply = await part.insert(new, part.lifetime_ms)
        except StoreUnavailable as error:
            error.task_id = new_id
            raise
        if is_new:
            return new_task(new_id, video_ids, metadata, reply)
        if not is_same_request(task := part.decode(new_id, reply), video_ids, metadata):
            raise TaskExists(new_id)
        return task

    async def get_task(self, task_id: str) -> Task:
        self._check_open()
        text = check_task_id(task_id)
        return await self.part_of(text).get(text)

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        self._check_open()
        wanted = "" if status is None else check_status(status).value
        place = check_page(limit, offset, after) or ("", "")
        until = self.server.deadline()
        total, goes_on, entries = await self._list(wanted, limit, offset, place, until)
        following = "{}.{}".format(*entries[-1]) if goes_on and entries else None
        tasks = list[Task]()
        unreadable = list[str]()
        for _, task_id, values in entries:
            try:
                if values is None:
                    tasks.append(await self.part_of(task_id).get(task_id, until))
                else:
                    tasks.append(record.decode(values, task_id))
            except TaskNotFound:  # it was removed meanwhile
                pass
            except (RecordUnreadable, ValueError):
                unreadable.append(self.part_of(task_id).key(task_id))
        return TaskPage.model_construct(
            tasks=tuple(tasks), unreadable=tuple(unreadable), total=total, limit=limit, offset=offset, next=following
        )

    async def purge(self, before: datetime) -> int:
        self._check_open()
        moment = microseconds(check_moment(before))
        removed = 0
        try:
            for part in self.parts:
                more = True
                while more:
                    count, more = await part.purge(moment)
                    removed += count
        except StoreUnavailable as error:
            error.write_may_have_happened |= bool(removed)  # a request before this one did
            raise
        return removed

    async def restore(self, task: Task, *, lifetime: timedelta | None = None) -> None:
        """As in the contract; `lifetime` is how long the task lives from now on, if not as long as a new one."""
        self._check_open()
        task = check_task(task)
        part = self.part_of(task.task_id)
        life = part.lifetime_ms if lifetime is None else check_lifetime(lifetime)
        is_new, _ = await part.insert(task, life)
        if not is_new:
            raise TaskExists(task.task_id)

    async def ping(self) -> None:
        """Send PING. If the server does not answer, `StoreUnavailable` is raised."""
        self._check_open()
        await self.server.read("PING")

    async def aclose(self) -> None:
        if self._closed:
            return
        await super().aclose()
        if self._loop in {None, asyncio.get_running_loop()}:
            self.server.close()
            await asyncio.sleep(0)  # the turn of the loop in which sockets are closed
        else:
            with contextlib.suppress(RuntimeError):  # that loop is closed, and nothing goes over its connections
                self._loop.call_soon_threadsafe(self.server.close)

    async def _apply(self, task_id: str, change: Change) -> Task:
        return await self.part_of(task_id).update(task_id, change)

    async def _list(self, status: str, limit: int, offset: int, place: tuple[int | str, str], until: float) -> Listed:
        """Return a page of all partitions."""
        parts = self.parts
        if len(parts) == 1:
            return await parts[0].page(status, limit, offset, place, until)
        while True:  # first past the tasks that are skipped, a thousand at a time, without reading their records
            size = min(offset, MAX_LIMIT) or limit
            share = 2 * size // len(parts) + 4  # what a partition has of a page, and now and then more
            most = 0 if offset else share
            pages = await asyncio.gather(*(part.page(status, size, 0, place, until, most) for part in parts))
            total = sum(page[0] for page in pages)
            entries = sorted((entry for *_, page in pages for entry in page), key=itemgetter(0, 1), reverse=True)
            if not offset:
                return total, len(entries) > size or any(page[1] for page in pages), entries[:size]
            if offset >= total or not entries:
                return total, False, []
            place = entries[:size][-1][:2]
            offset -= size
