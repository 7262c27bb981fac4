"""Redis mode: one request per operation, decided on the server by the scripts in `lua/`.

Get is one HMGET. Every other operation is one script, so it takes effect at one instant, on the server's clock. A
listing is a look-up by rank, and takes the same time for a hundred tasks and a million. Of a very large page the script
gives the first records, and the others are read one after the other.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Sequence
from copy import copy
from datetime import datetime, timedelta
from typing import Any, TypeAlias, TypeVar

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
    too_large,
)
from taskstore.base import BaseStore
from taskstore.contract import MAX_BYTES, MAX_LIMIT
from taskstore.errors import InvalidArgument, RecordUnreadable, StoreUnavailable, TaskExists, TaskFinal, TaskNotFound
from taskstore.json_text import check_text
from taskstore.redis import record
from taskstore.redis.scripts import EXAMINE, INSERT, LIST, PURGE, UPDATE, Script
from taskstore.redis.server import Server
from taskstore.status import TaskStatus
from taskstore.values import Task, TaskCreateRequest, TaskPage, microseconds, new_task

DEFAULT_PREFIX = "taskstore"
DEFAULT_LIFETIME = timedelta(days=7)

_READ_AT_ONCE = 1024 * 1024
"""Bytes of records after which a script reads no further one."""
_AGAIN = [b"again"]
_Result = TypeVar("_Result")

Listed: TypeAlias = tuple[int, bool, list[tuple[int, str, Any]]]
"""How many tasks an index has, whether it goes on behind the page, and the page: of each task the microsecond of its
creation, its id, and what was read of its record, `None` if nothing was."""


class RedisTaskStore(BaseStore):
    """A task store in Redis 6.2 or later, or Valkey: persistent, shared by all that name the same server and prefix.

    Takes over `server` (from `connect`). A task is gone `lifetime` (from a second to a hundred years) after the last
    write to it. All keys begin with `{prefix:0/1}:`, or, as a part of a `PartitionedTaskStore`, with the number of the
    partition and how many there are.
    """

    def __init__(
        self,
        server: Server,
        *,
        prefix: str = DEFAULT_PREFIX,
        lifetime: timedelta = DEFAULT_LIFETIME,
        partition: tuple[int, int] = (0, 1),
    ) -> None:
        super().__init__()
        if not check_text("prefix", prefix) or set("{}") & set(prefix):
            raise InvalidArgument("prefix", "must be text without braces, and not empty")
        self.base = "{{{}:{}/{}}}".format(prefix, *partition)
        """What all keys of the partition begin with."""
        self.server = copy(server)  # in a cluster it remembers the node of this partition
        """The server, or the node of a cluster, that has the tasks."""
        self.parts = [self]
        """The partitions, each a store: this one."""
        self._lifetime_ms = check_lifetime(lifetime)
        self._waits = "1" if server.waits else ""

    def part_of(self, task_id: str) -> RedisTaskStore:
        """The partition of a task."""
        return self

    async def create_task(self, request: TaskCreateRequest, *, task_id: str | None = None) -> Task:
        self._check_open()
        video_ids, metadata = check_request(request)
        new_id = new_task_id() if task_id is None else check_new_id(task_id)
        new = new_task(new_id, video_ids, metadata, None)  # the server has the clock
        try:
            is_new, reply = await self._insert(new, self._lifetime_ms)
        except StoreUnavailable as error:
            error.task_id = new_id
            raise
        if is_new:
            return new_task(new_id, video_ids, metadata, record.moment(reply))
        if not is_same_request(task := self._task(new_id, reply), video_ids, metadata):
            raise TaskExists(new_id)
        return task

    async def get_task(self, task_id: str) -> Task:
        self._check_open()
        return await self._get(check_task_id(task_id))

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        self._check_open()
        wanted = "" if status is None else check_status(status).value
        place = check_page(limit, offset, after) or ("", "")
        until = self.server.deadline()
        total, goes_on, entries = await self._list(wanted, limit, offset, place, until)
        following = "{}.{}".format(*entries[-1]) if goes_on and entries else None
        tasks: list[Task] = []
        unreadable: list[str] = []
        for _, task_id, values in entries:
            try:
                tasks.append(await self._get(task_id, until) if values is None else record.decode(values, task_id))
            except TaskNotFound:  # it was removed meanwhile
                pass
            except (record.NotARecordError, RecordUnreadable):
                unreadable.append(self._key(task_id))
        return TaskPage.model_construct(
            tasks=tuple(tasks), unreadable=tuple(unreadable), total=total, limit=limit, offset=offset, next=following
        )

    async def purge(self, before: datetime) -> int:
        self._check_open()
        moment = microseconds(check_moment(before))
        removed = 0
        try:
            for part in self.parts:
                more = b"1"
                while more:
                    match await part._run(PURGE, moment):  # noqa: SLF001  it is of this class
                        case [int(count), bytes(more)]:
                            removed += count
                        case reply:
                            raise self.server.unexpected(reply, writes=True)
        except StoreUnavailable as error:
            error.write_may_have_happened |= bool(removed)  # a request before this one did
            raise
        return removed

    async def restore(self, task: Task, *, lifetime: timedelta | None = None) -> None:
        """As in the contract; `lifetime` is how long the task lives from now on, if not as long as a new one."""
        self._check_open()
        task = check_task(task)
        life = self._lifetime_ms if lifetime is None else check_lifetime(lifetime)
        if not (await self._insert(task, life))[0]:
            raise TaskExists(task.task_id)

    async def ping(self) -> None:
        """Send PING to every partition. One that does not answer raises `StoreUnavailable`."""
        self._check_open()
        await asyncio.gather(*(part.server.read("PING") for part in self.parts))

    async def examine(self, ids: Sequence[str], *, repair: bool = False) -> list[str]:
        """Return those of these ids whose index entries do not agree with the record, or with its absence.

        The ids are of this partition. With `repair` the entries are mended. What agrees is not changed.
        """
        self._check_open()
        match await self._run(EXAMINE, self._lifetime_ms, "1" if repair else "", *ids):
            case [b"ok", [*wrong]]:
                return [task_id.decode(errors="replace") for task_id in wrong]
            case reply:
                raise self.server.unexpected(reply, writes=repair)

    async def aclose(self) -> None:
        await super().aclose()
        if self._loop in {None, asyncio.get_running_loop()}:
            self.server.close()
            await asyncio.sleep(0)  # the turn of the loop in which sockets are closed
        else:
            with contextlib.suppress(RuntimeError):  # that loop is closed, and nothing goes over its connections
                self._loop.call_soon_threadsafe(self.server.close)

    def _key(self, task_id: str) -> str:
        return f"{self.part_of(task_id).base}:task:{task_id}"

    def _task(self, task_id: str, values: record.Values, *, written: bool = False) -> Task:
        try:
            return record.decode(values, task_id)
        except record.NotARecordError as fault:
            raise RecordUnreadable(self._key(task_id), str(fault), written) from None

    async def _get(self, task_id: str, until: float | None = None) -> Task:
        server, key = self.part_of(task_id).server, _bytes(self._key(task_id))
        values = await self._of_hash(task_id, server.read("HMGET", key, *record.FIELDS, until=until))
        if values == record.ABSENT:
            raise TaskNotFound(task_id)
        if type(values) is not list or len(values) != len(record.FIELDS):
            raise server.unexpected(values, writes=False)
        return self._task(task_id, values)

    async def _of_hash(self, task_id: str, reply: Awaitable[_Result]) -> _Result:
        """Await a reply about the record of a task, which has to be a hash."""
        try:
            return await reply
        except StoreUnavailable as error:
            if "WRONGTYPE" in error.detail and not error.write_may_have_happened:
                raise RecordUnreadable(self._key(task_id), "it is not a hash") from None
            raise

    async def _list(
        self, status: str, limit: int, offset: int, place: tuple[int | str, str], until: float, read: int = MAX_LIMIT
    ) -> Listed:
        """Return a page, with no more records than `read`."""
        reply: Any = _AGAIN
        while reply == _AGAIN:
            reply = await self._run(LIST, status, limit, offset, *place, read, _READ_AT_ONCE, until=until)
        try:
            total, further, entries, records = reply
            moments, ids = map(int, entries[1::2]), [task_id.decode(errors="replace") for task_id in entries[::2]]
            return total, further > 0, [*zip(moments, ids, records, strict=True)]
        except (AttributeError, TypeError, ValueError):
            raise self.server.unexpected(reply, writes=False) from None

    async def _run(self, script: Script, *arguments: str | bytes | int, until: float | None = None) -> Any:
        return await self.server.run(script, self.base, *arguments, until=until)

    async def _run_on(self, task_id: str, script: Script, *arguments: str | int) -> tuple[bool, Any]:
        """Run a script on the record of a task. Return false if the task exists already, and its answer."""
        part = self.part_of(task_id)
        reply = await self._of_hash(task_id, part._run(script, _bytes(task_id), *arguments))  # noqa: SLF001  as above
        match reply:
            case [b"ok" | b"exists" as verdict, answer]:
                return verdict == b"ok", answer
            case [b"missing", _]:
                raise TaskNotFound(task_id)
            case [b"unreadable", _]:
                raise RecordUnreadable(self._key(task_id), "a field is missing or malformed")
            case [b"final", bytes(status)]:
                raise TaskFinal(task_id, TaskStatus(status.decode()))
            case [b"large", int(size)]:
                raise too_large(size)
            case _:
                raise part.server.unexpected(reply, writes=True)

    async def _insert(self, task: Task, life_ms: int) -> tuple[bool, Any]:
        """Store a task if its id is free. Return whether it was, and its time, or the values of the other."""
        times = [microseconds(time) if time else "" for time in (task.created_at, task.completed_at)]
        given = life_ms, task.status, *times, self._waits, *record.encode(vars(task))
        return await self._run_on(task.task_id, INSERT, *given)

    async def _apply(self, task_id: str, change: Change) -> Task:
        pairs = record.encode(change)
        _, values = await self._run_on(task_id, UPDATE, self._lifetime_ms, MAX_BYTES, self._waits, *pairs)
        return self._task(task_id, values, written=True)


def _bytes(text: str) -> bytes:
    """The UTF-8 form of an id or a key. Of a lone surrogate it is one that no stored id has."""
    return text.encode(errors="surrogatepass")
