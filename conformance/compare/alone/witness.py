"""Plays the calls of one store in an arena, reads what comes out as trees, and words it."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from conformance.compare.alone.plans import Plan
from conformance.engine.contract import CANCELLED, SILENT, Entry
from conformance.engine.orders.arena import Arena
from conformance.engine.orders.schedule import CALLER, CONNECTION, PROCESS, Play
from conformance.engine.reader import Operations, Reader
from conformance.engine.scenario import Action, Call, Race, Reopen, Scenario, Wait
from conformance.engine.script import lines_of, side_by_side, used
from conformance.harness import HookMissingError
from conformance.operations.operation import EarlierId, Operation
from conformance.process import PROGRESS

_ATTEMPTS = 3
"""How often a call is made after a death until it does not fail: the first may find that its connection is broken."""
_DRAWN = re.compile("[0-9a-f]{8,}")
"""An id that a store may have drawn."""
_AFTER = 1.1
"""So many lifetimes pass until one has ended."""
REPEATED = "cannot be repeated"
"""What is wrong if the first result that nothing explains came of the same call, made again, or after it."""


class NoAnswerError(Exception):
    """Stands for the answer of a call that has none."""


class Witness(Reader):
    """Plays a plan."""

    arena: Arena

    def __init__(
        self,
        arena: Arena,
        operations: Mapping[str, Operation],
        plan: Plan,
        ordered: Play,
    ) -> None:
        is_death = plan.kind == "death"
        instances = 1 + max([is_death, *(call.on for call in plan.racing)])
        scenario = Scenario((*plan.start, Race(plan.racing, every_order=True)), instances=instances)
        super().__init__(Operations(operations), arena.harness, scenario, arena, ordered)
        self.plan = plan
        self.entries: dict[Entry, str] = {}
        """All calls, in the order of the plan, and what is wrong if one is the first that nothing explains."""
        self.expiring: set[str] = set()
        """The keys after a death that have a lifetime, by what is the same of their names in each play."""
        self.lasting: set[str] = set()
        """Those that have none."""
        self._attempts = 1
        self._rule = ""
        """That of the results to come."""
        if is_death:
            self.ordered.deaths = CONNECTION, CALLER, PROCESS
            self._rule = "answers something else"

    @property
    def outcome(self) -> list[Entry]:
        """What is compared: all that came out since the start, first what the raced calls gave, by caller."""
        return [*self.entries][len(self.plan.start) :]

    @property
    def has_failed(self) -> bool:
        """Whether the call has failed in which something died. It may, but not wait for ever."""
        answer = self.outcome[0].answer
        is_failure = isinstance(answer, BaseException) and SILENT.error not in answer.args
        return self.plan.kind == "death" and is_failure

    def drawn(self) -> Iterator[Action]:
        """Read what is there then. After a death two instances do so, and the call is made again."""
        if self.plan.kind == "race":
            yield from self.plan.after
            return
        self._attempts = _ATTEMPTS
        self.contract.observer.places.clear()  # of an answer that is lost nobody learns the id
        elsewhere = [replace(read, on=1) for read in self.plan.after]
        elsewhere.sort(key=_asks_id)  # a listing tells the id that an answer has not told
        self._rule = "leaves something else"
        yield from elsewhere
        if any(PROCESS in request.text for request in self.ordered.trace):
            yield Reopen()
        self._rule = "leaves an instance that reads something else"
        yield from self.plan.after
        with suppress(HookMissingError):
            for key, left in self.harness.inspector(self.namespace).lifetimes().items():
                name = _DRAWN.sub("…", key.replace(self.namespace, ""))
                (self.lasting if left < 0 else self.expiring).add(name)
        raced = self.outcome[0]
        if span := raced.operation.lifetime_in(raced.arguments):
            yield Wait(span * _AFTER)
            self._rule = "leaves something else when its lifetime has ended"
            yield from elsewhere
        self._rule = REPEATED
        yield from (*self.plan.racing, *elsewhere)

    async def change_surroundings(self, action: Action) -> None:
        """Perform an action that is no call. Where time cannot pass, it does in no play."""
        with suppress(HookMissingError):
            await super().change_surroundings(action)

    async def close(self, on: int) -> None:
        """Close an instance, whatever comes of that: its process may have died."""
        with suppress(Exception):
            await super().close(on)

    async def make(self, entry: Entry, seconds: float = 0.0) -> None:
        """Make a call, after a death until it does not fail."""
        PROGRESS.go_on()
        self.write(entry)
        for _ in range(self._attempts):
            await super().make(entry, seconds)
            if not isinstance(entry.answer, Exception):
                break

    async def make_together(self, race: Race, made: Sequence[Entry]) -> None:
        """Make calls in the arena, also one alone: it may wait for time to pass."""
        if race.every_order:
            await super().make_together(race, made)
        else:
            await self.arena.together(made, self.make, Play())

    def take(self, race: Race, made: list[Entry]) -> None:
        """Give each result a name, and calls without one an exception."""
        for entry in made:
            entry.call = replace(entry.call, label=f"result{len(self.entries)}")
            self.entries[entry] = self._rule
            entry.is_awaited &= entry.operation.name not in self.arena.in_threads
            if race.every_order and not entry.is_awaited:
                entry.line = f"asyncio.to_thread(lambda: {entry.line})"
            if entry.observed in (CANCELLED, SILENT):
                entry.answer = NoAnswerError(entry.observed.error)
        super().take(race, made)

    def lines(self, why: Iterable[str]) -> Iterator[str]:
        """Yield what was done as a script, with the requests and results side by side, and `why` it is wrong."""
        history = self.history[: len(self.plan.start) + 1]
        results = ["" if entry.error else f"-> {entry.observed.text()}" for entry in history[-1].made]
        lines = [*lines_of(self.contract, history), *side_by_side(results)]
        yield from used("\n".join([*lines, *why])).split("\n")


def _asks_id(read: Call) -> bool:
    """Whether a call names an entry by an id that the store has made."""
    return any(isinstance(choice.value, EarlierId) for choice in read.arguments.values())
