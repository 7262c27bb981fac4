"""What tests of Redis mode share: an empty server, and a store with tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any, TypeVar

import pytest
import redis

from conformance.subjects.servers import EmbeddedServer
from taskstore import Task, TaskCreateRequest, TaskStatus
from taskstore.redis import PartitionedTaskStore, RedisTaskStore, connect
from taskstore.redis.store import DEFAULT_PREFIX

REQUEST = TaskCreateRequest(video_ids=("v1", "视频"), webhook_url="https://x", config={"f": 1.0, "big": 10**30})
_Result = TypeVar("_Result")


@pytest.fixture
def emptied(server: EmbeddedServer) -> Iterator[None]:
    """Leave nothing on the server."""
    yield
    with redis.Redis.from_url(server.url) as client:
        client.flushdb()


@pytest.fixture
def client(server: EmbeddedServer, nowhere: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:  # noqa: ARG001  a fixture
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    with redis.Redis.from_url(server.url) as client:
        yield client
        client.flushall()


def on_store(
    url: str,
    body: Callable[[RedisTaskStore], Awaitable[_Result]],
    prefix: str = DEFAULT_PREFIX,
    partitions: int = 1,
    **limits: Any,
) -> _Result:
    """What comes of a body on a store there; `limits` as `connect` takes them."""

    async def run() -> _Result:
        make = RedisTaskStore if partitions == 1 else partial(PartitionedTaskStore, partitions=partitions)
        async with make(connect(url, **limits), prefix=prefix) as store:
            return await body(store)

    return asyncio.run(run())


async def fill(store: RedisTaskStore) -> list[Task]:
    """Four tasks, one of them with everything that a task can have."""
    tasks = [await store.create_task(REQUEST) for _ in range(4)]
    await store.update_task_status(
        tasks[0].task_id, TaskStatus.FAILED, 12.5, "步骤", "https://r", "坏了\n", "Traceback\u2028"
    )
    await store.update_task_status(tasks[1].task_id, TaskStatus.COMPLETED)
    await store.cancel_task(tasks[2].task_id)
    return await everything(store)


async def everything(store: RedisTaskStore) -> list[Task]:
    return [*(await store.list_tasks(limit=1_000)).tasks]
