"""The player: performs the actions of a scenario on a store, and keeps a history of what was done."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from inspect import isawaitable
from itertools import chain
from typing import Any, Self

from conformance.engine.contract import SILENT, Contract, Entry, Span
from conformance.engine.failures import SOON, Surroundings
from conformance.engine.mutation import changes_of
from conformance.engine.orders.arena import Arena
from conformance.engine.orders.schedule import Play, Request
from conformance.engine.scenario import Action, Call, Close, Damage, Mutate, Open, Race, Reopen, Scenario, Wait
from conformance.harness import Harness
from conformance.operations.operation import Operation
from conformance.operations.parts import settled

_TICK = 0.002
"""Seconds after which a clock of milliseconds shows another time."""


@dataclass
class Done:
    """An action that was performed, and the calls that were made."""

    action: Action
    made: list[Entry] = field(default_factory=list)
    requests: Sequence[Request] = ()
    """What its calls did, in the order that was chosen for them, if one was."""
    notes: list[str] = field(default_factory=list)
    """Lines below it: what the caller changed, or what calls at the same time gave."""


class Player(Surroundings):
    """One scenario while it is played, in a namespace of its own. Who judges what comes out overrides `take`."""

    seconds = 0.0
    """How long a call may take, if not 0."""
    is_over = False
    """Whether no more actions are performed."""
    has_ticked = False
    """Whether a clock of milliseconds shows another time than at the last write."""
    latest: Any = None
    """The name of the latest entry."""

    def __init__(
        self,
        contract: Contract,
        harness: Harness,
        scenario: Scenario,
        arena: Arena | None = None,
        ordered: Play | None = None,
    ) -> None:
        """Take a scenario. In an arena the calls of a race of which every order is played are `ordered`."""
        super().__init__(harness)
        self.arena = arena
        self.ordered = ordered or Play()
        self.contract = contract
        self.scenario = scenario
        self.history: list[Done] = []
        self.results: dict[str, Entry] = {}
        """By label the entries of calls that have given something."""
        self.held: dict[str, dict[str, Any]] = {}
        """Objects that the caller may change, `argument`s and the last `result`, by their names in a script."""
        self.passed = timedelta(0)
        """The time that the harness has let pass."""
        self._began = time.monotonic()

    async def play(self, drawn: Iterable[Action] = ()) -> Self:
        """Play the scenario, and the actions that are `drawn` after it, one by one, until it is over. Return itself.

        Raises:
            HookMissingError: if the harness has not the hook that an action needs.
        """
        try:
            async with self._stack:
                failures = [race.failure for race in self.scenario.races if race.failure and not race.every_order]
                if failures:  # but for deaths
                    await self.set_up_proxy(failures[0].seconds)
                for on in range(self.scenario.instances):
                    await self.open(on)
                for action in chain(self.scenario.actions, drawn):
                    await self.perform(action)
                self.end()
        finally:
            self.harness.discard(self.namespace)
        return self

    async def perform(self, action: Action) -> None:
        """Perform an action, unless the scenario is over."""
        if self.is_over:
            return
        self.history.append(Done(action))
        match action:
            case Call():
                await self._call(Race((action,)))
            case Race():
                await self._call(action)
            case Mutate():
                self._change_what_is_held(action)
            case _:
                await self.change_surroundings(action)

    async def change_surroundings(self, action: Action) -> None:
        """Perform an action that is no call."""
        match action:
            case Wait(by):
                if by:
                    self.harness.advance(self.namespace, by)
                    self.passed += by
                await asyncio.sleep(_TICK)  # in which timers run that are due
                self.has_ticked = True
            case Reopen(on):
                await self.close(on)
                await self.open(on)
            case Close(on):
                await self.close(on)
            case Open(on, url, seconds, _, behind):
                place = self.namespace + behind
                if behind:
                    self._stack.callback(self.harness.discard, place)
                opening = self.harness.open_at(place, url, seconds) if url else self.harness.open(place)
                await self.open(on, opening)
            case Damage() if self.latest is not None:
                self.harness.inspector(self.namespace).overwrite_with_another_type(self.latest)

    # What those who judge override

    def take(self, race: Race, made: list[Entry]) -> None:
        """Receive what came of calls at the same time: note under their labels what they gave."""
        for entry in made:
            if entry.observed is not None and not entry.error:
                self.results[entry.call.label] = entry

    def end(self) -> None:
        """Do what is left after the last action."""

    def _change_what_is_held(self, action: Mutate) -> None:
        """Run the changes, and note those that are possible. Without any the scenario is over: nothing can differ."""
        ids = {name for operation in self.contract.operations.values() for name in operation.ids}
        held = self.held.get(action.what, {})
        changes = [change for name, value in held.items() for change in changes_of(value, name, ids)]
        for change in changes if action.place is None else changes[action.place :][:1]:
            with suppress(Exception):  # it may be frozen
                exec(change, {**held})  # noqa: S102  the line of the script is what is done
                self.history[-1].notes.append(change)
        self.is_over = not self.history[-1].notes

    # Opening

    def opening(self, on: int) -> AbstractAsyncContextManager[Any]:
        """Return what opens an instance."""
        return self.arena.open(self.namespace, on) if self.arena else super().opening(on)

    async def answers(self, on: int) -> bool:
        """Make a call, and return whether an instance answers it."""
        call = next(self.contract.read_back({}))
        operation = self.contract.operations[call.operation]
        with suppress(Exception):
            await settled(operation, operation.invoke(self.stores[on], call.arguments))
            return True
        return False

    # Calls

    async def _call(self, race: Race) -> None:
        """Make calls at the same time, and have them judged."""
        made = self.begun(race.calls)
        if made:
            await self.make_together(race, made)
            self.history[-1].made = made
            self.take(race, made)

    def begun(self, calls: Iterable[Call]) -> list[Entry]:
        """Return entries of calls that are to be made now.

        There are none if a call refers to one that has failed, or to an instance that is not open.
        """
        begun = []
        for call in calls:
            try:
                self.stores[call.on]
                arguments = {name: self.contract.resolve(value, self.results) for name, value in call.arguments.items()}
            except (LookupError, AttributeError, TypeError, ValueError):
                self.is_over = True
                return []
            operation = self.contract.operations[call.operation]
            begun.append(Entry(call, operation, arguments, call.on in self.closed))
        return begun

    def _now(self) -> timedelta:
        return self.passed + timedelta(seconds=time.monotonic() - self._began)

    async def make(self, entry: Entry, seconds: float = 0.0) -> None:
        """Make a call that was begun, and note what comes of it."""
        store = self.stores[entry.call.on]
        invoke = self.arena.invoke if self.arena else Operation.invoke
        earliest = self._now()
        entry.passed = {name: self.contract.pass_in(value) for name, value in entry.arguments.items()}
        try:
            async with asyncio.timeout(seconds or self.seconds or None) as limit:
                entry.is_awaited = False
                result = invoke(entry.operation, store, entry.passed)
                entry.is_awaited = isawaitable(result)
                entry.answer = await settled(entry.operation, result)
            entry.observed = self.contract.observe(entry.answer)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
        except (Exception, SystemExit) as error:  # noqa: BLE001  whatever the store raises is its result
            entry.answer = error
            entry.observed = SILENT if limit.expired() else self.contract.observe_error(error)
        finally:
            entry.at = Span(earliest, self._now(), self.has_ticked)

    async def make_together(self, race: Race, made: Sequence[Entry]) -> None:
        """Make calls at the same time, while something fails, and interrupt them, as the race says."""
        failure = race.failure
        if self.arena and race.every_order:
            if failure:
                self.ordered.deaths = (failure.name,)
            await self.arena.together(made, self.make, self.ordered)
            self.history[-1].requests = self.ordered.requests
        elif failure:
            async with self.failing(failure, [entry.call.on for entry in made]):
                await self._make_all(race, made, SOON + (0 if failure.closes else self.seconds))
        elif race.cancelled_after is not None or len(made) > 1:
            await self._make_all(race, made)
        else:
            await self.make(made[0])

    async def _make_all(self, race: Race, made: Sequence[Entry], seconds: float = 0.0) -> None:
        calls = [asyncio.ensure_future(self.make(entry, seconds)) for entry in made]
        if race.cancelled_after is not None:
            for _ in range(race.cancelled_after):
                await asyncio.sleep(0)
            calls[0].cancel()
        if race.failure and race.failure.closes:
            await self.proxy.until(lambda: self.proxy.held or all(call.done() for call in calls))
            await self.close(0)
        await asyncio.gather(*calls, return_exceptions=True)
