"""When tasks expire, and what renews their lifetime."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from itertools import product

from conformance.engine.kinds import ended, scenario
from conformance.engine.scenario import Action, Call, Race, ReadBack, Scenario, Wait
from conformance.harness import Capability
from conformance.tasks import calls as do
from conformance.tasks.calls import TaskOf, cancel, create, get, listing, purge, restore
from conformance.tasks.spec.model import LIFETIME, STATUSES
from conformance.tasks.tables.tasks import (
    BEYOND,
    CALLS,
    DAY,
    LONG_AGO,
    MADE,
    MINUTE,
    MIXED,
    READS,
    SECOND,
    A,
    B,
    restorable,
    to,
)

_expiring = partial(scenario, needs=[Capability.EXPIRING])
_lasting = partial(scenario, lacks=[Capability.EXPIRING])

_IDLE = *READS, do.update(A, "unknown"), to("clipping", error_message="e")
_REPEATED = create(task_id=A), create(task_id=A, config={}), purge(LONG_AGO), restore(TaskOf("a"))
"""No refusal, no read and no call that changes nothing renews a lifetime, or ends it."""
_ENDED: Sequence[tuple[Sequence[Call], Sequence[Call]]] = (
    (CALLS, _IDLE),
    ([get(A)], _REPEATED),
)
"""Calls at the end of a lifetime, and others shortly before it."""
_GAPS = (SECOND, 50 * SECOND, DAY / 2, 6 * DAY)
_SIZES = {"smoke": (2,), "default": (2, 260), "full": (2, 260, 1_100)}


def scenarios(depth: str = "default") -> Iterator[Scenario]:
    """All of them."""
    for status, (calls, alive) in product(("pending", "completed"), _ENDED):
        made = *MADE, to(status)
        yield from ended(made, calls, lifetime=LIFETIME, about="EXP-01 ATOM-01", alive=alive)
    yield from _restored()
    gaps = _GAPS[2:3] if depth == "smoke" else _GAPS
    for gap, write in product(gaps, _RENEWALS):
        yield _expiring(_renewed(gap, write), about="EXP-03 EXP-01")
    yield from _used_again()
    for size in _SIZES[depth]:
        yield from _many(size)
    for days in (1, 8, 400):
        yield _lasting(_kept(days * DAY), about="EXP-05")


def _kept(time: timedelta) -> Iterator[Action]:
    """In a store that does not expire tasks they stay."""
    yield create("a")
    yield to("clipping")
    yield create("b")
    yield cancel(B)

    yield Wait(time)
    yield get(A)
    yield to("completed")
    yield ReadBack()


_OLD = (
    restorable(),
    restorable(status="failed", completed_at=LONG_AGO),
    restorable(updated_at=BEYOND),
)
_LIFE = Wait(LIFETIME - MINUTE), get("restored"), Wait(2 * MINUTE), get("restored")


def _restored() -> Iterator[Scenario]:
    """A restored task lives as long as a new one, however old it is, and again if it is restored again."""
    for task in _OLD:
        life = restore(task), *_LIFE
        yield _expiring(life, life, listing(), about="MAINT-02 EXP-01")


_RENEWALS = (
    cancel(A),
    to("clipping", progress=5.5),
    to("clipping", current_step="s"),
    to("clipping", result_url="r"),
    *map(to, STATUSES),
)


def _renewed(gap: timedelta, write: Call) -> Iterator[Action]:
    """Every write that changes a task renews its lifetime in full, however soon after another one it comes."""
    yield create("a")
    yield to("analyzing")
    yield Wait(gap)
    yield write

    yield Wait(LIFETIME - gap / 2)
    yield get(A)
    yield Wait(gap / 2 + SECOND)
    yield get(A)
    yield listing()


_REMOVALS: Sequence[Sequence[Action]] = (
    (to("failed", label="a"), purge(BEYOND), Wait(4 * DAY)),
    (Wait(8 * DAY),),
)
_AGAIN = create("a", A), restore(TaskOf("a"))


def _used_again() -> Iterator[Scenario]:
    """An id is used again, and nothing of its first task ends the second one or keeps it."""
    made = create("a", config={"old": 1}), to("clipping", progress=50, label="a")
    for removal, again in product(_REMOVALS, _AGAIN):
        yield _expiring(made, removal, again, _second_life(), about="EXP-03 ID-06")


def _second_life() -> Iterator[Action]:
    for write in (to("clipping"), cancel(A), get(A)):
        yield Wait(4 * DAY)
        yield write
        yield ReadBack()
    yield Wait(4 * DAY)
    yield ReadBack()


_FIRST = Race((to("completed"), cancel(A))), *READS[1:], purge(BEYOND), create(task_id=A)


def _many(size: int) -> Iterator[Scenario]:
    """Few or many tasks expire, all or some of them: the first call afterwards finds none, and shows none."""
    for first in _FIRST:
        yield _expiring(_some_expire(size), first, READS[1:], ReadBack(), about="EXP-01 EXP-03 ATOM-01")


def _some_expire(size: int) -> Iterator[Action]:
    yield create("b")
    yield do.Populate(size, MIXED)
    yield create("a")
    yield Wait(6 * DAY)

    yield create("c")
    yield to("pending", B, progress=1)
    yield Wait(DAY + MINUTE)
