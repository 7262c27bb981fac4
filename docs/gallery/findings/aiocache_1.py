"""A tuple comes back as a tuple from memory, and as a list from Redis, each with its default serializer.

The docstrings of the caches name their serializers, NullSerializer and JsonSerializer.
"""

import asyncio
import os

from aiocache import RedisCache, SimpleMemoryCache

with asyncio.Runner() as runner:
    for cache in (SimpleMemoryCache(), RedisCache(port=int(os.environ["REDIS_PORT"]))):
        runner.run(cache.set("k", (1, 2)))
        print(runner.run(cache.get("k")))
        runner.run(cache.close())
