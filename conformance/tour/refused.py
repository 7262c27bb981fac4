"""Calls that have to be refused, whatever the store holds: every wrong value of every argument."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from conformance.engine.scene import (
    Action,
    Advance,
    Known,
    Optional,
    Ref,
    Scene,
    Step,
    Text,
    TimeOf,
    cancel,
    create,
    get,
    listing,
    purge,
    restore,
    update,
)
from conformance.harness import Capability
from conformance.spec.model import FINAL, STATUSES, TEXTS, canonical
from conformance.tour import values
from conformance.tour.tasks import (
    CALLER_IDS,
    CURSOR,
    EXPIRING,
    LONG_AGO,
    MICROSECOND,
    MINUTE,
    WEEK,
    restorable,
)
from taskstore import TaskStatus

_TOO_LONG = "x" * values.MOST_BYTES
_ROOM = 10_000
"""Bytes that a large task has left."""
_ERRORS = ("error_message", "error_traceback")
_TIMES = ("created_at", "updated_at", "completed_at")


_AFTER = ("LIFE-14",)
_UNCHANGED = (
    get(about=_AFTER),
    listing(about=_AFTER),
    *(listing(status=TaskStatus(one), about=_AFTER) for one in STATUSES),
)
"""Every form of read, after calls that change nothing."""


def _updates(task: Any) -> Iterator[Step]:
    """Updates that are refused, each for one reason."""
    for wrong in values.WRONG_STATUSES.values():
        yield update(task, wrong)
    for wrong in values.WRONG_PROGRESSES.values():
        yield update(task, TaskStatus.CLIPPING, progress=wrong)
    yield from (update(task, TaskStatus.COMPLETED, progress=one) for one in values.UNFINISHED)
    for field in TEXTS:
        to = TaskStatus.FAILED if field in _ERRORS else TaskStatus.CLIPPING
        for wrong in (*values.WRONG_TEXTS.values(), _TOO_LONG):
            yield update(task, to, **{field: wrong})
    for field in _ERRORS:
        given: dict[str, Any] = {field: "e"}
        yield from (update(task, TaskStatus(one), **given) for one in STATUSES if one != "failed")


def wrong_requests() -> Iterator[dict[str, Any]]:
    """The fields of requests that are refused, each for one reason."""
    yield from ({"webhook_url": wrong} for wrong in (*values.WRONG_TEXTS.values(), _TOO_LONG))
    for wrong in values.WRONG_JSON.values():
        places: list[Any] = [{"x": wrong}, {"x": [1, wrong]}, {"a": {"b": [{"c": wrong}]}}]
        yield from ({"config": place} for place in places)
        if type(wrong) is dict:
            yield {"config": wrong}
    yield from ({"config": wrong} for wrong in (*values.WRONG_CONFIGS.values(), {"x": _TOO_LONG}, {_TOO_LONG: 1}))
    yield from ({"video_ids": wrong} for wrong in (*values.WRONG_VIDEO_IDS.values(), (_TOO_LONG,)))


def _creations(task_id: str) -> Iterator[Step]:
    """Creations under an id that are refused, each for one reason."""
    yield from (create("", task_id, **fields) for fields in wrong_requests())
    for wrong in (None, 7, "request", {"video_ids": ("v",)}):
        yield Step("create_task", {"request": wrong, "task_id": task_id})


def _listings() -> Iterator[Action]:
    """Listings that are refused, each for one reason, whether they would have tasks or not."""
    others: list[dict[str, Any]] = [{}, {"limit": 0}, {"offset": 50}, {"status": TaskStatus.CLIPPING}]
    for more in others:
        for name, most in (("limit", 1_000), ("offset", 10**12)):
            for wrong in (*values.WRONG_NUMBERS.values(), most + 1) if name not in more else ():
                yield listing(**{name: wrong}, **more)
        for wrong in values.WRONG_STATUSES.values() if "status" not in more else ():
            yield listing(status=wrong, **more)
        behind = values.WRONG_CURSORS.values() if "offset" not in more else ("1.a",)
        yield Optional(tuple(listing(after=wrong, **more) for wrong in behind), CURSOR)


def everywhere(_: Random) -> Iterator[Scene]:
    """What is refused is refused whatever is known of the task, and of others: arguments are checked first."""
    purged = (cancel(), purge(TimeOf("a", plus=MICROSECOND)))
    past = Advance(WEEK + MINUTE)
    places: list[tuple[str, tuple[Action, ...], frozenset[Capability]]] = [
        ("of a task that is not final", (), frozenset()),
        *((f"of a task that is {one}", (update("a", TaskStatus(one)),), frozenset[Capability]()) for one in FINAL),
        ("of a task that was purged", purged, frozenset()),
        ("of a task that has expired", (past,), EXPIRING),
        ("of a task that was purged and whose place is taken", (*purged, create("b")), frozenset()),
    ]
    for where, actions, needs in places:
        calls = Known((create(), *actions, *_updates(Ref("a"))))
        yield Scene(f"every wrong update {where}", (calls, *_UNCHANGED), ("refused",), needs)
        calls = Known((create("a", "job-1"), *actions, *_creations("job-1")))
        name = f"every wrong creation under the id {where}"
        yield Scene(name, (calls, *_UNCHANGED), ("refused",), needs | CALLER_IDS)
        reads = Known((create(), *actions, *_listings()))
        yield Scene(f"every wrong listing beside one {where}", (reads, get(), listing()), ("refused",), needs)
        purges = Known((create(), *actions, *map(purge, values.WRONG_MOMENTS.values())))
        yield Scene(f"every wrong purge {where}", (purges, get(), listing()), ("refused",), needs)
    large = create(config={"text": "x" * (values.MOST_BYTES - _ROOM)})
    fields: list[dict[str, Any]] = [{field: "y" * _ROOM} for field in TEXTS]
    added = [
        update("a", to, **one)
        for one in fields
        for to in (TaskStatus.FAILED, TaskStatus.CLIPPING, TaskStatus.COMPLETED)
        if to is TaskStatus.FAILED or not one.keys() & set(_ERRORS)
    ]
    name = "every update that makes a task too large by what it has already"
    yield Scene(name, (Known((large, *added)), *_UNCHANGED, cancel()), ("refused",))
    for what, one in (("ours", "task_" + "0" * 32), ("no task", "none")):
        calls = Known(tuple(_updates(Text(one))))
        yield Scene(f"every wrong update of an id like that of {what}", (calls, listing()), ("refused",))
    empty = Known((*_listings(), *map(purge, values.WRONG_MOMENTS.values())))
    yield Scene("every wrong listing and purge of an empty store", (empty, listing()), ("refused",))


def _status(status: str) -> dict[str, Any]:
    """The fields of a task to restore that go with a status."""
    is_final = status in FINAL
    progress = 100.0 if status == "completed" else 7.0
    return {"status": status, "progress": progress, "completed_at": LONG_AGO + MINUTE if is_final else None}


def _unrestorable() -> Iterator[tuple[str, dict[str, Any]]]:
    """What is wrong with a task that no store could have made, and those of its fields that count."""
    done, failed = _status("completed"), _status("failed")
    for status in STATUSES:
        fields = _status(status)
        end = None if status in FINAL else LONG_AGO + MINUTE
        yield "its end", {**fields, "completed_at": end}
        yield from (("its progress", {**fields, "progress": one}) for one in values.WRONG_PROGRESSES.values())
        yield from (("its error", {**fields, name: "e"}) for name in _ERRORS if status != "failed")
    yield from (("its progress", {**done, "progress": float(one)}) for one in values.UNFINISHED)
    yield from (("its status", {"status": one}) for one in values.WRONG_STATUSES.values())
    for name in TEXTS:
        for wrong in (*values.WRONG_TEXTS.values(), *((None,) if name == "current_step" else ())):
            yield f"its {name}", {**failed, name: wrong}
    yield from (("one of its videos", {"video_ids": one}) for one in values.WRONG_VIDEO_IDS.values())
    yield from (("its id", {"task_id": one}) for one in values.WRONG_NEW_IDS.values())
    for text in values.WRONG_METADATA:
        yield "its metadata", {"metadata": canonical(text)}
    for name in _TIMES:
        for wrong in (*values.WRONG_TIMES.values(), *((None,) if name != "completed_at" else ())):
            yield f"its {name}", {**failed, name: wrong}
    early = LONG_AGO - MICROSECOND
    yield "the order of its times", {"updated_at": early}
    yield "the order of its times", {**done, "completed_at": early}
    yield "the order of its times", {**done, "completed_at": LONG_AGO + MINUTE + MICROSECOND}


def unrestorable(_: Random) -> Iterator[Scene]:
    """Tasks that no store could have made, and what is no task."""
    wrong: dict[str, list[dict[str, Any]]] = {}
    for what, fields in _unrestorable():
        wrong.setdefault(what, []).append(fields)
    about = ("MAINT-04",)
    places = [(what, tasks, is_taken) for what, tasks in wrong.items() for is_taken in (False, True)]
    for what, tasks, is_taken in places:
        calls = (
            restore(restorable("good" if is_taken else f"wrong{number}", updated_at=LONG_AGO + MINUTE)._replace(**one))
            for number, one in enumerate(tasks)
        )
        good = restore(restorable("good"))
        actions = (good, Known(tuple(calls)), get(Text("good")), listing(limit=1_000))
        name = f"restored though {what} is wrong{', under an id that is taken' if is_taken else ''}"
        yield Scene(name, actions, (f"unrestorable: {what}",), about=about)
    wrong_kinds: tuple[Any, ...] = (None, 7, "task", {})
    for not_a_task in wrong_kinds:
        yield Scene("restored though it is no task", (restore(not_a_task),), ("restore: wrong",))
