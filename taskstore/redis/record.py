"""The stored form in Redis: one hash per task, with every field under its name.

`video_ids` and `metadata` are JSON text. Times are whole microseconds since 1970. A field that is `None` is not there.
Any client reads a task with HGETALL.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from taskstore.json_text import write
from taskstore.status import TaskStatus
from taskstore.values import EPOCH, Task, microseconds, trusted

FIELDS = (
    "status",
    "progress",
    "created_at",
    "updated_at",
    "completed_at",
    "task_id",
    "current_step",
    "result_url",
    "error_message",
    "error_traceback",
    "video_ids",
    "metadata",
)
"""The fields in the order in which they are read; from `current_step` on they count for the size of a task.

The id of a task is in its key too: another shows a mistake.
"""

ABSENT = [None] * len(FIELDS)
"""What is read where there is no record."""
STATUSES = {status.value.encode(): status for status in TaskStatus}
"""The statuses by their bytes."""

_NO_MOMENT = EPOCH + timedelta(seconds=2**33)  # in 2242: before it seconds in a float are exact to the microsecond
_SIGNS_OF_A_NUMBER = b"0123456789.eE+-"
_read_moment = msgspec.json.Decoder(datetime, strict=False).decode
_read_texts = msgspec.json.Decoder(tuple[str, ...]).decode
_read_object = msgspec.json.Decoder(dict[str, Any]).decode


_WRITERS: dict[type, Callable[[Any], str]] = {
    float: repr,
    tuple: write,
    datetime: lambda moment: str(microseconds(moment)),
}


def encode(fields: Mapping[str, Any]) -> list[str]:
    """Return the names and values that a record has for fields of a task, one after the other."""
    pairs: list[str] = []
    for name, value in fields.items():
        if value is not None:
            pairs += (name.removesuffix("_json"), _WRITERS.get(type(value), str)(value))
    return pairs


def decode(values: list[Any], task_id: str) -> Task:
    """Make the task of what was read of a record: bytes, `None` where there is no such field. Or raise `ValueError`.

    This is the one definition of a readable record.

    `is_readable` in `lua/update.lua` says the same, without looking into texts.
    """
    try:
        status, progress, created, updated, completed, own_id, step, url, message, trace, video_ids, metadata = values
        if own_id != task_id.encode():
            raise ValueError("it is of another task")  # noqa: TRY301  as for every other field
        if progress.strip(_SIGNS_OF_A_NUMBER):  # `float` alone takes spaces and underscores
            raise ValueError("the progress is not a number")  # noqa: TRY301  as above
        _read_object(metadata)
        began = moment(created)
        changed = moment(updated)
        fields = {
            "task_id": task_id,
            "status": STATUSES[status],
            "progress": float(progress),
            "current_step": step.decode(),
            "video_ids": _read_texts(video_ids),
            "result_url": None if url is None else url.decode(),
            "error_message": None if message is None else message.decode(),
            "error_traceback": None if trace is None else trace.decode(),
            "metadata_json": metadata.decode(),
            "created_at": began,
            "updated_at": changed,
            "completed_at": (ended := None if completed is None else moment(completed)),
        }
    except Exception as fault:  # noqa: BLE001  a missing or malformed value may raise anything
        raise ValueError(f"a field is missing or malformed: {fault}") from None
    is_possible = 0 <= fields["progress"] <= 100 and fields["video_ids"] and changed < _NO_MOMENT  # noqa: PLR2004  all
    if not is_possible or not began <= (ended or began) <= changed or fields["status"].is_final is (ended is None):
        raise ValueError("no task has this progress, no video ids, or these times with this status")
    return trusted(fields)


def moment(text: bytes) -> datetime:
    """Make the time of microseconds since 1970: digits, and no zero before others. Or raise `ValueError`."""
    if not text.isdigit():
        raise ValueError("a time is not a number")
    return _read_moment(text + b"e-6")  # JSON, in seconds: four times as fast as adding to `EPOCH`
