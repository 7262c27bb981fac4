"""Where connections go: to one server, to the master that Sentinels name, or to the node of a cluster with the tasks.

All keys of a partition have one hash tag, so one node of a Redis Cluster serves all of them. The first node that is
reached says which one it is, in its slot map or by `MOVED`. Partitions on one node share the connection to it.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from typing import Any

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from taskstore.address import Address
from taskstore.redis.connection import Connection

_TRIED = 4
"""Nodes that are tried for one connection, each for an equal share of its time."""
_PAUSE = 0.1
"""Seconds until the Sentinels are asked again for the master that takes over."""
_SUBSCRIBED = 30.0
"""Seconds until a subscription is renewed: nobody says that a Sentinel has vanished."""

Node = tuple[str, int]


class Opener:
    """Opens connections to the servers that have the tasks of a store, wherever they are at that moment."""

    def __init__(self, address: Address, credentials: dict[str, str], seconds: float) -> None:
        """`seconds` is how long opening may take.

        Raises:
            RedisError, TypeError, ValueError: if redis-py does not take the URL or the credentials.
        """
        pool = ConnectionPool.from_url(
            address.url,
            **credentials,
            client_name="taskstore",
            socket_timeout=None,  # `Server` has the limits: on Python 3.11 redis-py's can swallow a cancellation
            socket_connect_timeout=None,
            protocol=2,  # in which a server never speaks unasked
            retry=Retry(NoBackoff(), 0),
            **_driver(),
        )
        self._kind, self._options = pool.connection_class, pool.connection_kwargs
        self._service, self._is_cluster = address.service, address.cluster
        self._sentinel = {"username": None, "password": None, "db": 0, **address.sentinel}
        self._named: list[Node | None] = [*address.nodes] or [None]  # None is the socket
        self._nodes = self._named
        self._owners: list[tuple[range, Node]] = []  # who has which slots, once a node of a cluster was asked
        self._latest: Node | None = None  # the node of the latest connection
        self._leaving: tuple[Node | None, float] = None, 0.0  # a master that is being replaced, and for how long
        self._connections: list[Connection] = []
        self._shared: dict[Node | None, Connection] = {}  # by the owner of the slot; None is not known, or no cluster
        self._locks: defaultdict[Node | None, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._watchers: list[asyncio.Task[None]] = []
        self._seconds = seconds
        self._make(None)

    async def open(self, moved: str, slot: int | None) -> Connection:
        """Open a connection, or give the one that another partition has opened to the same server.

        `moved` is what a node of a cluster has said, `MOVED slot host:port`, or an empty text. `slot` is that of the
        keys, if it is known.

        Raises:
            RedisError, OSError: what was met at the last node that was tried.
        """
        named: Node | None = None
        if said := re.fullmatch("MOVED [0-9]{1,5} (.*):([0-9]{1,5})", moved):
            self._is_cluster, named = True, (said[1] or (self._latest or [""])[0], int(said[2]))
        async with self._locks[named or self._owner(slot)]:
            owner = named or self._owner(slot)
            if (shared := self._shared.get(owner)) and shared.is_usable:
                return shared
            connection = Connection(await self._open(owner, slot))
            self._shared[named or self._owner(slot)] = connection
            self._connections = [*(one for one in self._connections if not one.is_closed), connection]
            return connection

    def close(self) -> None:
        """Close every connection."""
        for watcher in self._watchers:
            watcher.cancel()
        for connection in self._connections:
            connection.close()

    def _owner(self, slot: int | None) -> Node | None:
        return next((owner for slots, owner in self._owners if slot in slots), None)

    async def _open(self, owner: Node | None, slot: int | None) -> AbstractConnection:
        """Open a connection to the owner of the slot, if it is known, or else by way of another node."""
        nodes = self._nodes[:_TRIED]
        self._nodes = [*self._nodes[1:], self._nodes[0]]  # the next connection does not begin with the same node
        ways = [partial(self._find, node, slot) for node in nodes]
        if owner is not None:
            ways.insert(0, partial(self._reach, owner))
        while True:
            failure: RedisError | OSError = ConnectionError()
            for way in ways:
                try:
                    async with asyncio.timeout(self._seconds / len(ways)):
                        return await way()
                except (RedisError, OSError) as error:
                    failure = error
            if not self._is_leaving:
                raise failure
            await asyncio.sleep(_PAUSE)

    def _make(self, node: Node | None, **options: Any) -> AbstractConnection:
        place = {"host": node[0], "port": node[1]} if node else {}
        return self._kind(**{**self._options, **place, **options})

    async def _reach(self, node: Node | None) -> AbstractConnection:
        self._latest = node
        connection = self._make(node)
        await _ask(connection)
        return connection

    async def _find(self, node: Node | None, slot: int | None) -> AbstractConnection:
        """A connection to the server that a node names: itself, a master that it watches, or the owner of the slot."""
        if self._service:
            self._watchers = self._watchers or [asyncio.create_task(self._watch(one)) for one in self._named]
            sentinel = self._make(node, **self._sentinel)
            master = await _ask(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._service, read=_master)
            await sentinel.disconnect(nowait=True)
            if self._is_leaving and master == self._leaving[0]:
                raise ConnectionError("the Sentinels are replacing the master")
            connection = await self._reach(master)
            await _ask(connection, "ROLE", read=_check_role)
            return connection
        connection = await self._reach(node)
        if node is None or not self._is_cluster:
            return connection
        slots = await _ask(connection, "CLUSTER", "SLOTS", read=partial(_nodes_by_slot, host=node[0]))
        self._nodes = list(dict.fromkeys([*(one for _, nodes in slots for one in nodes), *self._named]))
        self._owners = [(one, nodes[0]) for one, nodes in slots]
        owner = self._owner(slot) or node
        if owner == node:
            return connection
        await connection.disconnect(nowait=True)
        return await self._reach(owner)

    @property
    def _is_leaving(self) -> bool:
        return asyncio.get_running_loop().time() < self._leaving[1]

    async def _watch(self, node: Node | None) -> None:
        """Leave the master as soon as a Sentinel has chosen the replica that takes over, before that one is a master.

        Only the Sentinel that replaces the master says which replica it has chosen; all say when it has taken over.
        """
        while True:
            sentinel = self._make(node, **self._sentinel)
            try:
                async with asyncio.timeout(_SUBSCRIBED):
                    await _ask(sentinel, "SUBSCRIBE", "+selected-slave", "+switch-master")
                    while True:
                        self._leave(await sentinel.read_response())
            except TimeoutError:
                pass
            except (RedisError, OSError):
                await asyncio.sleep(1)
            finally:
                await sentinel.disconnect(nowait=True)

    def _leave(self, event: Any) -> None:
        """Take no more requests to the master that an event is about. What is in flight still gets there."""
        text = event[-1].decode(errors="replace") if isinstance(event, list) and isinstance(event[-1], bytes) else ""
        if found := re.search(rf"(?:^|@ ){re.escape(self._service)} (\S+) ([0-9]{{1,5}})(?: |$)", text):
            master = found[1], int(found[2])
            if master == self._latest:
                self._leaving = master, asyncio.get_running_loop().time() + self._seconds
                for connection in self._connections:
                    connection.retire()


def _master(reply: Any) -> Node:
    if reply is None:
        raise ConnectionError("a Sentinel knows no master of this name")
    host, port = reply
    return host.decode(), int(port)


def _check_role(reply: Any) -> None:
    if reply[0] != b"master":
        raise ConnectionError("the master that a Sentinel names is a replica")


def _nodes_by_slot(reply: Any, host: str) -> list[tuple[range, list[Node]]]:
    """The slot map, owners first. A node whose host is not known has that of the one that was asked."""
    return [
        (
            range(first, last + 1),
            [((name or b"?").decode().strip("?") or host, int(port)) for name, port, *_ in (owner, *replicas)],
        )
        for first, last, owner, *replicas in reply
    ]


@cache
def _driver() -> dict[str, Any]:
    """The name of the client library, which newer versions of redis-py else read from files for every connection."""
    with suppress(ImportError):
        from redis.driver_info import DriverInfo

        return {"driver_info": DriverInfo()}
    return {}


async def _ask(connection: AbstractConnection, *command: str, read: Callable[[Any], Any] = lambda _: None) -> Any:
    """Connect, send a command if there is one, and return what is read in its reply. After a failure it is closed."""
    try:
        await connection.connect()  # type: ignore[no-untyped-call]  # redis-py leaves it open
        if not command:
            return None
        await connection.send_command(*command)
        return read(await connection.read_response())
    except BaseException as fault:  # noqa: BLE001  raised again below
        # Where the server is behind a socket of files, redis-py wraps what it has said.
        error = fault.__cause__ if isinstance(fault.__cause__, RedisError) else fault
        # The frames and causes hold the password, and a server may repeat what it was sent.
        said = str(error).partition(", with args ")[0].replace(connection.password or "\0", "...")
        failure = error.with_traceback(None)
        if isinstance(error, RedisError):
            error.args = (said,)
        elif isinstance(error, AttributeError | LookupError | TypeError | ValueError):  # from `read`
            failure = ConnectionError(f"unexpected reply to {command[0]}" if command else said)
        failure.__cause__ = failure.__context__ = None
    await connection.disconnect(nowait=True)
    raise failure
