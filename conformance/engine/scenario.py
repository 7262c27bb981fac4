"""A scenario: what is done with a store, as plain data. A row of a table or a draw makes one; the player plays it.

Each action is written as a line of Python that a person can run, or as a comment.
"""

# ruff: noqa: N802  a reference reads like a value

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

from conformance.harness import Capability
from conformance.tasks.spec.model import Record, Request, cursor_of, plain
from conformance.text import source


@dataclass(frozen=True, slots=True, repr=False)
class Reference:
    """Something of what the call with this label returned: as Python, and how it is read."""

    label: str
    text: str
    read: Callable[[Any], Any]

    def __repr__(self) -> str:
        return self.text


def Id(label: str, before: str = "", behind: str = "") -> Reference:
    """The id of the task, with this text before and behind it."""
    texts = (before and source(before), f"{label}.task_id", behind and source(behind))
    return Reference(label, " + ".join(filter(None, texts)), lambda task: f"{before}{task.task_id}{behind}")


def TimeOf(label: str, plus: timedelta) -> Reference:
    """The completion of the task, and this much more."""
    return Reference(label, f"{label}.completed_at + {source(plus)}", lambda task: task.completed_at + plus)


def CursorOf(label: str) -> Reference:
    """The cursor that names the place of the task."""
    return Reference(label, f"cursor_of({label})", cursor_of)


def TaskOf(label: str, fields: Mapping[str, Any] | None = None) -> Reference:
    """The task, with other fields, for `restore`."""
    text = f"{label}.model_copy(update={source(fields)})" if fields else label
    return Reference(label, text, lambda task: task._replace(**fields or {}))


@source.register
def _(value: Request) -> str:
    return _made(
        "TaskCreateRequest", {name: one for name in value.__slots__ if (one := getattr(value, name)) is not None}
    )


@source.register
def _(value: Record) -> str:
    return _made("Task", value._asdict() | {"metadata": plain(value.metadata)})


def _made(name: str, fields: Mapping[str, Any]) -> str:
    return f"{name}({', '.join(f'{field}={source(value)}' for field, value in fields.items())})"


def _store(on: int) -> str:
    return f"store{on + 1}" if on else "store"


@dataclass(frozen=True, slots=True)
class Call:
    """A call of an operation on one of the open instances. Its result is known under `label` afterwards."""

    operation: str
    arguments: Mapping[str, Any]
    label: str = ""
    on: int = 0

    def __str__(self) -> str:
        names: tuple[str, ...] = ("request", "task", "before")
        if self.operation not in ("create_task", "list_tasks"):
            names += ("task_id", "status")
        given = (("" if name in names else f"{name}=") + source(value) for name, value in self.arguments.items())
        return f"{_store(self.on)}.{self.operation}({', '.join(given)})"


@dataclass(frozen=True, slots=True)
class Failure:
    """A way to fail of a connection, a server or a caller."""

    name: str
    cause: Callable[[Any], Awaitable[None]]
    """Brings it about to a `failing.Trouble`, and tells the stack `ends` of that how it ends."""
    kinds: tuple[str, ...] = ()
    """The `failure_kind` that exceptions may have. Without any, no call fails."""
    fails: tuple[str, ...] = ()
    """The operations that fail for certain."""
    may_write: bool = True
    """Whether a write that fails may have happened."""
    may_tear: bool = False
    """Whether a write may break off in its middle. What that leaves in the listings is no store's fault."""
    is_cold: bool = False
    """Whether it meets a store that has no connection yet."""
    seconds: float = 5.0
    """The time-outs of the store."""
    patience: float = 0.0
    """How long the store may take afterwards until it works again."""


@dataclass(frozen=True, slots=True)
class Race:
    """Calls that are made at the same time.

    Those at the places `cancelled` are cancelled after some turns of the loop. With `closes` the first instance is
    closed then. With a `failure` that instance is opened through a proxy, and this is done when a call has met it.
    """

    calls: tuple[Call, ...]
    cancelled: tuple[int, ...] = ()
    turns: int = 1
    closes: bool = False
    failure: Failure | None = None

    def __str__(self) -> str:
        head = f"# {self.failure.name}; `store` goes through a proxy\n" if self.failure else ""
        cancelled = f"  # the first {len(self.cancelled)} cancelled" if self.cancelled else ""
        closed = "  # and aclose" if self.closes else ""
        calls = "".join(f"    {call},\n" for call in self.calls)
        return f"{head}await asyncio.gather(\n{calls}){cancelled}{closed}"


