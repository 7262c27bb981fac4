"""Opening a store from settings: what is said when the server does not answer, and what is never shown."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from unittest import mock
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import pytest

from conformance.case import Namespace, NotTestable, case
from conformance.cases.connection import in_time
from conformance.cases.cost import what_is_open
from conformance.cases.environment import (
    application,
    closed_port,
    elsewhere,
    open_and_close,
    run_python,
    said_mode,
    with_opener,
)
from conformance.cases.table.bench import cancel_when, credentials, settled, until
from conformance.cases.table.failures import (
    GONE,
    HTTP_REPLY,
    LATE_KINDS,
    LOADING_REPLY,
    PASSWORD,
    REPEATED_REPLY,
    Failure,
)
from conformance.cases.table.seen import texts_of
from conformance.harness import Capability, Harness
from conformance.strategies import a_request
from conformance.subjects.proxy import Action, Proxy, Stage
from taskstore import FailureKind, StoreUnavailable

_SECONDS = {"REDIS_TIMEOUT": "0.3", "REDIS_CONNECT_TIMEOUT": "0.3"}


def _at_first(name: str, kinds: tuple[FailureKind, ...], text: bytes) -> Failure:
    """A text comes in the place of the first answer."""
    return Failure(name, kinds, Stage.REQUEST, Action.ANSWER, text, rounds=1)


WAYS = (
    Failure("nothing listens", (FailureKind.UNREACHABLE,), rounds=1),
    Failure("what accepts ends at once", GONE, Stage.CONNECT, Action.CUT, rounds=1),
    Failure("the connection breaks", GONE, Stage.REQUEST, Action.RESET),
    Failure("the server is silent", LATE_KINDS, Stage.REQUEST, Action.HOLD, rounds=2),
    Failure("the server is loading", (FailureKind.LOADING,), Stage.REQUEST, Action.ANSWER, LOADING_REPLY),
    Failure("a web server answers", GONE, Stage.REQUEST, Action.ANSWER, HTTP_REPLY),
    _at_first("the password is wrong", (FailureKind.REFUSED,), b"-WRONGPASS invalid username-password pair\r\n"),
    _at_first("an old server repeats the password", (*GONE, FailureKind.REFUSED), REPEATED_REPLY),
    _at_first("the server repeats it", (FailureKind.REFUSED,), f"-WRONGPASS {PASSWORD} is wrong\r\n".encode()),
)
"""How an opening fails, at each of its exchanges."""


@dataclass(frozen=True)
class Opened:
    """What came of an opening. A store that asks the server later has not failed."""

    way: Failure
    error: Exception | None
    address: str
    settings: Sequence[str]
    """The names of those that say where the server is."""
    modes: Sequence[str]
    left: int
    """How many connections were still open afterwards."""
    shown: str
    """What was printed of the exception, and logged at any level."""

    def __str__(self) -> str:
        came = f"raised {self.error!r}" if self.error else "went on"
        return f"when {self.way.name}, opening {came}"


_known: WeakKeyDictionary[Harness, list[Opened]] = WeakKeyDictionary()


async def openings(namespace: Namespace) -> list[Opened]:
    """Open the subject in each of the ways, from a URL and from the other variables; once for all cases."""
    if namespace.harness not in _known:
        _known[namespace.harness] = [
            opened for way in WAYS for by_url in (False, True) for opened in await _openings(namespace, way, by_url)
        ]
    return _known[namespace.harness]


async def _openings(namespace: Namespace, way: Failure, by_url: bool) -> list[Opened]:
    found = []
    with contextlib.ExitStack() as stack:
        try:
            url = stack.enter_context(credentials(namespace))
        except NotTestable:  # the proxy cannot go on to this server, but it can be in its place
            url = f"redis://u:{PASSWORD}@127.0.0.1:1/0"
        for after in range(way.rounds):
            async with Proxy(url) as proxy:
                if way.stage is None:
                    await proxy.refuse()
                else:
                    proxy.interrupt(way.stage, way.action, after=after, text=way.text, times=9)
                variables = _variables(proxy.url, by_url)
                waits = _SECONDS if way.action is Action.HOLD else {}  # a slow machine does not decide the others
                with elsewhere(namespace, {**waits, **variables}, logging.DEBUG) as log:
                    error = await _error_of_opening(namespace)
                    if error is None and after:  # there is no exchange of this number
                        break
                    shown = "".join((*(printed_of(error) if error else ()), log.read_text("utf-8")))
                    where = urlsplit(proxy.url)
                    address = f"127.0.0.1:{where.port}/{where.path.strip('/') or '0'}"
                    places = [name for name in variables if name in ("REDIS_HOST", "REDIS_PORT", "REDIS_URL")]
                    proxy.release()  # what is held would keep a connection that its client has closed
                    await until(proxy, lambda: not proxy.connections)
                    found.append(Opened(way, error, address, places, said_mode(log), proxy.connections, shown))
    return found


def _variables(url: str, by_url: bool) -> dict[str, str]:
    """The settings that say where a URL leads to."""
    parts = urlsplit(url)
    if by_url:
        return {"REDIS_URL": url}
    login = {"REDIS_USERNAME": parts.username, "REDIS_PASSWORD": parts.password}
    where = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(parts.port), "REDIS_DB": parts.path.strip("/") or "0"}
    return {**where, **{name: value for name, value in login.items() if value}}


async def _error_of_opening(namespace: Namespace) -> Exception | None:
    try:
        async with asyncio.timeout(10):
            await open_and_close(namespace)
    except Exception as error:  # noqa: BLE001  which one it is, is for the cases
        return error
    return None


def printed_of(error: BaseException) -> Iterator[str]:
    """What is printed of an exception, and what it holds."""
    yield from texts_of(error)
    yield from traceback.format_exception(error)


@case("FAIL-01", needs=Capability.REMOTE, mode="redis")
async def test_opening_fails_when_nothing_listens(namespace: Namespace) -> None:
    """A wrong address is found at opening, not in the first request."""
    with (
        closed_port() as port,
        elsewhere(namespace, {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(port)}),
        pytest.raises(StoreUnavailable) as raised,
    ):
        await open_and_close(namespace)
    assert raised.value.failure_kind is FailureKind.UNREACHABLE


@case("FAIL-11", needs=Capability.REMOTE, mode="redis")
async def test_opening_where_nothing_listens_has_written_nothing(namespace: Namespace) -> None:
    """The exception says so, in its field and in its message."""
    for opened in await openings(namespace):
        if opened.way is WAYS[0] and isinstance(opened.error, StoreUnavailable):
            assert opened.error.write_may_have_happened is False, f"{opened}"
            assert "Nothing was written" in str(opened.error), f"{opened}"


@case("FAIL-04", needs=Capability.REMOTE, mode="redis")
async def test_the_exception_says_what_to_check(namespace: Namespace) -> None:
    """Whatever keeps the server from answering, opening names the address and what to check, in two languages."""
    for opened in await openings(namespace):
        error = opened.error
        assert isinstance(error, StoreUnavailable), f"{opened}"
        assert error.failure_kind in opened.way.failure_kinds, f"{opened}"
        assert error.address == opened.address, f"{opened}"
        printed = "".join(traceback.format_exception(error)).partition(error.address)
        assert printed[1], f"{opened}"
        probe = "redis-cli -h 127.0.0.1 -p {} ping".format(opened.address.partition("/")[0].rpartition(":")[2])
        for language in by_language(printed[2]):
            for word in (probe, "REDIS_", "USE_REDIS_FOR_TASKS=false"):
                assert any(word in line for line in language), f"{word} is missing in one language {opened}"
        for word in opened.settings:
            assert word in printed[2], f"{opened}"


@case("FAIL-04", needs=Capability.REMOTE, mode="redis")
async def test_the_exception_says_that_a_host_is_not_known(namespace: Namespace) -> None:
    """A name that no server of names knows is an address that does not answer: it is named, with what to check."""
    host = "redis.invalid"  # RFC 2606: nobody has it
    for variables in ({"REDIS_HOST": host}, {"REDIS_URL": f"redis://{host}:6379/0"}):
        unknown = mock.Mock(side_effect=socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
        with elsewhere(namespace, {**_SECONDS, **variables}), mock.patch("socket.getaddrinfo", unknown):
            try:
                await open_and_close(namespace)
            except StoreUnavailable as error:
                raised = error
            else:
                raise AssertionError("it was opened")
        if not unknown.called:
            raise NotTestable("the event loop looks names up itself")
        assert raised.address == f"{host}:6379/0"
        shown = "".join(traceback.format_exception(raised)).partition(raised.address)[2]
        for language in by_language(shown):
            for words in (f"redis-cli -h {host} -p 6379 ping", "REDIS_"):
                assert any(words in line for line in language), f"{words} is missing in one language: {shown[-600:]}"


def by_language(shown: str) -> tuple[list[str], list[str]]:
    """The lines in Chinese, and those in English."""
    lines = shown.splitlines()
    chinese = [line for line in lines if any("一" <= one <= "鿿" for one in line)]
    return chinese, [line for line in lines if line.isascii()]


@case("FAIL-04", needs=Capability.REMOTE, mode="redis")
async def test_the_exception_says_how_to_ask_a_socket(namespace: Namespace) -> None:
    """The command that it names is one for the socket, or for the host, that the settings name."""
    with closed_port() as port:
        for variables, words in (
            ({"REDIS_URL": "unix:///nowhere/redis.sock"}, ("-s", "/nowhere/redis.sock")),
            ({"REDIS_HOST": "::1", "REDIS_PORT": str(port)}, ("::1", str(port))),
            ({"REDIS_URL": f"redis://[::1]:{port}/3"}, ("::1", str(port))),
        ):
            with elsewhere(namespace, {**_SECONDS, **variables}), pytest.raises(StoreUnavailable) as raised:
                await open_and_close(namespace)
            shown = "".join(traceback.format_exception(raised.value))
            for language in by_language(shown):
                commands = [
                    line.partition("redis-cli")[2].partition("ping")[0] for line in language if "redis-cli" in line
                ]
                assert any(all(word in one for word in words) for one in commands), f"{variables}: {shown[-600:]}"


@case("COST-05", needs=Capability.REMOTE, mode="redis")
async def test_a_failed_opening_leaves_no_connection(namespace: Namespace) -> None:
    """However it fails, the connections that it made are closed when the exception is there."""
    for opened in await openings(namespace):
        assert not (opened.error and opened.left), f"{opened}, and {opened.left} connections are left"


@case("COST-05", mode="either")
async def test_an_application_that_fails_leaves_nothing_open(namespace: Namespace) -> None:
    """However the block of the application's own function ends, what the store had open is closed."""
    with application(namespace):
        await open_and_close(namespace)  # what is loaded once is loaded now
        before = what_is_open()
        for ending in (RuntimeError("the application failed"), asyncio.CancelledError()):
            with contextlib.suppress(RuntimeError, asyncio.CancelledError):
                async with namespace.open_from_environment() as store:
                    await store.create_task(a_request())
                    raise ending
        # A connection may take a turn of the event loop to close.
        assert await settled(what_is_open, before) == before


