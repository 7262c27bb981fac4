"""Which server and which database the settings name, and who logs in there."""

from __future__ import annotations

import contextlib
import tempfile
from contextlib import AsyncExitStack
from urllib.parse import quote, urlsplit

import pytest

from conformance.case import Namespace, NotApplicable, case
from conformance.cases.environment import (
    ODD_PASSWORD,
    SOURCES,
    application,
    application_from,
    elsewhere,
    logins,
    open_and_close,
    user_with,
)
from conformance.cases.table.bench import plain_url, reconnect
from conformance.cases.table.failures import PASSWORD
from conformance.harness import Capability
from conformance.strategies import a_request
from conformance.subjects.proxy import Action, Proxy, Stage
from taskstore import FailureKind, StoreUnavailable, TaskNotFound


@case("MODE-05", needs=Capability.REMOTE, mode="redis")
async def test_a_database_of_any_number_may_be_named(namespace: Namespace) -> None:
    """Whether there is one of that number the server says, and no bound of the store's own."""
    if not namespace.harness.spare_database():
        raise NotApplicable("the server has one database")
    for number in ("16", "99", "100", "150", "1000"):
        with application(namespace, {"REDIS_DB": number}), contextlib.suppress(StoreUnavailable):
            await open_and_close(namespace)


def named_by_host(namespace: Namespace) -> tuple[str, int, dict[str, str]]:
    """The URL of a server that the settings name by a host, another database of it, and who logs in."""
    given = namespace.harness.environment(namespace.name)
    if not (database := namespace.harness.spare_database()) or "REDIS_HOST" not in given:
        raise NotApplicable("the server has one database, or is not named by a host")
    login = {name: given[name] for name in ("REDIS_USERNAME", "REDIS_PASSWORD") if name in given}
    return f"redis://{given['REDIS_HOST']}:{given.get('REDIS_PORT', '6379')}", database, login


@case("MODE-05", mode="redis")
async def test_host_port_and_database_say_where_redis_is(namespace: Namespace) -> None:
    """A task is written to the database that REDIS_DB names, and to no other."""
    _, database, _ = named_by_host(namespace)
    spare = {"REDIS_DB": str(database)}
    for source in SOURCES:
        with application_from(source, namespace, spare):
            async with namespace.open_from_environment() as store:
                elsewhere = await store.create_task(a_request())
        for other in ({}, *({"REDIS_DB": digit} for digit in str(database) if digit != str(database))):
            with application_from(source, namespace, other):
                async with namespace.open_from_environment() as store:
                    with pytest.raises(TaskNotFound):
                        await store.get_task(elsewhere.task_id)
        with application_from(source, namespace, spare):
            async with namespace.open_from_environment() as store:
                assert await store.get_task(elsewhere.task_id) == elsewhere
                await reconnect(namespace, store)
                assert await store.get_task(elsewhere.task_id) == elsewhere


@case("MODE-17", needs=Capability.REMOTE, mode="redis")
async def test_where_redis_is_has_defaults(namespace: Namespace) -> None:
    """Port 6379 and database 0, in REDIS_URL too, which may name a socket and wins over host, port and database."""
    nobody = "192.0.2.1"  # for examples, RFC 5737: no machine has it
    for variables, words in (
        ({"REDIS_HOST": nobody}, f"{nobody}:6379/0"),
        ({"REDIS_URL": f"redis://{nobody}"}, f"{nobody}:6379/0"),
        ({"REDIS_URL": f"redis://{nobody}/3"}, f"{nobody}:6379/3"),
        ({"REDIS_URL": f"redis://{nobody}?db=7"}, f"{nobody}:6379/7"),
        ({"REDIS_URL": f"redis://{nobody}", "REDIS_HOST": "h", "REDIS_PORT": "1", "REDIS_DB": "5"}, f"{nobody}:6379/0"),
        ({"REDIS_URL": "unix:///nowhere/redis.sock"}, "/nowhere/redis.sock"),
    ):
        with (
            elsewhere(namespace, {"REDIS_CONNECT_TIMEOUT": "0.1", **variables}),
            pytest.raises(StoreUnavailable) as raised,
        ):
            await open_and_close(namespace)
        assert words in raised.value.address


@case("MODE-17", needs=Capability.REMOTE, mode="redis")
async def test_a_url_replaces_the_database(namespace: Namespace) -> None:
    """A URL that names no database means database 0, whatever REDIS_DB says."""
    url, database, login = named_by_host(namespace)
    with elsewhere(namespace, {**login, "REDIS_URL": url, "REDIS_DB": str(database)}):
        async with namespace.open_from_environment() as store:
            task = await store.create_task(a_request())
    with elsewhere(namespace, {**login, "REDIS_URL": f"{url}/0"}):
        async with namespace.open_from_environment() as store:
            assert await store.get_task(task.task_id) == task


