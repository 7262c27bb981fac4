"""What opening in Redis mode raises, advises and warns of."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

from conformance.subjects.servers import EmbeddedServer
from taskstore import FailureKind, SettingsInvalid, StoreUnavailable, TaskStoreSettings, open_store
from taskstore.address import parse

pytestmark = pytest.mark.usefixtures("nowhere")


def opened(**fields: Any) -> None:
    async def use() -> None:
        async with open_store(TaskStoreSettings(use_redis_for_tasks=True, **fields)):
            pass

    asyncio.run(use())


def refused(**fields: Any) -> StoreUnavailable:
    with pytest.raises(StoreUnavailable) as raised:
        opened(redis_connect_timeout=0.2, **fields)
    return raised.value


@pytest.fixture
def closed() -> int:
    """A port at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def test_the_message_states_facts_and_the_notes_say_what_to_check(closed: int) -> None:
    error = refused(redis_host="127.0.0.1", redis_port=closed)
    assert str(error).startswith(f"Redis at 127.0.0.1:{closed}/0 cannot be reached (")
    assert str(error).endswith("). Nothing was written.")
    english, chinese = error.__notes__
    for note in (english, chinese):
        for word in ("redis-cli", "PONG", "REDIS_HOST, REDIS_PORT" if note is english else "REDIS_HOST、REDIS_PORT"):
            assert word in note
        assert "USE_REDIS_FOR_TASKS=false" in note
        assert "REDIS_URL" not in note
    assert "请确认" in chinese


def test_a_server_that_never_answers_is_given_the_time_that_is_set() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = refused(redis_host="127.0.0.1", redis_port=silent.getsockname()[1])
    assert (error.failure_kind, error.detail) == (FailureKind.TIMEOUT, "no connection within 0.2 s")


@pytest.mark.parametrize(
    ("fields", "probe"),
    [
        ({"redis_host": "127.0.0.1", "redis_port": 1}, "redis-cli -h 127.0.0.1 -p 1 ping"),
        ({"redis_host": "[::1]", "redis_port": 1}, "redis-cli -h ::1 -p 1 ping"),
        ({"redis_url": "redis://:pw@[::1]:1/0?db=7"}, "redis-cli -h ::1 -p 1 ping"),
        ({"redis_url": "rediss://127.0.0.1:1"}, "redis-cli -h 127.0.0.1 -p 1 --tls ping"),
        ({"redis_url": "unix:///nowhere/redis.sock?db=2"}, "redis-cli -s /nowhere/redis.sock ping"),
        ({"redis_url": "unix:///no%20where/redis.sock"}, "redis-cli -s '/no where/redis.sock' ping"),
    ],
)
def test_the_advice_is_right_for_every_address(fields: dict[str, Any], probe: str) -> None:
    error = refused(**fields)
    names = ("REDIS_URL",) if "redis_url" in fields else ("REDIS_HOST", "REDIS_PORT", "REDIS_DB")
    for note in error.__notes__:
        assert f"`{probe}`" in note
        assert all(name in note for name in names)


@pytest.mark.parametrize(
    ("url", "address"),
    [("redis://127.0.0.1:{port}?db=7", "127.0.0.1:{port}/7"), ("unix:///nowhere/x?db=7", "unix:/nowhere/x?db=7")],
)
def test_the_address_shows_the_database(closed: int, url: str, address: str) -> None:
    assert refused(redis_url=url.format(port=closed)).address == address.format(port=closed)


@pytest.mark.parametrize(
    "url", ["rediss://h?ssl_cert_reqs=maybe", "redis://h?max_connections=abc", "redis://h?ssl_cert_reqs=none"]
)
def test_an_option_value_that_redis_py_does_not_take_is_refused(url: str) -> None:
    with pytest.raises(SettingsInvalid, match="REDIS_URL"):
        opened(redis_url=url)


@pytest.mark.parametrize(
    "option", ["ssl_ca_certs=/nowhere", "ssl_min_version=99", "ssl_ciphers=none", "ssl_certfile=/x"]
)
def test_tls_that_cannot_be_set_up_is_a_failed_connection(closed: int, option: str) -> None:
    assert refused(redis_url=f"rediss://127.0.0.1:{closed}?{option}").failure_kind is FailureKind.UNREACHABLE


def test_a_host_name_that_cannot_be_is_a_failed_connection() -> None:
    assert refused(redis_host="x" * 64).failure_kind is FailureKind.UNREACHABLE


