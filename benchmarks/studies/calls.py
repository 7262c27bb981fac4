"""Calls that are awaited one by one: their requests, and how long they take beside a PING.

Requests are counted as the gate counts them, at a proxy in front of the server. Calls take turns with PINGs through
redis-py and through the store's own client, so that all three meet the same noise and their ratio counts. A task can be
cancelled once, so there is one for each cancel. All of it is done on asyncio's own loop and on uvloop's, which many
servers use, each time in a new process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle
from random import Random
from typing import Any

import uvloop

from benchmarks.document import Depth, Design
from benchmarks.gate.counts import count_costs
from benchmarks.studies.document import ON_UVLOOP, Key, Measured
from benchmarks.studies.place import DESIGNS, Place
from benchmarks.studies.plain import single
from benchmarks.studies.processes import PROCESSES, MakeLoop, in_new_process, orders
from benchmarks.studies.turns import MOST_CALLS, Call, Contestant, take_turns
from benchmarks.workload import REQUEST, STEPS, fill
from conformance.measure.loop import Loop
from taskstore import TaskStatus

COUNTED = 100
"""Tasks in the store whose requests are counted: that of the shortest documented listing that is judged."""
TASKS = 1_000
SECONDS: dict[Depth, float] = {"quick": 0.01, "default": 0.06, "full": 0.2}
LOOPS: dict[str, MakeLoop | None] = {"": None, ON_UVLOOP: uvloop.new_event_loop}


def run(depth: Depth, place: Place) -> Iterator[Measured]:
    """Count requests, then time calls in one process after another."""
    with Loop.running() as loop:
        for design in DESIGNS:
            yield loop.run(_count(place, design))
            place.empty()
    for random in orders(PROCESSES[depth]):
        for suffix, make_loop in LOOPS.items():
            yield in_new_process(_time, place, SECONDS[depth], suffix, random, make_loop=make_loop)
            place.empty()


async def _count(place: Place, design: Design) -> Measured:
    with place.harness(design, "redis") as harness:
        async with harness.open("calls") as store:
            ids = await fill(store, COUNTED)
        costs = await count_costs(harness, "calls", place.url(0), ids)
    return {(design, "redis", operation, 0): {"requests": cost.requests} for operation, cost in costs.items()}


async def _time(place: Place, seconds: float, suffix: str, random: Random) -> Measured:
    with place.harness("ours", "redis") as harness:
        async with harness.open("calls") as store, single(place.url(0)) as client:
            ids, left, steps = cycle(await fill(store, TASKS)), iter(await fill(store, MOST_CALLS + 2)), cycle(STEPS)
            calls = {
                "get": lambda: store.get_task(next(ids)),
                "create": lambda: store.create_task(REQUEST),
                "update": lambda: store.update_task_status(next(ids), *next(steps)),
                "cancel": lambda: store.cancel_task(next(left)),
            }
            pings: dict[str, Call] = {"ping": client.ping, "own ping": partial(harness.ping, store)}
            contestants: dict[Key, Contestant] = {
                ("ours", "redis", operation + suffix, 0): Contestant(call, _right(operation), pings)
                for operation, call in calls.items()
            }
            return await take_turns(contestants, seconds, random)


def _right(operation: str) -> Callable[[Any], bool]:
    wanted = {"create": {TaskStatus.PENDING}, "cancel": {TaskStatus.CANCELLED}}
    steps = {TaskStatus.PENDING, *(status for status, *_ in STEPS)}
    return lambda task: task.status in wanted.get(operation, steps)
