"""Another server takes over, or another node of a cluster has the tasks: the open store works again by itself."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product
from typing import Any, TypeVar, cast
from unittest import mock
from urllib.parse import unquote, urlsplit

from conformance.case import Namespace, NotApplicable, NotTestable, case
from conformance.cases.connection import LONG, behind_a_proxy, unless_unavailable
from conformance.cases.contents import check_same, check_writes, fill
from conformance.cases.environment import application, elsewhere
from conformance.cases.expiry import MINUTE, WEEK
from conformance.cases.operations import Operation, make_target, operations_of
from conformance.cases.table.bench import changed, connected, credentials, outcome_of
from conformance.harness import Capability
from conformance.strategies import a_request
from conformance.subjects.proxy import Action, Proxy, Stage
from taskstore import MaintainedTaskStore, StoreUnavailable, Task, TaskStatus, TaskStore

SECONDS = 15.0
"""Within which a store works again."""
Answer = TypeVar("Answer")


@case("FAIL-17", needs=Capability.FAILOVER)
async def test_an_open_store_follows_a_failover(store: TaskStore, namespace: Namespace) -> None:
    """By a command: meanwhile a call is answered rightly or raises StoreUnavailable, and afterwards each one works."""
    await follows(namespace, store, kill=False)


@case("FAIL-17", needs=Capability.FAILOVER)
async def test_an_open_store_survives_the_death_of_its_server(store: TaskStore, namespace: Namespace) -> None:
    """The same where the server is killed."""
    await follows(namespace, store, kill=True)


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
    """The same of one that says what it has, where two are wanted. Where one is, the write is acknowledged."""
    async with told_to_wait(namespace) as direct, a_replica(namespace, answers=True):
        os.environ["REDIS_WAIT_REPLICAS"] = "2"
        await waits_for_replicas(namespace, direct)
        os.environ |= {"REDIS_WAIT_REPLICAS": "1", "REDIS_WAIT_MILLISECONDS": "2000"}
        async with namespace.open_from_environment() as store:
            task = await store.create_task(a_request())
            assert await store.cancel_task(task.task_id) == await store.get_task(task.task_id)


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
    if not namespace.harness.url().startswith("redis://"):
        raise NotTestable("the proxy understands neither TLS nor sockets of files")
    async with Proxy(namespace.harness.url()) as proxy, told_to_wait(namespace, milliseconds="400") as direct:
        os.environ["REDIS_URL"] = proxy.url
        async with namespace.open_from_environment() as store:
            for operation, after in product(changing(namespace), range(2)):
                target = await make_target(direct)
                await connected(lambda: store.list_tasks(limit=0))
                proxy.interrupt(Stage.REPLY, Action.CUT, after=after)
                may_have_happened(await outcome_of(operation.call(store, target)), operation.name)
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


@case("FAIL-17", needs=Capability.REMOTE)
async def test_an_open_store_works_again_after_many_failed_calls(namespace: Namespace) -> None:
    """Nothing listens for as long as forty calls take, one after the other and together: then it is back."""
    async with behind_a_proxy(namespace, LONG) as (proxy, store):
        task = await store.create_task(a_request())
        await proxy.refuse()
        proxy.break_all(Action.RESET)
        for _ in range(20):
            assert isinstance(await outcome_of(store.get_task(task.task_id)), StoreUnavailable)
        for outcome in await asyncio.gather(*(outcome_of(store.get_task(task.task_id)) for _ in range(20))):
            assert isinstance(outcome, StoreUnavailable)
        await proxy.listen()
        await until_served(partial(store.get_task, task.task_id))
        await works(store, task.task_id, 3)


@case("FAIL-17", needs=Capability.REMOTE)
async def test_an_open_store_leaves_a_server_that_was_replaced(namespace: Namespace) -> None:
    """Connections lead to a server that may only be read now; new ones, under the same address, to its successor."""
    read_only = b"-READONLY You can't write against a read only replica.\r\n"
    alone = b"-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n"
    left = b"-NOREPLICAS Not enough good replicas to write.\r\n"
    async with namespace.open() as direct, behind_a_proxy(namespace, LONG) as (proxy, store):
        for operation in operations_of(namespace.harness.capabilities):
            by_read = (alone,) if operation.name in ("get", "list") else ()
            says = (read_only, alone, left) if operation.changes else by_read
            for text in says:
                proxy.interrupt(Stage.REQUEST, Action.ANSWER, times=1_000, text=text, on_open_ones=True)
                target = await make_target(direct)
                await until_served(partial(operation.call, store, target))
                # Reads and writes may have connections of their own, and each may notice by a call that fails.
                await until_served(partial(store.list_tasks, limit=1))
                await until_served(partial(store.cancel_task, target.bystanders[1].task_id))
                await works(store, target.other.task_id, 10)
                proxy.release()


@case("FAIL-17", needs=Capability.REMOTE)
async def test_an_open_store_follows_the_name_of_its_server(namespace: Namespace) -> None:
    """Where a failover gives the server's name another address, and nothing listens at the old one, all calls work."""
    name, addresses, look_up = "tasks.conformance.test", ("127.0.0.1", "127.0.0.2"), socket.getaddrinfo
    address = addresses[0]

    def found(host: Any, *rest: Any, **more: Any) -> Any:
        return look_up(address if host in (name, name.encode()) else host, *rest, **more)

    with mock.patch("socket.getaddrinfo", found):
        async with namespace.open() as direct, behind_a_proxy(namespace, LONG) as (proxy, _):
            url = proxy.url.replace(f"{address}:", f"{name}:")
            async with namespace.harness.open_at(namespace.name, url, LONG) as opened:
                store = namespace.script.recorded(opened)
                if isinstance(await outcome_of(store.list_tasks()), StoreUnavailable):
                    raise NotTestable("the store does not look names up as Python does")
                for following in (*reversed(addresses), *reversed(addresses)):
                    target = await make_target(direct)
                    await works(store, target.task.task_id, 10)
                    await proxy.refuse()
                    try:
                        await proxy.listen(following)
                    except OSError:
                        raise NotTestable(f"the system does not have the address {following}") from None
                    address = following
                    proxy.break_all(Action.RESET)
                    await until_served(partial(store.list_tasks, limit=1))
                    await until_served(partial(store.cancel_task, target.bystanders[1].task_id))
                    await works(store, target.other.task_id, 20)


