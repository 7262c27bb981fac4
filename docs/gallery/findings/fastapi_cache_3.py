"""`clear(namespace=…)` puts the namespace into a Lua script as it stands: a quote in it is an error in Redis.

`Backend.clear` has no docstring; its signature takes any text.
"""

import asyncio
import os

from fastapi_cache.backends.inmemory import InMemoryBackend
from fastapi_cache.backends.redis import RedisBackend
from redis.asyncio import Redis


async def main(backend):
    """Clear a namespace whose name has a quote in it."""
    try:
        return await backend.clear(namespace="it's")
    except Exception as error:
        return f"raises {type(error).__name__}: {error}"


async def both():
    """Ask both backends."""
    print(await main(InMemoryBackend()))
    async with Redis.from_url(os.environ["REDIS_URL"]) as client:
        print(await main(RedisBackend(client)))


asyncio.run(both())
