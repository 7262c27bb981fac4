"""The seam: what a contract gives the engine, and the entries of a history, which both read."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, NamedTuple

from conformance.engine.finding import Coverage, Finding
from conformance.engine.scenario import Call, Race, Reference
from conformance.operations.operation import WHOLE, Operation
from conformance.text import full_name, shown


@dataclass(frozen=True, slots=True)
class Raised:
    """The exception that comes out: its name, and those of its fields that are facts (prose is not compared)."""

    error: str
    facts: Mapping[str, Any] = field(default_factory=dict)


_CLOCK_SLACK = timedelta(minutes=5)
NOT_COMPARED = object()
"""Stands, in a result, for a field that the store does not have."""
CANCELLED = Raised("CancelledError")
SILENT = Raised("no answer in time")


class Span(NamedTuple):
    """Between which times since the start a call took effect, the time included that a harness let pass."""

    earliest: timedelta = timedelta(0)
    latest: timedelta = timedelta(0)
    has_ticked: bool = False
    """Whether a clock of milliseconds shows another time than at the write before."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A value that the store chooses, until it is seen: a text of a `form`, or the time of a call, not before another.

    A clock may be some minutes from ours. Where that of a harness has moved, a store's may have moved with it, or not.
    """

    form: str = ""
    at: Span | None = None
    not_before: Any = None

    def accepts(self, value: Any) -> bool:
        """Whether it may stand for a value."""
        if self.at is None:
            return type(value) is str and re.fullmatch(self.form, value) is not None
        if not isinstance(value, datetime):
            return False
        earliest = datetime.now(UTC) - _CLOCK_SLACK
        latest = earliest + _CLOCK_SLACK + self.at.latest
        before = self.not_before
        if not isinstance(before, datetime):
            before = earliest
        if self.at.has_ticked and value == before <= latest:
            return False
        return max(earliest, before) <= value <= max(latest, before) + _CLOCK_SLACK

    def __repr__(self) -> str:
        if self.at is None:
            return f"a text of the form {self.form}"
        return f"the time of the call, after {self.not_before}" if self.not_before else "the time of the call"


class Outcome(NamedTuple):
    """One thing that a call may do: what comes out of it, the state that it leaves, and the requirements that say so.

    Where the store chooses values, both have symbols for them.
    """

    result: Any
    state: Any
    requirements: tuple[str, ...] = ()


Name = tuple[str, ...]
"""The texts that name an entry of a store, one for each argument that does so."""
Fields = tuple[str, ...]
"""The names of those in which a result differs, `` for a result of another kind."""


@dataclass(eq=False)
class Entry:
    """An entry of the history: a call that was made, and what came of it in the contract's words."""

    call: Call
    operation: Operation
    arguments: Mapping[str, Any]
    """Without references: as the contract takes them."""
    is_closed: bool = False
    """Whether its instance had been closed before."""
    at = Span()
    passed: Mapping[str, Any] = field(default_factory=dict)
    """The arguments as the store got them."""
    observed: Any = CANCELLED
    answer: Any = None
    """The object or the exception of the store itself."""
    has_failed = False
    """True if the call produced no comparable result."""
    may_have_happened = False
    """Whether a write that failed may take effect."""
    outcome: Outcome | None = None
    """The outcome of the contract that explains it."""
    line = ""
    """The call as Python, where it was written when the call was made."""
    is_awaited = True
    """Whether a script awaits the call."""
    before: list[str] = field(default_factory=list)
    """Lines that stand before it, which give names to its arguments."""

    @property
    def error(self) -> str:
        """The name of the exception that came out; empty if none did."""
        error: str = getattr(self.observed, "error", "")
        return error

    def name(self) -> Name:
        """Return what names the entry that the call is about, by its result or its arguments; empty if nothing does."""
        arguments = self.arguments
        parts = [arguments[name] for name in self.operation.entry if name in arguments]
        for value, name in product((self.observed, *parts), self.operation.ids):
            if hasattr(value, name):
                parts = [getattr(value, name)]
                break
        return tuple(parts) if all(isinstance(part, str) for part in parts) else ()


class Checks:
    """Checks of results beside their outcomes, in one scenario."""

    def of(self, entry: Entry, expected: Any) -> Iterable[Finding]:
        """Check the result of a single call; the contract allows it as the `expected` one."""
        return ()

    def at_the_end(self) -> Iterable[Finding]:
        """Check what only many results show."""
        return ()


