"""What the suite cannot ask of every store: the form of a task in Redis, and scripts that fail."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import AsyncMock

import pytest

from conformance.backends.servers import EmbeddedServer
from taskstore import (
    StoreUnavailable,
    Task,
    TaskCreateRequest,
    TaskStatus,
    TaskStoreSettings,
    open_store,
)
from taskstore.redis import RedisTaskStore
from tests.store.operating import BASE, KEY, REQUEST, WRITES, connections, until

pytestmark = pytest.mark.anyio

WEEK_MS = 604_800_000


def number(moment: datetime | None) -> bytes:
    assert moment is not None
    return b"%d" % round(moment.timestamp() * 1_000_000)


async def test_a_task_is_a_hash_with_every_field_under_its_name(store: RedisTaskStore, client: Any) -> None:
    created = await store.create_task(REQUEST, task_id="job")
    new = client.hgetall(KEY)
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
    failed = await store.update_task_status("job", TaskStatus.FAILED, 12.5, "步骤", "", "坏了\n", "T")
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


async def test_a_page_of_large_records_is_read_in_several_requests(
    store: RedisTaskStore, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = TaskCreateRequest(video_ids=["v"], config={"x": "x" * 400_000})

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


CALLS: dict[str, Callable[[RedisTaskStore], Any]] = WRITES | {
    "create": lambda store: store.create_task(REQUEST, task_id="new"),
    "restore": lambda store: store.restore(TASK),
}
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
TASK: Task = Task(task_id="new", status="pending", progress=0, current_step="", video_ids=("v",),
            created_at=LONG_AGO, updated_at=LONG_AGO)  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "index", ["created", "deadlines", "finished", "created:pending", "created:completed", "created:cancelled"]
)
async def test_a_write_that_fails_under_way_may_have_happened(
    store: RedisTaskStore, client: Any, call: str, index: str
) -> None:
    await store.create_task(REQUEST, task_id="job")
    client.delete(f"{BASE}:{index}")
    client.set(f"{BASE}:{index}", "no index")
    before = client.dump(KEY)
    error: StoreUnavailable | None = None
    try:
        await CALLS[call](store)
    except StoreUnavailable as met:
        error = met
    is_unchanged = client.dump(KEY) == before and not client.exists(f"{BASE}:task:new")
    assert error is None or error.write_may_have_happened or is_unchanged
    if client.type(f"{BASE}:{index}") == b"string":
        client.delete(f"{BASE}:{index}")
    await store.parts[0].examine(["job", "new"], repair=True)
    assert await store.parts[0].examine(["job", "new"]) == []


async def test_no_index_goes_before_its_tasks_and_that_of_the_deadlines_goes_last(
    store: RedisTaskStore, client: Any
) -> None:
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


async def test_a_store_is_closed_from_another_loop(store: RedisTaskStore, server: EmbeddedServer) -> None:
    await store.ping()
    await asyncio.to_thread(lambda: asyncio.run(store.aclose()))
    await until(lambda: not connections(server.url))


async def test_the_setting_of_a_lifetime_is_that_of_each_task(server: EmbeddedServer, client: Any) -> None:
    settings = TaskStoreSettings(use_redis_for_tasks=True, redis_url=server.url, task_ttl=100)
    async with open_store(settings) as store:
        await store.create_task(REQUEST, task_id="job")
    assert 0 <= 100_000 - client.pttl(KEY) < 10_000
