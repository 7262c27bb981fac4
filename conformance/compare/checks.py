"""Checks of what the hooks of a harness return, before anything is called."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, cast

from hypothesis import strategies as st

from conformance.compare.operation import Operation, OperationsError
from conformance.guard import guarded


def running(harness: Any, name: str) -> AbstractContextManager[Any]:
    """Call the hook `running`.

    Raises:
        OperationsError: if what it returns is no context manager, but a bare generator, say.
    """
    return cast(AbstractContextManager[Any], _manager(harness.running(), f"{name}: running()", "contextmanager"))


def opening(harness: Any, name: str, namespace: str) -> AbstractAsyncContextManager[Any]:
    """Call the hook `open`.

    Raises:
        OperationsError: as above.
    """
    made = _manager(harness.open(namespace), f"{name}: open()", "asynccontextmanager")
    return cast(AbstractAsyncContextManager[Any], made)


def _manager(made: Any, what: str, decorator: str) -> Any:
    if not hasattr(made, "__aenter__" if decorator.startswith("async") else "__enter__"):
        raise OperationsError(f"{what} returns a {type(made).__name__}, decorate it with @{decorator}")
    return made


def operations_of(harness: Any, name: str) -> dict[str, Operation]:
    """The operations that a harness names in its hook `operations`, checked; without it, those of a task store.

    Raises:
        OperationsError: if they cannot be used.
        HarnessFailedError: if the hook raises.
    """
    if not hasattr(harness, "operations"):
        from conformance.compare.contract import CONTRACT  # the only module here that knows taskstore

        return {operation.name: operation for operation in CONTRACT}
    hook: Any = guarded(harness)
    named = list(hook.operations())
    if not named:
        raise OperationsError(f"{name}: operations() is empty")
    for operation in named:
        if not isinstance(operation, Operation):
            raise OperationsError(f"{name}: operations() holds a {type(operation).__name__}, not an Operation")
        roles = {*operation.entry, *operation.positional, *([operation.lifetime] if operation.lifetime else [])}
        for unknown in sorted(roles - {*operation.strategies}):
            raise OperationsError(f"{name}: operation {operation.name!r}: {unknown!r} is none of its arguments")
        for argument, strategy in operation.strategies.items():
            if not isinstance(strategy, st.SearchStrategy):
                raise OperationsError(f"{name}: operation {operation.name!r}: {argument} has no Hypothesis strategy")
    return {operation.name: operation for operation in named}


def check_methods(store: Any, operations: Mapping[str, Operation], name: str) -> None:
    """Check that a store has the methods that the operations name.

    Raises:
        OperationsError: if it has not.
    """
    for operation in operations.values():
        if isinstance(operation.call, str) and not callable(getattr(store, operation.call, None)):
            raise OperationsError(
                f"{name}: operation {operation.name!r}: the store has no method {operation.call!r}; "
                "a harness names its own in a method operations()"
            )
