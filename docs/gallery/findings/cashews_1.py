"""A negative integer that was set reads as None in Redis, and as itself in memory.

The README shows `await cache.set(key="key", value=90, expire="2h", exist=None)`; of other integers it does not speak.
"""

import asyncio
import os

from cashews import Cache


async def main(address):
    """Set, and get."""
    cache = Cache()
    cache.setup(address)
    await cache.set("k", -1)
    return await cache.get("k")


for address in ("mem://", os.environ["REDIS_URL"]):
    print(asyncio.run(main(address)))
