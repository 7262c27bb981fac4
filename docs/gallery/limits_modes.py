"""limits: the moving window strategy on MemoryStorage and RedisStorage."""

from contextlib import asynccontextmanager

from hypothesis import strategies as st
from limits import parse
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter
from server import ServerHarness

from conformance import Harness
from conformance.compare import Operation, hostile

LIBRARY = "limits"
LIMIT = parse("3/hour")
COST = st.sampled_from([1, 2, 3, 4, 0, -1])


class MemoryMode(Harness):
    """The limiter in memory."""

    address = "memory://"

    @asynccontextmanager
    async def open(self, namespace):
        """A limiter that has counted nothing."""
        yield MovingWindowRateLimiter(storage_from_string(self.address))

    def operations(self):
        """The operations of `RateLimiter`, with one limit."""
        key = {"key": hostile.keys()}
        reads = {"reads": "key", "positional": ("key",)}
        return (
            Operation("hit", hit, key, {"cost": COST}, writes="key"),
            Operation("test", check, key, {"cost": COST}, reads="key"),
            Operation("get_window_stats", stats, key, times=("reset_time",), **reads),
            Operation("clear", clear, key, writes="key"),
        )


def hit(limiter, key, cost=1):
    """Count a request."""
    return limiter.hit(LIMIT, key, cost=cost)


def check(limiter, key, cost=1):
    """Whether a request would be let through."""
    return limiter.test(LIMIT, key, cost=cost)


def stats(limiter, key):
    """How many are left, and until when."""
    return limiter.get_window_stats(LIMIT, key)


def clear(limiter, key):
    """Forget what was counted."""
    return limiter.clear(LIMIT, key)


class RedisMode(ServerHarness, MemoryMode):
    """The limiter in Redis."""

    @property
    def address(self):
        """The server."""
        return self.server.url


STORES = MemoryMode, RedisMode
