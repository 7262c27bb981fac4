"""Redis mode as a subject, on a private server, in a container, or on a server that is named by its URL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any
from urllib.parse import urlsplit

from conformance.harness import Capability, HookMissingError
from conformance.subjects.redis_namespace import RedisNamespace, SharedRedisNamespace
from conformance.subjects.server_harness import RedisServerHarness
from conformance.subjects.servers import ContainerServer, EmbeddedServer, NamedServer
from taskstore import FailureKind, TaskStore
from taskstore.redis import RedisTaskStore, connect


class RedisHarness(RedisServerHarness):
    """The Redis store on a server."""

    mode = "redis"
    opener = "taskstore:open_store"
    capabilities = frozenset(Capability)
    namespaces_at_once = 4
    prefix = "{{{namespace}:0}}"
    record = "{{{namespace}:0}}:task:"
    deadlines = "{{{namespace}:0}}:deadlines"

    def open_at(self, namespace: str, url: str, seconds: float) -> AbstractAsyncContextManager[TaskStore]:
        """A store under the same prefix on another server."""
        return RedisTaskStore(connect(url, connect_timeout=seconds, timeout=seconds), prefix=namespace)

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
        }
        return {name: value for name, value in given.items() if value}

    async def ping(self, store: TaskStore) -> None:
        """PING through the store's own connection."""
        await store.ping()  # type: ignore[attr-defined]  # `open` made it a RedisTaskStore


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


def container() -> RedisHarness:
    """Return Redis mode on a server in a container."""
    return RedisHarness(ContainerServer())
