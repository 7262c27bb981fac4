"""Where a call is made: on another instance, on one that was opened again, on one that was closed, among many tasks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product

from conformance.engine.scenario import Action, Call, Close, Race, ReadBack, Reopen, Scenario
from conformance.harness import Capability
from conformance.tasks import calls as do
from conformance.tasks.calls import cancel, create, get, listing, purge, restore
from conformance.tasks.spec.model import STATUSES
from conformance.tasks.tables.tasks import BEYOND, LONG_AGO, MICROSECOND, MIXED, A, B, restorable, scenario, to
from taskstore import TaskStatus


def scenarios(depth: str = "default") -> Iterator[Scenario]:
    """All of them."""
    yield from _closed()
    yield from _shared()
    yield from _reopened()
    for size in {"smoke": (), "default": (1_001,), "full": (1_001, 10_000)}[depth]:
        yield from _many(size)


def _closed() -> Iterator[Scenario]:
    """Every operation of a closed store raises StoreNotOpen, also if there is nothing to do."""
    calls = [create(), create(task_id="b"), purge(LONG_AGO), restore(restorable())]
    for task in (A, "nobody"):
        calls += [get(task), to("clipping", task), cancel(task)]
    calls += [listing(), listing(limit=0), listing(status=TaskStatus.FAILED)]
    for call in calls:
        yield scenario(create("a"), Close(), call, call, about="API-03")


def _alternate(calls: Iterable[Call], first: int) -> Iterator[Action]:
    """Yield the calls on two instances in turn, and what shows each."""
    for number, call in enumerate(calls, start=first):
        yield replace(call, on=number % 2)
        yield ReadBack()


def _shared() -> Iterator[Scenario]:
    """Two instances take turns. If the store is shared, each sees at once what the other wrote, and else nothing."""
    writes = create("a"), create("b"), *map(to, STATUSES[:-2]), cancel(B)
    again = create(task_id=A), cancel(A, label="a"), create(task_id=A)
    more = create("a"), *again, purge(do.TimeOf("a", plus=MICROSECOND)), to("clipping"), create("b")
    restored = restore(restorable()), restore(restorable()), cancel("restored")
    closed = Close(), get(A, on=1), to("clipping", on=1), create(on=1), ReadBack()
    alone = [Capability.SHARED]
    for lacks, about in ((), "SHARE-01"), (alone, "SHARE-02"):
        for calls, first in product((writes, more, restored), (0, 1)):
            yield scenario(_alternate(calls, first), about=about, lacks=lacks, instances=2)
        yield scenario(create("a"), ReadBack(), closed, about=about, lacks=lacks, instances=2)


def _reopened() -> Iterator[Scenario]:
    """An instance is closed and opened again."""
    persistent = [Capability.PERSISTENT]
    made = create("a", config={"b": [1, 1.0, None, "é\x00"]}), to("clipping"), create("b"), cancel(B)

    reads = get(A), listing(), do.Pages(7), cancel(A)
    again = Reopen(), *reads, Reopen(), get(A), create("c"), ReadBack()
    yield scenario(made, do.Populate(30, MIXED), again, about="DUR-01", needs=persistent)

    anew = Reopen(), get(A), get(B), create("c"), ReadBack()
    yield scenario(made, anew, about="DUR-03", lacks=persistent)


def _many(size: int) -> Iterator[Scenario]:
    """More tasks than the longest page shows, or than one batch of anything."""
    pending, page = TaskStatus.PENDING, listing(limit=1_000)
    made = create("a"), do.Populate(size - 2, ("pending",) * 7 + MIXED), create("last")
    races = [Race((page, write, page)) for write in (create(), to("completed"))]
    yield scenario(made, page, do.Pages(1_000), do.Pages(400, pending), races, ReadBack(), about="LIST-03 LIST-04")
    cursors = [listing(limit=1_000, after=do.CursorOf(one)) for one in ("a", "last")]
    both = do.Pages(1_000, by_cursor=True), do.Pages(400, pending, by_cursor=True)
    gone = purge(BEYOND), ReadBack(), create("n"), ReadBack()
    yield scenario(made, cursors, both, gone, about="LIST-12", needs=[Capability.CURSOR])
