"""What is measured: two designs in two modes, Redis mode by each way that leads to a server of the run."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from benchmarks.cores import SERVER, core_of, on_core
from conformance import Harness
from conformance.backends.documented import DocumentedMemoryHarness, DocumentedRedisHarness
from conformance.backends.memory import MemoryHarness
from conformance.backends.redis import RedisHarness
from conformance.backends.registry import REQUIRE_CONTAINER
from conformance.backends.server_harness import RedisServerHarness
from conformance.backends.servers import ContainerServer, EmbeddedServer, RedisServer, ServerError, engine_answers
from conformance.measure import tasks
from taskstore import TaskStore

if TYPE_CHECKING:  # each process that measures imports this module, and pydantic takes a while to make a form
    from benchmarks.document import Design, Mode

DESIGNS: tuple[Design, ...] = ("ours", "documented")
PRIVATE: Mapping[Mode, str] = {"memory": "none", "redis": "embedded"}
"""The way of each mode on which studies are made."""
_URL = "BENCHMARK_SERVER_{}"
"""The environment variables that name the servers of the run to its processes."""


@dataclass(frozen=True)
class Backend:
    """One store, the mode it is in, and the way to its server.

    `embedded` is a private process by TCP, and `published` a container's published port.
    """

    name: str
    design: Design
    mode: Mode
    transport: str

    @property
    def store(self) -> str:
        """Name what a block opens."""
        return f"{__name__}:{self.design}_{self.transport}"


BACKENDS = (
    Backend("memory", "ours", "memory", "none"),
    Backend("documented-memory", "documented", "memory", "none"),
    Backend("embedded", "ours", "redis", "embedded"),
    Backend("documented-redis", "documented", "redis", "embedded"),
    Backend("container", "ours", "redis", "published"),
    Backend("documented-redis-container", "documented", "redis", "published"),
)


class _FilledByCopies(RedisServerHarness):
    """Fills its stores with copies that the server makes of one that is filled once: only its client takes long.

    That one is in another database, since the documented design reads every key of its own.
    """

    _SPARE = 1
    _COPY = """
for _, key in ipairs(redis.call('KEYS', '*' .. ARGV[1] .. '*')) do
  local first, last = string.find(key, ARGV[1], 1, true)
  redis.call('COPY', key, key:sub(1, first - 1) .. ARGV[2] .. key:sub(last + 1), 'DB', 0)
end
"""

    def open(self, namespace: str) -> AbstractAsyncContextManager[Any]:
        """Open a store, which `fill` may fill then."""
        self._opened = namespace
        return super().open(namespace)

    def discard(self, namespace: str) -> None:
        """Empty the database: in what is left of a large one the next listing would look for its keys."""
        self.administer("FLUSHDB")

    async def fill(self, _: TaskStore, tasks_wanted: int) -> list[str]:
        """Put so many tasks into the store that was opened last, and return their ids."""
        filled = f"filled-{type(self).__name__}-{tasks_wanted}-tasks"  # no name begins another
        names = f"ids of {tasks_wanted} tasks of {type(self).__name__}"
        spare = type(self)(RedisServer(f"{self.url().removesuffix('/0')}/{self._SPARE}"))
        with spare.running():
            if not spare.administer("EXISTS", names):
                async with spare.open(filled) as source:
                    spare.administer("RPUSH", names, *await tasks.fill(source, tasks_wanted))
            spare.administer("EVAL", self._COPY, "0", filled, self._opened)
            return [task_id.decode() for task_id in spare.administer("LRANGE", names, "0", "-1")]


class _OursInRedis(_FilledByCopies, RedisHarness):
    pass


class _DocumentedInRedis(_FilledByCopies, DocumentedRedisHarness):
    pass


def harness_of(design: Design, transport: str) -> Harness:
    """Make the harness of a design, on the server of the run to which that way leads."""
    if transport == "none":
        return MemoryHarness() if design == "ours" else DocumentedMemoryHarness()
    server = RedisServer(url_of(transport))
    return _OursInRedis(server) if design == "ours" else _DocumentedInRedis(server)


@asynccontextmanager
async def opened(design: Design, transport: str, namespace: str) -> AsyncIterator[TaskStore]:
    """Open the store of a design, and remove at the end what it left behind."""
    harness = harness_of(design, transport)
    with harness.running():
        async with harness.open(namespace) as store:
            yield store
        harness.discard(namespace)


ours_none, documented_none = partial(harness_of, "ours", "none"), partial(harness_of, "documented", "none")
ours_embedded, documented_embedded = (
    partial(harness_of, "ours", "embedded"),
    partial(harness_of, "documented", "embedded"),
)
ours_published, documented_published = (
    partial(harness_of, "ours", "published"),
    partial(harness_of, "documented", "published"),
)


def url_of(transport: str) -> str:
    """Name a server of the run."""
    return os.environ[_URL.format(transport)]


@contextmanager
def servers() -> Iterator[Mapping[str, Mapping[str, str]]]:
    """Start the servers of a run, and say what is known of each, by the way that leads to it. They go at the end.

    Where a container need not be, one that cannot be started is as none.

    Raises:
        ServerError: if a server could not be had that has to be there.
    """
    with ExitStack() as running:
        with on_core(SERVER):
            started: dict[str, RedisServer] = {"embedded": running.enter_context(EmbeddedServer())}
        if (required := os.environ.get(REQUIRE_CONTAINER) == "1") or engine_answers():
            try:
                started["published"] = running.enter_context(PinnedContainerServer())
            except ServerError as fault:
                if required:
                    raise
                print(f"only the private server is measured: {fault}", file=sys.stderr)  # noqa: T201  all that is told
        for transport, server in started.items():
            os.environ[_URL.format(transport)] = server.url
        yield {transport: server.facts() for transport, server in started.items()}


class PinnedContainerServer(ContainerServer):
    """A container on the core of the servers, if its engine allows that; `facts` says whether it does."""

    def __enter__(self) -> Self:
        super().__enter__()
        self._cores = "any"
        if (core := core_of(SERVER)) is not None:
            from docker.errors import APIError  # it takes a third of a second

            with suppress(APIError):
                self._container.get_wrapped_container().update(cpuset_cpus=str(core))
                self._cores = str(core)
        return self

    def facts(self) -> Mapping[str, str]:
        """Say too on which core it is."""
        return {**super().facts(), "core": self._cores}
