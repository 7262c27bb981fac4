"""The player: performs the actions of a scenario on a store, and keeps a history of what was done."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from inspect import isawaitable
from typing import Any

from conformance.engine.arena import Arena
from conformance.engine.contract import Contract, Entry
from conformance.engine.failures import SOON, Injection, injected
from conformance.engine.mutation import changes_of
from conformance.engine.outcome import SILENT, Invocation, Span
from conformance.engine.scenario import (
    Action,
    Call,
    Close,
    Damage,
    Mutate,
    Open,
    Race,
    ReadBack,
    Reopen,
    Scenario,
    Series,
    Wait,
)
from conformance.engine.schedule import Choose, Play
from conformance.harness import Capability, Harness, HookMissingError
from conformance.operations.parts import settled

_TICK = 0.002
"""Seconds after which a clock of milliseconds shows another time."""


@dataclass
class Done:
    """An action that was performed, the calls that were made, and the changes of what the caller had in its hands."""

    action: Action
    made: list[Entry] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    """In which order calls at the same time did what they did, if that was chosen."""


class Player:
    """One scenario while it is played, in a namespace of its own. Who judges what comes out overrides `take`."""

    seconds: float | None = None
    """How long a call may take."""
    caught: tuple[type[BaseException], ...] = (Exception,)
    """Exceptions that are results of a call."""
    is_over = False
    """Whether no more actions are performed."""
    arena: Arena | None = None
    """Orders the calls of a race, if every order of them is played."""
    choose: Choose
    """Chooses the order."""
    has_ticked = False
    """Whether a clock of milliseconds shows another time than at the last write."""

    def __init__(self, contract: Contract, harness: Harness, scenario: Scenario) -> None:
        self.namespace = f"conformance-{secrets.token_hex(6)}"
        self.contract = contract
        self.harness = harness
        self.scenario = scenario
        self.history: list[Done] = []
        self.results: dict[str, Entry] = {}
        """By label the entries of calls that have given something."""
        self.passed = timedelta(0)
        """The time that the harness has let pass."""
        self.injection: Injection | None = None
        self.ordered = Play()
        """What was chosen."""
        self.stores: dict[int, Any] = {}
        self.closed: set[int] = set()
        self.latest: Any = None
        """The name of the latest entry."""
        self.held: dict[str, dict[str, Any]] = {}
        """Objects that the caller may change, `argument`s and the last `result`, by their names in a script."""
        self._stack = AsyncExitStack()
        self._closers: dict[int, AsyncExitStack] = {}
        self._is_timed = Capability.EXPIRING in harness.capabilities
        self._began = time.monotonic()

    async def play(self, draw: Callable[[], Awaitable[None]] | None = None) -> None:
        """Play the scenario, and what `draw` has performed after it, until it is over.

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
                    self.end()
        finally:
            self.harness.discard(self.namespace)

    async def perform(self, action: Action) -> None:
        """Perform an action, unless the scenario is over."""
        if self.is_over:
            return
        self.history.append(Done(action))
        match action:
            case Call():
                await self._play(Race((action,)))
            case Race():
                await self._play(action)
            case ReadBack():
                await self.read_back()
            case Series():
                await self._play_series(action)
            case Mutate():
                self._change_what_is_held(action)
            case _:
                await self._change_surroundings(action)

    async def _change_surroundings(self, action: Action) -> None:
        match action:
            case Wait(by):
                await self.wait(by)
            case Reopen(on):
                await self.reopen(on)
            case Close(on):
                await self._close(on)
            case Open(on, url, seconds):
                opening = self.harness.open_at(self.namespace, url, seconds) if url else None
                await self._open(on, opening)
            case Damage() if self.latest is not None:
                self.harness.inspector(self.namespace).overwrite_with_another_type(self.latest)

    # What those who judge override

    def take(self, race: Race, made: list[Entry]) -> None:
        """Receive what came of calls at the same time."""

    def end(self) -> None:
        """Do what is left after the last action."""

    async def read_back(self) -> None:
        """Read what may show the last writes."""

    async def read(self, call: Call) -> Any:
        """Make a call of a series, and return its result."""
        return await self._play(Race((call,)))

    def made(self, entry: Entry, given: Mapping[str, Any]) -> None:
        """Receive what came of one call, and what was passed in."""

    def is_late_to_close(self) -> None:
        """Note that a store does not close in time."""

    def _change_what_is_held(self, action: Mutate) -> None:
        """Make the changes, and note those that are possible. Without any the scenario is over: nothing can differ."""
        ids = {name for operation in self.contract.operations.values() for name in operation.ids}
        held = self.held.get(action.what, {}).items()
        changes = [change for name, value in held for change in changes_of(value, name, ids)]
        if action.place is not None:
            changes = changes[action.place : action.place + 1]
        for change in changes:
            with suppress(Exception):  # it may be frozen
                change.make()
                self.history[-1].changes.append(change.text)
        self.is_over = not self.history[-1].changes

    # Time, opening, closing

    async def wait(self, by: timedelta) -> None:
        """Let time pass; if nothing else is said, so much that a later write has a later time."""
        if by:
            self.harness.advance(self.namespace, by)
            self.passed += by
        else:
            await asyncio.sleep(_TICK)
            self.has_ticked = True

    async def _set_up(self) -> None:
        failure = self.scenario.failure
        if failure:
            injection = injected(self.harness, self.namespace, self.stores, self._probe, failure.seconds)
            self.injection = await self._stack.enter_async_context(injection)
        for on in range(self.scenario.instances):
            await self._open(on)

    async def _probe(self, store: Any) -> None:
        call = next(self.contract.read_back({}))
        operation = self.contract.operations[call.operation]
        await settled(operation, operation.invoke(store, call.arguments))

    async def _open(self, on: int, opening: AbstractAsyncContextManager[Any] | None = None) -> None:
        closer = await self._stack.enter_async_context(AsyncExitStack())
        if opening is None and self.injection and on == 0:
            opening = self.injection.open()
        self.stores[on] = await closer.enter_async_context(opening or self.harness.open(self.namespace))
        self._closers[on] = closer
        self.closed.discard(on)

    async def _close(self, on: int) -> None:
        self.closed.add(on)
        try:
            async with asyncio.timeout(SOON) as limit:
                await self._closers[on].aclose()
        except TimeoutError:
            if not limit.expired():
                raise
            self.is_late_to_close()

    async def reopen(self, on: int) -> None:
        """Close an instance, and open another in its place."""
        await self._close(on)
        await self._open(on)

    # Calls

    def begin(self, calls: Iterable[Call]) -> list[Entry]:
        """Return entries of calls; none if one refers to a call that has failed, or to an instance that is not open."""
        begun = []
        for call in calls:
            try:
                self.stores[call.on]
                arguments = {name: self.contract.resolve(value, self.results) for name, value in call.arguments.items()}
            except (LookupError, AttributeError, TypeError, ValueError):
                self.is_over = True
                return []
            invocation = Invocation(call.operation, arguments, is_closed=call.on in self.closed)
            begun.append(Entry(call, invocation, passed=self.passed, has_ticked=self.has_ticked))
        return begun

    def _now(self) -> timedelta:
        if not self._is_timed:
            return self.passed
        return self.passed + timedelta(seconds=time.monotonic() - self._began)

    async def make(self, entry: Entry, seconds: float | None = None) -> None:
        """Make a call that was begun, and note what comes of it."""
        call = entry.invocation
        operation = self.contract.operations[call.operation]
        store = self.stores[entry.call.on]
        earliest = self._now()
        given = {name: self.contract.pass_in(value) for name, value in call.arguments.items()}
        try:
            async with asyncio.timeout(seconds or self.seconds) as limit:
                entry.is_awaited = False
                result = operation.invoke(store, given)
                entry.is_awaited = isawaitable(result)
                entry.answer = await settled(operation, result)
            entry.observed = self.contract.observe(entry.answer)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
        except HookMissingError as error:
            entry.lacks = error
        except self.caught as error:  # whatever the store raises is its result
            entry.answer = error
            entry.observed = SILENT if limit.expired() else self.contract.observe_error(error)
        finally:
            call.at = Span(earliest, self._now())
            self.made(entry, given)

    async def make_together(self, race: Race) -> list[Entry]:
        """Make calls at the same time, while something fails, and interrupt them, as the race says."""
        made = self.begin(race.calls)
        is_interrupted = race.cancelled or race.failure
        if not made:
            return made
        if len(made) == 1 and not is_interrupted:
            await self.make(made[0])
        elif race.every_order and self.arena:
            self.ordered.deaths = int(race.is_deadly)
            await self.arena.together(made, self.make, self.choose, self.ordered)
            for choice in self.ordered.choices:
                self.history[-1].order.append(f"{choice.request.caller}: {choice.request.text}")
        else:
            await self._make_in_any_order(race, made)
        return made

    async def _make_in_any_order(self, race: Race, made: list[Entry]) -> None:
        failing: Any = nullcontext()
        closing = None
        if self.injection and race.failure:
            failing = self.injection.active(race.failure, [entry.call.on for entry in made])
            closing = self.injection if race.failure.closes else None
        async with failing:
            seconds = SOON if closing else (self.seconds or 0) + (SOON if race.failure else 0)
            calls = [asyncio.ensure_future(self.make(entry, seconds)) for entry in made]
            for _ in range(race.turns if race.cancelled else 0):
                await asyncio.sleep(0)
            for place in race.cancelled:
                calls[place].cancel()
            if closing:
                await closing.until_met(calls)
                await self._close(0)
            await asyncio.gather(*calls, return_exceptions=True)

    async def _play(self, race: Race) -> Any:
        """Make the calls of a race, have them judged, and return the last result."""
        made = await self.make_together(race)
        if made:
            self.history[-1].made = made
            self.take(race, made)
        return made[-1].observed if made else None

    async def _play_series(self, series: Series) -> None:
        """Make the calls of a series. Those at the same time are judged each by itself."""
        rounds = series.rounds()
        results: Any = None
        with suppress(StopIteration):
            while not self.is_over:
                calls = rounds.send(results)
                if isinstance(calls, Call):
                    results = [await self.read(calls)]
                    continue
                made = await self.make_together(Race(calls))
                for entry in made:
                    self.take(Race((entry.call,)), [entry])
                results = [entry.observed for entry in made]
