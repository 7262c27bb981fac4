"""What a caller asked for, checked: the same checks, in the same order, before either store looks at anything."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from taskstore.contract import MAX_BYTES, MAX_LIMIT, MAX_OFFSET
from taskstore.errors import InvalidArgument
from taskstore.json_text import check_text, encode, is_encodable, write
from taskstore.status import TaskStatus
from taskstore.values import Task, TaskCreateRequest

_CURSOR = re.compile(r"(0|-?[1-9][0-9]{0,17})\.(.+)", re.DOTALL)
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The microseconds since 1970 that a `datetime` can be."""

_TEXT_FIELDS = ("current_step", "result_url", "error_message", "error_traceback")
_NEW_TEXTS = ("", None, None, None)
"""Step, URL, error and traceback of a new task."""


def check_task_id(task_id: object) -> str:
    """Return the id if it is text, whatever text it is."""
    if not isinstance(task_id, str):
        raise InvalidArgument("task_id", f"must be text, not {type(task_id).__name__}")
    return task_id


def check_status(status: object) -> TaskStatus:
    """Return the status that is meant: a `TaskStatus`, or its text."""
    if type(status) is TaskStatus:
        return status
    try:
        return TaskStatus(status)  # type: ignore[arg-type]  # this is the check
    except ValueError:
        raise InvalidArgument("status", f"must be one of {', '.join(TaskStatus)}") from None


def check_page(limit: object, offset: object, after: object) -> tuple[int, str] | None:
    """Refuse what names no page, and return the place that the cursor names: microseconds since 1970 and an id."""
    if type(limit) is not int or not 0 <= limit <= MAX_LIMIT:
        raise InvalidArgument("limit", f"must be a whole number from 0 to {MAX_LIMIT}")
    if type(offset) is not int or not 0 <= offset <= MAX_OFFSET:
        raise InvalidArgument("offset", f"must be a whole number from 0 to {MAX_OFFSET}")
    if after is None:
        return None
    found = _CURSOR.fullmatch(after) if isinstance(after, str) else None
    if not found or not _FIRST <= int(found[1]) <= _LAST or not is_encodable(found[2]):
        raise InvalidArgument("after", "must be the `next` of a page")
    if offset:
        raise InvalidArgument("after", "must be given without an offset")
    return int(found[1]), found[2]


def check_moment(moment: object) -> datetime:
    """Return an aware moment, in UTC."""
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise InvalidArgument("before", "must be a datetime with a time zone")
    return moment.astimezone(UTC)


def check_lifetime(lifetime: object) -> int:
    """Return a lifetime, from a second to a hundred years, in whole milliseconds."""
    if not isinstance(lifetime, timedelta) or not timedelta(seconds=1) <= lifetime <= timedelta(days=36_525):
        raise InvalidArgument("lifetime", "must be a timedelta from one second to a hundred years")
    return lifetime // timedelta(milliseconds=1)


def check_size(*texts: str | None, video_ids: tuple[str, ...] | None = None, metadata: str = "") -> None:
    """Refuse values that are together larger, as JSON in UTF-8, than a task may be; `metadata` is JSON already.

    Raises:
        InvalidArgument: saying how large they are.
    """
    # A character has at most six bytes ("\u0000"), as what stands around a text has: write only what may be too large.
    values = (*texts, *(video_ids or ()))
    if 6 * (sum(map(len, filter(None, values))) + len(values) + len(metadata)) <= MAX_BYTES:
        return
    written = [*map(write, texts), metadata]
    if video_ids is not None:
        written.append(write(video_ids))
    if (size := sum(len(text.encode()) for text in written)) > MAX_BYTES:
        raise too_large(size)


def too_large(size: int) -> InvalidArgument:
    """The refusal of a task of that many bytes."""
    return InvalidArgument("task", f"would hold {size:,} bytes of JSON, more than {MAX_BYTES:,}")


def new_task_id() -> str:
    """An id that nobody can guess: 128 random bits."""
    return f"task_{secrets.token_hex(16)}"


def check_request(request: object) -> tuple[tuple[str, ...], str]:
    """Return the video ids, and the metadata as JSON text, of a request that may be stored."""
    if not isinstance(request, TaskCreateRequest):
        raise InvalidArgument("request", f"must be a TaskCreateRequest, not {type(request).__name__}")
    if request.config is not None and type(request.config) is not dict:
        raise InvalidArgument("config", f"must be a JSON object, not {type(request.config).__name__}")
    webhook_url = "null" if request.webhook_url is None else write(check_text("webhook_url", request.webhook_url))
    metadata = f'{{"webhook_url":{webhook_url},"config":{encode("config", request.config)}}}'
    video_ids = _check_video_ids(request.video_ids)
    check_size(*_NEW_TEXTS, video_ids=video_ids, metadata=metadata)
    return video_ids, metadata


def _check_video_ids(video_ids: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(check_text(f"video_ids[{at}]", video_id) for at, video_id in enumerate(video_ids))


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
        return {name: value for name, value in zip(self._fields, self, strict=True) if value is not None}

    def as_json(self) -> tuple[str, ...]:
        """The fields in their order, each as JSON text, or empty where it is left as it is."""
        texts = (self.current_step, self.result_url, self.error_message, self.error_traceback)
        return (
            f'"{self.status}"',
            "" if self.progress is None else repr(self.progress),  # as JSON writes a finite float
            *("" if text is None else write(text) for text in texts),
        )


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
    _check_texts(current_step, result_url, error_message, error_traceback)
    if to is TaskStatus.COMPLETED:
        if part not in (None, 100):
            raise InvalidArgument("progress", "must be 100, or left out, when the status is completed")
        part = 100.0
    if to is not TaskStatus.FAILED:
        for name, text in (("error_message", error_message), ("error_traceback", error_traceback)):
            if text is not None:
                raise InvalidArgument(name, "goes with the status failed only")
    check_size(current_step, result_url, error_message, error_traceback)
    return Change(to, part, current_step, result_url, error_message, error_traceback)


def _check_texts(*texts: object) -> None:
    for name, text in zip(_TEXT_FIELDS, texts, strict=True):
        if text is not None:
            check_text(name, text)


def _check_progress(progress: object) -> float:
    if type(progress) not in (int, float) or not 0 <= progress <= 100:  # type: ignore[operator]  # noqa: PLR2004
        raise InvalidArgument("progress", "must be a finite number from 0 to 100")
    return float(progress)  # type: ignore[arg-type]


def check_task(task: object) -> Task:
    """Return a task that a store could have produced."""
    if not isinstance(task, Task):
        raise InvalidArgument("task", f"must be a Task, not {type(task).__name__}")
    if task.status.is_final != (task.completed_at is not None):
        raise InvalidArgument("task", "must have completed_at exactly when its status is final")
    check_text("task_id", task.task_id)
    _check_texts(*_texts(task))
    _check_video_ids(task.video_ids)
    check_size_of(task)
    return task


def check_size_of(task: Task) -> None:
    """Refuse a task that is larger than one may be."""
    check_size(*_texts(task), video_ids=task.video_ids, metadata=task.metadata_json)


def _texts(task: Task) -> tuple[str | None, ...]:
    return task.current_step, task.result_url, task.error_message, task.error_traceback
