"""The verifier: plays a scenario, and has judges explain what comes out by a contract."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from conformance.engine.contract import SILENT, Entry, differences
from conformance.engine.failures import SOON
from conformance.engine.finding import Coverage, Finding, complaint
from conformance.engine.judge import Judge
from conformance.engine.mutation import mutate
from conformance.engine.player import Player
from conformance.engine.scenario import Action, Call, Open, Race, ReadBack, Reopen, Scenario
from conformance.engine.script import lines_of, side_by_side
from conformance.harness import Capability, HookMissingError
from conformance.text import place_of, printed

_RECENT = 3
"""Entries of the last writes that are read back."""


class Verifier(Player):
    """A player that ends with the first finding."""

    seconds = 5.0
    found: Finding | None = None
    _lacking: HookMissingError | None = None
    """Why a race was not played: an adapter says that its store lacks what a call needs."""
    _doubted: tuple[Entry, Any] | None = None
    """A write with another result than the expected one: what it has written is not known yet."""

    async def verify(self, coverage: Coverage) -> Finding | None:
        """Play the scenario, note what is exercised, and return what was found."""
        contract = self.contract
        self.coverage = coverage
        self._last: dict[Any, Any] = {}  # as the last writes gave them, by name, in the order of these
        self._write: Entry | None = None
        self._about = self.scenario.about or (contract.atomic,)
        self._checks = contract.checks(coverage)
        self._judges = {on: Judge(contract, coverage.learned) for on in range(self.scenario.instances)}
        if Capability.SHARED in self.harness.capabilities:
            self._judges = dict.fromkeys(self._judges, self._judges[0])
        await self.play()
        return self.found

    def end(self) -> None:
        """Check what only many results show."""
        for finding in () if self.is_over else self._checks.at_the_end():
            self._report(finding)
        if self._lacking:
            self.coverage.miss(self.scenario.about, str(self._lacking), self._lacking.hook)
        elif not self.is_over:
            self.coverage.exercised.update(self.scenario.about)

    async def change_surroundings(self, action: Action) -> None:
        """Perform an action that is no call. A neighbour begins anew, and so may an instance that is opened again."""
        match action:
            case ReadBack():
                for call in self._reads():
                    if not self.is_over:
                        await self.perform(call)
                        self.history.pop()  # it stands in the script only if it shows something
            case _:
                await super().change_surroundings(action)
        is_persistent = Capability.PERSISTENT in self.harness.capabilities or self.scenario.instances > 1
        if isinstance(action, Open) or (isinstance(action, Reopen) and not is_persistent):
            self._judges[action.on] = Judge(self.contract, self.coverage.learned)

    async def close(self, on: int) -> None:
        """Close an instance, and report one that does not close in time."""
        try:
            async with asyncio.timeout(SOON):
                await super().close(on)
        except TimeoutError:
            expected = f"a store that closes within {SOON:g} s"
            self._report(complaint(self.contract.closes, expected, "it still waits", "close"))

    # Reading back

    async def _call(self, race: Race) -> None:
        """Make calls, and have them judged."""
        await super()._call(race)
        await self._resolve()
        failure = race.failure
        if self.found and failure and not failure.kinds and not await self.answers(failure.on):
            self.found = replace(self.found, requirements=self._about)  # it fails for good

    async def _resolve(self) -> None:
        """Find out whether a write with a wrong result has done the right thing nevertheless."""
        if self.found and self._doubted:
            entry, expected = self._doubted
            read = next(iter(self.contract.read_back({entry.name(): None})))
            for again in self.begun([replace(read, on=entry.call.on)]):
                await self.make(again)
                if not differences(expected, again.observed):
                    self.found = replace(self.found, requirements=(self.contract.returns,))

    def _reads(self) -> Iterator[Call]:
        recent = self._last
        if not self.has_proxy:  # in a failure all of them may be concerned
            recent = dict([*self._last.items()][-_RECENT:])
        for on in self.stores.keys() - self.closed:
            for call in self.contract.read_back(recent):
                yield replace(call, on=on)

    # Judging

    def take(self, race: Race, made: list[Entry]) -> None:
        """Judge what came of calls at the same time, and note what it says about the store."""
        self._is_new = not self._last  # nothing was written before
        for entry in made:
            self.coverage.silent += entry.observed == SILENT and not self.has_proxy
            if self.coverage.mutates:  # as a careless caller changes what was passed in
                for value in entry.passed.values():
                    mutate(value, *getattr(value, "__dict__", {}).values())
            self.has_ticked &= entry.operation.is_read
            self._report(self.contract.classify(entry, race))
            if self.secret and isinstance(entry.answer, BaseException):
                self._check_hidden(entry.answer, entry.call.operation)
            self._note(entry)
        if race.failure and self.left:
            name = race.failure.name
            came = f"{self.left} on which nothing comes"
            number = self.contract.in_failure
            self._report(complaint(number, f"no connection is left over, when {name}", came, name))
        self._explain(race, made)
        if not self.is_over:
            self._count(race, made)

    def _check_hidden(self, error: BaseException, operation: str) -> None:
        """Report an exception that shows the password with which a store goes through the proxy."""
        number = self.contract.hides
        self.coverage.exercised[number] += 1
        if self.secret in printed(error):
            self._report(complaint(number, "an exception that does not show the password", type(error), operation))

    def _note(self, entry: Entry) -> None:
        """Note under its label what a call gave, and which entry a write was about: reads show it next."""
        name = entry.name()
        has_result = entry.observed is not None and not entry.error
        if entry.call.label and (name if entry.has_failed else has_result):
            self.results[entry.call.label] = entry
        if name and not entry.operation.is_read:
            latest = self._last.pop(name, None)
            if has_result:
                latest = entry.observed
            self._last[name] = latest

    def _explain(self, race: Race, made: list[Entry]) -> None:
        """Report what no state explains that the store may be in."""
        for judge in dict.fromkeys(self._judges.values()):
            here = [entry for entry in made if self._judges[entry.call.on] is judge]
            if not self.is_over and not judge.explain(here, is_over=race.failure is not None):
                if judge.can_tell:
                    self._report(self._unexplained(judge, race, [entry for entry in here if not entry.has_failed]))
                self.is_over = True

    def _unexplained(self, judge: Judge, race: Race, answered: list[Entry]) -> Finding:
        """Return results of calls at the same time that no order of them gives, or a result that is not allowed."""
        contract = self.contract
        describe = contract.describe
        failure = race.failure
        about = self._about
        entry, allowed = judge.nearest()
        if failure and contract.in_failure in about:  # the others are about exceptions, and what is left
            is_twice = not entry.operation.is_read and contract.atomic in about
            about = (contract.atomic if is_twice else contract.in_failure,)
        outcome, fields = allowed[0]
        signature = judge.signature(entry, allowed[0])
        came = describe(entry.observed, fields)
        write = self._write
        if len(self._judges) > self.scenario.instances:  # it may have been in another namespace
            write = None
        own = () if self._so_far().is_simple else self.scenario.about
        blamed = tuple(contract.blame(entry, outcome, fields, write, own, is_new=self._is_new))
        if len(answered) > 1:
            if entry.error and not failure:  # where nothing fails it may be as wrong alone
                about = blamed[: len(about)]
            done = self.history[-1]
            results = ["" if other.error else f"-> {describe(other.observed, fields)}" for other in done.made]
            done.notes += side_by_side(results)
            name = failure.name if failure else "race"
            given = dict.fromkeys(describe(found.outcome.result, fields) for found in allowed)
            return Finding(
                about,
                f"{entry.call.operation}: {' or '.join(given)}; no order of these calls gives all their results",
                f"{entry.call.operation}: {came}",
                f"{name} of {about[0]}: {signature}",
            )

        is_write = not (failure or entry.operation.is_read)
        if is_write and type(entry.observed) is type(outcome.result) and entry.name():
            self._doubted = entry, outcome.result
        return Finding(
            about if failure else blamed,
            describe(outcome.result, fields),
            came,
            signature,
            place=place_of(entry.answer) if isinstance(entry.answer, BaseException) else "",
        )

    def _count(self, race: Race, made: list[Entry]) -> None:
        """Count what was exercised. A single call is checked besides."""
        exercised = self.coverage.exercised
        first = made[0]
        if len(made) > 1 or first.outcome is None or first.has_failed or race.failure:
            self._write = None
            lacking = [entry.answer for entry in made if isinstance(entry.answer, HookMissingError)]
            if not lacking:
                exercised.update(self._about)
            elif race != Race(race.calls[:1]):  # a single call is a small part of its scenario
                self._lacking = lacking[0]
            return
        exercised.update(first.outcome.requirements)
        for finding in self._checks.of(first, first.outcome.result):
            self._report(finding)
        if not first.operation.is_read:
            self._write = first

    def _so_far(self) -> Scenario:
        """Return the scenario up to this action."""
        return replace(self.scenario, actions=tuple(done.action for done in self.history))

    def _report(self, finding: Finding | None) -> None:
        """End the scenario with a finding, if it is the first, and was not learned."""
        if finding and not self.found and finding.signature not in self.coverage.learned:
            numbers = tuple(dict.fromkeys(filter(None, finding.requirements)))
            lines = tuple(lines_of(self.contract, self.history))
            requirements = numbers or self._about[:1]
            self.found = replace(finding, requirements=requirements, scenario=self._so_far(), lines=lines)
            self.is_over = True
