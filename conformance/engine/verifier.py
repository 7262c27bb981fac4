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
from conformance.engine.finding import Finding, Tally, complaint, effect_of
from conformance.engine.judge import Judge
from conformance.engine.mutation import mutate
from conformance.engine.outcome import SILENT, Raised
from conformance.engine.player import Done, Player
from conformance.engine.scenario import Call, Race, Reopen, Scenario
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

    def __init__(self, contract: Contract, harness: Harness, tally: Tally, scenario: Scenario) -> None:
        super().__init__(contract, harness, scenario)
        self.tally = tally
        self.seconds = tally.seconds
        self._found: Finding | None = None
        self._last: dict[Any, Any] = {}  # as the last writes gave them, by name, in the order of these
        self._write: Entry | None = None
        self._checks = contract.checks(tally)
        judges = [Judge(contract, tally.learned) for _ in range(scenario.instances)]
        is_shared = Capability.SHARED in harness.capabilities
        self._judges = judges[:1] * scenario.instances if is_shared else judges

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
            self.tally.exercised.update(self.scenario.about)

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
            self.tally.silent += self.injection is None
            self.seconds = self.tally.seconds = min(self.tally.seconds, _IMPATIENT)
        if self.tally.mutates:
            mutate(given)

    # Reading back

    async def read_back(self) -> None:
        """Make the reads that may show the last writes."""
        for call in self._reads():
            await self.read(call)

    async def read(self, call: Call) -> Any:
        """Make a call that stands in the script only if it shows something."""
        impatience = self.injection.seconds if self.injection else inf
        for _ in range(_ATTEMPTS):
            began = time.monotonic()
            made = self.begin([call])
            for entry in made:
                await self.make(entry)
            has_raised = any(isinstance(entry.observed, Raised) for entry in made)
            if not has_raised or time.monotonic() - began < impatience:
                break
            await asyncio.sleep(_PAUSE)  # the store is impatient, and the machine may be slow
        self.history.append(Done(call))
        self.take(Race((call,)), made)
        self.history.pop()
        return made[0].observed if made else None

    def _reads(self) -> Iterator[Call]:
        names = [*self._last][0 if self.injection else -_RECENT :]  # in a failure all of them may be concerned
        recent = {name: self._last[name] for name in names}
        for on in self.stores.keys() - self.closed:
            for call in self.contract.read_back(recent):
                yield replace(call, on=on)

    # Judging

    def take(self, race: Race, made: list[Entry]) -> None:
        """Judge what came of calls at the same time, and note what it says about the store."""
        made = [entry for entry in made if not self._is_left_out(entry)]
        if not made or self.is_over:
            return
        self.history[-1].made = made
        self._classify(race, made)
        self._explain(race, made)
        if not self.is_over:
            self._count(race, made)

    def _is_left_out(self, entry: Entry) -> bool:
        """Whether the adapter has no place for the call. One requirement fails for that, and nothing else."""
        if entry.lacks is None:
            return False
        hook = entry.lacks.hook
        number = self.contract.lacking(entry, hook)
        lack = complaint(number, "a store that has this status, or argument", hook, "adapter")
        self.tally.findings.setdefault(lack.signature, lack)
        return True

    def _classify(self, race: Race, made: list[Entry]) -> None:
        """Note which calls have failed, and report what is wrong about each by itself."""
        injection, about = self.injection, self.scenario.about
        for entry in made:
            self._report([self.contract.classify(entry, race, injection)], about)
            if self.is_over:
                return
            self._note(entry)
        if injection and race.failure:
            if injection.left:
                name, number = race.failure.name, self.contract.requirements.leaves_nothing
                came = f"{injection.left} on which nothing comes"
                self._report([complaint(number, f"no connection is left over, when {name}", came, name)], about)
            is_torn = race.failure.may_tear and any(entry.may_have_happened for entry in made)
            self.is_over = self.is_over or is_torn

    def _explain(self, race: Race, made: list[Entry]) -> None:
        for judge in [] if self.is_over else dict.fromkeys(self._judges):
            here = [entry for entry in made if self._judges[entry.call.on] is judge]
            if judge.explain(here, is_over=race.failure is not None):
                continue
            answered = [entry for entry in here if not entry.has_failed]
            self._report([self._difference(judge, race, answered)])
            self.is_over = True
            return

    def _count(self, race: Race, made: list[Entry]) -> None:
        """Count what was exercised. A single call is checked besides."""
        first, *others = made
        if others or first.outcome is None or first.has_failed or race.failure:
            self.tally.exercised.update(self.scenario.about or (self.contract.requirements.atomic,))
            self._write = None
            return
        self.tally.exercised.update((self.contract.requirements.answers, *first.outcome.requirements))
        self._report(self._checks.of(first))
        if not self._operation(first).is_read:
            self._write = first
            self.has_ticked = False

    def _note(self, entry: Entry) -> None:
        """Note under its label what a call gave, and which entry a write was about: reads show it next."""
        operation = self._operation(entry)
        name = entry.name(operation)
        has_raised = isinstance(entry.observed, Raised)
        if entry.call.label and (name if entry.has_failed else not has_raised):
            self.results[entry.call.label] = entry
        if name and not operation.is_read:
            before = self._last.pop(name, None)
            self._last[name] = before if has_raised or entry.observed is None else entry.observed

    def _operation(self, entry: Entry) -> Operation:
        return self.contract.operations[entry.call.operation]

    def _difference(self, judge: Judge, race: Race, made: list[Entry]) -> Finding | None:
        """Return what is wrong about results that the judge cannot explain."""
        about = self.scenario.about
        if len(made) != 1:
            name = race.failure.name if race.failure else "race"
            own = about or (self.contract.requirements.atomic,)
            came = "; ".join(self.contract.describe(entry.observed) for entry in made[:_SHOWN])
            return Finding(own, "what some order gives", came, (name, *own))
        (entry,) = made
        nearest = judge.nearest(entry)
        if nearest is None:
            return None
        outcome, names = nearest
        numbers = self.contract.blame(entry, outcome, names, self._write, is_new=not self._last)
        if race.failure and isinstance(entry.observed, Raised):  # of another class than the contract's
            numbers = []
        ordered = (*numbers,) if self._is_simple else (*about, *numbers)
        expected = self.contract.describe(outcome.result, names)
        came = self.contract.describe(entry.observed, names)
        return Finding(
            ordered,
            expected,
            came,
            judge.signature(entry, outcome, names),
            effect=effect_of(outcome.result, entry.observed, names, is_read=self._operation(entry).is_read),
            place=place_of(entry.answer) if isinstance(entry.answer, BaseException) else "",
        )

    @property
    def _is_simple(self) -> bool:
        """Whether calls show it one after the other, on one instance, without time or a second opening."""
        if self.passed or self.injection or self.scenario.instances > 1:
            return False
        for done in self.history:
            is_race = isinstance(done.action, Race) and len(done.action.calls) > 1
            if is_race or isinstance(done.action, Reopen):
                return False
        return True

    def _report(self, findings: Iterable[Finding | None], about: tuple[str, ...] = ()) -> None:
        """End the scenario with the first finding that was not learned."""
        for finding in findings:
            if finding is not None and finding.signature not in self.tally.learned:
                numbers = dict.fromkeys(filter(None, finding.requirements))
                actions = tuple(done.action for done in self.history)
                self._found = replace(
                    finding,
                    requirements=tuple(numbers) or about[:1],
                    scenario=replace(self.scenario, actions=actions),
                    lines=tuple(lines_of(self.contract, self.history)),
                    is_simple=self._is_simple,
                )
                self.is_over = True
                return
