"""Opening what a command works on: the server and the store that a URL, or the settings, name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from taskstore.opening import open_redis
from taskstore.redis import RedisTaskStore
from taskstore.redis.partitions import partition_of
from taskstore.redis.server import Server
from taskstore.settings import TaskStoreSettings
from taskstore.tools.common import UsageError, say

SETTINGS = "settings"
"""The word that stands for the server which the settings name."""


@dataclass(frozen=True)
class Place:
    """A partition of an open store, and the server that it is on."""

    server: Server
    store: RedisTaskStore
    settings: TaskStoreSettings
    partition: int = 0

    @property
    def base(self) -> str:
        """What all keys of the partition begin with."""
        return f"{{{self.settings.task_key_prefix}:{self.partition}}}"

    def key(self, task_id: str) -> str:
        """The key of a task's record."""
        return f"{self.base}:task:{task_id}"

    def index(self, name: str) -> str:
        """The key of an index: `created`, `created:<status>`, `deadlines` or `finished`."""
        return f"{self.base}:{name}"


def settings_of(url: str, prefix: str | None = None) -> TaskStoreSettings:
    """The settings, with the URL in the place of REDIS_URL unless it is the word `settings`.

    Raises:
        SettingsInvalid: if the settings or the URL are malformed.
        UsageError: if the settings select memory mode.
    """
    given: dict[str, Any] = {} if prefix is None else {"task_key_prefix": prefix}
    if url != SETTINGS:
        given |= {"redis_url": url, "use_redis_for_tasks": True}
    settings = TaskStoreSettings(**given)
    if not settings.use_redis_for_tasks:
        raise UsageError(
            say(
                "The settings select memory mode, whose tasks no other process can reach. Set USE_REDIS_FOR_TASKS=true "
                "or name a server: redis://host:port/db.",
                "当前设置为内存模式，其他进程无法访问其中的任务。请设置 USE_REDIS_FOR_TASKS=true，或指定服务器：redis://host:port/db。",
            )
        )
    return settings


class Opened(NamedTuple):
    """An open store, and its partitions."""

    store: RedisTaskStore
    places: list[Place]

    def place_of(self, task_id: str) -> Place:
        """The partition that has a task."""
        return self.places[partition_of(task_id, len(self.places))]


@asynccontextmanager
async def open_places(settings: TaskStoreSettings, *, claims: bool = True) -> AsyncIterator[Opened]:
    """Open the store that the settings name, whose server has to answer. `claims` as for `open_redis`.

    Raises:
        SettingsInvalid: if the tasks are in another number of partitions than the settings say.
        StoreUnavailable: if the server does not answer. Its notes say what to check.
    """
    async with open_redis(settings, claims=claims) as store:
        yield Opened(store, [Place(part.server, part, settings, at) for at, part in enumerate(store.parts)])


async def as_recorded(settings: TaskStoreSettings) -> TaskStoreSettings:
    """The settings, with the number of partitions that the tasks are in."""
    async with open_redis(settings, claims=False) as store:
        there = await store.recorded()
    return settings.model_copy(update={"task_partitions": there or settings.task_partitions})
