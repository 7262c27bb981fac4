"""The operations that a harness names, checked before anything is called."""

from __future__ import annotations

from typing import Any

from conformance.compare.operation import Operation, OperationsError
from conformance.guard import guarded


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
        roles = {*operation.entry, *operation.positional, *([operation.lifetime] if operation.lifetime else [])}
        for unknown in sorted(roles - {*operation.strategies}):
            raise OperationsError(f"{name}: operation {operation.name!r}: {unknown!r} is none of its arguments")
    return {operation.name: operation for operation in named}
