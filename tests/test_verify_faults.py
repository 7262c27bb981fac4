from __future__ import annotations

import asyncio
import gc
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest

from conformance.harness import Harness
from conformance.mutants.mutant import On
from conformance.mutants.stages import stages
from conformance.mutants.written.servers import NotFoundWhenCut
from conformance.subjects.memory import MemoryHarness
from conformance.subjects.proxy import Action, Proxy, Stage
from conformance.subjects.redis import NamedRedisHarness
from conformance.subjects.registry import find_subject
from conformance.verify.document import Fault
from conformance.verify.faults.caller import Cancellation
from conformance.verify.faults.operations import OPERATIONS
from conformance.verify.faults.run import FAULTS, run_fault, run_faults
from taskstore import FailureKind, StoreUnavailable
from taskstore.arguments import check_moment
from taskstore.redis import RedisTaskStore
from taskstore.redis.scripts import PURGE, Script
from taskstore.values import microseconds

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Staging = Callable[[On, Callable[..., Any]], Any]


@pytest.fixture(scope="module")
def stage() -> Iterator[Staging]:
    with stages() as made:
        yield made


@asynccontextmanager
async def echoing(delay: float = 0.0) -> AsyncIterator[Proxy]:
    """A proxy in front of a server that sends back what it gets."""

    serving: list[asyncio.Task[None] | None] = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        with suppress(ConnectionResetError):
            while data := await reader.read(65_536):
                writer.write(data)
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with Proxy(f"redis://me:secret@127.0.0.1:{port}/3?a=b", delay=delay) as proxy:
            yield proxy
        await asyncio.wait_for(asyncio.gather(*filter(None, serving)), 5)


async def connected(proxy: Proxy) -> Stream:
    return await asyncio.open_connection("127.0.0.1", int(proxy.url.rpartition(":")[2].partition("/")[0]))


async def ended(stream: Stream) -> str:
    """How a connection ends, after what has come of it."""
    reader, writer = stream
    try:
        came = await asyncio.wait_for(reader.read(), 5)
    except ConnectionResetError:
        return "reset"
    finally:
        writer.close()
    return f"{came.decode()}|"


def run(body: Callable[[], Awaitable[None]]) -> None:
    async def in_time() -> None:
        async with asyncio.timeout(10):
            await body()

    asyncio.run(in_time())


def test_a_proxy_keeps_all_of_a_url_but_the_address() -> None:
    async def body() -> None:
        async with echoing() as proxy:
            assert proxy.url.startswith("redis://me:secret@127.0.0.1:")
            assert proxy.url.endswith("/3?a=b")

    run(body)


def test_a_proxy_passes_everything_on_and_counts() -> None:
    async def body() -> None:
        async with echoing() as proxy:
            reader, writer = await connected(proxy)
            big = bytes(range(256)) * 8_192
            writer.write(big)
            assert await reader.readexactly(len(big)) == big
            assert proxy.accepted == proxy.connections == 1
            writer.close()
            await proxy.until(lambda: proxy.connections == 0)

    run(body)


@pytest.mark.parametrize(
    ("at", "by", "expected"),
    [
        (Stage.CONNECT, Action.CUT, "|"),
        (Stage.CONNECT, Action.RESET, "reset"),
        (Stage.REQUEST, Action.CUT, "|"),
        (Stage.REQUEST, Action.RESET, "reset"),
        (Stage.REPLY, Action.CUT, "|"),
        (Stage.REPLY, Action.RESET, "reset"),
        (Stage.MIDDLE, Action.CUT, "12|"),
    ],
)
def test_a_proxy_interrupts_where_it_is_told(at: Stage, by: Action, expected: str) -> None:
    async def body() -> None:
        async with echoing() as proxy:
            interruption = proxy.interrupt(at, by)
            stream = await connected(proxy)
            stream[1].write(b"1234")
            assert await ended(stream) == expected
            assert interruption.met == 1
            reader, writer = await connected(proxy)
            writer.write(b"once only")
            assert await reader.readexactly(9) == b"once only"
            writer.close()

    run(body)


