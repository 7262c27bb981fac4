"""Several servers that are one backend, each a private process: a master under a Sentinel, and a Redis Cluster."""

# ruff: noqa: D102  `RedisServer` and `ServerGroup` say what each method does

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from conformance.backends.proxy import reserved_port
from conformance.backends.servers import EmbeddedServer, RedisServer, wait_until

SERVICE = "conformance"
"""What the Sentinel calls the master."""
LONE_SLOTS = 16_382, 16_383
"""The slots of the second and the third node of the cluster; the first has all others."""
_SLOTS = "0 16381", "16382 16382", "16383 16383"
_AT_ONCE = "repl-diskless-sync-delay 0\n"


class ServerGroup(RedisServer):
    """Servers of which one has the tasks, and another takes over when it fails. `url` is the one that has them."""

    _members: list[EmbeddedServer]
    """The one that has the tasks, and those that may take over."""

    @abstractmethod
    def _agrees(self, master: EmbeddedServer) -> bool:
        """Whether all know who has the tasks."""

    @abstractmethod
    def _replace(self, master: EmbeddedServer) -> None:
        """Order a replica to take over, and the master to follow it."""

    def settle(self) -> None:
        """Wait until one has the tasks, the others follow it, and all know it."""
        wait_until(self._is_settled, "the servers do not agree on who has the tasks")
        self.url = self._members[0].url

    def _is_settled(self) -> bool:
        self._members.sort(key=lambda server: not _leads(server))
        master, *replicas = self._members
        written = master.call("ROLE")[1]
        for replica in replicas:
            _, _, port, state, received = replica.call("ROLE")
            if (port, state) != (master.port, b"connected") or received < written:
                return False
        return self._agrees(master)

    def restart(self) -> None:
        self._members[0].restart()
        self.settle()

    def killed(self) -> AbstractContextManager[None]:
        """As of one server: the one that has the tasks."""
        return self._members[0].killed()

    def fail_over(self, *, kill: bool) -> None:
        self.settle()  # the replicas have what was acknowledged
        master, *replicas = self._members
        if kill:
            with master.killed():
                wait_until(lambda: any(map(_leads, replicas)), "nobody took over")
        else:
            self._replace(master)
        self.settle()


class SentinelServers(ServerGroup):
    """A master, replicas and Sentinels. The first Sentinel that its URL names is not there."""

    def __init__(self, min_replicas: int = 1, replicas: int = 1, sentinels: int = 1) -> None:
        """`min_replicas` is how many replicas a master needs to take a write."""
        super().__init__()
        self._config = f"{_AT_ONCE}min-replicas-to-write {min_replicas}\n"
        self._counts = replicas, sentinels

    def _set_up(self, undo: ExitStack) -> None:
        def started(count: int, config: str, *options: str) -> list[EmbeddedServer]:
            return [undo.enter_context(EmbeddedServer(*options, config=config)) for _ in range(count)]

        replicas, sentinels = self._counts
        [master] = started(1, self._config)
        at_master = f"127.0.0.1 {master.port}"
        self._members = [master, *started(replicas, f"{self._config}replicaof {at_master}")]
        of_sentinel = (
            f"sentinel monitor {SERVICE} {at_master} 1\n"
            f"sentinel down-after-milliseconds {SERVICE} 2500\n"
            f"sentinel failover-timeout {SERVICE} 3000\n"
        )
        self.sentinels = started(sentinels, of_sentinel, "--sentinel")
        self.sentinel = self.sentinels[0]
        self.store_url = self.url_of(undo.enter_context(reserved_port()), self.sentinel.port)
        self.settle()

    def url_of(self, *ports: int) -> str:
        """The URL that names the Sentinels on these ports."""
        places = ",".join(f"127.0.0.1:{port}" for port in ports)
        return f"redis+sentinel://{places}/{SERVICE}/0"

    def _agrees(self, master: EmbeddedServer) -> bool:
        replicas, sentinels = self._counts
        known = f"address=127.0.0.1:{master.port},slaves={replicas},sentinels={sentinels}".encode()
        return all(known in sentinel.call("INFO sentinel") for sentinel in self.sentinels)

    def _replace(self, master: EmbeddedServer) -> None:
        leader = self.sentinels[-1]
        wait_until(lambda: leader.call(f"SENTINEL FAILOVER {SERVICE}"), "the order to take over was refused")
        others = self._members[1:]
        wait_until(lambda: any(map(self._agrees, others)), "nobody took over")
        [port] = [other.port for other in others if _leads(other)]
        master.call(f"REPLICAOF 127.0.0.1 {port}")  # as the Sentinel does it, some ten seconds later
        master.call("CLIENT KILL TYPE normal")


class ClusterServers(ServerGroup):
    """Three masters, of which the first has nearly all slots, and its replica. Its URL names the two others."""

    def _set_up(self, undo: ExitStack) -> None:
        self.all: list[EmbeddedServer] = []
        for epoch in range(1, 5):
            bus = undo.enter_context(reserved_port())
            config = f"{_AT_ONCE}cluster-enabled yes\ncluster-node-timeout 2500\ncluster-port {bus}"
            node = undo.enter_context(EmbeddedServer(config=config))
            self.all.append(node)
            node.call(f"CLUSTER SET-CONFIG-EPOCH {epoch}")
            self.all[0].call(f"CLUSTER MEET 127.0.0.1 {node.port} {bus}")

        first, *_, replica = self.all
        for node, slots in zip(self.all, _SLOTS, strict=False):
            node.call(f"CLUSTER ADDSLOTSRANGE {slots}")
        wait_until(lambda: replica.call(f"CLUSTER REPLICATE {_id(first)}"), "the replica did not meet its master")

        self._members = [first, replica]
        self.nodes = [f"127.0.0.1:{node.port}" for node in self.all]
        self.store_url = f"redis+cluster://{self.nodes[1]},{self.nodes[2]}"
        self.settle()

    def _agrees(self, master: EmbeddedServer) -> bool:
        for node in self.all:
            facts = node.call("CLUSTER INFO")
            is_well = b"cluster_state:ok" in facts and b"cluster_known_nodes:4" in facts
            owner = node.call("CLUSTER SLOTS")[0][2]
            if not is_well or owner[1] != master.port:
                return False
        return True

    def _replace(self, master: EmbeddedServer) -> None:
        replica = self._members[1]
        wait_until(lambda: replica.call("CLUSTER FAILOVER"), "the order to take over was refused")
        wait_until(lambda: _leads(replica) and not _leads(master), "nobody took over")

    @contextmanager
    def slots_moved(self, *slots: int) -> Iterator[None]:
        """Let another node have these slots for the time of the block."""
        nodes = self._members[0], self.all[1]
        for slot in slots:
            _move(slot, *nodes)
        try:
            yield
        finally:
            for slot in slots:
                _move(slot, *reversed(nodes))


def _move(slot: int, source: EmbeddedServer, target: EmbeddedServer) -> None:
    change = f"CLUSTER SETSLOT {slot}"
    target.call(f"{change} IMPORTING {_id(source)}")
    source.call(f"{change} MIGRATING {_id(target)}")
    while keys := source.call(f"CLUSTER GETKEYSINSLOT {slot} 100"):
        source.call(f"MIGRATE 127.0.0.1 {target.port}", "", 0, 5_000, "KEYS", *keys)
    for node in (target, source):
        node.call(f"{change} NODE {_id(target)}")


def _id(node: EmbeddedServer) -> str:
    return str(node.call("CLUSTER MYID").decode())


def _leads(server: EmbeddedServer) -> bool:
    return bool(server.call("ROLE")[0] == b"master")
