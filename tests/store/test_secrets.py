"""No secret is shown, wherever it was set, however opening fails, and wherever a reader looks."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pickle
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import redis

from conformance.subjects.servers import EmbeddedServer, unused_port
from taskstore import FailureKind, SettingsInvalid, StoreUnavailable, TaskStoreSettings, open_store
from taskstore.redis import RedisTaskStore, connect
from tests.store.speaking import speaking

pytestmark = pytest.mark.usefixtures("nowhere")
SECRET = "s3cr3t/w0rd:%@"  # which a URL holds percent-encoded
SHOWN = ("s3cr3t", "w0rd")
NOT_UTF8 = "s3cr3t-w0rd-\udce9"  # what os.environ makes of a byte that is not UTF-8

Opener = Callable[[], contextlib.AbstractAsyncContextManager[Any]]


def by_environment(**variables: str) -> Opener:
    os.environ.update({"USE_REDIS_FOR_TASKS": "true", **variables})
    return open_store


def by_dotenv(**variables: str) -> Opener:
    lines = {"USE_REDIS_FOR_TASKS": "true", **variables}
    Path(".env").write_text("".join(f"{name}={value}\n" for name, value in lines.items()), "utf-8")
    return open_store


def by_argument(**variables: str) -> Opener:
    fields: dict[str, Any] = {name.lower(): value for name, value in variables.items()}
    return lambda: open_store(TaskStoreSettings(use_redis_for_tasks=True, **fields))


def by_connect(**variables: str) -> Opener:
    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[RedisTaskStore]:
        seconds = float(variables["REDIS_TIMEOUT"])
        to = connect(variables["REDIS_URL"], password=SECRET, connect_timeout=seconds, timeout=seconds)
        async with RedisTaskStore(to) as store:
            await store.ping()
            yield store

    return opened


# Ways to set a password: where the settings stand, and the URL, which may have it.
SOURCES: dict[str, tuple[Callable[..., Opener], str]] = {
    "a variable": (by_environment, "{scheme}://{at}/0"),
    "a URL": (by_environment, "{scheme}://:{password}@{at}/0"),
    "an option": (by_environment, "{scheme}://{at}/0?password={password}"),
    "for Sentinels": (by_environment, "{scheme}+sentinel://{at}/m?sentinel_password={password}"),
    "a file": (by_dotenv, "{scheme}://{at}/0"),
    "an argument": (by_argument, "{scheme}://{at}/0"),
    "a URL as argument": (by_argument, "{scheme}://:{password}@{at}/0"),
    "connect": (by_connect, "{scheme}://{at}"),
}


def opener(source: str, scheme: str, at: str, **variables: str) -> Opener:
    make, form = SOURCES[source]
    variables["REDIS_URL"] = form.format(scheme=scheme, at=at, password=quote(SECRET, safe=""))
    if "{password}" not in form:
        variables["REDIS_PASSWORD"] = SECRET
    return make(**{"REDIS_CONNECT_TIMEOUT": "5", "REDIS_TIMEOUT": "5", **variables})


def repeats(heard: bytes) -> bytes:
    """As a server answers whose AUTH was renamed: it repeats what it was sent."""
    words = b" ".join(line for line in heard.split(b"\r\n") if line[:1] not in (b"*", b"$"))
    return b"-ERR unknown command 'AUTH', with args beginning with: '" + words + b"' \r\n"


ANSWERS: dict[str, Callable[[bytes], bytes]] = {
    "no TLS": lambda _: b"-ERR Protocol error\r\n",
    "repeats its arguments": repeats,
    "repeats them in other words": lambda heard: b"-ERR you said " + heard.replace(b"\r\n", b" ") + b"\r\n",
    "echoes": lambda heard: heard,
    "silent": lambda _: b"",
}


async def fails(opens: Opener) -> Exception:
    try:
        async with opens():
            pass
    except Exception as error:  # noqa: BLE001  whichever it is
        return error
    raise AssertionError("opened")


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, and all that it was raised from or during."""
    if error is not None:
        yield error
        yield from chain(error.__cause__)
        yield from chain(error.__context__)


def everything_shown(error: BaseException) -> Iterator[str]:
    """All that a reader, or a tool that collects errors, finds in an exception; the frames of this file apart."""
    for one in chain(error):
        yield f"{one} {one!r} {one.args!r} {vars(one)!r} {getattr(one, 'object', '')!r}"
        for frame in traceback.TracebackException.from_exception(one, capture_locals=True).stack:
            if frame.filename != __file__:
                yield f"{frame} {frame.locals}"
        frames = (frame for frame, _ in traceback.walk_tb(one.__traceback__))
        for bound in (frame for frame in frames if frame.f_code.co_filename != __file__):
            yield from (f"{value!r} {value if isinstance(value, dict | list | tuple) else ''}"
                        for value in bound.f_locals.values())  # fmt: skip
    yield repr(pickle.dumps(error))


