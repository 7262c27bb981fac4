"""Calls that are awaited one by one: their requests, and how long they take beside a PING.

Requests are counted as the gate counts them, at a proxy in front of the server. Calls take turns with PINGs through
redis-py and through the store's own client, so that all three meet the same moods of the machine and their ratio
counts. A task can be cancelled once, so each block of cancels has new ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from random import Random

from benchmarks.gate.counts import count_costs
from benchmarks.loop import Loop
from benchmarks.studies.blocks import Blocks, Contestant, take_block
from benchmarks.studies.place import SEED, Depth, Place
from benchmarks.studies.plain import single
from benchmarks.workload import Work, creating, fill, getting, updating
from taskstore import TaskStatus, TaskStore

TASKS = 1_000
OPERATIONS = ("get", "create", "update", "cancel")


@dataclass(frozen=True)
class Scale:
    """How many blocks there are, and how many calls a block makes: a multiple of the batches of a block."""

    blocks: int
    calls: int


SCALES: dict[Depth, Scale] = {"quick": Scale(9, 27), "default": Scale(21, 90), "full": Scale(31, 270)}


@dataclass(frozen=True)
class Calls:
    """By operation: requests per call, and the blocks of what was timed."""

    requests: dict[str, float]
    timed: dict[str, Blocks]


def run(depth: Depth, place: Place) -> Calls:
    """Count requests, then time calls."""
    with Loop.running() as loop:
        return loop.run(_measure(SCALES[depth], place))


async def _measure(scale: Scale, place: Place) -> Calls:
    timed = {operation: Blocks(scale.calls) for operation in OPERATIONS}
    random = Random(SEED)  # noqa: S311  an order, the same in every run
    with place.harness("ours", "redis") as harness:
        async with harness.open("calls") as store, single(place.url(0)) as client:
            ids = await fill(store, TASKS)
            works = {
                "get": getting(harness, store, ids),
                "create": creating(harness, store, ids),
                "update": updating(harness, store, ids),
            }
            for _ in range(scale.blocks):
                for operation in random.sample(OPERATIONS, len(OPERATIONS)):
                    work = works.get(operation) or await _cancelling(store, scale.calls)
                    contestant = _contestant(operation, work, scale.calls)
                    beside = replace(contestant, ping=client.ping, own_ping=partial(harness.ping, store))
                    await take_block(beside, timed[operation])
            costs = await count_costs(harness, "calls", place.url(0), ids)
    place.empty()
    return Calls({operation: cost.requests for operation, cost in costs.items()}, timed)


def _contestant(operation: str, work: Work, calls: int) -> Contestant:
    batch = list(islice(work.arguments, calls))
    left = iter(batch)
    return Contestant(operation, lambda: work.call(*next(left)), lambda answer: work.right(answer, *batch[-1]))


async def _cancelling(store: TaskStore, tasks: int) -> Work:
    ids = await fill(store, tasks)
    return Work(store.cancel_task, ((task_id,) for task_id in ids), lambda task, _: task.status == TaskStatus.CANCELLED)
