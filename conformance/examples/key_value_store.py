"""Jobs over py-key-value-aio, in memory or in Redis, and the harnesses that point the suite at them.

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

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from key_value.aio.stores.base import BaseEnumerateKeysStore
from key_value.aio.stores.memory import MemoryStore
from key_value.aio.stores.redis import RedisStore
from redis.asyncio import Redis

from conformance import Capability, Harness
from conformance.examples.jobs import JOBS, Job, change_to, check_page, new_job
from conformance.subjects.server_harness import RedisServerHarness

_SECONDS = 7 * 24 * 3600


class Jobs:
    """A record for each job, in one collection of a key-value store.

    An update reads a record and writes it back; a listing reads every record. The library offers nothing better that
    both of its stores have.
    """

    def __init__(self, key_value: BaseEnumerateKeysStore, collection: str) -> None:
        self._key_value, self._collection = key_value, collection

    async def submit(self, videos: list[str], options: Any = None, hook: str | None = None) -> Job:
        """Put a record."""
        return await self._put(new_job(videos, options, hook))

    async def fetch(self, job_id: str) -> Job:
        """Get a record."""
        job: Job | None = await self._key_value.get(job_id, collection=self._collection)
        if job is None:
            raise LookupError(job_id)
        return job

    async def recent(self, state: str | None = None, count: int = 50, start: int = 0) -> dict[str, Any]:
        """Get every record, and sort: some of them, newest first, and how many there are."""
        check_page(count, start)
        job_ids = await self._key_value.keys(self._collection)
        records = await self._key_value.get_many(job_ids, collection=self._collection)
        jobs = [job for job in records if job is not None and state in (None, job["state"])]
        jobs.sort(key=lambda job: (job["created"], job["id"]), reverse=True)
        return {"jobs": jobs[start : start + count], "total": len(jobs), "count": count, "start": start}

    async def move(self, job_id: str, state: str, **changes: Any) -> Job:
        """Get a record, change it, and put it back."""
        change = change_to(state, **changes)
        return await self._put(change(await self.fetch(job_id)))

    async def _put(self, job: Job) -> Job:
        await self._key_value.put(job["id"], job, collection=self._collection, ttl=_SECONDS)
        return job


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
