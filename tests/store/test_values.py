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
TIMES = {"created_at": NOW, "updated_at": NOW}
TASK = Task(task_id="task_0", status=TaskStatus.PENDING, progress=0, current_step="", video_ids=("v",), **TIMES)


class Text(str):
    __slots__ = ()


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


LIMITS = [-(2**63), 2**64 - 1, 5e-324, 1.7976931348623157e308, -0.0]
JSON = [None, True, [1, 1.0, True], LIMITS, '"\\/\x00\x1f\x7f\u2028é中😀', {"": {"a": []}, "é": {}}, nested(MAX_DEPTH)]


@pytest.mark.parametrize("value", JSON, ids=lambda value: repr(value)[:20])
def test_json_comes_back_equal_in_value_and_type(value: object) -> None:
    assert repr(decode(encode("config", {"x": value}, MAX_DEPTH + 1))) == repr({"x": value})


REFUSED: dict[str, list[object]] = {
    "NaN or an infinity": [float("nan"), float("-inf")],
    "integer": [2**64, -(2**63) - 1],
    "surrogate": ["\ud800", {"\udfff": 1}],
    "a key": [{1: 1}, {Text("a"): 1}],
    "not a JSON value": [(1,), {1}, b"a", Text("a"), TaskStatus.PENDING, NOW, TASK],
    "too deep": [nested(MAX_DEPTH + 1), cyclic()],
}


@pytest.mark.parametrize(("reason", "value"), [(reason, value) for reason, some in REFUSED.items() for value in some])
def test_what_json_would_change_is_refused(reason: str, value: object) -> None:
    with pytest.raises(InvalidArgument, match=reason) as caught:
        encode("config", {"x": [value]}, MAX_DEPTH + 2)
    assert caught.value.argument == "config"
    with pytest.raises(InvalidArgument, match=r"object|deep|key|surrogate"):
        encode("config", value)


@pytest.mark.parametrize("text", ["NaN", "1e999", b'"\xff"', '"\\ud800"', '"\ud800"', "[1,]", "01", "", "[" * 9_999])
def test_what_is_not_json_is_not_read(text: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  that it is this class is what is promised
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


WRONG: dict[str, list[object]] = {
    "task_id": ["with space", None],
    "status": ["pending", TaskStatus.FAILED],  # the latter goes with a completed_at
    "progress": [1, 100.5],
    "current_step": [None, Text("")],
    "result_url": [5],
    "error_message": ["goes with failed only"],
    "error_traceback": ["goes with failed only"],
    "video_ids": [(), ["v"], ("v", Text("w"))],
    "metadata_json": ["[]", '{"a":1e999}', None],
    "created_at": [NOW + timedelta(seconds=1), NOW.replace(year=1969)],
    "updated_at": [NOW.replace(tzinfo=None), NOW.replace(year=2201)],
    "completed_at": [NOW],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in WRONG.items() for value in values])
def test_a_task_that_no_store_made_is_not_restored(field: str, value: object) -> None:
    restore()
    with pytest.raises(InvalidArgument):
        restore(**{field: value})


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
