"""Where a call is made: on another instance, on one that was opened again, on one that was closed, among many tasks."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.engine.kinds import closed, reopened, shared
from conformance.engine.scenario import Call, Close, Race, ReadBack, Scenario
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


def scenarios(depth: str = "default") -> Iterator[Scenario]:
    """All of them."""
    yield from closed([create("a")], _CALLS, about="API-03")
    yield from shared(_TURNS, about="SHARE-01", apart="SHARE-02")
    yield from reopened(_MADE, _READS, about="DUR-01", anew="DUR-03")
    yield from _table.scenarios(depth)


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


_MADE = (
    create("a", config={"b": [1, 1.0, None, "é\x00"]}),
    to("clipping"),
    create("b"),
    cancel(B),
    do.Populate(30, MIXED),
)
_READS = (
    get(A),
    get(B),
    listing(),
    do.Pages(7),
    cancel(A),
    create("c"),
)


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


_SIZES: dict[str, tuple[int, ...]] = {
    "smoke": (),
    "default": (1_001,),
    "full": (1_001, 10_000),
}
_PAGE = listing(limit=1_000)


def _read_and_raced(size: int) -> Actions:
    """Yield more tasks than the longest page shows, all their pages, and writes beside a page."""
    yield create("a")
    yield do.Populate(size - 2, ("pending",) * 7 + MIXED)
    yield create("last")
    yield _PAGE
    yield do.Pages(1_000)
    yield do.Pages(400, TaskStatus.PENDING)
    for write in (create(), to("completed")):
        yield Race((_PAGE, write, _PAGE))
    yield ReadBack()


@_table("LIST-03 LIST-04", lacks=[Capability.CURSOR], size=_SIZES)
def _many(size: int) -> Actions:
    """More tasks than the longest page shows, or than one batch of anything."""
    return _read_and_raced(size)


@_table("LIST-03 LIST-04 LIST-12", needs=[Capability.CURSOR], size=_SIZES)
def _many_by_cursor(size: int) -> Actions:
    """The same, then read behind a cursor and purged."""
    yield from _read_and_raced(size)
    for label in ("a", "last"):
        yield listing(limit=1_000, after=do.CursorOf(label))
    yield do.Pages(1_000, by_cursor=True)
    yield do.Pages(400, TaskStatus.PENDING, by_cursor=True)
    yield purge(BEYOND)
    yield ReadBack()
    yield create("n")
    yield ReadBack()
