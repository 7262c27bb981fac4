"""Check the hooks of a harness, and what it declares, before any verdict rests on them.

A hook that does nothing makes requirements pass that nobody has looked at: if `advance` does not move the clock,
nothing expires. What is wrong about the store is left to the tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
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
                await bench.begin()
                unjudged |= await check(bench) or {}
    return unjudged


def _expect(holds: object, hook: str, otherwise: str) -> None:
    if not holds:
        raise CalibrationError(f"`{hook}` of the harness does not work: {otherwise}")


@contextmanager
def _blamed_on_the_store() -> Iterator[None]:
    """Take what a store raises for its failure, unless the adapter has no place for an argument."""
    try:
        yield
    except HookMissingError:
        raise
    except Exception as fault:  # a store may raise anything, and return what is no task
        raise _StoreFailedError from fault


class _Bench(Namespace):
    """An empty place with a store and a task in it."""

    def __init__(self, harness: Harness, stack: AsyncExitStack) -> None:
        super().__init__(guarded(harness))
        self.own = harness
        self.stack = stack
        stack.callback(self.harness.discard, self.name)

    async def begin(self) -> Any:
        """Open the store, create the task, and return it."""
        opening = self.open()
        self.store: Any = await opening.__aenter__()

        async def close() -> None:
            with _blamed_on_the_store():
                await opening.__aexit__(None, None, None)

        self.stack.push_async_callback(close)
        self.task: Any = await self.ask("create_task", TaskCreateRequest(video_ids=("calibration",)))
        return self.task

    async def ask(self, operation: str, *arguments: Any) -> Any:
        """Return what an operation of the store returns."""
        with _blamed_on_the_store():
            return await getattr(self.store, operation)(*arguments)

    async def update(self) -> Any:
        """Update the task."""
        return await self.ask("update_task_status", self.task.task_id, TaskStatus.CLIPPING)

    async def has_task(self, store: Any = None, task: Any = None) -> bool:
        """Whether the store has the task."""
        with suppress(Exception):  # whatever it raises, it did not give the task
            return await (store or self.store).get_task((task or self.task).task_id) is not None
        return False


async def _remote(bench: _Bench) -> None:
    url = bench.harness.url()
    _expect(bench.has(Capability.REMOTE), "capabilities", "REMOTE is not declared, and there is `url`")
    if bench.has(Capability.SHARED):
        store = await bench.stack.enter_async_context(bench.harness.open_at(bench.name, url, 5))
        _expect(await bench.has_task(store), "open_at", "at `url` it does not see a task that a store of `open` wrote")


async def _adapter(bench: _Bench) -> None:
    if not isinstance(bench.task, TaskView):
        return
    try:
        await bench.store.list_tasks()
        for name in FIELDS:
            getattr(bench.task, name)
    except Exception as fault:  # a function of the adapter may raise anything
        raise CalibrationError(f"`adapter` of the harness: {type(fault).__name__}: {fault}") from fault
    status = bench.task.status
    _expect(isinstance(status, TaskStatus), "adapter", f"the status is {status!r}, none of ours")


async def _namespaces(bench: _Bench) -> None:
    other = _Bench(bench.own, bench.stack)
    second = await other.begin()
    is_judged = other.store is bench.store or bench.has(Capability.SHARED)  # two stores that share are SHARE-02
    if is_judged and second.task_id != bench.task.task_id:  # equal ids are ID-01
        _expect(not await bench.has_task(other.store), "open", "a task is seen in another namespace")


async def _records(bench: _Bench) -> None:
    behind = bench.inspector
    task_id = bench.task.task_id
    with suppress(HookMissingError):
        before = behind.keys()
        await bench.ask("create_task", TaskCreateRequest(video_ids=("another",)))
        added = behind.keys() - before
        _expect(added, "inspector.keys", "the same keys after a creation")
        is_so = behind.mentions(task_id) and not behind.mentions(f"{task_id}-not")
        _expect(is_so, "inspector.mentions", "no task that is there is mentioned, or one that is not there is")

    raw = behind.raw(task_id)
    updated = await bench.update()
    if getattr(updated, "status", None) is TaskStatus.CLIPPING:
        _expect(behind.raw(task_id) != raw, "inspector.raw", "the same after an update")


async def _requests(bench: _Bench) -> None:
    count = bench.inspector.requests
    is_exact = any(count() + 1 == count() for _ in range(3))  # something else may ask in between
    _expect(is_exact, "inspector.requests", "when nobody calls it does not count its own request, and no other")

    before = count()
    for _ in range(3):
        await bench.update()
    _expect(count() > before + 3, "inspector.requests", "it does not count three updates")


async def _lifetime(bench: _Bench) -> None:
    if not bench.has(Capability.EXPIRING):
        return
    task_id = bench.task.task_id
    before = bench.inspector.lifetime_ms(task_id)
    bench.advance(_HOUR)
    after = bench.inspector.lifetime_ms(task_id)
    passed = timedelta(milliseconds=before - after)
    if before <= 0 or abs(passed - _HOUR) > _SLACK:
        bench.advance(_EIGHT_DAYS)  # if it is there even now, no time passes, or it has no lifetime
        _expect(await bench.has_task(), "inspector.lifetime_ms", "an hour later it is not an hour less")


async def _clock(bench: _Bench) -> dict[str, NotTestable]:
    store, task = bench.store, bench.task
    bench.advance(_HOUR)
    younger = await bench.begin()
    with _blamed_on_the_store():
        passed: Any = record_of(younger).created_at - record_of(task).created_at
    if abs(passed - _HOUR) < _SLACK:
        return {}

    _expect(bench.has(Capability.EXPIRING), "advance", "a task is not an hour younger than one an hour older")
    bench.advance(_EIGHT_DAYS)
    if not await bench.has_task(store, task):
        return {}
    text = "a task is left: the store does not expire tasks, or `advance` of the harness lets no time pass for it"
    return dict.fromkeys(("EXP-03", "EXP-04", "EXP-08"), NotTestable(text, ("advance",)))


async def _anew(bench: _Bench) -> dict[str, NotTestable]:
    """Return what an adapter hides that makes the results anew.

    Unless the harness says so, it is one if each call gives another `Task`, of a class in the harness' module. `Task`
    is ours: a store that others use returns objects of its own.
    """
    is_anew = bench.own.rebuilds_results
    store = type(bench.store)
    if is_anew is None:
        first, second = [await bench.ask("get_task", bench.task.task_id) for _ in range(2)]
        is_adapter = store.__module__ in {kind.__module__ for kind in (AdaptedStore, *type(bench.own).__mro__)}
        is_anew = is_adapter and isinstance(first, Task) and first is not second
    reason = (
        f"results are made anew by the adapter {store.__qualname__}: what the store returns is not seen; "
        "if it is a store, say `rebuilds_results = False` in the harness"
    )
    return dict.fromkeys(("VAL-02", "VAL-10"), NotTestable(reason, ("adapter",))) if is_anew else {}


_CHECKS: Any = (_remote, _adapter, _namespaces, _records, _requests, _lifetime, _clock, _anew)
