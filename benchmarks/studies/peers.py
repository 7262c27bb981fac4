"""Other stores beside ours, few and strong: create, get, look and update of the same task, in memory and in Redis.

A peer keeps a task as one document under its id, and is as it is after installing it. Where it has no update, the
document is got, changed and put: others may come between, which they may not with ours. `look` is a get, and then
reading the metadata. Two floors stand beside the stores in memory: a dictionary that copies deeply, and one that keeps
msgspec's JSON. They are what isolation of values costs at least, and have nothing else of a store.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle
from random import Random
from typing import Any
from urllib.parse import urlsplit

import cashews
import msgspec
from glide import GlideClient, GlideClientConfiguration, Logger, LogLevel, NodeAddress
from redis.asyncio import Redis

from benchmarks.document import Depth, Mode
from benchmarks.studies.document import FLOORS, GLIDE, PLAIN, Key, Measured
from benchmarks.studies.filling import new_config, new_request
from benchmarks.studies.place import DESIGNS, Place
from benchmarks.studies.processes import PROCESSES, in_new_process, orders
from benchmarks.studies.turns import Contestant, take_turns
from benchmarks.workload import REQUEST
from taskstore import TaskStatus, TaskStore

ROOM = 1_000_000
"""Entries that cashews may hold; it would throw old ones out."""
PATIENCE_MS = 60_000
"""valkey-glide raises after 250 ms otherwise, and redis-py waits: a slow answer is to be timed."""
STEP = "Reading the transcript"

Calls = dict[str, Contestant]
"""By operation."""


@dataclass(frozen=True)
class Scale:
    """How many tasks there are in memory and in Redis, how many processes, and the seconds of a block."""

    tasks: Mapping[Mode, int]
    processes: int
    seconds: float


SCALES: dict[Depth, Scale] = {
    "quick": Scale({"memory": 1_000, "redis": 200}, PROCESSES["quick"], 0.005),
    "default": Scale({"memory": 10_000, "redis": 1_000}, PROCESSES["default"], 0.02),
    "full": Scale({"memory": 100_000, "redis": 1_000}, PROCESSES["full"], 0.1),
}


def run(depth: Depth, place: Place) -> Iterator[Measured]:
    """Time all peers in one process after another."""
    for random in orders(SCALES[depth].processes):
        yield in_new_process(_measure, SCALES[depth], place, random)
        place.empty()


async def _measure(scale: Scale, place: Place, random: Random) -> Measured:
    contestants: dict[Key, Contestant] = {}
    async with AsyncExitStack() as opened:
        for mode, tasks in scale.tasks.items():
            calls: dict[str, Calls] = {}
            for database, design in enumerate(DESIGNS):
                harness = opened.enter_context(place.harness(design, mode, database))
                store = await opened.enter_async_context(harness.open("peers"))
                calls[design] = await _calls_of_store(store, tasks, random)
            documents = await opened.enter_async_context(in_memory() if mode == "memory" else _in_redis(place.url(2)))
            for name, peer in documents.items():
                calls[name] = await _calls_of_documents(peer, tasks, random)
            contestants |= {
                (name, mode, operation, tasks): contestant
                for name, some in calls.items()
                for operation, contestant in some.items()
            }
        return await take_turns(contestants, scale.seconds, random)


async def _calls_of_store(store: TaskStore, tasks: int, random: Random) -> Calls:
    """Call ours, or the documented design, by its own operations."""
    ids = _endless([(await store.create_task(new_request())).task_id for _ in range(tasks)], random)
    steps = cycle([TaskStatus.ANALYZING, TaskStatus.CLIPPING])
    requests = cycle([new_request() for _ in range(1_000)])

    async def look() -> Any:
        return (await store.get_task(next(ids))).metadata["config"]

    return {
        "create": Contestant(lambda: store.create_task(next(requests)), lambda task: task.status == TaskStatus.PENDING),
        "get": Contestant(lambda: store.get_task(next(ids)), lambda task: task.current_step is not None),
        "look": Contestant(look, lambda config: config == new_config()),
        "update": Contestant(
            lambda: store.update_task_status(next(ids), next(steps), 10.0, STEP), lambda task: task.current_step == STEP
        ),
    }


class Documents:
    """A library that keeps one value under a key; `pack` makes it of a document, and `unpack` a document of it."""

    def __init__(
        self,
        put: Callable[[str, Any], Awaitable[Any]],
        get: Callable[[str], Awaitable[Any]],
        pack: Callable[[Any], Any] = lambda document: document,
        unpack: Callable[[Any], Any] = lambda value: value,
    ) -> None:
        self._put, self._get, self._pack, self._unpack = put, get, pack, unpack

    async def create(self, config: dict[str, Any]) -> str:
        """Put a new document."""
        task_id, now = f"task_{secrets.token_hex(16)}", datetime.now(UTC).isoformat()
        document = {
            "task_id": task_id,
            "status": TaskStatus.PENDING.value,
            "progress": 0.0,
            "current_step": "",
            "video_ids": [*REQUEST.video_ids],
            **dict.fromkeys(("result_url", "error_message", "error_traceback", "completed_at")),
            "metadata": {"webhook_url": REQUEST.webhook_url, "config": config},
            "created_at": now,
            "updated_at": now,
        }
        await self._put(task_id, self._pack(document))
        return task_id

    async def get(self, task_id: str) -> Any:
        """Get a document."""
        return self._unpack(await self._get(task_id))

    async def look(self, task_id: str) -> Any:
        """Get a document, and look at its metadata."""
        return (await self.get(task_id))["metadata"]["config"]

    async def update(self, task_id: str, status: str) -> Any:
        """Get, change and put."""
        changes = {"status": status, "progress": 10.0, "current_step": STEP}
        document = {**await self.get(task_id), **changes, "updated_at": datetime.now(UTC).isoformat()}
        await self._put(task_id, self._pack(document))
        return document


def dictionary(pack: Callable[[Any], Any], unpack: Callable[[Any], Any]) -> Documents:
    """Make a floor: a dictionary."""
    items: dict[str, Any] = {}

    async def put(task_id: str, value: Any) -> None:
        items[task_id] = value

    async def get(task_id: str) -> Any:
        return items[task_id]

    return Documents(put, get, pack, unpack)


async def _calls_of_documents(peer: Documents, tasks: int, random: Random) -> Calls:
    ids = _endless([await peer.create(new_config()) for _ in range(tasks)], random)
    steps, configs = cycle(["analyzing", "clipping"]), cycle([new_config() for _ in range(1_000)])
    return {
        "create": Contestant(lambda: peer.create(next(configs)), lambda task_id: task_id.startswith("task_")),
        "get": Contestant(lambda: peer.get(next(ids)), lambda document: document["current_step"] is not None),
        "look": Contestant(lambda: peer.look(next(ids)), lambda config: config == new_config()),
        "update": Contestant(
            lambda: peer.update(next(ids), next(steps)), lambda document: document["current_step"] == STEP
        ),
    }


def _endless(ids: list[str], random: Random) -> Iterator[str]:
    return cycle(random.sample(ids, len(ids)))


@asynccontextmanager
async def in_memory() -> AsyncIterator[dict[str, Documents]]:
    """Open the stores of memory mode, by name."""
    # cashews' task that looks at every entry once a second would be timed in the blocks of the others.
    async with _cashews("mem://", size=ROOM, check_interval=0) as cache:
        copied, encoded = FLOORS
        yield {
            copied: dictionary(deepcopy, deepcopy),
            encoded: dictionary(msgspec.json.encode, msgspec.json.decode),
            "cashews": cache,
        }


@asynccontextmanager
async def _in_redis(url: str) -> AsyncIterator[dict[str, Documents]]:
    async with Redis.from_url(url) as plain, _gliding(url) as glide, _cashews(url) as cache:
        yield {
            PLAIN: Documents(plain.set, plain.get, json.dumps, json.loads),
            GLIDE: Documents(glide.set, glide.get, json.dumps, json.loads),
            "cashews": cache,
        }


@asynccontextmanager
async def _gliding(url: str) -> AsyncIterator[GlideClient]:
    parts = urlsplit(url)
    Logger.set_logger_config(LogLevel.ERROR)  # it would write each slow answer to the standard output
    configuration = GlideClientConfiguration(
        [NodeAddress(parts.hostname or "localhost", parts.port or 6379)],
        database_id=int(parts.path[1:] or 0),
        request_timeout=PATIENCE_MS,
    )
    client = await GlideClient.create(configuration)
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def _cashews(url: str, **options: Any) -> AsyncIterator[Documents]:
    cache = cashews.Cache()
    cache.setup(url, **options)
    try:
        yield Documents(cache.set, cache.get)
    finally:
        await cache.close()
