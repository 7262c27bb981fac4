"""The search: first the plan, then probes, then random sequences; each difference becomes a finding."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from random import Random
from typing import Any, TypeVar

from conformance.compare.document import Finding
from conformance.compare.finding import stuck_finding
from conformance.compare.findings import Findings
from conformance.compare.known import Known
from conformance.compare.operations.check import HarnessCrashedError, check_same
from conformance.compare.probes import probe
from conformance.compare.probes.bench import Bench
from conformance.compare.quiet import quiet
from conformance.compare.sequences.coverage import Coverage
from conformance.compare.sequences.limit import Interruption, Limit, Running
from conformance.compare.sequences.plan import LENGTH, plan, random_steps
from conformance.compare.sequences.play import Deviation, Player
from conformance.compare.sequences.side import Side
from conformance.compare.sequences.steps import Call, Steps, Vocabulary
from conformance.compare.shrink import Shown
from conformance.compare.store import Store
from conformance.compare.values.script import Line
from conformance.harness import Harness

T = TypeVar("T")

SECONDS = 300.0
CALL_SECONDS = 5.0
"""For one call."""
RANDOM = 200
"""Random sequences after the plan: a number and no time, so that every machine finds the same."""


class _TimeIsUp(BaseException):
    """No more sequences."""


class Search:
    """Looks for differences between two stores that are running.

    `findings` and `coverage` hold what was found and exercised so far, also if the search is broken off. It ends
    after the plan and so many random sequences, and after so many seconds at the latest. An operation that does not
    return is not called again. If it cannot even be interrupted, `when_stuck` is called in another thread: the search
    does not go on.
    """

    def __init__(
        self,
        one: tuple[str, Harness],
        other: tuple[str, Harness],
        *,
        seconds: float = SECONDS,
        most_random: float = RANDOM,
        seed: int = 0,
        known: list[Known] | None = None,
        when_stuck: Callable[[Search], None] = lambda _search: None,
    ) -> None:
        self.seed = seed
        self.known = known or []
        self.notes: list[str] = []
        """What was not tried."""
        self.declared: list[str] = []
        """Differences that the capabilities of the harnesses declare."""
        self.sequences = 0
        self.is_planned = False
        """Whether the whole plan was played."""
        self._gaps: list[str] = []
        self._hung: set[str] = set()
        self._lines: list[Line] = []
        self._limit = Limit(CALL_SECONDS, self._give_up)
        self._when_stuck = when_stuck
        self._most_random = most_random
        self._deadline = time.monotonic() + seconds
        self._random = Random(seed)  # noqa: S311  a search is no secret
        self._stores = Store.checked(*one), Store.checked(*other)
        self.names = one[0], other[0]
        check_same(*((store.name, store.operations) for store in self._stores))
        self._operations = self._stores[0].operations
        self.coverage = Coverage(self._operations)
        with quiet():
            self._vocabulary = Vocabulary.drawn(self._operations, seed)
        self._found = Findings(self.names, self._vocabulary, self.known, self._play)
        self._vocabulary = replace(self._vocabulary, seen_maker=self._find_maker())
        self._hung.clear()  # what did not return there is still to be found
        self.notes.clear()
        self.coverage.values = {
            place: (set().union(*pool.classes.values()), set()) for place, pool in self._vocabulary.pools.items()
        }

    @property
    def findings(self) -> list[Finding]:
        """The findings so far, the worst first."""
        return self._found.sorted

    @property
    def unconfirmed(self) -> int:
        """How many differences did not show when the same calls were made again."""
        return len(self._found.unsteady)

    @property
    def gaps(self) -> list[str]:
        """What was tried without a result."""
        unsteady = "{} differed, and did not when the same calls were made again: one store is not steady"
        return [*self._gaps, *map(unsteady.format, dict.fromkeys(self._found.unsteady))]

    def _find_maker(self) -> str:
        """The first operation after which a read finds something."""
        makers = self._vocabulary.makers()
        for name in (one for one in self._operations if one in makers):
            coverage = Coverage(self._operations)
            try:
                self._play((self._vocabulary.plain(name),), coverage)
            except _TimeIsUp:
                break
            if any(coverage.rows[read.name].filled for read in self._vocabulary.audits()):
                return name
        return ""

    def run(self) -> Iterator[Finding]:
        """Give each finding when it is new. Findings may change until the end of the search."""
        harness = self._stores[0].harness
        length = getattr(harness, "sequence_length", LENGTH)
        start = tuple(Call(name, given) for name, given in getattr(harness, "starting_calls", ()))
        try:
            for steps in plan(self._vocabulary, start):
                yield from self._look_at(steps)
            yield from self._beyond()
            self.is_planned = True
            drawn = 0
            while drawn < self._most_random:
                drawn += 1
                steps = random_steps(self._vocabulary, self.coverage, self._random, length)
                yield from self._look_at((*start, *steps))
        except _TimeIsUp:
            return

    def _beyond(self) -> Iterator[Finding]:
        """Look for what one caller cannot see."""
        left = {name: one for name, one in self._operations.items() if name not in self._hung}
        if not left:
            return
        vocabulary = replace(self._vocabulary, operations=left)
        bench = Bench(self._stores, self._limit, vocabulary, self.notes, self.declared, self._gaps)
        found: list[Finding] = []

        async def gather() -> None:
            async with asyncio.timeout(max(0.01, self._deadline - time.monotonic())):
                async for finding in probe(bench):
                    found.append(finding)  # noqa: PERF401  what was found before the time is over counts

        try:
            self._run(gather())
        except TimeoutError:
            raise _TimeIsUp from None
        except Exception as fault:
            raise HarnessCrashedError("a hook", fault) from fault
        finally:
            for finding in found:
                self._found.add(finding)
        yield from found

    def _look_at(self, steps: Steps) -> Iterator[Finding]:
        for step in steps:
            if isinstance(step, Call):
                for name, value in step.arguments.items():
                    pool = self._vocabulary.pools[step.operation, name]
                    self.coverage.values[step.operation, name][1].update(pool.classes_of(value))
        deviations = self._play(steps, self.coverage)
        for deviation in deviations:
            finding = self._found.take(Shown(steps, deviation, tuple(deviations)))
            if finding is not None:
                finding.is_random = self.is_planned
                yield finding

    def _play(self, steps: Steps, coverage: Coverage | None = None) -> list[Deviation]:
        """Play steps on both stores. Calls count in `coverage`, if it is given."""
        if time.monotonic() > self._deadline:
            raise _TimeIsUp
        self.sequences += 1
        before = set(self._hung)
        deviations = self._run(self._play_in_new_namespaces(steps, coverage or Coverage(self._operations)))
        for name in sorted(self._hung - before):
            self.notes.append(f"{name} after a call that did not return within {self._limit.seconds:g} s")
        return deviations

    def _run(self, playing: Coroutine[Any, Any, T]) -> T:
        try:
            with quiet(), self._limit, asyncio.Runner() as runner:
                return runner.run(playing)
        except Interruption:  # it was raised outside of the call: the event loop itself was busy
            raise _TimeIsUp from None

    async def _play_in_new_namespaces(self, steps: Steps, coverage: Coverage) -> list[Deviation]:
        async with AsyncExitStack() as stack:
            one, other = [
                Side(await stack.enter_async_context(store.open()), store.operations, store.name, self._limit)
                for store in self._stores
            ]
            self._lines = []
            audits = self._vocabulary.audits()
            player = Player((one, other), coverage, audits, self._found.settled, lines=self._lines, hung=self._hung)
            return await player.play(steps)

    def _give_up(self, call: Running) -> None:
        """End with a call that cannot be interrupted."""
        finding = stuck_finding(self._lines, call, self._operations[call.operation].positional)
        finding.is_random = self.is_planned
        self._found.add(finding)
        self._when_stuck(self)
