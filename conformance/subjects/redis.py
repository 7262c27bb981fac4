"""Redis mode as a subject, on a private server, in a container, or on a server that is named by its URL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

from redis.crc import key_slot

from conformance.harness import Capability, HookMissingError
from conformance.subjects.redis_namespace import (
    Monitor,
    MonitoredNamespace,
    PartitionedNamespace,
    RedisNamespace,
    SharedRedisNamespace,
)
from conformance.subjects.secured import AclServer, SecuredServer, TlsServer
from conformance.subjects.server_harness import PATIENCE, RedisServerHarness
from conformance.subjects.servers import ContainerServer, EmbeddedServer, NamedServer
from conformance.subjects.topologies import LONE_SLOTS, ClusterServers, SentinelServers, ServerGroup
from taskstore import FailureKind, TaskStore
from taskstore.redis import PartitionedTaskStore, RedisTaskStore, connect


class RedisHarness(RedisServerHarness):
    """The Redis store on a server."""

    mode = "redis"
    opener = "taskstore:open_store"
    capabilities = frozenset(Capability) - {Capability.FAILOVER, Capability.CLUSTER}
    namespaces_at_once = 4
    prefix = "{{{namespace}:0}}"
    record = "{{{namespace}:0}}:task:"
    deadlines = "{{{namespace}:0}}:deadlines"

    def open_at(self, namespace: str, url: str, seconds: float) -> AbstractAsyncContextManager[TaskStore]:
        """A store under the same prefix on another server."""
        server = connect(url, connect_timeout=seconds, timeout=seconds)
        if self.partitions > 1:
            return PartitionedTaskStore(server, partitions=self.partitions, prefix=namespace)
        return RedisTaskStore(server, prefix=namespace)

    def environment(self, namespace: str) -> Mapping[str, str]:
        """Redis mode, by host, port and database."""
        parts = urlsplit(self._server.url)
        given = {
            "USE_REDIS_FOR_TASKS": "true",
            "REDIS_HOST": parts.hostname,
            "REDIS_PORT": str(parts.port or 6379),
            "REDIS_DB": parts.path.strip("/") or "0",
            "REDIS_USERNAME": parts.username,
            "REDIS_PASSWORD": parts.password,
            "TASK_KEY_PREFIX": namespace,
            "TASK_PARTITIONS": str(self.partitions),
        }
        return {name: value for name, value in given.items() if value}

    async def ping(self, store: TaskStore) -> None:
        """PING through the store's own connection."""
        await store.ping()  # type: ignore[attr-defined]  # `open` made it a RedisTaskStore


class PartitionedHarness(RedisHarness):
    """The Redis store in three partitions on one server."""

    partitions = 3

    def inspector(self, namespace: str) -> RedisNamespace:
        """Look at the keys of all partitions."""
        return PartitionedNamespace(self._client(), bases(namespace, self.partitions))


def bases(prefix: str, partitions: int) -> list[str]:
    """What the keys of each partition begin with."""
    return [f"{{{prefix}:{number}}}" for number in range(partitions)]


class SecuredHarness(RedisHarness):
    """The Redis store on a server that it reaches in a way of its own, which its settings name.

    Where the suite asks for a store at another URL, through its proxy say, the store comes as everybody does.
    """

    def __init__(self, server: SecuredServer | ServerGroup) -> None:
        super().__init__(server)
        self._placed = server

    def open(self, namespace: str) -> AbstractAsyncContextManager[TaskStore]:
        """A store that comes in its own way."""
        return self.open_at(namespace, self._placed.named_url, PATIENCE)

    def environment(self, namespace: str) -> Mapping[str, str]:
        """Redis mode, by the settings for that way."""
        where = {"TASK_KEY_PREFIX": namespace, "TASK_PARTITIONS": str(self.partitions), **self._placed.variables}
        return {"USE_REDIS_FOR_TASKS": "true", **where}


class SentinelHarness(SecuredHarness):
    """The Redis store on the master that a Sentinel names."""

    capabilities = RedisHarness.capabilities | {Capability.FAILOVER}
    _monitor: Monitor | None = None

    def inspector(self, namespace: str) -> RedisNamespace:
        """Look at the keys; the requests are not the store's alone."""
        base = f"{{{namespace}:0}}"
        return MonitoredNamespace(self._client(), base, f"{base}:task:", f"{base}:deadlines", monitor=self._monitored)

    def discard(self, namespace: str) -> None:
        """Remove the prefix, and count requests no further."""
        super().discard(namespace)
        if self._monitor is not None:
            self._monitor.close()
            self._monitor = None

    def _monitored(self) -> Monitor:
        self._monitor = self._monitor or Monitor(self.url())
        return self._monitor

    @contextmanager
    def cause_failure(self, failure_kind: FailureKind) -> Iterator[None]:
        """As on one server, but for a master that is read-only: made a replica, it would be replaced."""
        if failure_kind is not FailureKind.READ_ONLY:
            with super().cause_failure(failure_kind):
                yield
            return
        client: Any = self._client()
        (before,) = client.config_get("min-replicas-to-write").values()
        client.config_set("min-replicas-to-write", 9)
        try:
            yield
        finally:
            client.config_set("min-replicas-to-write", before)


