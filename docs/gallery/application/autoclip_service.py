"""The task service of Auto-Clip, opened from the checkout that AUTO_CLIP names, and under our names.

Nothing of it stands here. What had to be done around it is in README.md.
"""

import contextlib
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ValidationError

import taskstore
from conformance import HookMissingError
from conformance.tasks.view import TaskView

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
        yield Adapter(service)
        return
    service.redis = redis_client.RedisClient()
    async with await service.redis.get_client():
        yield Adapter(service)


@contextlib.contextmanager
def our_errors(task_id: str) -> Iterator[None]:
    """Raise our exception for theirs."""
    try:
        yield
    except TaskNotFoundError:
        raise taskstore.TaskNotFound(task_id) from None


def own_status(status: Any) -> Any:
    """Give their status for ours; any other value as it is."""
    return TaskStatus(status) if status in [*taskstore.TaskStatus] else status


def view(task: Task) -> TaskView:
    """Show a task of theirs, whose fields have our names, with our status."""
    return TaskView(task, {"status": lambda task: taskstore.TaskStatus(task.status)})


@dataclass
class Adapter:
    """The service under our names."""

    service: Any

    async def create_task(self, request: Any) -> TaskView:
        """Create a task by a request of theirs."""
        try:
            own = TaskCreateRequest(**vars(request))
        except ValidationError as error:
            fault = error.errors()[0]
            raise taskstore.InvalidArgument(str(fault["loc"][0]), fault["msg"]) from error
        return view(await self.service.create_task(own))

    async def get_task(self, task_id: str) -> TaskView:
        """Read a task."""
        with our_errors(task_id):
            return view(await self.service.get_task(task_id))

    async def list_tasks(self, status: Any = None, limit: int = 50, offset: int = 0) -> Any:
        """List, and read each task: a listing of theirs has five fields, as text."""
        page = await self.service.list_tasks(own_status(status), limit, offset)
        tasks = [await self.get_task(row["task_id"]) for row in page["tasks"]]
        return taskstore.TaskPage.model_construct(**page | {"tasks": tasks})

    async def update_task_status(self, task_id: str, status: Any, progress: Any = None, **texts: Any) -> TaskView:
        """Update a task. An update of theirs takes no traceback."""
        if "error_traceback" in texts:
            raise HookMissingError("error_traceback")
        with our_errors(task_id):
            return view(await self.service.update_task_status(task_id, own_status(status), progress, **texts))

    async def cancel_task(self, task_id: str) -> TaskView:
        """Cancel, and read the task: theirs returns whether it did, and raises nothing for a task that is final."""
        with our_errors(task_id):
            answer = await self.service.cancel_task(task_id)
        task = await self.get_task(task_id)
        if not answer["success"]:
            raise taskstore.TaskFinal(task_id, task.status)
        return task
