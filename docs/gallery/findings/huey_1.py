"""A task that is scheduled twice is read twice from memory, and from Redis once, at the time of the later call.

The docstring of `add_to_schedule`: "Add the given task data to the schedule, to be executed at the given timestamp."
"""

import os
from datetime import datetime, timedelta

from huey.storage import MemoryStorage, RedisStorage

soon = datetime.fromisoformat("2026-01-01")
for storage in (MemoryStorage(), RedisStorage(url=os.environ["REDIS_URL"])):
    storage.add_to_schedule(b"task", soon)
    storage.add_to_schedule(b"task", soon + timedelta(hours=1))
    print(storage.read_schedule(soon), storage.scheduled_items())
