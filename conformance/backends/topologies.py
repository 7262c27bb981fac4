"""Several servers that are one backend, each a private process: a master under a Sentinel, and a Redis Cluster."""

# ruff: noqa: D102  `RedisServer` and `ServerGroup` say what each method does

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager

from conformance.backends.proxy import unused_port
from conformance.backends.servers import EmbeddedServer, RedisServer, wait_until

SERVICE = "conformance"
"""What the Sentinel calls the master."""
LONE_SLOTS = 16_382, 16_383
"""The slots of the second and the third node of the cluster; the first has all others."""
_AT_ONCE = "repl-diskless-sync-delay 0\n"


class ServerGroup(RedisServer):
    """Servers of which one has the tasks, and another takes over when it fails. `url` is the one that has them."""

    _members: list[EmbeddedServer]
    """The one that has the tasks, and those that may take over."""

    @abstractmethod
    def _agrees(self, master: EmbeddedServer) -> bool:
        """Whether all know who has the tasks."""

    @abstractmethod
    def _replace(self) -> None:
        """Let a replica take over by a command."""

    def settle(self) -> None:
        """Wait until one has the tasks, the others follow it, and all know it."""
        wait_until(self._is_settled, "the servers do not agree on who has the tasks")
        self.url = self._members[0].url

    def _is_settled(self) -> bool:
        self._members.sort(key=lambda server: not _leads(server))
        master, *replicas = self._members
        followed = [master.port, b"connected"]
        return all(replica.call("ROLE")[2:4] == followed for replica in replicas) and self._agrees(master)

    def facts(self) -> Mapping[str, str]:
        return self._members[0].facts()

    def restart(self) -> None:
        wait_until(lambda: self.call("SAVE"), "another save goes on")
        self._members[0].restart()
        self.settle()

    def killed(self) -> AbstractContextManager[None]:
        """As of one server: the one that has the tasks."""
        return self._members[0].killed()

    def fail_over(self, *, kill: bool) -> None:
        master, *replicas = self._members
        written = master.call("ROLE")[1]
        wait_until(
            lambda: all(replica.call("ROLE")[4] >= written for replica in replicas),
            "a replica does not have what was written",
        )
        if kill:
            with master.killed():
                wait_until(lambda: any(map(_leads, replicas)), "nobody took over")
        else:
            self._replace()
        self.settle()


class SentinelServers(ServerGroup):
    """A master, replicas and Sentinels. The first Sentinel that its URL names is not there."""

    def __init__(self, min_replicas: int = 1, replicas: int = 1, sentinels: int = 1) -> None:
        """`min_replicas` is how many replicas a master needs to take a write."""
        super().__init__()
        self._config = f"{_AT_ONCE}min-replicas-to-write {min_replicas}\n"
        self._replicas, self._sentinels = replicas, sentinels

    def _set_up(self, undo: ExitStack) -> None:
        master = undo.enter_context(EmbeddedServer(config=self._config))
        self._members = [master]
        for _ in range(self._replicas):
            config = f"{self._config}replicaof 127.0.0.1 {master.port}"
            self._members.append(undo.enter_context(EmbeddedServer(config=config)))
        config = (
            f"sentinel monitor {SERVICE} 127.0.0.1 {master.port} 1\n"
            f"sentinel down-after-milliseconds {SERVICE} 2500\nsentinel failover-timeout {SERVICE} 3000\n"
        )
        self.sentinels = [
            undo.enter_context(EmbeddedServer("--sentinel", config=config)) for _ in range(self._sentinels)
        ]
        self.sentinel = self.sentinels[0]
        self.store_url = self.url_of(unused_port(), self.sentinel.port)
        self.settle()

    def url_of(self, *ports: int) -> str:
        """The URL that names the Sentinels on these ports."""
        return f"redis+sentinel://{','.join(f'127.0.0.1:{port}' for port in ports)}/{SERVICE}/0"

    def _agrees(self, master: EmbeddedServer) -> bool:
        for sentinel in self.sentinels:
            replicas, others = (sentinel.call(f"SENTINEL {kind} {SERVICE}") for kind in ("REPLICAS", "SENTINELS"))
            if (len(replicas), len(others)) != (len(self._members) - 1, len(self.sentinels) - 1):
                return False
        return self._named() == {master.port}

    def _named(self) -> set[int]:
        """The ports of the masters that the Sentinels name."""
        places = [sentinel.call(f"SENTINEL GET-MASTER-ADDR-BY-NAME {SERVICE}") for sentinel in self.sentinels]
        return {int(port) for _, port in places}

    def _replace(self) -> None:
        master, leader = self._members[0], self.sentinels[-1]
        wait_until(lambda: leader.call(f"SENTINEL FAILOVER {SERVICE}"), "the order to take over was refused")
        wait_until(lambda: master.port not in self._named(), "nobody took over")
        [port] = self._named()
        master.call(f"REPLICAOF 127.0.0.1 {port}")  # as the Sentinel does it, some ten seconds later
        master.call("CLIENT KILL TYPE normal")


