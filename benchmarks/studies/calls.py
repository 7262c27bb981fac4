"""Calls that are awaited one by one, in what the benchmarks do not tell: their requests, and how long a cancel takes.

Requests are counted as the gate counts them, at a proxy in front of the server. A task can be cancelled once, so each
block has new ones; before each block a PING is timed, through redis-py and through the store's own client.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.gate.counts import count_costs
from benchmarks.loop import Loop
from benchmarks.studies.blocks import Blocks, WrongAnswerError, heed_cancellation, time_calls
from benchmarks.studies.place import Depth, Place
from benchmarks.studies.plain import single
from benchmarks.workload import fill
from taskstore import TaskStatus

TASKS = 1_000


@dataclass(frozen=True)
class Scale:
    """How many blocks there are, and how many calls a block makes."""

    blocks: int
    calls: int


SCALES: dict[Depth, Scale] = {"quick": Scale(9, 18), "default": Scale(21, 90), "full": Scale(31, 270)}


@dataclass(frozen=True)
class Calls:
    """Requests per call, by operation, and the blocks of cancels."""

    requests: dict[str, float]
    cancel: Blocks


def run(depth: Depth, place: Place) -> Calls:
    """Count requests, then time cancels."""
    with Loop.running() as loop:
        return loop.run(_measure(SCALES[depth], place))


async def _measure(scale: Scale, place: Place) -> Calls:
    cancel = Blocks(scale.calls)
    with place.harness("ours", "redis") as harness:
        async with harness.open("calls") as store, single(place.url(0)) as client:
            costs = await count_costs(harness, "calls", place.url(0), await fill(store, TASKS))
            for _ in range(scale.blocks):
                heed_cancellation()
                ids = iter(await fill(store, scale.calls))
                for ping, made in (
                    (client.ping, cancel.ping_seconds),
                    (partial(harness.ping, store), cancel.own_ping_seconds),
                ):
                    made.append((await time_calls(ping, scale.calls))[0])

                async def call(ids: Any = ids) -> Any:
                    return await store.cancel_task(next(ids))

                seconds, task = await time_calls(call, scale.calls)
                if task.status != TaskStatus.CANCELLED:
                    raise WrongAnswerError(f"cancel answered {task}")
                cancel.seconds.append(seconds)
    place.empty()
    return Calls({operation: cost.requests for operation, cost in costs.items()}, cancel)
