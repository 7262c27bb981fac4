"""A record that cannot be read is named, stays as it is, and takes no other task away."""

from __future__ import annotations

import json
import re

import pytest

from conformance.case import Namespace, NotTestable, case
from conformance.cases.operations import operations_on
from conformance.harness import Capability
from conformance.strategies import a_request
from taskstore import MaintainedTaskStore, RecordUnreadable, TaskStatus, TaskStore


@case("FAIL-09", needs=Capability.SHARED)
async def test_an_unreadable_record_is_named(store: TaskStore, namespace: Namespace) -> None:
    """Text that is no record, a record cut short, and a value of another type are refused by get, update and cancel."""
    task = await store.create_task(a_request())
    raw = namespace.inspector.raw(task.task_id)
    assert raw is not None
    for wrong in (b"", b"not json", b"{}", b"[1]", raw[: len(raw) // 2], raw[:-5], b"\xff\xfe", None):
        if wrong is None:
            namespace.inspector.overwrite_with_another_type(task.task_id)
        else:
            namespace.inspector.overwrite(task.task_id, wrong)
        await names_the_record(store, task.task_id)


@case("FAIL-09", needs=Capability.SHARED)
async def test_a_record_with_a_wrong_value_is_named(store: TaskStore, namespace: Namespace) -> None:
    """One whose status is none, or whose times are no times, is not handed out, and stays as it is."""
    task = await store.create_task(a_request())
    raw = namespace.inspector.raw(task.task_id)
    assert raw is not None
    wrongs = (
        re.sub(right, wrong, raw)
        for right, wrong in (
            (b'"pending"', b'"nothing"'),
            (rb"20\d\d-", b"soon-"),
            (rb"\d\d:\d\d:\d\d", b"99:99:99"),
        )
    )
    found = [wrong for wrong in wrongs if wrong != raw]
    if not found:
        raise NotTestable("the record holds neither the word of a status nor a time in ISO 8601")
    for wrong in found:
        namespace.inspector.overwrite(task.task_id, wrong)
        await names_the_record(store, task.task_id)
        assert namespace.inspector.raw(task.task_id) == wrong


@case("FAIL-09", needs=Capability.SHARED)
async def test_what_a_get_cannot_read_no_write_takes(store: TaskStore, namespace: Namespace) -> None:
    """Whatever is changed about a JSON record: if a get refuses it, so do an update and a cancel, which leave it."""
    task = await store.create_task(a_request())
    raw = namespace.inspector.raw(task.task_id)
    try:
        record = json.loads(raw or b"")
    except ValueError:
        raise NotTestable("the record is not JSON") from None
    if not isinstance(record, dict):
        raise NotTestable("the record is no JSON object")
    for name, value in record.items():
        others = (value + 1, -value) if type(value) in (int, float) else ()
        for other in (*others, None, "?", [], {}, True):
            wrong = with_member(raw or b"", name, value, other)
            namespace.inspector.overwrite(task.task_id, wrong)
            try:
                await store.get_task(task.task_id)
            except RecordUnreadable:
                await names_the_record(store, task.task_id)
                assert namespace.inspector.raw(task.task_id) == wrong


def with_member(raw: bytes, name: str, value: object, other: object) -> bytes:
    """A JSON object with another value of a member, and else as it is, where its text can be found."""
    for colon in (":", ": "):
        before, after = (
            f"{json.dumps(name)}{colon}{json.dumps(one, ensure_ascii=False, separators=(',', ':'))}".encode()
            for one in (value, other)
        )
        if raw.count(before) == 1:
            return raw.replace(before, after)
    return json.dumps({**json.loads(raw), name: other}, ensure_ascii=False, separators=(",", ":")).encode()


async def names_the_record(store: TaskStore, task_id: str) -> None:
    """A get, an update and a cancel of a task whose record cannot be read raise RecordUnreadable with its key."""
    for call in operations_on(store, task_id).values():
        with pytest.raises(RecordUnreadable) as refused:
            await call()
        assert refused.value.key.endswith(task_id)


@case("FAIL-09", needs=Capability.SHARED)
async def test_an_unreadable_record_does_not_take_the_list_down(
    store: MaintainedTaskStore, namespace: Namespace
) -> None:
    """The others are listed, and the page names the key of the one that cannot be read."""
    tasks = [await store.create_task(a_request()) for _ in range(4)]
    namespace.inspector.overwrite(tasks[1].task_id, b"not a record")
    namespace.inspector.overwrite_with_another_type(tasks[2].task_id)
    broken = {tasks[1].task_id, tasks[2].task_id}
    length = len(tasks[1].task_id)
    for status in (None, TaskStatus.PENDING):
        page = await store.list_tasks(status)
        assert [task.task_id for task in page.tasks] == [tasks[3].task_id, tasks[0].task_id]
        assert page.total == 4
        assert {key[-length:] for key in page.unreadable} == broken
        assert set(page.unreadable) <= namespace.inspector.keys()
        for limit in (1, 2, 3):
            pages = [await store.list_tasks(status, limit, offset) for offset in range(0, 4, limit)]
            assert [task.task_id for page in pages for task in page.tasks] == [tasks[3].task_id, tasks[0].task_id]
            assert {key[-length:] for page in pages for key in page.unreadable} == broken
            if Capability.CURSOR in namespace.harness.capabilities:
                await is_walked(store, status, limit, [tasks[3].task_id, tasks[0].task_id], broken)


async def is_walked(
    store: MaintainedTaskStore, status: TaskStatus | None, limit: int, ids: list[str], broken: set[str]
) -> None:
    """The pages by cursor have these tasks, and name the keys of the others."""
    page = await store.list_tasks(status, limit)
    pages = [page]
    while page.next is not None:
        page = await store.list_tasks(status, limit, after=page.next)
        pages.append(page)
    assert [task.task_id for page in pages for task in page.tasks] == ids
    assert {key[-len(ids[0]) :] for page in pages for key in page.unreadable} == broken
