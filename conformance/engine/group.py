"""A group: scenarios that are played on one store, and what was found."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

from conformance.engine.contract import Contract
from conformance.engine.finding import Coverage, Finding
from conformance.engine.orders.arena import Arena
from conformance.engine.orders.schedule import Play, explore
from conformance.engine.scenario import Action, Race, Scenario, calls_of
from conformance.engine.shrink import MOST_PLAYED, Actions, shrink
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


@dataclass
class Group:
    """Plays scenarios on a store, and has its coverage keep what was found.

    In an arena calls at the same time are made in every order, where a scenario says so; else in any.
    """

    contract: Contract
    harness: Harness
    coverage: Coverage
    arena: Arena | None = None

    async def play(self, scenarios: Iterable[Scenario], at_once: int = 1) -> None:
        """Play the scenarios that the store is made for, so many at the same time, each in its own namespace."""
        gate = asyncio.Semaphore(at_once)

        async def played(scenario: Scenario) -> None:
            async with gate:
                await self.play_one(scenario)

        wanted_first = sorted(scenarios, key=lambda scenario: self.coverage.wanted.isdisjoint(scenario.about))
        await asyncio.gather(*map(played, wanted_first))

    async def play_one(self, scenario: Scenario) -> bool:
        """Play a scenario. What is found first of its kind is made shorter, and learned.

        Return whether something was.
        """
        coverage = self.coverage
        if coverage.is_enough:
            return False
        unfit, hook = self._why_unfit(scenario), ""
        found = None
        if not unfit:
            try:
                found = await self._verify(scenario)
            except HookMissingError as error:
                unfit, hook = str(error), error.hook
        if unfit:
            coverage.miss(scenario.about, unfit, hook)
        if found is None or found.signature in coverage.findings:
            return False
        await self._file(scenario, found)
        return True

    async def _file(self, scenario: Scenario, found: Finding) -> None:
        actions = found.scenario.actions
        in_a_row = tuple(part for action in actions for part in calls_of(action) or (action,))
        for calmer in (in_a_row, tuple(map(_undisturbed, actions))):
            calm = replace(scenario, actions=calmer, about=())
            if calmer != actions and (again := await self._verify(calm)):
                scenario, found = calm, again  # it takes no race, or nothing that fails and nobody who is cancelled
                break
        signature = found.signature
        findings = self.coverage.findings
        if signature in findings:
            return
        findings[signature] = found

        async def replay(actions: Actions) -> Actions:
            again = await self._verify(replace(scenario, actions=actions))
            if again is None or again.signature != signature:
                return ()
            findings[signature] = again
            return again.scenario.actions

        most_played = MOST_PLAYED if len(findings) <= _SHRUNK else _FEW_PLAYED
        await shrink(found.scenario.actions, replay, self.contract.operations, most_played=most_played)
        shortest = findings[signature]
        if self.contract.apart in shortest.requirements:
            self.coverage.mutates = False
        elif shortest.scenario.is_simple:
            self.coverage.learned[signature] = self.contract.returns not in shortest.requirements

    async def _verify(self, scenario: Scenario) -> Finding | None:
        """Play a scenario, once for each order of its races if they can be ordered. Return the shortest finding."""

        async def verified(ordered: Play | None = None, arena: Arena | None = None) -> Finding | None:
            return await Verifier(self.contract, self.harness, scenario, arena, ordered).verify(self.coverage)

        ordered = [race for race in scenario.races if race.every_order]
        if ordered:
            played, reason = list[Finding | None](), "instances share something that is not behind an address"
            if self.arena:
                played, reason = await explore(partial(verified, arena=self.arena), _MOST_ORDERS, _MOST_SWITCHES)
            if played:
                return min(filter(None, played), key=lambda finding: len(finding.lines), default=None)
            self.coverage.by_chance[reason] += 1
            if any(race.failure for race in ordered):  # a death is never left to chance
                return None
        return await verified()

    def _why_unfit(self, scenario: Scenario) -> str:
        """Return why a scenario is not for a store; nothing if it is."""
        if self.coverage.silent > 1:
            return "the backend does not return"
        has = self.harness.capabilities
        for name in sorted(scenario.required(self.contract.operations) - has):
            return f"the backend does not declare {name}"
        for name in sorted(scenario.lacks & has):
            return f"the backend declares {name}"
        return ""


def _undisturbed(action: Action) -> Action:
    """Return an action in which nothing fails, and nobody is cancelled."""
    return replace(action, cancelled_after=None, failure=None) if isinstance(action, Race) else action
