"""The setting of a run: its servers, the ways to them, and the namespaces that were filled on them, once for all.

The driver prepares it, and writes it to a file; the blocks read it there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from docker.errors import APIError
from pydantic import TypeAdapter

from benchmarks.cores import SERVER, core_of, on_core
from benchmarks.depth import Depth
from benchmarks.subjects import SUBJECTS
from benchmarks.workload import fill
from conformance.measure.loop import Loop
from conformance.subjects.servers import ContainerServer, EmbeddedServer, RedisServer


@dataclass(frozen=True)
class Namespace:
    """Where the tasks of one design are, in a database of their own: the documented listing reads all of it."""

    name: str
    database: int
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """A way to a server of its own, and the namespaces there by name. `url` names no database."""

    url: str
    facts: Mapping[str, str]
    namespaces: Mapping[str, Namespace]

    def at(self, database: int) -> str:
        """Return the URL of a database."""
        return f"{self.url}/{database}"


@dataclass(frozen=True)
class Setting:
    """The places by name."""

    places: Mapping[str, Place]

    @classmethod
    @contextmanager
    def prepared(cls, loop: Loop, depth: Depth, *, container: bool, tell: Callable[[str], None]) -> Iterator[Self]:
        """Start what a run needs and fill it; all of it is gone at the end. `tell` learns what is being done.

        Raises:
            ServerError: if a server cannot be had.
        """
        with ExitStack() as running:
            tell("starting the servers")
            with on_core(SERVER):
                servers: dict[str, RedisServer] = {"embedded": running.enter_context(EmbeddedServer())}
            if container:
                servers["published"] = running.enter_context(PinnedContainerServer())
            places = {}
            for name, server in servers.items():
                tell(f"filling {name}")
                place = Place(urlsplit(server.url)._replace(path="").geturl(), server.facts(), {})
                places[name] = replace(place, namespaces=_fill(loop, place, depth))
            yield cls(places)

    def write(self, path: Path) -> None:
        """Write it for the blocks."""
        path.write_bytes(_FORM.dump_json(self))

    @staticmethod
    def read(path: Path) -> Setting:
        """Read what was written."""
        return _FORM.validate_json(path.read_bytes())


_FORM = TypeAdapter(Setting)


class PinnedContainerServer(ContainerServer):
    """A container on the core of the servers, if its engine allows that; `facts` says whether it does."""

    def __enter__(self) -> Self:
        super().__enter__()
        self._cores = "any"
        if (core := core_of(SERVER)) is not None:
            with suppress(APIError):
                self._container.get_wrapped_container().update(cpuset_cpus=str(core))
                self._cores = str(core)
        return self

    def facts(self) -> Mapping[str, str]:
        """Say too on which core it is."""
        return {**super().facts(), "core": self._cores}


def namespace_name(design: str, purpose: str, tasks: int) -> str:
    """Name a namespace: tasks are created in one of their own, so that the others stay as they were filled."""
    return f"{design}-{'create' if purpose == 'create' else 'other'}-{tasks}"


def _fill(loop: Loop, place: Place, depth: Depth) -> dict[str, Namespace]:
    namespaces: dict[str, Namespace] = {}
    wanted = [("create", depth.tasks)] + [("other", size) for size in {depth.tasks, *depth.sizes}]
    designs = {subject.design: subject for subject in SUBJECTS.values() if subject.place}
    for design, subject in designs.items():
        for purpose, tasks in wanted:
            name, database = namespace_name(design, purpose, tasks), len(namespaces)
            harness = subject.harness(place.at(database))

            async def filled() -> tuple[str, ...]:
                async with harness.open(name) as store:  # noqa: B023  awaited before the next
                    return tuple(await fill(store, tasks))  # noqa: B023

            namespaces[name] = Namespace(name, database, loop.run(filled()))
    return namespaces
