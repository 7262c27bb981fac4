"""What the document says of the server: that it may fail, be a cluster, or be watched by a Sentinel."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from conformance.backends.proxy import Proxy, unused_port
from conformance.backends.servers import EmbeddedServer, wait_until
from conformance.tasks.case import Namespace
from conformance.tasks.cases.contents import a_request, every_call, outcome_of
from conformance.tasks.cases.environment import application
from statements.check import check, check_every_operation, describe, once
from statements.topologies import SERVICE, ClusterServers, SentinelServers
from taskstore import TaskNotFound


def _settings(namespace: Namespace, port: int) -> AbstractContextManager[StringIO]:
    """The three settings of the document, for a server at a port of this machine."""
    where = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(port), "REDIS_DB": "0"}
    return application(namespace, where, in_dotenv=True)


@asynccontextmanager
async def _opened_at(namespace: Namespace, port: int) -> AsyncIterator[Any]:
    """Open the store by these settings."""
    async with AsyncExitStack() as stack:
        with _settings(namespace, port):
            store = await stack.enter_async_context(namespace.open_from_environment())
        yield store


@check("redis")
async def works_on_a_cluster(namespace: Namespace) -> None:
    failed = []
    with ClusterServers() as cluster:
        masters = cluster.all[:3]
        async with _opened_at(namespace, masters[0].port) as store:  # it has nearly all slots
            ids = [(await store.create_task(a_request())).task_id for _ in masters]
        for number, (master, task_id) in enumerate(zip(masters, ids, strict=True), 1):
            async with _opened_at(namespace, master.port) as store:
                outcome = await outcome_of(check_every_operation(store, task_id))
            if isinstance(outcome, Exception):
                failed.append(f"master {number} of 3: {describe(outcome)}")
    assert not failed, ". ".join(failed)


class _Failover(NamedTuple):
    """Outcomes after a Sentinel has replaced a master that was killed."""

    by_name: Any
    """Of every operation, through a proxy that leads to the master of the moment: it stands for a name that does."""
    by_address: Any
    """Of every operation, at the address of the first master."""


@once
async def _after_a_failover(namespace: Namespace) -> _Failover:
    with SentinelServers(min_replicas=0) as servers:
        first = urlsplit(servers.url).port or 0
        async with Proxy(servers.url) as name, AsyncExitStack() as stores:
            by_name = await stores.enter_async_context(_opened_at(namespace, urlsplit(name.url).port or 0))
            by_address = await stores.enter_async_context(_opened_at(namespace, first))
            ids = [(await by_name.create_task(a_request())).task_id for _ in range(2)]
            for store, task_id in zip((by_name, by_address), ids, strict=True):
                await check_every_operation(store, task_id)
            task = await by_name.create_task(a_request())
            with servers.killed():
                name.point_at(await asyncio.to_thread(_wait_for_another, servers, first))
                await outcome_of(by_name.list_tasks())  # the connection to the first master has broken
                return _Failover(
                    await outcome_of(check_every_operation(by_name, task.task_id)),
                    await outcome_of(check_every_operation(by_address, task.task_id)),
                )


def _wait_for_another(servers: SentinelServers, port: int) -> str:
    """Wait until the Sentinel names another master than the one at the port, and return its URL."""
    address = f"SENTINEL GET-MASTER-ADDR-BY-NAME {SERVICE}"
    wait_until(lambda: int(servers.sentinel.call(address)[1]) != port, "the Sentinel names no other master")
    return f"redis://127.0.0.1:{int(servers.sentinel.call(address)[1])}/0"


@check("redis")
async def works_by_a_name_that_follows(namespace: Namespace) -> None:
    outcome = (await _after_a_failover(namespace)).by_name
    assert outcome is None, describe(outcome)


@check("redis")
async def fails_by_a_fixed_address(namespace: Namespace) -> None:
    outcome = (await _after_a_failover(namespace)).by_address
    assert isinstance(outcome, Exception), "every operation works"


@check("redis")
async def told_by_ping(namespace: Namespace) -> None:
    with EmbeddedServer() as server, _settings(namespace, server.port) as log:
        async with namespace.open_from_environment() as store:
            with server.killed():
                outcome = await outcome_of(store.create_task(a_request()))
                assert _is_told(outcome, log), "while Redis is down, neither an exception nor the log says so"
                pong = await outcome_of(asyncio.to_thread(server.call, "PING"))
                assert isinstance(pong, Exception), f"while Redis is down, a ping is answered with {pong!r}"
            pong = server.call("PING")
            assert pong == b"PONG", f"when Redis runs again, a ping is answered with {pong!r}"
            await outcome_of(store.list_tasks())  # the connection to the old process has broken
            task = await store.create_task(a_request())
            await check_every_operation(store, task.task_id)


@check("redis")
async def told_by_the_settings(namespace: Namespace) -> None:
    with EmbeddedServer() as server, _settings(namespace, wrong := unused_port()) as log:
        outcome = await outcome_of(_create_and_check(namespace))
        assert _is_told(outcome, log), "with a wrong port, neither an exception nor the log says so"
        dotenv = Path(".env").read_text("utf-8")
        Path(".env").write_text(dotenv.replace(str(wrong), str(server.port)), "utf-8")
        await _create_and_check(namespace)


def _is_told(outcome: Any, log: StringIO) -> bool:
    """Whether an exception, or the log of the application, says that a connection failed."""
    said = log.getvalue() + (describe(outcome) if isinstance(outcome, Exception) else "")
    return "connect" in said.lower()


@check("redis")
async def says_that_it_failed(namespace: Namespace) -> None:
    silent = []
    with EmbeddedServer() as server:
        async with _opened_at(namespace, server.port) as store:
            task = await store.create_task(a_request())
            with server.killed():
                for name, call in every_call(task.task_id).items():
                    outcome = await outcome_of(call(store))
                    if isinstance(outcome, TaskNotFound):
                        silent.append(f"{name}: not found")
                    elif not isinstance(outcome, Exception):
                        silent.append(f"{name}: no exception")
    assert not silent, "; ".join(silent)


async def _create_and_check(namespace: Namespace) -> None:
    async with namespace.open_from_environment() as store:
        task = await store.create_task(a_request())
        await check_every_operation(store, task.task_id)
