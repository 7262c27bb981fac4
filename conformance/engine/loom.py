"""Every order in which a loop can run the callbacks that are ready: for stores that await nothing but each other."""

# ruff: noqa: SLF001  a loop knows its handles

from __future__ import annotations

import asyncio
import heapq
import inspect
import linecache
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from conformance.engine.contract import Entry
from conformance.engine.outcome import SILENT
from conformance.engine.scenario import Call
from conformance.engine.schedule import CALLERS, Choice, Choose, Plan, Play, Request, Session
from conformance.harness import Harness

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

    tasks: list[asyncio.Task[None]]
    choose: Choose
    play: Play
    over: asyncio.Future[None]


_Loop: Any = asyncio.SelectorEventLoop


class ChoosingLoop(_Loop):  # type: ignore[misc]  # the loop's own methods are nobody else's
    """A loop with a clock of its own, which stands still while anything can run.

    During a race each turn runs one callback. The callbacks of one caller run in the order in which they came, as
    asyncio promises. A `sleep` of a caller may end before others go on; other timers end only when nothing can run.
    """

    race: _Race | None = None
    _now = 0.0

    def __init__(self) -> None:
        super().__init__()
        self._threads = threading.active_count()

    def time(self) -> float:
        """Return the time of this clock."""
        return self._now

    def call_soon_threadsafe(self, *arguments: Any, **named: Any) -> Any:
        """Call soon, from another thread, whose order nobody chooses."""
        if self.race:
            self.race.play.stalled = _OUTSIDE
        return super().call_soon_threadsafe(*arguments, **named)

    def _run_once(self) -> None:
        if self.race is None:
            self._run_freely()
            return
        if self.race.play.stalled or all(task.done() for task in self.race.tasks):
            self._end(self.race)
        elif steps := sorted(self._steps(), key=lambda step: step.order):
            self._run_one(self.race, steps)
        elif self._is_alone or not self._await_others():
            self._end(self.race)

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
        race.over.set_result(None)
        self.race = None

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
        return len(self._selector.get_map()) == 1 and threading.active_count() <= self._threads

    def _await_others(self) -> bool:
        self._process_events(self._selector.select(_PATIENCE))
        if self.race:
            self.race.play.stalled = _OUTSIDE
        return bool(self._ready)

    def _run_freely(self) -> None:
        """Run what is ready, as any loop does. If nothing is, time passes at once."""
        ends = [timer.when() for timer in self._scheduled if not timer.cancelled()]
        if ends and not self._ready and self._is_alone:
            self._now = min(ends)
        began = time.monotonic()
        super()._run_once()
        self._now += time.monotonic() - began


def _text(handle: Any) -> str:
    task = getattr(handle._callback, "__self__", None)
    coroutine: Any = task.get_coro() if isinstance(task, asyncio.Task) else None
    frame = _frame(coroutine)
    if task is None or frame is None:
        return "callback"
    code = frame.f_code
    if inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
        name = code.co_name if task.get_name().startswith("Task-") else task.get_name()
        return f"{name} begins"
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


class LoopArena:
    """Plays in a loop of their own, each in a thread, with stores that a harness opens."""

    def __init__(self, harness: Harness, session: Callable[[], Session]) -> None:
        self._harness = harness
        self._session = session

    async def play(self, plan: Plan, choose: Choose) -> Play:
        """Make the raced calls at the same time, in the order that is chosen."""
        return await asyncio.to_thread(self._run, plan, choose, None)

    async def sequence(self, plan: Plan, order: Sequence[int]) -> Play:
        """Make the same calls one after the other."""
        return await asyncio.to_thread(self._run, plan, _first, order)

    def _run(self, plan: Plan, choose: Choose, order: Sequence[int] | None) -> Play:
        namespace = f"conformance-{secrets.token_hex(6)}"
        scene = _Scene(self._session(), Play())
        try:
            with asyncio.Runner(loop_factory=ChoosingLoop) as runner:
                runner.run(scene.act(self._harness, namespace, plan, choose, order))
        finally:
            self._harness.discard(namespace)
        return scene.play


def _first(waiting: tuple[Request, ...]) -> int:
    return waiting.index(waiting[0])


class _Scene:
    """One play in its loop."""

    def __init__(self, session: Session, play: Play) -> None:
        self._session = session
        self._stores: list[Any] = []
        self.play = play

    async def act(
        self, harness: Harness, namespace: str, plan: Plan, choose: Choose, order: Sequence[int] | None
    ) -> None:
        """Open the stores, and make all calls of a plan."""
        async with AsyncExitStack() as stack:
            for _ in range(plan.instances):
                self._stores.append(await stack.enter_async_context(harness.open(namespace)))

            self.play.started = await self._one_by_one(plan.start)
            self.play.choices.clear()
            if order is None:
                self.play.results = await self._race(plan.racing, choose)
            else:
                self.play.results = await self._in_order(plan.racing, order)
            if not any(entry.is_awaited for entry in self.play.results):
                self.play.stalled = "synchronous calls: threads in memory are not ordered"

            raced = len(self.play.choices)
            self.play.seen = await self._one_by_one(plan.after)
            del self.play.choices[raced:]

    async def _one_by_one(self, calls: Sequence[Call]) -> list[Entry]:
        entries = []
        for call in calls:
            entries += await self._in_order([call], [0])
        return entries

    async def _in_order(self, calls: Sequence[Call], order: Sequence[int]) -> list[Entry]:
        entries = [self._session.begin(call) for call in calls]
        for place in order:
            await self._make([entries[place]], _first)
        self._session.end(*entries)
        return entries

    async def _race(self, calls: Sequence[Call], choose: Choose) -> list[Entry]:
        entries = [self._session.begin(call) for call in calls]
        await self._make(entries, choose)
        self._session.end(*entries)
        return entries

    async def _make(self, entries: Sequence[Entry], choose: Choose) -> None:
        """Make calls at the same time. Those that wait for ever have no answer."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ChoosingLoop)  # noqa: S101  the arena runs it there
        tasks = []
        for caller, entry in zip(CALLERS, entries, strict=False):
            context = copy_context()
            context.run(_CALLER.set, caller)
            made = self._session.make(self._stores[entry.call.on], entry)
            tasks.append(loop.create_task(made, name=entry.call.operation, context=context))

        loop.race = _Race(tasks, choose, self.play, loop.create_future())
        await loop.race.over
        if self.play.stalled:
            await asyncio.wait(tasks, timeout=_PATIENCE)
        for task, entry in zip(tasks, entries, strict=True):
            if not task.done():
                entry.observed = SILENT
                task.cancel()
        await asyncio.wait(tasks, timeout=_PATIENCE)
