"""Arenas: where calls are made at the same time in a chosen order, each play on an empty namespace.

One holds the requests before a server (`network`), the other the callbacks of a loop (`loom`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, TypeAlias

from conformance.engine.contract import Contract, Entry
from conformance.engine.outcome import Invocation
from conformance.engine.scenario import Call
from conformance.engine.schedule import Choose, Play
from conformance.harness import Harness
from conformance.operations.operation import Operation
from conformance.operations.parts import settled

Make: TypeAlias = Callable[[Entry], Coroutine[Any, Any, None]]
"""Makes the call of an entry."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Calls that are raced, each on the instance `on` that it names."""

    start: tuple[Call, ...]
    """Made before, one after the other."""
    racing: tuple[Call, ...]
    """Made at the same time, each by a caller of its own."""
    after: tuple[Call, ...] = ()
    """Reads, made when all have returned."""
    name: str = ""
    """The start, the arguments and the instances, in words."""

    @property
    def title(self) -> str:
        """How a command line calls it."""
        names = " × ".join(call.operation for call in self.racing)
        return f"{names}, {self.name}"

    @property
    def instances(self) -> int:
        """How many instances are open."""
        calls = *self.start, *self.racing, *self.after
        return 1 + max((call.on for call in calls), default=0)


class Arena(ABC):
    """Makes the calls of plans on stores that it opens. Each play has a contract of its own, which notes them."""

    is_fresh = True
    """Whether each play takes new stores."""

    lender: Harness
    """Lends stores to a player, whose calls are made `together` here."""

    def __init__(self, harness: Harness, new_contract: Callable[[], Contract]) -> None:
        self.harness = self.lender = harness
        self.contract = new_contract()
        self.stores: dict[int, Any] = {}
        """The open instances."""
        self._new_contract = new_contract

    @contextmanager
    def fresh(self) -> Iterator[None]:
        """Take new stores for each play in the block."""
        before, self.is_fresh = self.is_fresh, True
        try:
            yield
        finally:
            self.is_fresh = before

    @abstractmethod
    def opened(self, instances: int) -> AbstractAsyncContextManager[None]:
        """Open so many stores on an empty namespace, for one play."""

    @abstractmethod
    async def together(self, entries: Sequence[Entry], make: Make, choose: Choose, play: Play) -> None:
        """Make calls, each by a caller of its own, in the order that is chosen; note in the play what was chosen."""

    @abstractmethod
    async def alone(self, entry: Entry) -> None:
        """Make a call while no other is made."""

    async def play(self, plan: Plan, choose: Choose) -> Play:
        """Make the raced calls at the same time, in the order that is chosen."""
        async with self.opened(plan.instances):
            play = Play(started=await self.perform(plan.start))
            play.results = [self.begin(call) for call in plan.racing]
            await self.together(play.results, self.make, choose, play)
            if not play.stalled:
                await self._look(plan, play)
        return play

    async def sequence(self, plan: Plan, order: Sequence[int]) -> Play:
        """Make the same calls one after the other, in this order of their places."""
        async with self.opened(plan.instances):
            play = Play(started=await self.perform(plan.start))
            play.results = [self.begin(call) for call in plan.racing]
            for place in order:
                await self.alone(play.results[place])
            await self._look(plan, play)
        return play

    async def _look(self, plan: Plan, play: Play) -> None:
        self.contract.ended(play.results)
        play.seen = await self.perform(plan.after)

    async def perform(self, calls: Sequence[Call]) -> list[Entry]:
        """Make calls one after the other."""
        made = []
        for call in calls:
            entry = self.begin(call)
            await self.alone(entry)
            self.contract.ended([entry])
            made.append(entry)
        return made

    def begin(self, call: Call) -> Entry:
        """Return the entry of a call that is to be made now, its arguments resolved."""
        arguments = {}
        for name, value in call.arguments.items():
            arguments[name] = self.contract.resolve(value, {})
        entry = Entry(call, self.contract.operations[call.operation], Invocation(call.operation, arguments))
        self.contract.begun(entry)
        return entry

    async def make(self, entry: Entry) -> None:
        """Make a call, in the loop of its caller. Whatever it raises is its result."""
        contract = self.contract
        operation = entry.operation
        given = {}
        for name, value in entry.invocation.arguments.items():
            given[name] = contract.pass_in(value)
        try:
            result = await self.invoke(operation, self.stores[entry.call.on], given)
            entry.is_awaited = is_awaited(result)
            entry.answer = await settled(operation, result)
        except (Exception, SystemExit) as error:  # noqa: BLE001  whatever the store raises is its result
            entry.answer = error
            entry.observed = contract.observe_error(error)
        else:
            entry.observed = contract.observe(entry.answer)

    async def invoke(self, operation: Operation, store: Any, given: dict[str, Any]) -> Any:
        """Call an operation, and return what it gives at once."""
        return operation.invoke(store, given)


def is_awaited(result: Any) -> bool:
    """Whether something that a call gives comes by and by, in the loop."""
    return isawaitable(result) or hasattr(type(result), "__anext__")
