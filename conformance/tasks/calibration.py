"""Check the hooks of a harness, and what it declares, before any verdict rests on them.

A hook that does nothing makes requirements pass that nobody has looked at: if `advance` does not move the clock,
nothing expires. What is wrong about the store is left to the tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager, suppress
from datetime import timedelta
from functools import partial
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
        self.stack.push_async_callback(_close, opening)
        request = TaskCreateRequest(video_ids=("calibration",))
        self.task: Any = await _answer(self.store.create_task, request)
        return self.task

    async def update(self) -> Any:
        """Update the task."""
        return await _answer(self.store.update_task_status, self.task.task_id, TaskStatus.CLIPPING)

    async def has_task(self) -> bool:
        """Whether the store has the task."""
        return await _has(self.store, self.task)


async def _remote(bench: _Bench) -> None:
    hooks: dict[str, Callable[[], Any]] = {
        "url": bench.harness.url,
        "open_at": partial(bench.harness.open_at, bench.name, "redis://127.0.0.1:1/0", 1),
    }
    for name, hook in hooks.items():
        with suppress(HookMissingError):
            hook()
            is_declared = bench.has(Capability.REMOTE)
            _expect(is_declared, "capabilities", f"REMOTE is not declared, and there is `{name}`")

    if bench.has(Capability.SHARED):
        opening = bench.harness.open_at(bench.name, bench.harness.url(), 5)
        store = await bench.stack.enter_async_context(opening)
        is_seen = await _has(store, bench.task)
        _expect(is_seen, "open_at", "at `url` it does not see a task that a store of `open` wrote")


async def _adapter(bench: _Bench) -> None:
    task = bench.task
    if not isinstance(task, TaskView):
        return
    try:
        await bench.store.list_tasks()
        for name in FIELDS:
            getattr(task, name)
    except Exception as fault:  # a function of the adapter may raise anything
        raise CalibrationError(f"`adapter` of the harness: {type(fault).__name__}: {fault}") from fault
    is_ours = isinstance(task.status, TaskStatus)
    _expect(is_ours, "adapter", f"the status is {task.status!r}, none of ours")


async def _namespaces(bench: _Bench) -> None:
    other = _Bench(bench.own, bench.stack)
    second = await other.begin()
    if other.store is not bench.store and not bench.has(Capability.SHARED):
        return  # two stores that share are SHARE-02
    if second.task_id != bench.task.task_id:  # equal ids are ID-01
        is_seen = await _has(other.store, bench.task)
        _expect(not is_seen, "open", "a task is seen in another namespace")


async def _records(bench: _Bench) -> None:
    behind = bench.inspector
    task_id = bench.task.task_id
    with suppress(HookMissingError):
        before = behind.keys()
        await _answer(bench.store.create_task, TaskCreateRequest(video_ids=("another",)))
        added = behind.keys() - before
        _expect(added, "inspector.keys", f"{len(before)} keys before a creation, the same after")
        is_so = behind.mentions(task_id) and not behind.mentions(f"{task_id}-not")
        text = "no task that is there is mentioned, or one that is not there is"
        _expect(is_so, "inspector.mentions", text)

    raw = behind.raw(task_id)
    updated = await bench.update()
    if getattr(updated, "status", None) is TaskStatus.CLIPPING:
        _expect(behind.raw(task_id) != raw, "inspector.raw", "the same after an update")


async def _requests(bench: _Bench) -> None:
    count = bench.inspector.requests
    is_exact = any(count() + 1 == count() for _ in range(3))  # something else may ask in between
    text = "when nobody calls it does not count its own request, and no other"
    _expect(is_exact, "inspector.requests", text)

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
        text = f"{before} ms, an hour later {after} ms"
        _expect(await bench.has_task(), "inspector.lifetime_ms", text)


async def _clock(bench: _Bench) -> dict[str, NotTestable]:
    store, task = bench.store, bench.task
    bench.advance(_HOUR)
    younger = await bench.begin()
    passed = _creation(younger) - _creation(task)
    if abs(passed - _HOUR) < _SLACK:
        return {}

    is_expiring = bench.has(Capability.EXPIRING)
    _expect(is_expiring, "advance", f"a task is younger by {passed} than one an hour older")
    bench.advance(_EIGHT_DAYS)
    if not await _has(store, task):
        return {}
    text = "a task is left: the store does not expire tasks, or `advance` of the harness lets no time pass for it"
    return dict.fromkeys(("EXP-03", "EXP-04", "EXP-08"), NotTestable(text, ("advance",)))


async def _anew(bench: _Bench) -> dict[str, NotTestable]:
    """Return what an adapter hides that makes the results anew."""
    is_said = bench.own.rebuilds_results
    if is_said is None:
        if not await _looks_rebuilt(bench):
            return {}
    elif not is_said:
        return {}
    store = type(bench.store).__qualname__
    text = f"results are made anew by the adapter {store}: what the store returns is not seen"
    if not is_said:
        text += "; if it is a store, say `rebuilds_results = False` in the harness"
    return dict.fromkeys(("VAL-02", "VAL-10"), NotTestable(text, ("adapter",)))


async def _looks_rebuilt(bench: _Bench) -> bool:
    """Whether each call gives another `Task`. It is ours: a store that others use returns objects of its own."""
    first = await _answer(bench.store.get_task, bench.task.task_id)
    second = await _answer(bench.store.get_task, bench.task.task_id)
    adapters = {kind.__module__ for kind in (AdaptedStore, *type(bench.own).__mro__)}
    is_adapter = type(bench.store).__module__ in adapters
    return is_adapter and isinstance(first, Task) and first is not second


_CHECKS: tuple[Callable[[_Bench], Awaitable[dict[str, NotTestable] | None]], ...] = (
    _remote,
    _adapter,
    _namespaces,
    _records,
    _requests,
    _lifetime,
    _clock,
    _anew,
)


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
