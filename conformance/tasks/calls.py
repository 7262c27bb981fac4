"""Operations of a task store, and calls of them as data: ways to write these, and what they refer to."""

# ruff: noqa: N802  a reference reads like a value

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from conformance.engine.scenario import Call, Reference
from conformance.harness import Capability
from conformance.operations.operation import WHOLE, Operation
from conformance.tasks.spec.model import Record, Request, cursor_of, plain
from conformance.text import constructed, source
from taskstore import TaskStatus


def _operation(name: str, *needed: str, **roles: Any) -> Operation:
    """Return an operation that is a method, with the names of the arguments that it needs."""
    arguments: Any = dict.fromkeys(needed)
    return Operation(name, name, arguments=arguments, positional=needed, ids=("task_id",), **roles)


_MAINTENANCE = {WHOLE: Capability.MAINTENANCE}
_OPERATIONS = (
    _operation("create_task", "request", writes="task_id", needs={"task_id": Capability.CALLER_IDS}),
    _operation("get_task", "task_id", reads="task_id"),
    _operation("list_tasks", reads=WHOLE, needs={"after": Capability.CURSOR}),
    _operation("update_task_status", "task_id", "status", writes="task_id"),
    _operation("cancel_task", "task_id", writes="task_id"),
    _operation("purge", "before", writes=WHOLE, needs=_MAINTENANCE),
    _operation("restore", "task", writes="task", needs=_MAINTENANCE),
)
OPERATIONS = {operation.name: operation for operation in _OPERATIONS}


def Id(label: str, before: str = "", behind: str = "") -> Reference:
    """The id of the task, with this text before and behind it."""
    text = f"{source(before)} + {label}.task_id + {source(behind)}"
    text = text.removeprefix("'' + ").removesuffix(" + ''")
    return Reference(label, text, lambda entry: f"{before}{entry.name()[0]}{behind}")


def CursorOf(label: str) -> Reference:
    """The cursor that names the place of the task."""
    return Reference(label, f"cursor_of({label})", lambda entry: cursor_of(entry.observed))


@source.register
def _(value: Request) -> str:
    given = {name: getattr(value, name) for name in value.__slots__}
    return constructed("TaskCreateRequest", {name: inside for name, inside in given.items() if inside is not None})


@source.register
def _(value: Record) -> str:
    return constructed("Task", value._asdict() | {"metadata": plain(value.metadata)})


def create(label: str = "", task_id: Any = None, on: int = 0, **fields: Any) -> Call:
    """A creation, of a `Request` with these fields."""
    chosen = {} if task_id is None else {"task_id": task_id}
    return Call("create_task", {"request": Request(**fields), **chosen}, label, on)


def many(count: int, statuses: Sequence[str] = ("pending",)) -> Iterator[Call]:
    """Yield creations of so many tasks. In turn they get one of the statuses."""
    for number in range(count):
        label = f"task{number}"
        status = statuses[number % len(statuses)]
        yield create(label, video_ids=(f"v{number}",))
        if status != "pending":
            yield update(Id(label), TaskStatus(status))


def _one(operation: str, name: str, about: Any, on: int = 0, label: str = "") -> Call:
    return Call(operation, {name: about}, label, on)


get = partial(_one, "get_task", "task_id")
cancel = partial(_one, "cancel_task", "task_id")
purge = partial(_one, "purge", "before")
restore = partial(_one, "restore", "task")
"""Calls with one argument; a `restore` of a `Record`."""


def update(task: Any, status: Any, on: int = 0, label: str = "", **fields: Any) -> Call:
    """An `update_task_status`."""
    return Call("update_task_status", {"task_id": task, "status": status, **fields}, label, on)


def listing(**arguments: Any) -> Call:
    """A `list_tasks`."""
    return Call("list_tasks", arguments)
