"""The subjects that the suite knows by name, and how a name is resolved. Modes and insides are known here only."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    ExitStack,
    asynccontextmanager,
    contextmanager,
)
from datetime import timedelta
from importlib import import_module
from importlib.metadata import version
from typing import Any, cast
from urllib.parse import urlsplit

import fakeredis
import redis
from fakeredis.aioredis import FakeAsyncRedisConnection
from redis.exceptions import NoScriptError, ResponseError

from conformance import described
from conformance.harness import Capability, Harness, HookMissingError, Witness
from conformance.redis_world import RedisWorld, SharedRedisWorld
from conformance.servers import ContainerServer, EmbeddedServer, NamedServer, RedisServer, engine_answers
from taskstore import MemoryTaskStore, TaskStore, Trouble
from taskstore.redis import RedisTaskStore
from taskstore.redis.server import Server, connect

REQUIRE_CONTAINER = "CONFORMANCE_REQUIRE_CONTAINER"
"""Set to 1, this variable makes the absence of a Docker engine a failure instead of one subject less."""


class MemoryHarness(Harness):
    """The memory store, on a clock that `advance` moves."""

    capabilities = frozenset({Capability.CURSOR})
    mode = "memory"
    opener = "taskstore:open_store"

    def __init__(self) -> None:
        self._ahead: dict[str, int] = {}
        self._frozen: dict[str, FrozenClock] = {}

    def open(self, world: str) -> AbstractAsyncContextManager[TaskStore]:
        """A store of its own each time: memory is not shared."""
        return MemoryTaskStore(clock=self._clock(world))

    def advance(self, world: str, by: timedelta) -> None:
        """Move the clock of the world's stores."""
        if world in self._frozen:
            self._frozen[world].restart()
        self._ahead[world] = self._ahead.get(world, 0) + by // timedelta(microseconds=1) * 1_000

    def discard(self, world: str) -> None:
        """Forget its clock."""
        self._ahead.pop(world, None)
        self._frozen.pop(world, None)

    def freeze(self, world: str) -> None:
        """Stop the world's clock: from now on `advance` moves it, by whole milliseconds."""
        self._frozen[world] = FrozenClock()

    def environment(self, world: str) -> Mapping[str, str]:
        """Memory mode, by its name."""
        return {"USE_REDIS_FOR_TASKS": "false"}

    def _clock(self, world: str) -> Callable[[], int]:
        return lambda: self._frozen.get(world, time.time_ns)() + self._ahead.get(world, 0)


class FrozenClock:
    """Stands still at the start of a millisecond, but for a microsecond that each reading takes: no two are equal."""

    def __init__(self) -> None:
        self._start = time.time_ns() // 1_000_000 * 1_000_000
        self.restart()

    def restart(self) -> None:
        """Go back to the start of the millisecond; whoever moves the clock has left that one behind."""
        self._readings = iter(range(self._start, self._start + 1_000_000, 1_000))

    def __call__(self) -> int:
        """Nanoseconds since 1970.

        Raises:
            RuntimeError: when a thousand readings have used the millisecond up.
        """
        for reading in self._readings:
            return reading
        raise RuntimeError("the clock stands still, and was read more than a thousand times")


class ExpiringMemoryHarness(MemoryHarness):
    """The memory store with a lifetime, which no setting gives it."""

    mode = ""
    capabilities = frozenset({Capability.EXPIRING, Capability.CURSOR})

    def __init__(self) -> None:
        super().__init__()
        self._latest: dict[str, MemoryTaskStore] = {}

    def open(self, world: str) -> AbstractAsyncContextManager[TaskStore]:
        """A store whose tasks live for seven days."""
        store = self._latest[world] = MemoryTaskStore(lifetime=timedelta(days=7), clock=self._clock(world))
        return store

    def discard(self, world: str) -> None:
        """Forget the store."""
        super().discard(world)
        self._latest.pop(world, None)

    def witness(self, world: str) -> Witness:
        """Look into the store that was opened last."""
        return MemoryWorld(self._latest[world], self._clock(world))


