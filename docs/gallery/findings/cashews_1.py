"""A negative integer that was set reads as None in Redis, and as itself in memory.

The README says of `set` and `get` nothing about the values that they take.
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
