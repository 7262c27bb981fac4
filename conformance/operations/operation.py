"""An operation of a store, as a harness names it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from conformance.files import CommandFailedError
from conformance.harness import Capability

if TYPE_CHECKING:  # the suite draws nothing from strategies, and Hypothesis takes a moment to import
    from hypothesis import strategies as st

WHOLE = ""
"""In `ids` and `times`: the result itself, or each member of a list. In `reads` and `writes`: the store as a whole."""

LONGEST = timedelta(days=400)
"""The longest lifetime whose end is waited for."""


class OperationsError(CommandFailedError):
    """Operations of a harness, or their results, cannot be used, or two harnesses name others."""


@dataclass(frozen=True, repr=False)
class EarlierId:
    """Stands, as an argument, for an id that the store gave earlier, counted from the latest one."""

    back: int

    def __repr__(self) -> str:
        return f"result{self.back}"

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """The id itself: who copies the arguments gives the ids of the store."""
        ids = memo.get(id(EarlierId))
        return ids[-1 - self.back % len(ids)] if ids else "no such id"


def with_ids(value: Any, ids: Sequence[Any]) -> Any:
    """A copy of a drawn value, with the store's own id in the place of every `EarlierId` in it."""
    try:
        return copy.deepcopy(value, {id(EarlierId): ids})
    except Exception:  # noqa: BLE001  not everything can be copied; all stores get the same then
        return value


def earlier_ids(unknown: st.SearchStrategy[Any] | None = None) -> st.SearchStrategy[Any]:
    """Ids that earlier results gave, matched by position, or now and then an unknown one.

    It may stand inside other strategies: `st.lists(earlier_ids())`.
    """
    from hypothesis import strategies as st

    return st.builds(EarlierId, st.integers(0, 5)) | (st.text(max_size=10) if unknown is None else unknown)


@dataclass(frozen=True)
class Operation:
    """One operation of a store: how it is called, with what, and how its results are read.

    Args:
        name: what scripts and tables call it.
        call: the name of a method of the store, or a function that is given the store before the arguments; async or
            plain.
        arguments: a strategy for each argument that is always given.
        optional: a strategy for each argument that may be left out.
        ids: fields of results and exceptions that hold ids made by the store. They are matched by position: the first
            id that one store gives is the first that the other gives. `WHOLE` if the result itself is an id.
        times: fields that hold times made by the store, compared for presence, type and time zone only; in a
            tuple whole numbers below 10**8 count something.
        writes: for an operation that changes something, the argument that names the entry, or a list or mapping of
            entries, or a tuple of arguments that name it together; `WHOLE` if the store chooses the entry, or
            everything is changed.
        reads: for an operation that only reads, likewise; `WHOLE` for a listing or count. After each write the reads
            whose other arguments are optional are called on the entry that it touched, or all if every read has others.
        view: turns a result that cannot be compared as it is into one that can.
        ignored: fields that are not compared, each with the reason.
        tolerances: numbers that may differ by so much, each field with `(how much, reason)`.
        positional: arguments that are given by their places; all others by their names.
        lifetime: the argument that is a lifetime, in seconds, or how many an entry has that no argument gives: with it
            the hook `advance` lets an entry expire.
        seconds: for an operation that may wait for something: after so many it is given up, and raises TimeoutError.
        needs: what a store has to declare that has the operation (`WHOLE`), or one of its arguments.
    """

    name: str
    call: Callable[..., Any] | str
    arguments: Mapping[str, st.SearchStrategy[Any]] = field(default_factory=dict)
    optional: Mapping[str, st.SearchStrategy[Any]] = field(default_factory=dict)
    ids: Collection[str] = ()
    times: Collection[str] = ()
    writes: str | tuple[str, ...] | None = None
    reads: str | tuple[str, ...] | None = None
    view: Callable[[Any], Any] | None = None
    ignored: Mapping[str, str] = field(default_factory=dict)
    tolerances: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    positional: Collection[str] = ()
    lifetime: str | float | None = None
    seconds: float | None = None
    needs: Mapping[str, Capability] = field(default_factory=dict)

    @property
    def strategies(self) -> dict[str, st.SearchStrategy[Any]]:
        """The strategy of each argument."""
        return {**self.arguments, **self.optional}

    @property
    def is_read(self) -> bool:
        """Whether it changes nothing."""
        return self.reads is not None

    @property
    def entry(self) -> tuple[str, ...]:
        """The arguments that name what it reads or writes."""
        named = self.writes or self.reads or ()
        return (named,) if isinstance(named, str) else named

    def needed(self, arguments: Iterable[str]) -> set[Capability]:
        """Return what a store has to declare for a call with these arguments."""
        return {self.needs[name] for name in (WHOLE, *arguments) if name in self.needs}

    def lifetime_in(self, arguments: Mapping[Any, Any]) -> timedelta:
        """Return the lifetime that a call gives, if time can pass that far; else none."""
        given: Any = arguments.get(self.lifetime, self.lifetime)
        with suppress(Exception):  # it is no number of seconds
            span = given if isinstance(given, timedelta) else timedelta(seconds=given)
            if timedelta(0) < span < LONGEST:
                return span
        return timedelta(0)

    def check(self, store: Any) -> None:
        """Raise `OperationsError` if the store has no such method."""
        if isinstance(self.call, str) and not hasattr(store, self.call):
            raise OperationsError(f"{self.name}: {type(store).__name__} has no method {self.call}")

    def prepared(self, store: Any, arguments: Mapping[str, Any]) -> partial[Any]:
        """Return a call that is still to be made."""
        named = dict(arguments)
        placed = [named.pop(name) for name in self.positional if name in named]
        call = getattr(store, self.call) if isinstance(self.call, str) else partial(self.call, store)
        return partial(call, *placed, **named)

    def invoke(self, store: Any, arguments: Mapping[str, Any]) -> Any:
        """Make a call."""
        return self.prepared(store, arguments)()
