"""Writes that wait until replicas have them, on a master with one replica."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from urllib.parse import urlsplit

import pytest
import redis

from conformance.subjects.servers import EmbeddedServer
from taskstore import FailureKind, StoreUnavailable, Task, TaskCreateRequest, TaskNotFound, TaskStatus
from taskstore.redis import RedisTaskStore
from tests.operating import on_store

pytestmark = pytest.mark.once
REQUEST = TaskCreateRequest(video_ids=("v",))
ALONE = 9
"""More replicas than there are."""


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[EmbeddedServer, EmbeddedServer]]:
    at_once = "--repl-diskless-sync-delay", "0"
    with EmbeddedServer(*at_once) as master:
        parts = urlsplit(master.url)
        with EmbeddedServer("--replicaof", str(parts.hostname), str(parts.port), *at_once) as replica:
            with redis.Redis.from_url(master.url) as client:
                client.set("synchronized", "")
                assert client.wait(1, 20_000) == 1
            yield master, replica


@pytest.fixture(autouse=True)
def emptied(servers: tuple[EmbeddedServer, EmbeddedServer]) -> Iterator[None]:
    yield
    with redis.Redis.from_url(servers[0].url) as client:
        client.flushdb()


def run(master: EmbeddedServer, replicas: int, body: Callable[[RedisTaskStore], Awaitable[None]]) -> None:
    on_store(master.url, body, wait_replicas=replicas, wait_milliseconds=200)


def blocked(server: EmbeddedServer) -> int:
    with redis.Redis.from_url(server.url) as client:
        return int(client.info("clients")["blocked_clients"])


def waits(server: EmbeddedServer) -> int:
    with redis.Redis.from_url(server.url) as client:
        return int(client.info("commandstats").get("cmdstat_wait", {}).get("calls", 0))


def test_a_write_that_is_acknowledged_is_on_the_replica(servers: tuple[EmbeddedServer, EmbeddedServer]) -> None:
    master, replica = servers

    async def body(store: RedisTaskStore) -> None:
        with redis.Redis.from_url(replica.url) as client:
            for number in range(20):
                task = await store.create_task(REQUEST)
                assert client.exists(f"{{taskstore:0}}:task:{task.task_id}")
                await store.update_task_status(task.task_id, TaskStatus.CLIPPING, current_step=f"step {number}")
                assert f"step {number}".encode() in client.get(f"{{taskstore:0}}:task:{task.task_id}")

    run(master, 1, body)


def test_a_write_that_too_few_replicas_have_may_have_happened(servers: tuple[EmbeddedServer, EmbeddedServer]) -> None:
    master, _ = servers

    async def body(store: RedisTaskStore) -> None:
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable) as raised:
            await store.create_task(REQUEST, task_id="job")
        assert time.monotonic() - begun > 0.19
        assert raised.value.failure_kind is FailureKind.TIMEOUT
        assert raised.value.write_may_have_happened
        assert raised.value.task_id == "job"
        assert raised.value.detail == f"1 of {ALONE} replicas have the write after 200 ms"
        assert (await store.get_task("job")).status is TaskStatus.PENDING  # it did happen

    run(master, ALONE, body)


def test_a_repeated_create_does_not_pass_for_replicated(servers: tuple[EmbeddedServer, EmbeddedServer]) -> None:
    master, _ = servers

    async def body(store: RedisTaskStore) -> None:
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                await store.create_task(REQUEST, task_id="job")

    run(master, ALONE, body)


def test_a_repeated_write_waits_for_the_write_that_it_repeats(servers: tuple[EmbeddedServer, EmbeddedServer]) -> None:
    """It writes nothing, over a new connection, and WAIT is about what its own connection has written."""
    master, replica = servers

    async def create(store: RedisTaskStore) -> Task:
        return await store.create_task(REQUEST, task_id="new")

    async def complete(store: RedisTaskStore) -> Task:
        return await store.update_task_status("old", TaskStatus.COMPLETED)

    async def body(store: RedisTaskStore) -> None:
        await store.create_task(REQUEST, task_id="old")
        os.kill(replica.pid, signal.SIGSTOP)
        try:
            for _ in range(2):
                for call in (create, complete):
                    with pytest.raises(StoreUnavailable, match="0 of 1 replicas have the write"):
                        await call(store)
        finally:
            os.kill(replica.pid, signal.SIGCONT)
        assert (await create(store)).task_id == "new"
        assert (await complete(store)).status is TaskStatus.COMPLETED

    run(master, 1, body)


def test_callers_at_the_same_time_share_a_wait(servers: tuple[EmbeddedServer, EmbeddedServer]) -> None:
    """One after the other, their waits would take ten seconds."""
    master, _ = servers

    async def body(store: RedisTaskStore) -> None:
        begun = time.monotonic()
        outcomes = await asyncio.gather(*(store.create_task(REQUEST) for _ in range(50)), return_exceptions=True)
        assert time.monotonic() - begun < 3
        assert {type(one) for one in outcomes} == {StoreUnavailable}
        assert all(one.write_may_have_happened for one in outcomes)  # type: ignore[union-attr]

    run(master, ALONE, body)


def test_a_cancelled_caller_leaves_the_wait_to_the_others(servers: tuple[EmbeddedServer, EmbeddedServer]) -> None:
    master, _ = servers

    async def body(store: RedisTaskStore) -> None:
        await store.ping()
        os.kill(master.pid, signal.SIGSTOP)  # so that all replies come together
        try:
            calls = [asyncio.ensure_future(store.create_task(REQUEST)) for _ in range(5)]
            for _ in range(5):
                await asyncio.sleep(0)
        finally:
            os.kill(master.pid, signal.SIGCONT)
        while not blocked(master):  # noqa: ASYNC110  only the server knows
            await asyncio.sleep(0.001)
        calls[0].cancel()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(one) for one in outcomes] == [asyncio.CancelledError, *[StoreUnavailable] * 4]

    run(master, ALONE, body)


def test_reads_and_a_store_without_the_setting_do_not_wait(servers: tuple[EmbeddedServer, EmbeddedServer]) -> None:
    master, _ = servers

    async def read(store: RedisTaskStore) -> None:
        with pytest.raises(TaskNotFound):
            await store.get_task("job")
        assert (await store.list_tasks()).total == 0

    async def write(store: RedisTaskStore) -> None:
        await store.create_task(REQUEST)

    before = waits(master)
    run(master, ALONE, read)
    run(master, 0, write)
    assert waits(master) == before


def test_a_write_whose_wait_is_refused_may_have_happened(servers: tuple[EmbeddedServer, EmbeddedServer]) -> None:
    master, _ = servers

    async def body(store: RedisTaskStore) -> None:
        with redis.Redis.from_url(master.url) as client:
            client.execute_command("ACL", "SETUSER", "default", "-wait")
            try:
                with pytest.raises(StoreUnavailable, match="the write was made, and WAIT failed") as raised:
                    await store.create_task(REQUEST, task_id="job")
            finally:
                client.execute_command("ACL", "SETUSER", "default", "+wait")
        assert raised.value.write_may_have_happened
        assert (await store.get_task("job")).task_id == "job"

    run(master, 1, body)
