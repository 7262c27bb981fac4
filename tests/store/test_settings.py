from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from redis.asyncio.connection import parse_url

from taskstore import SettingsInvalid, TaskStoreSettings
from taskstore.address import OPTIONS, parse
from taskstore.redis import connect

pytestmark = pytest.mark.usefixtures("nowhere")


def test_the_defaults_are_the_documented_ones() -> None:
    settings = TaskStoreSettings()
    assert settings.storage_mode == "memory"
    assert (settings.redis_host, settings.redis_port, settings.redis_db) == ("localhost", 6379, 0)
    assert settings.url == "redis://localhost:6379/0"
    assert settings.lifetime == timedelta(days=7)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://:s3cret@cache.internal:7000/3", "cache.internal:7000/3"),
        ("rediss://user:s3cret@cache.internal", "cache.internal:6379/0"),
        ("redis://[::1]:7000", "[::1]:7000/0"),
        ("redis://cache.internal?db=7", "cache.internal:6379/7"),
        ("redis://cache.internal/3?db=7", "cache.internal:6379/7"),
        ("unix:///run/redis.sock", "unix:/run/redis.sock"),
        ("unix://:s3cret@/run/redis.sock?db=2", "unix:/run/redis.sock?db=2"),
    ],
)
def test_an_address_is_fit_to_be_shown(monkeypatch: pytest.MonkeyPatch, url: str, address: str) -> None:
    monkeypatch.setenv("REDIS_URL", url)
    settings = TaskStoreSettings()
    assert str(parse(settings.url)) == address
    assert settings.url == url
    assert "s3cret" not in f"{settings} {settings!r}"


def test_each_malformed_setting_is_named_on_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "USE_REDIS_FOR_TASKS": "perhaps",
        "REDIS_PORT": "no port",
        "REDIS_DB": "-1",
        "REDIS_URL": "http://:s3cret@host",
        "REDIS_TIMEOUT": "0",
        "REDIS_WAIT_REPLICAS": "-1",
        "REDIS_WAIT_MILLISECONDS": "0",
        "TASK_KEY_PREFIX": "{braces}",
        "TASK_TTL": "0",
        "TASK_PARTITIONS": "1025",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsInvalid) as refused:
        TaskStoreSettings()
    assert [name for name, _ in refused.value.problems] == list(wrong)
    assert len(str(refused.value).splitlines()) == len(wrong) + 1
    assert "s3cret" not in f"{refused.value} {refused.value!r}"


def test_a_wait_for_replicas_ends_before_the_reply_is_given_up() -> None:
    settings = TaskStoreSettings(redis_wait_replicas=1, redis_wait_milliseconds=499, redis_timeout=0.5)
    assert (settings.redis_wait_replicas, settings.redis_wait_milliseconds) == (1, 499)
    assert TaskStoreSettings(redis_timeout=0.5).redis_wait_replicas == 0  # the milliseconds do not count then
    with pytest.raises(SettingsInvalid) as refused:
        TaskStoreSettings(redis_wait_replicas=1, redis_wait_milliseconds=500, redis_timeout=0.5)
    assert [name for name, _ in refused.value.problems] == ["REDIS_WAIT_MILLISECONDS"]


def test_a_dotenv_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"USE_REDIS_FOR_TASKS=\xff\xfe\n")
    with pytest.raises(SettingsInvalid) as refused:
        TaskStoreSettings()
    assert refused.value == SettingsInvalid(((".env", "cannot be read: it is not UTF-8 text"),))


def test_a_dotenv_that_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(SettingsInvalid, match=r"\.env: cannot be read: Is a directory"):
        TaskStoreSettings()


def test_a_dotenv_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to(".env")  # a file without permission is one that root reads all the same
    with pytest.raises(SettingsInvalid, match=r"\.env: cannot be read: "):
        TaskStoreSettings()


def test_only_the_default_file_may_be_missing(tmp_path: Path) -> None:
    assert TaskStoreSettings().storage_mode == "memory"
    assert TaskStoreSettings(_env_file=None).storage_mode == "memory"
    with pytest.raises(SettingsInvalid, match=r"prod\.env: cannot be read: No such file"):
        TaskStoreSettings(_env_file="prod.env")
    (tmp_path / "prod.env").write_text("USE_REDIS_FOR_TASKS=true\n")
    assert TaskStoreSettings(_env_file="prod.env").storage_mode == "redis"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("USE_REDIS_FOR_TASKS='true\nREDIS_HOST=h\n", 1),
        ('REDIS_HOST=h\n\nUSE_REDIS_FOR_TASKS="true\n', 3),
        ("\n\nUSE_REDIS_FOR_TASKS: true\n", 3),
        ("USE_REDIS_FOR_TASKS:true\n", 1),
        ("USE_REDIS_FOR_TASKS\n", 1),
        ("USE_REDIS_FOR_TASKS true\n", 1),
        ("set USE_REDIS_FOR_TASKS=true\n", 1),
        ("USE_REDIS_FOR_TASKS='true' yes\n", 1),
        ("OTHER='x\nUSE_REDIS_FOR_TASKS=true\n", 1),
        ("=true\n", 1),
    ],
)
def test_a_malformed_line_is_refused_with_its_place(tmp_path: Path, text: str, line: int) -> None:
    (tmp_path / ".env").write_text(text)
    with pytest.raises(SettingsInvalid) as refused:
        TaskStoreSettings()
    assert refused.value.problems == ((f".env, line {line}", "must be NAME=value, with every quote closed"),)


