"""A process with clients: it does what lines on its standard input order, until that ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from contextlib import AsyncExitStack
from importlib import import_module
from typing import Any

from conformance.verify.histories.client import Client
from conformance.verify.histories.history import as_json, read_planned


class Worker:
    """The store of this process, while one is open."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._store: Any = None

    async def open(self, opener: str, environment: dict[str, str]) -> None:
        """Open the store as the application does, from its environment."""
        os.environ.update(environment)
        module, _, function = opener.partition(":")
        self._store = await self._stack.enter_async_context(getattr(import_module(module), function)())

    async def close(self) -> None:
        """Close it."""
        await self._stack.aclose()

    async def play(
        self, clients: list[list[dict[str, Any]]], labels: dict[str, str], origin: int, start: int
    ) -> list[dict[str, Any]]:
        """Make the calls of some clients at the same time, and return the intervals."""
        client = Client(self._store, labels, origin)
        await asyncio.sleep(max(start - time.monotonic_ns(), 0) / 1e9)
        plans = ([read_planned(line) for line in calls] for calls in clients)
        made = await asyncio.gather(*(client.make(calls) for calls in plans))
        return [as_json(interval) for intervals in made for interval in intervals]


def main() -> None:
    """Obey until the input ends. Ctrl-C is the parent's to handle: it then closes the input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker = Worker()
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            ((order, arguments),) = json.loads(line).items()
            try:
                answer = {"done": runner.run(getattr(worker, order)(*arguments))}
            except Exception as fault:  # noqa: BLE001  the parent is told whatever it is
                answer = {"failed": f"{order}: {type(fault).__name__}: {fault}"}
            print(json.dumps(answer), flush=True)  # noqa: T201  the answer's way
        runner.run(worker.close())


if __name__ == "__main__":
    main()
