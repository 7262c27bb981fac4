"""a2a-sdk: InMemoryTaskStore and DatabaseTaskStore on SQLite."""

from contextlib import asynccontextmanager, contextmanager
from tempfile import TemporaryDirectory

from a2a.server.context import ServerCallContext
from a2a.server.tasks import DatabaseTaskStore, InMemoryTaskStore
from a2a.types import ListTasksRequest, Task, TaskState, TaskStatus
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import create_async_engine

from conformance import Harness
from conformance.compare import WHOLE, Operation, hostile

LIBRARY = "a2a-sdk"
CONTEXT = ServerCallContext()
TEXTS = hostile.keys().filter(lambda text: text.isprintable())
STATES = st.sampled_from([TaskState.TASK_STATE_SUBMITTED, TaskState.TASK_STATE_COMPLETED])


class MemoryMode(Harness):
    """The store in memory."""

    @asynccontextmanager
    async def open(self, namespace):
        """An empty store."""
        yield InMemoryTaskStore()

    def operations(self):
        """The operations of `TaskStore`."""
        one = {"task_id": TEXTS}
        pages = {"page_size": st.integers(1, 100), "status": STATES, "context_id": TEXTS}
        return (
            Operation("save", save, one, {"context_id": TEXTS, "status": STATES}, writes="task_id"),
            Operation("get", lambda store, task_id: store.get(task_id, CONTEXT), one, reads="task_id"),
            Operation("delete", lambda store, task_id: store.delete(task_id, CONTEXT), one, writes="task_id"),
            Operation("list", list_tasks, {}, pages, reads=WHOLE),
        )


def save(store, task_id, context_id="c", status=TaskState.TASK_STATE_WORKING):
    """Save a task."""
    return store.save(Task(id=task_id, context_id=context_id, status=TaskStatus(state=status)), CONTEXT)


def list_tasks(store, **arguments):
    """List tasks."""
    return store.list(ListTasksRequest(**arguments), CONTEXT)


class SqliteMode(MemoryMode):
    """The store in SQLite."""

    @asynccontextmanager
    async def open(self, namespace):
        """A database in a file."""
        engine = create_async_engine(f"sqlite+aiosqlite:///{self.folder}/{namespace}.db")
        try:
            store = DatabaseTaskStore(engine)
            await store.initialize()
            yield store
        finally:
            await engine.dispose()

    @contextmanager
    def running(self):
        """A folder for the databases."""
        with TemporaryDirectory() as self.folder:
            yield


STORES = MemoryMode, SqliteMode
