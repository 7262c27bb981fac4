"""taskiq and taskiq-redis: InmemoryResultBackend and RedisAsyncResultBackend."""

from contextlib import asynccontextmanager

from hypothesis import strategies as st
from server import ServerHarness
from taskiq import TaskiqResult
from taskiq.brokers.inmemory_broker import InmemoryResultBackend
from taskiq_redis import RedisAsyncResultBackend

from conformance import Harness
from conformance.compare import Operation, hostile

LIBRARY = "taskiq-redis"
RESULTS = st.builds(lambda value: TaskiqResult(is_err=False, return_value=value, execution_time=0.1), hostile.values())


class MemoryMode(Harness):
    """The backend in memory."""

    @asynccontextmanager
    async def open(self, namespace):
        """An empty backend."""
        yield InmemoryResultBackend()

    def operations(self):
        """The operations of `AsyncResultBackend`."""
        task_id = {"task_id": hostile.keys()}
        return (
            Operation("set_result", "set_result", {**task_id, "result": RESULTS}, writes="task_id"),
            Operation("get_result", "get_result", task_id, {"with_logs": st.booleans()}, reads="task_id"),
            Operation("is_result_ready", "is_result_ready", task_id, reads="task_id"),
        )


class RedisMode(ServerHarness, MemoryMode):
    """The backend in Redis."""

    @asynccontextmanager
    async def open(self, namespace):
        """A backend on the server."""
        backend = RedisAsyncResultBackend(self.server.url)
        try:
            yield backend
        finally:
            await backend.shutdown()


STORES = MemoryMode, RedisMode
