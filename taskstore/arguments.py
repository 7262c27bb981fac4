"""What a caller asked for, checked: the same checks, in the same order, before either store looks at anything."""

import os
import re
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from taskstore.contract import MAX_BYTES, MAX_LIMIT, MAX_OFFSET
from taskstore.errors import InvalidArgument
from taskstore.json_text import check_text, decode, encode, in_order, write
from taskstore.status import TaskStatus
from taskstore.values import EPOCH, Task, TaskCreateRequest, encode_metadata, trusted

_CURSOR = re.compile(r"(0|-?[1-9][0-9]{0,16})\.([^\ud800-\udfff]+)")
_END_OF_TIME = datetime(2201, 1, 1, tzinfo=UTC)
_STATUSES = {status.value: status for status in TaskStatus}
_COMPLETED = TaskStatus.COMPLETED  # to find it in its class at each update takes as long as to check a text
_CHANGEABLE = "status", "progress", "current_step", "result_url", "error_message", "error_traceback"
_OF_A_FAILURE = _CHANGEABLE[-2:]
_is_new_id = re.compile("[!-~]{1,256}").fullmatch


Change: TypeAlias = dict[str, Any]
"""The fields that an update sets, by name."""


def check_task_id(task_id: object) -> str:
    """Return the id as a plain text, whatever text it is."""
    if type(task_id) is str:
        return task_id
    try:
        return str.__str__(task_id)  # which a subclass cannot change
    except TypeError:
        raise InvalidArgument("task_id", f"must be text, not {type(task_id).__name__}") from None


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
    try:
        return _STATUSES[str.__str__(status)]  # refuses what is no text
    except (TypeError, KeyError):
        raise InvalidArgument("status", f"must be one of {', '.join(TaskStatus)}") from None


def check_page(limit: object, offset: object, after: object) -> tuple[int, str] | None:
    """Refuse what names no page, and return the place that the cursor names: microseconds since 1970 and an id."""
    for name, value, most in (("limit", limit, MAX_LIMIT), ("offset", offset, MAX_OFFSET)):
        if type(value) is not int or not 0 <= value <= most:
            raise InvalidArgument(name, f"must be a whole number from 0 to {most}")
    if after is None:
        return None
    found = _CURSOR.fullmatch(after) if isinstance(after, str) else None
    if not found or offset:
        raise InvalidArgument("after", "must be the `next` of a page, and be given without an offset")
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
        if text:
            size += len(text) if text.isascii() else len(text.encode())
    if size > MAX_BYTES:
        raise too_large(size)


def too_large(size: int) -> InvalidArgument:
    """The refusal of a task of that many bytes."""
    return InvalidArgument("task", f"would hold {size:,} bytes, more than {MAX_BYTES:,}")


def check_request(request: object) -> tuple[tuple[str, ...], str]:
    """Return the video ids, and the metadata as JSON text, of a request that may be stored."""
    if not isinstance(request, TaskCreateRequest):
        raise InvalidArgument("request", f"must be a TaskCreateRequest, not {type(request).__name__}")
    webhook_url, config = request.webhook_url, request.config
    url = "null" if webhook_url is None else write(check_text("webhook_url", webhook_url))
    metadata = f'{{"webhook_url":{url},"config":{"null" if config is None else encode("config", config)}}}'
    video_ids = _check_video_ids(getattr(request, "video_ids", None))  # `model_construct` may leave them out
    check_size(write(video_ids), metadata)
    return video_ids, metadata


def is_same_request(task: Task, video_ids: tuple[str, ...], metadata: str) -> bool:
    """Whether a request for these would create this task: equal as JSON, in value and type, the order of keys apart."""
    return task.video_ids == video_ids and in_order(task.metadata_json) == in_order(metadata)


def _check_video_ids(video_ids: object) -> tuple[str, ...]:
    if type(video_ids) is not tuple or not video_ids:
        raise InvalidArgument("video_ids", "must be a tuple of at least one text")
    for video_id in video_ids:
        check_text("video_ids", video_id)
    return video_ids


def check_change(status: object, progress: Any = None, **texts: str | None) -> Change:
    """Return what an update sets, if its arguments go together; `None` leaves a field as it is."""
    to = check_status(status)
    change: Change = {"status": to}
    is_completed = to is _COMPLETED
    if progress is None and is_completed:
        progress = 100
    if progress is not None:
        if type(progress) not in (int, float) or not 100 * is_completed <= progress <= 100:  # noqa: PLR2004  all of it
            raise InvalidArgument("progress", "must be a finite number from 0 to 100, and 100 if the task is completed")
        change["progress"] = float(progress)
    for name, text in texts.items():
        if text is not None:
            change[name] = check_text(name, text)
            if name in _OF_A_FAILURE and to is not TaskStatus.FAILED:
                raise InvalidArgument(name, "goes with the status failed only")
    check_size(*texts.values())
    return change


def check_task(task: object) -> Task:
    """Return a task that a store could have produced, made of nothing but values that were checked."""
    if not isinstance(task, Task):
        raise InvalidArgument("task", f"must be a Task, not {type(task).__name__}")
    fields = {name: vars(task).get(name) for name in Task.model_fields}  # `model_copy` takes anything
    for name, kind in (("status", TaskStatus), ("progress", float), ("current_step", str)):
        if type(fields[name]) is not kind:
            raise InvalidArgument(name, f"must be a {kind.__name__}, not {type(fields[name]).__name__}")
    status = check_change(**{name: fields[name] for name in _CHANGEABLE})["status"]
    created, updated = (check_moment(fields[name], name) for name in ("created_at", "updated_at"))
    completed = fields["completed_at"]
    if status.is_final:
        completed = check_moment(completed, "completed_at")
    elif completed is not None:
        raise InvalidArgument("completed_at", "goes with a final status only")
    if not EPOCH <= created <= (completed or created) <= updated < _END_OF_TIME:
        raise InvalidArgument("updated_at", "must be the last of the times, created_at the first, from 1970 to 2200")
    _check_video_ids(fields["video_ids"])
    try:
        metadata = encode_metadata(decode(check_text("metadata", fields["metadata_json"])))
    except ValueError:  # of every kind
        raise InvalidArgument("metadata", "must be the text of a JSON object that a task may have") from None
    fields |= {"task_id": check_new_id(fields["task_id"]), "metadata_json": metadata}
    fields |= {"created_at": created, "updated_at": updated, "completed_at": completed}
    check_size_of(checked := trusted(fields))
    return checked


def check_size_of(task: Task) -> None:
    """Refuse a task that is larger than one may be."""
    check_size(
        write(task.video_ids),
        task.metadata_json,
        task.current_step,
        task.result_url,
        task.error_message,
        task.error_traceback,
    )
