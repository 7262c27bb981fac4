"""One connection that its callers share: requests are sent as they come, and replies come back in the same order.

No request waits for the reply to another. Requests of one turn of the loop, while others are in flight, share a write,
up to sixteen: the server works on those while the next are made. A caller that is cancelled only stops waiting: its
reply is dropped when it comes. One timer serves all requests: it goes off when the earliest of them is late.
"""

import asyncio
import contextlib
import os
import select
from collections import deque
from math import inf
from pathlib import Path
from typing import Any
from weakref import WeakSet

import redis.asyncio
from hiredis import Reader
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import InvalidResponse, ResponseError

MOST_WAITING = 10_000
"""Requests in flight, those of cancelled callers included."""
MOST_UNSENT = 67_108_864
"""Bytes that wait for the server to take them: 64 MiB."""
MOST_TOGETHER = 16
"""Requests that leave in one write."""

_INCOMPLETE = object()
_connections = WeakSet["Connection"]()


if not hasattr(redis.asyncio.Connection(), "_writer"):  # this package takes over what redis-py keeps there
    version = redis.__version__
    raise ImportError(f"does not work with redis-py {version}: pip install 'redis<{version}'")


class ConnectionFullError(Exception):
    """Too many requests are in flight; this one was not sent."""


class Connection(asyncio.Protocol):
    """Takes over a connection to a node that redis-py has opened: TLS, credentials and database were its work."""

    def __init__(self, connection: AbstractConnection, node: tuple[str, int] | None) -> None:
        self.node = node  # None is a socket
        writer: Any = connection._writer  # noqa: SLF001  redis-py has no public name for a connection's stream
        connection._reader = connection._writer = None  # noqa: SLF001  it would close, with a warning, what is ours now
        self._writer = writer  # it closes the transport when it is collected
        self._transport: asyncio.Transport = writer.transport
        self._loop = asyncio.get_running_loop()
        self._awaited: deque[tuple[asyncio.Future[Any], float]] = deque()
        self._unsent: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None
        self._due = inf  # when the timer goes off
        self._acknowledged: asyncio.Future[Any] | None = None
        self._room = asyncio.Event()
        self._replies = Reader(InvalidResponse, ResponseError, notEnoughData=_INCOMPLETE)
        self._retired = False
        self.socket = self._transport.get_extra_info("socket")
        self._poll = select.poll()
        self._poll.register(self.socket, select.POLLIN)
        self._transport.set_protocol(self)
        self._transport.set_write_buffer_limits(high=MOST_UNSENT)
        _connections.add(self)

    @property
    def is_usable(self) -> bool:
        """Whether it takes requests. An idle connection on which something comes has been closed by the server."""
        return not self._retired and (bool(self._awaited) or not self._poll.poll(0))

    @property
    def _is_full(self) -> bool:
        return len(self._awaited) >= MOST_WAITING or self._transport.get_write_buffer_size() > MOST_UNSENT

    def send(self, request: bytes, limit: float) -> asyncio.Future[Any]:
        """Send a packed request, and return what its reply will be.

        An error of the server is raised from it as a `ResponseError`. At the moment `limit` of the loop's clock
        `TimeoutError` is, and the connection takes no more requests.

        Raises:
            ConnectionFullError: if too many requests are in flight.
            ConnectionError: if it has been closed, or retired, since it was last looked at.
        """
        if self._retired:
            raise ConnectionError("the server closed the connection")
        if self._is_full:
            raise ConnectionFullError(f"{len(self._awaited):,} requests are in flight")
        if not self._awaited:
            self._transport.write(request)
        else:
            if not self._unsent:
                self._loop.call_soon(self._flush)
            self._unsent.append(request)
            if len(self._unsent) == MOST_TOGETHER:
                self._flush()
        if limit < self._due:
            self._set_timer(limit)
        reply: asyncio.Future[Any] = self._loop.create_future()
        self._awaited.append((reply, limit))
        return reply

    async def room(self) -> None:
        """Return when a request that was refused may be tried again, on this connection or on another."""
        while self._is_full and not self._retired:
            self._room.clear()
            await self._room.wait()

    def wait(self, request: bytes, limit: float) -> asyncio.Future[Any]:
        """Send WAIT, once for all who have their replies in this turn of the loop: it is about all that was written."""
        if self._acknowledged is None:
            self._acknowledged = self.send(request, limit)
            self._loop.call_soon(setattr, self, "_acknowledged", None)
        return self._acknowledged

    def retire(self) -> None:
        """Take no more requests, and close when none is in flight."""
        self._retired = True
        if all(reply.done() for reply, _ in self._awaited):
            self._transport.abort()
        self._room.set()

    def fail(self, reason: str) -> None:
        """Close the connection; requests in flight fail."""
        self._retired = True
        self._room.set()
        if self._timer is not None:
            self._timer.cancel()
        for reply, _ in self._awaited:
            if not reply.done():
                _refuse(reply, ConnectionError(reason))
        self._awaited.clear()
        self._unsent.clear()  # uvloop raises if it is to write them
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Give each reply to the request that it belongs to."""
        self._replies.feed(data)
        try:
            while (reply := self._replies.gets()) is not _INCOMPLETE:
                waiting, _ = self._awaited.popleft()
                if waiting.done():
                    continue
                if isinstance(reply, ResponseError):
                    _refuse(waiting, reply)
                else:
                    waiting.set_result(reply)
        except (InvalidResponse, IndexError):
            self.fail("it does not speak Redis's protocol")
        if self._retired:
            self.retire()
        elif len(self._awaited) <= MOST_WAITING // 2:
            self._room.set()

    def resume_writing(self) -> None:
        """The server has taken most of what was unsent."""
        self._room.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the requests in flight."""
        _connections.discard(self)  # uvloop goes on naming the number, which may be another's from now on
        self.fail(str(exc or "") or "the server closed the connection")

    def _flush(self) -> None:
        if self._unsent:
            self._transport.write(b"".join(self._unsent))
            self._unsent.clear()

    def _set_timer(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due, self._timer = due, self._loop.call_at(due, self._give_up)

    def _give_up(self) -> None:
        """Let the requests that are late fail. The timer is not set anew for each reply that comes in time."""
        due, self._due = self._due, inf
        for reply, limit in self._awaited:
            if reply.done():
                continue
            if limit <= due:
                _refuse(reply, TimeoutError())
                self._retired = True
            elif limit < self._due:
                self._set_timer(limit)
        if self._retired:
            self.retire()


def _refuse(waiting: asyncio.Future[Any], fault: Exception) -> None:
    waiting.set_exception(fault)
    waiting.exception()  # a caller that is cancelled in this very turn never looks, and asyncio would log that


def _close_copies() -> None:
    """In a process that was forked: close its copies of the descriptors, and nothing that its parent has too.

    To abort a transport would take the socket out of the epoll object that both processes share. The number stays in
    use, by a file that is empty, because the transport closes it when it is collected.
    """
    with Path(os.devnull).open("rb") as nothing:
        for connection in _connections:
            with contextlib.suppress(OSError):  # it has been closed
                os.dup2(nothing.fileno(), connection.socket.fileno())


os.register_at_fork(after_in_child=_close_copies)
