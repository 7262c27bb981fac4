"""Where a call is made: on another instance, on one that was opened again, on one that was closed, among many tasks."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.engine.kinds import closed, reopened, scenario, shared
from conformance.engine.scenario import Close, Race, ReadBack, Scenario
from conformance.harness import Capability
from conformance.tasks import calls as do
from conformance.tasks.calls import cancel, create, get, listing, purge
from conformance.tasks.tables.tasks import BEYOND, CALLS, EXTRAS, MADE, MIXED, READS, WRITES, A, to
from taskstore import TaskStatus

_SIZES: dict[str, tuple[int, ...]] = {"smoke": (), "default": (1_001,), "full": (1_001, 10_000)}


def scenarios(depth: str = "default") -> Iterator[Scenario]:
    """All of them."""
    yield from closed(MADE, (*CALLS, get("nobody"), cancel("nobody")), about="API-03")
    yield from shared([(*MADE, *WRITES), (*MADE, *EXTRAS)], about="SHARE-01", apart="SHARE-02")
    made = *MADE, create("c", config={"b": [1, 1.0, None, "é\x00"]}), do.Populate(30, MIXED)
    then = *READS[:2], do.Pages(7), cancel(A), create("d")
    yield from reopened(made, then, about="DUR-01", anew="DUR-03")
    for size in _SIZES[depth]:
        yield from _many(size)

    goes_on = create("a"), ReadBack(), Close(), get(A, on=1), to("clipping", on=1), create(on=1)
    yield scenario(goes_on, about="SHARE-01", instances=2)
    yield scenario(goes_on, about="SHARE-02", lacks=[Capability.SHARED], instances=2)


def _many(size: int) -> Iterator[Scenario]:
    """Yield more tasks than the longest page shows, all their pages, and writes beside a page; then by cursor."""
    page = listing(limit=1_000)
    made = create("a"), do.Populate(size - 2, ("pending",) * 7 + MIXED), create("last")
    raced = [Race((page, write, page)) for write in (create(), to("completed"))]
    yield scenario(made, page, do.Pages(1_000), raced, ReadBack(), about="LIST-03 LIST-04")

    behind = listing(limit=1_000, after=do.CursorOf("last")), do.Pages(400, TaskStatus.PENDING, by_cursor=True)
    end = purge(BEYOND), ReadBack(), create("n"), ReadBack()
    yield scenario(made, behind, end, about="LIST-04 LIST-12", needs=[Capability.CURSOR])
