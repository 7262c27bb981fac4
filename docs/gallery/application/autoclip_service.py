"""The task service of Auto-Clip, opened from the checkout that AUTO_CLIP names, and under our names.

Nothing of it stands here. What had to be done around it is in README.md.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ValidationError

import taskstore
from conformance.tasks.adapter import Adapter, Call

CHECKOUT = Path(os.environ["AUTO_CLIP"]).absolute()


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
    before = [*root.handlers]
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        setup_logging("CRITICAL")
    for handler in [*root.handlers]:
        if handler not in before:  # its file, and the standard output
            root.removeHandler(handler)
            handler.close()


with warnings.catch_warnings(action="ignore"):  # it uses names that pydantic has others for
    prepare()
    from app.config import Settings
    from app.core.exceptions import TaskNotFoundError
    from app.models.task import Task, TaskCreateRequest, TaskStatus
    from app.services import task_service
    from app.utils import redis_client


@asynccontextmanager
async def serve(client: Any) -> AsyncIterator[task_service.TaskService]:
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
