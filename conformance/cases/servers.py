"""Which server the settings name, who logs in there, and what of its replicas an application sees."""

from __future__ import annotations

from itertools import product

import pytest

from conformance.case import Namespace, NotApplicable, case
from conformance.cases import environment as env
from conformance.cases.contents import a_request, outcome_of, seen, writes_of
from conformance.cases.environment import ODD_PASSWORD, SOURCES
from conformance.harness import Capability
from conformance.tables.tasks import BEYOND
from taskstore import StoreUnavailable, TaskNotFound

_ANOTHER = "an0ther-w0rd"


@case("MODE-05", mode="redis")
async def test_host_port_and_database_say_where_redis_is(namespace: Namespace) -> None:
    """A task is written to the database that REDIS_DB names, in either source, and to no other."""
    database = namespace.harness.spare_database()
    if not database or "REDIS_HOST" not in namespace.harness.environment(namespace.name):
        raise NotApplicable("the server has one database, or is not named by a host")
    for source in SOURCES:
        with env.application(namespace, {"REDIS_DB": str(database)}, source=source):
            async with namespace.open_from_environment() as store:
                task_id = (await store.create_task(a_request())).task_id
            async with namespace.open_from_environment() as store:
                await store.get_task(task_id)
        with env.application(namespace, source=source):
            async with namespace.open_from_environment() as store:
                with pytest.raises(TaskNotFound):
                    await store.get_task(task_id)


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
        given = env.application(namespace, at={"REDIS_CONNECT_TIMEOUT": "0.1", **variables})
        error = (await env.opened(namespace, given)).error
        assert isinstance(error, StoreUnavailable), f"with {variables} opening came to {error!r}"
        assert words in error.address, f"with {variables} the address is {error.address}"


@case("MODE-17", "FAIL-05", needs=Capability.REMOTE, mode="redis")
async def test_credentials_are_told_to_the_server_and_nobody_else(namespace: Namespace) -> None:
    """The server knows the user by the right password, and refuses a wrong one. No store, log or exception shows it."""
    if "REDIS_HOST" not in namespace.harness.environment(namespace.name):
        raise NotApplicable("the server is not named by a host")
    user, administer = f"{namespace.name}@u/ü+", namespace.harness.administer
    administer("ACL", "SETUSER", user, "reset", "on", f">{ODD_PASSWORD}", "~*", "&*", "+@all")
    try:
        rights, wrongs = [env.forms_of(env.url_of(namespace, user, word)) for word in (ODD_PASSWORD, _ANOTHER)]
        for (right, wrong), source in product(zip(rights, wrongs, strict=True), SOURCES):
            with env.application(namespace, at=right, source=source) as log:
                async with namespace.open_from_environment() as store:
                    await store.create_task(a_request())
                    env.check_hidden(ODD_PASSWORD, f"{store} {store!r} {log.getvalue()}", f"in {source}")
            refused = await env.opened(namespace, env.application(namespace, at=wrong, source=source))
            kind = getattr(refused.error, "failure_kind", None)
            assert kind == "refused", f"with another password, {[*wrong]} in {source}, came {refused.error!r}"
            env.check_hidden(_ANOTHER, refused.shown, f"in {source}")
    finally:
        administer("ACL", "DELUSER", user)


@case("FAIL-11", needs=Capability.REMOTE, mode="redis")
async def test_a_write_that_too_few_replicas_have_may_have_happened(namespace: Namespace) -> None:
    """Told to wait for more replicas than there are, each write takes effect, raises StoreUnavailable, and says so."""
    too_many = {"REDIS_WAIT_REPLICAS": "9", "REDIS_WAIT_MILLISECONDS": "50"}
    with env.application(namespace, too_many):
        async with namespace.open() as direct, namespace.open_from_environment() as store:
            if not isinstance(await outcome_of(store.create_task(a_request())), BaseException):
                raise NotApplicable("the store waits for no replicas: it does not take REDIS_WAIT_REPLICAS")
            writes = await writes_of(direct, namespace)
            if namespace.has(Capability.MAINTENANCE):
                writes["purge"] = lambda store: store.purge(BEYOND)
            for name, write in writes.items():
                before = await seen(direct)
                fault = await outcome_of(write(store))
                assert isinstance(fault, StoreUnavailable), f"expected StoreUnavailable of {name}, got {fault!r}"
                may_have_happened = fault.write_may_have_happened and "nothing was written" not in str(fault).lower()
                assert may_have_happened, f"{name} says that nothing was written: {fault}"
                assert await seen(direct) != before, f"{name} did not take effect"
