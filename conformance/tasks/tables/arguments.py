"""Every value of the tables once: kept, refused, as an id, in the largest tasks and in restored ones."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product
from typing import Any

from conformance.engine.kinds import Scenarios, scenario
from conformance.engine.scenario import ReadBack, Wait
from conformance.tasks import calls as do
from conformance.tasks.calls import Id, cancel, create, get, listing, purge, restore, update
from conformance.tasks.spec.model import MOST_BYTES, STATUSES, TEXTS, cursor_of, size_of
from conformance.tasks.tables import values
from conformance.tasks.tables.tasks import BEYOND, MADE, MICROSECOND, A, restorable, to
from taskstore import TaskStatus

_LISTS = 20
"""So many scenarios share the requests, and the values of updates: to open a store takes longer than they do."""


def scenarios() -> Scenarios:
    """All of them."""
    yield scenario((create(), create(on=1)) * 20, listing(limit=100), about="ID-01", instances=2)
    yield scenario(MADE, _CALLS_ON_UNKNOWN, ReadBack(), about="ID-03")
    reads = *map(get, _IDS), listing(limit=1_000)
    final = map(cancel, _IDS[::4])
    yield scenario(_NEW[::2], reads, final, _NEW, _NEW, reads, about="ID-02 ID-06")
    yield scenario(_TAKEN, ReadBack(), about="ID-06")
    for calls in REFUSED:
        about = "LIST-13" if "after" in calls[0].arguments else ""  # nothing else reaches it at depth smoke
        before = create("a"), to("clipping")
        after = ReadBack(), to("uploading"), ReadBack()
        yield scenario(before, calls, after, about=about)
    for first in range(_LISTS):
        yield scenario(*_KEPT[first::_LISTS], ReadBack())
        yield scenario(*_WRITTEN[first::_LISTS], ReadBack())
    for status in STATUSES:
        updates = [to(status, **fields) for fields in CHANGES]
        later = *map(to, (*STATUSES[:-3], status)), cancel(A), *map(to, STATUSES)  # also backwards
        steps = [(Wait(), call, *_READS) for call in (*updates, *later)]
        yield scenario(create("a"), *steps, ReadBack(), about="LIFE-04 LIFE-17 LIFE-10 LIFE-14")
    yield from _largest()
    yield from _restored()


_UNKNOWN = *(Id("a", *around) for around in values.AROUND), *values.UNKNOWN_IDS
_CALLS_ON_UNKNOWN = [call for task_id in _UNKNOWN for call in (get(task_id), to("completed", task_id), cancel(task_id))]
_IDS = *values.NEW_IDS, *values.INTERNAL_IDS
_NEW = [create(task_id=task_id, config={"id": task_id}) for task_id in _IDS]


_NESTED = [{"a": {"b": [1, 0.5, "a", {"c": value}]}} for value in values.WRONG_JSON]
_WRONG = {
    **values.WRONG,
    **dict.fromkeys(TEXTS, values.WRONG["webhook_url"]),
    "offset": values.WRONG["limit"],
}
_MAKERS = (
    (create, "config video_ids webhook_url task_id"),
    (listing, "status limit offset after"),
    (get, "about"),
    (cancel, "about"),
    (partial(update, A), "status"),
    (partial(update, A, "pending"), "progress"),
    (partial(update, A, "failed"), "current_step result_url error_message error_traceback"),
)
"""Makers of calls, and the names of arguments that `_WRONG` has values of."""
_ROWS = [
    *((call, name, _WRONG[name]) for call, names in _MAKERS for name in names.split()),
    (create, "config", _NESTED),
    (partial(listing, offset=1), "after", ("1.a",)),
    (purge, "about", values.NO_MOMENTS),
    (partial(update, A, error_message="e"), "status", STATUSES[:-2]),
    (partial(update, A, "completed"), "progress", values.PROGRESSES[:-2]),
]
"""Makers of calls, and values of one of their arguments that no store takes."""
REFUSED = [[call(**{name: value}) for value in table] for call, name, table in _ROWS]
"""Lists of calls that a store refuses. Those that name a task name `A`."""


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
_KEPT = [(create("a", **fields), to("clipping", progress=5.5), cancel(A)) for fields in REQUESTS]
_TAKEN = [
    create(task_id=f"job-{(by + place) % len(REQUESTS)}", **request)
    for by in range(3)
    for place, request in enumerate(REQUESTS)
]
"""Under an id that is taken, only an equal request is accepted, and not one that stands near in the table."""
_FAILED = [
    *(to("failed", **dict.fromkeys(TEXTS, text)) for text in values.TEXTS),
    *(to("failed", progress=number) for number in values.PROGRESSES),
]
_WRITTEN = [(create("a"), end, get(A), end) for end in _FAILED]


CHANGES: Sequence[dict[str, Any]] = (
    {"current_step": "s"},
    {},
    {"progress": 12.5},
    {"progress": 0},
    *({name: text} for name in TEXTS for text in ("s", "")),
)
_READS = get(A), listing(status=TaskStatus.FAILED)


def _largest() -> Scenarios:
    """Yield tasks of one byte more than 1 MiB, and of 1 MiB."""
    room = MOST_BYTES - size_of(restorable())
    for size, name in product((room + 1, room), TEXTS):
        text = "文" * (size // 3) + "x" * (size % 3)
        failed = to("failed", A, 0, "", **{name: text})
        quotes = '"' * ((size - 4) // 2) + "x" * (size % 2)  # as JSON each takes two
        yield scenario(create(config={"k": quotes}), create("a"), failed, ReadBack(), about="VAL-06")


_FIRST, *_, _LAST = values.TIMES


def _restored() -> Scenarios:
    for time in values.TIMES:  # at their bounds, and in other zones
        final = restorable("a", status="cancelled", created_at=_FIRST, updated_at=_LAST, completed_at=time)
        made = restore(final), restore(restorable("b", created_at=time, updated_at=time)), cancel("a")
        purges = purge(time), get("a"), purge(time + MICROSECOND), get("a")
        yield scenario(made, to("completed", "b"), ReadBack(), purges, ReadBack(), about="MAINT-01 MAINT-02 VAL-10")

    ahead = restore(restorable(updated_at=datetime.now(UTC) + timedelta(hours=3)))
    for write in (to("clipping", "restored"), cancel("restored")):
        yield scenario(ahead, write, ReadBack(), about="LIFE-17")

    times = enumerate(values.TIMES[::2] + values.TIMES[1::2])
    of_all_times = [restorable(f"t{place}", created_at=time, updated_at=_LAST) for place, time in times]
    yield scenario(map(restore, of_all_times), listing(), listing(limit=3), about="LIST-01")

    by_cursor = partial(scenario, about="LIST-12", needs="cursor")
    of_one_time = [*map(restorable, "dacf")]  # the last of them are in one partition, if there are two or three
    pages = [listing(limit=1, offset=offset) for offset in range(5)]
    behind = [listing(limit=1, after=cursor_of(task)) for task in of_one_time]
    yield by_cursor(map(restore, of_one_time), pages, behind)
    # The task of a cursor leaves the listing, and then the store.
    ended = create("c"), create("a"), create("b"), to("completed")
    after = do.CursorOf("a")
    yield by_cursor(ended, listing(status=TaskStatus.PENDING, after=after))
    yield by_cursor(ended, purge(BEYOND), listing(after=after))
