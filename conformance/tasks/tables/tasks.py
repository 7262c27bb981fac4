"""Helpers of the tables: short ways to write scenarios and calls, and tasks to restore."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from conformance.engine.scenario import Action, Call, ReadBack, Scenario
from conformance.harness import Capability
from conformance.tasks.calls import Id, cancel, create, get, listing, update
from conformance.tasks.spec.model import Record, canonical
from taskstore import TaskStatus

DAY = timedelta(days=1)
MINUTE, SECOND, MICROSECOND = timedelta(minutes=1), timedelta(seconds=1), timedelta(microseconds=1)
LONG_AGO = datetime(2020, 2, 29, 23, 59, 59, 120_000, tzinfo=UTC)
BEYOND = datetime(2100, 1, 1, tzinfo=UTC)
"""Later than the end of every task."""
A, B = Id("a"), Id("b")
"""The ids of two tasks that most scenarios have."""
MIXED = ("pending", "completed", "clipping", "cancelled", "pending", "failed", "uploading")
"""The statuses of many tasks, in turn."""


def scenario(
    *actions: Action | Iterable[Action],
    about: str = "",
    needs: Iterable[Capability] = (),
    lacks: Iterable[Capability] = (),
    instances: int = 1,
) -> Scenario:
    """A scenario of these actions, which is about these requirements. On two instances the store has to be shared."""
    flat: list[Action] = []
    for action in actions:
        flat += [action] if isinstance(action, Action) else action
    needed = {*needs}
    if instances > 1 and Capability.SHARED not in lacks:
        needed.add(Capability.SHARED)
    return Scenario(tuple(flat), tuple(about.split()), frozenset(needed), frozenset(lacks), instances)


def plain() -> list[Scenario]:
    """Each operation by itself, again and again: what that shows is learned, and not blamed on what comes next."""
    made = create("a", config={"k": [1]}), create("b"), to("clipping", current_step="s")
    scenarios = []
    for end in (to("completed"), to("failed", error_message="e"), to("cancelled")):
        ends = cancel(B), end, cancel(B), get(A), listing(), ReadBack()
        scenarios.append(scenario(made, get(A), listing(), ends))
    return scenarios * 4


def to(status: str, task: Any = A, on: int = 0, label: str = "", **fields: Any) -> Call:
    """An update to a status, of the task `a` if no other is named."""
    return update(task, TaskStatus(status), on, label, **fields)


def restorable(task_id: str = "restored", **fields: Any) -> Record:
    """A task as `restore` takes it."""
    metadata = canonical({"webhook_url": None, "config": None})
    task = Record(task_id, "pending", 0.0, "", ("v",), None, None, None, metadata, LONG_AGO, LONG_AGO, None)
    return task._replace(**fields)
