"""Beyond one caller: instances, time that passes, calls at the same time, foreign values, and a server that fails.

Nothing is known of the operations but what they read and write. What needs a hook that is missing is noted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import combinations_with_replacement
from typing import Any

from conformance.compare.document import Finding
from conformance.compare.operations.operation import Operation
from conformance.compare.sequences.limit import Limit
from conformance.compare.sequences.side import Side
from conformance.compare.sequences.steps import Call, Vocabulary
from conformance.compare.values.contrast import Outcome, outcome_mismatches
from conformance.compare.values.parts import IncomparableError
from conformance.compare.values.picture import Leaf, Observer
from conformance.compare.values.script import Line, shorten
from conformance.engine.script import source
from conformance.harness import Capability, Harness, HookMissingError
from conformance.subjects.proxy import Action, Proxy, Stage

SPANS = (timedelta(hours=1), timedelta(days=2), timedelta(days=8), timedelta(days=400))
_DECLARED = {"instance": Capability.SHARED, "reopening": Capability.PERSISTENT}
_NOTHING_EXPIRED = "no entry expired when `advance` let time pass: name the argument `lifetime=`, or drop the hook"
_MOST_PAIRS = 40
_REPEATS = 3
_SERVER_SECONDS = 0.5


@dataclass
class Place:
    """One store in a namespace of its own."""

    name: str
    limit: Limit
    harness: Harness
    operations: dict[str, Operation]
    namespace: str
    known: Vocabulary
    observer: Observer = field(default_factory=Observer)
    entry: Any = None
    awaited: set[str] = field(default_factory=set)
    """The operations that turned out to be asynchronous."""

    @asynccontextmanager
    async def open(self, url: str = "") -> AsyncIterator[Side]:
        """A store here; again, for a second instance. Of all of them the ids are known."""
        at = partial(self.harness.open_at, url=url, seconds=_SERVER_SECONDS) if url else self.harness.open
        async with at(self.namespace) as store:
            yield Side(store, self.operations, self.name, self.limit, self.observer)

    async def call(self, side: Side, call: Call) -> Outcome:
        """Make a call, and return how its outcome looks."""
        operation = self.operations[call.operation]
        answer = await side.call(call.operation, side.fill(call.arguments))
        if answer.awaited:
            self.awaited.add(call.operation)
        for one, path in self.observer.new_ids(answer.result, operation) if answer.error is None else ():
            self.observer.learn(one, f"result{path}")
            self.entry = one
        try:
            return side.look(answer, call.operation)
        except IncomparableError as fault:
            return Outcome(Leaf(str, str(fault), str(fault)))

    async def make(self, side: Side, call: Call) -> None:
        """Make an entry."""
        self.entry = call.arguments.get(self.operations[call.operation].entry or "")
        await self.call(side, call)

    async def reads(self, side: Side) -> Reads:
        """What every read gives."""
        calls = (self.known.plain(one.name) for one in self.known.audits())
        return {call.operation: await self.call(side, call) for call in calls}


Reads = dict[str, Outcome]
Probe = Callable[[Place], Awaitable[dict[str, bool]]]


@dataclass
class Beyond:
    """The probes, on two stores."""

    names: tuple[str, str]
    known: Vocabulary
    new_place: Callable[[int], Place]
    """A new place of the first store or the second."""
    notes: list[str] = field(default_factory=list)
    """What was not tried, and why."""
    declared: list[str] = field(default_factory=list)
    """Differences that the capabilities of the harnesses declare."""
    gaps: list[str] = field(default_factory=list)
    """What was tried, and came to nothing."""
    _expired: bool | None = None
    """Whether an entry expired; None if no time passed."""
    _found: set[str] = field(default_factory=set)
    _awaited: set[str] = field(default_factory=set)
    _made_by: Call | None = None
    """The call that made the entry, where it was not the plain one."""
    _id: str = ""
    """The Python that names the id of the entry that was made, where the store chose it."""

    async def findings(self) -> AsyncIterator[Finding]:
        """Everything that is found."""
        there = "it is there in {0}, and not in {1}"
        probes = [
            ("instance", "for a second instance", self._second_instance),
            ("reopening", "after reopening", self._reopening),
            *(("expiry", f"after {_span(by)}", self._later(by, call)) for by in SPANS for call in self._lasting()),
            *(("expiry", f"after {_span(by)}", self._later(by, call)) for call, by in self._ends()),
        ]
        for kind, when, probe in probes:
            if kind not in self._found:
                async for finding in self._compared(kind, probe, f"{when} {there}"):
                    yield finding
        if self._expired is False and not any(note.startswith("expiry ") for note in self.notes):
            self.gaps.append(_NOTHING_EXPIRED)
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
                    self._note(what, one, missing)

    def _note(self, what: str, one: int, missing: HookMissingError) -> None:
        note = f"{what} in {self.names[one]}: {missing}"
        if note not in self.notes:
            self.notes.append(note)

    @asynccontextmanager
    async def _place(self, one: int) -> AsyncIterator[Place]:
        place = self.new_place(one)
        place.awaited = self._awaited
        try:
            yield place
        finally:
            self._id = place.observer.names[-1] if place.observer.names else ""
            place.harness.discard(place.namespace)

    @property
    def _maker(self) -> Call:
        return self.known.plain(self.known.makers()[0])

    def _lasting(self) -> list[Call]:
        """Calls that make an entry, plainly and with a lifetime."""
        return [self._maker, *(call for call, _ in self._lifetimes()[:1])]

    def _lifetimes(self) -> list[tuple[Call, float]]:
        """Calls that make an entry with a lifetime that ends, one for each class of them, and its seconds."""
        made = self._maker
        lifetime = self.known.operations[made.operation].lifetime
        values = self.known.pools[made.operation, lifetime].representatives(1) if lifetime else []
        calls = [self.known.plain(made.operation, **{lifetime or "": value}) for value in values]
        ends = [(call, _seconds(value)) for call, value in zip(calls, values, strict=True)]
        return [(call, seconds) for call, seconds in ends if 0 < seconds < SPANS[-1].total_seconds()]

    def _ends(self) -> Iterator[tuple[Call, timedelta]]:
        """Calls that make an entry with a lifetime, and times a little before and after its end.

        Of a fraction of a second a half goes by: a store that keeps whole seconds has lost the entry by then.
        """
        for call, seconds in self._lifetimes():
            margin = (seconds % 1 or min(seconds, 60) / 4) / 2
            yield from ((call, timedelta(seconds=seconds + aside)) for aside in (-margin, margin))

    def _finding(self, kind: str, consequence: str, operations: list[str], *lines: str) -> Finding:
        self._found.add(kind)
        first, *others = operations
        made = self._line(self._made_by or self._maker)
        script = (f"result = {made}" if any(self._id in line for line in lines) and self._id else made, *lines)
        return Finding(
            operation=first,
            argument="",
            kind=kind,
            where="",
            what="",
            consequence=consequence,
            script=script,
            severity=0,
            also_in=set(others),
        )

    def _line(self, call: Call) -> str:
        written = {name: source(value) for name, value in call.arguments.items()}
        before = "await " if call.operation in self._awaited else ""
        line = Line(f"{before}store.{call.operation}", 0, written, self.known.operations[call.operation].positional)
        return line.write("")[-1].replace("EarlierId(back=0)", self._id)

    async def _compared(self, kind: str, probe: Probe, words: str) -> AsyncIterator[Finding]:
        seen, places = [], []
        for one in range(2):
            try:
                async with self._place(one) as place:
                    places.append(place)
                    seen.append(await probe(place))
            except HookMissingError as missing:
                self._note(kind, one, missing)
                return
        if differing := [name for name in seen[0] if name in seen[1] and seen[0][name] != seen[1][name]]:
            with_it = 0 if seen[0][differing[0]] else 1
            words = words.format(self.names[with_it], self.names[1 - with_it])
            capability = _DECLARED.get(kind)
            declaring = [capability in place.harness.capabilities for place in places]
            if capability and declaring[with_it] and not declaring[1 - with_it]:
                self.declared.append(f"{words}: only {self.names[with_it]} declares Capability.{capability.name}")
            else:
                yield self._finding(kind, words, differing)

    async def _made(self, place: Place, side: Side, call: Call | None = None) -> Reads:
        """Make an entry, and return what those reads give that show it."""
        self._made_by = call
        unknown = await place.reads(side)
        await place.make(side, call or self._maker)
        before = await place.reads(side)
        unchanged = _alike(unknown, before)
        return {name: outcome for name, outcome in before.items() if not unchanged[name]}

    async def _second_instance(self, place: Place) -> dict[str, bool]:
        async with place.open() as one, place.open() as other:
            return _alike(await self._made(place, one), await place.reads(other))

    async def _reopening(self, place: Place) -> dict[str, bool]:
        async with place.open() as one:
            before = await self._made(place, one)
        async with place.open() as again:
            return _alike(before, await place.reads(again))

    def _later(self, by: timedelta, call: Call) -> Probe:
        async def probe(place: Place) -> dict[str, bool]:
            async with place.open() as side:
                before = await self._made(place, side, call)
                place.harness.advance(place.namespace, by)
                alike = _alike(before, await place.reads(side))
                self._expired = bool(self._expired) or not all(alike.values())
                return alike

        return probe

    def _calls(self) -> list[Call]:
        """Calls that change an entry that is there, each as plain as it can be, and with one optional argument."""
        makers = self.known.makers()
        found = []
        for name in self.known.writes():
            operation = self.known.operations[name]
            if operation.entry is None and name in makers[:1]:  # of entries that two calls make the order is open
                continue
            found.append(self.known.plain(name))
            for argument in operation.optional if operation.entry is not None else ():
                values = self.known.pools[name, argument].values
                found.append(self.known.plain(name, **{argument: next(filter(None, values), values[0])}))
        return found

    async def _together(self, one: int) -> AsyncIterator[Finding]:
        pairs = [*combinations_with_replacement(self._calls(), 2)]
        pairs.sort(key=lambda pair: pair[0] == pair[1])
        for pair in pairs[:_MOST_PAIRS]:
            orders = await self._in_turn(one, pair)
            if not {call.operation for call in pair} <= self._awaited:
                continue
            for _ in range(_REPEATS):
                seen = await self._play(one, pair, at_once=True)
                if any(_same(seen, order) for order in orders):
                    continue
                if not await self._is_steady(one, pair, orders):
                    break
                words = f"two calls at the same time in {self.names[one]} come out as in no order of them"
                yield self._finding("lost update", words, [pair[0].operation], *self._race(pair, seen, orders))
                return

    async def _is_steady(self, one: int, pair: tuple[Call, Call], orders: list[list[Outcome]]) -> bool:
        """Whether the calls give the same each time if one follows the other: then it is the race that differs."""
        for _ in range(_REPEATS):
            again = await self._in_turn(one, pair)
            if not all(_same(*both) for both in zip(again, orders, strict=True)):
                return False
        return True

    def _race(self, pair: tuple[Call, Call], seen: list[Outcome], orders: list[list[Outcome]]) -> Iterator[str]:
        """The lines of a race: the calls, and what differs from the order that comes nearest to it."""
        nearest = min(orders, key=lambda order: sum(not _same([a], [b]) for a, b in zip(seen, order, strict=True)))
        place = next(at for at, outcome in enumerate(seen) if not _same([outcome], [nearest[at]]))
        expected = " or ".join(dict.fromkeys(shorten(order[place].text) for order in orders))
        told = f"{shorten(seen[place].text)}   one after the other: {expected}"
        gathered = f"await asyncio.gather({', '.join(self._line(call).removeprefix('await ') for call in pair)})"
        if place < len(pair):
            yield f"({gathered})[{place}]   # {told}"
        else:
            yield gathered
            read = self.known.audits()[place - len(pair)].name
            yield f"{self._line(self.known.plain(read))}   # {told}"

    async def _in_turn(self, one: int, pair: tuple[Call, Call]) -> list[list[Outcome]]:
        """What two calls and the reads after them give in either order of the calls."""
        second, first, *reads = await self._play(one, pair[::-1], at_once=False)
        return [await self._play(one, pair, at_once=False), [first, second, *reads]]

    async def _play(self, one: int, pair: tuple[Call, ...], *, at_once: bool) -> list[Outcome]:
        async with self._place(one) as place, place.open() as side:
            await place.make(side, self._maker)
            if at_once:
                await asyncio.gather(*(place.reads(side) for _ in pair))  # opens the connections that are needed
                results = await asyncio.gather(*(place.call(side, call) for call in pair))
            else:
                results = [await place.call(side, call) for call in pair]
            return [*results, *(await place.reads(side)).values()]

    async def _foreign(self, one: int) -> AsyncIterator[Finding]:
        async with self._place(one) as place, place.open() as side:
            unknown = await place.reads(side)
            await place.make(side, self._maker)
            before = await place.reads(side)
            place.harness.inspector(place.namespace).overwrite_with_another_type(place.entry)
            after = await place.reads(side)
        if wrong := [*_untrue(unknown, before, after)]:
            words = f"{self.names[one]} takes a value of another type for an entry that is not there"
            yield self._finding("foreign value", words, wrong)

    async def _server(self, one: int) -> AsyncIterator[Finding]:
        untrue: dict[str, list[str]] = {}
        for words, fail in _FAILURES.items():
            async with self._place(one) as place, Proxy(place.harness.url()) as proxy, place.open(proxy.url) as side:
                unknown = await place.reads(side)
                await place.make(side, self._maker)
                before = await place.reads(side)
                after = {}
                for name in before:
                    await fail(proxy)
                    after[name] = await place.call(side, self.known.plain(name))
                    proxy.release()
            for name in _untrue(unknown, before, after):
                untrue.setdefault(name, []).append(words)
        if untrue:
            first = ", ".join(next(iter(untrue.values())))
            yield self._finding("server", f"with {first} {self.names[one]} says that an entry is not there", [*untrue])


async def _away(proxy: Proxy) -> None:
    await proxy.refuse()
    proxy.break_all(Action.RESET)


async def _cut(proxy: Proxy) -> None:
    proxy.interrupt(Stage.MIDDLE, Action.CUT)


async def _held(proxy: Proxy) -> None:
    proxy.interrupt(Stage.REPLY, Action.HOLD)


_FAILURES = {"its server away": _away, "a reply cut in the middle": _cut, "a reply that does not come": _held}


def _same(one: list[Outcome], other: list[Outcome]) -> bool:
    return not any(outcome_mismatches(*pair) for pair in zip(one, other, strict=True))


def _alike(before: Reads, after: Reads) -> dict[str, bool]:
    return {name: _same([before[name]], [after[name]]) for name in before}


def _untrue(unknown: Reads, before: Reads, after: Reads) -> Iterator[str]:
    """Reads that give what they gave before there was an entry, although there is one."""
    unchanged = _alike(unknown, before)
    for name, outcome in after.items():
        fails_alike = outcome.raised and outcome.name == unknown[name].name
        if not unchanged[name] and (fails_alike or _same([outcome], [unknown[name]])):
            yield name


def _seconds(value: Any) -> float:
    """How long a lifetime is; 0 for what is none."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    return seconds if isinstance(seconds, (int, float)) and not isinstance(seconds, bool) else 0


def _span(by: timedelta) -> str:
    if by.days:
        return f"{by.days} days"
    return f"{by.total_seconds():g} s" if by.total_seconds() % 3600 else f"{by.seconds // 3600} h"
