"""`set` with `ttl=0` is accepted in memory, and raises ResponseError in Redis.

The docstring of `set` calls `ttl` "int the expiration time in seconds", and names no smallest one.
"""

import asyncio
import os
from urllib.parse import urlsplit

from aiocache import RedisCache, SimpleMemoryCache


async def main(cache):
    """Set with a lifetime of 0."""
    async with cache:
        try:
            return await cache.set("k", "text", ttl=0)
        except Exception as error:
            return f"raises {type(error).__name__}: {error}"


print(asyncio.run(main(SimpleMemoryCache())))
print(asyncio.run(main(RedisCache(port=urlsplit(os.environ["REDIS_URL"]).port))))
