"""What a caller asked for, checked: the same checks, in the same order, before either store looks at anything."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from taskstore.contract import MAX_BYTES, MAX_LIMIT, MAX_OFFSET
from taskstore.errors import InvalidArgument
from taskstore.json_text import check_text, decode, encode, is_encodable, is_same, write
from taskstore.status import TaskStatus
from taskstore.values import EPOCH, Task, TaskCreateRequest, encode_metadata, trusted

_CURSOR = re.compile(r"(0|-?[1-9][0-9]{0,17})\.(.+)", re.DOTALL)
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The microseconds since 1970 that a `datetime` can be."""

_END_OF_TIME = datetime(2201, 1, 1, tzinfo=UTC)
_is_new_id = re.compile("[!-~]{1,256}").fullmatch


def check_task_id(task_id: object) -> str:
    """Return the id if it is text, whatever text it is."""
    if type(task_id) is str:
        return task_id
    if not issubclass(type(task_id), str):
        raise InvalidArgument("task_id", f"must be text, not {type(task_id).__name__}")
    return str.__str__(task_id)  # a plain text: a subclass may change what its methods do


def check_new_id(task_id: object) -> str:
    """Return an id that a task may be stored under."""
    if not _is_new_id(text := check_task_id(task_id)):
        raise InvalidArgument("task_id", "must have from 1 to 256 visible ASCII characters")
    return text


def new_task_id() -> str:
    """A new id, with 128 random bits."""
    return f"task_{os.urandom(16).hex()}"


def check_status(status: object) -> TaskStatus:
    """Return the status that a `TaskStatus`, or its text, names."""
    if type(status) is TaskStatus:
        return status
    try:
        return TaskStatus(str.__str__(status))  # refuses what is no text
    except (TypeError, ValueError):
        raise InvalidArgument("status", f"must be one of {', '.join(TaskStatus)}") from None


def check_page(limit: object, offset: object, after: object) -> tuple[int, str] | None:
    """Refuse what names no page, and return the place that the cursor names: microseconds since 1970 and an id."""
    for name, value, most in (("limit", limit, MAX_LIMIT), ("offset", offset, MAX_OFFSET)):
        if type(value) is not int or not 0 <= value <= most:
            raise InvalidArgument(name, f"must be a whole number from 0 to {most}")
    if after is None:
        return None
    found = _CURSOR.fullmatch(after) if isinstance(after, str) else None
    if not found or not _FIRST <= int(found[1]) <= _LAST or not is_encodable(found[2]):
        raise InvalidArgument("after", "must be the `next` of a page")
    if offset:
        raise InvalidArgument("after", "must be given without an offset")
    return int(found[1]), found[2]


def check_moment(moment: object, argument: str = "before") -> datetime:
    """Return an aware moment, in UTC."""
    try:
        return EPOCH + datetime.__sub__(moment, EPOCH)  # type: ignore[operator, no-any-return]  # this is the check
    except Exception:  # noqa: BLE001  a time zone of the caller's may raise whatever it likes
        raise InvalidArgument(argument, "must be a datetime with a time zone, in the years 1 to 9999") from None


def check_lifetime(lifetime: object) -> int:
    """Return a lifetime, from a second to a hundred years, in whole milliseconds."""
    if not isinstance(lifetime, timedelta) or not timedelta(seconds=1) <= lifetime <= timedelta(days=36_525):
        raise InvalidArgument("lifetime", "must be a timedelta from one second to a hundred years")
    return lifetime // timedelta(milliseconds=1)


def check_size(*texts: str | None) -> None:
    """Refuse texts that are together larger than a task may be: its own, and its video ids and metadata as JSON."""
    size = 0
    for text in texts:
        if text is not None:
            size += len(text) if text.isascii() else len(text.encode())
    if size > MAX_BYTES:
        raise too_large(size)


def too_large(size: int) -> InvalidArgument:
    """The refusal of a task of that many bytes."""
    return InvalidArgument("task", f"would hold {size:,} bytes, more than {MAX_BYTES:,}")


def check_request(request: object) -> tuple[tuple[str, ...], str]:
    """Return the video ids, and the metadata as JSON text, of a request that may be stored."""
    if TaskCreateRequest not in type(request).__mro__:
        raise InvalidArgument("request", f"must be a TaskCreateRequest, not {type(request).__name__}")
    fields = vars(request)  # `model_construct` leaves out what it is not given, and takes anything
    webhook_url, config = fields.get("webhook_url"), fields.get("config")
    url = "null" if webhook_url is None else write(check_text("webhook_url", webhook_url))
    metadata = f'{{"webhook_url":{url},"config":{"null" if config is None else encode("config", config)}}}'
    video_ids = _check_video_ids(fields.get("video_ids"))
    check_size(write(video_ids), metadata)
    return video_ids, metadata


