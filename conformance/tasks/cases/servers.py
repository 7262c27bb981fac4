"""Which server the settings name and who logs in there, what is said when it does not answer, and never shown."""

from __future__ import annotations

import contextlib
import traceback
from asyncio import timeout
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from conformance.backends.proxy import Action, Proxy, Stage
from conformance.harness import Capability
from conformance.tasks.case import Namespace, NotApplicable, case, showing
from conformance.tasks.cases import environment as env
from conformance.tasks.cases.contents import a_request, outcome_of, seen, writes_of
from conformance.tasks.cases.environment import ODD_PASSWORD, PASSWORD, SWITCH
from conformance.tasks.tables.tasks import BEYOND
from taskstore import StoreUnavailable, TaskNotFound

_ANOTHER = "an0ther-w0rd"


@dataclass(frozen=True)
class Way:
    """A way in which an opening fails, and what the proxy does at each exchange."""

    name: str
    kinds: Collection[str]
    """Names that the exception may give it."""
    stage: Stage
    action: Action
    text: str = ""


NOBODY = Way("nothing listens", ["unreachable"], Stage.CONNECT, Action.CUT)
WAYS = (
    NOBODY,
    Way("what accepts ends at once", ["broken", "unreachable"], Stage.CONNECT, Action.CUT),
    Way("the server is silent", ["timeout", "unreachable"], Stage.REQUEST, Action.HOLD),
    Way(
        "the server is loading",
        ["loading"],
        Stage.REQUEST,
        Action.ANSWER,
        "-LOADING Redis is loading\r\n",
    ),
    Way(
        "a web server answers",
        ["broken", "unreachable"],
        Stage.REQUEST,
        Action.ANSWER,
        "HTTP/1.1 400 Bad Request\r\n\r\n",
    ),
    Way(
        "an old server repeats the password",
        ["broken", "unreachable", "refused"],
        Stage.REQUEST,
        Action.ANSWER,
        f"-ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' '{PASSWORD}' \r\n",
    ),
    Way(
        "the password is wrong",
        ["refused"],
        Stage.REQUEST,
        Action.ANSWER,
        f"-WRONGPASS {PASSWORD} is wrong\r\n",
    ),
)


@dataclass(frozen=True)
class Failed:
    """An opening that failed."""

    way: Way
    port: int
    database: str
    setting: str
    """The setting that says where the server is."""
    connections: int
    """Those that are left."""
    opened: env.Opened

    def __str__(self) -> str:
        return f"when {self.way.name}, opening by {self.setting} came to {self.opened.error!r}"


_known: WeakKeyDictionary[Any, list[Failed]] = WeakKeyDictionary()


async def openings(namespace: Namespace) -> list[Failed]:
    """Open the backend in each of the ways, from a URL and from the other variables; once for all cases."""
    if namespace.harness not in _known:
        forms = product(WAYS, env.FORMS)
        _known[namespace.harness] = [await _failed(namespace, way, form) for way, form in forms]
    return _known[namespace.harness]


async def _failed(namespace: Namespace, way: Way, form: env.Form) -> Failed:
    async with Proxy(env.url_of(namespace, "u", PASSWORD)) as proxy:
        proxy.interrupt(way.stage, way.action, text=way.text.encode(), times=9)
        if way is NOBODY:
            await proxy.refuse()
        settings = form(proxy.url)
        first = next(iter(settings))
        wait = "0.2" if way.action is Action.HOLD else "5"  # a slow machine does not decide the others
        settings |= {"REDIS_TIMEOUT": wait, "REDIS_CONNECT_TIMEOUT": wait}

        opened = await env.opened(namespace, env.application(namespace, at=settings))

        proxy.release()  # what is held would keep a connection that its client has closed
        with contextlib.suppress(TimeoutError):
            async with timeout(2):
                await proxy.until(lambda: not proxy.connections)
        where = urlsplit(proxy.url)
        database = where.path.strip("/") or "0"
        return Failed(way, where.port or 0, database, first, proxy.connections, opened)


