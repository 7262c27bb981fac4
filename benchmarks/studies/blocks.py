"""Blocks: several contestants timed in one process, a block of each; what is compared is compared within a process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.studies.document import Timed

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
    """The seconds of a call in each block (see `time_in_turn`), and of both PINGs; `calls` are those of the first."""

    calls: int
    seconds: list[float] = field(default_factory=list)
    ping_seconds: list[float] = field(default_factory=list)
    own_ping_seconds: list[float] = field(default_factory=list)


async def take_turns(contestants: Sequence[Contestant], seconds: float, random: Random) -> list[Blocks]:
    """Time a block of each contestant, of about so many seconds, in a random order; results are in the order given.

    Raises:
        WrongAnswerError: if the last call of a block did not do what it should.
    """
    results = []
    for contestant in contestants:
        await take_block(contestant, Blocks(1))
        await take_block(contestant, warm := Blocks(1))
        results.append(Blocks(max(1, min(MOST_CALLS, int(seconds / warm.seconds[0])))))
    for place in random.sample(range(len(contestants)), len(contestants)):
        await take_block(contestants[place], results[place])
    return results


def join(processes: Iterable[Blocks]) -> Timed:
    """Put the blocks of several processes together, one after another; there is at least one process."""
    some = [*processes]
    return Timed(
        calls=some[0].calls,
        seconds=tuple(seconds for one in some for seconds in one.seconds),
        ping_seconds=tuple(seconds for one in some for seconds in one.ping_seconds),
        own_ping_seconds=tuple(seconds for one in some for seconds in one.own_ping_seconds),
    )


def heed_cancellation() -> None:
    """End what was interrupted, if a call lost that it was (see `conformance.measure.loop`): a study has many calls."""
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
