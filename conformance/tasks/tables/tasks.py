"""Helpers of the tables: short ways to write calls, tasks to restore, and a call of every operation."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from conformance.engine.kinds import Scenarios, scenario
from conformance.engine.scenario import Action, Call, ReadBack, Scenario
from conformance.harness import Capability
from conformance.tasks import calls as do
from conformance.tasks.calls import OPERATIONS, Id, cancel, create, get, listing, purge, restore, update
from conformance.tasks.spec.model import Record, canonical
from taskstore import TaskStatus

AnyAction = TypeVar("AnyAction", bound=Action)
DAY = timedelta(days=1)
MINUTE, SECOND, MICROSECOND = timedelta(minutes=1), timedelta(seconds=1), timedelta(microseconds=1)
LONG_AGO = datetime(2020, 2, 29, 23, 59, 59, 120_000, tzinfo=UTC)
BEYOND = datetime(2100, 1, 1, tzinfo=UTC)
"""Later than the end of every task."""
A, B = Id("a"), Id("b")
"""The ids of two tasks that most scenarios have."""
MIXED = ("pending", "completed", "clipping", "cancelled", "pending", "failed", "uploading")
"""The statuses of many tasks, in turn."""


def to(status: str, task: Any = A, on: int = 0, label: str = "", **fields: Any) -> Call:
    """An update to a status, of the task `a` if no other is named."""
    return update(task, TaskStatus(status), on, label, **fields)


def restorable(task_id: str = "restored", **fields: Any) -> Record:
    """A task as `restore` takes it."""
    metadata = canonical({"webhook_url": None, "config": None})
    task = Record(task_id, video_ids=("v",), metadata=metadata, created_at=LONG_AGO, updated_at=LONG_AGO)
    return task._replace(**fields)


def fitting(actions: Iterable[AnyAction], declared: frozenset[Capability]) -> list[AnyAction]:
    """Those actions that need nothing else than what the store declares."""
    return [action for action in actions if Scenario((action,)).required(OPERATIONS) <= declared]


MADE = create("a"), create("b"), cancel(B, label="b")
WRITES = (
    to("uploading", progress=7),
    to("clipping", result_url="r"),
    to("completed"),
    create(),
    cancel(A),
    cancel(B),
)
EXTRAS = (
    create(task_id=A),
    create(task_id="new"),
    purge(BEYOND),
    restore(restorable()),
)
"""Writes that not every store has."""
READS = get(A), listing(), listing(status=TaskStatus.PENDING, offset=1)
CALLS = *WRITES, *EXTRAS, *READS, listing(limit=1, after=do.CursorOf("a"))


_BEGIN = create("a", config={"k": [1]}), get(A), create("b"), to("clipping", progress=5, current_step="s")
ENDS = to("completed"), to("failed", error_message="e"), cancel(A), to("cancelled")
"""Ways to make a task final."""


def simple() -> Scenarios:
    """Yield each operation by itself: what that shows is learned, and not blamed on what follows."""
    for end in ENDS:
        yield scenario(_BEGIN, READS[:2], cancel(B), end, cancel(B), READS[:2], ReadBack())
