"""What goes in comes out: equal in value and type, and cut off from whatever a caller holds."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conformance.case import calls, case
from conformance.equality import same
from conformance.strategies import a_request, json_objects, not_json_objects, texts
from taskstore import InvalidArgument, Task, TaskStatus, TaskStore


def config_of(task: Task) -> Any:
    """The config that a task was created from."""
    return task.metadata["config"]


AWKWARD: dict[str, Any] = {"awkward": [[], {}, None, "", "7", True, 1.0, -0.0, 3.14, 2**53 + 1, 10**30]}
"""What stores are known to convert, in every example."""


@case("VAL-01", config=json_objects, examples=50)
async def test_config_comes_back_equal_in_value_and_type(store: TaskStore, config: dict[str, Any]) -> None:
    """From create, get, list and every update, at every depth and to the last digit."""
    config = {**config, **AWKWARD}
    created = await store.create_task(a_request(copy.deepcopy(config)))
    assert same(config_of(created), config)
    assert same(config_of(await store.get_task(created.task_id)), config)
    updated = await store.update_task_status(created.task_id, TaskStatus.CLIPPING, 5, "step")
    assert same(config_of(updated), config)
    assert same(config_of((await store.list_tasks()).tasks[0]), config)
    assert same(config_of(await store.cancel_task(created.task_id)), config)
    assert same(config_of(await store.get_task(created.task_id)), config)


@case("VAL-02")
async def test_changing_what_was_passed_in_changes_nothing(store: TaskStore) -> None:
    """The store keeps no reference to the caller's config, at any depth."""
    config: dict[str, Any] = {"list": [1], "deep": {"inner": []}}
    task = await store.create_task(a_request(config))
    config["new"] = 1
    config["list"].append(2)
    config["deep"]["inner"].append(3)
    assert config_of(await store.get_task(task.task_id)) == {"list": [1], "deep": {"inner": []}}


@case("VAL-02")
async def test_changing_what_came_out_changes_nothing(store: TaskStore) -> None:
    """Tasks from create, get, update and list are no doors into the store."""
    created = await store.create_task(a_request({"list": [1], "deep": {"inner": []}}))
    for task in (
        created,
        await store.get_task(created.task_id),
        await store.update_task_status(created.task_id, TaskStatus.CLIPPING),
        (await store.list_tasks()).tasks[0],
    ):
        metadata = task.metadata
        metadata["webhook_url"] = "changed"
        metadata["config"]["list"].append(2)
        metadata["config"]["deep"]["inner"].append(3)
        if isinstance(task.video_ids, list):
            task.video_ids.append("changed")
        now = await store.get_task(created.task_id)
        assert now.metadata == {"webhook_url": None, "config": {"list": [1], "deep": {"inner": []}}}
        assert list(now.video_ids) == ["v1"]


@case("VAL-02")
async def test_a_returned_task_stays_as_it_was(store: TaskStore) -> None:
    """What a caller holds is the task of that moment, whatever is written later."""
    created = await store.create_task(a_request())
    read = await store.get_task(created.task_id)
    listed = (await store.list_tasks()).tasks[0]
    await store.update_task_status(created.task_id, TaskStatus.COMPLETED)
    for held in (created, read, listed):
        assert (held.status, held.progress, held.completed_at) == (TaskStatus.PENDING, 0, None)


@case("VAL-05", config=not_json_objects, examples=60)
async def test_what_is_not_json_is_refused(store: TaskStore, config: dict[Any, Any]) -> None:
    """A tuple, set, bytes, date, subclass, key that is not text, NaN, infinity or lone surrogate, at any depth."""
    with pytest.raises(InvalidArgument):
        await store.create_task(a_request(config))
    assert (await store.list_tasks()).total == 0


def nested(depth: int) -> dict[str, Any]:
    """An object with that many levels, itself included."""
    value: dict[str, Any] = {}
    for _ in range(depth - 1):
        value = {"in": value}
    return value


@case("VAL-06")
async def test_a_task_has_a_largest_size(store: TaskStore) -> None:
    """A little below 1 MiB a task is kept whole; above it is refused, at create and at update, with nothing changed."""
    almost, too_much = "x" * (1024 * 1024 - 500), "x" * (1024 * 1024)
    with pytest.raises(InvalidArgument):
        await store.create_task(a_request({"text": too_much}))
    assert (await store.list_tasks()).total == 0
    task = await store.create_task(a_request({"text": almost}))
    assert config_of(await store.get_task(task.task_id))["text"] == almost
    updated = await store.update_task_status(task.task_id, TaskStatus.CLIPPING, current_step="short")
    for call in calls(
        lambda: store.update_task_status(task.task_id, TaskStatus.CLIPPING, current_step="y" * 1_000),
        lambda: store.update_task_status(task.task_id, TaskStatus.CLIPPING, result_url="y" * 1_000),
    ):
        with pytest.raises(InvalidArgument):
            await call()
    assert await store.get_task(task.task_id) == updated


@case("VAL-09", text=texts, video=texts)
async def test_texts_come_back_as_they_were(store: TaskStore, text: str, video: str) -> None:
    """Step, URL, error, traceback and video ids, with quotes, newlines, NUL and every plane of Unicode."""
    text = f" {text}\0 7\n"  # what is stripped, cut or converted is in every example
    task = await store.create_task(a_request(video=video))
    await store.update_task_status(task.task_id, TaskStatus.CLIPPING, None, text, text)
    await store.update_task_status(task.task_id, TaskStatus.FAILED, error_message=text, error_traceback=text)
    read = await store.get_task(task.task_id)
    assert list(read.video_ids) == [video]
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


@case("VAL-01")
async def test_metadata_holds_webhook_url_and_config(store: TaskStore) -> None:
    """Both names are there whatever was given, and None is not the same as an empty object."""
    bare = await store.create_task(a_request())
    assert (await store.get_task(bare.task_id)).metadata == {"webhook_url": None, "config": None}
    request = a_request({}).model_copy(update={"webhook_url": "https://x/hook"})
    full = await store.create_task(request)
    assert (await store.get_task(full.task_id)).metadata == {"webhook_url": "https://x/hook", "config": {}}


@case("VAL-05")
async def test_a_config_that_is_no_object_is_refused(store: TaskStore) -> None:
    """A list or a text is a JSON value, and no config."""
    wrong: tuple[Any, ...] = ([], "text", 1, True)
    for config in wrong:
        with pytest.raises(InvalidArgument):
            await store.create_task(a_request(config))
    assert (await store.list_tasks()).total == 0


@case("VAL-09")
async def test_a_text_without_a_utf8_form_is_refused(store: TaskStore) -> None:
    """A lone surrogate cannot be stored as UTF-8: the update is refused, and the task stays as it is."""
    task = await store.create_task(a_request())
    with pytest.raises(InvalidArgument) as refused:
        await store.update_task_status(task.task_id, TaskStatus.CLIPPING, current_step="a\ud800b")
    assert refused.value.argument == "current_step"
    assert (await store.get_task(task.task_id)).current_step == ""
