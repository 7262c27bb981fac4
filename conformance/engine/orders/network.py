"""Stores whose requests go through a turnstile: every order in which the server can meet them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial
from inspect import isasyncgenfunction, isawaitable, iscoroutinefunction
from typing import Any, Self

from conformance.engine.orders.arena import Arena
from conformance.engine.orders.schedule import CALLER, CONNECTION, PROCESS, STARTS, Play, Request
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
    """Holds the requests of stores that `open_at` of a harness opens behind a turnstile."""

    async def __aenter__(self) -> Self:
        self.turnstile = Turnstile(self.harness.url())
        self._awaited = set[str]()
        self._namespace = ""
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.turnstile.aclose()

    @asynccontextmanager
    async def open(self, namespace: str, on: int) -> AsyncIterator[Any]:
        """Open an instance."""
        self._namespace = namespace
        url = await self.turnstile.url(on)
        try:
            async with self.harness.open_at(namespace, url, _TIMEOUT) as store:
                yield store
        finally:
            self.turnstile.disconnect(on)  # a client that nobody closes keeps its connections

    def closed(self) -> AbstractContextManager[None]:
        """Hold the requests that come in the block."""
        return self.turnstile.closed()

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

        result = await asyncio.to_thread(call)
        is_awaited = isawaitable(result) or hasattr(type(result), "__anext__")
        (self._awaited if is_awaited else self.in_threads).add(operation.name)
        return await result if isawaitable(result) else result

    def at_once(self) -> Iterable[str]:
        """Return the callers with an instance of their own. Another may begin later."""
        places = [entry.call.on for entry in self.entries.values()]
        return [caller for caller, entry in self.entries.items() if places.count(entry.call.on) == 1]

    async def steps(self, play: Play) -> Sequence[Request]:
        """Return what can be let go when every caller is held or done, or nobody can tell what else it waits for."""
        held: list[Link] = []
        for _ in range(_MOST_TURNS):
            await self.turnstile.settle()
            held = self._held(play)
            if not self.running or not self._goes_on(held):
                break
        if self.turnstile.is_bypassed:
            play.stalled = "its client finds servers by itself, and its requests cannot be held"
            return []

        starts = ((caller, partial(self.begin, caller)) for caller in self.entries.keys() - self.tasks.keys())
        steps = [Request(caller, STARTS, frozenset(), take=start) for caller, start in starts]
        for link in held:
            request = Request(link.caller, link.text.replace(self._namespace, ""), link.keys, take=link.let)
            steps += [request, *self._deaths(request, link, play)]
        if self.running and not steps and not play.has_died:
            play.stalled = "a caller waits for something that is not its server"
        return steps

    def _deaths(self, request: Request, link: Link, play: Play) -> Iterator[Request]:
        """Yield what may end at a request, before it arrives and before its reply does."""
        task = self.tasks[link.caller]

        def die() -> None:
            self.turnstile.kill(link.label)
            task.cancel()

        ways: Mapping[str, Callable[[], object]] = {CONNECTION: link.abort, CALLER: task.cancel, PROCESS: die}
        deaths = play.deaths[:1] if self.in_threads else play.deaths
        for what in () if play.has_died else deaths:
            for is_late, when in enumerate(("before this arrives", "before the reply")):
                if is_late or what != PROCESS:
                    text = f"{request.text[:_SHOWN]}  # {what} {when}"
                    take = partial(self._end, play, link, ways[what], is_late=bool(is_late))
                    yield replace(request, text=text, keys=None, take=take)

    def _end(self, play: Play, link: Link, end: Callable[[], object], *, is_late: bool) -> None:
        play.has_died = True
        if is_late:
            link.on_reply = end
            link.let()
        else:
            end()

    def _held(self, play: Play) -> list[Link]:
        """Return the connections whose request is held, and note whose it is.

        Who shares an instance shares its connections. A new request is from the caller that was let go last, or from
        the other if that one is done.
        """
        last = play.trace[-1].caller if play.trace else ""
        held = [link for link in self.turnstile.links if link.head]
        for link in held:
            here = [caller for caller in self.running if self.entries[caller].call.on == link.label]
            link.caller = link.caller or (last if last in here else "".join(here[:1]))
        return [link for link in held if link.caller]

    def _goes_on(self, held: Sequence[Link]) -> bool:
        """Whether a caller does something that is not held. One in a thread is waited for, within a bound."""
        if held and not (self.in_threads and len(held) < len(self.running)):
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
