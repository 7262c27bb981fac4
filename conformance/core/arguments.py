"""Arguments of planned calls, as a store takes them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from conformance.core.observe import spoil
from conformance.core.scenario import CursorOf, Id, Next, TaskOf, TimeOf
from conformance.spec.model import FIELDS, STATUSES, Record, Request, cursor_of, plain
from taskstore import Task, TaskCreateRequest, TaskStatus

_REFERENCES: Mapping[type, Callable[[Any, Any], Any]] = {
    Id: lambda ref, task: f"{ref.before}{task.task_id}{ref.behind}",
    Next: lambda _, page: page.following,
    TimeOf: lambda ref, task: getattr(task, ref.name) + ref.plus,
    CursorOf: lambda _, task: cursor_of(task),
    TaskOf: lambda ref, task: task._replace(**ref.fields),
}


def resolved(arguments: Mapping[str, Any], results: Mapping[str, Any]) -> dict[str, Any] | None:
    """The arguments with what their references stand for, or nothing if a call that one names has failed."""
    found = {}
    for name, value in arguments.items():
        if (read := _REFERENCES.get(type(value))) is None:
            found[name] = value
            continue
        try:
            found[name] = read(value, results[value.label])
        except (LookupError, AttributeError, TypeError, ValueError):
            return None
    return found


def for_store(value: Any) -> Any:
    """An argument as the store takes it."""
    if isinstance(value, Request):
        return _request(value)
    return _restorable(value) if isinstance(value, Record) else value


def spoil_argument(value: Any) -> None:
    """Change what was passed in, as its caller may."""
    if isinstance(value, TaskCreateRequest) and type(value.config) is dict:
        spoil(value.config)


def _request(planned: Request) -> TaskCreateRequest:
    """The request. Its class changes some values, and refuses others: what the store has to refuse goes past it."""
    fields = {"video_ids": planned.video_ids, "webhook_url": planned.webhook_url, "config": _fresh(planned.config)}
    texts = planned.video_ids if type(planned.video_ids) is tuple else (None,)
    if {*map(type, texts)} == {str} and type(planned.webhook_url) in (str, type(None)):
        with suppress(ValueError):
            return TaskCreateRequest(**fields)
    return TaskCreateRequest.model_construct(**fields)


def _fresh(value: Any) -> Any:
    if type(value) is dict:
        return {key: _fresh(inside) for key, inside in value.items()}
    return [_fresh(inside) for inside in value] if type(value) is list else value


def _restorable(record: Record) -> Task:
    """The task as it is, whatever is wrong with it. Metadata that are a text are the JSON text of the task."""
    fields = {name: getattr(record, name) for name in FIELDS}
    metadata = plain(fields.pop("metadata"))
    fields["metadata_json"] = metadata if type(metadata) is str else _written(metadata)
    fields["status"] = TaskStatus(record.status) if record.status in STATUSES else record.status
    made: Task = copy.copy(_ANY_TASK)  # its class would change some values, and refuse others
    return made.model_copy(update=fields)


_written = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_NOW = datetime.now(UTC)
_ANY_TASK = Task(
    task_id="x",
    status=TaskStatus.PENDING,
    progress=0,
    current_step="",
    video_ids=("v",),
    created_at=_NOW,
    updated_at=_NOW,
)
