"""Redis mode: one request per operation, decided on the server by the scripts in `lua/`.

Get is a plain GET. Every other operation is one script, so it takes effect at one instant, on the server's clock. A
listing is a look-up by rank, and takes the same time for a hundred tasks and a million. Of a very large page the script
gives the first records, and the others are read one by one.
"""

from __future__ import annotations

import asyncio
import re
from datetime import datetime, timedelta
from typing import Any, Self

from taskstore.arguments import (
    Change,
    check_change,
    check_lifetime,
    check_moment,
    check_page,
    check_request,
    check_status,
    check_task,
    check_task_id,
    new_task_id,
    too_large,
)
from taskstore.contract import MAX_BYTES
from taskstore.errors import (
    InvalidArgument,
    RecordUnreadable,
    StoreUnavailable,
    TaskExists,
    TaskFinal,
    TaskNotFound,
    Trouble,
)
from taskstore.json_text import is_encodable
from taskstore.redis import record
from taskstore.redis.scripts import INSERT, LIST, PURGE, REBUILD, UPDATE, Script
from taskstore.redis.server import Server
from taskstore.session import Session
from taskstore.status import TaskStatus
from taskstore.values import Task, TaskCreateRequest, TaskPage

DEFAULT_PREFIX = "taskstore"
DEFAULT_LIFETIME = timedelta(days=7)

_SWEPT_PER_WRITE = 100
_SWEPT_AT_ONCE = 250
_READ_AT_ONCE = 1024 * 1024
"""Bytes of records after which a script reads no further one."""
_READ_TOGETHER = 8
"""Records that are requested one by one, before the first has come."""
_INDEXES_MISSING = 2


