"""Ids of every kind, those that the store makes and those that callers choose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from conformance.engine.scene import (
    SPELLINGS,
    Action,
    Advance,
    Copy,
    Known,
    Populate,
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
from conformance.spec.model import FINAL
from conformance.tour import values
from conformance.tour.tasks import (
    BEYOND,
    CALLER_IDS,
    EXPIRING,
    MICROSECOND,
    MINUTE,
    ODD_CONFIG,
    SHARED,
    WEEK,
    restorable,
    ways,
)
from taskstore import TaskStatus


def ids(_: Random) -> Iterator[Scene]:
    """Every text and every wrong type as an id, for each operation that takes one."""
    steps: Sequence[Action]

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
    for name in SPELLINGS:
        steps = (create(), *asked(Ref("a", spelling=name)))
        yield Scene(f"an id spelled with {name}", steps, (f"task_id: {name}",), about=("ID-03",))
    for name, unknown in values.UNKNOWN_IDS.items():
        steps = (create(), *asked(Text(unknown)), create("b"), get(Text(unknown)))
        yield Scene(f"the unknown id {name}", steps, (f"task_id: unknown {name}",), about=("ID-03",))
        yield Scene(f"the unknown id {name} in an empty store", (get(Text(unknown)), listing()), ("empty store",))
    for name, wrong in values.WRONG_IDS.items():
        steps = (create(), *asked(Text(wrong)))
        yield Scene(f"an id that is {name}", steps, (f"task_id: wrong {name}",))


def new_ids(random: Random) -> Iterator[Scene]:
    """Ids that callers choose, and the same request again in every state of its task."""
    steps: Sequence[Action]
    for name, task_id in values.NEW_IDS.items():
        same = create("b", task_id, about=("ID-02",))
        steps = (
            create("a", task_id, about=("ID-02",)),
            same,
            update("a", TaskStatus.CLIPPING, progress=5),
            same,
            create("", task_id, config={"other": 1}),
            create("c"),
            cancel(),
            same,
            listing(),
        )
        yield Scene(f"the new id {name}", steps, (f"new id: {name}",), CALLER_IDS, about=("ID-02",))
    for first, second in values.ALIKE_IDS:
        steps = (
            create("a", first),
            create("b", second, config={"other": 1}),
            get("a"),
            update("b", TaskStatus.CLIPPING, progress=5),
            cancel("a"),
            get("b"),
            listing(),
        )
        yield Scene(f"the new ids {first!r} and {second!r}", steps, ("new ids: alike",), CALLER_IDS, about=("ID-02",))
    for name, wrong in values.WRONG_NEW_IDS.items():
        steps = (create("", wrong), create("b"))
        yield Scene(f"a new id that is {name}", steps, (f"new id: wrong {name}",), CALLER_IDS)
    listed: list[Any] = [{"from": 1, "to": 2, "in": [[{"p": {"q": [], "r": {}}, "s": 0}]]}, {"from": 2.0, "to": 3}]
    config: dict[str, Any] = {"a": 1, "b": {"x": [0.0, None, "e\u0301"], "y": "文"}, "clips": listed}
    alike = values.reordered(config)
    nested: dict[str, Any] = config["b"]
    others: list[Any] = [
        None,
        {},
        {**config, "a": 1.0},
        {**config, "a": True},
        {**config, "a": "1"},
        {**config, "c": None},
        {"a": 1},
        {**config, "b": {**nested, "x": [0, None, "e\u0301"]}},
        {**config, "b": {**nested, "x": [0.0, None, "\u00e9"]}},
        {**config, "b": {**nested, "x": [None, 0.0, "e\u0301"]}},
        {**config, "b": {**nested, "y": "文 "}},
        {**config, "clips": listed[::-1]},
        {**config, "clips": [{**listed[0], "to": 2.0}, listed[1]]},
        {**config, "clips": [{**listed[0], "in": [[{"p": {"q": {}, "r": []}, "s": 0}]]}, listed[1]]},
        {**config, "clips": [listed[0], {"from": 3, "to": 2.0}]},
        {**config, "clips": [listed]},
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
            create("b", "job-1", config=alike),
            get(),
        )
        yield Scene(f"another request {number} under a taken id", steps, ("another request",), CALLER_IDS)
    for name, value in values.json_values(random).items():
        turned = values.reordered(value)
        if name.startswith(("98 ", "99 ", "large", "long")):
            continue
        near = values.nearest(value)
        nearly = ({"x": [value], "y": near}, {"x": [near], "y": value})
        refused = tuple(create("", "job-1", config=other) for other in nearly)
        steps = (create("a", "job-1", config={"x": [value], "y": value}), Known(refused), get())
        yield Scene(f"nearly the same request with {name} under a taken id", steps, ("another request",), CALLER_IDS)
        if type(value) in (dict, list):
            placed = [{"x": [0, [{"k": one, "l": 1}]], "y": one} for one in (value, turned)]
            repeated = tuple(create("", "job-1", config=one) for one in (placed[1], values.reordered(placed[1])))
            steps = (Known((create("a", "job-1", config=placed[0]), *repeated, cancel("a"), *repeated)), get())
            yield Scene(f"the same request with {name} under a taken id", steps, ("the same request",), CALLER_IDS)
    order = (create("a", "job-1", video_ids=("a", "b")), create("", "job-1", video_ids=("b", "a")), get())
    yield Scene("the videos in another order under a taken id", order, ("another request",), CALLER_IDS)
    absent = (create("a", "job-1"), create("", "job-1", config={}), create("", "job-1", webhook_url=""), get())
    yield Scene("empty for absent under a taken id", absent, ("another request",), CALLER_IDS)
    for name, status, actions in ways():
        if not any(isinstance(one, Step) and one.operation == "create_task" for one in actions):
            steps = (*actions, create("", "restored", video_ids=("b", "a", "b")), get())
            yield Scene(f"created anew: {name}", steps, ("created anew",), CALLER_IDS)
            full: dict[str, Any] = {
                "video_ids": ("b", "a", "b"),
                "webhook_url": "https://example.com/w",
                "config": ODD_CONFIG,
            }
            steps = (*actions, create("b", "restored", **full), get())
            yield Scene(f"created again: {name}", steps, ("created again",), CALLER_IDS)
            continue
        request = next(one for one in actions if isinstance(one, Step)).arguments["request"]
        chosen = Step("create_task", {"request": request, "task_id": "job-1"}, "a")
        again = replace(chosen, label="b")
        steps = (chosen, *actions[1:], again, again, get(), create("", "job-1"), get())
        yield Scene(f"created again: {name}", steps, ("created again", status), CALLER_IDS)


def internal(_: Random) -> Iterator[Scene]:
    """Ids that careless code takes for names of its own, as ids of no task and as ids of new tasks."""
    unknown = (*map(Text, values.INTERNAL_IDS), *(Ref("a", *around) for around in values.PARTS_OF_IDS))
    calls = tuple(
        call
        for one in unknown
        for call in (get(one), update(one, TaskStatus.CLIPPING, progress=5), replace(cancel(one), label=""))
    )
    steps: tuple[Action, ...] = (create(), create("b"), cancel("b"), Known(calls), get("a"), listing())
    yield Scene("ids that a store may use for itself", steps, ("task_id: internal",), about=("ID-03",))
    about = ("ID-02",)
    new = ("job", *values.INTERNAL_IDS, *(f"{before}job{behind}" for before, behind in values.PARTS_OF_IDS))
    labels = [f"n{number}" for number in range(len(new))]
    made = tuple(create(*one, about=about, config={"id": one[1]}) for one in zip(labels, new, strict=True))
    writes = tuple(update(one, TaskStatus.CLIPPING, about=about) for one in labels[::2])
    cancels = tuple(cancel(one, about=about) for one in labels[1::2])
    reads = tuple(get(one, about=about) for one in labels)
    pages = (listing(limit=1_000, about=about), listing(status=TaskStatus.CANCELLED, about=about))
    steps = (Known(made), pages[0], Known((*writes, *cancels)), *reads, *pages)
    yield Scene("new ids that a store may use for itself", steps, ("new id: internal",), CALLER_IDS, about=about)


def met_before(_: Random) -> Iterator[Scene]:
    """Calls that were refused, or found nothing, leave nothing of the id that they were given."""
    chosen, restored = Text("job-1"), Text("restored")
    for task_id, needs in ((chosen, CALLER_IDS), (restored, frozenset[Capability]())):
        calls: dict[str, Step] = {
            "a get": get(task_id),
            "an update": update(task_id, TaskStatus.CLIPPING, progress=5, label=""),
            "a completion": update(task_id, TaskStatus.COMPLETED, label=""),
            "a refused update": update(task_id, TaskStatus.CLIPPING, progress=-1, label=""),
            "a cancellation": replace(cancel(task_id), label=""),
            "a purge": purge(BEYOND),
            "a refused restoring": restore(restorable(task_id.value, status="failed")),
        }
        if task_id is chosen:
            wrong: dict[str, dict[str, Any]] = {
                "a config that is not JSON": {"config": {"a": (1,)}},
                "a config that is a list": {"config": []},
                "a config that is too deep": {"config": {"a": values.deep(100)}},
                "a config that is too large": {"config": {"a": "x" * 1_100_000}},
                "a lone surrogate": {"webhook_url": "\ud800"},
                "a URL that is a number": {"webhook_url": 7},
                "no videos": {"video_ids": ()},
                "a video that is a number": {"video_ids": ("v", 7)},
            }
            calls |= {f"a creation with {name}": create("", "job-1", **fields) for name, fields in wrong.items()}
        for name, call in calls.items():
            about = (
                ("VAL-05", "LIFE-14")
                if " with a config" in name
                else ("LIFE-14",)
                if "refused" in name or "creation" in name
                else ("ID-03",)
            )
            made = create("a", "job-1", about=about) if task_id is chosen else restore(restorable(), about=about)
            for on in (0, 1):
                actions = (
                    Known((replace(call, on=on),)),
                    made,
                    replace(get(task_id), label="a"),
                    listing(),
                    update("a", TaskStatus.CLIPPING, progress=5),
                    create("", "job-1") if task_id is chosen else restore(restorable()),
                    cancel("a"),
                    listing(status=TaskStatus.CANCELLED),
                )
                words = f"an id is met by {name} before its task is {'created' if task_id is chosen else 'restored'}"
                wanted = needs | SHARED if on else needs
                yield Scene(f"{words}, on {on + 1} instances", actions, ("met before",), wanted, instances=on + 1)


_AMONG_MANY = "expired among many"
"""More than a write may remove, all of which expired before it."""


def _then(before: tuple[Action, ...], write: Step, *crowd: Action) -> tuple[Action, ...]:
    """Actions and a write; behind a crowd without the listing before it, which would remove what has expired."""
    return (*crowd, Known((*before, write))) if crowd else (Known(before), write)


def reuses(_: Random) -> Iterator[Scene]:
    """An id that is used again after a purge, or after its task has expired."""
    first: dict[str, Any] = {"video_ids": ("v1",), "config": {"old": 1}}
    going = update("a", TaskStatus.CLIPPING, progress=50, current_step="s", result_url="r")
    removal = purge(TimeOf("a", plus=MICROSECOND))
    failing = update("a", TaskStatus.FAILED, error_message="e")
    past = Advance(WEEK + MINUTE)
    ways: list[tuple[str, tuple[Action, ...], frozenset[Capability]]] = [
        ("purged when cancelled", (cancel(), removal), CALLER_IDS),
        ("purged when completed", (update("a", TaskStatus.COMPLETED), removal), CALLER_IDS),
        ("purged when failed", (failing, removal), CALLER_IDS),
        ("expired when clipping", (past,), CALLER_IDS | EXPIRING),
        ("expired when cancelled", (cancel(), past), CALLER_IDS | EXPIRING),
        (f"{_AMONG_MANY} when clipping", (past,), CALLER_IDS | EXPIRING),
        (f"{_AMONG_MANY} when cancelled", (cancel(), past), CALLER_IDS | EXPIRING),
    ]
    tails: list[tuple[str, tuple[Action, ...]]] = [
        ("listed", tuple(listing(status=TaskStatus(one)) for one in ("pending", "clipping", *FINAL))),
        ("updated", (update("a", TaskStatus.UPLOADING, progress=1), cancel())),
        ("failed", (update("a", TaskStatus.FAILED, error_message="f"), cancel())),
        ("purged around", (purge(BEYOND), get(), listing())),
        (
            "purged",
            (update("a", TaskStatus.COMPLETED), purge(BEYOND), get(), listing(), create("a", "job-1")),
        ),
        ("restored over", (restore(Copy("a"), about=("MAINT-02",)), get())),
        ("created again", (create("b", "job-1", config={"new": 1}), create("", "job-1", **first), get())),
    ]
    for way, actions, needs in ways:
        crowd = (Populate(130),) if way.startswith(_AMONG_MANY) else ()
        back = _then((create("a", "job-1", **first), *actions), restore(Copy("a")), *crowd)
        steps: tuple[Action, ...] = (*back, get(), listing(), restore(Copy("a"), about=("MAINT-02",)))
        yield Scene(f"restored when it was {way}", steps, ("restored again",), needs, about=("MAINT-02",))
        for tail, calls in tails:
            again = create("a", "job-1", config={"new": 1})
            steps = (*_then((create("a", "job-1", **first), going, create("c"), *actions), again, *crowd), *calls)
            name = f"an id is used again, {way}, then {tail}"
            classes = (f"used again: {way}", f"used again, then {tail}")
            yield Scene(name, steps, classes, needs, about=("ID-06", "ID-02"))
            if crowd:
                continue
            moved = tuple(replace(one, on=1) if isinstance(one, Step) else one for one in actions)
            steps = (
                create("a", "job-1", **first),
                get("a", on=1),
                *moved,
                create("a", "job-1", on=1, config={"new": 1}),
                get("a", on=0),
                listing(on=0),
                *calls,
            )
            name = f"on two instances {name}"
            both = (f"used again on two instances: {way}",)
            yield Scene(name, steps, both, needs | SHARED, instances=2, about=("ID-06", "ID-02"))
