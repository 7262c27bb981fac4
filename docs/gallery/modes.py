"""The two harnesses of a library: its store in memory, and the one in Redis or SQLite."""

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from inspect import isawaitable
from typing import Any

from conformance import Capability, Harness
from conformance.backends.server_harness import RedisServerHarness
from conformance.compare import Operation


def modes(operations: Collection[Operation], **openers: Callable[..., Any]) -> list[Callable[[], Harness]]:
    """Return what makes the harness of each mode, for stores with these operations.

    An opener gives an empty store, or an async context manager that does. The one of `redis` is given the URL of a
    server, which is empty. A store is closed if it can be.
    """
    return [partial(RedisMode if mode == "redis" else Mode, operations, opener) for mode, opener in openers.items()]


class Mode(Harness):
    """A store that needs no server."""

    def __init__(self, operations: Collection[Operation], opener: Callable[..., Any]) -> None:
        super().__init__()
        self.operations = lambda: operations
        self._opener = opener

    def open(self, namespace: str) -> AbstractAsyncContextManager[Any]:
        """Open the store."""
        return opened(self._opener())


class RedisMode(Mode, RedisServerHarness):
    """A store on a private server, which is empty for each namespace."""

    capabilities = frozenset({Capability.PERSISTENT, Capability.SHARED})
    prefix = record = ""
    open = RedisServerHarness.open

    def open_at(self, namespace: str, url: str, seconds: float) -> AbstractAsyncContextManager[Any]:
        """Open the store on the server, or through a proxy."""
        return opened(self._opener(url))


@asynccontextmanager
async def opened(made: Any) -> AsyncIterator[Any]:
    """Enter a store, or close it in the end, if that is how it is used."""
    if isinstance(made, AbstractAsyncContextManager):
        async with made as store:
            yield store
        return
    yield made
    for close in ("close", "shutdown"):
        if hasattr(made, close) and isawaitable(ended := getattr(made, close)()):
            await ended
