"""Latency against the offered rate, in an open loop: calls begin when they are due, others being done or not.

A wait is counted from the moment that the call was due, so a store that stalls is charged for everybody who came during
the stall, and a generator that is late charges it to itself: `lateness` says how much. Rates are shares of what 64
callers get through in a closed loop. Arrivals are those of a Poisson process. Every process offers each rate once.

The loop waits through select(2): epoll, which asyncio takes otherwise, wakes on whole milliseconds only.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from random import Random
from statistics import median
from time import perf_counter

from benchmarks.document import Depth
from benchmarks.studies.blocks import Call
from benchmarks.studies.document import Arrivals, Called, Offered, Open, Spread
from benchmarks.studies.load import call_for, calling
from benchmarks.studies.place import SEED, Place
from benchmarks.studies.processes import PROCESSES, in_new_process
from conformance.measure.loop import Loop

TASKS = 1_000
CALLERS = 64


@dataclass(frozen=True)
class Scale:
    """How many calls arrive at each share of the capacity in each process, and how long the capacity is looked for."""

    calls: int
    shares: tuple[float, ...]
    capacity_seconds: float
    processes: int


SCALES: dict[Depth, Scale] = {
    "quick": Scale(200, (0.5, 1.1), 0.1, PROCESSES["quick"]),
    "default": Scale(1_000, (0.1, 0.25, 0.5, 0.75, 0.9, 1.1), 0.3, PROCESSES["default"]),
    "full": Scale(2_000, (0.1, 0.25, 0.5, 0.75, 0.9, 1.1), 1.0, PROCESSES["default"]),
}


Key = tuple[str, Called, float]
"""A subject, an operation, and a share of the capacity."""


def run(depth: Depth, place: Place) -> Open:
    """Find what each subject gets through and offer shares of it, in one process after another."""
    scale = SCALES[depth]
    made: dict[Key, list[Arrivals]] = {}
    for number in range(scale.processes):
        for key, arrivals in in_new_process(_measure, scale, place, number).items():
            made.setdefault(key, []).append(arrivals)
        place.empty()
    offered = (
        Offered(subject=subject, operation=operation, share=share, runs=tuple(runs))
        for (subject, operation, share), runs in sorted(made.items())
    )
    return Open(tasks=TASKS, offered=tuple(offered))


@contextmanager
def precise_loop() -> Iterator[Loop]:
    """Make a loop that wakes within some 50 microseconds of what it waits for."""
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        yield Loop(runner)


def _measure(scale: Scale, place: Place, number: int) -> dict[Key, Arrivals]:
    with precise_loop() as loop:
        return loop.run(_offer_all(scale, place, Random(f"{SEED} {number}")))  # noqa: S311  the same in every run


async def _offer_all(scale: Scale, place: Place, random: Random) -> dict[Key, Arrivals]:
    async with calling(place, TASKS) as calls:
        capacities: dict[tuple[str, Called], float] = {}
        for what, call in calls.items():
            rates = [await _find_rate(call, scale.capacity_seconds / 3) for _ in range(4)]
            capacities[what] = median(rates[1:])  # the first connects
        order = [(what, share) for what in calls for share in scale.shares]
        return {
            (*what, share): await _offer(calls[what], capacities[what], share, scale.calls, random)
            for what, share in random.sample(order, len(order))
        }


async def _offer(call: Call, capacity: float, share: float, calls: int, random: Random) -> Arrivals:
    started = perf_counter()
    met = await arrive(call, islice(moments(share * capacity, random), calls))
    seconds = perf_counter() - started
    return Arrivals(
        capacity=capacity,
        rate=share * capacity,
        waits=Spread.of(met.waits),
        lateness=Spread.of(met.late),
        failed=met.failed,
        due_seconds=max(met.due) - started,
        seconds=seconds,
    )


async def _find_rate(call: Call, seconds: float) -> float:
    answers = await call_for(call, CALLERS, seconds)
    return len(answers.waits) / answers.seconds


@dataclass
class Met:
    """What met each call that came: when it was due, how late it began, and how long it was until its answer."""

    due: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    failed: int = 0


async def arrive(call: Call, moments: Iterable[float]) -> Met:
    """Make a call at each moment of `perf_counter`, or as soon after it as can be, and wait for the last answer."""
    met = Met()

    async def meet(due: float) -> None:
        met.late.append(perf_counter() - due)
        try:
            await call()
        except Exception:  # noqa: BLE001  what a store raises under load is a result
            met.failed += 1
        met.due.append(due)
        met.waits.append(perf_counter() - due)

    async with asyncio.TaskGroup() as meeting:
        for due in moments:
            if (early := due - perf_counter()) > 0:
                await asyncio.sleep(early)
            meeting.create_task(meet(due))
    return met


def moments(rate: float, random: Random) -> Iterator[float]:
    """Draw moments without end, from now on, `rate` a second in the mean."""
    moment = perf_counter()
    while True:
        moment += random.expovariate(rate)
        yield moment
