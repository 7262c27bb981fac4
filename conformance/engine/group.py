"""A group: scenarios that are played on one store, and what was found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace

from conformance.engine.contract import Contract
from conformance.engine.finding import Coverage
from conformance.engine.player import Player
from conformance.engine.random_scenario import RandomScenario
from conformance.engine.scenario import Scenario
from conformance.engine.shrink import MOST_PLAYED, Actions, Shrinker
from conformance.engine.verifier import Verifier
from conformance.harness import Harness, HookMissingError

_SHRUNK = 8
"""Findings of a group that are made as short as they get."""
_FEW_PLAYED = 20
"""Scenarios that are played to make any other finding shorter."""


async def play(
    contract: Contract, harness: Harness, scenarios: Iterable[Scenario], coverage: Coverage, *, at_once: int = 1
) -> None:
    """Play the scenarios that the store is made for, at most so many at the same time, each in its own namespace."""
    gate = asyncio.Semaphore(at_once)

    async def played(scenario: Scenario) -> None:
        async with gate:
            await play_one(contract, harness, scenario, coverage)

    await asyncio.gather(*map(played, scenarios))


async def play_one(
    contract: Contract,
    harness: Harness,
    scenario: Scenario,
    coverage: Coverage,
    draw: Callable[[Player], RandomScenario] | None = None,
) -> None:
    """Play a scenario, and what is drawn. What is found first of its kind is made shorter, and learned."""
    unfit = "does not return" if coverage.silent > 1 else _why_unfit(contract, harness, scenario)
    if unfit:
        coverage.missing = dict.fromkeys(scenario.about, (f"the backend {unfit}", "")) | coverage.missing
        return
    try:
        verifier = Verifier(contract, harness, coverage, scenario)
        found = await verifier.verify(draw(verifier).play if draw else None)
    except HookMissingError as error:
        coverage.missing |= dict.fromkeys(scenario.about, (str(error), error.hook))
        return
    if found is None:
        return
    coverage.seen[found.signature] += 1
    if found.signature in coverage.findings:
        return

    first = coverage.findings[found.signature] = found

    async def replay(actions: Actions) -> Actions:
        nonlocal found
        again = await Verifier(contract, harness, coverage, replace(scenario, actions=actions)).verify()
        if again is None or again.signature != first.signature:
            return ()
        found = again
        return again.scenario.actions

    most_played = MOST_PLAYED if len(coverage.findings) <= _SHRUNK else _FEW_PLAYED
    shrinker = Shrinker(replay, contract.operations, most_played=most_played)
    await shrinker.shrink(first.scenario.actions)
    coverage.findings[found.signature] = found
    if contract.requirements.apart in found.requirements:
        coverage.mutates = False
    elif found.is_simple:
        coverage.learned.add(found.signature)


def _why_unfit(contract: Contract, harness: Harness, scenario: Scenario) -> str:
    """Return why a scenario is not for a store; nothing if it is."""
    has = harness.capabilities
    undeclared = sorted(scenario.required(contract.operations) - has)
    declared = sorted(scenario.lacks & has)
    if undeclared:
        return f"does not declare {undeclared[0]}"
    return f"declares {declared[0]}" if declared else ""
