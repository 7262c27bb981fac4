"""What the suite cannot ask of every store: how this one uses its connections and its scripts."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import warnings
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
import redis
from redis.asyncio.connection import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from conformance.subjects.servers import EmbeddedServer
from taskstore import (
    FailureKind,
    InvalidArgument,
    MemoryTaskStore,
    StoreNotOpen,
    StoreUnavailable,
    TaskCreateRequest,
    TaskFinal,
    TaskNotFound,
    TaskStatus,
    migration,
)
from taskstore.redis import PartitionedTaskStore, RedisTaskStore, connect
from taskstore.redis.connection import MOST_WAITING, Connection
from taskstore.redis.server import Server
from tests.operating import emptied, on_store

__all__ = ["emptied"]  # a fixture
pytestmark = pytest.mark.usefixtures("emptied")
REQUEST = TaskCreateRequest(video_ids=("v",))


def test_one_connection_serves_fifty_callers(server: EmbeddedServer) -> None:
    async def body(store: RedisTaskStore) -> None:
        tasks = await asyncio.gather(*(store.create_task(REQUEST) for _ in range(50)))
        read = await asyncio.gather(*(store.get_task(task.task_id) for task in tasks))
        assert read == tasks

    on_store(server.url, body)


def test_requests_of_one_turn_leave_in_writes_of_sixteen(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(store: RedisTaskStore) -> None:
        task = await store.create_task(REQUEST)
        writes: list[int] = []
        write = asyncio.selector_events._SelectorSocketTransport.write  # type: ignore[attr-defined]  # noqa: SLF001

        def counted(transport: object, data: bytes) -> None:
            writes.append(data.count(b"GET"))
            write(transport, data)

        monkeypatch.setattr(asyncio.selector_events._SelectorSocketTransport, "write", counted)  # type: ignore[attr-defined]  # noqa: SLF001
        await asyncio.gather(*(store.get_task(task.task_id) for _ in range(40)))
        assert writes == [1, 16, 16, 7]

    on_store(server.url, body)


@pytest.mark.parametrize(("calls", "characters"), [(MOST_WAITING + 100, 1), (80, 1_000_000)])
def test_past_the_bound_callers_wait_for_their_turn(server: EmbeddedServer, calls: int, characters: int) -> None:
    """More requests, or more bytes of them, than may be in flight: all are answered."""
    request = TaskCreateRequest(video_ids=("v",), config={"text": "x" * characters})

    async def body(store: RedisTaskStore) -> None:
        created = await asyncio.gather(*(store.create_task(request) for _ in range(calls)))
        assert len({task.task_id for task in created}) == calls
        assert (await store.list_tasks(limit=0)).total == calls

    on_store(server.url, body, timeout=60)


def test_a_caller_who_finds_no_room_in_time_is_told(server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taskstore.redis.connection.MOST_WAITING", 1)

    async def body(_: RedisTaskStore) -> None:
        with contextlib.closing(connect(server.url)) as busy, redis.Redis.from_url(server.url) as client:
            await busy.read("GET", "key")
            client.execute_command("CLIENT", "PAUSE", 30_000, "WRITE")
            try:
                first = asyncio.ensure_future(busy.read("DEL", "key"))
                await asyncio.sleep(0)
                with pytest.raises(StoreUnavailable, match=r"1 requests are in flight.*Nothing was written") as told:
                    await busy.read("DEL", "key", until=asyncio.get_running_loop().time() + 0.1)
            finally:
                client.execute_command("CLIENT", "UNPAUSE")
            assert (told.value.failure_kind, told.value.write_may_have_happened) == (FailureKind.BUSY, False)
            assert await first == 0

    on_store(server.url, body)


def on_a_server_that(answers: Callable[[bytes], bytes], body: Callable[[RedisTaskStore], Awaitable[None]]) -> None:
    """A server for one connection, whose handshake goes well, and that has no say in what is written afterwards."""

    async def run() -> None:
        left = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                while heard := await reader.read(100_000):
                    writer.write(b"+OK\r\n" * heard.count(b"\r\nCLIENT\r\n") or answers(heard))
            writer.close()
            left.set()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener:
            port = listener.sockets[0].getsockname()[1]
            async with RedisTaskStore(connect(f"redis://127.0.0.1:{port}", timeout=5)) as store:
                await body(store)
            await left.wait()

    asyncio.run(run())


def test_nobody_waits_for_the_reply_of_another_before_sending() -> None:
    heard = bytearray()

    def answer_three_at_once(request: bytes) -> bytes:
        heard.extend(request)
        if b"EXISTS" in request:
            return b":0\r\n" * request.count(b"EXISTS")
        return b"$0\r\n\r\n" * 3 if heard.count(b"GETRANGE") == 3 else b""

    async def body(store: RedisTaskStore) -> None:
        outcomes = await asyncio.gather(*(store.get_task(f"{n}") for n in range(3)), return_exceptions=True)
        assert outcomes == [TaskNotFound(f"{n}") for n in range(3)]

    on_a_server_that(answer_three_at_once, body)


def test_a_task_that_is_created_while_it_is_looked_for_is_no_unreadable_record(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(store: RedisTaskStore) -> None:
        read = Server.read

        async def create_after_a_look(self: Server, *command: str | bytes | int, **named: Any) -> Any:
            reply = await read(self, *command, **named)
            if command[0] == "GETRANGE" and reply == b"":
                await store.create_task(REQUEST, task_id="job")
            return reply

        monkeypatch.setattr(Server, "read", create_after_a_look)
        assert (await store.get_task("job")).task_id == "job"

    on_store(server.url, body)


def test_a_connection_that_ends_as_it_is_opened_took_no_request(server: EmbeddedServer) -> None:
    async def run() -> None:
        to = connect(server.url)
        opens = to._open_connection  # noqa: SLF001  between opening and the first request there is no other way in

        async def open_and_lose(moved: str) -> Connection:
            connection = await opens(moved)
            connection.close()
            return connection

        to._open_connection = open_and_lose  # noqa: SLF001
        async with RedisTaskStore(to) as store:
            with pytest.raises(StoreUnavailable) as raised:
                await store.create_task(REQUEST)
            assert raised.value.failure_kind is FailureKind.BROKEN
            assert not raised.value.write_may_have_happened

    asyncio.run(run())


def test_bytes_that_are_no_protocol_end_the_connection_and_say_so() -> None:
    async def body(store: RedisTaskStore) -> None:
        for outcome in await asyncio.gather(*(store.create_task(REQUEST) for _ in range(3)), return_exceptions=True):
            assert isinstance(outcome, StoreUnavailable)
            assert outcome.failure_kind is FailureKind.BROKEN
            assert outcome.write_may_have_happened

    on_a_server_that(lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n", body)


def test_a_reply_that_comes_too_late_is_ambiguous_and_goes_to_nobody_else(server: EmbeddedServer) -> None:
    async def body(store: RedisTaskStore) -> None:
        task = await store.create_task(REQUEST)
        with redis.Redis.from_url(server.url) as client:
            client.execute_command("CLIENT", "PAUSE", 900, "ALL")
        with pytest.raises(StoreUnavailable) as raised:
            await store.update_task_status(task.task_id, TaskStatus.CLIPPING)
        assert raised.value.failure_kind is FailureKind.TIMEOUT
        assert raised.value.detail == "no reply within 0.3 s"
        assert raised.value.write_may_have_happened
        with redis.Redis.from_url(server.url) as client:
            client.ping()  # answered when the pause is over
        assert (await store.list_tasks()).total == 1
        assert (await store.get_task(task.task_id)).task_id == task.task_id

    on_store(server.url, body, timeout=0.3)


def test_a_cancelled_caller_takes_nobody_elses_answer_along(server: EmbeddedServer) -> None:
    async def body(store: RedisTaskStore) -> None:
        one, two = [await store.create_task(REQUEST) for _ in range(2)]
        for turns in range(12):  # cancelled at every await on the way
            call = asyncio.ensure_future(store.get_task(one.task_id))
            for _ in range(turns):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            assert await store.get_task(two.task_id) == two

    on_store(server.url, body)


def test_a_cancelled_caller_is_cancelled(server: EmbeddedServer) -> None:
    async def body(store: RedisTaskStore) -> None:
        for turns in range(12):
            call = asyncio.ensure_future(store.create_task(REQUEST))
            for _ in range(turns):
                await asyncio.sleep(0)
            if call.cancel():
                await asyncio.gather(call, return_exceptions=True)
                assert call.cancelled(), turns
        assert (await store.list_tasks(limit=0)).total <= 12

    on_store(server.url, body)


def test_a_server_that_lost_its_scripts_gets_them_again(server: EmbeddedServer) -> None:
    async def body(store: RedisTaskStore) -> None:
        task = await store.create_task(REQUEST)
        with redis.Redis.from_url(server.url) as client:
            client.script_flush()
        assert (await store.update_task_status(task.task_id, TaskStatus.CLIPPING)).status == TaskStatus.CLIPPING
        assert (await store.list_tasks()).total == 1

    on_store(server.url, body)


def test_a_server_that_dropped_the_connection_is_connected_to_again(server: EmbeddedServer) -> None:
    async def body(store: RedisTaskStore) -> None:
        task = await store.create_task(REQUEST)

        def drop() -> None:
            with redis.Redis.from_url(server.url) as client:
                client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                client.ping()

        await asyncio.to_thread(drop)  # the loop turns meanwhile, and sees the connection end
        assert await store.get_task(task.task_id) == task

    on_store(server.url, body)


def test_many_due_entries_are_swept_before_a_total_is_given(server: EmbeddedServer) -> None:
    async def body(store: RedisTaskStore) -> None:
        for _ in range(25):
            await asyncio.gather(*(store.create_task(REQUEST) for _ in range(100)))
        with redis.Redis.from_url(server.url) as client:
            client.zadd("{taskstore:0}:deadlines", dict.fromkeys(client.zrange("{taskstore:0}:deadlines", 0, -1), 1))
        kept = await store.create_task(REQUEST)
        page = await store.list_tasks()
        assert (list(page.tasks), page.total) == ([kept], 1)
        assert (await store.list_tasks(TaskStatus.PENDING)).total == 1

    on_store(server.url, body)


def test_a_task_restored_over_an_expired_one_stands_in_no_index_of_the_old(server: EmbeddedServer) -> None:
    async def body(store: RedisTaskStore) -> None:
        task = await store.create_task(REQUEST)
        failed = await store.update_task_status(task.task_id, TaskStatus.FAILED)
        with redis.Redis.from_url(server.url) as client:
            client.delete(f"{{taskstore:0}}:task:{task.task_id}")  # expired, and not swept yet
        await store.restore(task)
        assert (await store.list_tasks(TaskStatus.FAILED)).total == 0
        assert list((await store.list_tasks(TaskStatus.PENDING)).tasks) == [task]
        assert failed.completed_at is not None
        assert await store.purge(failed.completed_at + timedelta(seconds=1)) == 0

    on_store(server.url, body)


@pytest.mark.parametrize("first", ["long", "short"])
def test_an_index_lives_as_long_as_its_tasks_and_at_most_a_lifetime_longer(server: EmbeddedServer, first: str) -> None:
    async def body(store: RedisTaskStore) -> None:
        shorter = RedisTaskStore(connect(server.url), lifetime=timedelta(hours=1))
        async with shorter:
            for one in (store, shorter) if first == "long" else (shorter, store):
                task = await one.create_task(REQUEST)
                for status in (TaskStatus.CLIPPING, TaskStatus.FAILED):
                    await one.update_task_status(task.task_id, status)
                await one.update_task_status((await one.create_task(REQUEST)).task_id, TaskStatus.CLIPPING)
        with redis.Redis.from_url(server.url) as client:
            ends = {key: client.pexpiretime(key) for key in client.keys("{taskstore:0}:*")}
        records = {key: end for key, end in ends.items() if b":task:" in key}
        indexes = [end for key, end in ends.items() if key not in records]
        latest = max(records.values())
        assert len(records) == 4
        assert len(indexes) == 5  # created, deadlines, finished, and those of two statuses
        assert latest <= min(indexes)
        assert max(indexes) <= latest + timedelta(days=7) / timedelta(milliseconds=1)

    on_store(server.url, body)


def test_an_index_is_not_prolonged_with_each_write(server: EmbeddedServer) -> None:
    async def body(store: RedisTaskStore) -> None:
        task = await store.create_task(REQUEST)
        await store.update_task_status(task.task_id, TaskStatus.CLIPPING)
        with redis.Redis.from_url(server.url) as client:
            client.config_resetstat()
            await store.update_task_status(task.task_id, TaskStatus.CLIPPING, 50)
            called = client.info("commandstats")
        assert called["cmdstat_zadd"]["calls"] == 1
        assert "cmdstat_pexpire" not in called

    on_store(server.url, body)


def test_a_remembered_record_is_never_taken_for_the_stored_one(server: EmbeddedServer) -> None:
    async def body(store: RedisTaskStore) -> None:
        async with RedisTaskStore(connect(server.url)) as other:
            task = await store.create_task(REQUEST)
            assert await store.get_task(task.task_id) is await store.get_task(task.task_id)  # not read twice
            moved = await other.update_task_status(task.task_id, TaskStatus.CLIPPING, 50)
            assert await store.get_task(task.task_id) == moved
            moved = await other.update_task_status(task.task_id, TaskStatus.UPLOADING, 60)
            assert (await store.list_tasks()).tasks == (moved,)
            await other.update_task_status(task.task_id, TaskStatus.UPLOADING, 70)
            assert (await store.update_task_status(task.task_id, TaskStatus.UPLOADING, current_step="s")).progress == 70
            await other.cancel_task(task.task_id)
            with pytest.raises(TaskFinal):
                await store.update_task_status(task.task_id, TaskStatus.UPLOADING)
            with redis.Redis.from_url(server.url) as client:
                client.flushdb()
            with pytest.raises(TaskNotFound):
                await store.get_task(task.task_id)
            with pytest.raises(TaskNotFound):
                await store.cancel_task(task.task_id)

    on_store(server.url, body)


@pytest.mark.parametrize("padding", [0, 10_000], ids=["many", "long"])
def test_what_a_store_remembers_is_bounded(server: EmbeddedServer, padding: int) -> None:
    async def body(store: RedisTaskStore) -> None:
        request = TaskCreateRequest(video_ids=("v",), config={"text": "x" * padding})
        await asyncio.gather(*(store.create_task(request) for _ in range(1_100)))
        assert len(store._remembered) == (0 if padding else 1_024)  # noqa: SLF001
        assert len((await store.list_tasks(limit=1_000)).tasks) == 1_000

    on_store(server.url, body)


def test_a_migration_goes_on_behind_a_page_that_cannot_be_read(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(store: RedisTaskStore) -> None:
        monkeypatch.setattr(migration, "MAX_LIMIT", 2)
        tasks = [await store.create_task(REQUEST) for _ in range(5)]
        with redis.Redis.from_url(server.url) as client:
            for task in tasks[-2:]:
                client.set(f"{{taskstore:0}}:task:{task.task_id}", "no record", keepttl=True)
        async with MemoryTaskStore() as target:
            assert await migration.migrate(store, target) == 3
            assert (await target.list_tasks()).tasks == tuple(tasks[2::-1])

    on_store(server.url, body)


@pytest.mark.parametrize("partitions", [1, 2])
@pytest.mark.parametrize("goes_on", [True, False], ids=["other loop goes on", "other loop is closed"])
def test_a_store_of_another_loop_can_be_closed(server: EmbeddedServer, partitions: int, *, goes_on: bool) -> None:
    to = connect(server.url)
    store = PartitionedTaskStore(to, partitions=partitions) if partitions > 1 else RedisTaskStore(to)

    async def is_left() -> bool:
        with redis.Redis.from_url(server.url) as client:
            return any(one["name"] == "taskstore" for one in client.client_list())

    async def close() -> None:
        await store.aclose()
        with pytest.raises(StoreNotOpen, match="the store is closed"):
            await store.ping()

    with asyncio.Runner() as first:
        first.run(store.ping())
        if goes_on:
            asyncio.run(close())
            assert any(not first.run(is_left()) for _ in range(1_000))
    if not goes_on:
        asyncio.run(close())
        with warnings.catch_warnings(action="ignore"):  # asyncio's own, of a loop that was closed before its transports
            del store, to
            gc.collect()


@pytest.mark.parametrize("prefix", ["", "a{b", "a}b", "\ud800"])
def test_a_prefix_that_would_break_the_hash_tag_is_refused(prefix: str) -> None:
    with pytest.raises(InvalidArgument):
        RedisTaskStore(connect("redis://localhost"), prefix=prefix)


def test_a_lifetime_below_a_second_is_refused() -> None:
    with pytest.raises(InvalidArgument):
        RedisTaskStore(connect("redis://localhost"), lifetime=timedelta(milliseconds=999))


def test_redis_py_still_has_the_parts_that_are_not_public(server: EmbeddedServer) -> None:
    """The store takes over the transport of a connection that redis-py opens. This names all that it uses for it."""

    async def take_over() -> None:
        pool = ConnectionPool.from_url(server.url, socket_timeout=None, protocol=2, retry=Retry(NoBackoff(), 0))
        connection: Any = pool.make_connection()  # type: ignore[no-untyped-call]  # redis-py leaves it open
        assert isinstance(pool.connection_class(**pool.connection_kwargs), type(connection))
        await connection.connect()
        writer = connection._writer  # noqa: SLF001  what this test is about
        assert isinstance(connection._reader, asyncio.StreamReader)  # noqa: SLF001
        assert isinstance(writer, asyncio.StreamWriter)
        connection._reader = connection._writer = None  # noqa: SLF001
        await connection.disconnect(nowait=True)
        assert not writer.transport.is_closing()  # it is no longer redis-py's to close
        writer.transport.abort()

    asyncio.run(take_over())
