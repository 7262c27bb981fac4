"""The clock: it moves only while an operation is awaited.

pytest-benchmark knows nothing of coroutines: it reads a timer, calls a function, and reads the timer again. Given a
function that starts an event loop, it would time the loop: `asyncio.run` costs about 100 µs and `run_until_complete`
about 9 µs, where a get from memory takes less than one. So the timer it is given stands still except inside the loop,
between the call and its answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Any


class AwaitedClock:
    """A clock that `time` moves on, by the mean seconds of one awaited call."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def read(self) -> float:
        """Return the seconds so far: what pytest-benchmark takes as a timer."""
        return self._seconds

    def add(self, seconds: float) -> None:
        """Move on by what `time` measured before."""
        self._seconds += seconds

    async def time(self, call: Callable[..., Awaitable[Any]], batch: Sequence[tuple[Any, ...]]) -> Any:
        """Await the call with each of the arguments in turn, and return the last answer.

        The arguments are made beforehand and the mean is taken over the batch: what counts is the call, the await and
        one step of a `for`.
        """
        started = perf_counter()
        for arguments in batch:
            answer = await call(*arguments)
        self.add((perf_counter() - started) / len(batch))
        return answer

    @staticmethod
    async def time_each(call: Callable[..., Awaitable[Any]], batch: Sequence[tuple[Any, ...]]) -> list[float]:
        """Await the call with each of the arguments in turn, and return the seconds of each call, the clock not moved.

        Reading the clock is in them: they are for the longest calls, which a mean of many hides.
        """
        seconds = []
        for arguments in batch:
            started = perf_counter()
            await call(*arguments)
            seconds.append(perf_counter() - started)
        return seconds


async def noop() -> None:
    """Do nothing: what awaiting costs, timed like everything else."""
