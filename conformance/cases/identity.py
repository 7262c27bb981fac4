"""Ids are unguessable, are never patterns, and any text may be asked for."""

from __future__ import annotations

import re

import pytest
from hypothesis import strategies as st

from conformance.case import calls, case
from conformance.cases.atomicity import maintained
from conformance.equality import snapshot
from conformance.strategies import a_request, unknown_ids
from taskstore import TaskExists, TaskNotFound, TaskStatus, TaskStore


@case("ID-01")
async def test_ids_never_collide(store: TaskStore) -> None:
    """Five hundred tasks have five hundred ids, and the store holds each."""
    ids = {(await store.create_task(a_request())).task_id for _ in range(500)}
    assert len(ids) == 500
    assert (await store.list_tasks(limit=0)).total == 500


@case("ID-02")
async def test_an_id_is_task_and_random_digits(store: TaskStore) -> None:
    """128 bits that share no beginning cannot be guessed from one another."""
    ids = [(await store.create_task(a_request())).task_id for _ in range(20)]
    assert [task_id for task_id in ids if not re.fullmatch(r"task_[0-9a-f]{32,}", task_id)] == []
    assert len({task_id[5:13] for task_id in ids}) == len(ids)


@case("ID-03", task_id=unknown_ids, examples=60)
async def test_any_text_is_a_valid_question(store: TaskStore, task_id: str) -> None:
    """Globs, newlines, NUL, the empty text, long ones, and texts without a UTF-8 form are simply not found."""
    await store.create_task(a_request())
    with pytest.raises(TaskNotFound) as missing:
        await store.get_task(task_id)
    assert missing.value.task_id == task_id


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


@case("ID-05")
async def test_creating_never_overwrites(store: TaskStore) -> None:
    """A task restored under an id that is taken is refused, and the first stays."""
    into = maintained(store)
    task = await into.create_task(a_request())
    now = await into.update_task_status(task.task_id, TaskStatus.CLIPPING, 40)
    with pytest.raises(TaskExists) as refused:
        await into.restore(task)
    assert refused.value.task_id == task.task_id
    assert await into.get_task(task.task_id) == now
