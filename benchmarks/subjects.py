"""What is measured: two designs in two modes, Redis mode by each way that leads to a server."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from conformance import Harness
from conformance.subjects.documented import DocumentedRedisHarness
from conformance.subjects.redis import RedisHarness
from conformance.subjects.registry import find_subject
from conformance.subjects.servers import NamedServer


@dataclass(frozen=True)
class Subject:
    """One store, the mode it is in, and the way to its server.

    `embedded` is a private process by TCP, and `published` a container's published port.
    """

    name: str
    design: str
    mode: str
    transport: str

    @property
    def store(self) -> str:
        """Name what a block opens: in Redis mode a harness of this module, on the server of the run."""
        return self.name if self.transport == "none" else f"{__name__}:{self.design}_{self.transport}"


SUBJECTS = (
    Subject("memory", "ours", "memory", "none"),
    Subject("documented-memory", "documented", "memory", "none"),
    Subject("embedded", "ours", "redis", "embedded"),
    Subject("documented-redis", "documented", "redis", "embedded"),
    Subject("container", "ours", "redis", "published"),
    Subject("documented-redis-container", "documented", "redis", "published"),
)
NOTHING = Subject("none", "none", "none", "none")
"""What the awaited no-op is measured on."""


def harness_of(design: str, mode: str, url: str) -> Harness:
    """Make the harness of a design in a mode, on the server at `url` if it needs one."""
    if mode == "memory":
        return find_subject("memory" if design == "ours" else "documented-memory")()
    return (RedisHarness if design == "ours" else DocumentedRedisHarness)(NamedServer(url))


def variable_of(transport: str) -> str:
    """Name the environment variable that has the URL of a server of the run."""
    return f"BENCHMARK_SERVER_{transport.upper()}"


def _opener(design: str, transport: str) -> Callable[[], Harness]:
    return lambda: harness_of(design, "redis", os.environ[variable_of(transport)])


ours_embedded, documented_embedded = _opener("ours", "embedded"), _opener("documented", "embedded")
ours_published, documented_published = _opener("ours", "published"), _opener("documented", "published")
