"""What opening in Redis mode raises, advises and warns of."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

from conformance.backends.proxy import unused_port
from conformance.backends.servers import EmbeddedServer
from taskstore import FailureKind, SettingsInvalid, StoreUnavailable, TaskStoreSettings, open_store
from taskstore.address import parse

pytestmark = pytest.mark.usefixtures("nowhere")


async def use(**fields: Any) -> None:
    async with open_store(TaskStoreSettings(use_redis_for_tasks=True, **fields)):
        pass


def opened(**fields: Any) -> None:
    asyncio.run(use(**fields))


def refused(**fields: Any) -> StoreUnavailable:
    with pytest.raises(StoreUnavailable) as raised:
        opened(**fields)
    return raised.value


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
def test_the_advice_is_right_for_every_address_in_two_languages(fields: dict[str, Any], probe: str) -> None:
    error = refused(**fields)
    assert error.failure_kind is FailureKind.UNREACHABLE
    assert str(error).endswith("). Nothing was written.")
    english, chinese = error.__notes__
    assert "请确认" in chinese
    for note in english, chinese:
        assert note.count(f"`{probe}`") == note.count("USE_REDIS_FOR_TASKS=false") == note.count("REDIS_URL") == 1


@pytest.mark.parametrize(
    "url", ["rediss://h?ssl_cert_reqs=maybe", "redis://h?max_connections=abc", "redis://h?ssl_cert_reqs=none"]
)
def test_an_option_value_that_redis_py_does_not_take_is_refused(url: str) -> None:
    with pytest.raises(SettingsInvalid, match="REDIS_URL"):
        opened(redis_url=url)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *((f"ssl_{name}", "/nowhere/x.pem") for name in ("ca_certs", "certfile", "keyfile")),
        ("ssl_min_version", "99"),
        ("ssl_ciphers", "none"),
    ],
)
def test_tls_that_cannot_be_set_up_is_a_failed_connection_and_a_missing_file_is_named(option: str, value: str) -> None:
    error = refused(redis_url=f"rediss://127.0.0.1:{unused_port()}?{option}={value}")
    assert error.failure_kind is FailureKind.UNREACHABLE
    assert value in error.detail or "/" not in value


@pytest.mark.parametrize(
    ("credentials", "variables"),
    [
        ("", {"redis_username": "somebody", "redis_password": "right"}),
        ("somebody@", {"redis_password": "right", "redis_host": "nowhere.invalid", "redis_port": 1}),
        (":right@", {"redis_username": "somebody"}),
        ("somebody:right@", {"redis_username": "other", "redis_password": "wrong"}),
    ],
)
def test_variables_complete_the_credentials_of_a_url(
    server: EmbeddedServer, credentials: str, variables: dict[str, Any]
) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.execute_command("ACL", "SETUSER", "somebody", "on", ">right", "~*", "&*", "+@all")
        try:
            opened(redis_url=f"redis://{credentials}{urlsplit(server.url).netloc}/0", **variables)
        finally:
            client.execute_command("ACL", "DELUSER", "somebody")


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
    warned = [f"{parse(server.url)} has maxmemory-policy {policy}" in one for one in caplog.messages]
    assert warned == ([] if policy == "noeviction" else [True])


OPENS = """
import asyncio
from taskstore import SettingsInvalid, open_store

async def main():
    try:
        async with open_store():
            print("opened")
    except SettingsInvalid as error:
        print(error)

asyncio.run(main())
"""


def said(program: str, **environment: str) -> str:
    """What a program prints in Redis mode."""
    command, environment = [sys.executable, "-c", program], {**os.environ, "USE_REDIS_FOR_TASKS": "true", **environment}
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=environment)
    return ran.stdout


def test_without_redis_py_opening_names_what_to_install() -> None:
    assert "pip install 'taskstore[redis]'" in said("import sys; sys.modules['redis'] = None\n" + OPENS)


def test_a_redis_py_with_other_streams_is_named_with_what_to_install(server: EmbeddedServer, tmp_path: Path) -> None:
    """The stream of a connection has no public name in redis-py."""
    installed = Path(redis.__file__).parent
    shutil.copytree(installed, tmp_path / "redis", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("asyncio/connection.py", "_parsers/base.py", "_parsers/hiredis.py"):
        path = tmp_path / "redis" / name
        path.write_text(re.sub(r"\b_(reader|writer)\b", r"_stream_\1", path.read_text("utf-8")), "utf-8")
    told = said(OPENS, REDIS_URL=server.url, PYTHONPATH=str(tmp_path))
    assert f"redis-py {redis.__version__}" in told
    assert "pip install 'redis<" in told
