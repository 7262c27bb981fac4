"""What a task may hold: every kind of text, number and JSON, and what has to be refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle
from random import Random
from typing import Any

from conformance.engine.scene import (
    Action,
    Known,
    Scene,
    Step,
    cancel,
    create,
    get,
    listing,
    update,
)
from conformance.spec.model import FINAL, STATUSES, TEXTS
from conformance.tour import values
from conformance.tour.rich import edged
from conformance.tour.tasks import (
    NOT_FINAL,
)
from taskstore import TaskStatus


def texts(random: Random) -> Iterator[Scene]:
    """Every text in every place where a text may stand."""
    steps: Sequence[Action]
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
            given: dict[str, Any] = {field: text}
            write = update("a", TaskStatus(status), about=about, **given)
            last = update("a", TaskStatus.COMPLETED, **given)
            more = () if is_error else (update("a", TaskStatus.UPLOADING), last, cancel())
            yield Scene(
                f"updated with the text {name} in {field}",
                (create(), write, write, *more),
                (f"{field}: text {name}",),
                about=about,
            )
    for name, wrong in values.WRONG_TEXTS.items():
        for field in TEXTS:
            to = TaskStatus.FAILED if field.startswith("error") else TaskStatus.CLIPPING
            write = update("a", to, **{"progress": 5, field: wrong})
            yield Scene(f"updated with {name} in {field}", (create(), write, get()), (f"{field}: wrong {name}",))
        steps = (create("", webhook_url=wrong), create(), create("", webhook_url=wrong))
        yield Scene(f"a webhook that is {name}", steps, (f"webhook_url: wrong {name}",))


def sizes(random: Random) -> Iterator[Scene]:
    """Tasks that just fit into 1 MiB, that just do not, and that are a good deal smaller."""
    for what in ("config", "webhook_url", "video_ids"):
        fits = values.MOST_BYTES - _RESTS[what]
        for number, length in enumerate((fits - 1, fits, fits + 1, fits + 200, random.randrange(500_000, fits))):
            text = edged(length)
            fields: dict[str, Any] = {"config": {"k": text}, "webhook_url": text, "video_ids": (text,)}
            steps = (create(about=("VAL-06",), **{what: fields[what]}), update("a", TaskStatus.CLIPPING), listing())
            yield Scene(f"{what} of {length}, {number}", steps, (f"{what}: large {number}",), about=("VAL-06",))
    for status in ("clipping", "failed", "completed"):
        for field in TEXTS if status == "failed" else TEXTS[:2]:
            fits = values.MOST_BYTES - _RESTS[field]
            for number, length in enumerate((fits, fits + 1, fits + 100, random.randrange(60_000, fits))):
                given: dict[str, Any] = {field: edged(length)}
                write = update("a", TaskStatus(status), about=("VAL-06",), **given)
                writes = (write, write, *(() if status in FINAL else (write,) * (number * 3)), cancel())
                classes = (f"{field}: large {number}", f"large with {status}")
                yield Scene(f"{field} of {length} with {status}", (create(), Known(writes), get(), listing()), classes)
    half = "h" * (values.MOST_BYTES // 2)
    grown = (
        create(webhook_url=half),
        update("a", TaskStatus.CLIPPING, current_step=half[:-100]),
        update("a", TaskStatus.CLIPPING, result_url=half, about=("VAL-06",)),
        update("a", TaskStatus.FAILED, error_message=half, about=("VAL-06",)),
        update("a", TaskStatus.CLIPPING, current_step="short", result_url=half[:-200], about=("VAL-06",)),
    )
    yield Scene("grows to 1 MiB", grown, ("grown",), about=("VAL-06",))
    for character, bytes_each in (
        ("\x00", 6),
        ("\x1f", 6),
        ('"', 2),
        ("\\", 2),
        ("\n", 2),
        ("é", 2),
        ("文", 3),
        ("\U0001d11e", 4),
    ):
        count = (values.MOST_BYTES - _RESTS["webhook_url"]) // bytes_each
        created = [create(webhook_url=character * (count + more), about=("VAL-06",)) for more in (0, 1)]
        count = (values.MOST_BYTES - _RESTS["current_step"]) // bytes_each
        texts = (character * (count + more) for more in (1, 0))
        updated = (update("a", TaskStatus.CLIPPING, current_step=text, about=("VAL-06",)) for text in texts)
        yield Scene(
            f"1 MiB of {character!r}", (*created, create(), *updated), (f"large of {character!r}",), about=("VAL-06",)
        )


_METADATA, _VIDEOS = len('{"webhook_url":null,"config":null}'), len('["v"]')
_NULL, _QUOTES = len("null"), len('""')
_RESTS = {
    "config": _VIDEOS + len('{"webhook_url":null,"config":{"k":""}}'),
    "webhook_url": _VIDEOS + len('{"webhook_url":"","config":null}'),
    "video_ids": len('[""]') + _METADATA,
    "current_step": _QUOTES + 3 * _NULL + _VIDEOS + _METADATA,
    **dict.fromkeys(TEXTS[1:], 2 * _QUOTES + 2 * _NULL + _VIDEOS + _METADATA),
}
"""How many bytes a task takes besides the characters of a text in that field, and of `null` and "" in the others."""


def progresses(random: Random) -> Iterator[Scene]:
    """Every number as progress, with every status in turn."""
    steps: Sequence[Action]
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


def configs(random: Random) -> Iterator[Scene]:
    """Every JSON value at every place of a config."""
    steps: Sequence[Action]
    for name, value in values.json_values(random).items():
        about = (
            ("VAL-06",) if name in ("98 levels", "4,300 digits", "4,300 digits and a sign", "large") else ("VAL-01",)
        )
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
    for name, ids in values.video_ids(random).items():
        steps = (
            create(video_ids=ids),
            update("a", TaskStatus.ANALYZING),
            update("a", TaskStatus.FAILED, error_message="e"),
        )
        yield Scene(f"video ids: {name}", steps, (f"video_ids: {name}",))


def alike(_: Random) -> Iterator[Scene]:
    """Tasks beside each other that hold what is nearly the same, in both orders, and updates that change no more."""
    for words, order in (("", 1), (", the other way round", -1)):
        given: dict[str, Sequence[dict[str, Any]]] = {
            "configs": [{"config": one} for one in values.ALIKE_CONFIGS[::order]],
            "webhooks": [{"webhook_url": one} for one in (None, *values.ALIKE_TEXTS)[::order]],
            "video ids": [{"video_ids": ids} for one in values.ALIKE_TEXTS[::order] for ids in ((one,), (one, one))],
        }
        for what, fields in given.items():
            created = tuple(create(f"{number}", **one) for number, one in enumerate(fields))
            actions: tuple[Action, ...] = (Known(created), listing(limit=100), *(get(one.label) for one in created))
            yield Scene(f"{what} that are alike{words}", actions, (f"{what}: alike",), about=("VAL-01",))
        for field in TEXTS:
            to = TaskStatus.FAILED if field.startswith("error") else TaskStatus.CLIPPING
            changes: list[dict[str, Any]] = [{field: text} for text in values.ALIKE_TEXTS[::order]]
            labels = [f"{number}" for number in range(len(changes))]
            created = tuple(map(create, labels))
            updated = (update(one, to, label="", **change) for one, change in zip(labels, changes, strict=True))
            actions = (Known((*created, *updated)), listing(limit=100), *map(get, labels))
            yield Scene(f"texts that are alike in {field}{words}", actions, (f"{field}: alike",), about=("VAL-09",))
            if to is TaskStatus.CLIPPING:
                writes = (update("a", to, **change) for change in changes)
                name = f"{field} changes to what is alike{words}"
                yield Scene(name, (create(), *writes), (f"{field}: alike",), about=("VAL-09", "LIFE-04"))


def refusals(_: Random) -> Iterator[Scene]:
    """What is no JSON, no videos and no request."""
    steps: Sequence[Action]
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
    for name, wrong in values.WRONG_VIDEO_IDS.items():
        yield Scene(f"video ids: {name}", (create("", video_ids=wrong), create("b")), (f"video_ids: wrong {name}",))
    for wrong in (None, 7, "request", {"video_ids": ("v",)}):
        steps = (Step("create_task", {"request": wrong}), create("b"))
        yield Scene("no request", steps, ("request: wrong",))
