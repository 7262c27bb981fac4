"""What the suite cannot ask of every store: the form of a task in Redis, and scripts that fail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import AsyncMock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.subjects.servers import EmbeddedServer
from taskstore import (
    RecordUnreadable,
    StoreUnavailable,
    Task,
    TaskCreateRequest,
    TaskFinal,
    TaskStatus,
)
from taskstore.redis import RedisTaskStore, record
from tests.store.operating import REQUEST, on_store

BASE = "{taskstore:0/1}"
KEY = f"{BASE}:task:job"
WEEK_MS = 7 * 24 * 3_600_000


def number(moment: datetime | None) -> bytes:
    assert moment is not None
    return b"%d" % round(moment.timestamp() * 1_000_000)


def test_a_task_is_a_hash_with_every_field_under_its_name(server: EmbeddedServer, client: Any) -> None:
    async def body(store: RedisTaskStore) -> tuple[Task, dict[bytes, bytes], Task]:
        created = await store.create_task(REQUEST, task_id="job")
        new = client.hgetall(KEY)
        return created, new, await store.update_task_status("job", TaskStatus.FAILED, 12.5, "步骤", "", "坏了\n", "T")

    created, new, failed = on_store(server.url, body)
    assert new == {
        b"task_id": b"job",
        b"status": b"pending",
        b"progress": b"0.0",
        b"current_step": b"",
        b"video_ids": '["v1","视频"]'.encode(),
        b"metadata": b'{"webhook_url":"https://x","config":{"f":1.0}}',
        b"created_at": number(created.created_at),
        b"updated_at": number(created.created_at),
    }
    assert client.hgetall(KEY) == new | {
        b"status": b"failed",
        b"progress": b"12.5",
        b"current_step": "步骤".encode(),
        b"result_url": b"",
        b"error_message": "坏了\n".encode(),
        b"error_traceback": b"T",
        b"updated_at": number(failed.updated_at),
        b"completed_at": number(failed.updated_at),
    }
    assert (failed.result_url, failed.error_message, failed.error_traceback) == ("", "坏了\n", "T")
    assert {key.decode().partition("}")[0] for key in client.keys("*")} == {"{taskstore:0/1"}


TYPE: list[tuple[str, str | bytes | None]] = [("", None)]
LOOKED_AT = [  # by a write: fields with a value that no task has, or without one
    *((name, None) for name in ("status", "created_at", "updated_at")),
    *(("status", value) for value in ("done", "completed")),  # the latter without its time
    *(("created_at", value) for value in ("soon", "9" * 40)),
]
LEFT = [
    *((name, None) for name in ("progress", "current_step", "video_ids", "metadata")),
    *(("progress", value) for value in ("half", "nan", "100.5")),
    ("current_step", b"\xff"),
    *(("video_ids", value) for value in ("[]", "[1]", '["v"')),
    *(("metadata", value) for value in ("[]", '{"config":NaN}', '{"config":1e999}')),
    ("updated_at", "1"),
    ("completed_at", "1795873309392809"),
]


@pytest.mark.parametrize(("field", "value"), [*TYPE, *LOOKED_AT, *LEFT])
def test_a_record_that_cannot_be_read_is_named_and_no_other_field_is_changed(
    server: EmbeddedServer, client: Any, field: str, value: str | bytes | None
) -> None:
    async def body(store: RedisTaskStore) -> None:
        await store.create_task(REQUEST, task_id="job")
        other = await store.create_task(REQUEST)
        if not field:  # another type
            client.delete(KEY)
            client.set(KEY, "no hash")
        elif value is None:
            client.hdel(KEY, field)
        else:
            client.hset(KEY, field, value)
        before = client.dump(KEY)
        for call in (store.get_task("job"), store.create_task(REQUEST, task_id="job")):
            with pytest.raises(RecordUnreadable) as raised:
                await call
            assert raised.value.key == KEY
        assert client.dump(KEY) == before
        page = await store.list_tasks()
        assert (page.tasks, page.unreadable, page.total) == ((other,), (KEY,), 2)
        if (field, value) not in LEFT:
            with pytest.raises((RecordUnreadable, TaskFinal)):
                await store.update_task_status("job", TaskStatus.CLIPPING)
            assert client.dump(KEY) == before

    on_store(server.url, body)


@given(st.lists(st.none() | st.binary(max_size=20), min_size=11, max_size=11), st.integers(0, 11))
def test_whatever_a_record_holds_it_is_a_task_or_is_refused(values: list[bytes | None], kept: int) -> None:
    now = b"1795873309392809"
    good = [b"pending", b"0.0", now, now, None, b"", None, None, None, b'["v"]', b"{}"]
    try:
        task = record.decode([*good[:kept], *values[kept:]], "job")
    except record.NotARecordError:
        return
    assert Task.model_validate(task.model_dump()) == task


def test_a_page_of_large_records_is_read_in_several_requests(
    server: EmbeddedServer, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = TaskCreateRequest(video_ids=["v"], config={"x": "x" * 400_000})

    async def body(store: RedisTaskStore) -> None:
        tasks = [await store.create_task(large) for _ in range(20)]
        reading = store.parts[0].server
        monkeypatch.setattr(reading, "read", asked := AsyncMock(wraps=reading.read))
        page = await store.list_tasks()
        assert page.tasks == tuple(reversed(tasks))
        assert asked.call_count == 17  # three of these records are over 1 MiB
        client.delete(f"{BASE}:task:{tasks[0].task_id}")
        client.delete(f"{BASE}:task:{tasks[1].task_id}")
        client.set(f"{BASE}:task:{tasks[1].task_id}", "no hash")
        page = await store.list_tasks()
        assert (len(page.tasks), len(page.unreadable), page.total) == (18, 1, 19)

    on_store(server.url, body)


WRITES: dict[str, Callable[[RedisTaskStore], Any]] = {
    "create": lambda store: store.create_task(REQUEST, task_id="new"),
    "restore": lambda store: store.restore(TASK),
    "update": lambda store: store.update_task_status("job", TaskStatus.COMPLETED),
    "cancel": lambda store: store.cancel_task("job"),
}
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
TASK: Task = Task(task_id="new", status="pending", progress=0, current_step="", video_ids=("v",),
            created_at=LONG_AGO, updated_at=LONG_AGO)  # fmt: skip


@pytest.mark.parametrize("call", WRITES)
@pytest.mark.parametrize(
    "index", ["created", "deadlines", "finished", "created:pending", "created:completed", "created:cancelled"]
)
def test_a_write_that_fails_under_way_may_have_happened(
    server: EmbeddedServer, client: Any, call: str, index: str
) -> None:
    async def body(store: RedisTaskStore) -> None:
        await store.create_task(REQUEST, task_id="job")
        client.delete(f"{BASE}:{index}")
        client.set(f"{BASE}:{index}", "no index")
        before = client.dump(KEY)
        error: StoreUnavailable | None = None
        try:
            await WRITES[call](store)
        except StoreUnavailable as met:
            error = met
        is_unchanged = client.dump(KEY) == before and not client.exists(f"{BASE}:task:new")
        assert error is None or error.write_may_have_happened or is_unchanged
        if client.type(f"{BASE}:{index}") == b"string":
            client.delete(f"{BASE}:{index}")
        await store.parts[0].examine(["job", "new"], repair=True)
        assert await store.parts[0].examine(["job", "new"]) == []

    on_store(server.url, body)


def test_an_expired_predecessor_leaves_nothing_in_the_indexes(server: EmbeddedServer, client: Any) -> None:
    async def body(store: RedisTaskStore) -> None:
        await store.create_task(REQUEST, task_id="job")
        await store.update_task_status("job", TaskStatus.COMPLETED)
        client.delete(KEY)  # expired, and not swept yet
        task = await store.create_task(REQUEST, task_id="job")
        assert (await store.list_tasks(TaskStatus.COMPLETED)).total == 0
        assert (await store.list_tasks()).tasks == (task,)
        assert await store.purge(datetime.now(UTC) + timedelta(days=1)) == 0
        assert await store.parts[0].examine(["job"]) == []

    on_store(server.url, body)


def test_no_index_goes_before_its_tasks_and_that_of_the_deadlines_goes_last(
    server: EmbeddedServer, client: Any
) -> None:
    async def body(store: RedisTaskStore) -> None:
        await store.create_task(REQUEST, task_id="job")
        for life in (timedelta(days=40), timedelta(seconds=2)):
            await store.restore(TASK.model_copy(update={"task_id": f"t{life.days}"}), lifetime=life)
        await store.update_task_status("job", TaskStatus.CLIPPING)
        await store.cancel_task("t0")
        lives = {key.decode().partition("}:")[2]: client.pttl(key) for key in client.keys("*")}
        records = {name: lives.pop(name) for name in [*lives] if name.startswith("task:")}
        assert records["task:t40"] <= 40 * 24 * 3_600_000 < records["task:t40"] + 10_000
        assert 0 <= WEEK_MS - records["task:t0"] < 10_000  # a write gives a week again
        assert min(lives["created"], lives["created:pending"]) > records["task:t40"]
        assert max(lives, key=lives.__getitem__) == "deadlines"

    on_store(server.url, body)


def test_a_store_is_closed_from_another_loop(server: EmbeddedServer, client: Any) -> None:
    async def body(store: RedisTaskStore) -> None:
        await store.ping()
        await asyncio.to_thread(lambda: asyncio.run(store.aclose()))
        async with asyncio.timeout(10):
            while any(one["name"] == "taskstore" for one in client.client_list()):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    on_store(server.url, body)
