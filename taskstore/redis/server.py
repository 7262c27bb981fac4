"""The server behind Redis mode: how it is reached, and what its failures mean.

A request is sent once. It is sent again in two cases, in which it did not run: the server did not know the script yet
(NOSCRIPT), or another node of the cluster has the keys (MOVED). `topology` opens a connection, through redis-py;
`connection` sends the requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple

from hiredis import pack_command
from redis import exceptions
from redis.crc import key_slot
from redis.exceptions import RedisError, ResponseError

from taskstore.address import parse
from taskstore.errors import FailureKind, RecordUnreadable, SettingsInvalid, StoreUnavailable
from taskstore.redis.connection import Connection, ConnectionFullError
from taskstore.redis.scripts import Script
from taskstore.redis.topology import Opener

_MOVES = 5
"""How often a request follows MOVED."""
_SHOWN = 80


class Limits(NamedTuple):
    """How long a call waits, in seconds, and for how many replicas a write waits, in milliseconds."""

    connect_timeout: float
    timeout: float
    wait_replicas: int
    wait_milliseconds: int


def connect(
    url: str,
    *,
    username: str | None = None,
    password: str | None = None,
    connect_timeout: float = 5.0,
    timeout: float = 5.0,
    wait_replicas: int = 0,
    wait_milliseconds: int = 1_000,
) -> Server:
    """Name the server at `url`, of one of the forms that docs/store.md lists. Nothing is contacted yet.

    `connect_timeout` (handshake included) and `timeout` (for a reply) are in seconds. No call takes longer than both
    together; a `purge` is several calls in this sense. A write is acknowledged when `wait_replicas` replicas have it;
    if they do not within `wait_milliseconds`, the call raises `StoreUnavailable`, which says that it may have happened.

    Raises:
        SettingsInvalid: if Redis mode does not take the URL, or a credential is not UTF-8 text.
    """
    given = {name: value for name, value in (("username", username), ("password", password)) if value is not None}
    with contextlib.suppress(RedisError, TypeError, ValueError):
        "".join(given.values()).encode()
        address = parse(url)
        limits = Limits(connect_timeout, timeout, wait_replicas, wait_milliseconds)
        return Server(Opener(address, given, connect_timeout), str(address), limits)
    del url, username, password, given  # a traceback may show the variables of this function
    raise SettingsInvalid((("REDIS_URL", "is not a URL that Redis mode takes, or a credential is not UTF-8 text"),))


class Server:
    """Sends requests over one connection, opened when it is needed, and turns failures into the store's exceptions."""

    def __init__(
        self,
        open_connection: Callable[..., Awaitable[Connection]],
        address: str,
        limits: Limits,
        *,
        shares: bool = False,
    ) -> None:
        """Connect through `open_connection`; exceptions name `address`.

        `open_connection` is given what a node of a cluster has said, `MOVED slot host:port`, or else an empty text.
        With `shares` other partitions may use the same connections.
        """
        self._open_connection = open_connection
        self.address = address
        self._limits = limits
        self._shares = shares
        self._connections: list[Connection] = []  # the last is in use; on the others somebody may still wait
        self._opening: asyncio.Task[Connection] | None = None
        self._moved = ""
        self._closed = False

    def holding(self, base: str) -> Server:
        """The same, for a partition whose keys begin with `base`: in a cluster, the node that has them."""
        opening = partial(self._open_connection, slot=key_slot(base.encode()))
        return Server(opening, self.address, self._limits, shares=True)

    @property
    def waits(self) -> bool:
        """Whether writes wait for replicas."""
        return self._limits.wait_replicas > 0

    def deadline(self) -> float:
        """When a call that starts now has to end, however many requests it makes: `until` of each of them."""
        return asyncio.get_running_loop().time() + self._limits.connect_timeout + self._limits.timeout

    async def read(self, *command: str | bytes | int, unreadable: str = "", until: float | None = None) -> Any:
        """Send a command that changes nothing, and return its reply.

        Raises:
            RecordUnreadable: if the record under the key `unreadable` is a value of another type.
            StoreUnavailable: if the server fails, or does not reply in time.
        """
        try:
            return await self._request(command, until or self.deadline(), writes=False)
        except ResponseError as error:
            if unreadable and str(error).startswith("WRONGTYPE"):
                raise RecordUnreadable(unreadable, "it is not a string") from None
            raise self._unavailable(error, _diagnose(error), False) from error

    async def run(self, script: Script, base: str, *arguments: str | bytes | int, until: float | None = None) -> Any:
        """Run a script on the partition whose keys begin with `base`, and return its reply.

        Raises:
            StoreUnavailable: if the server fails, or does not reply in time.
        """
        until = until or self.deadline()
        try:
            try:
                return await self._request(("EVALSHA", script.digest, 1, base, *arguments), until, writes=script.writes)
            except ResponseError as error:
                if not str(error).startswith("NOSCRIPT"):
                    raise
            return await self._request(("EVAL", script.text, 1, base, *arguments), until, writes=script.writes)
        except ResponseError as error:
            # The scripts write the record last, so an error says that it was not written.
            raise self._unavailable(error, _diagnose(error), False) from error

    async def scan(self, cursor: bytes, prefix: str, until: float | None = None) -> tuple[bytes, list[bytes]]:
        """The next cursor of SCAN (at the end `0`), and some of the keys that begin with `prefix`."""
        pattern = re.sub(r"([*?\[\]\\])", r"\\\1", prefix) + "*"
        match await self.read("SCAN", cursor, "MATCH", pattern, "COUNT", 1_000, until=until):
            case [bytes(following), [*keys]] if all(type(one) is bytes for one in keys):
                return following, keys
            case reply:
                raise self.unexpected(reply, writes=False)

    def unexpected(self, reply: object, *, writes: bool) -> StoreUnavailable:
        """What to raise for a reply of another shape, or for an error that a script met after its write."""
        match reply:
            case [b"written", bytes(fault)] if writes:
                error = ResponseError(fault.decode(errors="replace"))
                return self._unavailable(error, _diagnose(error), True)
            case _:
                error = ResponseError(f"unexpected reply: {repr(reply)[:_SHOWN]}")
                return self._unavailable(error, FailureKind.BROKEN, writes)

    def close(self) -> None:
        """Close every connection."""
        self._closed = True
        if self._opening is not None:
            self._opening.cancel()
        for connection in self._connections:
            connection.close()

    async def _request(
        self, command: tuple[str | bytes | int, ...], until: float, *, writes: bool, moves: int = 0
    ) -> Any:
        connections = self._connections
        is_there = connections and not self._moved and connections[-1].is_usable
        connection = connections[-1] if is_there else await self._connect(until)
        # hiredis packs a script call in a microsecond, where redis-py takes about fifteen.
        request = pack_command(command)  # type: ignore[arg-type]  # hiredis says a tuple of one
        try:
            reply = connection.send(request)
        except ConnectionFullError as error:
            try:
                async with asyncio.timeout_at(until):
                    await connection.room()
            except TimeoutError:
                raise self._unavailable(error, FailureKind.BUSY, False) from error
            return await self._request(command, until, writes=writes, moves=moves)
        except ConnectionError as error:
            raise self._unavailable(error, FailureKind.BROKEN, False) from error
        try:
            limit = min(asyncio.get_running_loop().time() + self._limits.timeout, until)
            async with asyncio.timeout_at(limit):
                return await (self._replicated(connection, reply) if writes and self.waits else reply)
        except ResponseError as error:
            has_moved = str(error).startswith("MOVED ")
            if any(word in str(error) for word in _ELSEWHERE) and not (has_moved and self._shares):
                connection.retire()
            if not has_moved or moves == _MOVES:
                raise
            if connection is self._connections[-1]:
                self._moved = str(error)
        except TimeoutError as error:
            connection.retire()
            told = TimeoutError(str(error) or f"no reply within {self._limits.timeout:g} s")
            raise self._unavailable(told, FailureKind.TIMEOUT, writes) from error
        except OSError as error:
            raise self._unavailable(error, FailureKind.BROKEN, writes) from error
        return await self._request(command, until, writes=writes, moves=moves + 1)

    async def _replicated(self, connection: Connection, reply: asyncio.Future[Any]) -> Any:
        """The reply to a write, when enough replicas have it.

        Raises:
            TimeoutError: if too few have it in time.
            ConnectionError: if that cannot be found out.
        """
        answer = await reply
        _, _, wanted, milliseconds = self._limits
        request = pack_command(("WAIT", wanted, milliseconds))  # type: ignore[arg-type]  # as above
        try:
            have = await asyncio.shield(connection.wait(request))  # others wait for the same
        except (ResponseError, ConnectionFullError) as error:
            raise ConnectionError(f"the write was made, and WAIT failed: {error}") from error
        if type(have) is not int or have < wanted:
            raise TimeoutError(f"{have} of {wanted} replicas have the write after {milliseconds} ms")
        return answer

    async def _connect(self, until: float) -> Connection:
        """The connection that callers share from now on; those who come while it is being opened wait for the same."""
        if self._opening is None and not self._closed:
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(self._opened)
        opening, late = self._opening, TimeoutError(f"no connection within {self._limits.connect_timeout:g} s")
        if opening is not None:
            # A caller that is cancelled, or out of time, leaves it to the others.
            await asyncio.wait([opening], timeout=until - asyncio.get_running_loop().time())
            if not opening.done():
                raise self._unavailable(late, FailureKind.TIMEOUT, False)
        if opening is None or opening.cancelled():
            raise self._unavailable(ConnectionError("the store was closed"), FailureKind.UNREACHABLE, False)
        try:
            return opening.result()
        except (RedisError, OSError) as error:
            failure_kind = _diagnose(error)
            if failure_kind is FailureKind.BROKEN:  # nothing more particular
                failure_kind = FailureKind.UNREACHABLE
            told = late if isinstance(error, TimeoutError) and not str(error) else error
            raise self._unavailable(told, failure_kind, False) from error

    async def _open(self) -> Connection:
        async with asyncio.timeout(self._limits.connect_timeout):
            return await self._open_connection(self._moved)

    def _opened(self, opening: asyncio.Task[Connection]) -> None:
        self._opening, self._moved = None, ""
        if opening.cancelled() or opening.exception() is not None:
            return
        opened = opening.result()
        if self._closed:
            opened.close()
            return
        others = [one for one in self._connections if one is not opened]
        if not self._shares:
            for connection in others:
                connection.retire()
        self._connections = [*(one for one in others if not one.is_closed), opened]

    def _unavailable(
        self, error: Exception, failure_kind: FailureKind, write_may_have_happened: bool
    ) -> StoreUnavailable:
        detail = str(error).partition("\n")[0] or type(error).__name__
        return StoreUnavailable(self.address, failure_kind, write_may_have_happened, detail)


