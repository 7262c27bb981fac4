"""Check the hooks of a harness, and what it declares, before any verdict rests on them.

A hook that does nothing makes requirements pass that nobody has looked at: if `advance` does not move the clock,
nothing expires. What is wrong about the store is left to the tests.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from typing import Any

from conformance.adapter import AdaptedStore, TaskView
from conformance.case import Namespace, NotTestable
from conformance.guard import HarnessFailedError, guarded
from conformance.harness import Capability, Harness, HookMissingError
from conformance.spec.model import FIELDS
from taskstore import Task, TaskCreateRequest, TaskStatus

_HOUR, _EIGHT_DAYS, _SLACK = timedelta(hours=1), timedelta(days=8), timedelta(minutes=5)
_REQUEST = TaskCreateRequest(video_ids=("calibration",))


class CalibrationError(Exception):
    """A hook does not do what it promises, or a declaration is not true."""

    def __init__(self, hook: str, seen: str) -> None:
        super().__init__(f"`{hook}` of the harness is not to be believed: {seen}")
        self.hook = hook


def _expect(holds: object, hook: str, otherwise: str) -> None:
    if not holds:
        raise CalibrationError(hook, otherwise)


class _Bench(Namespace):
    def __init__(self, harness: Harness, stack: AsyncExitStack) -> None:
        super().__init__(guarded(harness))
        self.own, self.stack = harness, stack
        stack.callback(self.harness.discard, self.name)

    async def new(self) -> tuple[Any, Any]:
        """A store, and a new task in it."""
        store = await self.stack.enter_async_context(self.open())
        return store, await store.create_task(_REQUEST)


def calibrate(harness: Harness) -> dict[str, NotTestable]:
    """Return the requirements that cannot be judged on a running subject, each with the reason.

    Raises:
        CalibrationError: for the first hook or declaration that is not what it says.
        HarnessFailedError: if a hook raises.
    """
    return asyncio.run(_calibrated(harness))


async def _calibrated(harness: Harness) -> dict[str, NotTestable]:
    unjudged: dict[str, NotTestable] = {}
    for check in (_remote, _adapter, _namespaces, _elsewhere, _records, _requests, _lifetime, _clock, _anew):
        try:
            async with asyncio.timeout(20), AsyncExitStack() as stack:
                unjudged |= await check(_Bench(harness, stack)) or {}
        except (CalibrationError, HarnessFailedError):
            raise
        except Exception:  # noqa: BLE001, S110  there is no such hook; what a store raises is for the tests
            pass
    return unjudged


async def _remote(bench: _Bench) -> None:
    for hook, arguments in (("url", ()), ("open_at", (bench.name, "redis://127.0.0.1:1/0", 1))):
        with suppress(HookMissingError):
            getattr(bench.harness, hook)(*arguments)
            text = f"REMOTE is not declared, and there is `{hook}`: declare it, or take the hook away"
            _expect(bench.has(Capability.REMOTE), "capabilities", text)


async def _adapter(bench: _Bench) -> None:
    store, task = await bench.new()
    if isinstance(task, TaskView):
        try:
            await store.list_tasks()
            for name in FIELDS:
                getattr(task, name)
        except Exception as fault:  # a function of the adapter may raise anything
            raise CalibrationError("adapter", f"{type(fault).__name__}: {fault}") from fault
        text = f"the status of a new task is {task.status!r}, which is none of ours"
        _expect(isinstance(task.status, TaskStatus), "adapter", text)


async def _namespaces(bench: _Bench) -> None:
    store, task = await _Bench(bench.own, bench.stack).new()
    other, second = await bench.new()
    is_left = other is not store and not bench.has(Capability.SHARED)  # two stores that share are SHARE-02
    is_apart = is_left or task.task_id == second.task_id or not await _is_there(other, task)  # equal ids are ID-01
    _expect(is_apart, "open", "a task is seen in another namespace")


async def _elsewhere(bench: _Bench) -> None:
    if bench.has(Capability.SHARED):
        _, task = await bench.new()
        async with bench.harness.open_at(bench.name, bench.harness.url(), 5) as store:
            text = "at `url` it does not see a task that a store of `open` wrote"
            _expect(await _is_there(store, task), "open_at", text)


async def _records(bench: _Bench) -> None:
    store, task = await bench.new()
    behind, task_id = bench.inspector, task.task_id
    with suppress(HookMissingError):
        before = behind.keys()
        await store.create_task(_REQUEST)
        _expect(behind.keys() - before, "inspector.keys", f"{len(before)} keys before a creation, and the same after")
        is_so = behind.mentions(task_id) and not behind.mentions(f"{task_id}-not")
        _expect(is_so, "inspector.mentions", "a task that is there is mentioned nowhere, or one that is not there is")
    raw = behind.raw(task_id)
    if (await store.update_task_status(task_id, TaskStatus.CLIPPING)).status is TaskStatus.CLIPPING:
        _expect(behind.raw(task_id) != raw, "inspector.raw", "the same after an update")


async def _requests(bench: _Bench) -> None:
    store, task = await bench.new()  # which connects
    count = bench.inspector.requests
    counts = [count() + 1 == count() for _ in range(3)]  # something else may ask in between
    _expect(any(counts), "inspector.requests", "when nobody calls it does not count its own request, and no other")
    before = count()
    for _ in range(3):
        await store.update_task_status(task.task_id, TaskStatus.CLIPPING)
    _expect(count() > before + 3, "inspector.requests", "it does not count three updates")


async def _lifetime(bench: _Bench) -> None:
    if bench.has(Capability.EXPIRING):
        store, task = await bench.new()
        before = bench.inspector.lifetime_ms(task.task_id)
        bench.advance(_HOUR)
        after = bench.inspector.lifetime_ms(task.task_id)
        if before <= 0 or abs(timedelta(milliseconds=before - after) - _HOUR) > _SLACK:
            bench.advance(_EIGHT_DAYS)  # if it is there even now, no time passes, or it has no lifetime
            text = f"{before} ms before an hour, and {after} ms after it"
            _expect(await _is_there(store, task), "inspector.lifetime_ms", text)


async def _clock(bench: _Bench) -> dict[str, NotTestable] | None:
    store, older = await bench.new()
    bench.advance(_HOUR)
    passed = (await bench.new())[1].created_at - older.created_at
    if abs(passed - _HOUR) < _SLACK:
        return None
    text = f"a task is younger by {passed} than one that was created an hour earlier"
    _expect(bench.has(Capability.EXPIRING), "advance", text)
    bench.advance(_EIGHT_DAYS)
    if not await _is_there(store, older):
        return None
    text = "a task outlives its lifetime, and no time has moved: the store does not expire tasks, "  # EXP-01 fails then
    text += "or `advance` of the harness does not let time pass for it"
    return dict.fromkeys(("EXP-03", "EXP-04", "EXP-08"), NotTestable(text, ("advance",)))


async def _anew(bench: _Bench) -> dict[str, NotTestable] | None:
    """Whether an adapter makes the results. `Task` is ours: a store that others use returns objects of its own."""
    store, task = await bench.new()
    declared, adapters = (
        bench.own.rebuilds_results,
        {one.__module__ for one in (AdaptedStore, *type(bench.own).__mro__)},
    )
    one, again = [await store.get_task(task.task_id) for _ in range(2)]
    is_rebuilt = isinstance(one, Task) and type(store).__module__ in adapters and one is not again
    if not (is_rebuilt if declared is None else declared):
        return None
    text = f"results are made anew by the adapter {type(store).__qualname__}: what the store returns is not seen"
    text += "" if declared else "; if it is the store itself, say `rebuilds_results = False` in the harness"
    return dict.fromkeys(("VAL-02", "VAL-10"), NotTestable(text, ("adapter",)))


async def _is_there(store: Any, task: Any) -> bool:
    with suppress(Exception):  # whatever it raises, it did not give the task
        return await store.get_task(task.task_id) is not None
    return False
