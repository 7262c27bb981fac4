"""A scenario: what is done with a store, as plain data. A row of a table or a draw makes one; the player plays it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from conformance.engine.failures import Failure
from conformance.harness import Capability
from conformance.operations.operation import Operation


@dataclass(frozen=True, slots=True, repr=False)
class Reference:
    """Something of the entry of the call with this label: as Python, and how it is read."""

    label: str
    text: str
    read: Callable[[Any], Any]

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Call:
    """A call of an operation on one of the open instances. Its result is known under `label` afterwards."""

    operation: str
    arguments: Mapping[str, Any]
    label: str = ""
    on: int = 0


@dataclass(frozen=True, slots=True)
class Race:
    """Calls that are made at the same time.

    The first is cancelled after so many turns of the loop, if a number is given. With a
    `failure` the first instance is opened through a proxy. With `every_order` the scenario is played once for each
    order of their requests, with a failure once for each request that is the last of something.
    """

    calls: tuple[Call, ...]
    cancelled_after: int | None = None
    failure: Failure | None = None
    every_order: bool = False


@dataclass(frozen=True, slots=True)
class ReadBack:
    """The reads that may show the last writes are made on every instance."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Time passes; if nothing else is said a few milliseconds, so that the next write has a later time."""

    by: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Reopen:
    """An instance is closed, and another is opened in its place."""

    on: int = 0


@dataclass(frozen=True, slots=True)
class Close:
    """An instance is closed, and is used nevertheless."""

    on: int = 0


@dataclass(frozen=True, slots=True)
class Open:
    """An instance is opened besides; with a URL there.

    `behind` stands behind the name of the namespace, if it is to be a neighbour on another.
    """

    on: int
    url: str = ""
    seconds: float = 0.0
    at: str = "on the same place"
    behind: str = ""


@dataclass(frozen=True, slots=True)
class Mutate:
    """The caller changes what it passed in so far (`argument`), or the last `result`: at one place, or at all."""

    what: str
    place: int | None = None


@dataclass(frozen=True, slots=True)
class Damage:
    """A value of another type is put in the place of the latest entry, behind the store's back."""


Action = Call | Race | ReadBack | Wait | Reopen | Close | Open | Mutate | Damage


def calls_of(action: Action) -> tuple[Call, ...]:
    """Return the calls that an action makes."""
    match action:
        case Call():
            return (action,)
        case Race(calls):
            return calls
    return ()


def changed(action: Action, change: Callable[[Call], Call]) -> Action:
    """Return an action with its calls changed."""
    match action:
        case Call():
            return change(action)
        case Race(calls):
            return replace(action, calls=tuple(map(change, calls)))
    return action


@dataclass(frozen=True, slots=True)
class Scenario:
    """Actions on an empty store.

    `about` names requirements that it is about, besides those that the model names. It is played on stores that have
    the capabilities `needs`, and none of `lacks`, on so many `instances`. A run plays it again by its `name`.
    """

    actions: tuple[Action, ...] = ()
    about: tuple[str, ...] = ()
    needs: frozenset[Capability] = frozenset()
    lacks: frozenset[Capability] = frozenset()
    instances: int = 1
    name: str = ""

    @property
    def races(self) -> list[Race]:
        """Its calls at the same time."""
        return [action for action in self.actions if isinstance(action, Race)]

    @property
    def calls(self) -> list[Call]:
        """Its calls."""
        return [call for action in self.actions for call in calls_of(action)]

    @property
    def is_simple(self) -> bool:
        """Whether its calls are made one after the other, on one instance, without time or a second opening."""
        for action in self.actions:
            is_elsewhere = getattr(action, "on", 0) > 0 or (isinstance(action, ReadBack) and self.instances > 1)
            if is_elsewhere or not (isinstance(action, Call | ReadBack | Close) or action == Wait()):
                return False
        return True

    def required(self, operations: Mapping[str, Operation]) -> frozenset[Capability]:
        """Return what a store must declare for it."""
        return self.needs.union(*(operations[call.operation].needed(call.arguments) for call in self.calls))
