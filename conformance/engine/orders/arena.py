"""Where calls are made at the same time in a chosen order: before a server (`network`), or in the loop (`loom`)."""

# ruff: noqa: SLF001  nothing public tells what is ready in a loop

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from conformance.engine.contract import SILENT, Entry
from conformance.engine.orders.schedule import CALLERS, Play, Request
from conformance.guard import guarded
from conformance.harness import Harness, HookMissingError
from conformance.operations.operation import Operation

Make = Callable[[Entry], Coroutine[Any, Any, None]]
"""Makes the call of an entry."""
CALLER_OF = ContextVar("caller", default="")
"""Whose callback it is: tasks and callbacks inherit it from those that make them. Empty if a thread made it."""
_A_MOMENT = 0.02
"""Seconds in which a call returns that waits for nothing but its server."""
_PATIENCE = 2.0
"""Seconds in which a call ends that is cancelled, or that waits for something that nobody orders."""


class Arena(ABC):
    """Makes calls in a chosen order, on stores that it opens. It holds what callers do, and lets it go step by step."""

    invoke = staticmethod(Operation.invoke)
    """Calls an operation, and returns what it gives at once."""

    def __init__(self, harness: Harness) -> None:
        self.harness = guarded(harness)
        self.loop: Any = asyncio.get_running_loop()
        self.ready: Any = getattr(self.loop, "_ready", None)
        """What is ready in the loop."""
        if self.ready is None:
            raise HookMissingError("a loop of asyncio: another does not show what is ready")
        self.now: float | None = None
        """Where time stands, if it stands still."""
        self._ahead = 0.0
        self._running = self.loop.time
        setattr(self.loop, "time", self.time)  # noqa: B010  a checker takes the method for one that stays
        self._threads = {*threading.enumerate()} - self._workers()
        self.in_threads = set[str]()
        """The operations that are not awaited, and are called in a thread each."""
        self.entries: Mapping[str, Entry] = {}
        """By caller, the calls that are made."""
        self.tasks: dict[str, asyncio.Task[None]] = {}
        """By caller, those that have begun."""

    def open(self, namespace: str, on: int) -> AbstractAsyncContextManager[Any]:
        """Open an instance."""
        return self.harness.open(namespace)

    @abstractmethod
    def hold(self) -> None:
        """Hold what callers do from now on."""

    @abstractmethod
    def release(self) -> None:
        """Let go what is held, and hold nothing more."""

    @abstractmethod
    async def steps(self, play: Play) -> Sequence[Request]:
        """Return what can be let go when nothing else goes on. Note in the play if that cannot be told."""

    async def together(self, entries: Sequence[Entry], make: Make, play: Play) -> None:
        """Make calls, each by a caller of its own, in the order that the play chooses.

        One that waits for ever is cancelled, and has no answer.
        """
        if play.order is not None:
            for place in play.order:
                await self.together([entries[place]], make, Play())
            return
        self.entries = dict(zip(CALLERS, entries, strict=False))
        self.tasks = {}
        self._make = make
        await asyncio.sleep(0)  # what others have begun goes on first
        for caller in self.at_once():
            self.begin(caller)
        if len(entries) == 1 and not play.deaths:  # it has no order: it is held only if it waits for time to pass
            await asyncio.wait(self.tasks.values(), timeout=_A_MOMENT)
            if not self.running:
                return
        self.now = self.time()
        self.hold()
        try:
            while not play.stalled and (steps := await self.steps(play)):
                play.go_on(steps)
        finally:
            self.release()
            self._ahead = self.now - self._running()
            self.now = None

        await asyncio.wait(self.tasks.values(), timeout=_PATIENCE if play.stalled else 0)
        for caller in self.running:
            self.entries[caller].observed = SILENT
            self.tasks[caller].cancel()
        await asyncio.wait(self.tasks.values(), timeout=_PATIENCE)

    def at_once(self) -> Iterable[str]:
        """Return the callers that need no step to begin."""
        return self.entries

    def begin(self, caller: str) -> None:
        """Begin to make the call of a caller."""
        entry = self.entries[caller]
        call: Any = self._make(entry)
        call.__name__ = entry.call.operation
        outside = CALLER_OF.set(caller)
        self.tasks[caller] = self.loop.create_task(call)
        CALLER_OF.reset(outside)

    @property
    def running(self) -> list[str]:
        """The callers whose calls have not returned."""
        return [caller for caller, task in self.tasks.items() if not task.done()]

    # Time, and what else can go on

    def time(self) -> float:
        """Return the time."""
        return self._running() + self._ahead if self.now is None else self.now

    def timers(self) -> list[Any]:
        """Return the timers that end next."""
        timers = [timer for timer in self.loop._scheduled if not timer.cancelled()]
        first = min((timer.when() for timer in timers), default=0.0)
        return [timer for timer in timers if timer.when() == first]

    def wait(self, seconds: float) -> bool:
        """Wait until a socket has data, or a thread has ended or has something to do. False if none in time."""
        return self._hears(seconds) or self._has_busy_thread() or self._hears(0)

    def _hears(self, seconds: float) -> bool:
        events = self.loop._selector.select(seconds)
        self.loop._process_events(events)
        return bool(events)

    def _has_busy_thread(self) -> bool:
        """Whether a thread of the loop waits for nothing, or only for a processor. Linux alone tells."""
        for worker in self._workers():
            with suppress(OSError):
                if ") S " not in Path(f"/proc/self/task/{worker.native_id}/stat").read_text():
                    return True
        return False

    def _workers(self) -> set[threading.Thread]:
        """Return the threads that the loop keeps for calls, those of earlier arenas too."""
        return set(getattr(self.loop._default_executor, "_threads", ()))

    def is_alone(self, sockets: int = 0) -> bool:
        """Whether no thread and no more than so many sockets can make anything ready."""
        is_alone = len(self.loop._selector.get_map()) <= 1 + sockets
        return is_alone and self._threads.issuperset(threading.enumerate())
