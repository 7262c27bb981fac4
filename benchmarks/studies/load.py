"""Throughput against concurrent callers, in a closed loop: each caller makes its next call when it has its answer.

In Redis mode, and beside it redis-py by itself with a pool of 64 and valkey-glide by itself, which send the commands
that our store was overheard sending, and do nothing with the replies. Memory mode never awaits, so its callers take
turns and nothing changes with their number. Waits in a closed loop leave out what a caller who was kept waiting would
have asked meanwhile: for waits under load see `arrivals`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from random import Random
from time import perf_counter
from typing import Any

from benchmarks.document import Depth
from benchmarks.studies.blocks import Call, heed_cancellation
from benchmarks.studies.document import GLIDE, PLAIN, Block, Called, Cell, Load
from benchmarks.studies.filling import create
from benchmarks.studies.place import DESIGNS, SEED, Place
from benchmarks.studies.plain import gliding, overhear, pooled, repeating
from benchmarks.studies.processes import PROCESSES, in_new_process
from benchmarks.workload import STEPS
from conformance.measure.loop import Loop
from taskstore import TaskStore

Key = tuple[str, Called, int]
"""A subject, an operation, and a number of callers."""

TASKS = 1_000


@dataclass(frozen=True)
class Scale:
    """Which numbers of callers, and for how many seconds each of them calls in each process."""

    callers: tuple[int, ...]
    processes: int
    seconds: float


SCALES: dict[Depth, Scale] = {
    "quick": Scale((1, 4, 16, 64), PROCESSES["quick"], 0.04),
    "default": Scale((1, 2, 4, 8, 16, 32, 64, 128, 256), PROCESSES["default"], 0.05),
    "full": Scale((1, 2, 4, 8, 16, 32, 64, 128, 256), PROCESSES["full"], 0.12),
}


def run(depth: Depth, place: Place) -> Load:
    """Let ever more callers call, in one process after another."""
    scale = SCALES[depth]
    made: dict[Key, list[Answers]] = {}
    for number in range(scale.processes):
        for key, answers in in_new_process(_measure, scale, place, number).items():
            made.setdefault(key, []).append(answers)
        place.empty()
    cells = (
        Cell(
            subject=subject,
            operation=operation,
            callers=callers,
            blocks=tuple(Block(answered=len(one.waits), failed=one.failed, seconds=one.seconds) for one in blocks),
        )
        for (subject, operation, callers), blocks in sorted(made.items())
    )
    return Load(tasks=TASKS, cells=tuple(cells))


def _measure(scale: Scale, place: Place, number: int) -> dict[Key, Answers]:
    """Take a block of every cell, in a random order."""
    random = Random(f"{SEED} {number}")  # noqa: S311  an order, the same in every run

    async def measure() -> dict[Key, Answers]:
        async with calling(place, TASKS) as calls:
            for call in calls.values():
                await call_for(call, max(scale.callers), scale.seconds)  # connects, and counts nothing
            keys = [(*what, callers) for what in calls for callers in scale.callers]
            return {
                (subject, operation, callers): await call_for(calls[subject, operation], callers, scale.seconds)
                for subject, operation, callers in random.sample(keys, len(keys))
            }

    with Loop.running() as loop:
        return loop.run(measure())


@dataclass(frozen=True)
class Answers:
    """What callers met in one block."""

    waits: list[float]
    failed: int
    seconds: float


async def call_for(call: Call, callers: int, seconds: float) -> Answers:
    """Let callers call again and again for a time; the calls that are under way then are waited for, and count."""
    heed_cancellation()
    waits: list[float] = []
    failed = 0
    started = perf_counter()

    async def caller() -> None:
        nonlocal failed
        while (asked := perf_counter()) < started + seconds:
            try:
                await call()
            except Exception:  # noqa: BLE001  what a store raises under load is a result
                failed += 1
                await asyncio.sleep(0)  # a failure that awaits nothing must not keep the others from their turn
            else:
                waits.append(perf_counter() - asked)

    await asyncio.gather(*(caller() for _ in range(callers)))
    return Answers(waits, failed, perf_counter() - started)


@asynccontextmanager
async def calling(place: Place, tasks: int) -> AsyncIterator[dict[tuple[str, Called], Call]]:
    """Open both designs and both clients on stores of that many tasks, and give a call for each operation of each."""
    calls: dict[tuple[str, Called], Call] = {}
    async with AsyncExitStack() as opened:
        for database, design in enumerate(DESIGNS):
            harness = opened.enter_context(place.harness(design, "redis", database))
            store = await opened.enter_async_context(harness.open("load"))
            ids = await create(store, tasks)
            for operation, call in _operations(store, ids):
                calls[design, operation] = call
                if design == "ours":
                    client = await opened.enter_async_context(pooled(place.url(database)))
                    glide = await opened.enter_async_context(gliding(place.url(database)))
                    [command] = await overhear(place.url(database), call)
                    calls[PLAIN, operation] = repeating(partial(_send, client), command, ids)
                    calls[GLIDE, operation] = repeating(partial(_glide, glide), command, ids)
        yield calls


async def _send(client: Any, command: Sequence[bytes]) -> object:
    return await client.execute_command(*command)


async def _glide(client: Any, command: Sequence[bytes]) -> object:
    return await client.custom_command(command)


def _operations(store: TaskStore, ids: Sequence[str]) -> list[tuple[Called, Call]]:
    some, others, steps = cycle(ids), cycle(ids), cycle(STEPS)
    return [
        ("get", lambda: store.get_task(next(some))),
        ("update", lambda: store.update_task_status(next(others), *next(steps))),
    ]
