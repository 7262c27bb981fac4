"""Both modes of the documented design as subjects."""

# ruff: noqa: D102  `Harness` says what each hook does

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import cast

from conformance.harness import Capability, HookMissingError
from conformance.subjects import documented_design
from conformance.subjects.memory import MemoryHarness
from conformance.subjects.redis import RedisHarness, variables_of
from conformance.subjects.redis_namespace import RedisNamespace
from conformance.subjects.topologies import ClusterServers, SentinelServers
from taskstore import TaskStore


class DocumentedMemoryHarness(MemoryHarness):
    """The documented design's memory mode."""

    capabilities = frozenset()
    opener = "conformance.subjects.documented_design:open_from_environment"

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[TaskStore]:
        clock = self._clock(namespace)

        def now() -> datetime:
            return datetime.fromtimestamp(clock() / 1e9)  # noqa: DTZ006  naive and local, as described

        async with documented_design.open_documented(now=now) as service:
            yield cast(TaskStore, service)


class DocumentedRedisHarness(RedisHarness):
    """The documented design's Redis mode, on a server."""

    capabilities = RedisHarness.capabilities - {Capability.CALLER_IDS, Capability.CURSOR, Capability.MAINTENANCE}
    opener = "conformance.subjects.documented_design:open_from_environment"

    def environment(self, namespace: str) -> Mapping[str, str]:
        """The variables that the document names."""
        named = ("REDIS_HOST", "REDIS_PORT", "REDIS_DB")
        where = {name: value for name, value in variables_of(self._server.url).items() if name in named}
        return {"USE_REDIS_FOR_TASKS": "true", **where}

    def inspector(self, namespace: str) -> RedisNamespace:
        return RedisNamespace(self._client(), f"{namespace}:", f"{namespace}:task:")

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[TaskStore]:
        async with documented_design.open_documented(self._server.url, f"{namespace}:task:") as service:
            yield cast(TaskStore, service)

    @asynccontextmanager
    async def open_at(self, namespace: str, url: str, seconds: float) -> AsyncIterator[TaskStore]:
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
        await cast(documented_design.TaskService, store).redis.redis.ping()  # type: ignore[union-attr]  # opened in Redis mode


class DocumentedSentinelHarness(DocumentedRedisHarness):
    """The documented design's Redis mode on a master that a Sentinel watches: its settings can only name the master."""

    server_class = SentinelServers
    capabilities = DocumentedRedisHarness.capabilities | {Capability.FAILOVER}


class DocumentedClusterHarness(DocumentedRedisHarness):
    """The documented design's Redis mode on a Redis Cluster."""

    server_class = ClusterServers
    capabilities = DocumentedRedisHarness.capabilities | {Capability.FAILOVER, Capability.CLUSTER}
    _server: ClusterServers

    def advance(self, namespace: str, by: timedelta) -> None:
        raise HookMissingError("advance")  # no script reaches keys of several slots

    def nodes(self) -> Sequence[str]:
        return self._server.nodes
