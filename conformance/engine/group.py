"""A group: scenarios that are played on one store, and what was found."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from conformance.engine.contract import Contract
from conformance.engine.finding import Coverage, Finding
from conformance.engine.orders.arena import Arena
from conformance.engine.orders.schedule import Play, explore
from conformance.engine.player import Player
from conformance.engine.scenario import Action, Scenario
from conformance.engine.shrink import MOST_PLAYED, Actions, Shrinker
from conformance.engine.verifier import Verifier
from conformance.harness import Harness, HookMissingError

Draw: TypeAlias = Callable[[Player], Iterable[Action]]
"""Yields what is played after a scenario, while it is played."""
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

    wanted_first = sorted(scenarios, key=lambda scenario: coverage.wanted.isdisjoint(scenario.about))
    await asyncio.gather(*map(played, wanted_first))


async def play_one(
    contract: Contract,
    harness: Harness,
    scenario: Scenario,
    coverage: Coverage,
    draw: Draw = lambda _: (),
    arena: Arena | None = None,
) -> None:
    """Play a scenario, and what is drawn. What is found first of its kind is made shorter, and learned."""
    if coverage.is_enough:
        return
    verify = partial(_verify, contract, harness, coverage, arena)
    found = None
    hook = ""
    unfit = _why_unfit(contract, harness, scenario, coverage)
    if not unfit:
        try:
            found = await verify(scenario, draw)
        except HookMissingError as error:
            unfit, hook = str(error), error.hook
    if unfit:
        coverage.missing = dict.fromkeys(scenario.about, (unfit, hook)) | coverage.missing
    if found and found.signature not in coverage.findings:
        await _file(contract, coverage, verify, scenario, found)


async def _file(
    contract: Contract,
    coverage: Coverage,
    verify: Callable[[Scenario], Awaitable[Finding | None]],
    scenario: Scenario,
    found: Finding,
) -> None:
    in_a_row = replace(scenario, actions=found.scenario.in_a_row, about=())
    if in_a_row.actions != found.scenario.actions and (calm := await verify(in_a_row)):
        scenario, found = in_a_row, calm  # it takes no race and no failure
    signature = found.signature
    if signature in coverage.findings:
        return
    coverage.findings[signature] = found

    async def replay(actions: Actions) -> Actions:
        again = await verify(replace(scenario, actions=actions))
        if again is None or again.signature != signature:
            return ()
        coverage.findings[signature] = again
        return again.scenario.actions

    most_played = MOST_PLAYED if len(coverage.findings) <= _SHRUNK else _FEW_PLAYED
    await Shrinker(replay, contract.operations, most_played=most_played).shrink(found.scenario.actions)
    shortest = coverage.findings[signature]
    if contract.apart in shortest.requirements:
        coverage.mutates = False
    elif shortest.scenario.is_simple:
        coverage.learned.add(signature)


async def _verify(
    contract: Contract,
    harness: Harness,
    coverage: Coverage,
    arena: Arena | None,
    scenario: Scenario,
    draw: Draw = lambda _: (),
) -> Finding | None:
    """Play a scenario, once for each order of its races if they can be ordered. Return the shortest finding."""

    async def verified(ordered: Play | None = None, arena: Arena | None = None) -> Verifier:
        verifier = Verifier(contract, harness, coverage, scenario, arena, ordered)
        await verifier.play(draw(verifier))
        return verifier

    if scenario.is_ordered:
        verifiers, reason = list[Verifier](), "instances share something that is not behind an address"
        if arena:
            verifiers, reason = await explore(partial(verified, arena=arena), _MOST_ORDERS, _MOST_SWITCHES)
        if verifiers:
            found = [verifier.found for verifier in verifiers if verifier.found]
            return min(found, key=lambda finding: len(finding.lines), default=None)
        coverage.by_chance[reason] += 1
        if scenario.is_deadly:
            return None
    return (await verified()).found


def _why_unfit(contract: Contract, harness: Harness, scenario: Scenario, coverage: Coverage) -> str:
    """Return why a scenario is not for a store; nothing if it is."""
    if coverage.silent > 1:
        return "the backend does not return"
    for name in sorted(scenario.required(contract.operations) - harness.capabilities):
        return f"the backend does not declare {name}"
    for name in sorted(scenario.lacks & harness.capabilities):
        return f"the backend declares {name}"
    return ""
