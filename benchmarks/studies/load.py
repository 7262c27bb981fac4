"""Under load: throughput of callers that wait for their answers, and waits of calls that come at a rate.

In a closed loop each caller makes its next call when it has its answer. In an open loop calls begin when they are due,
others being done or not: a wait is counted from that moment, so a store that stalls is charged for everybody who came
during the stall, and a generator that is late charges it to itself: "late" says how much. Rates are shares of what 64
callers get through in the closed loop of the same process; arrivals are those of a Poisson process.

In Redis mode, and beside it redis-py by itself with a pool of 64 and valkey-glide by itself, which send the commands
that our store was overheard sending, and do nothing with the replies. Memory mode never awaits, so its callers take
turns and nothing changes with their number.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle, islice, product
from random import Random
from time import perf_counter
from typing import Any

from benchmarks.document import Depth
from benchmarks.studies.document import COMES, GLIDE, PLAIN, Key, Measured
from benchmarks.studies.filling import create
from benchmarks.studies.place import DESIGNS, Place
from benchmarks.studies.plain import gliding, overhear, pooled, repeating
from benchmarks.studies.processes import PROCESSES, in_new_process, orders
from benchmarks.studies.turns import Call, heed_cancellation
from benchmarks.workload import STEPS
from conformance.measure.estimate import quantile
from taskstore import TaskStore

TASKS = 1_000
CALLERS = 64
"""Whose rate is the capacity."""
BEYOND = 10
"""Calls that have to lie beyond a quantile."""


@dataclass(frozen=True)
class Scale:
    """Which numbers of callers call for how many seconds in each process, and how many calls come at which shares."""

    processes: int
    callers: tuple[int, ...]
    seconds: float
    shares: tuple[float, ...]
    calls: int


_CALLERS, _SHARES = (1, 2, 4, 8, 16, 32, 64, 128, 256), (0.1, 0.25, 0.5, 0.75, 0.9, 1.1)
SCALES: dict[Depth, Scale] = {
    "quick": Scale(PROCESSES["quick"], (1, 4, 16, 64), 0.05, (0.5, 1.1), 200),
    "default": Scale(PROCESSES["default"], _CALLERS, 0.1, _SHARES, 1_000),
    "full": Scale(PROCESSES["default"], _CALLERS, 0.3, _SHARES, 2_000),
}


def run(depth: Depth, place: Place) -> Iterator[Measured]:
    """Let ever more callers call, and ever more calls come, in one process after another."""
    for random in orders(SCALES[depth].processes):
        yield in_new_process(_measure, SCALES[depth], place, random, make_loop=precise_loop)
        place.empty()


def precise_loop() -> asyncio.AbstractEventLoop:
    """Make a loop that wakes within some 50 microseconds of what it waits for.

    It waits through select(2): epoll, which asyncio takes otherwise, wakes on whole milliseconds only.
    """
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


async def _measure(scale: Scale, place: Place, random: Random) -> Measured:
    """Take a block of every number of callers, then of every share of the capacity, each in a random order."""
    measured: dict[Key, dict[str, float]] = {}
    async with calling(place, TASKS) as calls:
        for call in calls.values():
            await call_for(call, max(scale.callers), scale.seconds)  # connects, and counts nothing
        for (subject, operation), callers in _shuffled(product(calls, scale.callers), random):
            answered, failed, seconds = await call_for(calls[subject, operation], callers, scale.seconds)
            measured[subject, "redis", operation, callers] = {"rate": answered / seconds, "failed": failed}
        for (subject, operation), share in _shuffled(product(calls, scale.shares), random):
            rate = share * measured[subject, "redis", operation, CALLERS]["rate"]
            came = await arrive(calls[subject, operation], islice(moments(rate, random), scale.calls))
            measured[subject, "redis", operation + COMES, share] = {"rate": rate, **came.figures()}
    return measured


def _shuffled(pairs: Iterable[tuple[Any, Any]], random: Random) -> list[tuple[Any, Any]]:
    known = [*pairs]
    return random.sample(known, len(known))


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


@dataclass
class Came:
    """What met each call that came: how late it began, and how long it was from when it was due until its answer."""

    late: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    failed: int = 0
    due_seconds: float = 0.0
    """From the start until the last was due, and until the last answer: what lies between is the backlog."""
    seconds: float = 0.0

    def figures(self) -> dict[str, float]:
        """Give the figures; a quantile only if enough calls lie beyond it."""
        found = {
            "held": (len(self.waits) - self.failed) / self.seconds,
            "failed": self.failed,
            "in time": self.due_seconds / self.seconds,
        }
        for name, share in (("p50", 0.5), ("p99", 0.99)):
            if round(len(self.waits) * (1 - share), 6) >= BEYOND:
                found[name] = quantile(sorted(self.waits), share)
                found[f"late {name}"] = quantile(sorted(self.late), share)
        return found


async def arrive(call: Call, moments: Iterable[float]) -> Came:
    """Make a call at each moment of `perf_counter`, or as soon after it as can be, and wait for the last answer."""
    heed_cancellation()
    came, started = Came(), perf_counter()

    async def meet(due: float) -> None:
        came.late.append(max(0.0, perf_counter() - due))
        try:
            await call()
        except Exception:  # noqa: BLE001  what a store raises under load is a result
            came.failed += 1
        came.waits.append(perf_counter() - due)

    async with asyncio.TaskGroup() as meeting:
        for due in moments:
            if (early := due - perf_counter()) > 0:
                await asyncio.sleep(early)
            meeting.create_task(meet(due))
            came.due_seconds = due - started
    came.seconds = perf_counter() - started
    return came


def moments(rate: float, random: Random) -> Iterator[float]:
    """Draw moments without end, from now on, `rate` a second in the mean."""
    moment = perf_counter()
    while True:
        moment += random.expovariate(rate)
        yield moment


@asynccontextmanager
async def calling(place: Place, tasks: int) -> AsyncIterator[dict[tuple[str, str], Call]]:
    """Open both designs and both clients on stores of that many tasks, and give a call for each operation of each."""
    calls: dict[tuple[str, str], Call] = {}
    async with AsyncExitStack() as opened:
        for database, design in enumerate(DESIGNS):
            harness = opened.enter_context(place.harness(design, "redis", database))
            store = await opened.enter_async_context(harness.open("load"))
            ids = await create(store, tasks)
            for operation, call in _operations(store, ids).items():
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


def _operations(store: TaskStore, ids: Sequence[str]) -> dict[str, Call]:
    some, others, steps = cycle(ids), cycle(ids), cycle(STEPS)
    return {
        "get": lambda: store.get_task(next(some)),
        "update": lambda: store.update_task_status(next(others), *next(steps)),
    }
