"""fastapi-cache2: InMemoryBackend and RedisBackend."""

from contextlib import asynccontextmanager

from fastapi_cache.backends.inmemory import InMemoryBackend
from fastapi_cache.backends.redis import RedisBackend
from hypothesis import strategies as st
from redis.asyncio import Redis
from server import ServerHarness

from conformance import Harness
from conformance.compare import WHOLE, Operation, hostile

LIBRARY = "fastapi-cache2"
KEY = {"key": hostile.keys()}


class MemoryMode(Harness):
    """The backend in memory."""

    @asynccontextmanager
    async def open(self, namespace):
        """An empty backend."""
        InMemoryBackend._store.clear()  # all backends of a process share it
        yield InMemoryBackend()

    def operations(self):
        """The operations of `Backend`."""
        lifetime = {"expire": st.sampled_from([None, 60, 3600, 0, -1])}
        return (
            Operation("set", "set", {**KEY, "value": st.binary(max_size=4)}, lifetime, writes="key"),
            Operation("get", "get", KEY, reads="key"),
            Operation("get_with_ttl", "get_with_ttl", KEY, reads="key"),
            Operation("clear", "clear", {}, {**KEY, "namespace": hostile.keys()}, writes=WHOLE),
        )


class RedisMode(ServerHarness, MemoryMode):
    """The backend in Redis."""

    @asynccontextmanager
    async def open(self, namespace):
        """A backend on the server."""
        async with Redis.from_url(self.server.url) as client:
            yield RedisBackend(client)


STORES = MemoryMode, RedisMode
