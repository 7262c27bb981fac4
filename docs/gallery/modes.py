"""The two harnesses of a library: its store in memory, and the one in Redis or SQLite."""

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from inspect import isawaitable
from textwrap import dedent
from typing import Any

from conformance import Capability, Harness
from conformance.backends.server_harness import RedisServerHarness
from conformance.compare import Operation


def modes(operations: Collection[Operation], **openings: str) -> list[Callable[[], Harness]]:
    """Return what makes the harness of each mode, for stores with these operations.

    An opening is Python that makes an empty `store`; that of `redis` on a server at `url`, which is empty. A store is
    closed if it can be.
    """
    return [partial(RedisMode if mode == "redis" else Mode, operations, opening) for mode, opening in openings.items()]


class Mode(Harness):
    """A store that needs no server."""

    def __init__(self, operations: Collection[Operation], opening: str) -> None:
        super().__init__()
        self.operations = lambda: operations
        self.standalone = dedent(opening)

    def open(self, namespace: str) -> AbstractAsyncContextManager[Any]:
        """Open the store."""
        return opened(self.standalone)


class RedisMode(Mode, RedisServerHarness):
    """A store on a private server, which is empty for each namespace."""

    capabilities = frozenset({Capability.PERSISTENT, Capability.SHARED})
    prefix = record = ""
    open = RedisServerHarness.open

    def open_at(self, namespace: str, url: str, seconds: float) -> AbstractAsyncContextManager[Any]:
        """Open the store on the server, or through a proxy."""
        return opened(self.standalone, url)


@asynccontextmanager
async def opened(opening: str, url: str = "") -> AsyncIterator[Any]:
    """Open a store, and close it in the end, if that is how it is used."""
    names = {"url": url}
    exec(opening, names)  # noqa: S102  written in the gallery
    store: Any = names["store"]
    yield store
    for close in ("close", "shutdown"):
        if hasattr(store, close) and isawaitable(ended := getattr(store, close)()):
            await ended
