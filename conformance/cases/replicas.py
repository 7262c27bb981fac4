"""A store that is told to wait for replicas: what too few of them have is not acknowledged, and not denied."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import cast
from urllib.parse import unquote, urlsplit

from conformance.case import Namespace, NotApplicable, NotTestable, case
from conformance.cases.environment import application
from conformance.cases.expiry import MINUTE, WEEK
from conformance.cases.operations import Operation, make_target, operations_of
from conformance.cases.table.bench import changed, connected, credentials, outcome_of, plain_url
from conformance.harness import Capability
from conformance.strategies import a_request
from conformance.subjects.proxy import Action, Proxy, Stage
from taskstore import MaintainedTaskStore, StoreUnavailable, Task, TaskStore


@case("FAIL-11", needs=Capability.REMOTE, mode="redis")
async def test_a_write_that_too_few_replicas_have_may_have_happened(namespace: Namespace) -> None:
    """Told to wait for more replicas than there are, each write takes effect, raises StoreUnavailable, and says so."""
    async with told_to_wait(namespace) as direct:
        await waits_for_replicas(namespace, direct)


@case("FAIL-11", needs=Capability.REMOTE, mode="redis")
async def test_a_write_whose_replicas_cannot_be_asked_for_may_have_happened(namespace: Namespace) -> None:
    """The same of a user who may write, and may not call WAIT."""
    with credentials(namespace) as url:
        namespace.harness.administer("ACL", "SETUSER", namespace.name, "-wait")
        async with told_to_wait(namespace, REDIS_URL=url) as direct:
            await waits_for_replicas(namespace, direct)


@case("FAIL-11", needs=Capability.REMOTE, lacks=Capability.FAILOVER, mode="redis")
async def test_a_repeated_write_that_a_replica_does_not_have_may_have_happened(namespace: Namespace) -> None:
    """The same of a replica that does not say what it has, and of an instance that repeats what another has written."""
    async with a_replica(namespace), told_to_wait(namespace, replicas="1") as direct:
        for operation in changing(namespace):
            if operation.name != "restore":  # its repetition is refused
                target = await make_target(direct)
                for words in ("", ", made again"):
                    # On a connection that has written nothing, as after a restart of the application.
                    async with namespace.open_from_environment() as store:
                        may_have_happened(await outcome_of(operation.call(store, target)), operation.name + words)


@case("FAIL-11", needs=Capability.REMOTE, lacks=Capability.FAILOVER, mode="redis")
async def test_a_write_that_one_of_two_replicas_has_may_have_happened(namespace: Namespace) -> None:
    """The same of one that says what it has, where two are wanted. Where one is, the write may be acknowledged."""
    async with told_to_wait(namespace) as direct, a_replica(namespace, answers=True):
        os.environ["REDIS_WAIT_REPLICAS"] = "2"
        await waits_for_replicas(namespace, direct)
        os.environ |= {"REDIS_WAIT_REPLICAS": "1", "REDIS_WAIT_MILLISECONDS": "2000"}
        async with namespace.open_from_environment() as store:
            outcome = await outcome_of(store.create_task(a_request()))
            if isinstance(outcome, BaseException):  # its user may not call WAIT
                may_have_happened(outcome, "create")


@case("EXP-08", needs=(Capability.EXPIRING, Capability.SHARED, Capability.REMOTE), mode="redis")
async def test_nothing_is_left_of_writes_that_waited_for_replicas(namespace: Namespace) -> None:
    """Each write is made twice where too few replicas have it: two lifetimes later every key has gone by itself."""
    with application(namespace):
        async with namespace.open_from_environment():
            before = namespace.inspector.keys()  # how many partitions there are, for example
    async with told_to_wait(namespace, milliseconds="1") as direct, namespace.open_from_environment() as store:
        for operation in changing(namespace):
            target = await make_target(direct)
            for _ in range(2):
                await outcome_of(operation.call(store, target))
    namespace.advance(WEEK + WEEK + MINUTE)
    assert namespace.inspector.keys() <= before


@case("FAIL-11", needs=Capability.REMOTE, mode="redis")
async def test_a_write_whose_wait_for_replicas_is_cut_off_may_have_happened(namespace: Namespace) -> None:
    """The connection ends with the reply to the write, or while the store waits: it is not acknowledged."""
    async with Proxy(plain_url(namespace)) as proxy, told_to_wait(namespace) as direct:
        os.environ["REDIS_URL"] = proxy.url
        async with namespace.open_from_environment() as store:
            for operation, after in product(changing(namespace), range(2)):
                target = await make_target(direct)
                await connected(lambda: store.list_tasks(limit=0))
                cut = proxy.interrupt(Stage.REPLY, Action.CUT, after=after)
                may_have_happened(await outcome_of(operation.call(store, target)), operation.name)
                assert cut.met or after, operation.name
                proxy.release()


@case("ATOM-06", needs=Capability.REMOTE, mode="redis")
async def test_a_write_that_waits_for_replicas_is_cancelled_alone(namespace: Namespace) -> None:
    """Of writes that wait for replicas every third is cancelled: each of the others raises StoreUnavailable."""
    async with told_to_wait(namespace, milliseconds="400") as direct, namespace.open_from_environment() as store:
        operations = [one for one in changing(namespace) for _ in range(2)]
        targets = [await make_target(direct) for _ in operations]
        await store.list_tasks(limit=1)
        before = await contents_of(direct)
        calls = [
            asyncio.ensure_future(operation.call(store, target))
            for operation, target in zip(operations, targets, strict=True)
        ]
        seen = 0
        while seen < len(calls) and not any(call.done() for call in calls):
            seen = len(changed(before, await contents_of(direct)))
        await contents_of(direct)  # they have their answers by now
        for call in calls[::3]:
            call.cancel()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        for number, (operation, outcome) in enumerate(zip(operations, outcomes, strict=True)):
            if number % 3:
                may_have_happened(outcome, operation.name)


async def waits_for_replicas(namespace: Namespace, direct: TaskStore) -> None:
    """Make each write with a store that waits for more replicas than there are. `direct` waits for none."""
    async with namespace.open_from_environment() as store:
        for operation in changing(namespace):
            target = await make_target(direct)
            before = await contents_of(direct)
            may_have_happened(await outcome_of(operation.call(store, target)), operation.name)
            assert len(changed(before, await contents_of(direct))) == 1, f"{operation.name} did not take effect"
        if Capability.MAINTENANCE in namespace.harness.capabilities:
            await direct.cancel_task((await direct.create_task(a_request())).task_id)
            purge = cast(MaintainedTaskStore, store).purge(datetime.now(UTC) + timedelta(days=1))
            may_have_happened(await outcome_of(purge), "purge")


@asynccontextmanager
async def told_to_wait(
    namespace: Namespace, replicas: str = "9", milliseconds: str = "100", **access: str
) -> AsyncIterator[TaskStore]:
    """Let applications open stores that wait for so many replicas, and give a store that does not."""
    with application(namespace):
        async with namespace.open_from_environment() as direct:
            os.environ |= {"REDIS_WAIT_REPLICAS": replicas, "REDIS_WAIT_MILLISECONDS": milliseconds, **access}
            async with namespace.open_from_environment() as store:
                outcome = await outcome_of(store.create_task(a_request()))
            if not isinstance(outcome, BaseException):
                has_replicas = Capability.FAILOVER in namespace.harness.capabilities
                without_verdict = NotTestable if has_replicas else NotApplicable
                raise without_verdict("the store waits for no replicas: it does not take REDIS_WAIT_REPLICAS")
            yield direct


def changing(namespace: Namespace) -> list[Operation]:
    """The operations that change something, but for a purge, which would have nothing to remove here."""
    found = operations_of(namespace.harness.capabilities)
    return [operation for operation in found if operation.changes and operation.name != "purge"]


def may_have_happened(outcome: object, name: str) -> None:
    """Check that a write was not acknowledged, and that it was not denied either."""
    assert isinstance(outcome, StoreUnavailable), f"{name}: {outcome!r}"
    assert outcome.write_may_have_happened, name
    assert "nothing was written" not in str(outcome).lower(), name


@asynccontextmanager
async def a_replica(namespace: Namespace, *, answers: bool = False) -> AsyncIterator[None]:
    """Follow the server as a replica does, and never tell it what has arrived, or do so if it `answers`."""
    parts = urlsplit(plain_url(namespace))
    namespace.harness.administer("CONFIG", "GET", "maxmemory")  # a server that others use gets no replica
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 6379)
    try:
        if parts.password is not None:
            user, password = unquote(parts.username or "default"), unquote(parts.password)
            words = [one.encode() for one in ("AUTH", user, password)]
            writer.write(b"*3\r\n" + b"".join(b"$%d\r\n%b\r\n" % (len(one), one) for one in words))
            await reader.readline()
        writer.write(b"PSYNC ? -1\r\n")
        if not (reply := await reader.readline()).startswith(b"+FULLRESYNC"):
            raise NotTestable(f"the server takes no replica: {reply.decode(errors='replace').strip()}")
        while (length := await reader.readline()) == b"\n":
            pass  # its data is not there yet
        if not length[1:].strip().isdigit():
            raise NotTestable("the server sends a replica no data of a known length")
        await reader.readexactly(int(length[1:]))
        offset = int(reply.split()[2])
        telling = asyncio.ensure_future(tell(reader, writer, offset) if answers else asyncio.sleep(0))
        try:
            yield
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
    finally:
        writer.close()
        await writer.wait_closed()


async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, offset: int) -> None:
    """Say of all that the server sends how far it has come."""
    received = b""
    while True:
        offset += len(received)
        said = b"%d" % offset
        writer.write(b"*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$%d\r\n%b\r\n" % (len(said), said))
        if not (received := await reader.read(65_536)):
            return


async def contents_of(store: TaskStore) -> dict[str, Task]:
    """All tasks of a store, by id."""
    return {task.task_id: task for task in (await store.list_tasks(limit=1_000)).tasks}
