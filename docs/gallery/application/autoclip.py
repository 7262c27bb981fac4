"""The task service of Auto-Clip itself, in both modes, from the checkout that AUTO_CLIP names.

Nothing of it stands here. `Memory` and `Redis` are for the suite and for measurements; `MemoryMode` and `RedisMode`
give the service as it is, for `conformance compare`. README.md says what had to be done around it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import redis
from hypothesis import strategies as st
from pydantic import ValidationError
from redis.asyncio import Redis as Client

import taskstore
from conformance import Capability, Harness
from conformance.adapter import Adapter, Call
from conformance.compare import Operation, hostile
from conformance.operations.contract import CONTRACT
from conformance.subjects.redis import variables_of
from conformance.subjects.server_harness import RedisNamespace, RedisServerHarness
from conformance.subjects.servers import EmbeddedServer

CHECKOUT = Path(os.environ["AUTO_CLIP"]).absolute()
DATABASES = 64


def prepare() -> None:
    """Make the task service importable without the parts for videos, and let it log as the application does."""
    sys.path.insert(0, str(CHECKOUT))
    os.environ.setdefault("DASHSCOPE_API_KEY", "unused")  # its settings need one
    services = ModuleType("app.services")
    services.__path__ = [str(CHECKOUT / "app" / "services")]
    sys.modules["app.services"] = services  # its own __init__ imports all that has to do with videos
    sys.modules["app.workers"] = None  # no Celery: a task is submitted in vain, at once
    from app.utils.logger import setup_logging

    root = logging.getLogger()
    handlers = [*root.handlers]
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        setup_logging("CRITICAL")
    root.handlers[:] = handlers


with warnings.catch_warnings(action="ignore"):  # it uses names that pydantic has others for
    prepare()
    from app.config import Settings
    from app.core.exceptions import TaskNotFoundError
    from app.models.task import Task, TaskCreateRequest, TaskStatus
    from app.services import task_service
    from app.utils import redis_client


@asynccontextmanager
async def serve(client: Client | None) -> AsyncIterator[task_service.TaskService]:
    """Open the service: in Redis mode with a client of its own, since the application's belongs to one event loop."""
    task_service.settings.USE_REDIS_FOR_TASKS = client is not None
    service = task_service.TaskService()
    if client is None:
        yield service
        return
    service.redis = redis_client.RedisClient()
    service.redis._client = client
    async with client:
        yield service


@asynccontextmanager
async def open_from_environment() -> AsyncIterator[Any]:
    """Open the service as the application does at start, from the environment and `.env`."""
    settings = task_service.settings = redis_client.settings = Settings()
    service = task_service.TaskService()
    if not settings.USE_REDIS_FOR_TASKS:
        async with ADAPTER.adapt(service) as adapted:
            yield adapted
        return
    service.redis = redis_client.RedisClient()
    async with await service.redis.get_client(), ADAPTER.adapt(service) as adapted:
        yield adapted


async def create(service: Any, **given: Any) -> Task:
    """Create a task by a request of theirs."""
    try:
        request = TaskCreateRequest(**given)
    except ValidationError as error:
        fault = error.errors()[0]
        raise taskstore.InvalidArgument(str(fault["loc"][0]), fault["msg"]) from error
    return await service.create_task(request)


async def list_whole(service: Any, **given: Any) -> Any:
    """List, and read each task: a listing of theirs has five fields, as text."""
    page = await service.list_tasks(**given)
    tasks = [await service.get_task(row["task_id"]) for row in page["tasks"]]
    return page | {"tasks": tasks}


async def cancel(service: Any, task_id: str) -> Task:
    """Cancel, and read the task: theirs returns whether it did, and raises nothing for a task that is final."""
    answer = await service.cancel_task(task_id)
    task = await service.get_task(task_id)
    if not answer["success"]:
        raise taskstore.TaskFinal(task_id, taskstore.TaskStatus(task.status))
    return task


UPDATED = ("task_id", "status", "progress", "current_step", "result_url", "error_message")
"""What an update of theirs takes: no traceback."""
ADAPTER = Adapter(
    calls={
        "create_task": create,
        "get_task": "get_task",
        "list_tasks": list_whole,
        "update_task_status": Call("update_task_status", **{name: name for name in UPDATED}),
        "cancel_task": cancel,
    },
    statuses={status: TaskStatus(status.value) for status in taskstore.TaskStatus},
    raises={TaskNotFoundError: taskstore.TaskNotFound},
)


class Memory(Harness):
    """Memory mode."""

    mode = "memory"
    opener = f"{__name__}:{open_from_environment.__name__}"

    def open(self, namespace: str) -> AbstractAsyncContextManager[Any]:
        """Open the service under our names."""
        return ADAPTER.adapt(serve(None))

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
        return ADAPTER.adapt(self._serve(namespace, url, seconds))

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
        """Return the URL of the namespace's database; the suite has the first and a spare one."""
        taken = {0, self.spare_database(), *self._databases.values()}
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
