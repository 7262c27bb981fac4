"""A TCP proxy on loopback between a store and its server, which holds or answers what comes through on request.

It knows no protocol but this much: on one connection a request is what arrives from the client, and a reply is what
comes back before the next request. It runs on the loop that it is opened on.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self, TypeAlias
from urllib.parse import urlsplit

_PIECE = 1 << 20
"""Bytes that are passed on together."""


class Held(StrEnum):
    """What is held until `release`: requests, or the replies to them."""

    REQUESTS = "request"
    REPLIES = "reply"


Interruption: TypeAlias = Held | bytes | None
"""What is held; or a text that answers each command of a request, and ends the connection if it is empty."""


class Proxy:
    """A proxy in front of the server at a URL; connect to the `url` of the proxy instead."""

    def __init__(self, url: str, delay: float = 0) -> None:
        """`delay` says how many seconds later a reply is passed on, as from a server that is farther away."""
        self.point_at(url)
        self.delay = delay
        self.requests = 0
        """How many requests arrived, handshakes included."""
        self.links: set[_Link] = set()
        """The connections that have not ended at both sides."""
        self._parts = urlsplit(url)
        self._reserved = contextlib.ExitStack()
        self._next: Interruption = None
        """What connections meet that are accepted from now on."""

    async def __aenter__(self) -> Self:
        self._port = self._reserved.enter_context(reserved_port())
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.interrupt(None)
        await self.refuse()
        left_over = [link.task for link in self.links]
        for task in left_over:
            task.cancel()
        await asyncio.gather(*left_over, return_exceptions=True)
        self._reserved.close()

    @property
    def url(self) -> str:
        """The server's URL, with the proxy's address in place of its own."""
        credentials, at, _ = self._parts.netloc.rpartition("@")
        return self._parts._replace(netloc=f"{credentials}{at}127.0.0.1:{self._port}").geturl()

    @property
    def held(self) -> int:
        """On how many connections something is held that the client has not given up."""
        return sum(link.is_held and link.is_there for link in self.links)

    def point_at(self, url: str) -> None:
        """Lead connections that are accepted from now on to the server at this URL."""
        parts = urlsplit(url)
        self.server_at = str(parts.hostname), parts.port or 6379

    async def listen(self) -> None:
        """Accept connections, under the same port as before."""
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", self._port, backlog=1_024, limit=_PIECE)

    async def refuse(self) -> None:
        """Stop listening, end all connections, and wait until both sides have seen it."""
        for listening in self._listener.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())
        # asyncio drops a connection that it has accepted when its server closes in the same turn, and never closes its
        # socket. So the loop gets one turn to take it up.
        await asyncio.sleep(0)
        self._listener.close()
        for link in self.links:
            link.client.transport.abort()
        await self.until(lambda: not self.links)

    def interrupt(self, how: Interruption, *, on_open_ones: bool = False) -> None:
        """Interrupt exchanges from now on, or no more; with `on_open_ones` not those of connections to come."""
        self._next = None if on_open_ones else how
        for link in self.links:
            link.interruption = how

    async def until(self, condition: Callable[[], object]) -> None:
        """Return as soon as it holds, or when it does not in two seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                while not condition():  # noqa: ASYNC110  it may be about anything
                    await asyncio.sleep(0.001)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(self, reader, writer, self._next, asyncio.current_task())
        self.links.add(link)
        try:
            with contextlib.suppress(OSError):
                await link.work()
        finally:
            writer.close()
            self.links.remove(link)


@dataclass(eq=False)
class _Link:
    """A connection from a client, and the one to the server that belongs to it."""

    proxy: Proxy
    reader: Any
    client: Any
    interruption: Interruption
    task: Any
    is_held: bool = False

    @property
    def is_there(self) -> bool:
        """Whether the client has not given the connection up. `at_eof` says so only when all has been read."""
        return not (self.reader._eof or self.reader.exception() or self.client.is_closing())  # noqa: SLF001

    async def work(self) -> None:
        """Pass on what comes from either side, until both have ended."""
        replies, server = await asyncio.open_connection(*self.proxy.server_at)
        try:
            await asyncio.gather(self._pass_requests(server), self._pass_replies(replies))
        finally:
            server.close()

    async def _pass_requests(self, server: asyncio.StreamWriter) -> None:
        while data := await self.reader.read(_PIECE):
            self.proxy.requests += 1
            text = self.interruption
            if not isinstance(text, bytes):
                await self._hold(Held.REQUESTS)
                server.write(data)
            elif text:  # each command is an array, and no value of ours looks like one
                self.client.write(text * max(1, data.startswith(b"*") + data.count(b"\r\n*")))
            else:
                self.client.close()
        server.write_eof()  # a server first executes what it received before the end

    async def _pass_replies(self, replies: asyncio.StreamReader) -> None:
        loop, delay = asyncio.get_running_loop(), self.proxy.delay
        while data := await replies.read(_PIECE):
            await self._hold(Held.REPLIES)
            if delay:  # from its own arrival on: replies of a pipeline do not wait for each other
                loop.call_later(delay, self.client.write, data)
            else:
                self.client.write(data)
        await asyncio.sleep(delay)
        self.client.close()

    async def _hold(self, what: Held) -> None:
        while self.interruption == what:
            self.is_held = True
            await asyncio.sleep(0.001)
        self.is_held = False


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """Keep a port of loopback, on which nothing listens yet: no other process gets it, not for a connection either.

    Where a socket is bound that does not listen, Linux lets one listen that has SO_REUSEADDR, as servers have.
    """
    with socket.socket() as kept:
        port = _bind(kept)
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # not before: two of these could share a port
        if sys.platform != "linux":
            kept.close()
        yield port


def _bind(opened: socket.socket) -> int:
    """Bind a socket below the ports that outgoing connections get: one could be connected to itself."""
    while True:
        port = secrets.randbelow(20_000) + 12_000
        with contextlib.suppress(OSError):
            opened.bind(("127.0.0.1", port))
            return port


def unused_port() -> int:
    """A port of loopback at which nothing listens now. For one that something is to listen on, see `reserved_port`."""
    with reserved_port() as port:
        return port
