"""No secret is shown, wherever it was set, however opening fails, and wherever a reader looks."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pickle
import socket
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import redis

from conformance.subjects.servers import EmbeddedServer
from taskstore import FailureKind, SettingsInvalid, StoreUnavailable, TaskStoreError, TaskStoreSettings, open_store
from taskstore.redis import RedisTaskStore, connect

pytestmark = pytest.mark.usefixtures("nowhere")
SECRET = "s3cr3t-w0rd"
SPECIAL = "s3cr3t/w0rd:%@"  # which a URL holds percent-encoded
SHOWN = ("s3cr3t", "w0rd")


def url_with(password: str, scheme: str, at: str) -> str:
    return f"{scheme}://:{quote(password, safe='')}@{at}/0"


# Each source sets a password for a server in its own way, and returns what opens the store.
Opener = Callable[[], contextlib.AbstractAsyncContextManager[Any]]


def by_variable(scheme: str, at: str, extra: dict[str, str], password: str = SECRET) -> Opener:
    os.environ.update({"USE_REDIS_FOR_TASKS": "true", "REDIS_PASSWORD": password, **extra})
    os.environ["REDIS_URL"] = f"{scheme}://{at}/0"
    return open_store


def by_url(scheme: str, at: str, extra: dict[str, str], password: str = SECRET) -> Opener:
    os.environ.update({"USE_REDIS_FOR_TASKS": "true", **extra, "REDIS_URL": url_with(password, scheme, at)})
    return open_store


def by_encoded_url(scheme: str, at: str, extra: dict[str, str]) -> Opener:
    return by_url(scheme, at, extra, SPECIAL)


def by_query(scheme: str, at: str, extra: dict[str, str]) -> Opener:
    os.environ.update({"USE_REDIS_FOR_TASKS": "true", **extra})
    os.environ["REDIS_URL"] = f"{scheme}://{at}/0?password={SECRET}"
    return open_store


def by_dotenv(scheme: str, at: str, extra: dict[str, str]) -> Opener:
    lines = {"USE_REDIS_FOR_TASKS": "true", "REDIS_URL": f"{scheme}://{at}/0", "REDIS_PASSWORD": SECRET, **extra}
    Path(".env").write_text("".join(f"{name}={value}\n" for name, value in lines.items()), "utf-8")
    return open_store


def by_argument(scheme: str, at: str, extra: dict[str, str]) -> Opener:
    fields: dict[str, Any] = {name.lower(): value for name, value in extra.items()}

    def opened() -> contextlib.AbstractAsyncContextManager[Any]:
        url = f"{scheme}://{at}/0"
        return open_store(TaskStoreSettings(use_redis_for_tasks=True, redis_url=url, redis_password=SECRET, **fields))

    return opened


def by_url_argument(scheme: str, at: str, extra: dict[str, str]) -> Opener:
    fields: dict[str, Any] = {name.lower(): value for name, value in extra.items()}

    def opened() -> contextlib.AbstractAsyncContextManager[Any]:
        return open_store(TaskStoreSettings(use_redis_for_tasks=True, redis_url=url_with(SECRET, scheme, at), **fields))

    return opened


def by_connect(scheme: str, at: str, extra: dict[str, str]) -> Opener:
    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[RedisTaskStore]:
        seconds = float(extra.get("REDIS_CONNECT_TIMEOUT", 5))
        async with RedisTaskStore(connect(f"{scheme}://{at}", password=SECRET, connect_timeout=seconds)) as store:
            await store.ping()
            yield store

    return opened


SOURCES = (by_variable, by_url, by_encoded_url, by_query, by_dotenv, by_argument, by_url_argument, by_connect)

# Each failure gives the scheme, the address, and what else is set.
Failing = contextlib.AbstractContextManager[tuple[str, str, dict[str, str]]]


@contextlib.contextmanager
def answering(answer: Callable[[bytes], bytes]) -> Iterator[str]:
    """The address of a server that answers what it is sent with what `answer` makes of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.settimeout(5)
                        while heard := connection.recv(100_000):
                            connection.sendall(answer(heard))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@contextlib.contextmanager
def wrong_password(server: EmbeddedServer) -> Iterator[tuple[str, str, dict[str, str]]]:
    with redis.Redis.from_url(server.url) as client:
        client.config_set("requirepass", "another")
        try:
            parts = urlsplit(server.url)
            yield "redis", f"{parts.hostname}:{parts.port}", {}
        finally:
            client.auth("another")
            client.config_set("requirepass", "")


@contextlib.contextmanager
def unreachable(_: EmbeddedServer) -> Iterator[tuple[str, str, dict[str, str]]]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    yield "redis", f"127.0.0.1:{port}", {}


