"""Every value of the tables once: kept, refused, as an id, in the largest tasks and in restored ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeAlias

from conformance.engine.scenario import Call, ReadBack, Wait
from conformance.harness import Capability
from conformance.tasks import calls as do
from conformance.tasks.calls import Id, TaskOf, cancel, create, get, listing, purge, restore, update
from conformance.tasks.spec.model import FINAL, MOST_BYTES, STATUSES, TEXTS, canonical, size_of
from conformance.tasks.tables import values
from conformance.tasks.tables.tasks import (
    LONG_AGO,
    MICROSECOND,
    A,
    Actions,
    B,
    Table,
    restorable,
    to,
)
from taskstore import TaskStatus

Fields: TypeAlias = dict[str, Any]
"""Arguments by name."""
_table = Table()
scenarios = _table.scenarios


def _each(name: str, table: Iterable[Any]) -> list[Fields]:
    """Return each value of a table under this name."""
    return [{name: value} for value in table]


def _calls(call: Callable[..., Call], name: str, table: Iterable[Any]) -> list[Call]:
    """Return a call with each value of a table as the argument of this name."""
    return [call(**fields) for fields in _each(name, table)]


# Ids


@_table("ID-01 ID-02", count={"smoke": (220,), "default": (220,), "full": (2_000,)})
def _many_ids(count: int) -> Actions:
    """Ids that the store makes."""
    yield do.Populate(count)
    yield listing(limit=0)


@_table("ID-01", instances=2)
def _ids_of_two_instances() -> Actions:
    """Ids that two instances make in turn."""
    for number in range(40):
        yield create(on=number % 2)
    yield listing(limit=100)


@_table("ID-03")
def _unknown_ids() -> Actions:
    """Ids of no task, some of which resemble one that is there."""
    yield create("a")
    yield create("b")
    yield cancel(B)
    resembling = [Id("a", *around) for around in values.OTHER_IDS]
    for task_id in (*resembling, *values.UNKNOWN_IDS, *values.INTERNAL_IDS):
        yield get(task_id)
        yield to("clipping", task_id)
        yield to("completed", task_id)
        yield cancel(task_id)
    yield get(A)
    yield ReadBack()


@_table("ID-02 ID-06")
def _chosen_ids() -> Actions:
    """Ids that callers choose, again and again."""
    ids = *values.NEW_IDS, *values.INTERNAL_IDS
    creations = [create(task_id=task_id, config={"id": task_id}) for task_id in ids]
    yield from creations[::2]
    yield from map(get, ids)
    yield listing(limit=1_000)
    yield from map(cancel, ids[::2])
    yield from creations * 2
    yield from map(get, ids)
    yield listing(limit=1_000)


# Refused


def refused(task: Any = A) -> Iterator[list[Call]]:
    """Yield calls that a store refuses, in groups; those that name a task, with this one."""
    yield from _refused_creations()
    yield from _refused_updates(task)
    yield _calls(listing, "status", values.WRONG_STATUSES)
    yield _calls(listing, "limit", (*values.WRONG_NUMBERS, 1_001))
    yield _calls(listing, "offset", values.WRONG_NUMBERS)
    yield _calls(listing, "after", values.WRONG_CURSORS)
    yield [listing(after="1.a", offset=1)]
    yield _calls(get, "about", values.WRONG_IDS)
    yield _calls(cancel, "about", values.WRONG_IDS)
    yield _calls(purge, "about", values.WRONG_MOMENTS)


@_table("VAL-09")
def _texts_that_no_encoding_takes() -> Actions:
    """Lone surrogates, in a new task and in one that is there."""
    yield create("a")
    yield create(video_ids=(values.SURROGATES[0],))
    yield update(A, "clipping", current_step=values.SURROGATES[0])
    yield ReadBack()


def _refused_creations() -> Iterator[list[Call]]:
    shallow = _each("x", values.WRONG_JSON)
    nested = [{"a": {"b": [1, 0.5, "a", {"c": value}]}} for value in values.WRONG_JSON]
    yield _calls(create, "config", values.WRONG_CONFIGS)
    yield _calls(create, "config", shallow)
    yield _calls(create, "config", nested)
    yield _calls(create, "video_ids", values.WRONG_VIDEO_IDS)
    yield _calls(create, "webhook_url", values.WRONG_TEXTS)
    yield _calls(create, "task_id", values.WRONG_NEW_IDS)
    for request in (None, 7, {"video_ids": ("v",)}):
        yield [Call("create_task", {"request": request})]


def _refused_updates(task: Any) -> Iterator[list[Call]]:
    fail = partial(update, task, "failed")
    for name in TEXTS:
        yield _calls(fail, name, values.WRONG_TEXTS)
    unfailed = [status for status in STATUSES if status != "failed"]
    yield _calls(partial(update, task, error_message="e"), "status", unfailed)
    yield _calls(partial(update, task), "status", values.WRONG_STATUSES)
    yield _calls(partial(update, task, "pending"), "progress", values.WRONG_PROGRESSES)
    complete = partial(update, task, "completed")
    yield _calls(complete, "progress", values.WRONG_PROGRESSES)
    yield _calls(complete, "progress", values.PROGRESSES[:-2])


@_table(calls=(*refused(A), *_refused_updates("nobody")))
def _refused(calls: Iterable[Call]) -> Actions:
    """A call that is refused changes nothing, whether the task is there or not."""
    yield create("a")
    yield to("clipping")
    yield from calls
    yield ReadBack()
    yield to("uploading")
    yield ReadBack()


# Kept


_NESTED = [{"x": value, "y": [0, {"z": [value]}]} for value in values.JSON]
_REQUESTS = [
    *_each("config", values.ALIKE_CONFIGS),
    *_each("config", _NESTED),
    *_each("webhook_url", values.ALIKE_TEXTS),
    *_each("webhook_url", values.TEXTS[:-3]),
    *_each("video_ids", values.VIDEO_IDS),
]
_LARGE = [
    *_each("config", _each("x", values.DEEPEST)),
    *_each("webhook_url", values.TEXTS[-3:]),
]


_TOGETHER = 6
"""So many requests are in one scenario: to open a store takes longer than they do."""


@_table(first=range(0, len(_REQUESTS), _TOGETHER))
def _kept(first: int) -> Actions:
    """Requests come back as they were given."""
    for fields in _REQUESTS[first : first + _TOGETHER]:
        yield create("a", **fields)
        yield to("clipping", progress=5.5)
        yield cancel(A)
    yield ReadBack()


@_table(fields=_LARGE)
def _large(fields: Fields) -> Actions:
    """Large requests come back as they were given."""
    yield create("a", **fields)
    yield to("clipping", progress=5.5)
    yield cancel(A)
    yield ReadBack()


@_table(text=values.TEXTS[:-3])
def _texts(text: str) -> Actions:
    """Texts of an update come back as they were given."""
    failed = to("failed", A, 0, "", **dict.fromkeys(TEXTS, text))
    yield create("a")
    yield failed
    yield ReadBack()
    yield failed


@_table("MAINT-02", number=values.PROGRESSES)
def _progresses(number: float) -> Actions:
    """Progress comes back as it was given, also of a task that is restored under another id."""
    yield create("a")
    yield to("uploading", label="a", progress=number)
    yield restore(TaskOf("a", {"task_id": "copy"}))
    yield ReadBack()


def _creations(by: int) -> Actions:
    """Yield creations of all requests under as many ids, moved by so many places."""
    for place, fields in enumerate(_REQUESTS, start=by):
        yield create(task_id=f"job-{place % len(_REQUESTS)}", **fields)


@_table("ID-06", places=((0, 1, 2), (3, 4)))
def _taken(places: Iterable[int]) -> Actions:
    """Under an id that is taken, only an equal request is accepted, and not one that stands near in the table."""
    yield from _creations(0)
    yield cancel("job-3")
    for by in places:
        yield from _creations(by)
    yield ReadBack()


def _repetitions(status: str) -> Actions:
    """Yield updates to a status, and later ones with the same and with other fields."""
    fields: Fields = dict.fromkeys(TEXTS if status == "failed" else TEXTS[:2], "s")
    progress = 100 if status == "completed" else 12.5
    yield create("a")
    yield to(status, label="a", progress=progress, **fields)

    again: list[Fields] = [{}, fields, {"progress": 12.5}, {"progress": 0}]
    for name in fields:
        again += _each(name, ("s", "other", ""))
    calls = [to(status, **given) for given in again]
    calls += map(to, STATUSES[:-3])
    calls += [to(status), cancel(A)]
    calls += map(to, STATUSES)  # backwards too
    for call in calls:
        yield Wait()
        yield call
        yield get(A)
        yield listing(status=TaskStatus.FAILED)
    yield ReadBack()


@_table("LIFE-04 LIFE-17", status=STATUSES[:-3])
def _later_writes(status: str) -> Actions:
    """A later write has a later time."""
    return _repetitions(status)


@_table("LIFE-10 LIFE-14", status=FINAL)
def _final(status: str) -> Actions:
    """What is final refuses what differs from it, and nothing else."""
    return _repetitions(status)


# The largest tasks

_ROOM = MOST_BYTES - size_of(restorable())
_HALF = MOST_BYTES // 2


@_table("VAL-06", size=(_ROOM + 1, _ROOM), name=TEXTS)
def _large_text(size: int, name: str) -> Actions:
    """A text of one byte more than 1 MiB, and of 1 MiB."""
    text = "文" * (size // 3) + "x" * (size % 3)
    yield create("a")
    yield to("failed", A, 0, "", **{name: text})
    yield ReadBack()


@_table("VAL-06", size=(_ROOM + 1, _ROOM))
def _large_config(size: int) -> Actions:
    """A config of so many bytes, most of which are quotes: as JSON each takes two."""
    yield create(config={"k": '"' * ((size - 4) // 2) + "x" * (size % 2)})
    yield ReadBack()


@_table("VAL-06")
def _grown() -> Actions:
    """A task has half of 1 MiB, and a step that grows to one byte more than the other half."""
    yield create("a", webhook_url="h" * _HALF)
    for size in (_ROOM, _ROOM + 2, _ROOM + 3, _HALF + 1):
        yield to("clipping", current_step="s" * (size - _HALF))
    yield ReadBack()


# Restored


def _done_and_pending(time: datetime) -> Actions:
    """Yield the restoring of a task that became final then, and of one that was created then."""
    first, *_, last = values.TIMES
    done = restorable("a", status="cancelled", created_at=first, updated_at=last, completed_at=time)
    yield restore(done)
    yield restore(restorable("b", created_at=time, updated_at=time))


@_table("MAINT-02 VAL-10", time=values.TIMES)
def _restored_times(time: datetime) -> Actions:
    """Times at their bounds and in other zones."""
    yield from _done_and_pending(time)
    yield get("a")
    yield cancel("a")
    yield to("completed", "b")
    yield ReadBack()


@_table("MAINT-01", time=values.TIMES)
def _purged_by_times(time: datetime) -> Actions:
    """A purge at the time of completion leaves the task, and one just behind it does not."""
    yield from _done_and_pending(time)
    for moment in (time, time + MICROSECOND):
        yield purge(moment)
        yield get("a")
    yield listing()


_LATER = to("clipping", "restored"), to("completed", "restored"), cancel("restored")


@_table("LIFE-17", write=_LATER)
def _ahead(write: Call) -> Actions:
    """A task is ahead of the clock."""
    yield restore(restorable(updated_at=datetime.now(UTC) + timedelta(hours=3)))
    yield write
    yield get("restored")
    yield ReadBack()


@_table("LIST-01")
def _in_another_order() -> Actions:
    """Tasks are restored in another order than that of a listing."""
    places = [*enumerate(values.TIMES)]
    for place, time in (*places[::2], *places[1::2]):
        yield restore(restorable(f"t{place}", created_at=time, updated_at=values.TIMES[-1]))
    yield listing()
    yield listing(limit=3)


@_table("LIST-12", needs=[Capability.CURSOR])
def _of_one_microsecond() -> Actions:
    """Tasks of one microsecond, on pages of one."""
    for task_id in "bdac":
        yield restore(restorable(task_id))
    yield do.Pages(1)
    yield do.Pages(1, by_cursor=True)


_BEFORE, _BEHIND = LONG_AGO - MICROSECOND, LONG_AGO + MICROSECOND
_WRONG_FIELDS: dict[str, Sequence[Any]] = {
    **dict.fromkeys(TEXTS, values.WRONG_TEXTS),
    "task_id": (*values.WRONG_NEW_IDS, None),
    "status": (*values.WRONG_STATUSES, "pending", "uploading", "completed"),
    "progress": (*values.WRONG_PROGRESSES, None),
    "video_ids": values.WRONG_VIDEO_IDS,
    "metadata": [canonical(text) for text in values.WRONG_METADATA],
    "created_at": values.WRONG_TIMES,
    "updated_at": values.WRONG_TIMES,
    "completed_at": (*values.WRONG_TIMES, _BEFORE, _BEHIND, None),
}
"""By field of a failed task, values that it cannot have."""


@_table("MAINT-04")
def _impossible() -> Actions:
    """Tasks that no store could have produced."""
    failed = restorable(status="failed", completed_at=LONG_AGO)
    yield create("a")
    yield restore(restorable(updated_at=_BEFORE))
    yield restore(failed._replace(status="cancelled", error_message="e"))
    for name, table in _WRONG_FIELDS.items():
        for value in table:
            if type(value) is not list:
                yield restore(failed._replace(**{name: value}))
    yield ReadBack()
