"""`get_items` with a negative limit returns all items from SQLiteSession, and none from RedisSession.

The docstring of `get_items`: "limit: Maximum number of items to retrieve. If None, retrieves all items."
"""

import asyncio
import os

from agents import SQLiteSession
from agents.extensions.memory.redis_session import RedisSession

with asyncio.Runner() as runner:
    for session in (SQLiteSession("one"), RedisSession.from_url("one", url=os.environ["REDIS_URL"])):
        runner.run(session.add_items([{"role": "user", "content": "hello"}]))
        print(runner.run(session.get_items(limit=-1)))
