"""A result that is infinite comes back as itself from memory, and as None from Redis.

The docstring of `get_result` in RedisAsyncResultBackend: "return: task's return value".
"""

import asyncio
import os

from taskiq import TaskiqResult
from taskiq.brokers.inmemory_broker import InmemoryResultBackend
from taskiq_redis import RedisAsyncResultBackend


async def main(backend):
    """Set a result, and get it."""
    result = TaskiqResult(is_err=False, return_value=float("inf"), execution_time=0.1)
    await backend.set_result("task", result)
    again = await backend.get_result("task")
    await backend.shutdown()
    return again.return_value


for backend in (InmemoryResultBackend(), RedisAsyncResultBackend(os.environ["REDIS_URL"])):
    print(asyncio.run(main(backend)))
