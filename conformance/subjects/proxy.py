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
from collections.abc import Callable, Collection
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
    in the place of the reply, once for each command that the server would have seen, or has seen.
    """

    CUT = "cut"
    RESET = "reset"
    HOLD = "hold"
    ANSWER = "answer"


@dataclass
class Interruption:
    """What to do to the next `times` connections or requests, after so many that pass."""

    stage: Stage
    action: Action
    after: int = 0
    times: int = 1
    text: bytes = b""
    """What `ANSWER` answers."""
    links: Collection[Any] | None = None
    """The connections that are interrupted, if not every one."""
    seen: int = 0
    """How many exchanges have come to the stage."""
    met: int = 0
    """How many of them were interrupted."""

    def takes(self, link: object, *stages: Stage) -> bool:
        """Whether to interrupt an exchange of a connection that has come to one of these stages."""
        if self.stage not in stages or (self.links is not None and link not in self.links):
            return False
        self.seen += 1
        return self.after < self.seen <= self.after + self.times


class Proxy:
    """A proxy in front of the server at `url`; connect to `url` of the proxy instead.

    `at` is the address that it listens at, or the path of a socket.
    """

    def __init__(self, url: str, *, at: str = "127.0.0.1") -> None:
        self.point_at(url)
        self.requests = 0
        """How many requests arrived, handshakes included."""
        self.interruption: Interruption | None = None
        """What is done now."""
        self._parts, self._at, self._port, self._has_ended = urlsplit(url), at, unused_port(), False
        self._links: dict[_Link, asyncio.Future[None]] = {}

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._has_ended = True  # for a connection that is just being accepted
        await self.refuse()
        self.release()
        for link in self._links:
            link.abort()
        await asyncio.gather(*self._links.values())

    @property
    def url(self) -> str:
        """The server's URL, with the proxy's address in place of its own."""
        credentials, at, _ = self._parts.netloc.rpartition("@")
        return self._parts._replace(netloc=f"{credentials}{at}{self._at}:{self._port}").geturl()

    @property
    def connections(self) -> int:
        """How many connections are open, towards the client or the server."""
        return len(self._links)

    @property
    def held(self) -> int:
        """On how many connections something is held that the client has not given up."""
        return sum(not link.passes.is_set() and link.is_there for link in self._links)

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
        if "/" in self._at:
            self._listener = await asyncio.start_unix_server(self._accept, self._at)
        else:
            self._listener = await asyncio.start_server(self._accept, self._at, self._port, backlog=1_024, limit=_PIECE)

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
        links = frozenset(self._links) if on_open_ones else None
        self.interruption = Interruption(stage, action, links=links, **more)
        return self.interruption

    def release(self) -> None:
        """Pass on what is held, and interrupt nothing more."""
        self.interruption = None
        for link in self._links:
            link.planned = None
            link.passes.set()

    def break_all(self, action: Action) -> None:
        """Cut or reset every connection, whatever it is doing."""
        for link in self._links:
            link.end(action)

    async def until(self, condition: Callable[[], object]) -> None:
        """Return as soon as it holds."""
        while not condition():  # noqa: ASYNC110  it may be about anything
            await asyncio.sleep(0.001)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(self, reader, writer)
        if self._has_ended:
            link.abort()
            return
        self._links[link] = asyncio.ensure_future(link.work(self._server_at))
        self._links[link].add_done_callback(lambda _: self._links.pop(link))


class _Link:
    """A connection from a client, and the one to the server that belongs to it."""

    def __init__(self, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._proxy, self._reader, self._writer = proxy, reader, writer
        self.planned: Interruption | None = None
        """What the next reply is to meet."""
        self.passes = asyncio.Event()
        """Whether nothing is held."""
        self.passes.set()
        self._commands, self._writers = 1, [writer]
        self._has_ended, self._feed_eof = False, reader.feed_eof
        reader.feed_eof = self._client_ended  # type: ignore[method-assign]  # what it has not read yet hides the end

    @property
    def is_there(self) -> bool:
        """Whether the client has not given the connection up."""
        return not self._has_ended and not self._writer.is_closing() and self._reader.exception() is None

    def _client_ended(self) -> None:
        self._has_ended = True
        self._feed_eof()

    def end(self, action: Action) -> None:
        """End the connection to the client; the server gets what was passed on, and then the end."""
        if action is Action.RESET and not self._writer.is_closing():
            self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self._writer.transport.abort()
        self._writer.close()

    def abort(self) -> None:
        """End the connections to both sides at once."""
        for writer in self._writers:
            writer.transport.abort()

    async def work(self, server_at: tuple[str, int]) -> None:
        """Pass on what comes from either side, until both have ended."""
        with contextlib.suppress(OSError):
            if planned := self._planned_at(Stage.CONNECT):
                await self._meet(planned)
            reader, writer = await asyncio.open_connection(*server_at)
            self._writers.append(writer)
            await asyncio.gather(self._requests(writer), self._replies(reader))
        for writer in self._writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _planned_at(self, *stages: Stage) -> Interruption | None:
        planned = self._proxy.interruption
        return planned if planned and planned.takes(self, *stages) else None

    async def _requests(self, server: asyncio.StreamWriter) -> None:
        while data := await _read(self._reader):
            self._proxy.requests += 1
            if planned := self._planned_at(Stage.REQUEST, Stage.REPLY, Stage.MIDDLE):
                # each command is an array, and no value of ours looks like one
                self._commands = max(1, data.startswith(b"*") + data.count(b"\r\n*"))
                if planned.stage is not Stage.REQUEST:
                    self.planned = planned  # another request may come before the reply that is to be met
                elif not await self._meet(planned):
                    continue
            server.write(data)
        if not server.is_closing():
            server.write_eof()  # a server first executes what it received before the end

    async def _replies(self, server: asyncio.StreamReader) -> None:
        while data := await _read(server):
            planned, self.planned = self.planned, None
            if planned:
                half = max(1, len(data) // 2) if planned.stage is Stage.MIDDLE else 0
                self._send(data[:half])
                data = data[half:] if await self._meet(planned) else b""
            self._send(data)
        self._writer.close()

    async def _meet(self, planned: Interruption) -> bool:
        """Do what is planned. Return whether the data is to be passed on after it."""
        planned.met += 1
        if planned.action is Action.HOLD:
            self.passes.clear()
            await self.passes.wait()
            return True
        if planned.action is Action.ANSWER:
            self._send(planned.text * self._commands)
        else:
            self.end(planned.action)
        return False

    def _send(self, data: bytes) -> None:
        if data and not self._writer.is_closing():
            self._writer.write(data)


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(_PIECE)
    except OSError:
        return b""


def unused_port() -> int:
    """A port of loopback at which nothing listens, and which no system gives to an outgoing connection meanwhile."""
    while True:
        port = secrets.randbelow(20_000) + 12_000
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
