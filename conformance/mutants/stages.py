"""Stages: harnesses that open a mutant in place of the right store, everything else being as it is."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import timedelta
from typing import Any, TypeAlias

from conformance.harness import Harness
from conformance.mutants.mutant import On
from conformance.subjects.memory import ExpiringMemoryHarness, MemoryHarness
from conformance.subjects.redis import RedisHarness
from conformance.subjects.servers import EmbeddedServer
from taskstore import MemoryTaskStore, TaskStore
from taskstore.redis import RedisTaskStore, connect

RIGHT: Mapping[On, type] = {On.MEMORY: MemoryTaskStore, On.EXPIRING: MemoryTaskStore, On.REDIS: RedisTaskStore}
"""The right store of each subject."""
Stage: TypeAlias = Callable[[On, Callable[..., Any]], Harness]


class MemoryStage(MemoryHarness):
    """Memory mode, with any store."""

    kind: Callable[..., Any] = MemoryTaskStore

    def open(self, namespace: str) -> AbstractAsyncContextManager[TaskStore]:
        """The store of this stage."""
        opened: AbstractAsyncContextManager[TaskStore]
        _, opened = make(self.kind, MemoryTaskStore, clock=self._clock(namespace))
        return opened


class ExpiringStage(ExpiringMemoryHarness):
    """Memory mode that expires, with any store."""

    kind: Callable[..., Any] = MemoryTaskStore

    def open(self, namespace: str) -> AbstractAsyncContextManager[TaskStore]:
        """The store of this stage; the inspector looks at what is inside."""
        opened: AbstractAsyncContextManager[TaskStore]
        self._latest[namespace], opened = make(
            self.kind, MemoryTaskStore, lifetime=timedelta(days=7), clock=self._clock(namespace)
        )
        return opened


class RedisStage(RedisHarness):
    """Redis mode on one server, with any store."""

    kind: Callable[..., Any] = RedisTaskStore

    def open(self, namespace: str) -> AbstractAsyncContextManager[TaskStore]:
        """The store of this stage."""
        return self._make(namespace, self._server.url)

    def open_at(self, namespace: str, url: str, seconds: float) -> AbstractAsyncContextManager[TaskStore]:
        """The store of this stage, on another server."""
        return self._make(namespace, url, connect_timeout=seconds, timeout=seconds)

    def _make(self, namespace: str, url: str, **timeouts: Any) -> AbstractAsyncContextManager[TaskStore]:
        opened: AbstractAsyncContextManager[TaskStore]
        _, opened = make(self.kind, RedisTaskStore, connect(url, **timeouts), prefix=namespace)
        return opened


def make(kind: Callable[..., Any], right: Callable[..., Any], *arguments: Any, **named: Any) -> tuple[Any, Any]:
    """A right store or a subclass of it, and what stands before it: itself, or a `kind` around it."""
    if inspect.isclass(kind) and inspect.isclass(right) and issubclass(kind, right):
        store = kind(*arguments, **named)
        return store, store
    store = right(*arguments, **named)
    return store, kind(store)


@contextmanager
def stages() -> Iterator[Stage]:
    """Give what sets up a subject with a class of store, or an opener, of one's own; Redis has one server for all."""
    redis = RedisStage(EmbeddedServer())
    with redis.running():
        right: dict[On, MemoryStage | ExpiringStage | RedisStage] = {
            On.MEMORY: MemoryStage(),
            On.EXPIRING: ExpiringStage(),
            On.REDIS: redis,
        }

        def stage(on: On, kind: Callable[..., Any]) -> Harness:
            harness = copy.copy(right[on])
            if inspect.isclass(kind):
                harness.kind = kind
            else:
                harness.opener = f"{kind.__module__}:{kind.__name__}"
            return harness

        yield stage
