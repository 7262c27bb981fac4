"""What is measured: two designs in two modes, Redis mode by each way that leads to a server."""

from __future__ import annotations

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
    def place(self) -> str:
        """Name the place in the setting of a run; nothing for what has no server."""
        return "" if self.transport == "none" else self.transport

    def harness(self, url: str) -> Harness:
        """Make the harness that opens it, on the server at `url` if it needs one."""
        return harness_of(self.design, self.mode, url)


def harness_of(design: str, mode: str, url: str) -> Harness:
    """Make the harness of a design in a mode, on the server at `url` if it needs one."""
    if mode == "memory":
        return find_subject("memory" if design == "ours" else "documented-memory")()
    return (RedisHarness if design == "ours" else DocumentedRedisHarness)(NamedServer(url))


NOTHING = Subject("none", "none", "none", "none")
"""What the awaited no-op is measured on."""

SUBJECTS = {
    subject.name: subject
    for subject in (
        Subject("memory", "ours", "memory", "none"),
        Subject("documented-memory", "documented", "memory", "none"),
        Subject("embedded", "ours", "redis", "embedded"),
        Subject("documented-redis", "documented", "redis", "embedded"),
        Subject("container", "ours", "redis", "published"),
        Subject("documented-redis-container", "documented", "redis", "published"),
    )
}
