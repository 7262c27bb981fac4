"""Which subject a name stands for. A subject is imported when it is used, since its packages may be missing."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from typing import Any

from conformance.harness import Harness

REQUIRE_CONTAINER = "CONFORMANCE_REQUIRE_CONTAINER"
"""If this variable is 1, a missing Docker engine is a failure; otherwise it means one subject less."""
EXTRA = "conformance-redis"
"""The extra with the packages of the subjects below that use Redis."""


SUBJECTS: Mapping[str, str] = {
    "memory": "conformance.subjects.memory:MemoryHarness",
    "memory-expiring": "conformance.subjects.memory:ExpiringMemoryHarness",
    "fakeredis": "conformance.subjects.fakeredis:FakeredisHarness",
    "embedded": "conformance.subjects.redis:embedded",
    "container": "conformance.subjects.redis:container",
    "described-memory": "conformance.subjects.described:DescribedMemoryHarness",
    "described-redis": "conformance.subjects.described:described_redis",
}
"""What makes the harness of each subject that has a name, as `module:name`."""


def subjects_of_this_machine() -> list[str]:
    """Return the names of the subjects that can run here; `container` is one if a Docker engine answers, or must."""
    from conformance.subjects.servers import engine_answers

    engine = os.environ.get(REQUIRE_CONTAINER) == "1" or engine_answers()
    return [name for name in SUBJECTS if engine or name != "container"]


def shown_name(name: str) -> str:
    """Return a name that may be shown: a URL without its credentials."""
    scheme, slashes, rest = name.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if slashes else name


class UnknownSubjectError(ValueError):
    """A name stands for no subject."""


class MissingExtraError(Exception):
    """A package that a subject needs is not installed. The message names the extra to install."""


def find_subject(name: str) -> Callable[[], Harness]:
    """Return what makes the harness that a name stands for: one of `SUBJECTS`, a Redis URL, or `module:name`.

    Raises:
        UnknownSubjectError: naming what would have been right.
    """
    if name.startswith(("redis://", "rediss://")):
        return lambda: _load("conformance.subjects.redis:NamedRedisHarness", name)
    place = SUBJECTS.get(name, name)
    module_name, _, attribute = place.partition(":")
    if not module_name or not attribute:
        raise UnknownSubjectError(
            f"unknown store {name!r}: it is none of {', '.join(SUBJECTS)}, no redis:// URL, and not of the form "
            "module:name (a Harness subclass, or a function that returns a Harness)"
        )
    return lambda: _load(place)


def _load(place: str, *arguments: str) -> Harness:
    module_name, _, attribute = place.partition(":")
    try:
        made: Any = getattr(importlib.import_module(module_name), attribute)
    except ModuleNotFoundError as error:
        if not module_name.startswith("conformance.subjects."):
            raise
        raise MissingExtraError(
            f"the package {error.name} is not installed: pip install 'taskstore[{EXTRA}]'"
        ) from None
    harness = made(*arguments) if callable(made) else made
    if not isinstance(harness, Harness):
        raise TypeError(f"{place} gives a {type(harness).__name__}, not a conformance.Harness")
    return harness
