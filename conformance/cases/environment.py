"""What an application finds at its start, for the time of a block: environment, folder, `.env` and log file."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from unittest import mock
from urllib.parse import quote

from conformance.case import Namespace, NotTestable

SWITCH = "USE_REDIS_FOR_TASKS"
"""The variable that selects the mode."""
SOURCES = ("the environment", ".env")
PASSWORD = "s3cret-w0rd"
ODD_PASSWORD = ' p@s:s/w#r?d%41 "é$x+=$HOME${HOME}%(a)s\\n '
"""Every character of it means something in a URL, in a line of `.env` or where variables are filled in."""
_OURS = (SWITCH, "REDIS_", "TASK_")


@contextlib.contextmanager
def surroundings(
    variables: Mapping[str, str], dotenv: str | bytes | None = None, level: int = logging.INFO
) -> Iterator[Path]:
    """Set exactly these of the store's variables, and work in a new folder with that `.env`; give the log file.

    Without `dotenv` there is no such file, as in most containers. The log has the form `LEVEL message`.
    """
    root, before = logging.getLogger(), logging.getLogger().level
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder, contextlib.chdir(folder):
        if dotenv is not None:
            Path(".env").write_bytes(dotenv.encode() if isinstance(dotenv, str) else dotenv)
        log = Path(folder, "app.log")
        handler = logging.FileHandler(log, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        root.addHandler(handler)
        root.setLevel(level)
        try:
            with mock.patch.dict(os.environ):
                for name in [name for name in os.environ if name.upper().startswith(_OURS)]:
                    del os.environ[name]
                os.environ.update(variables)
                yield log
        finally:
            root.setLevel(before)
            root.removeHandler(handler)
            handler.close()


def application(
    namespace: Namespace,
    variables: Mapping[str, str] | None = None,
    dotenv: str | bytes | None = None,
    *,
    source: str = SOURCES[0],
    level: int = logging.INFO,
    at: Mapping[str, str] | None = None,
) -> AbstractContextManager[Path]:
    """Surroundings that select the subject, and what else is given; all of it in `.env` if that is the source.

    With `at`, these are the variables about Redis, and there are no others.
    """
    assert namespace.opener  # what reads them
    given = dict(namespace.harness.environment(namespace.name))
    if at is not None:
        given = {**{name: value for name, value in given.items() if not name.startswith("REDIS_")}, **at}
    every = {**given, **(variables or {})}
    if source == ".env":
        return surroundings({}, "".join(f"{name}='{value}'\n" for name, value in every.items()), level)
    return surroundings(every, dotenv, level)


def other_mode(namespace: Namespace) -> str:
    """The value of the variable that selects the other mode."""
    return "false" if namespace.harness.mode == "redis" else "true"


def said_modes(log: Path) -> list[str]:
    """The modes that the log says, as grep finds them."""
    lines = [line for line in log.read_text("utf-8").splitlines() if "task_service_initialized" in line]
    found = [re.search(r"^INFO .*task_service_initialized storage_mode=(\S+)", line) for line in lines]
    return [one[1] if one else line for one, line in zip(found, lines, strict=True)]


async def open_and_close(namespace: Namespace) -> None:
    """Open the store as the application does, and close it again."""
    async with namespace.open_from_environment():
        pass


@contextlib.contextmanager
def a_user(namespace: Namespace, password: str) -> Iterator[str]:
    """A user of the server with a password."""
    user = f"{namespace.name}@u/ü+"
    namespace.harness.administer("ACL", "SETUSER", user, "reset", "on", f">{password}", "~*", "&*", "+@all")
    try:
        yield user
    finally:
        namespace.harness.administer("ACL", "DELUSER", user)


def url_of(namespace: Namespace, user: str, password: str) -> str:
    """The URL of the server for a user, for a proxy to lead to: `NotTestable` if it cannot."""
    scheme, _, where = namespace.harness.url().partition("://")
    if scheme != "redis":
        raise NotTestable("the proxy understands neither TLS nor sockets of files", ("url",))
    where = where.rpartition("@")[2]
    return f"redis://{quote(user, safe='')}:{quote(password, safe='')}@{where}"


def check_hidden(secret: str, text: str, where: str) -> None:
    """Check that a secret is not in a text, neither as it is nor as a URL or Python writes it."""
    for form in (secret, quote(secret), quote(secret, safe=""), repr(secret)[1:-1]):
        before, found, after = text.partition(form)
        assert not found, f"the password is shown {where}: …{before[-100:]}{form}{after[:20]}…"
