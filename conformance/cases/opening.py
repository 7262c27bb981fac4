"""Opening a store from settings: what is said when the server does not answer, and what is never shown."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit
from weakref import WeakKeyDictionary

from conformance.case import Namespace, NotTestable, case
from conformance.cases import environment as env
from conformance.cases.environment import ODD_PASSWORD, PASSWORD, SOURCES, SWITCH
from conformance.cases.servers import logins
from conformance.cases.settings import MALFORMED_LINES, MALFORMED_URLS
from conformance.harness import Capability, HookMissingError
from conformance.subjects.proxy import Action, Proxy, Stage
from taskstore import FailureKind, StoreUnavailable

_GONE, _REFUSED = (FailureKind.BROKEN, FailureKind.UNREACHABLE), (FailureKind.REFUSED,)
_REPEATED = f"-ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'default' '{PASSWORD}' \r\n"
_REQUEST, _ANSWER = Stage.REQUEST, Action.ANSWER
WAYS: dict[str, tuple[Sequence[FailureKind], Stage, Action, str, int]] = {
    "nothing listens": ((FailureKind.UNREACHABLE,), Stage.CONNECT, Action.CUT, "", 1),
    "what accepts ends at once": (_GONE, Stage.CONNECT, Action.CUT, "", 1),
    "the connection breaks": (_GONE, _REQUEST, Action.RESET, "", 9),
    "the server is silent": ((FailureKind.TIMEOUT, FailureKind.UNREACHABLE), _REQUEST, Action.HOLD, "", 1),
    "the server is loading": ((FailureKind.LOADING,), _REQUEST, _ANSWER, "-LOADING Redis is loading\r\n", 9),
    "a web server answers": (_GONE, _REQUEST, _ANSWER, "HTTP/1.1 400 Bad Request\r\n\r\n", 2),
    "the password is wrong": (_REFUSED, _REQUEST, _ANSWER, "-WRONGPASS invalid username-password pair\r\n", 1),
    "an old server repeats the password": ((*_GONE, *_REFUSED), _REQUEST, _ANSWER, _REPEATED, 1),
    "the server repeats it": (_REFUSED, _REQUEST, _ANSWER, f"-WRONGPASS {PASSWORD} is wrong\r\n", 1),
}
"""How an opening fails: what it may be called, what is done at an exchange, and at how many exchanges in turn."""


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
        _known[namespace.harness] = [one async for one in _openings(namespace)]
    return _known[namespace.harness]


async def _openings(namespace: Namespace) -> AsyncIterator[Opened]:
    with contextlib.ExitStack() as stack:
        user, url = "u", f"redis://u:{PASSWORD}@127.0.0.1:1/0"  # in the place of a server that the proxy cannot reach
        with contextlib.suppress(HookMissingError, NotTestable):
            env.plain_url(namespace)
            user = stack.enter_context(env.a_user(namespace, PASSWORD))
            url = env.url_of(namespace, user, PASSWORD)
        places = [(way, by_url) for way in WAYS for by_url in (True, False)]
        for way, by_url in places:
            for after in range(WAYS[way][-1]):
                async with Proxy(url) as proxy:
                    opened = await _opened(namespace, proxy, user, way, by_url=by_url, after=after)
                    if opened.error is None and after:  # there is no exchange of this number
                        break
                    yield opened


async def _opened(namespace: Namespace, proxy: Proxy, user: str, way: str, *, by_url: bool, after: int) -> Opened:
    _, stage, action, text, _ = WAYS[way]
    proxy.interrupt(stage, action, after=after, text=text.encode(), times=9)
    if way == "nothing listens":
        await proxy.refuse()
    parts, error = urlsplit(proxy.url), None
    port, database = str(parts.port), parts.path.strip("/") or "0"
    where = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": port} if not by_url else {"REDIS_URL": proxy.url}
    login = {} if by_url else {"REDIS_DB": database, "REDIS_USERNAME": user, "REDIS_PASSWORD": PASSWORD}
    wait = "0.2" if action is Action.HOLD else "5"  # a slow machine does not decide the others
    waits = {"REDIS_TIMEOUT": wait, "REDIS_CONNECT_TIMEOUT": wait}
    with env.application(namespace, at={**where, **login, **waits}, level=logging.DEBUG) as log:
        try:
            async with asyncio.timeout(10):
                await env.open_and_close(namespace)
        except Exception as fault:  # noqa: BLE001  which one it is, is for the cases
            error = fault
        shown = "".join((*(_printed(error) if error else ()), log.read_text("utf-8")))
        modes = env.said_modes(log)
    proxy.release()  # what is held would keep a connection that its client has closed
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(2):
            await proxy.until(lambda: not proxy.connections)
    return Opened(way, error, f"127.0.0.1:{port}/{database}", [*where], modes, proxy.connections, shown)


@case("FAIL-01", "FAIL-11", needs=Capability.REMOTE, mode="redis")
async def test_opening_fails_when_nothing_listens(namespace: Namespace) -> None:
    """A wrong address is found at opening, not in the first request, and nothing was written."""
    for opened in await openings(namespace):
        if opened.way == "nothing listens":
            error = opened.error
            assert isinstance(error, StoreUnavailable), f"{opened}"
            assert error.failure_kind is FailureKind.UNREACHABLE, f"{opened}"
            assert error.write_may_have_happened is False, f"{opened}"


@case("FAIL-04", needs=Capability.REMOTE, mode="redis")
async def test_the_exception_says_what_to_check(namespace: Namespace) -> None:
    """Whatever keeps the server from answering, opening names the address and what to check, in two languages."""
    for opened in await openings(namespace):
        error = opened.error
        assert isinstance(error, StoreUnavailable), f"{opened}"
        assert error.failure_kind in WAYS[opened.way][0], f"{opened}"
        assert error.address == opened.address, f"expected the address {opened.address}: {opened}"
        port = opened.address.partition("/")[0].rpartition(":")[2]
        printed = "".join(traceback.format_exception(error)).partition(error.address)[2]
        chinese = [line for line in printed.splitlines() if any("一" <= one <= "鿿" for one in line)]
        english = [line for line in printed.splitlines() if line.isascii()]
        for word in (f"redis-cli -h 127.0.0.1 -p {port} ping", "REDIS_", f"{SWITCH}=false"):
            for name, lines in (("Chinese", chinese), ("English", english)):
                assert any(word in line for line in lines), f"{word} is missing in {name}:\n{printed[-900:]}"
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
        assert not (opened.error and opened.connections), f"{opened.connections} connections are left {opened}"


@case("FAIL-05", needs=Capability.REMOTE, mode="redis")
async def test_a_failed_opening_does_not_show_the_password(namespace: Namespace) -> None:
    """However it fails, no exception, cause, note or log has the password in it."""
    for opened in await openings(namespace):
        check_hidden(PASSWORD, [opened.shown], f"when {opened.way}")


@case("FAIL-05", needs=Capability.REMOTE, mode="redis")
async def test_a_password_is_not_shown_wherever_it_is_given(namespace: Namespace) -> None:
    """In either source, as a variable or in a URL, right, wrong or to nobody: no exception, log or store shows it."""
    with env.closed_port() as port:
        nobody = f"redis://127.0.0.1:{port}/0?username=u&password={quote(ODD_PASSWORD, safe='')}"
        for taken in (ODD_PASSWORD, "another"):
            with env.a_user(namespace, taken) as user:
                for variables in (*logins(namespace, user, ODD_PASSWORD), {"REDIS_URL": nobody}):
                    for source in SOURCES:
                        given = env.application(namespace, at=variables, source=source, level=logging.DEBUG)
                        await _shows_nothing(ODD_PASSWORD, namespace, given)


@case("FAIL-05", mode="either")
async def test_a_malformed_setting_does_not_show_the_password(namespace: Namespace) -> None:
    """A wrong URL, one in the place of something else, a line that cannot be read: nothing said of it shows it."""
    others = [{name: f"redis://u:{PASSWORD}@h:1/0"} for name in ("REDIS_HOST", "REDIS_PORT", "REDIS_DB", "TASK_TTL")]
    for variables in (*({"REDIS_URL": url} for url in MALFORMED_URLS), *others):
        for source in SOURCES:
            given = env.application(namespace, variables, source=source, level=logging.DEBUG)
            await _shows_nothing(PASSWORD, namespace, given)
    odd = {"REDIS_PASSWORD": f"{PASSWORD}\udce9", "REDIS_URL": f"redis://u:{PASSWORD}\udce9@h:1/0"}  # no UTF-8
    for name, value in odd.items():
        await _shows_nothing(PASSWORD, namespace, env.application(namespace, {name: value}, level=logging.DEBUG))
    for line in (
        *MALFORMED_LINES,
        f"REDIS_PASSWORD={PASSWORD}\0\n",
        f"REDIS_PASSWORD=one\nREDIS_PASSWORD={PASSWORD}\n{SWITCH}=false\n{SWITCH}=false\n",
        f"REDIS_PASSWORD: {PASSWORD}\n",
        f"REDIS_PASSWROD={PASSWORD}\n",
        f"{SWITCH}=maybe\nREDIS_URL=redis://u:{PASSWORD}@h:port/0\n",
    ):
        await _shows_nothing(PASSWORD, namespace, env.surroundings({}, line, logging.DEBUG))


async def _shows_nothing(secret: str, namespace: Namespace, given: AbstractContextManager[Path]) -> None:
    """Open the store there, and look for the secret in all that comes out."""
    shown: list[str] = []
    with given as log:
        try:
            async with namespace.open_from_environment() as store:
                await store.list_tasks()
                shown.append(f"{store} {store!r}")
        except Exception as error:  # noqa: BLE001  whatever it is, it must not show the secret
            shown += _printed(error)
        check_hidden(secret, [*shown, log.read_text("utf-8")], "by what came out")


def _printed(error: BaseException) -> Iterator[str]:
    """All that is printed of an exception and of its causes, and what it holds."""
    yield from traceback.format_exception(error)
    found: list[BaseException | None] = [error]
    while found:
        if (one := found.pop()) is not None:
            yield f"{one} {one!r} {one.args!r} {vars(one)!r} {getattr(one, '__notes__', ())!r}"
            found += [one.__cause__, one.__context__]


def check_hidden(secret: str, texts: Iterable[str], where: str) -> None:
    """Check that a secret is in no text, neither as it is nor as a URL or Python writes it."""
    forms = {secret, quote(secret), quote(secret, safe=""), repr(secret)[1:-1]}
    for text, form in ((text, form) for text in texts for form in forms):
        before, found, after = text.partition(form)
        assert not found, f"the password is shown {where}: …{before[-100:]}{form}{after[:20]}…"
