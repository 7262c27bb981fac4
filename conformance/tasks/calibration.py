"""Check the hooks of a harness, and what it declares, before any verdict rests on them.

A hook that does nothing makes requirements pass that nobody has looked at: if `advance` does not move the clock,
nothing changes with time. What is wrong about the store is left to the tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from conformance.guard import guarded
from conformance.harness import Capability, Harness, HookMissingError
from conformance.tasks.case import Namespace
from conformance.tasks.observe import record_of
from taskstore import TaskCreateRequest

_HOUR = timedelta(hours=1)
_SLACK = timedelta(minutes=5)
_SECONDS = 20
"""How long a check may take: it has few calls."""


class CalibrationError(Exception):
    """A hook does not do what it promises, or a declaration is not true."""


class _StoreFailedError(Exception):
    """The store did not do what a check rests on. The tests say what is wrong about it."""


@contextmanager
def _blamed_on_the_store() -> Iterator[None]:
    try:
        yield
    except Exception as fault:  # a store may raise anything, and return what is no task
        raise _StoreFailedError from fault


@dataclass
class _Bench:
    """An empty place with an open store."""

    namespace: Namespace
    store: Any

    async def ask(self, operation: str, *arguments: Any) -> Any:
        """Return what an operation of the store returns."""
        with _blamed_on_the_store():
            return await getattr(self.store, operation)(*arguments)

    async def create(self) -> Any:
        """Create a task."""
        return await self.ask("create_task", TaskCreateRequest(video_ids=("calibration",)))

    async def has(self, task: Any) -> bool:
        """Whether the store has a task."""
        with suppress(_StoreFailedError):
            return await self.ask("get_task", task.task_id) is not None
        return False


@asynccontextmanager
async def _bench(harness: Harness) -> AsyncIterator[_Bench]:
    namespace = Namespace(harness)
    opening = namespace.open()
    try:
        store = await opening.__aenter__()
        try:
            yield _Bench(namespace, store)
        finally:
            with _blamed_on_the_store():
                await opening.__aexit__(None, None, None)
    finally:
        harness.discard(namespace.name)


def calibrate(harness: Harness) -> None:
    """Check the hooks.

    Raises:
        CalibrationError: for the first hook or declaration that is not what it says.
        HarnessFailedError: if a hook raises.
    """
    with suppress(_StoreFailedError, TimeoutError):
        asyncio.run(_calibrated(guarded(harness)))


async def _calibrated(harness: Harness) -> None:
    async with asyncio.timeout(_SECONDS), _bench(harness) as bench:
        task = await bench.create()
        for check in _CHECKS:
            with suppress(HookMissingError):
                await check(bench, task)


def _expect(holds: object, hook: str, otherwise: str) -> None:
    if not holds:
        raise CalibrationError(f"`{hook}` of the harness does not work: {otherwise}")


async def _remote(bench: _Bench, _task: Any) -> None:
    bench.namespace.harness.url()
    is_declared = bench.namespace.has(Capability.REMOTE)
    _expect(is_declared, "capabilities", "REMOTE is not declared, and there is `url`")


async def _namespaces(bench: _Bench, task: Any) -> None:
    async with _bench(bench.namespace.harness) as other:
        if other.store is bench.store or bench.namespace.has(Capability.SHARED):  # two stores that share are SHARE-02
            second = await other.create()
            if second.task_id != task.task_id:  # equal ids are ID-01
                _expect(not await other.has(task), "open", "a task is seen in another namespace")


async def _keys(bench: _Bench, task: Any) -> None:
    behind = bench.namespace.inspector
    before = behind.keys()
    await bench.create()
    _expect(behind.keys() - before, "inspector.keys", "the same keys after a creation")
    is_so = behind.mentions(task.task_id) and not behind.mentions(f"{task.task_id}-not")
    _expect(is_so, "inspector.mentions", "no task that is there is mentioned, or one that is not there is")


async def _clock(bench: _Bench, task: Any) -> None:
    if bench.namespace.has(Capability.EXPIRING):
        return  # a task that is left after its lifetime breaks EXP-01
    bench.namespace.advance(_HOUR)
    younger = await bench.create()
    with _blamed_on_the_store():
        passed = record_of(younger).created_at - record_of(task).created_at
    if younger.task_id == task.task_id:
        return  # that breaks ID-01
    _expect(abs(passed - _HOUR) < _SLACK, "advance", "a task is not an hour younger than one an hour older")


_CHECKS = (_remote, _namespaces, _keys, _clock)
