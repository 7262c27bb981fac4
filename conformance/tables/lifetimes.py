"""When tasks expire, and what renews their lifetime."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product
from typing import Any

from conformance.core.scenario import (
    Call,
    CursorOf,
    Look,
    Populate,
    Race,
    Scenario,
    TaskOf,
    TimeOf,
    Wait,
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
from conformance.tables.tasks import (
    BEYOND,
    DAY,
    LONG_AGO,
    MICROSECOND,
    MINUTE,
    MIXED,
    SECOND,
    WEEK,
    A,
    B,
    first,
    plain,
    restorable,
    scenario,
    to,
)
from taskstore import TaskStatus

_expiring = partial(scenario, needs=[Capability.EXPIRING])


def scenarios(depth: str = "default") -> Iterator[Scenario]:
    """All of them."""
    yield from plain()
    yield from _ends()
    yield from _renewals(depth)
    yield from _unchanged()
    yield from _used_again()
    yield from _many(depth)
    for days in (1, 8, 400):
        made = create("a"), to("clipping"), create("b"), cancel(B), Wait(days * DAY)
        reads = get(A), get(B), listing(), to("completed"), Look()
        yield scenario(made, reads, about="EXP-05", lacks=[Capability.EXPIRING])


def _ends() -> Iterator[Scenario]:
    """The end of a life, to the second, whatever the status, and whichever call comes first."""
    pages = listing(), listing(limit=0), listing(status=TaskStatus.PENDING), listing(after=CursorOf("a"))
    firsts = get(A), to("clipping"), cancel(A), *pages, create(task_id="job-1"), restore(TaskOf("a")), purge(BEYOND)
    for call in firsts:
        for status in ("pending", *FINAL):
            made = first(call), to(status), Wait(WEEK - SECOND), get(A), listing()
            yield _expiring(made, Wait(2 * SECOND), call, Look(), about="EXP-01 ATOM-01")
    ahead = datetime.now(UTC) + timedelta(hours=3)
    done = restorable(status="completed", progress=100.0, completed_at=LONG_AGO)
    for old in (restorable(), done, *(restorable(created_at=one, updated_at=ahead) for one in (ahead, LONG_AGO))):
        life = restore(old), Wait(WEEK - MINUTE), get("restored"), Wait(2 * MINUTE), get("restored")
        yield _expiring(life, life, purge(LONG_AGO + MINUTE), listing(), about="MAINT-02 EXP-01")


def _renewals(depth: str) -> Iterator[Scenario]:
    """Every write that changes a task renews its lifetime in full, however soon after another one it comes."""
    fields: tuple[dict[str, Any], ...] = ({"progress": 5.5}, {"current_step": "s"}, {"result_url": "r"})
    for gap in (SECOND, 50 * SECOND, DAY / 2, 6 * DAY) if depth != "smoke" else (DAY / 2,):
        for status in ("pending", "uploading"):
            writes: list[Call] = [*(to(status, **one) for one in fields), *map(to, STATUSES), cancel(A)]
            for write in writes:
                if write.arguments != to(status).arguments:  # that changes nothing, and need not renew it
                    later = Wait(WEEK - gap / 2), get(A), listing(), Wait(gap / 2 + SECOND), get(A), listing()
                    yield _expiring(create("a"), to(status), Wait(gap), write, later, about="EXP-03 EXP-01")


def _unchanged() -> Iterator[Scenario]:
    """No refusal, no read and no call that changes nothing renews the lifetime of a task, or ends it."""
    large = {"k": "x" * 600_000}
    idle = [
        *(get(A), listing(), listing(limit=1), update(A, "unknown"), to("clipping", error_message="e")),
        *(to("clipping", progress=101), to("clipping", current_step=large["k"])),
    ]
    more = [create(task_id="job-1", config=one) for one in (large, {})] + [purge(LONG_AGO), restore(TaskOf("a"))]
    for status, calls in product(("pending", *FINAL), (idle, more)):
        made = first(*calls, config=large), to(status)
        again = [to(status), cancel(A), to(status, current_step="o")] if status != "pending" else []
        gone = Wait(DAY + MINUTE), get(A), to("clipping"), cancel(A), Look()
        left, about = (Wait(6 * DAY - MINUTE), get(A), Look()), "EXP-01 LIFE-10 LIFE-14"
        yield _expiring(made, Wait(6 * DAY), again, calls, gone, about=about)
        yield _expiring(made, Wait(DAY), again, calls, left, about=about)


def _used_again() -> Iterator[Scenario]:
    """An id is used again, and nothing of its first task ends the second one or keeps it."""
    old = create("a", "job-1", config={"old": 1}), to("clipping", progress=50, current_step="s", label="a")
    purged = purge(TimeOf("a", plus=MICROSECOND)), Wait(4 * DAY)
    past = Wait(WEEK + MINUTE)
    ended = [(to(status, label="a"), *purged) for status in FINAL]
    for removal in (*ended, (past,), (cancel(A), past), (Populate(130), past)):
        for again in (create("a", "job-1"), restore(restorable("job-1")), restore(TaskOf("a"))):
            days = [
                one for write in (again, to("clipping"), cancel(A)) for one in (write, Look(), Wait(4 * DAY), Look())
            ]
            yield _expiring(old, removal, again, Look(), days, Wait(DAY), get("job-1"), Look(), about="EXP-03 ID-06")


def _many(depth: str) -> Iterator[Scenario]:
    """Few or many tasks expire, all or some of them: the first call afterwards finds none, and shows none."""
    pending = TaskStatus.PENDING
    races = Race((to("clipping"), to("clipping", result_url="r"))), Race((to("completed"), cancel(A)))
    pages = listing(status=pending, offset=1), listing(limit=0)
    for size in {"smoke": (2,), "default": (2, 260), "full": (2, 260, 1_100)}[depth]:
        for action in (*races, *pages, purge(BEYOND), create(task_id="job-1")):
            old = create("b"), first(*[action] if isinstance(action, Call) else []), Populate(size, MIXED)
            new = Wait(6 * DAY), create("c"), to("pending", B, progress=1), Wait(DAY + MINUTE)
            yield _expiring(old, new, action, pages, Look(), about="EXP-01 EXP-03 ATOM-01")
