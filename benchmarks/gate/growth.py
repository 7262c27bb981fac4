"""Growth: whether a listing takes longer where there are more tasks.

The exponent of growth between 100 and 10,000 tasks is log(t(10,000) / t(100)) / log(100): 0 if flat, 1 if it is linear.
It is a ratio of times that were taken in turn, so a slow machine does not change it. What looks up by rank may grow
with the logarithm of the number: that doubles here, an exponent of 0.15. What touches each task, even for 20 ns, adds
200 µs to a page of microseconds in memory mode: above 0.4. In Redis mode that much can hide in a round trip; there the
commands, which are counted for both numbers of tasks, tell more.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from statistics import median

from benchmarks.workload import PAGE
from conformance.measure.clock import AwaitedClock
from taskstore import TaskStore

FEW, MANY = 100, 10_000
MOST = 0.25
_TURNS = 12
_CALLS = 25


async def find_exponent(stores: Mapping[int, TaskStore]) -> float:
    """Time the newest page and the oldest task of a store with few tasks and one with many: the larger exponent."""
    newest = dict.fromkeys(stores, (None, PAGE, 0))
    oldest = {tasks: (None, 1, tasks - 1) for tasks in stores}
    return max([await _exponent(stores, page) for page in (newest, oldest)])


def find_growth(exponents: Mapping[str, float]) -> Iterator[str]:
    """Say in which mode a listing grows with the number of tasks."""
    for mode, exponent in exponents.items():
        if exponent > MOST:
            yield f"a listing in {mode} mode grows with an exponent of {exponent:.2f}, not {MOST}"


async def _exponent(stores: Mapping[int, TaskStore], page: Mapping[int, tuple[None, int, int]]) -> float:
    clock = AwaitedClock()
    seconds: dict[int, list[float]] = {FEW: [], MANY: []}
    for turn in range(_TURNS):
        for tasks in (FEW, MANY) if turn % 2 else (MANY, FEW):
            before = clock.read()
            await clock.time(stores[tasks].list_tasks, [page[tasks]] * _CALLS)
            seconds[tasks].append(clock.read() - before)
    return math.log(median(seconds[MANY]) / median(seconds[FEW])) / math.log(MANY / FEW)
