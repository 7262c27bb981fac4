"""Every form of read, before and after every change: a store must not answer from what it kept of an earlier read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from conformance.engine.scene import (
    Action,
    Advance,
    Copy,
    Cursor,
    Known,
    Reopen,
    Scene,
    Step,
    Text,
    cancel,
    create,
    get,
    listing,
    purge,
    restore,
    update,
)
from conformance.harness import Capability
from conformance.tour.tasks import BEYOND, CALLER_IDS, CURSOR, EXPIRING, MINUTE, PERSISTENT, SHARED, WEEK, restorable
from taskstore import TaskStatus

_NEW = restorable(created_at=BEYOND, updated_at=BEYOND)
_CHANGES: dict[str, tuple[tuple[Action, ...], frozenset[Capability]]] = {
    "a creation": ((create("n"),), frozenset()),
    "a creation under an id": ((create("n", "job-1"),), CALLER_IDS),
    "an update of a field": ((update("a", TaskStatus.PENDING, progress=5, current_step="s"),), frozenset()),
    "an update of the status": ((update("a", TaskStatus.CLIPPING),), frozenset()),
    "a completion": ((update("a", TaskStatus.COMPLETED),), frozenset()),
    "a failure": ((update("a", TaskStatus.FAILED, error_message="e"),), frozenset()),
    "a cancellation": ((cancel("a"),), frozenset()),
    "a purge": ((purge(BEYOND),), frozenset()),
    "a restored task that is the newest": ((restore(_NEW),), frozenset()),
    "a restored task that is the oldest": ((restore(restorable()),), frozenset()),
    "a task that is restored in its place": (
        (replace(cancel("a"), label=""), purge(BEYOND), restore(Copy("a", {"current_step": "another"}))),
        frozenset(),
    ),
    "an expiry": ((Advance(WEEK + MINUTE),), EXPIRING),
    "reopening": ((Reopen(),), PERSISTENT),
}


def _reads(on: int = 0) -> tuple[Step, ...]:
    """Every form of read that differs on a store of a few tasks."""
    pending, final = TaskStatus.PENDING, TaskStatus.CANCELLED
    listings = (
        *(listing(limit=limit, status=status) for limit in (0, 1, 50) for status in (None, pending, final)),
        listing(limit=1, offset=1),
        listing(limit=50, offset=1, status=pending),
        listing(limit=0, offset=3),
        listing(offset=50),
        listing(status=TaskStatus.CLIPPING, limit=0),
        listing(status=TaskStatus.COMPLETED),
        get("a"),
        get("b"),
        get(Text("restored")),
        get(Text("job-1")),
    )
    return tuple(replace(one, on=on) for one in listings)


def changes(_: Random) -> Iterator[Scene]:
    """Every form of read before a change and after it, on the instance that made it and on the other one."""
    start = (create("a"), create("b"), create("c"), cancel("b"))
    for name, (made, needs) in _CHANGES.items():
        for on in (0, 1):
            if on and isinstance(made[0], Reopen):
                continue
            reads = _reads(on)
            # Twice before it: an answer may be kept when it is given again.
            again = tuple(replace(one, about=("SHARE-01",) if on else ()) for one in reads)
            actions: tuple[Action, ...] = (Known((*start, *reads, *reads, *made)), *again)
            words = f"read before and after {name}, on {on + 1} instances"
            yield Scene(words, actions, ("read again",), needs | SHARED if on else needs, instances=on + 1)
        behind = (listing("p", limit=1), listing("q", limit=1, status=TaskStatus.PENDING))
        further = (
            listing(after=Cursor("p")),
            listing(limit=0, after=Cursor("p")),
            listing(limit=1, status=TaskStatus.PENDING, after=Cursor("q")),
        )
        actions = (Known((*start, *behind, *further, *further, *made)), *further)
        yield Scene(f"read behind a cursor before and after {name}", actions, ("read again",), needs | CURSOR)
