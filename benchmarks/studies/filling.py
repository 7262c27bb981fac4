"""Tasks for the studies: each is made from a request of its own, as an application has it from a network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from benchmarks.studies.turns import heed_cancellation
from benchmarks.workload import AT_ONCE, METADATA, REQUEST, STEPS
from taskstore import TaskCreateRequest, TaskStore

_CONFIG = json.dumps(METADATA["config"])


def new_request() -> TaskCreateRequest:
    """Make a request whose metadata are 400 bytes of JSON."""
    return TaskCreateRequest(video_ids=REQUEST.video_ids, webhook_url=REQUEST.webhook_url, config=new_config())


def new_short_request() -> TaskCreateRequest:
    """Make one whose whole task is 400 bytes of JSON in the mean, as the documented design stores it."""
    return TaskCreateRequest(
        video_ids=("dQw4w9WgXcQ",), webhook_url="https://editor.example.com/clips", config={"clips": 8}
    )


def new_config() -> dict[str, Any]:
    """Make a configuration that nobody else holds."""
    config: dict[str, Any] = json.loads(_CONFIG)
    return config


async def create(store: TaskStore, tasks: int, new: Callable[[], TaskCreateRequest] = new_request) -> list[str]:
    """Create tasks through the store, take every second one a step further, and return the ids."""
    ids: list[str] = []
    while len(ids) < tasks:
        heed_cancellation()
        creating = (store.create_task(new()) for _ in range(min(AT_ONCE, tasks - len(ids))))
        created = [task.task_id for task in await asyncio.gather(*creating)]
        await asyncio.gather(*(store.update_task_status(task_id, *STEPS[0]) for task_id in created[::2]))
        ids += created
    return ids
