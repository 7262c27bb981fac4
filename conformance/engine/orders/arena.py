"""Where calls are made at the same time in a chosen order: before a server (`network`), or in the loop (`loom`)."""

# ruff: noqa: SLF001  nothing public tells what is ready in a loop

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, TypeAlias

from conformance.engine.contract import SILENT, Entry
from conformance.engine.orders.schedule import Choose, Play
from conformance.guard import guarded
from conformance.harness import Harness, HookMissingError
from conformance.operations.operation import Operation

Make: TypeAlias = Callable[[Entry], Coroutine[Any, Any, None]]
"""Makes the call of an entry."""
_PATIENCE = 2.0
"""Seconds in which a call ends that is cancelled."""


class Clock:
    """The time of the loop that runs, which can stand still."""

    def __init__(self) -> None:
        self.loop: Any = asyncio.get_running_loop()
        if not hasattr(self.loop, "_ready"):
            raise HookMissingError("a loop of asyncio: another does not show what is ready")
        self.now: float | None = None
        """Where it stands, if it stands still."""
        self._ahead = 0.0
        self._running = self.loop.time
        setattr(self.loop, "time", self.time)  # noqa: B010  a checker takes the method for one that stays
        self._threads = {*threading.enumerate()}

    def time(self) -> float:
        """Return the time."""
        return self._running() + self._ahead if self.now is None else self.now

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Let time stand still in the block."""
        self.now = now = self.time()
        try:
            yield
        finally:
            now, self.now = self.now, None
            self._ahead += now - self.time()

    def timers(self) -> list[Any]:
        """Return the timers that end next."""
        timers = [timer for timer in self.loop._scheduled if not timer.cancelled()]
        first = min((timer.when() for timer in timers), default=0.0)
        return [timer for timer in timers if timer.when() == first]

    def is_alone(self, sockets: int = 0) -> bool:
        """Whether no thread and no more than so many sockets can make anything ready."""
        is_alone = len(self.loop._selector.get_map()) <= 1 + sockets
        return is_alone and self._threads.issuperset(threading.enumerate())


class Arena(ABC):
    """Makes calls in a chosen order, on stores that it opens."""

    def __init__(self, harness: Harness) -> None:
        self.harness = guarded(harness)
        self.clock = Clock()
        self.in_threads = set[str]()
        """The operations that are not awaited, and are called in a thread each."""

    @abstractmethod
    def open(self, namespace: str, on: int) -> AbstractAsyncContextManager[Any]:
        """Open an instance."""

    @abstractmethod
    async def together(self, entries: Sequence[Entry], make: Make, choose: Choose, play: Play) -> None:
        """Make calls, each by a caller of its own, in the order that is chosen; note in the play what was chosen.

        One that waits for ever is cancelled, and has no answer.
        """

    def invoke(self, operation: Operation, store: Any, given: Mapping[str, Any]) -> Any:
        """Call an operation, and return what it gives at once."""
        return operation.invoke(store, given)


async def give_up(calls: Mapping[asyncio.Task[None], Entry], seconds: float) -> None:
    """Wait so long for calls. Those that go on are cancelled, and have no answer."""
    _, late = await asyncio.wait(calls, timeout=seconds)
    for task in late:
        calls[task].observed = SILENT
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=_PATIENCE)
