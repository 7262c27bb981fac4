"""The stored form in Redis, version 1: one JSON object per task, one field per line, under `{prefix:0}:task:<id>`.

Any client reads it with GET and a JSON parser. The line breaks are for the server's scripts: no JSON value has a raw
newline inside, so a script exchanges whole lines and never decodes or encodes a value. DESIGN.md says why this form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from math import isfinite
from typing import Annotated, Any, NoReturn

from pydantic import Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic takes typing's own from Python 3.12 only

from taskstore.arguments import NEW, Change
from taskstore.contract import MAX_BYTES
from taskstore.json_text import MAX_DEPTH, encode, write
from taskstore.status import TaskStatus
from taskstore.values import Task, microseconds, trusted

MAX_RECORD_BYTES = MAX_BYTES + 4_096
"""The longest record: what a caller may put into a task, and names of fields, id, status and times."""

STATUSES = {status.value.encode(): status for status in TaskStatus}
"""The statuses by their bytes."""
_FINAL = {name for name, status in STATUSES.items() if status.is_final}


class NotARecordError(ValueError):
    """The bytes are not a record of version 1."""


def head_of(task: Task) -> str:
    """The lines of a task before its times."""
    return _head(*(getattr(task, name) for name in Change._fields))


def _head(*values: object) -> str:
    return "".join(f'\n,"{name}":{write(value)}' for name, value in zip(Change._fields, values, strict=True))


NEW_HEAD = _head(*NEW)
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
    """The values that are read as JSON. `metadata` is read and checked with them, and nothing of it is kept."""

    progress: Annotated[float, Field(ge=0, le=100)]
    current_step: str
    result_url: str | None
    error_message: str | None
    error_traceback: str | None
    task_id: str
    video_ids: Annotated[tuple[str, ...], Field(min_length=1)]


_IN_ORDER: dict[str, Any] = dict.fromkeys(Task.model_fields)
"""The fields in the order in which a task is written as JSON, in both modes."""
_read_fields: Callable[[bytes], dict[str, Any]] = TypeAdapter(_Fields).validator.validate_json
_AS_ZEROS = bytes.maketrans(b"E+123456789", b"e0000000000")
_LONG = b"0" * 200  # with fewer digits a number that is too large has an exponent of three
# One value a line: what follows a text in its line would be another field, which a JSON parser may take for the first.
_TEXT = rb'"(?:[^"\\\n]++|\\.)*+"'
_TIME = rb'"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z)"'
_form = re.compile(
    rb"""\{"v":1,"revision":[0-9]{1,15},"created_us":([0-9]{1,17})
,"status":"([a-z0-9_]+)"
,("progress":[-+.eE0-9]+
,"current_step":%(text)b
,"result_url":(?:null|%(text)b)
,"error_message":(?:null|%(text)b)
,"error_traceback":(?:null|%(text)b))
,"updated_at":%(time)b
,"completed_at":(?:null|%(time)b)
,"created_at":%(time)b
(,"task_id":%(text)b
,"video_ids":\[(?:%(text)b,?)++\]
,"metadata":(\{[^\n]*\})
\})"""
    % {b"text": _TEXT, b"time": _TIME}
).fullmatch


def decode(record: bytes, task_id: str) -> Task:
    """Read the record of a task. This is the one definition of a readable record.

    `metadata` is checked here, and decoded when somebody looks at it. Version 1 could write an `updated_at` before
    `created_at`, if a clock stepped back: such a time is read as `created_at`.

    Raises:
        NotARecordError: if it is not one, saying what is wrong.
    """
    if len(record) > MAX_RECORD_BYTES:
        raise NotARecordError("it is longer than a record can be")
    if (found := _form(record)) is None:
        raise NotARecordError("it is not a record of version 1")
    created_us, status, head, updated_at, completed_at, created_at, tail, metadata = found.groups()
    try:
        fields = _IN_ORDER | _read(head, tail)
        fields["status"] = STATUSES[status]
        created = fields["created_at"] = datetime.fromisoformat(created_at.decode())
        fields["updated_at"] = (
            created if updated_at == created_at else max(created, datetime.fromisoformat(updated_at.decode()))
        )
        fields["completed_at"] = completed_at and max(created, datetime.fromisoformat(completed_at.decode()))
        text = fields["metadata_json"] = metadata.decode()
        # The reader above takes NaN, Infinity and 1e999 for numbers. To look for parts of them first is much faster.
        digits = metadata.translate(_AS_ZEROS)
        if (("N" in text or "I" in text) and ("NaN" in text or "Infinity" in text)) or (
            b"000" in digits and (b"e000" in digits or _LONG in digits)
        ):
            json.loads(text, parse_constant=_refuse, parse_float=_float)
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False, include_context=False)[0]
        raise NotARecordError(f"{'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}") from None
    except KeyError:
        raise NotARecordError("status: it is not a status") from None
    except ValueError as fault:
        raise NotARecordError(str(fault)) from None
    if fields["task_id"] != task_id:
        raise NotARecordError("task_id: it is that of another task")
    if microseconds(created) != int(created_us):
        raise NotARecordError("created_us: it is not the moment of created_at")
    if (status in _FINAL) is (completed_at is None):
        raise NotARecordError("completed_at: it goes with a final status, and only with that")
    return trusted(Task, fields)


def _read(head: bytes, tail: bytes) -> dict[str, Any]:
    """The values of the lines, metadata checked with them.

    Before 2.14.4 pydantic refuses an integer of 4,300 digits with a sign: then Python's own reader decides on metadata.
    """
    try:
        return _read_fields(b"{" + head + tail)
    except ValidationError:
        lines, _, metadata = tail[:-2].rpartition(b'\n,"metadata":')
        try:
            encode("metadata", json.loads(metadata, parse_constant=_refuse), MAX_DEPTH + 1)
        except RecursionError:
            raise NotARecordError("metadata: it is nested too deep") from None
        return _read_fields(b"{" + head + lines + b"}")


def _float(number: str) -> float:
    value = float(number)
    if not isfinite(value):
        raise NotARecordError("metadata: it has a number that is too large")
    return value


def _refuse(constant: str) -> NoReturn:
    raise NotARecordError(f"metadata: {constant} is not JSON")
