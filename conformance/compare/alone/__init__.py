"""One store, which judges itself: calls at the same time, and deaths, do what the same calls do one after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from conformance.compare.alone.deaths import Deaths
from conformance.compare.alone.races import Races
from conformance.engine.orders.loom import LoopArena
from conformance.engine.orders.network import NetworkArena
from conformance.engine.stages import arena_of
from conformance.harness import Capability, Harness
from conformance.operations.operation import Operation

_MOST_SWITCHES = 3
"""How often a caller of a store in memory has to wait that could go on."""


@asynccontextmanager
async def judges_of(
    harness: Harness, operations: Mapping[str, Operation], *, is_full: bool = False
) -> AsyncIterator[list[Races | Deaths]]:
    """Give who judges a store: at its server, or else in the loop."""
    async with arena_of(harness) as ordered:
        arena = ordered or LoopArena(harness)
        races = Races(arena, operations, is_full=is_full)
        if Capability.SHARED in harness.capabilities:
            races.instances = 1, 2
        if isinstance(arena, NetworkArena):
            yield [races, Deaths(arena, operations)]
        else:
            races.most_switches = _MOST_SWITCHES
            yield [races]
