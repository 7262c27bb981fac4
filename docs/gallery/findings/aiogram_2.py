"""What a handler changes in the data that it got reaches the memory storage without `set_data`, and not Redis.

The docstring of `get_data`: "Get current data for key". MemoryStorage copies the dictionary, but not what is in it.
"""

import asyncio
import os

from aiogram.fsm.storage.base import StorageKey
from aiogram.fsm.storage.memory import MemoryStorage
from aiogram.fsm.storage.redis import RedisStorage

KEY = StorageKey(bot_id=1, chat_id=7, user_id=7)


async def main(storage):
    """Change what was got."""
    await storage.set_data(KEY, {"items": []})
    (await storage.get_data(KEY))["items"].append("changed")
    data = await storage.get_data(KEY)
    await storage.close()
    return data


async def both():
    """Ask both storages."""
    print(await main(MemoryStorage()))
    print(await main(RedisStorage.from_url(os.environ["REDIS_URL"])))


asyncio.run(both())