class ClusterHarness(SentinelHarness):
    """The Redis store on a Redis Cluster."""

    capabilities = frozenset(Capability)

    def __init__(self, servers: ClusterServers) -> None:
        super().__init__(servers)
        self._cluster = servers

    def _prefix(self, namespace: str) -> str:
        """A key prefix whose slots are none of the two that the first node does not have."""
        while not {*LONE_SLOTS}.isdisjoint(self._slots(namespace)):
            namespace += "~"
        return namespace

    def _slots(self, prefix: str) -> list[int]:
        return [key_slot(base.encode()) for base in bases(prefix, self.partitions)]

    def open_at(self, namespace: str, url: str, seconds: float) -> AbstractAsyncContextManager[TaskStore]:
        """A store under that prefix."""
        return super().open_at(self._prefix(namespace), url, seconds)

    def environment(self, namespace: str) -> Mapping[str, str]:
        """Redis mode with that prefix, by the nodes of the cluster."""
        return super().environment(self._prefix(namespace))

    def inspector(self, namespace: str) -> RedisNamespace:
        """Look at that prefix."""
        return super().inspector(self._prefix(namespace))

    def administer(self, *command: str) -> Any:
        """Through the suite's own client; each node has users of its own."""
        if command[0] == "ACL":
            return self._cluster.call_each(*command)
        return super().administer(*command)

    def spare_database(self) -> int:
        """A cluster has one."""
        return 0

    def nodes(self) -> Sequence[str]:
        """All of them."""
        return self._cluster.nodes

    @contextmanager
    def slot_moved(self, namespace: str) -> Iterator[None]:
        """Let the second node have it."""
        with ExitStack() as moved:
            for slot in self._slots(self._prefix(namespace)):
                moved.enter_context(self._cluster.slot_moved(slot))
            yield


class PartitionedClusterHarness(ClusterHarness):
    """The Redis store in three partitions on a Redis Cluster."""

    partitions = 3

    def inspector(self, namespace: str) -> RedisNamespace:
        """Look at the keys of all partitions."""
        parts = bases(self._prefix(namespace), self.partitions)
        return PartitionedNamespace(self._client(), parts, self._monitored)


class NamedRedisHarness(RedisHarness):
    """The Redis store on somebody's server: in a prefix of its own, and nothing else of that server is touched."""

    def __init__(self, url: str) -> None:
        super().__init__(NamedServer(url))

    def administer(self, *command: str) -> Any:
        """It is not ours to command."""
        raise HookMissingError("administer")

    def spare_database(self) -> int:
        """None of them is ours."""
        raise HookMissingError("spare_database")

    @contextmanager
    def cause_failure(self, failure_kind: FailureKind) -> Iterator[None]:
        """It stays as it is."""
        raise HookMissingError("cause_failure")
        yield

    def inspector(self, namespace: str) -> RedisNamespace:
        """Look at the prefix; how many requests the server sees is not up to us alone."""
        base = f"{{{namespace}:0}}"
        return SharedRedisNamespace(self._client(), base, f"{base}:task:", f"{base}:deadlines")


def embedded() -> RedisHarness:
    """Return Redis mode on a private server."""
    return RedisHarness(EmbeddedServer())


def partitioned() -> PartitionedHarness:
    """Return Redis mode in three partitions on a private server."""
    return PartitionedHarness(EmbeddedServer())


def sentinel() -> SentinelHarness:
    """Return Redis mode on a master, a replica and a Sentinel."""
    return SentinelHarness(SentinelServers())


def cluster() -> ClusterHarness:
    """Return Redis mode on a cluster of three masters and a replica."""
    return ClusterHarness(ClusterServers())


def partitioned_cluster() -> PartitionedClusterHarness:
    """Return Redis mode in three partitions on a cluster of three masters and a replica."""
    return PartitionedClusterHarness(ClusterServers())


def tls() -> SecuredHarness:
    """Return Redis mode through TLS, with an authority of its own and a client certificate."""
    return SecuredHarness(TlsServer())


def acl() -> SecuredHarness:
    """Return Redis mode as the user with the least rights."""
    return SecuredHarness(AclServer())


def container() -> RedisHarness:
    """Return Redis mode on a server in a container."""
    return RedisHarness(ContainerServer())
