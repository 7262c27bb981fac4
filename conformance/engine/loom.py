"""Every order in which a loop can run the callbacks that are ready: for stores that await nothing but each other."""

# ruff: noqa: SLF001  a loop knows its handles

from __future__ import annotations

import asyncio
import heapq
import inspect
import linecache
import secrets
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from conformance.engine.arena import Arena, Make
from conformance.engine.contract import Entry
from conformance.engine.outcome import CANCELLED, SILENT
from conformance.engine.schedule import CALLERS, Choice, Choose, Play, Request

_CALLER: ContextVar[str] = ContextVar("caller", default="")
"""Whose callback it is: tasks and callbacks inherit it from those that make them."""
_END_OF_SLEEP: Any = vars(asyncio.futures)["_set_result_unless_cancelled"]
_MOST_STEPS = 500
"""Steps of a play; a store that goes on without end is given up then."""
_PATIENCE = 2.0
"""Seconds in which something outside the loop answers."""
_OUTSIDE = "it waits for something outside the loop: a thread, a process or a socket"


@dataclass(frozen=True)
class _Step:
    """A callback that can run now; with a timer time passes up to it."""

    request: Request
    handle: Any

    @property
    def order(self) -> tuple[str, bool]:
        return self.request.caller, self.request.is_idle


@dataclass
class _Race:
    """Callers at the same time, until all are done or none can go on."""

    tasks: Sequence[asyncio.Task[None]]
    choose: Choose
    play: Play
    over: asyncio.Future[None]


_Loop: Any = asyncio.SelectorEventLoop


class ChoosingLoop(_Loop):  # type: ignore[misc]  # the loop's own methods are nobody else's
    """An ordinary loop but during a race, when its clock stands still, and each turn runs one callback.

    The callbacks of one caller run in the order in which they came, as asyncio promises. A `sleep` of a caller may end
    before others go on; other timers end only when nothing can run. Then time passes at once.
    """

    race: _Race | None = None
    _ahead = 0.0
    _now = 0.0

    def __init__(self) -> None:
        super().__init__()
        self._threads = {*threading.enumerate()}  # those of an earlier loop may still end

    def time(self) -> float:
        """Return the time, which stands still during a race."""
        return self._now if self.race else super().time() + self._ahead

    async def weave(self, calls: Mapping[str, Coroutine[Any, Any, None]], choose: Choose, play: Play) -> bool:
        """Make calls at the same time, by caller, in the order that is chosen; return whether all have returned."""
        tasks = []
        for caller, call in calls.items():
            context = copy_context()
            context.run(_CALLER.set, caller)
            tasks.append(self.create_task(call, context=context))
        self._now = self.time()
        self.race = _Race(tasks, choose, play, self.create_future())
        await self.race.over

        _, late = await asyncio.wait(tasks, timeout=_PATIENCE if play.stalled else 0)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=_PATIENCE)
        return not late

    def call_soon_threadsafe(self, *arguments: Any, **named: Any) -> Any:
        """Call soon, from another thread, whose order nobody chooses."""
        if self.race:
            self.race.play.stalled = _OUTSIDE
        return super().call_soon_threadsafe(*arguments, **named)

    def _run_once(self) -> None:
        if self.race is None:
            super()._run_once()
            return
        if self.race.play.stalled or all(task.done() for task in self.race.tasks):
            self._end(self.race)
        elif steps := sorted(self._steps(), key=lambda step: step.order):
            self._run_one(self.race, steps)
        elif self._is_alone or not self._await_others():
            self._end(self.race)  # they wait for ever, or for something outside

    def _run_one(self, race: _Race, steps: Sequence[_Step]) -> None:
        requests = tuple(step.request for step in steps)
        chosen = race.choose(requests)
        race.play.choices.append(Choice(requests, chosen))
        if len(race.play.choices) == _MOST_STEPS:
            race.play.stalled = f"it goes on for more than {_MOST_STEPS:,} steps"

        handle = steps[chosen].handle
        if steps[chosen].request.is_idle:
            self._now = handle.when()
            self._scheduled.remove(handle)
            heapq.heapify(self._scheduled)
        else:
            self._ready.remove(handle)
        handle._run()

    def _end(self, race: _Race) -> None:
        self.race = None
        self._ahead += self._now - self.time()
        race.over.set_result(None)

    def _steps(self) -> Iterator[_Step]:
        """Yield the callbacks that can run: the first of each caller, and the timers that end next."""
        callers = set()
        for handle in self._ready:
            caller = handle._context.get(_CALLER, "")
            if caller not in callers and not handle.cancelled():
                callers.add(caller)
                yield _Step(Request(caller, _text(handle)), handle)

        timers = [timer for timer in self._scheduled if self._is_alone and not timer.cancelled()]
        first = min((timer.when() for timer in timers), default=0.0)
        for timer in timers:
            caller = timer._context.get(_CALLER, "")
            is_sleep = timer._callback is _END_OF_SLEEP
            if timer.when() == first and (not callers or (caller and is_sleep)):
                yield _Step(Request(caller, "sleep ends", is_idle=True), timer)

    # Outside the loop

    @property
    def _is_alone(self) -> bool:
        """Whether nothing outside the loop can make anything ready."""
        return len(self._selector.get_map()) == 1 and self._threads.issuperset(threading.enumerate())

    def _await_others(self) -> bool:
        """Wait for what is outside, which cannot be ordered; return whether anything came."""
        self._process_events(self._selector.select(_PATIENCE))
        if self.race:
            self.race.play.stalled = _OUTSIDE
        return bool(self._ready)


