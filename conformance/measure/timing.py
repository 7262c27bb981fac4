"""How calls are timed: awaited one after another inside a running loop, with nothing else between two looks at a clock.

A round is one call, or a hundred where calls are short: reading the clock takes 0.1 µs and must not count. A mean of
many hides the call in which garbage was collected, so short calls are timed one by one besides. The garbage collector
stays on, as in an application.
"""

import asyncio
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from statistics import median
from time import perf_counter
from typing import Any

from conformance.process import PROGRESS

Call = partial[Any]
"""A call, which gives something to await."""
Calls = Iterator[Call]
"""Calls without end, all of one kind."""
Works = dict[str, Calls]
"""The calls of each operation."""
AT_ONCE = 16
FEWEST_ROUNDS = 3
"""Of a block, unless a call is long."""
FEWEST_SINGLE = 100
"""Calls that are timed one by one, unless a call is long: one of them lies beyond the 99th percentile."""
_LONG = 20
"""As many times as long as all calls of an operation may take."""
_SHORT = 1e-4
"""Seconds. A look at the clock takes a thousandth of that, which does not count."""
_BATCH = 100
"""Calls in one round, where they are short."""


@dataclass(frozen=True)
class Effort:
    """The seconds that the rounds of an operation may take in a block, and how many short calls are timed singly."""

    seconds: float = 0.05
    single: int = 1_000


@dataclass(frozen=True)
class Timed:
    """Seconds of a call: the mean of each round, and of calls that were timed one by one."""

    rounds: tuple[float, ...]
    single: tuple[float, ...]

    def quantile(self, share: float) -> float | None:
        """Find the seconds that this share of the calls do not exceed; None if no call lies beyond them."""
        if share == 0.5:  # noqa: PLR2004  the median, for which the means of short calls will do
            return median(self.rounds)
        if len(self.single) < calls_for(share):
            return None
        rank = math.ceil(share * len(self.single))
        return sorted(self.single)[rank - 1]


def calls_for(share: float) -> int:
    """Say how many calls it takes for one of them to lie beyond a quantile."""
    return math.ceil(round(1 / (1 - share), 6))


async def time_calls(calls: Calls, effort: Effort) -> Timed:
    """Warm up, fit rounds and calls into the time, and make them.

    The first call, which may connect, counts for nothing. One that takes all of the time is made once more, and timed;
    one that takes many times as long is not made again: connecting is little of it.
    """
    for longest in (_LONG * effort.seconds, effort.seconds):
        once = await time_round(calls)
        if once > longest:
            return Timed((once,), (once,))
    warm = [once]
    while sum(warm) < effort.seconds / 5 or len(warm) < FEWEST_ROUNDS:  # one may have been interrupted
        warm.append(await time_round(calls))

    seconds = median(warm)
    fitting = int(effort.seconds / seconds)
    if seconds >= _SHORT:
        single = await _time_rounds(calls, max(FEWEST_SINGLE, fitting))
        return Timed(single, single)
    rounds = await _time_rounds(calls, max(FEWEST_ROUNDS, fitting // _BATCH), _BATCH)
    return Timed(rounds, await _time_rounds(calls, effort.single))


async def _time_rounds(calls: Calls, rounds: int, batch: int = 1) -> tuple[float, ...]:
    return tuple([await time_round(calls, batch) for _ in range(rounds)])


async def time_round(calls: Calls, count: int = 1) -> float:
    """Make so many calls, and return the mean seconds of one."""
    batch = [*islice(calls, count)]
    PROGRESS.go_on()
    started = perf_counter()
    for call in batch:
        await call()
    return (perf_counter() - started) / count


async def gather(calls: Calls, count: int) -> list[Any]:
    """Make so many calls, a few at a time, and return their answers."""
    answers = []
    wanted = islice(calls, count)
    while some := [*islice(wanted, AT_ONCE)]:
        PROGRESS.go_on()
        answers.extend(await asyncio.gather(*(call() for call in some)))
    return answers
