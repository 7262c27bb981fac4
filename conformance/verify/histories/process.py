"""Clients in processes of their own: they open the store as the application does, and meet only at its server."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import AsyncExitStack
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any

from conformance.harness import Capability, Harness, HookMissingError
from conformance.verify.histories.client import Client
from conformance.verify.histories.history import Interval, Planned

PROCESSES = 2
_OURS = ("USE_REDIS_FOR_TASKS", "REDIS_", "TASK_")


def can_be_opened_elsewhere(harness: Harness) -> bool:
    """Whether another process can open a second instance on a namespace: a server shares it, and settings name it."""
    if not harness.opener or not harness.capabilities >= {Capability.SHARED, Capability.REMOTE}:
        return False
    try:
        return "a-namespace" in harness.environment("a-namespace").values()
    except HookMissingError:
        return False


class Clients:
    """The clients of one process, for a `conformance.processes.Crew`. They share a store.

    CLOCK_MONOTONIC is the system's, so that times of all processes can be compared.
    """

    def __init__(self, _number: int, _pipe: Connection) -> None:
        self._stack = AsyncExitStack()

    async def open(self, opener: str, environment: dict[str, str], folder: str) -> None:
        """Open the store as the application does, from these variables and in a folder without `.env`."""
        for name in list(os.environ):
            if name.upper().startswith(_OURS):
                del os.environ[name]
        os.environ.update(environment)
        os.chdir(folder)
        module, _, function = opener.partition(":")
        self._store: Any = await self._stack.enter_async_context(getattr(import_module(module), function)())

    async def close(self) -> None:
        """Close it."""
        await self._stack.aclose()

    async def play(
        self, clients: list[list[Planned]], labels: dict[str, str], origin: int, start: int
    ) -> list[Interval]:
        """Make the calls of some clients at the same time, from `start` on."""
        client = Client(self._store, labels, origin)
        await asyncio.sleep(max(start - time.monotonic_ns(), 0) / 1e9)
        made = await asyncio.gather(*map(client.make, clients))
        return [interval for intervals in made for interval in intervals]
