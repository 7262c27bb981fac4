"""The plan: every scene of the tour, made from the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import cycle
from random import Random
from typing import Any

from conformance.engine.scene import (
    Action,
    Advance,
    Close,
    Copy,
    Cursor,
    Member,
    Optional,
    Populate,
    Ref,
    Reopen,
    Scene,
    Step,
    Text,
    Tick,
    TimeOf,
    Together,
    Walk,
    cancel,
    create,
    get,
    listing,
    purge,
    restore,
    update,
)
from conformance.harness import Capability
from conformance.spec.model import FINAL, STATUSES, TEXTS, Record, canonical
from conformance.tour import values
from taskstore import MAX_LIMIT, MAX_OFFSET, TaskStatus

DAY = timedelta(days=1)
WEEK = 7 * DAY
MICROSECOND = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
NOT_FINAL = tuple(status for status in STATUSES if status not in FINAL)
EXPIRING = frozenset({Capability.EXPIRING})
SHARED = frozenset({Capability.SHARED})
PERSISTENT = frozenset({Capability.PERSISTENT})
CALLER_IDS = frozenset({Capability.CALLER_IDS})
CURSOR = frozenset({Capability.CURSOR})
LONG_AGO = datetime(2020, 2, 29, 23, 59, 59, 120_000, tzinfo=UTC)
ODD_CONFIG = {"b": [1, 1.0, True, None, "é\x00"], "a": {"": -0.0}}


def plan(seed: int) -> list[Scene]:
    """Every scene, the same classes for every seed."""
    random = Random(seed)
    return [scene for chapter in _CHAPTERS for scene in chapter(random)]


def restorable(task_id: str = "restored", **fields: Any) -> Record:
    """A task as `restore` takes it."""
    record = Record(
        task_id=task_id,
        status="pending",
        progress=0.0,
        current_step="",
        video_ids=("v",),
        result_url=None,
        error_message=None,
        error_traceback=None,
        metadata=canonical({"webhook_url": None, "config": None}),
        created_at=LONG_AGO,
        updated_at=LONG_AGO,
        completed_at=None,
    )
    return replace(record, **fields)


FULL = {
    "progress": 33.25,
    "current_step": "step \x00 文",
    "video_ids": ("b", "a", "b"),
    "result_url": "https://example.com/r",
    "metadata": canonical({"webhook_url": "https://example.com/w", "config": ODD_CONFIG}),
    "updated_at": LONG_AGO + 5 * MINUTE,
}
"""Every field of a restored task that is not final."""


def _ways() -> Iterator[tuple[str, str, tuple[Action, ...], tuple[str, ...]]]:
    """How a task `a` comes to a status: a name, the status, the actions, and the methods that they need."""
    first = create(video_ids=("v1", "v0"), webhook_url="https://example.com", config=ODD_CONFIG)
    yield "created", "pending", (first,), ()
    for status in STATUSES:
        extra: dict[str, Any] = {"result_url": "r", "current_step": "s"}
        if status == "failed":
            extra |= {"error_message": "m", "error_traceback": "t", "progress": 12.5}
        elif status != "completed":
            extra |= {"progress": 40}
        yield f"{status} directly", status, (first, update("a", TaskStatus(status), **extra)), ()
    for status in ("pending", *FINAL):
        through = tuple(update("a", TaskStatus(one), progress=number * 7) for number, one in enumerate(NOT_FINAL[1:]))
        yield f"{status} after all others", status, (first, *through, update("a", TaskStatus(status))), ()
    yield "cancelled by cancel", "cancelled", (first, cancel()), ()
    going = update("a", TaskStatus.UPLOADING, progress=99, current_step="last")
    yield "cancelled on the way", "cancelled", (first, going, cancel()), ()
    yield "failed without words", "failed", (first, update("a", TaskStatus.FAILED)), ()
    yield "completed at 100", "completed", (first, update("a", TaskStatus.COMPLETED, progress=100)), ()
    for status in STATUSES:
        fields = dict(FULL)
        if status == "completed":
            fields["progress"] = 100.0
        if status == "failed":
            fields |= {"error_message": "m", "error_traceback": "t\n"}
        if status in FINAL:
            fields["completed_at"] = LONG_AGO + 2 * MINUTE
        task = restorable(status=status, **fields)
        yield f"{status} restored", status, (restore(task), get(Text("restored")), *_named("restored")), ("restore",)
    for writes in (2, 9, 10, 11, 40):
        steps = (update("a", TaskStatus.CLIPPING, progress=number) for number in range(writes))
        yield f"clipping after {writes} writes", "clipping", (first, *steps), ()


def _named(task_id: str) -> tuple[Action, ...]:
    """Read a task, so that the label `a` stands for it."""
    return (replace(get(Text(task_id)), label="a"),)


def _states(_: Random) -> Iterator[Scene]:
    """Every operation on a task of every status, however it was reached."""
    for name, status, actions, methods in _ways():
        is_final = status in FINAL
        for after in STATUSES:
            steps: list[Action] = [*actions, update("a", TaskStatus(after)), update("a", TaskStatus(after))]
            if after in FINAL:
                steps += [update("a", TaskStatus.PENDING), cancel()]
            else:
                steps += [
                    update("a", TaskStatus(after), progress=77, current_step="t", result_url="u"),
                    get(),
                    cancel(),
                ]
            yield Scene(f"{name}, then {after}", tuple(steps), (f"state {name}", f"to {after}"), methods=methods)
        tails: list[tuple[str, tuple[Action, ...], tuple[str, ...]]] = [
            ("cancelled", (cancel(), cancel(), get()), ()),
            (
                "failed with words",
                (update("a", TaskStatus.FAILED, error_message="e", error_traceback="\n", progress=1),),
                (),
            ),
            (
                "a wrong progress",
                (update("a", TaskStatus(status), progress=101), update("a", TaskStatus.CLIPPING, progress=-1)),
                (),
            ),
            ("an error without failing", (update("a", TaskStatus.CLIPPING, error_message="e"), get()), ()),
            ("completed at 30", (update("a", TaskStatus.COMPLETED, progress=30), get()), ()),
            ("too large", (update("a", TaskStatus.FAILED, error_message="x" * values.MOST_BYTES), get()), ()),
            ("an unknown status", (update("a", "no status"), get()), ()),
            ("restored over", (restore(Copy("a"), about=("ID-05",)), get()), ("restore",)),
            (
                "purged",
                (purge(datetime(2100, 1, 1, tzinfo=UTC)), get(), update("a", TaskStatus.PENDING), cancel()),
                ("purge",),
            ),
            ("repeated", (_repetition(actions), get()), ()),
        ]
        for what, tail, more in tails:
            if what == "repeated" and (
                not is_final or not isinstance(actions[-1], Step) or actions[-1].operation == "get_task"
            ):
                continue
            steps = [*actions, *tail, update("a", TaskStatus.UPLOADING, current_step="after")]
            yield Scene(f"{name}, then {what}", tuple(steps), (f"state {name}", what), methods=(*methods, *more))


def _repetition(actions: tuple[Action, ...]) -> Action:
    last = actions[-1]
    assert isinstance(last, Step)
    return last


def _later(random: Random) -> Iterator[Scene]:
    """The time of every write is later than that of the write before."""
    del random
    for name, status, actions, methods in _ways():
        if status in FINAL:
            continue
        writes = [update("a", TaskStatus(one)) for one in ("llm_pass1", *FINAL)]
        for write in [*writes, update("a", TaskStatus(status), progress=3), cancel()]:
            if len(actions) > 12 or (name.endswith("restored") and write.operation == "cancel_task"):  # noqa: PLR2004
                continue
            yield Scene(
                f"{name}, later", (*actions, Tick(), write), ("a later write",), methods=methods, is_audited=False
            )


def _texts(random: Random) -> Iterator[Scene]:
    """Every text in every place where a text may stand."""
    fields = cycle(TEXTS)
    statuses = cycle(NOT_FINAL)
    for name, text in values.texts(random).items():
        large = len(text) > 2_000  # noqa: PLR2004  a few of those are enough
        about = ("VAL-06",) if len(text) > 900_000 else ("VAL-09",)  # noqa: PLR2004
        yield Scene(
            f"created with the text {name}",
            (
                create(video_ids=("v", text), webhook_url=None if large else text, about=about),
                update("a", TaskStatus.CLIPPING, progress=1),
                *(() if large else (update("a", TaskStatus.FAILED, error_message=text, error_traceback=text),)),
                cancel(),
            ),
            ("video_ids: text " + name, "webhook_url: text " + name),
            about=about,
        )
        yield Scene(
            f"a webhook with the text {name}",
            (
                create(webhook_url=text, about=about),
                update("a", TaskStatus.LLM_PASS1),
                update("a", TaskStatus.COMPLETED),
            ),
            ("webhook_url: text " + name,),
            about=about,
        )
        for field in [next(fields)] if large else TEXTS:
            is_error = field.startswith("error")
            status = "failed" if is_error else next(statuses)
            again: tuple[Action, ...] = (update("a", TaskStatus(status), **{field: text}, about=about),)
            if not is_error:
                again += (
                    update("a", TaskStatus.UPLOADING),
                    update("a", TaskStatus.COMPLETED, **{field: text}),
                    cancel(),
                )
            write = update("a", TaskStatus(status), **{field: text}, about=about)
            yield Scene(
                f"updated with the text {name} in {field}",
                (create(), write, *again),
                (f"{field}: text {name}",),
                about=about,
            )
    for name, wrong in values.WRONG_TEXTS.items():
        for field in TEXTS:
            status = TaskStatus.FAILED if field.startswith("error") else TaskStatus.CLIPPING
            write = update("a", status, progress=5, **{field: wrong})
            yield Scene(f"updated with {name} in {field}", (create(), write, get()), (f"{field}: wrong {name}",))
        steps = (create("", webhook_url=wrong), create(), create("", webhook_url=wrong))
        yield Scene(f"a webhook that is {name}", steps, (f"webhook_url: wrong {name}",))


def _sizes(random: Random) -> Iterator[Scene]:
    """Tasks at and around the largest size, and sizes in between."""
    for what in ("config", "webhook_url", "video_ids"):
        for less in (0, 1, 2, 3, 40, 100_000, random.randrange(200_000)):
            size = values.MOST_BYTES - less

            def fields(length: int, what: str = what) -> dict[str, Any]:
                text = "x" * length
                return {"config": {"k": text}} if what == "config" else {what: (text,) if what == "video_ids" else text}

            overhead = 200
            yield Scene(
                f"{what} of about 1 MiB less {less}",
                (
                    *(create(f"b{more}", **fields(size - more), about=("VAL-06",)) for more in _around(what)),
                    create("c", **fields(size - overhead), about=("VAL-06",)),
                ),
                (f"{what}: large",),
                about=("VAL-06",),
            )
    for status in ("clipping", "failed", "completed"):
        for field in TEXTS if status == "failed" else TEXTS[:2]:
            for length in (*range(values.MOST_BYTES - 60, values.MOST_BYTES + 2, 7), 700_000):
                write = update("a", TaskStatus(status), **{field: "x" * length}, about=("VAL-06",))
                if length % 2 == 0:
                    yield Scene(f"{field} of {length} with {status}", (create(), write, get()), (f"{field}: large",))
    half = "h" * (values.MOST_BYTES // 2)
    grown = (
        create(webhook_url=half),
        update("a", TaskStatus.CLIPPING, current_step=half[:-100]),
        update("a", TaskStatus.CLIPPING, result_url=half, about=("VAL-06",)),
        update("a", TaskStatus.FAILED, error_message=half, about=("VAL-06",)),
        update("a", TaskStatus.CLIPPING, current_step="short", result_url=half[:-200], about=("VAL-06",)),
    )
    yield Scene("grows to 1 MiB", grown, ("grown",), about=("VAL-06",))
    for character in ("\x00", '"', "é", "文", "\U0001d11e"):
        bytes_each = {"\x00": 6, '"': 2, "é": 2, "文": 3, "\U0001d11e": 4}[character]
        count = values.MOST_BYTES // bytes_each
        many = [create(f"b{less}", webhook_url=character * (count - less), about=("VAL-06",)) for less in (0, 9, 60)]
        yield Scene(f"1 MiB of {character!r}", tuple(many), (f"large of {character!r}",), about=("VAL-06",))


def _around(what: str) -> tuple[int, ...]:
    """How much shorter than 1 MiB a text is that just fits, or just does not."""
    fixed = {
        "config": len('["v"]') + len('{"webhook_url":null,"config":{"k":""}}'),
        "webhook_url": len('["v"]') + len('{"webhook_url":"","config":null}'),
        "video_ids": len('[""]') + len('{"webhook_url":null,"config":null}'),
    }[what]
    empty = len('""')
    return fixed + empty, fixed + empty - 1, fixed + empty + 1


def _progresses(random: Random) -> Iterator[Scene]:
    """Every number as progress, with every status in turn."""
    statuses = cycle(NOT_FINAL)
    for name, value in values.progresses(random).items():
        for status in (next(statuses), "failed", "cancelled"):
            steps = (
                create(),
                update("a", TaskStatus(status), progress=value, about=("LIFE-13",)),
                update("a", TaskStatus(status)),
                update("a", TaskStatus(status), progress=value),
                cancel(),
            )
            yield Scene(f"progress {name} with {status}", steps, (f"progress: {name}",))
    for name, wrong in values.WRONG_PROGRESSES.items():
        for status in (next(statuses), next(statuses), *FINAL):
            steps = (
                create(),
                update("a", TaskStatus.CLIPPING, progress=20),
                update("a", TaskStatus(status), progress=wrong, current_step="x"),
                get(),
            )
            yield Scene(f"progress {name} with {status}", steps, (f"progress: wrong {name}",))
    for name, wrong in values.WRONG_STATUSES.items():
        steps = (create(), update("a", wrong, progress=50), get(), listing(status=wrong))
        yield Scene(f"a status that is {name}", steps, (f"status: wrong {name}",))
    for status in STATUSES:
        steps = (create(), update("a", status, progress=100), listing(status=status), get())
        yield Scene(f"the status {status} as a text", steps, ("status: text",))


def _configs(random: Random) -> Iterator[Scene]:
    """Every JSON value at every place of a config."""
    for name, value in values.json_values(random).items():
        about = ("VAL-06",) if name in ("98 levels", "4,300 digits", "large") else ("VAL-01",)
        places: list[tuple[str, Any]] = [("in it", {"x": value})]
        if name not in ("98 levels", "large"):
            places += [("in a list", {"x": [0, value, value]}), ("deep", {"x": [{"y": {"z": [value]}}]})]
        if type(value) is dict:
            places.append(("itself", value))
        for place, config in places:
            steps = (
                create(config=config, about=about),
                update("a", TaskStatus.CLIPPING, progress=5),
                update("a", TaskStatus.COMPLETED),
            )
            yield Scene(f"a config with {name} {place}", steps, (f"config: {name}",), about=about)
    for name, wrong in values.WRONG_JSON.items():
        for place, config in (
            ("in it", {"x": wrong}),
            ("in a list", {"x": [1, wrong]}),
            ("deep", {"a": {"b": [{"c": wrong}]}}),
        ):
            steps = (create("b"), create("", config=config), listing())
            yield Scene(f"a config with {name} {place}", steps, (f"config: wrong {name}",))
    for name, wrong in values.WRONG_CONFIGS.items():
        steps = (create("", config=wrong), create("b"), listing())
        yield Scene(f"a config that is {name}", steps, (f"config: wrong kind {name}",))
    for name, ids in values.video_ids(random).items():
        steps = (
            create(video_ids=ids),
            update("a", TaskStatus.ANALYZING),
            update("a", TaskStatus.FAILED, error_message="e"),
        )
        yield Scene(f"video ids: {name}", steps, (f"video_ids: {name}",))
    for name, wrong in values.WRONG_VIDEO_IDS.items():
        yield Scene(f"video ids: {name}", (create("", video_ids=wrong), create("b")), (f"video_ids: wrong {name}",))
    for wrong in (None, 7, "request", {"video_ids": ("v",)}):
        steps = (Step("create_task", {"request": wrong}), create("b"))
        yield Scene("no request", steps, ("request: wrong",))


def _ids(_: Random) -> Iterator[Scene]:
    """Every text and every wrong type as an id, for each operation that takes one."""

    def asked(task_id: Any) -> tuple[Action, ...]:
        return (
            get(task_id),
            update(task_id, TaskStatus.CLIPPING, progress=5, label=""),
            replace(cancel(task_id), label=""),
            update(task_id, TaskStatus.COMPLETED, label=""),
            get("a"),
        )

    for name, (before, behind) in values.OTHER_IDS.items():
        steps = (create(), *asked(Ref("a", before, behind)))
        yield Scene(f"an id with {name}", steps, (f"task_id: {name}",), about=("ID-03",))
    for name, unknown in values.UNKNOWN_IDS.items():
        steps = (create(), *asked(Text(unknown)), create("b"), get(Text(unknown)))
        yield Scene(f"the unknown id {name}", steps, (f"task_id: unknown {name}",), about=("ID-03",))
        yield Scene(f"the unknown id {name} in an empty store", (get(Text(unknown)), listing()), ("empty store",))
    for name, wrong in values.WRONG_IDS.items():
        steps = (create(), *asked(Text(wrong)))
        yield Scene(f"an id that is {name}", steps, (f"task_id: wrong {name}",))


def _new_ids(_: Random) -> Iterator[Scene]:
    """Ids that callers choose, and the same request again in every state of its task."""
    for name, task_id in values.NEW_IDS.items():
        same = create("b", task_id, about=("ID-07",))
        steps = (
            create("a", task_id, about=("ID-07",)),
            same,
            update("a", TaskStatus.CLIPPING, progress=5),
            same,
            create("", task_id, config={"other": 1}),
            create("c"),
            cancel(),
            same,
            listing(),
        )
        yield Scene(f"the new id {name}", steps, (f"new id: {name}",), CALLER_IDS, about=("ID-07",))
    for name, wrong in values.WRONG_NEW_IDS.items():
        steps = (create("", wrong), create("b"))
        yield Scene(f"a new id that is {name}", steps, (f"new id: wrong {name}",), CALLER_IDS)
    config: dict[str, Any] = {"a": 1, "b": {"x": [0.0, None, "e\u0301"], "y": "文"}}
    same = {"b": {"y": "文", "x": [0.0, None, "e\u0301"]}, "a": 1}
    nested: dict[str, Any] = config["b"]
    others: list[Any] = [
        None,
        {},
        {**config, "a": 1.0},
        {**config, "a": True},
        {**config, "a": "1"},
        {**config, "c": None},
        {"a": 1},
        {**config, "b": {**nested, "x": [-0.0, None, "e\u0301"]}},
        {**config, "b": {**nested, "x": [0, None, "e\u0301"]}},
        {**config, "b": {**nested, "x": [0.0, None, "\u00e9"]}},
        {**config, "b": {**nested, "x": [None, 0.0, "e\u0301"]}},
        {**config, "b": {**nested, "y": "文 "}},
    ]
    requests: list[dict[str, Any]] = [
        *({"config": other} for other in others),
        {"config": config, "webhook_url": "https://other"},
        {"config": config, "webhook_url": ""},
        {"config": config, "video_ids": ("v", "v")},
        {"config": config, "video_ids": ("V",)},
        {"config": config, "video_ids": ("w",)},
        {"config": config, "video_ids": ("",)},
    ]
    for number, other in enumerate(requests):
        steps = (
            create("a", "job-1", config=config),
            create("", "job-1", **other),
            create("b", "job-1", config=same),
            get(),
        )
        yield Scene(f"another request {number} under a taken id", steps, ("another request",), CALLER_IDS)
    order = (create("a", "job-1", video_ids=("a", "b")), create("", "job-1", video_ids=("b", "a")), get())
    yield Scene("the videos in another order under a taken id", order, ("another request",), CALLER_IDS)
    absent = (create("a", "job-1"), create("", "job-1", config={}), create("", "job-1", webhook_url=""), get())
    yield Scene("empty for absent under a taken id", absent, ("another request",), CALLER_IDS)
    for name, status, actions, methods in _ways():
        if not any(isinstance(one, Step) and one.operation == "create_task" for one in actions):
            steps = (*actions, create("", "restored", video_ids=("b", "a", "b")), get())
            yield Scene(f"created anew: {name}", steps, ("created anew",), CALLER_IDS, methods=methods)
            full = {"video_ids": ("b", "a", "b"), "webhook_url": "https://example.com/w", "config": ODD_CONFIG}
            steps = (*actions, create("b", "restored", **full), get())
            yield Scene(f"created again: {name}", steps, ("created again",), CALLER_IDS, methods=methods)
            continue
        first = actions[0]
        assert isinstance(first, Step)
        chosen = replace(first, arguments={**first.arguments, "task_id": "job-1"})
        again = replace(chosen, label="b")
        steps = (chosen, *actions[1:], again, again, get(), create("", "job-1"), get())
        yield Scene(f"created again: {name}", steps, ("created again", status), CALLER_IDS, methods=methods)
    gone = purge(TimeOf("a", plus=MICROSECOND))
    for last in (cancel(), update("a", TaskStatus.COMPLETED), update("a", TaskStatus.FAILED, error_message="e")):
        steps = (
            create("a", "job-1", config=config),
            update("a", TaskStatus.CLIPPING, progress=50, current_step="s", result_url="r"),
            create("c"),
            last,
            gone,
            create("a", "job-1", config={"new": 1}),
            listing(status=TaskStatus.PENDING),
            update("a", TaskStatus.UPLOADING, progress=1),
            cancel(),
        )
        yield Scene("an id is used again after a purge", steps, ("used again",), CALLER_IDS, methods=("purge",))


def _restores(random: Random) -> Iterator[Scene]:
    """Tasks that are carried over, each with every field, and tasks that no store could have made."""
    japan = timezone(timedelta(hours=9))
    for name, status, actions, methods in _ways():
        if methods or len(actions) > 12:  # noqa: PLR2004
            continue
        steps = (
            *actions,
            restore(Copy("a", {"task_id": "copy"})),
            get(Text("copy")),
            restore(Copy("a", {"task_id": "copy"})),
        )
        yield Scene(f"carried over: {name}", steps, (f"restored: {status}",), methods=("restore",))
    for name, text in values.texts(random).items():
        if len(text) > 2_000:  # noqa: PLR2004
            continue
        fields: dict[str, Any] = {
            "status": "failed",
            "completed_at": LONG_AGO,
            "metadata": canonical({"webhook_url": text, "config": {text: text}}),
            **dict.fromkeys(TEXTS, text),
        }
        steps = (restore(restorable(video_ids=(text,), **fields)), get(Text("restored")), listing())
        yield Scene(
            f"restored with the text {name}",
            steps,
            (f"restored text {name}",),
            methods=("restore",),
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
        yield Scene(
            f"restored at {name}", tuple(steps), (f"time: {name}",), methods=("restore", "purge"), about=("MAINT-02",)
        )
    order = sorted(times.values())
    mixed = [restorable(f"t{number}", created_at=time, updated_at=time) for number, time in enumerate(order)]
    random.shuffle(mixed)
    steps = [*map(restore, mixed), Walk(3), Walk(4, by_cursor=False), listing(limit=2, offset=3)]
    yield Scene("times are ordered as times", tuple(steps), ("order of times",), methods=("restore",))
    wrong = _unrestorable()
    for number, (name, record) in enumerate(wrong):
        good = restorable(f"good{number}")
        steps = (restore(good), restore(record), get(Text(f"good{number}")))
        yield Scene(
            f"restored though {name}", steps, (f"unrestorable: {name}",), methods=("restore",), about=("MAINT-04",)
        )
    for not_a_task in (None, 7, "task", {}):
        yield Scene("restored though it is no task", (restore(not_a_task),), ("restore: wrong",), methods=("restore",))
    for name, wrong_moment in values.WRONG_MOMENTS.items():
        steps = (create(), cancel(), purge(wrong_moment), get())
        yield Scene(f"purged before a moment that is {name}", steps, (f"before: {name}",), methods=("purge",))
    ahead = datetime.now(UTC) + timedelta(hours=3)
    future = restorable(created_at=ahead, updated_at=ahead)
    for status in ("clipping", "completed", "cancelled"):
        steps = (
            restore(future),
            update(Text("restored"), TaskStatus(status), label="a"),
            get(),
            purge(TimeOf("a", "updated_at")),
        )
        yield Scene(
            f"the clock is behind a task that becomes {status}",
            steps,
            ("a clock behind",),
            methods=("restore", "purge"),
            about=("LIFE-17",),
        )


def _unrestorable() -> list[tuple[str, Record]]:
    late = LONG_AGO + MINUTE
    early = LONG_AGO - MINUTE
    done = {"status": "completed", "progress": 100.0, "completed_at": LONG_AGO}
    cases: list[tuple[str, dict[str, Any]]] = [
        ("completed at 30", {**done, "progress": 30.0}),
        ("completed without a time", {"status": "completed", "progress": 100.0}),
        ("cancelled without a time", {"status": "cancelled"}),
        ("pending with a completion", {"completed_at": LONG_AGO}),
        ("pending with an error", {"error_message": "e"}),
        ("cancelled with a traceback", {"status": "cancelled", "completed_at": LONG_AGO, "error_traceback": "t"}),
        ("completed before it was created", {**done, "completed_at": early}),
        ("completed after it was updated", {**done, "completed_at": late}),
        ("updated before it was created", {"updated_at": early}),
        ("created before 1970", {"created_at": datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)}),
        (
            "created after 2200",
            {"created_at": datetime(2201, 1, 1, tzinfo=UTC), "updated_at": datetime(2201, 1, 1, tzinfo=UTC)},
        ),
        ("without videos", {"video_ids": ()}),
        ("an id with a blank", {"task_id": "a b"}),
        ("an empty id", {"task_id": ""}),
        ("an id of 257", {"task_id": "x" * 257}),
        ("progress above 100", {"progress": 100.5}),
        ("progress below 0", {"progress": -0.5}),
        ("too large", {"current_step": "x" * values.MOST_BYTES}),
    ]
    return [(name, restorable(**{"task_id": "wrong", **fields})) for name, fields in cases]


STORE_SIZES = (0, 1, 2, 3, 49, 50, 51, 99, 100, 101, 250, 251, 999, 1_000, 1_001)
MIXED = ("pending", "completed", "clipping", "cancelled", "pending", "failed", "uploading")


def _lists(random: Random) -> Iterator[Scene]:
    """Listings of stores of every size: filters, limits, offsets and cursors, and what writes do to them."""
    for size in STORE_SIZES:
        drawn = random.sample(range(size + 1), min(size + 1, 3))
        edges = {0, 1, 49, 50, 51, max(size - 1, 0), size, size + 1, *drawn}
        limits = cycle([0, 1, 2, 50, 51, 100, MAX_LIMIT - 1, MAX_LIMIT, random.randrange(1, MAX_LIMIT)])
        filters: tuple[Any, ...] = (None, *dict.fromkeys(map(TaskStatus, MIXED)), TaskStatus.LLM_PASS2)
        chosen = cycle(filters)
        reads: list[Action] = [listing(), *(listing(status=one) for one in filters)]
        reads += [listing(limit=next(limits), offset=offset, status=next(chosen)) for offset in sorted(edges)]
        reads += [listing(limit=limit, offset=next(iter(drawn), 0)) for limit in (0, 1, 50, MAX_LIMIT)]
        reads += [listing(offset=offset) for offset in (size, size + 1, 10**6, MAX_OFFSET)]
        walks: list[Action] = []
        page = next(one for one in (1_000, 250, 100, 50, 7, 2, 1) if one <= max(size, 1))
        for limit in (max(page - 1, 1), page, *((3, 1) if size < 60 else ())):  # noqa: PLR2004
            walks += [Walk(limit), Walk(limit, "pending"), Walk(limit, "completed")]
        if size > 1:
            walks += [Walk(max(size // 2, size - 999), None)]
        cursors = tuple(replace(walk, by_cursor=True) for walk in walks if isinstance(walk, Walk))
        steps = (Populate(size, MIXED), *reads, *walks, Optional(cursors, CURSOR))
        yield Scene(f"pages of {size} tasks", steps, (f"size {size}",))
        if size:
            end = datetime(2100, 1, 1, tzinfo=UTC)
            gone = (purge(end), listing(), listing(status=TaskStatus.COMPLETED), create("z"), purge(LONG_AGO))
            steps = (
                Populate(size, MIXED),
                *_writes_among(size),
                Optional(tuple(_cursors_among(size)), CURSOR),
                Optional(gone, methods=("purge",)),
            )
            yield Scene(f"writes among {size} tasks", steps, (f"writes among {size}",))
    for name, wrong in values.WRONG_NUMBERS.items():
        for argument in ("limit", "offset"):
            steps = (
                create(),
                listing(**{argument: wrong}),
                listing(**{argument: wrong}, status=TaskStatus.PENDING),
                listing(),
            )
            yield Scene(f"{argument} that is {name}", steps, (f"{argument}: wrong {name}",))
    for argument, most in (("limit", MAX_LIMIT), ("offset", MAX_OFFSET)):
        steps = (create(), listing(**{argument: most}), listing(**{argument: most + 1}), listing(**{argument: 10**30}))
        yield Scene(f"{argument} at its bound", steps, (f"{argument}: bound",))
    for name, wrong in values.WRONG_CURSORS.items():
        steps = (create(), listing(after=wrong), listing(after=wrong, limit=0), listing())
        yield Scene(f"a cursor that is {name}", steps, (f"after: wrong {name}",), CURSOR)
    both = (
        Populate(3),
        listing("p", limit=1),
        listing(after=Cursor("p"), offset=1),
        listing(after=Cursor("p"), offset=0),
    )
    yield Scene("a cursor with an offset", both, ("after: offset",), CURSOR)
    before = (
        create(),
        listing(after="0.x"),
        listing(after="-1.x"),
        listing(after=f"{10**17}.x"),
        listing(after="1.\n"),
    )
    yield Scene("cursors that name no task", before, ("after: no task",), CURSOR)
    names = ["a", "B", "b", "A", "_", "-", "10", "9", "1", "~", "!", "aa", "a1", "Z", "z", ".", "a.b", "e"]
    random.shuffle(names)
    ties = [restorable(name) for name in names]
    steps = (
        *map(restore, ties),
        *(update(Text(one.task_id), TaskStatus.CLIPPING, label="") for one in ties[::3]),
        Walk(1),
        Walk(5),
        Walk(4, "pending"),
        Walk(2, "clipping"),
        listing(limit=6, offset=4),
    )
    yield Scene("tasks of one moment", steps, ("ties",), methods=("restore",))
    cursors = tuple(replace(one, by_cursor=True) for one in steps if isinstance(one, Walk))
    yield Scene(
        "cursors at one moment", (*steps[: len(ties)], *cursors), ("ties by cursor",), CURSOR, methods=("restore",)
    )
    tied = tuple(restore(restorable(f"t{number:04d}")) for number in range(260))
    steps = (*tied, Walk(100), Walk(99))
    yield Scene("260 tasks of one moment", steps, ("many ties",), methods=("restore",), is_audited=False)


def _writes_among(size: int) -> Iterator[Action]:
    """Writes to the newest, the oldest and one in the middle, with listings around them."""
    ends = [listing("p0", limit=1), listing("p1", limit=1, offset=size - 1), listing("p2", limit=1, offset=size // 2)]
    for page in ends:
        yield page
    for number in range(3):
        chosen = Member(f"p{number}", 0)
        yield update(chosen, TaskStatus.LLM_PASS2, progress=5, label="")
        yield update(chosen, TaskStatus.PENDING, label="")
        yield update(chosen, TaskStatus.COMPLETED, label="")
        yield listing(limit=3, offset=max(size // 2 - 1, 0))
        yield listing(limit=2, offset=max(size - 2, 0))
    yield create("z")
    yield listing(limit=1, offset=size)
    yield cancel("z")
    yield listing(status=TaskStatus.CANCELLED)
    yield listing(status=TaskStatus.COMPLETED, offset=1)


def _cursors_among(size: int) -> Iterator[Action]:
    """Pages by cursor, with writes in between, also to the task that the cursor names."""
    limit = max(1, min(size // 3, 400))
    yield listing("p", limit=limit)
    yield create("y")
    yield update(Member("p", -1), TaskStatus.LLM_PASS2, label="")
    yield listing("q", limit=limit, after=Cursor("p"))
    yield listing("r", limit=1, after=Cursor("p"), status=TaskStatus.PENDING)
    yield create("x")
    yield cancel("x")
    yield listing("s", limit=limit, after=Cursor("q"))
    yield listing("t", limit=MAX_LIMIT, after=Cursor("p"))
    yield listing(limit=0, after=Cursor("p"))


def _purges(random: Random) -> Iterator[Scene]:
    """The moment before which a purge removes, to the microsecond, and what it leaves."""
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
                methods=("purge",),
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
        yield Scene(f"after a purge of {status}", after, ("after a purge",), methods=("purge",), about=("ATOM-03",))
        moved = (
            create("a"),
            update("a", TaskStatus(status)),
            update("a", TaskStatus(status)),
            purge(TimeOf("a", "updated_at")),
        )
        yield Scene(f"a purge at the update of {status}", moved, ("purge at an update",), methods=("purge",))
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
        yield Scene(
            f"old tasks of every status, purged after {days} days", steps, ("purge old",), methods=("purge", "restore")
        )
    zone = timezone(timedelta(hours=-11))
    steps = (
        restore(old[0]),
        *map(restore, old[1:]),
        purge((LONG_AGO + 7 * DAY).astimezone(zone)),
        listing(),
        purge((LONG_AGO + 8 * DAY).astimezone(zone)),
    )
    yield Scene("purged before a moment of another zone", steps, ("purge zone",), methods=("purge", "restore"))
    far = (
        create(),
        cancel(),
        purge(datetime.min.replace(tzinfo=UTC)),
        get(),
        purge(datetime.max.replace(tzinfo=UTC)),
        get(),
    )
    yield Scene("purged before the first and the last moment", far, ("purge bounds",), methods=("purge",))
    beyond = (create(), cancel(), purge(datetime.min.replace(tzinfo=timezone(timedelta(hours=5)))), get())
    yield Scene("purged before a moment that is none in UTC", beyond, ("purge beyond",), methods=("purge",))
    late = restorable(
        "late", status="failed", created_at=LONG_AGO, completed_at=LONG_AGO + DAY, updated_at=LONG_AGO + 400 * DAY
    )
    steps = (restore(late), purge(LONG_AGO + DAY), get(Text("late")), purge(LONG_AGO + 2 * DAY), get(Text("late")))
    yield Scene("what counts is the completion", steps, ("purge by completion",), methods=("purge", "restore"))


def _expiries(_: Random) -> Iterator[Scene]:
    """A task's lifetime, to the minute, and which calls renew it."""
    reads: tuple[Action, ...] = (get(), listing(), listing(status=TaskStatus.PENDING))
    gone: tuple[Action, ...] = (
        get(),
        update("a", TaskStatus.CLIPPING),
        cancel(),
        listing(),
        listing(status=TaskStatus.CLIPPING),
    )
    ends: list[tuple[str, tuple[Action, ...]]] = [
        ("created", ()),
        *((f"updated to {status}", (update("a", TaskStatus(status)),)) for status in STATUSES),
        ("cancelled", (cancel(),)),
        ("updated in a field", (update("a", TaskStatus.PENDING, progress=5),)),
        ("updated with nothing new", (update("a", TaskStatus.PENDING),)),
    ]
    for name, renewal in ends:
        steps = [
            create(),
            Advance(6 * DAY),
            *renewal,
            Advance(WEEK - MINUTE if renewal else DAY - MINUTE),
            get(),
            listing(),
        ]
        yield Scene(
            f"{name}: there until its end", tuple(steps), ("before the end",), EXPIRING, about=("EXP-01", "EXP-03")
        )
        steps = [create(), Advance(6 * DAY), *renewal, Advance((WEEK if renewal else DAY) + MINUTE), *gone, create("b")]
        yield Scene(
            f"{name}: gone after its end", tuple(steps), ("after the end",), EXPIRING, about=("EXP-01", "EXP-03")
        )
    idle: list[tuple[str, tuple[Action, ...], tuple[str, ...]]] = [
        ("read", reads, ()),
        ("refused", (update("a", TaskStatus.CLIPPING, progress=-1), update("a", "none")), ()),
        ("listed", (listing(limit=1),), ()),
        ("purged around", (purge(LONG_AGO),), ("purge",)),
        ("restored over", (restore(Copy("a")),), ("restore",)),
        ("another is written", (create("b"), update("b", TaskStatus.CLIPPING)), ()),
    ]
    for name, calls, methods in idle:
        steps = (create(), Advance(6 * DAY), *calls, Advance(DAY + MINUTE), *gone)
        yield Scene(f"{name}: renews nothing", steps, ("renews nothing",), EXPIRING, methods=methods, about=("EXP-01",))
    for status in FINAL:
        repeated = (
            create(),
            update("a", TaskStatus(status)),
            Advance(6 * DAY),
            update("a", TaskStatus(status)),
            update("a", TaskStatus.PENDING),
            Advance(DAY + MINUTE),
            *gone,
        )
        yield Scene(
            f"{status} again renews nothing", repeated, ("renews nothing",), EXPIRING, about=("EXP-01", "LIFE-12")
        )
        steps = (
            create(),
            update("a", TaskStatus(status)),
            Advance(WEEK + MINUTE),
            listing(status=TaskStatus(status)),
            listing(),
            get(),
        )
        yield Scene(f"{status} expires", steps, ("a final task expires",), EXPIRING, about=("EXP-01",))
    restored = restorable(created_at=LONG_AGO, updated_at=LONG_AGO)
    steps = (
        restore(restored),
        Advance(WEEK - MINUTE),
        get(Text("restored")),
        Advance(2 * MINUTE),
        get(Text("restored")),
        listing(),
    )
    yield Scene(
        "a restored task starts anew",
        steps,
        ("restored lifetime",),
        EXPIRING,
        methods=("restore",),
        about=("MAINT-02", "EXP-01"),
    )
    done = restorable(status="completed", progress=100.0, completed_at=LONG_AGO)
    steps = (
        restore(done),
        Advance(WEEK - MINUTE),
        get(Text("restored")),
        Advance(2 * MINUTE),
        restore(done),
        get(Text("restored")),
        purge(LONG_AGO + MINUTE),
    )
    yield Scene(
        "restored again after its end",
        steps,
        ("restored again",),
        EXPIRING,
        methods=("restore", "purge"),
        about=("MAINT-02", "EXP-01"),
    )
    again = (
        create("a", "job-1"),
        Advance(4 * DAY),
        create("b", "job-1"),
        Advance(4 * DAY),
        get(),
        create("a", "job-1", config={}),
        get(),
        listing(),
    )
    yield Scene(
        "creating again renews nothing", again, ("renews nothing",), EXPIRING | CALLER_IDS, about=("ID-06", "EXP-01")
    )
    for last in (cancel(), update("a", TaskStatus.COMPLETED), update("a", TaskStatus.CLIPPING, progress=9)):
        steps = (
            create("a", "job-1"),
            last,
            Advance(WEEK + MINUTE),
            create("a", "job-1", config={"n": 1}),
            listing(),
            listing(status=TaskStatus.CLIPPING),
            update("a", TaskStatus.FAILED, error_message="e"),
            listing(status=TaskStatus.COMPLETED),
            Advance(WEEK - MINUTE),
            get(),
        )
        yield Scene(
            "an id is used again after its end",
            steps,
            ("used again after expiry",),
            EXPIRING | CALLER_IDS,
            about=("ID-06",),
        )
    for size in (2, 101, 250, 251, 1_001):
        steps = (
            Populate(size, MIXED),
            Advance(4 * DAY),
            create("n"),
            Advance(3 * DAY + MINUTE),
            listing(),
            listing(status=TaskStatus.COMPLETED),
            Walk(50),
            get("n"),
            update("n", TaskStatus.CLIPPING),
            listing(limit=0),
        )
        yield Scene(f"{size} tasks expire", steps, (f"expire {size}",), EXPIRING, about=("EXP-01",))
        writes = (
            Populate(size, MIXED),
            Advance(WEEK + MINUTE),
            create("n"),
            cancel("n"),
            listing(status=TaskStatus.CANCELLED),
            purge(datetime(2100, 1, 1, tzinfo=UTC)),
            listing(),
        )
        yield Scene(
            f"a purge after {size} tasks expired",
            writes,
            (f"expired and purged {size}",),
            EXPIRING,
            methods=("purge",),
            about=("EXP-01",),
        )
    parts = (
        Populate(60, MIXED),
        listing("p", limit=20),
        Advance(6 * DAY),
        update(Member("p", 0), TaskStatus.PENDING, label=""),
        update(Member("p", -1), TaskStatus.PENDING, label=""),
        Advance(DAY + MINUTE),
        listing(),
        listing(status=TaskStatus.PENDING),
        Walk(1),
    )
    yield Scene("some of many expire", parts, ("some expire",), EXPIRING, about=("EXP-01", "EXP-03"))
    chain: list[Action] = [create()]
    for number in range(12):
        chain += [Advance(6 * DAY), update("a", TaskStatus.CLIPPING, progress=number), get()]
    yield Scene("renewed twelve times", tuple(chain), ("many renewals",), EXPIRING, about=("EXP-03",))
    stay = frozenset({Capability.EXPIRING})
    for days in (1, 8, 40, 400):
        steps = (
            create(),
            update("a", TaskStatus.CLIPPING),
            create("b"),
            cancel("b"),
            Advance(days * DAY),
            get(),
            get("b"),
            listing(),
            update("a", TaskStatus.COMPLETED),
            listing(),
        )
        yield Scene(f"nothing goes by itself in {days} days", steps, ("stays",), lacks=stay, about=("EXP-05",))


