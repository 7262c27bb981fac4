"""A group: scenarios that are played on one store, and what was found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace

from conformance.engine.arena import Arena
from conformance.engine.contract import Contract
from conformance.engine.finding import Coverage, Finding
from conformance.engine.player import Player
from conformance.engine.random_scenario import RandomScenario
from conformance.engine.scenario import Scenario
from conformance.engine.schedule import Choose, Play, explore
from conformance.engine.shrink import MOST_PLAYED, Actions, Shrinker
from conformance.engine.verifier import Verifier
from conformance.harness import Harness, HookMissingError

_SHRUNK = 8
"""Findings of a group that are made as short as they get."""
_FEW_PLAYED = 20
"""Scenarios that are played to make any other finding shorter."""

_MOST_ORDERS = 200
"""Orders of a race that are played."""
_MOST_SWITCHES = 2
"""How often a caller has to wait that could go on, in an order that is played."""


async def play(
    contract: Contract,
    harness: Harness,
    scenarios: Iterable[Scenario],
    coverage: Coverage,
    *,
    at_once: int = 1,
    arena: Arena | None = None,
) -> None:
    """Play the scenarios that the store is made for, at most so many at the same time, each in its own namespace.

    In an arena calls at the same time are made in every order, where a scenario says so; else in any.
    """
    gate = asyncio.Semaphore(at_once)

    async def played(scenario: Scenario) -> None:
        async with gate:
            await play_one(contract, harness, scenario, coverage, arena=arena)

    await asyncio.gather(*map(played, scenarios))


async def play_one(
    contract: Contract,
    harness: Harness,
    scenario: Scenario,
    coverage: Coverage,
    draw: Callable[[Player], RandomScenario] | None = None,
    arena: Arena | None = None,
) -> None:
    """Play a scenario, and what is drawn. What is found first of its kind is made shorter, and learned."""
    unfit = "does not return" if coverage.silent > 1 else _why_unfit(contract, harness, scenario)
    if unfit:
        coverage.missing = dict.fromkeys(scenario.about, (f"the backend {unfit}", "")) | coverage.missing
        return
    try:
        found = await _verify(contract, harness, scenario, coverage, draw, arena)
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
        again = await _verify(contract, harness, replace(scenario, actions=actions), coverage, arena=arena)
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


async def _verify(
    contract: Contract,
    harness: Harness,
    scenario: Scenario,
    coverage: Coverage,
    draw: Callable[[Player], RandomScenario] | None = None,
    arena: Arena | None = None,
) -> Finding | None:
    if scenario.is_ordered:
        reason = "instances share something that is not behind an address"
        if arena:
            found, reason = await _in_every_order(contract, arena, scenario, coverage)
            if not reason:
                return found
        coverage.by_chance[reason] = coverage.by_chance.get(reason, 0) + 1
        if scenario.is_deadly:
            return None
    verifier = Verifier(contract, harness, coverage, scenario)
    return await verifier.verify(draw(verifier).play if draw else None)


async def _in_every_order(
    contract: Contract, arena: Arena, scenario: Scenario, coverage: Coverage
) -> tuple[Finding | None, str]:
    """Play a scenario once for each order of its races; return the shortest finding, or why they cannot be ordered."""
    found: list[Finding] = []

    async def play(choose: Choose) -> Play:
        verifier = Verifier(contract, arena.lender, coverage, scenario)
        verifier.arena, verifier.choose = arena, choose
        finding = await verifier.verify()
        if finding:
            found.append(finding)
        return verifier.ordered

    explored = await explore(play, _MOST_ORDERS, _MOST_SWITCHES)
    if not explored.plays:
        return None, ", ".join(explored.cuts)
    return min(found, key=lambda finding: len(finding.lines), default=None), ""


def _why_unfit(contract: Contract, harness: Harness, scenario: Scenario) -> str:
    """Return why a scenario is not for a store; nothing if it is."""
    has = harness.capabilities
    undeclared = sorted(scenario.required(contract.operations) - has)
    declared = sorted(scenario.lacks & has)
    if undeclared:
        return f"does not declare {undeclared[0]}"
    return f"declares {declared[0]}" if declared else ""
