"""The stored form in Redis, version 1: one JSON object per task, one field per line, under `{prefix:0}:task:<id>`.

Any client reads it with GET and a JSON parser. The line breaks are for the server's scripts: no JSON value has a raw
newline inside, so a script exchanges whole lines and never decodes or encodes a value. DESIGN.md says why this form.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic takes typing's own from Python 3.12 only

from taskstore.contract import MAX_BYTES
from taskstore.json_text import write
from taskstore.status import TaskStatus
from taskstore.values import Task, trusted_task

MAX_RECORD_BYTES = MAX_BYTES + 4_096
"""The longest record: what a caller may put into a task, and names of fields, id, status and times."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_METADATA = b'\n,"metadata":'
_END = b"\n}"


class NotARecordError(ValueError):
    """The bytes are not a record of version 1."""


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def head_of(task: Task) -> str:
    """The lines of a task before its times."""
    return _head(
        task.status.value,
        task.progress,
        task.current_step,
        task.result_url,
        task.error_message,
        task.error_traceback,
    )


def _head(*values: object) -> str:
    names = ("status", "progress", "current_step", "result_url", "error_message", "error_traceback")
    return "".join(f'\n,"{name}":{write(value)}' for name, value in zip(names, values, strict=True))


NEW_HEAD = _head(TaskStatus.PENDING.value, 0.0, "", None, None, None)
"""The lines of a new task before its times; the first line of all is the script's own."""


def times_of(task: Task) -> str:
    """The lines with the times of a task."""
    times = {"updated_at": task.updated_at, "completed_at": task.completed_at, "created_at": task.created_at}
    return "".join(f'\n,"{name}":{_iso(moment)}' for name, moment in times.items())


def _iso(moment: datetime | None) -> str:
    return "null" if moment is None else f'"{moment.replace(tzinfo=None).isoformat(timespec="microseconds")}Z"'


def tail(task_id: str, video_ids: tuple[str, ...], metadata_json: str) -> str:
    """The lines after the times, which no update changes."""
    return f'\n,"task_id":{write(task_id)}\n,"video_ids":{write(video_ids)}\n,"metadata":{metadata_json}\n}}'


class _Fields(TypedDict):
    """The lines before metadata, as JSON gives them."""

    task_id: str
    status: TaskStatus
    progress: float
    current_step: str
    video_ids: tuple[str, ...]
    result_url: str | None
    error_message: str | None
    error_traceback: str | None
    created_at: str
    updated_at: str
    completed_at: str | None


_read_fields = TypeAdapter(_Fields).validator.validate_json


def decode(record: bytes) -> Task:
    """Read a record.

    `metadata` is not decoded: it is kept as text, until somebody looks at it.

    Raises:
        NotARecordError: if it is not one, saying what is wrong.
    """
    head, found, metadata = record.partition(_METADATA)
    if not (found and head.startswith(b'{"v":1,') and metadata.startswith(b"{") and metadata.endswith(b"}" + _END)):
        raise NotARecordError("it is not a record of version 1")
    try:
        fields: dict[str, Any] = _read_fields(head + b"}")
        for name in ("created_at", "updated_at", "completed_at"):
            if fields[name] is not None:
                fields[name] = datetime.fromisoformat(fields[name])
        fields["metadata_json"] = metadata[: -len(_END)].decode()
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False, include_context=False)[0]
        raise NotARecordError(f"{'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}") from None
    except ValueError as fault:
        raise NotARecordError(str(fault)) from None
    return trusted_task(fields)
