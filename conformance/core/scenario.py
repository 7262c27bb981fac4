"""A scenario: what is done with a store, as plain data. A row of a table or a draw makes one; the player plays it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias

from conformance.harness import Capability
from conformance.spec.model import Request


@dataclass(frozen=True, slots=True)
class Id:
    """The id of the task that the call with this label returned, with this text before and behind it."""

    label: str
    before: str = ""
    behind: str = ""


@dataclass(frozen=True, slots=True)
class Next:
    """The cursor of the page that the call with this label returned."""

    label: str


@dataclass(frozen=True, slots=True)
class TimeOf:
    """A time of the task that the call with this label returned, and this much more."""

    label: str
    name: str = "completed_at"
    plus: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class CursorOf:
    """The cursor that names the place of the task that the call with this label returned."""

    label: str


@dataclass(frozen=True, slots=True)
class TaskOf:
    """The task that the call with this label returned, with other fields, for `restore`."""

    label: str
    fields: Mapping[str, Any] = field(default_factory=dict)


Reference: TypeAlias = Id | Next | TimeOf | CursorOf | TaskOf


@dataclass(frozen=True, slots=True)
class Call:
    """A call of an operation on one of the open instances. Its result is known under `label` afterwards."""

    operation: str
    arguments: Mapping[str, Any]
    label: str = ""
    on: int = 0


@dataclass(frozen=True, slots=True)
class Race:
    """Calls that are made at the same time.

    Those at the places `cancelled` are cancelled after some turns of the loop. With `closes` the first instance is
    closed then.
    """

    calls: tuple[Call, ...]
    cancelled: tuple[int, ...] = ()
    turns: int = 1
    closes: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """A way to fail of a connection, a server or a caller."""

    name: str
    cause: Callable[[Any], AbstractAsyncContextManager[None]]
    """Brings it about, for the time of a block, to a `failing.Trouble`."""
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
    is_everywhere: bool = False
    """Whether it concerns the whole server, so that nothing else can be played meanwhile."""
    seconds: float = 5.0
    """The time-outs of the store."""
    patience: float = 0.0
    """How long the store may take afterwards until it works again."""


@dataclass(frozen=True, slots=True)
class Fail(Race):
    """Calls that are made at the same time while something fails.

    The first instance is opened through a proxy then. When a call has met the failure, calls are cancelled and it is
    closed, as the race says.
    """

    failure: Failure = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Look:
    """What may show a write is read, on every instance: tasks by id, all tasks, and the tasks of their statuses."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Time passes."""

    by: timedelta


@dataclass(frozen=True, slots=True)
class Tick:
    """A few milliseconds pass, so that the next write has a later time."""


@dataclass(frozen=True, slots=True)
class Reopen:
    """An instance is closed, and another is opened in its place."""

    on: int = 0


@dataclass(frozen=True, slots=True)
class Close:
    """An instance is closed, and is used nevertheless."""

    on: int = 0


@dataclass(frozen=True, slots=True)
class Populate:
    """So many tasks are created, in batches of calls at the same time. In turn they get one of the statuses."""

    count: int
    statuses: tuple[str, ...] = ("pending",)


@dataclass(frozen=True, slots=True)
class Pages:
    """All pages of a listing are read, by offset or by cursor."""

    limit: int
    status: Any = None
    by_cursor: bool = False


Action: TypeAlias = Call | Race | Fail | Look | Wait | Tick | Reopen | Close | Populate | Pages


@dataclass(frozen=True, slots=True)
class Scenario:
    """Actions on an empty store.

    `about` names requirements that it is about, besides those that the model names. It is played on stores that have
    the capabilities `needs`, and none of `lacks`, on so many `instances`.
    """

    name: str
    actions: tuple[Action, ...]
    about: tuple[str, ...] = ()
    needs: frozenset[Capability] = frozenset()
    lacks: frozenset[Capability] = frozenset()
    instances: int = 1

    @property
    def required(self) -> frozenset[Capability]:
        """What a store must have for it: `needs`, and what its calls need."""
        calls = [*calls_of(self.actions)]
        needed = set(self.needs)
        if any(call.operation in ("purge", "restore") for call in calls):
            needed.add(Capability.MAINTENANCE)
        if any("after" in call.arguments for call in calls) or any(
            isinstance(action, Pages) and action.by_cursor for action in self.actions
        ):
            needed.add(Capability.CURSOR)
        if any(call.operation == "create_task" and "task_id" in call.arguments for call in calls):
            needed.add(Capability.CALLER_IDS)
        return frozenset(needed)


def calls_of(actions: tuple[Action, ...]) -> Iterator[Call]:
    """The calls of actions, also those of races."""
    for action in actions:
        if isinstance(action, Call):
            yield action
        elif isinstance(action, Race):
            yield from action.calls


def create(label: str = "", task_id: Any = None, on: int = 0, **fields: Any) -> Call:
    """A creation, of a `Request` with these fields."""
    arguments: dict[str, Any] = {"request": Request(**fields)}
    if task_id is not None:
        arguments["task_id"] = task_id
    return Call("create_task", arguments, label, on)


def get(task: Any, on: int = 0, label: str = "") -> Call:
    """A `get_task`."""
    return Call("get_task", {"task_id": task}, label, on)


def update(task: Any, status: Any, on: int = 0, label: str = "", **fields: Any) -> Call:
    """An `update_task_status`."""
    return Call("update_task_status", {"task_id": task, "status": status, **fields}, label, on)


def cancel(task: Any, on: int = 0, label: str = "") -> Call:
    """A `cancel_task`."""
    return Call("cancel_task", {"task_id": task}, label, on)


def listing(label: str = "", on: int = 0, **arguments: Any) -> Call:
    """A `list_tasks`."""
    return Call("list_tasks", arguments, label, on)


def purge(before: Any, on: int = 0) -> Call:
    """A `purge`."""
    return Call("purge", {"before": before}, on=on)


def restore(task: Any, on: int = 0) -> Call:
    """A `restore`, of a `Record` or of a `TaskOf`."""
    return Call("restore", {"task": task}, on=on)
