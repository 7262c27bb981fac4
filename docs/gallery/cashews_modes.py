"""cashews: mem:// and redis://, set up with no more than their addresses."""

from contextlib import asynccontextmanager

from cache import key_value
from cashews import Cache
from server import ServerHarness

from conformance import Harness

LIBRARY = "cashews"


class MemoryMode(Harness):
    """The cache in memory."""

    @asynccontextmanager
    async def open(self, namespace):
        """An empty cache."""
        cache = Cache()
        cache.setup(self.address)
        try:
            yield cache
        finally:
            await cache.close()

    @property
    def address(self):
        """What `setup` is given."""
        return "mem://"

    def operations(self):
        """The operations of `Cache`."""
        return key_value(
            exists="exists",
            ttl="get_expire",
            increment="incr",
            get_many=lambda cache, keys: cache.get_many(*keys),
            set_many="set_many",
            delete_many=lambda cache, keys: cache.delete_many(*keys),
            lifetime="expire",
        )


class RedisMode(ServerHarness, MemoryMode):
    """The cache in Redis."""

    @property
    def address(self):
        """What `setup` is given."""
        return self.server.url


STORES = MemoryMode, RedisMode
