"""Settings: where they come from, what they mean, and what is refused."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from redis.asyncio.connection import parse_url

from taskstore import SettingsInvalid, TaskStoreSettings
from taskstore.address import parse
from taskstore.redis import connect

pytestmark = pytest.mark.usefixtures("nowhere")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://:s3cret@cache.internal:7000/3", "cache.internal:7000/3"),
        ("rediss://user:s3cret@cache.internal", "cache.internal:6379/0"),
        ("valkeys://:s3cret@h:1/2", "h:1/2"),
        ("redis://[::1]:7000", "[::1]:7000/0"),
        ("redis://cache.internal/3?db=7", "cache.internal:6379/7"),
        ("unix:///run/redis.sock", "unix:/run/redis.sock/0"),
        ("unix://:s3cret@/a%20b?db=2", "unix:/a b/2"),
        ("rediss+cluster://u:s3cret@h:1,i:2", "h:1,i:2/0"),
        ("valkey+sentinel://h/m", "h:26379/m/0"),
        ("redis+cluster://", "localhost:6379/0"),
        ("redis+sentinel://:s3cret@h,[::1]:7/m%2F1/3?sentinel_password=s3cret", "h:26379,[::1]:7/m/1/3"),
    ],
)
def test_a_url_says_where_redis_is_and_shows_no_password(url: str, address: str) -> None:
    settings = TaskStoreSettings(redis_url=url)
    assert settings.url == url
    assert str(parse(url)) == connect(url).address == address
    assert "s3cret" not in f"{settings} {settings!r} {parse(url)!r}"


WRONG = """
USE_REDIS_FOR_TASKS=perhaps REDIS_PORT=none REDIS_DB=-1 REDIS_URL=http://:s3cret@host REDIS_TIMEOUT=0
REDIS_WAIT_REPLICAS=-1 REDIS_WAIT_MILLISECONDS=0 TASK_KEY_PREFIX={braces} TASK_TTL=0 TASK_PARTITIONS=1025

