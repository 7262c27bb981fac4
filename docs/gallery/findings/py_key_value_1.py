"""`put_many` of which one value cannot be stored stores those before it in MemoryStore, and none in RedisStore.

The docstring of `put_many`: "Store multiple key-value pairs in the specified collection."
"""

import asyncio
import os
from contextlib import suppress

from key_value.aio.errors import SerializationError
from key_value.aio.stores.memory import MemoryStore
from key_value.aio.stores.redis import RedisStore

with asyncio.Runner() as runner:
    for store in (MemoryStore(), RedisStore(url=os.environ["REDIS_URL"])):
        with suppress(SerializationError):
            runner.run(store.put_many(["a", "b"], [{"v": 1}, {"v": {1, 2}}]))
        print(runner.run(store.get("a")))
