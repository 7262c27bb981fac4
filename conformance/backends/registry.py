"""Which backend a name stands for. A backend is imported when it is used, since its packages may be missing."""

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from pkgutil import resolve_name
from typing import Any
from unittest import mock

from conformance.files import CommandFailedError
from conformance.harness import Capability, Harness
from conformance.text import described

REQUIRE_CONTAINER = "CONFORMANCE_REQUIRE_CONTAINER"
"""If this variable is 1, a missing Docker engine is a failure; otherwise it means one backend less."""
BACKENDS = {
    "memory": "conformance.backends.memory:MemoryHarness",
    "memory-expiring": "conformance.backends.memory:ExpiringMemoryHarness",
    "fakeredis": "conformance.backends.fakeredis:FakeredisHarness",
    "embedded": "conformance.backends.redis:RedisHarness",
    "container": "conformance.backends.redis:ContainerHarness",
    "documented-memory": "conformance.backends.documented:DocumentedMemoryHarness",
    "documented-redis": "conformance.backends.documented:DocumentedRedisHarness",
    "partitioned": "conformance.backends.redis:PartitionedHarness",
}
"""The harness class of each backend that has a name, as `module:name`. `all` stands for the first seven."""


class UnknownBackendError(CommandFailedError):
    """A name stands for no backend that can be used. The message says what to do."""


def backends_of_this_machine() -> list[str]:
    """Return the names that `all` stands for here; `container` is one of them if a Docker engine answers, or must."""
    from conformance.backends.servers import engine_answers

    engine = os.environ.get(REQUIRE_CONTAINER) == "1" or engine_answers()
    return [name for name in [*BACKENDS][:7] if engine or name != "container"]


def shown_name(name: str) -> str:
    """Return a name that may be shown: a URL without its credentials."""
    return re.sub("://.*@", "://", name)


def find_backend(name: str) -> Callable[[], Harness]:
    """Return what makes the harness that a name stands for: one of `BACKENDS`, a Redis URL, or `module:name`.

    Raises:
        UnknownBackendError: if there is no such backend, its module cannot be imported, a package is missing, or it is
            a class that is no `Harness`.
    """
    given = [name] if "://" in name else []
    make = _imported("conformance.backends.redis:NamedRedisHarness" if given else BACKENDS.get(name, name))
    if not callable(make) or (isinstance(make, type) and not issubclass(make, Harness)):
        raise UnknownBackendError(f"{name} is no subclass of conformance.Harness")

    def made() -> Harness:
        with _not_ending_the_process(name):
            harness = make(*given)
        if not isinstance(harness, Harness):
            raise UnknownBackendError(f"{name} gives a {type(harness).__name__}, not a conformance.Harness")
        if {*map(type, harness.capabilities)} - {Capability}:
            raise UnknownBackendError(f"`capabilities` of {name} is no set of conformance.Capability")
        return harness

    return made


def find_maker(name: str) -> Callable[..., Any] | None:
    """Return the class or function of a store that a name stands for; None if it stands for a harness.

    Raises:
        UnknownBackendError: if it cannot be imported.
    """
    if name in BACKENDS or "://" in name:
        return None
    make: Any = _imported(name)
    kind = make
    if not isinstance(make, type):
        kind = type(make)
        with suppress(TypeError):  # what takes arguments makes no harness
            kind = type(make())
    return make if callable(make) and not issubclass(kind, Harness) else None


def _imported(place: str) -> Any:
    if not re.fullmatch(".+:.+", place):
        raise UnknownBackendError(
            f"unknown store {place!r}: it is none of {', '.join(BACKENDS)}, no redis:// URL, and not of the form "
            "module:name, as mystores:RedisMode is (a class, or a function that gives a store or a harness)"
        )
    if (folder := str(Path.cwd())) not in sys.path:  # a console script, or a program elsewhere, does not look there
        sys.path.insert(0, folder)
    with _not_ending_the_process(place):
        try:
            return resolve_name(place)
        except Exception as error:
            reason = f"{place} cannot be imported: {described(error)}"
            if isinstance(error, ModuleNotFoundError):
                if place.startswith(f"{__package__}."):
                    reason = f"the package {error.name} is not installed: pip install 'taskstore[conformance-redis]'"
                else:
                    reason += f" (name it without .py; the first folder that was searched is {sys.path[0]})"
            raise UnknownBackendError(reason) from error


@contextmanager
def _not_ending_the_process(name: str) -> Iterator[None]:
    """A script that exits at its end would end the command, and with status 0."""
    try:
        with mock.patch.object(os, "_exit", sys.exit):
            yield
    except SystemExit as end:
        raise UnknownBackendError(f"{name} ends the process: it raises SystemExit({end.code!r})") from None
