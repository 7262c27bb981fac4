"""Jobs over py-key-value-aio, in memory or in Redis; and what points the suite at them: an adapter, a harness for each.

The store knows nothing of the suite. What the suite found, with py-key-value-aio 0.5: it has no atomic update, so that
in Redis concurrent updates lose fields, and a cancel and a completion that race both succeed; in memory neither shows.
It has no listing but that of keys, of at most 10,000, so that one is several requests, reads every record, and leaves
out the rest. In Redis it gives a lifetime in whole seconds, so that a record may go a second early. It lets redis-py's
exceptions out, also where more calls come together than redis-py has connections; takes a record that it cannot read
for one that is not there; and goes on answering after its end. Most failed cases in Redis are about servers that fail:
they meet those exceptions in place of `StoreUnavailable`.

It needs `py-key-value-aio[memory,redis]`, which the suite itself does not.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from key_value.aio.stores.base import BaseEnumerateKeysStore
from key_value.aio.stores.memory import MemoryStore
from key_value.aio.stores.redis import RedisStore
from redis.asyncio import Redis

from conformance import Capability, Harness
from conformance.adapter import Adapter, Call, Raise
from conformance.subjects.server_harness import RedisServerHarness
from taskstore import InvalidArgument, TaskFinal, TaskNotFound

Job: TypeAlias = dict[str, Any]
_LIFETIME = timedelta(days=7)
_LAST = ("completed", "failed", "cancelled")
_STATES = ("pending", "analyzing", "llm_pass1", "llm_pass2", "clipping", "uploading", *_LAST)


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


class Jobs:
    """A record for each job, in one collection of a key-value store.

    An update reads a record and writes it back; a listing reads every record. The library offers nothing better that
    both of its stores have.
    """

    def __init__(self, key_value: BaseEnumerateKeysStore, collection: str) -> None:
        self._key_value = key_value
        self._collection = collection

    async def submit(self, videos: list[str], options: Any = None, hook: str | None = None) -> Job:
        """Put a record."""
        if not videos:
            raise BadValueError("videos")
        empty = dict.fromkeys(("result", "error", "trace", "ended"))
        job = {"id": f"task_{secrets.token_hex(16)}", "state": "pending", "percent": 0.0, "step": "", **empty}
        return await self._put({**job, "videos": videos, "options": options, "hook": hook, "created": _now()})

    async def fetch(self, job_id: str) -> Job | None:
        """Get a record, or None."""
        job: Job | None = await self._key_value.get(job_id, collection=self._collection)
        return job

    async def recent(self, state: str | None = None, count: int = 50, start: int = 0) -> dict[str, Any]:
        """Get every record, and sort: some of them, newest first, and how many there are."""
        if not 0 <= count <= 1_000:  # noqa: PLR2004
            raise BadValueError("count")
        if not 0 <= start <= 10**12:
            raise BadValueError("start")
        job_ids = await self._key_value.keys(self._collection)
        records = await self._key_value.get_many(job_ids, collection=self._collection)
        jobs = [job for job in records if job is not None and state in (None, job["state"])]
        jobs.sort(key=lambda job: (job["created"], job["id"]), reverse=True)
        return {"jobs": jobs[start : start + count], "total": len(jobs), "count": count, "start": start}

    async def move(self, job_id: str, state: str, **changes: Any) -> Job:
        """Get a record, change it, and put it back."""
        if state not in _STATES:
            raise BadValueError("state")
        if not 0 <= changes.get("percent", 0) <= 100 or (state == "completed" and changes.get("percent", 100) != 100):  # noqa: PLR2004
            raise BadValueError("percent")
        if state != "failed" and (wrong := changes.keys() & {"error", "trace"}):
            raise BadValueError(wrong.pop())
        changes |= {"percent": 100.0} if state == "completed" else {}
        if (before := await self.fetch(job_id)) is None:
            raise LookupError(job_id)
        after = {**before, **changes, "state": state}
        if before["state"] in _LAST:
            if after != before:
                raise JobOverError(before)
            return before
        return await self._put({**after, "ended": _now() if state in _LAST else None})

    async def _put(self, job: Job) -> Job:
        job["changed"] = job["ended"] or _now()
        await self._key_value.put(job["id"], job, collection=self._collection, ttl=_LIFETIME.total_seconds())
        return job


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


# What points the suite at it.

_FIELDS = {"progress": "percent", "current_step": "step", "result_url": "result"}
_FIELDS |= {"error_message": "error", "error_traceback": "trace"}
JOBS = Adapter(
    calls={
        "create_task": Call("submit", "video_ids", options="config", hook="webhook_url"),
        "get_task": Call("fetch", "task_id"),
        "list_tasks": Call("recent", state="status", count="limit", start="offset"),
        "update_task_status": Call("move", "task_id", "status", **{theirs: ours for ours, theirs in _FIELDS.items()}),
        "cancel_task": lambda jobs, task_id: jobs.move(task_id, "cancelled"),
    },
    task={
        "task_id": "id",
        "status": "state",
        "video_ids": "videos",
        "config": "options",
        "webhook_url": "hook",
        **_FIELDS,
        "created_at": lambda job: datetime.fromisoformat(job["created"]),
        "updated_at": lambda job: datetime.fromisoformat(job["changed"]),
        "completed_at": lambda job: job["ended"] and datetime.fromisoformat(job["ended"]),
    },
    page={"tasks": "jobs", "limit": "count", "offset": "start"},
    raises={
        None: TaskNotFound,
        LookupError: TaskNotFound,
        JobOverError: Raise(TaskFinal, status="state"),
        BadValueError: Raise(InvalidArgument, argument="name"),
    },
)


class KeyValueMemoryHarness(Harness):
    """A dictionary of its own each time."""

    capabilities = frozenset({Capability.EXPIRING})

    def open(self, namespace: str) -> AbstractAsyncContextManager[Any]:
        """A store on a new dictionary."""
        return JOBS.adapt(Jobs(MemoryStore(), namespace))


class KeyValueRedisHarness(RedisServerHarness):
    """A collection for each namespace, on a private server."""

    capabilities = frozenset({Capability.PERSISTENT, Capability.SHARED, Capability.EXPIRING, Capability.REMOTE})
    prefix = record = "{namespace}::"

    @asynccontextmanager
    async def open_at(self, namespace: str, url: str, seconds: float) -> AsyncIterator[Any]:
        """A store with connections of its own."""
        patience: dict[str, Any] = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
        async with (
            Redis.from_url(url, decode_responses=True, **patience) as client,
            JOBS.adapt(Jobs(RedisStore(client=client), namespace)) as store,
        ):
            yield store
