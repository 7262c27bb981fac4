"""Calls at the same time: some order explains them all, and whoever is cancelled takes nobody along."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, combinations_with_replacement
from typing import Any

from conformance.core.scenario import (
    Call,
    CursorOf,
    Id,
    Look,
    Populate,
    Race,
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
    SHARED,
    A,
    Actions,
    B,
    going,
    restorable,
)
from taskstore import TaskStatus

_ONCE, _OWN = ("ATOM-01",), ("ATOM-06",)


def scenarios(depth: str = "default") -> Iterator[Scenario]:
    """All of them."""
    yield from _ends(depth)
    yield from _pairs(depth)
    yield from _cancelled(depth)
    yield from _closings(depth)
    yield from _crowds(depth)
    yield from _listings(depth)
    yield from _behind_cursors(depth)


def _scenarios(name: str, actions: Actions, about: tuple[str, ...], *, alone: bool = True) -> Iterator[Scenario]:
    """The race in a scenario on one instance, and with every second call on another one."""
    if alone:
        yield Scenario(name, actions, about)
    moved = (
        replace(one, calls=tuple(replace(call, on=place % 2) for place, call in enumerate(one.calls)))
        if isinstance(one, Race)
        else one
        for one in actions
    )
    yield Scenario(f"{name} on two instances", tuple(moved), about, SHARED, instances=2)


def _ends(depth: str) -> Iterator[Scenario]:
    """A completion, a failure and a cancellation race: one succeeds."""
    done, stop = update(A, TaskStatus.COMPLETED), cancel(A)
    failed = update(A, TaskStatus.FAILED, error_message="e")
    for status in NOT_FINAL if depth == "full" else NOT_FINAL[:2]:
        for calls in ((done, stop), (stop, done), (failed, stop, done)):
            actions: Actions = (create("a"), update(A, TaskStatus(status)), Race(calls), get(A), Look())
            yield from _scenarios(f"{len(calls)} ends of a {status} task race", actions, ("ATOM-02",))


def _each() -> dict[str, Call]:
    """Every operation: on the task `a`, on the final one `b`, or on none."""
    return {
        "create": create(),
        "create again": create("", "job-1"),
        "create another": create("", "job-1", config={}),
        "get": get(A),
        "list": listing(),
        "update": update(A, TaskStatus.UPLOADING, progress=7, current_step="s"),
        "update another field": going(result_url="r"),
        "end": update(A, TaskStatus.FAILED, error_message="e"),
        "cancel": cancel(A),
        "purge": purge(TimeOf("b", plus=MICROSECOND)),
        "restore": restore(restorable()),
        "cancel again": cancel(B),
        "update a final task": update(B, TaskStatus.UPLOADING, progress=7),
    }


def _pairs(depth: str) -> Iterator[Scenario]:
    """Every operation beside every other one, on two instances, and each thrice on one."""
    each = _each()
    for (one, first), (other, second) in combinations_with_replacement(each.items(), 2):
        if {one, other} <= {"get", "list", "cancel again", "update a final task"}:
            continue
        chosen = "job-1" if "create again" in (one, other) else None
        actions: Actions = (
            create("a", chosen),
            create("b"),
            cancel(B, label="b"),
            Race((first, second)),
            get(A),
            Look(),
        )
        yield from _scenarios(f"{one} beside {other}", actions, _ONCE, alone=depth == "full" or one == other)
    race = Race(tuple(create("", video_ids=(str(number),)) for number in range(5)))
    yield from _scenarios("creations race", (race, Look()), _ONCE)
    race = Race(tuple(restore(restorable(progress=float(number))) for number in range(3)))
    yield from _scenarios("restores under one id race", (race, get("restored"), Look()), (*_ONCE, "MAINT-02"))


def _cancelled(depth: str) -> Iterator[Scenario]:
    """Calls are cancelled: what they leave is consistent, and calls that are alike get their own results."""
    calls = _each() | {
        "list by status": listing(status=TaskStatus.PENDING, limit=1),
        "list further on": listing(limit=1, offset=1),
        "list behind a cursor": listing(limit=1, after=CursorOf("a")),
        "purge nothing": purge(LONG_AGO),
    }
    places: tuple[tuple[int, ...], ...] = ((0,),) if depth != "full" else ((0,), (1, 2))
    for name, call in calls.items():
        first = (create("a", "job-1" if name == "create again" else None), create("b"), cancel(B, label="b"))
        after = (get(A), Look(), create("c"), Look())
        for turns in (1,) if depth != "full" else (0, 1, 2, 3, 5, 8):
            yield Scenario(
                f"{name} is cancelled after {turns} turns", (*first, Race((call,), (0,), turns), *after), _OWN
            )
        for lost in places:
            actions: Actions = (*first, Race((call,) * 3, lost), *after)
            yield Scenario(f"{len(lost)} of 3 calls of {name} are cancelled", actions, _OWN)
    updates = (going(progress=1), going(current_step="s"), going(progress=3))
    for lost in (*places, (2,), (0, 1), (0, 1, 2)):
        for turns in (0, 1, 2, 4):
            actions = (create("a"), Race(updates, lost, turns), get(A), update(A, TaskStatus.ANALYZING), Look())
            yield Scenario(f"{len(lost)} of 3 updates are cancelled after {turns} turns", actions, _OWN)


def _closings(depth: str) -> Iterator[Scenario]:
    """An instance is closed while calls wait on it, and another shows what became of them."""
    reads, writes = (get(A), listing()), (going(progress=1), create())
    for name, calls in {"reads": reads, "writes": writes}.items():
        for turns in (0, 1, 4) if depth != "full" else range(8):
            actions: Actions = (create("a"), Race(calls, turns=turns, closes=True), get(A, on=1), Look())
            yield Scenario(f"closed while it {name}, after {turns} turns", actions, ("API-04",), SHARED, instances=2)


def _crowds(depth: str) -> Iterator[Scenario]:
    """Hundreds of calls at the same time, each with its own result."""
    count = 1_000 if depth == "full" else 200
    labels = [f"t{number}" for number in range(20)]
    ids = [f"job-{number}" for number in range(20)]
    made = tuple(create(label, one) for label, one in zip(labels, ids, strict=True))
    found = [get(one) for one in ids] * (count // 20)
    missing = [get(f"missing-{number}") for number in range(count)]
    refused = [update(one, TaskStatus.CLIPPING, progress=-1) for one in ids] * (count // 20)
    crowds: dict[str, Any] = {
        "reads and refused updates": chain.from_iterable(zip(found, missing, refused, strict=True)),
        "creations": (create("", video_ids=(str(number),)) for number in range(count)),
    }
    for name, calls in crowds.items():
        yield Scenario(f"a crowd of {name}", (*made, Race(tuple(calls)), listing(limit=0)), _OWN)
    settled = (update("job-1", TaskStatus.CLIPPING, current_step="settled"), get("job-1"), Look())
    again, other = create("", "job-1"), create("", "job-1", config={})
    on_one: dict[str, tuple[Call, ...]] = {
        "updates": tuple(update("job-1", TaskStatus.CLIPPING, progress=number / 10) for number in range(count)),
        "cancellations": (cancel("job-1"),) * count,
        "creations of two kinds": (again, again, other) * (count // 3),
    }
    for name, calls in on_one.items():
        yield Scenario(f"a crowd of {name} on one task", (create("a", "job-1"), Race(calls), *settled), _OWN)
    pending: dict[str, Any] = {"limit": 3, "status": TaskStatus.PENDING}
    pages = [
        *({**pending, "status": status} for status in (None, *TaskStatus)),
        *({**pending, name: number} for name in ("limit", "offset") for number in range(12)),
        *({**pending, "after": CursorOf(label)} for label in labels[:12]),
    ]
    moved = tuple(update(one, TaskStatus(to)) for one, to in zip(ids, MIXED * 3, strict=False))
    actions: Actions = (*made, *moved, Race(tuple(listing(**page) for page in pages)))
    yield Scenario("a crowd of listings that differ in one argument", actions, _OWN)


def _listings(depth: str) -> Iterator[Scenario]:
    """Listings of more than a hundred tasks beside the writes that change what they hold."""
    newer = restorable(created_at=BEYOND, updated_at=BEYOND)
    writes: dict[str, tuple[Call, Actions, Actions]] = {
        "a creation": (create(), (), ()),
        "an update of the newest": (going(), (), (create("a"),)),
        "a completion of the oldest": (update(A, TaskStatus.COMPLETED), (create("a"),), ()),
        "a purge of one": (purge(TimeOf("a", plus=MICROSECOND)), (create("a"), cancel(A, label="a")), ()),
        "a restored task that is the oldest": (restore(restorable()), (), ()),
        "a restored task that is the newest": (restore(newer), (), ()),
    }
    for size in (130,) if depth != "full" else (130, 260, 1_100):
        reads = (
            listing(limit=1_000),
            listing(status=TaskStatus.PENDING, limit=1_000),
            listing(limit=50, offset=size - 60),
            listing(limit=0),
        )
        for number, (name, (write, first, last)) in enumerate(writes.items()):
            race = Race((*reads[:2], write, *reads[number % 2 :: 2]))
            actions: Actions = (
                *first,
                Populate(size, ("pending",) * 9 + ("completed",)),
                *last,
                race,
                listing(limit=3),
            )
            yield from _scenarios(f"listings of {size} tasks and {name} race", actions, ("LIST-03",))


def _behind_cursors(depth: str) -> Iterator[Scenario]:
    """Pages behind a cursor beside the writes that move what stands before its task and behind it."""
    newer = restorable(created_at=BEYOND, updated_at=BEYOND)
    writes: dict[str, Call] = {
        "a purge of the oldest": purge(BEYOND),
        "a restored task that is the oldest": restore(restorable()),
        "a restored task that is the newest": restore(newer),
        "a creation": create(),
        "a completion of its task": update(A, TaskStatus.COMPLETED),
        "a completion of the next one": update(B, TaskStatus.COMPLETED),
    }
    first = (create("c"), cancel(Id("c")), create("b"), create("a"))
    for status in (None, TaskStatus.PENDING):
        pages = tuple(listing(limit=most, status=status, after=CursorOf("a")) for most in (1, 50))
        for name, write in writes.items() if depth != "smoke" else [*writes.items()][:2]:
            words = f"pages behind a cursor{' of a status' if status else ''} and {name} race"
            yield from _scenarios(words, (*first, Race((*pages, write, *pages)), Look()), ("LIST-12", "LIST-13"))
