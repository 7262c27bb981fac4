"""Metrics and traces: a store around another one, that reports each operation when it ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from time import perf_counter
from typing import Any, TypeAlias, TypeVar, cast

from taskstore.contract import MaintainedTaskStore

Observer: TypeAlias = Callable[[str, float, str], object]
"""Takes the name of an operation, its seconds, and how it ended: `ok`, or the name of the exception's class."""
_Operation = TypeVar("_Operation", bound=Callable[..., Awaitable[Any]])


def _observed(operation: _Operation) -> _Operation:
    @wraps(operation)
    async def call(self: ObservedTaskStore, *args: Any, **named: Any) -> Any:
        start, outcome = perf_counter(), "ok"
        try:
            return await getattr(self._store, operation.__name__)(*args, **named)
        except BaseException as error:
            outcome = type(error).__name__
            raise
        finally:
            self._observer(operation.__name__, perf_counter() - start, outcome)

    return cast("_Operation", call)


class ObservedTaskStore(MaintainedTaskStore):
    """Does what `store` does, and calls `observer` after each operation, in the task that called it.

    `observer` has to be quick, and what it raises comes out of the operation.
    """

    def __init__(self, store: MaintainedTaskStore, observer: Observer) -> None:
        self._store = store
        self._observer = observer

    create_task = _observed(MaintainedTaskStore.create_task)
    get_task = _observed(MaintainedTaskStore.get_task)
    list_tasks = _observed(MaintainedTaskStore.list_tasks)
    update_task_status = _observed(MaintainedTaskStore.update_task_status)
    cancel_task = _observed(MaintainedTaskStore.cancel_task)
    purge = _observed(MaintainedTaskStore.purge)
    restore = _observed(MaintainedTaskStore.restore)

    async def aclose(self) -> None:
        await self._store.aclose()
