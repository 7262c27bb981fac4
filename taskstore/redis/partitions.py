"""A partition: the tasks whose keys have one hash tag, on the server that has this tag. A store has one or more.

Get is one HMGET. Every other operation is one script, so it takes effect at one instant, on the server's clock. A
listing is a look-up by rank, and takes the same time for a hundred tasks and a million.
"""

from collections.abc import Awaitable, Sequence
from copy import copy
from typing import Any, TypeAlias
from zlib import crc32

from taskstore.arguments import Change, too_large
from taskstore.contract import MAX_BYTES, MAX_LIMIT
from taskstore.errors import RecordUnreadable, StoreUnavailable, TaskFinal, TaskNotFound
from taskstore.redis import record
from taskstore.redis.scripts import EXAMINE, INSERT, LIST, PURGE, UPDATE, Script
from taskstore.redis.server import Server
from taskstore.values import Task, microseconds

_READ_AT_ONCE = 1024 * 1024
"""Bytes of records after which a script reads no further one."""
_AGAIN = [b"again"]

Listed: TypeAlias = tuple[int, bool, list[tuple[int, str, Any]]]
"""How many tasks an index has, whether it goes on behind the page, and the page: of each task the microsecond of its
creation, its id, and what was read of its record, `None` if nothing was."""


def partition_of(task_id: str, partitions: int) -> int:
    """The number of the partition that has a task, from 0. The form of the stored data depends on it."""
    return crc32(_bytes(task_id)) % partitions


class Partition:
    """Sends the requests about the tasks of one hash tag, and says what the replies mean."""

    def __init__(self, server: Server, base: str, lifetime_ms: int) -> None:
        """`base` is what all keys begin with."""
        self.base = base
        self.server = copy(server)  # in a cluster it remembers the node of this partition
        self.lifetime_ms = lifetime_ms
        self._waits = int(server.waits)

    def key(self, task_id: str) -> str:
        """The key of a record."""
        return f"{self.base}:task:{task_id}"

    def decode(self, task_id: str, values: list[Any], *, written: bool = False) -> Task:
        """Make the task of the values of its record, or raise `RecordUnreadable`; it says if they may be `written`."""
        try:
            return record.decode(values, task_id)
        except ValueError as fault:
            raise RecordUnreadable(self.key(task_id), str(fault), written) from None

    async def get(self, task_id: str, until: float | None = None) -> Task:
        """Return a task, of any text as id."""
        server = self.server
        key = self.key(task_id)
        values = await self.of_type("hash", key, server.read("HMGET", _bytes(key), *record.FIELDS, until=until))
        if values == record.ABSENT:
            raise TaskNotFound(task_id)
        if type(values) is not list or len(values) != len(record.FIELDS):
            raise server.unexpected(values, writes=False)
        return self.decode(task_id, values)

    async def insert(self, task: Task, lifetime_ms: int) -> tuple[bool, Any]:
        """Store a task if its id is free. Return whether it was, and its time, or the values of the other."""
        times = [microseconds(time) if time else "" for time in (task.created_at, task.completed_at)]
        given = lifetime_ms, task.status, *times, self._waits, *record.encode(vars(task))
        is_new, answer = await self._run_on(task.task_id, INSERT, *given)
        try:
            return is_new, record.moment(answer) if is_new else answer
        except Exception:  # noqa: BLE001  it may be anything
            raise self.server.unexpected(answer, writes=True) from None

    async def update(self, task_id: str, change: Change) -> Task:
        """Make a checked change of a task, and return what results."""
        pairs = record.encode(change)
        _, values = await self._run_on(task_id, UPDATE, self.lifetime_ms, MAX_BYTES, self._waits, *pairs)
        return self.decode(task_id, values, written=True)

    async def page(
        self,
        status: str,
        limit: int,
        offset: int,
        place: tuple[int | str, str] = ("", ""),
        until: float | None = None,
        read: int = MAX_LIMIT,
    ) -> Listed:
        """Return a page of the tasks of a status (of any, if empty), with no more records than `read`."""
        wanted = status, limit, offset, *place, read, _READ_AT_ONCE
        reply: Any = _AGAIN
        while reply == _AGAIN:
            reply = await self.server.run(LIST, self.base, *wanted, until=until)
        try:
            total, further, entries, records = reply
            moments = map(int, entries[1::2])
            ids = [task_id.decode(errors="replace") for task_id in entries[::2]]
            return total, further > 0, [*zip(moments, ids, records, strict=True)]
        except (AttributeError, TypeError, ValueError):
            raise self.server.unexpected(reply, writes=False) from None

    async def purge(self, before: int) -> tuple[int, bool]:
        """Remove some final tasks completed before a microsecond. Return how many, and whether there may be more."""
        match await self.server.run(PURGE, self.base, before):
            case [int(count), bytes(more)]:
                return count, bool(more)
            case reply:
                raise self.server.unexpected(reply, writes=True)

    async def examine(self, ids: Sequence[str], *, repair: bool = False) -> list[str]:
        """Return those of these ids whose index entries do not agree with the record, or with its absence.

        With `repair` the entries are mended. What agrees is not changed.
        """
        match await self.server.run(EXAMINE, self.base, self.lifetime_ms, int(repair), *ids):
            case [b"ok", [*wrong]]:
                return [task_id.decode(errors="replace") for task_id in wrong]
            case reply:
                raise self.server.unexpected(reply, writes=repair)

    async def of_type(self, kind: str, key: str, reply: Awaitable[Any]) -> Any:
        """Await a reply about a key, or raise `RecordUnreadable` if the key is of another type."""
        try:
            return await reply
        except StoreUnavailable as error:
            if "WRONGTYPE" in error.detail and not error.write_may_have_happened:
                raise RecordUnreadable(key, f"it is not a {kind}") from None
            raise

    async def _run_on(self, task_id: str, script: Script, *arguments: str | int) -> tuple[bool, Any]:
        """Run a script on the record of a task. Return false if the task exists already, and its answer."""
        running = self.server.run(script, self.base, _bytes(task_id), *arguments)
        reply = await self.of_type("hash", self.key(task_id), running)
        match reply:
            case [b"ok" | b"exists" as verdict, answer]:
                return verdict == b"ok", answer
            case [b"missing", _]:
                raise TaskNotFound(task_id)
            case [b"unreadable", _]:
                raise RecordUnreadable(self.key(task_id), "a field is missing or malformed")
            case [b"final", bytes(status)] if status in record.STATUSES:
                raise TaskFinal(task_id, record.STATUSES[status])
            case [b"large", int(size)]:
                raise too_large(size)
            case _:
                raise self.server.unexpected(reply, writes=True)


def _bytes(text: str) -> bytes:
    """The UTF-8 form of an id or a key. Of a lone surrogate it is one that no stored id has."""
    return text.encode(errors="surrogatepass")
