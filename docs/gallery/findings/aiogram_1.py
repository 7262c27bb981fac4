"""Two bots that share a Redis share the state of a user; in memory each has its own.

The docstring of `DefaultKeyBuilder`: "with_bot_id: include Bot id in the key", which is False by default.
"""

import asyncio
import os

from aiogram.fsm.storage.base import StorageKey
from aiogram.fsm.storage.memory import MemoryStorage
from aiogram.fsm.storage.redis import RedisStorage

with asyncio.Runner() as runner:
    for storage in (MemoryStorage(), RedisStorage.from_url(os.environ["REDIS_URL"])):
        runner.run(storage.set_state(StorageKey(bot_id=1, chat_id=7, user_id=7), "form:name"))
        print(runner.run(storage.get_state(StorageKey(bot_id=2, chat_id=7, user_id=7))))
        runner.run(storage.close())
