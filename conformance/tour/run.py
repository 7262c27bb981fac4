"""Run the tour on one subject, and gather what it found."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from conformance.engine.play import Finding, MethodMissingError, Player, Tally
from conformance.harness import Harness, HookMissingError
from conformance.tour.scenes import plan


@dataclass
class Tour:
    """What came out of a tour."""

    findings: list[Finding]
    exercised: Counter[str]
    reached: Counter[str]
    """How many scenes were played to their end, by the classes that they visit."""
    missing: dict[str, Counter[str]] = field(default_factory=dict)
    """For each class that was left out, why."""
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    largest: int = 0
    seconds: float = 0.0


async def run(harness: Harness, seed: int) -> Tour:
    """Play every scene that applies to a subject, which is running."""
    began = time.perf_counter()
    tally = Tally()
    player = Player(harness, tally)
    tour = Tour(tally.findings, tally.exercised, Counter(), {}, tally.calls)
    for scene in plan(seed):
        reason = _why_not(harness, scene)
        if not reason:
            try:
                await player.play(scene)
            except HookMissingError as missing:
                reason = f"hook {missing.hook}"
            except MethodMissingError as missing:
                reason = f"method {missing}"
        for name in scene.classes:
            if reason:
                tour.missing.setdefault(name, Counter())[reason] += 1
            else:
                tour.reached[name] += 1
    tour.largest = tally.largest
    tour.seconds = time.perf_counter() - began
    return tour


def _why_not(harness: Harness, scene: object) -> str:
    for capability in sorted(scene.needs - harness.capabilities):  # type: ignore[attr-defined]
        return f"capability {capability}"
    for capability in sorted(scene.lacks & harness.capabilities):  # type: ignore[attr-defined]
        return f"no capability {capability}"
    return ""
