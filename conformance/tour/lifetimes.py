"""When tasks expire, and what renews their lifetime."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from conformance.engine.scene import (
    Action,
    Advance,
    Copy,
    Cursor,
    Known,
    Member,
    Populate,
    Scene,
    Step,
    Text,
    Together,
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
from conformance.spec.model import FINAL, STATUSES
from conformance.tour.tasks import (
    BEYOND,
    CALLER_IDS,
    CURSOR,
    DAY,
    EXPIRING,
    FIFTH,
    LONG_AGO,
    MINUTE,
    MIXED,
    SECOND,
    WEEK,
    restorable,
)
from taskstore import TaskStatus

_MANY = 320
_FEW_ARE_ENOUGH = ("create_task", "restore", "list_tasks, further on", "list_tasks, of their status, further on")
"""Calls that are not also made first after many tasks have expired: filling a store takes time."""


def expiries(_: Random) -> Iterator[Scene]:
    """A task's lifetime, to the minute, and which calls renew it."""
    steps: Sequence[Action]
    reads: tuple[Action, ...] = (get(), listing(), listing(status=TaskStatus.PENDING))
    gone: tuple[Action, ...] = (
        get(),
        update("a", TaskStatus.CLIPPING),
        cancel(),
        listing(),
        listing(status=TaskStatus.CLIPPING),
    )
    ends: list[tuple[str, tuple[Action, ...]]] = [
        ("created", ()),
        *((f"updated to {status}", (update("a", TaskStatus(status)),)) for status in STATUSES),
        ("cancelled", (cancel(),)),
        ("updated in a field", (update("a", TaskStatus.PENDING, progress=5),)),
        ("updated with nothing new", (update("a", TaskStatus.PENDING),)),
    ]
    for name, renewal in ends:
        steps = [
            create(),
            Advance(6 * DAY),
            *renewal,
            Advance(WEEK - MINUTE if renewal else DAY - MINUTE),
            get(),
            listing(),
        ]
        yield Scene(
            f"{name}: there until its end", tuple(steps), ("before the end",), EXPIRING, about=("EXP-01", "EXP-03")
        )
        steps = [create(), Advance(6 * DAY), *renewal, Advance((WEEK if renewal else DAY) + MINUTE), *gone, create("b")]
        yield Scene(
            f"{name}: gone after its end", tuple(steps), ("after the end",), EXPIRING, about=("EXP-01", "EXP-03")
        )
    for status in STATUSES:
        steps = [create(), update("a", TaskStatus(status)), Advance(WEEK + SECOND), *gone]
        yield Scene(
            f"{status}: gone a second after its end", tuple(steps), ("a second after",), EXPIRING, about=("EXP-01",)
        )
        steps = [create(), update("a", TaskStatus(status)), get(), listing(), Advance(WEEK + SECOND), get(), *gone]
        yield Scene(
            f"{status}, read: gone a second after", tuple(steps), ("a second after",), EXPIRING, about=("EXP-01",)
        )
    for number in range(3):
        steps = [create(), create("b"), cancel("b"), Advance(WEEK - FIFTH), get(), get("b")]
        yield Scene(
            f"there in the last second, {number}", tuple(steps), ("the last second",), EXPIRING, about=("EXP-01",)
        )
    idle: list[tuple[str, tuple[Action, ...]]] = [
        ("read", reads),
        ("refused", (update("a", TaskStatus.CLIPPING, progress=-1), update("a", "none"))),
        ("listed", (listing(limit=1),)),
        ("purged around", (purge(LONG_AGO),)),
        ("restored over", (restore(Copy("a")),)),
        ("another is written", (create("b"), update("b", TaskStatus.CLIPPING))),
    ]
    for name, calls in idle:
        steps = (create(), Advance(6 * DAY), *calls, Advance(DAY + MINUTE), *gone)
        yield Scene(f"{name}: renews nothing", steps, ("renews nothing",), EXPIRING, about=("EXP-01",))
    for status in FINAL:
        repeated = (
            create(),
            update("a", TaskStatus(status)),
            Advance(6 * DAY),
            update("a", TaskStatus(status)),
            update("a", TaskStatus.PENDING),
            Advance(DAY + MINUTE),
            *gone,
        )
        yield Scene(
            f"{status} again renews nothing", repeated, ("renews nothing",), EXPIRING, about=("EXP-01", "LIFE-12")
        )
        steps = (
            create(),
            update("a", TaskStatus(status)),
            Advance(WEEK + MINUTE),
            listing(status=TaskStatus(status)),
            listing(),
            get(),
        )
        yield Scene(f"{status} expires", steps, ("a final task expires",), EXPIRING, about=("EXP-01",))
    restored = restorable(created_at=LONG_AGO, updated_at=LONG_AGO)
    steps = (
        restore(restored),
        Advance(WEEK - MINUTE),
        get(Text("restored")),
        Advance(2 * MINUTE),
        get(Text("restored")),
        listing(),
    )
    yield Scene(
        "a restored task starts anew",
        steps,
        ("restored lifetime",),
        EXPIRING,
        about=("MAINT-02", "EXP-01"),
    )
    done = restorable(status="completed", progress=100.0, completed_at=LONG_AGO)
    steps = (
        restore(done),
        Advance(WEEK - MINUTE),
        get(Text("restored")),
        Advance(2 * MINUTE),
        restore(done),
        get(Text("restored")),
        purge(LONG_AGO + MINUTE),
    )
    yield Scene(
        "restored again after its end",
        steps,
        ("restored again",),
        EXPIRING,
        about=("MAINT-02", "EXP-01"),
    )
    again = (
        create("a", "job-1"),
        Advance(4 * DAY),
        create("b", "job-1"),
        Advance(4 * DAY),
        get(),
        create("a", "job-1", config={}),
        get(),
        listing(),
    )
    yield Scene(
        "creating again renews nothing", again, ("renews nothing",), EXPIRING | CALLER_IDS, about=("ID-06", "EXP-01")
    )
    for size in (2, 101, 1_001):
        steps = (
            Populate(size, MIXED),
            Advance(4 * DAY),
            create("n"),
            Advance(3 * DAY + MINUTE),
            listing(),
            listing(status=TaskStatus.COMPLETED),
            Walk(50),
            get("n"),
            update("n", TaskStatus.CLIPPING),
            listing(limit=0),
        )
        yield Scene(f"{size} tasks expire", steps, (f"expire {size}",), EXPIRING, about=("EXP-01",))
    for size in (1, 60, 251):
        writes = (
            Populate(size, MIXED),
            Advance(WEEK + MINUTE),
            create("n"),
            cancel("n"),
            listing(status=TaskStatus.CANCELLED),
            purge(BEYOND),
            listing(),
        )
        yield Scene(
            f"a purge after {size} tasks expired",
            writes,
            (f"expired and purged {size}",),
            EXPIRING,
            about=("EXP-01",),
        )
    parts = (
        Populate(60, MIXED),
        listing("p", limit=20),
        Advance(6 * DAY),
        update(Member("p", 0), TaskStatus.PENDING, label=""),
        update(Member("p", -1), TaskStatus.PENDING, label=""),
        Advance(DAY + MINUTE),
        listing(),
        listing(status=TaskStatus.PENDING),
        Walk(1),
    )
    yield Scene("some of many expire", parts, ("some expire",), EXPIRING, about=("EXP-01", "EXP-03"))
    chain: list[Action] = [create()]
    for number in range(12):
        chain += [Advance(6 * DAY), update("a", TaskStatus.CLIPPING, progress=number), get()]
    yield Scene("renewed twelve times", tuple(chain), ("many renewals",), EXPIRING, about=("EXP-03",))
    stay = frozenset({Capability.EXPIRING})
    for days in (1, 8, 40, 400):
        steps = (
            create(),
            update("a", TaskStatus.CLIPPING),
            create("b"),
            cancel("b"),
            Advance(days * DAY),
            get(),
            get("b"),
            listing(),
            update("a", TaskStatus.COMPLETED),
            listing(),
        )
        yield Scene(f"nothing goes by itself in {days} days", steps, ("stays",), lacks=stay, about=("EXP-05",))


