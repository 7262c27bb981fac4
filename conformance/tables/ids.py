"""Ids: those that the store makes, those that callers choose, those of no task, and those that come again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from conformance.core.scenario import (
    Call,
    Id,
    Look,
    Populate,
    Scenario,
    TaskOf,
    TimeOf,
    Wait,
    cancel,
    create,
    get,
    listing,
    purge,
    restore,
    update,
)
from conformance.harness import Capability
from conformance.spec.model import STATUSES
from conformance.tables import values
from conformance.tables.tasks import (
    EXPIRING,
    MICROSECOND,
    MINUTE,
    SHARED,
    WEEK,
    A,
    Actions,
    B,
    going,
    named,
    restorable,
)
from taskstore import TaskStatus

_NOTHING = frozenset[Capability]()


def scenarios(depth: str = "default") -> Iterator[Scenario]:
    """All of them."""
    yield from _made(depth)
    yield from _unknown()
    yield from _chosen()
    yield from _taken()
    yield from _met_before()
    yield from _used_again()


def _made(depth: str) -> Iterator[Scenario]:
    """Ids that the store makes: the player looks at them together where there are many."""
    count = 2_000 if depth == "full" else 220
    yield Scenario("many ids are made", (Populate(count), listing(limit=0)), ("ID-01", "ID-02"))
    actions: Actions = tuple(create(on=number % 2) for number in range(40))
    about = ("ID-01",)
    yield Scenario("two instances make ids", (*actions, listing(limit=100)), about, SHARED, instances=2)


def _unknown() -> Iterator[Scenario]:
    """Texts that are the id of no task, for each operation that takes one."""
    groups: dict[str, Sequence[Any]] = {
        "that are nearly the id of a task": [Id("a", *around) for around in values.OTHER_IDS],
        "that no store makes": values.UNKNOWN_IDS,
        "that are no texts": values.WRONG_IDS,
        "that a store may use for itself": [
            *values.INTERNAL_IDS,
            *(Id("a", *around) for around in values.PARTS_OF_IDS),
        ],
    }
    for name, ids in groups.items():
        calls = [
            call
            for one in ids
            for call in (get(one), update(one, TaskStatus.CLIPPING, progress=5), update(one, "completed"), cancel(one))
        ]
        actions: Actions = (create("a"), create("b"), cancel(B), *calls, get(A), Look(), create("c"), Look())
        yield Scenario(f"ids {name}", actions, ("ID-03",))
        if name == "that no store makes":
            yield Scenario(f"ids {name}, in an empty store", (*calls, listing()), ("ID-03",))


def _chosen() -> Iterator[Scenario]:
    """Ids that callers choose: beside each other, written, and created again."""
    parts = [f"{before}job{behind}" for before, behind in values.PARTS_OF_IDS]
    groups: dict[str, Sequence[str]] = {
        "of every kind": values.NEW_IDS,
        "that are alike": [*dict.fromkeys(one for pair in values.ALIKE_IDS for one in pair)],
        "that a store may use for itself": ["job", *values.INTERNAL_IDS, *parts],
    }
    for name, ids in groups.items():
        made = [create("", one, config={"id": one}) for one in ids]
        actions: Actions = (
            *made,
            listing(limit=1_000),
            *(update(one, TaskStatus.CLIPPING, current_step=one) for one in ids[::2]),
            *(cancel(one) for one in ids[1::2]),
            *made,
            *(create("", one, config={"id": 1}) for one in ids),
            *map(get, ids),
            listing(status=TaskStatus.CANCELLED, limit=1_000),
            listing(limit=1_000),
        )
        yield Scenario(f"new ids {name}", actions, ("ID-02", "ID-06"))
    wrong = [create("", one) for one in values.WRONG_NEW_IDS]
    yield Scenario("ids that no task may have", (*wrong, create("b"), listing()), ("ID-02",))


def _taken() -> Iterator[Scenario]:
    """An id that is taken: the same request again, and requests that are nearly the same."""
    listed: list[Any] = [{"from": 1, "to": 2, "in": [[{"p": {"q": [], "r": {}}, "s": 0}]]}, {"from": 2.0, "to": 3}]
    config: dict[str, Any] = {"a": 1, "b": {"x": [0.0, None, "e\u0301"], "y": "文"}, "clips": listed}
    configs: list[Any] = [
        *(None, {}, {"a": 1}, {**config, "c": None}, {**config, "b": None}),
        *({**config, "a": one} for one in (1.0, True, "1", 2)),
        *(
            {**config, "b": {"x": one, "y": "文"}}
            for one in ([0, None, "e\u0301"], [0.0, None, "\u00e9"], [-0.0, None, "e\u0301"])
        ),
        *({**config, "b": {**config["b"], **one}} for one in ({"x": [None, 0.0, "e\u0301"]}, {"y": "文 "}, {"z": 1})),
        *(
            {**config, "clips": one}
            for one in (listed[::-1], [listed], listed[:1], [{**listed[0], "to": 2.0}, listed[1]])
        ),
        {**config, "clips": [{**listed[0], "in": [[{"p": {"q": {}, "r": []}, "s": 0}]]}, listed[1]]},
    ]
    others: list[dict[str, Any]] = [
        *({"config": one} for one in configs),
        *({"config": config, "webhook_url": one} for one in ("https://other", "")),
        *({"config": config, "video_ids": one} for one in (("v", "v"), ("V",), ("w", "v"), ("",))),
    ]
    calls = [create("", "job-1", **other) for other in others]
    again = create("", "job-1", config=values.reordered(config))
    actions: Actions = (
        create("a", "job-1", config=config),
        again,
        *calls,
        again,
        get(A),
        cancel(A),
        again,
        *calls,
        Look(),
    )
    yield Scenario("requests that are nearly the same under a taken id", actions, ("ID-06",))
    order = (create("", "job-1", video_ids=("a", "b")), create("", "job-1", video_ids=("b", "a")), Look())
    yield Scenario("the videos in another order under a taken id", order, ("ID-06",))
    absent = (create("a", "job-1"), create("", "job-1", config={}), create("", "job-1", webhook_url=""), get(A))
    yield Scenario("empty for absent under a taken id", absent, ("ID-06",))
    for name, value in values.json_values(Random(1)).items():  # noqa: S311  no secrets
        if type(value) not in (dict, list) or name.startswith(("98 ", "99 ", "large", "long")):
            continue
        first, turned = ({"x": [0, [{"k": one, "l": 1}]], "y": one} for one in (value, values.reordered(value)))
        near = {**first, "y": values.nearest(value)}
        same = [create("", "job-1", config=one) for one in (turned, values.reordered(turned))]
        actions = (
            create("a", "job-1", config=first),
            *same,
            create("", "job-1", config=near),
            cancel(A),
            *same,
            get(A),
        )
        yield Scenario(f"the same request with {name} under a taken id", actions, ("ID-06",))


def _met_before() -> Iterator[Scenario]:
    """Calls that were refused, or found nothing, leave nothing of the id that they were given."""
    wrong: dict[str, dict[str, Any]] = {
        "a config that is not JSON": {"config": {"a": (1,)}},
        "a config that is too large": {"config": {"a": "x" * 1_100_000}},
        "a lone surrogate": {"webhook_url": "\ud800"},
    }
    for one, needs in (("job-1", frozenset({Capability.CALLER_IDS})), ("restored", _NOTHING)):
        calls: dict[str, Call] = {
            "a get": get(one),
            "an update": update(one, TaskStatus.CLIPPING, progress=5),
            "a completion": update(one, TaskStatus.COMPLETED),
            "a refused update": update(one, TaskStatus.CLIPPING, progress=-1),
            "a cancellation": cancel(one),
            "a refused restoring": restore(restorable(one, status="failed")),
        }
        is_chosen = one == "job-1"
        if is_chosen:
            calls |= {f"a creation with {name}": create("", one, **fields) for name, fields in wrong.items()}
        for name, call in calls.items():
            about = ("LIFE-14",) if "refused" in name or "creation" in name else ("ID-03",)
            make = create("a", one) if is_chosen else restore(restorable())
            end = (named(one), Look(), going(progress=5), make, cancel(A), Look())
            for on in (0, 1):
                words = f"an id is met by {name} before its task is {'created' if is_chosen else 'restored'}"
                words, wanted = (f"{words}, on two instances", SHARED | needs) if on else (words, needs)
                yield Scenario(words, (replace(call, on=on), make, *end), about, wanted, instances=on + 1)


def _used_again() -> Iterator[Scenario]:
    """An id that is used again after a purge, or after its task has expired."""
    first: dict[str, Any] = {"video_ids": ("v1",), "config": {"old": 1}}
    removal = (purge(TimeOf("a", plus=MICROSECOND)),)
    past = (Wait(WEEK + MINUTE),)
    removals: dict[str, tuple[Actions, frozenset[Capability]]] = {
        **{f"purged when {one}": ((update(A, TaskStatus(one), label="a"), *removal), _NOTHING) for one in STATUSES[6:]},
        "expired when clipping": (past, EXPIRING),
        "expired when cancelled": ((cancel(A), *past), EXPIRING),
        "expired among many": ((Populate(130), *past), EXPIRING),
    }
    for way, (actions, needs) in removals.items():
        start = (
            create("a", "job-1", **first),
            going(progress=50, current_step="s", result_url="r"),
            create("c"),
            *actions,
        )
        back: Actions = (*start, restore(TaskOf("a")), get(A), listing(), restore(TaskOf("a")), Look())
        yield Scenario(f"restored when it was {way}", back, ("MAINT-02",), needs)
        again = create("a", "job-1", config={"new": 1})
        last = (going(), create("", "job-1", **first), create("", "job-1", config={"new": 1}), cancel(A), Look())
        yield Scenario(f"used again, {way}", (*start, again, Look(), *last), ("ID-06",), needs)
        moved = tuple(replace(one, on=1) if isinstance(one, Call) else one for one in actions)
        both: Actions = (start[0], get(A, on=1), *moved, replace(again, on=1), get(A), *last)
        yield Scenario(f"used again, {way}, on two instances", both, ("ID-06",), needs | SHARED, instances=2)
