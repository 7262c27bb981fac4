"""The matrix: every fault on every operation, with a verdict for each."""

from __future__ import annotations

import asyncio

from conformance.case import Namespace
from conformance.harness import Capability, Harness, HookMissingError
from conformance.verify.document import Fault, Verdict
from conformance.verify.faults import scenario
from conformance.verify.faults.caller import CALLER_FAULTS
from conformance.verify.faults.connection import CONNECTION_FAULTS
from conformance.verify.faults.operations import OPERATIONS, Operation
from conformance.verify.faults.scenario import BrokenPromiseError, NotTestableError, play
from conformance.verify.faults.server import SERVER_FAULTS

FAULTS: tuple[scenario.Fault, ...] = (*CONNECTION_FAULTS, *CALLER_FAULTS, *SERVER_FAULTS)
CELLS = len(FAULTS) * len(OPERATIONS)
"""Faults times operations."""
_LIMIT = 30.0


async def run_faults(harness: Harness, subject_name: str, *, full: bool) -> list[Fault]:
    """Play every fault on every operation of a subject that is running; a share of them if not `full`.

    The share is each fault on one operation, in turn.
    """
    return [
        await run_fault(harness, subject_name, fault, operation)
        for row, fault in enumerate(FAULTS)
        for column, operation in enumerate(OPERATIONS)
        if full or column == row % len(OPERATIONS)
    ]


async def run_fault(harness: Harness, subject_name: str, fault: scenario.Fault, operation: Operation) -> Fault:
    """Play one fault on one operation of a subject that is running."""
    namespace = Namespace(harness)
    verdict, reason = await _played(fault, operation, namespace)
    script = tuple(str(namespace.script).splitlines()) if verdict == "fail" else ()
    return Fault(
        subject=subject_name,
        fault=fault.name,
        sentence=fault.sentence,
        operation=operation.name,
        verdict=verdict,
        reason=reason,
        script=script,
    )


async def _played(fault: scenario.Fault, operation: Operation, namespace: Namespace) -> tuple[Verdict, str]:
    if Capability.REMOTE not in namespace.harness.capabilities:
        return "not-testable", "it declares no server that can fail"
    try:
        async with asyncio.timeout(_LIMIT):
            await play(fault, operation, namespace)
    except (HookMissingError, NotTestableError) as missing:
        return "not-testable", str(missing)
    except BrokenPromiseError as broken:
        return "fail", str(broken)
    except Exception as crash:  # noqa: BLE001  a fault that could not be played to its end did not pass
        return "fail", f"{type(crash).__name__}: {crash!s:.200}"
    return "pass", ""