def renewals(_: Random) -> Iterator[Scene]:
    """Every write that changes a task renews its lifetime in full, however soon after another one it comes."""
    writes: dict[str, tuple[Step, ...]] = {
        "an update": (update("a", TaskStatus.CLIPPING),),
        "an update of a field": (update("a", TaskStatus.PENDING, current_step="s"),),
        "a completion": (update("a", TaskStatus.COMPLETED),),
        "a failure": (update("a", TaskStatus.FAILED, error_message="e"),),
        "a cancellation": (cancel("a"),),
    }
    for gap in (4 * SECOND, 50 * SECOND, 10 * MINUTE, 50 * MINUTE, DAY / 2, WEEK - DAY):
        for name, steps in writes.items():
            for earlier in (False, True):  # whether it is the first write after the creation
                before = (Advance(DAY), update("a", TaskStatus.UPLOADING)) if earlier else ()
                actions = (
                    Known((create("a"), create("b"), *before, Advance(gap), *steps)),
                    Advance(WEEK - gap / 2),
                    listing(),
                    get("a", about=("EXP-03",)),
                    Advance(gap),
                    get("a"),
                    listing(),
                )
                words = f"{name} {gap} after the {'last write' if earlier else 'creation'}"
                yield Scene(words, actions, ("renewed soon",), EXPIRING, about=("EXP-01", "EXP-03"))


