"""What is measured: two designs in two modes, Redis mode by each way that leads to a server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from conformance import Harness, HookMissingError
from conformance.servers import ContainerServer
from conformance.subjects import DescribedRedisHarness, RedisHarness, find_subject


@dataclass(frozen=True)
class Subject:
    """One store, the mode it is in, and the way to its server.

    `published` is a container's published port; `direct` is its own address, which spares the engine's port proxy.
    """

    name: str
    design: str
    mode: str
    transport: str

    def harness(self, container: Callable[[], ContainerServer]) -> Harness:
        """Make the harness that opens it; `container` is called if it needs one."""
        match self.transport:
            case "published":
                server = BorrowedServer(found := container(), found.url, "published port of a container")
            case "direct":
                server = BorrowedServer(found := container(), found.direct_url, "a container's own address")
            case _:
                return find_subject(self.name)()
        return RedisHarness(server) if self.design == "ours" else DescribedRedisHarness(server)


class BorrowedServer:
    """One way to a container that is kept running by somebody else, so that several subjects share it."""

    def __init__(self, container: ContainerServer, url: str, transport: str) -> None:
        self._container = container
        self._transport = transport
        self.url = url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def facts(self) -> Mapping[str, str]:
        """Those of the container, and this way to it."""
        return {**self._container.facts(), "transport": self._transport}

    def restart(self) -> None:
        """Not ours to do."""
        raise HookMissingError("restart_server")


NOTHING = Subject("none", "none", "none", "none")
"""What the awaited no-op is measured on."""

SUBJECTS = {
    subject.name: subject
    for subject in (
        Subject("memory", "ours", "memory", "none"),
        Subject("described-memory", "described", "memory", "none"),
        Subject("embedded", "ours", "redis", "embedded"),
        Subject("described-redis", "described", "redis", "embedded"),
        Subject("container", "ours", "redis", "published"),
        Subject("described-redis-container", "described", "redis", "published"),
        Subject("container-direct", "ours", "redis", "direct"),
    )
}
