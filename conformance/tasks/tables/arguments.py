"""Every value of the tables once: kept, refused, as an id, in the largest tasks and in restored ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product
from typing import Any

from conformance.engine.kinds import scenario
from conformance.engine.scenario import Action, Call, ReadBack, Scenario, Wait
from conformance.harness import Capability
from conformance.tasks import calls as do
from conformance.tasks.calls import Id, TaskOf, cancel, create, get, listing, purge, restore, update
from conformance.tasks.spec.model import MOST_BYTES, STATUSES, TEXTS, TIMES, Record, canonical, size_of
from conformance.tasks.tables import values
from conformance.tasks.tables.tasks import LONG_AGO, MADE, MICROSECOND, A, restorable, to
from taskstore import TaskStatus

_TOGETHER = 6
"""So many requests are in one scenario: to open a store takes longer than they do."""
_COPY = restore(TaskOf("a", {"task_id": "copy"}))


def scenarios(depth: str = "default") -> Iterator[Scenario]:
    """All of them."""
    size = 2_000 if depth == "full" else 220
    yield scenario(do.Populate(size), listing(limit=0), about="ID-01 ID-02")
    yield scenario((create(), create(on=1)) * 20, listing(limit=100), about="ID-01", instances=2)
    yield from _ids()
    for calls in refused(A):
        about = "LIST-13" if "after" in calls[0].arguments else ""  # nothing else reaches it at depth smoke
        yield scenario(_changes_nothing(calls), about=about)
    for place in range(0, len(REQUESTS), _TOGETHER):
        requests = REQUESTS[place : place + _TOGETHER]
        yield scenario(_kept(requests), ReadBack())
    for text in values.TEXTS:
        texts = dict.fromkeys(TEXTS, text)
        failed = to("failed", A, 0, "", **texts)
        yield scenario(create("a"), failed, ReadBack(), failed)
    for number in values.PROGRESSES:
        written = to("uploading", label="a", progress=number)
        yield scenario(create("a"), written, _COPY, ReadBack(), about="MAINT-02")
    for status in STATUSES:
        yield scenario(_repeated(status), ReadBack(), about="LIFE-04 LIFE-17 LIFE-10 LIFE-14")
    yield from _largest()
    yield from _restored()


def _each(name: str, table: Sequence[Any]) -> list[dict[str, Any]]:
    """Return each value of a table under this name."""
    return [{name: value} for value in table]


def _changes_nothing(calls: Iterable[Call]) -> Iterator[Action]:
    yield create("a")
    yield to("clipping")
    yield from calls
    yield ReadBack()
    yield to("uploading")
    yield ReadBack()


_UNKNOWN = *(Id("a", *around) for around in values.AROUND), *values.UNKNOWN_IDS
_IDS = *values.NEW_IDS, *values.INTERNAL_IDS


def _ids() -> Iterator[Scenario]:
    yield scenario(MADE, _unknown(), ReadBack(), about="ID-03")
    yield scenario(_new_ids(), about="ID-02 ID-06")
    for moves in ((0, 1, 2), (0, 3, 4)):
        yield scenario(_taken(moves), ReadBack(), about="ID-06")


def _unknown() -> Iterator[Action]:
    for task_id in _UNKNOWN:
        yield get(task_id)
        yield to("completed", task_id)
        yield cancel(task_id)


def _new_ids() -> Iterator[Action]:
    creations = [create(task_id=task_id, config={"id": task_id}) for task_id in _IDS]
    reads = *map(get, _IDS), listing(limit=1_000)
    yield from creations[::2]
    yield from reads
    yield from map(cancel, _IDS[::4])
    yield from creations
    yield from creations
    yield from reads


def _taken(moves: Iterable[int]) -> Iterator[Action]:
    """Under an id that is taken, only an equal request is accepted, and not one that stands near in the table."""
    for by in moves:
        for place, request in enumerate(REQUESTS):
            number = (by + place) % len(REQUESTS)
            yield create(task_id=f"job-{number}", **request)


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


REQUESTS = [
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


_CHANGES: Sequence[dict[str, Any]] = (
    {"current_step": "s"},
    {},
    {"progress": 12.5},
    {"progress": 0},
    *({name: text} for name in TEXTS for text in ("s", "")),
)


def _repeated(status: str) -> Iterator[Action]:
    """Yield each update to a status, at a time of its own, and reads after it."""
    yield create("a")
    for call in _updates(status):
        yield Wait()
        yield call
        yield get(A)
        yield listing(status=TaskStatus.FAILED)


def _updates(status: str) -> Iterator[Call]:
    """Yield an update to a status, and later ones with the same and with other fields, also backwards."""
    for fields in _CHANGES:
        yield to(status, **fields)
    yield from map(to, STATUSES[:-3])
    yield to(status)
    yield cancel(A)
    yield from map(to, STATUSES)


def _largest() -> Iterator[Scenario]:
    """Yield tasks of one byte more than 1 MiB, and of 1 MiB."""
    room = MOST_BYTES - size_of(restorable())
    for size, name in product((room + 1, room), TEXTS):
        text = "文" * (size // 3) + "x" * (size % 3)
        failed = to("failed", A, 0, "", **{name: text})
        quotes = '"' * ((size - 4) // 2) + "x" * (size % 2)  # as JSON each takes two
        yield scenario(create(config={"k": quotes}), create("a"), failed, ReadBack(), about="VAL-06")


_FIRST, *_, _LAST = values.TIMES
_PAGES = do.Pages(1), do.Pages(1, by_cursor=True)


def _restored() -> Iterator[Scenario]:
    for time in values.TIMES:  # at their bounds, and in other zones
        yield scenario(_both(time), cancel("a"), to("completed", "b"), ReadBack(), about="MAINT-02 VAL-10")
        yield scenario(_both(time), _purges(time), about="MAINT-01")

    ahead = restore(restorable(updated_at=datetime.now(UTC) + timedelta(hours=3)))
    for write in (to("clipping", "restored"), cancel("restored")):
        yield scenario(ahead, write, ReadBack(), about="LIFE-17")

    yield scenario(_ordered(), listing(), listing(limit=3), about="LIST-01")
    tasks = map(restorable, "bdac")  # of one microsecond
    yield scenario(map(restore, tasks), _PAGES, about="LIST-12", needs=[Capability.CURSOR])
    yield scenario(create("a"), map(restore, _impossible()), ReadBack(), about="MAINT-04")


def _both(time: datetime) -> Iterator[Action]:
    """Restore a task that was completed then, and one that was created and updated then."""
    yield restore(restorable("a", status="cancelled", created_at=_FIRST, updated_at=_LAST, completed_at=time))
    yield restore(restorable("b", created_at=time, updated_at=time))


def _purges(time: datetime) -> Iterator[Action]:
    for before in (time, time + MICROSECOND):
        yield purge(before)
        yield get("a")


def _ordered() -> Iterator[Action]:
    for place, time in enumerate(values.TIMES[::2] + values.TIMES[1::2]):
        yield restore(restorable(f"t{place}", created_at=time, updated_at=_LAST))


_FAILED = restorable(status="failed", completed_at=LONG_AGO)
_TOO_EARLY = LONG_AGO - MICROSECOND
_IMPOSSIBLE: Sequence[tuple[str, Sequence[Any]]] = (
    *((name, _WRONG[name]) for name in ("video_ids", "task_id", "status", "progress")),
    *((name, _WRONG["webhook_url"]) for name in TEXTS),
    *((name, (*values.WRONG_TIMES, _TOO_EARLY)) for name in TIMES),
    ("status", STATUSES[:-2]),
    ("metadata", [*map(canonical, _WRONG["metadata"])]),
)
"""Fields of a failed task, and values that they cannot have."""


def _impossible() -> Iterator[Record]:
    """Yield tasks that no store could have produced."""
    yield restorable(updated_at=_TOO_EARLY)
    yield _FAILED._replace(status="cancelled", error_message="e")
    for name, table in _IMPOSSIBLE:
        for value in table:
            if type(value) is not list:
                yield _FAILED._replace(**{name: value})
