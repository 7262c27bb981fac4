"""A call in a process of its own: what one process writes has to be there for another."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from conformance.files import CommandFailedError
from conformance.guard import HarnessFailedError
from conformance.harness import Harness, HookMissingError
from conformance.operations.operation import Operation
from conformance.operations.parts import settled
from conformance.process import PROGRESS, in_new_process

_SECONDS = 3.0
"""In which the other process opens the store, and makes the call."""


def call_elsewhere(harness: Harness, namespace: str, operation: Operation, given: Mapping[str, Any]) -> Any:
    """Have an operation called in a forked process that opens the store, and return the result, or the exception.

    Raises:
        HookMissingError: if nothing comes in time, or it cannot be sent.
        HarnessFailedError: if the harness cannot be opened there.
    """
    try:
        return in_new_process(_call, harness, namespace, operation, given, method="fork")
    except HarnessFailedError:
        raise
    except CommandFailedError:
        raise HookMissingError("open, in another process") from None


def _call(*call: Any) -> Any:
    PROGRESS.begin("a call in another process", _SECONDS)
    return asyncio.run(_outcome(*call))


async def _outcome(harness: Harness, namespace: str, operation: Operation, given: Mapping[str, Any]) -> Any:
    async with harness.open(namespace) as store:
        try:
            return await settled(operation, operation.invoke(store, given))
        except Exception as error:  # noqa: BLE001  whatever the store raises is its result
            return error
