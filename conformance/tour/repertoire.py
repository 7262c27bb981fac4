"""One repertoire of calls with rich values, played in every place: reopened, later, among many tasks, elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
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
from conformance.spec.model import FINAL, Record, canonical
from conformance.tour.tasks import (
    CALLER_IDS,
    CURSOR,
    DAY,
    LONG_AGO,
    MICROSECOND,
    MINUTE,
    MIXED,
    MOSTLY_PENDING,
    PERSISTENT,
    SHARED,
    restorable,
)
from taskstore import TaskStatus

_UNIT = " AbC É e\u0301 \ufb01\u2460 \u212a\t文\n"
_TIMES = (timedelta(seconds=1), MINUTE, timedelta(hours=1), DAY, 6 * DAY)


def text(length: int) -> str:
    """A text of that length in which blanks, capitals and the forms of characters count, at both ends too."""
    return (_UNIT * (length // len(_UNIT) + 1))[: length - 2] + "\u00e9 "


def rich(random: Random, size: int = 1) -> dict[str, Any]:
    """The fields of a request in which order, types, forms and repetitions count."""
    deep: Any = [text(12)]
    for level in range(26):
        deep = {"K": deep} if level % 2 else [deep, level]
    numbers = [3, 1, 2, 1, 1.0, True, None, -0.0, 0.30000000000000004, 2**70 + 1, 1e22, random.uniform(1, 2)]
    config = {
        "b": numbers * size,
        "B": {"z": [], "Z": {}, "": text(20)},
        "deep": deep,
        "names": [text(9), text(10), text(9)],
        "a": text(700 * size),
        text(15): [{"é": 1, "e\u0301": 2, "É": 3}],
    }
    videos = tuple(f"{text(8)}{number}" for number in (3, 1, 2, 1, *range(12 * size, 0, -1)))
    return {"video_ids": videos, "webhook_url": text(90), "config": config}


def record(random: Random, task_id: str, status: str = "uploading", size: int = 1) -> Record:
    """A rich task to restore."""
    request = rich(random, size)
    is_final = status in FINAL
    return restorable(
        task_id,
        status=status,
        progress=100.0 if status == "completed" else 100 / 3,
        current_step=text(40 * size),
        video_ids=request["video_ids"],
        result_url=text(300 * size),
        error_message=text(200 * size) if status == "failed" else None,
        error_traceback=text(5_000 * size) if status == "failed" else None,
        metadata=canonical({"webhook_url": request["webhook_url"], "config": request["config"]}),
        created_at=LONG_AGO,
        updated_at=LONG_AGO + 9 * MINUTE,
        completed_at=LONG_AGO + 5 * MINUTE if is_final else None,
    )


def repertoire(random: Random, size: int = 1) -> tuple[Action, ...]:
    """Every operation with rich values, every refusal, and the listings and purges around them."""
    values = rich(random, size)
    words: dict[str, Any] = {"current_step": text(60 * size), "result_url": text(250 * size)}
    fail = update("r", TaskStatus.FAILED, error_message=text(400 * size), error_traceback=text(6_000 * size))
    done = update("t", TaskStatus.COMPLETED, result_url=text(30))
    going = update("s", TaskStatus.CLIPPING, progress=99.99, **words)
    return (
        create("r", **values),
        update("r", TaskStatus.ANALYZING, progress=100 / 3, **words),
        update("r", TaskStatus.ANALYZING, progress=100 / 3, **words),
        update("r", TaskStatus.UPLOADING, progress=0.1),
        *_refusals("r"),
        fail,
        fail,
        update("r", TaskStatus.PENDING),
        cancel("r"),
        create("s", **values),
        *(replace(going, arguments={**going.arguments, "progress": number + 0.5}) for number in range(11)),
        going,
        cancel("s"),
        cancel("s"),
        update("s", TaskStatus.COMPLETED),
        create("t", **values),
        done,
        done,
        cancel("t"),
        create("u", **values),
        update("u", TaskStatus.LLM_PASS2, **words),
        *_listings(),
        Optional(_creations(values), CALLER_IDS),
        Optional(_restores(random, size)),
        Optional(_purges()),
        listing(),
    )


def _refusals(label: str) -> tuple[Action, ...]:
    """Each argument of each operation, wrong, and ids of no task."""
    unknown = Text("Unknown-" + text(20))
    updates: list[dict[str, Any]] = [{"progress": 101}, {"current_step": 7}, {"result_url": b"x"}]
    updates += [{"error_message": "e"}, {"error_traceback": "t"}, {"current_step": "x" * 1_048_577}]
    wrong: list[dict[str, Any]] = [{"video_ids": ()}, {"webhook_url": 7}, {"config": []}, {"config": {"x": (1,)}}]
    bad = (restorable("bad", updated_at=LONG_AGO - DAY), restorable("bad", video_ids=()), restorable("b d"), 7)
    return (
        *(create("", **one) for one in wrong),
        Step("create_task", {"request": None}),
        *(update(label, TaskStatus.CLIPPING, **one) for one in updates),
        update(label, TaskStatus.COMPLETED, progress=30),
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
    job = "Job-~!" + "Zz9" * 20
    return (
        create("j", job, **values),
        create("", job, **values),
        create("", job, **{**values, "webhook_url": "other"}),
        update("j", TaskStatus.CLIPPING, progress=12.25),
        create("", job, **values),
        create("", job, **{**values, "config": None}),
        cancel("j"),
        cancel("j"),
        update("j", TaskStatus.CLIPPING),
        create("", job, **values),
    )


def _restores(random: Random, size: int) -> tuple[Action, ...]:
    steps: list[Action] = []
    for status in ("uploading", "pending", *FINAL) if size == 1 else ("uploading", "failed"):  # a page holds them all
        task_id = f"Old-{status}-" + "Qq" * 10
        task = record(random, task_id, status, size)
        steps += [
            restore(task),
            replace(get(Text(task_id)), label="o"),
            restore(task),
            restore(Copy("o", {"progress": 0.0})),
        ]
        steps += [update("o", TaskStatus.CLIPPING, progress=5.5), cancel("o"), cancel("o")]
    return (*steps, *(listing(status=TaskStatus(status)) for status in FINAL))


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
        purge(datetime(2100, 1, 1, tzinfo=UTC)),
        listing(),
        get("u"),
    )


def everywhere(random: Random) -> Iterator[Scene]:
    """The repertoire in each place."""
    calls = repertoire(random)
    yield Scene("the repertoire", calls, ("repertoire",))
    yield Scene("the repertoire, larger", repertoire(random, 40), ("repertoire, larger",))
    for on, calls_on in ((1, _on(calls, 1)), (0, _turns(calls))):
        start = (create("z", on=0), get("z", on=1))
        name = "on the second instance" if on else "on two instances in turn"
        yield Scene(f"the repertoire {name}", (*start, *calls_on), (f"repertoire {name}",), SHARED, instances=2)
    yield Scene("the repertoire after reopening", (create("z"), Reopen(), *calls), ("repertoire, reopened",))
    middle = len(calls) // 2
    again = (*calls[:middle], Reopen(), *calls[middle:], Reopen(), listing())
    yield Scene("the repertoire with reopening", again, ("repertoire, reopened",), PERSISTENT, about=("DUR-01",))
    for by in _TIMES:
        steps = (create("z"), Advance(by), get("z"), *calls, Advance(MINUTE), listing())
        yield Scene(f"the repertoire after {by}", steps, (f"repertoire after {by}",))
    for size in (5, 100):
        steps = (Populate(size, MIXED), *calls)
        yield Scene(f"the repertoire among {size} tasks", steps, (f"repertoire among {size}",))
    steps = (Populate(1_000, MOSTLY_PENDING), Known(calls), get("u"), get("u"), listing())
    yield Scene("the repertoire among 1000 tasks", steps, ("repertoire among 1000",))
    few = (*("pending",) * 8, "failed")
    reads = (listing(), listing(offset=9_951), listing(status=TaskStatus.FAILED, limit=3, offset=1_000))
    many = (Populate(10_001, few), *reads, Known(calls), get("u"), get("u"), *reads, Walk(1_000))
    yield Scene("the repertoire among 10001 tasks", many, ("repertoire among 10001",))


def _on(calls: tuple[Action, ...], on: int) -> tuple[Action, ...]:
    """The calls, made on another instance."""
    return tuple(_placed(one, on) for one in calls)


def _turns(calls: tuple[Action, ...]) -> tuple[Action, ...]:
    """The calls, made on two instances in turn."""
    return tuple(_placed(one, number % 2) for number, one in enumerate(calls))


def _placed(action: Action, on: int) -> Action:
    if isinstance(action, Optional):
        return replace(
            action, actions=tuple(_placed(one, (on + number) % 2) for number, one in enumerate(action.actions))
        )
    return replace(action, on=on) if isinstance(action, Step | Walk) else action