# What redis-py says of a handshake it says in classes of its own. Redis 6.2 wraps what a script met in an error of its
# own, so there the code stands inside the text.
_SIGNS: tuple[tuple[type[Exception] | str, FailureKind], ...] = (
    (exceptions.BusyLoadingError, FailureKind.LOADING),
    (exceptions.AuthenticationError, FailureKind.REFUSED),
    (exceptions.AuthorizationError, FailureKind.REFUSED),
    (exceptions.NoPermissionError, FailureKind.REFUSED),
    (exceptions.TimeoutError, FailureKind.TIMEOUT),
    (TimeoutError, FailureKind.TIMEOUT),
    ("LOADING ", FailureKind.LOADING),
    ("NOAUTH ", FailureKind.REFUSED),
    ("NOPERM ", FailureKind.REFUSED),
    ("can't run this command", FailureKind.REFUSED),  # what 6.2 says for NOPERM inside a script
    ("ACL failure in script", FailureKind.REFUSED),  # and Redis 7 and Valkey
    ("OOM ", FailureKind.OUT_OF_MEMORY),
    ("READONLY ", FailureKind.READ_ONLY),
    ("MASTERDOWN ", FailureKind.READ_ONLY),
    ("MISCONF ", FailureKind.READ_ONLY),
    ("NOREPLICAS ", FailureKind.READ_ONLY),
    ("BUSY ", FailureKind.BUSY),
    ("ASK ", FailureKind.BUSY),  # the slot is being moved, key by key: neither node has all the keys of a script
    ("TRYAGAIN ", FailureKind.BUSY),
    ("CLUSTERDOWN ", FailureKind.BUSY),
    ("max number of clients", FailureKind.BUSY),
)
_ELSEWHERE = ("MOVED ", "READONLY ", "MASTERDOWN ", "NOREPLICAS ", "CLUSTERDOWN ")
"""What a server says that is not, or is no more, the one to ask: its connection is given up."""


def _diagnose(error: Exception) -> FailureKind:
    for sign, failure_kind in _SIGNS:
        if sign in str(error) if isinstance(sign, str) else isinstance(error, sign):
            return failure_kind
    return FailureKind.BROKEN
