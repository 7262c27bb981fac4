from __future__ import annotations

import pickle
from dataclasses import fields
from typing import Any

import pytest

from taskstore import (
    FailureKind,
    InvalidArgument,
    RecordUnreadable,
    SettingsInvalid,
    StoreNotOpen,
    StoreUnavailable,
    TaskExists,
    TaskFinal,
    TaskNotFound,
    TaskStatus,
    TaskStoreError,
)

EACH: list[tuple[type[TaskStoreError], dict[str, Any], dict[str, Any]]] = [
    (InvalidArgument, {"argument": "limit", "reason": "is negative"}, {"argument": "offset"}),
    (TaskNotFound, {"task_id": "task_0"}, {"task_id": "task_1" * 50}),
    (TaskExists, {"task_id": "task_0"}, {"task_id": "task_1"}),
    (TaskFinal, {"task_id": "task_0", "status": TaskStatus.FAILED}, {"status": TaskStatus.COMPLETED}),
    (
        StoreUnavailable,
        {
            "address": "h:1/0",
            "failure_kind": FailureKind.TIMEOUT,
            "write_may_have_happened": True,
            "detail": "1 s",
            "task_id": "task_0",
        },
        {"write_may_have_happened": False},
    ),
    (RecordUnreadable, {"key": "k", "reason": "not JSON"}, {"key": "l"}),
    (StoreNotOpen, {"reason": "the store is closed"}, {"reason": "another loop"}),
    (SettingsInvalid, {"problems": (("REDIS_PORT", "is 0"),)}, {"problems": (("REDIS_DB", "is -1"),)}),
]
"""Each exception, its facts, and one that is different."""


def test_each_exception_is_tried() -> None:
    assert {kind for kind, _, _ in EACH} == set(TaskStoreError.__subclasses__())
    assert all({field.name for field in fields(kind)} == facts.keys() for kind, facts, _ in EACH)  # type: ignore[arg-type]  # each is a dataclass


@pytest.mark.parametrize(("kind", "facts", "other"), EACH, ids=lambda one: getattr(one, "__name__", ""))
def test_exceptions_are_equal_when_their_facts_are(
    kind: type[TaskStoreError], facts: dict[str, Any], other: dict[str, Any]
) -> None:
    one, same, different = kind(**facts), kind(**facts), kind(**{**facts, **other})
    assert one == same
    assert hash(one) == hash(same)
    one.add_note("what to do")  # is no fact
    assert one == same
    assert hash(one) == hash(same)
    assert one != different
    assert str(one) == str(same) != str(different)


@pytest.mark.parametrize(("kind", "facts", "other"), EACH, ids=lambda one: getattr(one, "__name__", ""))
def test_an_exception_survives_pickling(
    kind: type[TaskStoreError], facts: dict[str, Any], other: dict[str, Any]
) -> None:
    for known in (facts, {**facts, **other}):
        error = kind(**known)
        sent = pickle.loads(pickle.dumps(error))  # noqa: S301  made on this line
        assert type(sent) is kind
        assert sent == error
        assert hash(sent) == hash(error)
        assert {name: getattr(sent, name) for name in known} == known
        assert str(sent) == str(error) != ""


def test_exceptions_with_the_same_facts_and_another_class_are_different() -> None:
    assert TaskNotFound("task_0") != TaskExists("task_0")
