"""dogpile.cache: the backends dogpile.cache.memory_pickle and dogpile.cache.redis."""

from contextlib import asynccontextmanager

from dogpile.cache import make_region
from server import ServerHarness

from conformance import Harness
from conformance.compare import key_value

LIBRARY = "dogpile.cache"


class MemoryMode(Harness):
    """The region in memory."""

    @asynccontextmanager
    async def open(self, namespace):
        """An empty region."""
        yield make_region().configure("dogpile.cache.memory_pickle")

    def operations(self):
        """The operations of `CacheRegion`."""
        return key_value(get_many="get_multi", set_many="set_multi", delete_many="delete_multi")


class RedisMode(ServerHarness, MemoryMode):
    """The region in Redis."""

    @asynccontextmanager
    async def open(self, namespace):
        """A region on the server."""
        yield make_region().configure("dogpile.cache.redis", arguments={"url": self.server.url})


STORES = MemoryMode, RedisMode