def test_malformed_lines_and_malformed_values_are_named_together(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("REDIS_PORT=no port\nTASK_TTL='5\nREDIS_DB: 5\n")
    with pytest.raises(SettingsInvalid) as refused:
        TaskStoreSettings()
    assert [name for name, _ in refused.value.problems] == [".env, line 2", ".env, line 3", "REDIS_PORT"]


READ_ALIKE = (
    "REDIS_HOST=h",
    "export REDIS_HOST=h",
    "  REDIS_HOST = h  ",
    "redis_host=h",
    "'REDIS_HOST'=h",
    "REDIS_HOST=h # a comment",
    "REDIS_PASSWORD=h#no-comment",
    "REDIS_HOST='h'  # a comment",
    'REDIS_HOST="h"',
    "REDIS_PASSWORD='a b # \\' c'",
    'REDIS_PASSWORD="a\\tb\\"c"',
    "REDIS_PASSWORD='two\nlines'",
    "REDIS_PASSWORD= # nothing",
    "REDIS_PASSWORD=",
    "REDIS_PASSWORD=a=b",
    "REDIS_HOST=first\r\nREDIS_HOST=h\r\n",
    "# REDIS_HOST=h",
    "OTHER\nexport OTHER\nUNKNOWN=x\nTASK_TTL=5",
)


class ReadByPydantic(BaseSettings):
    model_config = SettingsConfigDict(env_file=".env", env_file_encoding="utf-8", extra="ignore")
    redis_host: str = "localhost"
    redis_password: SecretStr | None = None
    task_ttl: int = 1


@pytest.mark.parametrize("text", READ_ALIKE)
def test_a_line_means_what_it_means_to_pydantic(tmp_path: Path, text: str) -> None:
    (tmp_path / ".env").write_text(text, newline="")
    ours, theirs = TaskStoreSettings(), ReadByPydantic()
    assert ours.redis_host == theirs.redis_host
    assert ours.redis_password == theirs.redis_password
    assert ours.model_fields_set == theirs.model_fields_set


def test_nothing_is_interpolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "elsewhere")
    (tmp_path / ".env").write_text("REDIS_PASSWORD=a${HOME}b\n")
    password = TaskStoreSettings().redis_password
    assert password is not None
    assert password.get_secret_value() == "a${HOME}b"


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("USE_REDIS_FOR_TASKS=true\n", "utf-8-sig")
    assert TaskStoreSettings().storage_mode == "redis"


def test_arguments_count_over_the_environment_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("REDIS_HOST=file\nTASK_KEY_PREFIX=file\nREDIS_USERNAME=file\n")
    monkeypatch.setenv("redis_host", "environment")  # its case does not matter
    monkeypatch.setenv("TASK_KEY_PREFIX", "environment")
    settings = TaskStoreSettings(task_key_prefix="argument")
    assert (settings.redis_host, settings.task_key_prefix, settings.redis_username) == (
        "environment",
        "argument",
        "file",
    )


def test_an_argument_that_is_no_setting_is_refused() -> None:
    with pytest.raises(SettingsInvalid, match="REDIS_PROT"):
        TaskStoreSettings(redis_prot=1)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("[::1]", "[::1]:6379/0"),
        ("::1", "[::1]:6379/0"),
        ("fe80::1%eth0", "[fe80::1%eth0]:6379/0"),
        ("cache.internal", "cache.internal:6379/0"),
        ("127.0.0.1", "127.0.0.1:6379/0"),
    ],
)
def test_a_host_may_be_an_address(monkeypatch: pytest.MonkeyPatch, host: str, address: str) -> None:
    monkeypatch.setenv("REDIS_HOST", host)
    url = TaskStoreSettings().url
    assert str(parse(url)) == address
    assert parse_url(url)["host"] == host.strip("[]")  # as redis-py reads it


@pytest.mark.parametrize(
    "host", ["h:6379", "[h]:1", "[::1", "h/0", "127.0.0.1?db=4", "u:p@h", "redis://h", "a b", "[]"]
)
def test_what_is_no_host_is_refused(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("REDIS_HOST", host)
    with pytest.raises(SettingsInvalid) as refused:
        TaskStoreSettings()
    assert refused.value.problems == (("REDIS_HOST", "must be a host name or an IP address, without a port"),)


@pytest.mark.parametrize(
    "url",
    [
        "redis://h?foo=bar",
        "redis://h?db=x",
        "redis://h?db=",
        "redis://h?protocol=3",
        "redis://h?host=other",
        "redis://h?credential_provider=x",
        "redis://:pa#ss@h",
        "redis://:12?ss@h",
        "redis://h/0/1",
        "redis://h/²",
        f"redis://h/{'9' * 5000}",
        "unix://",
        "unix://relative/redis.sock",
        "redis://[h]/0",
        "h",
    ],
)
def test_a_url_that_redis_mode_does_not_take_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("REDIS_URL", url)
    with pytest.raises(SettingsInvalid) as refused:
        TaskStoreSettings()
    assert [name for name, _ in refused.value.problems] == ["REDIS_URL"]
    with pytest.raises(SettingsInvalid):
        connect(url)


def test_the_options_of_a_url_are_redis_pys() -> None:
    for option in OPTIONS.split(", "):
        value = {"ssl_cert_reqs": "none", "ssl_check_hostname": "false"}.get(option, "1")
        connect(f"rediss://h?{option}={value}")


def test_a_line_that_stands_twice_is_said_with_its_places(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / ".env").write_text("USE_REDIS_FOR_TASKS=true\nREDIS_HOST=h\n\nUSE_REDIS_FOR_TASKS=false\n")
    with caplog.at_level(logging.WARNING, "taskstore"):
        assert TaskStoreSettings().storage_mode == "memory"
    assert caplog.messages == ["USE_REDIS_FOR_TASKS is set 2 times in .env (lines 1, 4); the last value is used"]
