"""`get_result` of an unknown task raises KeyError in memory, and ResultIsMissingError in Redis.

The docstring in memory: "It throws exception in case if result dict doesn't have a value for task_id"; which one is
not said.
"""

import asyncio
import os

from taskiq.brokers.inmemory_broker import InmemoryResultBackend
from taskiq_redis import RedisAsyncResultBackend


async def main(backend):
    """Get the result of a task that was never run."""
    try:
        return await backend.get_result("unknown")
    except Exception as error:
        return f"raises {type(error).__name__}: {error}"
    finally:
        await backend.shutdown()


for backend in (InmemoryResultBackend(), RedisAsyncResultBackend(os.environ["REDIS_URL"])):
    print(asyncio.run(main(backend)))
