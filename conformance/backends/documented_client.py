"""What the document calls `redis_client`: tasks as JSON texts under `task:<id>`, each with a lifetime.

The document shows one call of it, `set_task`. What fails in Redis reads as "nothing there".
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

logger = logging.getLogger("documented")


class RedisClient:
    """The client of one server, as three settings name it: a host, a port and a database."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self.redis = redis
        self.prefix = prefix

    async def set_task(self, task_id: str, task_data: dict[str, Any], ttl: int) -> None:
        """Write the whole task, and renew its lifetime of `ttl` seconds."""
        await self.redis.set(self.prefix + task_id, json.dumps(task_data, default=str), ex=ttl)

    async def get_task(self, task_id: str) -> dict[str, Any] | None:
        """Read a task; None if there is none, or if Redis fails."""
        try:
            text = await self.redis.get(self.prefix + task_id)
        except RedisError as error:
            logger.warning("redis_get_failed %s", error)
            return None
        return None if text is None else json.loads(text)

    async def list_tasks(self) -> list[dict[str, Any]]:
        """Read all tasks, one after another; none if Redis fails."""
        try:
            keys = self.redis.scan_iter(match=f"{self.prefix}*")
            texts = [text async for key in keys if (text := await self.redis.get(key))]
        except RedisError as error:
            logger.warning("redis_scan_failed %s", error)
            return []
        return [json.loads(text) for text in texts]


@asynccontextmanager
async def open_client(url: str, prefix: str) -> AsyncIterator[RedisClient]:
    """Open a client of the server at a URL."""
    async with Redis.from_url(url) as redis:
        yield RedisClient(redis, prefix)
