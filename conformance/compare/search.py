"""The search: first the plan, then random sequences, each difference shrunk, confirmed and merged with its like."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from random import Random
from typing import Any, TypeVar, cast

from conformance.compare import known as accepted
from conformance.compare.beyond import Beyond, Place
from conformance.compare.document import Finding
from conformance.compare.finding import Cause, Key, cause_of, finding_of, key_of, stuck_finding, symptom_text
from conformance.compare.operations.check import (
    HarnessCrashedError,
    OperationsError,
    check_methods,
    check_same,
    opening,
    operations_of,
)
from conformance.compare.sequences.coverage import Coverage
from conformance.compare.sequences.limit import Interruption, Limit, Running
from conformance.compare.sequences.plan import LENGTH, plan, random_steps
from conformance.compare.sequences.play import Deviation, Player, Symptom
from conformance.compare.sequences.side import Side
from conformance.compare.sequences.steps import Call, Steps, Vocabulary
from conformance.compare.shrink import Shown, shrink
from conformance.compare.values.classes import Pool
from conformance.compare.values.contrast import Kind
from conformance.compare.values.script import Line
from conformance.engine.quiet import quiet
from conformance.engine.script import source
from conformance.harness import Harness

T = TypeVar("T")

SECONDS = 300.0
CALL_SECONDS = 5.0
"""How long one call may take."""
RANDOM = 200
"""Random sequences behind the plan: a number and no time, so that every machine finds the same."""
_TRIES = 20
"""How often a symptom of one operation is shrunk before it is taken for what it turned out to be."""


def _new_name() -> str:
    return f"compare-{secrets.token_hex(6)}"


class _TimeIsUp(BaseException):
    """No more sequences."""


class NotOpenedError(Exception):
    """A store could not be opened."""


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
        known: list[accepted.Known] | None = None,
        when_stuck: Callable[[Search], None] = lambda _search: None,
    ) -> None:
        self.findings: list[Finding] = []
        self._settled: set[tuple[str, ...]] = set()
        self.known = known or []
        self.notes: list[str] = []
        """What was not tried for want of a hook."""
        self.gaps: list[str] = []
        """What was tried, and came to nothing."""
        self.declared: list[str] = []
        """Differences that the capabilities of the harnesses declare."""
        self.sequences = 0
        self.unconfirmed = 0
        self.is_planned = False
        """Whether the plan was gone through to its end."""
        self._hung: set[str] = set()
        self._lines: list[Line] = []
        self._limit = Limit(CALL_SECONDS, self._give_up)
        self._when_stuck = when_stuck
        self._most_random = most_random
        self._subjects = one, other
        self.names = one[0], other[0]
        self.seed = seed
        self._deadline = time.monotonic() + seconds
        self._random = Random(seed)  # noqa: S311  a search is no secret
        stores = [asyncio.run(_opened(name, harness)) for name, harness in self._subjects]
        self._operations = [
            operations_of(harness, name, is_task_store=hasattr(store, "update_task_status"))
            for (name, harness), store in zip(self._subjects, stores, strict=True)
        ]
        for store, operations, name in zip(stores, self._operations, self.names, strict=True):
            check_methods(store, operations, name)
        check_same((one[0], self._operations[0]), (other[0], self._operations[1]))
        self.coverage = Coverage(self._operations[0])
        with quiet():
            self._known_values = _vocabulary(self._operations[0], seed)
        self._known_values = replace(self._known_values, maker=self._find_maker())
        self._hung.clear()  # what did not return there is still to be found
        self.notes.clear()
        self.coverage.values = {
            place: (set().union(*pool.classes.values()), set()) for place, pool in self._known_values.pools.items()
        }
        self._seen: set[Any] = set()
        self._tries: Counter[Any] = Counter()
        self._by_key: dict[Key, Finding] = {}

    def _find_maker(self) -> str:
        """The first operation after which a read finds something."""
        makers = self._known_values.makers()
        for name in (one for one in self._operations[0] if one in makers):
            coverage = Coverage(self._operations[0])
            try:
                self._play((self._known_values.plain(name),), coverage)
            except _TimeIsUp:
                break
            if any(coverage.rows[read.name].filled for read in self._known_values.audits()):
                return name
        return ""

    def run(self) -> Iterator[Finding]:
        """Every difference that is found, one by one; they may learn more until the end."""
        length = getattr(self._subjects[0][1], "sequence_length", LENGTH)
        start = tuple(Call(name, given) for name, given in getattr(self._subjects[0][1], "starting_calls", ()))
        try:
            for steps in plan(self._known_values, start):
                yield from self._look_at(steps)
            yield from self._beyond()
            self.is_planned = True
            drawn = 0
            while drawn < self._most_random:
                drawn += 1
                steps = random_steps(self._known_values, self.coverage, self._random, length)
                yield from self._look_at((*start, *steps))
        except _TimeIsUp:
            return

    def _beyond(self) -> Iterator[Finding]:
        """What one caller does not see."""
        left = {name: one for name, one in self._operations[0].items() if name not in self._hung}
        if not left:
            return
        known = replace(self._known_values, operations=left)
        beyond = Beyond(self.names, known, self._place, self.notes, self.declared, self.gaps)
        found: list[Finding] = []

        async def gather() -> None:
            async with asyncio.timeout(max(0.01, self._deadline - time.monotonic())):
                async for finding in beyond.findings():
                    found.append(finding)  # noqa: PERF401  what was found before the time is over counts

        try:
            self._run(gather())
        except TimeoutError:
            raise _TimeIsUp from None
        except Exception as fault:
            raise HarnessCrashedError("a hook", fault) from fault
        finally:
            for finding in found:
                self._add(finding)
        yield from found

    def _place(self, one: int) -> Place:
        harness = self._subjects[one][1]
        return Place(self.names[one], self._limit, harness, self._operations[one], _new_name(), self._known_values)

    def _look_at(self, steps: Steps) -> Iterator[Finding]:
        for step in steps:
            if isinstance(step, Call):
                for name, value in step.arguments.items():
                    pool = self._known_values.pools[step.operation, name]
                    self.coverage.values[step.operation, name][1].update(pool.classes_of(value))
        for deviation in (found := self._play(steps, self.coverage)):
            yield from self._take(Shown(steps, deviation, tuple(found)))

    def _take(self, shown: Shown) -> Iterator[Finding]:
        if shown.deviation.symptom in self._settled or not self._is_new(shown):
            return
        is_hanging = shown.deviation.mismatch.kind is Kind.HANGING  # not played again: each time takes the whole limit
        if not is_hanging:
            shown = shrink(shown, self._known_values, lambda steps: self._play(steps, Coverage(self._operations[0])))
        cause = cause_of(shown.steps, shown.deviation, self._known_values)
        self._seen.add(self._quick(shown))
        key = key_of(cause, shown.deviation, self._known_values)
        alike = {one: known for one, known in self._by_key.items() if one[:-1] == key[:-1]}
        same = alike.get(key) or next((known for one, known in alike.items() if _is_part(one[-1], key[-1])), None)
        if same is not None:
            self._merge(same, cause, shown)
            return
        times = 0 if is_hanging else 2
        again = [self._play(shown.steps, Coverage(self._operations[0])) for _ in range(times)]
        if not all(shown.deviation.symptom in {one.symptom for one in found} for found in again):
            self.unconfirmed += 1
            self._note_unsteady(shown.deviation.operation)
            return
        finding = finding_of(shown.steps, cause, shown.deviation, self.names)
        for one in [
            one for one in alike if _is_part(key[-1], one[-1])
        ]:  # found before, with classes that do not matter
            self._absorb(finding, self._by_key.pop(one))
        self._by_key[key] = finding
        self._also(finding, cause, shown)
        self._add(finding)
        yield finding

    def _note_unsteady(self, operation: str) -> None:
        gap = f"{operation} differed, and did not when the same calls were made again: one store is not steady"
        if gap not in self.gaps:
            self.gaps.append(gap)

    def _absorb(self, finding: Finding, other: Finding) -> None:
        """Let a finding stand for one that is a case of it."""
        self.findings = [one for one in self.findings if one is not other]
        finding.also_in |= other.also_in
        finding.also_arguments |= other.also_arguments
        finding.also |= other.also

    def _add(self, finding: Finding) -> None:
        finding.is_random = self.is_planned
        accepted.apply(self.known, finding)
        self.findings = sorted([*self.findings, finding], key=lambda one: one.severity)

    def _is_new(self, shown: Shown) -> bool:
        """Whether this is worth shrinking: by the operation before it, the classes of its arguments, and what shows."""
        deviation = shown.deviation
        same = self._by_key.get((deviation.mismatch.kind, deviation.handed))
        if deviation.handed is not None and same is not None:
            same.also_in |= {deviation.operation} - {same.operation}
            accepted.apply(self.known, same)
            return False
        quick = self._quick(shown)
        if quick in self._seen or self._tries[quick[0], deviation.symptom] >= _TRIES:
            return False
        self._tries[quick[0], deviation.symptom] += 1
        self._seen.add(quick)
        return True

    def _quick(self, shown: Shown) -> tuple[Any, ...]:
        step = shown.steps[shown.deviation.index]
        if not isinstance(step, Call):
            return None, shown.deviation.symptom
        pools = self._known_values.pools
        classes = {(name, pools[step.operation, name].novel(value)) for name, value in step.arguments.items()}
        return step.operation, frozenset(classes), shown.deviation.symptom

    def _merge(self, finding: Finding, cause: Cause, shown: Shown) -> None:
        finding.classes = finding.classes | cause.classes if finding.classes and cause.classes else set()
        finding.also_in |= {shown.deviation.operation, cause.operation} - {finding.operation}
        finding.also_arguments |= {cause.argument} - {finding.argument, ""}
        if self._is_plain(shown.steps):
            self._settle(shown.deviation.symptom)
        accepted.apply(self.known, finding)

    def _is_plain(self, steps: Steps) -> bool:
        """Whether no argument of any call matters but the entries."""
        return not any(
            name in operation.optional or source(value) != source(self._known_values.pools[step.operation, name].plain)
            for step in steps
            if isinstance(step, Call)
            for operation in [self._operations[0][step.operation]]
            for name, value in step.arguments.items()
            if name != operation.entry
        )

    def _settle(self, symptom: Symptom) -> None:
        self._settled.add(symptom)
        if symptom[2]:
            self._settled.add(symptom[1:])

    def _also(self, finding: Finding, cause: Cause, shown: Shown) -> None:
        """Everything that shows after the same step is the same cause."""
        for one in shown.beside():
            self._by_key.setdefault(key_of(cause, one, self._known_values), finding)
            if one.handed is None and self._is_plain(shown.steps):
                self._settle(one.symptom)
            if one.operation != finding.operation:
                finding.also_in.add(one.operation)
            if (one.mismatch.kind.value, one.mismatch.what) != (finding.kind, finding.what):
                finding.also.add(symptom_text(one.symptom))

    def _play(self, steps: Steps, coverage: Coverage) -> list[Deviation]:
        if time.monotonic() > self._deadline:
            raise _TimeIsUp
        self.sequences += 1
        before = set(self._hung)
        found = self._run(self._play_in_new_namespaces(steps, coverage))
        for name in sorted(self._hung - before):
            self.notes.append(f"{name} after a call that did not return within {self._limit.seconds:g} s")
        return found

    def _run(self, playing: Coroutine[Any, Any, T]) -> T:
        try:
            with quiet(), self._limit, asyncio.Runner() as runner:
                return runner.run(playing)
        except Interruption:  # it came out beside the call: the event loop itself was busy
            raise _TimeIsUp from None

    def _give_up(self, call: Running) -> None:
        """End with a call that cannot be interrupted."""
        self._add(stuck_finding(self._lines, call, self._operations[0][call.operation].positional))
        self._when_stuck(self)

    async def _play_in_new_namespaces(self, steps: Steps, coverage: Coverage) -> list[Deviation]:
        names = _new_name(), _new_name()
        try:
            async with AsyncExitStack() as stack:
                sides = []
                for (name, harness), namespace, operations in zip(self._subjects, names, self._operations, strict=True):
                    try:
                        store: Any = await stack.enter_async_context(harness.open(namespace))
                    except Exception as fault:
                        raise HarnessCrashedError(f"open of {name}", fault) from fault
                    sides.append(Side(store, operations, name, self._limit))
                both = cast(tuple[Side, Side], tuple(sides))
                self._lines = []
                player = Player(
                    both, coverage, self._known_values.audits(), self._settled, lines=self._lines, hung=self._hung
                )
                return await player.play(steps)
        finally:
            for (name, harness), namespace in zip(self._subjects, names, strict=True):
                try:
                    harness.discard(namespace)
                except Exception as fault:
                    raise HarnessCrashedError(f"discard of {name}", fault) from fault


def _vocabulary(operations: Any, seed: int) -> Vocabulary:
    made: dict[int, Pool] = {}
    pools = {}
    for operation in operations.values():
        for argument in (*operation.arguments, *operation.optional):
            strategy = operation.strategy(argument)
            made.setdefault(id(strategy), Pool(strategy, seed))
            pools[operation.name, argument] = made[id(strategy)]
    return Vocabulary(operations, pools)


def _is_part(known: Any, classes: Any) -> bool:
    """Whether it shows with some of these classes already."""
    return isinstance(known, frozenset) and isinstance(classes, frozenset) and known <= classes


async def _opened(name: str, harness: Harness) -> Any:
    """Open and close a store, to say at once which cannot be opened, and return it."""
    namespace = _new_name()
    try:
        async with opening(harness, name, namespace) as store:
            return store
    except OperationsError:
        raise
    except Exception as fault:
        raise NotOpenedError(f"{name} could not be set up: {type(fault).__name__}: {fault}") from fault
    finally:
        harness.discard(namespace)
