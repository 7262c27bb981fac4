"""A task store in one SQLite file, by the standard library alone, and its harness.

What the suite found: the requirements of a task's life, of atomicity and of durability are kept. The store trusts
the types that its callers promise, and counts no bytes. A text or a number that SQLite cannot hold raises
Python's own `UnicodeEncodeError` or `OverflowError`.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import ValidationError

from conformance import Capability, Harness
from taskstore import (
    MAX_LIMIT,
    MAX_OFFSET,
    InvalidArgument,
    StoreNotOpen,
    Task,
    TaskCreateRequest,
    TaskFinal,
    TaskNotFound,
    TaskPage,
    TaskStatus,
)

_Answer = TypeVar("_Answer")
_PATIENCE = 30
"""Seconds that a call waits for another one's transaction."""

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS tasks (
        task_id TEXT PRIMARY KEY,
        status TEXT NOT NULL,
        progress REAL NOT NULL,
        current_step TEXT NOT NULL,
        video_ids TEXT NOT NULL,  -- JSON
        result_url TEXT,
        error_message TEXT,
        error_traceback TEXT,
        metadata TEXT NOT NULL,  -- JSON
        created_at TEXT NOT NULL,  -- ISO 8601, UTC, always with microseconds: the order of texts is that of times
        updated_at TEXT NOT NULL,
        completed_at TEXT
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS newest ON tasks (created_at DESC, task_id DESC);
    CREATE INDEX IF NOT EXISTS newest_by_status ON tasks (status, created_at DESC, task_id DESC);
"""
_WRITE = """
    REPLACE INTO tasks VALUES (
        :task_id, :status, :progress, :current_step, :video_ids, :result_url, :error_message, :error_traceback,
        :metadata, :created_at, :updated_at, :completed_at
    )
"""
_FIND = "SELECT * FROM tasks WHERE task_id = ?"
_COUNT = "SELECT count(*) FROM tasks WHERE :status IS NULL OR status = :status"
_PAGE = """
    SELECT * FROM tasks WHERE :status IS NULL OR status = :status
    ORDER BY created_at DESC, task_id DESC LIMIT :limit OFFSET :offset
"""


class SqliteTaskStore:
    """Tasks in one file, for every process that opens it; they stay until the file goes.

    Each call has a connection and a transaction of its own, in a thread: a call that is cancelled leaves nothing behind
    that the next one could meet.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._open = False

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._prepare)
        self._open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self._open = False

    async def create_task(self, request: TaskCreateRequest, *, task_id: str | None = None) -> Task:
        """Insert a row. This store gives ids itself, and does not declare `CALLER_IDS`."""
        if task_id is not None:
            raise InvalidArgument("task_id", "cannot be chosen here")

        def create(connection: sqlite3.Connection) -> Task:
            now = datetime.now(UTC)
            fields = {
                "task_id": f"task_{secrets.token_hex(16)}",
                "status": TaskStatus.PENDING,
                "progress": 0,
                "current_step": "",
                "video_ids": request.video_ids,
                "metadata": {"webhook_url": request.webhook_url, "config": request.config},
                "created_at": now,
                "updated_at": now,
            }
            task = _valid(fields)
            connection.execute(_WRITE, _row(task))
            return task

        return await self._in_transaction(create)

    async def get_task(self, task_id: str) -> Task:
        """Read a row."""
        return await self._in_transaction(lambda connection: _find(connection, task_id), "BEGIN")

    async def list_tasks(self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0) -> TaskPage:
        """Read the page and the total from one snapshot."""
        if not 0 <= limit <= MAX_LIMIT:
            raise InvalidArgument("limit", f"must be from 0 to {MAX_LIMIT}")
        if not 0 <= offset <= MAX_OFFSET:
            raise InvalidArgument("offset", f"must be from 0 to {MAX_OFFSET}")

        def read(connection: sqlite3.Connection) -> TaskPage:
            asked = {"status": status, "limit": limit, "offset": offset}
            (total,) = connection.execute(_COUNT, asked).fetchone()
            tasks = tuple(map(_task, connection.execute(_PAGE, asked)))
            return TaskPage(tasks=tasks, total=total, limit=limit, offset=offset)

        return await self._in_transaction(read, "BEGIN")

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
        """Read a row, change it and write it, with the file locked."""
        if status == TaskStatus.COMPLETED:
            if progress not in (None, 100):
                raise InvalidArgument("progress", "must be 100 when the status is completed")
            progress = 100
        if status != TaskStatus.FAILED and not error_message is error_traceback is None:
            raise InvalidArgument("error_message", "goes with the status failed only")
        given = {
            "progress": progress,
            "current_step": current_step,
            "result_url": result_url,
            "error_message": error_message,
            "error_traceback": error_traceback,
        }

        def update(connection: sqlite3.Connection) -> Task:
            before = _find(connection, task_id)
            changed = {name: value for name, value in given.items() if value is not None}
            after = _valid({**before.model_dump(), **changed, "status": status})
            if before.status.is_final:
                if after != before:
                    raise TaskFinal(task_id, before.status)
                return before
            now = datetime.now(UTC)
            times = {"updated_at": now, "completed_at": now if after.status.is_final else None}
            after = after.model_copy(update=times)
            connection.execute(_WRITE, _row(after))
            return after

        return await self._in_transaction(update)

    async def cancel_task(self, task_id: str) -> Task:
        """Update to cancelled."""
        return await self.update_task_status(task_id, TaskStatus.CANCELLED)

    async def _in_transaction(
        self, work: Callable[[sqlite3.Connection], _Answer], begin: str = "BEGIN IMMEDIATE"
    ) -> _Answer:
        if not self._open:
            raise StoreNotOpen("the store is closed")

        def run() -> _Answer:
            with closing(self._connect()) as connection:
                connection.execute(begin)
                with connection:  # commits, or rolls back when `work` raises
                    return work(connection)

        return await asyncio.to_thread(run)

    def _prepare(self) -> None:
        with closing(self._connect()) as connection:
            connection.execute("PRAGMA journal_mode = WAL")  # who reads does not wait for who writes
            connection.executescript(_SCHEMA)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, timeout=_PATIENCE, isolation_level=None)  # we say BEGIN ourselves
        connection.row_factory = sqlite3.Row
        return connection


