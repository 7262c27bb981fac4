"""`incr` of a key that holds a text raises ValueError in memory, and returns None in Redis.

The README shows `await cache.incr("key") # -> int`.
"""

import asyncio
import os

from cashews import Cache


async def main(address):
    """Set a text, and increment it."""
    cache = Cache()
    cache.setup(address)
    await cache.set("k", "text")
    try:
        return await cache.incr("k")
    except ValueError as error:
        return error


for address in ("mem://", os.environ["REDIS_URL"]):
    print(repr(asyncio.run(main(address))))