@case("FAIL-17", "DUR-02", needs=(Capability.PERSISTENT, Capability.REMOTE))
async def test_an_open_store_goes_on_with_a_server_that_was_started_again(namespace: Namespace) -> None:
    """A store that was open meanwhile reads as before, and every write does what it would have done, each time."""
    async with behind_a_proxy(namespace, LONG) as (proxy, store):
        await check_writes(store, await fill(store, namespace), namespace)  # every kind of call was made before
        for _ in range(2):
            contents = await fill(store, namespace)
            before = await contents.seen(store)
            namespace.harness.restart_server()
            proxy.point_at(namespace.harness.url())  # an engine of containers may have given it another port
            await connected(lambda: store.list_tasks(limit=1))  # it may notice by a call that fails
            check_same(await contents.seen(store), before)
            await check_writes(store, contents, namespace)


async def waits_for_replicas(namespace: Namespace, direct: TaskStore) -> None:
    """Make each write where the settings say to wait for more replicas than have it. `direct` waits for none."""
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
    parts = urlsplit(namespace.harness.url())
    if parts.scheme != "redis":
        raise NotTestable("the replica understands neither TLS nor sockets of files")
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
        telling = asyncio.ensure_future(tell(reader, writer, int(reply.split()[2]))) if answers else None
        yield
        if telling:
            telling.cancel()
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


@case("MODE-18", needs=Capability.CLUSTER, mode="redis")
async def test_every_node_of_a_cluster_may_be_named(namespace: Namespace) -> None:
    """REDIS_HOST and REDIS_PORT name a node, whichever it is: each operation works, and all see the same tasks."""
    tasks = []
    for node in namespace.harness.nodes():
        host, _, port = node.rpartition(":")
        with elsewhere(namespace, {"REDIS_HOST": host, "REDIS_PORT": port}):
            async with namespace.open_from_environment() as store:
                for _ in range(3):
                    tasks.append((await store.create_task(a_request())).task_id)
                    await store.update_task_status(tasks[-1], TaskStatus.CLIPPING, 10)
                assert [(await store.get_task(task_id)).progress for task_id in tasks] == [10] * len(tasks)
                assert {task.task_id for task in (await store.list_tasks()).tasks} == {*tasks}


@case("MODE-18", needs=Capability.CLUSTER, mode="redis")
async def test_an_open_store_follows_its_slot(store: TaskStore, namespace: Namespace) -> None:
    """When another node of the cluster has got the tasks, and when it has given them back, no call fails."""
    task = await store.create_task(a_request())
    with namespace.harness.slot_moved(namespace.name):
        await works(store, task.task_id, 10)
    await works(store, task.task_id, 20)


async def follows(namespace: Namespace, store: TaskStore, *, kill: bool) -> None:
    """Call a store while another server takes over, and afterwards."""
    task = await store.create_task(a_request())
    change = asyncio.create_task(asyncio.to_thread(namespace.harness.fail_over, kill=kill))
    try:
        while not change.done():
            assert await unless_unavailable(store.get_task(task.task_id)) in (task, None)
            await asyncio.sleep(0.01)
    finally:
        await change
    await until_served(lambda: store.list_tasks())
    await until_served(lambda: store.update_task_status(task.task_id, TaskStatus.CLIPPING, 5))
    await works(store, task.task_id, 10)


async def works(store: TaskStore, task_id: str, progress: float) -> None:
    """Make each call; none fails."""
    updated = await store.update_task_status(task_id, TaskStatus.CLIPPING, progress)
    assert await store.get_task(task_id) == updated
    before = (await store.list_tasks()).total
    other = await store.create_task(a_request())
    assert (await store.cancel_task(other.task_id)).status is TaskStatus.CANCELLED
    page = await store.list_tasks()
    assert page.total == before + 1
    assert {task_id, other.task_id} <= {task.task_id for task in page.tasks}


async def until_served(call: Callable[[], Awaitable[Answer]]) -> Answer:
    """The answer of the first call that is served."""
    deadline = asyncio.get_running_loop().time() + SECONDS
    while True:
        try:
            return await call()
        except StoreUnavailable:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.05)
