"""One event loop for a whole run, so that a client that is warm stays warm."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Self, TypeVar

Answer = TypeVar("Answer")


class Loop:
    """An event loop that runs one coroutine after another; Ctrl-C ends the one that runs, and the benchmarks."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner

    @classmethod
    @contextmanager
    def running(cls, make: Callable[[], asyncio.AbstractEventLoop] | None = None) -> Iterator[Self]:
        """Make a loop, of asyncio's own kind if nothing is said; at the end cancel what is left on it, and close it."""
        with asyncio.Runner(loop_factory=make) as runner:
            yield cls(runner)

    def run(self, coroutine: Coroutine[Any, Any, Answer]) -> Answer:
        """Run it to its end, and return its answer.

        Raises:
            KeyboardInterrupt: if it was interrupted, whatever it made of that.
        """
        return self._runner.run(_heed_cancellation(coroutine))


async def _heed_cancellation(coroutine: Coroutine[Any, Any, Answer]) -> Answer:
    # Ctrl-C cancels the task. Python 3.11's `asyncio.wait_for`, through which redis-py sends, loses a cancellation that
    # comes when what it waits for is done already: the call goes on, and its end is the next moment to notice.
    try:
        return await coroutine
    finally:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError
