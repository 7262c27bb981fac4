"""No secret is shown, however opening fails, and wherever a reader looks: in causes, frames and pickles too."""

import logging
import pickle
import traceback
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import redis

from conformance.backends.proxy import unused_port
from conformance.backends.servers import EmbeddedServer
from taskstore import FailureKind, SettingsInvalid, StoreUnavailable, TaskStoreSettings, open_store
from taskstore.redis import RedisTaskStore, connect
from tests.store.speaking import speaking

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("anyio_backend", [("asyncio", {"debug": True})], ids=["debug"]),  # it logs what is slow
]

SECRET = "s3cr3t/w0rd:%@"  # which a URL holds percent-encoded
SHOWN = ("s3cr3t", "w0rd")
NOT_UTF8 = "s3cr3t-w0rd-\udce9"  # what os.environ makes of a byte that is not UTF-8
SOURCES = {  # of a password: a URL, or a setting or argument beside it
    "a setting": "{scheme}://{at}/0",
    "a URL": "{scheme}://:{password}@{at}/0",
    "an option": "{scheme}://{at}/0?password={password}",
    "for Sentinels": "{scheme}+sentinel://{at}/m?sentinel_password={password}",
    "connect": "{scheme}://{at}",
}


async def use(source: str, scheme: str, at: str, seconds: float = 5, **settings: Any) -> None:
    """Open a store and close it."""
    form = SOURCES[source]
    url = form.format(scheme=scheme, at=at, password=quote(SECRET, safe=""))
    password = None if "{password}" in form else SECRET
    if source == "connect":
        async with RedisTaskStore(connect(url, password=password, connect_timeout=seconds, timeout=seconds)) as store:
            await store.ping()
    settings |= {"redis_connect_timeout": seconds, "redis_timeout": seconds}
    async with open_store(
        TaskStoreSettings(use_redis_for_tasks=True, redis_url=url, redis_password=password, **settings)
    ):
        pass


def everything_shown(error: BaseException | None) -> Iterator[str]:
    """All that a reader, or a tool that collects errors, finds in an exception; the frames of this file apart."""
    if error is not None:
        yield f"{error} {error!r} {error.args!r} {vars(error)!r} {getattr(error, 'object', '')!r}"
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename != __file__:
                yield from (f"{value!r} {value}" for value in frame.f_locals.values())
        yield from everything_shown(error.__cause__)
        yield from everything_shown(error.__context__)


@pytest.fixture(autouse=True)
def logged(nowhere: None, caplog: pytest.LogCaptureFixture) -> Iterator[None]:  # noqa: ARG001  a fixture
    """Everything is logged, and the log shows no secret."""
    with caplog.at_level(logging.DEBUG):
        yield
    assert not any(word in caplog.text for word in SHOWN)


async def fails(opening: Awaitable[object], kind: type[Exception]) -> Any:
    """The exception of an opening that fails, which shows no secret."""
    with pytest.raises(kind) as raised:
        await opening
    shown = [*everything_shown(raised.value), repr(pickle.dumps(raised.value))]
    assert [text for text in shown if any(word in text for word in SHOWN)] == []
    return raised.value


def repeats(heard: bytes) -> bytes:
    """As a server answers whose AUTH was renamed: it repeats what it was sent."""
    words = b" ".join(line for line in heard.split(b"\r\n") if line[:1] not in (b"*", b"$"))
    return b"-ERR unknown command 'AUTH', with args beginning with: '" + words + b"' \r\n"


ANSWERS: dict[str, Callable[[bytes], bytes]] = {
    "no TLS": lambda _: b"-ERR Protocol error\r\n",
    "repeats its arguments": repeats,
    "repeats them in other words": lambda heard: b"-ERR you said " + heard.replace(b"\r\n", b" ") + b"\r\n",
    "knows no user": lambda _: b"-ERR wrong number of arguments for 'auth' command\r\n",  # redis-py asks again
    "echoes": lambda heard: heard,
    "silent": lambda _: b"",
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("answer", ANSWERS)
async def test_no_server_makes_opening_show_a_secret(answer: str, source: str) -> None:
    async with speaking(ANSWERS[answer]) as at:
        scheme = "rediss" if answer == "no TLS" else "redis"
        await fails(use(source, scheme, at, 0.3), StoreUnavailable)


NOBODY = [f"127.0.0.1:{unused_port()}", f"{'x' * 64}.invalid:6379"]  # longer than a label can be


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("at", ["", *NOBODY], ids=["wrong password", "nobody listens", "no such host"])
async def test_no_wrong_password_or_address_is_shown_with_a_secret(
    source: str, at: str, server: EmbeddedServer
) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.config_set("requirepass", "another")
        try:
            error = await fails(use(source, "redis", at or urlsplit(server.url).netloc), StoreUnavailable)
        finally:
            client.auth("another")
            client.config_set("requirepass", "")
    assert error.failure_kind is (FailureKind.UNREACHABLE if at else FailureKind.REFUSED)


@pytest.mark.parametrize("source", SOURCES)
async def test_no_malformed_setting_shows_a_secret(source: str) -> None:
    await fails(use(source, "redis+srv", "127.0.0.1:1"), SettingsInvalid)
    if source != "connect":
        await fails(use(source, "redis", "127.0.0.1:1", task_ttl=0), SettingsInvalid)


@pytest.mark.parametrize("name", ["REDIS_PASSWORD", "REDIS_USERNAME", "REDIS_URL", "REDIS_HOST", "TASK_KEY_PREFIX"])
async def test_a_value_that_is_not_utf8_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USE_REDIS_FOR_TASKS", "true")
    value = NOT_UTF8 if "PASSWORD" in name else "\udce9"
    monkeypatch.setenv(name, f"redis://:{NOT_UTF8}@127.0.0.1:1/0" if name == "REDIS_URL" else value)
    await fails(open_store().__aenter__(), SettingsInvalid)


@pytest.mark.parametrize("url", [":s3cr3t-w0rd@h:port", ":s3cr3t-w0rd-%E9@h", ":s3cr3t-w0rd@h?ssl_cert_reqs=x"])
async def test_connect_refuses_without_showing(url: str) -> None:
    async def run() -> None:
        connect(f"redis://{url}", password=SECRET)

    await fails(run(), SettingsInvalid)


async def test_a_dotenv_that_is_malformed_is_not_shown() -> None:
    text = "REDIS_PASSWORD='s3cr3t-w0rd\nUSE_REDIS_FOR_TASKS=true\n"
    Path(".env").write_text(text, "utf-8")  # noqa: ASYNC240  nothing else runs
    await fails(open_store().__aenter__(), SettingsInvalid)


async def test_settings_and_stores_show_no_secret() -> None:
    password = quote(SECRET, safe="")
    url = f"redis+sentinel://:{password}@h/m?sentinel_password={password}"
    settings = TaskStoreSettings(redis_url=url, redis_password=SECRET)
    to = connect(url, password=SECRET)
    store = RedisTaskStore(to)
    shown = f"{settings} {settings!r} {settings.model_dump()} {store!r} {to!r} {vars(store)} {vars(to)}"
    assert not any(word in shown for word in SHOWN)
