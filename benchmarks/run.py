"""One run: its servers, then blocks of `conformance.measure` with all subjects in each; and the studies after it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any, Self

from docker.errors import APIError

from benchmarks.cores import CLIENT, SERVER, core_of, on_core
from benchmarks.depth import DEPTHS
from benchmarks.environment import describe_environment
from benchmarks.progress import Shown
from benchmarks.subjects import NOTHING, SUBJECTS, Subject, variable_of
from conformance.measure.blocks import run
from conformance.measure.plan import NOOP, PING, Plan
from conformance.measure.run import measure as measure_blocks
from conformance.subjects.registry import REQUIRE_CONTAINER
from conformance.subjects.servers import ContainerServer, EmbeddedServer, RedisServer, engine_answers

FLOORS = {NOOP: "noop", PING: "ping"}
Facts = Mapping[str, Mapping[str, str]]
"""What is known of the server at the end of each way."""


def measure(depth: str, seed: int, to: Path, shown: Shown) -> list[str]:
    """Measure, write the JSON, and return what each process that failed said; `seed` decides the orders.

    Raises:
        ServerError: if a server cannot be had.
        BlockFailedError: if a block could not even say what it measured.
        KeyboardInterrupt: if the run was interrupted. The blocks before are in the JSON.
    """
    to.parent.mkdir(parents=True, exist_ok=True)
    started, load = monotonic(), os.getloadavg()
    chosen = DEPTHS[depth]

    def tell(number: int) -> None:
        shown.tell(f"block {number + 1} of {chosen.blocks}")
        if number:
            shown.advance()

    with _servers(shown.tell) as facts:
        subjects = [one for one in SUBJECTS if one.transport in ("none", *facts)]
        plan = Plan(
            stores=tuple(one.store for one in subjects),
            entries=chosen.sizes,
            effort=chosen.effort,
            seed=str(seed),
            beside_ping=True,
            weigh=False,
        )
        with on_core(CLIENT):
            document, failures, interrupted = measure_blocks(plan, chosen.blocks, tell)
    document["benchmarks"] = [*describe(document["benchmarks"], subjects, facts, max(chosen.sizes))]
    document["machine_info"].pop("node", None)
    document["machine_info"] |= {
        **describe_environment(),
        "hash_seed": "random",
        "load_average": {"start": load, "end": os.getloadavg()},
    }
    document |= {
        "depth": depth,
        "seed": seed,
        "exit_status": int(interrupted or bool(failures)),
        "seconds": round(monotonic() - started, 1),
    }
    to.write_text(json.dumps(document), encoding="utf-8")
    if interrupted:
        raise KeyboardInterrupt
    return failures


def describe(rows: list[dict[str, Any]], subjects: list[Subject], facts: Facts, most: int) -> Iterator[dict[str, Any]]:
    """Say of each figure what it belongs to; of all operations but listings the one among the most tasks is kept."""
    known = {one.store: one for one in subjects}
    for row in rows:
        info = row["extra_info"]
        subject, operation = known.get(info["store"], NOTHING), info["operation"]
        if operation in ("list", *FLOORS) or info["entries"] == most:
            info |= {
                "operation": FLOORS.get(operation, operation),
                "subject": subject.name,
                "design": subject.design,
                "mode": subject.mode,
                "transport": subject.transport,
                "tasks": info["entries"],
                "facts": facts.get(subject.transport, {}),
            }
            yield row


@contextmanager
def _servers(tell: Callable[[str], None]) -> Iterator[Facts]:
    """Start the servers of a run, and name them to its blocks; all of it is gone at the end."""
    tell("starting the servers")
    with ExitStack() as running:
        with on_core(SERVER):
            servers: dict[str, RedisServer] = {"embedded": running.enter_context(EmbeddedServer())}
        if os.environ.get(REQUIRE_CONTAINER) == "1" or engine_answers():
            servers["published"] = running.enter_context(PinnedContainerServer())
        for transport, server in servers.items():
            os.environ[variable_of(transport)] = server.url
            running.callback(os.environ.pop, variable_of(transport), None)
        yield {transport: server.facts() for transport, server in servers.items()}


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


def study(depth: str, to: Path) -> int:
    """Make the studies, in one process that shows its own progress, and return its exit status."""
    chosen = [] if depth == "default" else [f"--{depth}"]
    return run([sys.executable, "-m", "benchmarks.studies", "--json", str(to), *chosen]).returncode


def new_seed() -> int:
    """Draw a seed; a run's JSON names it."""
    return Random().randrange(1_000_000)  # noqa: S311  an order that can be repeated, not a secret
