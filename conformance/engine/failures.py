"""Fault injection: how a failure of a connection, a server or a caller is brought about while calls are made."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from conformance.backends.proxy import Proxy
from conformance.harness import Harness, HookMissingError

SOON = 2.0
"""Seconds in which what needs no time has happened."""


async def nothing(_: "Surroundings") -> None:
    """Cause no failure."""


@dataclass(frozen=True)
class Failure:
    """A way to fail of a connection, a server or a caller."""

    name: str
    cause: Callable[["Surroundings"], Awaitable[None]] = nothing
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
    needs: str = ""
    """Capabilities, with blanks between them."""
    seconds: float = 5.0
    """The time-outs of the store."""
    patience: float = 0.0
    """How long the store may take afterwards until it works again."""


class Surroundings:
    """What a failure acts on: the open instances of a namespace, and a proxy before the server of the first."""

    proxy: Proxy
    has_proxy = False
    ends: AsyncExitStack
    """How a failure ends."""
    time_out: float
    """That of a store that goes through the proxy."""
    secret = ""
    """The password with which it does so."""
    left = 0
    """Connections on which nothing came when a failure was over."""

    def __init__(self, harness: Harness) -> None:
        self.namespace = f"conformance-{secrets.token_hex(6)}"
        self.harness = harness
        self.stores: dict[int, Any] = {}
        self.closed = set[int]()
        self._stack = AsyncExitStack()
        self._closers: dict[int, AsyncExitStack] = {}

    async def set_up_proxy(self, seconds: float) -> None:
        """Have the first store go through a proxy, with these time-outs.

        Raises:
            HookMissingError: if there is no URL that a proxy can be put before.
        """
        url = self.harness.url()
        if not url.startswith("redis://"):
            raise HookMissingError("url (redis://)")
        self.secret = urlsplit(url).password or secrets.token_hex()
        self.time_out = seconds
        self.proxy = await self._stack.enter_async_context(Proxy(url))
        self.has_proxy = True

    def find_server(self) -> None:
        """Lead to the server where it is now."""
        self.proxy.point_at(self.harness.url())

    # Instances

    async def open(self, on: int, opening: AbstractAsyncContextManager[Any] | None = None) -> None:
        """Open an instance."""
        closer = await self._stack.enter_async_context(AsyncExitStack())
        self.stores[on] = await closer.enter_async_context(opening or self.opening(on))
        self._closers[on] = closer
        self.closed.discard(on)

    def opening(self, on: int) -> AbstractAsyncContextManager[Any]:
        """Return what opens an instance. Through the proxy it has a password: a server that asks for none takes any."""
        if on or not self.has_proxy:
            return self.harness.open(self.namespace)
        url = self.proxy.url
        if "@" not in url:
            url = url.replace("//", f"//default:{self.secret}@")
        return self.harness.open_at(self.namespace, url, self.time_out)

    async def close(self, on: int) -> None:
        """Close an instance."""
        self.closed.add(on)
        await self._closers[on].aclose()

    async def answers(self, on: int) -> bool:
        """Make a call, and return whether an instance answers it."""
        return True

    # Failures

    async def warm_up(self, on: int, together: int) -> None:
        """Let a store open the connections that it needs for so many calls, and drop broken ones."""
        await asyncio.gather(*(self.answers(on) for _ in range(together)))

    @asynccontextmanager
    async def failing(self, failure: Failure, places: Sequence[int]) -> AsyncIterator[None]:
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
                    while not await self.answers(failure.on):  # noqa: ASYNC110  it may be anything
                        await asyncio.sleep(0.05)
