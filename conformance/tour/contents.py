"""What a task may hold: every kind of text, number and JSON, and what has to be refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations, cycle, pairwise
from math import nextafter
from random import Random
from typing import Any, TypeAlias

from conformance.engine.scene import (
    Action,
    Known,
    Scene,
    Step,
    Text,
    cancel,
    create,
    get,
    listing,
    restore,
    update,
)
from conformance.spec.model import FINAL, TEXTS, Record, canonical, size_of
from conformance.tour import values
from conformance.tour.rich import edged
from conformance.tour.tasks import CALLER_IDS, LONG_AGO, NOT_FINAL, SHARED, restorable
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
    about = ("VAL-06",)
    steps: Sequence[Action]
    for what in _REQUESTED:
        fits = _room(what)
        for number, length in enumerate((fits, fits + 1, random.randrange(500_000, fits))):
            steps = (create(about=about, **_request(what, edged(length))), update("a", TaskStatus.CLIPPING), listing())
            yield Scene(f"{what} of {length}, {number}", steps, (f"{what}: large {number}",), about=about)
        for on, length in enumerate((fits, random.randrange(70_000, 500_000))):
            steps = (Known(tuple(_repeated(what, edged(length), on))), listing())
            name = f"{what} of {length} under an id, again on {on + 1} instances"
            wanted = CALLER_IDS | SHARED if on else CALLER_IDS
            yield Scene(name, steps, (f"{what}: large again {on}",), wanted, instances=on + 1, about=("ID-06",))
    for status in ("clipping", "failed", "completed"):
        for field in TEXTS if status == "failed" else TEXTS[:2]:
            fits = _room(field)
            for number, length in enumerate((fits, fits + 1, random.randrange(60_000, fits))):
                given: dict[str, Any] = {field: _mixed(field, length)}
                write = update("a", TaskStatus(status), about=about, **given)
                writes = (write, write, *(() if status in FINAL else (write,) * (number * 3)), cancel())
                classes = (f"{field}: large {number}", f"large with {status}")
                yield Scene(f"{field} of {length} with {status}", (create(), Known(writes), get(), listing()), classes)
    half = "h" * (values.MOST_BYTES // 2)
    grown = (
        create(webhook_url=half),
        update("a", TaskStatus.CLIPPING, current_step=half[:-100]),
        update("a", TaskStatus.CLIPPING, result_url=half, about=about),
        update("a", TaskStatus.FAILED, error_message=half, about=about),
        update("a", TaskStatus.CLIPPING, current_step="short", result_url=half[:-200], about=about),
    )
    yield Scene("grows to 1 MiB", grown, ("grown",), about=about)
    yield from _summed()


def _repeated(what: str, text: str, on: int) -> Iterator[Step]:
    """A creation under an id, and on an instance the same request and others, while its task is live and final."""
    middle = len(text) // 2
    same = create("", _LONG_ID, on, ("ID-06",), **_request(what, text))
    yield from (replace(same, label="a", on=0), same)
    for other in (text[:-1], text[:-1] + "c", f"{text[:middle]}y{text[middle + 1 :]}"):
        yield create("", _LONG_ID, on, **_request(what, other))
    yield from (update("a", TaskStatus.CLIPPING, progress=5), same, cancel("a"), same)


_LONG_ID = "job-" * 64
_Parts: TypeAlias = tuple[str, ...]
_Made: TypeAlias = Callable[[str, int], str]
"""What makes a text that takes so many bytes in a part of a task."""
_SIZE = ("VAL-06",)
_ABOVE, _FITS = 1, 0
"""How many bytes more than 1 MiB a task has."""
_REQUESTED = ("config", "webhook_url", "video_ids")
_PARTS = (*_REQUESTED, "key", *TEXTS)
"""Where a text of a task may stand; `key` is one in its config."""
_MIX = '\x00\x1f"\\\n \u00e9文\U0001d11e'
_EDGES = 20
_MOST_MIXED = 100  # more would take its time
_CONTROL = "\x01"
_ALIKE = (_CONTROL, '"', "文", "\U0001d11e")
"""Characters of which a text may consist."""


def _request(what: str, text: str) -> dict[str, Any]:
    """The fields of a request that holds a text in one of them."""
    inside = {"config": {"k": text}, "key": {text: ""}, "video_ids": (text,), "webhook_url": text}
    return {"config" if what == "key" else what: inside[what]}


def _fields(parts: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a request that holds these texts."""
    return {field: value for what, text in parts.items() for field, value in _request(what, text).items()}


