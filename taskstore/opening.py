"""Opening: the one place that chooses a mode. Redis is imported only if Redis mode is chosen."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from taskstore.contract import MaintainedTaskStore
from taskstore.memory import MemoryTaskStore
from taskstore.settings import TaskStoreSettings

_log = logging.getLogger("taskstore")


@asynccontextmanager
async def open_store(settings: TaskStoreSettings | None = None) -> AsyncIterator[MaintainedTaskStore]:
    """Open the store that the settings ask for, and close it at the end of the block.

    The mode is chosen here, once; a variable that changes later changes nothing until the next opening. It is logged at
    INFO by the logger `taskstore`, before anything else happens: `task_service_initialized storage_mode=redis`. Redis
    mode then asks the server once, so that a wrong address fails here and not in the first request.

    Raises:
        SettingsInvalid: if `settings` are not given and those found are malformed.
        StoreUnavailable: if Redis mode is asked for and Redis does not answer.
    """
    if settings is None:
        settings = TaskStoreSettings.load()
    _log.info("task_service_initialized storage_mode=%s", settings.storage_mode)
    async with _make(settings) as store:
        yield store


@asynccontextmanager
async def _make(settings: TaskStoreSettings) -> AsyncIterator[MaintainedTaskStore]:
    if not settings.use_redis_for_tasks:
        async with MemoryTaskStore() as memory:
            yield memory
        return
    from taskstore.redis import RedisTaskStore, connect

    server = connect(
        settings.url,
        username=settings.redis_username,
        password=settings.redis_password.get_secret_value() if settings.redis_password else None,
        connect_timeout=settings.redis_connect_timeout,
        timeout=settings.redis_timeout,
    )
    async with RedisTaskStore(server, prefix=settings.task_key_prefix, lifetime=settings.lifetime) as store:
        await store.ping()
        yield store