def assert_hidden(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    seen = [*everything_shown(error), *caplog.messages, caplog.text]
    assert [text for text in seen if any(word in text for word in SHOWN)] == []


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """The environment is as it was in the end, whatever a test sets."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    with caplog.at_level(logging.DEBUG):
        yield


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("answer", ANSWERS)
def test_no_server_makes_opening_show_a_secret(answer: str, source: str, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> Exception:
        async with speaking(ANSWERS[answer]) as at:
            scheme = "rediss" if answer == "no TLS" else "redis"
            return await fails(opener(source, scheme, at, REDIS_CONNECT_TIMEOUT="0.3", REDIS_TIMEOUT="0.3"))

    error = asyncio.run(run(), debug=True)
    assert isinstance(error, StoreUnavailable)
    assert_hidden(error, caplog)


NOBODY = [f"127.0.0.1:{unused_port()}", f"{'x' * 64}.invalid:6379"]  # longer than a label can be


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("at", ["", *NOBODY])
def test_no_wrong_password_or_address_is_shown_with_a_secret(
    source: str, at: str, server: EmbeddedServer, caplog: pytest.LogCaptureFixture
) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.config_set("requirepass", "another")
        try:
            error = asyncio.run(fails(opener(source, "redis", at or urlsplit(server.url).netloc)), debug=True)
        finally:
            client.auth("another")
            client.config_set("requirepass", "")
    assert isinstance(error, StoreUnavailable)
    assert error.failure_kind is (FailureKind.UNREACHABLE if at else FailureKind.REFUSED)
    assert_hidden(error, caplog)


@pytest.mark.parametrize("source", SOURCES)
def test_no_malformed_setting_shows_a_secret(source: str, caplog: pytest.LogCaptureFixture) -> None:
    for scheme, more in (("redis+srv", {}), ("redis", {"TASK_TTL": "0"})):
        if source != "connect" or not more:  # connect takes no settings
            error = asyncio.run(fails(opener(source, scheme, "127.0.0.1:1", **more)), debug=True)
            assert isinstance(error, SettingsInvalid)
            assert_hidden(error, caplog)


@pytest.mark.parametrize("name", ["REDIS_PASSWORD", "REDIS_USERNAME", "REDIS_URL", "REDIS_HOST", "TASK_KEY_PREFIX"])
def test_a_value_that_is_not_utf8_is_named_and_not_shown(name: str, caplog: pytest.LogCaptureFixture) -> None:
    value = f"redis://:{NOT_UTF8}@127.0.0.1:1/0" if name == "REDIS_URL" else NOT_UTF8
    error = asyncio.run(fails(by_environment(**{name: value})))
    assert error == SettingsInvalid(((name, "must be UTF-8 text without NUL"),))
    assert_hidden(error, caplog)


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("redis://h", NOT_UTF8),
        ("redis://:s3cr3t-w0rd@h:port", None),
        ("redis://:s3cr3t-w0rd-%E9@h", None),
        ("redis://:s3cr3t-w0rd@h?ssl_cert_reqs=x", None),
    ],
)
def test_connect_refuses_without_showing(url: str, password: str | None, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        connect(url, password=password)
    assert_hidden(refused.value, caplog)


def test_a_dotenv_that_is_malformed_is_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    Path(".env").write_text("REDIS_PASSWORD='s3cr3t-w0rd\nUSE_REDIS_FOR_TASKS=true\n", "utf-8")
    error = asyncio.run(fails(open_store))
    assert isinstance(error, SettingsInvalid)
    assert_hidden(error, caplog)


def test_settings_and_stores_show_no_secret() -> None:
    async def run() -> None:
        password = quote(SECRET, safe="")
        url = f"redis+sentinel://:{password}@h/m?sentinel_password={password}"
        settings = TaskStoreSettings(redis_url=url, redis_password=SECRET)
        to = connect(url, password=SECRET)
        store = RedisTaskStore(to)
        shown = f"{settings} {settings!r} {settings.model_dump()} {store!r} {to!r} {vars(store)} {vars(to)}"
        assert not any(word in shown for word in SHOWN)

    asyncio.run(run())
