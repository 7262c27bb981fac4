"""The harness of a right subject whose stores have faults."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any

from conformance.harness import Capability, Harness, Inspector
from conformance.mutants.operators.fault import Fault, Namespace, Place, Trace
from conformance.mutants.operators.faulty import Faulty
from conformance.mutants.operators.ways import WAYS


class FaultyHarness(Harness):
    """A right subject, whose stores have faults, one around the other. The base is running already."""

    def __init__(self, base: Harness, *faults: Fault) -> None:
        self.capabilities = base.capabilities
        self.traces = {fault: Trace() for fault in faults}
        self._base = base
        self._namespaces: dict[str, dict[Fault, Namespace]] = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        yield

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[Any]:
        known = self._of(namespace)
        async with self._base.open(namespace) as right:
            store: Any = right
            for fault, trace in self.traces.items():
                place = known[fault].place if Capability.SHARED in self.capabilities else Place()
                store = Faulty(store, fault, WAYS[fault.way], trace, known[fault], place)
            try:
                yield store
            finally:
                for one in known.values():
                    one.closed += 1

    def advance(self, namespace: str, by: timedelta) -> None:
        self._base.advance(namespace, by)
        for one in self._of(namespace).values():
            one.ahead += by

    def inspector(self, namespace: str) -> Inspector:
        return self._base.inspector(namespace)

    def discard(self, namespace: str) -> None:
        self._base.discard(namespace)
        self._namespaces.pop(namespace, None)

    def _of(self, namespace: str) -> dict[Fault, Namespace]:
        return self._namespaces.setdefault(namespace, {fault: Namespace() for fault in self.traces})
