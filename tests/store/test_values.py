"""Values, arguments and exceptions: what comes in and what comes out, whatever the mode."""

import copy
import pickle
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from taskstore import (
    FailureKind,
    InvalidArgument,
    RecordUnreadable,
    SettingsInvalid,
    StoreNotOpen,
    StoreUnavailable,
    Task,
    TaskExists,
    TaskFinal,
    TaskNotFound,
    TaskPage,
    TaskStatus,
    TaskStoreError,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TIMES = {"created_at": NOW, "updated_at": NOW}
TASK = Task(task_id="task_0", status=TaskStatus.PENDING, progress=0, current_step="", video_ids=("v",), **TIMES)


def test_a_task_and_a_page_cannot_be_changed() -> None:
    for value, name in ((TASK, "status"), (TaskPage(tasks=(TASK,), total=1, limit=50, offset=0), "total")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(value, name, 0)


ERRORS: list[tuple[TaskStoreError, str, Any]] = [
    (InvalidArgument("limit", "is negative"), "argument", "offset"),
    (TaskNotFound("task_0"), "task_id", "task_1" * 50),
    (TaskExists("task_0"), "task_id", "task_1"),
    (TaskFinal("task_0", TaskStatus.FAILED), "status", TaskStatus.COMPLETED),
    (StoreUnavailable("h:1/0", FailureKind.TIMEOUT, True, "1 s", task_id="a"), "write_may_have_happened", False),
    (RecordUnreadable("k", "not JSON"), "key", "l"),
    (StoreNotOpen("the store is closed"), "reason", "another loop"),
    (SettingsInvalid((("REDIS_PORT", "is 0"),)), "problems", (("REDIS_DB", "is -1"),)),
]
"""Each exception, and another value of one of its facts."""


@pytest.mark.parametrize(("error", "name", "other"), ERRORS, ids=lambda one: type(one).__name__)
def test_exceptions_are_their_facts(error: TaskStoreError, name: str, other: object) -> None:
    assert {type(one) for one, _, _ in ERRORS} == set(TaskStoreError.__subclasses__())
    facts = {field.name: getattr(error, field.name) for field in fields(error)}  # type: ignore[arg-type]  # a dataclass
    copied = copy.copy(error)
    copied.add_note("what to do")  # is no fact
    for same in (type(error)(**facts), copied, pickle.loads(pickle.dumps(copied))):  # noqa: S301  made on this line
        assert (type(same), same, hash(same), str(same)) == (type(error), error, hash(error), str(error))
    setattr(copied, name, other)  # a create learns its id later
    assert copy.copy(copied) == copied != error
    assert str(copied) != str(error)
