"""Which server the settings name and who logs in there, what is said when it does not answer, and never shown."""

from __future__ import annotations

import contextlib
import traceback
from asyncio import timeout
from itertools import product
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import pytest

from conformance.backends.proxy import Action, Proxy, Stage
from conformance.harness import Capability
from conformance.tasks.case import Namespace, NotApplicable, case
from conformance.tasks.cases import environment as env
from conformance.tasks.cases.contents import a_request, outcome_of, seen, writes_of
from conformance.tasks.cases.environment import ODD_PASSWORD, PASSWORD, SWITCH
from conformance.tasks.tables.tasks import BEYOND
from taskstore import StoreUnavailable, TaskNotFound

_ANOTHER = "an0ther-w0rd"
_GONE, _LATE, _REFUSED = {"broken", "unreachable"}, {"timeout", "unreachable"}, {"refused"}
_REPEATED = f"-ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'default' '{PASSWORD}' \r\n"
_NOBODY = "nothing listens"
WAYS: dict[str, tuple[set[str], Stage, Action, str]] = {
    _NOBODY: ({"unreachable"}, Stage.CONNECT, Action.CUT, ""),
    "what accepts ends at once": (_GONE, Stage.CONNECT, Action.CUT, ""),
    "the server is silent": (_LATE, Stage.REQUEST, Action.HOLD, ""),
    "the server is loading": ({"loading"}, Stage.REQUEST, Action.ANSWER, "-LOADING Redis is loading\r\n"),
    "a web server answers": (_GONE, Stage.REQUEST, Action.ANSWER, "HTTP/1.1 400 Bad Request\r\n\r\n"),
    "an old server repeats the password": (_GONE | _REFUSED, Stage.REQUEST, Action.ANSWER, _REPEATED),
    "the password is wrong": (_REFUSED, Stage.REQUEST, Action.ANSWER, f"-WRONGPASS {PASSWORD} is wrong\r\n"),
}
"""How an opening fails: what it may be called, and what is done at each exchange."""


class Failed(NamedTuple):
    """An opening that failed: how, where the server is, which setting says so, and the connections that are left."""

    way: str
    address: str
    setting: str
    connections: int
    opened: env.Opened

    def __str__(self) -> str:
        return f"when {self.way}, opening by {self.setting} came to {self.opened.error!r}"


_known: WeakKeyDictionary[Any, list[Failed]] = WeakKeyDictionary()


async def openings(namespace: Namespace) -> list[Failed]:
    """Open the backend in each of the ways, from a URL and from the other variables; once for all cases."""
    if namespace.harness not in _known:
        _known[namespace.harness] = [await _failed(namespace, *one) for one in product(WAYS, (0, 1))]
    return _known[namespace.harness]


async def _failed(namespace: Namespace, way: str, form: int) -> Failed:
    _, stage, action, text = WAYS[way]
    async with Proxy(env.url_of(namespace, "u", PASSWORD)) as proxy:
        proxy.interrupt(stage, action, text=text.encode(), times=9)
        if way == _NOBODY:
            await proxy.refuse()
        settings = env.forms_of(proxy.url)[form]
        wait = "0.2" if action is Action.HOLD else "5"  # a slow machine does not decide the others
        waits = {"REDIS_TIMEOUT": wait, "REDIS_CONNECT_TIMEOUT": wait}
        opened = await env.opened(namespace, env.application(namespace, at=settings | waits))
        proxy.release()  # what is held would keep a connection that its client has closed
        with contextlib.suppress(TimeoutError):
            async with timeout(2):
                await proxy.until(lambda: not proxy.connections)
        parts = urlsplit(proxy.url)
        address = f"127.0.0.1:{parts.port}/{parts.path.strip('/') or '0'}"
        return Failed(way, address, next(iter(settings)), proxy.connections, opened)


