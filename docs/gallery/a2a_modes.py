"""a2a-sdk: InMemoryTaskStore and DatabaseTaskStore on SQLite."""

from inspect import getsource

from a2a.server.context import ServerCallContext
from a2a.types import ListTasksRequest, Task
from google.protobuf.json_format import MessageToDict
from hypothesis import strategies as st
from modes import modes

from conformance.compare import WHOLE, Operation, earlier_ids, hostile


class Plain:
    """A store of tasks with plain arguments, and results as dictionaries."""

    def __init__(self, store):
        self.store = store

    async def save(self, task_id, context, context_id="c", state=1, **times):
        """Save a task."""
        await self.store.save(Task(id=task_id, context_id=context_id, status={"state": state, **times}), context)

    async def get(self, task_id, context):
        """Get a task."""
        task = await self.store.get(task_id, context)
        return task and MessageToDict(task)

    async def delete(self, task_id, context):
        """Delete a task."""
        await self.store.delete(task_id, context)

    async def list(self, context, **given):
        """List tasks."""
        return MessageToDict(await self.store.list(ListTasksRequest(**given), context))


LIBRARY = "a2a-sdk"
CONTEXT = {"context": st.sampled_from([ServerCallContext(tenant="a"), ServerCallContext(tenant="b")])}
TASK = {"task_id": hostile.keys().filter(str.isprintable), **CONTEXT}
GROUP = {"context_id": st.sampled_from(["", "a", "b"])}
STATE, TIME = st.sampled_from([1, 2, 3]), st.sampled_from([{"nanos": nanos} for nanos in (0, 1, 2, 1000, 2000)])
PAGES = {"page_size": st.integers(-1, 3) | st.just(100), "page_token": earlier_ids()}
LATER = {"status": STATE, "status_timestamp_after": TIME}
ONE = ("task_id", "context")
OPERATIONS = (
    Operation("save", "save", TASK, {**GROUP, "state": STATE, "timestamp": TIME}, writes=ONE),
    Operation("get", "get", TASK, reads=ONE),
    Operation("delete", "delete", TASK, writes=ONE),
    Operation("list", "list", CONTEXT, GROUP | PAGES | LATER, ids=("nextPageToken",), reads=WHOLE),
)
SETUP = f"""\
from operator import attrgetter

from a2a.server.tasks import DatabaseTaskStore, InMemoryTaskStore
from a2a.types import ListTasksRequest, Task
from google.protobuf.json_format import MessageToDict
from sqlalchemy.ext.asyncio import create_async_engine


{getsource(Plain)}

"""
MemoryMode, SqliteMode = modes(
    OPERATIONS,
    memory=f"""{SETUP}
store = Plain(InMemoryTaskStore(attrgetter("tenant")))
""",
    sqlite=f"""{SETUP}
engine = create_async_engine("sqlite+aiosqlite://")
store = Plain(DatabaseTaskStore(engine, owner_resolver=attrgetter("tenant")))
store.close = engine.dispose
""",
)
SHOWN = {
    "save(context: another value) > save > get(context: another value): dict / NoneType": (
        "A task whose id another owner uses too becomes that owner's in DatabaseTaskStore; in memory each has their "
        'own. The docstring of `save`: "Saves or updates a task in the database for the resolved owner."'
    ),
}
