"""Check the hooks of a harness, and what it declares, before any verdict rests on them.

A hook that does nothing makes requirements pass that nobody has looked at: if `advance` does not move the clock,
nothing expires. What is wrong about the store is left to the tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager, suppress
from datetime import timedelta
from typing import Any

from conformance.guard import guarded
from conformance.harness import Capability, Harness, HookMissingError
from conformance.tasks.adapter import AdaptedStore, TaskView
from conformance.tasks.case import Namespace, NotTestable
from conformance.tasks.observe import record_of
from conformance.tasks.spec.model import FIELDS
from taskstore import Task, TaskCreateRequest, TaskStatus

_HOUR = timedelta(hours=1)
_EIGHT_DAYS = timedelta(days=8)
_SLACK = timedelta(minutes=5)
_SECONDS = 20
"""How long a check may take: it has few calls."""


class CalibrationError(Exception):
    """A hook does not do what it promises, or a declaration is not true."""


class _StoreFailedError(Exception):
    """The store did not do what a check rests on. The tests say what is wrong about it."""


def calibrate(harness: Harness) -> dict[str, NotTestable]:
    """Return the requirements that cannot be judged on a running backend, each with the reason.

    Raises:
        CalibrationError: for the first hook or declaration that is not what it says.
        HarnessFailedError: if a hook raises.
    """
    return asyncio.run(_calibrated(harness))


async def _calibrated(harness: Harness) -> dict[str, NotTestable]:
    unjudged: dict[str, NotTestable] = {}
    for check in _CHECKS:
        with suppress(HookMissingError, _StoreFailedError, TimeoutError):
            async with asyncio.timeout(_SECONDS), AsyncExitStack() as stack:
                bench = _Bench(harness, stack)
                store, task = await bench.begin()
                unjudged |= await getattr(bench, check)(store, task) or {}
    return unjudged


def _expect(holds: object, hook: str, otherwise: str) -> None:
    if not holds:
        raise CalibrationError(f"`{hook}` of the harness does not work: {otherwise}")


class _Bench(Namespace):
    """An empty place, and by name what is checked there with a store and a task in it."""

    def __init__(self, harness: Harness, stack: AsyncExitStack) -> None:
        super().__init__(guarded(harness))
        self.own, self.stack = harness, stack
        stack.callback(self.harness.discard, self.name)

    async def begin(self) -> tuple[Any, Any]:
        opening = self.open()
        store = await opening.__aenter__()
        self.stack.push_async_callback(_close, opening)
        return store, await _answer(store.create_task, TaskCreateRequest(video_ids=("calibration",)))

    async def remote(self, _store: Any, task: Any) -> None:
        for hook, arguments in (("url", ()), ("open_at", (self.name, "redis://127.0.0.1:1/0", 1))):
            with suppress(HookMissingError):
                getattr(self.harness, hook)(*arguments)
                _expect(self.has(Capability.REMOTE), "capabilities", f"REMOTE is not declared, and there is `{hook}`")
        if self.has(Capability.SHARED):
            store = await self.stack.enter_async_context(self.harness.open_at(self.name, self.harness.url(), 5))
            _expect(await _has(store, task), "open_at", "at `url` it does not see a task that a store of `open` wrote")

    async def adapter(self, store: Any, task: Any) -> None:
        if isinstance(task, TaskView):
            try:
                await store.list_tasks()
                for name in FIELDS:
                    getattr(task, name)
            except Exception as fault:  # a function of the adapter may raise anything
                raise CalibrationError(f"`adapter` of the harness: {type(fault).__name__}: {fault}") from fault
            _expect(isinstance(task.status, TaskStatus), "adapter", f"the status is {task.status!r}, none of ours")

    async def namespaces(self, store: Any, task: Any) -> None:
        other, second = await _Bench(self.own, self.stack).begin()
        is_left = other is not store and not self.has(Capability.SHARED)  # two stores that share are SHARE-02
        is_apart = is_left or task.task_id == second.task_id or not await _has(other, task)  # equal ids are ID-01
        _expect(is_apart, "open", "a task is seen in another namespace")

    async def records(self, store: Any, task: Any) -> None:
        behind, task_id = self.inspector, task.task_id
        with suppress(HookMissingError):
            before = behind.keys()
            await _answer(store.create_task, TaskCreateRequest(video_ids=("another",)))
            _expect(behind.keys() - before, "inspector.keys", f"{len(before)} keys before a creation, the same after")
            is_so = behind.mentions(task_id) and not behind.mentions(f"{task_id}-not")
            _expect(is_so, "inspector.mentions", "no task that is there is mentioned, or one that is not there is")
        raw = behind.raw(task_id)
        updated = await _answer(store.update_task_status, task_id, TaskStatus.CLIPPING)
        if getattr(updated, "status", None) is TaskStatus.CLIPPING:
            _expect(behind.raw(task_id) != raw, "inspector.raw", "the same after an update")

    async def requests(self, store: Any, task: Any) -> None:
        count = self.inspector.requests
        counts = [count() + 1 == count() for _ in range(3)]  # something else may ask in between
        _expect(any(counts), "inspector.requests", "when nobody calls it does not count its own request, and no other")
        before = count()
        for _ in range(3):
            await _answer(store.update_task_status, task.task_id, TaskStatus.CLIPPING)
        _expect(count() > before + 3, "inspector.requests", "it does not count three updates")

    async def lifetime(self, store: Any, task: Any) -> None:
        if self.has(Capability.EXPIRING):
            before = self.inspector.lifetime_ms(task.task_id)
            self.advance(_HOUR)
            after = self.inspector.lifetime_ms(task.task_id)
            if before <= 0 or abs(timedelta(milliseconds=before - after) - _HOUR) > _SLACK:
                self.advance(_EIGHT_DAYS)  # if it is there even now, no time passes, or it has no lifetime
                _expect(await _has(store, task), "inspector.lifetime_ms", f"{before} ms, an hour later {after} ms")

    async def clock(self, store: Any, task: Any) -> dict[str, NotTestable]:
        self.advance(_HOUR)
        _, younger = await self.begin()
        passed = _creation(younger) - _creation(task)
        if abs(passed - _HOUR) < _SLACK:
            return {}
        _expect(self.has(Capability.EXPIRING), "advance", f"a task is younger by {passed} than one an hour older")
        self.advance(_EIGHT_DAYS)
        text = "a task is left: the store does not expire tasks, or `advance` of the harness lets no time pass for it"
        is_left = await _has(store, task)
        return dict.fromkeys(("EXP-03", "EXP-04", "EXP-08"), NotTestable(text, ("advance",))) if is_left else {}

    async def anew(self, store: Any, task: Any) -> dict[str, NotTestable]:
        """Whether an adapter makes the results. `Task` is ours: a store that others use returns objects of its own."""
        first, second = [await _answer(store.get_task, task.task_id) for _ in range(2)]
        adapters = {kind.__module__ for kind in (AdaptedStore, *type(self.own).__mro__)}
        is_rebuilt = isinstance(first, Task) and type(store).__module__ in adapters and first is not second
        if not (is_rebuilt if self.own.rebuilds_results is None else self.own.rebuilds_results):
            return {}
        text = f"results are made anew by the adapter {type(store).__qualname__}: what the store returns is not seen"
        text += "" if self.own.rebuilds_results else "; if it is a store, say `rebuilds_results = False` in the harness"
        return dict.fromkeys(("VAL-02", "VAL-10"), NotTestable(text, ("adapter",)))


_CHECKS = ("remote", "adapter", "namespaces", "records", "requests", "lifetime", "clock", "anew")
"""The checks of a bench, in this order."""


@contextmanager
def _blamed_on_the_store() -> Iterator[None]:
    """Take what a store raises for its failure.

    Raises:
        HookMissingError: if the adapter has no place for an argument.
        _StoreFailedError: for anything else.
    """
    try:
        yield
    except HookMissingError:
        raise
    except Exception as fault:  # a store may raise anything, and return what is no task
        raise _StoreFailedError from fault


async def _answer(operation: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
    """Return what an operation of the store returns."""
    with _blamed_on_the_store():
        return await operation(*arguments)


def _creation(task: Any) -> Any:
    """Return when a task was created, as the store says."""
    with _blamed_on_the_store():
        return record_of(task).created_at


async def _close(opening: AbstractAsyncContextManager[Any]) -> None:
    with _blamed_on_the_store():
        await opening.__aexit__(None, None, None)


async def _has(store: Any, task: Any) -> bool:
    with suppress(Exception):  # whatever it raises, it did not give the task
        return await store.get_task(task.task_id) is not None
    return False
