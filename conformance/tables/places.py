"""Where a call is made: on another instance, on one that was opened again, and on one that was closed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from conformance.core.scenario import (
    Action,
    Call,
    Close,
    Look,
    Pages,
    Populate,
    Reopen,
    Scenario,
    TimeOf,
    cancel,
    create,
    get,
    listing,
    purge,
    restore,
    update,
)
from conformance.tables.tasks import (
    BEYOND,
    LONG_AGO,
    MICROSECOND,
    MIXED,
    NOT_FINAL,
    PERSISTENT,
    SHARED,
    A,
    B,
    going,
    restorable,
    ways,
)
from taskstore import MAX_OFFSET, TaskStatus

_SEEN, _APART = ("SHARE-01",), ("SHARE-02",)


def scenarios(depth: str = "default") -> Iterator[Scenario]:
    """All of them."""
    yield from _shared(depth)
    yield from _apart()
    yield from _reopened(depth)
    yield from _closed()


def _shared(depth: str) -> Iterator[Scenario]:
    """Two instances of a shared store take turns: each sees at once what the other wrote."""

    def both(name: str, *actions: Action) -> Scenario:
        return Scenario(name, actions, _SEEN, SHARED, instances=2)

    for name, _, actions in ways():
        if depth == "default" and ("restored" in name or "after" in name):
            continue
        turns = (replace(one, on=place % 2) if isinstance(one, Call) else one for place, one in enumerate(actions))
        last = (update(A, TaskStatus.CLIPPING, on=1, progress=8), get(A), cancel(A), get(A, on=1))
        yield both(f"on two instances: {name}", *turns, Look(), *last, create("z", on=1), Look())
    each = [
        call
        for number in range(12)
        for on in (number % 2,)
        for call in (update(A, TaskStatus(NOT_FINAL[number % 6]), on=on, current_step=str(number)), get(A, on=1 - on))
    ]
    yield both("two instances take turns", create("a"), *each, Look())
    listed = [
        call for number in range(4) for call in (create(on=number % 2), listing(on=1 - number % 2), listing(limit=0))
    ]
    yield both("listings on the other instance", *listed)
    other = create("", "job-1", on=1, config={})
    again = (create("a", "job-1"), create("", "job-1", on=1), replace(going(), on=1), create("", "job-1"), other)
    yield both("created again on the other instance", *again, Look())
    swept = (cancel(A, label="a"), get(A, on=1), purge(TimeOf("a", plus=MICROSECOND), on=1), get(A), going(), listing())
    yield both("purged on the other instance", create("a"), *swept)
    over = (restore(restorable(), on=1), get("restored"), restore(restorable()), Reopen(1), get(A, on=1), Look())
    yield both("restored on the other instance", create("a"), *over)
    ended = (create("b", on=1), Close(0), get(A, on=1), listing(on=1), replace(going(), on=1), Look())
    yield both("one of two instances is closed", create("a"), *ended)


def _apart() -> Iterator[Scenario]:
    """Two instances of a store that is not shared know nothing of each other."""

    def both(name: str, *actions: Action) -> Scenario:
        return Scenario(name, actions, _APART, lacks=SHARED, instances=2)

    mine = (create("a"), listing(on=1), create("b", on=1), cancel(B, on=1), get(A, on=1), get(B))
    yield both("each instance has its own tasks", *mine, going(), replace(going(), on=1), Look())
    same = (create("a", "job-1"), create("b", "job-1", on=1, config={}), going(), cancel(B, on=1), get(A), get(B, on=1))
    purged = (purge(BEYOND, on=1), Look(), create("", "job-1", on=1, config={"k": 2}), get(A), get(A, on=1))
    yield both("the tasks of two instances have the same id", *same, create("", "job-1"), *purged)
    given = (restore(restorable()), restore(restorable(status="clipping"), on=1))
    yield both("two instances are given tasks of one id", *given, update("restored", TaskStatus.COMPLETED), Look())
    yield both("one of two instances is closed", create("a"), create("b", on=1), Close(0), get(B, on=1), Look())


def _reopened(depth: str) -> Iterator[Scenario]:
    """An instance is closed and opened again."""
    about = ("DUR-01",)
    for name, _, actions in ways():
        if depth == "default" and "after" in name:
            continue
        again = (Reopen(), get(A), Look(), update(A, TaskStatus.UPLOADING, progress=3), cancel(A), Reopen(), get(A))
        yield Scenario(f"reopened: {name}", (*actions, *again, create("b"), Look()), about, PERSISTENT)
    reads = (listing(), Pages(50), listing(status=TaskStatus.CLIPPING), create("n"), listing(limit=3))
    yield Scenario("many tasks, reopened", (Populate(120, MIXED), Reopen(), *reads), about, PERSISTENT)
    forgotten = (create("a"), create("b"), cancel(B), Reopen(), get(A), get(B), listing(), create("c"), listing())
    yield Scenario("reopened without a memory", forgotten, ("DUR-03",), lacks=PERSISTENT)


def _closed() -> Iterator[Scenario]:
    """Every operation of a closed store raises StoreNotOpen, also if there is nothing to do."""
    calls: list[Call] = [
        *(create(), create("", "job-1"), get(A), going(), cancel(A), purge(LONG_AGO), restore(restorable())),
        *(listing(limit=limit, **one) for limit in (0, 50) for one in _FILTERS),
        listing(offset=MAX_OFFSET),
    ]
    for call in calls:
        name = f"{call.operation} {call.arguments if call.operation == 'list_tasks' else ''}".strip()
        yield Scenario(f"{name} after closing", (create("a"), Close(), call, call), ("API-03",))
    unknown = [replace(call, arguments={**call.arguments, "task_id": "nobody"}) for call in calls[2:5]]
    yield Scenario("an empty store is closed", (Close(), *unknown, *calls[5:]), ("API-03",))


_FILTERS: tuple[dict[str, Any], ...] = ({}, {"status": TaskStatus.PENDING}, {"status": TaskStatus.FAILED})
