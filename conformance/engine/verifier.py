"""The verifier: plays a scenario, and has judges explain what comes out by a contract."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from conformance.engine.contract import Contract, Entry
from conformance.engine.failures import SOON
from conformance.engine.finding import Coverage, Finding, complaint
from conformance.engine.judge import Judge
from conformance.engine.mutation import mutate
from conformance.engine.orders.schedule import Choose, Play
from conformance.engine.outcome import SILENT, Raised
from conformance.engine.player import Done, Player
from conformance.engine.scenario import Action, Call, Race, ReadBack, Reopen, Scenario, Series
from conformance.engine.script import lines_of
from conformance.harness import Capability, Harness
from conformance.text import place_of

_RECENT = 3
"""Entries of the last writes that are read back."""
_SHOWN = 8
"""Results of concurrent calls that are shown."""
_ATTEMPTS = 5
"""How often a read is made that ran into a short time-out."""
_PAUSE = 0.002
_IMPATIENT = 1.0
"""Seconds that a call may take when one did not return in time."""


class Verifier(Player):
    """A player that ends with the first finding."""

    found: Finding | None = None
    choose: Choose
    """Chooses the order."""

    def __init__(self, contract: Contract, harness: Harness, coverage: Coverage, scenario: Scenario) -> None:
        super().__init__(contract, harness, scenario)
        self.coverage = coverage
        self.seconds = coverage.seconds
        self.ordered = Play()
        """What was chosen."""
        self._last: dict[Any, Any] = {}  # as the last writes gave them, by name, in the order of these
        self._write: Entry | None = None
        self._checks = contract.checks(coverage)
        self._judges = [Judge(contract, coverage.learned) for _ in range(scenario.instances)]
        if Capability.SHARED in harness.capabilities:
            self._judges = self._judges[:1] * scenario.instances

    def end(self) -> None:
        """Check what only many results show."""
        for finding in () if self.is_over else self._checks.at_the_end():
            self._report(finding)
        if not self.is_over:
            self.coverage.exercised.update(self.scenario.about)

    async def change_surroundings(self, action: Action) -> None:
        """Perform an action that is no call. An instance that is opened again may begin anew."""
        match action:
            case ReadBack():
                for call in self._reads():
                    await self._read(call)
            case Series():
                await self._play_series(action)
            case _:
                await super().change_surroundings(action)
        is_persistent = Capability.PERSISTENT in self.harness.capabilities or self.scenario.instances > 1
        if isinstance(action, Reopen) and not is_persistent:
            self._judges[0].forget()

    async def close(self, on: int) -> None:
        """Close an instance, and report one that does not close in time."""
        try:
            async with asyncio.timeout(SOON) as limit:
                await super().close(on)
        except TimeoutError:
            if not limit.expired():
                raise
            expected = f"a store that closes within {SOON:g} s"
            self._report(complaint(self.contract.requirements.closes, expected, "it still waits", "close"))

    def made(self, entry: Entry, given: Mapping[str, Any]) -> None:
        """Change what was passed in, as a careless caller does. Wait longer for the first call only."""
        if entry.observed == SILENT:
            self.coverage.silent += self.injection is None
            self.seconds = self.coverage.seconds = min(self.coverage.seconds, _IMPATIENT)
        for value in given.values() if self.coverage.mutates else ():
            mutate(value, *getattr(value, "__dict__", {}).values())

    async def make_together(self, race: Race, made: Sequence[Entry]) -> None:
        """Make calls at the same time, in the order that is chosen if one is."""
        if not (self.arena and race.every_order and made):
            await super().make_together(race, made)
            return
        self.ordered.deaths = (race.failure.name,) if race.failure else ()
        await self.arena.together(made, self.make, self.choose, self.ordered)
        self.history[-1].order += [f"{request.caller}: {request.text}" for request in self.ordered.trace]

    async def _play_series(self, series: Series) -> None:
        """Make the calls of a series. Those at the same time are judged each by itself."""
        rounds = series.rounds()
        results: Any = None
        with suppress(StopIteration):
            while not self.is_over:
                calls = rounds.send(results)
                if isinstance(calls, Call):
                    made = await self._read(calls)
                else:
                    made = self.begun(calls)
                    await self.make_together(Race(calls), made)
                    for entry in made:
                        self.take(Race((entry.call,)), [entry])
                results = [entry.observed for entry in made]

    # Reading back

    async def _read(self, call: Call) -> list[Entry]:
        """Make a call that stands in the script only if it shows something.

        It is made again if it ran into a time-out: the store is impatient, and the machine may be slow.
        """
        race, made = Race((call,)), list[Entry]()
        for _ in range(_ATTEMPTS):
            began = time.monotonic()
            made = self.begun([call])
            for entry in made:
                await self.make(entry)
            is_late = self.injection and time.monotonic() - began >= self.injection.seconds
            if not is_late or not any(isinstance(entry.observed, Raised) for entry in made):
                break
            await asyncio.sleep(_PAUSE)
        self.history.append(Done(call))
        self.take(race, made)
        self.history.pop()
        return made

    def _reads(self) -> Iterator[Call]:
        recent = self._last
        if not self.injection:  # in a failure all of them may be concerned
            recent = dict([*self._last.items()][-_RECENT:])
        for on in self.stores.keys() - self.closed:
            for call in self.contract.read_back(recent):
                yield replace(call, on=on)

    # Judging

    def take(self, race: Race, made: list[Entry]) -> None:
        """Judge what came of calls at the same time, and note what it says about the store."""
        for entry in made:
            if entry.lacks:
                lack = self.contract.lacking(entry, entry.lacks)
                self.coverage.findings.setdefault(lack.signature, lack)
        self.history[-1].made = made = [entry for entry in made if not entry.lacks]
        for entry in made:
            self._report(self.contract.classify(entry, race, self.injection))
            self._note(entry)
        self._check_what_is_left(race)
        for step in (self._explain, self._count):
            if made and not self.is_over:
                step(race, made)

    def _note(self, entry: Entry) -> None:
        """Note under its label what a call gave, and which entry a write was about: reads show it next."""
        name = entry.name()
        has_result = entry.observed is not None and not isinstance(entry.observed, Raised)
        if name if entry.has_failed else has_result:
            self.results[entry.call.label] = entry
        if name and not entry.operation.is_read:
            before = self._last.pop(name, None)
            self._last[name] = entry.observed if has_result else before

    def _check_what_is_left(self, race: Race) -> None:
        """Report connections that a failure has left over."""
        if race.failure and self.injection and self.injection.left:
            name = race.failure.name
            came = f"{self.injection.left} on which nothing comes"
            expected = f"no connection is left over, when {name}"
            self._report(complaint(self.contract.requirements.leaves_nothing, expected, came, name))

    def _explain(self, race: Race, made: list[Entry]) -> None:
        """Report what no state explains that the store may be in."""
        for judge in dict.fromkeys(self._judges):
            here = [entry for entry in made if self._judges[entry.call.on] is judge]
            if not self.is_over and not judge.explain(here, is_over=race.failure is not None):
                if judge.can_tell:
                    self._report(self._unexplained(judge, race, [entry for entry in here if not entry.has_failed]))
                self.is_over = True

    def _unexplained(self, judge: Judge, race: Race, answered: list[Entry]) -> Finding:
        """Return results of calls at the same time that no order of them gives, or a result that is not allowed."""
        describe = self.contract.describe
        if len(answered) != 1:
            name = race.failure.name if race.failure else "race"
            numbers = self.scenario.about or (self.contract.requirements.atomic,)
            came = [f"{entry.call.operation}: {describe(entry.observed)}" for entry in answered[:_SHOWN]]
            return Finding(numbers, "what some order gives", "; ".join(came), (name, *numbers))

        (entry,) = answered
        outcome, fields = nearest = judge.nearest(entry)
        blamed = self.contract.blame(entry, outcome, fields, self._write, is_new=not self._last)
        if race.failure and isinstance(entry.observed, Raised):  # of another class than the contract's
            blamed = []
        return Finding(
            (*(() if self._so_far().is_simple else self.scenario.about), *blamed),
            describe(outcome.result, fields),
            describe(entry.observed, fields),
            judge.signature(entry, nearest),
            place=place_of(entry.answer) if isinstance(entry.answer, BaseException) else "",
        )

    def _count(self, race: Race, made: list[Entry]) -> None:
        """Count what was exercised. A single call is checked besides."""
        exercised, requirements = self.coverage.exercised, self.contract.requirements
        first = made[0]
        if len(made) > 1 or first.outcome is None or first.has_failed or race.failure:
            exercised.update(self.scenario.about or (requirements.atomic,))
            self._write = None
            return
        exercised.update((requirements.answers, *first.outcome.requirements))
        for finding in self._checks.of(first):
            self._report(finding)
        if not first.operation.is_read:
            self._write = first
            self.has_ticked = False

    def _so_far(self) -> Scenario:
        """Return the scenario up to this action."""
        return replace(self.scenario, actions=tuple(done.action for done in self.history))

    def _report(self, finding: Finding | None) -> None:
        """End the scenario with a finding, if it is the first, and was not learned."""
        if finding and not self.found and finding.signature not in self.coverage.learned:
            numbers = dict.fromkeys(filter(None, finding.requirements))
            self.found = replace(
                finding,
                requirements=tuple(numbers) or self.scenario.about[:1],
                scenario=self._so_far(),
                lines=tuple(lines_of(self.contract, self.history)),
            )
            self.is_over = True
