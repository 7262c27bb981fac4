"""Blocks: several contestants timed in turn, in random order, so that the machine's moods meet all of them alike."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import median
from time import perf_counter
from typing import Any, TypeVar

FEWEST = 3
MOST_CALLS = 500
MOST_PINGS = 18
BATCHES = 9

Answer = TypeVar("Answer")


class WrongAnswerError(Exception):
    """A call that was timed did not do what it is timed for."""


@dataclass(frozen=True)
class Contestant:
    """One call to be timed again and again; `right` looks at the last answer of a block.

    `ping` through redis-py and `own_ping` through the store's own client are timed before each block.
    """

    name: str
    call: Callable[[], Awaitable[Any]]
    right: Callable[[Any], bool]
    ping: Callable[[], Awaitable[Any]] | None = None
    own_ping: Callable[[], Awaitable[None]] | None = None


@dataclass
class Blocks:
    """The seconds of a call in each block (see `time_calls`), and of both PINGs before it."""

    calls: int
    seconds: list[float] = field(default_factory=list)
    ping_seconds: list[float] = field(default_factory=list)
    own_ping_seconds: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Turns:
    """How many blocks each contestant has, and the seconds that they may take together; at least three are made."""

    blocks: int
    seconds: float

    def plan(self, pace: float) -> tuple[int, int]:
        """Fit blocks and the calls of a block into the time."""
        calls = max(1, min(MOST_CALLS, int(self.seconds / self.blocks / pace)))
        return max(FEWEST, min(self.blocks, int(self.seconds / pace))), calls


async def take_turns(contestants: Sequence[Contestant], turns: Turns, random: Random) -> list[Blocks]:
    """Time every contestant's blocks, all of them shuffled together; results are in the order of the contestants.

    Raises:
        WrongAnswerError: if the last call of a block did not do what it should.
    """
    results, order = [], []
    for place, contestant in enumerate(contestants):
        await _time(contestant, 1)
        blocks, calls = turns.plan(await _time(contestant, 1))
        results.append(Blocks(calls))
        order += [place] * blocks
    random.shuffle(order)
    for place in order:
        heed_cancellation()
        contestant, result = contestants[place], results[place]
        pings = (contestant.ping, result.ping_seconds), (contestant.own_ping, result.own_ping_seconds)
        for ping, seconds in pings:
            if ping is not None:
                seconds.append((await time_calls(ping, min(result.calls, MOST_PINGS)))[0])
        result.seconds.append(await _time(contestant, result.calls))
    return results


def heed_cancellation() -> None:
    """End what was interrupted, if a call lost that it was (see `benchmarks.loop`): a study is many calls long."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _time(contestant: Contestant, calls: int) -> float:
    seconds, answer = await time_calls(contestant.call, calls)
    if not contestant.right(answer):
        raise WrongAnswerError(f"{contestant.name} answered {str(answer)[:200]}")
    return seconds


async def time_calls(call: Callable[[], Awaitable[Answer]], calls: int) -> tuple[float, Answer]:
    """Return the seconds of a call, and the last answer.

    The calls are made in at most nine batches, and the figure is the median of the batches' means: so one that was
    interrupted does not count, and reading the clock hardly does.
    """
    batch = max(1, calls // BATCHES)
    means = []
    for _ in range(min(calls, BATCHES)):
        started = perf_counter()
        for _ in range(batch):
            answer = await call()
        means.append((perf_counter() - started) / batch)
    return median(means), answer
