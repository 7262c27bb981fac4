"""The documented design: the store of Auto-Clip's document, built from the description alone, faults and all.

A dictionary of live task objects in memory mode. In Redis mode one JSON string per task under `task:<id>` that expires
after seven days; GET, then SET of the whole to update; SCAN and a read per key to list. Where the document leaves a
choice open, the one is made that keeps its statements. Nothing here is to be copied: it is what the claims are about,
and what the suite is expected to find wanting.
"""

import json
import logging
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from pydantic_settings import BaseSettings, SettingsConfigDict

from taskstore import TaskCreateRequest, TaskNotFound, TaskStatus

logger = logging.getLogger("documented")


class Settings(BaseSettings):
    """The variables of the document."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore")

    use_redis_for_tasks: bool = False
    redis_host: str = "localhost"
    redis_port: int = 6379
    redis_db: int = 0


class DocumentedTask(BaseModel):
    """A live, mutable task object."""

    task_id: str
    status: TaskStatus = TaskStatus.PENDING
    progress: float = 0.0
    current_step: str = ""
    video_ids: list[str] = []
    result_url: str | None = None
    error_message: str | None = None
    error_traceback: str | None = None
    metadata: dict[Any, Any] = {}
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None = None


class DocumentedPage(BaseModel):
    """`total`, `limit`, `offset` and the page."""

    tasks: list[DocumentedTask]
    total: int
    limit: int
    offset: int


@dataclass
class RedisClient:
    """What the document calls `redis_client`, of which it shows `set_task`. What fails in Redis reads as nothing there.

    Memory mode needs no Redis, and imports none.
    """

    redis: Any
    prefix: str

    async def set_task(self, task_id: str, task_data: dict[str, Any], ttl: int) -> None:
        """Write the whole task, and renew its lifetime of `ttl` seconds."""
        await self.redis.set(self.prefix + task_id, json.dumps(task_data, default=str), ex=ttl)

    async def get_tasks(self, *keys: str) -> list[DocumentedTask]:
        """Read the tasks under these keys, or all, one after another; none if Redis fails."""
        from redis.exceptions import RedisError

        try:
            found = keys or [key async for key in self.redis.scan_iter(match=f"{self.prefix}*")]
            texts = [await self.redis.get(key) for key in found]
        except RedisError as error:
            logger.warning("redis_failed %s", error)
            return []
        return [DocumentedTask(**json.loads(text)) for text in texts if text is not None]


class TaskService:
    """The five operations in two modes, as the document lays them out."""

    task_ttl = 7 * 24 * 3600

    def __init__(self, redis: RedisClient | None = None, now: Callable[[], datetime] = datetime.now) -> None:
        self.redis = redis
        self.now = now  # naive and local, as the description's times are
        self.memory_storage: dict[str, DocumentedTask] = {}

    async def create_task(self, request: TaskCreateRequest) -> DocumentedTask:
        """Store a new task."""
        now = self.now()
        task = DocumentedTask(
            task_id=f"task_{uuid.uuid4().hex[:12]}",
            created_at=now,
            updated_at=now,
            video_ids=list(request.video_ids),
            metadata={"webhook_url": request.webhook_url, "config": request.config},
        )
        await self._save(task)
        return task

    async def get_task(self, task_id: str) -> DocumentedTask:
        """The task, or not found."""
        task = self.memory_storage.get(task_id)
        if self.redis:
            task = next(iter(await self.redis.get_tasks(self.redis.prefix + task_id)), None)
        if task is None:
            raise TaskNotFound(task_id)
        return task

    async def list_tasks(self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0) -> DocumentedPage:
        """Everything, filtered, sorted and cut."""
        every = await self.redis.get_tasks() if self.redis else self.memory_storage.values()
        tasks = [task for task in every if status is None or task.status == status]
        tasks.sort(key=lambda task: task.created_at, reverse=True)
        return DocumentedPage(tasks=tasks[offset : offset + limit], total=len(tasks), limit=limit, offset=offset)

    async def update_task_status(
        self,
        task_id: str,
        status: TaskStatus,
        progress: float | None = None,
        current_step: str | None = None,
        **fields: str | None,
    ) -> DocumentedTask:
        """Read, change, write back."""
        task = await self.get_task(task_id)
        task.status = status
        task.updated_at = self.now()
        for name, value in {"progress": progress, "current_step": current_step, **fields}.items():
            if value is not None:
                setattr(task, name, value)
        if status == TaskStatus.COMPLETED:
            task.progress = 100.0
        if status in (TaskStatus.COMPLETED, TaskStatus.FAILED):
            task.completed_at = task.updated_at
        await self._save(task)
        return task

    async def cancel_task(self, task_id: str) -> DocumentedTask:
        """Set the status to cancelled."""
        return await self.update_task_status(task_id, TaskStatus.CANCELLED)

    async def _save(self, task: DocumentedTask) -> None:
        if self.redis:
            await self.redis.set_task(task.task_id, task.model_dump(), self.task_ttl)
        else:
            self.memory_storage[task.task_id] = task


@asynccontextmanager
async def open_documented(url: str, prefix: str = "task:", seconds: float | None = None) -> AsyncIterator[TaskService]:
    """The service in Redis mode."""
    from redis.asyncio import Redis

    async with Redis.from_url(url, socket_timeout=seconds) as redis:
        yield TaskService(RedisClient(redis, prefix))


def open_from_environment() -> AbstractAsyncContextManager[TaskService]:
    """The service as the application makes it at start."""
    settings = Settings()
    if not settings.use_redis_for_tasks:
        logger.info("task_service_initialized storage_mode=memory")
        return nullcontext(TaskService())
    logger.info("task_service_initialized storage_mode=redis")
    return open_documented(f"redis://{settings.redis_host}:{settings.redis_port}/{settings.redis_db}")
