"""The calls that are timed of a task store, with tasks of about 400 bytes of JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import cycle, repeat
from operator import attrgetter
from random import Random
from typing import Any

from conformance.measure.timing import Work, gather
from taskstore import TaskCreateRequest, TaskStatus, TaskStore

PAGE = 50
METADATA = {
    "webhook_url": "https://editor.example.com/hooks/clips/finished?channel=highlights",
    "config": {
        "language": "en",
        "model": "large-v3",
        "clip_seconds": [15, 60],
        "clips": 8,
        "aspect_ratio": "9:16",
        "subtitles": {"burn_in": True, "font": "Noto Sans", "size": 42, "colour": "#ffffff"},
        "prompt": "Find the stories that the guest tells, and cut after the laugh.",
        "upload": {"bucket": "clips-production", "public": False},
    },
}
REQUEST = TaskCreateRequest.model_validate({"video_ids": ("dQw4w9WgXcQ", "9bZkp7q19f0"), **METADATA})
STEPS = (
    (TaskStatus.ANALYZING, 10.0, "Reading the transcript"),
    (TaskStatus.LLM_PASS1, 30.0, "Looking for candidates"),
    (TaskStatus.LLM_PASS2, 50.0, "Choosing among 24 candidates"),
    (TaskStatus.CLIPPING, 70.0, "Cutting clip 3 of 8"),
    (TaskStatus.UPLOADING, 90.0, "Uploading clip 3 of 8"),
)
"""None of them final: every task goes through them again and again."""


async def fill(store: TaskStore, tasks: int) -> list[str]:
    """Create that many tasks, and return their ids."""
    return [task.task_id for task in await gather(repeat(partial(store.create_task, REQUEST)), tasks)]


def works(store: TaskStore, ids: Sequence[str], random: Random) -> dict[str, Work]:
    """Make the calls of each operation on a store that has these tasks and no others: `create` has to come last."""
    order = random.sample(ids, len(ids))
    gets = cycle([partial(store.get_task, task_id) for task_id in order])
    lists = repeat(partial(store.list_tasks, None, PAGE, 0))
    updates = (partial(store.update_task_status, task_id, *step) for step in cycle(STEPS) for task_id in order)
    creates = repeat(partial(store.create_task, REQUEST))
    known = {*ids}
    shown = min(PAGE, len(ids))
    fields = attrgetter("task_id", "status", "progress", "current_step")

    # What was asked comes last among the arguments of a call: an adapter may put some of its own before it.
    def is_asked(task: Any, *asked: Any) -> bool:
        return bool(task.task_id == asked[-1])

    def is_page(page: Any, *_: Any) -> bool:
        return (page.total, len(page.tasks)) == (len(ids), shown)

    def is_updated(task: Any, *asked: Any) -> bool:
        return bool(fields(task) == asked[-4:])

    def is_new(task: Any, *_: Any) -> bool:
        return task.task_id not in known and task.metadata == METADATA

    return {
        "get": Work(gets, is_asked),
        "list": Work(lists, is_page),
        "update": Work(updates, is_updated),
        "create": Work(creates, is_new),
    }


def cancels(store: TaskStore, ids: Iterable[str]) -> Work:
    """Make the calls that cancel these tasks, each once."""

    def is_cancelled(task: Any, asked: Any) -> bool:
        return bool((task.task_id, task.status) == (asked, TaskStatus.CANCELLED))

    return Work((partial(store.cancel_task, task_id) for task_id in ids), is_cancelled)
