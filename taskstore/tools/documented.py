"""The records of the documented design: a JSON text for each task under `task:<id>`, with naive local times."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from taskstore.arguments import check_task
from taskstore.errors import StoreUnavailable, TaskNotFound
from taskstore.status import TaskStatus
from taskstore.values import Task

if TYPE_CHECKING:
    from taskstore.redis import RedisTaskStore


class _Record(BaseModel):
    """The fields of a record that are changed; the others are as in a task."""

    model_config = ConfigDict(extra="allow")

    task_id: str
    status: TaskStatus = TaskStatus.PENDING
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None = None


async def read(store: RedisTaskStore, prefix: str, zone: ZoneInfo | None, task_id: str) -> Task:
    """The task under a key, with times of this zone, or of this machine's.

    A cancelled task has no `completed_at` in the documented design: it gets its `updated_at`. Times that a clock set
    back has put out of order are put in order. What else a task cannot have is named and left out.

    Raises:
        TaskNotFound: if nothing is there.
        OverflowError, ValueError: if it is not a task that the store takes.
    """
    key = f"{prefix}{task_id}"
    try:
        text = await store.server.read("GET", key)
    except StoreUnavailable as error:
        if error.detail.startswith("WRONGTYPE"):
            raise ValueError("it is not a string") from None
        raise
    if text is None:
        raise TaskNotFound(task_id)
    record = _Record.model_validate_json(text)
    if record.task_id != task_id:
        raise ValueError("task_id is that of another task")

    def aware(time: datetime) -> datetime:
        return time if time.tzinfo else time.replace(tzinfo=zone).astimezone()

    given = {name: value for name, value in record if value is not None}
    taken = {*Task.model_fields, "metadata"} - {"metadata_json"}
    if record.status is not TaskStatus.FAILED:
        taken -= {"error_message", "error_traceback"}
    if not record.status.is_final:
        taken -= {"completed_at"}
    if left_out := sorted(given.keys() - taken):
        print(f"left out of {key}: {', '.join(left_out)}", file=sys.stderr)
    fields = {"progress": 0.0, "current_step": "", **{name: value for name, value in given.items() if name in taken}}
    created = fields["created_at"] = aware(record.created_at)
    updated = fields["updated_at"] = max(created, aware(record.updated_at))
    if record.status.is_final:
        fields["completed_at"] = min(updated, max(created, aware(record.completed_at or updated)))
    return check_task(Task.model_validate(fields))
