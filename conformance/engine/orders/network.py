"""Stores whose requests go through proxies: every order in which the server can meet them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from inspect import isasyncgenfunction, isawaitable, iscoroutinefunction
from itertools import chain
from math import inf, nextafter
from typing import Any

from conformance.backends.proxy import Held, Link, Proxy
from conformance.engine.orders.arena import Arena
from conformance.engine.orders.loom import LoopArena
from conformance.engine.orders.schedule import CONNECTION, PROCESS, STARTS, Play, Request
from conformance.harness import Capability, Harness, HookMissingError
from conformance.operations.operation import Operation
from conformance.operations.parts import read

_TIMEOUT = 10.0
"""The time-outs of the stores: a request of a thread may be held so long."""
_A_MOMENT = 0.1
"""Seconds in which a thread does something that nothing holds up."""
_SHOWN = 60
"""Letters of the request at which something ends."""
_MOST_TURNS = 10_000
"""Turns of the loop between two requests; a store that goes on without end is given up then."""
_PATIENCE = 1.0
"""Seconds in which something answers that is not the server."""


class NetworkArena(Arena):
    """Holds the requests of stores that `open_at` of a harness opens, each behind a proxy of its own."""

    def __init__(self, harness: Harness) -> None:
        super().__init__(harness)
        self._proxies: dict[int, Proxy] = {}
        self._namespace = ""

    @asynccontextmanager
    async def open(self, namespace: str, on: int) -> AsyncIterator[Any]:
        """Open an instance. When it is closed its connections end: a client that nobody closes keeps them."""
        self._namespace = namespace
        async with Proxy(self.harness.url(), in_order=True) as proxy:
            self._proxies[on] = proxy
            async with self.harness.open_at(namespace, proxy.url, _TIMEOUT) as store:
                yield store
            del self._proxies[on]

    def hold(self, how: Held | None = Held.REQUESTS) -> None:
        """Hold the requests that come from now on."""
        for proxy in self._proxies.values():
            proxy.interrupt(how)

    def release(self) -> None:
        """Let the requests through that are held, and those to come."""
        self.hold(None)

    def _links(self) -> Iterator[Link]:
        """Yield the open connections."""
        return chain.from_iterable(proxy.links for proxy in self._proxies.values())

    def invoke(self, operation: Operation, store: Any, given: Mapping[str, Any]) -> Any:
        """Call an operation in this loop, or in a thread if nothing of it is awaited."""
        call = operation.prepared(store, given)
        if iscoroutinefunction(call) or isasyncgenfunction(call):
            return call()
        return self._in_thread(operation.name, call)

    async def _in_thread(self, name: str, call: Callable[[], Any]) -> Any:
        result = await asyncio.to_thread(lambda: read(call()))
        if isawaitable(result):
            return await result
        if not hasattr(type(result), "__anext__"):
            self.in_threads.add(name)
        return result

    def at_once(self) -> Iterable[str]:
        """Return the callers with an instance of their own. Another may begin later."""
        places = [entry.call.on for entry in self.entries.values()]
        return [caller for caller, entry in self.entries.items() if places.count(entry.call.on) == 1]

    async def steps(self, play: Play) -> Sequence[Request]:
        """Return what can be let go when every caller is held or done, or nobody can tell what else it waits for."""
        held = await self._settle(play)
        if any(proxy.is_bypassed for proxy in self._proxies.values()):
            play.stalled = "its client finds servers by itself, and its requests cannot be held"
            return []

        late = self.entries.keys() - self.tasks.keys()
        steps = [Request(caller, STARTS, take=partial(self.begin, caller)) for caller in late]
        for link in held:
            request = Request(link.caller, link.text.replace(self._namespace, ""), link.head.keys, take=link.let)
            steps += [request, *self._deaths(request, link, play)]
        if self.running and not steps and not play.has_died:
            play.stalled = "a caller waits for something that is not its server"
        return steps

    def _deaths(self, request: Request, link: Link, play: Play) -> Iterator[Request]:
        """Yield what may end at a request, before it arrives and before its reply does."""
        if play.has_died:
            return
        task = self.tasks[link.caller]

        def end(what: str) -> None:
            play.has_died = True
            if what == CONNECTION:
                link.leave()
            else:
                task.cancel()
            if what == PROCESS:
                link.proxy.stop()

        def end_on_reply(what: str) -> None:
            play.has_died = True
            link.on_reply = partial(end, what)
            link.let()

        for what in play.deaths[:1] if self.in_threads else play.deaths:
            text = f"{request.text[:_SHOWN]}  # {what} before"
            if what != PROCESS:
                yield Request(request.name, f"{text} this arrives", take=partial(end, what))
            yield Request(request.name, f"{text} the reply", take=partial(end_on_reply, what))

    def _held(self, play: Play) -> list[Link]:
        """Return the connections whose request is held, and note whose it is.

        Who shares an instance shares its connections. A new request is from the caller that was let go last, or from
        the other if that one is done.
        """
        last = play.trace[-1].caller if play.trace else ""
        held = [link for link in self._links() if link.head]
        for caller in sorted(self.running, key=last.__ne__):
            proxy = self._proxies.get(self.entries[caller].call.on)
            for link in held:
                if link.proxy is proxy:
                    link.caller = link.caller or caller
        return [link for link in held if link.caller]

    async def _settle(self, play: Play) -> list[Link]:
        """Return the connections whose request is held, when nothing else goes on before one is let through.

        That is so if nothing is ready in the loop, no socket has data, and the server owes no reply. On loopback, what
        was sent has arrived when `send` returns. When only timers are left, time passes at once.
        """
        held: list[Link] = []
        ready = self.ready
        for _ in range(_MOST_TURNS):
            was_quiet = not ready
            await asyncio.sleep(0)  # a turn of the loop, which looks for data too
            if ready or not was_quiet:
                continue

            held = self._held(play)
            is_at_server = any(link.sent for link in self._links())
            timers = [] if held or is_at_server else self.timers()
            if self._goes_on(held, _A_MOMENT if held or timers else _PATIENCE):
                continue
            if not (self.running and timers):
                break
            # A loop runs a timer a nanosecond early: less than two floats differ by where it is up for months.
            self.now = nextafter(max(self.time(), timers[0].when()), inf)
        return held

    def _goes_on(self, held: Sequence[Link], seconds: float) -> bool:
        """Whether something comes of a server, or within so many seconds of what only a caller knows."""
        at_server = max((link.patience for link in self._links()), default=0.0)
        sockets = sum(proxy.sockets for proxy in self._proxies.values())
        is_alone = not at_server and self.is_alone(sockets)
        is_missing = len(held) < (len(self.running) if self.in_threads else bool(self.running))
        return self.wait(max(at_server, seconds if is_missing and not is_alone else 0.0))


def arena_of(harness: Harness) -> Arena | None:
    """Return where the calls of a store are ordered, in the loop of asyncio that runs.

    There is none where instances share something that is not behind an address: what a client such as fakeredis does
    in the loop by itself has too many orders.
    """
    try:
        harness.open_at("conformance-no-case", harness.url(), 1.0)
        Proxy(harness.url())
    except HookMissingError:
        return None if Capability.SHARED in harness.capabilities else LoopArena(harness)
    return NetworkArena(harness)
