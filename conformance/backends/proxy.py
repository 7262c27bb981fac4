"""A TCP proxy on loopback between a store and its server, which interrupts exchanges on request.

It knows no protocol but this much: on one connection a request is what arrives from the client, and a reply is what
comes back before the next request. It runs on the loop that it is opened on.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self
from urllib.parse import urlsplit

_NO_LINGER = struct.pack("ii", 1, 0)
"""SO_LINGER of no time: closing sends RST in place of FIN."""
_PIECE = 1 << 20
"""Bytes that are passed on together."""


class Stage(StrEnum):
    """Where an exchange is interrupted.

    When a connection is accepted; when a request has arrived, and none of it is passed on; when the server has replied,
    and none of that, or half of it, is passed on.
    """

    CONNECT = "connect"
    REQUEST = "request"
    REPLY = "reply"
    MIDDLE = "middle"


class Action(StrEnum):
    """What is done there.

    The connection ends in good order (FIN), or breaks (RST); nothing more is passed on until `release`; or a text comes
    in the place of the request's reply, once for each of its commands.
    """

    CUT = "cut"
    RESET = "reset"
    HOLD = "hold"
    ANSWER = "answer"


@dataclass
class Interruption:
    """What happens to the next `times` connections or exchanges that come to a stage."""

    stage: Stage
    action: Action
    text: bytes = b""
    """What `ANSWER` answers."""
    times: int = 1
    met: int = 0
    """How many have met it."""


class Proxy:
    """A proxy in front of the server at a URL; connect to the `url` of the proxy instead."""

    def __init__(self, url: str, delay: float = 0) -> None:
        """`delay` says how many seconds later a reply is passed on, as from a server that is farther away."""
        self.point_at(url)
        self.delay = delay
        self.requests = 0
        """How many requests arrived, handshakes included."""
        self._parts = urlsplit(url)
        self._reserved = contextlib.ExitStack()
        self._next: Interruption | None = None
        """What connections meet that are accepted from now on."""
        self._links: dict[_Link, asyncio.Future[None]] = {}

    async def __aenter__(self) -> Self:
        self._port = self._reserved.enter_context(reserved_port())
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.refuse()
        self._next = Interruption(Stage.CONNECT, Action.RESET, times=1_000)  # for those that are just being accepted
        for work in self._links.values():
            work.cancel()
        await asyncio.gather(*self._links.values(), return_exceptions=True)
        self._reserved.close()

    @property
    def url(self) -> str:
        """The server's URL, with the proxy's address in place of its own."""
        credentials, at, _ = self._parts.netloc.rpartition("@")
        return self._parts._replace(netloc=f"{credentials}{at}127.0.0.1:{self._port}").geturl()

    @property
    def connections(self) -> int:
        """How many connections are open, towards the client or the server."""
        return len(self._links)

    @property
    def held(self) -> int:
        """On how many connections something is held that the client has not given up."""
        return sum(link.held is not None and link.is_there for link in self._links)

    @property
    def leaving(self) -> int:
        """How many connections the client has given up, and the server has yet to end: it may still be at work."""
        return sum(not link.is_there for link in self._links)

    def point_at(self, url: str) -> None:
        """Lead connections that are accepted from now on to the server at this URL."""
        parts = urlsplit(url)
        self._server_at = str(parts.hostname), parts.port or 6379

    async def listen(self) -> None:
        """Accept connections, under the same port as before."""
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", self._port, backlog=1_024, limit=_PIECE)

    async def refuse(self) -> None:
        """Stop listening: connections that are open stay so, others are refused."""
        for listening in self._listener.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())
        # asyncio drops a connection that it has accepted when its server closes in the same turn, and never closes its
        # socket. So the loop gets one turn to take it up.
        await asyncio.sleep(0)
        self._listener.close()

    def interrupt(self, stage: Stage, action: Action, *, on_open_ones: bool = False, **more: Any) -> Interruption:
        """Interrupt exchanges from now on, as the `Interruption` says that is returned.

        `on_open_ones` leaves connections alone that are accepted later.
        """
        interruption = Interruption(stage, action, **more)
        self._next = None if on_open_ones else interruption
        for link in self._links:
            link.interruption = interruption
        return interruption

    def release(self) -> None:
        """Pass on what is held, and interrupt nothing more."""
        self._next = None
        for link in self._links:
            link.interruption = None
            if link.held:
                link.held.set()

    def break_all(self, action: Action) -> None:
        """Cut or reset every connection, whatever it is doing."""
        for link in self._links:
            link.end(action)

    async def until(self, condition: Callable[[], object]) -> None:
        """Return as soon as it holds."""
        while not condition():  # noqa: ASYNC110  it may be about anything
            await asyncio.sleep(0.001)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(self, self._next, reader, writer)
        host, port = self._server_at
        work = asyncio.ensure_future(link.work(host, port))
        self._links[link] = work
        work.add_done_callback(lambda _: self._links.pop(link))


@dataclass(eq=False)
class _Link:
    """A connection from a client, and the one to the server that belongs to it."""

    proxy: Proxy
    interruption: Interruption | None
    reader: Any
    writer: Any
    held: asyncio.Event | None = None
    """What ends the waiting of what is held."""

    @property
    def is_there(self) -> bool:
        """Whether the client has not given the connection up. `at_eof` says so only when all has been read."""
        return not (self.reader._eof or self.reader.exception() or self.writer.is_closing())  # noqa: SLF001

    def end(self, action: Action) -> None:
        """End the connection to the client; the server gets what was passed on, and then the end."""
        if action is Action.RESET and not self.writer.is_closing():
            opened = self.writer.get_extra_info("socket")
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self.writer.transport.abort()
        self.writer.close()

    async def work(self, host: str, port: int) -> None:
        """Pass on what comes from either side, until both have ended."""
        with contextlib.ExitStack() as ending, contextlib.suppress(OSError):
            ending.callback(self.writer.transport.abort)
            if await self._meet(b"a connection", Stage.CONNECT):
                reader, server = await asyncio.open_connection(host, port)
                ending.callback(server.transport.abort)
                # a server first executes what it received before the end
                requests = self._pass_on(self.reader, server, server.write_eof, Stage.REQUEST)
                replies = self._pass_on(reader, self.writer, self.writer.close, Stage.REPLY, Stage.MIDDLE)
                await asyncio.gather(requests, replies)
            await self.writer.wait_closed()

    async def _pass_on(self, reader: Any, writer: Any, end: Callable[[], None], *stages: Stage) -> None:
        delay = self.proxy.delay if Stage.REPLY in stages else 0
        while data := await _read(reader):
            self.proxy.requests += Stage.REQUEST in stages
            data = await self._meet(data, *stages)
            if delay:  # from its own arrival on: replies of a pipeline do not wait for each other
                asyncio.get_running_loop().call_later(delay, writer.write, data)
            else:
                writer.write(data)
        if delay:
            await asyncio.sleep(delay)
        end()

    async def _meet(self, data: bytes, *stages: Stage) -> bytes:
        """Do what is planned at these stages. Return what is to be passed on after it."""
        planned = self.interruption
        if planned is None or planned.stage not in stages or planned.met == planned.times:
            return data
        planned.met += 1
        if planned.stage is Stage.MIDDLE:
            half = len(data) // 2
            self.writer.write(data[:half])
            data = data[half:]
        if planned.action is Action.HOLD:
            self.held = asyncio.Event()
            await self.held.wait()
            self.held = None
            return data
        if planned.action is Action.ANSWER:
            # each command is an array, and no value of ours looks like one
            self.writer.write(planned.text * max(1, data.startswith(b"*") + data.count(b"\r\n*")))
        else:
            self.end(planned.action)
        return b""


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(_PIECE)
    except OSError:
        return b""


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
