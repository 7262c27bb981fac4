"""How requests share a connection, and what comes of them when it fails."""

import asyncio
import itertools
import os
import signal
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

from conformance.backends.servers import EmbeddedServer
from taskstore import FailureKind, RecordUnreadable, StoreUnavailable
from taskstore.redis import RedisTaskStore, connect
from taskstore.redis.server import Server
from tests.store.operating import REQUEST, until
from tests.store.speaking import SET, greet, script, server_that, speaking

pytestmark = pytest.mark.anyio


async def test_past_the_bounds_callers_wait_for_their_turn(
    server: EmbeddedServer, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More requests than may be in flight, and then more bytes of them: all are answered."""
    monkeypatch.setattr("taskstore.redis.connection.MOST_WAITING", 100)
    monkeypatch.setattr("taskstore.redis.connection.MOST_UNSENT", 1_000_000)

    with closing(connect(server.url, timeout=60)) as to:
        assert {*await asyncio.gather(*(to.run(SET, "x", n) for n in range(350)))} == {b"set"}
        await asyncio.gather(*(to.run(SET, "x", "y" * 1_000_000 + str(n)) for n in range(20)))
    assert client.dbsize() == 370


async def test_a_caller_who_finds_no_room_in_time_is_told(
    server: EmbeddedServer, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taskstore.redis.connection.MOST_WAITING", 1)

    with closing(connect(server.url)) as to:
        await to.read("PING")
        client.execute_command("CLIENT", "PAUSE", 30_000, "WRITE")
        first = asyncio.ensure_future(to.run(SET, "x", "1"))
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable, match=r"1 requests are in flight.*Nothing was written") as told:
            await to.run(SET, "x", "2", until=asyncio.get_running_loop().time() + 0.1)
        client.execute_command("CLIENT", "UNPAUSE")
        assert told.value.failure_kind is FailureKind.BUSY
        assert await first == b"set"


async def test_nobody_waits_for_the_reply_of_another_before_sending() -> None:
    heard = bytearray()

    def answer_all_at_once(request: bytes) -> bytes:
        heard.extend(request)
        return b"".join(b":%d\r\n" % n for n in range(40)) if heard.count(b"GET") == 40 else b""

    async with server_that(answer_all_at_once) as to:
        assert await asyncio.gather(*(to.read("GET", n) for n in range(40))) == [*range(40)]


async def test_a_late_reply_goes_to_nobody_else_and_the_write_is_in_doubt(server: EmbeddedServer, client: Any) -> None:
    with closing(connect(server.url, timeout=0.3)) as to:
        await to.read("PING")
        loop = asyncio.get_running_loop()
        client.execute_command("CLIENT", "PAUSE", 900, "ALL")
        begun = loop.time()
        calls = [to.run(SET, "x", "y"), to.read("PING"), to.read("PING", until=begun + 0.1)]
        written, read, early = await asyncio.gather(*calls, return_exceptions=True)
        assert 0.29 < loop.time() - begun < 0.8
        for one, may_have_happened in ((written, True), (read, False), (early, False)):
            assert isinstance(one, StoreUnavailable)
            assert (one.failure_kind, one.detail) == (FailureKind.TIMEOUT, "no answer in the time that is set")
            assert one.write_may_have_happened is may_have_happened
        client.ping()  # answered when the pause is over
        assert await asyncio.gather(*(to.read("ECHO", word) for word in "ab")) == [b"a", b"b"]


async def test_each_request_has_its_own_time() -> None:
    """One in the middle is answered in time; the timer that the first has set is not that of the others."""

    async with server_that(lambda heard: b"+PONG\r\n" if b"PING" in heard else b"") as to:
        await to.read("PING")
        now = asyncio.get_running_loop().time()
        ended: list[float] = []

        async def ask(seconds: float) -> None:
            with suppress(StoreUnavailable):
                await to.read("GET", "x", until=now + seconds)
            ended.append(seconds)

        await asyncio.gather(*map(ask, (0.3, 0.1, 0.2)))
        assert ended == [0.1, 0.2, 0.3]


async def test_a_cancelled_caller_takes_nobody_elses_reply_along(server: EmbeddedServer) -> None:
    echo = script("return ARGV[1]")  # it might write, so it is not sent once more

    with closing(connect(server.url)) as to:
        for turns in range(12):  # cancelled at every await on the way, that of opening included
            fresh = connect(server.url)
            for one in (to, fresh):
                call = asyncio.ensure_future(one.read("ECHO", "cancelled"))
                others = [asyncio.ensure_future(one.run(echo, "x", n)) for n in range(3)]
                for _ in range(turns):
                    await asyncio.sleep(0)
                if call.cancel():
                    await asyncio.wait([call])
                    assert call.cancelled()
                assert await asyncio.gather(*others) == [b"0", b"1", b"2"]
            fresh.close()


async def test_a_read_on_a_connection_that_breaks_is_sent_once_more_and_a_write_never() -> None:
    asked: list[bytes] = []

    def break_once(heard: bytes) -> bytes | None:
        asked.append(b"EVALSHA" if b"EVALSHA" in heard else b"GET")
        return None if asked[-1] not in asked[:-1] else b"$1\r\nx\r\n"

    async with server_that(break_once) as to:
        assert await to.read("GET", "x") == b"x"
        with pytest.raises(StoreUnavailable) as raised:
            await to.run(SET, "x", "y")
        assert (raised.value.failure_kind, raised.value.write_may_have_happened) == (FailureKind.BROKEN, True)
        assert await to.run(script("return 1", writes=False), "x") == b"x"
    assert asked == [b"GET", b"GET", b"EVALSHA", b"EVALSHA"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("LOADING", FailureKind.LOADING),
        *((code, FailureKind.REFUSED) for code in ("NOAUTH", "NOPERM", "ERR ACL failure in script:")),
        ("OOM", FailureKind.OUT_OF_MEMORY),
        *((code, FailureKind.READ_ONLY) for code in ("READONLY", "MASTERDOWN", "MISCONF", "NOREPLICAS")),
        *((code, FailureKind.BUSY) for code in ("BUSY", "ASK 1 h:1", "TRYAGAIN", "CLUSTERDOWN")),
        *((code, FailureKind.BROKEN) for code in ("ERR", "WRONGTYPE")),
    ],
)
async def test_an_error_of_the_server_tells_its_kind_and_that_nothing_was_written(code: str, kind: FailureKind) -> None:
    async with server_that(lambda _: f"-{code} made up\r\n".encode()) as to:
        for call in (to.read("GET", "x"), to.run(SET, "x", "y")):
            with pytest.raises(StoreUnavailable, match=code) as raised:
                await call
            assert (raised.value.failure_kind, raised.value.write_may_have_happened) == (kind, False)
        in_doubt = to.unexpected([b"written", f"{code} made up \xff".encode("latin1")], writes=True)
        assert (in_doubt.failure_kind, in_doubt.write_may_have_happened) == (kind, True)


@pytest.mark.parametrize(
    "reply",
    [
        b"+OK",
        b"$-1",
        b"*0",
        b"*2\r\n$5\r\nfinal\r\n$7\r\nunknown",
        b"*2\r\n$2\r\nok\r\n$4\r\nsoon",
        b"*2\r\n$2\r\nok\r\n*0",
    ],
)
async def test_a_reply_that_no_script_gives_is_a_failed_connection(reply: bytes) -> None:
    async with server_that(lambda _: reply + b"\r\n") as to:
        store = RedisTaskStore(to)
        for write in (partial(store.create_task, REQUEST, task_id="a"), partial(store.cancel_task, "a")):
            with pytest.raises((StoreUnavailable, RecordUnreadable)) as raised:
                await write()
            if isinstance(raised.value, StoreUnavailable):
                assert (raised.value.failure_kind, raised.value.write_may_have_happened) == (FailureKind.BROKEN, True)
        for read in (partial(store.get_task, "a"), partial(store.list_tasks)):
            with pytest.raises(StoreUnavailable, match="unexpected reply"):
                await read()


@pytest.fixture(scope="module")
def replicated() -> Iterator[tuple[EmbeddedServer, EmbeddedServer]]:
    at_once = "--repl-diskless-sync-delay", "0"
    with EmbeddedServer(*at_once) as master:
        parts = urlsplit(master.url)
        with EmbeddedServer("--replicaof", str(parts.hostname), str(parts.port), *at_once) as replica:
            with redis.Redis.from_url(master.url) as client:
                client.set("synchronized", "")
                assert client.wait(1, 20_000) == 1
            yield master, replica


async def test_an_acknowledged_write_is_on_the_replicas(replicated: tuple[EmbeddedServer, EmbeddedServer]) -> None:
    master, replica = replicated

    with closing(connect(master.url, wait_replicas=1, wait_milliseconds=1_000)) as to:
        with redis.Redis.from_url(replica.url) as client:
            for number in range(20):
                await to.run(SET, "x", number)
                assert client.exists(f"x{number}")
        os.kill(replica.process.pid, signal.SIGSTOP)
        try:
            assert await to.read("GET", "x0") == b""  # a read does not wait
            with pytest.raises(StoreUnavailable, match="0 of 1 replicas have the write after 1000 ms") as raised:
                await to.run(SET, "x", "late")
            assert (raised.value.failure_kind, raised.value.write_may_have_happened) == (FailureKind.TIMEOUT, True)
        finally:
            os.kill(replica.process.pid, signal.SIGCONT)


async def test_callers_at_the_same_time_share_a_wait(replicated: tuple[EmbeddedServer, EmbeddedServer]) -> None:
    """One after the other, their waits would take ten seconds. One who is cancelled leaves the wait to the others."""

    with closing(connect(replicated[0].url, wait_replicas=9, wait_milliseconds=200)) as to:
        await to.read("PING")
        begun = asyncio.get_running_loop().time()
        calls = [asyncio.ensure_future(to.run(SET, "x", n)) for n in range(50)]
        with redis.Redis.from_url(replicated[0].url) as client:
            await until(lambda: client.info("clients")["blocked_clients"])
        calls[0].cancel()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert asyncio.get_running_loop().time() - begun < 3
        assert [type(one) for one in outcomes] == [asyncio.CancelledError, *[StoreUnavailable] * 49]


@pytest.mark.parametrize("anyio_backend", [("asyncio", {"use_uvloop": True})])
async def test_what_was_not_sent_goes_with_the_connection() -> None:
    """On uvloop, which raises if something is written to a connection that is closed, and so the test fails."""
    heard_of = itertools.count(1)

    def close_now_and_then(heard: bytes) -> bytes | None:
        if b"CLIENT\r\n" in heard:
            return greet(heard)
        return b"+PONG\r\n" * heard.count(b"PING") if next(heard_of) % 5 else None

    async def ask(to: Server) -> None:
        for number in range(100):
            with suppress(StoreUnavailable):
                await to.read("PING")
            for _ in range(number % 3):  # some callers come just before the loop hears of the end
                await asyncio.sleep(0)

    async with speaking(close_now_and_then) as address:
        with closing(connect(f"redis://{address}")) as to:
            await asyncio.gather(*(ask(to) for _ in range(60)))
