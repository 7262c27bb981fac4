"""What every harness of a store in Redis has in common: a private server, and all the hooks that need one."""

# ruff: noqa: D102  `Harness` says what each hook does

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import timedelta
from typing import Any, ClassVar

import redis
from redis.exceptions import ResponseError

from conformance.harness import Harness, HookMissingError
from conformance.subjects.redis_namespace import RedisNamespace
from conformance.subjects.servers import EmbeddedServer, RedisServer
from conformance.subjects.topologies import ServerGroup
from taskstore import FailureKind

PATIENCE = 5.0
"""The timeouts in seconds of a store whose timeouts are not tested."""


class RedisServerHarness(Harness):
    """A store in Redis. Write `open_at`, and say what its keys begin with; the rest is here.

    It needs the extra `conformance-redis`. Without `server` it starts one of `server_class`: a private process.
    """

    server_class: ClassVar[type[RedisServer]] = EmbeddedServer
    prefix = "{namespace}:"
    """What every key of a namespace begins with."""
    record = "{namespace}:"
    """What stands before the id in the key of a task's record."""
    deadlines = ""
    """The key of a sorted set whose scores are the ends of lifetimes in milliseconds, if the store has one."""

    def __init__(self, server: RedisServer | None = None) -> None:
        self._server = self.server_class() if server is None else server
        self._clients: dict[str, redis.Redis] = {}

    @abstractmethod
    def open_at(self, namespace: str, url: str, seconds: float) -> AbstractAsyncContextManager[Any]:
        """Open a store on the server at a URL, as `Harness.open_at` says."""

    def open(self, namespace: str) -> AbstractAsyncContextManager[Any]:
        return self.open_at(namespace, self._server.url, PATIENCE)

    @contextmanager
    def running(self) -> Iterator[None]:
        with self._server, ExitStack() as self._open_clients:
            yield

    def facts(self) -> Mapping[str, str]:
        return self._server.facts()

    def discard(self, namespace: str) -> None:
        self.inspector(namespace).discard()

    def advance(self, namespace: str, by: timedelta) -> None:
        self.inspector(namespace).advance(by)

    def inspector(self, namespace: str) -> RedisNamespace:
        texts = self.prefix, self.record, self.deadlines
        return RedisNamespace(self._client(), *(text.format(namespace=namespace) for text in texts))

    def restart_server(self) -> None:
        self._server.restart()

    def url(self) -> str:
        return self._server.url

    def administer(self, *command: str) -> Any:
        client: Any = self._client()
        return client.execute_command(*command)

    def fail_over(self, *, kill: bool) -> None:
        if not isinstance(self._server, ServerGroup):
            raise HookMissingError("fail_over")
        self._server.fail_over(kill=kill)

    def spare_database(self) -> int:
        return 12  # two digits: a store that reads only one of them opens another database

    def cause_failure(self, failure_kind: FailureKind) -> AbstractContextManager[None]:
        if failure_kind is FailureKind.OUT_OF_MEMORY:
            return self._configured("maxmemory", 1)
        if failure_kind is FailureKind.READ_ONLY:
            return self._as_replica()
        if failure_kind is FailureKind.BUSY:
            return self._busy()
        raise HookMissingError(f"cause_failure({failure_kind})")

    @contextmanager
    def _configured(self, name: str, value: int) -> Iterator[None]:
        """Change a setting of the server, and set it back at the end of the block."""
        client: Any = self._client()
        (before,) = client.config_get(name).values()
        client.config_set(name, value)
        try:
            yield
        finally:
            client.config_set(name, before)

    @contextmanager
    def _as_replica(self) -> Iterator[None]:
        client: Any = self._client()
        client.replicaof("127.0.0.1", 1)  # nothing listens there: the server keeps its own data
        try:
            yield
        finally:
            client.replicaof("NO", "ONE")

    @contextmanager
    def _busy(self) -> Iterator[None]:
        client: Any = self._client()
        with self._configured("lua-time-limit", 1), ThreadPoolExecutor(1) as pool:
            running = pool.submit(client.eval, "while true do end", 0)
            try:
                with suppress(ResponseError):
                    while client.ping():
                        time.sleep(0.001)
                yield
            finally:
                client.script_kill()
                with suppress(ResponseError):
                    running.result()

    def _client(self) -> redis.Redis:
        url = self._server.url  # another one after a failover
        if url not in self._clients:
            self._clients[url] = self._open_clients.enter_context(redis.Redis.from_url(url))
        return self._clients[url]
