"""Writes, where servers, callers and other versions are unkind."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any, cast

import pytest
import redis

from conformance.subjects.servers import EmbeddedServer
from taskstore import (
    MAX_BYTES,
    FailureKind,
    MemoryTaskStore,
    RecordUnreadable,
    StoreUnavailable,
    Task,
    TaskCreateRequest,
    TaskNotFound,
    TaskStatus,
    TaskStoreError,
)
from taskstore.redis import RedisTaskStore, connect, record

REQUEST = TaskCreateRequest(video_ids=("v",), config={"a": [1, -0.5, {}, []], "标题": "中文"})
BASE = "{writes:0}"
KEY = f"{BASE}:task:job"


@contextlib.asynccontextmanager
async def opened(server: EmbeddedServer, **named: Any) -> AsyncIterator[tuple[RedisTaskStore, Any]]:
    with redis.Redis.from_url(server.url) as client:
        client.flushdb()
        async with RedisTaskStore(connect(server.url, **named), prefix="writes") as store:
            yield store, client


# --- Records from others


WRONG: dict[str, Any] = {
    "progress beyond 100": (b'"progress":0.0', b'"progress":1e9'),
    "progress NaN": (b'"progress":0.0', b'"progress":NaN'),
    "progress as text": (b'"progress":0.0', b'"progress":"5.0"'),
    "unknown status": (b'"status":"pending"', b'"status":"done"'),
    "final without its end": (b'"status":"pending"', b'"status":"failed"'),
    "end without final": (b'"completed_at":null', b'"completed_at":"2026-01-02T03:04:06.000000Z"'),
    "month 13": (rb'"updated_at":"\d\d\d\d-\d\d', b'"updated_at":"2026-13'),
    "30 February": (rb'"updated_at":"\d\d\d\d-\d\d-\d\d', b'"updated_at":"2026-02-30'),
    "naive time": (rb'("updated_at":"[^"]*)Z"', rb'\1"'),
    "other created_us": (rb'"created_us":\d+', b'"created_us":1767323045678901'),
    "another task": (b'"task_id":"job"', b'"task_id":"other"'),
    "no videos": (rb'"video_ids":\["v"\]', b'"video_ids":[]'),
    "videos of numbers": (rb'"video_ids":\["v"\]', b'"video_ids":[1]'),
    "metadata cut": (b'"config":', b'"config'),
    "metadata NaN": (rb"\[1,-0.5", b"[NaN,-0.5"),
    "metadata Infinity": (rb"\[1,-0.5", b"[-Infinity,-0.5"),
    "metadata 1e999": (rb"\[1,-0.5", b"[1e999,-0.5"),
    "metadata -1E+0400": (rb"\[1,-0.5", b"[-1E+0400,-0.5"),
    "metadata of 320 digits and a fraction": (rb"\[1,-0.5", b"[" + b"9" * 320 + b".0,-0.5"),
    "metadata of 250 digits and an exponent": (rb"\[1,-0.5", b"[" + b"9" * 250 + b"e99,-0.5"),
    "metadata hex": (rb"\[1,-0.5", b"[0x1F,-0.5"),
    "metadata 1.": (rb"\[1,-0.5", b"[1.,-0.5"),
    "metadata -.5": (rb"\[1,-0.5", b"[1,-.5"),
    "metadata 01": (rb"\[1,-0.5", b"[01,-0.5"),
    "metadata +1": (rb"\[1,-0.5", b"[+1,-0.5"),
    "metadata nan": (rb"\[1,-0.5", b"[nan,-0.5"),
    "too many digits": (rb"\[1,-0.5", b"[" + b"1" * 4_301 + b",-0.5"),
    "nested too deep": (rb"\[1,-0.5", b"[" * 300 + b"1" + b"]" * 300 + b",[1,-0.5"),
    "lone surrogate": (rb'"webhook_url":null', rb'"webhook_url":"\\ud800"'),
    "not UTF-8": ("中文".encode(), b"\xe4\xb8"),
    "overlong UTF-8": ("中".encode(), b"\xe0\x80\x80"),
    "surrogate in UTF-8": ("中".encode(), b"\xed\xa0\x80"),
    "control character": ("中".encode(), b"\x01"),
    "a second status": (b',"result_url":null', b',"result_url":null,"status":"failed"'),
    "step without quotes": (b'"current_step":""', b'"current_step":cut'),
    "another version": (b'"v":1', b'"v":2'),
    "cut": (rb'"metadata".*', b""),
    "longer than any": (b'"webhook_url":null', b'"webhook_url":"' + b"x" * record.MAX_RECORD_BYTES + b'"'),
}


@pytest.mark.parametrize("name", WRONG)
def test_one_definition_decides_whether_a_record_is_readable(server: EmbeddedServer, name: str) -> None:
    async def run() -> None:
        async with opened(server) as (store, client):
            await store.create_task(REQUEST, task_id="job")
            right: Any = client.get(KEY)
            old, new = WRONG[name]
            wrong = re.sub(old, new, right, count=1)
            assert wrong != right
            client.set(KEY, wrong, keepttl=True)
            for call in (
                store.get_task("job"),
                store.update_task_status("job", TaskStatus.CLIPPING, 40),
                store.cancel_task("job"),
                store.create_task(REQUEST, task_id="job"),
            ):
                with pytest.raises(RecordUnreadable) as raised:
                    await call
                assert raised.value.key == KEY
            page = await store.list_tasks()
            assert (page.tasks, page.unreadable, page.total) == ((), (KEY,), 1)
            assert client.get(KEY) == wrong

    asyncio.run(run())


UNUSUAL: dict[str, Any] = {
    "as it is": (b"", b""),
    "a small progress": (b'"progress":0.0', b'"progress":1e-05'),
    "an integer as progress": (b'"progress":0.0', b'"progress":50'),
    "numbers of every form": (rb"\[1,-0.5", b"[1e+16,-1E-5,0.0,-0,10,1.5e3,-0.5"),
    "the largest numbers": (rb"\[1,-0.5", b"[1.7976931348623157e308,-1E+0308," + b"9" * 4_300 + b",-0.5"),
    "texts like large numbers": ("中".encode(), b"1e999 1e2024 E999 " + b"9" * 400),
    "white space": (rb'"config":', b'"config" : '),
    "a byte of each length": ("中".encode(), "é中𝄞\u07ff\u0800\ud7ff\ue000\U0010ffff".encode()),
    "escapes": ("中".encode(), rb"\\\\ \" \\u0000 \\ud834\\udd1e \\n"),
    "a record of 300 KB": ("中".encode(), b"x" * 300_000),
    "29 February": (rb'"created_us":\d+', b'"created_us":1835438400000000'),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_unusual_and_readable_is_read_and_written(server: EmbeddedServer, name: str) -> None:
    async def run() -> None:
        async with opened(server) as (store, client):
            await store.create_task(REQUEST, task_id="job")
            old, new = UNUSUAL[name]
            text: Any = client.get(KEY)
            text = re.sub(old, new, text, count=1)
            if name == "29 February":
                text = re.sub(rb'_at":"[^"]*"', b'_at":"2028-02-29T12:00:00.000000Z"', text).replace(
                    b"1835438400", b"1835438400"
                )
            client.set(KEY, text, keepttl=True)
            task = await store.get_task("job")
            updated = await store.update_task_status("job", TaskStatus.CLIPPING, current_step="步骤")
            assert (updated.metadata, updated.progress) == (task.metadata, task.progress)
            assert await store.get_task("job") == updated
            assert (await store.cancel_task("job")).metadata == task.metadata

    asyncio.run(run())


@pytest.mark.parametrize("config", [None, {"a": [1, -2.5, 1e-3]}, {"标题": "中文，第一集", "n": 100}])
def test_an_update_of_an_ordinary_record_is_one_request(server: EmbeddedServer, config: Any) -> None:
    async def run() -> None:
        async with opened(server) as (store, client):
            await store.create_task(TaskCreateRequest(video_ids=("v1", "视频"), config=config), task_id="job")
            await store.update_task_status("job", TaskStatus.CLIPPING, 12.5, "步骤 1\n")
            client.config_resetstat()
            await store.update_task_status("job", TaskStatus.CLIPPING, 15, "步骤 2")
            await store.cancel_task("job")
            assert client.info("commandstats")["cmdstat_evalsha"]["calls"] == 2

    asyncio.run(run())


def test_nobody_waits_for_a_value_of_half_a_gigabyte(server: EmbeddedServer) -> None:
    async def run() -> None:
        async with opened(server) as (store, client):
            client.setrange(KEY, 500 * 1024 * 1024, b"x")
            client.config_resetstat()
            for call in (store.get_task("job"), store.cancel_task("job"), store.create_task(REQUEST, task_id="job")):
                with pytest.raises(RecordUnreadable):
                    await call
            assert client.info("stats")["total_net_output_bytes"] < 4 * record.MAX_RECORD_BYTES
            client.unlink(KEY)
            client.set(KEY, b"")
            with pytest.raises(RecordUnreadable):
                await store.get_task("job")

    asyncio.run(run())


# --- Two versions at once


def version1(name: str) -> str:
    return (Path(__file__).parent / "data" / "version1" / f"{name}.lua").read_text("utf-8")


def test_two_versions_work_on_the_same_records(server: EmbeddedServer) -> None:
    """The scripts of the version before wrote these records, and write over those of this one."""

    async def run() -> None:
        async with opened(server) as (store, client):
            change = ("", "", "", "", "")
            old = client.eval(
                version1("insert"), 1, BASE, 100, 604_800_000, "old", "pending", "", "", record.NEW_HEAD, "",
                record.tail("old", ("v",), '{"webhook_url":null,"config":{"a":[]}}'),
            )  # fmt: skip
            assert await store.get_task("old") == record.decode(old[1], "old")
            await store.create_task(REQUEST, task_id="job")
            for task_id in ("old", "job"):
                await store.update_task_status(task_id, TaskStatus.CLIPPING, 12.5, '步骤 "1"\n')
                arguments = (100, 604_800_000, MAX_BYTES, task_id)
                verdict, text = client.eval(version1("update"), 1, BASE, *arguments, '"uploading"', *change)
                assert verdict == b"ok"
                task = await store.get_task(task_id)
                assert task == record.decode(text, task_id)
                assert (task.status, task.progress, task.current_step) == (TaskStatus.UPLOADING, 12.5, '步骤 "1"\n')
                done = await store.update_task_status(task_id, TaskStatus.COMPLETED)
                verdict, text = client.eval(
                    version1("update"), 1, BASE, *arguments, '"completed"', "100.0", *change[1:]
                )
                assert (verdict, record.decode(text, task_id)) == (b"ok", done)
            assert (await store.list_tasks(TaskStatus.COMPLETED)).total == 2
            assert [(await store.list_tasks(status)).total for status in list(TaskStatus)[:6]] == [0] * 6

    asyncio.run(run())


def test_an_update_before_its_creation_as_version_1_could_write_it_is_read_as_created(server: EmbeddedServer) -> None:
    async def run() -> None:
        async with opened(server) as (store, client):
            task = await store.create_task(REQUEST, task_id="job")
            text: Any = client.get(KEY)
            text = re.sub(rb'"updated_at":"[^"]*"', b'"updated_at":"2001-01-01T00:00:00.000000Z"', text)
            client.set(KEY, text, keepttl=True)
            assert await store.get_task("job") == task
            assert (await store.cancel_task("job")).updated_at >= task.created_at

    asyncio.run(run())


# --- Servers


def test_a_connection_that_leads_to_a_replica_is_left_for_a_new_one(server: EmbeddedServer) -> None:
    """A failover behind an address that moves: the next write after the first refusal goes to the new master."""

    async def run() -> None:
        with EmbeddedServer() as promoted, redis.Redis.from_url(promoted.url) as demoted_to:
            target = [server.url]
            serving: list[asyncio.Task[Any]] = []

            async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                with contextlib.suppress(ConnectionError):
                    while data := await reader.read(65_536):
                        writer.write(data)
                writer.close()

            async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                serving.append(cast("asyncio.Task[Any]", asyncio.current_task()))
                host, port = target[0].partition("//")[2].partition("/")[0].split(":")
                to_reader, to_writer = await asyncio.open_connection(host, int(port))
                await asyncio.gather(pipe(reader, to_writer), pipe(to_reader, writer))

            listener = await asyncio.start_server(forward, "127.0.0.1", 0)
            url = f"redis://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
            master: Any
            with redis.Redis.from_url(server.url) as master:
                master.flushdb()
                async with listener, RedisTaskStore(connect(url), prefix="writes") as store:
                    await store.create_task(REQUEST)
                    target[0] = promoted.url
                    host, port = promoted.url.partition("//")[2].partition("/")[0].split(":")
                    master.execute_command("REPLICAOF", host, port)
                    try:
                        with pytest.raises(StoreUnavailable) as raised:
                            await store.create_task(REQUEST, task_id="job")
                        assert raised.value.failure_kind is FailureKind.READ_ONLY
                        assert not raised.value.write_may_have_happened
                        task = await store.create_task(REQUEST, task_id="job")
                        assert await store.get_task("job") == task
                        assert demoted_to.exists(KEY)
                    finally:
                        master.execute_command("REPLICAOF", "NO", "ONE")
                        master.flushdb()
                await asyncio.gather(*serving)

    asyncio.run(run())


# --- Callers


class Hostile(str):
    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> Any:
        raise RuntimeError("hostile")

    __repr__ = __str__ = __eq__ = __hash__ = __format__ = encode = isascii = _refuse


class NoRepr:
    def __repr__(self) -> str:
        raise RuntimeError("hostile")

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("hostile")


class HostileZone(tzinfo):
    tzname = dst = None  # type: ignore[assignment]

    def utcoffset(self, _: datetime | None) -> timedelta:
        raise RuntimeError("hostile")


_request: Any = TaskCreateRequest.model_construct
_task: Any = Task.model_construct
HOSTILE: list[Any] = [
    Hostile("pending"), Hostile("\ud800"), NoRepr(), b"x", 10**5_000, float("nan"), [], {}, object, "\ud800", "",
    datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
    datetime.max.replace(tzinfo=timezone(-timedelta(hours=12))),
    datetime(2026, 1, 1, tzinfo=HostileZone()), datetime(2026, 1, 1),  # noqa: DTZ001  it has to be refused
    _request(), _request(video_ids=None), _task(),
    _request(video_ids=(Hostile("v"),)), _request(video_ids="abc"),
    _request(video_ids=("v",), webhook_url=NoRepr(), config={"a": NoRepr()}),
]  # fmt: skip


def calls_with(store: Any, task: Task, value: Any) -> list[Callable[[], Awaitable[object]]]:
    fields = [*Task.model_fields]
    return [
        lambda: store.create_task(value),
        lambda: store.create_task(REQUEST, task_id=value),
        lambda: store.get_task(value),
        lambda: store.cancel_task(value),
        lambda: store.update_task_status(value, TaskStatus.CLIPPING),
        lambda: store.update_task_status(task.task_id, value),
        *(
            lambda name=name: store.update_task_status(task.task_id, TaskStatus.CLIPPING, **{name: value})
            for name in ("progress", "current_step", "result_url", "error_message", "error_traceback")
        ),
        lambda: store.list_tasks(value),
        lambda: store.purge(value),
        lambda: store.restore(value),
        *(lambda name=name: store.restore(task.model_copy(update={"task_id": "r", name: value})) for name in fields),
    ]


@pytest.mark.parametrize("mode", ["memory", "redis"])
def test_no_argument_makes_a_foreign_exception(server: EmbeddedServer, mode: str) -> None:
    async def run() -> None:
        async with opened(server) as (in_redis, _):
            store = in_redis if mode == "redis" else MemoryTaskStore()
            task = await store.create_task(REQUEST, task_id="job")
            for value in HOSTILE:
                for call in calls_with(store, task, value):
                    with contextlib.suppress(TaskStoreError):
                        await call()
            assert (await store.list_tasks()).unreadable == ()

    asyncio.run(run())


def test_an_expired_task_that_was_not_swept_yet_does_not_keep_its_id() -> None:
    async def run() -> None:
        now = [1_790_000_000_000_000_000]
        async with MemoryTaskStore(lifetime=timedelta(seconds=1), clock=lambda: now[0]) as store:
            for number in range(300):
                last = await store.create_task(REQUEST, task_id=f"task-{number}")
                now[0] += 1_000_000
            now[0] += 5_000_000_000
            await store.restore(last)
            again = await store.create_task(REQUEST, task_id="task-298")
            assert await store.get_task("task-298") == again
            with pytest.raises(TaskNotFound):
                await store.get_task("task-297")

    asyncio.run(run())
