"""One of the two stores that are compared: its harness, and the operations that are called on it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from conformance.compare.operations.check import (
    HarnessCrashedError,
    OperationsError,
    check_methods,
    opening,
    operations_of,
)
from conformance.compare.operations.operation import Operation
from conformance.harness import Harness


class NotOpenedError(Exception):
    """A store could not be opened."""

    def __init__(self, name: str, fault: Exception) -> None:
        super().__init__(f"{name} could not be set up: {type(fault).__name__}: {fault}")


@dataclass(frozen=True)
class Store:
    """A store, by the name that reports call it."""

    name: str
    harness: Harness
    operations: dict[str, Operation]

    @classmethod
    def checked(cls, name: str, harness: Harness) -> Store:
        """Open a store once, and check the operations that its harness names.

        Raises:
            NotOpenedError: if it cannot be opened.
            OperationsError: if the operations cannot be used, or `open` returns no context manager.
            HarnessCrashedError: if the hook `operations` raises.
        """
        opened = asyncio.run(_open_once(name, harness))
        operations = operations_of(harness, name, is_task_store=hasattr(opened, "update_task_status"))
        check_methods(opened, operations, name)
        return cls(name, harness, operations)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Any]:
        """Open it in a new namespace, which is discarded at the end.

        Raises:
            HarnessCrashedError: if the hook `open` or `discard` raises.
        """
        namespace = new_namespace()
        try:
            async with AsyncExitStack() as stack:
                try:
                    opened: Any = await stack.enter_async_context(self.harness.open(namespace))
                except Exception as fault:
                    raise HarnessCrashedError(f"open of {self.name}", fault) from fault
                yield opened
        finally:
            try:
                self.harness.discard(namespace)
            except Exception as fault:
                raise HarnessCrashedError(f"discard of {self.name}", fault) from fault


def new_namespace() -> str:
    """The name of a new namespace."""
    return f"compare-{secrets.token_hex(6)}"


async def _open_once(name: str, harness: Harness) -> Any:
    namespace = new_namespace()
    try:
        async with opening(harness, name, namespace) as store:
            return store
    except OperationsError:
        raise
    except Exception as fault:
        raise NotOpenedError(name, fault) from fault
    finally:
        harness.discard(namespace)
