"""When tasks expire, and what renews their lifetime."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import partial

from conformance.engine.kinds import ended
from conformance.engine.scenario import Action, Call, Race, ReadBack, Scenario, Wait
from conformance.harness import Capability
from conformance.tasks import calls as do
from conformance.tasks.calls import TaskOf, cancel, create, get, listing, purge, restore
from conformance.tasks.spec.model import LIFETIME, STATUSES, Record
from conformance.tasks.tables.tasks import (
    BEYOND,
    DAY,
    LONG_AGO,
    MINUTE,
    MIXED,
    SECOND,
    A,
    Actions,
    B,
    Table,
    restorable,
    to,
)
from taskstore import TaskStatus

_table = Table()
_expiring = partial(_table, needs=[Capability.EXPIRING])


def scenarios(depth: str = "default") -> Iterator[Scenario]:
    """All of them."""
    for status in _ENDS:
        made = create("a"), to(status)
        alive = get(A), listing()
        yield from ended(made, _FIRST_CALLS, lifetime=LIFETIME, about="EXP-01 ATOM-01", alive=alive)
    yield from _table.scenarios(depth)


_ENDS = ("pending", "completed", "failed")
_PAGES = listing(status=TaskStatus.PENDING, offset=1), listing(limit=0)
_FIRST_CALLS = (
    get(A),
    to("clipping"),
    cancel(A),
    create(task_id=A),
    restore(TaskOf("a")),
    purge(BEYOND),
    listing(),
    listing(limit=0),
    listing(status=TaskStatus.PENDING),
    listing(after=do.CursorOf("a")),
)
_OLD = (
    restorable(),
    restorable(status="failed", completed_at=LONG_AGO),
    restorable(updated_at=BEYOND),
)


@_expiring("MAINT-02 EXP-01", task=_OLD)
def _restored(task: Record) -> Actions:
    """A restored task lives as long as a new one, however old it is, and again if it is restored again."""
    for _ in range(2):
        yield restore(task)
        yield Wait(LIFETIME - MINUTE)
        yield get("restored")
        yield Wait(2 * MINUTE)
    yield listing()


_GAPS = {
    "smoke": (DAY / 2,),
    "default": (SECOND, 50 * SECOND, DAY / 2, 6 * DAY),
    "full": (SECOND, 50 * SECOND, DAY / 2, 6 * DAY),
}
_RENEWING = (
    cancel(A),
    to("clipping", progress=5.5),
    to("clipping", current_step="s"),
    to("clipping", result_url="r"),
    *(to(status) for status in STATUSES if status != "clipping"),
)


@_expiring("EXP-03 EXP-01", gap=_GAPS, write=_RENEWING)
def _renewal(gap: timedelta, write: Call) -> Actions:
    """Every write that changes a task renews its lifetime in full, however soon after another one it comes."""
    yield create("a")
    yield to("clipping")
    yield Wait(gap)
    yield write
    yield Wait(LIFETIME - gap / 2)
    yield get(A)
    yield Wait(gap / 2 + SECOND)
    yield get(A)
    yield listing()


_IDLE = (
    (
        get(A),
        listing(),
        do.update(A, "unknown"),
        to("clipping", error_message="e"),
        to("clipping", progress=101),
    ),
    (
        create(task_id=A),
        create(task_id=A, config={}),
        purge(LONG_AGO),
        restore(TaskOf("a")),
    ),
)


@_expiring("EXP-01 LIFE-10 LIFE-14", calls=_IDLE, status=_ENDS, days=(1, 6))
def _unchanged(calls: Iterable[Call], status: str, days: int) -> Actions:
    """No refusal, no read and no call that changes nothing renews the lifetime of a task, or ends it."""
    yield create("a")
    yield to(status)
    yield Wait(days * DAY)
    if status != "pending":
        yield to(status)
        yield cancel(A)
    yield from calls
    yield Wait((7 - days) * DAY - MINUTE)
    yield get(A)
    yield Wait(2 * MINUTE)
    yield get(A)
    yield to("clipping")
    yield ReadBack()


_PAST = Wait(LIFETIME + MINUTE)
_REMOVALS = (
    (to("failed", label="a"), purge(BEYOND), Wait(4 * DAY)),
    (_PAST,),
    (cancel(A), _PAST),
    (do.Populate(130), _PAST),
)


@_expiring("EXP-03 ID-06", removal=_REMOVALS, again=(create("a", A), restore(TaskOf("a"))))
def _used_again(removal: Iterable[Action], again: Call) -> Actions:
    """An id is used again, and nothing of its first task ends the second one or keeps it."""
    yield create("a", config={"old": 1})
    yield to("clipping", progress=50, label="a")
    yield from removal
    yield again
    for write in (again, to("clipping"), cancel(A)):
        yield write
        yield ReadBack()
        yield Wait(4 * DAY)
        yield ReadBack()
    yield Wait(DAY)
    yield get(A)
    yield ReadBack()


_SIZES = {
    "smoke": (2,),
    "default": (2, 260),
    "full": (2, 260, 1_100),
}
_FIRST_ACTIONS = (
    Race((to("clipping"), to("clipping", result_url="r"))),
    Race((to("completed"), cancel(A))),
    *_PAGES,
    purge(BEYOND),
    create(task_id=A),
)


@_expiring("EXP-01 EXP-03 ATOM-01", size=_SIZES, action=_FIRST_ACTIONS)
def _many(size: int, action: Action) -> Actions:
    """Few or many tasks expire, all or some of them: the first call afterwards finds none, and shows none."""
    yield create("b")
    yield do.Populate(size, MIXED)
    yield create("a")
    yield Wait(6 * DAY)
    yield create("c")
    yield to("pending", B, progress=1)
    yield Wait(DAY + MINUTE)
    yield action
    yield from _PAGES
    yield ReadBack()


@_table("EXP-05", lacks=[Capability.EXPIRING], days=(1, 8, 400))
def _kept(days: int) -> Actions:
    """In a store that does not expire tasks they stay."""
    yield create("a")
    yield to("clipping")
    yield create("b")
    yield cancel(B)
    yield Wait(days * DAY)
    yield get(A)
    yield to("completed")
    yield ReadBack()
