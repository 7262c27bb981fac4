"""A store in several partitions: where its tasks are, and that it does what a store in one partition does."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conformance.backends.servers import EmbeddedServer
from taskstore import MemoryTaskStore, RecordUnreadable, StoreUnavailable, Task, TaskStatus
from taskstore.redis import RedisTaskStore
from taskstore.redis.partitions import partition_of
from tests.store.operating import REQUEST, on_store

N = 3
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def old_task(number: int, status: TaskStatus = TaskStatus.PENDING) -> Task:
    """One of many tasks, some of which were created in the same microsecond."""
    then = LONG_AGO + number // 4 * timedelta(microseconds=1)
    completed = then if status.is_final else None
    return Task(task_id=f"t{number:05}", status=status, progress=0, current_step="", video_ids=("v",),
                created_at=then, updated_at=then, completed_at=completed)  # fmt: skip


def test_a_task_is_in_the_partition_that_its_id_names(server: EmbeddedServer, client: Any) -> None:
    async def body(store: RedisTaskStore) -> None:
        tasks = [await store.create_task(REQUEST) for _ in range(20)]
        expected = {f"{{taskstore:{partition_of(one.task_id, N)}/3}}:task:{one.task_id}" for one in tasks}
        assert {key.decode() for key in client.keys("*:task:*")} == expected
        assert [await store.get_task(task.task_id) for task in tasks] == tasks
        assert all(store.part_of(one.task_id) is store.parts[partition_of(one.task_id, N)] for one in tasks)

    on_store(server.url, body, partitions=N)


def test_ids_are_spread_as_they_always_were() -> None:
    assert [partition_of(task_id, 12) for task_id in ("job-1", "task_0", "视频", "\ud800")] == [11, 1, 11, 4]


def test_pages_are_those_of_one_store(server: EmbeddedServer, client: Any) -> None:  # noqa: ARG001  empties it
    async def body(store: RedisTaskStore) -> None:
        async with MemoryTaskStore() as memory:
            for number in range(130):
                status = TaskStatus.CLIPPING if number % 3 else TaskStatus.COMPLETED
                for one in (memory, store):
                    await one.restore(
                        old_task(number, status).model_copy(update={"progress": 100.0 if number % 3 == 0 else 0.0})
                    )
            for wanted in (None, TaskStatus.CLIPPING, TaskStatus.FAILED):
                for place in ((0, 0), (1, 0), (7, 3), (50, 100), (1_000, 0), (5, 129), (5, 130), (5, 10**12)):
                    assert await store.list_tasks(wanted, *place) == await memory.list_tasks(wanted, *place)
                after: str | None = f"{10**15}.x"
                while after is not None:
                    mine, theirs = [await one.list_tasks(wanted, 9, after=after) for one in (store, memory)]
                    assert mine == theirs
                    after = mine.next
            before = LONG_AGO + timedelta(microseconds=20)
            assert await store.purge(before) == await memory.purge(before) == 27
            assert await store.list_tasks() == await memory.list_tasks()

    on_store(server.url, body, partitions=N)


def test_an_offset_of_thousands_reads_no_skipped_record(server: EmbeddedServer, client: Any) -> None:
    async def body(store: RedisTaskStore) -> None:
        await asyncio.gather(*(store.restore(old_task(number)) for number in range(2_600)))
        client.config_resetstat()
        page = await store.list_tasks(limit=3, offset=2_100)
        assert [task.task_id for task in page.tasks] == ["t00499", "t00498", "t00497"]
        stats = client.info("commandstats")
        assert stats["cmdstat_evalsha"]["calls"] == 4 * N  # three skips, the page
        assert stats["cmdstat_hmget"]["calls"] == 3 * N

    on_store(server.url, body, partitions=N)


def test_what_one_partition_cannot_do_the_others_still_do(server: EmbeddedServer, client: Any) -> None:
    async def body(store: RedisTaskStore) -> None:
        tasks = [await store.create_task(REQUEST) for _ in range(20)]
        broken = tasks[0].task_id
        key = f"{{taskstore:{partition_of(broken, N)}/3}}:task:{broken}"
        client.delete(key)
        client.set(key, "no hash")
        page = await store.list_tasks()
        assert (page.tasks, page.unreadable, page.total) == (tuple(reversed(tasks[1:])), (key,), 20)
        with pytest.raises(RecordUnreadable):
            await store.get_task(broken)
        client.set("{taskstore:1/3}:created", "no index")
        with pytest.raises(StoreUnavailable):
            await store.list_tasks()
        other = next(task for task in tasks[1:] if partition_of(task.task_id, N) == 2)
        assert (await store.cancel_task(other.task_id)).status is TaskStatus.CANCELLED

    on_store(server.url, body, partitions=N)
