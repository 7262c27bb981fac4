"""Metrics and traces: a store around another one, that reports each operation when it ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from time import perf_counter
from typing import Any, Concatenate, ParamSpec, Self, TypeAlias, TypeVar

from taskstore.contract import MaintainedTaskStore

Observer: TypeAlias = Callable[[str, float, str], object]
"""Takes the name of an operation, its seconds, and how it ended: `ok`, or the name of the exception's class."""
_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def _observed(
    operation: Callable[Concatenate[Any, _Arguments], Awaitable[_Result]],
) -> Callable[Concatenate[ObservedTaskStore, _Arguments], Coroutine[Any, Any, _Result]]:
    @wraps(operation)
    async def call(self: ObservedTaskStore, /, *args: _Arguments.args, **named: _Arguments.kwargs) -> _Result:
        start, outcome = perf_counter(), "ok"
        try:
            result: _Result = await getattr(self.store, operation.__name__)(*args, **named)
        except BaseException as error:
            outcome = type(error).__name__
            raise
        finally:
            self.observer(operation.__name__, perf_counter() - start, outcome)
        return result

    return call


class ObservedTaskStore(MaintainedTaskStore):
    """Does what `store` does, and calls `observer` after each operation, in the task that called it.

    `observer` has to be quick, and what it raises comes out of the operation.
    """

    def __init__(self, store: MaintainedTaskStore, observer: Observer) -> None:
        self.store = store
        self.observer = observer

    create_task = _observed(MaintainedTaskStore.create_task)
    get_task = _observed(MaintainedTaskStore.get_task)
    list_tasks = _observed(MaintainedTaskStore.list_tasks)
    update_task_status = _observed(MaintainedTaskStore.update_task_status)
    cancel_task = _observed(MaintainedTaskStore.cancel_task)
    purge = _observed(MaintainedTaskStore.purge)
    restore = _observed(MaintainedTaskStore.restore)

    async def aclose(self) -> None:
        await self.store.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
