"""Blocks: several contestants timed in turn, round by round, so that the machine's moods meet all of them alike."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import median
from time import perf_counter
from typing import Any

FEWEST = 3
MOST_CALLS = 500
BATCHES = 9

Call = Callable[[], Awaitable[Any]]


class WrongAnswerError(Exception):
    """A call that was timed did not do what it is timed for."""


@dataclass(frozen=True)
class Contestant:
    """One call to be timed again and again; `right` looks at the last answer of a block.

    `ping` through redis-py and `own_ping` through the store's own client are timed in turn with it.
    """

    name: str
    call: Call
    right: Callable[[Any], bool]
    ping: Call | None = None
    own_ping: Call | None = None


@dataclass
class Blocks:
    """The seconds of a call in each block (see `time_in_turn`), and of both PINGs beside it."""

    calls: int
    seconds: list[float] = field(default_factory=list)
    ping_seconds: list[float] = field(default_factory=list)
    own_ping_seconds: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Turns:
    """How many blocks each contestant has, and the seconds that they may take together; the fewest are made anyway."""

    blocks: int
    seconds: float
    fewest: int = FEWEST

    def plan(self, pace: float) -> tuple[int, int]:
        """Fit blocks and the calls of a block into the time."""
        calls = max(1, min(MOST_CALLS, int(self.seconds / self.blocks / pace)))
        return max(self.fewest, min(self.blocks, int(self.seconds / pace))), calls


async def take_turns(contestants: Sequence[Contestant], turns: Turns, random: Random) -> list[Blocks]:
    """Time every contestant's blocks, round by round; results are in the order of the contestants.

    Raises:
        WrongAnswerError: if the last call of a block did not do what it should.
    """
    results, numbers = [], []
    for contestant in contestants:
        await take_block(contestant, Blocks(1))
        await take_block(contestant, warm := Blocks(1))
        blocks, calls = turns.plan(*warm.seconds)
        numbers.append(blocks)
        results.append(Blocks(calls))
    for place in draw_rounds(numbers, random):
        await take_block(contestants[place], results[place])
    return results


def draw_rounds(blocks: Sequence[int], random: Random) -> Iterator[int]:
    """Give each place as often as it has blocks, in as many rounds as the most are, each in an order of its own.

    Those that have as many blocks meet in the same rounds, so their blocks can be compared one by one. Those that have
    fewer come in rounds that are spread over all.
    """
    rounds = max(blocks)
    for number in range(rounds):
        there = [place for place, own in enumerate(blocks) if (number + 1) * own // rounds > number * own // rounds]
        yield from random.sample(there, len(there))


def heed_cancellation() -> None:
    """End what was interrupted, if a call lost that it was (see `benchmarks.loop`): a study is many calls long."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def take_block(contestant: Contestant, blocks: Blocks) -> None:
    """Time one block more.

    Raises:
        WrongAnswerError: if its last call did not do what it should.
    """
    heed_cancellation()
    lines = (
        (contestant.ping, blocks.ping_seconds),
        (contestant.own_ping, blocks.own_ping_seconds),
        (contestant.call, blocks.seconds),
    )
    timed = [(call, made) for call, made in lines if call is not None]
    seconds, answer = await time_in_turn([call for call, _ in timed], blocks.calls)
    if not contestant.right(answer):
        raise WrongAnswerError(f"{contestant.name} answered {str(answer)[:200]}")
    for (_, made), found in zip(timed, seconds, strict=True):
        made.append(found)


async def time_in_turn(calls: Sequence[Call], times: int) -> tuple[list[float], Any]:
    """Make each of several calls so many times, and return the seconds of each, and the last answer of the last.

    They are made in at most nine batches, a batch of one after a batch of the other, and a figure is the median of the
    batches' means: so one that was interrupted does not count, and reading the clock hardly does.
    """
    batch = max(1, times // BATCHES)
    means: list[list[float]] = [[] for _ in calls]
    for _ in range(min(times, BATCHES)):
        for call, found in zip(calls, means, strict=True):
            started = perf_counter()
            for _ in range(batch):
                answer = await call()
            found.append((perf_counter() - started) / batch)
    return [median(found) for found in means], answer
