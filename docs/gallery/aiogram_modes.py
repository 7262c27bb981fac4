"""aiogram: MemoryStorage and RedisStorage of the finite state machine."""

from contextlib import asynccontextmanager

from aiogram.fsm.storage.base import StorageKey
from aiogram.fsm.storage.memory import MemoryStorage
from aiogram.fsm.storage.redis import RedisStorage
from hypothesis import strategies as st
from server import ServerHarness

from conformance import Harness
from conformance.compare import Operation, hostile

LIBRARY = "aiogram"
KEYS = st.sampled_from([StorageKey(1, 1, 1), StorageKey(1, 1, 2), StorageKey(1, 2, 1), StorageKey(2, 1, 1)])
DATA = st.builds(lambda value: {"a": value}, hostile.values())


class MemoryMode(Harness):
    """The storage in memory."""

    @asynccontextmanager
    async def open(self, namespace):
        """An empty storage."""
        yield MemoryStorage()

    def operations(self):
        """The operations of `BaseStorage`."""
        key = {"key": KEYS}
        return (
            Operation("set_data", "set_data", {**key, "data": DATA}, writes="key"),
            Operation("get_data", "get_data", key, reads="key"),
            Operation("update_data", "update_data", {**key, "data": DATA}, writes="key"),
            Operation("set_state", "set_state", {**key, "state": st.none() | st.text()}, writes="key"),
            Operation("get_state", "get_state", key, reads="key"),
        )


class RedisMode(ServerHarness, MemoryMode):
    """The storage in Redis."""

    @asynccontextmanager
    async def open(self, namespace):
        """A storage on the server."""
        storage = RedisStorage.from_url(self.server.url)
        try:
            yield storage
        finally:
            await storage.close()


STORES = MemoryMode, RedisMode
