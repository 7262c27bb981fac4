"""py-key-value-aio: MemoryStore and RedisStore."""

from contextlib import asynccontextmanager

from hypothesis import strategies as st
from key_value.aio.stores.memory import MemoryStore
from key_value.aio.stores.redis import RedisStore
from redis.asyncio import Redis
from server import ServerHarness

from conformance import Harness
from conformance.compare import hostile, key_value

LIBRARY = "py-key-value-aio"


class MemoryMode(Harness):
    """The store in memory."""

    @asynccontextmanager
    async def open(self, namespace):
        """An empty store."""
        yield MemoryStore()

    def operations(self):
        """Values are mappings, as the protocol says."""
        return key_value(
            set="put",
            ttl="ttl",
            get_many="get_many",
            delete_many="delete_many",
            lifetime="ttl",
            values=st.builds(lambda value: {"a": value}, hostile.values()),
        )


class RedisMode(ServerHarness, MemoryMode):
    """The store in Redis."""

    @asynccontextmanager
    async def open(self, namespace):
        """A store on the server."""
        async with Redis.from_url(self.server.url, decode_responses=True) as client:
            yield RedisStore(client=client)


STORES = MemoryMode, RedisMode
