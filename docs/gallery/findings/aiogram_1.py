"""Two bots that share a Redis share the state of a user; in memory each has its own.

The docstring of `DefaultKeyBuilder`: "with_bot_id: include Bot id in the key", False by default. MemoryStorage keeps
a record for each whole StorageKey.
"""

import asyncio
import os

from aiogram.fsm.storage.base import StorageKey
from aiogram.fsm.storage.memory import MemoryStorage
from aiogram.fsm.storage.redis import RedisStorage


async def main(storage):
    """Set the state for one bot, get it for another."""
    await storage.set_state(StorageKey(bot_id=1, chat_id=7, user_id=7), "form:name")
    state = await storage.get_state(StorageKey(bot_id=2, chat_id=7, user_id=7))
    await storage.close()
    return state


async def both():
    """Ask both storages."""
    print(await main(MemoryStorage()))
    print(await main(RedisStorage.from_url(os.environ["REDIS_URL"])))


asyncio.run(both())
