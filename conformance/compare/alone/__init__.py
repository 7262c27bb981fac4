"""One store, which judges itself: calls at the same time, and deaths, do what the same calls do one after the other."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.compare.alone.judge import SelfJudge
from conformance.engine.orders.loom import LoopArena
from conformance.engine.stages import arena_of
from conformance.harness import Harness
from conformance.operations.operation import Operation


def judge_of(harness: Harness, operations: Mapping[str, Operation], *, is_full: bool = False) -> SelfJudge:
    """Return the judge of a store, which plays at its server, or else in the loop that runs."""
    return SelfJudge(arena_of(harness) or LoopArena(harness), operations, is_full=is_full)
