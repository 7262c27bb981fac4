"""Every value of the tables once: those that a store keeps, those that it refuses, ids, and the largest tasks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from conformance.engine.scenario import Call, ReadBack, Scenario, Wait
from conformance.harness import Capability
from conformance.tasks import calls as do
from conformance.tasks.calls import Id, TaskOf, cancel, create, get, listing, purge, restore, update
from conformance.tasks.spec.model import FINAL, MOST_BYTES, STATUSES, TEXTS, Record, canonical, size_of
from conformance.tasks.tables import values
from conformance.tasks.tables.tasks import LONG_AGO, MICROSECOND, A, B, restorable, scenario, to
from taskstore import TaskStatus


def scenarios(depth: str = "default") -> Iterator[Scenario]:
    """All of them."""
    yield from _ids(depth)
    for calls in (*refused(), *refused("nobody")):
        yield scenario(create("a"), to("clipping"), calls, ReadBack(), to("uploading"), ReadBack())
    yield from _kept()
    yield from _statuses()
    yield from _sizes()
    yield from _restored()


def refused(task: Any = A) -> Iterator[list[Call]]:
    """Yield calls that a store refuses, in groups; those that name a task, with this one."""
    yield [create(config=config) for config in values.WRONG_CONFIGS]
    yield [create(config={"x": value}) for value in values.WRONG_JSON]
    yield [create(config={"a": {"b": [1, 0.5, "a", {"c": value}]}}) for value in values.WRONG_JSON]
    yield [create(video_ids=video_ids) for video_ids in values.WRONG_VIDEO_IDS]
    yield [create(webhook_url=text) for text in values.WRONG_TEXTS]
    yield [create(task_id=task_id) for task_id in values.WRONG_NEW_IDS]
    requests: list[Any] = [None, 7, {"video_ids": ("v",)}]
    yield [Call("create_task", {"request": request}) for request in requests]

    for name in TEXTS:
        texts: list[dict[str, Any]] = [{name: text} for text in values.WRONG_TEXTS]
        yield [to("failed", task, **fields) for fields in texts]
    unfailed = [status for status in STATUSES if status != "failed"]
    yield [update(task, status, error_message="e") for status in unfailed]
    yield [to("pending", task, progress=number) for number in values.WRONG_PROGRESSES]
    unfinished = (*values.WRONG_PROGRESSES, *values.PROGRESSES[:-2])
    yield [to("completed", task, progress=number) for number in unfinished]
    yield [update(task, status) for status in values.WRONG_STATUSES]

    yield [listing(status=status) for status in values.WRONG_STATUSES]
    yield [listing(limit=number) for number in (*values.WRONG_NUMBERS, 1_001)]
    yield [listing(offset=number) for number in values.WRONG_NUMBERS]
    yield [listing(after=cursor) for cursor in values.WRONG_CURSORS]
    yield [listing(after="1.a", offset=1)]

    yield [get(task_id) for task_id in values.WRONG_IDS]
    yield [cancel(task_id) for task_id in values.WRONG_IDS]
    yield [purge(before) for before in values.WRONG_MOMENTS]


def _kept() -> Iterator[Scenario]:
    """Values come back as they were given. Under an id that is taken, only an equal request is accepted."""
    requests: list[dict[str, Any]] = [{"config": one} for one in values.ALIKE_CONFIGS]
    requests += [{"config": {"x": one, "y": [0, {"z": [one]}]}} for one in values.JSON]
    requests += [{"webhook_url": one} for one in (*values.ALIKE_TEXTS, *values.TEXTS[:-3])]
    requests += [{"video_ids": one} for one in values.VIDEO_IDS]
    large = [{"config": {"x": one}} for one in values.DEEPEST] + [{"webhook_url": one} for one in values.TEXTS[-3:]]
    for fields in (*requests, *large):
        yield scenario(create("a", **fields), to("clipping", progress=5.5), cancel(A), ReadBack())
    taken = [
        [create(task_id=f"job-{(place + by) % len(requests)}", **fields) for place, fields in enumerate(requests)]
        for by in range(5)  # some careless code takes for the same as one that stands near
    ]
    for again in taken:
        yield scenario(taken[0], cancel("job-3"), again, ReadBack(), about="ID-06")
    for number in values.PROGRESSES:
        copy = restore(TaskOf("a", {"task_id": "copy"})), ReadBack()
        yield scenario(create("a"), to("uploading", label="a", progress=number), copy, about="MAINT-02")
    for text in values.TEXTS[:-3]:
        texts: dict[str, Any] = dict.fromkeys(TEXTS, text)
        yield scenario(create("a"), to("failed", **texts), ReadBack(), to("failed", **texts))


def _statuses() -> Iterator[Scenario]:
    """A later write has a later time, and what is final refuses what differs from it, and nothing else."""
    for status in STATUSES:
        fields: dict[str, Any] = dict.fromkeys(TEXTS if status == "failed" else TEXTS[:2], "s")
        given = [{}, fields, {"progress": 12.5}, {"progress": 0}]
        given += [{name: one} for name in fields for one in ("s", "other", "")]
        writes = [to(status, **one) for one in given]
        first = create("a"), to(status, label="a", progress=100 if status == "completed" else 12.5, **fields)
        calls = *writes, *map(to, STATUSES[:-3]), to(status), cancel(A), *map(to, STATUSES)  # backwards too
        looked = [one for call in calls for one in (Wait(), call, get(A), listing(status=TaskStatus.FAILED))]
        yield scenario(first, looked, ReadBack(), about="LIFE-10 LIFE-14" if status in FINAL else "LIFE-04 LIFE-17")


def _sizes() -> Iterator[Scenario]:
    """Tasks of one byte more than 1 MiB, and of 1 MiB, in each part and in several together."""
    room = MOST_BYTES - size_of(restorable())
    for size in (room + 1, room):
        text: Any = "文" * (size // 3) + "x" * (size % 3)
        inside = '"' * ((size - 4) // 2) + "x" * (size % 2)  # as JSON each takes two bytes
        for call in (create(config={"k": inside}), *(to("failed", **{name: text}) for name in TEXTS)):
            yield scenario(create("a"), call, ReadBack(), about="VAL-06")
    half = MOST_BYTES // 2
    grown = [to("clipping", current_step="s" * size) for size in (half, room + 2 - half, room + 3 - half, 1)]
    yield scenario(create("a", webhook_url="h" * half), grown, ReadBack(), about="VAL-06")


def _restored() -> Iterator[Scenario]:
    """Times of restored tasks: at their bounds, in other zones, ahead of the clock; and a purge by them."""
    first, *_, last = values.TIMES
    for time in values.TIMES:
        done = restorable("a", status="cancelled", created_at=first, updated_at=last, completed_at=time)
        both = restore(done), restore(restorable("b", created_at=time, updated_at=time))
        yield scenario(both, get("a"), cancel("a"), to("completed", "b"), ReadBack(), about="MAINT-02 VAL-10")
        yield scenario(both, purge(time), get("a"), purge(time + MICROSECOND), get("a"), listing(), about="MAINT-01")
    mixed = [restore(restorable(f"t{n}", created_at=time, updated_at=last)) for n, time in enumerate(values.TIMES)]
    yield scenario(mixed[::2], mixed[1::2], listing(), listing(limit=3))
    pages = do.Pages(1), do.Pages(1, by_cursor=True)
    yield scenario(map(restore, map(restorable, "bdac")), pages, about="LIST-12", needs=[Capability.CURSOR])
    ahead = restore(restorable(updated_at=datetime.now(UTC) + timedelta(hours=3)))
    for write in (to("clipping", "restored"), to("completed", "restored"), cancel("restored")):
        yield scenario(ahead, write, get("restored"), ReadBack(), about="LIFE-17")
    yield scenario(create("a"), map(restore, _impossible()), ReadBack(), about="MAINT-04")


def _impossible() -> Iterator[Record]:
    """Tasks that no store could have produced."""
    failed = restorable(status="failed", completed_at=LONG_AGO)
    earlier, later = LONG_AGO - MICROSECOND, LONG_AGO + MICROSECOND
    yield restorable(updated_at=earlier)
    yield failed._replace(status="cancelled", error_message="e")

    wrong: dict[str, Iterable[Any]] = dict.fromkeys(TEXTS, values.WRONG_TEXTS)
    wrong["task_id"] = (*values.WRONG_NEW_IDS, None)
    wrong["status"] = (*values.WRONG_STATUSES, "pending", "uploading", "completed")
    wrong["progress"] = (*values.WRONG_PROGRESSES, None)
    wrong["video_ids"] = values.WRONG_VIDEO_IDS
    wrong["metadata"] = map(canonical, values.WRONG_METADATA)
    wrong["created_at"] = wrong["updated_at"] = values.WRONG_TIMES
    wrong["completed_at"] = (*values.WRONG_TIMES, earlier, later, None)
    for name, table in wrong.items():
        for value in table:
            if type(value) is not list:
                yield failed._replace(**{name: value})


def _ids(depth: str) -> Iterator[Scenario]:
    """Ids that the store makes, those of no task, and those that callers choose."""
    yield scenario(do.Populate(2_000 if depth == "full" else 220), listing(limit=0), about="ID-01 ID-02")
    creations = [create(on=number % 2) for number in range(40)]
    yield scenario(creations, listing(limit=100), about="ID-01", instances=2)

    unknown: list[Any] = [Id("a", *around) for around in values.OTHER_IDS]
    unknown += [*values.UNKNOWN_IDS, *values.INTERNAL_IDS]
    calls: list[Call] = []
    for name in unknown:
        calls += [get(name), to("clipping", name), to("completed", name), cancel(name)]
    both = create("a"), create("b"), cancel(B)
    yield scenario(both, calls, get(A), ReadBack(), about="ID-03")

    ids = *values.NEW_IDS, *values.INTERNAL_IDS
    creations = [create(task_id=name, config={"id": name}) for name in ids]
    reads = *map(get, ids), listing(limit=1_000)
    again = *map(cancel, ids[::2]), *creations, *creations
    yield scenario(creations[::2], reads, again, reads, about="ID-02 ID-06")
