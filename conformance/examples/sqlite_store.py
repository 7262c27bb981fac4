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
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from conformance import Capability, Harness
from conformance.adapter import Adapter, Call, Raise
from taskstore import InvalidArgument, StoreNotOpen, TaskFinal, TaskNotFound, TaskStatus

_Answer = TypeVar("_Answer")
_PATIENCE = 30
"""Seconds that a call waits for another one's transaction."""
_STATES = ("queued", "analyzing", "llm_pass1", "llm_pass2", "clipping", "uploading", "done", "failed", "cancelled")
_LAST = _STATES[-3:]
_MOST = {"count": 1_000, "start": 10**12}
_SCHEMA = """
    CREATE TABLE IF NOT EXISTS jobs (
        id TEXT PRIMARY KEY,
        state TEXT NOT NULL,
        percent REAL NOT NULL,
        step TEXT NOT NULL,
        videos TEXT NOT NULL,  -- JSON
        options TEXT NOT NULL,  -- JSON
        hook TEXT,
        result TEXT,
        error TEXT,
        trace TEXT,
        created TEXT NOT NULL,  -- ISO 8601, UTC, always with microseconds: the order of texts is that of times
        changed TEXT NOT NULL,
        ended TEXT
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS newest ON jobs (created DESC, id DESC);
    CREATE INDEX IF NOT EXISTS newest_by_state ON jobs (state, created DESC, id DESC);
"""
_WRITE = """
    REPLACE INTO jobs VALUES (
        :id, :state, :percent, :step, :videos, :options, :hook, :result, :error, :trace, :created, :changed, :ended
    )
"""
_FIND = "SELECT * FROM jobs WHERE id = ?"
_COUNT = "SELECT count(*) FROM jobs WHERE :state IS NULL OR state = :state"
_PAGE = """
    SELECT * FROM jobs WHERE :state IS NULL OR state = :state ORDER BY created DESC, id DESC LIMIT :count OFFSET :start
"""


@dataclass
class Job:
    """One job."""

    id: str
    videos: list[str]
    options: Any
    hook: str | None
    created: datetime
    changed: datetime
    state: str = "queued"
    percent: float = 0.0
    step: str = ""
    result: str | None = None
    error: str | None = None
    trace: str | None = None
    ended: datetime | None = None


@dataclass
class Page:
    """Some jobs, newest first, and how many there are in all."""

    jobs: list[Job]
    total: int
    count: int
    start: int


class JobMissingError(Exception):
    """There is no such job."""


