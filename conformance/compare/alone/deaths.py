"""Deaths: a connection, a caller or a process ends at each request of a call. What is left is all of it or nothing.

Nobody says what is right: the same store makes the call not at all, once and twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from conformance.compare.alone.plans import Plan
from conformance.compare.alone.races import Races
from conformance.compare.alone.witness import NoAnswerError, Witness, differences
from conformance.engine.contract import Entry
from conformance.engine.orders.network import NetworkArena
from conformance.engine.orders.schedule import CALLER, CONNECTION, PROCESS
from conformance.engine.outcome import SILENT
from conformance.engine.scenario import Action, Call, Reopen
from conformance.harness import HookMissingError
from conformance.operations.operation import Operation

_ATTEMPTS = 3
"""How often a call is made afterwards until it does not fail: the first may find that its connection is broken."""
_DRAWN = re.compile("[0-9a-f]{8,}")
"""An id that a store may have drawn."""


class Life(Witness):
    """A call during which something may end, what is left of it, and what it does once more."""

    instances = 2

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.ordered.deaths = CONNECTION, CALLER, PROCESS
        self.seen: list[Entry] = []
        self.own: list[Entry] = []
        """What the same instance reads, or the one in the place of a process that has died."""
        self.lifetimes: Mapping[str, int] = {}
        """Of each key, by what is the same of its name in each play."""
        self.again: list[Entry] = []
        """The call made once more, and what another instance reads then."""

    @property
    def compared(self) -> Sequence[Entry]:
        """What another instance reads."""
        return self.seen

    def drawn(self) -> Iterator[Action]:
        """Look at what is left, and make the call again."""
        reads = [replace(read, on=1) for read in self.plan.after]
        if self.order is None and self.entries[-1].operation.ids:
            yield from self._use(reads, [])  # they tell the id that the call has not told
        yield from self._use(reads, self.seen)
        if self.order is None:
            yield from [Reopen()] if any(PROCESS in request.text for request in self.ordered.trace) else []
            yield from self._use(self.plan.after, self.own)
        with suppress(HookMissingError):
            found = self.harness.inspector(self.namespace).lifetimes()
            self.lifetimes = {_DRAWN.sub("…", key.replace(self.namespace, "")): found[key] for key in found}
        if self.order is None:
            yield from self._use([*self.plan.racing, *reads], self.again)

    def _use(self, calls: Sequence[Call], made: list[Entry]) -> Iterator[Action]:
        """Make calls one after the other, each until it does not fail."""
        for call in calls:
            for _ in range(_ATTEMPTS):
                yield call
                (entry,) = self.history[-1].made
                if not isinstance(entry.answer, Exception):
                    break
            made.append(entry)


class Deaths(Races):
    """Lets something end at each request of each operation."""

    kind = "death"
    text = "{2}, at {0} of {1} points"
    witness = Life

    @property
    def extent(self) -> str:
        """What was played."""
        return f"died: a connection, a caller or a process at {self.count:,} points"

    async def prepare(self) -> None:
        """Learn nothing."""

    def crowds(self) -> Iterator[Sequence[Operation]]:
        """Yield each operation."""
        for operation in self.operations.values():
            yield (operation,)

    async def sequences(self, plan: Plan) -> list[Any]:
        """Make the call not at all, once and twice."""
        lives = [await self.play(replace(plan, racing=plan.racing * times), order=range(times)) for times in range(3)]
        if isinstance(self.arena, NetworkArena) and self.arena.in_threads:
            self.leave_out(plan, "a call in a thread is neither cancelled nor killed")
        return lives

    def why(self, shown: Any, sequences: Sequence[Any]) -> Iterator[str]:
        """Yield what a play without a death gives."""
        yield f"  without a death -> {sequences[1].raced[0].observed.text()}"
        yield from super().why(shown, sequences[:2])

    def broken(self, play: Any, sequences: Sequence[Any]) -> Iterator[str]:
        """Yield the rules that are broken."""
        (call,) = play.raced
        not_done, done, twice = ([*each.raced, *each.seen] for each in sequences)
        is_done = not differences(play.seen, done[1:])
        is_not_done = not differences(play.seen, not_done)
        is_repeated = is_not_done and not differences(play.again, done)
        is_repeated |= is_done and not differences(play.again, twice[1:])
        answers = not isinstance(call.answer, BaseException)
        lifetimes = [each.lifetimes for each in sequences[:2]]
        known = {key for each in lifetimes for key in each}
        is_locked = any(left >= 0 and key not in known for key, left in play.lifetimes.items())

        if isinstance(call.answer, NoAnswerError) and call.answer.args == (SILENT.error,):
            yield "never returns"
        if not is_done and not is_not_done:
            yield "is done in part" if differences(play.seen, twice[2:]) else "is done twice"
        elif answers and differences([call], done[:1]):
            yield "answers something else"
        elif answers and not is_done:
            yield "answers, and is not done"
        elif not is_repeated and not (is_locked and isinstance(play.again[0].answer, Exception)):
            yield "cannot be repeated"  # who holds a lock is waited for
        if differences(play.own, play.seen):
            yield "leaves an instance that reads something else"
        lasting = {key for key, left in play.lifetimes.items() if left < 0}
        if any(all(each.get(key, 0) >= 0 for each in lifetimes) for key in lasting & known):
            yield "leaves a key that never expires"
