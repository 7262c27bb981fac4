"""Values, arguments and exceptions: what comes in and what comes out, whatever the mode."""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
import typing
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

import taskstore
import taskstore.redis
from taskstore import (
    MAX_BYTES,
    FailureKind,
    InvalidArgument,
    MaintainedTaskStore,
    MemoryTaskStore,
    ObservedTaskStore,
    RecordUnreadable,
    SettingsInvalid,
    StoreNotOpen,
    StoreUnavailable,
    Task,
    TaskCreateRequest,
    TaskExists,
    TaskFinal,
    TaskNotFound,
    TaskPage,
    TaskStatus,
    TaskStoreError,
)
from taskstore.json_text import MAX_DEPTH, decode, encode
from taskstore.redis import RedisTaskStore

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TASK = Task(
    task_id="task_0",
    status=TaskStatus.PENDING,
    progress=0,
    current_step="",
    video_ids=("v",),
    created_at=NOW,
    updated_at=NOW,
)


class Text(str):
    __slots__ = ()


class Numbers(list[int]):
    pass


def nested(depth: int) -> Any:
    value: Any = 0
    for at in range(depth):
        value = [value] if at % 2 else {"deeper": value}
    return value


def cyclic() -> Any:
    value: list[Any] = []
    value += [value, value]
    return value


def restore(**changed: Any) -> None:
    async def run() -> None:
        async with MemoryTaskStore() as store:
            await store.restore(TASK.model_copy(update=changed))

    asyncio.run(run())


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        [1, 1.0, True],
        -(2**63),
        2**64 - 1,
        5e-324,
        1.7976931348623157e308,
        -0.0,
        '"\\/\x00\x1f\x7f\u2028é中😀',
        {"": {"a": []}, "é": {}},
        nested(MAX_DEPTH),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_json_comes_back_equal_in_value_and_type(value: object) -> None:
    assert repr(decode(encode("config", value))) == repr(value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (float("nan"), "NaN"),
        (float("-inf"), "infinity"),
        (2**64, "integer"),
        (-(2**63) - 1, "integer"),
        ("\ud800", "surrogate"),
        ({"\udfff": 1}, "surrogate"),
        ({1: 1}, "key"),
        ({Text("a"): 1}, "key"),
        ((1,), "tuple"),
        ({1}, "set"),
        (b"a", "bytes"),
        (Text("a"), "Text"),
        (Numbers(), "Numbers"),
        (TaskStatus.PENDING, "TaskStatus"),
        (NOW, "datetime"),
        (TASK, "Task"),
        (nested(MAX_DEPTH + 1), "deep"),
        (cyclic(), "deep"),
    ],
    ids=lambda value: repr(value)[:20],
)
@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: [{"a": value}]], ids=["alone", "inside"])
def test_what_json_would_change_is_refused(value: object, reason: str, wrap: Any) -> None:
    with pytest.raises(InvalidArgument, match=reason) as caught:
        encode("config", wrap(value), MAX_DEPTH + (2 if reason == "deep" and wrap(1) != 1 else 0))
    assert caught.value.argument == "config"


@pytest.mark.parametrize(
    "text", ["NaN", "1e999", b'"\xff"', '"\\ud800"', '"\ud800"', "[1,]", "01", "", "[" * 9_999 + "]" * 9_999]
)
def test_what_is_not_json_is_not_read(text: str | bytes) -> None:
    with pytest.raises(ValueError, match="."):
        decode(text)


