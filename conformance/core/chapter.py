"""A chapter: scenarios that are played on one subject, and what was found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from conformance.core.finding import Finding, Tally
from conformance.core.player import Player
from conformance.core.scenario import Scenario
from conformance.core.shrink import shrink
from conformance.harness import Harness, HookMissingError

_SHRUNK = 8
"""Findings of a chapter that are made shorter. Where there are more, the store is wrong in all."""


async def play(harness: Harness, scenarios: Iterable[Scenario], tally: Tally) -> None:
    """Play the scenarios that the subject is made for. What was found first of each kind is made shorter, and learned."""
    for scenario in scenarios:
        missing = scenario.required - harness.capabilities
        if missing or scenario.lacks & harness.capabilities:
            reason = f"the subject does not declare {min(missing)}" if missing else f"the subject declares {min(scenario.lacks)}"
            for number in scenario.about:
                tally.missing.setdefault(number, (reason, ""))
            continue
        await play_one(harness, scenario, tally)


async def play_one(harness: Harness, scenario: Scenario, tally: Tally, walk: Any = None) -> None:
    """Play a scenario, or a walk, which draws it."""
    before = len(tally.findings)
    player = Player(harness, tally, scenario)
    try:
        await (player.play() if walk is None else player.play(walk))
    except HookMissingError as missing:
        for number in scenario.about:
            tally.missing[number] = str(missing), missing.hook
        return
    if len(tally.findings) == before:
        return
    signature, finding = [*tally.findings.items()][-1]
    if len(tally.findings) <= _SHRUNK:
        finding = tally.findings[signature] = await shorter(harness, finding, tally)
    tally.learn(finding)


async def shorter(harness: Harness, finding: Finding, tally: Tally) -> Finding:
    """The finding of the shortest scenario that shows the same."""

    async def again(scenario: Scenario) -> Finding | None:
        trial = Tally(learned=tally.learned, spoils=tally.spoils, seconds=tally.seconds)
        await Player(harness, trial, scenario).play()
        return next(iter(trial.findings.values()), None)

    return await shrink(finding, again)
