"""Calls and their possible outcomes, in the words that a contract and the engine share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class Symbol:
    """A value that the store chooses, until it is seen, such as an `id` or a `time`; a time is not before another."""

    kind: str
    not_before: Any = None

    def __repr__(self) -> str:
        return f"a new {self.kind}"


@dataclass(frozen=True, slots=True)
class Raised:
    """The exception that comes out: its name, and those of its fields that are facts (prose is not compared)."""

    error: str
    facts: tuple[tuple[str, Any], ...] = ()


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

    Where the store chose values, `written` is what was written, with symbols for them, and `state` does not hold it.
    """

    result: Any
    state: Any
    requirements: tuple[str, ...] = ()
    written: Any = None
