"""Stores whose requests go through a turnstile: every order in which the server can meet them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from inspect import isasyncgenfunction, isawaitable, iscoroutinefunction
from typing import Any, Self

from conformance.engine.contract import Entry
from conformance.engine.orders.arena import Arena, Make, give_up
from conformance.engine.orders.schedule import CALLER, CALLERS, CONNECTION, PROCESS, Choose, Play, Request
from conformance.engine.orders.turnstile import Link, Turnstile
from conformance.operations.operation import Operation

_TIMEOUT = 10.0
"""The time-outs of the stores: a request of a thread may be held so long."""
_A_MOMENT = 0.1
"""Seconds in which a thread does something that nothing holds up."""
_SHOWN = 60
"""Letters of the request at which something ends."""
_MOST_TURNS = 500
"""Things that callers do between two requests; a store that goes on without end is given up then."""
_PATIENCE = 1.0
"""Seconds in which something answers that is not the server."""


class NetworkArena(Arena):
    """Plays with stores that `open_at` of a harness opens behind a turnstile."""

    async def __aenter__(self) -> Self:
        self.turnstile = Turnstile(self.harness.url())
        self.tasks: dict[str, asyncio.Task[None]] = {}
        """By caller, what makes the calls that are begun."""
        self._awaited = set[str]()
        self._threads = ThreadPoolExecutor()
        self._namespace = ""
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.turnstile.aclose()
        self._threads.shutdown(wait=False)

    @asynccontextmanager
    async def open(self, namespace: str, on: int) -> AsyncIterator[Any]:
        """Open an instance."""
        self._namespace = namespace
        url = await self.turnstile.url(CALLERS[on])
        async with self.harness.open_at(namespace, url, _TIMEOUT) as store:
            yield store

    def invoke(self, operation: Operation, store: Any, given: Mapping[str, Any]) -> Any:
        """Call an operation in this loop, or in a thread if nothing of it is awaited."""
        function = getattr(store, operation.call) if isinstance(operation.call, str) else operation.call
        is_async = iscoroutinefunction(function) or isasyncgenfunction(function)
        if is_async or operation.name in self._awaited:
            return operation.invoke(store, given)
        return self._in_thread(operation, store, given)

    async def _in_thread(self, operation: Operation, store: Any, given: Mapping[str, Any]) -> Any:
        def call() -> Any:
            result = operation.invoke(store, given)
            return [*result] if isinstance(result, Iterator) else result

        result = await asyncio.get_running_loop().run_in_executor(self._threads, call)
        is_awaited = isawaitable(result) or hasattr(type(result), "__anext__")
        (self._awaited if is_awaited else self.in_threads).add(operation.name)
        return await result if isawaitable(result) else result

    async def together(self, entries: Sequence[Entry], make: Make, choose: Choose, play: Play) -> None:
        """Make calls, each by a caller of its own, in the order that is chosen; note in the play what was chosen."""
        by_caller = dict(zip(CALLERS, entries, strict=False))
        self._at = {caller: CALLERS[entry.call.on] for caller, entry in by_caller.items()}
        self._calls = {caller: make(entry) for caller, entry in by_caller.items()}
        self.tasks = {}
        self._last = ""
        may_end = play.deaths
        with self.clock.standing(), self.turnstile.closed():
            places = [*self._at.values()]
            for caller, place in self._at.items():
                if places.count(place) == 1:  # who shares an instance may begin later
                    self._start(caller)
            while not play.stalled and (steps := await self._settled(play)):
                self._last = play.go_on(steps, choose).caller
                if self.turnstile.is_bypassed:
                    play.stalled = "its client finds servers by itself, and its requests cannot be held"
            if self._running() and may_end == play.deaths and not play.stalled:
                play.stalled = "a caller waits for something that is not its server"
        for call in self._calls.values():
            call.close()
        if self.tasks:
            await give_up({task: by_caller[caller] for caller, task in self.tasks.items()}, 0)

    def _start(self, caller: str) -> None:
        self.tasks[caller] = asyncio.ensure_future(self._calls.pop(caller))

    def _running(self) -> list[str]:
        return [caller for caller, task in self.tasks.items() if not task.done()]

    async def _settled(self, play: Play) -> list[Request]:
        """Return what can be let go when every caller is held or done, or nobody can tell what else it waits for."""
        held: list[Link] = []
        for _ in range(_MOST_TURNS):
            await self.turnstile.settle()
            held = self._held()
            if not self._running() or not self._goes_on(held):
                break
        starts = ((caller, partial(self._start, caller)) for caller in self._calls)
        steps = [Request(caller, "starts", frozenset(), take=start) for caller, start in starts]
        for link in held:
            request = Request(link.caller, link.text.replace(self._namespace, ""), link.keys, take=link.let)
            steps += [request, *self._deaths(request, link, play)]
        return steps

    def _deaths(self, request: Request, link: Link, play: Play) -> Iterator[Request]:
        """Yield what may end at a request, before it arrives and before its reply does."""
        task = self.tasks[link.caller]

        def die() -> None:
            self.turnstile.kill(link.label)
            task.cancel()

        ways: Mapping[str, Callable[[], object]] = {CONNECTION: link.abort, CALLER: task.cancel, PROCESS: die}
        for what in play.deaths[:1] if self.in_threads else play.deaths:
            for is_late, when in enumerate(("before this arrives", "before the reply")):
                if is_late or what != PROCESS:
                    text = f"{request.text[:_SHOWN]}  # {what} {when}"
                    take = partial(self._end, play, link, ways[what], is_late=bool(is_late))
                    yield replace(request, text=text, keys=None, take=take)

    def _end(self, play: Play, link: Link, end: Callable[[], object], *, is_late: bool) -> None:
        play.deaths = ()
        if is_late:
            link.on_reply = end
            link.let()
        else:
            end()

    def _held(self) -> list[Link]:
        """Return the connections whose request is held, and note whose it is.

        Who shares an instance shares its connections. A new request is from the caller that was let go last, or from
        the other if that one is done.
        """
        held = [link for link in self.turnstile.links if link.head]
        for link in held:
            here = [caller for caller in self._running() if self._at[caller] == link.label]
            link.caller = link.caller or (self._last if self._last in here else "".join(here[:1]))
        return [link for link in held if link.caller]

    def _goes_on(self, held: Sequence[Link]) -> bool:
        """Whether a caller does something that is not held. One in a thread is waited for, within a bound."""
        if held and not (self.in_threads and len(held) < len(self._running())):
            return False
        is_at_server = any(link.sent for link in self.turnstile.links)
        timers = [] if is_at_server else self.clock.timers()
        seconds = _A_MOMENT if held or timers else _PATIENCE
        is_alone = not is_at_server and self.clock.is_alone(self.turnstile.sockets)
        if not is_alone and self.turnstile.wait(seconds):
            return True
        if held or not timers:
            return False
        self.clock.now = max(self.clock.time(), timers[0].when())
        return True
