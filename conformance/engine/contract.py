"""The seam: what a contract gives the engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from inspect import isawaitable
from typing import Any

from conformance.engine.failures import Injection
from conformance.engine.finding import Finding, Tally, complaint
from conformance.engine.mutation import mutate
from conformance.engine.outcome import CANCELLED, SILENT, Invocation, Outcome, Raised
from conformance.engine.scenario import Call, Race, Reference, Scenario
from conformance.harness import Capability, HookMissingError
from conformance.operations.operation import Operation
from conformance.operations.parts import drained
from conformance.text import full_name, shown, source


@dataclass(slots=True, eq=False)
class Entry:
    """An entry of the history: a call that was made, and what came of it in the contract's words."""

    call: Call
    invocation: Invocation
    observed: Any = CANCELLED
    answer: Any = None
    """The object or the exception of the store itself."""
    lacks: HookMissingError | None = None
    """Why the call was not made: the adapter has no place for it."""
    has_failed: bool = False
    """True if the call produced no comparable result."""
    may_have_happened: bool = False
    """Whether a write that failed may take effect."""
    outcome: Outcome | None = None
    """The outcome of the contract that explains it."""
    line: str = ""
    """The call as Python, where it was written when the call was made."""
    is_awaited: bool = True
    """Whether a script awaits the call."""
    before: list[str] = field(default_factory=list)
    """Lines that stand before it, which give names to its arguments."""


async def settled(operation: Operation, result: Any) -> Any:
    """Return what comes out of a call that was begun, as it is compared."""
    if isawaitable(result):
        result = await result
    result = await drained(result)
    return operation.view(result) if operation.view else result


class Checks:
    """Checks of results beside their outcomes. A contract that has some overrides all methods."""

    def tick(self) -> None:
        """Note that time has passed since the last write."""

    def of(self, entry: Entry, outcome: Outcome, passed: timedelta) -> Iterable[Finding]:
        """Check a result that the contract allows, at a time that the harness has let pass."""
        return ()

    def at_the_end(self) -> Iterable[Finding]:
        """Check what only many results show."""
        return ()


