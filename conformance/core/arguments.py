"""Arguments of planned calls, as a store takes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from conformance.core.scenario import Reference
from conformance.spec.model import STATUSES, Record, Request, plain
from taskstore import Task, TaskCreateRequest, TaskStatus


def resolved(value: Any, results: Mapping[str, Any]) -> Any:
    """What an argument stands for, by the results of the calls that have a label.

    Raises:
        LookupError, AttributeError, TypeError, ValueError: if the call that it names has failed.
    """
    return value.read(results[value.label]) if isinstance(value, Reference) else value


def for_store(value: Any) -> Any:
    """An argument as the store takes it. The classes would change some values, and refuse others."""
    if isinstance(value, Request):
        return TaskCreateRequest.model_construct(
            video_ids=value.video_ids, webhook_url=value.webhook_url, config=_fresh(value.config)
        )
    if not isinstance(value, Record):
        return value
    fields = value._asdict()
    metadata = plain(fields.pop("metadata"))  # a text is the JSON text of the task
    written = metadata if type(metadata) is str else json.dumps(metadata, ensure_ascii=False, separators=(",", ":"))
    status = TaskStatus(value.status) if value.status in STATUSES else value.status
    return Task.model_construct(**(fields | {"status": status, "metadata_json": written}))


def _fresh(value: Any) -> Any:
    if type(value) is dict:
        return {key: _fresh(inside) for key, inside in value.items()}
    return [_fresh(inside) for inside in value] if type(value) is list else value
