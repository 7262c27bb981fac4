"""Jobs in one SQLite file, by the standard library alone, and what points the suite at them: an adapter and a harness.

The store knows nothing of the suite. What the suite found: the requirements of a task's life, of atomicity and of
durability are kept. The store trusts the types that its callers promise, counts no bytes, and keeps a config that is no
JSON as something else. A text or a number that SQLite cannot hold raises Python's own `UnicodeEncodeError` or
`OverflowError`.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, TypeAlias, TypeVar

from conformance import Capability, Harness
from conformance.adapter import Adapter, Call, Raise
from taskstore import InvalidArgument, StoreNotOpen, TaskFinal, TaskNotFound, TaskStatus

Job: TypeAlias = dict[str, Any]
_Answer = TypeVar("_Answer")
_STATES = ("queued", "analyzing", "llm_pass1", "llm_pass2", "clipping", "uploading", "done", "failed", "cancelled")
_LAST = _STATES[-3:]
# `videos` and `options` are JSON. Times are ISO 8601 in UTC, with microseconds: the order of texts is that of times.
_SCHEMA = """
    CREATE TABLE IF NOT EXISTS jobs (
        id TEXT PRIMARY KEY, state TEXT NOT NULL, percent REAL NOT NULL, step TEXT NOT NULL,
        videos TEXT NOT NULL, options TEXT NOT NULL, hook TEXT, result TEXT, error TEXT, trace TEXT,
        created TEXT NOT NULL, changed TEXT NOT NULL, ended TEXT
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS newest ON jobs (created DESC, id DESC);
    CREATE INDEX IF NOT EXISTS newest_by_state ON jobs (state, created DESC, id DESC);
"""
_WRITE = """
    REPLACE INTO jobs VALUES (
        :id, :state, :percent, :step, :videos, :options, :hook, :result, :error, :trace, :created, :changed, :ended
    )
"""
_COUNT = "SELECT count(*) FROM jobs WHERE :state IS NULL OR state = :state"
_PAGE = """
    SELECT * FROM jobs WHERE :state IS NULL OR state = :state ORDER BY created DESC, id DESC LIMIT :count OFFSET :start
"""


class JobOverError(Exception):
    """The job has ended, and cannot be changed."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"{job['id']} is {job['state']}")
        self.state = job["state"]


class BadValueError(Exception):
    """A value cannot be stored."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is wrong")
        self.name = name


class ClosedError(Exception):
    """The store is closed."""


class Jobs:
    """Jobs in one file, for every process that opens it; they stay until the file goes.

    Each call has a connection and a transaction of its own, in a thread: a call that is cancelled leaves nothing behind
    that the next one could meet.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._open = False

    async def __aenter__(self) -> Self:
        with closing(self._connect()) as connection:
            connection.execute("PRAGMA journal_mode = WAL")  # who reads does not wait for who writes
            connection.executescript(_SCHEMA)
        self._open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self._open = False

    async def add(self, videos: list[str], options: Any = None, hook: str | None = None) -> Job:
        """Insert a row."""
        if not videos:
            raise BadValueError("videos")

        def insert(connection: sqlite3.Connection) -> Job:
            now, empty = _now(), dict.fromkeys(("result", "error", "trace", "ended"))
            job = {"id": f"task_{secrets.token_hex(16)}", "state": "queued", "percent": 0.0, "step": "", **empty}
            job |= {"videos": videos, "options": options, "hook": hook, "created": now, "changed": now}
            return _write(connection, job)

        return await self._in_transaction(insert)

    async def find(self, job_id: str) -> Job:
        """Read a row."""
        return await self._in_transaction(lambda connection: _read(connection, job_id), "BEGIN")

    async def page(self, state: str | None = None, count: int = 50, start: int = 0) -> dict[str, Any]:
        """Read some rows, newest first, and the total, from one snapshot."""
        if not 0 <= count <= 1_000:  # noqa: PLR2004
            raise BadValueError("count")
        if not 0 <= start <= 10**12:
            raise BadValueError("start")
        asked = {"state": state, "count": count, "start": start}

        def read(connection: sqlite3.Connection) -> dict[str, Any]:
            (total,) = connection.execute(_COUNT, asked).fetchone()
            return {**asked, "jobs": [*map(_job, connection.execute(_PAGE, asked))], "total": total}

        return await self._in_transaction(read, "BEGIN")

    async def change(self, job_id: str, state: str, **changes: Any) -> Job:
        """Read a row, change it and write it, with the file locked."""
        if state not in _STATES:
            raise BadValueError("state")
        if not 0 <= changes.get("percent", 0) <= 100 or (state == "done" and changes.get("percent", 100) != 100):  # noqa: PLR2004
            raise BadValueError("percent")
        if state != "failed" and (wrong := changes.keys() & {"error", "trace"}):
            raise BadValueError(wrong.pop())
        changes |= {"state": state, **({"percent": 100.0} if state == "done" else {})}

        def update(connection: sqlite3.Connection) -> Job:
            before = _read(connection, job_id)
            after, now = before | changes, _now()
            if before["state"] not in _LAST:
                return _write(connection, {**after, "changed": now, "ended": now if state in _LAST else None})
            if after != before:
                raise JobOverError(before)
            return before

        return await self._in_transaction(update)

    async def _in_transaction(
        self, work: Callable[[sqlite3.Connection], _Answer], begin: str = "BEGIN IMMEDIATE"
    ) -> _Answer:
        if not self._open:
            raise ClosedError

        def run() -> _Answer:
            with closing(self._connect()) as connection:
                connection.execute(begin)
                with connection:  # commits, or rolls back when `work` raises
                    return work(connection)

        return await asyncio.to_thread(run)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, timeout=30, isolation_level=None)  # we say BEGIN ourselves
        connection.row_factory = sqlite3.Row
        return connection


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _read(connection: sqlite3.Connection, job_id: str) -> Job:
    row = connection.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
    if row is None:
        raise LookupError(job_id)
    return _job(row)


