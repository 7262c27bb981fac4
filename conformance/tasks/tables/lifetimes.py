"""When tasks expire, and what renews their lifetime."""

from collections.abc import Sequence
from functools import partial
from itertools import product

from conformance.engine.kinds import Scenarios, ended, scenario
from conformance.engine.scenario import Action, Race, ReadBack, Wait
from conformance.tasks import calls as do
from conformance.tasks.calls import cancel, create, get, listing, purge, restore
from conformance.tasks.spec.model import LIFETIME, STATUSES, TEXTS, canonical
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
from taskstore import TaskStatus

_expiring = partial(scenario, needs="expiring")

_IDLE = *READS, do.update(A, "unknown"), to("clipping", error_message="e")
_REPEATED = create(task_id=A), create(task_id=A, config={}), purge(LONG_AGO)
"""No refusal, no read and no call that changes nothing renews a lifetime, or ends it."""
_ENDED = (
    (CALLS, _IDLE),
    ([get(A)], _REPEATED),
)
"""Calls at the end of a lifetime, and others shortly before it."""
GAPS = (SECOND, 50 * SECOND, DAY / 2, 6 * DAY)
_RENEWALS = (
    cancel(A),
    to("clipping", progress=5.5),
    to("clipping", current_step="s"),
    to("clipping", result_url="r"),
    *map(to, STATUSES),
)
_RICH = canonical({"webhook_url": "w", "config": {"k": [1, 1.0, -0.0, 2**64 - 1, {}]}})
OLD = (
    restorable(),
    restorable(status="failed", completed_at=LONG_AGO, metadata=_RICH, **dict.fromkeys(TEXTS, "é")),
    restorable(updated_at=BEYOND),
)
"""Tasks to restore."""
_READS_OLD = [get("restored")]


def scenarios() -> Scenarios:
    """All of them."""
    yield from ended(MADE, [get(A)], lifetime=LIFETIME, about="EXP-06", alive=[get(A)])
    for status, (calls, alive) in product(("pending", "completed"), _ENDED):
        made = *MADE, to(status)
        yield from ended(made, calls, lifetime=LIFETIME, about="EXP-01 ATOM-01", alive=alive)
    for task in OLD:  # a restored task lives as long as a new one, and again if it is restored again
        restored = restore(task), Wait(LIFETIME + SECOND), restore(task)
        yield from ended(restored, _READS_OLD, lifetime=LIFETIME, about="MAINT-02 EXP-01", alive=_READS_OLD)
    for gap, write in product(GAPS, _RENEWALS):  # however soon after another write
        renewed = Wait(LIFETIME - gap / 2), get(A), Wait(gap / 2 + SECOND), get(A)
        yield _expiring(create("a"), to("analyzing"), Wait(gap), write, renewed, listing(), about="EXP-03 EXP-01")
    for removal in _REMOVALS:
        yield _expiring(_BEFORE, removal, create("a", A), purge(BEYOND), _SECOND_LIFE, about="EXP-03 ID-06")
    for size, first in product((2, 260), _FIRST):
        many = create("b"), *do.many(size, MIXED)
        after = first, *READS[1:], listing(status=TaskStatus.FAILED), ReadBack()
        yield _expiring(many, _SOME_EXPIRE, after, about="EXP-01 EXP-03 ATOM-01")
    long = Wait(400 * DAY), get(A), to("completed"), ReadBack()
    yield scenario(MADE, long, about="EXP-05", lacks="expiring")


_BEFORE = create("a", config={"old": 1}), to("clipping", progress=50, label="a")
_REMOVALS = (
    (to("failed", label="a"), purge(BEYOND), Wait(4 * DAY)),
    (to("failed", label="a"), Wait(8 * DAY)),
    (Wait(8 * DAY),),
)
"""After these an id is used again, and nothing of its first task ends the second one or keeps it."""


_SECOND_LIFE = (
    Wait(4 * DAY),
    to("clipping"),
    ReadBack(),
    Wait(4 * DAY),
    cancel(A),
    ReadBack(),
    Wait(8 * DAY),
    ReadBack(),
)


_FIRST: Sequence[Action] = (
    Race((to("completed"), cancel(A))),
    *READS[1:],
    listing(limit=0),
    purge(BEYOND),
    create(task_id=A),
)
"""Calls when tasks have expired, few or many, all or some: the first one finds none of them."""
_SOME_EXPIRE = (
    create("a"),
    to("failed"),
    Wait(6 * DAY),
    create("c"),
    to("pending", B, progress=1),
    Wait(DAY + MINUTE),
)
