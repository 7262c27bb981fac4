"""Both modes of the documented design as subjects."""

# ruff: noqa: D102  `Harness` says what each hook does

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any

from conformance.harness import Capability, Harness
from conformance.subjects.documented_design import TaskService, open_documented
from conformance.subjects.memory import MemoryHarness
from conformance.subjects.redis import RedisHarness, variables_of
from conformance.subjects.redis_namespace import RedisNamespace
from conformance.subjects.topologies import ClusterServers, SentinelServers

_OPENER = "conformance.subjects.documented_design:open_from_environment"


class DocumentedMemoryHarness(MemoryHarness):
    """The documented design's memory mode."""

    capabilities = frozenset()
    opener = _OPENER

    def open(self, namespace: str) -> AbstractAsyncContextManager[TaskService]:
        clock = self._clock(namespace)
        return open_documented(now=lambda: datetime.fromtimestamp(clock() / 1e9))  # noqa: DTZ006  naive, as described


class DocumentedRedisHarness(RedisHarness):
    """The documented design's Redis mode, on a server."""

    capabilities = RedisHarness.capabilities - {Capability.CALLER_IDS, Capability.CURSOR, Capability.MAINTENANCE}
    opener = _OPENER

    def environment(self, namespace: str) -> Mapping[str, str]:
        """The variables that the document names."""
        where = variables_of(self._server.url)
        named = {name: where[name] for name in ("REDIS_HOST", "REDIS_PORT", "REDIS_DB")}
        return {"USE_REDIS_FOR_TASKS": "true", **named}

    def inspector(self, namespace: str) -> RedisNamespace:
        return RedisNamespace(self._client(), f"{namespace}:", f"{namespace}:task:")

    def open(self, namespace: str) -> AbstractAsyncContextManager[TaskService]:
        return open_documented(self._server.url, f"{namespace}:task:")

    def open_at(self, namespace: str, url: str, seconds: float) -> AbstractAsyncContextManager[TaskService]:
        query = "&" if "?" in url else "?"
        return open_documented(f"{url}{query}socket_timeout={seconds}", f"{namespace}:task:")

    def discard(self, namespace: str) -> None:
        """Remove the namespace's keys, and those that the application's own opening made."""
        super().discard(namespace)
        RedisNamespace(self._client(), "task:", "task:").discard()

    async def ping(self, store: Any) -> None:
        await store.redis.ping()


class DocumentedSentinelHarness(DocumentedRedisHarness):
    """The documented design's Redis mode on a master that a Sentinel watches: its settings can only name the master."""

    server_class = SentinelServers
    capabilities = DocumentedRedisHarness.capabilities | {Capability.FAILOVER}


class DocumentedClusterHarness(DocumentedRedisHarness):
    """The documented design's Redis mode on a Redis Cluster."""

    server_class = ClusterServers
    capabilities = DocumentedRedisHarness.capabilities | {Capability.FAILOVER, Capability.CLUSTER}
    advance = Harness.advance  # no script reaches keys of several slots
    _server: ClusterServers

    def nodes(self) -> Sequence[str]:
        return self._server.nodes
