"""Calls at the same time: some order explains them all, and whoever is cancelled takes nobody along."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations_with_replacement

from conformance.core.scenario import (
    Action,
    Call,
    CursorOf,
    Id,
    Look,
    Populate,
    Race,
    Scenario,
    TimeOf,
    cancel,
    create,
    get,
    listing,
    purge,
    restore,
)
from conformance.tables.tasks import BEYOND, LONG_AGO, MICROSECOND, A, B, first, plain, restorable, scenario, to
from taskstore import TaskStatus

_ENDED = create("b"), cancel(B, label="b")
_WRITES = (
    *(create(), create(task_id="job-1"), create(task_id="job-1", config={}), to("uploading", progress=7)),
    *(to("clipping", result_url="r"), to("completed"), to("failed", error_message="e"), cancel(A), cancel(B)),
    *(to("uploading", B, progress=7), purge(TimeOf("b", plus=MICROSECOND)), restore(restorable())),
)
_READS = (get(A), listing(), listing(status=TaskStatus.PENDING, limit=1), listing(limit=1, offset=1))


def scenarios(depth: str = "default") -> Iterator[Scenario]:
    """All of them."""
    yield from plain()
    is_full = depth == "full"
    for pair in combinations_with_replacement((*_WRITES, *_READS[:2]), 2):
        yield from _race(pair, "ATOM-02" if all(one in _WRITES[5:8] for one in pair) else "ATOM-01")
    yield from _race([create(video_ids=(str(number),)) for number in range(5)], "ATOM-01")
    yield from _race([restore(restorable(progress=float(number))) for number in range(3)], "ATOM-01 MAINT-02")
    yield from _cancelled(is_full=is_full)
    yield from _crowds(1_000 if is_full else 300)
    for size in (130,) if not is_full else (130, 260, 1_100):
        yield from _listings(size)


def _race(calls: Sequence[Call], about: str, *before: Action) -> Iterator[Scenario]:
    """Calls race on one instance, and on two instances of a store that is shared."""
    turns = tuple(replace(call, on=number % 2) for number, call in enumerate(calls))
    made = first(*calls), *_ENDED, Race((get(A),) * len(calls))  # so a pool has its connections
    yield scenario(made, before, Race(tuple(calls)), get(A), Look(), about=about)
    yield scenario(made, before, Race(turns), get(A), Look(), about=about, instances=2)


def _cancelled(*, is_full: bool) -> Iterator[Scenario]:
    """Calls are cancelled, or their store is closed: what they leave is consistent, and others are not affected."""
    after = get(A), Look(), create("c"), Look()
    for call in (*_WRITES, *_READS, listing(limit=1, after=CursorOf("a")), purge(LONG_AGO)):
        for turns in (1,) if not is_full else (0, 1, 2, 3, 5, 8):
            yield scenario(first(call), _ENDED, Race((call,), (0,), turns), after, about="ATOM-06")
            yield scenario(first(call), _ENDED, Race((call,) * 3, (0,), turns), after, about="ATOM-06")
    for calls in (_READS[:2], (to("clipping", progress=1), create())):
        for turns in (0, 1, 4) if not is_full else range(8):
            closed = Race(calls, turns=turns, closes=True)
            yield scenario(create("a"), closed, get(A, on=1), Look(), about="API-04", instances=2)


def _crowds(count: int) -> Iterator[Scenario]:
    """Hundreds of calls at the same time, each with its own result."""
    labels = [f"t{number}" for number in range(20)]
    each = [call for one in map(Id, labels) for call in (get(one), get("nobody"), to("clipping", one, progress=-1))]
    again, other = create(task_id="job-1"), create(task_id="job-1", config={})
    crowds: list[Sequence[Call]] = [
        each * (count // 20),
        [create(video_ids=(str(number),)) for number in range(count)],
        [to("clipping", progress=number / 10) for number in range(count)],
        [cancel(A)] * count,
        [again, again, other] * (count // 3),
    ]
    for calls in crowds:
        made = first(*calls), *map(create, labels)
        yield scenario(made, Race(tuple(calls)), get(A), listing(limit=0), about="ATOM-06")


def _listings(size: int) -> Iterator[Scenario]:
    """Pages of more than a hundred tasks, and pages behind a cursor, beside the writes that change what they hold."""
    newer = restorable(created_at=BEYOND, updated_at=BEYOND)
    ended = purge(TimeOf("b", plus=MICROSECOND))
    for number, write in enumerate((create(), to("completed"), ended, restore(restorable()), restore(newer))):
        for status in (None, TaskStatus.PENDING):
            long, late = listing(limit=1_000, status=status), listing(limit=50, offset=size - 60)
            reads = [long, write, late if number % 2 else listing(limit=0)]
            yield from _race(reads, "LIST-03", Populate(size, ("pending",) * 9 + ("completed",)))
            pages = [listing(limit=most, status=status, after=CursorOf("a")) for most in (1, 50)]
            yield from _race([*pages, write, *pages], "LIST-12 LIST-13", create("c"))