@case("FAIL-01", "FAIL-11", needs=Capability.REMOTE, mode="redis")
async def test_opening_fails_when_nothing_listens(namespace: Namespace) -> None:
    """A wrong address is found at opening, not in the first request, and nothing was written."""
    for failed in await openings(namespace):
        error = failed.opened.error
        if failed.way is NOBODY:
            assert isinstance(error, StoreUnavailable), f"{failed}"
            assert error.failure_kind == "unreachable", f"{failed}"
            assert error.write_may_have_happened is False, f"{failed}"


@case("FAIL-04", needs=Capability.REMOTE, mode="redis")
async def test_the_exception_says_what_to_check(namespace: Namespace) -> None:
    """Whatever keeps the server from answering, opening names the address and what to check, in two languages."""
    for failed in await openings(namespace):
        error = failed.opened.error
        assert isinstance(error, StoreUnavailable), f"{failed}"
        assert error.failure_kind in failed.way.kinds, f"{failed}"
        assert error.address == f"127.0.0.1:{failed.port}/{failed.database}", f"{failed}"
        assert failed.setting in failed.opened.shown, f"expected {failed.setting} to be named: {failed}"

        _, _, advice = "".join(traceback.format_exception(error)).partition(error.address)
        lines = advice.splitlines()
        english = "\n".join(filter(str.isascii, lines))
        chinese = "\n".join(filter(_has_chinese, lines))
        for word in (f"redis-cli -h 127.0.0.1 -p {failed.port} ping", "REDIS_", f"{SWITCH}=false"):
            assert word in english, f"{word} is missing in the English advice:\n{advice}"
            assert word in chinese, f"{word} is missing in the Chinese advice:\n{advice}"


def _has_chinese(line: str) -> bool:
    return any("一" <= character <= "鿿" for character in line)


@case("MODE-06", needs=Capability.REMOTE, mode="redis")
async def test_the_mode_is_said_though_opening_fails(namespace: Namespace) -> None:
    """Whatever fails after it, the log tells once which mode was chosen."""
    for failed in await openings(namespace):
        assert failed.opened.modes == ["redis"], f"in the log {failed}"


@case("COST-05", needs=Capability.REMOTE, mode="redis")
async def test_a_failed_opening_leaves_no_connection(namespace: Namespace) -> None:
    """However it fails, the connections that it made are closed when the exception is there."""
    for failed in await openings(namespace):
        assert not failed.connections, f"{failed.connections} connections are left {failed}"


@case("FAIL-05", needs=Capability.REMOTE, mode="redis")
async def test_a_failed_opening_does_not_show_the_password(namespace: Namespace) -> None:
    """However it fails, no exception, cause, note or log has the password in it."""
    for failed in await openings(namespace):
        env.check_hidden(PASSWORD, failed.opened.shown, f"when {failed.way.name}")


@case("MODE-05", "MODE-17", mode="redis")
async def test_host_port_and_database_say_where_redis_is(namespace: Namespace) -> None:
    """A task is written to the database that REDIS_DB or REDIS_URL names, and to no other."""
    database = namespace.harness.spare_database()
    if not database or "REDIS_HOST" not in namespace.harness.environment(namespace.name):
        raise NotApplicable("the server has one database, or is not named by a host")

    by_number = {"REDIS_DB": str(database)}
    with showing("MODE-05"):
        await _written_there(namespace, by_number, by_number)
    url = urlsplit(env.proxied(namespace))
    with showing("MODE-17"):
        await _written_there(namespace, {"REDIS_URL": url._replace(path=f"/{database}").geturl()}, by_number)
        queried = {"REDIS_URL": url._replace(path="", query=f"db={database}").geturl()}
        opened = await env.opened(namespace, env.application(namespace, queried))
        if opened.error is None:  # a store may refuse options of a URL, but not ignore them
            await _written_there(namespace, queried, by_number)


