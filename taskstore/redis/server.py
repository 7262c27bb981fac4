"""The server behind Redis mode: how it is reached, and what its failures mean.

A write is sent once. It is sent again in two cases, in which it did not run: the server did not know the script yet
(NOSCRIPT), or another node of the cluster has the keys (MOVED). A read is also sent once more if its connection breaks.
`topology` opens a connection, through redis-py; `connection` sends the requests.
"""

import asyncio
import contextlib
import re
from typing import Any, TypeAlias

from hiredis import pack_command
from redis.exceptions import RedisError, ResponseError

from taskstore.address import parse
from taskstore.errors import FailureKind, SettingsInvalid, StoreUnavailable
from taskstore.redis.connection import Connection, ConnectionFullError
from taskstore.redis.scripts import Script
from taskstore.redis.topology import Node, Opener

Argument: TypeAlias = str | bytes | int
_MOVES = 5
"""How often a request follows MOVED."""


class Server:
    """Sends requests over a connection that is opened when needed, and turns failures into the store's exceptions.

    A copy shares the connections, and remembers another node of a cluster.
    """

    def __init__(
        self,
        url: str,
        *,
        username: str | None = None,
        password: str | None = None,
        connect_timeout: float = 5.0,
        timeout: float = 5.0,
        wait_replicas: int = 0,
        wait_milliseconds: int = 1_000,
    ) -> None:
        """Name the server at `url`, of one of the forms that docs/store.md lists. Nothing is contacted yet.

        `connect_timeout` (handshake included) and `timeout` (for a reply) are in seconds. No call takes longer than
        both together; a `purge` is several calls in this sense. A write is acknowledged when `wait_replicas` replicas
        have it; if they do not within `wait_milliseconds`, the call raises `StoreUnavailable`, which says that it may
        have happened.

        Raises:
            SettingsInvalid: if Redis mode does not take the URL, or a credential is not UTF-8 text.
        """
        self._timeout = timeout
        self._wait = wait_replicas, wait_milliseconds
        self.waits = wait_replicas > 0
        self._node: Node = None  # in a cluster: the one that has the keys
        with contextlib.suppress(RedisError, TypeError, ValueError):
            f"{username}{password}".encode()  # refuses lone surrogates
            address = parse(url)
            self.address = str(address)  # what exceptions name
            self.opener = Opener(address, username, password, connect_timeout)
            return
        del url, username, password  # a traceback may show the variables of this function
        raise SettingsInvalid((("REDIS_URL", "is not a URL that Redis mode takes, or a credential is not UTF-8 text"),))

    def deadline(self) -> float:
        """When a call that starts now has to end, however many requests it makes: `until` of each of them."""
        return asyncio.get_running_loop().time() + self.opener.seconds + self._timeout

    async def read(self, *command: Argument, until: float | None = None) -> Any:
        """Send a command that changes nothing, and return its reply. A failure raises `StoreUnavailable`."""
        return await self._request(command, until, writes=False)

    async def run(self, script: Script, base: str, *arguments: Argument, until: float | None = None) -> Any:
        """Run a script on the partition whose keys begin with `base`, as `read` sends a command."""
        until = until or self.deadline()
        try:
            return await self._request(("EVALSHA", script.digest, 1, base, *arguments), until, writes=script.writes)
        except StoreUnavailable as error:
            if not error.detail.startswith("NOSCRIPT "):
                raise
        return await self._request(("EVAL", script.text, 1, base, *arguments), until, writes=script.writes)

    def unexpected(self, reply: object, *, writes: bool) -> StoreUnavailable:
        """What to raise for a reply of another shape, or for an error that a script met after its first write."""
        match reply:
            case [b"written", bytes(fault)]:
                detail = fault.decode(errors="replace")
            case _:
                detail = f"unexpected reply: {reply!r:.80}"
        return self._unavailable(ResponseError(detail), writes)

    def close(self) -> None:
        """Close every connection, those of other partitions too."""
        self.opener.close()

    async def _request(self, command: tuple[Argument, ...], until: float | None, *, writes: bool) -> Any:
        # hiredis packs a script call in a microsecond, where redis-py takes about fifteen.
        request = pack_command(command)  # type: ignore[arg-type]  # hiredis says a tuple of one
        loop = asyncio.get_running_loop()
        failures = 0
        until = until or loop.time() + self.opener.seconds + self._timeout
        while True:
            connection = self.opener.usable(self._node) or await self.opener.open(self._node, until)
            if isinstance(connection, Exception):
                raise self._unavailable(connection, False, FailureKind.UNREACHABLE) from connection
            reply = None
            try:
                reply = connection.send(request, min(loop.time() + self._timeout, until))
                answer = await reply
                if writes and self.waits:
                    await self._replicate(connection, until)
            except (ResponseError, OSError) as error:
                self._recover(connection, error, failures, writes and reply is not None)
                failures += 1
            except ConnectionFullError as error:
                try:
                    async with asyncio.timeout_at(until):
                        await connection.room()
                except TimeoutError:
                    raise self._unavailable(error, False, FailureKind.BUSY) from error
            else:
                return answer

    def _recover(self, connection: Connection, error: Exception, failures: int, may_have_happened: bool) -> None:
        """Return if the request that has failed may be sent again, else raise `StoreUnavailable`."""
        said = str(error)
        if isinstance(error, TimeoutError):
            connection.retire()
        elif isinstance(error, OSError):
            if not (may_have_happened or failures):
                return
        elif (moved := re.fullmatch("MOVED [0-9]{1,5} (.*):([0-9]{1,5})", said)) and failures < _MOVES:
            self._node = (moved[1] or (connection.node or [""])[0], int(moved[2]))
            return
        else:
            may_have_happened = False  # a script that fails has written nothing
            if re.search(_ELSEWHERE, said):
                connection.retire()
                self._node = None
        raise self._unavailable(error, may_have_happened) from error

    async def _replicate(self, connection: Connection, until: float) -> None:
        """Wait until enough replicas have what was written. It raises `OSError` if they do not, or do not say so."""
        wanted, milliseconds = self._wait
        limit = min(asyncio.get_running_loop().time() + self._timeout, until)
        request = pack_command(("WAIT", wanted, milliseconds))  # type: ignore[arg-type]  # as above
        try:
            async with asyncio.timeout_at(limit):
                have = await asyncio.shield(connection.wait(request, limit))  # others wait for the same
        except (ResponseError, ConnectionFullError) as error:
            raise ConnectionError(f"the write was made, and WAIT failed: {error}") from error
        if type(have) is not int or have < wanted:
            raise TimeoutError(f"{have} of {wanted} replicas have the write after {milliseconds} ms")

    def _unavailable(
        self, error: Exception, write_may_have_happened: bool, kind: FailureKind = FailureKind.BROKEN
    ) -> StoreUnavailable:
        """What to raise for an error; `kind` is its kind if its text says nothing more particular."""
        text = f"{type(error).__name__} {error}"
        kind = next((one for one, signs in _SIGNS.items() if re.search(signs, text)), kind)
        detail = str(error).partition("\n")[0] or "no answer in the time that is set"
        return StoreUnavailable(self.address, kind, write_may_have_happened, detail)


# What redis-py says of a handshake it says in classes of its own. Redis 6.2 wraps what a script met in an error of its
# own, so there the code stands inside the text.
_SIGNS = {
    FailureKind.LOADING: "^BusyLoadingError|LOADING ",
    FailureKind.REFUSED: (
        "^Auth|^NoPermission|NOAUTH |NOPERM |"
        "can't run this command|ACL failure in script|"  # what 6.2 says for NOPERM inside a script, and Redis 7, Valkey
        "DB index is out of range|SELECT is not allowed"
    ),
    FailureKind.TIMEOUT: "^TimeoutError",
    FailureKind.OUT_OF_MEMORY: "OOM ",
    FailureKind.READ_ONLY: "READONLY |MASTERDOWN |MISCONF |NOREPLICAS ",
    # ASK: the slot is being moved, key by key, and neither node has all the keys of a script
    FailureKind.BUSY: "BUSY |ASK |TRYAGAIN |CLUSTERDOWN |max number of clients",
}
_ELSEWHERE = "(MOVED|READONLY|MASTERDOWN|NOREPLICAS|CLUSTERDOWN) "
"""What a server says that is not, or is no more, the one to ask: its connection is given up."""
