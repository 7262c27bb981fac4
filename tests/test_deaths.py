"""Something dies at each request of a call: what leaves a part of it, or more than it, is found each time alike."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
import redis.asyncio
from hypothesis import strategies as st
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

from conformance.backends.servers import EmbeddedServer
from conformance.commands import main
from conformance.compare.alone.judge import SelfJudge
from conformance.compare.report import Line
from conformance.operations.operation import Operation
from tests.test_network import StoreHarness, SyncStore

KEY = {"key": st.just("k")}


class Store:
    """Changes an entry in one request, of which an answer tells."""

    def __init__(self, url: str, namespace: str) -> None:
        parts = urlsplit(url)
        retry = Retry(ExponentialBackoff(), 3)
        self.redis: Any = redis.asyncio.Redis(host=str(parts.hostname), port=parts.port or 0, retry=retry)
        self.once: Any = redis.asyncio.Redis.from_url(url)
        self.name = f"{namespace}:k"
        self.change_by_script = self.once.register_script(
            "redis.call('HSET', KEYS[1], 'a', 1) redis.call('EXPIRE', KEYS[1], 100) return 1"
        )

    async def change(self, key: str) -> Any:
        return await self.once.incr(self.name)

    async def get(self, key: str) -> Any:
        return int(await self.once.get(self.name) or 0)

    async def aclose(self) -> None:
        await self.redis.aclose()
        await self.once.aclose()


class Retrying(Store):
    async def change(self, key: str) -> Any:
        return await self.redis.incr(self.name)


class Hash(Store):
    async def change(self, key: str) -> Any:
        return await self.change_by_script(keys=[self.name])

    async def get(self, key: str) -> Any:
        return await self.once.hgetall(self.name), sorted(await self.once.smembers(f"{self.name}:all"))


class Torn(Hash):
    async def change(self, key: str) -> Any:
        await self.once.hset(self.name, mapping={"a": 1})
        await self.once.expire(self.name, 100)
        await self.once.sadd(f"{self.name}:all", key)


class Locked(Store):
    async def change(self, key: str) -> Any:
        async with self.redis.lock(f"{self.name}:lock", timeout=10, blocking_timeout=1):
            return await self.once.set(self.name, await self.get(key) + 1)


class Lying(Store):
    """Says that it is done when the server was not reached."""

    async def change(self, key: str) -> Any:
        try:
            await self.once.incr(self.name)
        except redis.ConnectionError:
            return None

    async def get(self, key: str) -> Any:
        try:
            return await super().get(key)
        except redis.ConnectionError:
            return 0


class Synchronous(SyncStore):
    def change(self, key: str) -> Any:
        self.redis.set(f"{self.namespace}:k", 1)
        self.redis.expire(f"{self.namespace}:k", 100)

    def get(self, key: str) -> Any:
        return self.redis.get(f"{self.namespace}:k")


async def deaths(server: EmbeddedServer, store_class: Any) -> tuple[SelfJudge, list[Line]]:
    operations = {
        "change": Operation("change", "change", KEY, writes="key"),
        "get": Operation("get", "get", KEY, reads="key"),
    }
    judge = SelfJudge("it", StoreHarness(server, store_class), operations)
    judge.crowds = [(operation,) for operation in operations.values()]
    return judge, [line async for line in judge.findings()]


@pytest.mark.anyio
@pytest.mark.parametrize("store_class", [Store, Hash, Locked])
async def test_nothing_is_found_where_all_is_done_or_nothing(server: EmbeddedServer, store_class: Any) -> None:
    played, lines = await deaths(server, store_class)
    assert played.played["death"]
    assert not played.left_out
    assert not lines


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("store_class", "rules"),
    [
        (Torn, {"change: leaves something else", "change: leaves a key that never expires"}),
        (Retrying, {"change: answers something else"}),
        (Lying, {"change: leaves something else", "get: answers something else"}),
    ],
)
async def test_what_is_broken_is_found_each_time_alike(
    server: EmbeddedServer, store_class: Any, rules: set[str]
) -> None:
    found = [(await deaths(server, store_class))[1] for _ in range(2)]
    assert {f"{each.operation}: {each.text.rpartition(': ')[2]}" for each in found[0]} == rules
    assert found[0] == found[1]
    if store_class is Torn:
        script = found[0][0].script
        assert script[-2].endswith("leaves something else, at 10 of 15 points")
        assert script[3].endswith("SADD :k:all k  # the connection is lost before this arrives")


def test_a_synchronous_store_loses_connections_only(server: EmbeddedServer) -> None:
    played, [line] = asyncio.run(deaths(server, Synchronous))
    assert line.script[-2].endswith("leaves a key that never expires, at 2 of 4 points")
    assert "gather(asyncio.to_thread(lambda: store.change(key='k')))" in line.script[0]
    assert {*played.left_out} == {"a call in a thread is neither cancelled nor killed"}


def test_our_own_store_is_explained_and_the_documented_design_is_not(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert main(["compare", "embedded"]) == 0
    assert "raced: every order of" in capsys.readouterr().out

    title = "list_tasks, entry there, different arguments, instances: 1"
    assert main(["compare", "documented-redis", "--only", title, "--schedule", "AA1"]) == 1
    again = capsys.readouterr().out
    assert "answers something else, at 1 of 1 points" in again
    assert not caplog.records
