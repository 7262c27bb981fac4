"""A record that cannot be read is named, stays as it is, and takes no other task away."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from conformance.case import Namespace, NotTestable, case
from conformance.cases.atomicity import make_large
from conformance.cases.expiry import create_many
from conformance.cases.listing import newest_first
from conformance.cases.operations import operations_on
from conformance.cases.table.bench import outcome_of
from conformance.harness import Capability, HookMissingError
from conformance.strategies import a_request
from taskstore import MaintainedTaskStore, RecordUnreadable, Task, TaskFinal, TaskStatus, TaskStore

NO_RECORDS = (b"", b"not json", b"{}", b"[1]", b"null", b"7", b"\xff\xfe")
"""What no store can take for the record of a task."""


@dataclass(frozen=True)
class Victim:
    """A task whose record is replaced, between two that are listed before and after it."""

    store: MaintainedTaskStore
    namespace: Namespace
    task: Task
    raw: bytes
    pages: list[tuple[dict[str, Any], list[str]]]
    """Arguments of listings that come to its place, and the ids of the other tasks on the page."""

    async def is_named_with(self, wrong: bytes | None) -> None:
        """Put this, or a value of another type, where the record is: each operation names its key, and leaves it."""
        inspector, task_id = self.namespace.inspector, self.task.task_id
        if wrong is None:
            inspector.overwrite_with_another_type(task_id)
        else:
            inspector.overwrite(task_id, wrong)
        there = None if wrong is None else inspector.raw(task_id)
        key = ""
        operations = operations_on(self.store, task_id)
        for name, call in (*operations.items(), ("get after the others", operations["get"])):
            with pytest.raises(RecordUnreadable) as refused:
                await call()
            key = key or refused.value.key
            assert refused.value.key == key, name
            assert wrong is None or inspector.raw(task_id) == there, name
        for arguments, others in self.pages:
            page = await self.store.list_tasks(**arguments)
            assert ([task.task_id for task in page.tasks], tuple(page.unreadable)) == (others, (key,)), arguments
        assert wrong is None or inspector.raw(task_id) == there
        assert named([key], {task_id}), key
        with suppress(HookMissingError):
            keys = inspector.keys()
            assert {key} <= keys
            assert key.endswith(task_id) or not any(one.endswith(task_id) for one in keys), key


async def victims(store: MaintainedTaskStore, namespace: Namespace) -> AsyncIterator[Victim]:
    """A new task, a final one, a large one, and one under a caller's id."""
    capabilities = namespace.harness.capabilities
    kinds: list[tuple[TaskStatus, str, bool]] = [
        (TaskStatus.PENDING, "", False),
        (TaskStatus.COMPLETED, "", False),
        (TaskStatus.CLIPPING, "text " * 16_000, False),
        (TaskStatus.UPLOADING, "", True),
    ]
    for status, text, chosen in kinds if Capability.CALLER_IDS in capabilities else kinds[:-1]:
        tasks = []
        for number in range(3):
            given = {"task_id": f"Job-{number}"} if chosen else {}
            config = {"text": text, "number": 123.0625, "list": ["item", {"inner": 987654321}]}
            task = await store.create_task(a_request(config), **given)
            tasks.append(await store.update_task_status(task.task_id, status))
        newer, task, older = newest_first(tasks)
        raw = namespace.inspector.raw(task.task_id)
        assert raw is not None
        all_three, behind = [newer.task_id, older.task_id], [older.task_id]
        pages: list[tuple[dict[str, Any], list[str]]] = [
            ({"limit": 3}, all_three),
            ({"limit": 1, "offset": 1}, []),
            ({"status": status, "limit": 3}, all_three),
            ({"status": status, "limit": 2, "offset": 1}, behind),
        ]
        if Capability.CURSOR in capabilities:
            after = (await store.list_tasks(limit=1)).next
            pages += [({"limit": 2, "after": after}, behind), ({"status": status, "limit": 1, "after": after}, [])]
        yield Victim(store, namespace, task, raw, pages)
        namespace.inspector.overwrite(task.task_id, raw)


