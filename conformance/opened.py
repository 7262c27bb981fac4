"""What works on a store in another interpreter. It imports neither the cases nor pytest, so that it starts sooner."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from contextlib import AsyncExitStack
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any, TypeAlias

from conformance.spec.equality import snapshot, snapshots
from taskstore import TaskFinal, TaskStatus

Planned: TypeAlias = tuple[Any, ...]
"""A call: the name of an operation, its arguments, and a dictionary of named ones."""
OURS = ("USE_REDIS_FOR_TASKS", "REDIS_", "TASK_")
"""What the names of the variables of a store begin with."""
_SECONDS = 20
"""How long a side waits for the other."""


async def outcome(store: Any, call: Planned) -> Any:
    """What a call on a store comes to: fields of a task, ids and total of a page, or the name of an exception."""
    operation, *arguments, named = call
    try:
        result = await getattr(store, operation)(*arguments, **named)
    except TaskFinal as fault:
        return "TaskFinal", str(fault.status)
    except Exception as fault:  # noqa: BLE001  whatever it is, it is compared
        return type(fault).__name__
    return (result.total, snapshots(result.tasks)) if operation == "list_tasks" else snapshot(result)


async def in_step(store: Any, own: str, other: str, calls: Iterable[Planned]) -> list[Any]:
    """Make calls, each when the other side is about to make its own of the same number, and return the outcomes.

    A side says in the step of a task of its own how far it is.
    """
    outcomes = []
    for number, call in enumerate(calls):
        await store.update_task_status(own, TaskStatus.CLIPPING, current_step=str(number))
        async with asyncio.timeout(_SECONDS):
            while (await store.get_task(other)).current_step not in (str(number), str(number + 1)):
                pass
        outcomes.append(await outcome(store, call))
    await store.update_task_status(own, TaskStatus.CLIPPING, current_step=str(len(outcomes)))
    return outcomes


class Elsewhere:
    """What a process of its own has open, for a `conformance.processes.Crew`."""

    def __init__(self, _number: int, _pipe: Connection) -> None:
        self._stack = AsyncExitStack()

    async def open(self, opener: str, environment: dict[str, str], folder: str) -> None:
        """Open the store as the application does, from these variables and in this folder. The one before is closed."""
        await self.close()
        for name in [name for name in os.environ if name.upper().startswith(OURS)]:
            del os.environ[name]
        os.environ.update(environment)
        os.chdir(folder)
        module, _, function = opener.partition(":")
        self._store: Any = await self._stack.enter_async_context(getattr(import_module(module), function)())

    async def close(self) -> None:
        """Close it."""
        await self._stack.aclose()


class Opened(Elsewhere):
    """The store of the other interpreter."""

    async def make(self, calls: list[Planned]) -> list[Any]:
        """Make calls one after the other."""
        return [await outcome(self._store, call) for call in calls]

    async def make_in_step(self, own: str, other: str, calls: list[Planned]) -> list[Any]:
        """Make calls when the other side makes its own."""
        return await in_step(self._store, own, other, calls)
