"""A tuple comes back as a tuple from memory, and as a list from Redis, each with its default serializer.

The docstrings name the default serializers, JsonSerializer and NullSerializer; that of `get`: "Get a value from the
cache."
"""

import asyncio
import os
from urllib.parse import urlsplit

from aiocache import RedisCache, SimpleMemoryCache


async def main(cache):
    """Set, and get."""
    async with cache:
        await cache.set("k", (1, 2))
        return await cache.get("k")


print(asyncio.run(main(SimpleMemoryCache())))
print(asyncio.run(main(RedisCache(port=urlsplit(os.environ["REDIS_URL"]).port))))
