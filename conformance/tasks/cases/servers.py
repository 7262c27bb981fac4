"""Which server the settings name and who logs in there, what is said when it does not answer, and never shown."""

import re
from collections.abc import Mapping, Sequence
from itertools import product
from urllib.parse import urlsplit

from conformance.backends.proxy import Held, Interruption, Proxy
from conformance.tasks.case import Namespace, NotApplicable, case, showing
from conformance.tasks.cases.contents import create, outcome_of
from conformance.tasks.cases.environment import (
    FORMS,
    ODD_PASSWORD,
    PASSWORD,
    SWITCH,
    application,
    check_hidden,
    opened,
    proxied,
    url_of,
)
from taskstore import TaskNotFound

_LOGINS = (ODD_PASSWORD, None), ("an0ther-w0rd", "refused")
"""Passwords of a user, the right one and another, and what the exception calls the failure."""


_REPEATED = f"-ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' '{PASSWORD}' \r\n"
WAYS: Sequence[tuple[str, str, Interruption]] = (
    ("nothing listens", "unreachable", None),
    ("what accepts ends at once", "broken unreachable", b""),
    ("the server is silent", "timeout unreachable", Held.REQUESTS),
    ("the server is loading", "loading", b"-LOADING Redis is loading\r\n"),
    ("a web server answers", "broken unreachable", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    ("an old server repeats the password", "broken unreachable refused", _REPEATED.encode()),
    ("the password is wrong", "refused", f"-WRONGPASS {PASSWORD} is wrong\r\n".encode()),
)
"""Ways in which an opening fails, what the exception may call each, and what the proxy does at each exchange."""


@case("FAIL-01", "FAIL-04", "FAIL-05", "MODE-06", "COST-05", mode="redis")
async def test_an_opening_that_fails_says_what_to_check(namespace: Namespace) -> None:
    """Whatever keeps the server silent, the mode is logged, and the exception has address and advice, no password."""
    broken: dict[str, str] = {}
    for (way, kinds, how), form in product(WAYS, FORMS):
        async with Proxy(url_of(namespace, "u", PASSWORD)) as proxy:
            proxy.interrupt(how)
            if how is None:
                await proxy.refuse()
            settings = form(proxy.url)
            wait = "0.2" if how is Held.REQUESTS else "5"  # a slow machine does not decide the others
            waits = {"REDIS_TIMEOUT": wait, "REDIS_CONNECT_TIMEOUT": wait}

            came = await opened(namespace, application(namespace, {**settings, **waits}))

            proxy.interrupt(None)  # what is held would keep a connection that its client has closed
            await proxy.until(lambda: not proxy.links)
            connections = len(proxy.links)

        where = urlsplit(proxy.url)
        address = f"127.0.0.1:{where.port}/{where.path.strip('/') or 0}"
        words = address, f"redis-cli -h 127.0.0.1 -p {where.port} ping", f"{SWITCH}=false", next(iter(settings))
        missing = [word for word in words if word not in came.shown]
        is_chinese = re.search("[一-鿿]", came.shown)
        is_told = getattr(came.error, "failure_kind", None) in kinds.split()
        checks = {
            "FAIL-05": PASSWORD not in came.shown,
            "FAIL-01": is_told or how is not None,
            "FAIL-04": is_told and came.error.address == address and is_chinese and not missing,
            "MODE-06": came.modes == ["redis"],
            "COST-05": not connections,
        }
        told = f"when {way}, opening came to {came}, without {missing}; {connections} are connected"
        broken |= {number: f"{number}: {told}" for number, is_kept in checks.items() if not is_kept}
    with showing(*broken):
        assert not broken, "\n".join(broken.values())


@case("MODE-05", "MODE-17", mode="redis")
async def test_host_port_and_database_say_where_redis_is(namespace: Namespace) -> None:
    """A task is written to the database that REDIS_DB names, or REDIS_URL in place of all others."""
    database = str(namespace.harness.spare_database())
    if database == "0" or "REDIS_HOST" not in namespace.harness.environment(namespace.name):
        raise NotApplicable("the server has one database, or is not named by a host")

    by_number = {"REDIS_DB": database}
    with showing("MODE-05"):
        await _written_there(namespace, by_number, by_number)
    replaced = {"REDIS_HOST": "h", "REDIS_PORT": "1", "REDIS_DB": "5"}
    url = urlsplit(proxied(namespace))
    by_path = {**replaced, "REDIS_URL": url._replace(path=f"/{database}").geturl()}
    by_query = {**replaced, "REDIS_URL": url._replace(path="", query=f"db={database}").geturl()}
    with showing("MODE-17"):
        await _written_there(namespace, by_path, by_number)
        came = await opened(namespace, application(namespace, by_query))
        if came.error is None:  # a store may refuse options of a URL, but not ignore them
            await _written_there(namespace, by_query, by_number)


async def _written_there(namespace: Namespace, given: Mapping[str, str], there: Mapping[str, str]) -> None:
    """Check that a store of these settings writes to where others lead, and not to where the harness's lead."""
    with application(namespace, given, in_dotenv=True):
        async with namespace.open_from_environment() as store:
            task_id = await create(store)
    with application(namespace, there):
        async with namespace.open_from_environment() as store:
            await store.cancel_task(task_id)
    with application(namespace):
        async with namespace.open_from_environment() as store:
            fault = await outcome_of(store.get_task(task_id))
    assert isinstance(fault, TaskNotFound), f"the task is in the first database too, with {given}"


@case("MODE-17", "FAIL-05", mode="redis")
async def test_credentials_are_told_to_the_server_and_nobody_else(namespace: Namespace) -> None:
    """The server knows the user by the right password, and refuses a wrong one. No store, log or exception shows it."""
    if "REDIS_HOST" not in namespace.harness.environment(namespace.name):
        raise NotApplicable("the server is not named by a host")

    user = f"{namespace.name}@u/ü+"
    administer = namespace.harness.administer
    administer("ACL", "SETUSER", user, "reset", "on", f">{ODD_PASSWORD}", "~*", "&*", "+@all")
    try:
        for form, (password, expected) in product(FORMS, _LOGINS):
            settings = form(url_of(namespace, user, password))
            came = await opened(namespace, application(namespace, settings, in_dotenv=True))
            with showing("FAIL-05"):
                check_hidden(password, came.shown, f"with {[*settings]}")
            with showing("MODE-17"):
                kind = getattr(came.error, "failure_kind", came.error)
                assert kind == expected, f"expected {expected}, came {came.error!r} with {[*settings]}"
    finally:
        administer("ACL", "DELUSER", user)
