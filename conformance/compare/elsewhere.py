"""An instance of a store in a process of its own: what one process writes has to be there for another."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from typing import Any

from conformance.harness import Harness, HookMissingError
from conformance.operations.operation import Operation
from conformance.operations.parts import settled

_SECONDS = 3.0
"""In which the other process opens the store, or answers a call."""


class Elsewhere:
    """Stands for a store that is open in another process."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def call(self, operation: str, given: Mapping[str, Any]) -> Any:
        """Have an operation called there, and return the result, or raise what it raises."""
        try:
            self._connection.send((operation, dict(given)))
        except OSError:
            raise HookMissingError("open, in another process") from None
        result = self.answer()
        if isinstance(result, BaseException):
            raise result
        return result

    def answer(self) -> Any:
        """Return what the other process sends next.

        Raises:
            HookMissingError: if it sends nothing in time: the harness cannot be opened there.
        """
        try:
            if self._connection.poll(_SECONDS):
                return self._connection.recv()
        except (EOFError, OSError):
            pass  # it has ended
        raise HookMissingError("open, in another process")


@asynccontextmanager
async def opened_elsewhere(
    harness: Harness, namespace: str, operations: Mapping[str, Operation]
) -> AsyncIterator[Elsewhere]:
    """Open a store on a namespace in a forked process.

    Raises:
        HookMissingError: if the harness cannot be opened there.
    """
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=_serve, args=(there, here, harness, namespace, operations), daemon=True
    )
    process.start()
    there.close()
    try:
        store = Elsewhere(here)
        store.answer()
        yield store
    finally:
        here.close()
        process.kill()
        process.join()


def _serve(
    out: Connection, parents: Connection, harness: Harness, namespace: str, operations: Mapping[str, Operation]
) -> None:
    """Open the store, and make the calls that come in until the other end closes."""
    parents.close()

    async def serve() -> None:
        async with harness.open(namespace) as store:
            out.send("open")
            while True:
                name, given = await asyncio.to_thread(out.recv)
                out.send(await _outcome(operations[name], store, given))

    asyncio.run(serve())


async def _outcome(operation: Operation, store: Any, given: Mapping[str, Any]) -> Any:
    try:
        return await settled(operation, operation.invoke(store, given))
    except Exception as error:  # noqa: BLE001  it is raised in the first process
        return error
