"""Two stores for probes: namespaces of their own, plain calls on one entry, and findings about that entry."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from conformance.compare.document import Finding
from conformance.compare.sequences.limit import Limit
from conformance.compare.sequences.side import Side
from conformance.compare.sequences.steps import Call, Vocabulary
from conformance.compare.store import Store, new_namespace
from conformance.compare.values.mismatch import Outcome, outcome_mismatches
from conformance.compare.values.parts import IncomparableError
from conformance.compare.values.script import Line
from conformance.compare.values.snapshot import Leaf, Observer
from conformance.harness import HookMissingError
from conformance.text import source

Reads: TypeAlias = dict[str, Outcome]
"""What each read gives, by its name."""
_SERVER_SECONDS = 0.5


@dataclass
class Place:
    """One of the two stores in a namespace of its own. All instances that are opened there know the same ids."""

    store: Store
    limit: Limit
    vocabulary: Vocabulary
    awaited: set[str]
    namespace: str = field(default_factory=new_namespace)
    observer: Observer = field(default_factory=Observer)
    entry: Any = None
    """The entry that was made last."""

    @asynccontextmanager
    async def open(self, url: str = "") -> AsyncIterator[Side]:
        """Open the store, by default at the harness's own URL; each time it is another instance."""
        at = partial(self.store.harness.open_at, url=url, seconds=_SERVER_SECONDS) if url else self.store.harness.open
        async with at(self.namespace) as store:
            yield Side(store, self.store.operations, self.store.name, self.limit, self.observer)

    async def call(self, side: Side, call: Call) -> Outcome:
        """Make a call."""
        operation = self.store.operations[call.operation]
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

    async def make(self, side: Side, call: Call | None = None) -> None:
        """Make an entry, by the plain call if no other is given."""
        call = call or self.vocabulary.make()
        self.entry = call.arguments.get(self.store.operations[call.operation].entry or "")
        await self.call(side, call)

    async def reads(self, side: Side) -> Reads:
        """Make every read."""
        calls = (self.vocabulary.plain(one.name) for one in self.vocabulary.audits())
        return {call.operation: await self.call(side, call) for call in calls}


@dataclass
class Bench:
    """What the probes share: the two stores, and what is noted of them."""

    stores: tuple[Store, Store]
    limit: Limit
    vocabulary: Vocabulary
    notes: list[str]
    """What was not tried, and why."""
    declared: list[str]
    """Differences that the capabilities of the harnesses declare."""
    gaps: list[str]
    """What was tried without a result."""
    kinds: set[str] = field(default_factory=set)
    """The kinds of the findings so far."""
    awaited: set[str] = field(default_factory=set)
    """The operations that turned out to be asynchronous."""
    _id: str = ""
    """The Python that names the id of the entry that was made, if the store chose it."""

    @asynccontextmanager
    async def place(self, index: int) -> AsyncIterator[Place]:
        """A new place of the first store or the second, which is discarded at the end."""
        place = Place(self.stores[index], self.limit, self.vocabulary, self.awaited)
        try:
            yield place
        finally:
            self._id = place.observer.names[-1] if place.observer.names else ""
            place.store.harness.discard(place.namespace)

    def note(self, probe: str, index: int, missing: HookMissingError) -> None:
        """Note that a probe of a store was not tried."""
        note = f"{probe} in {self.stores[index].name}: {missing}"
        if note not in self.notes:
            self.notes.append(note)

    def finding(
        self, kind: str, consequence: str, operations: list[str], *lines: str, made_by: Call | None = None
    ) -> Finding:
        """A finding that shows in these operations. Its script makes the entry, and then has these lines."""
        self.kinds.add(kind)
        first, *others = operations
        made = self.write(made_by or self.vocabulary.make())
        is_named = self._id and any(self._id in line for line in lines)
        return Finding(
            operation=first,
            argument="",
            kind=kind,
            where="",
            what="",
            consequence=consequence,
            script=(f"result = {made}" if is_named else made, *lines),
            severity=0,
            also_in=set(others),
        )

    def write(self, call: Call) -> str:
        """A call as Python."""
        written = {name: source(value) for name, value in call.arguments.items()}
        before = "await " if call.operation in self.awaited else ""
        positional = self.vocabulary.operations[call.operation].positional
        line = Line(f"{before}store.{call.operation}", 0, written, positional)
        return line.write("")[-1].replace("EarlierId(back=0)", self._id)


def same(one: list[Outcome], other: list[Outcome]) -> bool:
    """Whether the outcomes of the same calls are the same."""
    return not any(outcome_mismatches(*pair) for pair in zip(one, other, strict=True))


def unchanged(before: Reads, after: Reads) -> dict[str, bool]:
    """Whether each read gives the same as before."""
    return {name: same([before[name]], [after[name]]) for name in before}
