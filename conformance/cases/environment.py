"""What an application finds at its start, for the time of a block: environment, folder, `.env` and log file."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from unittest import mock
from urllib.parse import quote

from conformance.case import Namespace
from conformance.opened import OURS

SWITCH = "USE_REDIS_FOR_TASKS"
"""The variable that selects the mode."""


@contextlib.contextmanager
def surroundings(variables: Mapping[str, str], dotenv: str | None = None, level: int = logging.INFO) -> Iterator[Path]:
    """Set exactly these of the store's variables, and work in a new folder with that `.env`; give the log file.

    Without `dotenv` there is no such file, as in most containers. The log is that of an application which logs from
    that level on in the form `LEVEL message`.
    """
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder, contextlib.chdir(folder):
        if dotenv is not None:
            Path(".env").write_text(dotenv, "utf-8")
        log = Path(folder, "app.log")
        handler = logging.FileHandler(log, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        with mock.patch.dict(os.environ), logging_to(handler, level):
            for name in [name for name in os.environ if name.upper().startswith(OURS)]:
                del os.environ[name]
            os.environ.update(variables)
            yield log


@contextlib.contextmanager
def logging_to(handler: logging.Handler, level: int) -> Iterator[None]:
    """Let a handler of the root logger have what is logged at this level or above; close it at the end."""
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(level)
    try:
        yield
    finally:
        root.setLevel(before)
        root.removeHandler(handler)
        handler.close()


def elsewhere(
    namespace: Namespace, redis: Mapping[str, str], level: int = logging.INFO
) -> AbstractContextManager[Path]:
    """Surroundings that select the mode of the subject, with these variables about Redis and no others."""
    given = namespace.harness.environment(namespace.name)
    others = {name: value for name, value in given.items() if not name.startswith("REDIS_")}
    return surroundings({**others, **redis}, level=level)


@contextlib.contextmanager
def application(
    namespace: Namespace, variables: Mapping[str, str] | None = None, dotenv: str | None = None
) -> Iterator[Path]:
    """Surroundings that select the subject, and what else is given."""
    with surroundings({**namespace.harness.environment(namespace.name), **(variables or {})}, dotenv) as log:
        yield log


SOURCES = ("the environment", ".env")


def application_from(
    source: str, namespace: Namespace, variables: Mapping[str, str], level: int = logging.INFO
) -> AbstractContextManager[Path]:
    """Surroundings that select the subject, and what else is given, all in one of the sources."""
    every = {**namespace.harness.environment(namespace.name), **variables}
    if source == ".env":
        return surroundings({}, "".join(f"{name}='{value}'\n" for name, value in every.items()), level)
    return surroundings(every, level=level)


ODD_PASSWORD = ' p@s:s/w#r?d%41 "é$x+=$HOME${HOME}%(a)s\\n '
"""Every character of it means something in a URL, in a line of `.env` or where variables are filled in."""


def logins(namespace: Namespace, user: str, password: str) -> list[dict[str, str]]:
    """The ways to say who logs in: two variables, the same beside a URL, both in it, and one in each."""
    given = namespace.harness.environment(namespace.name)
    by_name = {"REDIS_USERNAME": user, "REDIS_PASSWORD": password}
    if "REDIS_HOST" not in given:
        return [by_name]
    where = f"{given['REDIS_HOST']}:{given.get('REDIS_PORT', '6379')}/{given.get('REDIS_DB', '0')}"
    name, word = quote(user, safe=""), quote(password, safe="")
    return [
        by_name,
        {**by_name, "REDIS_URL": f"redis://{where}"},
        {"REDIS_URL": f"redis://{name}:{word}@{where}"},
        {"REDIS_URL": f"redis://{name}@{where}", "REDIS_PASSWORD": password},
        {"REDIS_URL": f"redis://:{word}@{where}", "REDIS_USERNAME": user},
    ]


async def open_and_close(namespace: Namespace) -> None:
    """Open the store as the application does, and close it again."""
    async with namespace.open_from_environment():
        pass


@contextlib.contextmanager
def configured(namespace: Namespace, settings: Mapping[str, str]) -> Iterator[None]:
    """Change settings of the server, and set them back at the end of the block."""
    administer = namespace.harness.administer
    before = {}
    for name in settings:
        reply = administer("CONFIG", "GET", name)  # name and value; some clients make a mapping of it
        before[name] = next(iter(reply.values())) if isinstance(reply, Mapping) else reply[1]
    try:
        for name, value in settings.items():
            administer("CONFIG", "SET", name, value)
        yield
    finally:
        for name, value in before.items():
            administer("CONFIG", "SET", name, value)


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """A port of loopback that accepts connections, and never sends anything."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener.getsockname()[1]


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """A port of loopback at which nothing listens, and which no other program takes before the end of the block."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def said_mode(log: Path) -> list[str]:
    """The modes that the log says, as grep would find them."""
    lines = [line for line in log.read_text("utf-8").splitlines() if "task_service_initialized" in line]
    assert all(line.startswith("INFO ") for line in lines), lines
    found = [re.search(r"task_service_initialized storage_mode=(\S+)", line) for line in lines]
    return [one[1] if one else line for one, line in zip(found, lines, strict=True)]


def other_mode(namespace: Namespace) -> str:
    """The value of the variable that would select the other mode."""
    return "false" if namespace.harness.mode == "redis" else "true"


@contextlib.contextmanager
def user_with(namespace: Namespace, password: str) -> Iterator[str]:
    """A user of the server with a password."""
    user = f"{namespace.name}@u/ü+"
    namespace.harness.administer("ACL", "SETUSER", user, "reset", "on", f">{password}", "~*", "&*", "+@all")
    try:
        yield user
    finally:
        namespace.harness.administer("ACL", "DELUSER", user)


def with_opener(source: str, namespace: Namespace) -> str:
    """A program, with the name of the subject's opener filled in."""
    module, _, function = namespace.opener.partition(":")
    return source.replace("{module}", module).replace("{function}", function)


def run_python(*arguments: str) -> str:
    """What a Python of its own prints, started in the folder and with the variables of this moment."""
    ran = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, (ran.stdout + ran.stderr).strip()[-400:]
    return ran.stdout
