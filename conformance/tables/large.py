"""More than a thousand tasks: what only the longest page, or a second batch, shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.core.scenario import (
    Action,
    CursorOf,
    Look,
    Next,
    Pages,
    Populate,
    Race,
    Scenario,
    create,
    get,
    listing,
    purge,
    restore,
    update,
)
from conformance.tables.tasks import BEYOND, CURSOR, MIXED, A, Actions, going, restorable
from taskstore import MAX_OFFSET, TaskStatus

_MOSTLY = ("pending",) * 7 + MIXED
"""The statuses of the tasks: to give each of them another one takes its time."""
_SIZE = 1_001


def scenarios(depth: str = "default") -> Iterator[Scenario]:
    """All of them."""
    if depth == "smoke":
        return
    pending = TaskStatus.PENDING
    pages: list[dict[str, Any]] = [
        *({"limit": limit} for limit in (0, 999, 1_000)),
        *({"limit": 1_000, "offset": offset} for offset in (1, 2, 999, 1_000, _SIZE + 1, MAX_OFFSET)),
        *({"offset": offset} for offset in (950, 951, 952, 1_000, 1_001)),
        *({"limit": 1_000, "status": status} for status in (pending, TaskStatus.COMPLETED, TaskStatus.LLM_PASS2)),
        {"limit": 1_000, "status": pending, "offset": 600},
    ]
    reads: list[Action] = [*(listing(**page) for page in pages), Pages(1_000), Pages(400, pending)]
    behind = (
        listing("first", limit=1_000),
        listing(limit=1_000, after=Next("first")),
        listing(limit=1_000, after=CursorOf("a")),
        listing(after=CursorOf("last"), limit=1_000),
    )
    pages_by_cursor = (Pages(1_000, by_cursor=True), Pages(400, pending, by_cursor=True))
    made = (create("a"), Populate(_SIZE - 1, _MOSTLY), create("last"))
    yield Scenario("cursors among many tasks", (*made, *behind, *pages_by_cursor), ("LIST-12",), CURSOR)
    page = listing(limit=1_000)
    races = [Race((page, write, page)) for write in (create(), update(A, TaskStatus.COMPLETED), restore(restorable()))]
    gone = (listing(limit=0), purge(BEYOND), listing(limit=0), get(A), Look(), going(), create("n"), Look())
    many = (create("a"), Populate(_SIZE - 1, _MOSTLY))
    yield Scenario(f"{_SIZE} tasks are listed, then written meanwhile", (*many, *reads, *races, *gone), ("LIST-03",))
    ended = (create("a"), Populate(_SIZE, ("cancelled",)), purge(BEYOND), listing())
    if depth == "full":
        yield Scenario("more than a thousand final tasks are purged", ended, ("MAINT-01",))
        actions: Actions = (Populate(10_000, _MOSTLY), *reads)
        yield Scenario("listings of ten thousand tasks", actions)
