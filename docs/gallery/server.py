"""What the harnesses share: a private Redis, which is empty for each namespace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis

from conformance import Capability, Harness
from conformance.subjects.servers import EmbeddedServer


class ServerHarness(Harness):
    """A store on a private server, whose address is `server.url`."""

    capabilities = frozenset({Capability.PERSISTENT, Capability.SHARED})

    def __init__(self) -> None:
        self.server = EmbeddedServer()

    @contextmanager
    def running(self) -> Iterator[None]:
        """The server runs."""
        with self.server:
            yield

    def discard(self, namespace: str) -> None:
        """Empty the server: one namespace is in use at a time."""
        with Redis.from_url(self.server.url) as client:
            client.flushdb()
