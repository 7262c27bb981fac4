"""Opening a store from settings: what is said when the server does not answer, and what is never shown."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from conformance.case import Namespace, case
from conformance.cases import environment as env
from conformance.cases.environment import PASSWORD, SOURCES, SWITCH
from conformance.cases.settings import MALFORMED_LINES, MALFORMED_URLS
from conformance.harness import Capability
from conformance.subjects.proxy import Action, Proxy, Stage
from conformance.text import printed
from taskstore import FailureKind, StoreUnavailable

_GONE, _LATE, _REFUSED = {"broken", "unreachable"}, {"timeout", "unreachable"}, {"refused"}
_REPEATED = f"-ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'default' '{PASSWORD}' \r\n"
_NOBODY = "nothing listens"
WAYS: dict[str, tuple[set[str], Stage, Action, str]] = {
    _NOBODY: ({"unreachable"}, Stage.CONNECT, Action.CUT, ""),
    "what accepts ends at once": (_GONE, Stage.CONNECT, Action.CUT, ""),
    "the connection breaks": (_GONE, Stage.REQUEST, Action.RESET, ""),
    "the server is silent": (_LATE, Stage.REQUEST, Action.HOLD, ""),
    "the server is loading": ({"loading"}, Stage.REQUEST, Action.ANSWER, "-LOADING Redis is loading\r\n"),
    "a web server answers": (_GONE, Stage.REQUEST, Action.ANSWER, "HTTP/1.1 400 Bad Request\r\n\r\n"),
    "an old server repeats the password": (_GONE | _REFUSED, Stage.REQUEST, Action.ANSWER, _REPEATED),
    "the password is wrong": (_REFUSED, Stage.REQUEST, Action.ANSWER, f"-WRONGPASS {PASSWORD} is wrong\r\n"),
}
"""How an opening fails: what it may be called, and what is done at each exchange."""


class Opened(NamedTuple):
    """What came of an opening: also the settings that name the server, and what was printed and logged."""

    way: str
    error: Exception | None
    address: str
    settings: Sequence[str]
    modes: Sequence[str]
    connections: int
    shown: str

    def __str__(self) -> str:
        return f"when {self.way}, opening by {self.settings[0]} came to {self.error!r}"


_known: WeakKeyDictionary[Any, list[Opened]] = WeakKeyDictionary()


async def openings(namespace: Namespace) -> list[Opened]:
    """Open the subject in each of the ways, from a URL and from the other variables; once for all cases."""
    if namespace.harness not in _known:
        _known[namespace.harness] = [
            await _opened(namespace, way, by_url=by_url) for way in WAYS for by_url in (True, False)
        ]
    return _known[namespace.harness]


async def _opened(namespace: Namespace, way: str, *, by_url: bool) -> Opened:
    _, stage, action, text = WAYS[way]
    async with Proxy(env.url_of(namespace, "u", PASSWORD)) as proxy:
        proxy.interrupt(stage, action, text=text.encode(), times=9)
        if way == _NOBODY:
            await proxy.refuse()
        parts, error = urlsplit(proxy.url), None
        port, database = str(parts.port), parts.path.strip("/") or "0"
        where = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": port} if not by_url else {"REDIS_URL": proxy.url}
        login = {} if by_url else {"REDIS_DB": database, "REDIS_USERNAME": "u", "REDIS_PASSWORD": PASSWORD}
        wait = "0.2" if action is Action.HOLD else "5"  # a slow machine does not decide the others
        waits = {"REDIS_TIMEOUT": wait, "REDIS_CONNECT_TIMEOUT": wait}
        with env.application(namespace, at={**where, **login, **waits}, level=logging.DEBUG) as log:
            try:
                async with asyncio.timeout(10):
                    await env.open_and_close(namespace)
            except Exception as fault:  # noqa: BLE001  which one it is, is for the cases
                error = fault
            shown, modes = printed(error) + log.read_text("utf-8"), env.said_modes(log)
        proxy.release()  # what is held would keep a connection that its client has closed
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await proxy.until(lambda: not proxy.connections)
        return Opened(way, error, f"127.0.0.1:{port}/{database}", [*where], modes, proxy.connections, shown)


@case("FAIL-01", "FAIL-11", needs=Capability.REMOTE, mode="redis")
async def test_opening_fails_when_nothing_listens(namespace: Namespace) -> None:
    """A wrong address is found at opening, not in the first request, and nothing was written."""
    for opened in await openings(namespace):
        if opened.way == _NOBODY:
            assert isinstance(opened.error, StoreUnavailable), f"{opened}"
            assert opened.error.failure_kind is FailureKind.UNREACHABLE, f"{opened}"
            assert opened.error.write_may_have_happened is False, f"{opened}"


@case("FAIL-04", needs=Capability.REMOTE, mode="redis")
async def test_the_exception_says_what_to_check(namespace: Namespace) -> None:
    """Whatever keeps the server from answering, opening names the address and what to check, in two languages."""
    for opened in await openings(namespace):
        error = opened.error
        assert isinstance(error, StoreUnavailable), f"{opened}"
        assert error.failure_kind in WAYS[opened.way][0], f"{opened}"
        assert error.address == opened.address, f"expected the address {opened.address}: {opened}"
        port = opened.address.partition("/")[0].rpartition(":")[2]
        lines = "".join(traceback.format_exception(error)).partition(error.address)[2].splitlines()
        for language in (str.isascii, lambda line: any("一" <= one <= "鿿" for one in line)):
            for word in (f"redis-cli -h 127.0.0.1 -p {port} ping", "REDIS_", f"{SWITCH}=false"):
                assert any(word in line for line in lines if language(line)), f"{word} is missing:\n{lines}"
        assert all(word in opened.shown for word in opened.settings), f"expected {opened.settings} named: {opened}"


@case("MODE-06", needs=Capability.REMOTE, mode="redis")
async def test_the_mode_is_said_though_opening_fails(namespace: Namespace) -> None:
    """Whatever fails after it, the log tells once which mode was chosen."""
    for opened in await openings(namespace):
        assert opened.modes == ["redis"], f"the log says the modes {opened.modes} {opened}"


@case("COST-05", needs=Capability.REMOTE, mode="redis")
async def test_a_failed_opening_leaves_no_connection(namespace: Namespace) -> None:
    """However it fails, the connections that it made are closed when the exception is there."""
    for opened in await openings(namespace):
        assert not opened.connections, f"{opened.connections} connections are left {opened}"


@case("FAIL-05", needs=Capability.REMOTE, mode="redis")
async def test_a_failed_opening_does_not_show_the_password(namespace: Namespace) -> None:
    """However it fails, no exception, cause, note or log has the password in it."""
    for opened in await openings(namespace):
        env.check_hidden(PASSWORD, opened.shown, f"when {opened.way}")


@case("FAIL-05", mode="either")
async def test_a_malformed_setting_does_not_show_the_password(namespace: Namespace) -> None:
    """A wrong URL, one in the place of something else, a line that cannot be read: nothing said of it shows it."""
    url = f"redis://u:{PASSWORD}@h:1/0"
    others = [{name: url} for name in ("REDIS_HOST", "REDIS_PORT", "REDIS_DB", "TASK_TTL")]
    for variables in (*({"REDIS_URL": url} for url in MALFORMED_URLS), *others):
        for source in SOURCES:
            given = env.application(namespace, variables, source=source, level=logging.DEBUG)
            await _shows_nothing(namespace, given)
    twice = f"REDIS_PASSWORD=one\nREDIS_PASSWORD={PASSWORD}\n{SWITCH}=false\n{SWITCH}=false\n"
    for line in (*MALFORMED_LINES, f"REDIS_PASSWORD={PASSWORD}\0\n", twice, f"REDIS_PASSWROD={PASSWORD}\n"):
        await _shows_nothing(namespace, env.surroundings({}, line, logging.DEBUG))


async def _shows_nothing(namespace: Namespace, given: AbstractContextManager[Path]) -> None:
    """Open the store there, and look for the password in all that comes out."""
    with given as log:
        try:
            await env.open_and_close(namespace)
        except Exception as error:  # noqa: BLE001  whatever it is, it must not show the password
            env.check_hidden(PASSWORD, printed(error), "by the exception")
        env.check_hidden(PASSWORD, log.read_text("utf-8"), "by the log")
