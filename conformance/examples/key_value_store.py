"""A task store over py-key-value-aio, in memory or in Redis, and a harness for each.

What the suite found, with py-key-value-aio 0.5: it has no atomic update, so that in Redis concurrent updates lose
fields, and a cancel and a completion that race both succeed; in memory neither shows. It has no listing but that of
keys, so that one is several requests and reads every record. It lets redis-py's exceptions out, takes a record that it
cannot read for one that is not there, and goes on answering after its end.

It needs `py-key-value-aio[memory,redis]`, which the suite itself does not.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
from key_value.aio.stores.base import BaseEnumerateKeysStore
from key_value.aio.stores.memory import MemoryStore
from key_value.aio.stores.redis import RedisStore
from pydantic import ValidationError
from redis.asyncio import Redis

from conformance import Capability, Harness
from conformance.subjects.redis_namespace import RedisNamespace
from conformance.subjects.servers import EmbeddedServer
from taskstore import (
    MAX_LIMIT,
    MAX_OFFSET,
    InvalidArgument,
    Task,
    TaskCreateRequest,
    TaskFinal,
    TaskNotFound,
    TaskPage,
    TaskStatus,
)

_LIFETIME = timedelta(days=7)


class KeyValueTaskStore:
    """A record for each task, in one collection of a key-value store.

    An update reads a record and writes it back; a listing reads every record. The library offers nothing better that
    both of its stores have.
    """

    def __init__(self, key_value: BaseEnumerateKeysStore, collection: str) -> None:
        self._key_value = key_value
        self._collection = collection

    async def create_task(self, request: TaskCreateRequest, *, task_id: str | None = None) -> Task:
        """Put a record. This store gives ids itself, and does not declare `CALLER_IDS`."""
        if task_id is not None:
            raise InvalidArgument("task_id", "cannot be chosen here")
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
        return await self._put(_valid(fields))

    async def get_task(self, task_id: str) -> Task:
        """Get a record."""
        record = await self._key_value.get(task_id, collection=self._collection)
        if record is None:
            raise TaskNotFound(task_id)
        return Task.model_validate(record)

    async def list_tasks(self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0) -> TaskPage:
        """Get every record, and sort."""
        if not 0 <= limit <= MAX_LIMIT:
            raise InvalidArgument("limit", f"must be from 0 to {MAX_LIMIT}")
        if not 0 <= offset <= MAX_OFFSET:
            raise InvalidArgument("offset", f"must be from 0 to {MAX_OFFSET}")
        task_ids = await self._key_value.keys(self._collection)
        records = await self._key_value.get_many(task_ids, collection=self._collection)
        tasks = [Task.model_validate(record) for record in records if record is not None]
        matching = [task for task in tasks if status in (None, task.status)]
        matching.sort(key=lambda task: (task.created_at, task.task_id), reverse=True)
        page = tuple(matching[offset : offset + limit])
        return TaskPage(tasks=page, total=len(matching), limit=limit, offset=offset)

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
        """Get a record, change it, and put it back."""
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
        before = await self.get_task(task_id)
        changed = {name: value for name, value in given.items() if value is not None}
        after = _valid({**before.model_dump(), **changed, "status": status})
        if before.status.is_final:
            if after != before:
                raise TaskFinal(task_id, before.status)
            return before
        now = datetime.now(UTC)
        times = {"updated_at": now, "completed_at": now if after.status.is_final else None}
        return await self._put(after.model_copy(update=times))

    async def cancel_task(self, task_id: str) -> Task:
        """Update to cancelled."""
        return await self.update_task_status(task_id, TaskStatus.CANCELLED)

    async def _put(self, task: Task) -> Task:
        record = task.model_dump(mode="json")
        await self._key_value.put(task.task_id, record, collection=self._collection, ttl=_LIFETIME.total_seconds())
        return task


def _valid(fields: Mapping[str, Any]) -> Task:
    try:
        return Task.model_validate(fields)
    except ValidationError as fault:
        first = fault.errors()[0]
        raise InvalidArgument(str(first["loc"][0]), first["msg"]) from None


class KeyValueMemoryHarness(Harness):
    """A dictionary of its own each time."""

    capabilities = frozenset({Capability.EXPIRING})

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[KeyValueTaskStore]:
        """A store on a new dictionary."""
        yield KeyValueTaskStore(MemoryStore(), namespace)


class KeyValueRedisHarness(Harness):
    """A collection for each namespace, on a private server."""

    capabilities = frozenset(Capability) - {Capability.CALLER_IDS, Capability.CURSOR, Capability.MAINTENANCE}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep the server, and a client of the suite's own."""
        with EmbeddedServer() as self._server, redis.Redis.from_url(self._server.url) as self._client:
            yield

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[KeyValueTaskStore]:
        """A store with connections of its own."""
        async with RedisStore(url=self._server.url) as key_value:
            yield KeyValueTaskStore(key_value, namespace)

    @asynccontextmanager
    async def open_at(self, namespace: str, url: str, seconds: float) -> AsyncIterator[KeyValueTaskStore]:
        """A store of the same collection on another server."""
        patience: dict[str, Any] = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
        async with Redis.from_url(url, decode_responses=True, **patience) as client:
            yield KeyValueTaskStore(RedisStore(client=client), namespace)

    def inspector(self, namespace: str) -> RedisNamespace:
        """Look at the collection: its keys begin with its name and two colons."""
        return RedisNamespace(self._client, f"{namespace}::", f"{namespace}::")

    def advance(self, namespace: str, by: timedelta) -> None:
        """Make the records older."""
        self.inspector(namespace).advance(by)

    def restart_server(self) -> None:
        """Save, stop, start."""
        self._server.restart()

    def discard(self, namespace: str) -> None:
        """Remove the collection."""
        self.inspector(namespace).discard()
