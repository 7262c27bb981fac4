"""Records behind the store's back: read by another client, removed, or overwritten with what is none."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from conformance.adapter import TaskView
from conformance.case import Namespace, NotTestable, case
from conformance.cases.contents import a_request, a_task, calls_on, fill, newest_first
from conformance.harness import Capability
from conformance.spec.model import TEXTS, canonical
from taskstore import RecordUnreadable, TaskStatus, TaskStore


@case("SHARE-03", needs=Capability.SHARED)
async def test_another_client_can_read_the_record(store: Any, namespace: Namespace) -> None:
    """The stored record has every field of the task under its name, after each write, small or large."""
    tasks: list[Any] = await fill(store, namespace.harness.capabilities)
    tasks.append(await store.create_task(a_request({"a": [1, {"b": None}], "text": "word " * 100_000})))
    if namespace.has(Capability.MAINTENANCE):
        tasks.append(a_task())
        await store.restore(tasks[-1])
    for task in tasks:
        has_every_field(namespace, task)


def has_every_field(namespace: Namespace, task: Any) -> None:
    """The record of a task has its values; a field without a value may be missing."""
    record = json.loads(namespace.inspector.raw(task.task_id) or b"null")
    assert isinstance(record, dict), f"expected a JSON object, got {record!r:.200}"
    if isinstance(task, TaskView):  # its fields have names of the store's own
        found = list(_values_in(record))
        texts = [text for text in (getattr(task, name) for name in TEXTS) if text]
        for value in (task.task_id, task.progress, *texts, list(task.video_ids), task.metadata["config"]):
            assert value in found, f"{value!r:.200} is not in {record!r:.2000}"
        return
    for name in ("task_id", "status", "progress", "metadata", "video_ids", *TEXTS):
        expected = json.loads(json.dumps(getattr(task, name)))
        is_same = canonical(record.get(name)) == canonical(expected)
        assert is_same, f"{name}: expected {expected!r:.200}, got {record.get(name)!r:.200}"
    for name in ("created_at", "updated_at", "completed_at"):
        assert (record.get(name) is None) == (getattr(task, name) is None), f"{name} is not in {record!r:.2000}"


def _values_in(value: Any) -> Iterator[Any]:
    yield value
    for inside in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _values_in(inside)


_REMOVED = ((0,), (1, 3), (2, 3, 4), (0, 1, 2, 3, 4), tuple(range(1, 130)))
"""Which tasks are removed, counted from the newest: one, several, a whole page, all, and many."""


@case("LIST-11", "LIST-04", needs=Capability.SHARED)
async def test_a_removed_record_is_neither_listed_nor_counted(store: Any, namespace: Namespace) -> None:
    """Pages that come to the places of deleted records are as long as others, and from then on no total counts them."""
    for places in _REMOVED:
        for status in (None, TaskStatus.PENDING):
            tasks = newest_first([await store.create_task(a_request()) for _ in range(places[-1] + 3)])
            other = await store.cancel_task((await store.create_task(a_request())).task_id)
            for place in places:
                namespace.inspector.delete(tasks[place].task_id)
            left = [task.task_id for place, task in enumerate(tasks) if place not in places]
            shown = left if status else [other.task_id, *left]
            for place in range(0, len(shown), 2):
                page = await store.list_tasks(status, limit=2, offset=place)
                assert [task.task_id for task in page.tasks] == shown[place : place + 2]
            for which, ids in ((status, shown), (TaskStatus.PENDING, left)):
                total = (await store.list_tasks(which, limit=0)).total
                assert total == len(ids), f"expected a total of {len(ids)}, got {total}"
            for task_id in (*left, other.task_id):
                namespace.inspector.delete(task_id)
            for which in (None, TaskStatus.PENDING, TaskStatus.CANCELLED):
                await store.list_tasks(which)


_NO_RECORDS = (b"", b"not json", b"{}", b"[1]", b"\xff\xfe", None)
"""What no store can take for the record of a task; None is a value of another type."""
_WRONG_VALUES = ((rf'"({"|".join(TaskStatus)})"', '"nothing"'), (r"20\d\d-", "soon-"), (r":\d{16}\b", ':"soon"'))
"""What makes a status none in a record, and times no times: a pattern, and what comes in its place."""


@case("FAIL-09", needs=Capability.SHARED)
async def test_an_unreadable_record_is_named(store: TaskStore, namespace: Namespace) -> None:
    """A record that is none, half of one, or has a wrong status or time: each operation refuses it and leaves it."""
    inspector = namespace.inspector
    for status, text in ((TaskStatus.PENDING, ""), (TaskStatus.COMPLETED, "text " * 16_000)):
        tasks = []
        for _ in range(3):
            task = await store.create_task(a_request({"text": text, "number": 123.0625, "list": ["item", {"a": 7}]}))
            tasks.append(await store.update_task_status(task.task_id, status))
        newer, task_id, older = (task.task_id for task in newest_first(tasks))
        raw = inspector.raw(task_id) or b""
        replaced = [re.sub(right.encode(), wrong.encode(), raw) for right, wrong in _WRONG_VALUES]
        if {*replaced} == {raw}:
            raise NotTestable("the record holds neither the word of a status nor a time")
        for wrong in (*_NO_RECORDS, raw[: len(raw) // 2], *(one for one in replaced if one != raw)):
            if wrong is None:
                inspector.overwrite_with_another_type(task_id)
            else:
                inspector.overwrite(task_id, wrong)
            there, keys = wrong and inspector.raw(task_id), set()
            for call in (*calls_on(task_id).values(), *calls_on(task_id).values()):
                with pytest.raises(RecordUnreadable) as refused:
                    await call(store)
                keys.add(refused.value.key)
                for limit, offset, expected in ((3, 0, [newer, older]), (1, 1, []), (2, 1, [older])):
                    page = await store.list_tasks(status, limit, offset)
                    listed = [task.task_id for task in page.tasks], {*page.unreadable}, page.total
                    assert listed == (expected, keys, 3), f"a listing with {wrong!r:.60}"
                assert not wrong or inspector.raw(task_id) == there, f"a call has changed {wrong!r:.60}"
            assert all(key.endswith(task_id) or task_id not in key for key in keys), f"the key of {task_id} is {keys}"
        for task in tasks:
            inspector.delete(task.task_id)
        await store.list_tasks(status)