@case("MODE-17", needs=Capability.REMOTE, mode="redis")
async def test_a_task_is_where_a_url_says(namespace: Namespace) -> None:
    """What is written through each form of a URL, and by an IPv6 address, is read through host, port and database."""
    url, database, login = named_by_host(namespace)
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncExitStack() as stack:
            socket = f"{folder}/a b.sock"
            await stack.enter_async_context(Proxy(url, at=socket))
            forms: list[dict[str, str]] = [
                {"REDIS_URL": f"{url}/{database}", "REDIS_DB": "0"},
                {"REDIS_URL": f"{url}?db={database}"},
                {"REDIS_URL": f"unix://{socket.replace(' ', '%20')}?db={database}"},
            ]
            with contextlib.suppress(OSError):  # a machine without IPv6
                port = urlsplit((await stack.enter_async_context(Proxy(url, at="::1"))).url).port
                forms.append({"REDIS_HOST": "::1", "REDIS_PORT": str(port), "REDIS_DB": str(database)})
                forms.append({"REDIS_URL": f"redis://[::1]:{port}/{database}"})
            for form in forms:
                with elsewhere(namespace, {**login, **form}):
                    async with namespace.open_from_environment() as store:
                        task = await store.create_task(a_request())
                with application(namespace, {"REDIS_DB": str(database)}):
                    async with namespace.open_from_environment() as store:
                        assert await store.get_task(task.task_id) == task, form


@case("MODE-17", needs=Capability.REMOTE, mode="redis")
async def test_a_password_alone_is_told_to_the_server(namespace: Namespace) -> None:
    """Without a name it is sent all the same, as the password of the default user."""
    async with Proxy(plain_url(namespace)) as proxy:
        port = proxy.url.rpartition(":")[2].partition("/")[0]
        by_name = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": port, "REDIS_PASSWORD": PASSWORD}
        for variables in (by_name, {"REDIS_URL": f"redis://:{PASSWORD}@127.0.0.1:{port}/0"}):
            sent = proxy.interrupt(Stage.REQUEST, Action.CUT, times=9, containing=(PASSWORD.encode(),))
            with elsewhere(namespace, variables), contextlib.suppress(StoreUnavailable):
                async with namespace.open_from_environment() as store:
                    await store.list_tasks(limit=0)
            assert sent.met, list(variables)


@case("MODE-17", needs=Capability.REMOTE, mode="redis")
async def test_the_url_of_a_socket_has_credentials(namespace: Namespace) -> None:
    """The server knows the user by the right password in it, and refuses a wrong one."""
    with user_with(namespace, ODD_PASSWORD) as user, tempfile.TemporaryDirectory() as folder:
        async with Proxy(plain_url(namespace), at=f"{folder}/a.sock"):
            right, wrong = (
                {"REDIS_URL": f"unix://{quote(user, safe='')}:{quote(one, safe='')}@{folder}/a.sock"}
                for one in (ODD_PASSWORD, "another")
            )
            with elsewhere(namespace, right):
                async with namespace.open_from_environment() as store:
                    await store.list_tasks(limit=0)
            with elsewhere(namespace, wrong), pytest.raises(StoreUnavailable) as refused:
                await open_and_close(namespace)
            assert refused.value.failure_kind is FailureKind.REFUSED


@case("MODE-17", needs=Capability.REMOTE, mode="redis")
async def test_credentials_are_told_to_the_server(namespace: Namespace) -> None:
    """The server knows the user by the right password, and refuses a wrong one, however and wherever it is given."""
    for password in (PASSWORD, ODD_PASSWORD):
        with user_with(namespace, password) as user:
            for right, wrong in zip(logins(namespace, user, password), logins(namespace, user, "another"), strict=True):
                for source in SOURCES:
                    with application_from(source, namespace, right):
                        async with namespace.open_from_environment() as store:
                            task = await store.create_task(a_request())
                            assert await store.get_task(task.task_id) == task
                            await reconnect(namespace, store)
                            assert await store.get_task(task.task_id) == task
                    with application_from(source, namespace, wrong), pytest.raises(StoreUnavailable) as refused:
                        await open_and_close(namespace)
                    assert refused.value.failure_kind is FailureKind.REFUSED
