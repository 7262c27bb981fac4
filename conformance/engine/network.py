"""Plays of stores whose requests go through a turnstile: every order in which the server can meet them."""

from __future__ import annotations

import asyncio
import re
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from inspect import isasyncgenfunction, iscoroutinefunction
from pathlib import Path
from typing import Any, Self

from conformance.engine.arena import Arena, Make, is_awaited
from conformance.engine.contract import Contract, Entry
from conformance.engine.outcome import SILENT
from conformance.engine.scenario import Call
from conformance.engine.schedule import CALLERS, CONNECTION, Choice, Choose, Play, Request
from conformance.engine.turnstile import Link, Turnstile
from conformance.guard import guarded, kind_of
from conformance.harness import Harness, HookMissingError
from conformance.operations.operation import Operation

_TIMEOUT = 10.0
"""The time-outs of the stores: a request of a thread may be held so long."""
_MOST_REQUESTS = 200
"""Requests of a play; calls that send more are given up."""
_A_MOMENT = 0.05
"""Seconds in which a thread does something that nothing holds up."""
_PATIENCE = 1.0
"""Seconds in which something answers that is not the server."""

_SLEEPS = "S (sleeping)"
"""Of a thread that waits for something other than a processor."""
BYPASSED = "its client finds servers by itself, and its requests cannot be held"
_DRAWN = re.compile("[0-9a-f]{8,}")
"""An id that a store may have drawn."""


@dataclass(eq=False)
class Caller:
    """Who makes one call."""

    label: str
    entry: Entry
    make: Make
    task: asyncio.Task[None] | None = None
    """What makes the call, from when it is begun."""

    @property
    def is_running(self) -> bool:
        """Whether the call was begun, and has not come out yet."""
        return self.task is not None and not self.task.done()

    def give_up(self) -> None:
        """Cancel the call if it has not come out."""
        if not self.task or self.is_running:
            self.entry.observed = SILENT
        self.cancel()

    def cancel(self) -> None:
        """Cancel the call."""
        if self.task:
            self.task.cancel()


@dataclass(frozen=True)
class _Step:
    """Something that can be let go."""

    caller: Caller
    request: Request
    take: Callable[[], None]


