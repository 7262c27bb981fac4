"""The two harnesses of a library: its store in memory, and the one in Redis or SQLite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from inspect import isawaitable
from typing import Any

from conformance import Capability, Harness
from conformance.compare import Operation
from conformance.subjects.servers import EmbeddedServer


def modes(operations: Collection[Operation], **openers: Callable[..., Any]) -> list[Callable[[], Harness]]:
    """Return what makes the harness of each mode, for stores with these operations.

    An opener gives an empty store, or an async context manager that does. The one of `redis` is given the URL of a
    server, which is empty. A store is closed if it can be.
    """
    return [partial(RedisMode if mode == "redis" else Mode, operations, opener) for mode, opener in openers.items()]


class Mode(Harness):
    """A store that needs no server."""

    def __init__(self, operations: Collection[Operation], opener: Callable[..., Any]) -> None:
        self.operations = lambda: operations
        self._opened = opener

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[Any]:
        """Open it, and close it as it wishes to be closed."""
        made = self._opened()
        if isinstance(made, AbstractAsyncContextManager):
            async with made as store:
                yield store
            return
        yield made
        for close in ("close", "shutdown"):
            if hasattr(made, close) and isawaitable(ended := getattr(made, close)()):
                await ended


class RedisMode(Mode):
    """A store on a private server, which is empty for each namespace."""

    capabilities = frozenset({Capability.PERSISTENT, Capability.SHARED})

    @contextmanager
    def running(self) -> Iterator[None]:
        """The server runs."""
        with EmbeddedServer() as self._server:
            self._opened = partial(self._opened, self._server.url)
            yield

    def discard(self, namespace: str) -> None:
        """Empty the server: one namespace is in use at a time."""
        self._server.call("FLUSHDB")