def _places(random: Random) -> Iterator[Scene]:
    """Two instances, reopened and closed ones."""
    del random
    kinds = [(name, actions, methods) for name, _, actions, methods in _ways() if len(actions) < 12]  # noqa: PLR2004
    for name, actions, methods in kinds:
        moved = tuple(
            replace(one, on=number % 2) if isinstance(one, Step) else one for number, one in enumerate(actions)
        )
        tail = (
            update("a", TaskStatus.CLIPPING, on=1, progress=8),
            cancel("a", on=0),
            get("a", on=1),
            create("z", on=1),
        )
        yield Scene(
            f"on two instances: {name}", (*moved, *tail), ("second instance",), SHARED, methods=methods, instances=2
        )
        tail = (
            Reopen(),
            get(),
            listing(),
            update("a", TaskStatus.UPLOADING, progress=3),
            cancel(),
            Reopen(),
            get(),
            create("b"),
            listing(),
        )
        yield Scene(
            f"reopened: {name}", (*actions, *tail), ("reopened",), PERSISTENT, methods=methods, about=("DUR-01",)
        )
    for size in (60, 251):
        steps = (
            Populate(size, MIXED),
            Reopen(),
            listing(),
            Walk(50),
            listing(status=TaskStatus.CLIPPING),
            create("n"),
            listing(limit=3),
        )
        yield Scene(f"{size} tasks, reopened", steps, ("many reopened",), PERSISTENT, about=("DUR-01",))
    steps = (create(), create("b"), cancel("b"), Reopen(), get(), get("b"), listing(), create("c"), listing())
    yield Scene("reopened without a memory", steps, ("reopened",), lacks=PERSISTENT, about=("DUR-03",))
    apart = (
        create(on=0),
        listing(on=1),
        create("b", on=1),
        cancel("b", on=1),
        get("a", on=1),
        get("b", on=0),
        update("a", TaskStatus.CLIPPING, on=0),
        listing(on=1),
        update("a", TaskStatus.CLIPPING, on=1),
    )
    yield Scene(
        "two instances know nothing of each other",
        apart,
        ("second instance",),
        lacks=SHARED,
        instances=2,
        about=("SHARE-02",),
    )
    turns: list[Action] = [create()]
    for number in range(12):
        on = number % 2
        turns += [update("a", TaskStatus(NOT_FINAL[number % 6]), on=on, current_step=str(number)), get("a", on=1 - on)]
    yield Scene("two instances take turns", tuple(turns), ("turns",), SHARED, instances=2, about=("SHARE-01",))
    both = (
        create("a", "job-1"),
        create("b", "job-1", on=1),
        update("a", TaskStatus.CLIPPING, on=1),
        create("b", "job-1", on=0),
        create("", "job-1", on=1, config={}),
    )
    yield Scene("created again on the other instance", both, ("turns",), SHARED | CALLER_IDS, instances=2)
    swept = (
        create(),
        cancel(),
        create("b", on=1),
        purge(TimeOf("a", plus=MICROSECOND), on=1),
        get("a", on=0),
        update("a", TaskStatus.CLIPPING, on=0),
        listing(on=0),
    )
    yield Scene(
        "purged on the other instance", swept, ("turns",), SHARED, methods=("purge",), instances=2, about=("SHARE-01",)
    )
    over = (
        create(),
        restore(restorable(), on=1),
        get(Text("restored"), on=0),
        restore(restorable(), on=0),
        Reopen(1),
        get("a", on=1),
    )
    yield Scene("restored on the other instance", over, ("turns",), SHARED, methods=("restore",), instances=2)
    ended = (
        create(on=0),
        create("b", on=1),
        Close(0),
        get("a", on=1),
        listing(on=1),
        update("a", TaskStatus.CLIPPING, on=1),
    )
    yield Scene("one of two instances is closed", ended, ("closed",), SHARED, instances=2)
    every: list[Action] = [
        create("z"),
        get(),
        update("a", TaskStatus.CLIPPING),
        cancel(),
        listing(),
        purge(LONG_AGO),
        restore(restorable()),
    ]
    for action in every:
        assert isinstance(action, Step)
        methods = (action.operation,)
        yield Scene(
            f"{action.operation} after closing", (create(), Close(), action, action), ("closed",), methods=methods
        )


