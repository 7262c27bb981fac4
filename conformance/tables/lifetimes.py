"""When tasks expire, and what renews their lifetime."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from conformance.core.scenario import (
    Action,
    Call,
    CursorOf,
    Id,
    Look,
    Populate,
    Race,
    Scenario,
    TaskOf,
    Wait,
    cancel,
    create,
    get,
    listing,
    purge,
    restore,
    update,
)
from conformance.spec.model import FINAL, STATUSES
from conformance.tables.tasks import (
    BEYOND,
    CURSOR,
    DAY,
    EXPIRING,
    FIFTH,
    LONG_AGO,
    MINUTE,
    MIXED,
    SECOND,
    WEEK,
    A,
    Actions,
    going,
    restorable,
)
from taskstore import TaskStatus

_ENDS, _RENEWS = ("EXP-01",), ("EXP-03", "EXP-01")
_FIELDS: tuple[dict[str, Any], ...] = ({"progress": 5.5}, {"current_step": "s"}, {"result_url": "r"})
"""What an update may change alone, its status being what it was."""


def scenarios(depth: str = "default") -> Iterator[Scenario]:
    """All of them."""
    yield from _lives()
    yield from _renewals(depth)
    yield from _unchanged()
    yield from _first_calls(depth)
    yield from _used_again()
    yield from _many(depth)
    yield from _kept()


def _writes(status: TaskStatus) -> list[Callable[[Any], Call]]:
    """Every write that changes a task of that status."""
    alone = [lambda one, given=given: update(one, status, **given) for given in _FIELDS]
    to = [lambda one, to=to: update(one, TaskStatus(to)) for to in STATUSES if to != status]
    return [*alone, *to, lambda one: update(one, TaskStatus.FAILED, error_message="e"), cancel]


def _gone(*tasks: Any) -> tuple[Call, ...]:
    """Calls that do not find tasks which are gone. The listings come last: they may remove what is due."""
    each = [(get(one), update(one, TaskStatus.CLIPPING), cancel(one)) for one in tasks]
    return (*(call for calls in each for call in calls), listing(status=TaskStatus.CLIPPING), listing())


def _lives() -> Iterator[Scenario]:
    """The end of a life, to the second, of tasks of every status, read before and not."""
    labels = [f"t{number}" for number in range(len(STATUSES))]
    ids = [*map(Id, labels)]
    made = (
        *map(create, labels),
        *(update(one, TaskStatus(status)) for one, status in zip(ids, STATUSES, strict=True)),
    )
    kinds: dict[str, Actions] = {"read": (*map(get, ids), listing(), Wait(FIFTH)), "never read": ()}
    for name, reads in kinds.items():
        end: Actions = () if reads else (Wait(WEEK - FIFTH), *map(get, ids), listing())
        left = FIFTH if end else WEEK
        actions: Actions = (*made, *reads, *end, Wait(left + SECOND), *_gone(*ids))
        yield Scenario(f"tasks of every status expire after a week, {name}", actions, _ENDS, EXPIRING)
    for status in ("pending", *FINAL):  # one alone: nothing else makes the store look at what is due
        for call in (get(A), cancel(A), listing(status=TaskStatus(status)), listing(limit=0)):
            actions = (
                create("a"),
                update(A, TaskStatus(status)),
                Wait(WEEK + SECOND),
                call,
                Look(),
                create("b"),
                Look(),
            )
            yield Scenario(f"a {status} task expires, and {call.operation} comes first", actions, _ENDS, EXPIRING)
    turns = [one for label in labels[:5] for one in (create(label), Wait(FIFTH))]
    ends = [one for task in ids[:5] for one in (get(task), Wait(FIFTH), get(task))]
    actions = (*turns, Wait(WEEK - 5.5 * FIFTH), *ends)
    yield Scenario("a life ends to a tenth of a second", actions, _ENDS, EXPIRING)
    ahead = datetime.now(UTC) + timedelta(hours=3)
    for created in (ahead, LONG_AGO):
        olds = [restorable(f"t-{one}", created_at=created, updated_at=ahead) for one in STATUSES]
        writes = (update(f"t-{one}", TaskStatus(one)) for one in STATUSES[1:])
        reads = (*(get(one.task_id) for one in olds), listing())
        actions = (*map(restore, olds), *writes, Wait(WEEK - MINUTE), *reads, Wait(2 * MINUTE), *reads)
        yield Scenario(f"the clock is behind tasks of {created.year}", actions, _ENDS, EXPIRING)
    done = restorable(status="completed", progress=100.0, completed_at=LONG_AGO)
    for old in (restorable(), done):
        life = (restore(old), Wait(WEEK - MINUTE), get("restored"), Wait(2 * MINUTE))
        actions = (*life, get("restored"), *life, purge(LONG_AGO + MINUTE), listing())
        yield Scenario(f"a restored {old.status} task lives for a week", actions, ("MAINT-02", "EXP-01"), EXPIRING)


def _renewals(depth: str) -> Iterator[Scenario]:
    """Every write that changes a task renews its lifetime in full, however soon after another one it comes."""
    gaps = [2 * FIFTH, SECOND - FIFTH / 2, 4 * SECOND, 50 * SECOND, 10 * MINUTE, 50 * MINUTE, DAY / 2, WEEK - DAY]
    for gap in gaps if depth != "smoke" else gaps[::3]:
        for after, status in (("creation", TaskStatus.PENDING), ("last write", TaskStatus.UPLOADING)):
            writes = _writes(status)
            labels = [f"t{number}" for number in range(len(writes))]
            ids = [*map(Id, labels)]
            before: Actions = (Wait(DAY), *(update(one, status) for one in ids)) if after == "last write" else ()
            actions: Actions = (
                *map(create, labels),
                *before,
                Wait(gap),
                *(write(one) for write, one in zip(writes, ids, strict=True)),
                Wait(WEEK - gap / 2),
                *map(get, ids),
                listing(),
                Wait(gap / 2 + SECOND),
                *map(get, ids),
                listing(),
            )
            yield Scenario(f"each write renews the lifetime, {gap} after the {after}", actions, _RENEWS, EXPIRING)
    often: list[Action] = [create("a")]
    for number in range(12):
        often += [Wait(6 * DAY), going(progress=number), get(A)]
    yield Scenario("a task that is written every six days stays", tuple(often), _RENEWS, EXPIRING)
    actions = (create("a"), Wait(6 * DAY), update(A, TaskStatus.PENDING), Wait(WEEK + MINUTE), *_gone(A))
    yield Scenario("an update with nothing new renews once at most", actions, _ENDS, EXPIRING)


def _idle() -> dict[str, Actions]:
    """Calls that change nothing of the task `a`, whatever its status."""
    refused = (
        update(A, "unknown"),
        going(progress=101),
        going(error_message="e"),
        going(current_step="\ud800"),
        update(A, TaskStatus.COMPLETED, progress=30),
        going(current_step="x" * 500_000),
    )
    return {
        "read": (get(A), listing(), listing(limit=1), listing(status=TaskStatus.PENDING)),
        "refused": refused,
        "purged around": (purge(LONG_AGO),),
        "restored over": (restore(TaskOf("a")), restore(TaskOf("a", {"video_ids": ("other",)}))),
        "created again": (create("", "job-1", config={"k": 1}),),
        "created over": (create("", "job-1", config={}), create("", "job-1", config=[])),
        "another is written": (create("b"), update(Id("b"), TaskStatus.CLIPPING), cancel(Id("b"))),
    }


def _unchanged() -> Iterator[Scenario]:
    """No refusal, no read and no call that changes nothing renews the lifetime of a task, or ends it."""
    for name, calls in _idle().items():
        chosen = "job-1" if name.startswith("created") else None
        first = create("a", chosen, config={"k": "x" * 600_000 if name == "refused" else 1})
        kept = ("LIFE-14",) if name == "refused" else ()
        actions: Actions = (first, Wait(6 * DAY), *calls, Wait(DAY + MINUTE), *_gone(A))
        yield Scenario(f"{name}: renews nothing", actions, (*_ENDS, *kept), EXPIRING)
        actions = (first, Wait(DAY), *calls, Wait(6 * DAY - MINUTE), get(A), listing())
        yield Scenario(f"{name}: ends nothing", actions, (*_ENDS, *kept), EXPIRING)
        for status in FINAL:
            end = update(A, TaskStatus(status), progress=100, current_step="s")
            again = (end, cancel(A), update(A, TaskStatus(status)), update(A, TaskStatus(status), current_step="o"))
            actions = (first, end, Wait(6 * DAY), *calls, *again, Wait(DAY + MINUTE), *_gone(A))
            yield Scenario(f"{status} and {name}: renews nothing", actions, (*_ENDS, "LIFE-10"), EXPIRING)


def _first_calls(depth: str) -> Iterator[Scenario]:
    """The first call after tasks have expired, few or many: it may find none of them, and shows none."""
    pending = TaskStatus.PENDING
    few = {
        "get_task": get(A),
        "update_task_status": going(),
        "cancel_task": cancel(A),
        "create_task": create(),
        "restore": restore(TaskOf("a")),
        "purge": purge(BEYOND),
        "list_tasks behind one": listing(after=CursorOf("a")),
    }
    many = {
        "create_task under its id": create("", "job-1"),
        "list_tasks": listing(),
        "list_tasks for the total": listing(limit=0, status=pending),
        "list_tasks of their status": listing(status=pending, offset=1),
        "list_tasks of another status": listing(status=TaskStatus.FAILED),
    }
    sizes = {"smoke": (2,), "default": (2, 260), "full": (2, 260, 1_100)}[depth]
    for size in sizes:
        for alive in ("none", "the newest", "the oldest")[: 3 if size > 2 or depth == "full" else 1]:  # noqa: PLR2004
            early, late = alive == "the oldest", alive == "the newest"
            chosen = many if size > 2 and depth != "full" else few | many  # noqa: PLR2004
            for number, (name, call) in enumerate(chosen.items()):
                if size > 2 and depth == "default" and number % 3 != ("none", "the newest", "the oldest").index(alive):  # noqa: PLR2004
                    continue
                actions: Actions = (
                    *([create("n")] * early),
                    create("a", "job-1"),
                    Populate(size),
                    Wait(WEEK - DAY),
                    *([create("n")] * late),
                    *([update(Id("n"), pending, current_step="s")] * early),
                    Wait(DAY + MINUTE),
                    call,
                    listing(status=pending, limit=0),
                    Look(),
                )
                words = f"{name} comes first when {size} tasks have expired and {alive} is left"
                needs = EXPIRING | (CURSOR if "behind" in name else frozenset())
                yield Scenario(words, actions, _ENDS, needs)
    stop = cancel(A)
    races: dict[str, tuple[Call, ...]] = {
        "updates": (going(current_step="s"), going(result_url="r")),
        "a completion and a cancel": (update(A, TaskStatus.COMPLETED), stop),
    }
    for name, calls in races.items():
        first = (Populate(sizes[-1]), Wait(WEEK - DAY), create("a"), Wait(DAY + MINUTE))
        yield Scenario(f"{name} race when many have expired", (*first, Race(calls), Look()), ("ATOM-01",), EXPIRING)


def _used_again() -> Iterator[Scenario]:
    """An id is used again, and nothing of its first task ends the second one or keeps it."""
    first = create("a", "job-1", config={"old": 1})
    past = Wait(WEEK + MINUTE)
    removals: dict[str, Actions] = {
        **{f"purged when {one}": (update(A, TaskStatus(one)), purge(BEYOND), Wait(4 * DAY)) for one in FINAL},
        "purged late": (Wait(4 * DAY), cancel(A), Wait(4 * DAY), purge(BEYOND), Wait(DAY)),
        "expired": (past,),
        "expired when final": (cancel(A), past),
        "expired among many": (Populate(130), past),
    }
    seconds = {"created": create("a", "job-1"), "restored": restore(restorable("job-1"))}
    later = (going(), going(progress=5.5), cancel(A))
    for way, removal in removals.items():
        for how, second in seconds.items():
            days: list[Action] = [first, *removal, second, Wait(4 * DAY), get("job-1"), Look()]
            for write in later:
                days += [write, Wait(4 * DAY), get("job-1"), Look()]
            days += [Wait(3 * DAY + MINUTE), get("job-1"), Look()]
            yield Scenario(f"an id that {way} is {how} anew", tuple(days), _RENEWS, EXPIRING)


def _many(depth: str) -> Iterator[Scenario]:
    """Many tasks expire, all at once or some of them."""
    clipping = TaskStatus.CLIPPING
    labels = ("first", "second", "third")
    renewed = (update(Id(label), TaskStatus.PENDING, **one) for label, one in zip(labels, _FIELDS, strict=True))
    late: Actions = (Populate(60, MIXED), *map(create, labels), Wait(6 * DAY), *renewed, Wait(DAY + MINUTE))
    yield Scenario(
        "some of many tasks expire", (*late, listing(), listing(status=TaskStatus.PENDING)), _RENEWS, EXPIRING
    )
    for size in (101, 251) if depth != "full" else (2, 60, 101, 251, 1_001):
        actions: Actions = (
            Populate(size, MIXED),
            Wait(4 * DAY),
            create("n"),
            Wait(3 * DAY + MINUTE),
            listing(status=clipping),
        )
        yield Scenario(f"{size} tasks expire, and one is left", (*actions, Look(), listing(limit=0)), _ENDS, EXPIRING)
        actions = (Populate(size, MIXED), Wait(WEEK + MINUTE), create("n"), cancel(Id("n")), purge(BEYOND), listing())
        yield Scenario(f"a purge after {size} tasks expired", actions, _ENDS, EXPIRING)


def _kept() -> Iterator[Scenario]:
    """Where tasks do not expire, none goes by itself."""
    for days in (1, 8, 400):
        made = (create("a"), going(), create("b"), cancel(Id("b")), Wait(days * DAY))
        actions: Actions = (*made, get(A), get(Id("b")), listing(), update(A, TaskStatus.COMPLETED), Look())
        yield Scenario(f"nothing goes by itself in {days} days", actions, ("EXP-05",), lacks=EXPIRING)
