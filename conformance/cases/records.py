"""Records behind the store's back: read by another client, removed, or overwritten with what is none."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from conformance.adapter import TaskView
from conformance.case import Namespace, NotTestable, case
from conformance.cases.contents import a_request, a_task, calls_on, fill, newest_first
from conformance.harness import Capability
from conformance.spec.equality import same
from conformance.spec.model import TEXTS
from taskstore import RecordUnreadable, TaskStatus, TaskStore


@case("SHARE-03", needs=Capability.SHARED)
async def test_another_client_can_read_the_record(store: Any, namespace: Namespace) -> None:
    """The stored record has every field of the task under its name, after each write, small or large."""
    for text in ("第一步", "word " * 100_000):
        task = await store.create_task(a_request({"a": [1, {"b": None}], "text": text}))
        has_every_field(namespace, task)
        some = text[:30_000]
        has_every_field(namespace, await store.update_task_status(task.task_id, TaskStatus.CLIPPING, 12.5, some))
        failed = (TaskStatus.FAILED, None, None, some, some, some)
        has_every_field(namespace, await store.update_task_status(task.task_id, *failed))
    for task in await fill(store, namespace.harness.capabilities):
        has_every_field(namespace, task)
    if namespace.has(Capability.MAINTENANCE):
        await store.restore(restored := a_task())
        has_every_field(namespace, restored)
        has_every_field(namespace, await store.cancel_task(restored.task_id))


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
    for name in ("task_id", "status", "progress", "metadata", *TEXTS):
        expected = json.loads(json.dumps(getattr(task, name)))
        assert same(record.get(name), expected), f"{name}: expected {expected!r:.200}, got {record.get(name)!r:.200}"
    assert record.get("video_ids") == list(task.video_ids), f"video_ids: {record.get('video_ids')}"
    for name in ("created_at", "updated_at", "completed_at"):
        expected = getattr(task, name)
        assert _is_the_time(record.get(name), expected), f"{name}: expected {expected}, got {record.get(name)!r}"


def _is_the_time(stored: Any, moment: datetime | None) -> bool:
    """Whether a JSON value stands for a moment: in the form of ISO 8601, or as a number since 1970 in a common unit."""
    if moment is None or stored is None:
        return stored is moment
    if isinstance(stored, str):
        return datetime.fromisoformat(stored).replace(tzinfo=UTC) == moment.replace(tzinfo=UTC)
    seconds = moment.replace(tzinfo=UTC).timestamp()
    return any(abs(stored / unit - seconds) < 0.001 for unit in (1, 1e3, 1e6, 1e9))


def _values_in(value: Any) -> Iterator[Any]:
    yield value
    for inside in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _values_in(inside)


_REMOVED = ((0,), (1, 3), (2, 3, 4), (0, 1, 2, 3, 4), tuple(range(1, 130)))
"""Which tasks are removed, counted from the newest: one, several, a whole page, all, and many."""


async def removals(store: Any, namespace: Namespace) -> AsyncIterator[tuple[list[str], TaskStatus | None, bool]]:
    """Stores in which records were deleted: the ids that are left in the order of a listing, a filter, by cursor."""
    for places in _REMOVED:
        for status, by_cursor in ((None, False), (TaskStatus.PENDING, True), (TaskStatus.PENDING, False)):
            if by_cursor and not namespace.has(Capability.CURSOR):
                continue
            tasks = newest_first([await store.create_task(a_request()) for _ in range(max(5, places[-1] + 2))])
            other = await store.cancel_task((await store.create_task(a_request())).task_id)
            for place in places:
                namespace.inspector.delete(tasks[place].task_id)
            left = [task for place, task in enumerate(tasks) if place not in places]
            shown = newest_first([*left, other]) if status is None else left
            yield [task.task_id for task in shown], status, by_cursor
            for task in (*left, other):
                namespace.inspector.delete(task.task_id)
            for one in (None, TaskStatus.PENDING, TaskStatus.CANCELLED):
                await store.list_tasks(one)


async def walked(store: Any, status: TaskStatus | None, limit: int, *, by_cursor: bool) -> list[Any]:
    """The pages of a listing, up to the last one."""
    pages: list[Any] = []
    while len(pages) < 20:
        known = sum(len(page.tasks) for page in pages)
        place = {"offset": known} if not by_cursor else {"after": pages[-1].next} if pages else {}
        pages.append(await store.list_tasks(status, limit, **place))
        if not pages[-1].tasks or (by_cursor and pages[-1].next is None):
            break
    return pages


@case("LIST-11", needs=Capability.SHARED)
async def test_a_removed_record_is_not_counted(store: TaskStore, namespace: Namespace) -> None:
    """Pages that come to the places of deleted records leave them out, and from then on no total counts them."""
    async for left, status, by_cursor in removals(store, namespace):
        pages = await walked(store, status, 2, by_cursor=by_cursor)
        shown = [task.task_id for page in pages for task in page.tasks]
        assert {*shown} <= {*left}, f"expected {left}, got {shown}"
        total = (await store.list_tasks(status, limit=0)).total
        assert total == len(left), f"expected a total of {len(left)}, got {total}"
        pending = [task_id for task_id in left if (await store.get_task(task_id)).status == TaskStatus.PENDING]
        total = (await store.list_tasks(TaskStatus.PENDING, limit=0)).total
        assert total == len(pending), f"expected a total of {len(pending)} pending tasks, got {total}"


@case("LIST-04", needs=Capability.SHARED)
async def test_pages_join_where_records_were_removed(store: TaskStore, namespace: Namespace) -> None:
    """A page that comes to the places of deleted records is as long as one that does not."""
    async for left, status, by_cursor in removals(store, namespace):
        pages = await walked(store, status, 2, by_cursor=by_cursor)
        shown = [[task.task_id for task in page.tasks] for page in pages if page.tasks]
        assert shown == [left[place : place + 2] for place in range(0, len(left), 2)]


_NO_RECORDS = (b"", b"not json", b"{}", b"[1]", b"null", b"\xff\xfe")
"""What no store can take for the record of a task."""


Victim = tuple[str, bytes, list[tuple[dict[str, Any], list[str]]]]
"""A task between two others: its id, its record, and arguments of listings with the ids of the others on the page."""


async def victims(store: Any, namespace: Namespace) -> AsyncIterator[Victim]:
    """A new task, a final one, and a large one."""
    for status, text in ((TaskStatus.PENDING, ""), (TaskStatus.COMPLETED, ""), (TaskStatus.CLIPPING, "text " * 16_000)):
        tasks = []
        for _ in range(3):
            task = await store.create_task(a_request({"text": text, "number": 123.0625, "list": ["item", {"a": 7}]}))
            tasks.append(await store.update_task_status(task.task_id, status))
        newer, task_id, older = (task.task_id for task in newest_first(tasks))
        pages: list[tuple[dict[str, Any], list[str]]] = [
            ({"limit": 3}, [newer, older]),
            ({"limit": 1, "offset": 1}, []),
            ({"status": status, "limit": 2, "offset": 1}, [older]),
        ]
        if namespace.has(Capability.CURSOR):
            after = (await store.list_tasks(limit=1)).next
            pages += [({"limit": 2, "after": after}, [older]), ({"status": status, "limit": 1, "after": after}, [])]
        raw = namespace.inspector.raw(task_id) or b""
        yield task_id, raw, pages
        namespace.inspector.overwrite(task_id, raw)


async def check_named(store: Any, namespace: Namespace, victim: Victim, wrong: bytes | None) -> None:
    """Put this, or a value of another type, where the record is: each operation names its key, and leaves it."""
    inspector, (task_id, _, pages) = namespace.inspector, victim
    if wrong is None:
        inspector.overwrite_with_another_type(task_id)
    else:
        inspector.overwrite(task_id, wrong)
    there, shown, keys = None if wrong is None else inspector.raw(task_id), repr(wrong)[:60], set()
    for name, call in calls_on(store, task_id).items():
        with pytest.raises(RecordUnreadable) as refused:
            await call()
        keys.add(refused.value.key)
        assert wrong is None or inspector.raw(task_id) == there, f"{name} has changed {shown}"
    (key,) = keys
    assert key.endswith(task_id) or task_id not in key, f"expected the key of {task_id}, got {key}"
    for arguments, others in pages:
        page = await store.list_tasks(**arguments)
        listed = [task.task_id for task in page.tasks], [*page.unreadable]
        assert listed == (others, [key]), f"a listing of {arguments}, with {shown}"
    assert (await store.list_tasks(limit=0)).total >= len(pages[0][1]) + 1, "expected that the record is counted"
    assert wrong is None or inspector.raw(task_id) == there, f"a listing has changed {shown}"
    with pytest.raises(RecordUnreadable):
        await store.get_task(task_id)


@case("FAIL-09", needs=Capability.SHARED)
async def test_an_unreadable_record_is_named(store: TaskStore, namespace: Namespace) -> None:
    """Text that is no record, half a record, and a value of another type: each operation refuses and leaves it."""
    async for victim in victims(store, namespace):
        for wrong in (*_NO_RECORDS, victim[1][: len(victim[1]) // 2], None):
            await check_named(store, namespace, victim, wrong)


@case("FAIL-09", needs=Capability.SHARED)
async def test_a_record_with_a_wrong_value_is_named(store: TaskStore, namespace: Namespace) -> None:
    """One whose status is none, or whose times are no times, is not handed out, and stays as it is."""
    rules = ((rf'"({"|".join(TaskStatus)})"', '"nothing"'), (r"20\d\d-", "soon-"), (r":\d{16}\b", ':"soon"'))
    async for victim in victims(store, namespace):
        wrongs = [re.sub(right.encode(), wrong.encode(), victim[1]) for right, wrong in rules]
        if {*wrongs} == {victim[1]}:
            raise NotTestable("the record holds neither the word of a status nor a time")
        for wrong in wrongs:
            if wrong != victim[1]:
                await check_named(store, namespace, victim, wrong)
