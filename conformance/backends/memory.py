"""Memory mode as a backend."""

# ruff: noqa: D102  `Harness` and `Inspector` say what each hook does

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any
from weakref import WeakValueDictionary

from conformance.harness import Capability, Harness, Inspector
from taskstore import MemoryTaskStore


class MemoryHarness(Harness):
    """The memory store, on a clock that `advance` moves."""

    mode = "memory"
    capabilities = frozenset({Capability.CALLER_IDS, Capability.CURSOR, Capability.MAINTENANCE})
    opener = "taskstore:open_store"
    store_class: Callable[..., AbstractAsyncContextManager[Any]] = MemoryTaskStore
    lifetime: timedelta | None = None
    """Of the store's tasks; no setting gives one."""

    def __init__(self) -> None:
        self._ahead = Counter[str]()
        """By namespace, how many nanoseconds its clock is ahead."""
        self._latest = WeakValueDictionary[str, Any]()

    def open(self, namespace: str) -> AbstractAsyncContextManager[Any]:
        self._latest[namespace] = store = self.store_class(lifetime=self.lifetime, clock=self._clock(namespace))
        return store

    def advance(self, namespace: str, by: timedelta) -> None:
        self._ahead[namespace] += by // timedelta(microseconds=1) * 1_000

    def environment(self, namespace: str) -> Mapping[str, str]:
        return {"USE_REDIS_FOR_TASKS": "false"}

    def _clock(self, namespace: str) -> Callable[[], int]:
        return lambda: time.time_ns() + self._ahead[namespace]


class ExpiringMemoryHarness(MemoryHarness):
    """The memory store with a lifetime of seven days."""

    mode = ""
    lifetime = timedelta(days=7)
    capabilities = MemoryHarness.capabilities | {Capability.EXPIRING}

    def inspector(self, namespace: str) -> Inspector:
        return MemoryInspector(self._latest[namespace])


class MemoryInspector(Inspector):
    """The inside of a memory store that expires. Its keys are the ids that it has made, wherever they are in it."""

    def __init__(self, store: Any) -> None:
        self._store = store  # only backends know an inside

    def keys(self) -> set[str]:
        return {*re.findall("task_[0-9a-f]+", repr(vars(self._store)))}
