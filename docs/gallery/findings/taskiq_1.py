"""`get_result` of an unknown task raises KeyError in memory, and ResultIsMissingError in Redis.

The docstring in memory: "It throws exception in case if result dict doesn't have a value for task_id".
"""

import asyncio
import os

from taskiq.brokers.inmemory_broker import InmemoryResultBackend
from taskiq_redis import RedisAsyncResultBackend

with asyncio.Runner() as runner:
    for backend in (InmemoryResultBackend(), RedisAsyncResultBackend(os.environ["REDIS_URL"])):
        try:
            print(runner.run(backend.get_result("unknown")))
        except Exception as error:
            print(repr(error))
