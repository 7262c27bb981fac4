"""`delete` of a key that holds None returns 0 in memory, and 1 in Redis.

The docstring of `delete`: "returns: int number of deleted keys".
"""

import asyncio
import os
from urllib.parse import urlsplit

from aiocache import RedisCache, SimpleMemoryCache


async def main(cache):
    """Set None, and delete it."""
    async with cache:
        await cache.set("k", None)
        return await cache.delete("k")


print(asyncio.run(main(SimpleMemoryCache())))
print(asyncio.run(main(RedisCache(port=urlsplit(os.environ["REDIS_URL"]).port))))
