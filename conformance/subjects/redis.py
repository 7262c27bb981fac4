"""Redis mode as a subject, on a private server, in a container, or on a server that is named by its URL."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.exceptions import ResponseError

from conformance.harness import Capability, Harness, HookMissingError
from conformance.subjects.redis_namespace import RedisNamespace, SharedRedisNamespace
from conformance.subjects.servers import ContainerServer, EmbeddedServer, NamedServer, RedisServer
from taskstore import FailureKind, TaskStore
from taskstore.redis import RedisTaskStore, connect


class RedisHarness(Harness):
    """The Redis store on a server."""

    mode = "redis"
    opener = "taskstore:open_store"
    capabilities = frozenset(Capability)

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self._client_url = ""

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep the server, and clients of the suite's own."""
        with self._server, ExitStack() as self._clients:
            yield

    def facts(self) -> Mapping[str, str]:
        """Those of the server."""
        return self._server.facts()

    def open(self, namespace: str) -> AbstractAsyncContextManager[TaskStore]:
        """A store under a prefix of its own."""
        return RedisTaskStore(connect(self._server.url), prefix=namespace)

    def discard(self, namespace: str) -> None:
        """Remove the prefix."""
        self.inspector(namespace).discard()

    def advance(self, namespace: str, by: timedelta) -> None:
        """Make the tasks older."""
        self.inspector(namespace).advance(by)

    def inspector(self, namespace: str) -> RedisNamespace:
        """Look at the prefix with another client."""
        base = f"{{{namespace}:0}}"
        return RedisNamespace(self._client(), base, f"{base}:task:", f"{base}:deadlines")

    def restart_server(self) -> None:
        """Save, stop, start."""
        self._server.restart()

    def open_at(self, namespace: str, url: str, seconds: float) -> AbstractAsyncContextManager[TaskStore]:
        """A store under the same prefix on another server."""
        return RedisTaskStore(connect(url, connect_timeout=seconds, timeout=seconds), prefix=namespace)

    def url(self) -> str:
        """That of the server."""
        return self._server.url

    def administer(self, *command: str) -> Any:
        """Through the suite's own client."""
        client: Any = self._client()
        return client.execute_command(*command)

    def kill_server(self) -> None:
        """SIGKILL, and start."""
        self._server.kill()

    def spare_database(self) -> int:
        """Any but the first."""
        return 1

    @contextmanager
    def cause_failure(self, failure_kind: FailureKind) -> Iterator[None]:
        """Reconfigure the server, and set it right again."""
        client: Any = self._client()
        if failure_kind is FailureKind.OUT_OF_MEMORY:
            client.config_set("maxmemory", 1)
            try:
                yield
            finally:
                client.config_set("maxmemory", 0)
        elif failure_kind is FailureKind.READ_ONLY:
            client.replicaof("127.0.0.1", 1)  # nothing listens there: the server stays a replica with its own data
            try:
                yield
            finally:
                client.replicaof("NO", "ONE")
        elif failure_kind is FailureKind.LOADING:
            with self._server.loading():
                yield
        elif failure_kind is FailureKind.BUSY:
            with self._endless_script():
                yield
        else:
            raise HookMissingError(f"cause_failure({failure_kind})")

    @contextmanager
    def _endless_script(self) -> Iterator[None]:
        client: Any = self._client()
        (limit,) = client.config_get("lua-time-limit").values()
        client.config_set("lua-time-limit", 1)
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(client.eval, "while true do end", 0)
            try:
                while _refused(client.ping) is None and not running.done():
                    time.sleep(0.001)
                yield
            finally:
                _refused(client.script_kill)
                _refused(running.result)
                client.config_set("lua-time-limit", limit)

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

    def _client(self) -> redis.Redis:
        if self._client_url != self._server.url:  # a restarted container may be published on another port
            self._client_url = self._server.url
            self._latest: redis.Redis = self._clients.enter_context(redis.Redis.from_url(self._client_url))
        return self._latest


def _refused(call: Callable[[], Any]) -> ResponseError | None:
    try:
        call()
    except ResponseError as refused:
        return refused
    return None


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
