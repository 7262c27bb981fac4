"""`get_items` with a negative limit returns all items from SQLiteSession, and none from RedisSession.

The docstring of `get_items`: "limit: Maximum number of items to retrieve. If None, retrieves all items."
"""

import asyncio
import os

from agents import SQLiteSession
from agents.extensions.memory.redis_session import RedisSession


async def main(session):
    """Get items with a limit of -1."""
    await session.add_items([{"role": "user", "content": "hello"}])
    return await session.get_items(limit=-1)


print(asyncio.run(main(SQLiteSession("one"))))
print(asyncio.run(main(RedisSession.from_url("one", url=os.environ["REDIS_URL"]))))
