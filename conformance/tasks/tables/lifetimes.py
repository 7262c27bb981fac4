"""When tasks expire, and what renews their lifetime."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import partial
from itertools import product
from typing import Any

from conformance.engine.scenario import Action, Race, ReadBack, Scenario, Wait
from conformance.harness import Capability
from conformance.tasks import calls as do
from conformance.tasks.calls import TaskOf, cancel, create, get, listing, purge, restore
from conformance.tasks.spec.model import LIFETIME, STATUSES
from conformance.tasks.tables.tasks import BEYOND, DAY, LONG_AGO, MINUTE, MIXED, SECOND, A, B, restorable, scenario, to
from taskstore import TaskStatus

_expiring = partial(scenario, needs=[Capability.EXPIRING])


def scenarios(depth: str = "default") -> Iterator[Scenario]:
    """All of them."""
    yield from _ends()
    yield from _renewals((SECOND, 50 * SECOND, DAY / 2, 6 * DAY) if depth != "smoke" else (DAY / 2,))
    yield from _unchanged()
    yield from _used_again()
    for size in {"smoke": (2,), "default": (2, 260), "full": (2, 260, 1_100)}[depth]:
        yield from _many(size)
    made = create("a"), to("clipping"), create("b"), cancel(B)
    for days in (1, 8, 400):
        reads = get(A), to("completed"), ReadBack()
        yield scenario(made, Wait(days * DAY), reads, about="EXP-05", lacks=[Capability.EXPIRING])


def _ends() -> Iterator[Scenario]:
    """The end of a life, to the second, whatever the status, and whichever call comes first."""
    calls = [get(A), to("clipping"), cancel(A), create(task_id=A), restore(TaskOf("a")), purge(BEYOND)]
    calls += [listing(), listing(limit=0), listing(status=TaskStatus.PENDING), listing(after=do.CursorOf("a"))]
    before, after = Wait(LIFETIME - SECOND), Wait(2 * SECOND)
    for call, status in product(calls, ("pending", "completed", "failed")):
        made = create("a"), to(status), before, get(A), listing(), after
        yield _expiring(made, call, ReadBack(), about="EXP-01 ATOM-01")
    finished = restorable(status="failed", completed_at=LONG_AGO)
    for old in (restorable(), finished, restorable(updated_at=BEYOND)):
        life = restore(old), Wait(LIFETIME - MINUTE), get("restored"), Wait(2 * MINUTE)
        yield _expiring(life, life, listing(), about="MAINT-02 EXP-01")


def _renewals(gaps: Iterable[timedelta]) -> Iterator[Scenario]:
    """Every write that changes a task renews its lifetime in full, however soon after another one it comes."""
    writes = [cancel(A)]
    fields: list[dict[str, Any]] = [{"progress": 5.5}, {"current_step": "s"}, {"result_url": "r"}]
    writes += [to("clipping", **given) for given in fields]
    writes += [to(status) for status in STATUSES if status != "clipping"]
    for gap, write in product(gaps, writes):
        alive = Wait(LIFETIME - gap / 2), get(A)
        gone = Wait(gap / 2 + SECOND), get(A), listing()
        yield _expiring(create("a"), to("clipping"), Wait(gap), write, alive, gone, about="EXP-03 EXP-01")


def _unchanged() -> Iterator[Scenario]:
    """No refusal, no read and no call that changes nothing renews the lifetime of a task, or ends it."""
    refused = do.update(A, "unknown"), to("clipping", error_message="e"), to("clipping", progress=101)
    idle = get(A), listing(), *refused
    more = create(task_id=A), create(task_id=A, config={}), purge(LONG_AGO), restore(TaskOf("a"))
    for calls, status, days in product((idle, more), ("pending", "completed", "failed"), (1, 6)):
        again = [to(status), cancel(A)] if status != "pending" else []
        made = create("a"), to(status), Wait(days * DAY)
        alive = Wait((7 - days) * DAY - MINUTE), get(A)
        gone = Wait(2 * MINUTE), get(A), to("clipping"), ReadBack()
        yield _expiring(made, again, calls, alive, gone, about="EXP-01 LIFE-10 LIFE-14")


def _used_again() -> Iterator[Scenario]:
    """An id is used again, and nothing of its first task ends the second one or keeps it."""
    old = create("a", config={"old": 1}), to("clipping", progress=50, current_step="s", label="a")
    past = Wait(LIFETIME + MINUTE)
    purged = to("failed", label="a"), purge(BEYOND), Wait(4 * DAY)
    removals: list[tuple[Action, ...]] = [purged, (past,), (cancel(A), past), (do.Populate(130), past)]
    for removal, again in product(removals, (create("a", A), restore(TaskOf("a")))):
        lives: list[Action] = []
        for write in (again, to("clipping"), cancel(A)):
            lives += [write, ReadBack(), Wait(4 * DAY), ReadBack()]
        end = Wait(DAY), get(A), ReadBack()
        yield _expiring(old, removal, again, ReadBack(), lives, end, about="EXP-03 ID-06")


def _many(size: int) -> Iterator[Scenario]:
    """Few or many tasks expire, all or some of them: the first call afterwards finds none, and shows none."""
    updates = Race((to("clipping"), to("clipping", result_url="r")))
    ends = Race((to("completed"), cancel(A)))
    pages = listing(status=TaskStatus.PENDING, offset=1), listing(limit=0)
    old = create("b"), do.Populate(size, MIXED), create("a")
    new = Wait(6 * DAY), create("c"), to("pending", B, progress=1), Wait(DAY + MINUTE)
    first: list[Action] = [updates, ends, *pages, purge(BEYOND), create(task_id=A)]
    for action in first:
        yield _expiring(old, new, action, pages, ReadBack(), about="EXP-01 EXP-03 ATOM-01")
