"""Several servers that are one subject, each a private process: a master under a Sentinel, and a Redis Cluster."""

# ruff: noqa: D102  `RedisServer` and `ServerGroup` say what each method does

from __future__ import annotations

import contextlib
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Self
from urllib.parse import urlsplit

import redis

from conformance.subjects.proxy import unused_port
from conformance.subjects.servers import EmbeddedServer, RedisServer, ServerError

SERVICE = "conformance"
"""What the Sentinel calls the master."""
LONE_SLOTS = 16_382, 16_383
"""The slots of the second and the third node of the cluster; the first has all others."""
_SECONDS = 20.0
_AT_ONCE = "--repl-diskless-sync-delay", "0"


class ServerGroup(RedisServer):
    """Servers of which one has the tasks, and another takes over when it fails. `url` is the one that has them."""

    store_url = ""
    _members: tuple[EmbeddedServer, EmbeddedServer]
    """The one that begins, and the one that takes over."""

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self._set_up(undo)
            self._settle()
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    @abstractmethod
    def _set_up(self, undo: ExitStack) -> None:
        """Start the servers."""

    @abstractmethod
    def _is_settled(self) -> bool:
        """Whether one has the tasks, the other follows it, and all know it."""

    @abstractmethod
    def _replace(self, master: EmbeddedServer, replica: EmbeddedServer) -> None:
        """Let the replica take over by a command."""

    def _settle(self) -> None:
        _await(self._is_settled, "the servers do not agree on who has the tasks")
        self._master = self._sorted()[0]

    @property
    def url(self) -> str:  # type: ignore[override]  # it is another one after a failover
        return self._master.url

    def facts(self) -> Mapping[str, str]:
        return self._members[0].facts()

    def restart(self) -> None:
        _await(lambda: self.call("SAVE"), "another save goes on")
        self._master.restart()
        self._settle()

    def kill(self) -> None:
        self._master.kill()
        self._settle()

    def fail_over(self, *, kill: bool) -> None:
        """Let the other server take over what was acknowledged: because the first is killed, or by a command."""
        master, replica = self._sorted()
        with redis.Redis.from_url(master.url) as client:
            client.set(f"{{{SERVICE}}}", "")  # WAIT is about what its own connection has written
            client.wait(1, int(_SECONDS * 1_000))
        if kill:
            with master.killed():
                _await(lambda: _role(replica) == "master", "nobody took over")
        else:
            self._replace(master, replica)
        self._settle()

    def _sorted(self) -> list[EmbeddedServer]:
        """The server that has the tasks, and the other one."""
        return sorted(self._members, key=lambda server: _role(server) != "master")


class SentinelServers(ServerGroup):
    """A master, a replica and a Sentinel. The first Sentinel that its URL names is not there."""

    def __init__(self, min_replicas: int = 1) -> None:
        """`min_replicas` is how many replicas a master needs to take a write."""
        self._min_replicas = min_replicas

    def _set_up(self, undo: ExitStack) -> None:
        options = *_AT_ONCE, "--min-replicas-to-write", str(self._min_replicas)
        master = undo.enter_context(EmbeddedServer(*options))
        self._members = master, undo.enter_context(EmbeddedServer("--replicaof", *_place(master), *options))
        self._sentinel = undo.enter_context(_Sentinel(master))
        nodes = f"127.0.0.1:{unused_port()},{urlsplit(self._sentinel.url).netloc}"
        self.store_url = f"redis+sentinel://{nodes}/{SERVICE}/0"

    def _is_settled(self) -> bool:
        _, port = self._sentinel.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        replicas = self._sentinel.call("SENTINEL", "REPLICAS", SERVICE)
        master, replica = self._sorted()
        return _place(master)[1] == port.decode() and len(replicas) == 1 and _follows(replica, master)

    def _replace(self, master: EmbeddedServer, replica: EmbeddedServer) -> None:
        _await(lambda: self._sentinel.call("SENTINEL", "FAILOVER", SERVICE), "the order to take over was refused")
        _await(lambda: _role(replica) == "master", "nobody took over")
        master.call("REPLICAOF", *_place(replica))  # as the Sentinel does it, some ten seconds later
        master.call("CLIENT", "KILL", "TYPE", "normal")


class _Sentinel(EmbeddedServer):
    def __init__(self, master: EmbeddedServer) -> None:
        super().__init__("--sentinel")
        self._master = master

    def _prepare(self) -> tuple[str, ...]:
        monitored = f"monitor {SERVICE} {' '.join(_place(self._master))} 1"
        limits = f"down-after-milliseconds {SERVICE} 2500", f"failover-timeout {SERVICE} 3000"
        file = self._folder / "sentinel.conf"
        file.write_text("".join(f"sentinel {line}\n" for line in (monitored, *limits)), "utf-8")
        return (str(file),)


