"""Calls in writing: as lines of Python that a person can run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

from conformance.verify.bounded_world import ADVANCE
from conformance.verify.model import STATUSES, Call, Record, Refusal, State, step

_BEFORE = {"ever": "datetime(1, 1, 2, tzinfo=UTC)", "never": "datetime(9999, 12, 31, tzinfo=UTC)"}


def script(calls: Iterable[Call], lifetime: int | None) -> str:
    """The calls as plain lines, each with what the model says of it where that is a refusal."""
    state, lines = State(lifetime), []
    known: dict[str, Record] = {}
    for call in calls:
        if call.operation == ADVANCE:
            lines.append(f"# {call.arguments['days']} days pass")
            continue
        result, state = step(state, call)
        line = f"await store.{call.operation}({_arguments(call, known)})"
        if isinstance(result, Record):
            known[result.task_id] = result
            line = f"{result.task_id} = {line}"
        lines.append(f"{line}  # raises {result.error}" if isinstance(result, Refusal) else line)
    return "\n".join(lines)


def _arguments(call: Call, known: dict[str, Record]) -> str:
    given = call.arguments
    if call.operation == "create_task":
        request = f"TaskCreateRequest({_named({name: value for name, value in given.items() if name != 'task_id'})})"
        if "task_id" not in given:
            return request
        return f"{request}, task_id=" + (
            f"{given['task_id']}.task_id" if given["task_id"] in known else repr(given["task_id"])
        )
    if call.operation == "purge":
        return _BEFORE.get(given["before"], repr(given["before"])) if given["before"] else repr(given["before"])
    if call.operation == "restore" and isinstance(record := given["task"], Record):
        return _restored(record, known[record.task_id])
    if isinstance(given.get("task_id"), str) and given["task_id"] in known:
        others = {name: value for name, value in given.items() if name != "task_id"}
        return f"{given['task_id']}.task_id" + (f", {_named(others)}" if others else "")
    return _named(given)


def _named(given: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_text(value)}" for name, value in given.items())


def _text(value: Any) -> str:
    if type(value) is float and not isfinite(value):
        return f"float({str(value)!r})"
    return f"TaskStatus.{value.upper()}" if type(value) is str and value in STATUSES else repr(value)


def _restored(record: Record, last: Record) -> str:
    """The task by its name if it is as it was last, else with what is other."""
    if record == last:
        return record.task_id
    other = {name for name in Record.__slots__ if getattr(record, name) != getattr(last, name)}
    texts = [
        f'"{name}": {_text(getattr(record, name))}'
        for name in Record.__slots__
        if name in other - {"updated", "completed"}
    ]
    texts += [f'"updated_at": {record.task_id}.created_at'] if "updated" in other else []
    if "completed" in other:
        texts.append(f'"completed_at": {"None" if record.completed is None else record.task_id + ".created_at"}')
    return f"{record.task_id}.model_copy(update={{{', '.join(texts)}}})"
