"""What a check of a harness works with: a namespace, stores on it, and calls of hooks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, TypeVar

from conformance.case import HarnessFailedError, Namespace
from conformance.harness import Harness, HookMissingError
from taskstore import TaskCreateRequest, TaskStatus

_Value = TypeVar("_Value")
_PROGRESS = 40


class CalibrationError(Exception):
    """A hook does not do what it promises, or a declaration is not true."""

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

    async def new_task(self) -> tuple[Any, Any]:
        """A store on this namespace, and a new task in it.

        Raises:
            StoreFailedError: if the store does not give the task.
        """
        store = await self.open()
        return store, await create(store)

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

    def advance(self, by: timedelta, name: str = "") -> None:
        """Let time pass in this namespace or another."""
        self.use("advance", lambda: self.harness.advance(name or self.name, by))


class StoreFailedError(Exception):
    """An operation of the store raised, or lost what it wrote. The tests judge that."""


async def answer_of(call: Awaitable[Any]) -> Any:
    """What a call of the store returns.

    Raises:
        StoreFailedError: if it raises.
    """
    try:
        return await call
    except Exception as fault:
        raise StoreFailedError from fault


async def create(store: Any) -> Any:
    """A new task, which the store then gives.

    Raises:
        StoreFailedError: if it does not.
    """
    task = await answer_of(store.create_task(TaskCreateRequest(video_ids=("calibration",))))
    await answer_of(store.get_task(task.task_id))
    return task


async def update(store: Any, task: Any) -> None:
    """Write to a task, so that the store then gives what was written.

    Raises:
        StoreFailedError: if it does not.
    """
    await answer_of(store.update_task_status(task.task_id, TaskStatus.CLIPPING, progress=_PROGRESS))
    if getattr(await answer_of(store.get_task(task.task_id)), "progress", None) != _PROGRESS:
        raise StoreFailedError


async def is_there(store: Any, task_id: str) -> bool:
    """Whether a store gives a task."""
    try:
        await store.get_task(task_id)
    except Exception:  # noqa: BLE001  whatever it raises, it did not give the task
        return False
    return True
