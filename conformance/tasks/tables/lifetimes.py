"""When tasks expire, and what renews their lifetime."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from itertools import product

from conformance.engine.kinds import ended, scenario
from conformance.engine.scenario import Action, Race, ReadBack, Scenario, Wait
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


def scenarios(depth: str = "default") -> Iterator[Scenario]:
    """All of them."""
    # No refusal, no read and no call that changes nothing renews a lifetime, or ends it.
    idle = *READS, do.update(A, "unknown"), to("clipping", error_message="e")
    repeated = create(task_id=A), create(task_id=A, config={}), purge(LONG_AGO), restore(TaskOf("a"))
    for status, (calls, alive) in product(("pending", "completed"), ((CALLS, idle), ([get(A)], repeated))):
        yield from ended((*MADE, to(status)), calls, lifetime=LIFETIME, about="EXP-01 ATOM-01", alive=alive)
    yield from _restored()
    yield from _renewed((DAY / 2,) if depth == "smoke" else (SECOND, 50 * SECOND, DAY / 2, 6 * DAY))
    yield from _used_again()
    for size in {"smoke": (2,), "default": (2, 260), "full": (2, 260, 1_100)}[depth]:
        yield from _many(size)

    for days in (1, 8, 400):  # in a store that does not expire tasks they stay
        made = create("a"), to("clipping"), create("b"), cancel(B)
        kept = Wait(days * DAY), get(A), to("completed"), ReadBack()
        yield scenario(made, kept, about="EXP-05", lacks=[Capability.EXPIRING])


def _restored() -> Iterator[Scenario]:
    """A restored task lives as long as a new one, however old it is, and again if it is restored again."""
    old = restorable(), restorable(status="failed", completed_at=LONG_AGO), restorable(updated_at=BEYOND)
    for task in old:
        life = restore(task), Wait(LIFETIME - MINUTE), get("restored"), Wait(2 * MINUTE), get("restored")
        yield _expiring(life, life, listing(), about="MAINT-02 EXP-01")


def _renewed(gaps: Sequence[timedelta]) -> Iterator[Scenario]:
    """Every write that changes a task renews its lifetime in full, however soon after another one it comes."""
    fields = {"progress": 5.5}, {"current_step": "s"}, {"result_url": "r"}
    writes = cancel(A), *(to("clipping", **given) for given in fields), *map(to, STATUSES)
    for gap, write in product(gaps, writes):
        made = create("a"), to("analyzing"), Wait(gap), write
        end = Wait(LIFETIME - gap / 2), get(A), Wait(gap / 2 + SECOND), get(A), listing()
        yield _expiring(made, end, about="EXP-03 EXP-01")


def _used_again() -> Iterator[Scenario]:
    """An id is used again, and nothing of its first task ends the second one or keeps it."""
    purged = to("failed", label="a"), purge(BEYOND), Wait(4 * DAY)
    made = create("a", config={"old": 1}), to("clipping", progress=50, label="a")
    lives: list[Action] = []
    for write in (to("clipping"), cancel(A), get(A)):
        lives += Wait(4 * DAY), write, ReadBack()
    for removal, again in product((purged, [Wait(8 * DAY)]), (create("a", A), restore(TaskOf("a")))):
        yield _expiring(made, removal, again, lives, Wait(4 * DAY), ReadBack(), about="EXP-03 ID-06")


_FIRST = Race((to("completed"), cancel(A))), *READS[1:], purge(BEYOND), create(task_id=A)


def _many(size: int) -> Iterator[Scenario]:
    """Few or many tasks expire, all or some of them: the first call afterwards finds none, and shows none."""
    made = create("b"), do.Populate(size, MIXED), create("a"), Wait(6 * DAY)
    kept = create("c"), to("pending", B, progress=1), Wait(DAY + MINUTE)
    for action in _FIRST:
        yield _expiring(made, kept, action, READS[1:], ReadBack(), about="EXP-01 EXP-03 ATOM-01")
