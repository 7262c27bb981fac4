"""The calls that are timed of a task store, with tasks of about 400 bytes of JSON."""

from collections.abc import Sequence
from functools import partial
from itertools import cycle, repeat
from random import Random

from conformance.measure.timing import Works, gather
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


def works(store: TaskStore, ids: Sequence[str], random: Random) -> Works:
    """Make the calls of each operation on a store that has these tasks and no others: `create` has to come last."""
    order = random.sample(ids, len(ids))
    gets = cycle([partial(store.get_task, task_id) for task_id in order])
    lists = repeat(partial(store.list_tasks, None, PAGE, 0))
    updates = (partial(store.update_task_status, task_id, *step) for step in cycle(STEPS) for task_id in order)
    creates = repeat(partial(store.create_task, REQUEST))
    return {"get": gets, "list": lists, "update": updates, "create": creates}
