"""Every order in which a loop can run the callbacks that are ready: for stores that await nothing but each other."""

# ruff: noqa: SLF001  a loop knows its handles

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from conformance.engine.orders.arena import CALLER_OF, Arena
from conformance.engine.orders.schedule import STORE, Play, Request
from conformance.harness import Harness

_SHOWN = 3
"""Functions that are shown of those that await each other."""
_END_OF_SLEEP: Any = vars(asyncio.futures)["_set_result_unless_cancelled"]


class LoopArena(Arena):
    """Holds the callbacks that are ready, while the time of the loop stands still.

    The callbacks of one caller run in the order in which they came, as asyncio promises. A `sleep` of a caller may end
    before others go on; other timers end only when nothing can run. Then time passes at once.
    """

    def __init__(self, harness: Harness) -> None:
        super().__init__(harness)
        self._held: list[Any] = []
        CALLER_OF.set(STORE)

    def hold(self) -> None:
        """Take away what is ready. The loop will run as many callbacks in this turn, so it is given others."""
        ready = [*self.ready]
        self.ready.clear()
        for handle in ready:
            self.loop.call_soon(tuple)
            if handle._callback is not tuple:
                self._held.append(handle)

    def release(self) -> None:
        """Have the loop run what is held, and what comes from now on."""
        self.ready.extend(self._held)
        self._held.clear()

    async def steps(self, play: Play) -> Sequence[Request]:
        """Return the callbacks that can run: the first of each caller, and the timers that end next."""
        await asyncio.sleep(0)  # a turn of the loop, in which runs what was let go
        self.hold()
        if not self.running:
            if not any(entry.is_awaited for entry in self.entries.values()):
                play.stalled = "synchronous calls: threads in memory are not ordered"
            return []

        first = {}
        for handle in reversed(self._held):
            if not handle.cancelled():
                first[handle._context.get(CALLER_OF, "")] = handle
        steps = [Request(caller, _text(handle), take=partial(self._let, handle)) for caller, handle in first.items()]
        is_alone = self.is_alone()
        for timer in self.timers() if is_alone else ():
            caller = timer._context.get(CALLER_OF, STORE)
            is_sleep = timer._callback is _END_OF_SLEEP and caller != STORE
            if is_sleep or not first:
                steps.append(Request(caller, "sleep ends", is_idle=True, take=partial(self._end, timer)))
        if "" in first or not (steps or is_alone):
            play.stalled = "it waits for something outside the loop: a thread, a process or a socket"
            return []
        return steps

    def _let(self, handle: Any) -> None:
        self._held.remove(handle)
        self.ready.append(handle)

    def _end(self, timer: Any) -> None:
        self.now = timer.when()
        timer._run()
        timer.cancel()
        self.hold()


def _text(handle: Any) -> str:
    """Return where a task waits: the innermost functions that await each other, each with its line."""
    task = getattr(handle._callback, "__self__", None)
    awaited: Any = task.get_coro() if isinstance(task, asyncio.Task) else None
    places: list[str] = []
    while hasattr(awaited, "cr_frame"):
        places.insert(0, f"{awaited.__name__}:{awaited.cr_frame.f_lineno}")
        awaited = awaited.cr_await
    return " in ".join(places[:_SHOWN]) or "callback"