USE_REDIS_FOR_TASKS= REDIS_PORT=65536 REDIS_DB= REDIS_TIMEOUT=nan TASK_KEY_PREFIX= TASK_TTL=3155760001
"""


@pytest.mark.parametrize("line", WRONG.strip().split("\n\n"))
def test_each_malformed_setting_is_named_on_a_line_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str
) -> None:
    wrong = dict(setting.split("=") for setting in line.split())
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    (tmp_path / ".env").write_text("REDIS_HOST='open\n")
    with pytest.raises(SettingsInvalid) as refused:
        TaskStoreSettings()
    assert [name for name, _ in refused.value.problems] == [".env, line 1", *wrong]
    assert len(str(refused.value).splitlines()) == len(wrong) + 2
    assert "s3cret" not in f"{refused.value} {refused.value!r}"


@pytest.mark.parametrize(
    "lines",
    [
        "REDIS_PORT=1 REDIS_DB=0 REDIS_TIMEOUT=0.1 TASK_KEY_PREFIX=a:b* TASK_TTL=1",
        "REDIS_PORT=65535 REDIS_DB=15 REDIS_TIMEOUT=60.0 TASK_KEY_PREFIX=p TASK_TTL=3155760000",
    ],
)
def test_values_at_the_bounds_are_taken(tmp_path: Path, lines: str) -> None:
    (tmp_path / ".env").write_text(lines.replace(" ", "\n"))
    settings = TaskStoreSettings()
    assert all(f"{getattr(settings, name.lower())}" == value for name, value in re.findall(r"(\w+)=(\S+)", lines))


def test_the_last_of_two_lines_counts_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / ".env").write_text("USE_REDIS_FOR_TASKS=true\n# local\nexport USE_REDIS_FOR_TASKS='false'\n")
    assert TaskStoreSettings().storage_mode == "memory"
    assert caplog.messages == ["USE_REDIS_FOR_TASKS is set again in .env, line 3; the last value is used"]


def test_an_argument_that_is_no_setting_is_refused() -> None:
    with pytest.raises(SettingsInvalid, match="REDIS_PROT"):
        TaskStoreSettings(redis_prot=1)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.write_bytes(b"USE_REDIS_FOR_TASKS=\xff\xfe\n"), "it is not UTF-8 text"),
        (Path.mkdir, "Is a directory"),
        (lambda path: path.symlink_to(".env"), "Too many levels of symbolic links"),  # root may read any file
    ],
)
def test_a_dotenv_that_cannot_be_read_is_refused(tmp_path: Path, make: Callable[[Path], object], reason: str) -> None:
    make(tmp_path / ".env")
    with pytest.raises(SettingsInvalid) as refused:
        TaskStoreSettings()
    assert refused.value == SettingsInvalid(((".env", f"cannot be read: {reason}"),))


def test_only_the_default_file_may_be_missing(tmp_path: Path) -> None:
    assert TaskStoreSettings(_env_file=None).storage_mode == "memory"
    with pytest.raises(SettingsInvalid, match=r"prod\.env: cannot be read: No such file"):
        TaskStoreSettings(_env_file="prod.env")
    (tmp_path / "prod.env").write_text("USE_REDIS_FOR_TASKS=true\n", "utf-8-sig")
    assert TaskStoreSettings(_env_file="prod.env").storage_mode == "redis"


MALFORMED = """
USE_REDIS_FOR_TASKS='true|USE_REDIS_FOR_TASKS:true|USE_REDIS_FOR_TASKS|USE_REDIS_FOR_TASKS true|OTHER|=true|OTHER='x
set USE_REDIS_FOR_TASKS=true|USE_REDIS_FOR_TASKS='true' yes|USE_REDIS_FOR_TASKS: true
"""


@pytest.mark.parametrize("line", re.split(r"\||\n", MALFORMED.strip()))
def test_a_malformed_line_is_refused_with_its_place(tmp_path: Path, line: str) -> None:
    (tmp_path / ".env").write_text(f"REDIS_HOST=h\n\n{line}\nTASK_TTL=9")
    with pytest.raises(SettingsInvalid) as refused:
        TaskStoreSettings()
    assert refused.value.problems == ((".env, line 3", "must be NAME=value, with every quote closed"),)


def test_arguments_count_over_the_environment_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "REDIS_HOST=file", "TASK_KEY_PREFIX=file", "export redis_username = 'a${HOME}b # c'  # d", "# TASK_TTL=0"
    (tmp_path / ".env").write_text("\r\n".join(lines), newline="")
    monkeypatch.setenv("redis_host", "environment")  # its case does not matter
    monkeypatch.setenv("TASK_KEY_PREFIX", "environment")
    settings = TaskStoreSettings(task_key_prefix="argument")
    assert (settings.redis_host, settings.task_key_prefix) == ("environment", "argument")
    assert settings.redis_username == "a${HOME}b # c"  # nothing is put in
    assert settings.model_fields_set == {"redis_host", "task_key_prefix", "redis_username"}


@pytest.mark.parametrize("host", ["::1", "[::1]", "fe80::1%eth0", "cache.internal", "127.0.0.1"])
def test_a_host_may_be_an_address(host: str) -> None:
    url = TaskStoreSettings(redis_host=host).url
    bare = host.strip("[]")
    assert str(parse(url)) == f"{f'[{bare}]' if ':' in bare else bare}:6379/0"
    assert parse_url(url)["host"] == bare  # as redis-py reads it


@pytest.mark.parametrize(
    "host", ["h:6379", "[h]:1", "[::1", "h/0", "127.0.0.1?db=4", "u:p@h", "redis://h", "a b", "[]"]
)
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(SettingsInvalid, match="REDIS_HOST: must be a host name or an IP address, without a port"):
        TaskStoreSettings(redis_host=host)


REFUSED = """
redis://h?foo=bar redis://h?db=x redis://h?db= redis://h?protocol=3 redis://h?host=other redis://h?credential_provider=x
redis://:pa#ss@h redis://:12?ss@h redis://h/0/1 redis://h/² redis://h,i redis://[h]/0 h redis+srv://h unix+cluster:///x
unix:// unix://relative/redis.sock redis+sentinel://h redis+sentinel://h/ redis+sentinel://h/m/x redis+cluster://h:1,,i
redis+cluster://h/m redis+cluster://h:0 redis+cluster://h:1,i:x
"""


@pytest.mark.parametrize("url", [*REFUSED.split(), "redis://h i", "redis://h\n", f"redis://h/{'9' * 5000}"])
def test_a_url_that_redis_mode_does_not_take_is_refused(url: str) -> None:
    with pytest.raises(SettingsInvalid, match="REDIS_URL"):
        TaskStoreSettings(redis_url=url)
    with pytest.raises(SettingsInvalid):
        connect(url)
