"""Check the hooks of a harness, and what it declares, before any verdict rests on them.

A hook that does nothing makes requirements pass that nobody has looked at: if `advance` does not move the clock,
nothing expires. What is wrong about the store is left to the tests.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from typing import Any, TypeAlias

from conformance.adapter import AdaptedStore, TaskView
from conformance.case import Namespace, NotTestable
from conformance.guard import HarnessFailedError, guarded
from conformance.harness import Capability, Harness, HookMissingError
from conformance.spec.model import FIELDS
from taskstore import Task, TaskCreateRequest, TaskStatus

_HOUR, _EIGHT_DAYS, _SLACK = timedelta(hours=1), timedelta(days=8), timedelta(minutes=5)
_REQUEST = TaskCreateRequest(video_ids=("calibration",))
Unjudged: TypeAlias = dict[str, NotTestable]
"""The requirements that cannot be judged, each with the reason."""


class CalibrationError(Exception):
    """A hook does not do what it promises, or a declaration is not true."""


def _expect(holds: object, hook: str, otherwise: str) -> None:
    if not holds:
        raise CalibrationError(f"`{hook}` of the harness is not to be believed: {otherwise}")


class _Bench(Namespace):
    """An empty place, with a `store` and a task in it."""

    def __init__(self, harness: Harness) -> None:
        super().__init__(guarded(harness))
        self.own = harness

    async def begin(self, stack: AsyncExitStack) -> Any:
        stack.callback(self.harness.discard, self.name)
        self.store = await stack.enter_async_context(self.open())
        return await self.store.create_task(_REQUEST)

    async def has_task(self, task: Any, store: Any = None) -> bool:
        with suppress(Exception):  # whatever it raises, it did not give the task
            return await (store or self.store).get_task(task.task_id) is not None
        return False


def calibrate(harness: Harness) -> Unjudged:
    """Return the requirements that cannot be judged on a running subject.

    Raises:
        CalibrationError: for the first hook or declaration that is not what it says.
        HarnessFailedError: if a hook raises.
    """
    return asyncio.run(_calibrated(harness))


async def _calibrated(harness: Harness) -> Unjudged:
    unjudged: Unjudged = {}
    for check in (_remote, _adapter, _namespaces, _records, _requests, _lifetime, _clock, _anew):
        try:
            async with asyncio.timeout(20), AsyncExitStack() as stack:
                bench = _Bench(harness)
                unjudged |= await check(bench, await bench.begin(stack), stack) or {}
        except (CalibrationError, HarnessFailedError):
            raise
        except Exception:  # noqa: BLE001, S110  there is no such hook; what a store raises is for the tests
            pass
    return unjudged


async def _remote(bench: _Bench, task: Any, stack: AsyncExitStack) -> None:
    for hook, arguments in (("url", ()), ("open_at", (bench.name, "redis://127.0.0.1:1/0", 1))):
        with suppress(HookMissingError):
            getattr(bench.harness, hook)(*arguments)
            text = f"REMOTE is not declared, and there is `{hook}`: declare it, or take the hook away"
            _expect(bench.has(Capability.REMOTE), "capabilities", text)
    if bench.has(Capability.SHARED):
        store = await stack.enter_async_context(bench.harness.open_at(bench.name, bench.harness.url(), 5))
        text = "at `url` it does not see a task that a store of `open` wrote"
        _expect(await bench.has_task(task, store), "open_at", text)


async def _adapter(bench: _Bench, task: Any, _: AsyncExitStack) -> None:
    if isinstance(task, TaskView):
        try:
            await bench.store.list_tasks()
            for name in FIELDS:
                getattr(task, name)
        except Exception as fault:  # a function of the adapter may raise anything
            raise CalibrationError(f"`adapter` of the harness: {type(fault).__name__}: {fault}") from fault
        text = f"the status of a new task is {task.status!r}, which is none of ours"
        _expect(isinstance(task.status, TaskStatus), "adapter", text)


async def _namespaces(bench: _Bench, task: Any, stack: AsyncExitStack) -> None:
    other = _Bench(bench.own)
    second = await other.begin(stack)
    is_left = other.store is not bench.store and not bench.has(Capability.SHARED)  # two that share are SHARE-02
    is_apart = is_left or task.task_id == second.task_id or not await other.has_task(task)  # equal ids are ID-01
    _expect(is_apart, "open", "a task is seen in another namespace")


async def _records(bench: _Bench, task: Any, _: AsyncExitStack) -> None:
    behind, task_id = bench.inspector, task.task_id
    with suppress(HookMissingError):
        before = behind.keys()
        await bench.store.create_task(_REQUEST)
        _expect(behind.keys() - before, "inspector.keys", f"{len(before)} keys before a creation, and the same after")
        is_so = behind.mentions(task_id) and not behind.mentions(f"{task_id}-not")
        _expect(is_so, "inspector.mentions", "a task that is there is mentioned nowhere, or one that is not there is")
    raw = behind.raw(task_id)
    if (await bench.store.update_task_status(task_id, TaskStatus.CLIPPING)).status is TaskStatus.CLIPPING:
        _expect(behind.raw(task_id) != raw, "inspector.raw", "the same after an update")


async def _requests(bench: _Bench, task: Any, _: AsyncExitStack) -> None:
    count = bench.inspector.requests
    counts = [count() + 1 == count() for _ in range(3)]  # something else may ask in between
    _expect(any(counts), "inspector.requests", "when nobody calls it does not count its own request, and no other")
    before = count()
    for status in (TaskStatus.CLIPPING, TaskStatus.UPLOADING, TaskStatus.CLIPPING):
        await bench.store.update_task_status(task.task_id, status)
    _expect(count() > before + 3, "inspector.requests", "it does not count three updates")


async def _lifetime(bench: _Bench, task: Any, _: AsyncExitStack) -> None:
    if bench.has(Capability.EXPIRING):
        before = bench.inspector.lifetime_ms(task.task_id)
        bench.advance(_HOUR)
        after = bench.inspector.lifetime_ms(task.task_id)
        if before <= 0 or abs(timedelta(milliseconds=before - after) - _HOUR) > _SLACK:
            bench.advance(_EIGHT_DAYS)  # if it is there even now, no time passes, or it has no lifetime
            text = f"{before} ms before an hour, and {after} ms after it"
            _expect(await bench.has_task(task), "inspector.lifetime_ms", text)


async def _clock(bench: _Bench, older: Any, stack: AsyncExitStack) -> Unjudged:
    store = bench.store
    bench.advance(_HOUR)
    passed = (await bench.begin(stack)).created_at - older.created_at
    if abs(passed - _HOUR) < _SLACK:
        return {}
    text = f"a task is younger by {passed} than one that was created an hour earlier"
    _expect(bench.has(Capability.EXPIRING), "advance", text)
    bench.advance(_EIGHT_DAYS)
    text = "a task outlives its lifetime, and no time has moved: the store does not expire tasks, "  # EXP-01 fails then
    text += "or `advance` of the harness does not let time pass for it"
    is_left = await bench.has_task(older, store)
    return dict.fromkeys(("EXP-03", "EXP-04", "EXP-08"), NotTestable(text, ("advance",))) if is_left else {}


async def _anew(bench: _Bench, task: Any, _: AsyncExitStack) -> Unjudged:
    """Whether an adapter makes the results. `Task` is ours: a store that others use returns objects of its own."""
    kind, declared = type(bench.store), bench.own.rebuilds_results
    one, again = [await bench.store.get_task(task.task_id) for _ in range(2)]
    adapters = {one.__module__ for one in (AdaptedStore, *type(bench.own).__mro__)}
    is_rebuilt = isinstance(one, Task) and kind.__module__ in adapters and one is not again
    if not (is_rebuilt if declared is None else declared):
        return {}
    text = f"results are made anew by the adapter {kind.__qualname__}: what the store returns is not seen"
    text += "" if declared else "; if it is the store itself, say `rebuilds_results = False` in the harness"
    return dict.fromkeys(("VAL-02", "VAL-10"), NotTestable(text, ("adapter",)))
