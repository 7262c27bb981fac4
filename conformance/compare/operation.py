"""An operation: what a harness names so that two subjects can be compared without a contract."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

WHOLE = ""
"""Stands in `ids` or `times` for a result that is itself an id or a time, or a list of them."""


@dataclass(frozen=True)
class EarlierId:
    """Stands, as an argument, for an id that both sides gave earlier, each its own; known when the call is made.

    Counted from the latest one: a script keeps its meaning when its first lines go.
    """

    back: int


def earlier_ids(unknown: st.SearchStrategy[Any] | None = None) -> st.SearchStrategy[Any]:
    """Ids that earlier results gave on both sides, matched by position, or now and then an unknown one."""
    return st.builds(EarlierId, st.integers(0, 5)) | (st.text(max_size=10) if unknown is None else unknown)


@dataclass(frozen=True)
class Operation:
    """One operation of a store: how it is called, with what, and how its results are read.

    `call` is given the opened store and the drawn arguments by name; it may be a method of the store's class, async or
    plain. `arguments` are always given, `optional` ones may be left out; those that refer to tasks that are there draw
    from `earlier_ids`. In results and exceptions, fields named in `ids` are matched: the first id that one side gives
    is the first id that the other side gives. Fields named in `times` are compared for presence, type and zone only.
    """

    name: str
    call: Callable[..., Any]
    arguments: Mapping[str, st.SearchStrategy[Any]] = field(default_factory=dict)
    optional: Mapping[str, st.SearchStrategy[Any]] = field(default_factory=dict)
    ids: Collection[str] = ()
    times: Collection[str] = ()
