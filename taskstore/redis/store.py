"""Redis mode: one request per operation, decided on the server by the scripts in `lua/`.

Get is one GETRANGE. Every other operation is one script, so it takes effect at one instant, on the server's clock. A
listing is a look-up by rank, and takes the same time for a hundred tasks and a million. Of a very large page the script
gives the first records, and the others are read one by one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Awaitable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar

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
from taskstore.contract import MAX_BYTES
from taskstore.errors import (
    FailureKind,
    InvalidArgument,
    RecordUnreadable,
    SettingsInvalid,
    StoreUnavailable,
    TaskExists,
    TaskFinal,
    TaskNotFound,
    TaskStoreError,
)
from taskstore.json_text import is_encodable
from taskstore.redis import record
from taskstore.redis.scripts import CLAIM, INSERT, LIST, PURGE, REBUILD, UPDATE, Script
from taskstore.redis.server import Server
from taskstore.status import TaskStatus
from taskstore.values import Task, TaskCreateRequest, TaskPage, microseconds, trusted

DEFAULT_PREFIX = "taskstore"
DEFAULT_LIFETIME = timedelta(days=7)

_SWEPT_PER_WRITE = 100
_SWEPT_AT_ONCE = 250
_READ_AT_ONCE = 1024 * 1024
"""Bytes of records after which a script reads no further one."""
_READ_TOGETHER = 8
"""Records that are requested one by one, before the first has come."""
_REMEMBERED = 1_024
_REMEMBERED_BYTES = 4_096
"""Records that a store remembers, and the longest of them."""
_AGAIN = [1]
_INDEXES_MISSING = [2]
_Result = TypeVar("_Result")


class Listed(NamedTuple):
    """The length of an index, the cursor behind what is listed (empty: none), ids, and what was read with them."""

    total: int
    following: bytes
    ids: list[bytes]
    texts: list[bytes | None]
    moments: list[int]
    """Microseconds of creation, if they were asked for."""


class RedisTaskStore(BaseStore):
    """A task store in Redis 6.2 or later, or Valkey: persistent, shared by all that name the same server and prefix.

    Takes over `server` (from `connect`). All keys begin with `{prefix:0}:`; a task is gone `lifetime`
    (from a second to a hundred years) after the last write to it. With `partition` it is a part of a
    `PartitionedTaskStore`.
    """

    def __init__(
        self,
        server: Server,
        *,
        prefix: str = DEFAULT_PREFIX,
        lifetime: timedelta = DEFAULT_LIFETIME,
        partition: int | None = None,
    ) -> None:
        super().__init__()
        if not prefix or not is_encodable(prefix) or set("{}") & set(prefix):
            raise InvalidArgument("prefix", "must be text without braces, and not empty")
        self._base = f"{{{prefix}:{partition or 0}}}"
        self._lifetime_ms = check_lifetime(lifetime)
        self._server = server if partition is None else server.holding(self._base)
        self._remembered: OrderedDict[str, tuple[bytes, Task]] = OrderedDict()
        self._waits = "waits" if server.waits else ""
        self._filled = b"", b"0"  # the latest rebuild of the indexes, and how far it came: a call may run out of time

    async def create_task(self, request: TaskCreateRequest, *, task_id: str | None = None) -> Task:
        self._check_open()
        video_ids, metadata = check_request(request)
        new_id = new_task_id() if task_id is None else check_new_id(task_id)
        is_new = "new" if task_id is None else ""
        tail = record.tail(new_id, video_ids, metadata)
        form = "", "", record.NEW_HEAD, "", tail, record.MAX_RECORD_BYTES, is_new, self._waits
        try:
            was_there, text = await self._insert(new_id, TaskStatus.PENDING, *form)
            task = self._task(new_id, text) if was_there else self._written(new_id, text)
        except StoreUnavailable as error:
            error.task_id = new_id
            raise
        if was_there and not is_same_request(task, video_ids, metadata):
            raise TaskExists(new_id)
        return task

    async def get_task(self, task_id: str) -> Task:
        self._check_open()
        task_id = check_task_id(task_id)
        until = self._server.deadline()
        if not is_encodable(task_id):
            await self._check_reachable(until)
            raise TaskNotFound(task_id)
        task = await self._read(task_id, until)
        if task is None:
            raise TaskNotFound(task_id)
        return task

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        self._check_open()
        wanted = "" if status is None else check_status(status).value
        place = check_page(limit, offset, after) or ("", "")
        until = self._server.deadline()
        total, following, ids, texts, _ = await self.listed(wanted, limit, offset, place, until)
        task_ids = [task_id.decode(errors="replace") for task_id in ids]
        missing = [task_id for task_id, text in zip(task_ids, texts, strict=True) if text is None]
        further = iter(await self._read_all(missing, until))
        tasks: list[Task] = []
        unreadable: list[str] = []
        for task_id, text in zip(task_ids, texts, strict=True):
            try:
                if text is not None:
                    tasks.append(self._task(task_id, text))
                elif isinstance(task := next(further), BaseException):
                    raise task
                elif task is not None:
                    tasks.append(task)
            except RecordUnreadable as fault:
                unreadable.append(fault.key)
        page = {"tasks": tuple(tasks), "total": total, "limit": limit, "offset": offset}
        end = {"unreadable": tuple(unreadable), "next": following.decode(errors="replace") or None}
        return trusted(TaskPage, page | end)

    async def listed(
        self, wanted: str, limit: int, offset: int, place: tuple[int | str, str], until: float, read: int | None = None
    ) -> Listed:
        """What an index has at a place. With `read` also moments, and no more records than that."""
        bounds = record.MAX_RECORD_BYTES, _READ_AT_ONCE, "" if read is None else read
        arguments = (_SWEPT_AT_ONCE, wanted, limit, offset, *place, *bounds)
        while (reply := await self._run_on_whole_indexes(LIST, *arguments, until=until)) == _AGAIN:
            pass
        match reply:
            case [0, int(total), bytes(following), [*ids], [*texts], [*moments]] if (
                {*map(type, ids), *map(type, texts)} <= {bytes}
                and len(texts) <= len(ids)
                and [*map(type, moments)] == [int] * (0 if read is None else len(ids))
            ):
                texts += [None] * (len(ids) - len(texts))
                return Listed(total, following, ids, texts, moments)
            case _:
                raise self._server.unexpected(reply, writes=False)

    async def purge(self, before: datetime) -> int:
        self._check_open()
        moment = microseconds(check_moment(before))
        removed = 0
        for part in self.parts:
            run_again = 1
            while run_again:
                try:
                    match await part._run_on_whole_indexes(PURGE, _SWEPT_AT_ONCE, moment):  # noqa: SLF001  of this class
                        case [0 | 1 as run_again, int(count)]:
                            removed += count
                        case reply:
                            raise self._server.unexpected(reply, writes=True)
                except StoreUnavailable as error:
                    error.write_may_have_happened |= bool(removed)  # a request before this one did
                    raise
        return removed

    async def restore(self, task: Task, *, lifetime: timedelta | None = None) -> None:
        """As in the contract; `lifetime` is how long the task lives from now on, if not as long as a new one."""
        self._check_open()
        task = check_task(task)
        life_ms = self._lifetime_ms if lifetime is None else check_lifetime(lifetime)
        created = microseconds(task.created_at)
        completed = "" if task.completed_at is None else microseconds(task.completed_at)
        tail = record.tail(task.task_id, task.video_ids, task.metadata_json)
        form = created, completed, record.head_of(task), record.times_of(task), tail, "", "", ""
        was_there, _ = await self._insert(task.task_id, task.status, *form, life_ms=life_ms)
        if was_there:
            raise TaskExists(task.task_id)

    async def ping(self) -> None:
        """Send PING to every partition.

        Raises:
            StoreUnavailable: if one does not answer.
        """
        self._check_open()
        await together(part.server.read("PING") for part in self.parts)

    async def rebuild_indexes(self, until: float | None = None) -> None:
        """Fill the indexes from the records, until a moment of the loop's clock at most (default: that of any call).

        Other callers may write meanwhile, or do the same: a listing that comes before the end fills them too.

        Raises:
            StoreUnavailable: if the server fails, or time is up: the next call of this store goes on from there.
        """
        self._check_open()
        token = await self._run(REBUILD, self._lifetime_ms, "begin", until=until)
        if type(token) is not bytes:
            raise self._server.unexpected(token, writes=False)
        key = self._key("")
        bounds = self._lifetime_ms, "add", record.MAX_RECORD_BYTES, _READ_AT_ONCE
        if self._filled[0] != token:
            self._filled = token, b"0"
        cursor = self._filled[1]
        while True:
            cursor, keys = await self._server.scan(cursor, key, until)
            ids = [one.decode(errors="replace").removeprefix(key) for one in keys]
            while ids:
                done = await self._run(REBUILD, *bounds, *ids[:_SWEPT_AT_ONCE], until=until)
                if type(done) is not int or done < 1:
                    raise self._server.unexpected(done, writes=False)
                ids = ids[done:]
            self._filled = token, cursor
            if cursor == b"0":
                break
        await self._run(REBUILD, self._lifetime_ms, "end", token, until=until)

    async def claim(self, partitions: int, *, record: bool = True) -> None:
        """Check that the tasks of this prefix are in so many partitions, and record it where nothing says it yet.

        Raises:
            SettingsInvalid: if they are in another number.
            StoreUnavailable: if the server fails.
        """
        if (there := await self.recorded(partitions if record else 0)) not in (0, partitions):
            advice = f"set it to {there}, or copy them to another prefix with `taskstore migrate`"
            reason = f"is {partitions}, but the tasks under this prefix are in {there}: {advice}"
            raise SettingsInvalid((("TASK_PARTITIONS", reason),))

    async def recorded(self, partitions: int = 0) -> int:
        """In how many partitions the tasks of this prefix are; if there are none, record `partitions` and return it."""
        match await self._run(CLAIM, partitions):
            case bytes(number) if number.isdigit() and len(number) < 10:  # noqa: PLR2004  there are 1,024 at most
                return int(number)
            case reply:
                raise self._server.unexpected(reply, writes=False)

    async def aclose(self) -> None:
        if self._closed:
            return
        await super().aclose()
        if self._loop in {None, asyncio.get_running_loop()}:
            self._close()
            await asyncio.sleep(0)  # the turn of the loop in which sockets are closed
        else:
            with contextlib.suppress(RuntimeError):  # that loop is closed, and nothing goes over its connections
                self._loop.call_soon_threadsafe(self._close)

    @property
    def parts(self) -> list[RedisTaskStore]:
        """The partitions: this one."""
        return [self]

    def part_of(self, task_id: str) -> RedisTaskStore:
        """The partition of a task."""
        return self

    @property
    def base(self) -> str:
        """What all keys of the partition begin with."""
        return self._base

    @property
    def server(self) -> Server:
        """The server, or the node of a cluster, that has the tasks."""
        return self._server

    def _close(self) -> None:
        for part in self.parts:
            part.server.close()

    def _key(self, task_id: str) -> str:
        return f"{self._base}:task:{task_id}"

    def _task(self, task_id: str, text: bytes) -> Task:
        """The task in a record. One that has not changed since it was last read need not be read again."""
        known = self._remembered.get(task_id)
        if known is not None and known[0] == text:
            return known[1]
        try:
            task = record.decode(text, task_id)
        except record.NotARecordError as fault:
            raise RecordUnreadable(self._key(task_id), str(fault)) from None
        if len(text) <= _REMEMBERED_BYTES:
            self._remembered[task_id] = text, task
            if len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)
        return task

    def _written(self, task_id: str, text: bytes) -> Task:
        """The task that a script says it has written."""
        try:
            return self._task(task_id, text)
        except RecordUnreadable:
            raise self._server.unexpected(text, writes=True) from None

    async def _read(self, task_id: str, until: float) -> Task | None:
        """The task, or `None` if there is none.

        GETRANGE gives an empty text for a key that is not there and for an empty value; EXISTS tells them apart. The
        task may be created between the two requests, so a value is empty only if it is so twice.
        """
        key = self._key(task_id)
        for _ in range(2):
            text = await self._server.read("GETRANGE", key, 0, record.MAX_RECORD_BYTES, unreadable=key, until=until)
            if text != b"":
                break
            there = await self._server.read("EXISTS", key, until=until)
            if there == 0:
                return None
            if there != 1:
                raise self._server.unexpected(there, writes=False)
        if type(text) is not bytes:
            raise self._server.unexpected(text, writes=False)
        return self._task(task_id, text)

    async def _check_reachable(self, until: float) -> None:
        """Ask the server, which has no task of a text that cannot be encoded.

        Raises:
            StoreUnavailable: if it does not answer.
        """
        await self._server.read("EXISTS", self._key(""), until=until)

    async def _read_all(self, ids: Sequence[str], until: float) -> list[Task | BaseException | None]:
        """What reading each came to, an exception included."""
        found: list[Task | BaseException | None] = []
        for first in range(0, len(ids), _READ_TOGETHER):
            some = (self._read(task_id, until) for task_id in ids[first : first + _READ_TOGETHER])
            found += await asyncio.gather(*some, return_exceptions=True)
        return found

    async def _run(self, script: Script, *arguments: str | bytes | int, until: float | None = None) -> Any:
        return await self._server.run(script, self._base, *arguments, until=until)

    async def _run_on_whole_indexes(self, script: Script, *arguments: str | int, until: float | None = None) -> Any:
        """Run a script, and once more if it finds that indexes are missing, when they have been filled anew."""
        reply = await self._run(script, *arguments, until=until)
        if reply == _INDEXES_MISSING:
            await self.rebuild_indexes(until)
            reply = await self._run(script, *arguments, "filled", until=until)
            if reply == _INDEXES_MISSING:
                detail = "it evicts the indexes of the listings: set its maxmemory-policy to noeviction"
                raise StoreUnavailable(self._server.address, FailureKind.OUT_OF_MEMORY, False, detail)
        return reply

    async def _insert(
        self, task_id: str, status: TaskStatus, *form: str | int, life_ms: int | None = None
    ) -> tuple[bool, bytes]:
        """Whether a task of this id was there, and its record or the new one."""
        life_ms = life_ms or self._lifetime_ms
        match await self._run(INSERT, _SWEPT_PER_WRITE, life_ms, task_id, status.value, *form):
            case [b"ok" | b"exists" as verdict, bytes(text)]:
                return verdict == b"exists", text
            case reply:
                raise self._failure(task_id, reply)

    async def _apply(self, task_id: str, change: Change) -> Task:
        until = self._server.deadline()
        if not is_encodable(task_id):
            await self._check_reachable(until)
            raise TaskNotFound(task_id)
        read = MAX_BYTES, task_id, record.MAX_RECORD_BYTES
        known = self._remembered[task_id][0] if task_id in self._remembered else b""
        while True:
            match await self._run(
                UPDATE, _SWEPT_PER_WRITE, self._lifetime_ms, *read, known, *change.as_json(), self._waits, until=until
            ):
                case [b"ok", bytes(text)]:
                    return self._written(task_id, text)
                case [b"doubtful", bytes(text)]:
                    self._task(task_id, text)
                    known = text
                case [b"missing"]:
                    raise TaskNotFound(task_id)
                case [b"final", bytes(status)] if status in record.STATUSES:
                    raise TaskFinal(task_id, record.STATUSES[status])
                case [b"large", int(size)]:
                    raise too_large(size)
                case reply:
                    raise self._failure(task_id, reply)

    def _failure(self, task_id: str, reply: object) -> TaskStoreError:
        match reply:
            case [b"unreadable", bytes(reason)]:
                return RecordUnreadable(self._key(task_id), reason.decode(errors="replace"))
            case _:
                return self._server.unexpected(reply, writes=True)


async def together(calls: Iterable[Awaitable[_Result]]) -> list[_Result]:
    """Make calls at once, and return their results. The first exception is raised when all have ended."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results  # type: ignore[return-value]  # no exception is among them
