"""A chapter: scenarios that are played on one subject, and what was found."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from conformance.core.finding import Finding, Tally
from conformance.core.player import Player
from conformance.core.scenario import Scenario
from conformance.core.shrink import shrink
from conformance.harness import Harness, HookMissingError

_SHRUNK = 8
"""Findings of a chapter that are made shorter. Where there are more, the store is wrong in all."""


async def play(harness: Harness, scenarios: Iterable[Scenario], tally: Tally, *, is_short: bool = False) -> None:
    """Play the scenarios that the subject is made for. What was found first of each kind is made shorter, and learned.

    With `is_short` it is not.
    """
    for scenario in scenarios:
        missing = [f"does not declare {one}" for one in sorted(scenario.required - harness.capabilities)]
        missing += [f"declares {one}" for one in sorted(scenario.lacks & harness.capabilities)]
        if not missing:
            await play_one(harness, scenario, tally, is_short=is_short)
        for number in scenario.about if missing else ():
            tally.missing.setdefault(number, (f"the subject {missing[0]}", ""))


async def play_together(harness: Harness, scenarios: Iterable[Scenario], tally: Tally, at_once: int = 8) -> None:
    """Play scenarios at the same time, each in a namespace of its own. They are made shorter one after the other."""
    gate = asyncio.Semaphore(at_once)

    async def played(scenario: Scenario) -> None:
        async with gate:
            await play(harness, [scenario], tally, is_short=True)

    before = set(tally.findings)
    await asyncio.gather(*map(played, scenarios))
    for signature in [one for one in tally.findings if one not in before][:_SHRUNK]:
        await _shorten(harness, tally, tally.findings[signature])


async def play_one(
    harness: Harness, scenario: Scenario, tally: Tally, walk: Any = None, *, is_short: bool = False
) -> None:
    """Play a scenario, or a walk, which draws it."""
    before = len(tally.findings)
    try:
        await Player(harness, tally, scenario).play(walk)
    except HookMissingError as missing:
        tally.missing.update(dict.fromkeys(scenario.about, (str(missing), missing.hook)))
        return
    if len(tally.findings) > before and not is_short:
        await _shorten(harness, tally, [*tally.findings.values()][-1])


async def _shorten(harness: Harness, tally: Tally, finding: Finding) -> None:
    """Put the finding of the shortest scenario that shows the same in its place, and learn it."""

    async def again(scenario: Scenario) -> Finding | None:
        trial = Tally(learned=tally.learned, spoils=tally.spoils, seconds=tally.seconds)
        await Player(harness, trial, scenario).play()
        return next(iter(trial.findings.values()), None)

    if len(tally.findings) <= _SHRUNK:
        finding = tally.findings[finding.signature] = await shrink(finding, again)
    tally.learn(finding)
