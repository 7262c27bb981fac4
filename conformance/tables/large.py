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
    cancel,
    create,
    get,
    listing,
    purge,
    restore,
    update,
)
from conformance.tables.tasks import BEYOND, CURSOR, MIXED, A, going, restorable
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
    yield Scenario(f"listings of {_SIZE} tasks", (create("a"), Populate(_SIZE - 1, _MOSTLY), *reads))
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
    writes = (create(), update(A, TaskStatus.COMPLETED), restore(restorable()))
    for write in writes:
        race = Race((page, write, page))
        actions = (create("a"), Populate(_SIZE, _MOSTLY), race, listing(limit=0), listing(limit=1_000, offset=500))
        yield Scenario(f"a page of a thousand tasks and {write.operation} race", actions, ("LIST-03",))
    gone = (cancel(A), purge(BEYOND), listing(limit=0), get(A), Look(), going(), create("n"), Look())
    yield Scenario(
        "a purge of many tasks",
        (create("a"), Populate(_SIZE, ("cancelled", "failed", "pending")), *gone),
        ("MAINT-01",),
    )
    if depth == "full":
        actions = (Populate(10_000, _MOSTLY), *reads)
        yield Scenario("listings of ten thousand tasks", actions)
