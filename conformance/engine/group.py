"""A chapter: scenarios that are played on one subject, and what was found."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from conformance.engine.finding import Tally
from conformance.engine.player import Player
from conformance.engine.scenario import Scenario
from conformance.engine.shrink import shrink
from conformance.harness import Harness, HookMissingError

_SHRUNK, _LONG = 8, 8
"""Findings of a chapter that are made shorter, and the actions above which others are too."""


async def play(harness: Harness, scenarios: Iterable[Scenario], tally: Tally, *, at_once: int = 1) -> None:
    """Play the scenarios that the subject is made for, so many at the same time, each in a namespace of its own."""
    gate = asyncio.Semaphore(at_once)

    async def played(scenario: Scenario) -> None:
        async with gate:
            await play_one(harness, scenario, tally)

    await asyncio.gather(*map(played, scenarios))


async def play_one(harness: Harness, scenario: Scenario, tally: Tally, walk: Any = None) -> None:
    """Play a scenario, or a walk, which draws it. What is found first of its kind is made shorter, and learned."""
    unfit = [f"does not declare {one}" for one in sorted(scenario.required - harness.capabilities)]
    unfit += [f"declares {one}" for one in sorted(scenario.lacks & harness.capabilities)]
    if unfit:
        tally.missing = dict.fromkeys(scenario.about, (f"the subject {unfit[0]}", "")) | tally.missing
        return
    try:
        found = await Player(harness, tally, scenario).play(walk)
    except HookMissingError as error:
        tally.missing |= dict.fromkeys(scenario.about, (str(error), error.hook))
        return
    if found is None:
        return
    tally.seen[found.signature] += 1
    if tally.findings.setdefault(found.signature, found) is found:
        if len(tally.findings) <= _SHRUNK or len(found.scenario.actions) > _LONG:
            found = await shrink(found, lambda shorter: Player(harness, tally, shorter).play())
        tally.findings[found.signature] = found
        tally.learn(found)
