"""Calls that are awaited one by one: their requests, and how long they take beside a PING.

Requests are counted as the gate counts them, at a proxy in front of the server. Calls take turns with PINGs through
redis-py and through the store's own client, so that all three meet the same moods of the machine and their ratio
counts. A task can be cancelled once, so each block of cancels has new ones. All of it is done on asyncio's own loop and
once more on uvloop's, which many servers use. Each block is one of a new process.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from random import Random
from typing import Any, Self

import uvloop

from benchmarks.document import Depth
from benchmarks.gate.counts import count_costs
from benchmarks.studies.blocks import Blocks, Contestant, join, take_block
from benchmarks.studies.document import Calls
from benchmarks.studies.place import SEED, Place
from benchmarks.studies.plain import single
from benchmarks.studies.processes import PROCESSES, in_new_process
from benchmarks.workload import Work, creating, fill, getting, updating
from conformance import Harness
from conformance.measure.loop import Loop
from taskstore import TaskStatus, TaskStore

TASKS = 1_000
OPERATIONS = ("get", "create", "update", "cancel")


@dataclass(frozen=True)
class Scale:
    """How many processes there are, and how many calls a block makes: a multiple of the batches of a block."""

    processes: int
    calls: int


SCALES: dict[Depth, Scale] = {
    "quick": Scale(PROCESSES["quick"], 27),
    "default": Scale(PROCESSES["default"], 270),
    "full": Scale(PROCESSES["full"], 900),
}


def run(depth: Depth, place: Place) -> Calls:
    """Time calls in one process after another; requests are the same in all."""
    scale, made = SCALES[depth], []
    for number in range(scale.processes):
        made.append(in_new_process(_measure, scale.calls, place, number))
        place.empty()
    timed, on_uvloop = ({name: join(loops[loop][name] for _, loops in made) for name in OPERATIONS} for loop in (0, 1))
    return Calls(requests=made[0][0], timed=timed, timed_on_uvloop=on_uvloop)


def _measure(calls: int, place: Place, number: int) -> tuple[dict[str, float], list[dict[str, Blocks]]]:
    """Take a block of each operation on each loop, after one that does not count; then count requests."""
    random = Random(f"{SEED} {number}")  # noqa: S311  an order, the same in every run
    with ExitStack() as running:
        harness = running.enter_context(place.harness("ours", "redis"))
        benches = [
            running.enter_context(_Bench.opened(running.enter_context(Loop.running(make)), harness, place, calls))
            for make in (None, uvloop.new_event_loop)
        ]
        for bench in benches:
            bench.take_blocks(random)
            bench.forget()
        for bench in random.sample(benches, len(benches)):
            bench.take_blocks(random)
        requests = benches[0].count_requests(place)
    return requests, [bench.timed for bench in benches]


class _Bench:
    """A store and redis-py on one loop, and what was timed there."""

    def __init__(self, loop: Loop, harness: Harness, calls: int, client: Any, store: TaskStore) -> None:
        self._loop, self._harness, self._calls = loop, harness, calls
        self._client, self._store = client, store
        self._ids = loop.run(fill(store, TASKS))
        kinds = {"get": getting, "create": creating, "update": updating}
        self._works = {operation: kind(harness, store, self._ids) for operation, kind in kinds.items()}
        self.forget()

    @classmethod
    @contextmanager
    def opened(cls, loop: Loop, harness: Harness, place: Place, calls: int) -> Iterator[Self]:
        stack = AsyncExitStack()
        try:
            client = loop.run(stack.enter_async_context(single(place.url(0))))
            store = loop.run(stack.enter_async_context(harness.open("calls")))
            yield cls(loop, harness, calls, client, store)
        finally:
            loop.run(stack.aclose())

    def forget(self) -> None:
        """Begin anew."""
        self.timed = {operation: Blocks(self._calls) for operation in OPERATIONS}

    def take_blocks(self, random: Random) -> None:
        """Time one block of each operation."""
        for operation in random.sample(OPERATIONS, len(OPERATIONS)):
            work = self._works.get(operation) or self._loop.run(_cancelling(self._store, self._calls))
            contestant = _contestant(operation, work, self._calls)
            pings = {"ping": self._client.ping, "own_ping": partial(self._harness.ping, self._store)}
            self._loop.run(take_block(replace(contestant, **pings), self.timed[operation]))

    def count_requests(self, place: Place) -> dict[str, float]:
        """Count them; some tasks are cancelled by it."""
        costs = self._loop.run(count_costs(self._harness, "calls", place.url(0), self._ids))
        return {operation: cost.requests for operation, cost in costs.items()}


def _contestant(operation: str, work: Work, calls: int) -> Contestant:
    batch = list(islice(work.arguments, calls))
    left = iter(batch)
    return Contestant(operation, lambda: work.call(*next(left)), lambda answer: work.right(answer, *batch[-1]))


async def _cancelling(store: TaskStore, tasks: int) -> Work:
    ids = await fill(store, tasks)
    return Work(store.cancel_task, ((task_id,) for task_id in ids), lambda task, _: task.status == TaskStatus.CANCELLED)