async def _written_there(namespace: Namespace, given: Mapping[str, str], there: Mapping[str, str]) -> None:
    """Check that a store of these settings writes to where others lead, and not to where the harness's lead."""
    with env.application(namespace, given, source=".env"):
        async with namespace.open_from_environment() as store:
            task_id = (await store.create_task(a_request())).task_id
    with env.application(namespace, there):
        async with namespace.open_from_environment() as store:
            await store.cancel_task(task_id)
    with env.application(namespace):
        async with namespace.open_from_environment() as store:
            fault = await outcome_of(store.get_task(task_id))
            assert isinstance(fault, TaskNotFound), f"the task is in the first database too, with {given}"


_NOWHERE = "192.0.2.1"
"""An address for examples (RFC 5737): no machine has it."""
_SEVERAL = {
    "REDIS_URL": f"redis://{_NOWHERE}",
    "REDIS_HOST": "h",
    "REDIS_PORT": "1",
    "REDIS_DB": "5",
}
_ADDRESSES: tuple[tuple[Mapping[str, str], str], ...] = (
    ({"REDIS_HOST": _NOWHERE}, f"{_NOWHERE}:6379/0"),
    ({"REDIS_URL": f"redis://{_NOWHERE}/3"}, f"{_NOWHERE}:6379/3"),
    (_SEVERAL, f"{_NOWHERE}:6379/0"),
    ({"REDIS_URL": "unix:///nowhere/redis.sock"}, "/nowhere/redis.sock"),
)


@case("MODE-17", needs=Capability.REMOTE, mode="redis")
async def test_where_redis_is_has_defaults(namespace: Namespace) -> None:
    """Port 6379 and database 0, in REDIS_URL too, which may name a socket and wins over host, port and database."""
    for variables, address in _ADDRESSES:
        given = env.application(namespace, at={"REDIS_CONNECT_TIMEOUT": "0.1", **variables})
        error = (await env.opened(namespace, given)).error
        assert isinstance(error, StoreUnavailable), f"with {variables} opening came to {error!r}"
        assert address in error.address, f"with {variables}"


@case("MODE-17", "FAIL-05", needs=Capability.REMOTE, mode="redis")
async def test_credentials_are_told_to_the_server_and_nobody_else(namespace: Namespace) -> None:
    """The server knows the user by the right password, and refuses a wrong one. No store, log or exception shows it."""
    if "REDIS_HOST" not in namespace.harness.environment(namespace.name):
        raise NotApplicable("the server is not named by a host")

    user = f"{namespace.name}@u/ü+"
    administer = namespace.harness.administer
    administer("ACL", "SETUSER", user, "reset", "on", f">{ODD_PASSWORD}", "~*", "&*", "+@all")
    try:
        for form in env.FORMS:
            await _logs_in(namespace, form(env.url_of(namespace, user, ODD_PASSWORD)))
            await _is_refused(namespace, form(env.url_of(namespace, user, _ANOTHER)))
    finally:
        administer("ACL", "DELUSER", user)


async def _logs_in(namespace: Namespace, settings: Mapping[str, str]) -> None:
    with showing("MODE-17"), env.application(namespace, at=settings, source=".env") as log:
        async with namespace.open_from_environment() as store:
            await store.create_task(a_request())
            shown = f"{store} {store!r} {log.getvalue()}"
    with showing("FAIL-05"):
        env.check_hidden(ODD_PASSWORD, shown, f"with {[*settings]}")


async def _is_refused(namespace: Namespace, settings: Mapping[str, str]) -> None:
    opened = await env.opened(namespace, env.application(namespace, at=settings))
    with showing("FAIL-05"):
        env.check_hidden(_ANOTHER, opened.shown, f"with {[*settings]}")
    with showing("MODE-17"):
        kind = getattr(opened.error, "failure_kind", None)
        assert kind == "refused", f"of {opened.error!r} with {[*settings]}"


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
                assert fault.write_may_have_happened, f"{name}: {fault}"
                assert "nothing was written" not in str(fault).lower(), f"{name}: {fault}"
                # A store in parts waits after the first of them, which may have nothing that is purged.
                assert name == "purge" or await seen(direct) != before, f"{name} did not take effect"
