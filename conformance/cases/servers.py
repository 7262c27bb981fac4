"""Which server the settings name, who logs in there, and what of its replicas an application sees."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from conformance.case import Namespace, NotApplicable, NotTestable, case
from conformance.cases import environment as env
from conformance.cases.contents import a_request, outcome_of, seen, writes_of
from conformance.cases.environment import ODD_PASSWORD, SOURCES
from conformance.harness import Capability
from conformance.text import printed
from taskstore import FailureKind, StoreUnavailable, TaskNotFound

_ANOTHER = "an0ther-w0rd"


@case("MODE-05", mode="redis")
async def test_host_port_and_database_say_where_redis_is(namespace: Namespace) -> None:
    """A task is written to the database that REDIS_DB names, in either source, and to no other."""
    given = namespace.harness.environment(namespace.name)
    if not (database := namespace.harness.spare_database()) or "REDIS_HOST" not in given:
        raise NotApplicable("the server has one database, or is not named by a host")
    for source in SOURCES:
        with env.application(namespace, {"REDIS_DB": str(database)}, source=source):
            async with namespace.open_from_environment() as store:
                task = await store.create_task(a_request())
            async with namespace.open_from_environment() as store:
                assert (await store.get_task(task.task_id)).task_id == task.task_id
        with env.application(namespace, source=source):
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
        ({"REDIS_URL": f"redis://{nobody}", "REDIS_HOST": "h", "REDIS_PORT": "1", "REDIS_DB": "5"}, f"{nobody}:6379/0"),
        ({"REDIS_URL": "unix:///nowhere/redis.sock"}, "/nowhere/redis.sock"),
    ):
        with env.application(namespace, at={"REDIS_CONNECT_TIMEOUT": "0.1", **variables}):
            with pytest.raises(StoreUnavailable) as raised:
                await env.open_and_close(namespace)
            assert words in raised.value.address, f"with {variables}"


@case("MODE-17", "FAIL-05", needs=Capability.REMOTE, mode="redis")
async def test_credentials_are_told_to_the_server_and_nobody_else(namespace: Namespace) -> None:
    """The server knows the user by the right password, and refuses a wrong one. No store, log or exception shows it."""
    with env.a_user(namespace, ODD_PASSWORD) as user:
        for right, wrong in zip(*(logins(namespace, user, word) for word in (ODD_PASSWORD, _ANOTHER)), strict=True):
            for source in SOURCES:
                with env.application(namespace, at=right, source=source, level=logging.DEBUG) as log:
                    async with namespace.open_from_environment() as store:
                        await store.create_task(a_request())
                        env.check_hidden(ODD_PASSWORD, f"{store} {store!r} {log.read_text('utf-8')}", f"in {source}")
                with env.application(namespace, at=wrong, source=source):
                    with pytest.raises(StoreUnavailable) as refused:
                        await env.open_and_close(namespace)
                    assert refused.value.failure_kind is FailureKind.REFUSED, f"with {[*wrong]} in {source}"
                    env.check_hidden(_ANOTHER, printed(refused.value), f"in {source}")


def logins(namespace: Namespace, user: str, password: str) -> list[dict[str, str]]:
    """The ways to say who logs in: two variables, both in a URL, and one in each."""
    given = namespace.harness.environment(namespace.name)
    if "REDIS_HOST" not in given:
        raise NotApplicable("the server is not named by a host")
    where = {name: given[name] for name in ("REDIS_HOST", "REDIS_PORT", "REDIS_DB") if name in given}
    place = f"{given['REDIS_HOST']}:{given.get('REDIS_PORT', '6379')}/{given.get('REDIS_DB', '0')}"
    name, word = quote(user, safe=""), quote(password, safe="")
    return [
        {**where, "REDIS_USERNAME": user, "REDIS_PASSWORD": password},
        {"REDIS_URL": f"redis://{name}:{word}@{place}"},
        {"REDIS_URL": f"redis://{name}@{place}", "REDIS_PASSWORD": password},
    ]


@case("FAIL-11", needs=Capability.REMOTE, mode="redis")
async def test_a_write_that_too_few_replicas_have_may_have_happened(namespace: Namespace) -> None:
    """Told to wait for more replicas than there are, each write takes effect, raises StoreUnavailable, and says so."""
    too_many = {"REDIS_WAIT_REPLICAS": "9", "REDIS_WAIT_MILLISECONDS": "50"}
    with env.application(namespace, too_many):
        async with namespace.open() as direct, namespace.open_from_environment() as store:
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
                assert name == "purge" or await seen(direct) != before, f"{name} did not take effect"
