"""Check the hooks of a harness, and what it declares, before any verdict rests on them.

A hook that does nothing makes requirements pass that nobody has looked at: if `advance` does not move the clock,
nothing expires. `CHECKS` is the table of what is tried. Each check ends in what it saw, or in nothing where that was
expected. A store that fails in a check is left to the cases.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from conformance.case import HarnessFailedError, Namespace
from conformance.harness import Capability, Harness, HookMissingError
from taskstore import TaskCreateRequest, TaskStatus

_SECONDS = 60
_HOUR, _EIGHT_DAYS, _SLACK = timedelta(hours=1), timedelta(days=8), timedelta(minutes=5)
_CALLS = 3
_ATTEMPTS = 3
"""How often `requests` is asked twice in a row: something else may ask the server in between."""
_Value = TypeVar("_Value")


class CalibrationError(Exception):
    """A hook, or a declaration, is not what it says."""

    def __init__(self, hook: str, expected: str, seen: str) -> None:
        super().__init__(f"`{hook}` of the harness is not to be believed. Expected: {expected}. Seen: {seen}.")
        self.hook = hook


class Bench:
    """An empty namespace, stores on it, and the hooks of the harness."""

    def __init__(self, harness: Harness, stack: AsyncExitStack) -> None:
        self.harness = harness
        self.stack = stack
        self.name = self.new_name()

    def new_name(self) -> str:
        """The name of another namespace, which is discarded at the end."""
        name = Namespace(self.harness).name
        self.stack.callback(self.use, "discard", lambda: self.harness.discard(name))
        return name

    async def open(self, name: str = "", stack: AsyncExitStack | None = None) -> Any:
        """A store on this namespace or another, until the end or until `stack` is closed."""
        try:
            return await (stack or self.stack).enter_async_context(self.harness.open(name or self.name))
        except Exception as fault:
            raise HarnessFailedError(f"open raised {type(fault).__name__}: {fault}") from fault

    def use(self, hook: str, call: Callable[[], _Value]) -> _Value:
        """What a hook returns.

        Raises:
            HookMissingError: if there is no such hook.
            CalibrationError: if it raises anything else.
        """
        try:
            return call()
        except HookMissingError:
            raise
        except Exception as fault:
            raise CalibrationError(hook, "it does not raise", f"{type(fault).__name__}: {fault}") from fault

    def inspect(self, hook: str, *arguments: Any) -> Any:
        """What a method of the inspector returns."""
        inspector = self.use("inspector", lambda: self.harness.inspector(self.name))
        return self.use(f"inspector.{hook}", lambda: getattr(inspector, hook)(*arguments))

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self.use("advance", lambda: self.harness.advance(self.name, by))


@dataclass(frozen=True)
class Check:
    """A row of the table: the hook, what is expected of it, and what looks. `needs` and `lacks` are declarations."""

    hook: str
    expected: str
    look: Callable[[Bench], Awaitable[str]]
    needs: tuple[Capability, ...] = ()
    lacks: Capability | None = None

    def applies_to(self, harness: Harness) -> bool:
        """Whether the subject declares what the check is about."""
        declared = harness.capabilities
        return declared.issuperset(self.needs) and self.lacks not in declared


def calibrate(harness: Harness) -> None:
    """Try every hook that a harness has, and what it declares, on its running subject.

    Raises:
        CalibrationError: for the first hook or declaration that is not what it says.
        HarnessFailedError: if a store cannot be opened.
    """

    async def run() -> None:
        async with asyncio.timeout(_SECONDS):
            for check in CHECKS:
                if check.applies_to(harness) and (seen := await _seen(check, harness)):
                    raise CalibrationError(check.hook, check.expected, seen)

    asyncio.run(run())


async def _seen(check: Check, harness: Harness) -> str:
    try:
        async with AsyncExitStack() as stack:
            return await check.look(Bench(harness, stack))
    except HookMissingError:
        return ""
    except _StoreFailedError:
        return ""


class _StoreFailedError(Exception):
    """An operation of the store raised, which is for the cases to judge."""


async def _answer(call: Awaitable[Any]) -> Any:
    try:
        return await call
    except Exception as fault:
        raise _StoreFailedError from fault


async def _create(store: Any) -> Any:
    return await _answer(store.create_task(TaskCreateRequest(video_ids=("calibration",))))


async def _update(store: Any, task: Any) -> None:
    await _answer(store.update_task_status(task.task_id, TaskStatus.CLIPPING, progress=40))


async def _is_there(store: Any, task_id: str) -> bool:
    try:
        await store.get_task(task_id)
    except Exception:  # noqa: BLE001  whatever it raises, it did not give the task
        return False
    return True


async def _methods(bench: Bench) -> str:
    store = await bench.open()
    return ", ".join(f"no `{name}`" for name in ("purge", "restore") if not hasattr(store, name))


async def _caller_ids(bench: Bench) -> str:
    return _without(await bench.open(), "create_task", "task_id")


async def _cursor(bench: Bench) -> str:
    return _without(await bench.open(), "list_tasks", "after")


def _without(store: Any, operation: str, argument: str) -> str:
    taken = inspect.signature(getattr(store, operation)).parameters
    if argument in taken or any(one.kind is one.VAR_KEYWORD for one in taken.values()):
        return ""
    return f"`{operation}` takes {', '.join(taken)}"


async def _apart(bench: Bench) -> str:
    task = await _create(await bench.open())
    other = await bench.open(bench.new_name())
    return "it is seen in another namespace" if await _is_there(other, task.task_id) else ""


async def _by_second_instance(bench: Bench) -> bool:
    first, second = await bench.open(), await bench.open()
    return await _is_there(second, (await _create(first)).task_id)


async def _not_shared(bench: Bench) -> str:
    return "" if await _by_second_instance(bench) else "it does not see it"


async def _shared(bench: Bench) -> str:
    return "it sees it" if await _by_second_instance(bench) else ""


async def _after_reopening(bench: Bench) -> bool:
    async with AsyncExitStack() as stack:
        task = await _create(await bench.open(stack=stack))
    return await _is_there(await bench.open(), task.task_id)


async def _not_persistent(bench: Bench) -> str:
    return "" if await _after_reopening(bench) else "it is not there"


async def _persistent(bench: Bench) -> str:
    return "it is there" if await _after_reopening(bench) else ""


async def _discarded(bench: Bench) -> str:
    if type(bench.harness).discard is Harness.discard:
        return ""  # it has no such hook
    async with AsyncExitStack() as stack:
        task = await _create(await bench.open(stack=stack))
    bench.use("discard", lambda: bench.harness.discard(bench.name))
    return "it is still there" if await _is_there(await bench.open(), task.task_id) else ""


async def _opened_elsewhere(bench: Bench) -> str:
    url = bench.use("url", bench.harness.url)
    task = await _create(await bench.open())
    opened = bench.use("open_at", lambda: bench.harness.open_at(bench.name, url, _CALLS))
    return "" if await _is_there(await bench.stack.enter_async_context(opened), task.task_id) else "it does not see it"


async def _keys(bench: Bench) -> str:
    store = await bench.open()
    before = bench.inspect("keys")
    await _create(store)
    after = bench.inspect("keys")
    return "" if set(after) - set(before) else f"{len(before)} keys before, and the same after"


async def _mentions(bench: Bench) -> str:
    task = await _create(await bench.open())
    if not bench.inspect("mentions", task.task_id):
        return "the id of a task that is there is mentioned nowhere"
    return "the id of no task is mentioned" if bench.inspect("mentions", f"{task.task_id}-not") else ""


async def _raw(bench: Bench) -> str:
    store = await bench.open()
    task = await _create(store)
    before = bench.inspect("raw", task.task_id)
    if not isinstance(before, bytes):
        return f"{before!r} for a task that is there"
    await _update(store, task)
    return "the same after an update" if bench.inspect("raw", task.task_id) == before else ""


async def _revision(bench: Bench) -> str:
    store = await bench.open()
    task = await _create(store)
    before = bench.inspect("revision", task.task_id)
    await _update(store, task)
    after = bench.inspect("revision", task.task_id)
    return "" if after == before + 1 else f"{before} before an update and {after} after it"


async def _requests_of_none(bench: Bench) -> str:
    await bench.open()
    counts = [(bench.inspect("requests"), bench.inspect("requests")) for _ in range(_ATTEMPTS)]
    return "" if any(after == before + 1 for before, after in counts) else f"{counts[-1][0]}, then {counts[-1][1]}"


async def _requests(bench: Bench) -> str:
    store = await bench.open()
    await _create(store)  # a store may connect and load scripts at its first call
    before = bench.inspect("requests")
    for _ in range(_CALLS):
        await _create(store)
    grown = bench.inspect("requests") - before - 1
    return "" if grown >= _CALLS else f"it grew by {grown}"


async def _lifetime(bench: Bench) -> str:
    left = bench.inspect("lifetime_ms", (await _create(await bench.open())).task_id)
    return "" if left > 0 else f"{left}"


async def _lifetime_passes(bench: Bench) -> str:
    store = await bench.open()
    task = await _create(store)
    before = bench.inspect("lifetime_ms", task.task_id)
    bench.advance(_HOUR)
    after = bench.inspect("lifetime_ms", task.task_id)
    if _is_about_an_hour(timedelta(milliseconds=before - after)):
        return ""
    bench.advance(_EIGHT_DAYS)  # if it is gone now, time did pass
    return "" if await _is_there(store, task.task_id) else f"{before} ms before and {after} ms after"


async def _expires(bench: Bench) -> str:
    store = await bench.open()
    task = await _create(store)
    bench.advance(_HOUR)
    if not await _moved(store, task):
        return ""
    bench.advance(_EIGHT_DAYS)
    return "it is there, and no time has moved" if await _is_there(store, task.task_id) else ""


async def _time_passes(bench: Bench) -> str:
    store = await bench.open()
    task = await _create(store)
    bench.advance(_HOUR)
    return await _moved(store, task)


async def _moved(store: Any, task: Any) -> str:
    """By how much a new task is younger than one of an hour ago, if that is another time than an hour."""
    younger = getattr(await _create(store), "created_at", None)
    older = getattr(await _answer(store.get_task(task.task_id)), "created_at", None)
    if not isinstance(younger, datetime) or not isinstance(older, datetime):
        return ""
    return "" if _is_about_an_hour(younger - older) else f"it is younger by {younger - older}"


def _is_about_an_hour(passed: timedelta) -> bool:
    return abs(passed - _HOUR) < _SLACK


CHECKS = (
    Check("capabilities", "with MAINTENANCE, the store has `purge` and `restore`", _methods, (Capability.MAINTENANCE,)),
    Check("capabilities", "with CALLER_IDS, `create_task` takes `task_id`", _caller_ids, (Capability.CALLER_IDS,)),
    Check("capabilities", "with CURSOR, `list_tasks` takes `after`", _cursor, (Capability.CURSOR,)),
    Check("open", "a task is seen in its own namespace only", _apart),
    Check("capabilities", "with SHARED, a second instance sees a task", _not_shared, (Capability.SHARED,)),
    Check("capabilities", "without SHARED, a second instance does not see a task", _shared, lacks=Capability.SHARED),
    Check(
        "capabilities", "with PERSISTENT, a task is there after reopening", _not_persistent, (Capability.PERSISTENT,)
    ),
    Check(
        "capabilities",
        "without PERSISTENT, no task is there after reopening",
        _persistent,
        lacks=Capability.PERSISTENT,
    ),
    Check("discard", "a task is gone afterwards", _discarded),
    Check(
        "open_at",
        "at `url` it sees a task that a store of `open` wrote",
        _opened_elsewhere,
        (Capability.SHARED, Capability.REMOTE),
    ),
    Check("inspector.keys", "a creation adds a key", _keys),
    Check("inspector.mentions", "it finds the id of a task, and no other", _mentions),
    Check("inspector.raw", "bytes, which an update changes", _raw),
    Check("inspector.revision", "an update adds 1", _revision),
    Check("inspector.requests", "it grows by 1, its own request, when nobody calls", _requests_of_none),
    Check("inspector.requests", f"it grows by at least {_CALLS} in {_CALLS} creations", _requests),
    Check("inspector.lifetime_ms", "with EXPIRING, a task has a lifetime", _lifetime, (Capability.EXPIRING,)),
    Check("advance", "after more than a lifetime a task is gone, or some time moves", _expires, (Capability.EXPIRING,)),
    Check("inspector.lifetime_ms", "in an hour it shrinks by an hour", _lifetime_passes, (Capability.EXPIRING,)),
    Check(
        "advance",
        "a task is younger by an hour than one that was created an hour earlier",
        _time_passes,
        lacks=Capability.EXPIRING,
    ),
)
