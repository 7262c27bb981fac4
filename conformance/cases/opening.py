"""Opening a store from settings: what is said when the server does not answer, and what is never shown."""

from __future__ import annotations

import contextlib
import traceback
from asyncio import timeout
from itertools import product
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from conformance.case import Namespace, case
from conformance.cases import environment as env
from conformance.cases.environment import PASSWORD, SWITCH
from conformance.harness import Capability
from conformance.subjects.proxy import Action, Proxy, Stage
from taskstore import StoreUnavailable

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
    """Open the subject in each of the ways, from a URL and from the other variables; once for all cases."""
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
