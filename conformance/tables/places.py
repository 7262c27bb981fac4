"""Where a call is made: on another instance, on one that was opened again, on one that was closed, among many tasks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from conformance.core.scenario import (
    Action,
    Call,
    Close,
    CursorOf,
    Look,
    Next,
    Pages,
    Populate,
    Race,
    Reopen,
    Scenario,
    TimeOf,
    cancel,
    create,
    get,
    listing,
    purge,
    restore,
)
from conformance.harness import Capability
from conformance.spec.model import STATUSES
from conformance.tables.tasks import BEYOND, LONG_AGO, MICROSECOND, MIXED, A, B, first, plain, restorable, scenario, to
from taskstore import MAX_OFFSET, TaskStatus


def scenarios(depth: str = "default") -> Iterator[Scenario]:
    """All of them."""
    yield from plain()
    yield from _closed()
    yield from _shared()
    yield from _apart()
    yield from _reopened()
    if depth != "smoke":
        yield from _many(1_001)
    if depth == "full":
        yield from _many(10_000)


def _shared() -> Iterator[Scenario]:
    """Two instances of a shared store take turns: each sees at once what the other wrote."""
    both = partial(scenario, about="SHARE-01", instances=2)
    for on in (0, 1):
        other, again = 1 - on, create(task_id="job-1", on=on, config={})
        turns = [call for one in STATUSES for call in (to(one, on=on), get(A, on=other), listing(on=other))]
        yield both(create("a"), get(A, on=other), turns, cancel(A), listing(limit=0, on=other), Look())
        ended = create("a"), cancel(A, label="a"), get(A, on=on), purge(TimeOf("a", plus=MICROSECOND), on=other)
        yield both(ended, get(A, on=on), to("clipping", on=on), Look())
        yield both(
            first(again), again, cancel(A), again, get("job-1", on=other), to("clipping", "job-1", on=on), Look()
        )
        yield both(
            restore(restorable(), on=on), get("restored"), Reopen(other), restore(restorable(), on=other), Look()
        )
    yield both(create("a"), create("b", on=1), Close(0), get(A, on=1), to("clipping", on=1), listing(on=1), Look())


def _apart() -> Iterator[Scenario]:
    """Two instances of a store that is not shared know nothing of each other."""
    both = partial(scenario, about="SHARE-02", lacks=[Capability.SHARED], instances=2)
    mine = create("a"), listing(on=1), create("b", on=1), cancel(B, on=1), get(A, on=1), get(B)
    yield both(mine, to("clipping"), Look(), Close(0), get(B, on=1))
    yield both(restore(restorable()), restore(restorable(status="clipping"), on=1), to("completed", "restored"), Look())


def _reopened() -> Iterator[Scenario]:
    """An instance is closed and opened again."""
    made = create("a", config={"b": [1, 1.0, None, "é\x00"]}), *map(to, STATUSES[:-3])
    again = Reopen(), get(A), listing(), Pages(7), cancel(A), Reopen(), get(A), create("b"), Look()
    yield scenario(made, Populate(30, MIXED), again, about="DUR-01", needs=[Capability.PERSISTENT])
    forgotten = create("a"), create("b"), cancel(B), Reopen(), get(A), get(B), listing(), create("c"), listing()
    yield scenario(forgotten, about="DUR-03", lacks=[Capability.PERSISTENT])


def _closed() -> Iterator[Scenario]:
    """Every operation of a closed store raises StoreNotOpen, also if there is nothing to do."""
    calls: list[Call] = [
        *(create(), create(task_id="job-1"), get(A), to("clipping"), cancel(A), purge(LONG_AGO), restore(restorable())),
        *(listing(), listing(limit=0), listing(status=TaskStatus.FAILED), listing(offset=MAX_OFFSET)),
    ]
    for call in calls:
        yield scenario(create("a"), Close(), call, call, about="API-03")
    unknown = [replace(call, arguments={**call.arguments, "task_id": "nobody"}) for call in calls[2:5]]
    yield scenario(Close(), unknown, calls[5:], about="API-03")


def _many(size: int) -> Iterator[Scenario]:
    """More tasks than the longest page shows, or than one batch of anything."""
    pending = TaskStatus.PENDING
    made = create("a"), Populate(size - 2, ("pending",) * 7 + MIXED), create("last")
    pages = (
        listing(limit=1_000, offset=1),
        listing(limit=1_000, status=TaskStatus.LLM_PASS2),
        listing(offset=MAX_OFFSET),
    )
    page = listing(limit=1_000)
    writes = create(), to("completed"), restore(restorable())
    races: list[Action] = [Race((page, write, page)) for write in writes]
    gone = purge(BEYOND), listing(limit=0), Look(), create("n"), Look()
    yield scenario(made, pages, Pages(1_000), Pages(400, pending), races, gone, about="LIST-03 LIST-04")
    behind = listing("first", limit=1_000), listing(limit=1_000, after=Next("first"))
    cursors = [listing(limit=1_000, after=CursorOf(one)) for one in ("a", "last")]
    both = Pages(1_000, by_cursor=True), Pages(400, pending, by_cursor=True)
    yield scenario(made, behind, cursors, both, about="LIST-12", needs=[Capability.CURSOR])
