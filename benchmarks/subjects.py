"""What is measured: two designs in two modes, Redis mode by each way that leads to a server, near and far."""

from __future__ import annotations

from dataclasses import dataclass

from conformance import Harness
from conformance.subjects.documented import DocumentedRedisHarness
from conformance.subjects.redis import RedisHarness
from conformance.subjects.registry import find_subject
from conformance.subjects.servers import NamedServer

DISTANCES_MS = (0.0, 0.25, 0.5, 1.0, 2.0, 5.0)
"""The round-trip times that a proxy adds. At 0 it adds itself, and that is what it costs."""


@dataclass(frozen=True)
class Subject:
    """One store, the mode it is in, and the way to its server.

    `embedded` is a private process by TCP, and `proxied` the same `distance_ms` away; `published` is a container's
    published port.
    """

    name: str
    design: str
    mode: str
    transport: str
    distance_ms: float | None = None

    @property
    def place(self) -> str:
        """Name the place in the setting of a run; nothing for what has no server."""
        return "" if self.transport == "none" else place_of(self.transport, self.distance_ms)

    def harness(self, url: str) -> Harness:
        """Make the harness that opens it, on the server at `url` if it needs one."""
        if not self.place:
            return find_subject(self.name)()
        return (RedisHarness if self.design == "ours" else DocumentedRedisHarness)(NamedServer(url))


def place_of(transport: str, distance_ms: float | None) -> str:
    """Name a place."""
    return transport if distance_ms is None else f"{distance_ms:g} ms away"


NOTHING = Subject("none", "none", "none", "none")
"""What the awaited no-op is measured on."""

_NEAR = (
    Subject("memory", "ours", "memory", "none"),
    Subject("documented-memory", "documented", "memory", "none"),
    Subject("embedded", "ours", "redis", "embedded"),
    Subject("documented-redis", "documented", "redis", "embedded"),
    Subject("container", "ours", "redis", "published"),
    Subject("documented-redis-container", "documented", "redis", "published"),
)
_FAR = (
    Subject(f"{name}-{distance:g}ms", design, "redis", "proxied", distance)
    for distance in DISTANCES_MS
    for name, design in (("embedded", "ours"), ("documented-redis", "documented"))
)
SUBJECTS = {subject.name: subject for subject in (*_NEAR, *_FAR)}
