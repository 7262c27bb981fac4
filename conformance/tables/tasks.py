"""What the tables of scenarios share: tasks of every status, and tasks to restore."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from conformance.core.scenario import Action, Call, Id, cancel, create, restore, update
from conformance.harness import Capability
from conformance.spec.model import FINAL, STATUSES, Record, canonical
from taskstore import TaskStatus

DAY, WEEK = timedelta(days=1), timedelta(days=7)
MINUTE, SECOND, FIFTH = timedelta(minutes=1), timedelta(seconds=1), timedelta(milliseconds=200)
MICROSECOND = timedelta(microseconds=1)
LONG_AGO = datetime(2020, 2, 29, 23, 59, 59, 120_000, tzinfo=UTC)
BEYOND = datetime(2100, 1, 1, tzinfo=UTC)
"""Later than the end of every task."""
NOT_FINAL = tuple(status for status in STATUSES if status not in FINAL)
EXPIRING = frozenset({Capability.EXPIRING})
SHARED = frozenset({Capability.SHARED})
PERSISTENT = frozenset({Capability.PERSISTENT})
CURSOR = frozenset({Capability.CURSOR})
A, B = Id("a"), Id("b")
"""The ids of two tasks that most scenarios have."""
MIXED = ("pending", "completed", "clipping", "cancelled", "pending", "failed", "uploading")
"""The statuses of many tasks, in turn."""
CONFIG: dict[str, Any] = {"b": [1, 1.0, True, None, "é\x00"], "a": {"": -0.0}}

Actions: TypeAlias = tuple[Action, ...]
Way: TypeAlias = tuple[str, str, Actions]
"""A name, a status, and what brings the task `a` to it."""


def going(**fields: Any) -> Call:
    """An update of the task `a`."""
    return update(A, TaskStatus.CLIPPING, **fields)


def restorable(task_id: str = "restored", **fields: Any) -> Record:
    """A task as `restore` takes it."""
    metadata = canonical({"webhook_url": None, "config": None})
    task = Record(task_id, "pending", 0.0, "", ("v",), None, None, None, metadata, LONG_AGO, LONG_AGO, None)
    return task._replace(**fields)


def ways() -> Iterator[Way]:
    """Every way in which a task comes to a status."""
    first = create("a", video_ids=("v1", "v0"), webhook_url="https://example.com", config=CONFIG)
    yield "created", "pending", (first,)
    for status in STATUSES:
        fields: dict[str, Any] = {"result_url": "r", "current_step": "s"}
        if status == "failed":
            fields |= {"error_message": "m", "error_traceback": "t", "progress": 12.5}
        elif status != "completed":
            fields["progress"] = 40
        yield f"{status} directly", status, (first, update(A, TaskStatus(status), label="a", **fields))
    through = [update(A, TaskStatus(one), progress=number * 7) for number, one in enumerate(NOT_FINAL[1:])]
    for status in ("pending", *FINAL):
        yield f"{status} after all others", status, (first, *through, update(A, TaskStatus(status), label="a"))
    last = update(A, TaskStatus.UPLOADING, progress=99, current_step="last")
    yield "cancelled by cancel", "cancelled", (first, last, cancel(A, label="a"))
    for status in STATUSES:
        fields = {"status": status, "progress": 100.0 if status == "completed" else 33.25}
        fields |= {"error_message": "m", "error_traceback": "t\n"} if status == "failed" else {}
        fields |= {"completed_at": LONG_AGO + 2 * MINUTE} if status in FINAL else {}
        fields |= {"task_id": "restored", "updated_at": LONG_AGO + 5 * MINUTE, "video_ids": ("b", "a", "b")}
        yield f"{status} restored", status, (create("a"), restore(restorable(**fields)), named("restored"))


def named(task_id: str, label: str = "a") -> Call:
    """A reading of a task, so that the label stands for it."""
    return Call("get_task", {"task_id": task_id}, label)
