"""Where studies are made: one private server, and the stores of both designs on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import redis

from benchmarks.cores import CLIENT, SERVER, on_core
from benchmarks.document import Design, Mode
from benchmarks.subjects import harness_of
from conformance import Harness
from conformance.subjects.servers import EmbeddedServer

DESIGNS: tuple[Design, ...] = ("ours", "documented")


@dataclass(frozen=True)
class Place:
    """The server. A database of it holds what is not to be seen by the SCAN of another store."""

    server: str
    facts: Mapping[str, str]

    @classmethod
    @contextmanager
    def prepared(cls) -> Iterator[Place]:
        """Keep the server, on a core of its own; it and all that is in it are gone at the end."""
        with ExitStack() as running:
            with on_core(SERVER):
                server = running.enter_context(EmbeddedServer())
            running.enter_context(on_core(CLIENT))
            yield cls(server.url.rpartition("/")[0], server.facts())

    def url(self, database: int) -> str:
        """Name a database."""
        return f"{self.server}/{database}"

    @contextmanager
    def harness(self, design: Design, mode: Mode, database: int = 0) -> Iterator[Harness]:
        """Make what opens a store of that design, and keep it ready."""
        harness = harness_of(design, mode, self.url(database))
        with harness.running():
            yield harness

    def looking(self) -> redis.Redis:
        """Make a client, for what is done before and after a measurement."""
        return redis.Redis.from_url(self.url(0))

    def empty(self) -> None:
        """Remove everything from the server; when this returns, its memory is free too."""
        with self.looking() as client:
            client.execute_command("FLUSHALL", "SYNC")  # Valkey frees in the background otherwise
