"""Every value of the tables once: kept, refused, as an id, in the largest tasks and in restored ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product
from typing import Any

from conformance.engine.kinds import scenario
from conformance.engine.scenario import Action, Call, ReadBack, Scenario, Wait
from conformance.harness import Capability
from conformance.tasks import calls as do
from conformance.tasks.calls import Id, cancel, create, get, listing, purge, restore, update
from conformance.tasks.spec.model import MOST_BYTES, STATUSES, TEXTS, TIMES, Record, canonical, size_of
from conformance.tasks.tables import values
from conformance.tasks.tables.tasks import BEYOND, LONG_AGO, MADE, MICROSECOND, A, restorable, to
from taskstore import TaskStatus

_LISTS = 20
"""So many scenarios share the requests: to open a store takes longer than they do."""


def scenarios() -> Iterator[Scenario]:
    """All of them."""
    yield scenario(do.Populate(220), listing(limit=0), about="ID-01 ID-02")
    yield scenario((create(), create(on=1)) * 20, listing(limit=100), about="ID-01", instances=2)
    yield scenario(MADE, _CALLS_ON_UNKNOWN, ReadBack(), about="ID-03")
    yield scenario(_new_ids(), about="ID-02 ID-06")
    yield scenario(_taken(), ReadBack(), about="ID-06")
    for calls in REFUSED:
        # Nothing else reaches these requirements at depth smoke.
        about = [number for name, number in _ABOUT.items() if name in calls[0].arguments]
        yield scenario(_changes_nothing(calls), about=" ".join(about))
    for first in range(_LISTS):
        yield scenario(_kept(REQUESTS[first::_LISTS]), ReadBack())
    for fields in _WRITTEN:
        failed = to("failed", A, 0, "", **fields)
        yield scenario(create("a"), failed, ReadBack(), failed)
    for status in STATUSES:
        yield scenario(_repeated(status), ReadBack(), about="LIFE-04 LIFE-17 LIFE-10 LIFE-14")
    yield from _largest()
    yield from _restored()
    yield from _left()


def _changes_nothing(calls: Iterable[Call]) -> Iterator[Action]:
    yield create("a")
    yield to("clipping")
    yield from calls
    yield ReadBack()
    yield to("uploading")
    yield ReadBack()


_UNKNOWN = *(Id("a", *around) for around in values.AROUND), *values.UNKNOWN_IDS
_CALLS_ON_UNKNOWN = [call for task_id in _UNKNOWN for call in (get(task_id), to("completed", task_id), cancel(task_id))]
_IDS = *values.NEW_IDS, *values.INTERNAL_IDS


def _new_ids() -> Iterator[Action]:
    creations = [create(task_id=task_id, config={"id": task_id}) for task_id in _IDS]
    reads = *map(get, _IDS), listing(limit=1_000)
    yield from creations[::2]
    yield from reads
    yield from map(cancel, _IDS[::4])
    yield from creations
    yield from creations
    yield from reads


def _taken() -> Iterator[Action]:
    """Under an id that is taken, only an equal request is accepted, and not one that stands near in the table."""
    for by in range(5):
        for place, request in enumerate(REQUESTS):
            number = (by + place) % len(REQUESTS)
            yield create(task_id=f"job-{number}", **request)


_WRONG = values.WRONG
_NESTED = [{"a": {"b": [1, 0.5, "a", {"c": value}]}} for value in values.WRONG_JSON]
_FAILED = restorable(status="failed", completed_at=LONG_AGO)
_TOO_EARLY = LONG_AGO - MICROSECOND


def _changed(task: Record, **fields: Any) -> Call:
    return restore(task._replace(**fields))


_impossible = partial(_changed, _FAILED)
_ROWS: list[tuple[Callable[..., Call], str, Sequence[Any]]] = [
    (create, "config", (*_WRONG["config"], *_NESTED)),
    *((create, name, _WRONG[name]) for name in ("video_ids", "webhook_url", "task_id")),
    (
        partial(Call, "create_task"),
        "arguments",
        ({"request": None}, {"request": 7}, {"request": {"video_ids": ("v",)}}),
    ),
    *((listing, name, _WRONG[name]) for name in ("status", "limit", "after")),
    (listing, "offset", _WRONG["limit"]),
    (partial(listing, offset=1), "after", ("1.a",)),
    *((call, "about", _WRONG["about"]) for call in (get, cancel)),
    (purge, "about", values.WRONG_TIMES[:2]),
    *((partial(update, A, "failed"), name, _WRONG["webhook_url"]) for name in TEXTS),
    (partial(update, A, error_message="e"), "status", STATUSES[:-2]),
    (partial(update, A), "status", _WRONG["status"]),
    (partial(update, A, "pending"), "progress", _WRONG["progress"]),
    (partial(update, A, "completed"), "progress", values.PROGRESSES[:-2]),
    *((_impossible, name, _WRONG[name]) for name in ("video_ids", "task_id", "status", "progress")),
    *((_impossible, name, (*values.WRONG_TIMES, _TOO_EARLY)) for name in TIMES),
    (_impossible, "status", STATUSES[:-2]),
    (partial(_impossible, error_message="e"), "status", ("cancelled",)),
    (_impossible, "metadata", [*map(canonical, _WRONG["metadata"])]),
    (partial(_changed, restorable()), "updated_at", (_TOO_EARLY,)),
]
"""Makers of calls, and values of one of their arguments, or of a field of a restored task, that no store takes."""
REFUSED = [[call(**{name: value}) for value in table] for call, name, table in _ROWS]
"""Lists of calls that a store refuses. Those that name a task name `A`."""
_ABOUT = {"after": "LIST-13", "task": "MAINT-04"}


_CONFIGS = (
    *values.ALIKE_CONFIGS,
    *({"x": value, "y": [0, {"z": [value]}]} for value in values.JSON),
    *({"x": value} for value in values.DEEPEST),
)
REQUESTS = [
    *({"config": config} for config in _CONFIGS),
    *({"webhook_url": text} for text in (*values.TEXTS, *values.LARGE_TEXTS)),
    *({"video_ids": ids} for ids in values.VIDEO_IDS),
]
_WRITTEN = [
    *(dict.fromkeys(TEXTS, text) for text in values.TEXTS),
    *({"progress": number} for number in values.PROGRESSES),
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
    """Yield updates to a status, and later ones, also backwards: each at a time of its own, and reads after it."""
    updates = [to(status, **fields) for fields in _CHANGES]
    later = map(to, (*STATUSES[:-3], status))
    yield create("a")
    for call in (*updates, *later, cancel(A), *map(to, STATUSES)):
        yield Wait()
        yield call
        yield get(A)
        yield listing(status=TaskStatus.FAILED)


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
        yield scenario(_purged(time), ReadBack(), about="MAINT-01 MAINT-02 VAL-10")

    ahead = restore(restorable(updated_at=datetime.now(UTC) + timedelta(hours=3)))
    for write in (to("clipping", "restored"), cancel("restored")):
        yield scenario(ahead, write, ReadBack(), about="LIFE-17")

    times = enumerate(values.TIMES[::2] + values.TIMES[1::2])
    of_all_times = [restorable(f"t{place}", created_at=time, updated_at=_LAST) for place, time in times]
    yield scenario(map(restore, of_all_times), listing(), listing(limit=3), about="LIST-01")
    of_one_time = map(restorable, "bdac")
    yield scenario(map(restore, of_one_time), _PAGES, about="LIST-12", needs=[Capability.CURSOR])


def _left() -> Iterator[Scenario]:
    """The task of a cursor leaves the listing, and then the store."""
    made = create("c"), create("a"), create("b"), to("completed")
    after = do.CursorOf("a")
    for actions in ([listing(status=TaskStatus.PENDING, after=after)], [purge(BEYOND), listing(after=after)]):
        yield scenario(made, actions, about="LIST-12", needs=[Capability.CURSOR])


def _purged(time: datetime) -> Iterator[Action]:
    """Restore a task that was completed then, and one that was created and updated then; purge before and after it."""
    yield restore(restorable("a", status="cancelled", created_at=_FIRST, updated_at=_LAST, completed_at=time))
    yield restore(restorable("b", created_at=time, updated_at=time))
    yield cancel("a")
    yield to("completed", "b")
    yield ReadBack()

    for before in (time, time + MICROSECOND):
        yield purge(before)
        yield get("a")
