"""Both modes of the documented design as backends."""

# ruff: noqa: D102  `Harness` says what each hook does

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime
from typing import Any

from conformance.backends.documented_design import TaskService, open_documented
from conformance.backends.memory import MemoryHarness
from conformance.backends.server_harness import RedisNamespace, RedisServerHarness
from conformance.backends.settings import variables_of
from conformance.harness import Capability


class DocumentedMemoryHarness(MemoryHarness):
    """The documented design's memory mode."""

    capabilities = frozenset()
    opener = "conformance.backends.documented_design:open_from_environment"

    def open(self, namespace: str) -> AbstractAsyncContextManager[TaskService]:
        clock = self._clock(namespace)
        service = TaskService(now=lambda: datetime.fromtimestamp(clock() / 1e9))  # noqa: DTZ006  naive, as described
        return nullcontext(service)


class DocumentedRedisHarness(RedisServerHarness):
    """The documented design's Redis mode, on a server."""

    mode = "redis"
    opener = DocumentedMemoryHarness.opener
    capabilities = RedisServerHarness.capabilities | {Capability.EXPIRING}
    record = "{namespace}:task:"

    def environment(self, namespace: str) -> Mapping[str, str]:
        """The variables that the document names."""
        return {"USE_REDIS_FOR_TASKS": "true", **variables_of(self._server.url)}

    def open_at(self, namespace: str, url: str, seconds: float) -> AbstractAsyncContextManager[TaskService]:
        return open_documented(url, f"{namespace}:task:", seconds)

    def discard(self, namespace: str) -> None:
        """Remove the namespace's keys, and those that the application's own opening made."""
        super().discard(namespace)
        RedisNamespace(self._client(), "task:", "task:").discard()

    async def ping(self, store: Any) -> None:
        await store.redis.redis.ping()
