"""Keys of data that are integers stay so in memory, and are texts from Redis.

The signature of `set_data` takes a `Mapping[str, Any]`: such keys are allowed inside, where `Any` stands.
"""

import asyncio
import os

from aiogram.fsm.storage.base import StorageKey
from aiogram.fsm.storage.memory import MemoryStorage
from aiogram.fsm.storage.redis import RedisStorage

KEY = StorageKey(bot_id=1, chat_id=7, user_id=7)


async def main(storage):
    """Keep votes by user id."""
    await storage.set_data(KEY, {"votes": {1: "yes"}})
    data = await storage.get_data(KEY)
    await storage.close()
    return data


async def both():
    """Ask both storages."""
    print(await main(MemoryStorage()))
    print(await main(RedisStorage.from_url(os.environ["REDIS_URL"])))


asyncio.run(both())