def _with(parts: Mapping[str, str]) -> Record:
    """A task that holds these texts, and may be restored."""
    request: dict[str, Any] = {"webhook_url": None, "config": None, "video_ids": ("v",)}
    request |= _fields({what: text for what, text in parts.items() if what not in TEXTS})
    texts: dict[str, Any] = {name: text for name, text in parts.items() if name in TEXTS}
    metadata = canonical({name: request[name] for name in ("webhook_url", "config")})
    failed: dict[str, Any] = {"status": "failed", "completed_at": LONG_AGO} if parts.keys() & {*TEXTS[2:]} else {}
    return restorable(video_ids=request["video_ids"], metadata=metadata, **texts, **failed)


def _room(*parts: str) -> int:
    """How many bytes of texts in these parts a task has room for."""
    return values.MOST_BYTES - size_of(_with(dict.fromkeys(parts, "")))


def _of(characters: str, part: str, length: int, most: int = values.MOST_BYTES) -> str:
    """A text that takes so many bytes in a part of a task, of these characters again and again, whose ends count."""
    each = len((characters if part in TEXTS else json.dumps(characters, ensure_ascii=False)[1:-1]).encode())
    count = min((length - _EDGES) // each, most)
    return characters * count + edged(length - count * each)


_mixed = partial(_of, _MIX, most=_MOST_MIXED)


def _filled(parts: Sequence[str], more: int, made: _Made) -> dict[str, str]:
    """Texts in these parts of a task, together of 1 MiB and so many bytes more."""
    each, rest = divmod(_room(*parts), len(parts))
    return {**{part: made(part, each) for part in parts[:-1]}, parts[-1]: made(parts[-1], each + rest + more)}


def _created(parts: _Parts, made: _Made) -> Iterator[Step]:
    """Creations with these parts, of 1 MiB and one byte and of 1 MiB."""
    return (create(about=_SIZE, **_fields(_filled(parts, more, made))) for more in (_ABOVE, _FITS))


def _updated(first: _Parts, texts: _Parts, made: _Made) -> Iterator[Step]:
    """Updates that make a task so large that has the first parts."""
    above, fits = (_filled((*first, *texts), more, made) for more in (_ABOVE, _FITS))
    to = TaskStatus.FAILED if {*texts} & {*TEXTS[2:]} else TaskStatus.CLIPPING
    yield create(**_fields({name: fits[name] for name in first}))
    for filled in (above, fits):
        given: dict[str, Any] = {name: filled[name] for name in texts}
        yield update("a", to, about=_SIZE, **given)


def _restored(parts: _Parts, made: _Made) -> Iterator[Step]:
    """Tasks of that size to restore."""
    tasks = (_with(_filled(parts, more, made))._replace(task_id=f"t{more}") for more in (_ABOVE, _FITS))
    return (restore(one, about=("VAL-06", "MAINT-02")) for one in tasks)


def _summed() -> Iterator[Scene]:
    """Several parts of a task, or one that is nearly all of one character, together at 1 MiB and one byte above.

    How many bytes a text takes cannot be told from how many characters it has.
    """
    alone: list[_Parts] = [(one,) for one in _PARTS]
    every = ("webhook_url", *TEXTS)
    requests: list[_Parts] = [("key",), *combinations(_REQUESTED, 2), _REQUESTED]
    updates: list[tuple[_Parts, _Parts]] = [((), pair) for pair in pairwise(TEXTS)]
    updates += [((), TEXTS), (every[:1], TEXTS)]
    yield from _summed_of("", _mixed, requests, updates, [*alone, every])
    requests = [one for one in alone if one[0] not in TEXTS]
    updates = [*(((), one) for one in alone if one[0] in TEXTS), (every[:1], TEXTS)]
    for character in _ALIKE:
        restored = [*alone, every] if character == _CONTROL else [every]  # each takes its time
        yield from _summed_of(f", of {character!a}", partial(_of, character), requests, updates, restored)
    yield from _of_many()


def _summed_of(
    words: str,
    made: _Made,
    requests: Sequence[_Parts],
    updates: Sequence[tuple[_Parts, _Parts]],
    restored: Sequence[_Parts],
) -> Iterator[Scene]:
    """Texts that are so made, in these parts of what is created, updated and restored."""
    for parts in requests:
        yield _limit(f"{' and '.join(parts)}{words}", *_created(parts, made), get())
    for first, texts in updates:
        yield _limit(f"{' and '.join((*first, *texts))}{words}", *_updated(first, texts, made), get())
    for parts in restored:
        name = f"what is restored, in {' and '.join(parts)}{words}"
        yield _limit(name, *_restored(parts, made), get(Text(f"t{_FITS}")))


def _of_many() -> Iterator[Scene]:
    """Many videos and many numbers, which take bytes beside their own, together at 1 MiB and one byte above."""
    many = ("y" * 1_000,) * 1_000
    numbers: list[Any] = [1, 1.5, None, True, {}, [], "e"] * 300
    listed = canonical({"webhook_url": None, "config": {"n": numbers, "k": ""}})
    empty = ("",) * 1_000
    room, left = (values.MOST_BYTES - size_of(restorable(video_ids=(*ids, ""))) for ids in (many, empty))
    rest = values.MOST_BYTES - size_of(restorable(metadata=listed))
    for what, fields_of in (
        ("many videos", lambda more: {"video_ids": (*many, "z" * (room + more))}),
        ("many empty videos", lambda more: {"video_ids": (*empty, _of(_CONTROL, "video_ids", left + more))}),
        ("many numbers", lambda more: {"config": {"n": numbers, "k": "z" * (rest + more)}}),
        (
            "many numbers and controls",
            lambda more: {"config": {"n": numbers, "k": _of(_CONTROL, "config", rest + more)}},
        ),
    ):
        yield _limit(what, *(create(about=_SIZE, **fields_of(more)) for more in (_ABOVE, _FITS)), get())


def _limit(what: str, *calls: Step) -> Scene:
    """A scene about the size of a task."""
    name = f"1 MiB in {what}"
    return Scene(name, (Known(calls[:-1]), calls[-1]), (name,), about=_SIZE)


def progresses(random: Random) -> Iterator[Scene]:
    """Every number as progress, with every status in turn."""
    steps: Sequence[Action]
    statuses = cycle(NOT_FINAL)
    for name, value in values.progresses(random).items():
        for status in (next(statuses), *FINAL):
            steps = (
                create(),
                update("a", TaskStatus(status), progress=value, about=("LIFE-13",)),
                update("a", TaskStatus(status)),
                update("a", TaskStatus(status), progress=value),
                update("a", TaskStatus(status), progress=nextafter(value, 50)),  # nearly the same, and another one
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


_DEEP = ("98 ", "99 ")
"""How the names of values begin that are too deep for any place but the first."""


def configs(random: Random) -> Iterator[Scene]:
    """Every JSON value at every place of a config."""
    steps: Sequence[Action]
    for name, value in values.json_values(random).items():
        about = ("VAL-06",) if name.startswith((*_DEEP, "the ", "large")) else ("VAL-01",)
        places: list[tuple[str, Any]] = [("in it", {"x": value})]
        if not name.startswith((*_DEEP, "large")):
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
    rights: tuple[Any, ...] = (0.5, "a", 1, {}, [])
    for name, wrong in values.WRONG_JSON.items():
        like = [right for right in rights if type(right) is type(wrong)]
        places: list[tuple[str, Any]] = [
            ("in it", {"x": wrong}),
            ("in a list", {"x": [1, wrong]}),
            ("in a list of its kind", {"x": [*like, wrong]}),
            ("behind a thousand", {"x": [*(like or [1]) * 1_001, wrong]}),
            ("beside one of its kind", {"x": {f"{number}": one for number, one in enumerate((*like, wrong))}}),
            ("deep", {"a": {"b": [{"c": wrong}]}}),
        ]
        for place, config in [*places, *([("itself", wrong)] if type(wrong) is dict else [])]:
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
