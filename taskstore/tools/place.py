"""Which server and store a command works on: those that a URL, or the settings, name."""

from __future__ import annotations

from typing import Any

from taskstore.opening import open_redis
from taskstore.settings import TaskStoreSettings
from taskstore.tools.common import UsageError, say

SETTINGS = "settings"
"""The word that stands for the server which the settings name."""


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


async def as_recorded(settings: TaskStoreSettings) -> TaskStoreSettings:
    """The settings, with the number of partitions that the tasks are in."""
    async with open_redis(settings, claims=False) as store:
        there = await store.recorded()
    return settings.model_copy(update={"task_partitions": there or settings.task_partitions})
