"""Jobs in one SQLite file, by the standard library alone, and the harness that points the suite at it.

The store knows nothing of the suite. What the suite found: the requirements of a task's life, of atomicity and of
durability are kept. The store trusts the types that its callers promise, counts no bytes, and keeps a config that is no
JSON as something else. A text or a number that SQLite cannot hold raises Python's own `UnicodeEncodeError` or
`OverflowError`.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path
from typing import Any, Self, TypeVar

from conformance import Capability, Harness
from conformance.examples.jobs import JOBS, ClosedError, Job, change_to, check_page, new_job

_Answer = TypeVar("_Answer")
# `videos` and `options` are JSON.
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

    async def submit(self, videos: list[str], options: Any = None, hook: str | None = None) -> Job:
        """Insert a row."""
        job = new_job(videos, options, hook)
        return await self._in_transaction(lambda connection: _write(connection, job))

    async def fetch(self, job_id: str) -> Job:
        """Read a row."""
        return await self._in_transaction(lambda connection: _read(connection, job_id))

    async def recent(self, state: str | None = None, count: int = 50, start: int = 0) -> dict[str, Any]:
        """Read some rows, newest first, and the total, from one snapshot."""
        check_page(count, start)
        asked = {"state": state, "count": count, "start": start}

        def read(connection: sqlite3.Connection) -> dict[str, Any]:
            (total,) = connection.execute(_COUNT, asked).fetchone()
            return {**asked, "jobs": [*map(_job, connection.execute(_PAGE, asked))], "total": total}

        return await self._in_transaction(read)

    async def move(self, job_id: str, state: str, **changes: Any) -> Job:
        """Read a row, change it and write it, with the file locked."""
        change = change_to(state, **changes)
        return await self._in_transaction(lambda connection: _write(connection, change(_read(connection, job_id))))

    async def _in_transaction(self, work: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        if not self._open:
            raise ClosedError

        def run() -> _Answer:
            with closing(self._connect()) as connection:
                connection.execute("BEGIN IMMEDIATE")
                with connection:  # commits, or rolls back when `work` raises
                    return work(connection)

        return await asyncio.to_thread(run)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, timeout=30, isolation_level=None)  # we say BEGIN ourselves
        connection.row_factory = sqlite3.Row
        return connection


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
