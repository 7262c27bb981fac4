"""Every order in which a server can meet the requests of two calls: what loses a write is found, each time alike."""

import asyncio
import json
import socketserver
import sys
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from hashlib import pbkdf2_hmac
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
import redis.asyncio
from redis.exceptions import WatchError

from conformance.backends import proxy
from conformance.backends.resp import read
from conformance.backends.server_harness import RedisServerHarness
from conformance.backends.servers import EmbeddedServer
from conformance.compare.alone.judge import SelfJudge, broken
from conformance.compare.alone.plans import Plan
from conformance.compare.alone.witness import Witness
from conformance.engine.orders import network
from conformance.engine.scenario import Call
from conformance.harness import HookMissingError
from conformance.operations.choices import Choice
from conformance.operations.operation import Operation

pytestmark = pytest.mark.anyio


class Store:
    """Entries of numbers and of JSON objects. Each way to change them is an operation of its own."""

    def __init__(self, url: str, namespace: str) -> None:
        self.redis: Any = redis.asyncio.Redis.from_url(url)
        self.namespace = namespace

    def name(self, key: str) -> str:
        return f"{self.namespace}:{key}"

    async def read(self, key: str) -> dict[str, int]:
        return dict(json.loads(await self.redis.get(self.name(key)) or "{}"))

    async def number(self, key: str) -> int:
        return int(await self.redis.get(self.name(key)) or 0)

    async def update(self, key: str, name: str) -> None:
        found = await self.read(key)
        await self.redis.set(self.name(key), json.dumps(found | {name: 1}, sort_keys=True))

    async def update_watched(self, key: str, name: str) -> None:
        async with self.redis.pipeline() as pipeline:
            while True:
                await pipeline.watch(self.name(key))
                found = dict(json.loads(await pipeline.get(self.name(key)) or "{}"))
                pipeline.multi()
                pipeline.set(self.name(key), json.dumps(found | {name: 1}, sort_keys=True))
                try:
                    await pipeline.execute()
                except WatchError:
                    continue
                return

    async def count(self, key: str) -> int:
        return int(await self.redis.incr(self.name(key)))

    async def count_twice(self, key: str) -> list[int]:
        async with self.redis.pipeline(transaction=False) as pipeline:
            return [*await pipeline.incr(self.name(key)).incr(self.name(key)).execute()]

    async def count_twice_at_once(self, key: str) -> list[int]:
        async with self.redis.pipeline() as pipeline:
            return [*await pipeline.incr(self.name(key)).incr(self.name(key)).execute()]

    async def push(self, key: str) -> None:
        await self.redis.rpush(self.name(key), "x")

    def pop(self, key: str) -> Awaitable[Any]:
        popped: Awaitable[Any] = self.redis.blpop([self.name(key)], timeout=5)
        return popped

    async def find_servers(self, key: str) -> None:
        with suppress(redis.ResponseError):
            await self.redis.execute_command("CLUSTER", "SLOTS")

    async def wait_for_nothing(self, key: str) -> None:
        await asyncio.get_running_loop().create_future()

    async def aclose(self) -> None:
        await self.redis.aclose()


class SyncStore:
    def __init__(self, url: str, namespace: str) -> None:
        self.redis: Any = redis.Redis.from_url(url)
        self.namespace = namespace

    def number(self, key: str) -> int:
        return int(self.redis.get(f"{self.namespace}:{key}") or 0)

    def count(self, key: str) -> int:
        number = self.number(key) + 1
        pbkdf2_hmac("sha256", b"", b"", 20_000)  # meanwhile other threads run
        self.redis.set(f"{self.namespace}:{key}", number)
        return number

    async def aclose(self) -> None:
        self.redis.close()


class StoreHarness(RedisServerHarness):
    def __init__(self, server: EmbeddedServer, store_class: Any = Store) -> None:
        super().__init__(server)
        self.store_class = store_class

    @asynccontextmanager
    async def open_at(self, namespace: str, url: str, seconds: float) -> AsyncIterator[Any]:
        store = self.store_class(url, namespace)
        yield store
        await store.aclose()


NAMES = [name for name in vars(Store) | vars(SyncStore) if not name.startswith("_")]
OPERATIONS = {name: Operation(name, name, reads="key" if name in {"read", "number"} else None) for name in NAMES}


@pytest.fixture
def harness(server: EmbeddedServer) -> StoreHarness:
    return StoreHarness(server)


def trace(play: Witness) -> list[str]:
    return [f"{request.caller}: {request.text}" for request in play.ordered.trace]


def call(name: str, on: int, argument: str = "") -> Call:
    given = {"key": "k", "name": argument} if name.startswith("update") else {"key": "k"}
    return Call(name, {name: Choice(value, repr(value), frozenset()) for name, value in given.items()}, on=on)


async def explored(harness: StoreHarness, name: str, read: str, on: int) -> tuple[list[Witness], list[Witness]]:
    """Return every order of two calls, and those that are like no order of whole calls."""
    plan = Plan((), (call(name, 0, "a"), call(name, on, "b")), (call(read, 0),))
    judge = SelfJudge("it", harness, OPERATIONS)
    whole = await judge.sequences(plan)
    plays = await judge.plays(plan)
    assert not judge.left_out
    return plays, [play for play in plays if broken(play, whole)]


