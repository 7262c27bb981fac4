"""Which server the settings name, who logs in there, and what of its replicas and successors an application sees."""

from __future__ import annotations

import contextlib
import tempfile
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import quote

import pytest

from conformance.case import Namespace, NotApplicable, NotTestable, case
from conformance.cases import environment as env
from conformance.cases.contents import a_request, outcome_of, seen, served, writes_of
from conformance.cases.environment import ODD_PASSWORD, PASSWORD, SOURCES
from conformance.harness import Capability, HookMissingError
from conformance.subjects.proxy import Action, Proxy, Stage
from taskstore import FailureKind, StoreUnavailable, TaskNotFound, TaskStatus


def named_by_host(namespace: Namespace) -> tuple[str, int, dict[str, str]]:
    """The URL of a server that the settings name by a host, another database of it, and who logs in."""
    given = namespace.harness.environment(namespace.name)
    if not (database := namespace.harness.spare_database()) or "REDIS_HOST" not in given:
        raise NotApplicable("the server has one database, or is not named by a host")
    login = {name: given[name] for name in ("REDIS_USERNAME", "REDIS_PASSWORD") if name in given}
    return f"redis://{given['REDIS_HOST']}:{given.get('REDIS_PORT', '6379')}", database, login


@case("MODE-05", mode="redis")
async def test_host_port_and_database_say_where_redis_is(namespace: Namespace) -> None:
    """A task is written to the database that REDIS_DB names, in either source, and to no other."""
    _, database, _ = named_by_host(namespace)
    for source in SOURCES:
        with env.application(namespace, {"REDIS_DB": str(database)}, source=source):
            async with namespace.open_from_environment() as store:
                task = await store.create_task(a_request())
            async with namespace.open_from_environment() as store:
                with contextlib.suppress(HookMissingError):
                    namespace.harness.administer("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                assert (await served(partial(store.get_task, task.task_id))).task_id == task.task_id
        for other in ({}, *({"REDIS_DB": digit} for digit in str(database) if digit != str(database))):
            with env.application(namespace, other, source=source):
                async with namespace.open_from_environment() as store:
                    with pytest.raises(TaskNotFound):
                        await store.get_task(task.task_id)


@case("MODE-17", needs=Capability.REMOTE, mode="redis")
async def test_where_redis_is_has_defaults(namespace: Namespace) -> None:
    """Port 6379 and database 0, in REDIS_URL too, which may name a socket and wins over host, port and database."""
    nobody = "192.0.2.1"  # for examples, RFC 5737: no machine has it
    for variables, words in (
        ({"REDIS_HOST": nobody}, f"{nobody}:6379/0"),
        ({"REDIS_URL": f"redis://{nobody}/3"}, f"{nobody}:6379/3"),
        ({"REDIS_URL": f"redis://{nobody}?db=7"}, f"{nobody}:6379/7"),
        ({"REDIS_URL": f"redis://{nobody}", "REDIS_HOST": "h", "REDIS_PORT": "1", "REDIS_DB": "5"}, f"{nobody}:6379/0"),
        ({"REDIS_URL": "unix:///nowhere/redis.sock"}, "/nowhere/redis.sock"),
    ):
        with env.application(namespace, at={"REDIS_CONNECT_TIMEOUT": "0.1", **variables}):
            with pytest.raises(StoreUnavailable) as raised:
                await env.open_and_close(namespace)
            assert words in raised.value.address, f"with {variables}"


@case("MODE-17", needs=Capability.REMOTE, mode="redis")
async def test_a_task_is_where_a_url_says(namespace: Namespace) -> None:
    """What is written through each form of a URL is read through host, port and database."""
    url, database, login = named_by_host(namespace)
    with tempfile.TemporaryDirectory() as folder:
        async with Proxy(url, at=f"{folder}/a b.sock"):
            for form, where in (
                ({"REDIS_URL": url, "REDIS_DB": str(database)}, 0),  # no database in it means 0
                ({"REDIS_URL": f"{url}/{database}", "REDIS_DB": "0"}, database),
                ({"REDIS_URL": f"unix://{folder}/a%20b.sock?db={database}"}, database),
            ):
                with env.application(namespace, at={**login, **form}):
                    async with namespace.open_from_environment() as store:
                        task = await store.create_task(a_request())
                with env.application(namespace, {"REDIS_DB": str(where)}):
                    async with namespace.open_from_environment() as store:
                        found = await outcome_of(store.get_task(task.task_id))
                        assert getattr(found, "task_id", "") == task.task_id, f"{form} leads elsewhere: {found!r}"


@case("MODE-17", needs=Capability.REMOTE, mode="redis")
async def test_credentials_are_told_to_the_server(namespace: Namespace) -> None:
    """The server knows the user by the right password, and refuses a wrong one, however and wherever it is given."""
    for password in (PASSWORD, ODD_PASSWORD):
        with env.a_user(namespace, password) as user:
            for right, wrong in zip(logins(namespace, user, password), logins(namespace, user, "another"), strict=True):
                for source in SOURCES:
                    with env.application(namespace, at=right, source=source):
                        async with namespace.open_from_environment() as store:
                            await store.create_task(a_request())
                    given = env.application(namespace, at=wrong, source=source)
                    with given, pytest.raises(StoreUnavailable) as refused:
                        await env.open_and_close(namespace)
                    assert refused.value.failure_kind is FailureKind.REFUSED, f"with {[*wrong]} in {source}"


def logins(namespace: Namespace, user: str, password: str) -> list[dict[str, str]]:
    """The ways to say who logs in: two variables, the same beside a URL, both in it, and one in each."""
    given = namespace.harness.environment(namespace.name)
    by_name = {"REDIS_USERNAME": user, "REDIS_PASSWORD": password}
    if "REDIS_HOST" not in given:
        raise NotApplicable("the server is not named by a host")
    where = {name: given[name] for name in ("REDIS_HOST", "REDIS_PORT", "REDIS_DB") if name in given}
    place = f"{given['REDIS_HOST']}:{given.get('REDIS_PORT', '6379')}/{given.get('REDIS_DB', '0')}"
    name, word = quote(user, safe=""), quote(password, safe="")
    return [
        {**where, **by_name},
        {**by_name, "REDIS_URL": f"redis://{place}"},
        {"REDIS_URL": f"redis://{name}:{word}@{place}"},
        {"REDIS_URL": f"redis://{name}@{place}", "REDIS_PASSWORD": password},
        {"REDIS_URL": f"redis://:{word}@{place}", "REDIS_USERNAME": user},
    ]


@case("MODE-18", needs=Capability.CLUSTER, mode="redis")
async def test_every_node_of_a_cluster_may_be_named(namespace: Namespace) -> None:
    """REDIS_HOST and REDIS_PORT name a node, whichever it is: each operation works, and all see the same tasks."""
    ids: set[str] = set()
    for node in namespace.harness.nodes():
        host, _, port = node.rpartition(":")
        with env.application(namespace, at={"REDIS_HOST": host, "REDIS_PORT": port}):
            async with namespace.open_from_environment() as store:
                for _ in range(3):
                    task = await store.create_task(a_request())
                    ids.add((await store.update_task_status(task.task_id, TaskStatus.CLIPPING, 10)).task_id)
                assert {task.task_id for task in (await store.list_tasks(TaskStatus.CLIPPING)).tasks} == ids


@case("FAIL-17", needs=Capability.REMOTE)
async def test_an_open_store_leaves_a_server_that_was_replaced(namespace: Namespace) -> None:
    """Connections lead to a server that may only be read now; new ones, under the same address, to its successor."""
    read_only = b"-READONLY You can't write against a read only replica.\r\n"
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(Proxy(env.plain_url(namespace)))
        direct = await stack.enter_async_context(namespace.open())
        store = await stack.enter_async_context(namespace.harness.open_at(namespace.name, proxy.url, 10))
        await store.list_tasks()
        for name, write in (await writes_of(direct, namespace.harness.capabilities)).items():
            replaced = proxy.interrupt(Stage.REQUEST, Action.ANSWER, times=1_000, text=read_only, on_open_ones=True)
            outcome = await outcome_of(served(partial(write, store)), 20)
            assert not isinstance(outcome, BaseException), f"{name} stays with the old server: {outcome!r}"
            assert replaced.met, f"{name} was not sent on a connection that was open"
            await served(store.list_tasks)
            proxy.release()


@case("FAIL-11", needs=Capability.REMOTE, mode="redis")
async def test_a_write_that_too_few_replicas_have_may_have_happened(namespace: Namespace) -> None:
    """Told to wait for more replicas than there are, each write takes effect, raises StoreUnavailable, and says so."""
    too_many = {"REDIS_WAIT_REPLICAS": "9", "REDIS_WAIT_MILLISECONDS": "50"}
    async with namespace.open() as direct:
        with env.application(namespace, too_many):
            async with namespace.open_from_environment() as store:
                if not isinstance(await outcome_of(store.create_task(a_request())), BaseException):
                    without_verdict = NotTestable if namespace.has(Capability.FAILOVER) else NotApplicable
                    raise without_verdict("the store waits for no replicas: it does not take REDIS_WAIT_REPLICAS")
                writes = await writes_of(direct, namespace.harness.capabilities)
                if namespace.has(Capability.MAINTENANCE):
                    writes["purge"] = lambda store: store.purge(datetime.now(UTC) + timedelta(days=1))
                for name, write in writes.items():
                    before = await seen(direct)
                    fault = await outcome_of(write(store))
                    assert isinstance(fault, StoreUnavailable), f"expected StoreUnavailable of {name}, got {fault!r}"
                    assert fault.write_may_have_happened, f"{name} says that nothing was written"
                    assert "nothing was written" not in str(fault).lower(), f"{name} says: {fault}"
                    has_changed = await seen(direct) != before
                    assert has_changed or name == "purge", f"{name} did not take effect"  # it may end at once
