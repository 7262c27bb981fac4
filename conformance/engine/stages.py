"""Where the calls of a store are ordered: before its server, or else in the loop."""

from __future__ import annotations

from conformance.backends.proxy import Proxy
from conformance.engine.orders.arena import Arena
from conformance.engine.orders.loom import LoopArena
from conformance.engine.orders.network import NetworkArena
from conformance.harness import Capability, Harness, HookMissingError


def arena_of(harness: Harness) -> Arena | None:
    """Return where the calls of a store are ordered, in the loop of asyncio that runs.

    There is none where instances share something that is not behind an address: what a client such as fakeredis does
    in the loop by itself has too many orders.
    """
    try:
        harness.open_at("conformance-no-case", harness.url(), 1.0)
        Proxy(harness.url())
    except HookMissingError:
        return None if Capability.SHARED in harness.capabilities else LoopArena(harness)
    return NetworkArena(harness)
