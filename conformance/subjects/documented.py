"""Both modes of the documented design as subjects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import cast

from conformance.harness import Capability, Harness, HookMissingError
from conformance.subjects import documented_design
from conformance.subjects.redis import RedisHarness
from conformance.subjects.redis_namespace import RedisNamespace
from conformance.subjects.servers import EmbeddedServer
from conformance.subjects.topologies import ClusterServers, SentinelServers
from taskstore import TaskStore


class DocumentedMemoryHarness(Harness):
    """The documented design's memory mode."""

    mode = "memory"
    opener = "conformance.subjects.documented_design:open_from_environment"

    def __init__(self) -> None:
        self._ahead: dict[str, timedelta] = {}

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[TaskStore]:
        """A service with a dictionary of its own."""

        def now() -> datetime:
            return datetime.now() + self._ahead.get(namespace, timedelta())  # noqa: DTZ005  naive and local, as described

        async with documented_design.open_documented(now=now) as service:
            yield cast(TaskStore, service)

    def advance(self, namespace: str, by: timedelta) -> None:
        """Move the clock that the namespace's services read."""
        self._ahead[namespace] = self._ahead.get(namespace, timedelta()) + by

    def discard(self, namespace: str) -> None:
        """Forget its clock."""
        self._ahead.pop(namespace, None)

    def environment(self, namespace: str) -> Mapping[str, str]:
        """Memory mode, by its name."""
        return {"USE_REDIS_FOR_TASKS": "false"}


class DocumentedRedisHarness(RedisHarness):
    """The documented design's Redis mode, on a server."""

    capabilities = RedisHarness.capabilities - {Capability.CALLER_IDS, Capability.CURSOR, Capability.MAINTENANCE}
    opener = "conformance.subjects.documented_design:open_from_environment"
    prefix = "{namespace}:"
    record = "{namespace}:task:"
    deadlines = ""

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[TaskStore]:
        """A service whose keys begin with the namespace, so that cases do not meet."""
        async with documented_design.open_documented(self._server.url, f"{namespace}:task:") as service:
            yield cast(TaskStore, service)

    @asynccontextmanager
    async def open_at(self, namespace: str, url: str, seconds: float) -> AsyncIterator[TaskStore]:
        """A service on another server."""
        query = "&" if "?" in url else "?"
        async with documented_design.open_documented(
            f"{url}{query}socket_timeout={seconds}", f"{namespace}:task:"
        ) as service:
            yield cast(TaskStore, service)

    def discard(self, namespace: str) -> None:
        """Remove the namespace's keys, and those that the application's own opening made."""
        super().discard(namespace)
        RedisNamespace(self._client(), "task:", "task:").discard()

    async def ping(self, store: TaskStore) -> None:
        """PING through the service's own client."""
        await cast(documented_design.TaskService, store).redis.redis.ping()  # type: ignore[union-attr]  # opened in Redis mode


class DocumentedSentinelHarness(DocumentedRedisHarness):
    """The documented design's Redis mode on a master that a Sentinel watches: its settings can only name the master."""

    capabilities = DocumentedRedisHarness.capabilities | {Capability.FAILOVER}


class DocumentedClusterHarness(DocumentedRedisHarness):
    """The documented design's Redis mode on a Redis Cluster."""

    capabilities = DocumentedRedisHarness.capabilities | {Capability.FAILOVER, Capability.CLUSTER}

    def __init__(self, servers: ClusterServers) -> None:
        super().__init__(servers)
        self._cluster = servers

    def advance(self, namespace: str, by: timedelta) -> None:
        """Not done: no script reaches keys of several slots."""
        raise HookMissingError("advance")

    def nodes(self) -> Sequence[str]:
        """All of them."""
        return self._cluster.nodes


def documented_redis() -> DocumentedRedisHarness:
    """Return Redis mode of the documented design on a private server."""
    return DocumentedRedisHarness(EmbeddedServer())


def documented_sentinel() -> DocumentedSentinelHarness:
    """Return Redis mode of the documented design on a master, a replica and a Sentinel."""
    return DocumentedSentinelHarness(SentinelServers())


def documented_cluster() -> DocumentedClusterHarness:
    """Return Redis mode of the documented design on a cluster of three masters and a replica."""
    return DocumentedClusterHarness(ClusterServers())
