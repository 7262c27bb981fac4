"""Failures as scenarios: right stores pass, and wrong ones are found under the requirement that they break."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest

from conformance.backends.memory import MemoryHarness
from conformance.backends.proxy import Action, Proxy, Stage
from conformance.backends.redis import RedisHarness
from conformance.engine.finding import Coverage
from conformance.tasks.cases.groups import Played, play_group
from conformance.tasks.contract import play
from conformance.tasks.tables.failures import CONNECTIONS, SERVERS, scenarios_of
from taskstore import StoreUnavailable, TaskNotFound
from taskstore.redis import RedisTaskStore
from taskstore.redis.server import Server
from tests.test_cases import Lazy

Handler = Callable[..., Awaitable[Any]]


@pytest.fixture(scope="module")
def harness() -> Iterator[RedisHarness]:
    harness = RedisHarness()
    with harness.running():
        yield harness


def played(harness: RedisHarness, store_class: Callable[..., Any], name: str = "") -> Coverage:
    """Play the failure of that name, or all, on a store."""
    harness.store_class, coverage = store_class, Coverage(seconds=1)
    if name:
        (row,) = (row for row in (*CONNECTIONS, *SERVERS) if row.name == name)
        asyncio.run(play(harness, scenarios_of(row, harness.capabilities), coverage))
    else:
        asyncio.run(play_group("failures", harness, coverage, Played()))
    return coverage


def numbers_of(coverage: Coverage) -> set[str]:
    return {number for finding in coverage.findings.values() for number in finding.requirements}


_RUN = Server.run


async def run_late(*arguments: Any, **named: Any) -> Any:
    await asyncio.sleep(0.003)
    return await _RUN(*arguments, **named)


class PoolHarness(RedisHarness):
    def open_at(self, namespace: str, url: str, seconds: float) -> AbstractAsyncContextManager[Any]:
        return Lazy(partial(super().open_at, namespace, url, seconds), calls=0)


@pytest.mark.parametrize("run", [_RUN, run_late])
def test_right_stores_pass_and_every_requirement_is_exercised(
    harness: RedisHarness, monkeypatch: pytest.MonkeyPatch, run: Handler
) -> None:
    monkeypatch.setattr(Server, "run", run)
    coverage = played(harness, RedisTaskStore)
    assert not coverage.findings
    rows = [row for row in (*CONNECTIONS, *SERVERS) if not row.needs]
    assert {number for row in rows for number in row.about.split()} <= set(coverage.exercised)


def test_a_pool_that_opens_its_connections_when_they_are_needed_passes() -> None:
    pooled = PoolHarness()
    with pooled.running():
        assert not played(pooled, RedisTaskStore).findings


def test_a_backend_without_a_server_says_what_is_missing() -> None:
    memory, coverage = MemoryHarness(), Coverage()
    asyncio.run(play_group("failures", memory, coverage, Played()))
    assert "remote" in coverage.missing["FAIL-01"][0]


def wrong(operation: Handler, handle: Handler) -> Handler:
    """An operation that does something else when it finds the server unavailable."""

    async def call(self: Any, *arguments: Any, **named: Any) -> Any:
        try:
            return await operation(self, *arguments, **named)
        except StoreUnavailable as error:
            return await handle(self, error, *arguments, **named)

    return call


async def finds_nothing(_: Any, __: Any, task_id: str) -> Any:
    raise TaskNotFound(task_id) from None


async def denies(_: Any, error: StoreUnavailable, *__: Any, **___: Any) -> Any:
    error.write_may_have_happened = False
    raise error


async def notes_the_password(self: RedisTaskStore, error: StoreUnavailable, **_: Any) -> Any:
    error.add_note(f"AUTH {vars(self.server.opener)}")
    raise error


async def is_foreign(_: Any, error: StoreUnavailable, **__: Any) -> Any:
    raise ConnectionError(str(error)) from error


async def waits_for_ever(*_: Any, **__: Any) -> Any:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("operation", "handle", "name", "number"),
    [
        ("get_task", finds_nothing, "each reply is lost", "FAIL-13"),
        ("run", denies, "each reply is late", "FAIL-11"),
        ("get_task", notes_the_password, "nothing listens any more", "FAIL-05"),
        ("cancel_task", is_foreign, "half of each reply is lost", "FAIL-13"),
        ("cancel_task", waits_for_ever, "each connection breaks before the request", "FAIL-01"),
    ],
)
def test_a_wrong_store_is_found(
    harness: RedisHarness, monkeypatch: pytest.MonkeyPatch, operation: str, handle: Handler, name: str, number: str
) -> None:
    kind = Server if operation == "run" else RedisTaskStore
    monkeypatch.setattr(kind, operation, wrong(getattr(kind, operation), handle))
    coverage = played(harness, RedisTaskStore, name)
    assert number in numbers_of(coverage)
    assert f"# {name}; `store` goes through a proxy" in next(iter(coverage.findings.values())).lines


@asynccontextmanager
async def echoing() -> AsyncIterator[Proxy]:
    """A proxy in front of a server that sends back what it gets."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, Proxy(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/3") as proxy:
        yield proxy


@pytest.mark.parametrize(
    ("stage", "action", "expected"),
    [
        (Stage.REQUEST, Action.CUT, [b""]),
        (Stage.REQUEST, Action.RESET, ["reset"]),
        (Stage.MIDDLE, Action.CUT, [b"12", b""]),
        (Stage.REQUEST, Action.ANSWER, [b"no"]),
        (Stage.MIDDLE, Action.HOLD, [b"12", "held", b"34"]),
    ],
)
def test_a_proxy_interrupts_where_it_is_told_and_once(stage: Stage, action: Action, expected: list[Any]) -> None:
    async def read(proxy: Proxy, reader: asyncio.StreamReader) -> Any:
        try:
            async with asyncio.timeout(0.2):
                return await reader.read(4)
        except TimeoutError:
            proxy.release()
            return "held"
        except ConnectionResetError:
            return "reset"

    async def body() -> None:
        async with echoing() as proxy:
            interruption = proxy.interrupt(stage, action, text=b"no")
            for wanted in (expected, [b"1234"]):
                reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(proxy.url).port)
                writer.write(b"1234")
                assert [await read(proxy, reader) for _ in wanted] == wanted
                writer.close()
                await proxy.until(lambda: not proxy.connections)
            assert interruption.met == 1
            assert (proxy.held, proxy.leaving) == (0, 0)

    asyncio.run(body())
