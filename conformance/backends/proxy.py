"""A TCP proxy on loopback between a store and its server, which holds or answers what comes through on request.

On one connection a request is what arrives from the client, and a reply is what comes back before the next request.
In order, one request of a connection passes after the other, and Redis's protocol is understood: the commands of a
pipeline are requests of their own, MULTI … EXEC is one, and handshakes are not held. It runs on the loop that it is
opened on.
"""

import asyncio
import contextlib
import secrets
import socket
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import partial
from typing import Any, Self
from urllib.parse import urlsplit

from conformance.backends.resp import PASSING, PUSHING, Message, take_request
from conformance.harness import HookMissingError

_PORTS = {"redis": 6379, "valkey": 6379}
_WITH_TLS = "rediss", "valkeys", "https", "wss", "amqps"
_LEADING = "CLUSTER", "SENTINEL"
"""Commands whose replies lead a client to other servers."""
_MOST_BYTES = 65_536
_SOON = 5.0
"""Seconds in which a server answers."""
_A_MOMENT = 0.02
"""Seconds in which a server answers a command that need not block, and goes on with a reply that has begun."""


class Held(StrEnum):
    """What is held: requests, or the replies to them."""

    REQUESTS = "request"
    REPLIES = "reply"


Interruption = Held | bytes | None
"""What is held; or a text that answers each command of a request, and ends the connection if it is empty."""


class Proxy:
    """A proxy in front of the server at a URL; connect to the `url` of the proxy instead."""

    def __init__(self, url: str, delay: float = 0, *, in_order: bool = False) -> None:
        """`delay` says how many seconds later a reply is passed on, as from a server that is farther away.

        Raises:
            HookMissingError: if no proxy can stand there.
        """
        self.point_at(url)
        self.delay = delay
        self.in_order = in_order
        """Whether each connection waits for a reply before the next request passes."""
        self.requests = 0
        """How many requests arrived, handshakes included."""
        self.links: list[Link] = []
        """The connections that have not ended at both sides."""
        self.is_bypassed = False
        """Whether, in order, a client has learned the addresses of other servers, which it goes to by itself."""
        self.interruption: Interruption = None
        """What connections meet that are accepted from now on."""
        self._parts = urlsplit(url)
        self._reserved = contextlib.ExitStack()

    async def __aenter__(self) -> Self:
        self._port = self._reserved.enter_context(reserved_port())
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.interrupt(None)
        await self.refuse()
        for link in self.links:
            link.abort()
        await asyncio.sleep(0)  # the turn of the loop in which sockets are closed
        self._reserved.close()

    @property
    def url(self) -> str:
        """The server's URL, with the proxy's address in place of its own."""
        credentials, at, _ = self._parts.netloc.rpartition("@")
        return self._parts._replace(netloc=f"{credentials}{at}127.0.0.1:{self._port}").geturl()

    @property
    def held(self) -> int:
        """On how many connections something is held that the client has not given up."""
        return sum(link.is_held for link in self.links)

    @property
    def sockets(self) -> int:
        """How many there are in this process: one of each client too that has not left."""
        return len(self._listener.sockets) + sum(2 + link.is_there for link in self.links)

    def point_at(self, url: str) -> None:
        """Lead connections that are accepted from now on to the server at this URL."""
        parts = urlsplit(url)
        host = parts.hostname
        port = parts.port or _PORTS.get(parts.scheme)
        if parts.scheme in _WITH_TLS or not (host and port):
            raise HookMissingError("url (a host and a port, without TLS)")
        self.server_at = host, port

    async def listen(self) -> None:
        """Accept connections, under the same port as before."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(partial(Link, self), "127.0.0.1", self._port, backlog=1_024)

    async def refuse(self) -> None:
        """Stop listening, end all connections, and wait until both sides have seen it."""
        for listening in self._listener.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())
        # asyncio drops a connection that it has accepted when its server closes in the same turn, and never closes its
        # socket. So the loop gets one turn to take it up.
        await asyncio.sleep(0)
        self.stop()
        await self.until(lambda: not self.links)

    def stop(self) -> None:
        """Stop listening, and end all connections."""
        self._listener.close()
        for link in self.links:
            link.leave()

    def interrupt(self, how: Interruption, *, on_open_ones: bool = False) -> None:
        """Interrupt exchanges from now on, or no more; with `on_open_ones` not those of connections to come."""
        self.interruption = None if on_open_ones else how
        for link in [*self.links]:
            link.interruption = how
            link.advance()

    async def until(self, condition: Callable[[], object]) -> None:
        """Return as soon as it holds, or when it does not in two seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                while not condition():  # noqa: ASYNC110  it may be about anything
                    await asyncio.sleep(0.001)