def _races(_: Random) -> Iterator[Scene]:
    """Calls at the same time: some order explains them all."""
    done = update("a", TaskStatus.COMPLETED, label="")
    stop = replace(cancel("a"), label="")
    end = ("ATOM-02",)

    def about(numbers: tuple[str, ...], *steps: Step) -> tuple[Step, ...]:
        return tuple(replace(one, about=numbers) for one in steps)

    for on in (0, 1):
        where = {"needs": SHARED, "instances": 2} if on else {}
        kind = f"race on {on + 1} instances"
        for number in range(6):
            pair = about(end, done, replace(stop, on=on))
            race = Together(pair if number % 2 else pair[::-1])
            yield Scene("a cancel and a completion race", (create(), race, get(), listing()), (kind,), **where)  # type: ignore[arg-type]
            other = about(
                end,
                update("a", TaskStatus.FAILED, error_message="e", label=""),
                replace(stop, on=on),
                replace(done, on=on),
            )
            yield Scene("three ends race", (create(), Together(other), get()), (kind,), **where)  # type: ignore[arg-type]
            fields = about(
                ("ATOM-01",),
                update("a", TaskStatus.CLIPPING, progress=number, label=""),
                update("a", TaskStatus.CLIPPING, on=on, current_step="s", label=""),
                update("a", TaskStatus.CLIPPING, result_url="r", label=""),
            )
            yield Scene("updates of several fields race", (create(), Together(fields), get()), (kind,), **where)  # type: ignore[arg-type]
            last = about(
                ("ATOM-01", "ATOM-02"), update("a", TaskStatus.UPLOADING, on=on, progress=number, label=""), stop, get()
            )
            yield Scene("an update and a cancel race", (create(), Together(last), get()), (kind,), **where)  # type: ignore[arg-type]
            numbers = about(("ATOM-01",), *(create(f"n{n}", on=n % 2 * on, video_ids=(str(n),)) for n in range(5)))
            yield Scene("creations race", (create(), Together(numbers), listing()), (kind,), **where)  # type: ignore[arg-type]
        needs = {"needs": (SHARED if on else frozenset()) | CALLER_IDS, "instances": on + 1}
        for _number in range(4):
            twice = about(
                ("ID-06", "ATOM-01"),
                create("", "job-1", on=on),
                create("", "job-1"),
                create("", "job-1", on=on, config={}),
            )
            yield Scene("creations under one id race", (Together(twice), listing()), (kind,), **needs)  # type: ignore[arg-type]
            over = about(
                ("ID-05", "ATOM-01"),
                restore(restorable(progress=1.0), on=on),
                restore(restorable(progress=2.0)),
                restore(restorable(progress=3.0), on=on),
            )
            yield Scene(
                "restores under one id race", (Together(over), listing()), (kind,), methods=("restore",), **where
            )  # type: ignore[arg-type]
            gone = about(
                ("ATOM-03", "MAINT-01"),
                purge(TimeOf("a", plus=MICROSECOND), on=on),
                update("b", TaskStatus.CLIPPING, label=""),
                replace(cancel("a"), label=""),
            )
            yield Scene(
                "a purge and writes race",
                (create("b"), create(), cancel(), Together(gone), get(), listing()),
                (kind,),
                methods=("purge",),
                **where,
            )  # type: ignore[arg-type]
    many = tuple(update("a", TaskStatus.CLIPPING, progress=n, label="", about=("ATOM-06",)) for n in range(6))
    yield Scene("many updates", (create(), Together(many), get()), ("many calls",))
    for lost in range(1, 4):
        steps = (
            update("a", TaskStatus.CLIPPING, progress=1, label="", about=("ATOM-06",)),
            update("a", TaskStatus.UPLOADING, current_step="s", label="", about=("ATOM-06",)),
            update("a", TaskStatus.UPLOADING, progress=3, label="", about=("ATOM-06",)),
        )
        yield Scene(
            f"{lost} of 3 calls are cancelled",
            (create(), Together(steps, lost), get(), update("a", TaskStatus.ANALYZING), get()),
            ("cancelled calls",),
        )
    chosen = (create("", "job-1", about=("ATOM-06",)), create("", "job-2", about=("ATOM-06",)))
    yield Scene(
        "a creation is cancelled",
        (create(), Together(chosen, 1), get(), create("", "job-2"), listing()),
        ("cancelled calls",),
        CALLER_IDS,
    )
    ended = (replace(cancel("a"), label="", about=("ATOM-06",)), get("b", about=("ATOM-06",)))
    yield Scene(
        "a read is cancelled",
        (create("b"), create(), Together(ended, 1), get(), cancel(), listing()),
        ("cancelled calls",),
    )


