"""Every value of the tables once: those that a store keeps, those that it refuses, ids, and the largest tasks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from conformance.core.scenario import (
    Call,
    Id,
    Look,
    Pages,
    Populate,
    Scenario,
    TaskOf,
    Tick,
    cancel,
    create,
    get,
    listing,
    purge,
    restore,
    update,
)
from conformance.spec.model import FINAL, STATUSES, TEXTS, Record, canonical, size_of
from conformance.tables import values
from conformance.tables.tasks import BEYOND, DAY, LONG_AGO, MICROSECOND, MINUTE, A, B, restorable, scenario, to
from taskstore import TaskStatus

_JAPAN = timezone(timedelta(hours=9))


def scenarios(depth: str = "default") -> Iterator[Scenario]:
    """All of them."""
    yield from _ids(depth)
    for calls in (*refused(), *refused("nobody")):
        yield scenario(create("a"), to("clipping"), calls, get(A), Look(), to("uploading"), Look())
    yield from _kept()
    yield from _statuses()
    yield from _sizes()
    yield from _restored()
    yield from _taken()


def refused(task: Any = A) -> list[list[Call]]:
    """Calls that a store refuses, in groups; those that name a task, with this one."""
    wrong = values.WRONG_JSON
    return [
        [create(config=one) for one in values.WRONG_CONFIGS],
        [create(config={"x": one}) for one in wrong],
        [create(config={"a": {"b": [1, 0.5, "a", {"c": one}]}}) for one in wrong],
        [create(video_ids=one) for one in values.WRONG_VIDEO_IDS],
        [create(webhook_url=one) for one in values.WRONG_TEXTS],
        [create(task_id=one) for one in values.WRONG_NEW_IDS],
        [Call("create_task", {"request": one}) for one in (None, 7, {"video_ids": ("v",)})],
        [to("failed", task, **{name: one}) for name in TEXTS for one in values.WRONG_TEXTS],
        [to(status, task, progress=one) for status in ("pending", *FINAL) for one in values.WRONG_PROGRESSES],
        [to("completed", task, progress=one) for one in values.UNFINISHED],
        [to(status, task, error_message="e") for status in STATUSES if status != "failed"],
        [to("failed", task, error_message="x" * values.MOST_BYTES)],
        [update(task, one) for one in values.WRONG_STATUSES],
        [listing(status=one) for one in values.WRONG_STATUSES],
        [listing(**{name: one}) for name in ("limit", "offset") for one in values.WRONG_NUMBERS],
        [listing(limit=1_001)],
        [*(listing(after=one) for one in values.WRONG_CURSORS), listing(after="1.a", offset=1)],
        [call(one) for one in values.WRONG_IDS for call in (get, cancel)],
        [purge(one) for one in values.WRONG_MOMENTS],
    ]


def _impossible() -> Iterator[Record]:
    """Tasks that no store could have produced."""
    later = LONG_AGO + DAY
    done: dict[str, Any] = {"status": "cancelled", "updated_at": later}
    failed: dict[str, Any] = {"status": "failed", "completed_at": LONG_AGO}
    yield from (restorable(status=status, progress=100.0) for status in FINAL)
    yield from (restorable(status=status, completed_at=LONG_AGO) for status in ("pending", "uploading"))
    yield restorable(status="completed", progress=99.0, completed_at=LONG_AGO)
    yield restorable(status="clipping", error_message="e")
    yield restorable(updated_at=LONG_AGO - MICROSECOND)
    for end in (LONG_AGO - MICROSECOND, later + MICROSECOND, *values.WRONG_TIMES):
        yield restorable(**done, completed_at=end)
    tables: dict[str, Iterable[Any]] = {
        "task_id": (*values.WRONG_NEW_IDS, None),
        "status": values.WRONG_STATUSES,
        "progress": (*values.WRONG_PROGRESSES, None),
        "video_ids": values.WRONG_VIDEO_IDS,
        "metadata": map(canonical, values.WRONG_METADATA),
        **dict.fromkeys(TEXTS, values.WRONG_TEXTS),
        **dict.fromkeys(("created_at", "updated_at"), values.WRONG_TIMES),
    }
    for name, table in tables.items():
        error = failed if name.startswith("error") else {}
        yield from (restorable(**{**error, name: one}) for one in table if type(one) is not list)


def _kept() -> Iterator[Scenario]:
    """What a store gives back as it was given, from every operation, and takes again."""
    copy = restore(TaskOf("a", {"task_id": "copy"})), get("copy"), listing()
    for text in values.TEXTS:
        one = text if len(text) < 2_000 else "x"  # noqa: PLR2004  together they are no larger than a task may be
        texts: dict[str, Any] = {**dict.fromkeys(TEXTS, one), "current_step": text}
        end = to("failed", label="a", **texts)
        made = create("a", video_ids=(one, "v"), webhook_url=one, config={one: [one]})
        yield scenario(made, end, Look(), end)
        yield scenario(made, end, copy, about="MAINT-02")
    configs = [{"x": one, "y": [0, one, {"z": [one]}]} for one in values.JSON]
    for config in (*configs, *({"x": one} for one in values.DEEPEST)):
        yield scenario(create("a", config=config), to("clipping", progress=5.5), Look())
        yield scenario(create("a", config=config), copy, to("completed", "copy"), about="MAINT-02")
    for video_ids in values.VIDEO_IDS:
        yield scenario(create("a", video_ids=video_ids), to("clipping"), cancel(A), Look())
    for number in values.PROGRESSES:
        writes = [to(status, progress=number) for status in ("pending", "uploading", "failed")]
        yield scenario(create("a"), writes, Look(), writes[-1])
        yield scenario(restore(restorable(progress=float(number))), get("restored"), about="MAINT-02")


def _statuses() -> Iterator[Scenario]:
    """A later write has a later time, and what is final refuses what differs from it, and nothing else."""
    for status in STATUSES:
        fields: dict[str, Any] = {"current_step": "s", "result_url": "r"}
        if status == "failed":
            fields |= {"error_message": "m", "error_traceback": "t"}
        given = [{name: value} for name, one in fields.items() for value in (one, "other", "")]
        writes = [to(status, **one) for one in ({}, fields, {"progress": 12.5}, {"progress": 0}, *given)]
        last = [*writes, to("failed", error_message="x" * values.MOST_BYTES), cancel(A), *map(to, STATUSES)]
        first = create("a"), to(status, label="a", progress=100 if status == "completed" else 12.5, **fields)
        looked = [one for call in last for one in (Tick(), call, get(A), listing(status=TaskStatus.FAILED))]
        yield scenario(first, looked, Look(), about="LIFE-10 LIFE-14" if status in FINAL else "LIFE-04 LIFE-17")


def _sizes() -> Iterator[Scenario]:
    """Tasks of one byte more than 1 MiB, and of 1 MiB, in each part and in several together."""
    room = values.MOST_BYTES - size_of(restorable())
    for size in (room + 1, room):
        text: Any = "文" * (size // 3) + "x" * (size % 3)
        inside = '"' * ((size - 4) // 2) + "x" * (size % 2)  # as JSON each takes two bytes
        made = create(config={"k": inside}), create(video_ids=("v", f"{inside}x"))
        updates = [update(A, "failed" if "error" in name else "clipping", **{name: text}) for name in TEXTS]
        for call in (*made, *updates):
            yield scenario(create("a"), call, Look(), about="VAL-06")
    half = values.MOST_BYTES // 2
    grown = [to("clipping", current_step="s" * size) for size in (half, room + 2 - half, room + 3 - half)]
    shrunk = to("clipping", current_step="s"), to("clipping", result_url="r" * (half - 200)), get(A)
    yield scenario(create("a", webhook_url="h" * half), grown, shrunk, about="VAL-06")


def _restored() -> Iterator[Scenario]:
    """Times of restored tasks: at their bounds, in other zones, ahead of the clock; and a purge by them."""
    yield scenario(create("a"), map(restore, _impossible()), get(A), listing(), about="MAINT-04")
    moments = [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2001, 9, 9, 1, 46, 39, 999_999, tzinfo=UTC),
        datetime(2021, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        datetime(2021, 1, 1, 5, tzinfo=_JAPAN),
        datetime(1969, 12, 31, 20, tzinfo=timezone(timedelta(hours=-5))),
        datetime(2200, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ]
    for moment in moments:
        times: dict[str, Any] = {"created_at": moment, "updated_at": moment}
        both = (
            restore(restorable("b", **times)),
            restore(restorable("a", status="cancelled", completed_at=moment, **times)),
        )
        reads = get("a"), cancel("a"), listing()
        yield scenario(both, reads, purge(moment), get("a"), to("completed", "b"), Look(), about="MAINT-02 VAL-10")
    times = {"updated_at": BEYOND}
    mixed = [restore(restorable(f"t{one}", created_at=at, **times)) for one, at in enumerate(moments[:-1])]
    yield scenario(mixed[::2], mixed[1::2], listing(), listing(limit=3))
    together = [restore(restorable(one)) for one in "bdac"]
    yield scenario(together, Pages(1), Pages(1, by_cursor=True), about="LIST-12")
    ahead = datetime.now(UTC) + timedelta(hours=3)
    for created in (ahead, LONG_AGO):
        old = restore(restorable(created_at=created, updated_at=ahead))
        for write in (*(to(one, "restored", label="a") for one in ("clipping", *FINAL)), cancel("restored", label="a")):
            yield scenario(old, write, get(A), Look(), about="LIFE-17")
    late = restorable("late", status="failed", created_at=LONG_AGO, completed_at=LONG_AGO + DAY, updated_at=BEYOND)
    end = (LONG_AGO + DAY).astimezone(_JAPAN)
    yield scenario(restore(late), purge(end), listing(), purge(end + MINUTE), listing(), about="MAINT-01")


def _ids(depth: str) -> Iterator[Scenario]:
    """Ids that the store makes, those of no task, and those that callers choose."""
    many = Populate(2_000 if depth == "full" else 220)
    yield scenario(many, listing(limit=0), about="ID-01 ID-02")
    yield scenario([create(on=number % 2) for number in range(40)], listing(limit=100), about="ID-01", instances=2)
    near = [Id("a", *around) for around in values.OTHER_IDS]
    calls = [
        call
        for one in (*near, *values.UNKNOWN_IDS, *values.INTERNAL_IDS)
        for call in (get(one), to("clipping", one, progress=5), to("completed", one), cancel(one))
    ]
    made = create("a"), create("b"), cancel(B)
    yield scenario(made, calls, get(A), Look(), create("c"), Look(), about="ID-03")
    for ids in (values.NEW_IDS, ("job", "job:meta", "job:data", "job:lock", "task:job", *values.INTERNAL_IDS)):
        creations = [create(task_id=one, config={"id": one}) for one in ids]
        writes = [to("clipping", one, current_step=one) for one in ids[::2]], map(cancel, ids[1::2])
        others = [create(task_id=one, config={"id": 1}) for one in ids]
        reads = *map(get, ids), listing(limit=1_000), listing(status=TaskStatus.CANCELLED, limit=1_000)
        yield scenario(creations, *writes, creations, others, reads, about="ID-02 ID-06")


def _taken() -> Iterator[Scenario]:
    """An id that is taken: the same request again, and requests that careless code takes for the same."""
    for value in (*values.JSON, *values.ALIKE_CONFIGS):
        one, other = ({"x": [0, [{"k": inside}]], "y": inside} for inside in (value, values.reordered(value)))
        same, near = create(task_id="job-1", config=other), create(task_id="job-1", config=values.twin(one))
        yield scenario(create("a", "job-1", config=one), same, near, cancel(A), same, get(A), about="ID-06")
    alike: list[dict[str, Any]] = [{"config": one} for one in values.ALIKE_CONFIGS]
    alike += [{"webhook_url": one} for one in values.ALIKE_TEXTS]
    alike += [{"video_ids": one} for one in (("v", "w"), ("w", "v"), ("v", "v"), ("V",), ("",))]
    others = [create(task_id="job-1", **fields) for fields in alike]
    for first in others[:: len(others) // 9]:
        yield scenario(first, others, get("job-1"), Look(), about="ID-06")
