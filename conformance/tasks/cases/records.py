"""Records behind the store's back: read by another client, removed, or overwritten with what is none."""

from __future__ import annotations

import json
import re
from itertools import product
from typing import Any

import pytest

from conformance.harness import Capability
from conformance.tasks.adapter import TaskView
from conformance.tasks.case import Namespace, case
from conformance.tasks.cases.contents import a_request, calls_on, fill
from conformance.tasks.spec.model import FIELDS, TEXTS
from taskstore import RecordUnreadable, TaskStatus, TaskStore


@case("SHARE-03", needs=Capability.SHARED)
async def test_another_client_can_read_the_record(store: Any, namespace: Namespace) -> None:
    """The stored record has every field of the task under its name, after each write, small or large."""
    tasks = await fill(store, namespace)
    tasks.append(await store.create_task(a_request({"a": [1, {"b": None}], "text": "word " * 100_000})))
    for task in tasks:
        record = json.loads(namespace.inspector.raw(task.task_id) or b"{}")
        named = () if isinstance(task, TaskView) else FIELDS  # an adapter's store has names of its own
        texts = [text for text in (getattr(task, name) for name in TEXTS) if text]
        values = task.task_id, task.progress, list(task.video_ids), task.metadata["config"], *texts
        missing: list[Any] = [name for name in named if name not in record and getattr(task, name) is not None]
        missing += [value for value in values if _json(value) not in _json(record)]
        assert not missing, f"{missing!r:.200} of the task are not in {record!r:.2000}"


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


_REMOVED = ((0,), (1, 3), (2, 3, 4), (0, 1, 2, 3, 4), tuple(range(1, 130)))
"""Which tasks are removed, counted from the newest: one, several, a whole page, all, and many."""


@case("LIST-11", "LIST-04", needs=Capability.SHARED)
async def test_a_removed_record_is_neither_listed_nor_counted(store: Any, namespace: Namespace) -> None:
    """Pages that come to the places of deleted records are as long as others, and from then on no total counts them."""
    for places, status in product(_REMOVED, (None, TaskStatus.PENDING)):
        for _ in range(places[-1] + 3):
            await store.create_task(a_request())
        await store.cancel_task((await store.create_task(a_request())).task_id)
        every, pending = [_ids(await store.list_tasks(one, limit=1_000)) for one in (None, TaskStatus.PENDING)]
        gone = {pending[place] for place in places}
        for task_id in gone:
            namespace.inspector.delete(task_id)
        left = [task_id for task_id in (pending if status else every) if task_id not in gone]
        for offset in range(0, len(left), 2):
            assert _ids(await store.list_tasks(status, limit=2, offset=offset)) == left[offset : offset + 2]
        assert (await store.list_tasks(status, limit=0)).total == len(left)
        assert (await store.list_tasks(TaskStatus.PENDING, limit=0)).total == len(pending) - len(gone)


def _ids(page: Any) -> list[str]:
    return [task.task_id for task in page.tasks]


_NO_RECORDS = (b"", b"not json", b"{}", b"[1]", b"\xff\xfe", None)
"""What no store can take for the record of a task; None is a value of another type."""
_WRONG_VALUES = ((rf'"({"|".join(TaskStatus)})"', '"nothing"'), (r"20\d\d-", "soon-"), (r':"?\d{16}\b"?', ':"soon"'))
"""What makes a status none in a record, and times no times, in our words: a pattern, and what comes in its place."""


@case("FAIL-09", needs=Capability.SHARED)
async def test_an_unreadable_record_is_named(store: TaskStore, namespace: Namespace) -> None:
    """A record that is none, half of one, or has a wrong status or time: each operation refuses it and leaves it."""
    inspector = namespace.inspector
    for _ in range(3):
        await store.create_task(a_request({"text": "text " * 16_000, "number": 123.0625, "list": ["item", {"a": 7}]}))
    newer, task_id, older = _ids(await store.list_tasks())
    raw = inspector.raw(task_id) or b""
    replaced = {re.sub(right.encode(), wrong.encode(), raw) for right, wrong in _WRONG_VALUES} - {raw}
    for wrong in (*replaced, *_NO_RECORDS, raw[: len(raw) // 2]):
        if wrong is None:
            inspector.overwrite_with_another_type(task_id)
        else:
            inspector.overwrite(task_id, wrong)
        there = wrong and inspector.raw(task_id)
        for call in calls_on(task_id).values():
            with pytest.raises(RecordUnreadable) as refused:
                await call(store)
            for limit, offset, expected in ((3, 0, [newer, older]), (1, 1, []), (2, 1, [older])):
                page = await store.list_tasks(TaskStatus.PENDING, limit, offset)
                listed = _ids(page), [*page.unreadable], page.total
                assert listed == (expected, [refused.value.key], 3), f"ids, unreadable, total with {wrong!r:.60}"
            assert not wrong or inspector.raw(task_id) == there, f"a call has changed {wrong!r:.60}"


_SPOILT = (
    ("progress", "half"),
    ("completed_at", "soon"),
    ("video_ids", "none"),
    ("metadata", "none"),
    ("video_ids", '["v1",]'),
    ("metadata", '{"config":NaN}'),  # JSON that is malformed inside
)
"""Fields in our words, and what is no value of theirs."""


@case("FAIL-09", needs=Capability.SHARED)
async def test_a_write_that_refuses_a_record_leaves_it(store: TaskStore, namespace: Namespace) -> None:
    """A record whose progress, video ids, metadata or end is spoilt: a write that calls it unreadable has left it."""
    inspector = namespace.inspector
    for (name, wrong), kind in product(_SPOILT, calls_on("")):
        task_id = (await store.create_task(a_request())).task_id
        record = json.loads(inspector.raw(task_id) or b"{}")
        if "progress" not in record:
            continue  # a store behind an adapter has names of its own
        inspector.overwrite(task_id, json.dumps({**record, name: wrong}).encode())
        before = inspector.raw(task_id)
        try:
            await calls_on(task_id)[kind](store)
        except RecordUnreadable as refused:
            is_left = refused.write_may_have_happened or inspector.raw(task_id) == before
            assert is_left, f"{kind} has changed a record that it calls unreadable, with {name} {wrong!r}"