class NetworkArena(Arena):
    """Plays with stores that `open_at` of a harness opens behind a turnstile.

    Stores are opened once, and their namespace is emptied before each play, unless each play takes new ones.
    """

    def __init__(self, harness: Harness, new_contract: Callable[[], Contract]) -> None:
        super().__init__(guarded(harness), new_contract)
        self.lender = LentStores(self)
        self.namespace = ""
        self.is_fresh = kind_of(harness).discard is Harness.discard
        self._is_stale = False
        self._closers: dict[int, AsyncExitStack] = {}
        self._threads = ThreadPoolExecutor()
        self._in_threads: dict[str, bool] = {}
        self._works: list[_Work] = []
        self._speaker: Caller | None = None

    async def __aenter__(self) -> Self:
        self.turnstile = Turnstile(self.harness.url())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.forget()
        await self.turnstile.aclose()
        self._threads.shutdown(wait=False)

    # Stores

    @asynccontextmanager
    async def opened(self, instances: int) -> AsyncIterator[None]:
        """Open so many stores on an empty namespace, for one play."""
        self.contract = self._new_contract()
        await self.clear()
        for on in range(instances):
            await self.store(on)
        with self.turnstile.standing():
            yield

    async def clear(self) -> None:
        """Empty the namespace; take another, and new stores, if they may remember what was in it."""
        if self.is_fresh or self._is_stale or not self.namespace:
            await self.forget()
            self.namespace = f"conformance-{secrets.token_hex(6)}"
        else:
            self.harness.discard(self.namespace)
        self._is_stale = self.is_fresh

    async def store(self, on: int) -> Any:
        """Return an instance, which is opened if it is not open."""
        if on not in self.stores:
            url = await self.turnstile.url(CALLERS[on])
            self._closers[on] = AsyncExitStack()
            opening = self.harness.open_at(self.namespace, url, _TIMEOUT)
            self.stores[on] = await self._closers[on].enter_async_context(opening)
        return self.stores[on]

    async def drop(self, on: int) -> None:
        """Close an instance, whatever comes of that."""
        self.stores.pop(on)
        with suppress(Exception):
            await self._closers.pop(on).aclose()

    async def forget(self) -> None:
        """Close all instances, and leave the namespace."""
        for on in [*self.stores]:
            await self.drop(on)
        if self.namespace:
            self.harness.discard(self.namespace)
        self.namespace = ""

    def lifetimes(self) -> dict[str, int]:
        """Return the lifetime of each key, by what is the same of its name in each play, if a hook tells."""
        with suppress(HookMissingError):
            lifetimes = self.harness.inspector(self.namespace).lifetimes()
            return {_DRAWN.sub("…", key.replace(self.namespace, "")): left for key, left in lifetimes.items()}
        return {}

    # Calls

    async def alone(self, entry: Entry) -> None:
        """Make a call while no other is made, and nothing is held."""
        await self.finish(Caller("", entry, self.make))

    async def finish(self, caller: Caller) -> None:
        """Let a call come to its end while nothing is held."""
        if not caller.task:
            self.start(caller)
        await self.settle([caller])
        caller.give_up()

    def caller(self, label: str, call: Call) -> Caller:
        """Return who makes a call."""
        return Caller(label, self.begin(call), self.make)

    def start(self, caller: Caller) -> None:
        """Begin a call."""
        self._speaker = caller
        caller.task = asyncio.ensure_future(caller.make(caller.entry))

    async def invoke(self, operation: Operation, store: Any, given: dict[str, Any]) -> Any:
        """Call an operation in this loop, or in a thread if nothing of it is awaited."""
        function = operation.call
        if isinstance(function, str):
            function = getattr(store, function)
        is_async = iscoroutinefunction(function) or isasyncgenfunction(function)
        if is_async or self._in_threads.get(operation.name) is False:
            return operation.invoke(store, given)

        work = _Work(partial(operation.invoke, store, given))
        self._works.append(work)
        result = await asyncio.get_running_loop().run_in_executor(self._threads, work.do)
        self._in_threads[operation.name] = not is_awaited(result)
        return result

    # Orders

    async def together(self, entries: Sequence[Entry], make: Make, choose: Choose, play: Play) -> None:
        """Make calls, each by a caller of its own, in the order that is chosen; note in the play what was chosen."""
        callers = []
        for label, entry in zip(CALLERS, entries, strict=False):
            callers.append(Caller(label, entry, make))
        with self.turnstile.standing(), self.turnstile.closed():
            play.stalled = await self._race(callers, choose, play)
        self._is_stale |= play.stalled != ""
        for caller in callers:
            caller.give_up()

    async def _race(self, callers: Sequence[Caller], choose: Choose, play: Play) -> str:
        """Make calls at the same time. Return why that does not come to an end, if it does not."""
        places = [caller.entry.call.on for caller in callers]
        for caller in callers:
            if places.count(caller.entry.call.on) == 1:  # who shares an instance may begin later
                self.start(caller)

        while len(play.choices) < _MOST_REQUESTS:
            steps = self._steps(callers, await self.settle(callers), play)
            if self.turnstile.is_bypassed:
                return BYPASSED
            if not steps:
                is_over = not any(caller.is_running for caller in callers)
                return "" if is_over else "a caller waits for something that is not its server"
            waiting = tuple(step.request for step in steps)
            chosen = choose(waiting)
            play.choices.append(Choice(waiting, chosen))
            self._speaker = steps[chosen].caller
            steps[chosen].take()
        return f"the calls send more than {_MOST_REQUESTS} requests"

    def _steps(self, callers: Sequence[Caller], links: Sequence[Link], play: Play) -> list[_Step]:
        """Return what can be let go, by caller."""
        steps = []
        for caller in callers:
            if not caller.task:
                request = Request(caller.label, "starts", frozenset())
                steps.append(_Step(caller, request, partial(self.start, caller)))
            own = [link for link in links if link.caller == caller.label]
            steps += [_Step(caller, self.request(link), link.let) for link in own]
            for link in own if play.loses else ():
                steps += self._deaths(caller, link, play)
        return steps

    def _deaths(self, caller: Caller, link: Link, play: Play) -> Iterator[_Step]:
        """Yield how a connection or a caller is lost at a request that is held."""
        request = self.request(link)
        end = link.abort if play.loses == CONNECTION else caller.cancel
        for is_late, when in enumerate(("before this arrives", "before the reply")):
            lost = replace(request, text=f"{request.text}  # {play.loses} {when}", keys=None)
            yield _Step(caller, lost, partial(self._lose, link, end, play, is_late=bool(is_late)))

    def _lose(self, link: Link, end: Callable[[], None], play: Play, *, is_late: bool) -> None:
        play.loses = ""
        if is_late:
            link.on_reply = end
            link.let()
        else:
            end()

    def request(self, link: Link) -> Request:
        """Return the request that is held on a connection, without the namespace in its text."""
        request = link.request
        return replace(request, text=request.text.replace(self.namespace, ""))

    async def settle(self, callers: Sequence[Caller]) -> list[Link]:
        """Return what is held when every caller is held or done, or nobody can tell what else it waits for."""
        while True:
            await self.turnstile.settle()
            links = self._noted(callers)
            running = [caller for caller in callers if caller.is_running]
            if not running or not self._goes_on(running, links):
                return links

    def _noted(self, callers: Sequence[Caller]) -> list[Link]:
        """Return the connections whose request is held, and note whose it is.

        Who shares an instance shares its connections. A new request is from the caller that was let go last, or from
        the other if that one is done.
        """
        links = self.turnstile.waiting()
        for link in links:
            if link.caller:
                continue
            running = [caller for caller in callers if caller.is_running]
            here = [caller for caller in running if CALLERS[caller.entry.call.on] == link.label]
            if self._speaker in here:
                here.insert(0, self._speaker)
            link.caller = here[0].label if here else ""
        return links

    def _goes_on(self, running: Sequence[Caller], links: Sequence[Link]) -> bool:
        """Whether a caller does something that is not held. One in a thread is waited for, within a bound."""
        has_threads = any(self._in_threads.values())
        if links and not (has_threads and len(links) < len(running)):
            return False
        turnstile = self.turnstile
        is_at_server = any(link.sent for link in turnstile.links)
        self._works = [work for work in self._works if not work.is_done]
        before = [work.activity for work in self._works]
        if (is_at_server or not turnstile.is_alone) and turnstile.wait(_A_MOMENT):
            return True
        after = [work.activity for work in self._works]
        if before != after or not all(_SLEEPS in activity for activity in after):
            return True
        if links:
            return False
        if not is_at_server and turnstile.pass_time():
            return True
        return (is_at_server or not turnstile.is_alone) and turnstile.wait(_PATIENCE)

    async def kill(self, caller: Caller) -> None:
        """Let the process of a caller die: nothing that it sends from now on arrives."""
        self.turnstile.cut(CALLERS[caller.entry.call.on])
        caller.cancel()
        closing = replace(caller, task=asyncio.ensure_future(self.drop(caller.entry.call.on)))
        while links := await self.settle([caller, closing]):
            for link in links:
                link.abort()


class LentStores(Harness):
    """Lends the stores of an arena to a player."""

    def __init__(self, arena: NetworkArena) -> None:
        self.capabilities = arena.harness.capabilities
        self._arena = arena
        self._lent = 0

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[Any]:
        """Lend one instance after the other, on a namespace that is empty."""
        if self._lent == 0:
            await self._arena.clear()
        self._lent += 1
        yield await self._arena.store(self._lent - 1)

    def discard(self, namespace: str) -> None:
        """Take back what was lent."""
        self._lent = 0


class _Work:
    """A synchronous call in a thread."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._thread = 0
        self.is_done = False

    def do(self) -> Any:
        """Make the call, and run an iterator that it gives to its end."""
        self._thread = threading.get_native_id()
        try:
            result = self._function()
            return [*result] if isinstance(result, Iterator) else result
        finally:
            self.is_done = True

    @property
    def activity(self) -> str:
        """The state of its thread and how often it has waited, which stay the same while it waits for something."""
        try:
            lines = Path(f"/proc/self/task/{self._thread}/status").read_text().splitlines()
        except OSError:
            return _SLEEPS if self._thread else "it has no thread yet"  # the system does not tell
        return "".join(line for line in lines if line.startswith(("State", "voluntary")))