@case("FAIL-09", needs=Capability.SHARED)
async def test_an_unreadable_record_is_named(store: MaintainedTaskStore, namespace: Namespace) -> None:
    """Text that is no record, a record cut short, and a value of another type: each operation refuses and leaves it."""
    async for victim in victims(store, namespace):
        for wrong in (*NO_RECORDS, victim.raw[: len(victim.raw) // 2], victim.raw[:-5], None):
            await victim.is_named_with(wrong)


@case("FAIL-09", needs=Capability.SHARED)
async def test_an_unreadable_record_on_a_large_page_is_named(store: TaskStore, namespace: Namespace) -> None:
    """Wherever it stands on a page of more than a megabyte, the other tasks are listed, and its key is named."""
    config = {"text": "x" * 600_000}
    inspector = namespace.inspector
    tasks = newest_first([await make_large(store, config) for _ in range(4)])
    for number, victim in enumerate(tasks):
        raw = inspector.raw(victim.task_id)
        assert raw is not None
        for wrong in (b"no record", b"{}", raw[: len(raw) // 2], None):
            if wrong is None:
                try:
                    inspector.overwrite_with_another_type(victim.task_id)
                except HookMissingError:
                    break  # the texts are enough for a verdict
            else:
                inspector.overwrite(victim.task_id, wrong)
            for status, offset in ((None, 0), (TaskStatus.PENDING, 1)):
                page = await store.list_tasks(status, 4 - offset, offset)
                asked = tasks[offset:]
                assert list(page.tasks) == [one for one in asked if one is not victim], (number, status)
                assert named(page.unreadable, {victim.task_id} if victim in asked else set()), (number, status)
        inspector.overwrite(victim.task_id, raw)


@case("FAIL-09", needs=Capability.SHARED)
async def test_a_record_with_a_wrong_value_is_named(store: MaintainedTaskStore, namespace: Namespace) -> None:
    """One whose status is none, or whose times are no times, is not handed out, and stays as it is."""
    async for victim in victims(store, namespace):
        wrongs = (
            re.sub(right, wrong, victim.raw)
            for right, wrong in (
                (f'"{victim.task.status}"'.encode(), b'"nothing"'),
                (rb"20\d\d-", b"soon-"),
                (rb"\d\d:\d\d:\d\d", b"99:99:99"),
                (rb":\d{16}\b", b':"soon"'),
            )
        )
        found = [wrong for wrong in wrongs if wrong != victim.raw]
        if not found:
            raise NotTestable("the record holds neither the word of a status nor a time")
        for wrong in found:
            await victim.is_named_with(wrong)


@case("FAIL-09", needs=Capability.SHARED)
async def test_what_a_get_cannot_read_no_write_makes_worse(store: TaskStore, namespace: Namespace) -> None:
    """Whatever is changed about a JSON record: if a get refuses it, a listing names it, and a write keeps the rest."""
    inspector = namespace.inspector
    for number in itertools.count():
        task_id = (await store.create_task(a_request({"number": 123.0625, "list": ["item", {"inner": 7}]}))).task_id
        wrongs = list(changed(inspector.raw(task_id) or b""))
        if number == len(wrongs):
            break
        inspector.overwrite(task_id, wrongs[number])
        refused = await outcome_of(store.get_task(task_id))
        if isinstance(refused, RecordUnreadable):
            page = await store.list_tasks(limit=1)
            assert (list(page.tasks), list(page.unreadable)) == ([], [refused.key]), wrongs[number]
            there = lasting(inspector.raw(task_id))
            for name, call in operations_on(store, task_id).items():
                with suppress(RecordUnreadable, TaskFinal):
                    await call()
                assert lasting(inspector.raw(task_id)) == there, (name, wrongs[number])


def changed(raw: bytes) -> Iterator[bytes]:
    """A JSON record with something before or behind it, without each of its members, and with other values in it.

    Raises:
        NotTestable: if the record is not a JSON object.
    """
    try:
        record = json.loads(raw)
    except ValueError:
        raise NotTestable("the record is not JSON") from None
    if not isinstance(record, dict):
        raise NotTestable("the record is no JSON object")
    yield from (raw + b"x", raw + raw, b"x" + raw, b"[" + raw + b"]")
    for name, value in record.items():
        others = (value + 1, -value) if type(value) in (int, float) else ()
        for other in (*others, None, "?", [], {}, True):
            yield json.dumps({**record, name: other}).encode()
        yield json.dumps({one: record[one] for one in record if one != name}).encode()


def lasting(raw: bytes | None) -> object:
    """The fields of a JSON record that no write sets; of another record, the whole."""
    try:
        record = json.loads(raw or b"")
    except ValueError:
        return raw
    if not isinstance(record, dict):
        return raw
    return {name: record.get(name) for name in ("task_id", "video_ids", "metadata", "created_at")}


@case("FAIL-09", needs=Capability.SHARED)
async def test_an_unreadable_record_does_not_take_the_list_down(
    store: MaintainedTaskStore, namespace: Namespace
) -> None:
    """The others are listed, and the page names the key of the one that cannot be read."""
    tasks = [await store.create_task(a_request()) for _ in range(4)]
    namespace.inspector.overwrite_with_another_type(tasks[2].task_id)
    broken = {tasks[1].task_id, tasks[2].task_id}
    for wrong, status in itertools.product((b"not a record", b"", b"{}"), (None, TaskStatus.PENDING)):
        namespace.inspector.overwrite(tasks[1].task_id, wrong)
        page = await store.list_tasks(status)
        assert [task.task_id for task in page.tasks] == [tasks[3].task_id, tasks[0].task_id]
        assert page.total == 4
        assert named(page.unreadable, broken)
        assert set(page.unreadable) <= namespace.inspector.keys()
        for limit in (1, 2, 3):
            pages = [await store.list_tasks(status, limit, offset) for offset in range(0, 4, limit)]
            assert [task.task_id for page in pages for task in page.tasks] == [tasks[3].task_id, tasks[0].task_id]
            assert named((key for page in pages for key in page.unreadable), broken)
            if Capability.CURSOR in namespace.harness.capabilities:
                await is_walked(store, status, limit, [tasks[3].task_id, tasks[0].task_id], broken)


@case("FAIL-09", needs=Capability.SHARED)
async def test_every_unreadable_record_of_a_page_is_named(store: TaskStore, namespace: Namespace) -> None:
    """However many there are among the others."""
    tasks = await create_many(store, 350)
    broken = {task.task_id for number, task in enumerate(tasks) if number % 7}
    for task_id in broken:
        namespace.inspector.overwrite(task_id, b"not a record")
    page = await store.list_tasks(limit=1_000)
    assert {task.task_id for task in page.tasks} == {task.task_id for task in tasks} - broken
    assert named(page.unreadable, broken)
    assert page.total == len(tasks)


@case("FAIL-09", "LIST-11", needs=Capability.SHARED)
async def test_what_cannot_be_read_is_not_taken_for_removed(store: TaskStore, namespace: Namespace) -> None:
    """A listing that comes to removed records too forgets these alone: the others are named, counted, and stay."""
    inspector = namespace.inspector
    forms: tuple[dict[str, Any], ...] = ({}, {"status": TaskStatus.PENDING}, {"limit": 6, "offset": 1})
    for form in forms:
        tasks = newest_first([await store.create_task(a_request()) for _ in range(7)])
        kept, broken = [tasks[0].task_id, tasks[-1].task_id], {task.task_id for task in tasks[2:5]}
        inspector.overwrite_with_another_type(tasks[2].task_id)
        for task, wrong in zip(tasks[3:5], (b"not a record", b""), strict=True):
            inspector.overwrite(task.task_id, wrong)
        for task in (tasks[1], tasks[5]):
            inspector.delete(task.task_id)
        for _ in range(2):
            page = await store.list_tasks(**form)
            assert [task.task_id for task in page.tasks] == kept[form.get("offset", 0) :], form
            assert named(page.unreadable, broken), form
        assert (await store.list_tasks(limit=0)).total == len(kept) + len(broken), form
        for task in tasks[2:5]:
            with pytest.raises(RecordUnreadable):
                await store.get_task(task.task_id)
        assert inspector.raw(tasks[3].task_id) == b"not a record", form
        for task_id in (*kept, *broken):
            inspector.delete(task_id)
        await store.list_tasks()


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
    assert named((key for page in pages for key in page.unreadable), broken)


def named(keys: Iterable[str], ids: set[str]) -> bool:
    """Whether the keys are those of the records of these ids: each ends with its own, whatever its length.

    Where none has an id in it, they are as many, and all different.
    """
    keys = list(keys)
    found = {key: [task_id for task_id in ids if key.endswith(task_id)] for key in keys}
    if not any(task_id in key for key in found for task_id in ids):
        return len(keys) == len(found) == len(ids)
    return sorted(found.values()) == sorted([one] for one in ids)
