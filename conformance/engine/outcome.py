"""Calls and their possible outcomes, in the words that a contract and the engine share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class Symbol:
    """A value that the store chooses, until it is seen: an `id`, which is a text, or a `time`, not before another."""

    kind: str
    not_before: Any = None

    def accepts(self, value: Any) -> bool:
        """Whether it may stand for a value."""
        if self.kind != "time":
            return type(value) is str
        before = self.not_before
        return isinstance(value, datetime) and not (isinstance(before, datetime) and value < before)

    def __repr__(self) -> str:
        return f"a new {self.kind}"


@dataclass(frozen=True, slots=True)
class Raised:
    """The exception that comes out: its name, and those of its fields that are facts (prose is not compared)."""

    error: str
    facts: tuple[tuple[str, Any], ...] = ()


NOT_COMPARED = object()
"""Stands, in a result, for a field that the store does not have."""
CANCELLED = Raised("CancelledError")
SILENT = Raised("no answer in time")


class Span(NamedTuple):
    """Between which times since the start a call took effect, the time included that a harness let pass."""

    earliest: timedelta = timedelta(0)
    latest: timedelta = timedelta(0)


_START = Span()


@dataclass(eq=False, slots=True)
class Invocation:
    """A call of an operation with these arguments, and when it was made. Two calls with the same arguments are two."""

    operation: str
    arguments: Mapping[str, Any]
    at: Span = _START
    is_closed: bool = False
    """Whether its instance had been closed before."""


class Outcome(NamedTuple):
    """One thing that a call may do: what comes out of it, the state that it leaves, and the requirements that say so.

    Where the store chooses values, both have symbols for them.
    """

    result: Any
    state: Any
    requirements: tuple[str, ...] = ()


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


def differences(expected: Any, observed: Any) -> tuple[str, ...]:
    """Return the names of the fields in which a result is not the expected one; `` for a result of another kind."""
    if is_same(expected, observed):
        return ()
    if isinstance(expected, Raised) and isinstance(observed, Raised) and expected.error == observed.error:
        facts = dict(observed.facts)
        return tuple(name for name, value in expected.facts if not is_same(facts.get(name), value))
    if hasattr(expected, "_fields") and type(expected) is type(observed):
        return tuple(dict.fromkeys(_fields(expected, observed)))
    return ("",)


def _fields(expected: Any, observed: Any) -> Iterator[str]:
    """Yield the fields that differ; of members that are the same things, by their first fields, the fields of these."""
    for name, wanted, present in zip(expected._fields, expected, observed, strict=True):
        if isinstance(wanted, Symbol):
            if not wanted.accepts(present):
                yield name
        elif present is NOT_COMPARED or is_same(wanted, present):
            continue
        elif (names := _names(wanted)) and names == _names(present):
            for pair in zip(wanted, present, strict=True):
                yield from _fields(*pair)
        else:
            yield name


def _names(members: Any) -> list[Any]:
    """Return the first field of each member, which names it; nothing if they are no named tuples."""
    if isinstance(members, tuple) and all(hasattr(member, "_fields") for member in members):
        return [member[0] for member in members]
    return []
