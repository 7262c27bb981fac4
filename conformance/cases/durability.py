"""What outlives what, and who sees whose tasks: declared by the subject, and checked in both directions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from conformance.adapter.views import TaskView
from conformance.case import Namespace, case
from conformance.cases.contents import check_same, check_writes, fill
from conformance.cases.environment import application
from conformance.cases.interpreter import two_interpreters
from conformance.harness import Capability
from conformance.spec.equality import same, snapshot, snapshots
from conformance.spec.model import TEXTS
from conformance.strategies import a_request
from taskstore import MaintainedTaskStore, MemoryTaskStore, TaskNotFound, TaskStatus


@case("DUR-01", needs=Capability.PERSISTENT)
async def test_tasks_outlive_the_application(namespace: Namespace) -> None:
    """A store that is closed and opened again is read as before, and every write does what it would have done."""
    async with namespace.open() as store:
        contents = await fill(store, namespace)
        before = await contents.seen(store)
    async with namespace.open() as store:
        check_same(await contents.seen(store), before)
        await check_writes(store, contents, namespace)


@case("DUR-01", needs=(Capability.PERSISTENT, Capability.SHARED, Capability.REMOTE))
async def test_tasks_outlive_the_process_that_wrote_them(namespace: Namespace) -> None:
    """What another interpreter wrote is there when it has closed its store and an application starts here."""
    async with two_interpreters(namespace) as pair:
        written = await pair.make_there([("create_task", a_request({"a": 1}), {})] * 15)
        await pair.close_there()
        async with namespace.open_from_environment() as store:
            for task in written:
                assert same(snapshot(await store.get_task(task["task_id"])), task)
            assert (await store.list_tasks()).total == len(written)


@case("DUR-01", needs=(Capability.PERSISTENT, Capability.REMOTE))
async def test_tasks_outlive_the_server(namespace: Namespace) -> None:
    """The same if the server, which saved to disk, was started again meanwhile."""
    async with namespace.open() as store:
        contents = await fill(store, namespace)
        before = await contents.seen(store)
    namespace.harness.restart_server()
    async with namespace.open() as store:
        check_same(await contents.seen(store), before)
        await check_writes(store, contents, namespace)


@case("DUR-03", lacks=Capability.PERSISTENT)
async def test_an_application_starts_empty(namespace: Namespace) -> None:
    """What was in memory is gone with the application that held it, and its ids can be used again."""
    async with namespace.open() as store:
        contents = await fill(store, namespace)
    async with namespace.open() as store:
        assert await contents.met(store) == []
        await check_writes(store, await fill(store, namespace), namespace)


@case("SHARE-01", needs=Capability.SHARED)
async def test_an_instance_sees_what_another_wrote(namespace: Namespace) -> None:
    """Every write of one instance is in the next answer of the other."""
    async with namespace.open() as one, namespace.open() as two:
        task = await one.create_task(a_request({"a": 1}))
        assert snapshot(await two.get_task(task.task_id)) == snapshot(task)
        updated = await two.update_task_status(task.task_id, TaskStatus.CLIPPING, 10)
        assert snapshot(await one.get_task(task.task_id)) == snapshot(updated)
        cancelled = await one.cancel_task(task.task_id)
        assert snapshots((await two.list_tasks(TaskStatus.CANCELLED)).tasks) == snapshots([cancelled])


@case("SHARE-01", needs=(Capability.SHARED, Capability.REMOTE))
async def test_an_instance_in_another_process_sees_what_this_one_wrote(namespace: Namespace) -> None:
    """And the other way round: many tasks are read, listed, updated and cancelled where they were not created."""
    async with two_interpreters(namespace) as pair:
        for writes, reads in ((pair.make_here, pair.make_there), (pair.make_there, pair.make_here)):
            last = await writes([("create_task", a_request({"a": 1}), {})] * 15)
            ids = [task["task_id"] for task in last]
            for change, here, there in (
                (None, writes, reads),
                (("update_task_status", TaskStatus.CLIPPING, 10), reads, writes),
                (("cancel_task",), reads, writes),
            ):
                if change is not None:
                    last = await here((change[0], one, *change[1:], {}) for one in ids)
                assert same(await there(("get_task", one, {}) for one in ids), last)
                ((total, listed),) = await there([("list_tasks", TaskStatus(last[0]["status"]), 15, {})])
                assert total >= len(ids)
                assert same(sorted(listed, key=by_id), sorted(last, key=by_id))


def by_id(task: dict[str, Any]) -> str:
    """The id in the fields of a task."""
    return str(task["task_id"])


@case("SHARE-02", mode="memory")
async def test_stores_that_are_opened_from_settings_share_nothing(namespace: Namespace) -> None:
    """Two that are open at the same time have their own tasks, and the one goes on when the other is closed."""
    with application(namespace):
        async with namespace.open_from_environment() as one:
            async with namespace.open_from_environment() as other:
                contents = await fill(one, namespace)
                before = await contents.seen(one)
                assert await contents.met(other) == []
                await other.create_task(a_request())
                check_same(await contents.seen(one), before)
            check_same(await contents.seen(one), before)
            await check_writes(one, contents, namespace)


@case("SHARE-02", lacks=Capability.SHARED)
async def test_an_instance_sees_only_its_own_tasks(namespace: Namespace) -> None:
    """Two instances side by side share nothing."""
    async with namespace.open() as one, namespace.open() as two:
        task = await one.create_task(a_request())
        assert (await two.list_tasks()).total == 0
        with pytest.raises(TaskNotFound):
            await two.get_task(task.task_id)


@case("SHARE-03", needs=Capability.SHARED)
async def test_another_client_can_read_the_record(namespace: Namespace) -> None:
    """The stored record has every field of the task under its name, after each write, small or large."""
    async with namespace.open() as store:
        for text in ("第一步", "line\n" * 5_000, "word " * 100_000):
            task = await store.create_task(a_request({"a": [1, {"b": None}], "text": text}))
            has_every_field(namespace, task)
            some = text[:30_000]
            task = await store.update_task_status(task.task_id, TaskStatus.CLIPPING, 12.5, some)
            has_every_field(namespace, task)
            task = await store.update_task_status(task.task_id, TaskStatus.FAILED, None, None, some, some, some)
            has_every_field(namespace, task)
            task = await store.create_task(a_request({"text": some}))
            has_every_field(namespace, await store.cancel_task(task.task_id))
        for task in (await fill(store, namespace)).tasks:
            has_every_field(namespace, task)


@case("SHARE-03", needs=(Capability.SHARED, Capability.MAINTENANCE))
async def test_another_client_can_read_a_restored_record(store: MaintainedTaskStore, namespace: Namespace) -> None:
    """The same of a task that was carried over from memory, before and after its next write."""
    async with MemoryTaskStore() as source:
        tasks = (await fill(source, namespace)).tasks
    for task in tasks:
        await store.restore(task)
        has_every_field(namespace, task)
        if not task.status.is_final:
            has_every_field(namespace, await store.cancel_task(task.task_id))


def has_every_field(namespace: Namespace, task: Any) -> None:
    """The record of a task has its values; a field without a value may be missing."""
    raw = namespace.inspector.raw(task.task_id)
    assert raw is not None
    record = json.loads(raw)
    if isinstance(task, TaskView):  # its fields have names of the store's own
        found = list(values_in(record))
        texts = [text for text in (getattr(task, name) for name in TEXTS) if text]
        for value in (task.task_id, task.progress, *texts, list(task.video_ids), task.metadata["config"]):
            assert value in found, f"{value!r:.200} is not in {record!r:.2000}"
        return
    for name in ("task_id", "status", "progress", "metadata", *TEXTS):
        assert same(record.get(name), json.loads(json.dumps(getattr(task, name)))), name
    assert record["video_ids"] == list(task.video_ids)
    for name in ("created_at", "updated_at", "completed_at"):
        assert is_the_time(record.get(name), getattr(task, name)), name


def is_the_time(stored: Any, moment: datetime | None) -> bool:
    """Whether a JSON value stands for a moment: in the form of ISO 8601, or as a number since 1970 in a common unit."""
    if moment is None or stored is None:
        return stored is moment
    if isinstance(stored, str):
        return datetime.fromisoformat(stored).replace(tzinfo=UTC) == moment.replace(tzinfo=UTC)
    seconds = moment.replace(tzinfo=UTC).timestamp()
    return any(abs(stored / unit - seconds) < 0.001 for unit in (1, 1e3, 1e6, 1e9))


def values_in(value: Any) -> Iterator[Any]:
    """A JSON value, and all those inside it."""
    yield value
    for inside in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from values_in(inside)
