"""Auto-Clip's own task service in both modes, as harnesses.

`Memory` and `Redis` are for the suite and the statements, `MemoryMode` and `RedisMode` for `conformance compare`, which
gets the service as it is, and `TimedMemory` and `TimedRedis` for measurements.
"""

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import redis
from autoclip_service import Adapter, TaskCreateRequest, TaskStatus, open_from_environment, serve
from hypothesis import strategies as st
from redis.asyncio import Redis as Client

from conformance import Capability, Harness
from conformance.backends.server_harness import RedisNamespace, RedisServerHarness
from conformance.backends.servers import EmbeddedServer
from conformance.backends.settings import variables_of
from conformance.compare import Operation, hostile
from conformance.tasks.operations import CONTRACT

DATABASES = 64


@asynccontextmanager
async def adapted(opened: AbstractAsyncContextManager[Any]) -> AsyncIterator[Adapter]:
    """Give the service under our names while it is open."""
    async with opened as service:
        yield Adapter(service)


class Memory(Harness):
    """Memory mode."""

    mode = "memory"
    opener = f"{open_from_environment.__module__}:{open_from_environment.__name__}"

    def open(self, namespace: str) -> AbstractAsyncContextManager[Any]:
        """Open the service under our names."""
        return adapted(serve(None))

    def environment(self, namespace: str) -> Mapping[str, str]:
        """Return the variable that the document names."""
        return {"USE_REDIS_FOR_TASKS": "false"}


class Redis(RedisServerHarness):
    """Redis mode. Each namespace is a database, since all keys begin with `task:`."""

    mode = "redis"
    opener = Memory.opener
    capabilities = frozenset({Capability.PERSISTENT, Capability.SHARED, Capability.EXPIRING, Capability.REMOTE})

    def __init__(self) -> None:
        super().__init__(EmbeddedServer("--databases", str(DATABASES)))
        self._databases: dict[str, int] = {}
        self._clients: dict[str, redis.Redis] = {}

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Close our own clients in the end."""
        with super().running():
            yield
            for client in self._clients.values():
                client.close()

    def open_at(self, namespace: str, url: str, seconds: float) -> AbstractAsyncContextManager[Any]:
        """Open the service under our names. The timeouts are ours: the application gives its client none."""
        return adapted(self._serve(namespace, url, seconds))

    def environment(self, namespace: str) -> Mapping[str, str]:
        """Return the variables that the document names."""
        return {"USE_REDIS_FOR_TASKS": "true", **variables_of(self._place(namespace, self._server.url))}

    def discard(self, namespace: str) -> None:
        """Empty the database, which another namespace may have next."""
        super().discard(namespace)
        self._databases.pop(namespace, None)

    def _serve(self, namespace: str, url: str, seconds: float) -> AbstractAsyncContextManager[Any]:
        timeouts = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
        return serve(Client.from_url(self._place(namespace, url), encoding="utf-8", decode_responses=True, **timeouts))

    def _place(self, namespace: str, url: str) -> str:
        """Return the URL of the namespace's database. The statements look for keys in the first."""
        taken = {self.spare_database(), *self._databases.values()}
        free = next(number for number in count() if number not in taken)
        return urlsplit(url)._replace(path=f"/{self._databases.setdefault(namespace, free)}").geturl()

    def _behind(self, namespace: str) -> RedisNamespace:
        url = self._place(namespace, self._server.url)
        client = self._clients.setdefault(url, redis.Redis.from_url(url))
        return RedisNamespace(client, "task:", "task:")

    async def ping(self, store: Any) -> None:
        """Make the shortest round trip of the service's client."""
        await store.redis._client.ping()


def requests(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[TaskCreateRequest]:
    """Draw requests of theirs, plain but for some fields."""
    return st.builds(TaskCreateRequest, **{"video_ids": st.just(["v"]), **fields})


REQUESTS = (
    requests(video_ids=st.lists(hostile.keys(), min_size=1, max_size=2))
    | requests(config=st.none() | st.fixed_dictionaries({"a": hostile.values()}))
    | requests(webhook_url=hostile.keys())
)
STATUSES = st.sampled_from([*TaskStatus, "pending", "done", "", None, 7])
OWN = {"request": REQUESTS, "status": STATUSES}
"""What is of their types; all other values are those that the documented design is given."""


def own(strategies: Mapping[str, st.SearchStrategy[Any]]) -> dict[str, st.SearchStrategy[Any]]:
    """Put values of their types in the place of ours, and leave out what theirs does not take."""
    taken = {name: strategy for name, strategy in strategies.items() if name != "error_traceback"}
    return {name: OWN.get(name, strategy) for name, strategy in taken.items()}


OPERATIONS = [
    replace(operation, arguments=own(operation.arguments), optional=own(operation.optional)) for operation in CONTRACT
]


class MemoryMode(Memory):
    """Memory mode as it is."""

    def open(self, namespace: str) -> AbstractAsyncContextManager[Any]:
        """Open the service."""
        return serve(None)

    def operations(self) -> list[Operation]:
        """Name its five operations."""
        return OPERATIONS


class RedisMode(Redis):
    """Redis mode as it is."""

    open_at = Redis._serve
    operations = MemoryMode.operations


@asynccontextmanager
async def timed(opened: AbstractAsyncContextManager[Any]) -> AsyncIterator[Any]:
    """Give the service as it is, but for their statuses and an object of its listing, whose fields are checked."""
    async with opened as service:
        list_tasks, update_task_status = service.list_tasks, service.update_task_status

        async def list_as_object(*arguments: Any) -> SimpleNamespace:
            return SimpleNamespace(**await list_tasks(*arguments))

        async def update(task_id: str, status: Any, *more: Any) -> Any:
            return await update_task_status(task_id, TaskStatus(status), *more)

        service.list_tasks, service.update_task_status = list_as_object, update
        yield service


class TimedMemory(Memory):
    """Memory mode, with nothing around it that takes time."""

    def open(self, namespace: str) -> AbstractAsyncContextManager[Any]:
        """Open the service."""
        return timed(serve(None))


class TimedRedis(Redis):
    """Redis mode, with nothing around it that takes time."""

    def open_at(self, namespace: str, url: str, seconds: float) -> AbstractAsyncContextManager[Any]:
        """Open the service."""
        return timed(self._serve(namespace, url, seconds))
