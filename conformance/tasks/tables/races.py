"""Calls at the same time: some order explains them all, and whoever is cancelled takes nobody along."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, combinations_with_replacement
from typing import Any

from conformance.engine.kinds import cancelled, races
from conformance.engine.scenario import Call, Race, Scenario
from conformance.tasks import calls as do
from conformance.tasks.calls import cancel, create, get, listing, purge, restore
from conformance.tasks.tables.tasks import (
    BEYOND,
    MICROSECOND,
    A,
    Actions,
    B,
    Table,
    restorable,
    to,
)
from taskstore import TaskStatus

_table = Table()
_MADE = create("a"), create("b"), cancel(B, label="b")
_ENDS = (
    to("completed"),
    to("failed", error_message="e"),
    cancel(A),
)
_PURGE = purge(do.TimeOf("b", plus=MICROSECOND))
_WRITES = (
    create(),
    create(task_id=A),
    create(task_id="new"),
    to("uploading", progress=7),
    _PURGE,
    to("clipping", result_url="r"),
    to("completed"),
    cancel(A),
    cancel(B),
    restore(restorable()),
)
_READS = (
    get(A),
    listing(),
)
_PAGES = (
    listing(limit=1, offset=1),
    listing(limit=1, after=do.CursorOf("a")),
)
_TURNS = {
    "smoke": (1,),
    "default": (1,),
    "full": (0, 1, 2, 3, 5, 8),
}


def scenarios(depth: str = "default") -> Iterator[Scenario]:
    """All of them."""
    for about, raced in (("ATOM-02", _ENDS), ("ATOM-01", (*_WRITES, *_READS))):
        pairs = combinations_with_replacement(raced, 2)
        yield from races(_MADE, pairs, about=about, every_order=True, is_full=depth == "full")
    calls = *_WRITES, *_READS, *_PAGES
    yield from cancelled(_MADE, calls, then=[create("c")], about="ATOM-06", turns=_TURNS[depth])
    yield from _table.scenarios(depth)
    for size in _SIZES[depth]:
        yield from _listings(size)


_LABELS = ("a", *(f"t{number}" for number in range(20)))
_CROWDS = {
    "smoke": (300,),
    "default": (300,),
    "full": (1_000,),
}

_READERS = {
    "smoke": (300,),
    "default": (600,),
    "full": (2_000,),
}
"""A read is cheap: so many are more than a pool or a queue of 500 holds."""


def _crowd(calls: Sequence[Call], count: int) -> Actions:
    """Yield so many calls at the same time, and what shows what they did."""
    yield from map(create, _LABELS)
    yield Race((*calls,) * (count // len(calls)))
    yield get(A)
    yield listing(limit=0)


@_table("ATOM-06", count=_READERS)
def _reads(count: int) -> Actions:
    """Hundreds of reads, each with its own result."""
    pairs = [(get(do.Id(label)), get("nobody")) for label in _LABELS[1:]]
    return _crowd([*chain(*pairs)], count)


@_table("ATOM-06", count=_CROWDS)
def _creations(count: int) -> Actions:
    """Hundreds of creations, each with its own videos."""
    return _crowd([create(video_ids=(str(number),)) for number in range(count)], count)


@_table("ATOM-06", count=_CROWDS)
def _updates(count: int) -> Actions:
    """Hundreds of updates of one task."""
    return _crowd([to("clipping", progress=number / 10) for number in range(count)], count)


@_table("ATOM-06", count=_CROWDS)
def _repetitions(count: int) -> Actions:
    """Hundreds of creations under one id."""
    return _crowd([create(task_id=A), create(task_id=A, config={})], count)


_SIZES = {
    "smoke": (130,),
    "default": (130,),
    "full": (130, 260, 1_100),
}
_STATUSES: dict[str, Any] = {"any": {}, "pending": {"status": TaskStatus.PENDING}}
_NEWER = restore(restorable(created_at=BEYOND, updated_at=BEYOND))
_MOVING = (
    create(),
    _NEWER,
)
"""Writes that move all pages."""
_STANDING = (
    to("completed"),
    _PURGE,
    restore(restorable()),
)


def _listings(size: int) -> Iterator[Scenario]:
    """Pages of more than a hundred tasks, and pages behind a cursor, beside the writes that change what they hold."""
    connected = Race((get(A),) * 5)
    made = *_MADE, do.Populate(size, ("pending",) * 9 + ("completed",)), connected
    for status in _STATUSES.values():
        whole = listing(limit=1_000, **status)
        empty = listing(limit=0, **status)
        last = listing(limit=50, offset=size - 60, **status)
        crowds = [(whole, write, empty) for write in _MOVING]
        crowds += [(whole, write, last) for write in _STANDING]
        yield from races(made, crowds, about="LIST-03")

        behind = [listing(limit=most, after=do.CursorOf("a"), **status) for most in (1, 50)]
        by_cursor = [(*behind, write, *behind) for write in (*_MOVING, *_STANDING)]
        yield from races((*_MADE, create("c"), connected), by_cursor, about="LIST-12 LIST-13")
