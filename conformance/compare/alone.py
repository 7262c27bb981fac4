"""One store, which judges itself: calls at the same time give what the same calls give one after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from conformance.compare.play import Operations
from conformance.engine.contract import Entry
from conformance.engine.loom import LoopArena
from conformance.engine.network import NetworkArena
from conformance.engine.orders import Races
from conformance.engine.outcome import SILENT, Raised
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
    """The calls of one play and their results as trees, with names for the ids that the store gave in it."""

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        super().__init__(operations)
        self._ended = 0

    def begun(self, entry: Entry) -> None:
        """Write a call down as Python."""
        operation = entry.operation
        texts = {}
        for name, value in entry.invocation.arguments.items():
            texts[name] = self.written(operation, name, value)
        entry.line = call_text(self, entry.call, texts)

    def ended(self, entries: Sequence[Entry]) -> None:
        """Learn the ids of all these calls, then make trees of their results."""
        answered = [entry for entry in entries if entry.observed != SILENT]
        for entry in answered:
            if not isinstance(entry.observed, Raised):
                operation = entry.operation
                self.observer.learn(entry.answer, operation, f"result{self._ended}")
            self._ended += 1
        for entry in answered:
            entry.observed = self.observer.look(entry.answer, entry.operation)

    def differences(self, expected: Any, observed: Any) -> tuple[str, ...]:
        """Return where two trees part. Lists may be in another order: replies may overtake each other."""
        if not isinstance(expected, Tree) or not isinstance(observed, Tree):
            return () if expected == observed else ("",)
        apart = []
        for mismatch in mismatches(expected, observed):
            path = "".join(mismatch.path)
            if mismatch.kind != "order":
                apart.append(path)
        return tuple(apart)

    def describe(self, result: Any, names: tuple[str, ...] = ()) -> str:
        """Return a result as Python, or the parts to which these paths lead."""
        if not isinstance(result, Tree):
            return super().describe(result, names)
        shown = []
        for path, part in _parts(result):
            if path and path in names[:_SHOWN]:
                shown.append(f"{path}: {part.text()}")
        return ", ".join(shown) or result.text()


def _parts(tree: Tree, path: str = "") -> Iterator[tuple[str, Tree]]:
    yield path, tree
    for label, part in (tree.parts or {}).items():
        yield from _parts(part, path + label)


@asynccontextmanager
async def raced(
    harness: Harness, operations: Mapping[str, Operation], *, is_full: bool = False
) -> AsyncIterator[Races]:
    """Give the races of a store in a `ChoosingLoop`: at its server, or else in the loop."""
    known = [*operations.values()]
    instances = (1, 2) if Capability.SHARED in harness.capabilities else (1,)

    def new_words() -> OwnWords:
        return OwnWords(operations)

    if has_server(harness):
        async with NetworkArena(harness, new_words) as arena:
            yield Races(known, arena, instances, is_full=is_full)
    else:
        yield Races(known, LoopArena(guarded(harness), new_words), instances, _MOST_SWITCHES, is_full)
