"""`clear` of a key that is not there raises KeyError in memory, and returns 0 in Redis.

`Backend.clear` has no docstring; its signature says that it returns an int.
"""

import asyncio
import os

from fastapi_cache.backends.inmemory import InMemoryBackend
from fastapi_cache.backends.redis import RedisBackend
from redis.asyncio import Redis


async def main(backend):
    """Clear a key that was never set."""
    try:
        return await backend.clear(key="k")
    except KeyError as error:
        return error


async def both():
    """Ask both backends."""
    print(repr(await main(InMemoryBackend())))
    async with Redis.from_url(os.environ["REDIS_URL"]) as client:
        print(repr(await main(RedisBackend(client))))


asyncio.run(both())
