"""cachelib: SimpleCache and RedisCache."""

from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from cache import key_value
from cachelib import RedisCache, SimpleCache
from server import ServerHarness

from conformance import Harness

LIBRARY = "cachelib"


class MemoryMode(Harness):
    """The cache in memory."""

    @asynccontextmanager
    async def open(self, namespace):
        """An empty cache."""
        yield SimpleCache()

    def operations(self):
        """The operations of `BaseCache`."""
        return key_value(
            exists="has",
            add="add",
            increment="inc",
            get_many=lambda cache, keys: cache.get_many(*keys),
            set_many="set_many",
            delete_many=lambda cache, keys: cache.delete_many(*keys),
            lifetime="timeout",
        )


class RedisMode(ServerHarness, MemoryMode):
    """The cache in Redis."""

    @asynccontextmanager
    async def open(self, namespace):
        """A cache on the server."""
        yield RedisCache(host="127.0.0.1", port=urlsplit(self.server.url).port)


STORES = MemoryMode, RedisMode
