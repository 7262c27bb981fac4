"""Every order in which a loop can run the callbacks that are ready: for stores that await nothing but each other."""

# ruff: noqa: SLF001  a loop knows its handles

from __future__ import annotations

import asyncio
import inspect
import linecache
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar, copy_context
from functools import partial
from pathlib import Path
from typing import Any

from conformance.engine.contract import Entry
from conformance.engine.orders.arena import Arena, Make, give_up
from conformance.engine.orders.schedule import CALLERS, STORE, Choose, Play, Request
from conformance.harness import Harness

_CALLER: ContextVar[str] = ContextVar("caller", default="")
"""Whose callback it is: tasks and callbacks inherit it from those that make them. Empty if a thread made it."""
_END_OF_SLEEP: Any = vars(asyncio.futures)["_set_result_unless_cancelled"]
_PATIENCE = 2.0
"""Seconds in which something outside the loop answers."""
_OUTSIDE = "it waits for something outside the loop: a thread, a process or a socket"


class LoopArena(Arena):
    """Runs the callbacks that are ready one by one, while the time of the loop stands still.

    The callbacks of one caller run in the order in which they came, as asyncio promises. A `sleep` of a caller may end
    before others go on; other timers end only when nothing can run. Then time passes at once.
    """

    def __init__(self, harness: Harness) -> None:
        super().__init__(harness)
        self._ready = self.clock.loop._ready
        _CALLER.set(STORE)

    def open(self, namespace: str, on: int) -> AbstractAsyncContextManager[Any]:
        """Open an instance."""
        return self.harness.open(namespace)

    async def together(self, entries: Sequence[Entry], make: Make, choose: Choose, play: Play) -> None:
        """Make calls, each by a caller of its own, in the order that is chosen; note in the play what was chosen."""
        calls: dict[asyncio.Task[None], Entry] = {}
        over = self.clock.loop.create_future()
        self.clock.loop.call_soon(self._weave, calls, choose, play, over)
        for caller, entry in zip(CALLERS, entries, strict=False):
            context = copy_context()
            context.run(_CALLER.set, caller)
            call: Any = make(entry)
            call.__name__ = entry.call.operation
            calls[self.clock.loop.create_task(call, context=context)] = entry
        with self.clock.standing():
            await over
        await give_up(calls, _PATIENCE if play.stalled else 0)
        if not any(entry.is_awaited for entry in entries):
            play.stalled = "synchronous calls: threads in memory are not ordered"

    def _weave(self, calls: Mapping[asyncio.Task[None], Entry], choose: Choose, play: Play, over: Any) -> None:
        """Run callbacks until all calls have returned, or none can go on.

        The loop will run as many callbacks in this turn as are ready now, so it is given others in their place.
        """
        count = len(self._ready)
        try:
            while not play.stalled and not all(call.done() for call in calls):
                steps = [*self._steps()]
                if not all(step.name for step in steps) or not (steps or self.clock.is_alone()):
                    play.stalled = _OUTSIDE
                elif steps:
                    play.go_on(steps, choose)
                else:
                    break  # they wait for ever
        finally:
            for _ in range(count):
                self.clock.loop.call_soon(tuple)
            over.set_result(None)

    def _steps(self) -> Iterator[Request]:
        """Yield the callbacks that can run: the first of each caller, and the timers that end next."""
        callers = set()
        for handle in self._ready:
            caller = handle._context.get(_CALLER, "")
            if caller not in callers and not handle.cancelled():
                callers.add(caller)
                yield Request(caller, _text(handle), take=partial(self._run, handle))

        for timer in self.clock.timers() if self.clock.is_alone() else ():
            caller = timer._context.get(_CALLER, STORE)
            is_sleep = timer._callback is _END_OF_SLEEP and caller != STORE
            if is_sleep or not callers:
                yield Request(caller, "sleep ends", is_idle=True, take=partial(self._end, timer))

    def _run(self, handle: Any) -> None:
        self._ready.remove(handle)
        handle._run()

    def _end(self, timer: Any) -> None:
        self.clock.now = timer.when()
        timer._run()
        timer.cancel()


def _text(handle: Any) -> str:
    """Return where a task waits, in the innermost function that is not of asyncio itself."""
    task = getattr(handle._callback, "__self__", None)
    awaited: Any = task.get_coro() if isinstance(task, asyncio.Task) else None
    text = "callback"
    while hasattr(awaited, "cr_frame"):
        if inspect.getcoroutinestate(awaited) == inspect.CORO_CREATED:
            return f"{awaited.__name__} begins"
        frame = awaited.cr_frame
        file = Path(frame.f_code.co_filename)
        if "asyncio" not in file.parts:
            line = linecache.getline(str(file), frame.f_lineno).strip()
            text = f"{frame.f_code.co_name} goes on after {line} ({file.name}:{frame.f_lineno})"
        awaited = awaited.cr_await
    return text
