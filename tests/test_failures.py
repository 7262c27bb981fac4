"""Failures as scenarios: right stores pass, and wrong ones are found under the requirement that they break."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import pytest

from conformance.backends.proxy import Held, Proxy
from conformance.backends.redis import RedisHarness
from conformance.engine.finding import Coverage
from conformance.engine.group import Group
from conformance.engine.orders.network import arena_of
from conformance.engine.verifier import Verifier
from conformance.tasks.case import Backend
from conformance.tasks.cases.groups import play_group
from conformance.tasks.contract import TaskContract
from conformance.tasks.tables.failures import CONNECTIONS, DEATHS, SERVERS, scenarios
from tests.test_cases import Lazy

Handler = Callable[..., Awaitable[Any]]


@pytest.fixture(scope="module")
def harness() -> Iterator[RedisHarness]:
    harness = RedisHarness()
    with harness.running():
        yield harness


def played(harness: RedisHarness, name: str = "") -> Coverage:
    """Play the failure of that name, or all, on a store."""
    coverage = Coverage()

    async def body() -> None:
        if not name:
            for group in ("failures", "servers", "deaths"):
                await play_group(group, Backend("backend", harness, {}), coverage)
            return
        rows = [row for row in (*CONNECTIONS, *DEATHS) if row.name == name]
        has = harness.capabilities
        with mock.patch.object(Verifier, "seconds", 1.0):
            await Group(TaskContract(has), harness, coverage, arena_of(harness)).play(scenarios(rows, has))

    asyncio.run(body())
    return coverage


class PoolHarness(RedisHarness):
    def open_at(self, namespace: str, url: str, seconds: float) -> AbstractAsyncContextManager[Any]:
        return Lazy(partial(super().open_at, namespace, url, seconds), calls=0)


def test_right_stores_pass_and_every_requirement_is_exercised(harness: RedisHarness) -> None:
    coverage = played(harness)
    assert not coverage.findings
    rows = [row for row in (*CONNECTIONS, *SERVERS) if not row.needs]
    assert {number for row in rows for number in row.about.split()} <= set(coverage.exercised)


def test_a_pool_that_opens_its_connections_when_they_are_needed_passes() -> None:
    pooled = PoolHarness()
    with pooled.running():
        assert not played(pooled).findings


@pytest.mark.anyio
@pytest.mark.parametrize("how", [b"", b"no", *Held])
async def test_a_proxy_interrupts_until_it_is_told_otherwise(harness: RedisHarness, how: Any) -> None:
    async def ping() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(proxy.url).port)
        writer.write(b"PING\r\n")
        reply = await reader.read(9)
        writer.close()
        return reply

    async with Proxy(harness.url()) as proxy:
        proxy.interrupt(how)
        first = asyncio.ensure_future(ping())
        await proxy.until(lambda: proxy.held or first.done())
        assert first.done() == isinstance(how, bytes)
        proxy.interrupt(None)
        assert [await first, await ping()] == [b"+PONG\r\n" if isinstance(how, Held) else how, b"+PONG\r\n"]
        await proxy.until(lambda: not proxy.links)
        assert not proxy.links