def _write(connection: sqlite3.Connection, job: Job) -> Job:
    connection.execute(_WRITE, {**job, "videos": json.dumps(job["videos"]), "options": json.dumps(job["options"])})
    return _read(connection, job["id"])


def _job(row: sqlite3.Row) -> Job:
    return {**dict(row), "videos": json.loads(row["videos"]), "options": json.loads(row["options"])}


# What points the suite at it.


def _time(name: str) -> Callable[[Job], datetime | None]:
    return lambda job: job[name] and datetime.fromisoformat(job[name])


_FIELDS = {"progress": "percent", "current_step": "step", "result_url": "result"}
_FIELDS |= {"error_message": "error", "error_traceback": "trace"}
JOBS = Adapter(
    calls={
        "create_task": Call("add", "video_ids", options="config", hook="webhook_url"),
        "get_task": Call("find", "task_id"),
        "list_tasks": Call("page", state="status", count="limit", start="offset"),
        "update_task_status": Call("change", "task_id", "status", **{own: ours for ours, own in _FIELDS.items()}),
        "cancel_task": lambda jobs, task_id: jobs.change(task_id, "cancelled"),
    },
    task={
        **_FIELDS,
        "task_id": "id",
        "status": "state",
        "video_ids": "videos",
        "config": "options",
        "webhook_url": "hook",
        "created_at": _time("created"),
        "updated_at": _time("changed"),
        "completed_at": _time("ended"),
    },
    page={"tasks": "jobs", "limit": "count", "offset": "start"},
    statuses={TaskStatus.PENDING: "queued", TaskStatus.COMPLETED: "done"},
    raises={
        LookupError: TaskNotFound,
        JobOverError: Raise(TaskFinal, status="state"),
        BadValueError: Raise(InvalidArgument, argument="name"),
        ClosedError: StoreNotOpen,
    },
)


class SqliteHarness(Harness):
    """A file for each namespace."""

    capabilities = frozenset({Capability.PERSISTENT, Capability.SHARED})

    def open(self, namespace: str) -> AbstractAsyncContextManager[Any]:
        """A store on the file of that name."""
        return JOBS.adapt(Jobs(Path(tempfile.gettempdir(), f"{namespace}.sqlite3")))

    def discard(self, namespace: str) -> None:
        """Remove the file, and what SQLite keeps beside it."""
        for file in Path(tempfile.gettempdir()).glob(f"{namespace}.sqlite3*"):
            file.unlink(missing_ok=True)  # SQLite may have removed its own meanwhile
