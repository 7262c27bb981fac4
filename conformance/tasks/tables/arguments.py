"""Every value of the tables once: kept, refused, as an id, in the largest tasks and in restored ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product
from typing import Any

from conformance.engine.kinds import scenario
from conformance.engine.scenario import Action, Call, ReadBack, Scenario, Wait
from conformance.harness import Capability
from conformance.tasks import calls as do
from conformance.tasks.calls import Id, TaskOf, cancel, create, get, listing, purge, restore, update
from conformance.tasks.spec.model import MOST_BYTES, STATUSES, TEXTS, TIMES, canonical, size_of
from conformance.tasks.tables import values
from conformance.tasks.tables.tasks import LONG_AGO, MADE, MICROSECOND, A, restorable, to
from taskstore import TaskStatus

_TOGETHER = 6
"""So many requests are in one scenario: to open a store takes longer than they do."""


def scenarios(depth: str = "default") -> Iterator[Scenario]:
    """All of them."""
    yield scenario(do.Populate(2_000 if depth == "full" else 220), listing(limit=0), about="ID-01 ID-02")
    yield scenario((create(), create(on=1)) * 20, listing(limit=100), about="ID-01", instances=2)
    yield from _ids()
    for calls in refused(A):
        about = "LIST-13" if "after" in calls[0].arguments else ""  # nothing else reaches it at depth smoke
        yield scenario(create("a"), to("clipping"), calls, ReadBack(), to("uploading"), ReadBack(), about=about)
    for place in range(0, len(_REQUESTS), _TOGETHER):
        yield scenario(_kept(_REQUESTS[place : place + _TOGETHER]), ReadBack())
    for text in values.TEXTS:
        failed = to("failed", A, 0, "", **dict.fromkeys(TEXTS, text))
        yield scenario(create("a"), failed, ReadBack(), failed)
    for number in values.PROGRESSES:
        copied = to("uploading", label="a", progress=number), restore(TaskOf("a", {"task_id": "copy"}))
        yield scenario(create("a"), copied, ReadBack(), about="MAINT-02")
    for status in STATUSES:
        yield scenario(_repeated(status), ReadBack(), about="LIFE-04 LIFE-17 LIFE-10 LIFE-14")
    yield from _largest()
    yield from _restored()


def _each(name: str, table: Sequence[Any]) -> list[dict[str, Any]]:
    """Return each value of a table under this name."""
    return [{name: value} for value in table]


def _ids() -> Iterator[Scenario]:
    unknown: list[Action] = []
    for task_id in (*(Id("a", *around) for around in values.AROUND), *values.UNKNOWN_IDS):
        unknown += get(task_id), to("completed", task_id), cancel(task_id)
    yield scenario(MADE, unknown, ReadBack(), about="ID-03")

    ids = *values.NEW_IDS, *values.INTERNAL_IDS
    creations = [create(task_id=task_id, config={"id": task_id}) for task_id in ids]
    reads = *map(get, ids), listing(limit=1_000)
    yield scenario(creations[::2], reads, map(cancel, ids[::4]), creations, creations, reads, about="ID-02 ID-06")

    # Under an id that is taken, only an equal request is accepted, and not one that stands near in the table.
    size = len(_REQUESTS)
    for moves in ((0, 1, 2), (0, 3, 4)):
        moved = [
            create(task_id=f"job-{(by + place) % size}", **_REQUESTS[place]) for by in moves for place in range(size)
        ]
        yield scenario(moved, ReadBack(), about="ID-06")


_WRONG = values.WRONG
_NESTED = [{"a": {"b": [1, 0.5, "a", {"c": value}]}} for value in values.WRONG_JSON]
_REFUSED: list[tuple[Any, str, Sequence[Any]]] = [
    (create, "config", (*_WRONG["config"], *_NESTED)),
    *((create, name, _WRONG[name]) for name in ("video_ids", "webhook_url", "task_id")),
    (partial(Call, "create_task"), "arguments", _each("request", (None, 7, {"video_ids": ("v",)}))),
    *((listing, name, _WRONG[name]) for name in ("status", "limit", "after")),
    (listing, "offset", _WRONG["limit"]),
    (partial(listing, offset=1), "after", ("1.a",)),
    *((call, "about", _WRONG["about"]) for call in (get, cancel)),
    (purge, "about", values.WRONG_TIMES[:2]),
]
"""Makers of calls, and values of one of their arguments that no store takes."""
_REFUSED_UPDATES: list[tuple[Any, str, Sequence[Any]]] = [
    *((partial(update, status="failed"), name, _WRONG["webhook_url"]) for name in TEXTS),
    (partial(update, error_message="e"), "status", STATUSES[:-2]),
    (update, "status", _WRONG["status"]),
    (partial(update, status="pending"), "progress", _WRONG["progress"]),
    (partial(update, status="completed"), "progress", values.PROGRESSES[:-2]),
]


def refused(task: Any) -> Iterator[list[Call]]:
    """Yield calls that a store refuses, in groups; those that name a task, with this one."""
    for call, name, table in _REFUSED:
        yield [call(**{name: value}) for value in table]
    for call, name, table in _REFUSED_UPDATES:
        yield [call(task, **{name: value}) for value in table]


_REQUESTS = [
    *_each("config", values.ALIKE_CONFIGS),
    *_each("config", [{"x": value, "y": [0, {"z": [value]}]} for value in values.JSON]),
    *_each("config", _each("x", values.DEEPEST)),
    *_each("webhook_url", (*values.TEXTS, *values.LARGE_TEXTS)),
    *_each("video_ids", values.VIDEO_IDS),
]


def _kept(requests: Sequence[dict[str, Any]]) -> Iterator[Action]:
    """Requests come back as they were given."""
    for fields in requests:
        yield create("a", **fields)
        yield to("clipping", progress=5.5)
        yield cancel(A)


def _repeated(status: str) -> Iterator[Action]:
    """Yield an update to a status, and later ones with the same and with other fields, also backwards."""
    again: list[dict[str, Any]] = [{}, {"progress": 12.5}, {"progress": 0}]
    again += ({name: text} for name in TEXTS for text in ("s", ""))
    calls = [to(status, current_step="s"), *(to(status, **given) for given in again)]
    yield create("a")
    for call in (*calls, *map(to, STATUSES[:-3]), to(status), cancel(A), *map(to, STATUSES)):
        yield from (Wait(), call, get(A), listing(status=TaskStatus.FAILED))


def _largest() -> Iterator[Scenario]:
    """Yield tasks of one byte more than 1 MiB, and of 1 MiB."""
    room = MOST_BYTES - size_of(restorable())
    for size, name in product((room + 1, room), TEXTS):
        failed = to("failed", A, 0, "", **{name: "文" * (size // 3) + "x" * (size % 3)})
        quotes = create(config={"k": '"' * ((size - 4) // 2) + "x" * (size % 2)})  # as JSON each takes two
        yield scenario(quotes, create("a"), failed, ReadBack(), about="VAL-06")


def _restored() -> Iterator[Scenario]:
    first, *_, last = values.TIMES
    for time in values.TIMES:  # at their bounds, and in other zones
        done = restorable("a", status="cancelled", created_at=first, updated_at=last, completed_at=time)
        both = restore(done), restore(restorable("b", created_at=time, updated_at=time))
        yield scenario(both, cancel("a"), to("completed", "b"), ReadBack(), about="MAINT-02 VAL-10")
        yield scenario(both, purge(time), get("a"), purge(time + MICROSECOND), get("a"), about="MAINT-01")

    ahead = restore(restorable(updated_at=datetime.now(UTC) + timedelta(hours=3)))
    for write in (to("clipping", "restored"), cancel("restored")):
        yield scenario(ahead, write, ReadBack(), about="LIFE-17")

    in_another_order = values.TIMES[::2] + values.TIMES[1::2]
    tasks = [restorable(f"t{place}", created_at=time, updated_at=last) for place, time in enumerate(in_another_order)]
    yield scenario(map(restore, tasks), listing(), listing(limit=3), about="LIST-01")
    tasks = [restorable(task_id) for task_id in "bdac"]  # of one microsecond
    pages = do.Pages(1), do.Pages(1, by_cursor=True)
    yield scenario(map(restore, tasks), pages, about="LIST-12", needs=[Capability.CURSOR])

    failed, moment = restorable(status="failed", completed_at=LONG_AGO), LONG_AGO - MICROSECOND
    impossible = [restorable(updated_at=moment), failed._replace(status="cancelled", error_message="e")]
    rows = [(name, _WRONG[name]) for name in ("video_ids", "task_id", "status", "progress")]
    rows += ((name, _WRONG["webhook_url"]) for name in TEXTS)
    rows += ((name, [*values.WRONG_TIMES, moment]) for name in TIMES)
    rows += ("status", [*STATUSES[:-2]]), ("metadata", [*map(canonical, _WRONG["metadata"])])
    for name, table in rows:
        impossible += [failed._replace(**{name: value}) for value in table if type(value) is not list]
    yield scenario(create("a"), map(restore, impossible), ReadBack(), about="MAINT-04")
