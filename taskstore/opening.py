"""Opening: the one place that chooses a mode. Redis is imported only if Redis mode is chosen."""

from __future__ import annotations

import asyncio
import logging
import re
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from taskstore.address import parse
from taskstore.contract import MaintainedTaskStore
from taskstore.errors import SettingsInvalid, StoreUnavailable
from taskstore.memory import MemoryTaskStore
from taskstore.settings import TaskStoreSettings

if TYPE_CHECKING:
    from taskstore.redis import RedisTaskStore

_log = logging.getLogger("taskstore")


@asynccontextmanager
async def open_store(settings: TaskStoreSettings | None = None) -> AsyncIterator[MaintainedTaskStore]:
    """Open the store that the settings ask for, and close it at the end of the block.

    The mode is chosen here, once; a variable that changes later changes nothing until the next opening. It is logged at
    INFO by the logger `taskstore`, before anything else happens: `task_service_initialized storage_mode=redis`. Redis
    mode then sends PING, so that a wrong address fails here and not in the first request, and warns in the log if the
    server may evict keys.

    Raises:
        SettingsInvalid: if the settings are malformed, or the package redis is missing or unknown.
        StoreUnavailable: if Redis mode is asked for and Redis does not answer. Its note says what to check.
    """
    settings = TaskStoreSettings() if settings is None else settings
    _log.info("task_service_initialized storage_mode=%s", settings.storage_mode)
    if not settings.use_redis_for_tasks:
        async with MemoryTaskStore() as memory:
            yield memory
        return
    async with open_redis(settings) as store:
        told = await asyncio.gather(store.server.read("INFO", "memory"), return_exceptions=True)  # the user may not ask
        if policy := re.search("maxmemory_policy:(?!noeviction)([a-z-]+)", str(told)):
            _log.warning(
                "Redis at %s has maxmemory-policy %s, so it may remove tasks and index entries: run CONFIG SET "
                "maxmemory-policy noeviction, and set it in redis.conf; `taskstore doctor --repair` mends the indexes",
                store.server.address,
                policy[1],
            )
        yield store


@asynccontextmanager
async def open_redis(settings: TaskStoreSettings) -> AsyncIterator[RedisTaskStore]:
    """Open a store on the Redis that the settings name, which has to answer. It raises what `open_store` raises."""
    try:
        from taskstore.redis import RedisTaskStore, connect
    except ImportError as error:
        reason = f"{error}; pip install 'taskstore[redis]' installs what Redis mode needs"
        raise SettingsInvalid((("USE_REDIS_FOR_TASKS", reason),)) from error
    server = connect(
        settings.url,
        username=settings.redis_username,
        password=settings.redis_password.get_secret_value() if settings.redis_password else None,
        connect_timeout=settings.redis_connect_timeout,
        timeout=settings.redis_timeout,
        wait_replicas=settings.redis_wait_replicas,
        wait_milliseconds=settings.redis_wait_milliseconds,
    )
    async with RedisTaskStore(
        server,
        prefix=settings.task_key_prefix,
        lifetime=timedelta(seconds=settings.task_ttl),
        partitions=settings.task_partitions,
    ) as store:
        try:
            await store.ping()
        except StoreUnavailable as error:
            for advice in _advice(settings.url):
                error.add_note(advice)
            raise
        yield store


def _advice(url: str) -> tuple[str, str]:
    """What to check when Redis does not answer, in English and in Chinese."""
    address = parse(url)
    where = "-h {} -p {}".format(*address.nodes[0]) if address.nodes else f"-s {shlex.quote(address.path)}"
    probe = f"redis-cli {where}{' --tls' * address.url.startswith('rediss:')} ping"
    return (
        (
            f"1. Check that `{probe}` answers PONG.\n"
            "2. Check REDIS_URL, or REDIS_HOST, REDIS_PORT and REDIS_DB, and then REDIS_USERNAME and REDIS_PASSWORD.\n"
            "3. Until Redis is back, set USE_REDIS_FOR_TASKS=false and restart: the service then runs in memory mode."
        ),
        (
            f"1. 请确认 `{probe}` 返回 PONG。\n"
            "2. 请检查 REDIS_URL（或 REDIS_HOST、REDIS_PORT、REDIS_DB），以及 REDIS_USERNAME 和 REDIS_PASSWORD。\n"
            "3. Redis 恢复之前，可设 USE_REDIS_FOR_TASKS=false 并重启，服务即以内存模式运行。"
        ),
    )
