"""Where a call is made: on another instance, on one that was opened again, on one that was closed, among many tasks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from conformance.engine.scenario import Call, Close, Race, ReadBack, Reopen
from conformance.harness import Capability
from conformance.tasks import calls as do
from conformance.tasks.calls import cancel, create, get, listing, purge, restore
from conformance.tasks.spec.model import STATUSES
from conformance.tasks.tables.tasks import (
    BEYOND,
    LONG_AGO,
    MICROSECOND,
    MIXED,
    A,
    Actions,
    B,
    Table,
    restorable,
    to,
)
from taskstore import TaskStatus

_table = Table()
scenarios = _table.scenarios

_CALLS = (
    create(),
    create(task_id="b"),
    purge(LONG_AGO),
    restore(restorable()),
    get(A),
    to("clipping"),
    cancel(A),
    get("nobody"),
    to("clipping", "nobody"),
    cancel("nobody"),
    listing(),
    listing(limit=0),
    listing(status=TaskStatus.FAILED),
)


@_table("API-03", call=_CALLS)
def _closed(call: Call) -> Actions:
    """Every operation of a closed store raises StoreNotOpen, also if there is nothing to do."""
    yield create("a")
    yield Close()
    yield call
    yield call


_TURNS: tuple[tuple[Call, ...], ...] = (
    (
        create("a"),
        create("b"),
        *map(to, STATUSES[:-2]),
        cancel(B),
    ),
    (
        create("a"),
        create(task_id=A),
        cancel(A, label="a"),
        create(task_id=A),
        purge(do.TimeOf("a", plus=MICROSECOND)),
        to("clipping"),
        create("b"),
    ),
    (
        restore(restorable()),
        restore(restorable()),
        cancel("restored"),
    ),
)


@_table("SHARE-02", lacks=[Capability.SHARED], instances=2, calls=_TURNS, first=(0, 1))
@_table("SHARE-01", instances=2, calls=_TURNS, first=(0, 1))
def _in_turn(calls: Iterable[Call], first: int) -> Actions:
    """Two instances take turns. If the store is shared, each sees at once what the other wrote, and else nothing."""
    for number, call in enumerate(calls, start=first):
        yield replace(call, on=number % 2)
        yield ReadBack()


@_table("SHARE-02", lacks=[Capability.SHARED], instances=2)
@_table("SHARE-01", instances=2)
def _one_is_closed() -> Actions:
    """One instance is closed, and the other goes on."""
    yield create("a")
    yield ReadBack()
    yield Close()
    yield get(A, on=1)
    yield to("clipping", on=1)
    yield create(on=1)
    yield ReadBack()


_MADE = create("a", config={"b": [1, 1.0, None, "é\x00"]}), to("clipping"), create("b"), cancel(B)


@_table("DUR-01", needs=[Capability.PERSISTENT])
def _kept() -> Actions:
    """An instance is closed and opened again, twice."""
    yield from _MADE
    yield do.Populate(30, MIXED)
    yield Reopen()
    yield get(A)
    yield listing()
    yield do.Pages(7)
    yield cancel(A)
    yield Reopen()
    yield get(A)
    yield create("c")
    yield ReadBack()


@_table("DUR-03", lacks=[Capability.PERSISTENT])
def _gone() -> Actions:
    """An instance is closed, and another is opened, which knows nothing of it."""
    yield from _MADE
    yield Reopen()
    yield get(A)
    yield get(B)
    yield create("c")
    yield ReadBack()


_SIZES: dict[str, tuple[int, ...]] = {
    "smoke": (),
    "default": (1_001,),
    "full": (1_001, 10_000),
}
_PAGE = listing(limit=1_000)


def _populated(size: int) -> Actions:
    yield create("a")
    yield do.Populate(size - 2, ("pending",) * 7 + MIXED)
    yield create("last")


@_table("LIST-03 LIST-04", size=_SIZES)
def _many(size: int) -> Actions:
    """More tasks than the longest page shows, or than one batch of anything."""
    yield from _populated(size)
    yield _PAGE
    yield do.Pages(1_000)
    yield do.Pages(400, TaskStatus.PENDING)
    for write in (create(), to("completed")):
        yield Race((_PAGE, write, _PAGE))
    yield ReadBack()


@_table("LIST-12", needs=[Capability.CURSOR], size=_SIZES)
def _many_by_cursor(size: int) -> Actions:
    """The same, read behind a cursor and purged."""
    yield from _populated(size)
    for label in ("a", "last"):
        yield listing(limit=1_000, after=do.CursorOf(label))
    yield do.Pages(1_000, by_cursor=True)
    yield do.Pages(400, TaskStatus.PENDING, by_cursor=True)
    yield purge(BEYOND)
    yield ReadBack()
    yield create("n")
    yield ReadBack()
