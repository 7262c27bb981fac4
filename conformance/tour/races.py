"""Calls at the same time: some order explains them all, and whoever is cancelled takes nobody along."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, product
from random import Random
from typing import Any, TypeAlias

from conformance.engine.scene import (
    Action,
    Cursor,
    Member,
    Optional,
    Populate,
    Scene,
    Step,
    Text,
    TimeOf,
    Together,
    cancel,
    create,
    get,
    listing,
    purge,
    restore,
    update,
)
from conformance.harness import Capability
from conformance.tour.tasks import (
    BEYOND,
    CALLER_IDS,
    CURSOR,
    LONG_AGO,
    MICROSECOND,
    MIXED,
    NOT_FINAL,
    SHARED,
    restorable,
)
from taskstore import TaskStatus


def races(_: Random) -> Iterator[Scene]:
    """Calls at the same time: some order explains them all."""
    for number in range(len(NOT_FINAL)):
        for on in (0, 1):
            kind = f"race on {on + 1} instances"
            for name, actions, needs in _race(number, on):
                wanted = needs | SHARED if on else needs
                yield Scene(name, actions, (kind,), wanted, instances=on + 1)
    yield from _pairs()
    yield from _long()
    yield from _cancelled_alone()
    yield from _crowds()
    yield from _long_listings()
    yield from _behind_cursors()
    many = tuple(_going("ATOM-06", progress=number) for number in range(6))
    yield Scene("many updates", (create(), Together(many), get()), ("many calls",))
    for lost in range(1, 4):
        steps = (_going("ATOM-06", progress=1), _going("ATOM-06", current_step="s"), _going("ATOM-06", progress=3))
        for turns in (0, 1, 2, 4):
            for which in ("first", "last"):
                together = Together(steps, lost, turns, cancels_first=which == "first")
                actions = (create(), together, get(), update("a", TaskStatus.ANALYZING), get())
                name = f"the {which} {lost} of 3 calls are cancelled after {turns} turns"
                yield Scene(name, actions, ("cancelled calls",))
    chosen = (create("", "job-1", about=("ATOM-06",)), create("", "job-2", about=("ATOM-06",)))
    actions = (create(), Together(chosen, 1), get(), create("", "job-2"), listing())
    yield Scene("a creation is cancelled", actions, ("cancelled calls",), CALLER_IDS)
    ended = (_stop("ATOM-06"), get("b", about=("ATOM-06",)))
    actions = (create("b"), create(), Together(ended, 1), get(), cancel(), listing())
    yield Scene("a read is cancelled", actions, ("cancelled calls",))
    yield from _closings()
    yield from _alike()


def _alike() -> Iterator[Scene]:
    """Calls that are alike in all arguments, of which some are cancelled: every form of every operation."""
    about, nothing = ("ATOM-06",), frozenset[Capability]()
    pending = TaskStatus.PENDING
    forms: dict[str, tuple[Step, frozenset[Capability]]] = {
        "get_task": (get(), nothing),
        "list_tasks": (listing(), nothing),
        "list_tasks of a status": (listing(status=pending, limit=1), nothing),
        "list_tasks further on": (listing(limit=1, offset=1), nothing),
        "list_tasks behind a cursor": (listing(limit=1, after=Cursor("p")), CURSOR),
        "update_task_status": (_going("ATOM-06", progress=1), nothing),
        "update_task_status that ends": (update("a", TaskStatus.FAILED, label="", error_message="e"), nothing),
        "cancel_task": (_stop("ATOM-06"), nothing),
        "create_task": (create(""), nothing),
        "create_task with an id": (create("", "job-1"), CALLER_IDS),
        "restore": (restore(restorable()), nothing),
        "purge": (purge(LONG_AGO), nothing),
    }
    for name, (one, needs) in forms.items():
        same = (replace(one, about=about),) * 3
        for cancelled in (1, 2):
            for which in ("first", "last"):
                is_read = one.operation in ("get_task", "list_tasks", "purge")
                together = Together(same, cancelled, is_independent=is_read, cancels_first=which == "first")
                start = (create("b"), create(), listing("p", limit=1))
                actions = (*start, together, get(), listing(), create("c"), get("c"))
                words = f"the {which} {cancelled} of 3 calls of {name} that are alike are cancelled"
                yield Scene(words, actions, ("alike calls are cancelled",), needs)


def _each(about: tuple[str, ...]) -> dict[str, Step]:
    """Every operation once: on the task `a`, on a final one `b`, or on none. Some have a requirement of their own."""
    return {
        "create": create("", about=about),
        "create again": create("", "job-1", about=(*about, "ID-06")),
        "get": get("a", about=about),
        "list": listing(about=about),
        "update": update("a", TaskStatus.UPLOADING, label="", about=about, progress=7, current_step="s"),
        "end": update("a", TaskStatus.FAILED, label="", about=about, error_message="e"),
        "cancel": replace(cancel("a"), label="", about=about),
        "purge": purge(TimeOf("b", plus=MICROSECOND), about=(*about, "MAINT-01")),
        "restore": restore(restorable(), about=(*about, "MAINT-02")),
    }


def _begun(*names: str) -> tuple[tuple[Action, ...], frozenset[Capability]]:
    """What is done before operations of `_each`, and what the store needs for it."""
    is_again = "create again" in names
    first = create("a", "job-1") if is_again else create("a")
    return (first, create("b"), cancel("b")), CALLER_IDS if is_again else frozenset()


def _idle(about: tuple[str, ...]) -> dict[str, Step]:
    """Writes that change nothing of the final task `b`, or are refused for it."""
    return {
        "cancel again": replace(cancel("b"), label="", about=about),
        "end again": update("b", TaskStatus.CANCELLED, label="", about=about),
        "update a final task": update("b", TaskStatus.UPLOADING, label="", about=about, progress=7),
    }


def _pairs() -> Iterator[Scene]:
    """Every operation beside every other one, on one instance and on two."""
    idle = _idle(("ATOM-01",))
    each = _each(("ATOM-01",)) | idle
    for one, other in product(each, repeat=2):
        if one in idle and other in idle:
            continue
        start, needs = _begun(one, other)
        for on in (0, 1):
            race = Together((each[one], replace(each[other], on=on)))
            name = f"{one} beside {other} on {on + 1} instances"
            wanted = needs | SHARED if on else needs
            actions = (*start, race, get("a"), get("b"), listing())
            yield Scene(name, actions, ("every two operations",), wanted, instances=on + 1)


def _long() -> Iterator[Scene]:
    """A long text in a call, or in the task, lets no other call come between."""
    about, changed = ("ATOM-01",), TaskStatus.CLIPPING
    others = {name: _each(about)[name] for name in ("update", "end", "cancel")}
    for size in (300, 5_000, 70_000, 600_000):
        text = "x" * size
        firsts: dict[str, tuple[Step, Step]] = {
            "an update with": (create(), update("a", changed, label="", about=about, result_url=text)),
            "an update of": (create(config={"k": text}), update("a", changed, label="", about=about, result_url="r")),
            "a create with": (create(), create("", config={"k": text}, about=about)),
        }
        for (name, (start, first)), (beside, other) in product(firsts.items(), others.items()):
            for on in (0, 1):
                for calls in ((first, replace(other, on=on)), (replace(other, on=on), first)):
                    words = f"{name} {size} characters beside {beside} on {on + 1} instances"
                    needs = SHARED if on else frozenset()
                    actions = (start, Together(calls), get("a"), listing())
                    yield Scene(words, actions, ("a long text in a race",), needs, instances=on + 1)
        again = create("", "job-1", config={"k": text}, about=("ID-06", *about))
        race = Together((again, again, create("", "job-1", about=("ID-06", *about))))
        words = f"creations under one id with {size} characters race"
        yield Scene(words, (race, listing()), ("a long text in a race",), CALLER_IDS)


def _cancelled_alone() -> Iterator[Scene]:
    """Every operation is cancelled after some turns of the event loop, and what it left is consistent."""
    for name, step in _each(("ATOM-06",)).items():
        start, needs = _begun(name)
        for turns in (0, 1, 2, 3, 5, 8):
            actions = (*start, Together((step,), 1, turns), get("a"), listing(), create("c"), get("c"))
            yield Scene(f"{name} is cancelled after {turns} turns", actions, ("one call is cancelled",), needs)


def _closings() -> Iterator[Scene]:
    """An instance is closed while calls wait on it, and another shows what became of them."""
    about = ("API-04",)
    going = _going("API-04", progress=1)
    reads = (get(about=about), listing(about=about), replace(going, on=1))
    writes = (going, create("", about=about), _going("API-04", 1, current_step="s"))
    for what, steps in (("reads", reads), ("writes", writes)):
        for turns in (0, 1, 2, 4):
            actions = (create(), Together(steps, turns=turns, is_closed=True), get("a", on=1), listing(on=1))
            name = f"closed while it {what}, after {turns} turns"
            yield Scene(name, actions, ("closed in a call",), SHARED, instances=2, about=about)


def _crowds() -> Iterator[Scene]:
    """Several hundred calls at the same time that do not concern each other."""
    about = ("ATOM-06",)
    start = (Populate(_TARGETS), listing("p", limit=_TARGETS))
    chosen = [Member("p", number) for number in range(_TARGETS)]
    crowds: dict[str, tuple[Step, ...]] = {
        "get_task": tuple(get(one, about=about) for one in chosen) * 6,
        "update_task_status": tuple(update(one, TaskStatus.CLIPPING, label="", about=about) for one in chosen),
        "cancel_task": tuple(replace(cancel(one), about=about) for one in chosen),
        "create_task": tuple(create("", video_ids=(str(number),), about=about) for number in range(2 * _CROWD)),
        "list_tasks": (listing(limit=1, about=about),) * _CROWD,
    }
    missing = [get(Text(f"missing-{number}"), about=about) for number in range(_TARGETS)]
    refused = [update(one, TaskStatus.CLIPPING, progress=-1, label="", about=about) for one in chosen]
    found = crowds["get_task"]
    crowds["get_task that finds and does not find"] = tuple(
        chain.from_iterable(zip(found, missing, found, strict=False))
    )
    crowds["get_task and refused updates"] = tuple(chain.from_iterable(zip(found, refused, missing, strict=False)))
    for operation, steps in crowds.items():
        actions = (*start, Together(steps, is_independent=True), listing())
        yield Scene(f"a crowd of {operation}", actions, ("crowd",), about=about)
    yield from _crowds_on_one()
    yield from _crowds_of_listings()


def _crowds_on_one() -> Iterator[Scene]:
    """Many calls at the same time on one task, or on one id.

    Where several operations meet, the updates are alike: with times that are equal, nothing else tells their order.
    """
    about = ("ATOM-06",)
    updates = tuple(_going("ATOM-06", current_step=str(number)) for number in range(_CROWD))
    stops, same = (_stop("ATOM-06"),) * _CROWD, (_going("ATOM-06", current_step="s"),) * _CROWD
    again, other = create("", "job-1", about=about), create("", "job-1", about=about, config={})
    crowds: dict[str, tuple[tuple[Step, ...], frozenset[Capability]]] = {
        "updates": (updates, frozenset()),
        "cancellations": (stops, frozenset()),
        "updates and cancellations": (tuple(chain.from_iterable(zip(same, stops, strict=True)))[:_CROWD], frozenset()),
        "creations": ((again,) * _CROWD, CALLER_IDS),
        "creations of two kinds": ((again, again, other) * (_CROWD // 3), CALLER_IDS),
        "restores": ((restore(restorable(), about=about),) * _CROWD, frozenset()),
    }
    for what, (calls, needs) in crowds.items():
        settled = update("a", TaskStatus.CLIPPING, current_step="settled", label="")
        actions = (
            create(),
            replace(same[0], about=()),
            Together(calls, is_independent=True),
            settled,
            get(),
            listing(),
        )
        yield Scene(f"a crowd of {what} on one task", actions, ("crowd on one task",), needs, about=about)


def _crowds_of_listings() -> Iterator[Scene]:
    """Many listings at the same time, of which each differs from others in one argument only."""
    about = ("ATOM-06",)
    pages = [listing(f"p{number}", limit=number + 1, status=TaskStatus.PENDING) for number in range(8)]
    first: dict[str, Any] = {"limit": 3, "status": TaskStatus.PENDING}
    given: list[dict[str, Any]] = [
        *({**first, "status": status} for status in (None, *TaskStatus)),
        *({**first, "limit": limit} for limit in range(12)),
        *({**first, "offset": offset} for offset in range(12)),
    ]
    behind = [{**first, "after": Cursor(f"p{number}")} for number in range(8)]
    plain = tuple(listing(about=about, **one) for one in given)
    mixed = tuple(listing(about=about, **one) for pair in zip(behind, given * 2, strict=False) for one in pair)
    last = Optional((Together(mixed, is_independent=True),), CURSOR)
    actions: tuple[Action, ...] = (Populate(_TARGETS, MIXED), *pages, Together(plain, is_independent=True), last)
    yield Scene("a crowd of listings that differ in one argument", actions, ("crowd",), about=about)


def _long_listings() -> Iterator[Scene]:
    """Listings of many tasks beside the writes that change what they hold.

    No cancellation is among them: what it changes of a task is for another requirement. And no task is read before, so
    that a store which hands out its own objects is not reported here.
    """
    about = ("LIST-03",)
    end = update("a", TaskStatus.COMPLETED, label="")
    newer = restorable(created_at=BEYOND, updated_at=BEYOND)
    writes: dict[str, tuple[Step, tuple[Action, ...], tuple[Action, ...]]] = {
        "a creation": (create(""), (), ()),
        "an update of the newest": (update("a", TaskStatus.CLIPPING, label=""), (), (create("a"),)),
        "a completion of the oldest": (end, (create("a"),), ()),
        "a purge": (purge(BEYOND), (), ()),
        "a restored task that is the oldest": (restore(restorable()), (), ()),
        "a restored task that is the newest": (restore(newer), (), ()),
    }
    for size in _LONG:
        reads = (
            listing(limit=1_000, about=about),
            listing(status=TaskStatus.PENDING, limit=1_000, about=about),
            listing(limit=50, offset=size - 60, about=about),
            listing(limit=0, about=about),
        )
        for number, (name, (write, first, last)) in enumerate(writes.items()):
            for on in (0, 1):
                read = reads[number % 2 if on else number % len(reads)]
                race = Together((read, replace(write, on=on), reads[0]))
                actions = (*first, Populate(size, MIXED), *last, race, listing(limit=3), listing(limit=0))
                words = f"listings of {size} tasks and {name} race on {on + 1} instances"
                yield Scene(words, actions, (f"race beside {size}",), SHARED if on else frozenset(), instances=on + 1)


def _behind_cursors() -> Iterator[Scene]:
    """Pages behind a cursor beside the writes that move what stands before its task and behind it."""
    newer = restorable(created_at=BEYOND, updated_at=BEYOND)
    about = ("LIST-12",)
    writes: dict[str, Step] = {
        "a purge of the oldest": purge(BEYOND, about=about),
        "a restored task that is the oldest": restore(restorable(), about=about),
        "a restored task that is the newest": restore(newer, about=about),
        "a creation": create("", about=about),
        "a completion of the task that it names": update("c", TaskStatus.COMPLETED, label="", about=about),
        "a completion of the next one": update("b", TaskStatus.COMPLETED, label="", about=about),
    }
    first = (create("o"), cancel("o"), create("a"), create("b"), create("c"))
    for status in (None, TaskStatus.PENDING):
        start = (*first, listing("p", limit=1, status=status))
        pages = tuple(listing(limit=most, status=status, after=Cursor("p"), about=about) for most in (1, 50))
        for name, write in writes.items():
            for on in (0, 1):
                race = Together((*pages, replace(write, on=on), *pages))
                words = f"pages behind a cursor{' of a status' if status else ''} and {name} race on {on + 1} instances"
                needs = CURSOR | SHARED if on else CURSOR
                yield Scene(words, (*start, race, listing()), ("race behind a cursor",), needs, instances=on + 1)


_LONG = (110, 260)
_CROWD, _TARGETS = 200, 60
_Race: TypeAlias = tuple[str, tuple[Action, ...], frozenset[Capability]]


def _race(number: int, on: int) -> Iterator[_Race]:
    """Each kind of race, some of its calls on another instance."""
    nothing: frozenset[Capability] = frozenset()
    end = "ATOM-02"
    begun = (create(), update("a", TaskStatus(NOT_FINAL[number])))
    pair = (update("a", TaskStatus.COMPLETED, label="", about=(end,)), _stop(end, on))
    for race in (Together(pair), Together(pair[::-1])):
        yield "a cancel and a completion race", (*begun, race, get(), listing()), nothing
    failing = update("a", TaskStatus.FAILED, error_message="e", label="", about=(end,))
    race = Together((failing, _stop(end, on), replace(pair[0], on=on)))
    yield "three ends race", (*begun, race, get()), nothing
    one = "ATOM-01"
    race = Together((_going(one, progress=number), _going(one, on, current_step="s"), _going(one, result_url="r")))
    start = (create(), update("a", TaskStatus.CLIPPING, progress=1, current_step="before", result_url="before"))
    yield "updates of several fields race", (*start, race, get()), nothing
    race = Together((_going(one, on, progress=number), _stop(end), get()))
    yield "an update and a cancel race", (*begun, race, get()), nothing
    for other in (TaskStatus.COMPLETED, TaskStatus(NOT_FINAL[number - 1])):
        moved = update("a", other, on=on, label="")
        for read in (listing(about=("LIST-03",)), listing(status=TaskStatus.FAILED, about=("LIST-03",))):
            yield "listings and an update race", (create("b"), *begun, Together((read, moved, read)), get()), nothing
    race = Together(tuple(create(f"n{n}", on=n % 2 * on, video_ids=(str(n),), about=(one,)) for n in range(5)))
    yield "creations race", (race, listing()), nothing
    again = create("", "job-1", about=("ID-06", one))
    race = Together((replace(again, on=on), again, create("", "job-1", on=on, about=("ID-06", one), config={})))
    yield "creations under one id race", (race, listing()), CALLER_IDS
    race = Together(
        tuple(restore(restorable(progress=float(n)), on=n % 2 * on, about=("MAINT-02", one)) for n in range(3))
    )
    yield "restores under one id race", (race, listing()), nothing
    gone = ("ATOM-01", "MAINT-01")
    race = Together(
        (
            purge(TimeOf("a", plus=MICROSECOND), on=on, about=gone),
            update("b", TaskStatus.CLIPPING, label="", about=gone),
            replace(cancel("a"), label="", about=gone),
        )
    )
    yield "a purge and writes race", (create("b"), create(), cancel(), race, get(), listing()), nothing


def _going(requirement: str, on: int = 0, **fields: Any) -> Step:
    return update("a", TaskStatus.CLIPPING, on=on, label="", about=(requirement,), **fields)


def _stop(requirement: str, on: int = 0) -> Step:
    return replace(cancel("a", on=on), label="", about=(requirement,))