@dataclass(frozen=True, slots=True)
class Look:
    """What may show a write is read, on every instance: tasks by id, all tasks, and the tasks of their statuses."""

    def __str__(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Wait:
    """Time passes; if nothing else is said a few milliseconds, so that the next write has a later time."""

    by: timedelta = timedelta(0)

    def __str__(self) -> str:
        return f"# {self.by or 'some milliseconds'} pass"


@dataclass(frozen=True, slots=True)
class Reopen:
    """An instance is closed, and another is opened in its place."""

    on: int = 0

    def __str__(self) -> str:
        return f"# {_store(self.on)} is closed, and opened again"


@dataclass(frozen=True, slots=True)
class Close:
    """An instance is closed, and is used nevertheless."""

    on: int = 0

    def __str__(self) -> str:
        return f"await {_store(self.on)}.aclose()"


@dataclass(frozen=True, slots=True)
class Populate:
    """So many tasks are created, in batches of calls at the same time. In turn they get one of the statuses."""

    count: int
    statuses: tuple[str, ...] = ("pending",)

    def __str__(self) -> str:
        return f"# {self.count:,} tasks are created, {', '.join(self.statuses)}"


@dataclass(frozen=True, slots=True)
class Pages:
    """All pages of a listing are read, by offset or by cursor."""

    limit: int
    status: Any = None
    by_cursor: bool = False

    def __str__(self) -> str:
        by = "cursor" if self.by_cursor else "offset"
        return f"# all pages of {self.limit}, {self.status or 'of any status'}, by {by}"


Action: TypeAlias = Call | Race | Look | Wait | Reopen | Close | Populate | Pages


@dataclass(frozen=True, slots=True)
class Scenario:
    """Actions on an empty store.

    `about` names requirements that it is about, besides those that the model names. It is played on stores that have
    the capabilities `needs`, and none of `lacks`, on so many `instances`.
    """

    actions: tuple[Action, ...] = ()
    about: tuple[str, ...] = ()
    needs: frozenset[Capability] = frozenset()
    lacks: frozenset[Capability] = frozenset()
    instances: int = 1

    @property
    def failure(self) -> Failure | None:
        """The first of its failures. With one, the first instance is opened through a proxy."""
        return next((one.failure for one in self.actions if isinstance(one, Race) and one.failure), None)

    @property
    def required(self) -> frozenset[Capability]:
        """What a store must have for it: `needs`, and what its calls need."""
        calls = [call for one in self.actions for call in getattr(one, "calls", (one,)) if isinstance(call, Call)]
        pages = [action for action in self.actions if isinstance(action, Pages) and action.by_cursor]
        by_cursor = bool(pages) or any("after" in call.arguments for call in calls)
        is_chosen = any(call.operation == "create_task" and "task_id" in call.arguments for call in calls)
        is_kept = any(call.operation in ("purge", "restore") for call in calls)
        needed = {Capability.CURSOR: by_cursor, Capability.CALLER_IDS: is_chosen, Capability.MAINTENANCE: is_kept}
        return self.needs.union(one for one, is_needed in needed.items() if is_needed)


def create(label: str = "", task_id: Any = None, on: int = 0, **fields: Any) -> Call:
    """A creation, of a `Request` with these fields."""
    chosen = {} if task_id is None else {"task_id": task_id}
    return Call("create_task", {"request": Request(**fields), **chosen}, label, on)


def get(task: Any, on: int = 0, label: str = "") -> Call:
    """A `get_task`."""
    return Call("get_task", {"task_id": task}, label, on)


def update(task: Any, status: Any, on: int = 0, label: str = "", **fields: Any) -> Call:
    """An `update_task_status`."""
    return Call("update_task_status", {"task_id": task, "status": status, **fields}, label, on)


def cancel(task: Any, on: int = 0, label: str = "") -> Call:
    """A `cancel_task`."""
    return Call("cancel_task", {"task_id": task}, label, on)


def listing(on: int = 0, **arguments: Any) -> Call:
    """A `list_tasks`."""
    return Call("list_tasks", arguments, on=on)


def purge(before: Any, on: int = 0) -> Call:
    """A `purge`."""
    return Call("purge", {"before": before}, on=on)


def restore(task: Any, on: int = 0) -> Call:
    """A `restore`, of a `Record` or of a `TaskOf`."""
    return Call("restore", {"task": task}, on=on)
