"""Between the store's words and the model's: what a store is given, what came out, and in which fields it differs."""

from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any

from conformance.engine.contract import NOT_COMPARED, Fields, Raised
from conformance.engine.mutation import MARK, mutate
from conformance.tasks.spec.model import (
    FIELDS,
    STATUSES,
    Page,
    Record,
    Request,
    canonical,
    plain,
)
from conformance.text import shown
from taskstore import Task, TaskCreateRequest, TaskStatus, TaskStoreError

_LONGEST = 4_000
"""Characters of a field's value that a failure keeps: it shows them from where they differ."""
_PROSE = ("reason", "detail")
_read = attrgetter(*FIELDS)


def for_store(value: Any) -> Any:
    """An argument as the store takes it; the caller may change it later. The classes would refuse some values."""
    if isinstance(value, Request):
        fields = {name: for_store(getattr(value, name)) for name in value.__slots__}
        return TaskCreateRequest.model_construct(**fields)
    if isinstance(value, Record):
        fields = value._asdict()
        metadata = fields.pop("metadata")
        if value.status in STATUSES:
            fields["status"] = TaskStatus(value.status)
        return Task.model_construct(**fields, metadata_json=metadata)
    return deepcopy(value) if isinstance(value, list | dict) else value


def result_of(answer: Any, *, has_cursor: bool = True) -> Any:
    """Return the result of an operation; for an object that cannot be read as one, a text that says so.

    The `next` of a page is compared only if the store `has_cursor`.
    """
    if answer is None or type(answer) is int:
        return answer
    try:
        if hasattr(answer, "task_id"):
            return record_of(answer)
        following: Any = getattr(answer, "next", None) if has_cursor else NOT_COMPARED
        records = tuple(map(record_of, answer.tasks))
        return Page(records, answer.total, answer.limit, answer.offset, following)
    except Exception as error:  # noqa: BLE001  an object of the store may raise anything
        return f"{shown(answer)}, which raises {type(error).__name__} when it is read: {error}"


def record_of(task: Any) -> Record:
    """A task. Its values are taken as they are.

    Raises:
        TypeError: if the model cannot go on with it.
    """
    record = Record(*map(_as_ours, _read(task)))
    if not (isinstance(record.task_id, str) and isinstance(record.created_at, datetime)):
        raise TypeError("it has no id, or no time")
    return record._replace(status=str(record.status), metadata=_as_json(record.metadata))


def _as_ours(value: Any) -> Any:
    """A value of the type and zone that the contract has for it: that it is of another is reported by itself."""
    kind = type(value)
    if kind is datetime and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    as_ours = _KINDS.get(kind)
    return as_ours(value) if as_ours else value


_KINDS = {int: float, list: tuple}


def _as_json(metadata: Any) -> str:
    with suppress(TypeError, ValueError, RecursionError):
        text = canonical(metadata)
        if _decoded(text) == metadata:  # no tuple, and no key that is a number
            return text
    return canonical({"no JSON": shown(metadata)})


_decoded = lru_cache(maxsize=32)(plain)
"""To look at: many results in a row hold the same."""


def raised_of(error: TaskStoreError) -> Raised:
    """An exception of the contract by its facts."""
    facts = {name: value for name, value in vars(error).items() if name not in _PROSE and not name.startswith("_")}
    if "argument" in facts:  # a part of it may be named
        facts["argument"] = str(facts["argument"]).partition("[")[0].rpartition(".")[2]
    if "status" in facts:
        facts["status"] = str(facts["status"])
    ours = next(kind for kind in type(error).__mro__ if kind.__module__ == TaskStoreError.__module__)
    return Raised(ours.__name__, facts)


def mutate_task(task: Any) -> None:
    """Change a task that was returned, its fields too where they can be set."""
    mutate(task.metadata, task.video_ids)
    with suppress(Exception):  # an immutable task refuses, in its own way
        task.current_step = task.result_url = MARK


def describe(result: object, names: Fields = ()) -> str:
    """A result in words, with the fields `names`; without these, with its first two."""
    error = ""
    match result:
        case Raised(error, values):
            pass
        case Page(records):
            values = result._asdict() | {"records": [record.task_id for record in records]}
        case Record():
            values = result._asdict() | {"metadata": plain(result.metadata)}
        case _:
            return shown(result)
    chosen = [name for name in names if name in values] or [*values][:2]
    fields = ", ".join(f"{name}={shown(values[name], _LONGEST)}" for name in chosen)
    if error and fields:
        return f"{error}({fields})"
    return error or fields