def _find(connection: sqlite3.Connection, task_id: str) -> Task:
    row = connection.execute(_FIND, (task_id,)).fetchone()
    if row is None:
        raise TaskNotFound(task_id)
    return _task(row)


def _task(row: sqlite3.Row) -> Task:
    return Task.model_validate(
        {**dict(row), "video_ids": json.loads(row["video_ids"]), "metadata": json.loads(row["metadata"])}
    )


def _row(task: Task) -> dict[str, Any]:
    times = {name: getattr(task, name) for name in ("created_at", "updated_at", "completed_at")}
    return {
        **task.model_dump(),
        "video_ids": json.dumps(task.video_ids),
        "metadata": task.metadata_json,
        **{name: time and time.isoformat(timespec="microseconds") for name, time in times.items()},
    }


def _valid(fields: Mapping[str, Any]) -> Task:
    try:
        return Task.model_validate(fields)
    except ValidationError as fault:
        first = fault.errors()[0]
        raise InvalidArgument(str(first["loc"][0]), first["msg"]) from None


class SqliteHarness(Harness):
    """A file for each namespace."""

    capabilities = frozenset({Capability.PERSISTENT, Capability.SHARED})

    def open(self, namespace: str) -> SqliteTaskStore:
        """A store on the file of that name."""
        return SqliteTaskStore(Path(tempfile.gettempdir(), f"{namespace}.sqlite3"))

    def discard(self, namespace: str) -> None:
        """Remove the file, and what SQLite keeps beside it."""
        for file in Path(tempfile.gettempdir()).glob(f"{namespace}.sqlite3*"):
            file.unlink()
