"""Listings in Redis mode: large records, foreign values, removed records and evicted indexes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from conformance.subjects.servers import EmbeddedServer
from taskstore import FailureKind, MemoryTaskStore, StoreUnavailable, Task, TaskCreateRequest, TaskStatus
from taskstore.redis import RedisTaskStore, connect
from taskstore.redis.scripts import REBUILD
from tests.operating import on_store

REQUEST = TaskCreateRequest(video_ids=("v",))
LARGE = TaskCreateRequest(video_ids=("v",), config={"large": "x" * 1_000_000})
BASE = "{taskstore:0}"
INDEXES = [f"{BASE}:{name}" for name in ("created", "deadlines", "finished", "created:pending", "created:completed")]
STALL_MS = 20


@pytest.fixture
def client(server: EmbeddedServer) -> Iterator[Any]:
    with redis.Redis.from_url(server.url) as client:
        before = client.config_get("maxmemory*")
        yield client
        client.flushdb()
        client.config_resetstat()
        for name in ("maxmemory", "maxmemory-policy"):
            client.config_set(name, before[name])


def key(task: Task) -> str:
    return f"{BASE}:task:{task.task_id}"


async def longest_request_ms(client: Any, call: Callable[[], Awaitable[object]]) -> float:
    """The longest time that one request held the server: the least of three tries, since the machine has other work."""
    tries = []
    client.config_set("slowlog-log-slower-than", 0)
    for _ in range(3):
        client.slowlog_reset()
        await call()
        tries.append(max(entry["duration"] for entry in client.slowlog_get(10_000)) / 1_000)
    return float(min(tries))


def test_a_page_of_large_tasks_is_complete_and_holds_nobody_up(server: EmbeddedServer, client: Any) -> None:
    async def body(store: RedisTaskStore) -> None:
        tasks = [await store.create_task(LARGE) for _ in range(60)][::-1]
        page = await store.list_tasks(limit=1_000)
        assert [task.task_id for task in page.tasks] == [task.task_id for task in tasks]
        assert (page.total, page.next, page.unreadable) == (60, None, ())
        assert await longest_request_ms(client, lambda: store.list_tasks(limit=1_000)) < STALL_MS

    on_store(server.url, body, timeout=30)


def test_a_large_value_that_is_no_record_holds_nobody_up(server: EmbeddedServer, client: Any) -> None:
    async def body(store: RedisTaskStore) -> None:
        tasks = [await store.create_task(REQUEST) for _ in range(3)][::-1]
        client.setrange(key(tasks[1]), 200_000_000, "x")
        page = await store.list_tasks()
        assert ([*page.tasks], page.total) == ([tasks[0], tasks[2]], 3)
        assert page.unreadable == (key(tasks[1]),)
        assert await longest_request_ms(client, store.list_tasks) < STALL_MS

    on_store(server.url, body, timeout=30)


def test_an_ordinary_page_is_one_request(server: EmbeddedServer, client: Any) -> None:
    async def body(store: RedisTaskStore) -> None:
        for _ in range(60):
            await store.create_task(REQUEST)
        await store.list_tasks()
        before = client.info("stats")["total_reads_processed"]
        page = await store.list_tasks()
        assert client.info("stats")["total_reads_processed"] - before == 2  # the second look is one itself
        assert page.next is not None
        assert len((await store.list_tasks(after=page.next)).tasks) == 10

    on_store(server.url, body, timeout=30)


@pytest.mark.parametrize("where", ["in what the script reads", "in what is read afterwards"])
def test_of_a_large_page_what_is_gone_or_no_record_is_left_out(server: EmbeddedServer, client: Any, where: str) -> None:
    async def body(store: RedisTaskStore) -> None:
        tasks = [await store.create_task(LARGE) for _ in range(10)][::-1]
        if where == "in what is read afterwards":
            tasks.reverse()
            gone, empty, other, kept = tasks[0], tasks[1], tasks[2], tasks[:2:-1]
        else:
            gone, empty, other, kept = tasks[0], tasks[1], tasks[2], tasks[3:]
        client.delete(key(gone), key(other))
        client.set(key(empty), "")
        client.rpush(key(other), "a list")
        page = await store.list_tasks()
        assert [task.task_id for task in page.tasks] == [task.task_id for task in kept]
        assert set(page.unreadable) == {key(empty), key(other)}
        assert page.total == 9

    on_store(server.url, body, timeout=30)


def test_a_task_that_goes_while_its_page_is_read_is_left_out(server: EmbeddedServer, client: Any) -> None:
    async def body(store: RedisTaskStore) -> None:
        tasks = [await store.create_task(LARGE) for _ in range(30)][::-1]
        listing = asyncio.ensure_future(store.list_tasks())
        while client.info("commandstats").get("cmdstat_getrange", {"calls": 0})["calls"] < 2:  # noqa: ASYNC110
            await asyncio.sleep(0)
        client.delete(key(tasks[29]))
        page = await listing
        assert [task.task_id for task in page.tasks] == [task.task_id for task in tasks[:29]]
        assert page.unreadable == ()

    client.config_resetstat()
    on_store(server.url, body, timeout=30)


def test_many_removed_records_are_removed_from_the_indexes_in_steps(server: EmbeddedServer, client: Any) -> None:
    async def body(store: RedisTaskStore) -> None:
        for _ in range(12):
            await asyncio.gather(*(store.create_task(REQUEST) for _ in range(100)))
        tasks = (await store.list_tasks(limit=1_000)).tasks
        client.delete(*(key(task) for task in tasks[:900]))
        assert (await store.list_tasks(limit=0)).total == 1_200
        client.config_resetstat()
        page = await store.list_tasks(limit=1_000)
        assert ([*page.tasks[:100]], page.total) == ([*tasks[900:]], 300)
        assert client.info("commandstats")["cmdstat_unlink"]["calls"] == 4  # at most 250 at once
        assert (await store.list_tasks(TaskStatus.PENDING, limit=0)).total == 300

    on_store(server.url, body, timeout=30)


@pytest.mark.parametrize(
    ("cursor", "steps"),
    [("task_050000", 0), ("task_049999x", 17), ("task_05000", 17)],  # at most as many as halve 100,000 to one
    ids=["there", "gone", "gone, and another begins so"],
)
def test_many_tasks_of_one_microsecond_make_no_page_slower(
    server: EmbeddedServer, client: Any, cursor: str, steps: int
) -> None:
    async def body(store: RedisTaskStore) -> None:
        task = await store.create_task(REQUEST)
        us = (task.created_at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        ids = [f"task_{number:06}" for number in range(100_000)]
        for start in range(0, len(ids), 1_000):
            some = ids[start : start + 1_000]
            for name, score in (("created", us), ("created:pending", us), ("deadlines", 10**15)):
                client.zadd(f"{BASE}:{name}", dict.fromkeys(some, score))
        record = client.get(key(task))
        for task_id in ids[49_000:50_010]:
            client.set(f"{BASE}:task:{task_id}", record.replace(task.task_id.encode(), task_id.encode()))
        after = f"{us}.{cursor}"
        page = await store.list_tasks(after=after)
        assert [task.task_id for task in page.tasks] == ids[49_999:49_949:-1]
        client.config_resetstat()
        await store.list_tasks(after=after)
        looked = client.info("commandstats")["cmdstat_zrevrange"]["calls"]
        assert looked <= 1 + steps

    on_store(server.url, body, timeout=30)


async def fill(store: RedisTaskStore) -> list[Task]:
    """Tasks in three statuses, newest first; one of them was completed in a leap year long ago."""
    clock = int(datetime(2024, 2, 29, 23, 59, 59, 123456, tzinfo=UTC).timestamp()) * 10**9
    async with MemoryTaskStore(clock=lambda: clock) as past:
        old = await past.update_task_status((await past.create_task(REQUEST)).task_id, TaskStatus.COMPLETED)
    await store.restore(old)
    tasks = [await store.create_task(REQUEST) for _ in range(30)]
    for place, status in enumerate((TaskStatus.CLIPPING, TaskStatus.COMPLETED, TaskStatus.COMPLETED)):
        tasks[place] = await store.update_task_status(tasks[place].task_id, status)
    return [old, *tasks][::-1]


def may_evict(client: Any) -> None:
    """Let the server be one that evicts; here the test does it, so that it is known what goes."""
    client.config_set("maxmemory-policy", "allkeys-lru")
    client.config_set("maxmemory", 2**40)


@pytest.mark.parametrize("gone", [*([index] for index in INDEXES), INDEXES[:2], INDEXES], ids=str)
def test_evicted_indexes_are_filled_again(server: EmbeddedServer, client: Any, gone: list[str]) -> None:
    async def body(store: RedisTaskStore) -> None:
        tasks = await fill(store)
        whole = {index: client.zrange(index, 0, -1, withscores=True) for index in INDEXES}
        may_evict(client)
        client.unlink(*gone)
        if gone == [f"{BASE}:finished"]:
            assert await store.purge(datetime(2025, 1, 1, tzinfo=UTC)) == 1
            return
        page = await store.list_tasks(TaskStatus.COMPLETED)
        assert [*page.tasks] == [task for task in tasks if task.status is TaskStatus.COMPLETED]
        assert (await store.list_tasks()).total == len(tasks)
        again = {index: client.zrange(index, 0, -1, withscores=True) for index in INDEXES}
        deadlines = f"{BASE}:deadlines"
        late = [dict(again[deadlines])[entry] - score for entry, score in whole[deadlines]]
        assert all(0 <= ms <= 1_000 for ms in late)
        del whole[deadlines], again[deadlines]
        assert again == whole
        assert min(client.pttl(index) for index in INDEXES) >= max(client.pttl(key(task)) for task in tasks)
        assert client.exists(f"{BASE}:partial") == 0

    on_store(server.url, body, timeout=30)


@pytest.mark.parametrize("look", ["listing", "purge"])
def test_a_task_that_was_created_after_all_was_evicted_hides_no_other(
    server: EmbeddedServer, client: Any, look: str
) -> None:
    async def body(store: RedisTaskStore) -> None:
        tasks = await fill(store)
        may_evict(client)
        client.unlink(*INDEXES, f"{BASE}:created:clipping")
        newest = await store.create_task(REQUEST)
        if look == "purge":
            assert await store.purge(datetime(2025, 1, 1, tzinfo=UTC)) == 1
            del tasks[-1]
        assert [*(await store.list_tasks()).tasks] == [newest, *tasks]

    on_store(server.url, body, timeout=30)


def test_an_empty_store_on_a_server_that_may_evict_is_an_empty_page(server: EmbeddedServer, client: Any) -> None:
    async def body(store: RedisTaskStore) -> None:
        may_evict(client)
        for status in (None, TaskStatus.COMPLETED):
            assert (await store.list_tasks(status)).total == 0
        assert await store.purge(datetime(2025, 1, 1, tzinfo=UTC)) == 0
        task = await store.create_task(REQUEST)
        client.delete(key(task))
        assert (await store.list_tasks()).total == 0
        assert client.keys(f"{BASE}:*") == []

    on_store(server.url, body, timeout=30)


def test_what_others_write_while_indexes_are_filled_is_kept(server: EmbeddedServer, client: Any) -> None:
    async def body(store: RedisTaskStore) -> None:
        for _ in range(20):
            await asyncio.gather(*(store.create_task(REQUEST) for _ in range(100)))
        tasks = (await store.list_tasks(limit=1_000)).tasks
        may_evict(client)
        client.unlink(*INDEXES)
        async with RedisTaskStore(connect(server.url)) as other:
            listings = asyncio.gather(store.list_tasks(limit=0), other.list_tasks(limit=0), store.list_tasks(limit=0))
            written = 0
            while not listings.done():
                await other.update_task_status(tasks[written % 1_000].task_id, TaskStatus.CLIPPING, progress=1)
                await other.create_task(REQUEST)
                written += 1
            assert all(2_000 <= page.total <= 2_000 + written for page in await listings)
            assert written
            assert (await other.list_tasks(limit=0)).total == 2_000 + written
            clipping = await other.list_tasks(TaskStatus.CLIPPING, limit=1_000)
            assert clipping.total == min(written, 1_000)

    on_store(server.url, body, timeout=30)


def test_a_rebuild_that_was_given_up_is_finished_by_the_next_listing(server: EmbeddedServer, client: Any) -> None:
    async def body(store: RedisTaskStore) -> None:
        for _ in range(10):
            await asyncio.gather(*(store.create_task(REQUEST) for _ in range(100)))
        may_evict(client)
        client.unlink(*INDEXES)
        listing = asyncio.ensure_future(store.list_tasks())
        while not client.zcard(f"{BASE}:created"):  # noqa: ASYNC110  it has begun
            await asyncio.sleep(0)
        listing.cancel()
        await asyncio.wait([listing])
        assert (await store.list_tasks(limit=0)).total == 1_000

    on_store(server.url, body, timeout=30)


def test_the_end_of_one_rebuild_is_not_that_of_a_later_one(server: EmbeddedServer, client: Any) -> None:
    async def body(store: RedisTaskStore) -> None:
        token = await store._run(REBUILD, 10_000, "begin")  # noqa: SLF001  no call ends between those of another
        client.set(f"{BASE}:partial", "later")
        await store._run(REBUILD, 10_000, "end", token)  # noqa: SLF001
        assert client.get(f"{BASE}:partial") == b"later"

    on_store(server.url, body, timeout=30)


def test_indexes_that_do_not_stay_are_told_and_not_passed_over(server: EmbeddedServer, client: Any) -> None:
    async def body(store: RedisTaskStore) -> None:
        await fill(store)
        may_evict(client)
        run = store._run  # noqa: SLF001  between filling the indexes and the next look there is no other way in

        async def run_and_evict(script: Any, *arguments: Any, **named: Any) -> Any:
            reply = await run(script, *arguments, **named)
            client.unlink(f"{BASE}:created")
            return reply

        store._run = run_and_evict  # type: ignore[method-assign]  # noqa: SLF001
        await store.list_tasks()
        with pytest.raises(StoreUnavailable, match="noeviction") as raised:
            await store.list_tasks()
        assert raised.value.failure_kind is FailureKind.OUT_OF_MEMORY
        assert not raised.value.write_may_have_happened

    on_store(server.url, body, timeout=30)


@pytest.mark.parametrize("policy", ["allkeys-random", "volatile-random", "volatile-ttl"])
def test_a_server_that_evicts_hides_no_task_that_is_alive(server: EmbeddedServer, client: Any, policy: str) -> None:
    async def body(store: RedisTaskStore) -> None:
        # Before the server may evict: else the first write says that the indexes may lack tasks.
        await store.create_task(REQUEST)
        client.config_set("maxmemory-policy", policy)
        client.config_set("maxmemory", client.info("memory")["used_memory"] + 3_000_000)
        request = TaskCreateRequest(video_ids=("v",), config={"x": "y" * 200_000})
        for _ in range(1_000):  # the server may still be freeing what was there, and has more room then
            with contextlib.suppress(StoreUnavailable):
                await store.create_task(request)
            entries = min(client.zcard(f"{BASE}:{name}") for name in ("created", "deadlines", "created:pending"))
            if policy == "volatile-ttl":  # an index outlives the records
                evicted = client.info("stats")["evicted_keys"] > 5
            else:
                evicted = entries < len(client.keys(f"{BASE}:task:*"))
            if evicted:
                break
        else:
            pytest.fail("nothing was evicted")
        client.config_set("maxmemory", 0)  # what it has evicted counts from now on
        alive = {name.decode() for name in client.keys(f"{BASE}:task:*")}
        for status in (None, TaskStatus.PENDING):
            page = await store.list_tasks(status, limit=1_000)
            assert {key(task) for task in page.tasks} == alive
            assert page.total == len(alive)

    on_store(server.url, body, timeout=30)


def test_filling_the_indexes_goes_on_where_a_call_ran_out_of_time(
    server: EmbeddedServer, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(store: RedisTaskStore) -> None:
        count = 20_000
        for _ in range(count // 500):
            await asyncio.gather(*(store.create_task(REQUEST) for _ in range(500)))
        may_evict(client)
        client.unlink(f"{BASE}:created")
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(store._server, "deadline", lambda: loop.time() + 0.1)  # noqa: SLF001  a short one
        failure_kinds: list[FailureKind] = []
        total = 0
        while total == 0 and len(failure_kinds) < 1_000:  # a busy machine needs more
            try:
                total = (await store.list_tasks()).total
            except StoreUnavailable as error:
                failure_kinds.append(error.failure_kind)
        assert total == count
        assert {*failure_kinds} == {FailureKind.TIMEOUT}

    on_store(server.url, body, timeout=30)
