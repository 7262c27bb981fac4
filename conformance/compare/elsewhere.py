"""An instance of a store in a process of its own: what one process writes has to be there for another."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Mapping
from multiprocessing.pool import Pool
from typing import Any

from conformance.guard import HarnessFailedError
from conformance.harness import Harness, HookMissingError
from conformance.operations.operation import Operation
from conformance.operations.parts import settled

_SECONDS = 3.0
"""In which the other process opens the store, and answers a call."""
_place: list[Any] = []
"""What the other process has: a loop, a way to open the store, the store when it is open, and its operations."""


def opened_elsewhere(harness: Harness, namespace: str, operations: Mapping[str, Operation]) -> Pool:
    """Return a forked process, which opens the store when that is first called."""
    place: Any = asyncio.Runner(), harness.open(namespace), [], operations
    return multiprocessing.get_context("fork").Pool(1, _place.extend, (place,))


def call_elsewhere(pool: Pool, operation: str, given: Mapping[str, Any]) -> Any:
    """Have an operation called there, and return the result, or the exception.

    Raises:
        HookMissingError: if nothing comes in time.
        HarnessFailedError: if the harness cannot be opened there.
    """
    try:
        return pool.apply_async(_call, (operation, {**given})).get(_SECONDS)
    except multiprocessing.TimeoutError:
        raise HookMissingError("open, in another process") from None
    except HarnessFailedError:
        raise
    except Exception as error:  # noqa: BLE001  whatever the store raises is its result
        return error


def _call(*call: Any) -> Any:
    runner, *place = _place
    return runner.run(_outcome(*place, *call))


async def _outcome(opening: Any, stores: list[Any], operations: Mapping[str, Operation], name: str, given: Any) -> Any:
    if not stores:
        stores.append(await opening.__aenter__())
    operation = operations[name]
    return await settled(operation, operation.invoke(stores[0], given))