def is_same_request(task: Task, video_ids: tuple[str, ...], metadata: str) -> bool:
    """Whether a request for these would create this task: equal as JSON, in value and type, the order of keys apart."""
    return task.video_ids == video_ids and is_same(task.metadata_json, metadata)


def _check_video_ids(video_ids: object) -> tuple[str, ...]:
    if type(video_ids) is not tuple or not video_ids:
        raise InvalidArgument("video_ids", "must be a tuple of at least one text")
    for video_id in video_ids:
        check_text("video_ids", video_id)
    return video_ids


class Change(NamedTuple):
    """A checked update. `None` leaves a field as it is; `progress` is 100 wherever `status` is `completed`."""

    status: TaskStatus
    progress: float | None = None
    current_step: str | None = None
    result_url: str | None = None
    error_message: str | None = None
    error_traceback: str | None = None

    def given(self) -> dict[str, Any]:
        """The fields that it sets, by name."""
        return {name: value for name in self._fields if (value := getattr(self, name)) is not None}


def check_change(
    status: object,
    progress: object = None,
    current_step: str | None = None,
    result_url: str | None = None,
    error_message: str | None = None,
    error_traceback: str | None = None,
) -> Change:
    """Return the update that is meant, if its arguments go together."""
    to = check_status(status)
    part = None if progress is None else _check_progress(progress)
    if current_step is not None:
        check_text("current_step", current_step)
    if result_url is not None:
        check_text("result_url", result_url)
    if error_message is not None:
        check_text("error_message", error_message)
    if error_traceback is not None:
        check_text("error_traceback", error_traceback)
    if to is TaskStatus.COMPLETED:
        if part not in (None, 100):
            raise InvalidArgument("progress", "must be 100, or left out, when the status is completed")
        part = 100.0
    if to is not TaskStatus.FAILED and (error_message is not None or error_traceback is not None):
        name = "error_traceback" if error_message is None else "error_message"
        raise InvalidArgument(name, "goes with the status failed only")
    check_size(current_step, result_url, error_message, error_traceback)
    return Change(to, part, current_step, result_url, error_message, error_traceback)


def _check_progress(progress: object) -> float:
    if type(progress) not in (int, float) or not 0 <= progress <= 100:  # type: ignore[operator]  # noqa: PLR2004
        raise InvalidArgument("progress", "must be a finite number from 0 to 100")
    return float(progress)  # type: ignore[arg-type]


def check_task(task: object) -> Task:
    """Return a task that a store could have produced, made of nothing but values that were checked."""
    if Task not in type(task).__mro__:
        raise InvalidArgument("task", f"must be a Task, not {type(task).__name__}")
    fields = {name: vars(task).get(name) for name in Task.model_fields}  # `model_copy` takes anything
    for name, kind in (("status", TaskStatus), ("progress", float), ("current_step", str)):
        if type(fields[name]) is not kind:
            raise InvalidArgument(name, f"must be a {kind.__name__}, not {type(fields[name]).__name__}")
    status = check_change(*(fields[name] for name in Change._fields)).status
    created, updated = _check_time("created_at", fields["created_at"]), _check_time("updated_at", fields["updated_at"])
    completed = None if fields["completed_at"] is None else _check_time("completed_at", fields["completed_at"])
    if updated < created:
        raise InvalidArgument("updated_at", "must not be before created_at")
    if status.is_final is (completed is None) or (completed and not created <= completed <= updated):
        raise InvalidArgument("completed_at", "goes with a final status, and must be from created_at to updated_at")
    fields["task_id"] = check_new_id(fields["task_id"])
    fields["video_ids"] = _check_video_ids(fields["video_ids"])
    fields["metadata_json"] = _check_metadata(fields["metadata_json"])
    checked = trusted(Task, fields | {"created_at": created, "updated_at": updated, "completed_at": completed})
    check_size_of(checked)
    return checked


def _check_time(name: str, time: object) -> datetime:
    moment = check_moment(time, name)
    if not EPOCH <= moment < _END_OF_TIME:
        raise InvalidArgument(name, "must be in the years 1970 to 2200")
    return moment


def _check_metadata(text: object) -> str:
    try:
        return encode_metadata(decode(check_text("metadata", text)))
    except ValueError:  # of every kind
        raise InvalidArgument("metadata", "must be the text of a JSON object that a task may have") from None


def check_size_of(task: Task) -> None:
    """Refuse a task that is larger than one may be."""
    video_ids = write(task.video_ids)
    step, url, message, traceback = task.current_step, task.result_url, task.error_message, task.error_traceback
    check_size(video_ids, task.metadata_json, step, url, message, traceback)
