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
from conformance.tables.tasks import BEYOND, LONG_AGO, MICROSECOND, MIXED, A, B, restorable, scenario, to
from taskstore import MAX_OFFSET, TaskStatus


def scenarios(depth: str = "default") -> Iterator[Scenario]:
    """All of them."""
    yield from _shared()
    yield from _apart()
    yield from _reopened()
    yield from _closed()
    if depth != "smoke":
        yield from _many(1_001)
    if depth == "full":
        yield from _many(10_000)


def _shared() -> Iterator[Scenario]:
    """Two instances of a shared store take turns: each sees at once what the other wrote."""
    both = partial(scenario, about="SHARE-01", instances=2)
    for status in STATUSES:
        first = create("a", config={"k": 1.0}), get(A, on=1), to(status, on=1, label="a"), get(A), listing(), Look()
        yield both(
            first, to("clipping", progress=8), get(A, on=1), cancel(A, on=1), listing(), create("z", on=1), Look()
        )
    turns = [(to("clipping", on=one % 2, current_step=f"{one}"), get(A, on=1 - one % 2)) for one in range(6)]
    listed = [(create(on=one % 2), listing(on=1 - one % 2), listing(limit=0)) for one in range(4)]
    yield both(create("a"), *turns, *listed)
    other = create(task_id="job-1", on=1, config={})
    yield both(create("a", "job-1"), create(task_id="job-1", on=1), to("clipping", on=1), other, get(A), Look())
    swept = cancel(A, label="a"), get(A, on=1), purge(TimeOf("a", plus=MICROSECOND), on=1), get(A), other, get("job-1")
    yield both(create("a", "job-1"), swept, to("clipping", "job-1"), cancel("job-1", on=1), Look())
    over = restore(restorable(), on=1), get("restored"), restore(restorable()), Reopen(1), get(A, on=1), Look()
    yield both(create("a"), over)
    yield both(create("a"), create("b", on=1), Close(0), get(A, on=1), to("clipping", on=1), listing(on=1), Look())


def _apart() -> Iterator[Scenario]:
    """Two instances of a store that is not shared know nothing of each other."""
    both = partial(scenario, about="SHARE-02", lacks=[Capability.SHARED], instances=2)
    mine = create("a"), listing(on=1), create("b", on=1), cancel(B, on=1), get(A, on=1), get(B)
    yield both(mine, to("clipping"), to("clipping", on=1), Look())
    same = create("a", "job-1"), create(task_id="job-1", on=1, config={}), to("clipping"), cancel("job-1", on=1)
    yield both(same, purge(BEYOND, on=1), Look(), create(task_id="job-1", on=1), get(A), get(A, on=1))
    given = restore(restorable()), restore(restorable(status="clipping"), on=1), to("completed", "restored")
    yield both(given, Look(), Close(0), get("restored", on=1))


def _reopened() -> Iterator[Scenario]:
    """An instance is closed and opened again."""
    again = Reopen(), get(A), listing(), to("uploading", progress=3), cancel(A), Reopen(), get(A), create("b"), Look()
    for status in STATUSES:
        made = create("a", config={"b": [1, 1.0, None, "é\x00"]}), to(status, result_url="r", label="a")
        yield scenario(made, again, about="DUR-01", needs=[Capability.PERSISTENT])
    many = (
        Populate(120, MIXED),
        Reopen(),
        listing(),
        Pages(50),
        listing(status=TaskStatus.CLIPPING),
        create("n"),
        Look(),
    )
    yield scenario(many, about="DUR-01", needs=[Capability.PERSISTENT])
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
    pages = [listing(limit=most, offset=first) for most, first in ((1_000, 1), (1_000, 2), (999, 1), (50, 990))]
    pages += [listing(limit=1_000, status=status) for status in (pending, TaskStatus.LLM_PASS2)]
    pages += [listing(offset=size), listing(offset=MAX_OFFSET), listing(limit=0)]
    page = listing(limit=1_000)
    writes = create(), to("completed"), restore(restorable())
    races: list[Action] = [Race((page, write, page)) for write in writes]
    gone = purge(BEYOND), listing(limit=0), Look(), create("n"), Look()
    yield scenario(made, pages, Pages(1_000), Pages(400, pending), races, gone, about="LIST-03 LIST-04")
    behind = listing("first", limit=1_000), listing(limit=1_000, after=Next("first"))
    cursors = [listing(limit=1_000, after=CursorOf(one)) for one in ("a", "last")]
    both = Pages(1_000, by_cursor=True), Pages(400, pending, by_cursor=True)
    yield scenario(made, behind, cursors, both, about="LIST-12", needs=[Capability.CURSOR])
