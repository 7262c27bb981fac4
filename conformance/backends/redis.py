"""Redis mode as a backend, on a private server, in a container, or on a server that is named by its URL."""

# ruff: noqa: D102  `Harness` and `Inspector` say what each hook does

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from conformance.backends.server_harness import RedisNamespace, RedisServerHarness
from conformance.backends.servers import ContainerServer, RedisServer
from conformance.backends.settings import variables_of
from conformance.harness import Capability, Harness, Inspector
from taskstore import TaskStore
from taskstore.redis import RedisTaskStore, connect
from taskstore.redis.partitions import partition_of


class TaskNamespace(RedisNamespace):
    """The keys of our own store, under a hash tag for each partition."""

    deadlines = ":deadlines"

    def __init__(self, client: Any, prefix: str, partitions: int) -> None:
        super().__init__(client, f"{{{prefix}:", "")
        self.bases = bases_of(prefix, partitions)

    def key(self, task_id: str) -> str:
        return f"{self.bases[partition_of(task_id, len(self.bases))]}:task:{task_id}"


class _SharedNamespace(TaskNamespace):
    requests = Inspector.requests  # others ask the server too


def bases_of(prefix: str, partitions: int) -> list[str]:
    """What the keys of each partition begin with."""
    return [f"{{{prefix}:{number}/{partitions}}}" for number in range(partitions)]


class RedisHarness(RedisServerHarness):
    """The Redis store on a server."""

    mode = "redis"
    opener = "taskstore:open_store"
    capabilities = frozenset(Capability) - {Capability.FAILOVER, Capability.CLUSTER}
    store_class: Callable[..., AbstractAsyncContextManager[Any]] = RedisTaskStore
    namespace_class = TaskNamespace

    def open_at(self, namespace: str, url: str, seconds: float) -> AbstractAsyncContextManager[Any]:
        server, prefix = connect(url, connect_timeout=seconds, timeout=seconds), self._prefix(namespace)
        return self.store_class(server, prefix=prefix, partitions=self.partitions)

    def environment(self, namespace: str) -> Mapping[str, str]:
        return {
            "USE_REDIS_FOR_TASKS": "true",
            "TASK_KEY_PREFIX": self._prefix(namespace),
            "TASK_PARTITIONS": str(self.partitions),
            **variables_of(self._server.store_url),
        }

    def _behind(self, namespace: str) -> RedisNamespace:
        return self.namespace_class(self._client(), self._prefix(namespace), self.partitions)

    def _prefix(self, namespace: str) -> str:
        return namespace

    async def ping(self, store: TaskStore) -> None:
        await store.parts[0].server.read("PING")  # type: ignore[attr-defined]  # `open` made it a RedisTaskStore


class ContainerHarness(RedisHarness):
    """The Redis store on a server in a container."""

    server_class = ContainerServer


class PartitionedHarness(RedisHarness):
    """The Redis store in three partitions on one server."""

    partitions = 3


class NamedRedisHarness(RedisHarness):
    """The Redis store on a server of the user's. It uses one key prefix and changes nothing else on that server."""

    administer = Harness.administer
    spare_database = Harness.spare_database
    cause_failure = Harness.cause_failure  # type: ignore[assignment]
    namespace_class = _SharedNamespace

    def __init__(self, url: str) -> None:
        super().__init__(RedisServer(url))
