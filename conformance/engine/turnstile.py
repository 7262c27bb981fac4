"""A TCP proxy that holds each request of a client until it is let through, and knows when all wait for that.

Redis's protocol is understood: the commands of a pipeline are requests of their own, MULTI … EXEC is one, handshakes
pass. In another protocol a request is what a client sends before it reads.
"""

# ruff: noqa: SLF001  nothing public tells what is ready in a loop

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from conformance.backends.resp import LEADING, PASSING, PUSHING, Command, is_whole, take_command
from conformance.engine.schedule import Request
from conformance.harness import HookMissingError

_PATIENCE = 5.0
"""Seconds in which a server answers."""
_A_MOMENT = 0.02
"""Seconds in which a server answers a command that need not block."""


class Turnstile:
    """Addresses before the server at a URL, one for each label. While it is closed, requests are held.

    It runs in the loop of the async stores whose requests it holds.
    """

    def __init__(self, url: str) -> None:
        """Take the URL of a server.

        Raises:
            HookMissingError: if requests to this URL, or in this loop, cannot be ordered.
        """
        self._loop: Any = asyncio.get_running_loop()
        if not hasattr(self._loop, "_ready"):
            raise HookMissingError("a loop of asyncio: another does not show what is ready")
        self._parts = urlsplit(url)
        if self._parts.scheme in {"rediss", "unix"} or not self._parts.port:
            raise HookMissingError("url (a host and a port, without TLS)")
        self.server_at = str(self._parts.hostname), self._parts.port
        self.is_closed = False
        self.is_bypassed = False
        """Whether a client has learned the addresses of other servers, which it goes to by itself."""
        self.links: list[Link] = []
        """The open connections."""
        self.turns = 0
        """How many requests have been held."""
        self._listeners: dict[str, asyncio.Server] = {}
        self._threads = {*threading.enumerate()}
        self._now = 0.0
        self._timers: set[asyncio.TimerHandle] = set()

    async def url(self, label: str) -> str:
        """Return the address for the client with this label. It stays the same."""
        if label not in self._listeners:
            self._listeners[label] = await self._loop.create_server(lambda: Link(self, label), "127.0.0.1", 0)
        port = self._listeners[label].sockets[0].getsockname()[1]
        credentials, at, _ = self._parts.netloc.rpartition("@")
        return self._parts._replace(netloc=f"{credentials}{at}127.0.0.1:{port}").geturl()

    async def aclose(self) -> None:
        """Stop listening, and break the connections."""
        for listener in self._listeners.values():
            listener.close()
        self.cut()
        await asyncio.sleep(0)  # the turn of the loop in which sockets are closed

    def cut(self, label: str = "") -> None:
        """Break the connections of a client, or all."""
        for link in [*self.links]:
            if label in ("", link.label):
                link.abort()

    def waiting(self) -> list[Link]:
        """Return the connections whose next request is held, the longest held first."""
        return sorted((link for link in self.links if link.head), key=lambda link: link.turn)

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Let the time of the loop stand still in the block, but for `pass_time`. It may stand still already."""
        if "time" in vars(self._loop):
            yield
            return
        self._now = self._loop.time()
        self._timers = {*self._loop._scheduled}
        self._loop.time = lambda: self._now
        try:
            yield
        finally:
            del self._loop.time

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Hold the requests that come in the block."""
        self.is_closed = True
        try:
            yield
        finally:
            self.open()

    def open(self) -> None:
        """Let everything pass."""
        self.is_closed = False
        for link in [*self.links]:
            link.advance()

    # Quiet

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
            if not owing or not self.wait(_PATIENCE if any(link.is_certain for link in owing) else _A_MOMENT):
                return

    @property
    def is_alone(self) -> bool:
        """Whether no thread and no socket of others can make anything ready: each connection has three sockets here."""
        ours = 1 + len(self._listeners) + 3 * len(self.links)
        return len(self._loop._selector.get_map()) <= ours and self._threads.issuperset(threading.enumerate())

    def wait(self, seconds: float) -> bool:
        """Wait until a socket has data or a thread has ended. False if nothing comes in time."""
        events = self._loop._selector.select(seconds)
        self._loop._process_events(events)
        return bool(events)

    def pass_time(self) -> bool:
        """Let time pass up to the next timer that was set while it stands still. False if there is none."""
        timers = [timer for timer in self._loop._scheduled if not timer.cancelled()]
        ends = [timer.when() for timer in timers if timer not in self._timers]
        self._now = max(self._now, min(ends, default=0.0))
        return bool(ends)