@contextlib.contextmanager
def silent(_: EmbeddedServer) -> Iterator[tuple[str, str, dict[str, str]]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield "redis", f"127.0.0.1:{listener.getsockname()[1]}", {"REDIS_CONNECT_TIMEOUT": "0.1"}


@contextlib.contextmanager
def no_such_name(_: EmbeddedServer) -> Iterator[tuple[str, str, dict[str, str]]]:
    yield "redis", f"{'x' * 64}.invalid:6379", {}  # longer than a label can be, so that nobody is asked


@contextlib.contextmanager
def no_tls(_: EmbeddedServer) -> Iterator[tuple[str, str, dict[str, str]]]:
    with answering(lambda _: b"-ERR Protocol error\r\n") as address:
        yield "rediss", address, {}


@contextlib.contextmanager
def auth_refused_with_its_arguments(_: EmbeddedServer) -> Iterator[tuple[str, str, dict[str, str]]]:
    """As a server answers whose AUTH was renamed: it repeats what it was sent."""

    def refuse(heard: bytes) -> bytes:
        words = b" ".join(line for line in heard.split(b"\r\n") if line[:1] not in (b"*", b"$"))
        return b"-ERR unknown command 'AUTH', with args beginning with: '" + words + b"' \r\n"

    with answering(refuse) as address:
        yield "redis", address, {}


@contextlib.contextmanager
def refused_in_other_words(_: EmbeddedServer) -> Iterator[tuple[str, str, dict[str, str]]]:
    with answering(lambda heard: b"-ERR you said " + heard.replace(b"\r\n", b" ") + b"\r\n") as address:
        yield "redis", address, {}


@contextlib.contextmanager
def echo(_: EmbeddedServer) -> Iterator[tuple[str, str, dict[str, str]]]:
    with answering(lambda heard: heard) as address:
        yield "redis", address, {"REDIS_TIMEOUT": "0.2", "REDIS_CONNECT_TIMEOUT": "0.5"}


@contextlib.contextmanager
def invalid_neighbour(_: EmbeddedServer) -> Iterator[tuple[str, str, dict[str, str]]]:
    yield "redis", "127.0.0.1:1", {"TASK_TTL": "0"}


@contextlib.contextmanager
def invalid_url(_: EmbeddedServer) -> Iterator[tuple[str, str, dict[str, str]]]:
    yield "redis+srv", "127.0.0.1:1", {}


FAILURES: dict[Callable[[EmbeddedServer], Failing], tuple[type[TaskStoreError], FailureKind | None]] = {
    wrong_password: (StoreUnavailable, FailureKind.REFUSED),
    unreachable: (StoreUnavailable, FailureKind.UNREACHABLE),
    silent: (StoreUnavailable, FailureKind.TIMEOUT),
    no_such_name: (StoreUnavailable, FailureKind.UNREACHABLE),
    no_tls: (StoreUnavailable, FailureKind.UNREACHABLE),
    auth_refused_with_its_arguments: (StoreUnavailable, None),
    refused_in_other_words: (StoreUnavailable, None),
    echo: (StoreUnavailable, None),
    invalid_neighbour: (SettingsInvalid, None),
    invalid_url: (SettingsInvalid, None),
}


async def fails(opener: Opener) -> BaseException:
    try:
        async with opener():
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
            for value in bound.f_locals.values():
                yield repr(value)
                if isinstance(value, dict | list | tuple):
                    yield str(value)
    yield repr(pickle.dumps(error))


def assert_hidden(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    seen = [*everything_shown(error), *caplog.messages, caplog.text]
    for word in SHOWN:
        assert [text for text in seen if word in text] == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.__name__)
def test_no_failure_of_opening_shows_a_secret(
    source: Callable[[str, str, dict[str, str]], Opener],
    failure: Callable[[EmbeddedServer], Failing],
    server: EmbeddedServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("REDIS_URL", "")  # so that all of it is put back in the end
    for name in ("USE_REDIS_FOR_TASKS", "REDIS_PASSWORD", "REDIS_CONNECT_TIMEOUT", "REDIS_TIMEOUT", "TASK_TTL"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.delenv("REDIS_URL")
    if source is by_connect and failure is invalid_neighbour:
        pytest.skip("connect takes no settings")
    expected, failure_kind = FAILURES[failure]
    with caplog.at_level(logging.DEBUG), failure(server) as (scheme, at, extra):
        error = asyncio.run(fails(source(scheme, at, extra)), debug=True)
    assert type(error) is expected, repr(error)
    if failure_kind is not None:
        assert isinstance(error, StoreUnavailable)
        assert error.failure_kind is failure_kind
    assert_hidden(error, caplog)


NOT_UTF8 = "s3cr3t-w0rd-\udce9"  # what os.environ makes of a byte that is not UTF-8


@pytest.mark.parametrize("name", ["REDIS_PASSWORD", "REDIS_USERNAME", "REDIS_URL", "REDIS_HOST", "TASK_KEY_PREFIX"])
@pytest.mark.parametrize("use_redis", ["true", "false"])
def test_a_value_that_is_not_utf8_is_named_and_not_shown(
    name: str, use_redis: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    value = f"redis://:{NOT_UTF8}@127.0.0.1:1/0" if name == "REDIS_URL" else NOT_UTF8
    monkeypatch.setenv("USE_REDIS_FOR_TASKS", use_redis)
    monkeypatch.setenv(name, value)
    with caplog.at_level(logging.DEBUG):
        error = asyncio.run(fails(open_store))
        assert error == SettingsInvalid(((name, "must be UTF-8 text without NUL"),))
        assert_hidden(error, caplog)


def test_a_percent_encoded_password_that_is_not_utf8_is_refused(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://:s3cr3t-w0rd-%E9@127.0.0.1:1/0")
    error = asyncio.run(fails(open_store))
    assert isinstance(error, SettingsInvalid)
    assert [name for name, _ in error.problems] == ["REDIS_URL"]
    assert_hidden(error, caplog)


@pytest.mark.parametrize(
    ("url", "password"),
    [("redis://h", NOT_UTF8), ("redis://:s3cr3t-w0rd@h:port", None), ("redis://:s3cr3t-w0rd@h?ssl_cert_reqs=x", None)],
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


def test_settings_and_stores_show_no_secret(server: EmbeddedServer) -> None:
    async def run() -> None:
        settings = TaskStoreSettings(
            use_redis_for_tasks=True, redis_url=server.url, redis_username="default", redis_password=SECRET
        )
        assert SECRET not in f"{settings} {settings!r} {settings.model_dump()}"
        to = connect(server.url, password=SECRET)
        async with RedisTaskStore(to) as store:
            assert SECRET not in f"{store!r} {to!r} {vars(store)} {vars(to)}"

    asyncio.run(run())
