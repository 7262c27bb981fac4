"""Which subject a name stands for. A subject is imported when it is used, since its packages may be missing."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from conformance.harness import Harness

REQUIRE_CONTAINER = "CONFORMANCE_REQUIRE_CONTAINER"
"""If this variable is 1, a missing Docker engine is a failure; otherwise it means one subject less."""
EXTRA = "conformance-redis"
"""The extra with the packages of the subjects below that use Redis."""


_OF_ALL = {
    "memory": "conformance.subjects.memory:MemoryHarness",
    "memory-expiring": "conformance.subjects.memory:ExpiringMemoryHarness",
    "fakeredis": "conformance.subjects.fakeredis:FakeredisHarness",
    "embedded": "conformance.subjects.redis:RedisHarness",
    "container": "conformance.subjects.redis:ContainerHarness",
    "documented-memory": "conformance.subjects.documented:DocumentedMemoryHarness",
    "documented-redis": "conformance.subjects.documented:DocumentedRedisHarness",
}
"""What `all` stands for."""
SUBJECTS: Mapping[str, str] = {
    **_OF_ALL,
    "partitioned": "conformance.subjects.redis:PartitionedHarness",
    "sentinel": "conformance.subjects.redis:SentinelHarness",
    "cluster": "conformance.subjects.redis:ClusterHarness",
    "partitioned-cluster": "conformance.subjects.redis:PartitionedClusterHarness",
    "tls": "conformance.subjects.redis:TlsHarness",
    "acl": "conformance.subjects.redis:AclHarness",
    "documented-sentinel": "conformance.subjects.documented:DocumentedSentinelHarness",
    "documented-cluster": "conformance.subjects.documented:DocumentedClusterHarness",
}
"""What makes the harness of each subject that has a name, as `module:name`."""


def subjects_of_this_machine() -> list[str]:
    """Return the names that `all` stands for here; `container` is one of them if a Docker engine answers, or must."""
    from conformance.subjects.servers import engine_answers

    engine = os.environ.get(REQUIRE_CONTAINER) == "1" or engine_answers()
    return [name for name in _OF_ALL if engine or name != "container"]


def shown_name(name: str) -> str:
    """Return a name that may be shown: a URL without its credentials."""
    scheme, slashes, rest = name.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if slashes else name


class UnknownSubjectError(ValueError):
    """A name stands for no subject that can be used. The message says what to do."""


def find_subject(name: str) -> Callable[[], Harness]:
    """Return what makes the harness that a name stands for: one of `SUBJECTS`, a Redis URL, or `module:name`.

    Raises:
        UnknownSubjectError: if there is no such subject, its module cannot be imported, or a package is missing.
    """
    if name.startswith(("redis://", "rediss://")):
        make, arguments = _find("conformance.subjects.redis:NamedRedisHarness"), [name]
    else:
        make, arguments = _find(SUBJECTS.get(name, name)), []

    def made() -> Harness:
        harness = make(*arguments) if callable(make) else make
        if not isinstance(harness, Harness):
            raise TypeError(f"{name} gives a {type(harness).__name__}, not a conformance.Harness")
        return harness

    return made


def find_subjects(names: Iterable[str]) -> dict[str, Callable[[], Harness]]:
    """Return what makes the harnesses of several subjects, by the names that may be shown.

    Raises:
        UnknownSubjectError: if one cannot be used, or two have the same name.
    """
    different = list(dict.fromkeys(names))
    found = {shown_name(name): find_subject(name) for name in different}
    if len(found) < len(different):
        raise UnknownSubjectError("two stores have the same name once passwords are left out")
    return found


def _find(place: str) -> Any:
    module_name, _, attribute = place.partition(":")
    if not module_name or not attribute:
        raise UnknownSubjectError(
            f"unknown store {place!r}: it is none of {', '.join(SUBJECTS)}, no redis:// URL, and not of the form "
            "module:name (a Harness subclass, or a function that returns a Harness)"
        )
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        missing = getattr(error, "name", None)
        if isinstance(error, ModuleNotFoundError) and module_name.startswith(f"{__package__}."):
            reason = f"the package {missing} is not installed: pip install 'taskstore[{EXTRA}]'"
        else:
            first = f"{type(error).__name__}: {error}".partition("\n")[0]
            reason = f"module {module_name} cannot be imported: {first}"
        raise UnknownSubjectError(reason) from error
    if not hasattr(module, attribute):
        there = [name for name, value in vars(module).items() if isinstance(value, type) and issubclass(value, Harness)]
        named = ", ".join(name for name in there if getattr(module, name) is not Harness) or "none"
        raise UnknownSubjectError(f"module {module_name} has no {attribute!r}; its Harness classes: {named}")
    return getattr(module, attribute)
