"""Calls at the same time: some order explains them all, and whoever is cancelled takes nobody along."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations_with_replacement, product

from conformance.engine.scenario import Action, Call, Race, ReadBack, Scenario
from conformance.tasks import calls as do
from conformance.tasks.calls import cancel, create, get, listing, purge, restore
from conformance.tasks.tables.tasks import BEYOND, MICROSECOND, A, B, restorable, scenario, to
from taskstore import TaskStatus

_MADE = create("a"), create("b"), cancel(B, label="b")
_ENDS = (to("completed"), to("failed", error_message="e"), cancel(A))
_PURGE = purge(do.TimeOf("b", plus=MICROSECOND))
_WRITES = (
    create(),
    create(task_id=A),
    create(task_id="new"),
    to("uploading", progress=7),
    _PURGE,
    to("clipping", result_url="r"),
    to("completed"),
    cancel(A),
    cancel(B),
    restore(restorable()),
)
_READS = (get(A), listing(), listing(limit=1, offset=1), listing(limit=1, after=do.CursorOf("a")))


def scenarios(depth: str = "default") -> Iterator[Scenario]:
    """All of them."""
    for about, calls in (("ATOM-02", _ENDS), ("ATOM-01", (*_WRITES, *_READS[:2]))):
        for pair in combinations_with_replacement(calls, 2):
            yield from _race(pair, about)
    yield from _cancelled((1,) if depth != "full" else (0, 1, 2, 3, 5, 8))
    yield from _crowds(300 if depth != "full" else 1_000)
    for size in (130,) if depth != "full" else (130, 260, 1_100):
        yield from _listings(size)


def _race(calls: Sequence[Call], about: str, *before: Action) -> Iterator[Scenario]:
    """Calls race on one instance, and on two instances of a store that is shared."""
    connections = Race((get(A),) * len(calls))  # so a pool has its connections
    turns = [replace(call, on=number % 2) for number, call in enumerate(calls)]
    for racing, instances in ((calls, 1), (turns, 2)):
        race = Race(tuple(racing))
        yield scenario(*_MADE, connections, *before, race, ReadBack(), about=about, instances=instances)


def _cancelled(turns: Sequence[int]) -> Iterator[Scenario]:
    """Calls are cancelled: what they leave is consistent, and others are not affected."""
    for after, call, count in product(turns, (*_WRITES, *_READS), (1, 3)):
        lost = Race((call,) * count, (0,), after), ReadBack(), create("c"), ReadBack()
        yield scenario(_MADE, lost, about="ATOM-06")


def _crowds(count: int) -> Iterator[Scenario]:
    """Hundreds of calls at the same time, each with its own result."""
    labels = [f"t{number}" for number in range(20)]
    reads: list[Call] = []
    for task in map(do.Id, labels):
        reads += [get(task), get("nobody")]
    crowds = [
        reads * (count // 20),
        [create(video_ids=(str(number),)) for number in range(count)],
        [to("clipping", progress=number / 10) for number in range(count)],
        [create(task_id=A), create(task_id=A, config={})] * (count // 2),
    ]
    for calls in crowds:
        made = map(create, ("a", *labels))
        yield scenario(made, Race(tuple(calls)), get(A), listing(limit=0), about="ATOM-06")


def _listings(size: int) -> Iterator[Scenario]:
    """Pages of more than a hundred tasks, and pages behind a cursor, beside the writes that change what they hold."""
    many, newer = do.Populate(size, ("pending",) * 9 + ("completed",)), restorable(created_at=BEYOND, updated_at=BEYOND)
    for number, write in enumerate((create(), restore(newer), to("completed"), _PURGE, restore(restorable()))):
        for status in (None, TaskStatus.PENDING):
            page = partial(listing, status=status)
            late = page(limit=50, offset=size - 60) if number > 1 else page(limit=0)  # the first two move all pages
            yield from _race([page(limit=1_000), write, late], "LIST-03", many)
            behind = [page(limit=most, after=do.CursorOf("a")) for most in (1, 50)]
            yield from _race([*behind, write, *behind], "LIST-12 LIST-13", create("c"))
