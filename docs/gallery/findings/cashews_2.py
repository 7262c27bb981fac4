"""`set` without `expire` keeps the lifetime that the key had in memory, and removes it in Redis.

The default of `expire` is None; the README does not say what that does to a key that has a lifetime.
"""

import asyncio
import os

from cashews import Cache


async def main(address):
    """Set with a lifetime, then without."""
    cache = Cache()
    cache.setup(address)
    await cache.set("k", "a", expire=60)
    await cache.set("k", "b")
    return await cache.get_expire("k")


for address in ("mem://", os.environ["REDIS_URL"]):
    print(asyncio.run(main(address)))
