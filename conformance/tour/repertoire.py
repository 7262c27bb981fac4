"""One repertoire of calls with rich values, played in every place: reopened, later, among many tasks, elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from conformance.engine.scene import (
    Action,
    Advance,
    Copy,
    Cursor,
    Known,
    Optional,
    Populate,
    Ref,
    Reopen,
    Scene,
    Step,
    Text,
    TimeOf,
    Walk,
    cancel,
    create,
    get,
    listing,
    purge,
    restore,
    update,
)
from conformance.spec.model import FINAL
from conformance.tour.listings import far_pages
from conformance.tour.rich import LONG_AGO_US, MARK, large, record, rich, text
from conformance.tour.tasks import (
    BEYOND,
    CALLER_IDS,
    CURSOR,
    DAY,
    EXPIRING,
    LONG_AGO,
    MICROSECOND,
    MINUTE,
    MIXED,
    MOSTLY_PENDING,
    NOT_FINAL,
    PERSISTENT,
    SHARED,
    WEEK,
    restorable,
)
from conformance.tour.values import reordered
from taskstore import TaskStatus

_TIMES = (timedelta(seconds=1), MINUTE, timedelta(hours=1), DAY, WEEK - 2 * MINUTE)


def repertoire(random: Random, size: int = 1) -> tuple[Action, ...]:
    """Every operation with rich values, every refusal, and the listings and purges around them."""
    values, marked = rich(random, size), rich(random, size, MARK)
    words: dict[str, Any] = {"current_step": text(60 * size), "result_url": text(250 * size)}
    others: dict[str, Any] = {"current_step": MARK + text(61 * size), "result_url": MARK + text(251 * size)}
    errors: dict[str, Any] = {"error_message": text(400 * size), "error_traceback": text(6_000 * size)}
    fail = update("r", TaskStatus.FAILED, **errors)
    done = update("t", TaskStatus.COMPLETED, result_url=text(30))
    going = update("s", TaskStatus.CLIPPING, progress=99.99, **words)
    many = tuple(replace(going, arguments={**going.arguments, "progress": number + 1 / 3}) for number in range(11))
    failing = {name: MARK + error for name, error in errors.items()}
    return (
        listing(limit=400),
        create("r", **values),
        update("r", TaskStatus.ANALYZING, progress=100 / 3, **words),
        update("r", TaskStatus.ANALYZING, progress=100 / 3, **words),
        update("r", TaskStatus.UPLOADING, progress=0.1, **others),
        *refusals("r"),
        fail,
        fail,
        update("r", TaskStatus.PENDING),
        cancel("r"),
        create("s", **marked),
        *many,
        going,
        cancel("s"),
        cancel("s"),
        update("s", TaskStatus.COMPLETED),
        create("v", **values),
        Known(tuple(replace(one, arguments={**one.arguments, "task_id": Ref("v")}, label="v") for one in many)),
        update("v", TaskStatus.FAILED, **failing),
        create("w"),
        update("w", TaskStatus.CANCELLED, **others),
        create("x"),
        cancel("x"),
        create("t", **values),
        done,
        done,
        cancel("t"),
        create("u", **values),
        update("u", TaskStatus.LLM_PASS2, **others),
        update("u", TaskStatus.LLM_PASS2, progress=0, current_step=""),
        *_listings(),
        Optional(_creations(values), CALLER_IDS),
        Optional(_restores(random, size)),
        Optional(_purges()),
        listing(),
        listing(limit=400),
    )


def refusals(label: str) -> tuple[Action, ...]:
    """Each argument of each operation, wrong, and ids of no task."""
    unknown = Text("Unknown-" + text(20))
    updates: list[dict[str, Any]] = [{"progress": 101}, {"current_step": 7}, {"result_url": b"x"}]
    updates += [{"error_message": "e"}, {"error_traceback": "t"}, {"current_step": "x" * 1_048_577}]
    wrong: list[dict[str, Any]] = [{"video_ids": ()}, {"webhook_url": 7}, {"config": []}, {"config": {"x": (1,)}}]
    bad: tuple[Any, ...] = (
        restorable("b d"),
        restorable("bad", status="done"),
        restorable("bad", progress=101.0),
        restorable("bad", error_message="e"),
        restorable("bad", updated_at=LONG_AGO - DAY),
        restorable("bad", created_at=datetime(1969, 1, 1, tzinfo=UTC)),
        restorable("bad", video_ids=()),
        restorable("bad", current_step="x" * 1_048_577),
        7,
    )
    return (
        *(create("", **one) for one in wrong),
        create("", webhook_url="x" * 1_048_577),
        Step("create_task", {"request": None}),
        *(update(label, TaskStatus.CLIPPING, **one) for one in updates),
        *(update(label, TaskStatus.COMPLETED, progress=one) for one in (30, 99.99)),
        update(label, "none"),
        get(Text(7)),
        get(unknown),
        update(unknown, TaskStatus.CLIPPING, label=""),
        cancel(unknown),
        listing(limit=-1),
        listing(offset=1.5),
        listing(status="none"),
        Optional((listing(after="x"), create("", "a b")), CURSOR | CALLER_IDS),
        Optional((purge(None),)),
        Optional(tuple(map(restore, bad))),
    )


def _listings() -> tuple[Action, ...]:
    return (
        *(listing(status=status) for status in TaskStatus),
        listing("p", limit=2),
        listing(limit=400),
        listing(limit=1, offset=1, status=TaskStatus.CANCELLED),
        listing(offset=3),
        Optional((listing(limit=2, after=Cursor("p")), Walk(20, by_cursor=True)), CURSOR),
    )


def _creations(values: dict[str, Any]) -> tuple[Action, ...]:
    """Creations under an id of the longest, and calls with ids that are like it."""
    job = f"Job-~!{'Zz9' * 83}K"
    like = [Text(one) for one in (f" {job}", f"{job} ", f"{MARK}{job}", f"{job}\0", f"{job}:x", f"{job[:-1]}\u212a")]
    return (
        create("j", job, **values),
        create("", job, **values),
        create("", job, **{**values, "config": reordered(values["config"])}),
        create("", job, **{**values, "webhook_url": "other"}),
        update("j", TaskStatus.CLIPPING, progress=12.25),
        *map(get, like),
        *(update(one, TaskStatus.ANALYZING, label="") for one in like),
        *(replace(cancel(one), label="") for one in like),
        create("", job, **values),
        create("", job, **{**values, "config": None}),
        cancel("j"),
        cancel("j"),
        update("j", TaskStatus.CLIPPING),
        create("", job, **values),
    )


def _restores(random: Random, size: int) -> tuple[Action, ...]:
    steps: list[Action] = []
    statuses = ("uploading", "pending", *FINAL) if size == 1 else ("uploading", "failed")  # a page holds them all
    for number, status in enumerate(statuses):
        task_id = f"Old-{status}-" + "Qq" * 110
        task = record(random, task_id, status, size, MARK * (number % 2))
        steps += [
            restore(task),
            replace(get(Text(task_id)), label="o"),
            restore(task),
            restore(Copy("o", {"progress": 0.0})),
        ]
        if number % 2:
            steps += [update("o", TaskStatus.CLIPPING, progress=5.5), cancel("o"), cancel("o")]
        else:
            steps += [
                update("o", TaskStatus.CLIPPING, progress=97.25),
                update("o", TaskStatus.FAILED, error_message=text(300), error_traceback=text(300)),
            ]
    tie = Optional((listing(limit=3, after=f"{LONG_AGO_US}.Old-pending-{'Qq' * 110}~"),), CURSOR)
    return (*steps, *(listing(status=TaskStatus(status)) for status in FINAL), tie)


def _purges() -> tuple[Action, ...]:
    """Purges around the completion of `t`, of which some remove several tasks and leave others."""
    return (
        purge(TimeOf("t")),
        get("t"),
        purge(TimeOf("t", plus=-MICROSECOND)),
        purge(TimeOf("t", plus=MICROSECOND)),
        get("t"),
        update("t", TaskStatus.CLIPPING, label=""),
        replace(cancel("t"), label=""),
        purge(TimeOf("t", plus=MICROSECOND)),
        purge(BEYOND),
        listing(),
        get("u"),
    )


def everywhere(random: Random) -> Iterator[Scene]:
    """The repertoire in each place."""
    calls, big, ended = repertoire(random), Known(large(random)), Populate(120, FINAL)
    yield Scene("the repertoire", calls, ("repertoire",))
    yield Scene("the repertoire, larger", repertoire(random, 12), ("repertoire, larger",))
    statuses = (*map(TaskStatus, NOT_FINAL), TaskStatus.COMPLETED)
    yield Scene("a large task", (Known(large(random, statuses)),), ("repertoire, larger",))
    for on, calls_on in ((1, _on((*calls, big), 1)), (0, _turns(calls))):
        start = (ended, create("z", on=0), get("z", on=1))
        name = "on the second instance" if on else "on two instances in turn"
        yield Scene(f"the repertoire {name}", (*start, *calls_on), (f"repertoire {name}",), SHARED, instances=2)
    apart = (create("z"), *_on((*calls, big), 1))
    yield Scene("the repertoire on an instance of its own", apart, ("second instance",), lacks=SHARED, instances=2)
    again: tuple[Action, ...] = (create("z"), Reopen(), Populate(400, FINAL), *calls, big)
    yield Scene("the repertoire after reopening", again, ("repertoire, reopened",), lacks=PERSISTENT)
    again = (ended, create("z"), Reopen(), *calls, big)
    yield Scene("the repertoire after reopening", again, ("repertoire, reopened",), PERSISTENT)
    middle = len(calls) // 2
    again = (*calls[:middle], Reopen(), *calls[middle:], Reopen(), listing())
    yield Scene("the repertoire with reopening", again, ("repertoire, reopened",), PERSISTENT, about=("DUR-01",))
    for by in _TIMES:
        is_last = by == max(_TIMES)
        start = (*((ended,) if is_last else ()), create("z"), Advance(by), get("z"))
        end = (*((big,) if is_last else ()), Advance(MINUTE), listing())
        yield Scene(f"the repertoire after {by}", (*start, *calls, *end), (f"repertoire after {by}",))
    late = (create("z"), Advance(300 * DAY), get("z"), *calls)
    yield Scene("the repertoire after 300 days", late, ("repertoire after long",), lacks=EXPIRING)
    writes = tuple(
        update("z", TaskStatus(NOT_FINAL[n % 6]), progress=n / 10, current_step=str(n)) for n in range(1_000)
    )
    worn = (create("z"), Known(writes), get("z"), cancel("z"), get("z"), *calls)
    yield Scene("the repertoire after a thousand writes", worn, ("many writes",))
    for size in (5, 100):
        steps = (Populate(size, MIXED), *calls)
        yield Scene(f"the repertoire among {size} tasks", steps, (f"repertoire among {size}",))
    steps = (Populate(1_000, MOSTLY_PENDING), Known(calls), get("u"), get("u"), listing())
    yield Scene("the repertoire among 1000 tasks", steps, ("repertoire among 1000",))
    few = (*("pending",) * 8, "failed")
    reads = (listing(), listing(offset=9_951), listing(status=TaskStatus.FAILED, limit=3, offset=1_000))
    far = tuple(far_pages(10_001, few, (None, "pending", "failed")))
    walks = (Walk(1_000), Walk(300, "failed"), Optional((Walk(300, "failed", by_cursor=True),), CURSOR))
    again = (create("k", "Again"), cancel("k"), purge(BEYOND), create("k", "Again", config={}), cancel("k"), get("k"))
    reused = Optional((Known(again),), CALLER_IDS)
    pending = TaskStatus.PENDING
    after = (listing(limit=0), listing(status=pending), listing(limit=0, status=pending), get("u"), listing())
    gone = Optional((Advance(WEEK + MINUTE), *after), EXPIRING)
    many = (Populate(10_001, few), *reads, *far, Known(calls), reused, get("u"), get("u"), *reads, big, *walks, gone)
    yield Scene("the repertoire among 10001 tasks", many, ("repertoire among 10001",))


def _on(calls: Sequence[Action], on: int) -> tuple[Action, ...]:
    """The calls, made on another instance."""
    return tuple(_placed(one, on, lambda inner: _on(inner, on)) for one in calls)


def _turns(calls: Sequence[Action]) -> tuple[Action, ...]:
    """The calls, made on two instances in turn."""
    return tuple(_placed(one, number % 2, _turns) for number, one in enumerate(calls))


def _placed(action: Action, on: int, place: Callable[[Sequence[Action]], tuple[Action, ...]]) -> Action:
    if isinstance(action, Optional | Known):
        return replace(action, actions=place(action.actions))
    return replace(action, on=on) if isinstance(action, Step | Walk) else action
