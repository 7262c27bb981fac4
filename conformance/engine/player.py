"""The player: performs the actions of a scenario on a store, and keeps a history of what was done."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from inspect import isawaitable
from itertools import chain
from typing import Any

from conformance.engine.contract import Contract, Entry
from conformance.engine.failures import SOON, Injection
from conformance.engine.mutation import changes_of
from conformance.engine.orders.arena import Arena
from conformance.engine.outcome import SILENT, Invocation, Span
from conformance.engine.scenario import Action, Call, Close, Damage, Mutate, Open, Race, Reopen, Scenario, Wait
from conformance.harness import Harness, HookMissingError
from conformance.operations.operation import Operation
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

    seconds = 0.0
    """How long a call may take, if not 0."""
    caught: tuple[type[BaseException], ...] = (Exception,)
    """Exceptions that are results of a call."""
    is_over = False
    """Whether no more actions are performed."""
    injection: Injection | None = None
    arena: Arena | None = None
    """Orders the calls of a race, if every order of them is played."""
    has_ticked = False
    """Whether a clock of milliseconds shows another time than at the last write."""
    latest: Any = None
    """The name of the latest entry."""

    def __init__(self, contract: Contract, harness: Harness, scenario: Scenario) -> None:
        self.namespace = f"conformance-{secrets.token_hex(6)}"
        self.contract = contract
        self.harness = harness
        self.scenario = scenario
        self.history: list[Done] = []
        self.results: dict[str, Entry] = {}
        """By label the entries of calls that have given something."""
        self.stores: dict[int, Any] = {}
        self.closed: set[int] = set()
        self.held: dict[str, dict[str, Any]] = {}
        """Objects that the caller may change, `argument`s and the last `result`, by their names in a script."""
        self.passed = timedelta(0)
        """The time that the harness has let pass."""
        self._stack = AsyncExitStack()
        self._closers: dict[int, AsyncExitStack] = {}
        self._began = time.monotonic()

    async def play(self, drawn: Iterable[Action] = ()) -> None:
        """Play the scenario, and the actions that are `drawn` after it, one by one, until it is over.

        Raises:
            HookMissingError: if the harness has not the hook that an action needs.
        """
        try:
            async with self._stack:
                await self._set_up()
                for action in chain(self.scenario.actions, drawn):
                    await self.perform(action)
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
                await self.call(Race((action,)))
            case Race():
                await self.call(action)
            case Mutate():
                self._change_what_is_held(action)
            case _:
                await self.change_surroundings(action)

    async def change_surroundings(self, action: Action) -> None:
        """Perform an action that is no call."""
        match action:
            case Wait(by) if by:
                self.harness.advance(self.namespace, by)
                self.passed += by
            case Wait():
                await asyncio.sleep(_TICK)
                self.has_ticked = True
            case Reopen(on):
                await self.close(on)
                await self.open(on)
            case Close(on):
                await self.close(on)
            case Open(on, url, seconds):
                await self.open(on, self.harness.open_at(self.namespace, url, seconds) if url else None)
            case Damage() if self.latest is not None:
                self.harness.inspector(self.namespace).overwrite_with_another_type(self.latest)

    # What those who judge override

    def take(self, race: Race, made: list[Entry]) -> None:
        """Receive what came of calls at the same time."""

    def end(self) -> None:
        """Do what is left after the last action."""

    def made(self, entry: Entry, given: Mapping[str, Any]) -> None:
        """Receive what came of one call, and what was passed in."""

    def _change_what_is_held(self, action: Mutate) -> None:
        """Run the changes, and note those that are possible. Without any the scenario is over: nothing can differ."""
        ids = {name for operation in self.contract.operations.values() for name in operation.ids}
        held = self.held.get(action.what, {})
        changes = [change for name, value in held.items() for change in changes_of(value, name, ids)]
        for change in changes if action.place is None else changes[action.place :][:1]:
            with suppress(Exception):  # it may be frozen
                exec(change, {**held})  # noqa: S102  the line of the script is what is done
                self.history[-1].changes.append(change)
        self.is_over = not self.history[-1].changes

    # Opening, closing

    async def _set_up(self) -> None:
        failure = self.scenario.failure
        if failure:
            injection = Injection(self.harness, self.namespace, self.stores, self._probe, failure.seconds)
            self.injection = await self._stack.enter_async_context(injection.running())
        for on in range(self.scenario.instances):
            await self.open(on)

    async def _probe(self, store: Any) -> None:
        call = next(self.contract.read_back({}))
        operation = self.contract.operations[call.operation]
        await settled(operation, operation.invoke(store, call.arguments))

    async def open(self, on: int, opening: AbstractAsyncContextManager[Any] | None = None) -> None:
        """Open an instance."""
        closer = await self._stack.enter_async_context(AsyncExitStack())
        self.stores[on] = await closer.enter_async_context(opening or self._opening(on))
        self._closers[on] = closer
        self.closed.discard(on)

    def _opening(self, on: int) -> AbstractAsyncContextManager[Any]:
        if self.injection and on == 0:
            return self.injection.open()
        if self.arena:
            return self.arena.open(self.namespace, on)
        return self.harness.open(self.namespace)

    async def close(self, on: int) -> None:
        """Close an instance."""
        self.closed.add(on)
        await self._closers[on].aclose()

    # Calls

    async def call(self, race: Race) -> list[Entry]:
        """Make calls at the same time, have them judged, and return their entries.

        There are none if a call refers to one that has failed, or to an instance that is not open.
        """
        made = self.begun(race.calls)
        if made:
            await self.make_together(race, made)
            self.history[-1].made = made
            self.take(race, made)
        return made

    def begun(self, calls: Iterable[Call]) -> list[Entry]:
        """Return entries of calls that are to be made now, as `call` does."""
        begun = []
        for call in calls:
            try:
                self.stores[call.on]
                arguments = {name: self.contract.resolve(value, self.results) for name, value in call.arguments.items()}
            except (LookupError, AttributeError, TypeError, ValueError):
                self.is_over = True
                return []
            invocation = Invocation(call.operation, arguments, is_closed=call.on in self.closed)
            operation = self.contract.operations[call.operation]
            begun.append(Entry(call, operation, invocation, has_ticked=self.has_ticked))
        return begun

    def _now(self) -> timedelta:
        return self.passed + timedelta(seconds=time.monotonic() - self._began)

    def invoke(self, operation: Operation, store: Any, given: Mapping[str, Any]) -> Any:
        """Call an operation, and return what it gives at once."""
        return operation.invoke(store, given)

    async def make(self, entry: Entry, seconds: float = 0.0) -> None:
        """Make a call that was begun, and note what comes of it."""
        call = entry.invocation
        store = self.stores[entry.call.on]
        earliest = self._now()
        given = {name: self.contract.pass_in(value) for name, value in call.arguments.items()}
        try:
            async with asyncio.timeout(seconds or self.seconds or None) as limit:
                entry.is_awaited = False
                result = self.invoke(entry.operation, store, given)
                entry.is_awaited = isawaitable(result)
                entry.answer = await settled(entry.operation, result)
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

    async def make_together(self, race: Race, made: Sequence[Entry]) -> None:
        """Make calls at the same time, while something fails, and interrupt them, as the race says."""
        if len(made) == 1 and not (race.cancelled or race.failure):
            await self.make(made[0])
            return
        async with AsyncExitStack() as stack:
            seconds, closing = self.seconds, None
            if race.failure and self.injection:
                seconds += SOON
                closing = self.injection.proxy if race.failure.closes else None
                await stack.enter_async_context(self.injection.active(race.failure, [entry.call.on for entry in made]))
            calls = [asyncio.ensure_future(self.make(entry, SOON if closing else seconds)) for entry in made]
            for _ in range(race.turns if race.cancelled else 0):
                await asyncio.sleep(0)
            for place in race.cancelled:
                calls[place].cancel()
            if closing:
                await closing.until(lambda: closing.held or all(call.done() for call in calls))
                await self.close(0)
            await asyncio.gather(*calls, return_exceptions=True)
