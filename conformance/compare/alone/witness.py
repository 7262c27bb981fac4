"""Plays the calls of one store in an arena, reads what comes out as trees, and words it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import groupby

from conformance.compare.alone.plans import Plan
from conformance.compare.play import Operations, Reader
from conformance.engine.contract import CANCELLED, SILENT, Entry
from conformance.engine.orders.arena import Arena
from conformance.engine.orders.schedule import CALLER, CALLERS, CONNECTION, PROCESS, STARTS, Choose, Play, first
from conformance.engine.scenario import Action, Call, Race, Reopen, Scenario
from conformance.engine.script import lines_of
from conformance.harness import HookMissingError
from conformance.operations.operation import Operation

_COLUMN = 15
"""Letters by which each caller's requests are further to the right."""
_LONGEST = 90
"""Letters of a request that are shown."""
_ATTEMPTS = 3
"""How often a call is made after a death until it does not fail: the first may find that its connection is broken."""
_DRAWN = re.compile("[0-9a-f]{8,}")
"""An id that a store may have drawn."""
REPEATED = "cannot be repeated"


class NoAnswerError(Exception):
    """Stands for the answer of a call that has none."""


class Witness(Reader):
    """Plays a plan at the same time, as is chosen, or one after the other in an `order`, which may leave calls out."""

    def __init__(
        self,
        arena: Arena,
        operations: Mapping[str, Operation],
        plan: Plan,
        choose: Choose = first,
        order: Sequence[int] | None = None,
    ) -> None:
        is_death = plan.kind == "death"
        scenario = Scenario((*plan.start, Race(plan.racing, every_order=True)))
        highest = max((call.on for call in scenario.calls), default=0)
        instances = 2 if is_death else 1 + highest
        super().__init__(Operations(operations), arena.harness, replace(scenario, instances=instances))
        self.arena: Arena = arena
        self.plan = plan
        self.choose = choose
        self.order = order
        self.ordered = Play(player=self, deaths=(CONNECTION, CALLER, PROCESS) if is_death else ())
        self.rules = [""] * len((*plan.racing, *plan.after))
        """By place of the outcome, what is wrong if the first result is there that nothing explains."""
        if is_death:
            self.rules = ["answers something else"]
        self.lifetimes: dict[str, int] = {}
        """Of each key after a death, by what is the same of its name in each play."""

    @property
    def entries(self) -> list[Entry]:
        """What came out, in the order of the plan."""
        return [entry for done in self.history for entry in done.made]

    @property
    def outcome(self) -> list[Entry]:
        """What is compared: all that came out since the start, first what the raced calls gave, by caller."""
        return self.entries[len(self.plan.start) :]

    @property
    def is_refused(self) -> bool:
        """Whether a call that is made again after a death fails."""
        return isinstance(self.outcome[self.rules.index(REPEATED)].answer, Exception)

    def drawn(self) -> Iterator[Action]:
        """Read what is there then. After a death two instances do so, and the call is made again."""
        if self.plan.kind == "race":
            yield from self.plan.after
            return
        elsewhere = [replace(read, on=1) for read in self.plan.after]
        elsewhere.sort(key=lambda read: len(read.arguments))  # a listing tells the id that an answer has not told
        yield from self._until_answered(elsewhere, "leaves something else")
        if any(PROCESS in request.text for request in self.ordered.trace):
            yield Reopen()
        yield from self._until_answered(self.plan.after, "leaves an instance that reads something else")
        with suppress(HookMissingError):
            for key, left in self.harness.inspector(self.namespace).lifetimes().items():
                self.lifetimes[_DRAWN.sub("…", key.replace(self.namespace, ""))] = left
        yield from self._until_answered([*self.plan.racing, *elsewhere], REPEATED)

    def _until_answered(self, calls: Sequence[Call], rule: str) -> Iterator[Action]:
        """Make calls one after the other, each until it does not fail, and keep the last attempt."""
        for call in calls:
            yield call
            for _ in range(1, _ATTEMPTS):
                if isinstance(self.entries[-1].answer, Exception):
                    self.history.pop()
                    yield call
            self.rules.append(rule)

    async def close(self, on: int) -> None:
        """Close an instance, whatever comes of that: its process may have died."""
        with suppress(Exception):
            await super().close(on)

    async def make_together(self, race: Race, made: Sequence[Entry]) -> None:
        """Make calls in the arena, also one alone: it may wait for time to pass."""
        for entry in made:
            self.write(entry)
        if race.every_order and self.order is None:
            await self.arena.together(made, self.make, self.choose, self.ordered)
            return
        for place in self.order or () if race.every_order else (0,):
            await self.arena.together([made[place]], self.make, first, Play())

    def take(self, race: Race, made: list[Entry]) -> None:
        """Give each result a name, and calls without one an exception."""
        for number, entry in enumerate(made, start=len(self.entries) - len(made)):
            entry.call = replace(entry.call, label=f"result{number}")
            if entry.observed in (CANCELLED, SILENT):
                entry.answer = NoAnswerError(entry.observed.error)
        super().take(race, made)

    def lines(self) -> Iterator[str]:
        """Yield what was done as a script, with the requests of the calls side by side."""
        *start, raced = self.history[: len(self.plan.start) + 1]
        for text, same in groupby(lines_of(self.contract, start)):
            times = len([*same])
            yield f"{text}  # {times} times" if times > 1 else text
        shown = [(request.caller, request.text) for request in self.ordered.trace if request.text != STARTS]
        shown += [(caller, f"-> {entry.observed.text()}") for caller, entry in zip(CALLERS, raced.made, strict=False)]
        for caller, text in shown:
            column = _COLUMN * max(0, CALLERS.find(caller))
            raced.notes.append(f"#   {' ' * column}{caller}: {text[: _LONGEST + column]}")
        yield from lines_of(self.contract, [raced])
