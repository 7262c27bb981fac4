"""Ids are unguessable, are never patterns, and any text may be asked for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st

from conformance.case import Namespace, calls, case
from conformance.cases.atomicity import maintained
from conformance.cases.table import unused_port
from conformance.equality import snapshot
from conformance.harness import Capability
from conformance.strategies import a_request
from taskstore import (
    InvalidArgument,
    StoreUnavailable,
    TaskExists,
    TaskNotFound,
    TaskStatus,
    TaskStore,
)


@case("ID-03", change=st.sampled_from(["*", "task_*", "{}*", "[{}", "{}\n", "{} ", "{}:", "?{}", "{}\x00", "/{}"]))
async def test_an_id_is_no_pattern(store: TaskStore, change: str) -> None:
    """What merely matches or resembles the id of a task does not name it, for get, update and cancel."""
    task = await store.create_task(a_request())
    similar = change.replace("{}", task.task_id)
    for call in calls(
        lambda: store.get_task(similar),
        lambda: store.update_task_status(similar, TaskStatus.CLIPPING),
        lambda: store.cancel_task(similar),
    ):
        with pytest.raises(TaskNotFound):
            await call()
    assert snapshot(await store.get_task(task.task_id)) == snapshot(task)


@case("ID-05", needs=Capability.MAINTENANCE)
async def test_creating_never_overwrites(store: TaskStore) -> None:
    """A task restored under an id that is taken is refused, and the first stays."""
    into = maintained(store)
    task = await into.create_task(a_request())
    now = await into.update_task_status(task.task_id, TaskStatus.CLIPPING, 40)
    with pytest.raises(TaskExists) as refused:
        await into.restore(task)
    assert refused.value.task_id == task.task_id
    assert await into.get_task(task.task_id) == now


CONFIG = {"a": 1, "b": {"x": [0.0, None], "y": "文"}}
SAME = {"b": {"y": "文", "x": [0.0, None]}, "a": 1}
OTHERS: list[Any] = [None, {}, {**CONFIG, "a": 1.0}, {**CONFIG, "a": True}, {**CONFIG, "c": None}, {"a": 1}]


@case("ID-06", needs=Capability.CALLER_IDS)
async def test_a_create_can_be_repeated_under_its_id(store: TaskStore) -> None:
    """Again and again, on a live and on a final task, with keys in another order: the same task, and no time moves."""
    task = await store.create_task(a_request(CONFIG), task_id="job-1")
    assert task.task_id == "job-1"
    assert snapshot(await store.get_task("job-1")) == snapshot(task)
    assert snapshot(await store.create_task(a_request(CONFIG), task_id="job-1")) == snapshot(task)
    for write in calls(
        lambda: store.update_task_status("job-1", TaskStatus.CLIPPING, 40, "cut"),
        lambda: store.update_task_status("job-1", TaskStatus.FAILED, error_message="no disk"),
    ):
        await write()
        now = await store.get_task("job-1")
        for config in (CONFIG, SAME):
            assert snapshot(await store.create_task(a_request(config), task_id="job-1")) == snapshot(now)
        assert snapshot(await store.get_task("job-1")) == snapshot(now)
    assert (await store.list_tasks()).total == 1


@case("ID-07", needs=Capability.CALLER_IDS)
async def test_an_id_is_visible_ascii(store: TaskStore) -> None:
    """Every visible character, one of them and 256 are taken; blanks, controls, other alphabets and no text are not."""
    visible = "".join(map(chr, range(33, 127)))
    for task_id in ("x", visible, "y" * 256):
        task = await store.create_task(a_request(), task_id=task_id)
        assert task.task_id == task_id
        assert snapshot(await store.get_task(task_id)) == snapshot(task)
        updated = await store.update_task_status(task_id, TaskStatus.CLIPPING, 5)
        assert snapshot(await store.get_task(task_id)) == snapshot(updated)
    wrong: list[Any] = ["", " ", "a b", "a\n", "\x7f", "\x00", "é", "文", "\ud800", "x" * 257, 7, b"x", ["x"]]
    for task_id in wrong:
        with pytest.raises(InvalidArgument) as refused:
            await store.create_task(a_request(), task_id=task_id)
        assert refused.value.argument == "task_id"
    assert (await store.list_tasks()).total == 3


@case("ID-08", needs=(Capability.CALLER_IDS, Capability.REMOTE))
async def test_a_failed_create_names_its_id(namespace: Namespace) -> None:
    """It names the caller's id, or the one that the store made: with it the create can be repeated later."""
    async with namespace.harness.open_at(namespace.name, f"redis://127.0.0.1:{unused_port()}/0", 5) as store:
        with pytest.raises(StoreUnavailable) as chosen:
            await store.create_task(a_request(), task_id="job-1")
        assert chosen.value.task_id == "job-1"
        with pytest.raises(StoreUnavailable) as made:
            await store.create_task(a_request())
        with pytest.raises(StoreUnavailable) as read:
            await store.get_task("job-1")
        assert read.value.task_id is None
    async with namespace.open() as store:
        assert made.value.task_id is not None
        task = await store.create_task(a_request(), task_id=made.value.task_id)
        assert task.task_id == made.value.task_id


@case("ID-06", needs=Capability.CALLER_IDS)
async def test_another_request_under_a_taken_id_is_refused(store: TaskStore) -> None:
    """Another config under the id of a live task is refused, and the task stays as it is."""
    task = await store.create_task(a_request(CONFIG), task_id="job-1")
    with pytest.raises(TaskExists) as refused:
        await store.create_task(a_request({**CONFIG, "a": 2}), task_id="job-1")
    assert refused.value.task_id == "job-1"
    assert snapshot(await store.get_task("job-1")) == snapshot(task)
