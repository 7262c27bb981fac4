"""Invariants: what must hold on any machine, checked in one go."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from benchmarks.gate.counts import Cost, count_costs, count_keys, find_excess, find_left
from benchmarks.gate.growth import FEW, MANY, find_exponent, find_growth
from benchmarks.gate.requirements import find_broken_requirements
from benchmarks.workload import fill
from conformance import Harness
from conformance.results.document import Results
from conformance.subjects.registry import find_subject


@dataclass(frozen=True)
class Invariants:
    """What is wrong, and the figures."""

    broken: tuple[str, ...]
    costs: Mapping[int, Mapping[str, Cost]]
    """By number of tasks, by operation."""
    keys: Mapping[str, int]
    growth: Mapping[str, float]
    """The exponent of a listing, by mode."""


def look(redis: Harness, url: str, results: Results | None = None) -> Invariants:
    """Look at the `taskstore` that is imported here; Redis mode on a server of our own, at `url`, that is running.

    With `results` of the suite they are judged, and it is not run.
    """
    broken = find_broken_requirements(results)
    costs, keys, growth = asyncio.run(_measure(redis, url))
    for tasks, counted in costs.items():
        broken += [f"with {tasks} tasks {excess}" for excess in find_excess(counted)]
    broken += [*find_left(keys), *find_growth(growth)]
    return Invariants(tuple(broken), costs, keys, growth)


async def _measure(redis: Harness, url: str) -> tuple[dict[int, dict[str, Cost]], dict[str, int], dict[str, float]]:
    costs, growth = {}, {}
    for mode, harness in (("memory", find_subject("memory")()), ("redis", redis)):
        async with AsyncExitStack() as opened:
            stores, ids = {}, {}
            for tasks in (FEW, MANY):
                opened.callback(harness.discard, f"gate-{tasks}")
                stores[tasks] = await opened.enter_async_context(harness.open(f"gate-{tasks}"))
                ids[tasks] = await fill(stores[tasks], tasks)
            growth[mode] = await find_exponent(stores)
            if harness is redis:
                costs = {tasks: await count_costs(redis, f"gate-{tasks}", url, ids[tasks]) for tasks in ids}
    return costs, await count_keys(redis, "gate-keys", url), growth
