"""A result in memory is the object that was returned: what one caller changes in it, the next one gets.

The docstring of InmemoryResultBackend: "It stores all results in a dict in memory."
"""

import asyncio
import os

from taskiq import TaskiqResult
from taskiq.brokers.inmemory_broker import InmemoryResultBackend
from taskiq_redis import RedisAsyncResultBackend


async def main(backend):
    """Change a result that was got, and get it again."""
    result = TaskiqResult(is_err=False, return_value=[1, 2], execution_time=0.1)
    await backend.set_result("task", result)
    (await backend.get_result("task")).return_value.clear()
    again = await backend.get_result("task")
    await backend.shutdown()
    return again.return_value


for backend in (InmemoryResultBackend(), RedisAsyncResultBackend(os.environ["REDIS_URL"])):
    print(asyncio.run(main(backend)))
