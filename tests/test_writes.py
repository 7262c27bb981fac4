"""Writes, where servers, callers and other versions are unkind."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone, tzinfo
from hashlib import sha1
from pathlib import Path
from typing import Any, cast

import pytest
import redis

from conformance.subjects.servers import EmbeddedServer
from taskstore import (
    MAX_BYTES,
    MemoryTaskStore,
    RecordUnreadable,
    StoreUnavailable,
    Task,
    TaskCreateRequest,
    TaskNotFound,
    TaskStatus,
    TaskStoreError,
    Trouble,
)
from taskstore.redis import RedisTaskStore, connect, record
from taskstore.redis.scripts import Script

REQUEST = TaskCreateRequest(video_ids=("v",), config={"a": [1, -0.5, {}, []], "标题": "中文"})
BASE = "{writes:0}"
KEY = f"{BASE}:task:job"


@contextlib.asynccontextmanager
async def opened(server: EmbeddedServer, **named: Any) -> AsyncIterator[tuple[RedisTaskStore, Any]]:
    with redis.Redis.from_url(server.url) as client:
        client.flushdb()
        async with RedisTaskStore(connect(server.url, **named), prefix="writes") as store:
            yield store, client


# --- A command that fails inside a script


def failing_at(script: Script, number: int) -> Script:
    """The script, in which one command fails: the first is number 1."""
    head = f"""
