"""The server behind Redis mode: how it is reached, and what its failures mean.

redis-py 8 would send a command up to eleven times, writes included. Here a request is sent once. It is sent again in
one case, in which it provably did not run: the server did not know the script yet (NOSCRIPT). A connection that breaks,
times out or whose caller is cancelled while a reply is due is dropped, so that no later caller gets that reply.
"""

from __future__ import annotations

import asyncio
from typing import Any

from hiredis import pack_command
from redis.asyncio.connection import BlockingConnectionPool, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import (
    TimeoutError as RedisTimeoutError,
)
from redis.maint_notifications import MaintNotificationsConfig

from taskstore.errors import RecordUnreadable, StoreUnavailable, Trouble
from taskstore.scripts import Script
from taskstore.settings import address_of

MAX_CONNECTIONS = 64
_READ_SIZE = 256 * 1024
"""Bytes to read at once: a page of fifty tasks in one turn of the loop, where redis-py's 32 KiB take two."""


def connect(
    url: str,
    *,
    username: str | None = None,
    password: str | None = None,
    connect_timeout: float = 5.0,
    timeout: float = 5.0,
    max_connections: int = MAX_CONNECTIONS,
) -> Server:
    """Name the server at `url` (redis://, rediss:// or unix://); nothing is contacted yet.

    `connect_timeout` and `timeout` (for a reply, and for a free connection when all are taken) are in seconds.
    """
    given = {"username": username, "password": password}
    pool = BlockingConnectionPool.from_url(
        url,
        **{name: value for name, value in given.items() if value is not None},
        max_connections=max_connections,
        timeout=timeout,
        socket_timeout=None,  # `Server` has the limit: on Python 3.11 redis-py's can swallow a cancellation
        socket_connect_timeout=connect_timeout,
        socket_read_size=_READ_SIZE,
        protocol=3,
        retry=Retry(NoBackoff(), 0),
        # With notifications on, redis-py 8 hands out a connection that the server has closed without a look at it.
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
    )
    return Server(pool, address_of(url), connect_timeout=timeout + connect_timeout, timeout=timeout)


class Server:
    """Sends requests, one at a time on a connection, and turns every failure into the store's own exceptions."""

    def __init__(
        self, pool: ConnectionPool, address: str, *, connect_timeout: float = 10.0, timeout: float = 5.0
    ) -> None:
        """Take over `pool`; errors name `address`.

        `connect_timeout` is for a connection from the pool, handshake included, `timeout` for a reply: both in seconds.
        """
        self._pool = pool
        self._address = address
        self._connect_timeout = connect_timeout
        self._timeout = timeout

    async def read(self, *command: str, unreadable: str = "") -> Any:
        """Send a command that changes nothing, and return its reply.

        Raises:
            RecordUnreadable: if the key named `unreadable` holds another kind of value.
            StoreUnavailable: if there is no reply that counts.
        """
        try:
            return await self._request(command, writes=False)
        except ResponseError as error:
            if str(error).startswith("WRONGTYPE"):
                raise RecordUnreadable(unreadable, "it is not a string") from None
            raise self._unavailable(error, _diagnose(error), False) from error

    async def run(self, script: Script, base: str, *arguments: str | int) -> Any:
        """Run a script on the partition whose keys begin with `base`, and return its reply.

        Raises:
            StoreUnavailable: if there is no reply that counts.
        """
        try:
            try:
                return await self._request(("EVALSHA", script.digest, 1, base, *arguments), writes=script.writes)
            except NoScriptError:
                return await self._request(("EVAL", script.text, 1, base, *arguments), writes=script.writes)
        except ResponseError as error:
            # The scripts write the record last, so an error says that it was not written.
            raise self._unavailable(error, _diagnose(error), False) from error

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()

    async def _request(self, command: tuple[str | int, ...], *, writes: bool) -> Any:
        try:
            async with asyncio.timeout(self._connect_timeout):
                connection = await self._pool.get_connection()  # type: ignore[no-untyped-call]  # redis-py leaves it open
        except (RedisError, OSError) as error:
            trouble = _diagnose(error)
            unreachable = trouble is Trouble.BROKEN  # nothing more particular
            raise self._unavailable(error, Trouble.UNREACHABLE if unreachable else trouble, False) from error
        try:
            # hiredis packs a script call in a microsecond, where redis-py's asyncio connection takes about fifteen.
            packed = pack_command(command)  # type: ignore[arg-type]  # hiredis says a tuple of one
            async with asyncio.timeout(self._timeout):
                await connection.send_packed_command(packed, check_health=False)
                return await connection.read_response()
        except ResponseError:
            raise  # a whole reply: the connection is good
        except (RedisError, OSError) as error:
            await connection.disconnect(nowait=True)
            raise self._unavailable(error, _diagnose(error), writes) from error
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        finally:
            await self._pool.release(connection)

    def _unavailable(self, error: Exception, trouble: Trouble, write_may_have_happened: bool) -> StoreUnavailable:
        detail = str(error).partition("\n")[0] or type(error).__name__
        return StoreUnavailable(self._address, trouble, write_may_have_happened, detail)


_DIAGNOSES: tuple[tuple[type[Exception], Trouble], ...] = (
    (BusyLoadingError, Trouble.LOADING),
    (ReadOnlyError, Trouble.READ_ONLY),
    (OutOfMemoryError, Trouble.OUT_OF_MEMORY),
    (AuthenticationError, Trouble.REFUSED),
    (AuthorizationError, Trouble.REFUSED),
    (NoPermissionError, Trouble.REFUSED),
    (RedisTimeoutError, Trouble.TIMEOUT),
    (TimeoutError, Trouble.TIMEOUT),
)
# Redis 6.2 wraps what a script met in an error of its own, so there the code stands inside the text.
_WORDS = (
    ("OOM ", Trouble.OUT_OF_MEMORY),
    ("READONLY ", Trouble.READ_ONLY),
    ("MISCONF ", Trouble.READ_ONLY),
    ("NOREPLICAS ", Trouble.READ_ONLY),
    ("BUSY ", Trouble.BUSY),
    ("No connection available", Trouble.BUSY),
    ("max number of clients", Trouble.BUSY),
)


def _diagnose(error: Exception) -> Trouble:
    for kind, trouble in _DIAGNOSES:
        if isinstance(error, kind):
            return trouble
    return next((trouble for word, trouble in _WORDS if word in str(error)), Trouble.BROKEN)