@case("FAIL-01", "FAIL-11", needs=Capability.REMOTE, mode="redis")
async def test_opening_fails_when_nothing_listens(namespace: Namespace) -> None:
    """A wrong address is found at opening, not in the first request, and nothing was written."""
    for failed in await openings(namespace):
        error = failed.opened.error
        if failed.way == _NOBODY:
            assert isinstance(error, StoreUnavailable), f"{failed}"
            assert (error.failure_kind, error.write_may_have_happened) == ("unreachable", False), f"{failed}"


@case("FAIL-04", needs=Capability.REMOTE, mode="redis")
async def test_the_exception_says_what_to_check(namespace: Namespace) -> None:
    """Whatever keeps the server from answering, opening names the address and what to check, in two languages."""
    for failed in await openings(namespace):
        error, port = failed.opened.error, failed.address.partition("/")[0].rpartition(":")[2]
        assert isinstance(error, StoreUnavailable), f"{failed}"
        assert error.failure_kind in WAYS[failed.way][0], f"{failed}"
        assert error.address == failed.address, f"expected the address {failed.address}: {failed}"
        lines = "".join(traceback.format_exception(error)).partition(error.address)[2].splitlines()
        for is_in_language in (str.isascii, lambda line: any("一" <= one <= "鿿" for one in line)):
            for word in (f"redis-cli -h 127.0.0.1 -p {port} ping", "REDIS_", f"{SWITCH}=false"):
                assert any(word in line for line in lines if is_in_language(line)), f"{word} is missing:\n{lines}"
        assert failed.setting in failed.opened.shown, f"expected {failed.setting} to be named: {failed}"


@case("MODE-06", needs=Capability.REMOTE, mode="redis")
async def test_the_mode_is_said_though_opening_fails(namespace: Namespace) -> None:
    """Whatever fails after it, the log tells once which mode was chosen."""
    for failed in await openings(namespace):
        assert failed.opened.modes == ["redis"], f"the log says the modes {failed.opened.modes} {failed}"


@case("COST-05", needs=Capability.REMOTE, mode="redis")
async def test_a_failed_opening_leaves_no_connection(namespace: Namespace) -> None:
    """However it fails, the connections that it made are closed when the exception is there."""
    for failed in await openings(namespace):
        assert not failed.connections, f"{failed.connections} connections are left {failed}"


@case("FAIL-05", needs=Capability.REMOTE, mode="redis")
async def test_a_failed_opening_does_not_show_the_password(namespace: Namespace) -> None:
    """However it fails, no exception, cause, note or log has the password in it."""
    for failed in await openings(namespace):
        env.check_hidden(PASSWORD, failed.opened.shown, f"when {failed.way}")


@case("MODE-05", mode="redis")
async def test_host_port_and_database_say_where_redis_is(namespace: Namespace) -> None:
    """A task is written to the database that REDIS_DB names, and to no other."""
    database = namespace.harness.spare_database()
    if not database or "REDIS_HOST" not in namespace.harness.environment(namespace.name):
        raise NotApplicable("the server has one database, or is not named by a host")
    with env.application(namespace, {"REDIS_DB": str(database)}, source=".env"):
        async with namespace.open_from_environment() as store:
            task_id = (await store.create_task(a_request())).task_id
    with env.application(namespace):
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
        for right, wrong in zip(rights, wrongs, strict=True):
            with env.application(namespace, at=right, source=".env") as log:
                async with namespace.open_from_environment() as store:
                    await store.create_task(a_request())
                    env.check_hidden(ODD_PASSWORD, f"{store} {store!r} {log.getvalue()}", f"with {[*right]}")
            refused = await env.opened(namespace, env.application(namespace, at=wrong))
            kind = getattr(refused.error, "failure_kind", None)
            assert kind == "refused", f"with another password in {[*wrong]} came {refused.error!r}"
            env.check_hidden(_ANOTHER, refused.shown, f"with {[*wrong]}")
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
                # A store in parts waits after the first of them, which may have nothing that is purged.
                assert name == "purge" or await seen(direct) != before, f"{name} did not take effect"