def _text(handle: Any) -> str:
    task = getattr(handle._callback, "__self__", None)
    coroutine: Any = task.get_coro() if isinstance(task, asyncio.Task) else None
    frame = _frame(coroutine)
    if task is None or frame is None:
        return "callback"
    code = frame.f_code
    if inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
        return f"{coroutine.__name__} begins"
    line = linecache.getline(code.co_filename, frame.f_lineno).strip()
    return f"{code.co_name} goes on after {line} ({Path(code.co_filename).name}:{frame.f_lineno})"


def _frame(awaited: Any) -> FrameType | None:
    """Return where a coroutine waits, in the innermost function that is not of asyncio itself."""
    found = None
    while awaited is not None:
        kind = next((kind for kind in ("cr", "ag", "gi") if hasattr(awaited, f"{kind}_frame")), "")
        frame = getattr(awaited, f"{kind}_frame", None)
        if frame is not None and "asyncio" not in Path(frame.f_code.co_filename).parts:
            found = frame
        awaited = getattr(awaited, f"{kind}_await", None) or getattr(awaited, f"{kind}_yieldfrom", None)
    return found


class LoopArena(Arena):
    """Plays in the loop that runs, which has to be a `ChoosingLoop`. Stores are new in each play."""

    @asynccontextmanager
    async def opened(self, instances: int) -> AsyncIterator[None]:
        """Open so many stores on an empty namespace, for one play."""
        self.contract = self._new_contract()
        namespace = f"conformance-{secrets.token_hex(6)}"
        try:
            async with AsyncExitStack() as stack:
                for on in range(instances):
                    self.stores[on] = await stack.enter_async_context(self.harness.open(namespace))
                yield
        finally:
            self.harness.discard(namespace)

    async def alone(self, entry: Entry) -> None:
        """Make a call while no other is made."""
        await self.together([entry], self.make, _first, Play())

    async def together(self, entries: Sequence[Entry], make: Make, choose: Choose, play: Play) -> None:
        """Make the calls of these entries. One that waits for ever is cancelled, and has no answer."""
        loop = asyncio.get_running_loop()
        if not isinstance(loop, ChoosingLoop):
            raise TypeError(f"a ChoosingLoop has to run, and not {loop!r}")
        calls = {}
        for caller, entry in zip(CALLERS, entries, strict=False):
            call: Any = make(entry)
            call.__name__ = entry.call.operation
            calls[caller] = call

        is_over = await loop.weave(calls, choose, play)
        for entry in entries:
            if not is_over and entry.observed == CANCELLED:
                entry.observed = SILENT
        if not any(entry.is_awaited for entry in entries):
            play.stalled = "synchronous calls: threads in memory are not ordered"


def _first(waiting: tuple[Request, ...]) -> int:
    return waiting.index(waiting[0])
