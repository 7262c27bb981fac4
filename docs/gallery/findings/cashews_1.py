"""A negative integer that was set reads as None in Redis, and as itself in memory.

The README shows `await cache.set(key="key", value=90, expire="2h", exist=None)`; of other integers it does not speak.
"""

import asyncio
import os

from cashews import Cache

with asyncio.Runner() as runner:
    for address in ("mem://", os.environ["REDIS_URL"]):
        cache = Cache()
        cache.setup(address)
        runner.run(cache.set("k", -1))
        print(runner.run(cache.get("k")))
        runner.run(cache.close())