class ClusterServers(ServerGroup):
    """Three masters, of which the first has nearly all slots, and its replica. Its URL names the two others."""

    def _set_up(self, undo: ExitStack) -> None:
        self.all: list[EmbeddedServer] = []
        for _ in range(4):
            bus = unused_port()  # when its node starts: another server may take a port that waits
            config = f"{_AT_ONCE}cluster-enabled yes\ncluster-node-timeout 2500\ncluster-port {bus}"
            self.all.append(node := undo.enter_context(EmbeddedServer(config=config)))
            node.call(f"CLUSTER SET-CONFIG-EPOCH {len(self.all)}")
            self.all[0].call(f"CLUSTER MEET 127.0.0.1 {node.port} {bus}")
        first, second, third, replica = self.all
        first.call(f"CLUSTER ADDSLOTSRANGE 0 {LONE_SLOTS[0] - 1}")
        second.call(f"CLUSTER ADDSLOTS {LONE_SLOTS[0]}")
        third.call(f"CLUSTER ADDSLOTS {LONE_SLOTS[1]}")
        wait_until(lambda: replica.call(f"CLUSTER REPLICATE {_id(first)}"), "the replica did not meet its master")
        self._members = [first, replica]
        self.nodes = [f"127.0.0.1:{node.port}" for node in self.all]
        self.store_url = f"redis+cluster://{','.join(self.nodes[1:3])}"
        self.settle()

    def _agrees(self, master: EmbeddedServer) -> bool:
        facts = [node.call("CLUSTER INFO") for node in self.all]
        owners = {node.call("CLUSTER SLOTS")[0][2][1] for node in self.all}
        are_met = all(b"cluster_state:ok" in one and b"cluster_known_nodes:4" in one for one in facts)
        return are_met and owners == {master.port}

    def _replace(self) -> None:
        master, replica = self._members
        wait_until(lambda: replica.call("CLUSTER FAILOVER"), "the order to take over was refused")
        wait_until(lambda: _leads(replica) and not _leads(master), "nobody took over")

    @contextmanager
    def slot_moved(self, slot: int) -> Iterator[None]:
        """Let another node have a slot for the time of the block."""
        other = self.all[1]
        _move(slot, self._members[0], other)
        try:
            yield
        finally:
            _move(slot, other, self._members[0])


def _move(slot: int, source: EmbeddedServer, target: EmbeddedServer) -> None:
    target.call(f"CLUSTER SETSLOT {slot} IMPORTING {_id(source)}")
    source.call(f"CLUSTER SETSLOT {slot} MIGRATING {_id(target)}")
    while keys := source.call(f"CLUSTER GETKEYSINSLOT {slot} 100"):
        source.call(f"MIGRATE 127.0.0.1 {target.port}", "", 0, 5_000, "KEYS", *keys)
    for node in (target, source):
        node.call(f"CLUSTER SETSLOT {slot} NODE {_id(target)}")


def _id(node: EmbeddedServer) -> str:
    return str(node.call("CLUSTER MYID").decode())


def _leads(server: EmbeddedServer) -> bool:
    return bool(server.call("ROLE")[0] == b"master")
