"""A task whose id another owner uses too becomes that owner's in DatabaseTaskStore; in memory each has their own.

The docstring of `save`: "Saves or updates a task in the database for the resolved owner."
"""

import asyncio
from operator import attrgetter

from a2a.server.context import ServerCallContext
from a2a.server.tasks import DatabaseTaskStore, InMemoryTaskStore
from a2a.types import Task
from sqlalchemy.ext.asyncio import create_async_engine

engine, owner = create_async_engine("sqlite+aiosqlite://"), attrgetter("tenant")
one, other = ServerCallContext(tenant="one"), ServerCallContext(tenant="other")
with asyncio.Runner() as runner:
    for store in (InMemoryTaskStore(owner), DatabaseTaskStore(engine, owner_resolver=owner)):
        runner.run(store.save(Task(id="task"), one))
        runner.run(store.save(Task(id="task"), other))
        found = runner.run(store.get("task", one))
        print(found and found.id)
    runner.run(engine.dispose())