class Contract:
    """The rules for one kind of store: its operations, an initial state and `step`; the rest has defaults.

    A state is immutable and hashable.
    """

    operations: Mapping[str, Operation]
    """By name. Each says what it reads or writes, and which fields of results are ids."""

    # The requirements that the engine decides by itself

    atomic = "atomic"
    """Concurrent calls give what some order of them gives."""
    closes = "closes"
    """A store closes in time, and ends the calls that wait."""
    apart = "apart"
    """A change of what was handed out changes nothing in the store."""
    returns = "returns"
    """A write returns what a read of its entry gives afterwards."""
    hides = "hides"
    """No exception shows a password."""
    in_failure = "in a failure"
    """An answer in a failure is right, and no connection is left over."""

    # What is right: the judge asks

    def initial(self) -> Any:
        """Return the state of an empty store."""
        raise NotImplementedError

    def step(self, state: Any, call: Entry) -> Sequence[Outcome]:
        """Return every outcome that is allowed for a call in a state; none if nobody can tell."""
        raise NotImplementedError

    def bind(self, state: Any, observed: Any) -> Any:
        """Put into a state the values that the store has chosen, and that a result shows for the first time."""
        return state

    def adopt(self, state: Any, observed: Any) -> Any:
        """Put into a state what a result shows that differs in a way that is known."""
        return state

    # Its words: the player, who makes calls, and whoever prints them ask

    def resolve(self, value: Any, entries: Mapping[str, Entry]) -> Any:
        """Return an argument, as it is or as the entry of an earlier call, by its label, gives it."""
        return value.read(entries[value.label]) if isinstance(value, Reference) else value

    def pass_in(self, value: Any) -> Any:
        """Return an argument as the store takes it. The caller may change it later."""
        return value

    def observe(self, answer: Any) -> Any:
        """Return a result in the contract's words."""
        return answer

    def observe_error(self, error: BaseException) -> Raised:
        """Return an exception by its facts."""
        return Raised(full_name(type(error)), {"message": str(error)[:200]})

    def describe(self, result: Any, names: Fields = ()) -> str:
        """Return a result in words, with the fields `names`."""
        return result.error if isinstance(result, Raised) else shown(result)

    # Verdicts: the verifier asks

    def read_back(self, recent: Mapping[Name, Any]) -> Iterator[Call]:
        """Yield the reads that may show the last writes: by what names an entry, what the last write of it gave.

        Without any, the first is a call that every store answers.
        """
        return (Call(name, {}) for name, operation in self.operations.items() if operation.reads == WHOLE)

    def classify(self, entry: Entry, race: Race) -> Finding | None:
        """Note whether a call has failed and may have happened, and return what is wrong about that by itself."""
        entry.has_failed = entry.observed in (CANCELLED, SILENT)
        entry.may_have_happened = entry.has_failed and not entry.operation.is_read
        return None

    def checks(self, coverage: Coverage) -> Checks:
        """Return the checks of one scenario."""
        return Checks()

    def blame(
        self,
        entry: Entry,
        outcome: Outcome,
        names: Fields,
        write: Entry | None,
        about: tuple[str, ...],
        *,
        is_new: bool,
    ) -> list[str]:
        """Return the requirements that a result breaks, the nearest first.

        `write` is the write before it, if it was the only one; the scenario is `about` these requirements; `is_new`
        says that nothing was written yet.
        """
        return [*about, *outcome.requirements]


# How results are compared


def is_same(left: Any, right: Any) -> bool:
    """Whether two values are equal in value and type: `1`, `1.0` and `True` differ, and so do `0.0` and `-0.0`."""
    if left is right:
        return True
    kind = type(left)
    if kind is not type(right):
        return False
    if kind is float:
        return repr(left) == repr(right)
    return bool(left == right) and (not isinstance(left, tuple) or all(map(is_same, left, right)))


def differences(expected: Any, observed: Any) -> Fields:
    """Return the names of the fields in which a result is not the expected one; `` for a result of another kind."""
    return tuple(dict.fromkeys(_differing(expected, observed, "")))


def _differing(wanted: Any, present: Any, name: str) -> Iterator[str]:
    """Yield the fields of a part that differ; if it has none, the `name` of the field that it is in.

    Members are compared if they are the same things, by their first fields.
    """
    if isinstance(wanted, Symbol):
        if not wanted.accepts(present):
            yield name
    elif present is NOT_COMPARED or is_same(wanted, present):
        return
    elif type(wanted) is type(present) and hasattr(wanted, "_fields"):
        for parts in zip(wanted, present, wanted._fields, strict=True):
            yield from _differing(*parts)
    elif isinstance(present, Raised) and getattr(wanted, "error", None) == present.error:
        for fact, value in wanted.facts.items():
            yield from _differing(value, present.facts.get(fact), fact)
    elif (names := _names(wanted)) and names == _names(present):
        for members in zip(wanted, present, strict=True):
            yield from _differing(*members, name)
    else:
        yield name


def _names(members: Any) -> list[Any]:
    """Return the first field of each member, which names it; nothing if they are no named tuples."""
    if isinstance(members, tuple) and all(hasattr(member, "_fields") for member in members):
        return [member[0] for member in members]
    return []