class Link(asyncio.Protocol):
    """A connection from a client, and the one to the server that belongs to it."""

    def __init__(self, turnstile: Turnstile, label: str) -> None:
        self.label = label
        self.caller = ""
        """Who has sent the request that is held, where that was noted."""
        self.head: Command | None = None
        """The request that is held."""
        self.turn = 0
        """The place of the held request among all."""
        self.sent: Command | None = None
        """The request to which the server owes a reply."""
        self.on_reply: Callable[[], object] | None = None
        """Called when the server has replied, before the client gets to know that."""
        self._turnstile = turnstile
        self._client: Any = None
        self._server: Any = None
        self._received = bytearray()
        self._reply = bytearray()
        self._queued: list[Command] | None = None
        self._watched = set[str]()
        self._is_free = False

    # Both ends

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection of a client, and open one to the server."""
        self._client = transport
        self._turnstile.links.append(self)
        self._opening = asyncio.ensure_future(self._open())

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._server, _ = await loop.create_connection(lambda: _ServerSide(self), *self._turnstile.server_at)
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

    @property
    def is_certain(self) -> bool:
        """Whether it comes in any case."""
        return self.sent is None or not self.sent.blocks

    # Requests

    def data_received(self, data: bytes) -> None:
        """Take what a client sends."""
        self._received += data
        self.advance()

    def advance(self) -> None:
        """Send what may pass, and hold the next request."""
        while self._server is not None and self.sent is None:
            if self.head is None and self._received:
                self.head = take_command(self._received)
                self._turnstile.turns += 1
                self.turn = self._turnstile.turns
            if self.head is None or (self._turnstile.is_closed and not self._passes(self.head.name)):
                return
            self.let()

    def _passes(self, name: str) -> bool:
        is_queued = self._queued is not None and name != "EXEC"
        return self._is_free or is_queued or name in PASSING

    def let(self) -> None:
        """Send the request that is held."""
        command, self.head, self.caller = self.head, None, ""
        if command is None:
            return
        self._turnstile.is_bypassed |= command.name in LEADING
        if command.name == "MULTI":
            self._queued = []
        elif command.name in {"EXEC", "DISCARD", "UNWATCH"}:
            self._queued = None
            self._watched.clear()
        elif command.name == "WATCH":
            self._watched |= command.keys or set()
        elif self._queued is not None:
            self._queued.append(command)
        self._is_free = self._is_free or command.name in PUSHING
        self.sent = None if self._is_free else command
        self._server.write(command.raw)

    @property
    def request(self) -> Request:
        """The request that is held, as a schedule sees it."""
        held = self.head
        assert held is not None  # noqa: S101  it waits
        if self._queued is None:
            return Request(self.caller, held.text, held.keys)
        touched: frozenset[str] | None = frozenset(self._watched)
        for command in self._queued:
            touched = None if touched is None or command.keys is None else touched | command.keys
        text = "; ".join(command.text for command in self._queued)
        return Request(self.caller, f"MULTI {text}; EXEC", touched)

    def replied(self, data: bytes) -> None:
        """Pass on what the server sends, replies only when they are whole."""
        self._reply += data
        if self.sent and self.sent.is_understood and not is_whole(self._reply):
            return
        reply, self._reply, self.sent = self._reply, bytearray(), None
        self._turnstile.is_bypassed |= reply.startswith(b"-MOVED")
        if self.on_reply:
            self.on_reply()
            self.on_reply = None
        self._client.write(reply)
        self.advance()


class _ServerSide(asyncio.Protocol):
    def __init__(self, link: Link) -> None:
        self._link = link

    def data_received(self, data: bytes) -> None:
        self._link.replied(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._link.abort()