def unseen_expiries(_: Random) -> Iterator[Scene]:
    """The first call after tasks have expired, few or many: it may find none of them, and shows none."""
    pending, other, after = TaskStatus.PENDING, TaskStatus.FAILED, EXPIRING | CURSOR
    firsts: list[tuple[str, Callable[[Any], Step], frozenset[Capability]]] = [
        ("get_task", get, EXPIRING),
        ("update_task_status", lambda one: update(one, TaskStatus.CLIPPING, label=""), EXPIRING),
        ("cancel_task", cancel, EXPIRING),
        ("create_task", lambda _: create(""), EXPIRING),
        ("create_task under its id", lambda one: create("", one), EXPIRING | CALLER_IDS),
        ("restore", lambda _: restore(Copy("e")), EXPIRING),
        ("purge", lambda _: purge(BEYOND), EXPIRING),
        *(
            (f"list_tasks, {words}", lambda _, given=given: listing(**given), EXPIRING)
            for words, given in {
                "of all": {},
                "the total": {"limit": 0},
                "further on": {"limit": 2, "offset": 1},
                "of their status": {"status": pending},
                "the total of their status": {"status": pending, "limit": 0},
                "of their status, further on": {"status": pending, "offset": 1},
                "of another status": {"status": other},
            }.items()
        ),
        ("list_tasks, behind one", lambda _: listing(after=Cursor("p")), after),
    ]
    late = (Advance(WEEK - DAY), Known((create("n"),)), Advance(DAY + MINUTE))
    early = (Known((create("n"),)), Advance(WEEK - DAY), Known((update("n", pending),)), Advance(DAY + MINUTE))
    left: dict[str, tuple[tuple[Action, ...], tuple[Action, ...]]] = {
        "none": ((), (Advance(WEEK + MINUTE),)),
        "the newest": ((), late),
        "the oldest": (early[:1], early[1:]),
    }
    for size, alive in ((3, "none"), *((_MANY, one) for one in left)):
        for name, first, needs in firsts:
            if size == _MANY and (name in _FEW_ARE_ENOUGH or (alive != "none" and not name.startswith("list_tasks"))):
                continue
            before, past = left[alive]
            steps = (
                *before,
                Populate(size),
                listing("all", limit=size),
                listing("p", limit=1),
                listing("q", limit=1, status=pending),
                replace(get(Member("all", 0)), label="e"),
                *past,
                Known((first(Member("all", 0)),)),
                listing(status=pending, limit=0),
                listing(),
            )
            operation = name.partition(",")[0].partition(" ")[0]
            words = f"{operation} after {'many' if size == _MANY else 'a few'} expired"
            title = f"{name} first, when {size} tasks have expired and {alive} is left"
            yield Scene(title, steps, (words,), needs, about=("EXP-01",))
    race = (_half(current_step="s"), _half(result_url="r"))
    for size in (3, _MANY):
        for name, calls in (("updates", race), ("an update and a cancel", (race[0], replace(cancel("a"), label="")))):
            actions = (
                Populate(size),
                Advance(WEEK - DAY),
                Known((create(),)),
                Advance(DAY + MINUTE),
                Together(calls),
                get(),
                listing(),
            )
            yield Scene(f"{name} race when {size} tasks have expired", actions, ("a race after expiry",), EXPIRING)


def _half(**fields: Any) -> Step:
    return update("a", TaskStatus.CLIPPING, label="", about=("ATOM-01",), **fields)