@pytest.mark.parametrize(("on", "orders", "wrong"), [(1, 6, 4), (0, 20, 12)])
async def test_a_lost_write_is_found_in_the_same_orders_each_time(
    harness: StoreHarness, on: int, orders: int, wrong: int
) -> None:
    traces = []
    for _ in range(10):
        plays, bad = await explored(harness, "update", "read", on)
        assert (len(plays), len(bad)) == (orders, wrong)
        traces.append([trace(play) for play in bad])
    assert traces == traces[:1] * 10


@pytest.mark.parametrize("on", [0, 1])
@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("update_watched", "read"),
        ("count", "number"),
        ("count_twice_at_once", "number"),
    ],
)
async def test_nothing_is_found_where_nothing_is_lost(harness: StoreHarness, name: str, read: str, on: int) -> None:
    plays, wrong = await explored(harness, name, read, on)
    assert plays
    assert not wrong


async def test_the_commands_of_a_pipeline_are_met_one_by_one_and_those_of_a_transaction_together(
    harness: StoreHarness,
) -> None:
    by_one, wrong = await explored(harness, "count_twice", "number", 1)
    assert len(by_one) == 6
    assert len(wrong) == 4
    together, _ = await explored(harness, "count_twice_at_once", "number", 1)
    assert [trace(play) for play in together] == [
        ["A: MULTI; INCRBY :k 1; INCRBY :k 1; EXEC", "B: MULTI; INCRBY :k 1; INCRBY :k 1; EXEC"],
        ["B: MULTI; INCRBY :k 1; INCRBY :k 1; EXEC", "A: MULTI; INCRBY :k 1; INCRBY :k 1; EXEC"],
    ]


async def raced(harness: StoreHarness, *names: str) -> tuple[list[Witness], list[str]]:
    """Return every order of calls of which one alone would not return, and why some were not played."""
    judge = SelfJudge("it", harness, OPERATIONS)
    calls = tuple(call(name, on) for on, name in enumerate(names))
    return await judge.plays(Plan((), calls)), [*judge.left_out]


async def test_a_blocking_command_waits_at_the_server(harness: StoreHarness) -> None:
    plays, left_out = await raced(harness, "pop", "push")
    assert not left_out
    assert {trace(play)[0] for play in plays} == {"A: BLPOP :k 5", "B: RPUSH :k x"}
    assert all("x" in play.outcome[0].observed.text() for play in plays)


@pytest.mark.parametrize("on", [0, 1])
async def test_a_synchronous_counter_that_loses_a_count_is_found(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch, on: int
) -> None:
    if sys.platform == "linux":  # which tells a thread that is slow from one that waits
        monkeypatch.setattr(network, "_A_MOMENT", 0.002)
        monkeypatch.setattr(network, "_PATIENCE", 0.002)
    results = [await explored(StoreHarness(server, SyncStore), "count", "number", on) for _ in range(5)]
    assert all(wrong for _, wrong in results)
    assert len({str([trace(play) for play in wrong]) for _, wrong in results}) == 1


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("wait_for_nothing", "a caller waits for something that is not its server"),
        ("find_servers", "its client finds servers by itself, and its requests cannot be held"),
    ],
)
async def test_a_call_that_nobody_can_hold_is_not_ordered(harness: StoreHarness, name: str, reason: str) -> None:
    assert await raced(harness, name, "count") == ([], [reason])


@pytest.mark.parametrize("url", ["rediss://127.0.0.1:6379/0", "unix:///run/redis.sock", "postgresql://server/db"])
async def test_what_cannot_be_held_is_refused(url: str) -> None:
    with pytest.raises(HookMissingError, match="without TLS"):
        proxy.Proxy(url)


KEPT: dict[bytes, bytes] = {}


class Lines(socketserver.StreamRequestHandler):
    """Keeps numbers in a protocol of lines, whose replies come in two parts."""

    def handle(self) -> None:
        key, _, value = self.rfile.readline().partition(b" ")
        if value.strip():
            KEPT[key] = value
        self.wfile.write(b"0")
        time.sleep(0.002)
        self.wfile.write(KEPT.get(key, b"\n"))


class LineStore:
    def __init__(self, url: str, namespace: str) -> None:
        self.port, self.namespace = urlsplit(url).port, namespace

    async def number(self, key: str, value: object = "") -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(f"{self.namespace} {value}\n".encode())
        number = int(await reader.readline())
        writer.close()
        return number

    async def count(self, key: str) -> int:
        return await self.number(key, await self.number(key) + 1)

    async def aclose(self) -> None:
        """Each call has closed its connections."""


async def test_another_protocol_is_held_by_what_a_client_sends_before_it_reads(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy, "_A_MOMENT", 0.1)
    harness: Any = StoreHarness(server, LineStore)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Lines) as lines:
        Thread(target=lines.serve_forever).start()
        harness.url = lambda: f"lines://127.0.0.1:{lines.server_address[1]}"
        plays, wrong = await explored(harness, "count", "number", 1)
        lines.shutdown()
    assert (len(plays), len(wrong)) == (6, 4)


@pytest.mark.parametrize(
    "reply",
    [
        b"+OK\r\n",
        b"$-1\r\n",
        b"*-1\r\n",
        b"$5\r\na\r\nbc\r\n",
        b"*2\r\n:1\r\n*1\r\n$1\r\nx\r\n",
        b"%1\r\n+a\r\n#t\r\n",
        b">2\r\n+invalidate\r\n*0\r\n+OK\r\n",
        b"|1\r\n+ttl\r\n:1\r\n+OK\r\n",
    ],
)
def test_a_reply_is_whole_at_its_end_and_not_before(reply: bytes) -> None:
    assert read(reply)
    assert not any(read(reply[:size]) for size in range(len(reply)))
