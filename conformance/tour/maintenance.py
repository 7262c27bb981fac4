"""What is restored and what is purged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

from conformance.engine.scene import (
    Action,
    Copy,
    Scene,
    Text,
    TimeOf,
    Walk,
    cancel,
    create,
    get,
    listing,
    needs_of,
    purge,
    restore,
    update,
)
from conformance.spec.model import FINAL, STATUSES, TEXTS, canonical
from conformance.tour import values
from conformance.tour.rich import edged
from conformance.tour.tasks import (
    DAY,
    LONG_AGO,
    MICROSECOND,
    restorable,
    ways,
)
from taskstore import TaskStatus


def restores(random: Random) -> Iterator[Scene]:
    """Tasks that are carried over, each with every field."""
    steps: Sequence[Action]
    japan = timezone(timedelta(hours=9))
    for name, status, actions in ways():
        if needs_of(actions) or len(actions) > 12:  # noqa: PLR2004
            continue
        steps = (
            *actions,
            restore(Copy("a", {"task_id": "copy"})),
            get(Text("copy")),
            restore(Copy("a", {"task_id": "copy"})),
        )
        yield Scene(f"carried over: {name}", steps, (f"restored: {status}",))
    for name, text in values.texts(random).items():
        if len(text) > 2_000:  # noqa: PLR2004
            continue
        fields: dict[str, Any] = {
            "status": "failed",
            "completed_at": LONG_AGO,
            "metadata": canonical({"webhook_url": text, "config": {text: text}}),
            **dict.fromkeys(TEXTS, text),
        }
        again: dict[str, Any] = {"progress": 0.0, **dict.fromkeys(TEXTS, text)}
        repeated = update(Text("restored"), TaskStatus.FAILED, label="", about=("LIFE-10",), **again)
        steps = (restore(restorable(video_ids=(text,), **fields)), get(Text("restored")), listing(), repeated)
        yield Scene(
            f"restored with the text {name}",
            steps,
            (f"restored text {name}",),
            about=("MAINT-02",),
        )
    times = {
        "the first": datetime(1970, 1, 1, tzinfo=UTC),
        "before 2001": datetime(2001, 9, 9, 1, 46, 39, 999_999, tzinfo=UTC),
        "no fraction": datetime(2021, 1, 1, tzinfo=UTC),
        "a tenth": datetime(2021, 1, 1, 0, 0, 0, 100_000, tzinfo=UTC),
        "a microsecond": datetime(2021, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        "before midnight": datetime(2021, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        "beyond 32 bits": datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
        "the last": datetime(2200, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        "in Japan": datetime(2021, 1, 1, 5, tzinfo=japan),
        "in 1970, and before it in New York": datetime(1969, 12, 31, 20, tzinfo=timezone(timedelta(hours=-5))),
        "in Nepal": datetime(2021, 1, 1, 5, tzinfo=timezone(timedelta(hours=-5, minutes=-45))),
    }
    for name, time in times.items():
        one = restorable("one", created_at=time, updated_at=time)
        late = "the last" in name
        other = restorable("two", status="cancelled", created_at=time, updated_at=time, completed_at=time)
        steps = [
            restore(one),
            restore(other),
            get(Text("one")),
            get(Text("two")),
            listing(),
            purge(time),
            get(Text("two")),
        ]
        if not late:
            steps += [purge(time + MICROSECOND), update(Text("one"), TaskStatus.COMPLETED, label="a")]
        yield Scene(f"restored at {name}", tuple(steps), (f"time: {name}",), about=("MAINT-02",))
    order = sorted(times.values())
    mixed = [restorable(f"t{number}", created_at=time, updated_at=time) for number, time in enumerate(order)]
    random.shuffle(mixed)
    steps = [*map(restore, mixed), Walk(3), Walk(4, by_cursor=False), listing(limit=2, offset=3)]
    yield Scene("times are ordered as times", tuple(steps), ("order of times",))
    for name, wrong_moment in values.WRONG_MOMENTS.items():
        steps = (create(), cancel(), purge(wrong_moment), get())
        yield Scene(f"purged before a moment that is {name}", steps, (f"before: {name}",))
    ahead = datetime.now(UTC) + timedelta(hours=3)
    for created in (ahead, LONG_AGO):
        future = restorable(created_at=created, updated_at=ahead)
        for status in ("clipping", *FINAL):
            write = cancel(Text("restored")) if status == "cancelled" else update(Text("restored"), TaskStatus(status))
            last = replace(write, label="a")
            name = f"the clock is behind a task of {created.year} that becomes {status}"
            steps = (restore(future), last, get(), purge(TimeOf("a", "updated_at")))
            yield Scene(name, steps, ("a clock behind",), about=("LIFE-17",))


def zones(_: Random) -> Iterator[Scene]:
    """Restored tasks of which some times are of another zone: what comes back is in UTC, whatever is called."""
    there = LONG_AGO.astimezone(timezone(timedelta(hours=9)))
    one = Text("restored")
    for names in (("created_at",), ("updated_at",), ("completed_at",), ("created_at", "updated_at")):
        is_final = "completed_at" in names
        times: dict[str, Any] = {"completed_at": LONG_AGO if is_final else None, **dict.fromkeys(names, there)}
        for status in FINAL if is_final else ("clipping", "failed"):
            times |= {"completed_at": times["completed_at"] or LONG_AGO} if status in FINAL else {}
            old = restorable(status=status, progress=100.0 if status == "completed" else 7.0, **times)
            writes = (update(one, TaskStatus(status), label=""), replace(cancel(one), label=""))
            steps = (create(), restore(old), get(one), listing(), *writes, get(one), listing(limit=1, offset=1))
            words = " and ".join(names)
            yield Scene(f"{status}, restored with {words} in Japan", steps, ("a zone",), about=("VAL-10",))


_LARGE = ("webhook_url", "config", "video_ids", *TEXTS)


def _large(name: str, text: str) -> dict[str, Any]:
    """The fields of a task that is large in one of them."""
    if name in ("webhook_url", "config"):
        value = {"webhook_url": text} if name == "webhook_url" else {"config": {"k": text}}
        return {"metadata": canonical({"webhook_url": None, "config": None, **value})}
    failed = {"status": "failed", "completed_at": LONG_AGO} if name.startswith("error") else {}
    return {name: (text,) if name == "video_ids" else text, **failed}


def restored_values(random: Random) -> Iterator[Scene]:
    """Every value that a creation or an update takes, in a task that is restored, and restores over a task."""
    steps: Sequence[Action]
    fields: list[tuple[str, dict[str, Any]]] = [
        *(
            (f"a config with {name}", {"metadata": canonical({"webhook_url": None, "config": {"x": value}})})
            for name, value in values.json_values(random).items()
        ),
        *((f"the progress {name}", {"progress": float(one)}) for name, one in values.progresses(random).items()),
        *((f"the video ids {name}", {"video_ids": one}) for name, one in values.video_ids(random).items()),
        *((f"the id {name}", {"task_id": one}) for name, one in values.NEW_IDS.items()),
        ("a whole number as progress", {"progress": 50}),
        ("no config", {"metadata": canonical({"webhook_url": "u", "config": None})}),
        ("an empty config", {"metadata": canonical({"webhook_url": None, "config": {}})}),
        *((f"a large {name}", _large(name, edged(random.randrange(100_000, 1_000_000)))) for name in _LARGE),
    ]
    for name, given in fields:
        task = restorable(**{"task_id": "restored", **given})
        one = Text(str(task.task_id))
        end = (replace(cancel(one), label=""), get(one))
        steps = (
            restore(task, about=("MAINT-02",)),
            get(one),
            update(one, TaskStatus.CLIPPING, label=""),
            *end,
            listing(),
        )
        yield Scene(f"restored with {name}", steps, (f"restored: {name}",), about=("MAINT-02",))
    later = datetime(2150, 1, 1, tzinfo=UTC)
    copies: list[tuple[str, dict[str, Any]]] = [
        ("as it was", {}),
        ("with another step", {"current_step": "other"}),
        ("that is newer", {"updated_at": later, "completed_at": None}),
        ("that was created later", {"created_at": later, "updated_at": later, "completed_at": None}),
        ("that was created earlier", {"created_at": LONG_AGO, "updated_at": LONG_AGO, "completed_at": None}),
        ("that is cancelled", {"status": "cancelled", "updated_at": later, "completed_at": later}),
        ("of another request", {"video_ids": ("other",)}),
    ]
    for status in ("pending", "clipping", *FINAL):
        for name, changed in copies:
            is_final = changed.get("status", status) in FINAL
            given = {"completed_at": later, **changed} if is_final and "updated_at" in changed else dict(changed)
            if is_final and given.get("completed_at", later) is None:
                given["completed_at"] = given["updated_at"]
            steps = (
                create(),
                update("a", TaskStatus(status), progress=100 if status == "completed" else 7),
                restore(Copy("a", given), about=("MAINT-02",)),
                get(),
                update("a", TaskStatus(status), label=""),
            )
            classes = (f"restored over {status}", f"restored over {name}")
            yield Scene(f"restored over a {status} task {name}", steps, classes, about=("MAINT-02",))


def purges(random: Random) -> Iterator[Scene]:
    """The moment before which a purge removes, to the microsecond, and what it leaves."""
    steps: Sequence[Action]
    for status in FINAL:
        first = (
            create("a"),
            create("b"),
            create("c"),
            update("a", TaskStatus(status)),
            update("b", TaskStatus(status)),
        )
        for name, plus, gone in (
            ("just before", -MICROSECOND, 0),
            ("at", timedelta(0), 0),
            ("just after", MICROSECOND, 1),
        ):
            steps = (*first, purge(TimeOf("a", plus=plus)), get("a"), get("b"), get("c"), purge(TimeOf("a", plus=plus)))
            yield Scene(
                f"a purge {name} a completion: {status}",
                steps,
                (f"purge {name}", f"removes {gone}"),
                about=("MAINT-01",),
            )
        after = (
            *first,
            purge(TimeOf("b", plus=MICROSECOND)),
            update("a", TaskStatus.CLIPPING, label=""),
            replace(cancel("b"), label=""),
            update("a", TaskStatus(status), label=""),
            create("d"),
            listing(status=TaskStatus(status)),
        )
        yield Scene(f"after a purge of {status}", after, ("after a purge",), about=("ATOM-01",))
        moved = (
            create("a"),
            update("a", TaskStatus(status)),
            update("a", TaskStatus(status)),
            purge(TimeOf("a", "updated_at")),
        )
        yield Scene(f"a purge at the update of {status}", moved, ("purge at an update",))
    old = [
        restorable(
            f"o{number}",
            status=status,
            progress=100.0 if status == "completed" else 4.0,
            completed_at=LONG_AGO + number * DAY if status in FINAL else None,
            updated_at=LONG_AGO + number * DAY,
        )
        for number, status in enumerate(STATUSES)
    ]
    random.shuffle(old)
    for days in (0, 6, 7, 8, 9):
        steps = (
            *map(restore, old),
            create("n"),
            cancel("n"),
            purge(LONG_AGO + days * DAY + MICROSECOND),
            listing(),
            purge(LONG_AGO),
        )
        yield Scene(f"old tasks of every status, purged after {days} days", steps, ("purge old",))
    zone = timezone(timedelta(hours=-11))
    steps = (
        restore(old[0]),
        *map(restore, old[1:]),
        purge((LONG_AGO + 7 * DAY).astimezone(zone)),
        listing(),
        purge((LONG_AGO + 8 * DAY).astimezone(zone)),
    )
    yield Scene("purged before a moment of another zone", steps, ("purge zone",))
    far = (
        create(),
        cancel(),
        purge(datetime.min.replace(tzinfo=UTC)),
        get(),
        purge(datetime.max.replace(tzinfo=UTC)),
        get(),
    )
    yield Scene("purged before the first and the last moment", far, ("purge bounds",))
    beyond = (create(), cancel(), purge(datetime.min.replace(tzinfo=timezone(timedelta(hours=5)))), get())
    yield Scene("purged before a moment that is none in UTC", beyond, ("purge beyond",))
    late = restorable(
        "late", status="failed", created_at=LONG_AGO, completed_at=LONG_AGO + DAY, updated_at=LONG_AGO + 400 * DAY
    )
    steps = (restore(late), purge(LONG_AGO + DAY), get(Text("late")), purge(LONG_AGO + 2 * DAY), get(Text("late")))
    yield Scene("what counts is the completion", steps, ("purge by completion",))
