"""Clients in processes of their own: they open the store as the application does, and meet only at its server."""

from __future__ import annotations

import asyncio
import time

from conformance.harness import Capability, Harness, HookMissingError
from conformance.opened import Elsewhere
from conformance.verify.histories.client import Client
from conformance.verify.histories.history import Interval, Planned

PROCESSES = 2


def can_be_opened_elsewhere(harness: Harness) -> bool:
    """Whether another process can open a second instance on a namespace: a server shares it, and settings name it."""
    if not harness.opener or not harness.capabilities >= {Capability.SHARED, Capability.REMOTE}:
        return False
    try:
        return "a-namespace" in harness.environment("a-namespace").values()
    except HookMissingError:
        return False


class Clients(Elsewhere):
    """The clients of one process. They share a store.

    CLOCK_MONOTONIC is the system's, so that times of all processes can be compared.
    """

    async def play(
        self, clients: list[list[Planned]], labels: dict[str, str], origin: int, start: int
    ) -> list[Interval]:
        """Make the calls of some clients at the same time, from `start` on."""
        client = Client(self._store, labels, origin)
        await asyncio.sleep(max(start - time.monotonic_ns(), 0) / 1e9)
        made = await asyncio.gather(*map(client.make, clients))
        return [interval for intervals in made for interval in intervals]
