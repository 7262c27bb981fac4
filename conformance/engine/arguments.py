"""Arguments of planned calls as a store takes them."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from conformance.engine.observe import spoil
from conformance.spec.equality import snapshot
from conformance.spec.model import FIELDS, STATUSES, Record, Request, plain
from taskstore import Task, TaskCreateRequest, TaskStatus


def as_task(result: Any, **fields: Any) -> Task:
    """A task of ours with the fields of a result, whatever class it is of, and with these in the place of its own.

    Raises:
        AssertionError: The result is not a task as the contract describes one.
    """
    try:
        task = Task.model_validate(snapshot(result))
    except ValidationError as error:
        raise AssertionError(f"a result is not a task as the contract describes one: {error}") from error
    return task.model_copy(update=fields)


def for_store(value: Any) -> Any:
    """An argument as the store takes it."""
    if isinstance(value, Request):
        return _request(value)
    if isinstance(value, Record):
        return _restorable(value)
    return value


def _request(planned: Request) -> TaskCreateRequest:
    fields = {
        "video_ids": planned.video_ids,
        "webhook_url": planned.webhook_url,
        "config": _fresh(planned.config),
    }
    if _is_plain_request(planned):
        return TaskCreateRequest(**fields)
    return TaskCreateRequest.model_construct(**fields)


def _fresh(value: Any) -> Any:
    if type(value) is dict:
        return {key: _fresh(inside) for key, inside in value.items()}
    return [_fresh(inside) for inside in value] if type(value) is list else value


def _is_plain_request(planned: Request) -> bool:
    texts = planned.video_ids
    if type(texts) is not tuple or not texts or not all(type(one) is str for one in texts):
        return False
    if planned.webhook_url is not None and type(planned.webhook_url) is not str:
        return False
    try:
        for text in (*texts, planned.webhook_url or ""):
            text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _restorable(record: Record) -> Task:
    """The task as it is, whatever is wrong with it. Metadata that are a text are the JSON text of the task."""
    fields = {name: getattr(record, name) for name in FIELDS}
    metadata = plain(fields.pop("metadata"))
    fields["metadata_json"] = metadata if type(metadata) is str else _written(metadata)
    fields["status"] = TaskStatus(record.status) if record.status in STATUSES else record.status
    made: Task = copy.copy(_ANY_TASK)  # its class would change some values, and refuse others
    return made.model_copy(update=fields)


_written = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _any_task() -> Task:
    now = datetime.now(UTC)
    return Task(
        task_id="task_x",
        status=TaskStatus.PENDING,
        progress=0,
        current_step="",
        video_ids=("v",),
        metadata={"webhook_url": None, "config": None},
        created_at=now,
        updated_at=now,
    )


_ANY_TASK = _any_task()


def spoil_argument(value: Any) -> None:
    """Change what was passed in, as its caller may."""
    if isinstance(value, TaskCreateRequest) and type(value.config) is dict:
        spoil(value.config)
