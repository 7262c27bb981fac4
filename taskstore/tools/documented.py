"""The records of the documented design: a JSON text for each task under `task:<id>`, with naive local times."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentTypeError
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from taskstore.arguments import check_task
from taskstore.errors import TaskNotFound
from taskstore.status import TaskStatus
from taskstore.values import Task

if TYPE_CHECKING:
    from taskstore.redis.server import Server

_KNOWN = {*Task.model_fields, "metadata"} - {"metadata_json"}


def zone(name: str) -> ZoneInfo:
    """The time zone of that name."""
    try:
        return ZoneInfo(name)
    except (LookupError, OSError, ValueError):
        raise ArgumentTypeError(f"no such time zone: {name}") from None


async def read(server: Server, prefix: str, zone: ZoneInfo | None, task_id: str) -> Task:
    """The task under a key; `zone` is that of its times, `None` that of this machine.

    Raises:
        TaskNotFound: if nothing is there.
        RecordUnreadable: if it is not a string.
        ArithmeticError, RecursionError, ValueError: if it is not a task that the store takes.
    """
    key = prefix + task_id
    text = await server.read("GET", key, unreadable=key)
    if text is None:
        raise TaskNotFound(task_id)
    fields = json.loads(text)
    if type(fields) is not dict or fields.get("task_id") != task_id:
        raise ValueError("it is not a JSON object with this task_id")
    try:
        task, left_out = _convert(fields, zone)
    except ValidationError as fault:
        first = fault.errors(include_url=False)[0]
        raise ValueError(f"{first['loc'][0]}: {first['msg']}") from None
    if left_out:
        print(f"{key}: left out: {', '.join(left_out)}", file=sys.stderr)
    return check_task(task)


def _convert(fields: dict[str, Any], zone: ZoneInfo | None) -> tuple[Task, list[str]]:
    """The task of these fields, and the names of those that it cannot have.

    The documented design gives a cancelled task no `completed_at`: that is then the last update. Times that a clock set
    back put out of order are put in order.
    """

    def moment(name: str) -> datetime:
        naive = datetime.fromisoformat(str(fields.get(name)))
        return naive if naive.tzinfo else naive.replace(tzinfo=zone).astimezone()

    status = TaskStatus(fields.get("status", "pending"))
    known = _KNOWN if status is TaskStatus.FAILED else _KNOWN - {"error_message", "error_traceback"}
    created = moment("created_at")
    updated = max(created, moment("updated_at"))
    if status.is_final:
        completed = min(updated, max(created, moment("completed_at"))) if fields.get("completed_at") else updated
    else:
        completed, known = None, known - {"completed_at"}
    kept = {name: value for name, value in fields.items() if name in known}
    times = {"created_at": created, "updated_at": updated, "completed_at": completed}
    task = Task.model_validate({"progress": 0.0, "current_step": "", **kept, "status": status, **times})
    return task, [name for name, value in fields.items() if name not in known and value is not None]
