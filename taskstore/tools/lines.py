"""A task as a line of JSON, for files: its fields, and how many milliseconds it still lives."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from pydantic import ValidationError

from taskstore.arguments import check_task
from taskstore.contract import MAX_BYTES
from taskstore.errors import InvalidArgument
from taskstore.json_text import decode, write, write_sorted
from taskstore.values import Task

LONGEST = 8 * MAX_BYTES
"""Bytes after which a text is not read as a task: escapes make it longer than what they stand for."""
BATCH = 100
"""Tasks that are copied together."""
_LIFE_BOUND_MS = 36_525 * 24 * 3_600_000


class NotATaskError(ValueError):
    """What was read is not a task that the store takes; the text says why."""


class Found(NamedTuple):
    """A task of a source, and how long it still lives there; `None` where a source has no end for it."""

    task: Task
    left_ms: int | None
    changes: tuple[str, ...] = ()
    """What had to be left out of it."""


class Bad(NamedTuple):
    """What a source has and the store does not take."""

    where: str
    reason: str


def fields_of(task: Task) -> dict[str, Any]:
    """The fields of a task as JSON values."""
    fields = task.model_dump(mode="json", exclude={"metadata"})
    return fields | {"metadata": decode(task.metadata_json)}


def line_of(found: Found) -> bytes:
    """The line of a task, with its end."""
    return write(fields_of(found.task) | {"left_ms": found.left_ms}).encode() + b"\n"


def digest_of(task: Task) -> int:
    """A number for a task, alike for equal tasks; the sum over many tells them apart, in whatever order they come."""
    return int.from_bytes(sha256(write_sorted(fields_of(task)).encode()).digest())


def object_of(text: bytes) -> dict[str, Any]:
    """The JSON object that a text is.

    Raises:
        NotATaskError: if it is something else.
    """
    if len(text) >= LONGEST:
        raise NotATaskError("it is longer than a task can be")
    try:
        value = json.loads(text, parse_constant=_refuse)
    except NotATaskError:
        raise
    except (ValueError, RecursionError):
        raise NotATaskError("it is not JSON") from None
    if type(value) is not dict:
        raise NotATaskError("it is not a JSON object")
    return value


def task_of(fields: dict[str, Any]) -> Task:
    """The task of these fields, which the store would take.

    Raises:
        NotATaskError: if it would not.
    """
    try:
        return check_task(Task.model_validate(fields))
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False)[0]
        cause = first.get("ctx", {}).get("error")
        reason = cause.reason if isinstance(cause, InvalidArgument) else first["msg"].removeprefix("Value error, ")
        raise NotATaskError(f"{'.'.join(map(str, first['loc']))}: {reason}") from None
    except InvalidArgument as fault:
        raise NotATaskError(f"{fault.argument}: {fault.reason}") from None


async def read(path: Path) -> AsyncIterator[list[Found | Bad]]:
    """The tasks of a file, in batches."""
    batch: list[Found | Bad] = []
    number = 0
    with path.open("rb") as file:
        while line := file.readline(LONGEST):
            number += 1
            rest = line
            while len(rest) == LONGEST and not rest.endswith(b"\n"):
                rest = file.readline(LONGEST)
            if line.strip() or len(line) == LONGEST:
                batch.append(_found(line, f"{path}:{number}"))
            if len(batch) == BATCH:
                yield batch
                batch = []
    yield batch


def _found(line: bytes, where: str) -> Found | Bad:
    try:
        fields = object_of(line)
        task = task_of(fields)
    except NotATaskError as fault:
        return Bad(where, str(fault))
    left_ms = fields.get("left_ms")
    if left_ms is not None and (type(left_ms) is not int or not 0 <= left_ms <= _LIFE_BOUND_MS):
        return Bad(where, "left_ms: must be a whole number of milliseconds, at most a hundred years, or null")
    return Found(task, left_ms)


def _refuse(constant: str) -> NoReturn:
    raise NotATaskError(f"{constant} is not JSON")
