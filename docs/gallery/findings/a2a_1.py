"""Two `save`s of one task at the same time leave a mixture of both in DatabaseTaskStore, and one of them in memory.

The docstring of `save`: "Saves or updates a task in the store." It does not speak of calls at the same time.
"""

import asyncio
import tempfile

from a2a.server.context import ServerCallContext
from a2a.server.tasks import DatabaseTaskStore, InMemoryTaskStore
from a2a.types import Task, TaskState, TaskStatus
from sqlalchemy.ext.asyncio import create_async_engine


async def main(store):
    """Save two versions of a task, each with a context and a state of its own."""
    context = ServerCallContext()
    versions = [("a", TaskState.TASK_STATE_WORKING), ("b", TaskState.TASK_STATE_WORKING), ("a", 3)]
    first, one, other = (Task(id="k", context_id=c, status=TaskStatus(state=s)) for c, s in versions)
    for _ in range(100):
        await store.save(first, context)
        await asyncio.gather(store.save(one, context), store.save(other, context))
        if await store.get("k", context) not in (one, other):
            return "neither of them"
    return "one of them"


async def both():
    """Ask both stores."""
    print(await main(InMemoryTaskStore()))
    with tempfile.TemporaryDirectory() as folder:
        engine = create_async_engine(f"sqlite+aiosqlite:///{folder}/tasks.db")
        print(await main(DatabaseTaskStore(engine)))
        await engine.dispose()


asyncio.run(both())