@pytest.mark.parametrize("at", [Stage.REQUEST, Stage.REPLY])
def test_a_proxy_answers_each_command_in_the_servers_place(at: Stage) -> None:
    async def body() -> None:
        async with echoing() as proxy:
            proxy.interrupt(at, Action.ANSWER, text=b"-NO\r\n")
            reader, writer = await connected(proxy)
            writer.write(b"*1\r\n$4\r\nPING\r\n" * 2)
            assert await reader.readexactly(10) == b"-NO\r\n" * 2
            writer.write(b"the next")
            assert await reader.readexactly(8) == b"the next"
            writer.close()

    run(body)


@pytest.mark.parametrize(("at", "first"), [(Stage.REQUEST, b""), (Stage.REPLY, b""), (Stage.MIDDLE, b"12")])
def test_what_is_held_comes_when_it_is_released(at: Stage, first: bytes) -> None:
    async def body() -> None:
        async with echoing() as proxy:
            reader, writer = await connected(proxy)
            interruption = proxy.interrupt(at, Action.HOLD, after=1, containing=(b"2",))
            for passed in (b"2", b"1"):  # one that counts, and one that does not
                writer.write(passed)
                assert await reader.readexactly(1) == passed
            writer.write(b"1234")
            await proxy.until(lambda: interruption.met)
            assert await reader.readexactly(len(first)) == first
            assert interruption.seen == {b"2"}
            proxy.release()
            assert await reader.readexactly(4 - len(first)) == b"1234"[len(first) :]
            writer.close()

    run(body)


def test_a_proxy_that_refuses_listens_again_at_the_same_place() -> None:
    async def body() -> None:
        async with echoing() as proxy:
            url = proxy.url
            await proxy.refuse()
            with pytest.raises(ConnectionRefusedError):
                await connected(proxy)
            await proxy.listen()
            _, writer = await connected(proxy)
            writer.close()
            assert proxy.url == url

    run(body)


def test_a_connection_that_is_accepted_as_the_proxy_ends_is_ended_too() -> None:
    async def body() -> None:
        async with echoing() as proxy:
            parts = urlsplit(proxy.url)
            client = socket.create_connection((parts.hostname or "", parts.port or 0))
            for _ in range(2):  # the loop sees the connection, and has yet to take it up
                await asyncio.sleep(0)
            assert proxy.accepted == 0
        with client:
            assert proxy.accepted == 1
            client.settimeout(5)
            assert client.recv(1) == b""
        gc.collect()  # a socket that was left open would warn here

    run(body)


def test_what_is_delayed_is_never_early_and_stays_in_order_however_much_is_under_way() -> None:
    async def body() -> None:
        async with echoing(delay=0.02) as proxy:
            reader, writer = await connected(proxy)
            started = time.perf_counter()
            for number in range(100):
                writer.write(b"%02d" % number)
                await asyncio.sleep(0)
            came = await reader.readexactly(200)
            took = time.perf_counter() - started
            assert came == b"".join(b"%02d" % number for number in range(100))
            assert 0.04 <= took < 1, "each way once, not a hundred times"
            writer.close()

    run(body)


@pytest.mark.parametrize("late", [False, True])
def test_a_cancellation_comes_at_the_await_that_it_names(late: bool) -> None:
    steps: list[int] = []

    async def three_awaits() -> None:
        for step in range(3):
            steps.append(step)
            await asyncio.get_running_loop().run_in_executor(None, time.sleep, 0)

    async def body() -> None:
        for suspension in (1, 2, 3, 4):
            steps.clear()
            cancellation = Cancellation(suspension, late=late)
            call = asyncio.ensure_future(cancellation.of(three_awaits()))
            await asyncio.wait([call])
            assert call.cancelled() is cancellation.took_place is (suspension < 4)
            assert len(steps) == min(suspension, 3)

    run(body)


def test_the_share_of_the_matrix_meets_every_fault_and_passes(stage: Staging) -> None:
    harness = stage(On.REDIS, RedisTaskStore)
    outcomes = asyncio.run(run_faults(harness, "embedded", full=False))
    assert [one.fault for one in outcomes] == [fault.name for fault in FAULTS]
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert all(fault.sentence.endswith(".") for fault in FAULTS)
    assert [(one.fault, one.operation, one.reason) for one in outcomes if one.verdict != "pass"] == []