class JobOverError(Exception):
    """The job has ended, and cannot be changed."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"{job.id} is {job.state}")
        self.state = job.state


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
        await asyncio.to_thread(self._prepare)
        self._open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self._open = False

    async def add(self, videos: list[str], options: Any = None, hook: str | None = None) -> Job:
        """Insert a row."""
        if not videos:
            raise BadValueError("videos")

        def insert(connection: sqlite3.Connection) -> Job:
            now = datetime.now(UTC)
            job = Job(f"task_{secrets.token_hex(16)}", list(videos), options, hook, now, now)
            connection.execute(_WRITE, _row(job))
            return _job(connection.execute(_FIND, (job.id,)).fetchone())

        return await self._in_transaction(insert)

    async def find(self, job_id: str) -> Job:
        """Read a row."""
        return await self._in_transaction(lambda connection: _find(connection, job_id), "BEGIN")

    async def page(self, state: str | None = None, count: int = 50, start: int = 0) -> Page:
        """Read some rows and the total from one snapshot."""
        for name, value in (("count", count), ("start", start)):
            if not 0 <= value <= _MOST[name]:
                raise BadValueError(name)

        def read(connection: sqlite3.Connection) -> Page:
            asked = {"state": state, "count": count, "start": start}
            (total,) = connection.execute(_COUNT, asked).fetchone()
            return Page([*map(_job, connection.execute(_PAGE, asked))], total, count, start)

        return await self._in_transaction(read, "BEGIN")

    async def change(self, job_id: str, state: str, **changes: Any) -> Job:
        """Read a row, change it and write it, with the file locked."""
        if state not in _STATES:
            raise BadValueError("state")
        if not 0 <= changes.get("percent", 0) <= 100 or (state == "done" and changes.get("percent", 100) != 100):  # noqa: PLR2004
            raise BadValueError("percent")
        if state != "failed" and (wrong := changes.keys() & {"error", "trace"}):
            raise BadValueError(wrong.pop())
        changes |= {"percent": 100.0} if state == "done" else {}

        def update(connection: sqlite3.Connection) -> Job:
            before = _find(connection, job_id)
            after = replace(before, state=state, **changes)
            if before.state in _LAST:
                if after != before:
                    raise JobOverError(before)
                return before
            now = datetime.now(UTC)
            after = replace(after, changed=now, ended=now if state in _LAST else None)
            connection.execute(_WRITE, _row(after))
            return after

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

    def _prepare(self) -> None:
        with closing(self._connect()) as connection:
            connection.execute("PRAGMA journal_mode = WAL")  # who reads does not wait for who writes
            connection.executescript(_SCHEMA)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, timeout=_PATIENCE, isolation_level=None)  # we say BEGIN ourselves
        connection.row_factory = sqlite3.Row
        return connection


def _find(connection: sqlite3.Connection, job_id: str) -> Job:
    row = connection.execute(_FIND, (job_id,)).fetchone()
    if row is None:
        raise JobMissingError(job_id)
    return _job(row)


def _job(row: sqlite3.Row) -> Job:
    times = {name: row[name] and datetime.fromisoformat(row[name]) for name in ("created", "changed", "ended")}
    return Job(**{**dict(row), "videos": json.loads(row["videos"]), "options": json.loads(row["options"]), **times})


def _row(job: Job) -> dict[str, Any]:
    times = {name: getattr(job, name) for name in ("created", "changed", "ended")}
    return {
        **asdict(job),
        "videos": json.dumps(job.videos),
        "options": json.dumps(job.options),
        **{name: time and time.isoformat(timespec="microseconds") for name, time in times.items()},
    }


# What points the suite at it.

JOBS = Adapter(
    calls={
        "create_task": Call("add", "video_ids", options="config", hook="webhook_url"),
        "get_task": Call("find", "task_id"),
        "list_tasks": Call("page", state="status", count="limit", start="offset"),
        "update_task_status": Call(
            "change",
            "task_id",
            "status",
            percent="progress",
            step="current_step",
            result="result_url",
            error="error_message",
            trace="error_traceback",
        ),
        "cancel_task": lambda jobs, task_id: jobs.change(task_id, "cancelled"),
    },
    task={
        "task_id": "id",
        "status": "state",
        "created_at": "created",
        "updated_at": "changed",
        "completed_at": "ended",
        "progress": "percent",
        "current_step": "step",
        "video_ids": "videos",
        "config": "options",
        "webhook_url": "hook",
        "result_url": "result",
        "error_message": "error",
        "error_traceback": "trace",
    },
    page={"tasks": "jobs", "limit": "count", "offset": "start"},
    statuses={TaskStatus.PENDING: "queued", TaskStatus.COMPLETED: "done"},
    raises={
        JobMissingError: TaskNotFound,
        JobOverError: Raise(TaskFinal, status="state"),
        BadValueError: Raise(InvalidArgument, argument="name"),
        ClosedError: StoreNotOpen,
    },
)


class SqliteHarness(Harness):
    """A file for each namespace."""

    capabilities = frozenset({Capability.PERSISTENT, Capability.SHARED})
    namespaces_at_once = 4  # it waits for the disk

    def open(self, namespace: str) -> AbstractAsyncContextManager[Any]:
        """A store on the file of that name."""
        return JOBS.adapt(Jobs(Path(tempfile.gettempdir(), f"{namespace}.sqlite3")))

    def discard(self, namespace: str) -> None:
        """Remove the file, and what SQLite keeps beside it."""
        for file in Path(tempfile.gettempdir()).glob(f"{namespace}.sqlite3*"):
            file.unlink(missing_ok=True)  # SQLite may have removed its own meanwhile
