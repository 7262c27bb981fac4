"""The matrix: every fault on every operation, and what came of each."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

from conformance.case import World
from conformance.harness import Capability, Harness, HookMissingError
from conformance.verify.caller_faults import CALLER_FAULTS
from conformance.verify.connection_faults import CONNECTION_FAULTS
from conformance.verify.operations import OPERATIONS, Operation
from conformance.verify.scene import BrokenPromiseError, Fault, NotTestableError, play
from conformance.verify.server_faults import SERVER_FAULTS

FAULTS: tuple[Fault, ...] = (*CONNECTION_FAULTS, *CALLER_FAULTS, *SERVER_FAULTS)
CELLS = len(FAULTS) * len(OPERATIONS)
"""Faults times operations."""
_LIMIT = 30.0

Verdict = Literal["pass", "fail", "not-testable"]


@dataclass(frozen=True)
class FaultOutcome:
    """What came of one fault on one operation of one subject; `script` is what was called and done, in order."""

    subject: str
    fault: str
    sentence: str
    operation: str
    verdict: Verdict
    reason: str = ""
    script: tuple[str, ...] = ()


async def run_faults(
    harness: Harness,
    subject_name: str,
    *,
    full: bool,
) -> list[FaultOutcome]:
    """Play every fault on every operation of a subject that is running; a share of them if not `full`.

    The share is each fault on one operation, in turn.
    """
    return [
        await run_fault(harness, subject_name, fault, operation)
        for row, fault in enumerate(FAULTS)
        for column, operation in enumerate(OPERATIONS)
        if full or column == row % len(OPERATIONS)
    ]


async def run_fault(harness: Harness, subject_name: str, fault: Fault, operation: Operation) -> FaultOutcome:
    """Play one fault on one operation of a subject that is running."""
    world = World(harness)
    verdict, reason = await _played(fault, operation, world)
    script = tuple(str(world.script).splitlines()) if verdict == "fail" else ()
    return FaultOutcome(subject_name, fault.name, fault.sentence, operation.name, verdict, reason, script)


async def _played(fault: Fault, operation: Operation, world: World) -> tuple[Verdict, str]:
    if Capability.REMOTE not in world.harness.capabilities:
        return "not-testable", "it declares no server that can fail"
    try:
        async with asyncio.timeout(_LIMIT):
            await play(fault, operation, world)
    except (HookMissingError, NotTestableError) as missing:
        return "not-testable", str(missing)
    except BrokenPromiseError as broken:
        return "fail", str(broken)
    except Exception as crash:  # noqa: BLE001  a fault that could not be played to its end did not pass
        return "fail", f"{type(crash).__name__}: {crash!s:.200}"
    return "pass", ""
