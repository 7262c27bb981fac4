"""A TCP proxy that holds each request of a client until it is let through, and knows when all wait for that.

Redis's protocol is understood: the commands of a pipeline are requests of their own, MULTI … EXEC is one, handshakes
pass. In another protocol a request is what a client sends before it reads.
"""

# ruff: noqa: SLF001  nothing public tells what is ready in a loop

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from conformance.engine.orders.resp import PASSING, PUSHING, Message, read, take_request
from conformance.harness import HookMissingError

_PATIENCE = 5.0
"""Seconds in which a server answers."""
_A_MOMENT = 0.02
"""Seconds in which a server answers a command that need not block."""
_LEADING = "CLUSTER", "SENTINEL"
"""Commands whose replies lead a client to other servers."""


class Turnstile:
    """Addresses before the server at a URL, one for each label. While it is closed, requests are held.

    It runs in the loop of the async stores whose requests it holds.
    """

    def __init__(self, url: str) -> None:
        """Take the URL of a server.

        Raises:
            HookMissingError: if requests to this URL cannot be ordered.
        """
        self._loop: Any = asyncio.get_running_loop()
        self._url, self._parts = url, urlsplit(url)
        if self._parts.scheme in {"rediss", "unix"} or not self._parts.port:
            raise HookMissingError("url (a host and a port, without TLS)")
        self.server_at = str(self._parts.hostname), self._parts.port
        self.is_closed = False
        self.is_bypassed = False
        """Whether a client has learned the addresses of other servers, which it goes to by itself."""
        self.links: list[Link] = []
        """The open connections."""
        self._listeners: dict[int, asyncio.Server] = {}

    async def url(self, label: int) -> str:
        """Return the address for the client with this label."""
        if label not in self._listeners:
            self._listeners[label] = await self._loop.create_server(lambda: Link(self, label), "127.0.0.1", 0)
        port = self._listeners[label].sockets[0].getsockname()[1]
        return self._url.replace(self._parts.netloc.rpartition("@")[2], f"127.0.0.1:{port}", 1)

    async def aclose(self) -> None:
        """Stop listening, and break the connections."""
        for label in [*self._listeners]:
            self.kill(label)
        await asyncio.sleep(0)  # the turn of the loop in which sockets are closed

    def kill(self, label: int) -> None:
        """Break the connections of a client. Nothing that it sends from now on arrives."""
        self._listeners.pop(label).close()
        self.disconnect(label)

    def disconnect(self, label: int) -> None:
        """Break the connections of a client, which may open others."""
        for link in [*self.links]:
            if link.label == label:
                link.abort()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Hold the requests that come in the block."""
        self.is_closed = True
        try:
            yield
        finally:
            self.is_closed = False
            for link in [*self.links]:
                link.advance()

    @property
    def sockets(self) -> int:
        """How many there are here: each connection has three."""
        return len(self._listeners) + 3 * len(self.links)

    async def settle(self) -> None:
        """Return when nothing in this loop can go on before a request is let through, time passes or others act.

        That is so if nothing is ready in the loop, no socket has data, and the server owes no reply. On loopback, what
        was sent has arrived when `send` returns.
        """
        while True:
            was_quiet = not self._loop._ready
            await asyncio.sleep(0)  # a turn of the loop, which looks for data too
            if self._loop._ready or not was_quiet:
                continue
            owing = [link for link in self.links if link.is_busy]
            is_certain = any(not link.sent or not link.sent.blocks for link in owing)
            if not owing or not self.wait(_PATIENCE if is_certain else _A_MOMENT):
                return

    def wait(self, seconds: float) -> bool:
        """Wait until a socket has data or a thread has ended. False if nothing comes in time."""
        events = self._loop._selector.select(seconds)
        self._loop._process_events(events)
        return bool(events)


class Link(asyncio.Protocol):
    """A connection from a client, and the one to the server that belongs to it."""

    def __init__(self, turnstile: Turnstile, label: int) -> None:
        self.label = label
        self.caller = ""
        """Who has sent the request that is held, where that was noted."""
        self.head: Message | None = None
        """The request that is held."""
        self.sent: Message | None = None
        """The request to which the server owes a reply."""
        self.on_reply: Callable[[], object] = tuple
        """Called when the server has replied, before the client gets to know that."""
        self._turnstile = turnstile
        self._client: Any = None
        self._server: Any = None
        self._received = bytearray()
        self._reply = bytearray()
        self._queued: list[Message] | None = None

    # Both ends

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection of a client, and open one to the server."""
        self._client = transport
        self._turnstile.links.append(self)
        self._opening = asyncio.ensure_future(self._open())

    async def _open(self) -> None:
        try:
            end = await self._turnstile._loop.create_connection(lambda: _ServerSide(self), *self._turnstile.server_at)
            self._server = end[0]
        except OSError:
            self.abort()
        if self in self._turnstile.links:
            self.advance()
        else:
            self.abort()  # the client has given up meanwhile

    def connection_lost(self, exc: Exception | None) -> None:
        """Give up what is held, for the client has."""
        self.abort()

    def abort(self) -> None:
        """Break the connection at both ends."""
        if self in self._turnstile.links:
            self._turnstile.links.remove(self)
        for transport in (self._client, self._server):
            if transport is not None:
                transport.abort()

    @property
    def is_busy(self) -> bool:
        """Whether something of the server is awaited."""
        return self._server is None or self.sent is not None

    # Requests

    def data_received(self, data: bytes) -> None:
        """Take what a client sends."""
        self._received += data
        self.advance()

    def advance(self) -> None:
        """Send what may pass, and hold the next request."""
        while not self.is_busy:
            if self.head is None and self._received:
                self.head = take_request(self._received)
            if self.head is None or (self._turnstile.is_closed and not self._passes(self.head.name)):
                return
            self.let()

    def _passes(self, name: str) -> bool:
        is_queued = self._queued is not None and name != "EXEC"
        return is_queued or name in PASSING or name in PUSHING

    def let(self) -> None:
        """Send the request that is held."""
        request, self.head, self.caller = self.head, None, ""
        if request is None:
            return
        self._turnstile.is_bypassed |= request.name in _LEADING
        if request.name == "MULTI":
            self._queued = []
        elif request.name in {"EXEC", "DISCARD"}:
            self._queued = None
        elif self._queued is not None:
            self._queued.append(request)
        self.sent = None if request.name in PUSHING else request
        self._server.write(request.raw)

    @property
    def text(self) -> str:
        """The request that is held, with those that were queued for it."""
        texts = [request.text for request in (*(self._queued or ()), self.head) if request]
        return "; ".join(texts) if self._queued is None else f"MULTI {'; '.join(texts)}"

    @property
    def keys(self) -> frozenset[Any] | None:
        """The keys that it touches; None if nobody knows."""
        return self.head.keys if self.head else None

    def replied(self, data: bytes) -> None:
        """Pass on what the server sends, replies only when they are whole."""
        self._reply += data
        is_understood = self.sent and self.sent.raw.startswith(b"*")
        if is_understood and read(self._reply) is None:
            return
        reply, self._reply, self.sent = self._reply, bytearray(), None
        self._turnstile.is_bypassed |= reply.startswith(b"-MOVED")
        self.on_reply()
        self.on_reply = tuple
        self._client.write(reply)
        self.advance()


class _ServerSide(asyncio.Protocol):
    def __init__(self, link: Link) -> None:
        self._link = link

    def data_received(self, data: bytes) -> None:
        self._link.replied(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._link.abort()
