"""Stages: subjects with a mutant in place of the right store. Everything else is as it is."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from conformance.harness import Harness
from conformance.mutants.mutant import On
from conformance.subjects.memory import ExpiringMemoryHarness, MemoryHarness
from conformance.subjects.redis import RedisHarness
from taskstore import MemoryTaskStore
from taskstore.redis import RedisTaskStore

Stage: TypeAlias = Callable[[On, Callable[..., Any] | None], Harness]
"""Sets up a subject with a class of store or an opener; with the right store, if there is none."""


def staged(subject: MemoryHarness | RedisHarness, kind: Any) -> Harness:
    """The subject with another store: a subclass of its own class, a class that wraps a right store, or an opener."""
    made, right = copy.copy(subject), subject.store_class
    if not isinstance(kind, type):
        made.opener = f"{kind.__module__}:{kind.__name__}"
    elif MemoryTaskStore in kind.__mro__ or RedisTaskStore in kind.__mro__:
        made.store_class = kind
    else:
        made.store_class = lambda *arguments, **named: kind(right(*arguments, **named))
    return made


@contextmanager
def stages() -> Iterator[Stage]:
    """Give what sets up subjects. All that are in Redis have one server."""
    redis = RedisHarness()
    with redis.running():
        right: dict[On, MemoryHarness | RedisHarness] = {
            On.MEMORY: MemoryHarness(),
            On.EXPIRING: ExpiringMemoryHarness(),
            On.REDIS: redis,
        }
        yield lambda on, kind: right[on] if kind is None else staged(right[on], kind)
