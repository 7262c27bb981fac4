"""Turns: several calls timed in one process, a block of each; what is compared is compared within a process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import Random
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.studies.document import Key

MOST_CALLS = 500
BATCHES = 9

Call = Callable[[], Awaitable[Any]]


class WrongAnswerError(Exception):
    """A call that was timed did not do what it is timed for."""


@dataclass(frozen=True)
class Contestant:
    """One call to be timed again and again; `right` looks at the last answer of a block."""

    call: Call
    right: Callable[[Any], bool]


async def take_turns(
    contestants: Mapping[Key, Contestant], seconds: float, random: Random
) -> dict[Key, dict[str, float]]:
    """Time a block of each contestant, of about so many seconds, in a random order, and return the figures.

    Raises:
        WrongAnswerError: if the last call of a block did not do what it should.
    """
    calls = {}
    for key, contestant in contestants.items():
        await take_block(contestant, 1)
        calls[key] = max(1, min(MOST_CALLS, int(seconds / await take_block(contestant, 1))))
    order = random.sample([*contestants], len(contestants))
    return {key: {"seconds": await take_block(contestants[key], calls[key])} for key in order}


async def take_block(contestant: Contestant, calls: int) -> float:
    """Make a call so many times, and return the seconds of one.

    They are made in at most nine batches, and the figure is the median of the batches' means: so one that was
    interrupted does not count, and reading the clock hardly does.

    Raises:
        WrongAnswerError: if the last call did not do what it should.
    """
    heed_cancellation()
    batch = max(1, calls // BATCHES)
    means: list[float] = []
    for _ in range(min(calls, BATCHES)):
        started = perf_counter()
        for _ in range(batch):
            answer = await contestant.call()
        means.append((perf_counter() - started) / batch)
    if not contestant.right(answer):
        raise WrongAnswerError(f"a call answered {str(answer)[:200]}")
    return median(means)


def heed_cancellation() -> None:
    """End what was interrupted, if a call lost that it was (see `conformance.measure.loop`): a study has many calls."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
