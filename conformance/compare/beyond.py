"""Beyond one caller: instances, time that passes, calls at the same time, foreign values, and a server that fails.

Nothing is known of the operations but what they read and write. What needs a hook that is missing is noted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import combinations_with_replacement
from typing import Any

from conformance.compare.finding import Finding
from conformance.compare.operation import Operation
from conformance.compare.parts import IncomparableError
from conformance.compare.picture import Observer
from conformance.compare.side import Side
from conformance.compare.steps import Call, Vocabulary
from conformance.engine.script import source
from conformance.harness import Harness, HookMissingError
from conformance.verify.proxy import Action, Proxy, Stage

SPANS = (timedelta(hours=1), timedelta(days=2), timedelta(days=8), timedelta(days=400))
_MOST_PAIRS = 40
_REPEATS = 3
_SERVER_SECONDS = 0.5


@dataclass
class Place:
    """One store in a namespace of its own."""

    name: str
    harness: Harness
    operations: dict[str, Operation]
    namespace: str
    known: Vocabulary
    observer: Observer = field(default_factory=Observer)
    entry: Any = None

    @asynccontextmanager
    async def open(self, url: str = "") -> AsyncIterator[Side]:
        """A store here; again, for a second instance. Of all of them the ids are known."""
        opened = (
            self.harness.open_at(self.namespace, url, _SERVER_SECONDS) if url else self.harness.open(self.namespace)
        )
        async with opened as store:
            yield Side(self.name, store, self.operations, self.observer)

    async def call(self, side: Side, call: Call) -> str:
        """Make a call, and say how its outcome looks."""
        operation = self.operations[call.operation]
        answer = await side.call(call.operation, side.fill(call.arguments))
        for one, path in self.observer.new_ids(answer.result, operation) if answer.error is None else ():
            self.observer.learn(one, f"result{path}")
            self.entry = one
        try:
            outcome = side.look(answer, call.operation)
        except IncomparableError as fault:
            return str(fault)
        return f"raises {outcome.name}" if outcome.raised else outcome.text

    async def make(self, side: Side, call: Call) -> None:
        """Make an entry."""
        self.entry = call.arguments.get(self.operations[call.operation].entry or "")
        await self.call(side, call)

    async def reads(self, side: Side) -> dict[str, str]:
        """What every read gives."""
        calls = (self.known.plain(one.name) for one in self.known.audits())
        return {call.operation: await self.call(side, call) for call in calls}


Open = Callable[[int], Place]
Probe = Callable[[Place], Awaitable[dict[str, bool]]]


@dataclass
class Beyond:
    """The probes, on two stores."""

    names: tuple[str, str]
    known: Vocabulary
    place: Open
    """A new place of the first store or the second."""
    notes: list[str] = field(default_factory=list)
    """What was not tried, and why."""
    _found: set[str] = field(default_factory=set)

    @property
    def maker(self) -> Call:
        """The call that makes an entry."""
        return self.known.plain(self.known.makers()[0])

    async def findings(self) -> AsyncIterator[Finding]:
        """Everything that is found."""
        there = "it is there in {0}, and not in {1}"
        probes = [
            ("instance", "for a second instance", self._second_instance),
            ("reopening", "after reopening", self._reopening),
            *(("expiry", f"after {_span(by)}", self._later(by)) for by in SPANS),
        ]
        for kind, when, probe in probes:
            if kind not in self._found:
                async for finding in self._compared(kind, probe, f"{when} {there}"):
                    yield finding
        for one in range(2):
            for what, tried in (
                ("calls at the same time", self._together),
                ("a value of another type", self._foreign),
                ("a server that fails", self._server),
            ):
                try:
                    async for finding in tried(one):
                        yield finding
                except HookMissingError as missing:
                    self.notes.append(f"{what} in {self.names[one]}: {missing}")

    async def _compared(self, kind: str, probe: Probe, words: str) -> AsyncIterator[Finding]:
        seen = []
        for one in range(2):
            place = self.place(one)
            try:
                seen.append(await probe(place))
            except HookMissingError as missing:
                self.notes.append(f"{kind} in {self.names[one]}: {missing}")
                return
            finally:
                place.harness.discard(place.namespace)
        differing = [name for name in seen[0] if seen[0][name] != seen[1].get(name)]
        if differing:
            order = self.names if seen[0][differing[0]] else self.names[::-1]
            yield self._finding(kind, words.format(*order), [_line(self.maker, self.known)], differing)

    def _finding(self, kind: str, consequence: str, script: list[str], operations: list[str]) -> Finding:
        self._found.add(kind)
        first, *others = operations
        return Finding(first, "", kind, "", "", consequence, tuple(script), 0, also_in=set(others))

    async def _second_instance(self, place: Place) -> dict[str, bool]:
        async with place.open() as one, place.open() as other:
            await place.make(one, self.maker)
            return _alike(await place.reads(one), await place.reads(other))

    async def _reopening(self, place: Place) -> dict[str, bool]:
        async with place.open() as one:
            await place.make(one, self.maker)
            before = await place.reads(one)
        async with place.open() as again:
            return _alike(before, await place.reads(again))

    def _later(self, by: timedelta) -> Probe:
        async def probe(place: Place) -> dict[str, bool]:
            async with place.open() as side:
                await place.make(side, self.maker)
                before = await place.reads(side)
                place.harness.advance(place.namespace, by)
                return _alike(before, await place.reads(side))

        return probe

    def _calls(self) -> list[Call]:
        """Calls on the entry that is there, each as plain as it can be, and with one optional argument."""
        found = []
        for name in self.known.writes():
            operation = self.known.operations[name]
            if operation.entry is None:
                continue
            found.append(self.known.plain(name))
            for argument in operation.optional:
                values = self.known.pools[name, argument].values
                found.append(self.known.plain(name, **{argument: next(filter(None, values), values[0])}))
        return found

    async def _together(self, one: int) -> AsyncIterator[Finding]:
        pairs = [*combinations_with_replacement(self._calls(), 2)]
        pairs.sort(key=lambda pair: pair[0] == pair[1])
        for pair in pairs[:_MOST_PAIRS]:
            orders = [await self._play(one, pair, at_once=False), await self._play(one, pair[::-1], at_once=False)]
            allowed = {(first, second, reads) for first, second, reads in orders[:1]}
            allowed |= {(first, second, reads) for second, first, reads in orders[1:]}
            for _ in range(_REPEATS):
                seen = await self._play(one, pair, at_once=True)
                if seen not in allowed:
                    lines = [_line(call, self.known) for call in pair]
                    script = [
                        _line(self.maker, self.known),
                        f"await asyncio.gather({', '.join(line.removeprefix('await ') for line in lines)})",
                    ]
                    words = (
                        f"in {self.names[one]} of two calls at the same time one is lost, or comes out as in no order"
                    )
                    yield self._finding("lost update", words, script, [pair[0].operation])
                    return

    async def _play(self, one: int, pair: tuple[Call, Call], *, at_once: bool) -> tuple[str, str, str]:
        place = self.place(one)
        try:
            async with place.open() as side:
                await place.make(side, self.maker)
                if at_once:
                    await asyncio.gather(*(place.reads(side) for _ in pair))  # opens the connections that are needed
                    first, second = await asyncio.gather(*(place.call(side, call) for call in pair))
                else:
                    first, second = await place.call(side, pair[0]), await place.call(side, pair[1])
                return first, second, str(await place.reads(side))
        finally:
            place.harness.discard(place.namespace)

    async def _foreign(self, one: int) -> AsyncIterator[Finding]:
        place = self.place(one)
        try:
            async with place.open() as side:
                unknown = await place.reads(side)
                await place.make(side, self.maker)
                before = await place.reads(side)
                place.harness.inspector(place.namespace).overwrite_with_another_type(place.entry)
                after = await place.reads(side)
        finally:
            place.harness.discard(place.namespace)
        if wrong := [*_untrue(unknown, before, after)]:
            words = f"{self.names[one]} takes a value of another type for an entry that is not there"
            yield self._finding("foreign value", words, [_line(self.maker, self.known)], wrong)

    async def _server(self, one: int) -> AsyncIterator[Finding]:
        untrue: dict[str, list[str]] = {}
        for words, fail in (
            ("its server away", _away),
            ("a reply cut in the middle", lambda proxy: _interrupted(proxy, Stage.MIDDLE, Action.CUT)),
            ("a reply that does not come", lambda proxy: _interrupted(proxy, Stage.REPLY, Action.HOLD)),
        ):
            place = self.place(one)
            try:
                async with AsyncExitStack() as stack:
                    proxy = await stack.enter_async_context(Proxy(place.harness.url()))
                    side = await stack.enter_async_context(place.open(proxy.url))
                    unknown = await place.reads(side)
                    await place.make(side, self.maker)
                    before = await place.reads(side)
                    after = {}
                    for name in before:
                        await fail(proxy)
                        after[name] = await place.call(side, self.known.plain(name))
                        proxy.release()
                    for name in _untrue(unknown, before, after):
                        untrue.setdefault(name, []).append(words)
            finally:
                place.harness.discard(place.namespace)
        if untrue:
            told = f"with {', '.join(next(iter(untrue.values())))} {self.names[one]} says that the entry is not there"
            yield self._finding("server", told, [_line(self.maker, self.known)], [*untrue])


async def _away(proxy: Proxy) -> None:
    if proxy.connections or not proxy.ended:
        await proxy.refuse()
    proxy.break_all(Action.RESET)


async def _interrupted(proxy: Proxy, stage: Stage, action: Action) -> None:
    proxy.interrupt(stage, action, times=1)


def _alike(before: dict[str, str], after: dict[str, str]) -> dict[str, bool]:
    return {name: before[name] == after[name] for name in before}


def _untrue(unknown: dict[str, str], before: dict[str, str], after: dict[str, str]) -> Iterator[str]:
    """Reads that give what they gave before there was an entry, although there is one."""
    return (name for name in before if before[name] != unknown[name] and after[name] == unknown[name])


def _span(by: timedelta) -> str:
    return f"{by.days} days" if by.days else f"{by.seconds // 3600} h"


def _line(call: Call, known: Vocabulary) -> str:
    operation = known.operations[call.operation]
    given = (
        source(value) if name in operation.positional else f"{name}={source(value)}"
        for name, value in call.arguments.items()
    )
    return f"await store.{call.operation}({', '.join(given)})".replace("EarlierId(back=0)", "result")