class Link(asyncio.Protocol):
    """A connection from a client, and the one to the server that belongs to it."""

    def __init__(self, proxy: Proxy) -> None:
        self.interruption = proxy.interruption
        self.is_there = True
        """Whether the client has not given the connection up."""
        self.head: Any = None
        """The request that passes next, or is held."""
        self.caller = ""
        """Who has sent it, where that was noted."""
        self.on_reply: Callable[[], object] = tuple
        """Called when the server has replied, before the client gets to know that."""
        self.sent: Message | None = None
        """In order, the request to which the server owes a reply."""
        self.may_go_on = False
        """Whether the server may go on with a reply, since nothing in it tells where it ends."""
        self.proxy = proxy
        self._client: Any = None
        self._server: Any = None
        self._ends = 2
        self._has_server_left = False
        self._requests = bytearray()
        self._replies = bytearray()
        self._transaction = ""

    # Both ends

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection of a client, and open one to the server."""
        self._client = transport
        self.proxy.links.append(self)
        self._opening = asyncio.ensure_future(self._open())

    async def _open(self) -> None:
        """Connect to the server, and take what it sends. When it leaves, the client sees that after what was sent."""
        with contextlib.suppress(OSError):
            replies, self._server = await asyncio.open_connection(*self.proxy.server_at)
            self.advance()
            while data := await replies.read(_MOST_BYTES):
                self._replies += data
                self.advance()
            self._server.close()
        self.sent = None
        self._has_server_left = True
        self._end()
        self.advance()

    def eof_received(self) -> bool:
        """Note that the client sends no more. In order, it has given up what is held."""
        self.is_there = False
        if self.proxy.in_order:
            self.head = None
            self._requests.clear()
        self.advance()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the client has left."""
        self.eof_received()
        self._end()

    def _end(self) -> None:
        self._ends -= 1
        if not self._ends:
            self.proxy.links.remove(self)

    def leave(self) -> None:
        """Break the connection at the client's end."""
        self._client.abort()

    def abort(self) -> None:
        """Break the connection at the server's end."""
        self._opening.cancel()
        if self._server:
            self._server.transport.abort()

    # What passes

    def data_received(self, data: bytes) -> None:
        """Take what a client sends."""
        self.proxy.requests += 1
        text = self.interruption
        if not isinstance(text, bytes):
            self._requests += data
            self.advance()
        elif text:  # each command is an array, and no value of ours looks like one
            self._client.write(text * max(1, data.startswith(b"*") + data.count(b"\r\n*")))
        else:
            self._client.close()

    def advance(self) -> None:
        """Pass on what is not held."""
        if self.interruption != Held.REPLIES and not (self.sent and self.sent.awaits(self._replies)):
            self._pass_replies()
        if self._server is None:
            return
        while not self.sent and (self.head or self._requests):
            self.head = self.head or take_request(self._requests, by_one=self.proxy.in_order)
            if self.head is None or self._holds(self.head):
                return
            self.let()
        if not (self.is_there or self._server.is_closing()):
            self._server.write_eof()  # a server first executes what it received before the end

    def _pass_replies(self) -> None:
        if self._replies:
            replies, self._replies = self._replies, bytearray()
            self.may_go_on = bool(self.sent and not self.sent.is_resp)
            self.sent = None
            self.proxy.is_bypassed |= replies.startswith(b"-MOVED")
            self.on_reply()
            self.on_reply = tuple
            self._later(self._client.write, replies)
        if self._has_server_left:
            self._later(self._client.close)

    def _later(self, what: Callable[..., object], *given: Any) -> None:
        """Let the client see something, with the delay counted from here on: replies do not wait for each other."""
        if self.proxy.delay:
            asyncio.get_running_loop().call_later(self.proxy.delay, what, *given)
        else:
            what(*given)

    def _holds(self, request: Message) -> bool:
        """Whether a request is held: in order none of a handshake is, nor one that the server only queues."""
        is_passing = False
        if self.proxy.in_order:
            is_queued = self._transaction and request.name != "EXEC"
            is_passing = is_queued or request.name in PASSING + PUSHING
        return self.interruption == Held.REQUESTS and not is_passing

    def let(self) -> None:
        """Send the request that is held."""
        request, self.head, self.caller = self.head, None, ""
        self._server.write(request.raw)
        if not self.proxy.in_order:
            return
        self.sent = None if request.name in PUSHING else request
        self.proxy.is_bypassed |= request.name in _LEADING
        if request.name in {"EXEC", "DISCARD"}:
            self._transaction = ""
        elif self._transaction or request.name == "MULTI":
            self._transaction += f"{request.text}; "

    # What is held

    @property
    def is_held(self) -> bool:
        """Whether something is held that the client has not given up."""
        return self.is_there and bool(self.head or self._replies)

    @property
    def text(self) -> str:
        """The request that is held, with those that were queued for it."""
        return self._transaction + str(self.head.text)

    @property
    def patience(self) -> float:
        """In order, the seconds in which the server does something; 0 if nothing is awaited of it."""
        if self._server is None or (self.sent and not self.sent.blocks):
            return _SOON
        return _A_MOMENT if self.sent or self.may_go_on else 0


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """Keep a port of loopback, on which nothing listens yet: no other process gets it, not for a connection either.

    Where a socket is bound that does not listen, Linux lets one listen that has SO_REUSEADDR, as servers have.
    """
    with socket.socket() as kept:
        port = 0
        while not port:  # below those that outgoing connections get: one could be connected to itself
            with contextlib.suppress(OSError):
                kept.bind(("127.0.0.1", secrets.randbelow(20_000) + 12_000))
                _, port = kept.getsockname()
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # not before: two of these could share a port
        if sys.platform != "linux":
            kept.close()
        yield port


def unused_port() -> int:
    """A port of loopback at which nothing listens now. For one that something is to listen on, see `reserved_port`."""
    with reserved_port() as port:
        return port