def outcome_of(harness: Any, fault: str, operation: str) -> Fault:
    """Play one cell of the matrix."""
    [played] = [one for one in FAULTS if one.name == fault]
    [called] = [one for one in OPERATIONS if one.name == operation]
    return asyncio.run(run_fault(harness, "subject", played, called))


def test_a_subject_without_a_server_has_none_that_fails() -> None:
    outcome = outcome_of(MemoryHarness(), "refused", "get")
    assert (outcome.verdict, outcome.reason) == ("not-testable", "it declares no server that can fail")


def test_a_missing_hook_is_named(stage: Staging) -> None:
    harness = stage(On.REDIS, RedisTaskStore)
    harness.url = partial(Harness.url, harness)
    outcome = outcome_of(harness, "refused", "get")
    assert (outcome.verdict, outcome.reason) == ("not-testable", "the harness has no hook url")


@pytest.mark.parametrize("fault", ["killed", "disconnected", "without-scripts", "read-only", "loading"])
def test_a_server_of_somebody_s_is_left_alone(stage: Staging, fault: str) -> None:
    named = NamedRedisHarness(stage(On.REDIS, RedisTaskStore).url())
    with named.running():
        outcome = outcome_of(named, fault, "update")
        assert outcome.verdict == "not-testable", outcome.reason
        assert outcome_of(named, "reply-cut", "update").verdict == "pass"


def test_the_documented_design_lets_other_exceptions_out() -> None:
    harness = find_subject("documented-redis")()
    with harness.running():
        outcome = outcome_of(harness, "out-of-memory", "create")
        assert (outcome.verdict, outcome.script != ()) == ("fail", True)
        assert outcome_of(harness, "refused", "purge").reason == "the subject does not declare maintenance"


# Stores that only these faults catch.


class DeniesTheWrite(RedisTaskStore):
    """A write whose reply was lost says that nothing was written."""

    async def _run(self, script: Script, *arguments: str | int, **named: Any) -> Any:
        try:
            return await super()._run(script, *arguments, **named)
        except StoreUnavailable as error:
            error.write_may_have_happened = False
            raise


class SwallowsCancellation(RedisTaskStore):
    """A caller that is cancelled gets an exception of the store instead."""

    async def _run(self, script: Script, *arguments: str | int, **named: Any) -> Any:
        try:
            return await super()._run(script, *arguments, **named)
        except asyncio.CancelledError:
            raise StoreUnavailable("redis", FailureKind.BROKEN, True, "cancelled") from None


class ForgetsWhatItPurged(RedisTaskStore):
    """A purge that fails in a later request says that nothing was removed."""

    async def purge(self, before: datetime) -> int:
        removed, more = 0, b"1"
        while more:
            reply = await self._run(PURGE, microseconds(check_moment(before)))
            if reply[0] == b"written":
                raise self.server.unexpected(reply, writes=True)
            count, more = reply
            removed += count
        return removed


@pytest.mark.parametrize(
    ("kind", "fault", "operation", "reason"),
    [
        (DeniesTheWrite, "reply-cut", "cancel", "write_may_have_happened=False"),
        (DeniesTheWrite, "request-hold", "create", "write_may_have_happened=False"),
        (SwallowsCancellation, "cancelled-late-warm", "list", "the caller was cancelled, and StoreUnavailable"),
        (SwallowsCancellation, "callers-timeout", "restore", "out of a caller's timeout"),
        (ForgetsWhatItPurged, "read-only-meanwhile", "purge", "effects took place"),
        (NotFoundWhenCut, "middle-cut", "get", "TaskNotFound came out"),
    ],
)
def test_a_wrong_store_is_caught(stage: Staging, kind: type[Any], fault: str, operation: str, reason: str) -> None:
    outcome = outcome_of(stage(On.REDIS, kind), fault, operation)
    assert outcome.verdict == "fail"
    assert reason in outcome.reason
    assert outcome.script
    assert outcome_of(stage(On.REDIS, RedisTaskStore), fault, operation).verdict == "pass"
