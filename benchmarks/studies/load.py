"""Under load: how many calls a second many callers get through, each of which waits for its answer.

In Redis mode. Memory mode never awaits, so its callers take turns and nothing changes with their number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import cycle, product
from random import Random
from time import perf_counter

from benchmarks.document import Depth
from benchmarks.studies.document import Key, Measured
from benchmarks.studies.filling import create
from benchmarks.studies.place import DESIGNS, Place
from benchmarks.studies.processes import PROCESSES, in_new_process, orders
from benchmarks.studies.turns import Call, heed_cancellation
from benchmarks.workload import STEPS
from taskstore import TaskStore

TASKS = 1_000


@dataclass(frozen=True)
class Scale:
    """Which numbers of callers call for how many seconds in each process."""

    processes: int
    callers: tuple[int, ...]
    seconds: float


SCALES: dict[Depth, Scale] = {
    "quick": Scale(PROCESSES["quick"], (1, 4, 16, 64), 0.05),
    "default": Scale(PROCESSES["default"], (1, 4, 16, 64, 256), 0.1),
    "full": Scale(PROCESSES["full"], (1, 2, 4, 8, 16, 32, 64, 128, 256), 0.3),
}


def run(depth: Depth, place: Place) -> Iterator[Measured]:
    """Let ever more callers call, in one process after another."""
    for random in orders(SCALES[depth].processes):
        yield in_new_process(_measure, SCALES[depth], place, random)
        place.empty()


async def _measure(scale: Scale, place: Place, random: Random) -> Measured:
    """Take a block of every number of callers, in a random order."""
    calls: dict[tuple[str, str], Call] = {}
    measured: dict[Key, dict[str, float]] = {}
    async with AsyncExitStack() as opened:
        for database, design in enumerate(DESIGNS):
            harness = opened.enter_context(place.harness(design, "redis", database))
            store = await opened.enter_async_context(harness.open("load"))
            calls |= {(design, name): call for name, call in _operations(store, await create(store, TASKS)).items()}
        for call in calls.values():
            await call_for(call, max(scale.callers), scale.seconds)  # connects, and counts nothing
        blocks = [*product(calls, scale.callers)]
        for (subject, operation), callers in random.sample(blocks, len(blocks)):
            answered, failed, seconds = await call_for(calls[subject, operation], callers, scale.seconds)
            measured[subject, "redis", operation, callers] = {"rate": answered / seconds, "failed": failed}
    return measured


async def call_for(call: Call, callers: int, seconds: float) -> tuple[int, int, float]:
    """Let callers call again and again for a time, and wait for the calls that are under way then.

    Returns:
        How many were answered, how many raised, and the seconds that all of it took.
    """
    heed_cancellation()
    answered = failed = 0
    started = perf_counter()

    async def caller() -> None:
        nonlocal answered, failed
        while perf_counter() < started + seconds:
            try:
                await call()
            except Exception:  # noqa: BLE001  what a store raises under load is a result
                failed += 1
                await asyncio.sleep(0)  # a failure that awaits nothing must not keep the others from their turn
            else:
                answered += 1

    await asyncio.gather(*(caller() for _ in range(callers)))
    return answered, failed, perf_counter() - started


def _operations(store: TaskStore, ids: Sequence[str]) -> dict[str, Call]:
    some, others, steps = cycle(ids), cycle(ids), cycle(STEPS)
    return {
        "get": lambda: store.get_task(next(some)),
        "update": lambda: store.update_task_status(next(others), *next(steps)),
    }