class ClusterServers(ServerGroup):
    """Three masters, of which the first has nearly all slots, and its replica. Its URL names the two others."""

    def _set_up(self, undo: ExitStack) -> None:
        nodes = cluster_nodes(undo, range(LONE_SLOTS[0]), *(range(slot, slot + 1) for slot in LONE_SLOTS), range(0))
        first, *self._lone, replica = nodes
        self._members = first, replica
        self._ids = {node: node.call("CLUSTER", "MYID").decode() for node in nodes}
        _await(lambda: replica.call("CLUSTER", "REPLICATE", self._ids[first]), "the replica did not meet its master")
        self.nodes = [urlsplit(node.url).netloc for node in nodes]
        self.store_url = f"redis+cluster://{','.join(self.nodes[1:3])}"

    def _is_settled(self) -> bool:
        master, replica = self._sorted()
        facts = [node.call("CLUSTER", "INFO").decode() for node in self._ids]
        owners = [node.call("CLUSTER", "SLOTS")[0][2][1] for node in self._ids]
        return (
            all("cluster_state:ok" in one and "cluster_known_nodes:4" in one for one in facts)
            and owners == [int(_place(master)[1])] * 4
            and _follows(replica, master)
        )

    def _replace(self, master: EmbeddedServer, replica: EmbeddedServer) -> None:
        _await(lambda: replica.call("CLUSTER", "FAILOVER"), "the order to take over was refused")
        _await(lambda: _role(replica) == "master" != _role(master), "nobody took over")

    def call_each(self, *command: str) -> Any:
        """Send each node a command, and return the last reply."""
        return [node.call(*command) for node in self._ids][-1]

    @contextmanager
    def slot_moved(self, slot: int) -> Iterator[None]:
        """Let another node have a slot for the time of the block."""
        self._move(slot, self._master, self._lone[0])
        try:
            yield
        finally:
            self._move(slot, self._lone[0], self._master)

    def _move(self, slot: int, source: EmbeddedServer, target: EmbeddedServer) -> None:
        target.call("CLUSTER", "SETSLOT", slot, "IMPORTING", self._ids[source])
        source.call("CLUSTER", "SETSLOT", slot, "MIGRATING", self._ids[target])
        while keys := source.call("CLUSTER", "GETKEYSINSLOT", slot, 100):
            source.call("MIGRATE", *_place(target), "", 0, 5_000, "KEYS", *keys)
        for node in (target, source):
            node.call("CLUSTER", "SETSLOT", slot, "NODE", self._ids[target])


def cluster_nodes(undo: ExitStack, *shares: range) -> list[EmbeddedServer]:
    """Start the nodes of a new cluster, each with its share of the slots, until `undo` ends. They do not yet agree."""
    nodes, buses = [], []
    options = *_AT_ONCE, "--cluster-enabled", "yes", "--cluster-node-timeout", "2500", "--cluster-port"
    for _ in shares:
        buses.append(str(unused_port()))  # each when its node starts: another server may take a port that waits
        nodes.append(undo.enter_context(EmbeddedServer(*options, buses[-1])))
    for epoch, (node, slots) in enumerate(zip(nodes, shares, strict=True), 1):
        node.call("CLUSTER", "SET-CONFIG-EPOCH", epoch)
        if slots:
            node.call("CLUSTER", "ADDSLOTSRANGE", slots.start, slots.stop - 1)
    for node, bus in zip(nodes, buses, strict=True):
        nodes[0].call("CLUSTER", "MEET", *_place(node), bus)
    return nodes


def _place(server: EmbeddedServer) -> tuple[str, str]:
    parts = urlsplit(server.url)
    return str(parts.hostname), str(parts.port)


def _role(server: EmbeddedServer) -> str:
    """`master`, `slave`, or nothing if it does not answer."""
    try:
        return str(server.call("ROLE")[0].decode())
    except redis.exceptions.RedisError:
        return ""


def _follows(replica: EmbeddedServer, master: EmbeddedServer) -> bool:
    role, _, port, link, *_ = replica.call("ROLE")
    return [role, port, link] == [b"slave", int(_place(master)[1]), b"connected"]


def _await(condition: Callable[[], Any], what: str) -> None:
    """Ask until something is so.

    Raises:
        ServerError: if it is not within twenty seconds.
    """
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(redis.exceptions.RedisError, LookupError, ValueError):
            if condition():
                return
        time.sleep(0.01)
    raise ServerError(f"{what} within {_SECONDS:.0f} s")
