"""The surroundings in which an application starts, for a block: environment, folder, `.env` and log."""

import contextlib
import logging
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from io import StringIO
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from unittest import mock
from urllib.parse import quote, urlsplit

from conformance.backends.settings import as_url, variables_of
from conformance.harness import HookMissingError
from conformance.tasks.case import Namespace
from conformance.tasks.cases.contents import outcome_of
from conformance.text import printed

SWITCH = "USE_REDIS_FOR_TASKS"
"""The variable that selects the mode."""
PASSWORD = "s3cret-w0rd"
ODD_PASSWORD = ' p@s:s/w#r?d%41 "é$x+=$HOME${HOME}%(a)s\\n '
"""Every character of it means something in a URL, in a line of `.env` or where variables are filled in."""
_OURS = (SWITCH, "REDIS_", "TASK_")
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""Variables of a Python whose encoding is ASCII if none is given: as foreign as that of Windows."""
FOREIGN_LINE = "# 任务\n"
"""A comment in `.env` that only UTF-8 can read."""
FORMS = (as_url, variables_of)
"""How settings name the server and who logs in there, by its URL."""


@contextlib.contextmanager
def surroundings(variables: Mapping[str, str], dotenv: str | None = None) -> Iterator[StringIO]:
    """Set exactly these of the store's variables, and work in a new folder with that `.env`; give the log.

    Without `dotenv` there is no such file, as in most containers. The log has lines of the form `LEVEL message`.
    """
    log = StringIO()
    root = logging.getLogger()
    before = root.level
    handler = logging.StreamHandler(log)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    others = {name: value for name, value in os.environ.items() if not name.upper().startswith(_OURS)}
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder, contextlib.chdir(folder):
        if dotenv is not None:
            Path(".env").write_bytes(dotenv.encode("utf-8", "surrogateescape"))
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        try:
            with mock.patch.dict(os.environ, {**others, **variables}, clear=True):
                yield log
        finally:
            root.setLevel(before)
            root.removeHandler(handler)


def application(
    namespace: Namespace,
    variables: Mapping[str, str] = MappingProxyType({}),
    dotenv: str | None = None,
    *,
    in_dotenv: bool = False,
) -> AbstractContextManager[StringIO]:
    """Surroundings that select the backend, and what else is given: `in_dotenv`, or like the mode in the environment.

    Variables that name another server take the place of all others about Redis.
    """
    assert namespace.opener  # what reads them
    given = namespace.harness.environment(namespace.name)
    if not variables.keys().isdisjoint(("REDIS_HOST", "REDIS_URL")):
        given = {name: value for name, value in given.items() if not name.startswith("REDIS_")}
    given = {**given, **variables}
    if in_dotenv:
        mode = {SWITCH: given.pop(SWITCH)}  # another case is about a line for it
        return surroundings(mode, "".join(f"{name}='{value}'\n" for name, value in given.items()))
    return surroundings(given, dotenv)


class Opened(NamedTuple):
    """The outcome of an opening: the exception, and the log."""

    error: Any
    log: str

    @property
    def modes(self) -> list[str]:
        """The modes that the log says, as grep finds them."""
        return re.findall(r"^INFO .*task_service_initialized storage_mode=(\S+)", self.log, re.MULTILINE)

    @property
    def shown(self) -> str:
        """All that anybody sees of it, and of the store."""
        return printed(self.error) + self.log


async def opened(namespace: Namespace, surroundings: AbstractContextManager[StringIO]) -> Opened:
    """Open the store in these surroundings, as the application does, and close it again."""

    async def open_and_close() -> None:
        async with namespace.open_from_environment() as store:
            log.write(f"{store} {store!r}\n")

    with surroundings as log:
        error = await outcome_of(open_and_close())
        return Opened(error, log.getvalue())


def url_of(namespace: Namespace, user: str, password: str) -> str:
    """The URL of the server for a user, for a proxy to lead to, if it can."""
    parts = urlsplit(proxied(namespace))
    place = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{place}").geturl()


def proxied(namespace: Namespace) -> str:
    """The URL of the server, for a proxy to lead to, if it can."""
    url = namespace.harness.url()
    if not url.startswith("redis://"):
        raise HookMissingError("url (redis://)")
    return url


def check_hidden(secret: str, text: str, where: str) -> None:
    """Check that a secret is not in a text, neither as it is nor as a URL or Python writes it."""
    for form in (secret, quote(secret), quote(secret, safe=""), repr(secret)[1:-1]):
        before, found, after = text.partition(form)
        assert not found, f"the password is shown {where}: …{before[-100:]}{form}{after[:20]}…"
