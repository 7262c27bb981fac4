"""The faults and right variants of outside authors, each as a subject of the suite."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from importlib import import_module
from typing import Any

from conformance.harness import Harness, Inspector
from conformance.subjects.registry import find_subject
from tests.outside.wrapped import Place

BASES = {"memory": "memory", "memory-expiring": "memory-expiring", "redis": "embedded"}
SETS = ("a", "b", "c", "d", "e", "f", "g", "i")


class WrappedHarness(Harness):
    """A right subject, whose stores are wrapped by one fault or variant."""

    def __init__(self, fault: Any, base: Harness) -> None:
        self.capabilities = base.capabilities
        self._fault = fault
        self._base = base
        self._ahead: dict[str, int] = {}
        self._state: dict[str, dict[Any, Any]] = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep what the base needs."""
        with self._base.running():
            yield

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[Any]:
        """The base's store, wrapped."""
        place = Place(
            now=lambda: time.time_ns() + self._ahead.get(namespace, 0), state=self._state.setdefault(namespace, {})
        )
        async with self._base.open(namespace) as store:
            wrapped = self._fault.wrap(store, place)
            try:
                yield wrapped
            finally:
                await wrapped.aclose()

    def facts(self) -> Mapping[str, str]:
        """Those of the base."""
        return self._base.facts()

    def advance(self, namespace: str, by: timedelta) -> None:
        """As the base does."""
        self._base.advance(namespace, by)
        self._ahead[namespace] = self._ahead.get(namespace, 0) + by // timedelta(microseconds=1) * 1_000

    def inspector(self, namespace: str) -> Inspector:
        """The base's."""
        return self._base.inspector(namespace)

    def discard(self, namespace: str) -> None:
        """As the base does."""
        self._base.discard(namespace)
        self._ahead.pop(namespace, None)
        self._state.pop(namespace, None)


def all_of(which: str) -> dict[str, Any]:
    """The faults and variants of a set, by name."""
    module = import_module(f"tests.outside.faults_{which}")
    return {one.name: one for one in (*module.FAULTS, *module.VARIANTS)}


def harness_of(which: str, name: str) -> WrappedHarness:
    """The subject of a fault or variant."""
    fault = all_of(which)[name]
    return WrappedHarness(fault, find_subject(BASES[fault.base])())


def __getattr__(name: str) -> Any:
    """The maker of a subject, so that pytest finds it: `--conformance-store tests.outside.subjects:a.NAME`."""
    which, _, fault = name.partition(".")
    if which not in SETS or not fault:
        raise AttributeError(name)
    return lambda: harness_of(which, fault)
