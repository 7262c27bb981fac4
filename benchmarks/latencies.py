"""The latencies of both designs: blocks of `conformance.measure` with all backends in each, and their JSON."""

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from time import monotonic
from typing import Any

from pytest_benchmark.plugin import pytest_benchmark_generate_machine_info
from pytest_benchmark.utils import get_commit_info

from benchmarks.backends import BACKENDS
from benchmarks.document import Depth
from conformance.measure.block import Plan, time_blocks
from conformance.measure.estimate import BLOCKS
from conformance.measure.figures import as_data
from conformance.measure.timing import Effort
from conformance.results.fingerprint import fingerprint

Facts = Mapping[str, Mapping[str, str]]
"""What is known of the server at the end of each way."""


@dataclass(frozen=True)
class Scale:
    """What each block of a run does: a store holds `most` tasks, and for listings one of `fewer` too."""

    effort: Effort
    fewer: tuple[int, ...]
    most: int
    blocks: int = BLOCKS

    @property
    def plan(self) -> Plan:
        """Which operations are timed among how many tasks."""
        return {**dict.fromkeys(self.fewer, ("list",)), self.most: ()}


SCALES: Mapping[Depth, Scale] = {
    "quick": Scale(Effort(seconds=0.006), fewer=(100,), most=1_000, blocks=9),
    "default": Scale(Effort(seconds=0.02), fewer=(100, 1_000), most=10_000),
    "full": Scale(Effort(seconds=0.12), fewer=(100, 1_000), most=10_000),
}


def measure(depth: Depth, seed: int, facts: Facts, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure on the servers of the run, and return the JSON; `seed` decides the orders.

    Raises:
        CommandFailedError: if a block failed.
    """
    started, load, scale = monotonic(), os.getloadavg(), SCALES[depth]
    stores = [backend.store for backend in BACKENDS if backend.transport in ("none", *facts)]
    figures = time_blocks(stores, scale.plan, scale.effort, scale.blocks, seed, tell)
    machine = pytest_benchmark_generate_machine_info()  # type: ignore[no-untyped-call]
    del machine["node"]
    machine |= environment()
    machine["load_average"] = {"start": load, "end": os.getloadavg()}
    ended = datetime.now(UTC)
    seconds = monotonic() - started
    return {
        "machine_info": machine,
        "commit_info": get_commit_info(),  # type: ignore[no-untyped-call]
        "benchmarks": [described(figure, facts) for figure in as_data(figures)],
        "datetime": ended.isoformat(),
        "version": version("pytest-benchmark"),
        "depth": depth,
        "seed": seed,
        "seconds": round(seconds, 1),
    }


def described(figure: dict[str, Any], facts: Facts) -> dict[str, Any]:
    """Say of a figure what it belongs to."""
    backend = next(backend for backend in BACKENDS if backend.store == figure["store"])
    entries = figure["entries"]
    info = dict(figure)
    info["backend"] = backend.name
    info["design"] = backend.design
    info["mode"] = backend.mode
    info["transport"] = backend.transport
    info["tasks"] = entries
    info["facts"] = facts.get(backend.transport, {})
    return {"name": f"{info['operation']}, {backend.name}, {entries}", "extra_info": info}


def environment() -> dict[str, object]:
    """Say what a figure may depend on besides the store and its server; nothing that names a machine or a person."""
    with asyncio.Runner() as runner:
        loop = type(runner.get_loop())
    versions = {"redis_py": "redis", "hiredis": "hiredis", "pydantic": "pydantic"}
    return {
        "fingerprint": fingerprint(),
        "cpu_count": os.cpu_count(),
        **{name: version(package) for name, package in versions.items()},
        "event_loop": f"{loop.__module__}.{loop.__qualname__}",
        "hash_seed": "random",
    }
