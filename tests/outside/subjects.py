"""The faults and right variants of outside authors, each as a subject of the suite."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from importlib import import_module
from typing import Any

from conformance.harness import Harness, HookMissingError
from conformance.subjects.registry import find_subject
from tests.outside.wrapped import Place

BASES = {"memory": "memory", "memory-expiring": "memory-expiring", "redis": "embedded"}
SETS = ("a", "b", "c", "d", "e", "f", "g", "i", "k", "m", "o")


class WrappedHarness(Harness):
    """What is put before the harness of a right store: each store that it opens is wrapped by one fault or variant.

    All hooks are there but `opener`: what the application's own function opens cannot be wrapped.
    """

    opener = ""
    fault: Any

    def __init__(self) -> None:
        super().__init__()
        # Names that no right harness has.
        self._fault_ahead: dict[str, int] = {}
        self._fault_state: dict[str, dict[Any, Any]] = {}

    def open(self, namespace: str) -> AbstractAsyncContextManager[Any]:
        """The right store, wrapped; in Redis mode `open_at` opens it."""
        opened = super().open(namespace)  # type: ignore[safe-super]  # a right harness follows
        return opened if self.fault.base == "redis" else self._wrapped(namespace, opened)

    def open_at(self, namespace: str, url: str, seconds: float) -> AbstractAsyncContextManager[Any]:
        """The right store there, wrapped."""
        return self._wrapped(namespace, super().open_at(namespace, url, seconds))

    @asynccontextmanager
    async def _wrapped(self, namespace: str, opened: AbstractAsyncContextManager[Any]) -> AsyncIterator[Any]:
        place = Place(
            now=lambda: time.time_ns() + self._fault_ahead.get(namespace, 0),
            state=self._fault_state.setdefault(namespace, {}),
        )
        async with opened as store:
            inner = getattr(store, "_store", store)  # the sets know no observer around a store
            wrapped = self.fault.wrap(inner, place)
            try:
                yield wrapped
            finally:
                await wrapped.aclose()

    async def ping(self, store: Any) -> None:
        """Ask the server of the store that is wrapped."""
        await super().ping(store.store)

    def environment(self, namespace: str) -> Mapping[str, str]:
        """None: nothing is opened from it."""
        raise HookMissingError("environment")

    def advance(self, namespace: str, by: timedelta) -> None:
        """Move the clock of the fault too."""
        super().advance(namespace, by)
        self._fault_ahead[namespace] = self._fault_ahead.get(namespace, 0) + by // timedelta(microseconds=1) * 1_000

    def discard(self, namespace: str) -> None:
        """Forget the state of the fault too."""
        super().discard(namespace)
        self._fault_ahead.pop(namespace, None)
        self._fault_state.pop(namespace, None)


def all_of(which: str) -> dict[str, Any]:
    """The faults and variants of a set, by name."""
    module = import_module(f"tests.outside.faults_{which}")
    return {one.name: one for one in (*module.FAULTS, *module.VARIANTS)}


def harness_of(which: str, name: str) -> WrappedHarness:
    """The subject of a fault or variant."""
    fault = all_of(which)[name]
    right = find_subject(BASES[fault.base])()

    class Wrapped(WrappedHarness, type(right)):  # type: ignore[misc]  # a class that is known only now
        pass

    made = Wrapped()
    made.__dict__ |= vars(right)
    made.fault = fault
    return made


def __getattr__(name: str) -> Any:
    """The maker of a subject, so that pytest finds it: `--conformance-store tests.outside.subjects:a.NAME`."""
    which, _, fault = name.partition(".")
    if which not in SETS or not fault:
        raise AttributeError(name)
    return lambda: harness_of(which, fault)
