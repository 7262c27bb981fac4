"""Under load: how many calls a second many callers get through, each of which waits for its answer.

In Redis mode. Memory mode never awaits, so its callers take turns and nothing changes with their number.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import product
from random import Random
from time import perf_counter

from benchmarks.backends import DESIGNS, opened
from benchmarks.document import Depth
from benchmarks.studies.document import SEED, Key, Measured
from conformance.measure.tasks import fill, works
from conformance.measure.timing import Calls
from conformance.process import in_new_process

TASKS = 200
"""None is listed, so more of them would only take longer to make."""
_WARM_UP_SECONDS = 0.02
NAMESPACE = "load"


@dataclass(frozen=True)
class Scale:
    """Which numbers of callers call, and for how many seconds in each process.

    A rate is shown as the median of the processes, without an interval.
    """

    callers: tuple[int, ...]
    seconds: float
    processes: int


SCALES: Mapping[Depth, Scale] = {
    "quick": Scale((1, 4, 16, 64), 0.05, processes=1),
    "default": Scale((1, 4, 16, 64, 256), 0.06, processes=3),
    "full": Scale((1, 2, 4, 8, 16, 32, 64, 128, 256), 0.3, processes=9),
}


def run(depth: Depth) -> Iterator[Measured]:
    """Let ever more callers call, in one process after another."""
    for number in range(SCALES[depth].processes):
        yield in_new_process(measure, SCALES[depth], number)


def measure(scale: Scale, number: int) -> Measured:
    """Take a block of every number of callers, in an order that the number of the process decides."""
    logging.getLogger("documented").setLevel(logging.CRITICAL)  # it logs every failure
    return asyncio.run(_measure(scale, Random(f"{SEED} {number}")))  # noqa: S311  the same in every run


async def _measure(scale: Scale, random: Random) -> Measured:
    calls: dict[tuple[str, str], Calls] = {}
    measured: dict[Key, Mapping[str, float]] = {}
    async with AsyncExitStack() as open_stores:
        for design in DESIGNS:
            store = await open_stores.enter_async_context(opened(design, "embedded", NAMESPACE))
            made = works(store, await fill(store, TASKS), random)
            for operation in ("get", "update"):
                calls[design, operation] = made[operation]
        for each in calls.values():
            await call_for(each, max(scale.callers), _WARM_UP_SECONDS)  # connects, and counts nothing
        blocks = [*product(calls, scale.callers)]
        for key, callers in random.sample(blocks, len(blocks)):
            backend, operation = key
            answered, failed, seconds = await call_for(calls[key], callers, scale.seconds)
            rate = answered / seconds
            measured[backend, "redis", operation, callers] = {"rate": rate, "failed": failed}
    return measured


async def call_for(calls: Calls, callers: int, seconds: float) -> tuple[int, int, float]:
    """Let callers call again and again for a time, and wait for the calls that are under way then.

    Returns:
        How many were answered, how many raised, and the seconds that all of it took.
    """
    answered = failed = 0
    started = perf_counter()

    async def caller() -> None:
        nonlocal answered, failed
        while perf_counter() < started + seconds:
            try:
                await next(calls)()
            except Exception:  # noqa: BLE001  what a store raises under load is a result
                failed += 1
                await asyncio.sleep(0)  # a failure that awaits nothing must not keep the others from their turn
            else:
                answered += 1

    await asyncio.gather(*(caller() for _ in range(callers)))
    return answered, failed, perf_counter() - started
