"""What the chapters of the plan share: tasks of every status, and tasks to restore."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from conformance.engine.scene import (
    Action,
    Text,
    cancel,
    create,
    get,
    restore,
    update,
)
from conformance.harness import Capability
from conformance.spec.model import FINAL, STATUSES, Record, canonical
from taskstore import TaskStatus

DAY = timedelta(days=1)
WEEK = 7 * DAY
MICROSECOND = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)
FIFTH = timedelta(milliseconds=200)
MINUTE = timedelta(minutes=1)
NOT_FINAL = tuple(status for status in STATUSES if status not in FINAL)
EXPIRING = frozenset({Capability.EXPIRING})
SHARED = frozenset({Capability.SHARED})
PERSISTENT = frozenset({Capability.PERSISTENT})
CALLER_IDS = frozenset({Capability.CALLER_IDS})
CURSOR = frozenset({Capability.CURSOR})
LONG_AGO = datetime(2020, 2, 29, 23, 59, 59, 120_000, tzinfo=UTC)
BEYOND = datetime(2100, 1, 1, tzinfo=UTC)
"""Later than every task of a store, and than every moment at which one is completed."""
ODD_CONFIG = {"b": [1, 1.0, True, None, "é\x00"], "a": {"": -0.0}}


def restorable(task_id: str = "restored", **fields: Any) -> Record:
    """A task as `restore` takes it."""
    record = Record(
        task_id=task_id,
        status="pending",
        progress=0.0,
        current_step="",
        video_ids=("v",),
        result_url=None,
        error_message=None,
        error_traceback=None,
        metadata=canonical({"webhook_url": None, "config": None}),
        created_at=LONG_AGO,
        updated_at=LONG_AGO,
        completed_at=None,
    )
    return record._replace(**fields)


FULL: dict[str, Any] = {
    "progress": 33.25,
    "current_step": "step \x00 文",
    "video_ids": ("b", "a", "b"),
    "result_url": "https://example.com/r",
    "metadata": canonical({"webhook_url": "https://example.com/w", "config": ODD_CONFIG}),
    "updated_at": LONG_AGO + 5 * MINUTE,
}
"""Every field of a restored task that is not final."""


class Way(NamedTuple):
    """How a task with the label `a` comes to a status."""

    name: str
    status: str
    actions: tuple[Action, ...]


def ways() -> Iterator[Way]:
    """Every way in which a task comes to a status."""
    first = create(video_ids=("v1", "v0"), webhook_url="https://example.com", config=ODD_CONFIG)
    yield Way("created", "pending", (first,))
    for status in STATUSES:
        extra: dict[str, Any] = {"result_url": "r", "current_step": "s"}
        if status == "failed":
            extra |= {"error_message": "m", "error_traceback": "t", "progress": 12.5}
        elif status != "completed":
            extra |= {"progress": 40}
        yield Way(f"{status} directly", status, (first, update("a", TaskStatus(status), **extra)))
    for status in ("pending", *FINAL):
        through = tuple(update("a", TaskStatus(one), progress=number * 7) for number, one in enumerate(NOT_FINAL[1:]))
        yield Way(f"{status} after all others", status, (first, *through, update("a", TaskStatus(status))))
    yield Way("cancelled by cancel", "cancelled", (first, cancel()))
    going = update("a", TaskStatus.UPLOADING, progress=99, current_step="last")
    yield Way("cancelled on the way", "cancelled", (first, going, cancel()))
    yield Way("failed without words", "failed", (first, update("a", TaskStatus.FAILED)))
    yield Way("completed at 100", "completed", (first, update("a", TaskStatus.COMPLETED, progress=100)))
    for status in STATUSES:
        fields: dict[str, Any] = dict(FULL)
        if status == "completed":
            fields["progress"] = 100.0
        if status == "failed":
            fields |= {"error_message": "m", "error_traceback": "t\n"}
        if status in FINAL:
            fields["completed_at"] = LONG_AGO + 2 * MINUTE
        task = restorable(status=status, **fields)
        yield Way(f"{status} restored", status, (restore(task), get(Text("restored")), *named("restored")))
    for writes in (2, 9, 10, 11, 40):
        steps = (update("a", TaskStatus.CLIPPING, progress=number) for number in range(writes))
        yield Way(f"clipping after {writes} writes", "clipping", (first, *steps))


def named(task_id: str) -> tuple[Action, ...]:
    """Read a task, so that the label `a` stands for it."""
    return (replace(get(Text(task_id)), label="a"),)


MIXED = ("pending", "completed", "clipping", "cancelled", "pending", "failed", "uploading")
"""The statuses of the tasks that populate a store, in turn."""
MOSTLY_PENDING = ("pending",) * 7 + MIXED
"""Those of the tasks of a large store: to give each of them another status takes its time."""
