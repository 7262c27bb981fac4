"""Where connections go: to one server, to the master that Sentinels name, or to the node of a cluster with the tasks.

All keys of a partition have one hash tag, so one node of a Redis Cluster serves all of them. Any node says which one by
`MOVED`. Partitions on one node share the connection to it.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias
from weakref import WeakSet

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from taskstore.address import Address
from taskstore.redis.connection import Connection

_TRIED = 4
"""Nodes that are tried for one connection, each for an equal share of its time."""
_TAKEOVER = 10.0
"""Seconds in which the replica that a Sentinel has chosen becomes the master."""
_PAUSE = 0.05
"""Seconds until a server that is likely to change soon is asked again."""
_SUBSCRIBED = 30.0
"""Seconds until a subscription is renewed: nobody says that a Sentinel has vanished, or that one was added."""
_LONGER = 0.01
"""Seconds by which each attempt to subscribe waits longer than the one before: most that are lost are back soon."""

Node: TypeAlias = tuple[str, int] | None
"""Host and port; `None` is the socket, or a node that does not matter or is not known."""


class Opener:
    """Opens connections to the servers that have the tasks of a store, wherever they are at that moment."""

    def __init__(self, address: Address, username: str | None, password: str | None, seconds: float) -> None:
        """`seconds` is how long opening may take. What redis-py raises for the URL or the credentials comes out."""
        # From 8.2 on redis-py logs there what a server says, which may repeat the password that it was sent.
        logging.getLogger("redis.asyncio.connection").setLevel(logging.INFO)
        pool = ConnectionPool.from_url(
            address.url,
            username=username,
            password=password,
            client_name="taskstore",
            socket_timeout=None,  # `Server` has the limits: on Python 3.11 redis-py's can swallow a cancellation
            socket_connect_timeout=None,
            protocol=2,  # in which a server never speaks unasked
            retry=Retry(NoBackoff(), 0),
        )
        self._kind, self._options = pool.connection_class, pool.connection_kwargs
        self._sentinel = {name: self._options.pop(f"sentinel_{name}", None) for name in ("username", "password")}
        self._sentinel["db"] = 0
        self._service = address.service
        self._is_cluster = address.cluster
        self._named: list[Node] = [*address.nodes] or [None]
        self._nodes = self._named
        self._connections = WeakSet[Connection]()
        self._shared: dict[Node, Connection] = {}
        self._openings: dict[Node, asyncio.Task[Connection | Exception]] = {}
        self._lists: dict[Node, set[Node]] = {}  # the other Sentinels that each named one knows
        self.sentinels = {*self._named}  # and those of which these have told
        self._watches: dict[Node, asyncio.Future[Any]] = {}
        self._is_closed = False
        self._master: Node = None
        self._takeover = 0.0  # until when Sentinels may name the old master
        self.seconds = seconds
        self._make(None)

    async def open(self, node: Node, until: float) -> Connection | Exception:
        """Open a connection to a node of a cluster, if it is there, or else to any; or give the one that is open.

        Callers who come while it is being opened wait for the same. One who is cancelled, or out of time, leaves it to
        the others. What goes wrong is returned.
        """
        closed = ConnectionError("the store was closed")
        if self._is_closed:
            return closed
        opening = self._openings.get(node)
        if opening is None or opening.done():
            opening = self._openings[node] = asyncio.create_task(self._open(node))
        await asyncio.wait([opening], timeout=until - _now())
        if not opening.done():
            return TimeoutError()
        return closed if opening.cancelled() else opening.result()

    def close(self) -> None:
        """Close every connection."""
        self._is_closed = True
        for task in (*self._openings.values(), *self._watches.values()):
            task.cancel()
        for connection in self._connections:
            connection.fail("the store was closed")

    async def _open(self, node: Node) -> Connection | Exception:
        nodes = [*([node] if node else ()), *self._nodes[:_TRIED]]
        self._nodes.append(self._nodes.pop(0))  # the next opening does not begin with the same node
        self._is_cluster |= node is not None
        failure: Exception = TimeoutError()
        while True:
            for one in nodes:
                try:
                    async with asyncio.timeout(self.seconds / len(nodes)):
                        self._shared[node] = await self._reach(one)
                        return self._shared[node]
                except (RedisError, OSError) as error:
                    failure = error
            if _now() > self._takeover:
                return failure
            await asyncio.sleep(_PAUSE)

    def usable(self, node: Node) -> Connection | None:
        """The open connection to a node, if there is one that takes requests."""
        shared = self._shared.get(node)
        return shared if shared and shared.is_usable else None

    def _make(self, node: Node, **options: Any) -> AbstractConnection:
        place = {"host": node[0], "port": node[1]} if node else {}
        return self._kind(**{**self._options, **place, **options})

    async def _reach(self, node: Node) -> Connection:
        """A connection to a node, or to the master that this Sentinel names."""
        if shared := self.usable(node):
            return shared
        _check_files(self._options)
        if self._service:
            self._watch_all()
            if _now() > self._takeover:  # else a replica has been chosen to become the master
                sentinel = self._make(node, **self._sentinel)
                self._master = await _ask(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._service, read=_master)
                await sentinel.disconnect(nowait=True)
            node = self._master
        raw = self._make(node)
        await _ask(raw)
        if self._service:
            await _ask(raw, "ROLE", read=_check_role)
        elif self._is_cluster and node:
            others = await _ask(raw, "CLUSTER", "SLOTS", read=lambda reply: _nodes(reply, node[0]))
            self._nodes = [*dict.fromkeys([*others, *self._named])]
        connection = self._shared[node] = Connection(raw, node)
        self._connections.add(connection)
        return connection

    def _watch_all(self) -> None:
        for node in self.sentinels.difference(self._watches):
            # A task made otherwise would warn if its loop ends before the store is closed.
            watch = self._watches[node] = asyncio.gather(self._watch(node), return_exceptions=True)
            watch.add_done_callback(asyncio.Future.exception)

    async def _watch(self, node: Node) -> None:
        """Leave the master when a Sentinel replaces it, and before it does: what is in flight then is not lost.

        Only the Sentinel that replaces the master says which replica it has chosen, so those that the URL does not name
        are watched too. They may announce an address that is out of reach. All Sentinels say that it has taken over.
        The text of a message is a line of its own.
        """
        longest = pause = 1.0 if node in self._named else _SUBSCRIBED
        while node in self.sentinels:
            sentinel = self._make(node, **self._sentinel)
            try:
                with suppress(RedisError, OSError, ValueError):
                    async with asyncio.timeout(_SUBSCRIBED):
                        if node in self._named:
                            await self._learn(node, sentinel)
                        await _ask(sentinel)
                        await sentinel.send_command("SUBSCRIBE", "+selected-slave", "+switch-master")
                        # Not by redis-py: what it awaits cannot be dropped with a loop that is closed before the store,
                        # and a message that comes together with the confirmation stays in its parser.
                        reader = sentinel._reader  # noqa: SLF001
                        while (line := await reader.readline())[:1] not in (b"", b"-"):  # type: ignore[union-attr]
                            pause = 0
                            self._leave(line.decode().split())
            except asyncio.CancelledError:
                await sentinel.disconnect(nowait=True)
                raise
            await sentinel.disconnect(nowait=True)
            await asyncio.sleep(pause)
            pause = min(longest, pause + _LONGER)
        del self._watches[node]

    async def _learn(self, node: Node, sentinel: AbstractConnection) -> None:
        """Ask a Sentinel for the others. One that all list is none of those that were asked, however it is named."""
        with suppress(RedisError, OSError):  # it may refuse this, and let subscribe
            self._lists[node] = await _ask(sentinel, "SENTINEL", "SENTINELS", self._service, read=_sentinels)
            self.sentinels = {*self._named, *set.intersection(*self._lists.values())}
            self._watch_all()

    def _leave(self, event: list[str]) -> None:
        match event:
            case [_, _, host, port, "@", service, *old] | [service, *old, host, port]:
                if service == self._service and old == [*map(str, self._master or ())]:
                    self._master = host, int(port)
                    self._takeover = _now() + _TAKEOVER
                    for connection in self._connections:
                        connection.retire()


def _now() -> float:
    return asyncio.get_running_loop().time()


def _check_files(options: dict[str, Any]) -> None:
    """Open each file that TLS needs. What this raises names the file, which redis-py does not."""
    for path in filter(None, map(options.get, ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile"))):
        Path(path).open("rb").close()


def _master(reply: Any) -> Node:
    if reply is None:
        raise ConnectionError("a Sentinel knows no master of this name")
    host, port = reply
    return host.decode(), int(port)


def _sentinels(reply: Any) -> set[Node]:
    """Where the other Sentinels are: address, port and flags are the second, third and fifth of named values.

    One that is gone is said to be down, and never forgotten.
    """
    return {_master(facts[3:6:2]) for facts in reply if b"s_down" not in facts[9]}


def _check_role(reply: Any) -> None:
    if reply[0] != b"master":
        raise ConnectionError("the master that a Sentinel names is a replica")


def _nodes(slots: Any, host: str) -> list[Node]:
    """The nodes in a slot map. One whose host is not known has that of the node that was asked."""
    nodes = [node for _, _, *nodes in slots for node in nodes]
    return [((name or b"?").decode().strip("?") or host, int(port)) for name, port, *_ in nodes]


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
