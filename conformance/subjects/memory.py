"""Memory mode as a subject."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

from conformance.harness import Capability, Harness, Inspector
from taskstore import MemoryTaskStore, TaskStore


class MemoryHarness(Harness):
    """The memory store, on a clock that `advance` moves."""

    mode = "memory"
    capabilities = frozenset({Capability.CALLER_IDS, Capability.CURSOR, Capability.MAINTENANCE})
    opener = "taskstore:open_store"

    def __init__(self) -> None:
        self._ahead: dict[str, int] = {}
        self._frozen: dict[str, FrozenClock] = {}

    def open(self, namespace: str) -> AbstractAsyncContextManager[TaskStore]:
        """A store of its own each time: memory is not shared."""
        return MemoryTaskStore(clock=self._clock(namespace))

    def advance(self, namespace: str, by: timedelta) -> None:
        """Move the clock of the namespace's stores."""
        if namespace in self._frozen:
            self._frozen[namespace].restart()
        self._ahead[namespace] = self._ahead.get(namespace, 0) + by // timedelta(microseconds=1) * 1_000

    def discard(self, namespace: str) -> None:
        """Forget its clock."""
        self._ahead.pop(namespace, None)
        self._frozen.pop(namespace, None)

    def freeze(self, namespace: str) -> None:
        """Stop the namespace's clock: from now on `advance` moves it, by whole milliseconds."""
        self._frozen[namespace] = FrozenClock()

    def environment(self, namespace: str) -> Mapping[str, str]:
        """Memory mode, by its name."""
        return {"USE_REDIS_FOR_TASKS": "false"}

    def _clock(self, namespace: str) -> Callable[[], int]:
        return lambda: self._frozen.get(namespace, time.time_ns)() + self._ahead.get(namespace, 0)


class FrozenClock:
    """Stands still at the start of a millisecond, but for a microsecond that each reading takes: no two are equal."""

    def __init__(self) -> None:
        self._start = time.time_ns() // 1_000_000 * 1_000_000
        self.restart()

    def restart(self) -> None:
        """Go back to the start of the millisecond; whoever moves the clock has left that one behind."""
        self._readings = iter(range(self._start, self._start + 1_000_000, 1_000))

    def __call__(self) -> int:
        """Nanoseconds since 1970.

        Raises:
            RuntimeError: when a thousand readings have used the millisecond up.
        """
        for reading in self._readings:
            return reading
        raise RuntimeError("the clock stands still, and was read more than a thousand times")


class ExpiringMemoryHarness(MemoryHarness):
    """The memory store with a lifetime, which no setting gives it."""

    mode = ""
    capabilities = MemoryHarness.capabilities | {Capability.EXPIRING}

    def __init__(self) -> None:
        super().__init__()
        self._latest: dict[str, MemoryTaskStore] = {}

    def open(self, namespace: str) -> AbstractAsyncContextManager[TaskStore]:
        """A store whose tasks live for seven days."""
        store = self._latest[namespace] = MemoryTaskStore(lifetime=timedelta(days=7), clock=self._clock(namespace))
        return store

    def discard(self, namespace: str) -> None:
        """Forget the store."""
        super().discard(namespace)
        self._latest.pop(namespace, None)

    def inspector(self, namespace: str) -> Inspector:
        """Look into the store that was opened last."""
        return MemoryInspector(self._latest[namespace], self._clock(namespace))


class MemoryInspector(Inspector):
    """The inside of a memory store that expires."""

    def __init__(self, store: MemoryTaskStore, clock: Callable[[], int]) -> None:
        self._store: Any = store  # only subjects know an inside
        self._clock = clock

    def keys(self) -> set[str]:
        """Every id that stands anywhere in it."""
        inside = self._store
        indexes = [inside._created, inside._deadlines, inside._finished, *inside._created_by_status.values()]  # noqa: SLF001
        entries = (task_id for index in indexes for _, task_id in index)
        return {*inside._tasks, *inside._deadline_of, *entries}  # noqa: SLF001

    def mentions(self, task_id: str) -> bool:
        """Whether an id stands anywhere in it."""
        return task_id in self.keys()

    def lifetime_ms(self, task_id: str) -> int:
        """Milliseconds that a task still has."""
        left: int = self._store._deadline_of[task_id] - self._clock() // 1_000_000  # noqa: SLF001
        return left