class MemoryWorld(Witness):
    """The inside of a memory store that expires."""

    def __init__(self, store: MemoryTaskStore, clock: Callable[[], int]) -> None:
        self._store: Any = store  # only subjects know an inside
        self._clock = clock

    def keys(self) -> set[str]:
        """Every id that stands anywhere in it."""
        inside = self._store
        indexes = [inside._created, inside._deadlines, inside._finished, *inside._created_by_status.values()]  # noqa: SLF001
        entries = (task_id for index in indexes for _, task_id in index)
        return {*inside._tasks, *inside._deadline_of, *entries}  # noqa: SLF001

    def lifetime_ms(self, task_id: str) -> int:
        """Milliseconds that a task still has."""
        left: int = self._store._deadline_of[task_id] - self._clock() // 1_000_000  # noqa: SLF001
        return left


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

    def open(self, world: str) -> AbstractAsyncContextManager[TaskStore]:
        """A store under a prefix of its own."""
        return RedisTaskStore(connect(self._server.url), prefix=world)

    def discard(self, world: str) -> None:
        """Remove the prefix."""
        self.witness(world).discard()

    def advance(self, world: str, by: timedelta) -> None:
        """Make the tasks older."""
        self.witness(world).advance(by)

    def witness(self, world: str) -> RedisWorld:
        """Look at the prefix with another client."""
        base = f"{{{world}:0}}"
        return RedisWorld(self._client(), base, f"{base}:task:", f"{base}:deadlines")

    def restart_server(self) -> None:
        """Save, stop, start."""
        self._server.restart()

    def open_at(self, world: str, url: str, seconds: float) -> AbstractAsyncContextManager[TaskStore]:
        """A store under the same prefix on another server."""
        return RedisTaskStore(connect(url, connect_timeout=seconds, timeout=seconds), prefix=world)

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
    def make_trouble(self, trouble: Trouble) -> Iterator[None]:
        """Reconfigure the server, and set it right again."""
        client: Any = self._client()
        if trouble is Trouble.OUT_OF_MEMORY:
            client.config_set("maxmemory", 1)
            try:
                yield
            finally:
                client.config_set("maxmemory", 0)
        elif trouble is Trouble.READ_ONLY:
            client.replicaof("127.0.0.1", 1)  # nothing listens there: the server stays a replica with its own data
            try:
                yield
            finally:
                client.replicaof("NO", "ONE")
        elif trouble is Trouble.LOADING:
            with self._server.loading():
                yield
        else:
            raise HookMissingError(f"make_trouble({trouble})")

    def environment(self, world: str) -> Mapping[str, str]:
        """Redis mode, by host, port and database."""
        parts = urlsplit(self._server.url)
        given = {
            "USE_REDIS_FOR_TASKS": "true",
            "REDIS_HOST": parts.hostname,
            "REDIS_PORT": str(parts.port or 6379),
            "REDIS_DB": parts.path.strip("/") or "0",
            "REDIS_USERNAME": parts.username,
            "REDIS_PASSWORD": parts.password,
            "TASK_KEY_PREFIX": world,
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
    def make_trouble(self, trouble: Trouble) -> Iterator[None]:
        """It stays as it is."""
        raise HookMissingError("make_trouble")
        yield

    def witness(self, world: str) -> RedisWorld:
        """Look at the prefix; how many requests the server sees is not up to us alone."""
        base = f"{{{world}:0}}"
        return SharedRedisWorld(self._client(), base, f"{base}:task:", f"{base}:deadlines")


class FakeredisHarness(RedisHarness):
    """The Redis store on fakeredis: one more subject, never the oracle, never timed. No server, so none that fails."""

    mode = ""
    capabilities = frozenset(Capability) - {Capability.REMOTE}

    def __init__(self) -> None:
        self._fake = fakeredis.FakeServer(server_type="redis", version=(7, 4))
        self._latest: redis.Redis = fakeredis.FakeStrictRedis(server=self._fake)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Nothing runs."""
        with self._latest:
            yield

    def facts(self) -> Mapping[str, str]:
        """Which simulation it is."""
        return {"server": f"fakeredis {version('fakeredis')}", "transport": "none, in this process"}

    def open(self, world: str) -> AbstractAsyncContextManager[TaskStore]:
        """A store on a fake connection."""

        async def open_connection() -> Any:
            return FakeConnection(FakeAsyncRedisConnection(server=self._fake, protocol=2))

        return RedisTaskStore(Server(open_connection, "fakeredis"), prefix=world)

    def _client(self) -> redis.Redis:
        return self._latest


class FakeConnection:
    """What `taskstore.redis.connection.Connection` is over a socket, over a connection of fakeredis, which has none."""

    is_usable = True
    is_closed = False

    def __init__(self, connection: FakeAsyncRedisConnection) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()

    def send(self, request: bytes) -> asyncio.Future[Any]:
        """Send it when its turn comes."""
        return asyncio.ensure_future(self._exchange(request))

    async def _exchange(self, request: bytes) -> Any:
        async with self._turn:
            await self._connection.send_packed_command(request)
            try:
                return await self._connection.read_response()
            except NoScriptError as error:  # redis-py takes the word off
                raise ResponseError(f"NOSCRIPT {error}") from None

    def retire(self) -> None:
        """It never leaves anybody waiting."""

    def close(self) -> None:
        """There is nothing to close."""


class DescribedMemoryHarness(Harness):
    """The described design's memory mode."""

    mode = "memory"
    opener = "conformance.described:open_from_environment"

    def __init__(self) -> None:
        self._opened: dict[str, list[described.TaskService]] = {}

    @asynccontextmanager
    async def open(self, world: str) -> AsyncIterator[TaskStore]:
        """A service with a dictionary of its own."""
        async with described.open_described() as service:
            self._opened.setdefault(world, []).append(service)
            yield cast(TaskStore, service)

    def advance(self, world: str, by: timedelta) -> None:
        """Make the tasks older: it has no clock to move."""
        for service in self._opened.get(world, []):
            for task in service.memory_storage.values():
                task.created_at -= by
                task.updated_at -= by

    def discard(self, world: str) -> None:
        """Let go of the services."""
        self._opened.pop(world, None)

    def environment(self, world: str) -> Mapping[str, str]:
        """Memory mode, by its name."""
        return {"USE_REDIS_FOR_TASKS": "false"}


class DescribedRedisHarness(RedisHarness):
    """The described design's Redis mode, on a server."""

    capabilities = frozenset(Capability) - {Capability.CURSOR}
    opener = "conformance.described:open_from_environment"

    @asynccontextmanager
    async def open(self, world: str) -> AsyncIterator[TaskStore]:
        """A service whose keys begin with the world, so that cases do not meet."""
        async with described.open_described(self._server.url, f"{world}:task:") as service:
            yield cast(TaskStore, service)

    @asynccontextmanager
    async def open_at(self, world: str, url: str, seconds: float) -> AsyncIterator[TaskStore]:
        """A service on another server."""
        query = "&" if "?" in url else "?"
        async with described.open_described(f"{url}{query}socket_timeout={seconds}", f"{world}:task:") as service:
            yield cast(TaskStore, service)

    def discard(self, world: str) -> None:
        """Remove the world's keys, and those that the application's own opening made."""
        super().discard(world)
        RedisWorld(self._client(), "task:", "task:").discard()

    def witness(self, world: str) -> RedisWorld:
        """Look at the keys with another client."""
        return RedisWorld(self._client(), f"{world}:", f"{world}:task:")

    async def ping(self, store: TaskStore) -> None:
        """PING through the service's own client."""
        await cast(described.TaskService, store).redis.redis.ping()  # type: ignore[union-attr]  # opened in Redis mode


SUBJECTS: Mapping[str, Callable[[], Harness]] = {
    "memory": MemoryHarness,
    "memory-expiring": ExpiringMemoryHarness,
    "fakeredis": FakeredisHarness,
    "embedded": lambda: RedisHarness(EmbeddedServer()),
    "container": lambda: RedisHarness(ContainerServer()),
    "described-memory": DescribedMemoryHarness,
    "described-redis": lambda: DescribedRedisHarness(EmbeddedServer()),
}


def subjects_of_this_machine() -> list[str]:
    """Every named subject that can run here: `container` where a Docker engine answers, or has to."""
    engine = engine_answers() or os.environ.get(REQUIRE_CONTAINER) == "1"
    return [name for name in SUBJECTS if engine or name != "container"]


def shown_name(name: str) -> str:
    """A subject's name, fit to be shown: a URL without its credentials."""
    scheme, slashes, rest = name.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if slashes else name


class UnknownSubjectError(ValueError):
    """A name that stands for no subject."""


def find_subject(name: str) -> Callable[[], Harness]:
    """What makes the harness that a name stands for: one of `SUBJECTS`, a Redis URL, or `module:name`.

    Raises:
        UnknownSubjectError: naming what would have been right.
    """
    if name in SUBJECTS:
        return SUBJECTS[name]
    if name.startswith(("redis://", "rediss://")):
        return lambda: NamedRedisHarness(name)
    module_name, colon, attribute = name.partition(":")
    if not colon or not module_name or not attribute:
        raise UnknownSubjectError(
            f"unknown store {name!r}: it is none of {', '.join(SUBJECTS)}, no redis:// URL, and not of the form "
            "module:name (a Harness subclass, or a function that returns a Harness)"
        )
    return lambda: _load(module_name, attribute)


def _load(module_name: str, attribute: str) -> Harness:
    made: Any = getattr(import_module(module_name), attribute)
    harness = made() if callable(made) else made
    if not isinstance(harness, Harness):
        raise TypeError(f"{module_name}:{attribute} gives a {type(harness).__name__}, not a conformance.Harness")
    return harness
