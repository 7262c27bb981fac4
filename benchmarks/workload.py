"""The work: which calls are made of a store, on what, and what a right answer is. The same for every subject."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, repeat
from random import Random
from typing import Any

from conformance import Harness
from taskstore import TaskCreateRequest, TaskStatus, TaskStore

PAGE = 50
ORDER = Random(20_240_229)  # noqa: S311  an order that can be repeated, not a secret
"""Decides which tasks are taken, and in what order; a block gives it a seed of its own."""
AT_ONCE = 16

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
"""Of every task that is made: about 400 bytes of JSON."""

REQUEST = TaskCreateRequest(
    video_ids=("dQw4w9WgXcQ", "9bZkp7q19f0"), webhook_url=METADATA["webhook_url"], config=METADATA["config"]
)

STEPS = (
    (TaskStatus.ANALYZING, 10.0, "Reading the transcript"),
    (TaskStatus.LLM_PASS1, 30.0, "Looking for candidates"),
    (TaskStatus.LLM_PASS2, 50.0, "Choosing among 24 candidates"),
    (TaskStatus.CLIPPING, 70.0, "Cutting clip 3 of 8"),
    (TaskStatus.UPLOADING, 90.0, "Uploading clip 3 of 8"),
)


@dataclass(frozen=True)
class Work:
    """Calls without end, all of one kind; `right` takes an answer and the arguments that it answers.

    A version of the store that the gate measures may be older than `conformance.measure`: nothing of that is used here.
    """

    call: Callable[..., Awaitable[Any]]
    arguments: Iterator[tuple[Any, ...]]
    right: Callable[..., bool]


async def fill(store: TaskStore, tasks: int) -> list[str]:
    """Create that many tasks, and return their ids."""
    ids: list[str] = []
    while len(ids) < tasks:
        creating = (store.create_task(REQUEST) for _ in range(min(AT_ONCE, tasks - len(ids))))
        ids += [task.task_id for task in await asyncio.gather(*creating)]
    return ids


def creating(_: Harness, store: TaskStore, ids: Sequence[str]) -> Work:
    """Create tasks; the store grows by one with each call, from what it was filled with."""
    known = set(ids)
    return Work(
        store.create_task, repeat((REQUEST,)), lambda task, _: task.task_id not in known and task.metadata == METADATA
    )


def getting(_: Harness, store: TaskStore, ids: Sequence[str]) -> Work:
    """Get each task, in random order, again and again."""
    return Work(
        store.get_task, cycle([(task_id,) for task_id in _shuffled(ids)]), lambda task, task_id: task.task_id == task_id
    )


def listing(_: Harness, store: TaskStore, ids: Sequence[str]) -> Work:
    """List the newest page; all the tasks are seen by its total."""
    return Work(
        store.list_tasks,
        repeat((None, PAGE, 0)),
        lambda page, *_: page.total == len(ids) and len(page.tasks) == min(PAGE, len(ids)),
    )


def updating(_: Harness, store: TaskStore, ids: Sequence[str]) -> Work:
    """Take every task, in random order, through one status after another, none of them final.

    It begins with any of them: another block may have left a task with the one that comes first.
    """
    order, first = _shuffled(ids), ORDER.randrange(len(STEPS))
    steps = STEPS[first:] + STEPS[:first]
    return Work(
        store.update_task_status,
        ((task_id, *step) for step in cycle(steps) for task_id in order),
        lambda task, task_id, status, progress, step: (
            (task.task_id, task.status, task.progress, task.current_step) == (task_id, status, progress, step)
        ),
    )


def pinging(harness: Harness, store: TaskStore, _: Sequence[str]) -> Work:
    """Make the shortest round trip that the store's own client can make."""
    return Work(harness.ping, repeat((store,)), lambda *_: True)


def _shuffled(ids: Sequence[str]) -> list[str]:
    return ORDER.sample(ids, len(ids))
