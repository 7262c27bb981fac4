"""Fault injection: how a failure of a connection, a server or a caller is brought about while calls are made."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from conformance.backends.proxy import Proxy
from conformance.harness import Capability, Harness, HookMissingError

SOON = 2.0
"""Seconds in which what needs no time has happened."""


async def nothing(_: Injection) -> None:
    """Cause no failure."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A way to fail of a connection, a server or a caller."""

    name: str
    cause: Callable[[Injection], Awaitable[None]] = nothing
    """Brings it about, and tells the stack `ends` how it ends."""
    kinds: tuple[str, ...] = ()
    """Names that exceptions may give it. Without any, no call fails."""
    fails: tuple[str, ...] = ()
    """The operations that fail for certain."""
    about: str = ""
    """Requirements, with blanks between them."""
    may_write: bool = True
    """Whether a write that fails may have happened."""
    is_cold: bool = False
    """Whether it meets a store that has no connection yet."""
    closes: bool = False
    """Whether the store is closed when a call has met it."""
    on: int = 0
    """The instance that meets it. The first goes through a proxy."""
    needs: Collection[Capability] = ()
    seconds: float = 5.0
    """The time-outs of the store."""
    patience: float = 0.0
    """How long the store may take afterwards until it works again."""


@dataclass
class Injection:
    """A proxy before the server, through which the first store goes with a password."""

    harness: Harness
    namespace: str
    stores: Mapping[int, Any]
    """Those that are open."""
    probe: Callable[[Any], Awaitable[Any]]
    """Makes a call that a store answers."""
    seconds: float
    """The time-outs of the first store."""
    ends: AsyncExitStack = field(default_factory=AsyncExitStack)
    """How a failure ends."""
    left: int = 0
    """Connections on which nothing came when a failure was over."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Injection]:
        """Have the proxy in the block.

        Raises:
            HookMissingError: if there is no URL that a proxy can be put before.
        """
        url = self.harness.url()
        if not url.startswith("redis://"):
            raise HookMissingError("url (redis://)")
        self.secret = urlsplit(url).password or secrets.token_hex()
        async with Proxy(url) as self.proxy:
            yield self

    def open(self) -> AbstractAsyncContextManager[Any]:
        """Open a store that goes through the proxy. A server that asks for no password takes any."""
        url = self.proxy.url
        if "@" not in url:
            url = url.replace("//", f"//default:{self.secret}@")
        return self.harness.open_at(self.namespace, url, self.seconds)

    def find_server(self) -> None:
        """Lead to the server where it is now."""
        self.proxy.point_at(self.harness.url())

    async def warm_up(self, on: int, together: int) -> None:
        """Let a store open the connections that it needs for so many calls, and drop broken ones."""
        calls = (self.probe(self.stores[on]) for _ in range(together))
        await asyncio.gather(*calls, return_exceptions=True)

    @asynccontextmanager
    async def active(self, failure: Failure, places: Sequence[int]) -> AsyncIterator[None]:
        """Let it fail in the block, for the calls that are made there on the instances at these places."""
        for on in () if failure.is_cold else {*places}:
            await self.warm_up(on, len(places))
        proxy = self.proxy
        async with AsyncExitStack() as self.ends:
            await failure.cause(self)
            yield
            await proxy.until(lambda: not proxy.held)  # what is silent is given up
            self.left = proxy.held
        proxy.interrupt(None)
        await proxy.until(lambda: all(link.is_there for link in proxy.links))  # what has been sent has been done
        if failure.patience:
            with suppress(TimeoutError):  # if it does not work then, the calls that follow show it
                async with asyncio.timeout(failure.patience):
                    await self._first_answer(failure.on)

    async def _first_answer(self, on: int) -> None:
        while True:
            with suppress(Exception):  # it still fails
                await self.probe(self.stores[on])
                return
            await asyncio.sleep(0.05)
