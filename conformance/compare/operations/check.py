"""Checks of what the hooks of a harness return, before anything is called."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path
from typing import Any, cast

from hypothesis import strategies as st

from conformance.compare.operations.operation import Operation
from conformance.text import printable


class OperationsError(ValueError):
    """The operations that a harness names cannot be used, or two harnesses do not name the same."""


class HarnessCrashedError(Exception):
    """The harness, not the store, raised an exception. The message says which, and where."""

    def __init__(self, what: str, fault: BaseException) -> None:
        message = f"{what}: {type(fault).__name__}: {fault} ({place_of(fault)})".replace("\n", " ")
        super().__init__(printable(message))


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


def place_of(fault: BaseException) -> str:
    """The file and line that raised an exception."""
    frame = fault.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return f"{Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame is not None else "unknown place"


def operations_of(harness: Any, name: str, *, is_task_store: bool) -> dict[str, Operation]:
    """The operations that a harness names in its hook `operations`, checked; without it, those of a task store.

    Raises:
        OperationsError: if there is no such hook and it opens no task store, or the operations cannot be used.
        HarnessCrashedError: if the hook raises.
    """
    hook = getattr(harness, "operations", None)
    if hook is None and is_task_store:
        from conformance.compare.operations.contract import CONTRACT  # the only module here that knows taskstore

        return {operation.name: operation for operation in CONTRACT}
    if hook is None:
        raise OperationsError(f"{name} has no method operations(); `conformance new FILE.py --compare` writes one")
    try:
        named = list(hook())
    except Exception as fault:
        raise HarnessCrashedError(f"operations() of {name}", fault) from fault
    if not named:
        raise OperationsError(f"{name}: operations() is empty")
    for operation in named:
        if not isinstance(operation, Operation):
            raise OperationsError(f"{name}: operations() holds a {type(operation).__name__}, not an Operation")
        for wrong in (*_faults_of(operation), *_role_faults(operation)):
            raise OperationsError(f"{name}: operation {operation.name!r}: {wrong}")
    for operation_name, count in Counter(operation.name for operation in named).items():
        if count > 1:
            raise OperationsError(f"{name}: operations() names {operation_name!r} {count} times")
    return {operation.name: operation for operation in named}


def check_methods(store: Any, operations: Mapping[str, Operation], name: str) -> None:
    """Check that a store has the methods that the operations name.

    Raises:
        OperationsError: if it has not.
    """
    for operation in operations.values():
        if isinstance(operation.call, str) and not callable(getattr(store, operation.call, None)):
            raise OperationsError(f"{name}: operation {operation.name!r}: the store has no method {operation.call!r}")


def check_same(one: tuple[str, Mapping[str, Operation]], other: tuple[str, Mapping[str, Operation]]) -> None:
    """Check that two harnesses name the same operations.

    Raises:
        OperationsError: if they do not.
    """
    if set(one[1]) != set(other[1]):
        raise OperationsError(f"{one[0]} names the operations {[*one[1]]}, {other[0]} names {[*other[1]]}")


def _faults_of(operation: Operation) -> Iterator[str]:
    if not isinstance(operation.name, str) or not operation.name.isidentifier():
        yield "its name is no Python identifier"
    if not callable(operation.call) and not isinstance(operation.call, str):
        yield f"call is a {type(operation.call).__name__}, not the name of a method or a function"
    for argument, strategy in operation.strategies.items():
        if not isinstance(strategy, st.SearchStrategy):
            yield f"{argument} is a {type(strategy).__name__}, not a Hypothesis strategy"
        else:
            try:
                strategy.validate()
            except Exception as fault:  # noqa: BLE001  Hypothesis says what is wrong in many ways
                yield f"the strategy of {argument} cannot be used: {fault}"
    if both := operation.arguments.keys() & operation.optional.keys():
        yield f"{sorted(both)} are in arguments and in optional"
    yield from _signature_faults(operation)


def _role_faults(operation: Operation) -> Iterator[str]:
    if operation.reads is not None and operation.writes is not None:
        yield "it has reads and writes; an operation that writes has writes only"
    for role in ("reads", "writes", "lifetime"):
        named = getattr(operation, role)
        if named and named not in operation.strategies:
            yield f"{role}={named!r} is none of its arguments"
    for role in ("ids", "times"):
        if isinstance(getattr(operation, role), str):
            yield f"{role} is a text; give a tuple of field names"
    for field, reason in [*operation.ignored.items(), *((f, r) for f, (_, r) in operation.tolerances.items())]:
        if not reason:
            yield f"{field} is ignored or has a tolerance without a reason"


def _signature_faults(operation: Operation) -> Iterator[str]:
    if not callable(operation.call):
        return
    try:
        signature = inspect.signature(operation.call)
    except (TypeError, ValueError):  # some functions in C have none
        return
    for names in (operation.strategies, operation.arguments):
        try:
            placed = [name for name in operation.positional if name in names]
            signature.bind(object(), *placed, **dict.fromkeys(names.keys() - {*placed}))
        except TypeError as fault:
            shown = ", ".join(["store", *names])
            yield f"call does not take ({shown}): {fault}; what it takes is named in `arguments` or `optional`"
            return
