"""Every value of the tables once: those that a store keeps, those that it refuses, and tasks as large as one may be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

from conformance.core.scenario import (
    Call,
    CursorOf,
    Look,
    Scenario,
    TaskOf,
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
from conformance.tables.tasks import BEYOND, DAY, LONG_AGO, MICROSECOND, MINUTE, A, Actions, going, restorable
from taskstore import TaskStatus

_LARGE = 2_000
_JAPAN = timezone(timedelta(hours=9))


def scenarios(depth: str = "default") -> Iterator[Scenario]:
    """All of them."""
    yield from _refused()
    yield from _kept()
    yield from _sizes(depth)
    yield from _restored()
    yield from _purged()


def _refused() -> Iterator[Scenario]:
    """What every argument refuses."""
    wrong = values.WRONG_JSON
    status, failed = TaskStatus.CLIPPING, TaskStatus.FAILED
    groups: dict[str, list[Call]] = {
        "values in a config": [create("", config={"x": one}) for one in wrong],
        "values in a list": [create("", config={"x": [1, 0.5, "a", one]}) for one in wrong],
        "values deep in a config": [create("", config={"a": {"b": [{"c": one}]}}) for one in wrong],
        "configs": [create("", config=one) for one in values.WRONG_CONFIGS],
        "video ids": [create("", video_ids=one) for one in values.WRONG_VIDEO_IDS],
        "webhooks": [create("", webhook_url=one) for one in values.WRONG_TEXTS],
        "requests": [Call("create_task", {"request": one}) for one in (None, 7, "request", {"video_ids": ("v",)})],
        **{f"values of {name}": [update(A, failed, **{name: one}) for one in values.WRONG_TEXTS] for name in TEXTS},
        "progress": [
            update(one, TaskStatus(to), progress=number)
            for to in ("pending", *FINAL)
            for number in values.WRONG_PROGRESSES
            for one in (A, "nobody")
        ],
        "progress of what is completed": [update(A, TaskStatus.COMPLETED, progress=one) for one in values.UNFINISHED],
        "errors without failing": [update(A, TaskStatus(to), error_message="e") for to in STATUSES if to != "failed"],
        "statuses": [
            call for one in values.WRONG_STATUSES for call in (update(A, one, progress=5), listing(status=one))
        ],
        "limits and offsets": [
            *(listing(**{name: one}) for name in ("limit", "offset") for one in values.WRONG_NUMBERS),
            *(listing(limit=1_001), listing(offset=10**12 + 1)),
        ],
        "cursors": [
            *(listing(after=one) for one in values.WRONG_CURSORS),
            listing(after=CursorOf("a"), offset=1),
        ],
        "moments": [purge(one) for one in values.WRONG_MOMENTS],
    }
    for name, calls in groups.items():
        actions: Actions = (create("a"), going(progress=5), *calls, get(A), update(A, status), Look())
        yield Scenario(f"wrong {name}", actions)


def _kept() -> Iterator[Scenario]:
    """What every argument takes, and a store gives back as it was."""
    random = Random(1)  # noqa: S311  no secrets
    for name, text in values.texts(random).items():
        one = text if len(text) < _LARGE else "x"
        texts: dict[str, Any] = {**dict.fromkeys(TEXTS, one), "current_step": text}
        made = create("a", video_ids=(one, "v"), webhook_url=one, config={one: [one]})
        end = update(A, TaskStatus.FAILED, label="a", **texts)
        over = restore(TaskOf("a", {"task_id": "copy"}))
        yield Scenario(f"a text: {name}", (made, end, Look(), end, over, get("copy"), listing()), ("MAINT-02",))
    for name, value in values.json_values(random).items():
        is_deep = name.startswith(("98 ", "99 ", "large"))
        made = create("a", config={"x": value} if is_deep else {"x": value, "y": [0, value, {"z": [value]}]})
        over = restore(TaskOf("a", {"task_id": "copy"}))
        actions: Actions = (made, going(progress=5), Look(), over, update("copy", "completed"), listing())
        yield Scenario(f"a config with {name}", actions, ("MAINT-02",))
    for name, video_ids in values.video_ids(random).items():
        yield Scenario(f"video ids: {name}", (create("a", video_ids=video_ids), going(), cancel(A), Look()))
    for name, number in values.progresses(random).items():
        writes = [update(A, TaskStatus(to), progress=number) for to in ("pending", "uploading", "failed")]
        copy = restorable(progress=float(number))
        yield Scenario(f"progress: {name}", (create("a"), *writes, Look(), writes[-1], restore(copy), get("restored")))


def _text(characters: str, size: int, *, in_json: bool) -> str:
    """A text that takes so many bytes, of these characters again and again."""
    each = len((json.dumps(characters, ensure_ascii=False)[1:-1] if in_json else characters).encode())
    return characters * (size // each) + "x" * (size % each)


def _sizes(depth: str) -> Iterator[Scenario]:
    """Tasks of 1 MiB, and of one byte more, in each part and in several together."""
    empty = values.MOST_BYTES - size_of(restorable())

    def requests(part: str, room: int, characters: str) -> dict[str, Any]:
        text = _text(characters, room, in_json=True)
        fields: dict[str, dict[str, Any]] = {
            "config": {"config": {"k": text}},
            "key": {"config": {text: ""}},
            "video_ids": {"video_ids": ("v", text)},
            "webhook_url": {"webhook_url": text},
        }
        return fields[part]

    rooms = {"config": len('{"k":""}') - 4, "key": len('{"":""}') - 4, "video_ids": len(',""'), "webhook_url": -2}
    chosen = [("文", part) for part in ("webhook_url", *TEXTS[::2])] + [
        ('"', part) for part in ("config", *TEXTS[1::2])
    ]
    if depth == "full":
        chosen = [(one, part) for one in ("x", "文", '"', "\x01", "\U0001d11e") for part in (*rooms, *TEXTS)]
    for characters, part in chosen:
        calls = []
        for more in (1, 0):
            if part in rooms:
                calls.append(create("", **requests(part, empty - rooms[part] + more, characters)))
                continue
            text: dict[str, Any] = {part: _text(characters, empty + more, in_json=False)}
            calls.append(update(A, TaskStatus.FAILED if part.startswith("error") else TaskStatus.CLIPPING, **text))
        yield Scenario(f"1 MiB of {characters!a} in {part}", (create("a"), *calls, Look()), ("VAL-06",))
    half = values.MOST_BYTES // 2
    first = create("a", webhook_url="h" * half)
    grown = [going(current_step="s" * size) for size in (half, empty + 2 - half, empty + 3 - half)]
    shrunk = (going(current_step="s"), going(result_url="r" * (half - 200)), going(current_step="s" * 200), get(A))
    yield Scenario("a task grows to 1 MiB", (first, *grown, *shrunk), ("VAL-06",))
    error = update(A, TaskStatus.FAILED, error_message="e" * half, error_traceback="t" * half)
    yield Scenario("two texts of half a MiB", (create("a"), error, get(A)), ("VAL-06",))


def _impossible() -> Iterator[Record]:
    """Tasks that no store could have produced."""
    later = LONG_AGO + DAY
    done: dict[str, Any] = {"status": "cancelled", "updated_at": later}
    yield from (restorable(status=status, progress=100.0) for status in FINAL)
    yield from (restorable(status=status, completed_at=LONG_AGO) for status in ("pending", "uploading"))
    yield restorable(status="completed", progress=99.0, completed_at=LONG_AGO)
    yield restorable(updated_at=LONG_AGO - MICROSECOND)
    yield from (restorable(**done, completed_at=one) for one in (LONG_AGO - MICROSECOND, later + MICROSECOND))
    for name, table in {
        **dict.fromkeys(TEXTS, values.WRONG_TEXTS),
        "task_id": (*values.WRONG_NEW_IDS, None),
        "status": values.WRONG_STATUSES,
        "progress": (*values.WRONG_PROGRESSES, None),
        "video_ids": values.WRONG_VIDEO_IDS,
        "metadata": [canonical(one) for one in values.WRONG_METADATA],
        **dict.fromkeys(("created_at", "updated_at"), values.WRONG_TIMES),
    }.items():
        error: dict[str, Any] = {"status": "failed", "completed_at": LONG_AGO} if name.startswith("error") else {}
        yield from (restorable(**{**error, name: one}) for one in table if not isinstance(one, list | dict))
    yield from (restorable(**{**done, "completed_at": one}) for one in values.WRONG_TIMES)
    yield from (restorable(status=one, error_message="e") for one in ("pending", "clipping"))


def _restored() -> Iterator[Scenario]:
    """Times of restored tasks, and tasks that are refused."""
    actions: Actions = (create("a"), *map(restore, _impossible()), get(A), listing())
    yield Scenario("tasks that no store could have produced", actions, ("MAINT-04",))
    moments = [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2001, 9, 9, 1, 46, 39, 999_999, tzinfo=UTC),
        datetime(2021, 1, 1, tzinfo=UTC),
        datetime(2021, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        datetime(2021, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
        datetime(2021, 1, 1, 5, tzinfo=_JAPAN),
        datetime(1969, 12, 31, 20, tzinfo=timezone(timedelta(hours=-5))),
        datetime(2200, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ]
    for moment in moments:
        times: dict[str, Any] = {"created_at": moment, "updated_at": moment}
        one, other = restorable("one", **times), restorable("two", status="cancelled", completed_at=moment, **times)
        actions = (
            restore(one),
            restore(other),
            get("one"),
            listing(),
            purge(moment),
            get("two"),
            update("one", "completed"),
        )
        yield Scenario(f"restored of {moment}", (*actions, Look()), ("MAINT-02",))
    mixed = [
        restorable(f"t{moment.year % 7}{number}", created_at=moment, updated_at=BEYOND)
        for number, moment in enumerate(moments[:-1])
    ]
    yield Scenario(
        "times are ordered as times",
        (*map(restore, mixed[::2]), *map(restore, mixed[1::2]), listing(), listing(limit=3)),
    )
    for name in ("created_at", "updated_at", "completed_at"):
        zoned: dict[str, Any] = {"completed_at": LONG_AGO, name: LONG_AGO.astimezone(_JAPAN)}
        old = restorable(status="cancelled", **zoned)
        actions = (restore(old), get("restored"), cancel("restored"), listing(), update("restored", "cancelled"))
        yield Scenario(f"restored with {name} in Japan", actions, ("VAL-10",))
    ahead = datetime.now(UTC) + timedelta(hours=3)
    for created in (ahead, LONG_AGO):
        for write in (
            *(update("restored", TaskStatus(one), label="a") for one in ("clipping", *FINAL)),
            cancel("restored", label="a"),
        ):
            actions = (restore(restorable(created_at=created, updated_at=ahead)), write, get(A), Look())
            yield Scenario(f"the clock is behind a task of {created.year}", actions, ("LIFE-17",))


def _purged() -> Iterator[Scenario]:
    """A purge goes by the end of a task, not by its last write, in whatever zone its moment is."""
    times: dict[str, Any] = {"created_at": LONG_AGO, "completed_at": LONG_AGO + DAY, "updated_at": LONG_AGO + 400 * DAY}
    late = restorable("late", status="failed", **times)
    zone = (LONG_AGO + DAY).astimezone(timezone(timedelta(hours=-11)))
    actions = (
        restore(late),
        restore(restorable("old")),
        purge(LONG_AGO + DAY),
        purge(zone),
        purge(zone + MINUTE),
        listing(),
    )
    yield Scenario("a purge goes by the end of a task", actions, ("MAINT-01",))
