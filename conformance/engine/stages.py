"""Where the calls of a store are ordered: before its server, or else in the loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from conformance.engine.contract import Contract
from conformance.engine.loom import LoopStage
from conformance.engine.network import NetworkArena, NetworkStage
from conformance.engine.schedule import Session, Stage
from conformance.harness import Capability, Harness, HookMissingError


def has_server(harness: Harness) -> bool:
    """Whether requests of a store can be held before its server."""
    try:
        harness.open_at("conformance-no-case", harness.url(), 1.0)
    except HookMissingError:
        return False
    return True


@asynccontextmanager
async def stage_of(harness: Harness, contract: Contract) -> AsyncIterator[Stage | None]:
    """Give what orders the calls of a store in a `ChoosingLoop`.

    Nothing does where the client finds its servers itself, or instances share something that is not behind an address.
    """
    is_led = Capability.FAILOVER in harness.capabilities
    is_shared = Capability.SHARED in harness.capabilities
    if not has_server(harness):
        yield None if is_shared else LoopStage(harness)
    elif is_led:
        yield None
    else:
        async with NetworkArena(harness, lambda: Session(contract)) as arena:
            yield NetworkStage(arena, harness.capabilities)
