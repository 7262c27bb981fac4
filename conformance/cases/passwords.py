"""No password is shown: by an exception, the log or the store, wherever it is given and however wrong it is."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import quote

from conformance.case import Namespace, case
from conformance.cases.environment import (
    ODD_PASSWORD,
    SOURCES,
    SWITCH,
    application_from,
    closed_port,
    configured,
    elsewhere,
    logins,
    surroundings,
    user_with,
)
from conformance.cases.opening import openings, printed_of
from conformance.cases.table.bench import credentials
from conformance.cases.table.failures import PASSWORD
from conformance.cases.table.seen import check_hidden
from conformance.harness import Capability


@case("FAIL-05", needs=Capability.REMOTE, mode="redis")
async def test_a_failed_opening_does_not_show_the_password(namespace: Namespace) -> None:
    """However it fails, no exception, cause, note or log has the password in it."""
    for opened in await openings(namespace):
        check_hidden(PASSWORD, [opened.shown], f"what came out when {opened.way.name}")


@case("FAIL-05", needs=Capability.REMOTE, mode="redis")
async def test_a_password_is_not_shown_wherever_it_is_given(namespace: Namespace) -> None:
    """In either source, as a variable or in a URL, right or wrong or to nobody: no exception, log or store shows it."""
    with closed_port() as port:
        for secret in (PASSWORD, ODD_PASSWORD):
            for taken in (secret, "another"):
                with user_with(namespace, taken) as user:
                    for variables in logins(namespace, user, secret):
                        for source in SOURCES:
                            await shows_nothing(
                                secret, namespace, application_from(source, namespace, variables, logging.DEBUG)
                            )
            for variables in (
                {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(port), "REDIS_PASSWORD": secret},
                {"REDIS_URL": f"redis://:{quote(secret, safe='')}@127.0.0.1:{port}/0"},
                {"REDIS_URL": f"redis://127.0.0.1:{port}/0?username=u&password={quote(secret, safe='')}"},
                {"REDIS_URL": f"redis://u:p@127.0.0.1:{port}/0", "REDIS_HOST": "h", "REDIS_PASSWORD": secret},
            ):
                for source in SOURCES:
                    given = application_from(source, namespace, variables, logging.DEBUG)
                    await shows_nothing(secret, namespace, given)


MALFORMED_URLS = (
    f"redis://u:{PASSWORD}@127.0.0.1:port/0",
    f"http://u:{PASSWORD}@127.0.0.1",
    f"redis://u:{PASSWORD}@127.0.0.1/one?x={PASSWORD}",
    f"u:{PASSWORD}@127.0.0.1:6379",
    *(f"redis://u:{PASSWORD}{mark}x@127.0.0.1:6379/0" for mark in "/?#"),  # not percent-encoded, as it has to be
    *(f"redis://u:{password}@127.0.0.1:port/0" for password in (f"x:{PASSWORD}", f"x@{PASSWORD}", f"{PASSWORD}@x")),
)


@case("FAIL-05", mode="either")
async def test_a_malformed_setting_does_not_show_the_password(namespace: Namespace) -> None:
    """A wrong URL, a line that cannot be read, one that stands twice: what is said of it does not have the password."""
    wrong: list[dict[str, str]] = [{"REDIS_URL": url} for url in MALFORMED_URLS]
    # Bytes that are not UTF-8, which Python keeps as lone surrogates.
    wrong += [{"REDIS_PASSWORD": f"{PASSWORD}\udce9"}, {"REDIS_URL": f"redis://u:{PASSWORD}\udce9@h:1/0"}]
    # A URL in the place of something else.
    wrong += [{name: f"redis://u:{PASSWORD}@h:1/0"} for name in ("REDIS_HOST", "REDIS_PORT", "REDIS_DB", "TASK_TTL")]
    wrong.append({"REDIS_PORT": "http", "REDIS_PASSWORD": PASSWORD, "REDIS_URL": f"redis://u:{PASSWORD}@h:1/0"})
    for variables in wrong:
        for source in SOURCES:
            if source == ".env" and any("\udce9" in value for value in variables.values()):
                continue
            await shows_nothing(PASSWORD, namespace, application_from(source, namespace, variables, logging.DEBUG))
    for dotenv in (
        f"{SWITCH}=false\nREDIS_PASSWORD={PASSWORD}\0\n",
        f"{SWITCH}=false\nREDIS_URL=redis://u:{PASSWORD}\0@h:1/0\n",
        f"{SWITCH}=false\nREDIS_PASSWORD=one\nREDIS_PASSWORD={PASSWORD}\n",
        f"REDIS_PASSWORD={PASSWORD}\n{SWITCH}=false\nREDIS_PASSWORD={PASSWORD}\n{SWITCH}=false\n",
        f"{SWITCH}=false\nREDIS_PASSWORD='{PASSWORD}\n",
        f"{SWITCH}=false\nREDIS_PASSWORD: {PASSWORD}\n",
        *(f"{SWITCH}=false\n{name}={PASSWORD}\n" for name in ("REDIS_PASSWROD", "REDIS_PASS", "REDIS_AUTH")),
        f"{SWITCH}=false\nREDIS_PASSWORD {PASSWORD}\n",
        f"{SWITCH}=maybe\nREDIS_URL=redis://u:{PASSWORD}@h:port/0\n",
    ):
        await shows_nothing(PASSWORD, namespace, surroundings({}, dotenv, logging.DEBUG))


async def shows_nothing(secret: str, namespace: Namespace, given: AbstractContextManager[Path]) -> None:
    """Open the store there, and look for the secret in all that comes out."""
    shown: list[str] = []
    with given as log:
        try:
            async with namespace.open_from_environment() as store:
                await store.list_tasks()
                shown.append(f"{store} {store!r}")
        except Exception as error:  # noqa: BLE001  whatever it is, it must not show the secret
            shown += printed_of(error)
        shown.append(log.read_text("utf-8"))
    check_hidden(secret, shown, "what came out")


@case("FAIL-05", needs=Capability.REMOTE, mode="redis")
async def test_a_password_is_not_logged_at_opening(namespace: Namespace) -> None:
    """Whatever the store says of the server when it opens, as that it may evict tasks, no level of the log shows it."""
    for policy in ("allkeys-lru", "volatile-ttl", "noeviction"):
        with configured(namespace, {"maxmemory-policy": policy}), credentials(namespace) as url:
            await shows_nothing(PASSWORD, namespace, elsewhere(namespace, {"REDIS_URL": url}, logging.DEBUG))
