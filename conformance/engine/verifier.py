"""The verifier: plays a scenario, and has judges explain what comes out by a contract."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from math import inf
from typing import Any

from conformance.engine.contract import Contract, Entry
from conformance.engine.failures import SOON
from conformance.engine.finding import Coverage, Finding, complaint, effect_of
from conformance.engine.judge import Judge
from conformance.engine.mutation import mutate
from conformance.engine.outcome import SILENT, Raised
from conformance.engine.player import Done, Player
from conformance.engine.scenario import Call, Race, Scenario
from conformance.engine.script import lines_of
from conformance.harness import Capability, Harness
from conformance.operations.operation import Operation
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

    def __init__(self, contract: Contract, harness: Harness, coverage: Coverage, scenario: Scenario) -> None:
        super().__init__(contract, harness, scenario)
        self.coverage = coverage
        self.seconds = coverage.seconds
        self._found: Finding | None = None
        self._last: dict[Any, Any] = {}  # as the last writes gave them, by name, in the order of these
        self._write: Entry | None = None
        self._checks = contract.checks(coverage)
        self._judges = [Judge(contract, coverage.learned) for _ in range(scenario.instances)]
        if Capability.SHARED in harness.capabilities:
            self._judges = self._judges[:1] * scenario.instances

    async def verify(self, draw: Callable[[], Awaitable[None]] | None = None) -> Finding | None:
        """Play the scenario, and what `draw` has performed after it, up to the first finding, and return that.

        Raises:
            HookMissingError: if the harness has not the hook that an action needs.
        """
        await self.play(draw)
        return self._found

    def end(self) -> None:
        """Check what only many results show."""
        self._report(self._checks.at_the_end())
        if not self.is_over:
            self.coverage.exercised.update(self.scenario.about)

    async def reopen(self, on: int) -> None:
        """Close an instance, and open another in its place, which may begin anew."""
        await super().reopen(on)
        if Capability.PERSISTENT not in self.harness.capabilities and self.scenario.instances == 1:
            self._judges[0].forget()

    def is_late_to_close(self) -> None:
        """Report that a store does not close in time."""
        expected = f"a store that closes within {SOON:g} s"
        self._report([complaint(self.contract.requirements.closes, expected, "it still waits", "close")])

    def made(self, entry: Entry, given: Mapping[str, Any]) -> None:
        """Change what was passed in, as a careless caller does. Wait longer for the first call only."""
        if entry.observed == SILENT:
            self.coverage.silent += self.injection is None
            self.seconds = self.coverage.seconds = min(self.coverage.seconds, _IMPATIENT)
        if self.coverage.mutates:
            for value in given.values():
                mutate(value, *getattr(value, "__dict__", {}).values())

    # Reading back

    async def read_back(self) -> None:
        """Make the reads that may show the last writes."""
        for call in self._reads():
            await self.read(call)

    async def read(self, call: Call) -> Any:
        """Make a call that stands in the script only if it shows something."""
        made = await self._made_in_time(call)
        self.history.append(Done(call))
        self.take(Race((call,)), made)
        self.history.pop()
        return made[0].observed if made else None

    async def _made_in_time(self, call: Call) -> list[Entry]:
        """Make a call, again if it ran into a time-out: the store is impatient, and the machine may be slow."""
        patience = self.injection.seconds if self.injection else inf
        for _ in range(_ATTEMPTS):
            began = time.monotonic()
            made = self.begin([call])
            for entry in made:
                await self.make(entry)
            has_raised = any(isinstance(entry.observed, Raised) for entry in made)
            if not has_raised or time.monotonic() - began < patience:
                break
            await asyncio.sleep(_PAUSE)
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
        made = [entry for entry in made if not entry.lacks]
        if not made or self.is_over:
            return

        self.history[-1].made = made
        for step in (self._classify, self._check_what_is_left, self._explain, self._count):
            if not self.is_over:
                step(race, made)

    def _classify(self, race: Race, made: list[Entry]) -> None:
        """Note which calls have failed, and report what is wrong about each by itself."""
        for entry in made:
            finding = self.contract.classify(entry, race, self.injection)
            if finding:
                self._report([finding])
            if self.is_over:
                return
            self._note(entry)

    def _note(self, entry: Entry) -> None:
        """Note under its label what a call gave, and which entry a write was about: reads show it next."""
        operation = self._operation(entry)
        if operation.is_read and not entry.call.label:
            return
        name = entry.name(operation)
        has_result = entry.observed is not None and not isinstance(entry.observed, Raised)
        has_entry = bool(name) if entry.has_failed else has_result
        if has_entry and entry.call.label:
            self.results[entry.call.label] = entry
        if name and not operation.is_read:
            before = self._last.pop(name, None)
            self._last[name] = entry.observed if has_result else before

    def _operation(self, entry: Entry) -> Operation:
        return self.contract.operations[entry.call.operation]

    def _check_what_is_left(self, race: Race, made: list[Entry]) -> None:
        """Report connections that a failure has left over."""
        if race.failure and self.injection and self.injection.left:
            name = race.failure.name
            came = f"{self.injection.left} on which nothing comes"
            expected = f"no connection is left over, when {name}"
            self._report([complaint(self.contract.requirements.leaves_nothing, expected, came, name)])

    def _explain(self, race: Race, made: list[Entry]) -> None:
        """Report what no state explains that the store may be in."""
        for judge in dict.fromkeys(self._judges):
            here = [entry for entry in made if self._judges[entry.call.on] is judge]
            if judge.explain(here, is_over=race.failure is not None):
                continue
            self._report_unexplained(judge, race, [entry for entry in here if not entry.has_failed])
            self.is_over = True
            return

    def _report_unexplained(self, judge: Judge, race: Race, answered: list[Entry]) -> None:
        if len(answered) != 1:
            self._report_order(race, answered)
            return
        (entry,) = answered
        nearest = judge.nearest(entry)
        if nearest is None:
            return
        outcome, fields = nearest
        numbers = self.contract.blame(entry, outcome, fields, self._write, is_new=not self._last)
        if race.failure and isinstance(entry.observed, Raised):  # of another class than the contract's
            numbers = []
        about = () if self._so_far().is_simple else self.scenario.about
        finding = Finding(
            (*about, *numbers),
            self.contract.describe(outcome.result, fields),
            self.contract.describe(entry.observed, fields),
            judge.signature(entry, nearest),
            effect=effect_of(outcome.result, entry.observed, fields, is_read=self._operation(entry).is_read),
            place=place_of(entry.answer) if isinstance(entry.answer, BaseException) else "",
        )
        self._report([finding])

    def _report_order(self, race: Race, answered: list[Entry]) -> None:
        """Report results of calls at the same time that no order of them gives."""
        name = race.failure.name if race.failure else "race"
        numbers = self.scenario.about or (self.contract.requirements.atomic,)
        shown = answered[:_SHOWN]
        came = [f"{entry.call.operation}: {self.contract.describe(entry.observed)}" for entry in shown]
        finding = Finding(numbers, "what some order gives", "; ".join(came), (name, *numbers))
        self._report([finding])

    def _count(self, race: Race, made: list[Entry]) -> None:
        """Count what was exercised. A single call is checked besides."""
        exercised, requirements = self.coverage.exercised, self.contract.requirements
        first = made[0]
        if len(made) > 1 or first.outcome is None or first.has_failed or race.failure:
            exercised.update(self.scenario.about or (requirements.atomic,))
            self._write = None
            return
        exercised.update((requirements.answers, *first.outcome.requirements))
        self._report(self._checks.of(first))
        if not self._operation(first).is_read:
            self._write = first
            self.has_ticked = False

    def _so_far(self) -> Scenario:
        """Return the scenario up to this action."""
        return replace(self.scenario, actions=tuple(done.action for done in self.history))

    def _report(self, findings: Iterable[Finding]) -> None:
        """End the scenario with the first finding that was not learned."""
        for finding in findings:
            if finding.signature not in self.coverage.learned:
                numbers = dict.fromkeys(filter(None, finding.requirements))
                self._found = replace(
                    finding,
                    requirements=tuple(numbers) or self.scenario.about[:1],
                    scenario=self._so_far(),
                    lines=tuple(lines_of(self.contract, self.history)),
                )
                self.is_over = True
                return