class RedisTaskStore:
    """A task store in Redis 6.2 or later, or Valkey: persistent, shared by all that name the same server and prefix.

    Takes over `server` (from `connect`). All keys begin with `{prefix:0}:`; a task is gone `lifetime`
    (from a second to a hundred years) after the last write to it.
    """

    def __init__(
        self,
        server: Server,
        *,
        prefix: str = DEFAULT_PREFIX,
        lifetime: timedelta = DEFAULT_LIFETIME,
    ) -> None:
        if not prefix or not is_encodable(prefix) or set("{}") & set(prefix):
            raise InvalidArgument("prefix", "must be text without braces, and not empty")
        self._base = f"{{{prefix}:0}}"
        self._lifetime_ms = check_lifetime(lifetime)
        self._server = server
        self._session = Session()

    async def create_task(self, request: TaskCreateRequest) -> Task:
        self._session.check()
        video_ids, metadata = check_request(request)
        task_id = new_task_id()
        return await self._insert(
            task_id, TaskStatus.PENDING, "", "", record.NEW_HEAD, "", record.tail(task_id, video_ids, metadata)
        )

    async def get_task(self, task_id: str) -> Task:
        self._session.check()
        if not is_encodable(check_task_id(task_id)):
            raise TaskNotFound(task_id)
        key = self._key(task_id)
        reply = await self._server.read("GET", key, unreadable=key)
        if reply is None:
            raise TaskNotFound(task_id)
        return self._decode(task_id, reply)

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        self._session.check()
        wanted = "" if status is None else check_status(status).value
        place = check_page(limit, offset, after) or ("", "")
        arguments = (_SWEPT_AT_ONCE, wanted, limit, offset, *place, record.MAX_RECORD_BYTES, _READ_AT_ONCE)
        run_again = 1
        while run_again:
            run_again, *page = await self._run_on_whole_indexes(LIST, *arguments)
        total, following, ids, texts = page
        task_ids = [task_id.decode() for task_id in ids]
        tasks: list[Task] = []
        unreadable: list[str] = []
        done = 0
        while True:
            for task_id, text in zip(task_ids[done:], texts, strict=False):
                try:
                    tasks += [] if text is None else [record.decode(text)]
                except record.NotARecordError:
                    unreadable.append(self._key(task_id))
            done += len(texts)
            if done == len(task_ids):
                break
            texts = await asyncio.gather(*map(self._read_record, task_ids[done : done + _READ_TOGETHER]))
        return TaskPage(
            tasks=tuple(tasks),
            total=total,
            limit=limit,
            offset=offset,
            unreadable=tuple(unreadable),
            next=following.decode() or None,
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
        return await self._apply(check_task_id(task_id), change)

    async def cancel_task(self, task_id: str) -> Task:
        self._session.check()
        return await self._apply(check_task_id(task_id), Change(TaskStatus.CANCELLED))

    async def purge(self, before: datetime) -> int:
        self._session.check()
        moment = record.microseconds(check_moment(before))
        removed, run_again = 0, 1
        while run_again:
            try:
                run_again, count = await self._run_on_whole_indexes(PURGE, _SWEPT_AT_ONCE, moment)
            except StoreUnavailable as error:
                error.write_may_have_happened |= bool(removed)  # a request before this one did
                raise
            removed += count
        return removed

    async def restore(self, task: Task) -> None:
        self._session.check()
        check_task(task)
        created = record.microseconds(task.created_at)
        completed = "" if task.completed_at is None else record.microseconds(task.completed_at)
        await self._insert(
            task.task_id,
            task.status,
            created,
            completed,
            record.head_of(task),
            record.times_of(task),
            record.tail(task.task_id, task.video_ids, task.metadata_json),
        )

    async def ping(self) -> None:
        """Ask the server for a sign of life.

        Raises:
            StoreUnavailable: if it gives none.
        """
        self._session.check()
        await self._server.read("PING")

    async def aclose(self) -> None:
        if self._session.close():
            await self._server.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _key(self, task_id: str) -> str:
        return f"{self._base}:task:{task_id}"

    def _decode(self, task_id: str, text: bytes) -> Task:
        try:
            return record.decode(text)
        except record.NotARecordError as fault:
            raise RecordUnreadable(self._key(task_id), str(fault)) from None

    async def _run(self, script: Script, *arguments: str | int) -> Any:
        return await self._server.run(script, self._base, *arguments)

    async def _run_on_whole_indexes(self, script: Script, *arguments: str | int) -> Any:
        """Run a script, and once more if it finds that indexes are missing, when they have been filled anew."""
        reply = await self._run(script, *arguments)
        if reply[0] == _INDEXES_MISSING:
            await self._rebuild()
            reply = await self._run(script, *arguments)
            if reply[0] == _INDEXES_MISSING:
                detail = "it evicts the indexes of the listings: set its maxmemory-policy to noeviction"
                raise StoreUnavailable(self._server.address, Trouble.OUT_OF_MEMORY, False, detail)
        return reply

    async def _rebuild(self) -> None:
        """Fill the indexes from the records. Other callers may write meanwhile, or do the same."""
        token = (await self._run(REBUILD, self._lifetime_ms, "begin")).decode()
        key = self._key("")
        pattern = re.sub(r"([*?\[\]\\])", r"\\\1", key) + "*"
        cursor = "0"
        while True:
            found, keys = await self._server.read("SCAN", cursor, "MATCH", pattern, "COUNT", "1000")
            ids = [one.decode(errors="replace").removeprefix(key) for one in keys]
            while ids:
                bounds = (record.MAX_RECORD_BYTES, _READ_AT_ONCE)
                done = await self._run(REBUILD, self._lifetime_ms, "add", *bounds, *ids[:_SWEPT_AT_ONCE])
                ids = ids[done:]
            if (cursor := found.decode()) == "0":
                break
        await self._run(REBUILD, self._lifetime_ms, "end", token)

    async def _read_record(self, task_id: str) -> bytes | None:
        """Return what is stored for a task, `None` if nothing is, and no record if it is not a string."""
        key = self._key(task_id)
        try:
            text: bytes = await self._server.read("GETRANGE", key, "0", str(record.MAX_RECORD_BYTES), unreadable=key)
        except RecordUnreadable:
            return b""
        return text if text or await self._server.read("EXISTS", key) else None

    async def _insert(self, task_id: str, status: TaskStatus, *form: str | int) -> Task:
        verdict, *rest = await self._run(INSERT, _SWEPT_PER_WRITE, self._lifetime_ms, task_id, status.value, *form)
        if verdict == b"exists":
            raise TaskExists(task_id)
        return self._decode(task_id, rest[0])

    async def _apply(self, task_id: str, change: Change) -> Task:
        if not is_encodable(task_id):
            raise TaskNotFound(task_id)
        verdict, *rest = await self._run(
            UPDATE, _SWEPT_PER_WRITE, self._lifetime_ms, MAX_BYTES, task_id, *change.as_json()
        )
        match verdict:
            case b"ok":
                return self._decode(task_id, rest[0])
            case b"missing":
                raise TaskNotFound(task_id)
            case b"final":
                raise TaskFinal(task_id, TaskStatus(rest[0].decode()))
            case b"large":
                raise too_large(int(rest[0]))
            case _:
                raise RecordUnreadable(self._key(task_id), rest[0].decode())
