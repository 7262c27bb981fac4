"""A chapter: scenarios that are played on one subject, and what was found."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from conformance.core.finding import Finding, Tally
from conformance.core.player import Player
from conformance.core.scenario import Scenario
from conformance.core.shrink import shrink
from conformance.harness import Harness, HookMissingError

_SHRUNK = 8
"""Findings of a chapter that are made shorter. Where there are more, the store is wrong in all."""


_SECONDS = 3.0
"""That it may take to make a finding shorter."""


async def play(harness: Harness, scenarios: Iterable[Scenario], tally: Tally, *, is_short: bool = False) -> None:
    """Play the scenarios that the subject is made for. What was found first of each kind is made shorter, and learned.

    With `is_short` it is not.
    """
    for scenario in scenarios:
        missing = scenario.required - harness.capabilities
        if missing or scenario.lacks & harness.capabilities:
            reason = (
                f"the subject does not declare {min(missing)}"
                if missing
                else f"the subject declares {min(scenario.lacks)}"
            )
            for number in scenario.about:
                tally.missing.setdefault(number, (reason, ""))
            continue
        await play_one(harness, scenario, tally, is_short=is_short)


async def play_together(harness: Harness, scenarios: Iterable[Scenario], tally: Tally, at_once: int = 8) -> None:
    """Play scenarios at the same time, each in a namespace of its own. They are made shorter one after the other."""
    gate = asyncio.Semaphore(at_once)

    async def played(scenario: Scenario) -> None:
        async with gate:
            own = replace(tally, findings={}, seen=Counter(), exercised=Counter(), missing={})
            await play(harness, [scenario], own, is_short=True)
            tally.merge(own)

    before = set(tally.findings)
    await asyncio.gather(*map(played, scenarios))
    for signature in [one for one in tally.findings if one not in before][:_SHRUNK]:
        tally.findings[signature] = await shorter(harness, tally.findings[signature], tally)
        tally.learn(tally.findings[signature])


async def play_one(
    harness: Harness, scenario: Scenario, tally: Tally, walk: Any = None, *, is_short: bool = False
) -> None:
    """Play a scenario, or a walk, which draws it."""
    before = len(tally.findings)
    player = Player(harness, tally, scenario)
    try:
        await (player.play() if walk is None else player.play(walk))
    except HookMissingError as missing:
        for number in scenario.about:
            tally.missing[number] = str(missing), missing.hook
        return
    if len(tally.findings) == before or is_short:
        return
    signature, finding = [*tally.findings.items()][-1]
    if len(tally.findings) <= _SHRUNK:
        finding = tally.findings[signature] = await shorter(harness, finding, tally)
    tally.learn(finding)


async def shorter(harness: Harness, finding: Finding, tally: Tally) -> Finding:
    """The finding of the shortest scenario that shows the same."""
    end = time.monotonic() + _SECONDS

    async def again(scenario: Scenario) -> Finding | None:
        if time.monotonic() > end:
            return None
        trial = Tally(learned=tally.learned, spoils=tally.spoils, seconds=tally.seconds)
        await Player(harness, trial, scenario).play()
        return next(iter(trial.findings.values()), None)

    return await shrink(finding, again)
