"""Where the calls of a store are ordered: before its server, or else in the loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from conformance.backends.proxy import Proxy
from conformance.engine.orders.arena import Arena
from conformance.engine.orders.loom import LoopArena
from conformance.engine.orders.network import NetworkArena
from conformance.harness import Capability, Harness, HookMissingError


@asynccontextmanager
async def arena_of(harness: Harness) -> AsyncIterator[Arena | None]:
    """Give where the calls of a store are ordered, in a loop of asyncio.

    There is none where instances share something that is not behind an address: what a client such as fakeredis does
    in the loop by itself has too many orders.
    """
    try:
        harness.open_at("conformance-no-case", harness.url(), 1.0)
        Proxy(harness.url())
        is_at_server = True
    except HookMissingError:
        is_at_server = False
    if is_at_server:
        yield NetworkArena(harness)
    elif Capability.SHARED in harness.capabilities:
        yield None
    else:
        yield LoopArena(harness)
