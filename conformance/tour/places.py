"""Where and when a call is made: other instances, after closing and reopening, at the same time as others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

from conformance.engine.scene import (
    Action,
    Close,
    Populate,
    Reopen,
    Scene,
    Step,
    Text,
    TimeOf,
    Walk,
    cancel,
    create,
    get,
    listing,
    purge,
    restore,
    update,
)
from conformance.harness import Capability
from conformance.tour.tasks import (
    BEYOND,
    CALLER_IDS,
    LONG_AGO,
    MICROSECOND,
    MIXED,
    NOT_FINAL,
    PERSISTENT,
    SHARED,
    restorable,
    ways,
)
from taskstore import MAX_OFFSET, TaskStatus


def places(random: Random) -> Iterator[Scene]:
    """Two instances, reopened and closed ones."""
    steps: Sequence[Action]
    del random
    kinds = [(name, actions) for name, _, actions in ways() if len(actions) < 12]  # noqa: PLR2004
    for name, actions in kinds:
        moved = tuple(
            replace(one, on=number % 2) if isinstance(one, Step) else one for number, one in enumerate(actions)
        )
        tail = (
            update("a", TaskStatus.CLIPPING, on=1, progress=8),
            cancel("a", on=0),
            get("a", on=1),
            create("z", on=1),
        )
        yield Scene(
            f"on two instances: {name}",
            (*moved, *tail),
            ("second instance",),
            SHARED,
            instances=2,
            about=("SHARE-01",),
        )
        again = (
            Reopen(),
            get(),
            listing(),
            update("a", TaskStatus.UPLOADING, progress=3),
            cancel(),
            Reopen(),
            get(),
            create("b"),
            listing(),
        )
        yield Scene(f"reopened: {name}", (*actions, *again), ("reopened",), PERSISTENT, about=("DUR-01",))
    for size in (60, 251):
        steps = (
            Populate(size, MIXED),
            Reopen(),
            listing(),
            Walk(50),
            listing(status=TaskStatus.CLIPPING),
            create("n"),
            listing(limit=3),
        )
        yield Scene(f"{size} tasks, reopened", steps, ("many reopened",), PERSISTENT, about=("DUR-01",))
    steps = (create(), create("b"), cancel("b"), Reopen(), get(), get("b"), listing(), create("c"), listing())
    yield Scene("reopened without a memory", steps, ("reopened",), lacks=PERSISTENT, about=("DUR-03",))
    apart = (
        create(on=0),
        listing(on=1),
        create("b", on=1),
        cancel("b", on=1),
        get("a", on=1),
        get("b", on=0),
        update("a", TaskStatus.CLIPPING, on=0),
        listing(on=1),
        update("a", TaskStatus.CLIPPING, on=1),
    )
    same = (
        create("a", "job-1"),
        create("b", "job-1", on=1, config={}, about=("SHARE-02",)),
        update("a", TaskStatus.CLIPPING),
        cancel("b", on=1),
        get("a"),
        get("b", on=1),
        create("c", "job-1"),
        purge(BEYOND, on=1),
        listing(),
        listing(on=1),
        create("d", "job-1", on=1, about=("SHARE-02",)),
        get("a"),
    )
    restored = (
        restore(restorable()),
        restore(restorable(status="clipping"), on=1, about=("SHARE-02",)),
        update(Text("restored"), TaskStatus.COMPLETED, label=""),
        get(Text("restored"), on=1),
        listing(on=1),
    )
    for name, actions, needs in (
        ("know nothing of each other", apart, frozenset[Capability]()),
        ("have tasks of the same id", same, CALLER_IDS),
        ("are given tasks of the same id", restored, frozenset[Capability]()),
    ):
        yield Scene(
            f"two instances {name}",
            actions,
            ("second instance",),
            needs,
            lacks=SHARED,
            instances=2,
            about=("SHARE-02",),
        )
    turns: list[Action] = [create()]
    for number in range(12):
        on = number % 2
        turns += [update("a", TaskStatus(NOT_FINAL[number % 6]), on=on, current_step=str(number)), get("a", on=1 - on)]
    yield Scene("two instances take turns", tuple(turns), ("turns",), SHARED, instances=2, about=("SHARE-01",))
    both = (
        create("a", "job-1"),
        create("b", "job-1", on=1),
        update("a", TaskStatus.CLIPPING, on=1),
        create("b", "job-1", on=0),
        create("", "job-1", on=1, config={}),
    )
    yield Scene("created again on the other instance", both, ("turns",), SHARED | CALLER_IDS, instances=2)
    swept = (
        create(),
        cancel(),
        create("b", on=1),
        purge(TimeOf("a", plus=MICROSECOND), on=1),
        get("a", on=0),
        update("a", TaskStatus.CLIPPING, on=0),
        listing(on=0),
    )
    yield Scene("purged on the other instance", swept, ("turns",), SHARED, instances=2, about=("SHARE-01",))
    over = (
        create(),
        restore(restorable(), on=1),
        get(Text("restored"), on=0),
        restore(restorable(), on=0),
        Reopen(1),
        get("a", on=1),
    )
    yield Scene("restored on the other instance", over, ("turns",), SHARED, instances=2)
    ended = (
        create(on=0),
        create("b", on=1),
        Close(0),
        get("a", on=1),
        listing(on=1),
        update("a", TaskStatus.CLIPPING, on=1),
    )
    yield Scene("one of two instances is closed", ended, ("closed",), SHARED, instances=2)
    every = [
        create("z"),
        get(),
        update("a", TaskStatus.CLIPPING),
        cancel(),
        listing(),
        purge(LONG_AGO),
        restore(restorable()),
    ]
    for action in every:
        yield Scene(f"{action.operation} after closing", (create(), Close(), action, action), ("closed",))
    nobody = Text("nobody")
    empty: list[Step] = [
        get(nobody),
        update(nobody, TaskStatus.CLIPPING, label=""),
        replace(cancel(nobody), label=""),
        *every[-2:],
        *(listing(limit=limit, status=status) for limit in (0, 50) for status in (None, TaskStatus.PENDING)),
        listing(offset=1),
    ]
    for number, action in enumerate(empty):
        name = f"{action.operation} after closing an empty store, {number}"
        yield Scene(name, (Close(), action), ("an empty store is closed",), about=("API-03",))
    full = (listing("p", limit=0), listing("p", status=TaskStatus.FAILED), listing(offset=MAX_OFFSET))
    yield Scene("listings after closing", (create(), Close(), *full), ("closed",), about=("API-03",))
