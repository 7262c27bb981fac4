"""What a fault is, when it shows, and what it knows of the store that it is in."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from taskstore import Task


@dataclass(frozen=True, slots=True)
class Condition:
    """When a fault shows: a kind, and the bound or the status that goes with it."""

    kind: str = "always"
    bound: Any = None

    def __str__(self) -> str:
        return self.kind if self.bound is None else f"{self.kind} {self.bound}"


@dataclass(frozen=True, slots=True)
class Fault:
    """An operator at a site: `way` is how it gets between the store and its caller, one of `ways.WAYS`.

    `amount` is what the operator needs to know besides: a length, a number of digits, which of its variants.
    """

    operator: str
    way: str
    operation: str
    field: str = ""
    amount: int = 0
    condition: Condition = Condition()

    def __str__(self) -> str:
        where = f"{self.operation} {self.field}".strip()
        return f"{self.operator} {self.amount}, {self.way} of {where}, {self.condition}"


@dataclass
class Trace:
    """What became of a fault: whether its condition was reached, and whether it changed anything."""

    reached: bool = False
    changed: bool = False


@dataclass
class Call:
    """One call of an operation, when the fault knew of so many tasks."""

    operation: str
    arguments: dict[str, Any]
    tasks: int = 0

    @property
    def task_id(self) -> str:
        """The id of the task that it is about, as far as it is text, or an empty text."""
        given = self.arguments.get("task_id", getattr(self.arguments.get("task"), "task_id", None))
        return given if isinstance(given, str) else ""


@dataclass
class Place:
    """What is stored, as the fault knows it. Instances that share their tasks share it."""

    latest: dict[str, Task] = field(default_factory=dict)
    previous: dict[str, Task] = field(default_factory=dict)
    writes: Counter[str] = field(default_factory=Counter)
    restored: set[str] = field(default_factory=set)
    overlay: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Fields that are stored wrong, by task."""
    hidden: set[str] = field(default_factory=set)
    """Tasks that were never stored, though a call said so."""
    gone: dict[str, Task] = field(default_factory=dict)
    """Tasks that were purged or have expired."""

    def wrote(self, task: Task) -> None:
        """Keep a task that a write returned."""
        known = self.latest.get(task.task_id)
        if task.task_id in self.gone:
            del self.writes[task.task_id]
            self.restored.discard(task.task_id)
        self.gone.pop(task.task_id, None)
        if known is not None and known == task:
            return
        if known is not None:
            self.previous[task.task_id] = known
        self.latest[task.task_id] = task
        self.writes[task.task_id] += 1

    def purged(self, before: datetime) -> None:
        """Forget the final tasks of before that moment."""
        for task_id in [one.task_id for one in self.latest.values() if one.completed_at and one.completed_at < before]:
            self.forget(task_id)

    def forget(self, task_id: str) -> None:
        """Forget a task that is gone, but for what it was."""
        if task_id in self.latest:
            self.gone[task_id] = self.latest[task_id]
        for kept in (self.latest, self.previous, self.overlay):
            kept.pop(task_id, None)
        self.hidden.discard(task_id)


@dataclass
class Namespace:
    """A namespace: how many stores were opened on it and closed again, and how much time has passed."""

    place: Place = field(default_factory=Place)
    opened: int = 0
    closed: int = 0
    ahead: timedelta = timedelta(0)