def _many(_: Random) -> Iterator[Scene]:
    """A store of 10,001 tasks, and a task of a thousand writes."""
    size = 10_001
    reads: tuple[Action, ...] = (
        listing(),
        listing(offset=10_000),
        listing(offset=9_951),
        listing(limit=MAX_LIMIT, offset=9_500),
        listing(status=TaskStatus.FAILED, limit=3, offset=1_000),
        listing(status=TaskStatus.LLM_PASS2),
        Walk(1_000),
        Walk(500, "clipping"),
        *_writes_among(size),
    )
    yield Scene(f"pages of {size} tasks", (Populate(size, MIXED), *reads), (f"size {size}",), about=("COST-04",))
    writes = tuple(
        update("a", TaskStatus(NOT_FINAL[n % 6]), progress=n / 10, current_step=str(n)) for n in range(1_000)
    )
    yield Scene(
        "a thousand writes", (create(), *writes, get(), cancel(), get(), listing()), ("many writes",), is_audited=False
    )


_CHAPTERS: tuple[Callable[[Random], Iterator[Scene]], ...] = (
    _states,
    _later,
    _texts,
    _sizes,
    _progresses,
    _configs,
    _ids,
    _new_ids,
    _restores,
    _lists,
    _purges,
    _expiries,
    _places,
    _races,
    _many,
)
