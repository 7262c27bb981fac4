"""aiocache: SimpleMemoryCache and RedisCache, each with its own default serializer."""

from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from aiocache import RedisCache, SimpleMemoryCache
from cache import key_value
from server import ServerHarness

from conformance import Harness

LIBRARY = "aiocache"


class MemoryMode(Harness):
    """The cache in memory."""

    @asynccontextmanager
    async def open(self, namespace):
        """An empty cache."""
        async with SimpleMemoryCache() as cache:
            yield cache

    def operations(self):
        """The operations of `BaseCache`."""
        return key_value(
            exists="exists",
            add="add",
            increment="increment",
            get_many="multi_get",
            set_many=lambda cache, items: cache.multi_set([*items.items()]),
            lifetime="ttl",
        )


class RedisMode(ServerHarness, MemoryMode):
    """The cache in Redis."""

    @asynccontextmanager
    async def open(self, namespace):
        """A cache on the server."""
        address = urlsplit(self.server.url)
        async with RedisCache(endpoint=address.hostname, port=address.port) as cache:
            yield cache


STORES = MemoryMode, RedisMode