def test_a_task_has_at_most_a_mebibyte_of_utf8() -> None:
    async def run() -> None:
        async with MemoryTaskStore() as store:
            # video ids: ["é"], 6 bytes; metadata: {"webhook_url":null,"config":{"a":"…"}}, 38 bytes and the text
            fitting = TaskCreateRequest(video_ids=("é",), config={"a": "é" * ((MAX_BYTES - 44) // 2)})
            task = await store.create_task(fitting)
            with pytest.raises(InvalidArgument, match=f"{MAX_BYTES + 1:,} bytes") as caught:
                await store.update_task_status(task.task_id, TaskStatus.CLIPPING, current_step="x")
            assert caught.value.argument == "task"
            assert await store.get_task(task.task_id) == task
            with pytest.raises(InvalidArgument):
                await store.create_task(fitting.model_copy(update={"video_ids": ("éx",)}))
            with pytest.raises(InvalidArgument):  # before anything is looked up
                await store.update_task_status("none", TaskStatus.CLIPPING, current_step="é" * (MAX_BYTES // 2 + 1))
            with pytest.raises(InvalidArgument):
                await store.restore(task.model_copy(update={"result_url": "x", "task_id": "b"}))

    asyncio.run(run())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("task_id", "with space"),
        ("status", "pending"),
        ("status", TaskStatus.FAILED),  # without completed_at
        ("progress", 1),
        ("progress", 100.5),
        ("current_step", None),
        ("result_url", 5),
        ("error_message", "goes with failed only"),
        ("error_traceback", "goes with failed only"),
        ("video_ids", ()),
        ("video_ids", ["v"]),
        ("video_ids", ("v", Text("w"))),
        ("metadata_json", "[]"),
        ("metadata_json", '{"a":1e999}'),
        ("metadata_json", None),
        ("created_at", NOW + timedelta(seconds=1)),
        ("created_at", NOW.replace(year=1969)),
        ("updated_at", NOW.replace(tzinfo=None)),
        ("updated_at", NOW.replace(year=2201)),
        ("completed_at", NOW),
    ],
)
def test_a_task_that_no_store_made_is_not_restored(field: str, value: object) -> None:
    restore()
    with pytest.raises(InvalidArgument):
        restore(**{field: value})


def test_a_task_and_a_page_cannot_be_changed() -> None:
    page = TaskPage(tasks=(TASK,), total=1, limit=50, offset=0)
    with pytest.raises(ValidationError, match="frozen"):
        TASK.status = TaskStatus.COMPLETED  # type: ignore[misc]  # the point of the test
    with pytest.raises(ValidationError, match="frozen"):
        page.total = 0  # type: ignore[misc]  # the same


ERRORS: list[tuple[type[TaskStoreError], dict[str, Any], dict[str, Any]]] = [
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
    assert {kind for kind, _, _ in ERRORS} == set(TaskStoreError.__subclasses__())
    assert all({field.name for field in fields(kind)} == facts.keys() for kind, facts, _ in ERRORS)  # type: ignore[arg-type]  # each is a dataclass
    assert TaskNotFound("task_0") != TaskExists("task_0")


@pytest.mark.parametrize(("kind", "facts", "other"), ERRORS, ids=lambda one: getattr(one, "__name__", ""))
def test_exceptions_are_their_facts(
    kind: type[TaskStoreError], facts: dict[str, Any], other: dict[str, Any]
) -> None:
    error, different = kind(**facts), kind(**{**facts, **other})
    error.add_note("what to do")  # is no fact
    for same in (kind(**facts), kind(*facts.values()), copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301  made on this line
        assert (type(same), same, hash(same), str(same)) == (kind, error, hash(error), str(error))
        assert {name: getattr(same, name) for name in facts} == facts
        assert same != different
        assert str(same) != str(different)


def test_an_exception_that_learns_a_fact_later_is_copied_with_it() -> None:
    error = StoreUnavailable("h:1/0", FailureKind.BROKEN, write_may_have_happened=True, detail="closed")
    error.task_id = "task_0"
    assert copy.copy(error) == pickle.loads(pickle.dumps(error)) == error  # noqa: S301  made on this line


@pytest.mark.parametrize("kind", [MemoryTaskStore, RedisTaskStore, ObservedTaskStore])
def test_the_contract_documents_every_public_method(kind: type[Any]) -> None:
    for name, method in inspect.getmembers(kind, inspect.isfunction):
        if not name.startswith("_"):
            promised = inspect.getdoc(getattr(MaintainedTaskStore, name, None))
            assert inspect.getdoc(method)
            assert method.__doc__ or inspect.getdoc(method) == promised


@pytest.mark.parametrize("module", [taskstore, taskstore.redis], ids=lambda module: module.__name__)
def test_annotations_of_every_public_name_can_be_resolved(module: Any) -> None:
    for name in module.__all__:
        value = getattr(module, name)
        functions = [one for _, one in inspect.getmembers(value, inspect.isfunction)] if inspect.isclass(value) else []
        for one in [value, *functions]:
            if callable(one) and one.__module__.startswith("taskstore"):
                typing.get_type_hints(one)
