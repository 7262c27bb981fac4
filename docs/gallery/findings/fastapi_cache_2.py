"""`clear(namespace="a")` clears every key that begins with "a" in memory, and only those of the namespace in Redis.

`Backend.clear` has no docstring; its arguments are called `namespace` and `key`.
"""

import asyncio
import os

from fastapi_cache.backends.inmemory import InMemoryBackend
from fastapi_cache.backends.redis import RedisBackend
from redis.asyncio import Redis


async def main(backend):
    """Clear a namespace whose name begins that of another."""
    await backend.set("users_admin:1", b"text", expire=60)
    await backend.clear(namespace="users")
    return await backend.get("users_admin:1")


async def both():
    """Ask both backends."""
    print(await main(InMemoryBackend()))
    async with Redis.from_url(os.environ["REDIS_URL"]) as client:
        print(await main(RedisBackend(client)))


asyncio.run(both())