def test_a_url_wins_over_single_variables_and_the_log_says_so(
    server: EmbeddedServer, closed: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("REDIS_URL", server.url)
    monkeypatch.setenv("REDIS_HOST", "nowhere.invalid")
    Path(".env").write_text(f"REDIS_PORT={closed}\n", "utf-8")
    opened()
    assert caplog.messages == ["REDIS_URL is set, so these variables are not used: REDIS_HOST, REDIS_PORT"]


@contextmanager
def user(server: EmbeddedServer, *rights: str) -> Iterator[tuple[str, str]]:
    with redis.Redis.from_url(server.url) as client:
        client.execute_command("ACL", "SETUSER", "somebody", "on", ">right", "~*", "&*", "+@all", *rights)
        try:
            yield "somebody", "right"
        finally:
            client.execute_command("ACL", "DELUSER", "somebody")


@pytest.mark.parametrize(
    ("credentials", "variables", "ignored"),
    [
        ("", {"redis_username": "somebody", "redis_password": "right"}, ""),
        ("somebody@", {"redis_password": "right"}, ""),
        (":right@", {"redis_username": "somebody"}, ""),
        ("somebody:right@", {"redis_username": "other", "redis_password": "wrong"}, "REDIS_PASSWORD, REDIS_USERNAME"),
        ("somebody:right@", {"redis_password": "wrong"}, "REDIS_PASSWORD"),
    ],
)
def test_variables_complete_the_credentials_of_a_url(
    server: EmbeddedServer,
    caplog: pytest.LogCaptureFixture,
    credentials: str,
    variables: dict[str, str],
    ignored: str,
) -> None:
    parts = urlsplit(server.url)
    with user(server):
        opened(redis_url=f"redis://{credentials}{parts.hostname}:{parts.port}/0", **variables)
    expected = [f"REDIS_URL is set, so these variables are not used: {ignored}"] if ignored else []
    assert caplog.messages == expected


@pytest.mark.parametrize("policy", ["noeviction", "allkeys-lru", "volatile-ttl"])
def test_a_server_that_may_evict_is_warned_of(
    server: EmbeddedServer, caplog: pytest.LogCaptureFixture, policy: str
) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory-policy", policy)
        try:
            opened(redis_url=server.url)
        finally:
            client.config_set("maxmemory-policy", "noeviction")
    expected = (
        f"Redis at {parse(server.url)} has maxmemory-policy {policy}, so it may remove tasks and hide others "
        "from listings: run CONFIG SET maxmemory-policy noeviction, and set it in redis.conf"
    )
    assert caplog.messages == ([] if policy == "noeviction" else [expected])


def test_a_user_who_may_not_ask_for_the_policy_opens_all_the_same(
    server: EmbeddedServer, caplog: pytest.LogCaptureFixture
) -> None:
    with user(server, "-info") as (name, password):
        opened(redis_url=server.url, redis_username=name, redis_password=password)
    assert caplog.messages == []


@pytest.mark.parametrize("answer", [b"-ERR unknown command 'INFO'\r\n", b"$0\r\n\r\n", b"+OK\r\n", b":1\r\n"])
def test_a_server_that_does_not_say_its_policy_is_opened_all_the_same(
    caplog: pytest.LogCaptureFixture, answer: bytes
) -> None:
    left = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while heard := await reader.read(100_000):
                claims = b"$1\r\n1\r\n" if b"EVALSHA" in heard else b"+OK\r\n" * heard.count(b"*")
                writer.write(answer if b"INFO\r\n$6\r\nmemory" in heard else claims)
        writer.close()
        left.set()

    async def run() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener:
            port = listener.sockets[0].getsockname()[1]
            async with open_store(TaskStoreSettings(use_redis_for_tasks=True, redis_host="127.0.0.1", redis_port=port)):
                pass
            await left.wait()

    asyncio.run(run())
    assert caplog.messages == []


def test_without_redis_py_opening_names_what_to_install() -> None:
    program = (
        "import asyncio, sys; sys.modules['redis'] = None\n"
        "from taskstore import SettingsInvalid, open_store\n"
        "async def main():\n"
        "    try:\n"
        "        async with open_store(): pass\n"
        "    except SettingsInvalid as error: print(error)\n"
        "asyncio.run(main())\n"
    )
    environment = {**os.environ, "USE_REDIS_FOR_TASKS": "true"}
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True, env=environment
    )
    assert "pip install 'taskstore[redis]'" in ran.stdout
