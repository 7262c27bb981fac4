"""A FastAPI application's own service class, with operations and values of its own, compared in its two modes.

The service is what such applications have: a dictionary in memory mode; JSON strings in Redis mode. What `compare`
needs is below it: the operations, named once, and how each mode is opened.

    conformance compare conformance.examples.fastapi_service:MemoryMode \
        conformance.examples.fastapi_service:RedisMode
"""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from hypothesis import strategies as st
from redis.asyncio import Redis

from conformance.compare import WHOLE, Operation, earlier_ids
from conformance.harness import Harness
from conformance.subjects.server_harness import RedisServerHarness


class JobService:
    """What the application's routes call."""

    def __init__(self, redis: Redis | None = None, prefix: str = "jobs:") -> None:
        self._redis = redis
        self._prefix = prefix
        self._jobs: dict[str, dict[str, Any]] = {}

    async def submit(self, name: str, options: dict[Any, Any]) -> dict[str, Any]:
        """Queue a job."""
        job = {"id": uuid.uuid4().hex, "name": name, "options": options, "state": "queued", "done": 0}
        job["created"] = datetime.now(UTC)
        await self._save(job)
        return job

    async def lookup(self, job_id: str) -> dict[str, Any] | None:
        """The job, or None."""
        if self._redis is None:
            return self._jobs.get(job_id)
        text = await self._redis.get(self._prefix + job_id)
        return None if text is None else _decoded(text)

    async def advance(self, job_id: str, done: float) -> dict[str, Any]:
        """Say how much of a job is done."""
        job = await self.lookup(job_id)
        if job is None:
            raise KeyError(job_id)
        job["done"], job["state"] = done, "finished" if done >= 1 else "running"
        await self._save(job)
        return job

    async def stop(self, job_id: str) -> int:
        """Remove a job, and say whether it was there."""
        if self._redis is None:
            return self._jobs.pop(job_id, None) is not None
        return await self._redis.delete(self._prefix + job_id)

    async def recent(self, count: int = 10) -> list[dict[str, Any]]:
        """The latest jobs, newest first."""
        if self._redis is None:
            return list(self._jobs.values())[::-1][:count]
        keys = [key async for key in self._redis.scan_iter(match=f"{self._prefix}*")]
        jobs = [_decoded(text) for text in await self._redis.mget(keys) if text] if keys else []
        return sorted(jobs, key=lambda job: str(job["created"]), reverse=True)[:count]

    async def _save(self, job: dict[str, Any]) -> None:
        if self._redis is None:
            self._jobs[job["id"]] = job
        else:
            await self._redis.set(self._prefix + job["id"], json.dumps(job, default=str))


def _decoded(text: bytes | str) -> dict[str, Any]:
    job: dict[str, Any] = json.loads(text)
    job["created"] = datetime.fromisoformat(job["created"])
    return job


_operation = partial(Operation, ids=["id"], times=["created"])
_OPTIONS = st.dictionaries(st.text(max_size=3) | st.integers(0, 9), st.integers() | st.tuples() | st.none(), max_size=3)


class MemoryMode(Harness):
    """The service with a dictionary."""

    def operations(self) -> list[Operation]:
        """The five operations; both modes have the same."""
        job = {"job_id": earlier_ids()}
        return [
            _operation("submit", JobService.submit, {"name": st.text(max_size=9), "options": _OPTIONS}, writes=WHOLE),
            _operation("lookup", JobService.lookup, job, reads="job_id"),
            _operation(
                "advance", JobService.advance, {**job, "done": st.floats(0, 2) | st.integers(0, 2)}, writes="job_id"
            ),
            _operation("stop", JobService.stop, job, writes="job_id"),
            _operation("recent", JobService.recent, optional={"count": st.integers(-1, 3)}, reads=WHOLE),
        ]

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[Any]:
        """A service of its own."""
        yield JobService()


class RedisMode(RedisServerHarness):
    """The service with JSON strings in Redis, on a private server."""

    operations = MemoryMode.operations

    @asynccontextmanager
    async def open_at(self, namespace: str, url: str, seconds: float) -> AsyncIterator[Any]:
        """A service whose keys begin with the namespace."""
        async with Redis.from_url(url) as redis:
            yield JobService(redis, f"{namespace}:")
