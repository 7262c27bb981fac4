"""Redis mode on fakeredis as a backend. It needs the extra `conformance-redis`."""

# ruff: noqa: D102  `Harness` and `Connection` say what each method does

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from importlib.metadata import version
from typing import Any

import fakeredis
import redis
from fakeredis.aioredis import FakeAsyncRedisConnection
from redis.exceptions import NoScriptError, ResponseError

from conformance.backends.redis import RedisHarness
from conformance.harness import Capability, Harness
from taskstore import TaskStore
from taskstore.redis import RedisTaskStore, connect
from taskstore.redis.connection import Connection
from taskstore.redis.topology import Opener


class FakeredisHarness(RedisHarness):
    """The Redis store on fakeredis: one more backend, never the oracle, never timed. No server, so none that fails."""

    mode = opener = ""
    capabilities = RedisHarness.capabilities - {Capability.REMOTE}
    url, open_at = Harness.url, Harness.open_at

    def __init__(self) -> None:
        self._fake = fakeredis.FakeServer(server_type="redis", version=(7, 4))
        self._latest: redis.Redis = fakeredis.FakeStrictRedis(server=self._fake)

    @contextmanager
    def running(self) -> Iterator[None]:
        with self._latest:
            yield

    def facts(self) -> Mapping[str, str]:
        return {"server": f"fakeredis {version('fakeredis')}", "transport": "none, in this process"}

    def open(self, namespace: str) -> AbstractAsyncContextManager[TaskStore]:
        server = connect("redis://fakeredis")
        server.opener = FakeOpener(self._fake)
        return RedisTaskStore(server, prefix=namespace)

    def _client(self) -> redis.Redis:
        return self._latest


class FakeOpener(Opener):
    """Opens connections of fakeredis."""

    def __init__(self, fake: fakeredis.FakeServer) -> None:
        self._fake = fake
        self._opened: Connection | None = None
        self.seconds = 5.0

    def usable(self, *_: object) -> Connection | None:
        return self._opened

    async def open(self, *_: object) -> Connection:
        if self._opened is None:
            self._opened = FakeConnection(FakeAsyncRedisConnection(server=self._fake, protocol=2))
        return self._opened

    def close(self) -> None:
        pass


class FakeConnection(Connection):
    """A connection of fakeredis, which has no socket."""

    is_usable = True

    def __init__(self, connection: FakeAsyncRedisConnection) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()

    def send(self, request: bytes, limit: float) -> asyncio.Future[Any]:
        return asyncio.ensure_future(self._exchange(request))

    async def _exchange(self, request: bytes) -> Any:
        async with self._turn:
            await self._connection.send_packed_command(request)
            try:
                return await self._connection.read_response()
            except NoScriptError as error:  # redis-py takes the word off
                raise ResponseError(f"NOSCRIPT {error}") from None

    def retire(self) -> None:
        pass