@case("COST-05", needs=Capability.REMOTE, mode="redis")
async def test_an_opening_that_is_cancelled_leaves_no_connection(namespace: Namespace) -> None:
    """Whichever of its requests is not answered then, as where an application limits the time of its start."""
    with credentials(namespace) as url:
        for after in range(4):
            async with Proxy(url) as proxy:
                proxy.interrupt(Stage.REQUEST, Action.HOLD, after=after, times=9)
                with elsewhere(namespace, _variables(proxy.url, by_url=True)):
                    held = proxy.until(lambda: proxy.held)
                    if ended := await cancel_when(held, open_and_close(namespace)):
                        ended.result()
                        break  # there is no request of this number
                    proxy.release()
                    await in_time(proxy.until(lambda: not proxy.connections), "its connections are left over")


@case("MODE-06", needs=Capability.REMOTE, mode="redis")
async def test_the_mode_is_said_though_opening_fails(namespace: Namespace) -> None:
    """Whatever fails after it, the log tells once which mode was chosen, also where redis cannot be imported."""
    for opened in await openings(namespace):
        assert opened.modes == ["redis"], f"{opened}"
    with application(namespace) as log:
        run_python("-c", with_opener(WITHOUT_REDIS.replace("{log}", str(log)), namespace))
        assert said_mode(log) == ["redis"]


WITHOUT_REDIS = """
import asyncio, contextlib, logging, sys
logging.basicConfig(filename="{log}", format="%(levelname)s %(message)s", level=logging.INFO)
class NoRedis:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("redis", "hiredis"):
            raise ImportError(f"{name} is not installed here")
from {module} import {function} as open_store
for name in [name for name in sys.modules if name.partition(".")[0] in ("redis", "hiredis")]:
    del sys.modules[name]
sys.meta_path.insert(0, NoRedis())
async def main():
    with contextlib.suppress(Exception):
        async with open_store():
            pass
asyncio.run(main())
"""
