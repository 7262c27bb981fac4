"""a2a-sdk: InMemoryTaskStore and DatabaseTaskStore on SQLite."""

from contextlib import asynccontextmanager
from operator import attrgetter

from a2a.server.context import ServerCallContext
from a2a.server.tasks import DatabaseTaskStore, InMemoryTaskStore
from a2a.types import ListTasksRequest, Task
from google.protobuf.json_format import MessageToDict
from hypothesis import strategies as st
from modes import modes
from sqlalchemy.ext.asyncio import create_async_engine

from conformance.compare import WHOLE, Operation, earlier_ids, hostile

LIBRARY = "a2a-sdk"
CONTEXT = {"context": st.sampled_from([ServerCallContext(tenant="a"), ServerCallContext(tenant="b")])}
TASK = {"task_id": hostile.keys().filter(str.isprintable), **CONTEXT}
GROUP = {"context_id": st.sampled_from(["", "a", "b"])}
STATE, TIME = st.sampled_from([1, 2, 3]), st.sampled_from([{"nanos": nanos} for nanos in (0, 1, 2, 1000, 2000)])
PAGES = {"page_size": st.integers(-1, 3) | st.just(100), "page_token": earlier_ids()}
LATER = {"status": STATE, "status_timestamp_after": TIME}
OWNER = attrgetter("tenant")


def save(store, task_id, context, context_id="c", state=1, **times):
    """Save a task."""
    return store.save(Task(id=task_id, context_id=context_id, status={"state": state, **times}), context)


def list_tasks(store, context, **given):
    """List tasks."""
    return store.list(ListTasksRequest(**given), context)


ONE, READ = ("task_id", "context"), {"view": lambda message: message and MessageToDict(message)}
OPERATIONS = (
    Operation("save", save, TASK, {**GROUP, "state": STATE, "timestamp": TIME}, writes=ONE),
    Operation("get", "get", TASK, reads=ONE, **READ),
    Operation("delete", "delete", TASK, writes=ONE),
    Operation("list", list_tasks, CONTEXT, GROUP | PAGES | LATER, ids=("nextPageToken",), reads=WHOLE, **READ),
)


@asynccontextmanager
async def sqlite():
    """An empty database in memory."""
    engine = create_async_engine("sqlite+aiosqlite://")
    yield DatabaseTaskStore(engine, owner_resolver=OWNER)
    await engine.dispose()


MemoryMode, SqliteMode = modes(OPERATIONS, memory=lambda: InMemoryTaskStore(OWNER), sqlite=sqlite)
