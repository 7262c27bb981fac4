"""What goes in comes out: equal in value and type, and cut off from whatever a caller holds."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest

from conformance.case import Namespace, NotTestable, case
from conformance.cases.contents import fill_in_every_way
from conformance.cases.operations import Call
from conformance.spec.equality import check_fields, same
from conformance.strategies import a_request
from conformance.tour.values import deep
from taskstore import InvalidArgument, TaskStatus, TaskStore

AWKWARD: dict[str, Any] = {
    "awkward": [[], {}, None, "", "7", True, 1, 1.0, -0.0, 3.14, 2**53 + 1, 2**64 - 1, -(2**63)],
    "é": "\0文",
}
"""What stores are known to convert."""


@case("VAL-01")
async def test_config_comes_back_equal_in_value_and_type(store: TaskStore) -> None:
    """From create, get, list, update and cancel; and an empty config is not the same as none."""
    for config in (None, {}, AWKWARD):
        created = await store.create_task(a_request(copy.deepcopy(config)))
        for seen in (
            created,
            await store.get_task(created.task_id),
            *(one for one in (await store.list_tasks()).tasks if one.task_id == created.task_id),
            await store.update_task_status(created.task_id, TaskStatus.CLIPPING),
            await store.cancel_task(created.task_id),
        ):
            assert same(seen.metadata, {"webhook_url": None, "config": config})


@case("VAL-02")
async def test_changing_what_a_caller_holds_changes_nothing(store: TaskStore) -> None:
    """Neither what was passed in nor what came out is the store's own, and a later write changes no returned task."""
    config: dict[str, Any] = {"list": [1], "deep": {"inner": []}}
    created = await store.create_task(a_request(config))
    config["list"].append(2)
    created.metadata["config"]["deep"]["inner"].append(3)
    (await store.list_tasks()).tasks[0].metadata["config"]["list"].append(4)
    read = await store.get_task(created.task_id)
    assert read.metadata["config"] == {"list": [1], "deep": {"inner": []}}
    await store.update_task_status(created.task_id, TaskStatus.COMPLETED)
    for held in (created, read):
        check_fields(held, status=TaskStatus.PENDING, progress=0, completed_at=None)


@case("VAL-05")
async def test_a_config_that_is_no_json_object_is_refused(store: TaskStore) -> None:
    """A list is no object; a tuple, a key that is not text, NaN, a lone surrogate and what holds itself are no JSON."""
    wrong: tuple[Any, ...] = ([], "text", {"a": [(1, 2)]}, {"a": {1: 2}}, {"a": float("nan")}, {"a": ["\ud800"]})
    wrong += ({"a": "\ud83d\ude00"}, {"\ud83d\ude00": 1})  # two surrogates have no UTF-8 form either
    endless: list[Any] = [1]
    endless.append(endless)
    wrong += ({"a": deep(5_000)}, {"a": endless}, {"a": {"b": endless}})  # deeper than Python's stack, and without end
    for config in wrong:
        with pytest.raises(InvalidArgument):
            await store.create_task(a_request(config))
    assert (await store.list_tasks()).total == 0


@case("VAL-06")
async def test_a_task_has_a_largest_size(store: TaskStore) -> None:
    """A little below 1 MiB a task is kept whole; above it is refused, at create and at update, with nothing changed."""
    almost, too_much = "x" * (1024 * 1024 - 500), "x" * (1024 * 1024)
    with pytest.raises(InvalidArgument):
        await store.create_task(a_request({"text": too_much}))
    assert (await store.list_tasks()).total == 0
    task = await store.create_task(a_request({"text": almost}))
    assert (await store.get_task(task.task_id)).metadata["config"]["text"] == almost
    updates: tuple[Call, ...] = (
        lambda: store.update_task_status(task.task_id, TaskStatus.CLIPPING, current_step="y" * 1_000),
        lambda: store.update_task_status(task.task_id, TaskStatus.CLIPPING, result_url="y" * 1_000),
    )
    for call in updates:
        with pytest.raises(InvalidArgument):
            await call()
    assert await store.get_task(task.task_id) == task


@case("VAL-09")
async def test_texts_come_back_as_they_were(store: TaskStore) -> None:
    """Blanks at their ends, NUL and every plane of Unicode included; what has no UTF-8 form is refused."""
    text = " \0 7\r\n\ufeffÉ e\u0301 文𝄞 "
    task = await store.create_task(a_request(video=text))
    await store.update_task_status(task.task_id, TaskStatus.CLIPPING, None, text, text)
    for wrong in ("a\ud800b", "a\ud83d\ude00b"):
        with pytest.raises(InvalidArgument) as refused:
            await store.update_task_status(task.task_id, TaskStatus.CLIPPING, current_step=wrong)
        assert refused.value.argument == "current_step"
    await store.update_task_status(task.task_id, TaskStatus.FAILED, error_message=text, error_traceback=text)
    read = await store.get_task(task.task_id)
    assert list(read.video_ids) == [text]
    assert [read.current_step, read.result_url, read.error_message, read.error_traceback] == [text] * 4


@case("VAL-10")
async def test_times_are_aware_and_in_utc(store: TaskStore) -> None:
    """created_at, updated_at and completed_at name their zone, from every operation, and are of now, not hours away."""
    task = await store.create_task(a_request())
    done = await store.update_task_status(task.task_id, TaskStatus.COMPLETED)
    for seen in (task, done, await store.get_task(task.task_id), (await store.list_tasks()).tasks[0]):
        for moment in (seen.created_at, seen.updated_at, seen.completed_at or seen.updated_at):
            assert moment.utcoffset() == timedelta(0)
            assert abs(moment - datetime.now(UTC)) < timedelta(minutes=10)


@case("VAL-10")
async def test_times_are_in_utc_wherever_the_machine_is(namespace: Namespace) -> None:
    """The same in other zones than UTC, of tasks of every status, by every form of read, and after a restore."""
    for number, zone in enumerate(("KAT-5:45", "STJ3:30")):  # as POSIX writes them: no table of zones is needed
        with in_zone(zone), namespace.beside(f"-{number}") as place:
            async with place.open() as store:
                tasks, _ = await fill_in_every_way(store, place)
                pages = [await store.list_tasks(status) for status in (None, *TaskStatus)]
                read = [await store.get_task(task.task_id) for task in tasks]
                for seen in (*tasks, *read, *(task for page in pages for task in page.tasks)):
                    for moment in (seen.created_at, seen.updated_at, seen.completed_at or seen.updated_at):
                        assert moment.utcoffset() == timedelta(0), zone
                        assert abs(moment - datetime.now(UTC)) < timedelta(minutes=10), zone


@contextmanager
def in_zone(zone: str) -> Iterator[None]:
    """Let the machine be in a zone."""
    if not hasattr(time, "tzset"):
        raise NotTestable("the zone of a process cannot be set on this machine")
    try:
        with mock.patch.dict(os.environ, {"TZ": zone}):
            time.tzset()
            yield
    finally:
        time.tzset()
