"""When tasks expire, and what renews their lifetime."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random
from typing import Any

from conformance.engine.scene import (
    Action,
    Advance,
    Copy,
    Cursor,
    Known,
    Member,
    Optional,
    Populate,
    Ref,
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
from conformance.spec.model import FINAL, STATUSES, TEXTS
from conformance.tour.repertoire import refusals
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
_FIELDS: dict[str, dict[str, Any]] = {
    "its progress": {"progress": 5.5},
    "its step": {"current_step": "s"},
    "its result": {"result_url": "r"},
}
"""What an update may change alone, its status being what it was."""
_GONE: tuple[Step, ...] = (
    get(),
    update("a", TaskStatus.CLIPPING),
    cancel(),
    listing(),
    listing(status=TaskStatus.CLIPPING),
)
"""The reads and writes of a task that is gone."""


def expiries(_: Random) -> Iterator[Scene]:
    """A task's lifetime, to the minute, and which calls renew it."""
    steps: Sequence[Action]
    ends: list[tuple[str, tuple[Action, ...]]] = [
        ("created", ()),
        *((f"updated to {status}", (update("a", TaskStatus(status)),)) for status in STATUSES),
        ("cancelled", (cancel(),)),
        *((f"updated in {name}", (update("a", TaskStatus.PENDING, **one),)) for name, one in _FIELDS.items()),
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
        steps = [
            create(),
            Advance(6 * DAY),
            *renewal,
            Advance((WEEK if renewal else DAY) + MINUTE),
            *_GONE,
            create("b"),
        ]
        yield Scene(
            f"{name}: gone after its end", tuple(steps), ("after the end",), EXPIRING, about=("EXP-01", "EXP-03")
        )
    for status in STATUSES:
        steps = [create(), update("a", TaskStatus(status)), Advance(WEEK + SECOND), *_GONE]
        yield Scene(
            f"{status}: gone a second after its end", tuple(steps), ("a second after",), EXPIRING, about=("EXP-01",)
        )
        steps = [create(), update("a", TaskStatus(status)), get(), listing(), Advance(WEEK + SECOND), get(), *_GONE]
        yield Scene(
            f"{status}, read: gone a second after", tuple(steps), ("a second after",), EXPIRING, about=("EXP-01",)
        )
    for number in range(3):
        steps = [create(), create("b"), cancel("b"), Advance(WEEK - FIFTH), get(), get("b")]
        yield Scene(
            f"there in the last second, {number}", tuple(steps), ("the last second",), EXPIRING, about=("EXP-01",)
        )
    for status in FINAL:
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
    clipping = TaskStatus.CLIPPING
    parts: tuple[Action, ...] = (
        Populate(60, MIXED),
        listing("p", limit=20),
        listing("q", status=clipping),
        Advance(6 * DAY),
        update(Member("p", 0), TaskStatus.PENDING, label=""),
        update(Member("p", -1), TaskStatus.PENDING, label=""),
        *(update(Member("q", place), clipping, label="", **one) for place, one in enumerate(_FIELDS.values())),
        Advance(DAY + MINUTE),
        listing(),
        listing(status=TaskStatus.PENDING),
        listing(status=clipping),
        Walk(1),
    )
    yield Scene("some of many expire", parts, ("some expire",), EXPIRING, about=("EXP-01", "EXP-03"))
    renewed: list[Action] = [create()]
    for number in range(12):
        renewed += [Advance(6 * DAY), update("a", TaskStatus.CLIPPING, progress=number), get()]
    yield Scene("renewed twelve times", tuple(renewed), ("many renewals",), EXPIRING, about=("EXP-03",))
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


_FIRST = create("a", config={"k": 1})
_NOTHING = frozenset[Capability]()


def _idle() -> dict[str, tuple[tuple[Action, ...], frozenset[Capability]]]:
    """Calls that change nothing of the task `a`, whatever its status, and what a store needs for them."""
    again = (
        replace(_FIRST, label="", arguments={**_FIRST.arguments, "task_id": Ref("a")}),
        create("", Ref("a"), config={}),
        create("", Ref("a"), config=[]),
    )
    return {
        "read": ((get(), listing(), listing(limit=1), listing(status=TaskStatus.PENDING), Walk(1)), _NOTHING),
        "refused": (refusals("a"), _NOTHING),
        "purged around": ((purge(LONG_AGO),), _NOTHING),
        "restored over": ((restore(Copy("a")), restore(Copy("a", {"video_ids": ("other",)}))), _NOTHING),
        "created over": (again, CALLER_IDS),
        "another is written": ((create("b"), update("b", TaskStatus.CLIPPING), cancel("b")), _NOTHING),
    }


def _repetitions(end: Step) -> tuple[Action, ...]:
    """Repetitions of what ended the task `a`, in whole and in part, and what such a task refuses."""
    given = {name: value for name, value in end.arguments.items() if name not in ("task_id", "status")}
    fewer = [{one: value for one, value in end.arguments.items() if one != name} for name in given]
    others = [{**end.arguments, name: 1 if name == "progress" else "other"} for name in given]
    return (
        end,
        *(replace(end, arguments=one, label="") for one in (*fewer, *others)),
        *(update("a", TaskStatus(status), label="") for status in STATUSES),
        replace(cancel("a"), label=""),
    )


def unchanged(_: Random) -> Iterator[Scene]:
    """No refusal, no read and no call that changes nothing renews the lifetime of a task, or ends it."""
    texts: list[dict[str, Any]] = [{name: "x" * 500_000} for name in TEXTS]
    beyond = tuple(update("a", TaskStatus.FAILED, label="", **one) for one in texts)
    large = create(config={"k": "x" * 600_000})
    each = [(name, _FIRST, *one) for name, one in _idle().items()]
    for name, first, calls, needs in (*each, ("refused as too large", large, (Known(beyond),), _NOTHING)):
        kept = ("LIFE-14",) if name.startswith("refused") else ()
        gone = (replace(one, about=kept) for one in _GONE)
        steps: tuple[Action, ...] = (first, Advance(6 * DAY), *calls, Advance(DAY + MINUTE), *gone)
        yield Scene(f"{name}: renews nothing", steps, ("renews nothing",), EXPIRING | needs, about=("EXP-01",))
        # The other task comes first: where it is lost too, it is not for what was called.
        there = (get("other"), get(about=kept), listing(about=kept))
        steps = (create("other"), first, Advance(DAY), *calls, Advance(6 * DAY - MINUTE), *there)
        yield Scene(f"{name}: ends nothing", steps, ("ends nothing",), EXPIRING | needs, about=("EXP-01",))
    for status in FINAL:
        end = update("a", TaskStatus(status), progress=100, result_url="r", current_step="s")
        for name, (calls, needs) in {"again": (_repetitions(end), _NOTHING), **_idle()}.items():
            steps = (_FIRST, end, Advance(6 * DAY), *calls, Advance(DAY + MINUTE), *_GONE)
            words, about = f"{status} {name} renews nothing", ("EXP-01", *("LIFE-10",) * (name == "again"))
            yield Scene(words, steps, ("renews nothing",), EXPIRING | needs, about=about)


def busy(_: Random) -> Iterator[Scene]:
    """Tasks that are written, removed and made anew while days pass."""
    ahead = datetime.now(UTC) + timedelta(hours=3)
    for created in (ahead, LONG_AGO):
        reads = (*(get(Text(f"t-{status}")) for status in STATUSES), listing())
        steps: tuple[Action, ...] = (
            *(restore(restorable(f"t-{one}", created_at=created, updated_at=ahead)) for one in STATUSES),
            *(update(Text(f"t-{one}"), TaskStatus(one), label="") for one in STATUSES[1:]),
            replace(cancel(Text("t-uploading")), label=""),
            Advance(WEEK - MINUTE),
            *reads,
            Advance(2 * MINUTE),
            *reads,
        )
        name = f"the clock is behind tasks of {created.year}, until their end"
        yield Scene(name, steps, ("a clock behind, later",), EXPIRING, about=("EXP-01",))
    first = create("a", "job-1", config={"old": 1})
    removals: dict[str, tuple[Action, ...]] = {
        **{f"purged when {one}": (update("a", TaskStatus(one)), purge(BEYOND), Advance(4 * DAY)) for one in FINAL},
        "purged late": (Advance(4 * DAY), cancel("a"), Advance(4 * DAY), purge(BEYOND), Advance(DAY)),
        "expired": (Advance(WEEK + MINUTE),),
        "expired when final": (cancel("a"), Advance(WEEK + MINUTE)),
        "expired long ago": (Advance(WEEK + MINUTE), update("a", TaskStatus.CLIPPING, label=""), Advance(WEEK)),
    }
    seconds = {
        "created": create("a", "job-1"),
        "created by the same request": first,
        "restored": restore(restorable("job-1")),
    }
    filters = (listing(), *(listing(status=TaskStatus(one)) for one in ("pending", "clipping", *FINAL)))
    looks = (get(Text("job-1")), *filters)
    for way, removal in removals.items():
        for how, second in seconds.items():
            steps = (
                first,
                *removal,
                second,
                Advance(4 * DAY),
                *looks,
                update(Text("job-1"), TaskStatus.CLIPPING, label=""),
                Advance(4 * DAY),
                *looks,
                update(Text("job-1"), TaskStatus.CLIPPING, label="", progress=5.5),
                Advance(4 * DAY),
                *looks,
                replace(cancel(Text("job-1")), label=""),
                Advance(4 * DAY),
                *looks,
                Advance(3 * DAY + MINUTE),
                *looks,
            )
            name = f"an id that {way} is {how} anew, and days pass"
            yield Scene(name, steps, ("used again, later",), EXPIRING | CALLER_IDS, about=("EXP-01", "EXP-03"))
    every: tuple[Action, ...] = (*(listing(status=one) for one in TaskStatus), listing(limit=0), listing())
    for gap, rounds in product((3, 5), range(2, 7)):
        days: list[Action] = []
        for number in range(rounds):
            days += [create(f"{one}{number}") for one in (*STATUSES, "new", "stopped", "kept")]
            days += [update(f"kept{number - 1}", TaskStatus.PENDING, progress=number + 0.5)] * (number > 0)
            days += [update(f"{one}{number}", TaskStatus(one)) for one in STATUSES]
            days += [cancel(f"stopped{number}"), Advance(gap * DAY)]
        for is_read in (True, False):  # a read may mend what a purge would not find
            look = (*every[: len(every) * is_read], Optional((purge(BEYOND),)), *every)
            name = f"{rounds * gap} busy days, then a {'listing' if is_read else 'purge'}, {gap} days after the last"
            yield Scene(name, (Known(tuple(days)), *look), ("busy days",), EXPIRING, about=("EXP-01", "EXP-03"))


def renewals(_: Random) -> Iterator[Scene]:
    """Every write that changes a task renews its lifetime in full, however soon after another one it comes."""
    last = {"creation": TaskStatus.PENDING, "last write": TaskStatus.UPLOADING}
    gaps = (2 * FIFTH, SECOND - FIFTH / 2, 4 * SECOND, 50 * SECOND, 10 * MINUTE, 50 * MINUTE, DAY / 2, WEEK - DAY)
    for gap, (after, status) in product(gaps, last.items()):
        writes: dict[str, Step] = {
            "an update": update("a", TaskStatus.CLIPPING),
            "an update of a field": update("a", TaskStatus.PENDING, current_step="s"),
            **{f"an update of {name} alone": update("a", status, **one) for name, one in _FIELDS.items()},
            "a completion": update("a", TaskStatus.COMPLETED),
            "a failure": update("a", TaskStatus.FAILED, error_message="e"),
            "a cancellation": cancel("a"),
        }
        is_short = gap < SECOND
        beside = () if is_short else (create("b"),)  # it would be looked at sooner than a second after its end
        before = (Advance(DAY), update("a", status)) if after == "last write" else ()
        for name, write in writes.items():
            actions = (
                Known((create("a"), *beside, *before, Advance(gap), write)),
                Advance(WEEK - gap / 2),
                listing(),
                get("a", about=("EXP-03",)),
                Advance(gap / 2 + SECOND if is_short else gap),
                get("a"),
                listing(),
            )
            words = f"{name} {gap} after the {after}"
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
    stop, about = replace(cancel("a"), label=""), ("ATOM-02",)
    ends = (update("a", TaskStatus.COMPLETED, label="", about=about), replace(stop, about=about))
    races = {"updates": race, "an update and a cancel": (race[0], stop), "a completion and a cancel": ends}
    for size in (3, _MANY):
        for name, calls in races.items():
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
