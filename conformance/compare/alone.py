"""One store, which judges itself: calls at the same time give what the same calls give one after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from conformance.compare.play import Operations
from conformance.engine.contract import Entry
from conformance.engine.loom import LoopArena
from conformance.engine.network import NetworkArena
from conformance.engine.orders import Races
from conformance.engine.outcome import SILENT, Raised
from conformance.engine.scenario import Call
from conformance.engine.schedule import Session
from conformance.engine.script import call_text
from conformance.engine.stages import has_server
from conformance.guard import guarded
from conformance.harness import Capability, Harness
from conformance.operations.operation import Operation
from conformance.operations.trees import Tree, mismatches

_SHOWN = 2
"""Parts of a result that are shown."""
_MOST_SWITCHES = 3
"""How often a caller of a store in memory has to wait that could go on."""


class OwnWords(Operations):
    """Results as trees, in which ids and times are as good as any other."""

    def differences(self, expected: Any, observed: Any) -> tuple[str, ...]:
        """Return where two trees part. Lists may be in another order: replies may overtake each other."""
        if not isinstance(expected, Tree) or not isinstance(observed, Tree):
            return () if expected == observed else ("",)
        apart = mismatches(expected, observed)
        return tuple("".join(mismatch.path) for mismatch in apart if mismatch.kind != "order")

    def describe(self, result: Any, names: tuple[str, ...] = ()) -> str:
        """Return a result as Python, or the parts to which these paths lead."""
        if not isinstance(result, Tree):
            return super().describe(result, names)
        parts = dict(_parts(result))
        shown = [f"{name}: {parts[name].text()}" for name in names[:_SHOWN] if name in parts and name]
        return ", ".join(shown) or result.text()


def _parts(tree: Tree, path: str = "") -> Iterator[tuple[str, Tree]]:
    yield path, tree
    for label, part in (tree.parts or {}).items():
        yield from _parts(part, path + label)


class OwnSession(Session):
    """The calls of one play, with the ids that this store gave in it."""

    contract: OwnWords

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        super().__init__(OwnWords(operations))
        self._count = 0

    def begin(self, call: Call) -> Entry:
        """Return the entry of a call, and write it down with the names of ids."""
        entry = super().begin(call)
        operation, given = self._operation(entry), entry.invocation.arguments
        texts = {name: self.contract.written(operation, name, value) for name, value in given.items()}
        entry.line = call_text(self.contract, call, texts)
        return entry

    def end(self, *entries: Entry) -> None:
        """Learn the ids of the calls, by caller, and make trees of their results."""
        observer = self.contract.observer
        answered = [entry for entry in entries if entry.observed != SILENT]
        for entry in answered:
            is_error = isinstance(entry.observed, Raised)
            path = "" if is_error else f"result{self._count}"
            self._count += 1
            if path:
                observer.learn(entry.answer, self._operation(entry), path)
        for entry in answered:
            entry.observed = observer.look(entry.answer, self._operation(entry))

    def _operation(self, entry: Entry) -> Operation:
        return self.contract.operations[entry.call.operation]


@asynccontextmanager
async def raced(
    harness: Harness, operations: Mapping[str, Operation], *, is_full: bool = False
) -> AsyncIterator[Races]:
    """Give the races of a store in a `ChoosingLoop`: at its server, or else in the loop."""
    instances = (1, 2) if Capability.SHARED in harness.capabilities else (1,)
    known, contract = [*operations.values()], OwnWords(operations)

    def session() -> Session:
        return OwnSession(operations)

    if has_server(harness):
        async with NetworkArena(harness, session) as turnstile:
            yield Races(known, turnstile, contract, instances, is_full=is_full)
    else:
        arena = LoopArena(guarded(harness), session)
        yield Races(known, arena, contract, instances, _MOST_SWITCHES, is_full)
