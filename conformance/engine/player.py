"""The player: performs the actions of a scenario on a store, and has a judge explain what comes out."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, nullcontext, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from conformance.engine.contract import Contract, Entry
from conformance.engine.failures import SOON, Injection, injected
from conformance.engine.finding import Finding, Tally, complaint
from conformance.engine.judge import Judge, signature
from conformance.engine.outcome import SILENT, Invocation, Raised, Span
from conformance.engine.scenario import (
    Action,
    Call,
    Close,
    Race,
    ReadBack,
    Reference,
    Reopen,
    Scenario,
    Series,
    Wait,
)
from conformance.engine.script import lines_of
from conformance.harness import Capability, Harness, HookMissingError

_TICK = 0.002
"""Seconds after which a clock of milliseconds shows another time."""
_RECENT = 3
"""Entries of the last writes that are read back."""
_SHOWN = 8
"""Results of concurrent calls that are shown."""
_ATTEMPTS = 5
"""How often a read is made that ran into a short time-out."""


class Player:
    """One scenario while it is played, in a namespace of its own. It ends with the first finding."""

    def __init__(self, contract: Contract, harness: Harness, tally: Tally, scenario: Scenario) -> None:
        self.namespace = f"conformance-{secrets.token_hex(6)}"
        self.contract = contract
        self.harness = harness
        self.tally = tally
        self.scenario = scenario
        self.results: dict[str, Any] = {}
        """What the calls that have a label gave."""
        self.is_over = False
        """Whether there is a finding, or what the store holds is not known any more."""
        self._found: Finding | None = None
        self._last: dict[Any, Any] = {}  # as the last writes gave them, by name, in the order of these
        self._passed = timedelta(0)  # what the harness has let pass
        self._is_timed = Capability.EXPIRING in harness.capabilities
        judges = [Judge(contract, tally.learned) for _ in range(scenario.instances)]
        is_shared = Capability.SHARED in harness.capabilities
        self._judges = judges[:1] * scenario.instances if is_shared else judges
        self._checks = contract.checks(tally)
        self._stack = AsyncExitStack()
        self._stores: dict[int, Any] = {}
        self._closers: dict[int, AsyncExitStack] = {}
        self._closed: set[int] = set()
        self._injection: Injection | None = None
        self._history: list[tuple[Action, Sequence[Entry]]] = []
        self._write: Entry | None = None
        self._began = time.monotonic()

    async def play(self, draw: Callable[[], Awaitable[None]] | None = None) -> Finding | None:
        """Play the scenario, and what `draw` has performed after it, up to the first finding.

        Raises:
            HookMissingError: if the harness has not the hook that an action needs.
        """
        try:
            async with self._stack:
                await self._set_up()
                for action in self.scenario.actions:
                    await self.perform(action)
                if draw is not None:
                    await draw()
                if not self.is_over:
                    self._report(self._checks.at_the_end())
                if not self.is_over:
                    self.tally.exercised.update(self.scenario.about)
        finally:
            self.harness.discard(self.namespace)
        return self._found

    async def perform(self, action: Action) -> None:
        """Perform an action, unless the scenario is over."""
        if self.is_over:
            return
        self._history.append((action, ()))
        match action:
            case Call():
                await self._play(Race((action,)))
            case Race():
                await self._play(action)
            case ReadBack():
                for call in self._reads():
                    await self._read(call)
            case Series():
                await self._play_series(action)
            case Wait(by):
                await self._wait(by)
            case Reopen(on):
                await self._reopen(on)
            case Close(on):
                await self._close(on)

    async def _wait(self, by: timedelta) -> None:
        if by:
            self.harness.advance(self.namespace, by)
            self._passed += by
        else:
            await asyncio.sleep(_TICK)
            self._checks.tick()

    # Opening, calling, closing

    async def _set_up(self) -> None:
        if failure := self.scenario.failure:
            injection = injected(self.harness, self.namespace, self._stores, self._probe, failure.seconds)
            self._injection = await self._stack.enter_async_context(injection)
        for on in range(self.scenario.instances):
            await self._open(on)

    def _probe(self, store: Any) -> Awaitable[Any]:
        call = self.contract.probe()
        answer: Awaitable[Any] = self.contract.operations[call.operation].invoke(store, call.arguments)
        return answer

    async def _open(self, on: int) -> None:
        closer = await self._stack.enter_async_context(AsyncExitStack())
        is_injected = self._injection and on == 0
        opened = self._injection.open() if self._injection and is_injected else self.harness.open(self.namespace)
        self._stores[on] = await closer.enter_async_context(opened)
        self._closers[on] = closer
        self._closed.discard(on)

    async def _close(self, on: int) -> None:
        self._closed.add(on)
        try:
            async with asyncio.timeout(SOON) as limit:
                await self._closers[on].aclose()
        except TimeoutError:
            if not limit.expired():
                raise
            expected = f"a store that closes within {SOON:g} s"
            self._report([complaint(self.contract.closes, expected, "it still waits", "close")])

    async def _reopen(self, on: int) -> None:
        await self._close(on)
        await self._open(on)
        if Capability.PERSISTENT not in self.harness.capabilities and self.scenario.instances == 1:
            self._judges[0].forget()

    def _begin(self, calls: Iterable[Call]) -> list[Entry]:
        """Return entries of calls that are to be made; none if one refers to a call that has failed."""
        begun = []
        for call in calls:
            try:
                arguments = {
                    name: value.read(self.results[value.label]) if isinstance(value, Reference) else value
                    for name, value in call.arguments.items()
                }
            except (LookupError, AttributeError, TypeError, ValueError):
                self.is_over = True
                return []
            begun.append(Entry(call, Invocation(call.operation, arguments, is_closed=call.on in self._closed)))
        return begun

    def _now(self) -> timedelta:
        if not self._is_timed:
            return self._passed
        return self._passed + timedelta(seconds=time.monotonic() - self._began)

    async def _make(self, entry: Entry, seconds: float = 0) -> None:
        """Make a call that was begun, and note what comes of it."""
        call, earliest = entry.invocation, self._now()
        given = {name: self.contract.pass_in(value) for name, value in call.arguments.items()}
        store = self._stores[entry.call.on]
        try:
            async with asyncio.timeout(seconds or self.tally.seconds) as limit:
                entry.answer = await self.contract.operations[call.operation].invoke(store, given)
            entry.observed = self.contract.observe(entry.answer)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
        except HookMissingError as error:
            entry.lacks = error
        except Exception as error:  # noqa: BLE001  whatever the store raises is its result
            entry.answer = error
            entry.observed = SILENT if limit.expired() else self.contract.observe_error(error)
            if limit.expired():
                self.tally.seconds = min(self.tally.seconds, 1)  # it is waited for once
        finally:
            call.at = Span(earliest, self._now())
            if self.tally.mutates:
                self.contract.mutate(given)

    async def _make_together(self, race: Race) -> list[Entry]:
        """Make calls at the same time, while something fails, and interrupt them, as the race says."""
        made = self._begin(race.calls)
        injection = self._injection if race.failure else None
        is_interrupted = bool(race.cancelled) or race.closes
        if not made:
            return made
        if len(made) == 1 and not is_interrupted and not injection:
            await self._make(made[0])
            return made

        places = [entry.call.on for entry in made]
        failing: Any = nullcontext()
        if injection and race.failure:
            failing = injection.active(race.failure, places, is_cancelled=bool(race.cancelled))
        async with failing:
            seconds = SOON if race.closes else self.tally.seconds + (SOON if injection else 0)
            calls = [asyncio.ensure_future(self._make(entry, seconds)) for entry in made]
            if injection and is_interrupted:
                await injection.until_met(calls)
            for _ in range(race.turns if is_interrupted and not injection else 0):
                await asyncio.sleep(0)
            for place, call in enumerate(calls):
                if place in race.cancelled:
                    call.cancel()
            if injection and race.cancelled:
                injection.proxy.release()
            if race.closes:
                await self._close(0)
            await asyncio.gather(*calls, return_exceptions=True)
        return made

    async def _play(self, race: Race) -> None:
        self._take(race, await self._make_together(race))

    async def _play_series(self, series: Series) -> None:
        """Make the calls of a series. Those at the same time are judged each by itself."""
        rounds = series.rounds()
        results: Any = None
        with suppress(StopIteration):
            while not self.is_over:
                calls = rounds.send(results)
                if isinstance(calls, Call):
                    results = [await self._read(calls)]
                    continue
                made = await self._make_together(Race(calls))
                for entry in made:
                    self._take(Race((entry.call,)), [entry])
                results = [entry.observed for entry in made]

    async def _read(self, call: Call) -> Any:
        """Make a call that stands in the script only if it shows something."""
        for _ in range(_ATTEMPTS if self._injection else 1):
            made = self._begin([call])
            for entry in made:
                await self._make(entry)
            if not any(self.contract.is_late(entry.observed) for entry in made):
                break
            await asyncio.sleep(_TICK)  # the store is impatient, and the machine may be slow
        self._history.append((call, ()))
        self._take(Race((call,)), made)
        self._history.pop()
        return made[0].observed if made else None

    def _reads(self) -> Iterator[Call]:
        """Yield the reads that may show the last writes, on each open instance."""
        names = [*self._last][0 if self._injection else -_RECENT :]  # in a failure all of them may be concerned
        recent = {name: self._last[name] for name in names}
        for on in self._stores.keys() - self._closed:
            for call in self.contract.read_back(recent):
                yield replace(call, on=on)

    # Judging

    def _take(self, race: Race, made: list[Entry]) -> None:
        """Judge what came of calls at the same time, and note what it says about the store."""
        made = [entry for entry in made if not self._is_left_out(entry)]
        if not made or self.is_over:
            return
        self._history[-1] = self._history[-1][0], made
        self._classify(race, made)
        self._explain(race, made)
        if not self.is_over:
            self._count(race, made)

    def _is_left_out(self, entry: Entry) -> bool:
        """Whether the adapter has no place for the call. One requirement fails for that, and nothing else."""
        if entry.lacks is None:
            return False
        lack = self.contract.lack(entry)
        self.tally.findings.setdefault(lack.signature, lack)
        return True

    def _classify(self, race: Race, made: list[Entry]) -> None:
        """Note which calls have failed, and report what is wrong about each by itself."""
        injection, about = self._injection, self.scenario.about
        for entry in made:
            self._report([self.contract.classify(entry, race, injection)], about)
            if self.is_over:
                return
            self._note(entry)
        if injection and race.failure:
            self._report([self.contract.leftover(injection, race)], about)
            is_torn = race.failure.may_tear and any(entry.may_have_happened for entry in made)
            self.is_over = self.is_over or is_torn

    def _explain(self, race: Race, made: list[Entry]) -> None:
        for judge in dict.fromkeys(self._judges):
            here = [entry for entry in made if self._judges[entry.call.on] is judge]
            if not self.is_over and not judge.explain(here, is_over=race.failure is not None):
                answered = [entry for entry in here if not entry.has_failed]
                self._report([self._difference(judge, race, answered)])
                self.is_over = True

    def _count(self, race: Race, made: list[Entry]) -> None:
        """Count what was exercised. A single call is checked besides."""
        first, *others = made
        if others or first.outcome is None or first.has_failed or race.failure:
            self.tally.exercised.update(self.scenario.about or (self.contract.is_atomic,))
            self._write = None
            return
        self.tally.exercised.update((self.contract.answers, *first.outcome.requirements))
        self._report(self._checks.of(first, first.outcome, self._passed))
        if not self.contract.is_read(first.call.operation):
            self._write = first

    def _note(self, entry: Entry) -> None:
        """Note under its label what a call gave, and which entry a write was about: reads show it next."""
        if entry.call.label:
            result = self.contract.labelled(entry)
            if result is not None:
                self.results[entry.call.label] = result
        if not self.contract.is_read(entry.call.operation):
            name = self.contract.named(entry)
            if name is not None:
                self._last[name] = self.contract.last(entry, self._last.pop(name, None))

    def _difference(self, judge: Judge, race: Race, made: list[Entry]) -> Finding | None:
        """Return what is wrong about results that the judge cannot explain."""
        about = self.scenario.about
        if len(made) != 1:
            name = race.failure.name if race.failure else "race"
            own = about or (self.contract.is_atomic,)
            came = "; ".join(self.contract.describe(entry.observed) for entry in made[:_SHOWN])
            return Finding(own, "results that some order of the calls explains", came, (name, *own))
        (entry,) = made
        nearest = judge.nearest(entry)
        if nearest is None:
            return None
        outcome, names = nearest
        numbers = self.contract.blame(entry, outcome, names, self._write, is_new=not self._last)
        if race.failure and isinstance(entry.observed, Raised):  # of another class than the contract's
            numbers = []
        is_direct = self._is_simple or self.contract.is_direct(numbers)
        ordered = (*numbers,) if is_direct else (*about, *numbers)
        expected = self.contract.describe(outcome.result, names)
        came = self.contract.describe(entry.observed, names)
        return Finding(ordered, expected, came, signature(self.contract, entry, outcome, names))

    @property
    def _is_simple(self) -> bool:
        """Whether calls show it one after the other, on one instance, without time or a second opening."""
        if self._passed or self._injection or self.scenario.instances > 1:
            return False
        for action, _ in self._history:
            if isinstance(action, Reopen) or (isinstance(action, Race) and len(action.calls) > 1):
                return False
        return True

    def _report(self, findings: Iterable[Finding | None], about: tuple[str, ...] = ()) -> None:
        """End the scenario with the first finding that was not learned."""
        for finding in findings:
            if finding is not None and finding.signature not in self.tally.learned:
                numbers = tuple(dict.fromkeys(filter(None, finding.requirements))) or about[:1]
                lines: list[str] = []
                for action, made in self._history:
                    lines += lines_of(self.contract, action, made)
                self._found = replace(
                    finding,
                    requirements=numbers,
                    scenario=replace(self.scenario, actions=tuple(action for action, _ in self._history)),
                    lines=tuple(lines),
                    is_simple=self._is_simple,
                )
                self.is_over = True
                return
