"""A TCP proxy on loopback between a store and its server, which interrupts exchanges on request.

It knows no protocol but this much: on one connection a request is what arrives from the client, and a reply is what
comes back before the next request. It runs on the loop that it is opened on.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self
from urllib.parse import urlsplit

_NO_LINGER = struct.pack("ii", 1, 0)
"""SO_LINGER of no time: closing sends RST in place of FIN."""


class Stage(StrEnum):
    """Where an exchange is interrupted."""

    CONNECT = "connect"
    """A connection is accepted, and not one byte is passed on."""
    REQUEST = "request"
    """The request has arrived, and none of it is passed on."""
    REPLY = "reply"
    """The server has replied, and none of it is passed on."""
    MIDDLE = "middle"
    """Half of the reply is passed on."""


class Action(StrEnum):
    """What is done there."""

    CUT = "cut"
    """The connection ends in good order (FIN)."""
    RESET = "reset"
    """The connection breaks (RST)."""
    HOLD = "hold"
    """Nothing more is passed on until `release`."""
    ANSWER = "answer"
    """A text comes in the place of the reply: once for each command that the server would have seen, or has seen."""


@dataclass
class Interruption:
    """What to do to the next exchanges, and how much of it is done."""

    stage: Stage
    action: Action
    after: int
    times: int
    containing: Collection[bytes]
    text: bytes = b""
    links: Collection[Any] | None = None
    """The connections that are interrupted, if not every one."""
    met: int = 0
    """How many exchanges were interrupted."""
    seen: set[bytes] = field(default_factory=set)
    """Which of the texts have arrived, in whichever request."""


class Proxy:
    """A proxy in front of the server at `url`; connect to `url` of the proxy instead.

    `at` is the address that it listens at, or the path of a socket.
    """

    def __init__(self, url: str, *, at: str = "127.0.0.1") -> None:
        self.point_at(url)
        self.accepted = 0
        """How many connections were accepted."""
        self.requests = 0
        """How many requests arrived, handshakes included."""
        self.ended = False
        self._parts, self._at, self._port = urlsplit(url), at, 0
        self._interruption: Interruption | None = None
        self._links: set[_Link] = set()
        self._holding = contextlib.ExitStack()
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.ended = True  # for a connection that is just being accepted
        await self.refuse()
        self._holding.close()
        for link in list(self._links):
            link.abort()
        await self.until(lambda: not self._links)

    @property
    def url(self) -> str:
        """The server's URL, with the proxy's address in place of its own. It has to have a port."""
        credentials, at, _ = self._parts.netloc.rpartition("@")
        host = f"[{self._at}]" if ":" in self._at else self._at
        return self._parts._replace(netloc=f"{credentials}{at}{host}:{self._port}").geturl()

    @property
    def connections(self) -> int:
        """How many connections are open, towards the client or the server."""
        return len(self._links)

    @property
    def held(self) -> int:
        """On how many connections something is held that the client has not given up."""
        return sum(link.is_held for link in self._links)

    @property
    def leaving(self) -> int:
        """How many connections the client has given up, and the server has yet to end: it may still be at work."""
        return sum(not link.client.is_there for link in self._links)

    def point_at(self, url: str) -> None:
        """Lead connections that are accepted from now on to the server at this URL."""
        parts = urlsplit(url)
        if parts.hostname is None:
            raise ValueError("a proxy stands in front of a host and a port")
        self._server_at = parts.hostname, parts.port or 6379

    async def listen(self) -> None:
        """Accept connections, under the same port as before."""
        loop = asyncio.get_running_loop()
        self._holding.close()
        if "/" in self._at:
            self._listener = await loop.create_unix_server(self._accept, self._at)
            return
        self._listener = await loop.create_server(self._accept, self._at, self._port, backlog=1_024)
        self._port = self._listener.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Stop listening: connections that are open stay so, others are refused. The port stays the proxy's."""
        for listening in self._listener.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())
        # asyncio drops a connection that it has accepted when its server closes in the same turn, and never closes its
        # socket. So the loop gets one turn to take it up.
        await asyncio.sleep(0)
        self._listener.close()
        self._holding.close()  # it may have refused before
        if "/" not in self._at:  # another program that got the port would answer in place of the server
            holder = self._holding.enter_context(socket.socket(socket.AF_INET6 if ":" in self._at else socket.AF_INET))
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind((self._at, self._port))

    def interrupt(
        self,
        stage: Stage,
        action: Action,
        *,
        after: int = 0,
        times: int = 1,
        containing: Collection[bytes] = (),
        text: bytes = b"",
        on_open_ones: bool = False,
    ) -> Interruption:
        """Interrupt the next `times` connections or, `after` as many that pass, requests; only those with a text in it.

        Without `containing` every request counts, those of a client's handshake too. `text` is what `ANSWER` answers.
        `on_open_ones` leaves connections alone that are accepted later.
        """
        links = frozenset(self._links) if on_open_ones else None
        self._interruption = Interruption(stage, action, after, times, containing, text, links)
        return self._interruption

    def release(self) -> None:
        """Pass on what is held, and interrupt nothing more."""
        self._interruption = None
        for link in list(self._links):
            link.release()

    def break_all(self, action: Action) -> None:
        """Cut or reset every connection, whatever it is doing."""
        for link in list(self._links):
            link.end(action)

    async def until(self, condition: Callable[[], object]) -> None:
        """Return as soon as it holds; it is looked at whenever something has happened here."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    def notify(self) -> None:
        """Let whoever waits in `until` look again."""
        self._changed.set()

    def forget(self, link: _Link) -> None:
        """A connection is over on both sides."""
        self._links.discard(link)

    def interruption_of(self, link: _Link, data: bytes, *stages: Stage) -> Interruption | None:
        """What to do to an exchange of a connection that has reached one of these stages, if anything."""
        planned = self._interruption
        if planned is None or planned.stage not in stages or (planned.links is not None and link not in planned.links):
            return None
        found = [text for text in planned.containing if text in data]
        planned.seen.update(found)
        self.notify()
        if not planned.times or (planned.containing and not found):
            return None
        if planned.after:
            planned.after -= 1
            return None
        planned.times -= 1
        return planned

    def _accept(self) -> asyncio.Protocol:
        self.accepted += 1
        link = _Link(self, *self._server_at)
        self._links.add(link)
        return link.client


class _End(asyncio.Protocol):
    """One end of a connection. It sends what it is given, as soon as there is a connection and nothing is held."""

    def __init__(self, made: Callable[[], None], arrived: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        self.transport: asyncio.Transport | None = None
        self.is_there, self.is_held = True, False
        self._kept: list[bytes] = []
        self._made, self._lost = made, lost
        self.data_received = arrived  # type: ignore[method-assign, assignment]  # a call less for each piece of data

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # what a TCP protocol is given; uvloop's is no subclass
        self._made()
        self.send()

    def connection_lost(self, _: Exception | None = None) -> None:
        self.is_there = False
        self._kept.clear()
        self._lost()

    def send(self, *data: bytes) -> None:
        """Send it after what was kept before. No bytes mean the end."""
        self._kept += data
        while self._kept and self.transport is not None and not self.is_held and self.is_there:
            one = self._kept.pop(0)
            if one and not self.transport.is_closing():
                self.transport.write(one)
            elif not one:
                self.finish(self.transport)

    def finish(self, transport: asyncio.Transport) -> None:
        """A client has nothing more to wait for. A server first executes what it received before the end."""
        transport.close()


class _Server(_End):
    def finish(self, transport: asyncio.Transport) -> None:
        if not transport.is_closing():
            transport.write_eof()


class _Link:
    """A connection from a client, and the one to the server that belongs to it."""

    def __init__(self, proxy: Proxy, host: str, port: int) -> None:
        self._proxy, self._server_at = proxy, (host, port)
        self.client = _End(self._accepted, self._request, lambda: self._over(self._server))
        self._server = _Server(lambda: None, self._reply, lambda: self._over(self.client))
        self._planned: Interruption | None = None
        self._commands = 1
        self._connecting: asyncio.Future[Any] | None = None
        self._has_ended = False

    @property
    def is_held(self) -> bool:
        """Whether something is held, and the client still waits for it."""
        return self.client.is_there and (self.client.is_held or self._server.is_held)

    def release(self) -> None:
        """Pass on what is held, and the next reply as well."""
        self._planned = None
        for end in (self._server, self.client):
            end.is_held = False
            end.send()

    def end(self, action: Action) -> None:
        """End the connection to the client; the server gets what was passed on, and then the end."""
        self._has_ended = True
        transport = self.client.transport
        if transport is not None and not transport.is_closing():
            if action is Action.RESET:
                transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
                transport.abort()
            else:
                transport.close()

    def abort(self) -> None:
        """End both connections at once."""
        if self._connecting is not None:
            self._connecting.cancel()
        for end in (self._server, self.client):
            if end.transport is not None:
                end.transport.abort()

    def _accepted(self) -> None:
        if self._proxy.ended or self._has_ended:
            self._server.is_there = False  # and never will be
            self.abort()
            return
        connection = asyncio.get_running_loop().create_connection(lambda: self._server, *self._server_at)
        self._connecting = asyncio.ensure_future(connection)
        self._connecting.add_done_callback(self._connected)
        if (planned := self._proxy.interruption_of(self, b"", Stage.CONNECT)) is not None:
            self._interrupt(planned, self._server)

    def _connected(self, connecting: asyncio.Future[Any]) -> None:
        if connecting.cancelled() or connecting.exception() is not None:
            self._server.connection_lost()

    def _request(self, data: bytes) -> None:
        self._proxy.requests += 1
        planned = self._proxy.interruption_of(self, data, Stage.REQUEST, Stage.REPLY, Stage.MIDDLE)
        if planned is not None:  # each command is an array, and no value of ours looks like one
            self._commands = max(1, data.startswith(b"*") + data.count(b"\r\n*"))
        if planned is not None and planned.stage is Stage.REQUEST:
            self._interrupt(planned, self._server)
            if planned.action is not Action.HOLD:
                return
        elif planned is not None:  # another request may come before the reply that is to be met
            self._planned = planned
        self._server.send(data)

    def _reply(self, data: bytes) -> None:
        planned, self._planned = self._planned, None
        if planned is not None and not self._has_ended:
            if planned.stage is Stage.MIDDLE:
                half = max(1, len(data) // 2)
                self.client.send(data[:half])
                data = data[half:]
            self._interrupt(planned, self.client)
            if planned.action is Action.ANSWER:
                return
        if data and not self._has_ended:
            self.client.send(data)

    def _interrupt(self, planned: Interruption, end: _End) -> None:
        if planned.action is Action.HOLD:
            end.is_held = True
        elif planned.action is Action.ANSWER:
            self.client.send(planned.text * self._commands)
        else:
            self.end(planned.action)
        planned.met += 1
        self._proxy.notify()

    def _over(self, other: _End) -> None:
        """One end is lost: the other gets what is on its way, and then the end."""
        if other.is_there:
            other.send(b"")
        else:
            self._proxy.forget(self)
        self._proxy.notify()
