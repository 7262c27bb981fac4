"""Another server takes over, or another node of a cluster has the tasks: the open store works again by itself."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar
from unittest import mock

from conformance.case import Namespace, NotTestable, case
from conformance.cases.connection import LONG, behind_a_proxy, unless_unavailable
from conformance.cases.contents import check_same, check_writes, fill
from conformance.cases.environment import elsewhere
from conformance.cases.operations import make_target, operations_of
from conformance.cases.table.bench import connected, outcome_of
from conformance.harness import Capability
from conformance.strategies import a_request
from conformance.subjects.proxy import Action, Stage
from taskstore import StoreUnavailable, TaskStatus, TaskStore

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
    async with namespace.open() as direct, behind_a_proxy(namespace, LONG) as (proxy, store):
        for operation in operations_of(namespace.harness.capabilities):
            says = (read_only, alone) if operation.changes else (alone,) if operation.name in ("get", "list") else ()
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


@case("FAIL-17", "DUR-01", needs=(Capability.PERSISTENT, Capability.REMOTE))
async def test_an_open_store_goes_on_with_a_server_that_was_started_again(namespace: Namespace) -> None:
    """A store that was open meanwhile reads as before, and every write does what it would have done, each time."""
    async with behind_a_proxy(namespace, LONG) as (proxy, store):
        await check_writes(store, await fill(store, namespace), namespace)  # every kind of call was made before
        for end in ("-2", "-3"):
            contents = await fill(store, namespace, end)
            before = await contents.seen(store)
            namespace.harness.restart_server()
            proxy.point_at(namespace.harness.url())  # an engine of containers may have given it another port
            await connected(lambda: store.list_tasks(limit=1))  # it may notice by a call that fails
            check_same(await contents.seen(store), before)
            await check_writes(store, contents, namespace)


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
