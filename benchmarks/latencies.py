"""The latencies of both designs: blocks of `conformance.measure` with all subjects in each, and their JSON."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from time import monotonic
from typing import Any

from benchmarks.document import Depth
from benchmarks.subjects import SUBJECTS
from conformance.measure.block import in_new_process, number_blocks, time_block
from conformance.measure.estimate import BLOCKS
from conformance.measure.export import document_of
from conformance.measure.timing import Effort
from conformance.results.fingerprint import fingerprint

Facts = Mapping[str, Mapping[str, str]]
"""What is known of the server at the end of each way."""


@dataclass(frozen=True)
class Scale:
    """How many blocks a run has, and what each of them does: a store holds one of `sizes`."""

    blocks: int
    effort: Effort
    sizes: tuple[int, ...]


SCALES: Mapping[Depth, Scale] = {
    "quick": Scale(BLOCKS, Effort(rounds=50, seconds=0.006), sizes=(100, 1_000)),
    "default": Scale(BLOCKS, Effort(rounds=200, seconds=0.02), sizes=(100, 1_000, 10_000)),
    "full": Scale(BLOCKS, Effort(rounds=1_000, seconds=0.12), sizes=(100, 1_000, 10_000)),
}


def measure(depth: Depth, seed: int, facts: Facts, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure on the servers of the run, and return the JSON; `seed` decides the orders.

    Raises:
        BlockFailedError: if a block failed.
    """
    started, load, scale = monotonic(), os.getloadavg(), SCALES[depth]
    subjects = [one for one in SUBJECTS if one.transport in ("none", *facts)]
    plan = [one.store for one in subjects], scale.sizes, scale.effort
    numbers = number_blocks(scale.blocks, tell)
    blocks = [in_new_process(time_block, *plan, f"{seed} {number}") for number in numbers]
    document = document_of(blocks)
    document["benchmarks"] = [*describe(document["benchmarks"], facts, max(scale.sizes))]
    del document["machine_info"]["node"]
    document["machine_info"] |= {
        **environment(),
        "load_average": {"start": load, "end": os.getloadavg()},
    }
    return document | {"depth": depth, "seed": seed, "seconds": round(monotonic() - started, 1)}


def describe(rows: list[dict[str, Any]], facts: Facts, most: int) -> Iterator[dict[str, Any]]:
    """Say of each figure what it belongs to; of all operations but listings the one among the most tasks is kept."""
    subjects = {one.store: one for one in SUBJECTS}
    for row in rows:
        info = row["extra_info"]
        subject = subjects[info["store"]]
        if info["operation"] == "list" or info["entries"] == most:
            info |= {
                "subject": subject.name,
                "design": subject.design,
                "mode": subject.mode,
                "transport": subject.transport,
                "tasks": info["entries"],
                "facts": facts.get(subject.transport, {}),
            }
            yield row


def environment() -> dict[str, object]:
    """Say what a figure may depend on besides the store and its server; nothing that names a machine or a person."""
    with asyncio.Runner() as runner:
        loop = type(runner.get_loop())
    return {
        "fingerprint": fingerprint(),
        "cpu_count": os.cpu_count(),
        "redis_py": version("redis"),
        "hiredis": version("hiredis"),
        "pydantic": version("pydantic"),
        "event_loop": f"{loop.__module__}.{loop.__qualname__}",
        "hash_seed": "random",
    }