class Contract:
    """The rules for one kind of store: its operations, an initial state and `step`; the rest has defaults.

    A state is immutable and hashable. `bind` and `reach` put values that the store has chosen into it.
    """

    operations: Mapping[str, Operation]
    """By name. Those that only read say so (`reads`)."""
    answers: str = "answers"
    """The requirement that every result exercises."""
    is_atomic: str = "atomic"
    """The requirement that concurrent calls give what some order of them gives."""
    closes: str = "closes"
    """The requirement that a store closes in time, and ends the calls that wait."""
    is_apart: str = "apart"
    """The requirement that a change of what was handed out changes nothing in the store."""
    leaves_nothing: str = "leaves nothing"
    """The requirement that no connection is left over by a failure."""
    direct: str = ""
    """The requirement that, broken alone, comes before those that a scenario is about."""

    def initial(self) -> Any:
        """Return the state of an empty store."""
        raise NotImplementedError

    def step(self, state: Any, call: Invocation) -> Sequence[Outcome]:
        """Return every outcome that the contract allows for a call in a state."""
        raise NotImplementedError

    # Values that the store chooses

    def bind(self, state: Any, observed: Any) -> Any:
        """Put into a state the values that a result shows for the first time."""
        return state

    def reach(self, outcome: Outcome, entry: Entry) -> Any:
        """Return the state after a call that has come out so; with what was written, if it gives that."""
        return outcome.state

    def adopt(self, outcome: Outcome, entry: Entry) -> Any:
        """Return the state to go on from after a difference that is known; None if there is none."""
        return outcome.state if type(outcome.result) is type(entry.observed) else None

    def is_known(self, call: Invocation, state: Any, *, is_pending: bool) -> bool:
        """Whether the outcome can be told in a state, and while calls without a reply may still take effect."""
        return True

    def moment(self, observed: Any) -> str:
        """Return a text that sorts concurrent results in the likely order of their calls."""
        return ""

    # Calls and results

    def resolve(self, value: Any, results: Mapping[str, Any]) -> Any:
        """Return an argument, as it is or as the results of earlier calls give it."""
        return value.read(results[value.label]) if isinstance(value, Reference) else value

    async def invoke(self, operation: Operation, store: Any, given: Mapping[str, Any]) -> Any:
        """Call an operation of the store, whether it is async or not, and return what can be compared."""
        return await settled(operation, operation.invoke(store, given))

    def pass_in(self, value: Any) -> Any:
        """Return an argument as the store takes it."""
        return value

    def observe(self, answer: Any) -> Any:
        """Return a result in the contract's words."""
        return answer

    def observe_error(self, error: BaseException) -> Raised:
        """Return an exception by its facts."""
        return Raised(full_name(type(error)), (("message", str(error)[:200]),))

    def differences(self, expected: Any, observed: Any) -> tuple[str, ...]:
        """Return the fields in which a result is not the expected one; `` for a result of another kind."""
        if isinstance(expected, Raised) and isinstance(observed, Raised):
            return () if expected.error == observed.error else ("",)
        return () if source(expected) == source(observed) else ("",)

    def kind(self, value: Any, names: tuple[str, ...]) -> Any:
        """Return what tells two findings apart of a result that differs in these fields."""
        return value.error if isinstance(value, Raised) else shown(value)

    def describe(self, result: Any, names: tuple[str, ...] = ()) -> str:
        """Return a result in words, with the fields `names`."""
        return result.error if isinstance(result, Raised) else shown(result)

    def is_late(self, observed: Any) -> bool:
        """Whether a call only ran into a time-out of the store."""
        return False

    def mutate(self, given: Mapping[str, Any]) -> None:
        """Change what was passed in, as a careless caller does."""
        for value in given.values():
            mutate(value)

    def is_read(self, operation: str) -> bool:
        """Whether an operation changes nothing."""
        return self.operations[operation].reads is not None

    def needs(self, call: Call) -> Iterable[Capability]:
        """Return what a store must declare for a call."""
        return ()

    def required(self, scenario: Scenario) -> frozenset[Capability]:
        """Return what a store must declare for a scenario."""
        return scenario.needs.union(*map(self.needs, scenario.calls))

    def named(self, entry: Entry) -> Any:
        """Return what names the entry that a call was about; None if nothing does."""
        names = self.operations[entry.call.operation].entry
        return tuple(entry.invocation.arguments[name] for name in names if name in entry.invocation.arguments) or None

    def labelled(self, entry: Entry) -> Any:
        """Return what later calls may refer to of a call; None if there is nothing."""
        return None if entry.has_failed else entry.answer

    def read_back(self, recent: Mapping[Any, Any]) -> Iterator[Call]:
        """Yield the reads that may show the last writes: by what names an entry, what the last write of it gave.

        Without any, the first is a call that every store answers.
        """
        for operation in self.operations.values():
            if operation.reads == "":
                yield Call(operation.name, {})
            elif operation.reads is not None:
                yield from (Call(operation.name, dict(zip(operation.entry, name, strict=True))) for name in recent)

    # Verdicts

    def checks(self, tally: Tally) -> Checks:
        """Return the checks of one scenario."""
        return Checks()

    def classify(self, entry: Entry, race: Race, injection: Injection | None) -> Finding | None:
        """Note whether a call has failed and may have happened, and return what is wrong about that by itself."""
        entry.has_failed = entry.observed in (CANCELLED, SILENT)
        entry.may_have_happened = entry.has_failed and not self.is_read(entry.call.operation)
        if entry.has_failed and not race.cancelled:
            return complaint(self.is_atomic, "an answer in time", entry.observed.error, entry.call.operation)
        return None

    def lacking(self, operation: str, hook: str) -> str:
        """Return the requirement that an adapter breaks which has no place for a call."""
        return self.answers

    def blame(
        self, entry: Entry, outcome: Outcome, names: tuple[str, ...], write: Entry | None, *, is_new: bool
    ) -> list[str]:
        """Return the requirements that a result breaks, the nearest first.

        `write` is the write before it, if it was the only one; `is_new` says that nothing was written yet.
        """
        return [*outcome.requirements]