local real, made = redis, 0
local function fails() made = made + 1 return made == {number} end
local redis = {{
  call = function(...) if fails() then error({{err = 'ERR made to fail'}}) end return real.call(...) end,
  pcall = function(...) if fails() then return {{err = 'ERR made to fail'}} end return real.pcall(...) end,
}}
"""
    text = head + script.text
    return replace(script, text=text, digest=sha1(text.encode(), usedforsecurity=False).hexdigest())


class Failing(RedisTaskStore):
    number = 0

    async def _run(self, script: Script, *arguments: Any, **named: Any) -> Any:
        return await super()._run(failing_at(script, self.number) if self.number else script, *arguments, **named)


def stored(client: Any) -> dict[Any, Any]:
    """Records and indexes; the last millisecond of a life to a tenth of a second."""
    found: dict[Any, Any] = {}
    for key in client.keys(f"{BASE}:*"):
        if client.type(key) == b"string":
            found[key] = client.get(key)
        else:
            digits = -2 if key.endswith(b":deadlines") else 0
            found[key] = {
                name: round(score / 100) if digits else score
                for name, score in client.zrange(key, 0, -1, withscores=True)
            }
    return found


WRITES: dict[str, Callable[[RedisTaskStore, Task], Awaitable[object]]] = {
    "create": lambda store, _: store.create_task(REQUEST),
    "create with an id": lambda store, _: store.create_task(REQUEST, task_id="new"),
    "restore": lambda store, task: store.restore(task.model_copy(update={"task_id": "restored"})),
    "update": lambda store, task: store.update_task_status(task.task_id, TaskStatus.CLIPPING, 5),
    "complete": lambda store, task: store.update_task_status(task.task_id, TaskStatus.COMPLETED),
    "cancel": lambda store, task: store.cancel_task(task.task_id),
}


@pytest.mark.parametrize("name", WRITES)
def test_what_is_said_of_a_failed_write_is_what_happened(server: EmbeddedServer, name: str) -> None:
    async def run() -> None:
        said: set[bool] = set()
        for number in range(1, 40):
            async with opened(server) as (store, client):
                task = await store.create_task(REQUEST, task_id="job")
                failing = Failing(connect(server.url), prefix="writes")
                failing.number = number
                before = stored(client)
                async with failing:
                    (outcome,) = await asyncio.gather(WRITES[name](failing, task), return_exceptions=True)
                if not isinstance(outcome, StoreUnavailable):
                    assert stored(client) != before
                    assert said == {False, True}
                    return
                assert outcome.trouble is Trouble.BROKEN
                said.add(outcome.write_may_have_happened)
                assert (stored(client) != before) is outcome.write_may_have_happened, number
                there = (await store.list_tasks()).tasks
                for status in TaskStatus:
                    page = await store.list_tasks(status)
                    assert page.total == len(page.tasks) == sum(one.status is status for one in there)
        pytest.fail("more commands than any script has")

    asyncio.run(run())


def test_a_server_that_denies_a_command_is_not_an_unreadable_record(server: EmbeddedServer) -> None:
    async def run() -> None:
        async with opened(server) as (store, client):
            task = await store.create_task(REQUEST, task_id="job")
            client.execute_command("ACL", "SETUSER", "app", "on", ">pw", "~*", "+@all", "-getrange", "-zrem")
            try:
                app = connect(server.url, username="app", password="pw")  # noqa: S106  of a private server
                async with RedisTaskStore(app, prefix="writes") as denied:
                    for call in (denied.get_task(task.task_id), denied.cancel_task(task.task_id)):
                        with pytest.raises(StoreUnavailable) as raised:
                            await call
                        assert raised.value.trouble is Trouble.REFUSED
                        assert not raised.value.write_may_have_happened
                    client.execute_command("ACL", "SETUSER", "app", "+getrange")
                    with pytest.raises(StoreUnavailable) as raised:
                        await denied.cancel_task(task.task_id)
                    assert (raised.value.trouble, raised.value.write_may_have_happened) == (Trouble.REFUSED, False)
            finally:
                client.execute_command("ACL", "DELUSER", "app")
            assert await store.get_task(task.task_id) == task
            assert (await store.list_tasks(TaskStatus.CANCELLED)).total == 0
            assert (await store.list_tasks(TaskStatus.PENDING)).total == 1

    asyncio.run(run())


@pytest.mark.parametrize(("denied", "removed"), [("-unlink", False), ("-zrem", True)])
def test_a_purge_that_is_refused_on_its_way_does_not_deny_what_it_removed(
    server: EmbeddedServer, denied: str, removed: bool
) -> None:
    async def run() -> None:
        async with opened(server) as (store, client):
            task = await store.cancel_task((await store.create_task(REQUEST)).task_id)
            client.execute_command("ACL", "SETUSER", "app", "on", ">pw", "~*", "+@all", denied)
            try:
                app = connect(server.url, username="app", password="pw")  # noqa: S106  of a private server
                async with RedisTaskStore(app, prefix="writes") as limited:
                    with pytest.raises(StoreUnavailable) as raised:
                        await limited.purge(task.updated_at + timedelta(days=1))
            finally:
                client.execute_command("ACL", "DELUSER", "app")
            assert (raised.value.trouble, raised.value.write_may_have_happened) == (Trouble.REFUSED, removed)
            assert ((await store.list_tasks()).tasks == ()) is removed

    asyncio.run(run())


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


@contextlib.asynccontextmanager
async def speaking(answer: Callable[[list[bytes]], Awaitable[bytes]]) -> AsyncIterator[str]:
    """A server that answers each command as it is told."""

    serving: list[asyncio.Task[Any]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(cast("asyncio.Task[Any]", asyncio.current_task()))
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while line := await reader.readline():
                words = []
                for _ in range(int(line[1:])):
                    size = int((await reader.readline())[1:])
                    words.append((await reader.readexactly(size + 2))[:-2])
                writer.write(b"+OK\r\n" if words[0].upper() == b"CLIENT" else await answer(words))
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        yield f"redis://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        for one in serving:
            one.cancel()
        await asyncio.gather(*serving)


SHAPES = [
    b"*0\r\n", b":5\r\n", b"$-1\r\n", b"*-1\r\n", b"*1\r\n$2\r\nok\r\n", b"*2\r\n$2\r\nok\r\n:5\r\n",
    b"*2\r\n$2\r\nok\r\n$3\r\nxxx\r\n", b"*2\r\n$5\r\nfinal\r\n$3\r\nxxx\r\n", b"*2\r\n$5\r\nlarge\r\n$1\r\nx\r\n",
    b"*2\r\n$5\r\nlarge\r\n$1\r\n\xb2\r\n", b"*2\r\n$1\r\nx\r\n*-1\r\n", b"*1\r\n$6\r\nexists\r\n",
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=repr)
def test_a_reply_of_another_shape_is_a_broken_server(shape: bytes) -> None:
    async def answer(_: list[bytes]) -> bytes:
        return shape

    async def run() -> None:
        task = await MemoryTaskStore().create_task(REQUEST)
        async with speaking(answer) as url, RedisTaskStore(connect(url)) as store:
            for write in (store.create_task(REQUEST), store.cancel_task("job"), store.restore(task)):
                with contextlib.suppress(StoreUnavailable):
                    await write
                    assert shape == b"*2\r\n$2\r\nok\r\n$3\r\nxxx\r\n"  # which a restore does not look at
            if not shape.startswith((b":", b"$3")):
                with pytest.raises(StoreUnavailable) as raised:
                    await store.get_task("job")
                assert raised.value.trouble is Trouble.BROKEN

    asyncio.run(run())


def test_one_call_has_one_deadline() -> None:
    async def answer(words: list[bytes]) -> bytes:
        if words[0] == b"EVALSHA":
            await asyncio.sleep(0.25)
            return b"-NOSCRIPT no\r\n"
        await asyncio.sleep(5)
        return b""

    async def run() -> None:
        async with speaking(answer) as url, RedisTaskStore(connect(url, connect_timeout=0.1, timeout=0.3)) as store:
            loop = asyncio.get_running_loop()
            start = loop.time()
            with pytest.raises(StoreUnavailable) as raised:
                await store.cancel_task("job")
            assert raised.value.trouble is Trouble.TIMEOUT
            assert loop.time() - start < 0.5

    asyncio.run(run())


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
                        assert raised.value.trouble is Trouble.READ_ONLY
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
