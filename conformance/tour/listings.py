"""Listings of stores of every size, by filter, limit, offset and cursor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle
from random import Random
from typing import Any

from conformance.engine.scene import (
    Action,
    Cursor,
    Known,
    Member,
    Optional,
    Populate,
    Scene,
    Text,
    Walk,
    cancel,
    create,
    listing,
    purge,
    restore,
    update,
)
from conformance.tour import values
from conformance.tour.tasks import (
    BEYOND,
    CALLER_IDS,
    CURSOR,
    LONG_AGO,
    MICROSECOND,
    MIXED,
    MOSTLY_PENDING,
    restorable,
)
from taskstore import MAX_LIMIT, MAX_OFFSET, TaskStatus

_MANY = 60
"""From this size on fewer listings are made: a store may read all of its tasks for each."""
_LARGE = 1_000
STORE_SIZES = (0, 1, 2, 3, 49, 50, 51, 101, 250, 1_000, 1_001)


def lists(random: Random) -> Iterator[Scene]:
    """Listings of stores of every size: filters, limits, offsets and cursors, and what writes do to them."""
    steps: Sequence[Action]
    for size in STORE_SIZES:
        drawn = random.sample(range(size + 1), min(size + 1, 3))
        edges = {0, 49, 50, 51, max(size - 1, 0), size, *drawn} if size < _MANY else {49, 50, size - 1, size, *drawn}
        limits = cycle([0, 1, 2, 50, 51, 100, MAX_LIMIT - 1, MAX_LIMIT, random.randrange(1, MAX_LIMIT)])
        filters: tuple[Any, ...] = (None, *dict.fromkeys(map(TaskStatus, MIXED)), TaskStatus.LLM_PASS2)
        chosen = cycle(filters)
        reads: list[Action] = [listing(), *(listing(status=one) for one in filters)]
        reads += [listing(limit=next(limits), offset=offset, status=next(chosen)) for offset in sorted(edges)]
        reads += [listing(limit=limit, offset=next(iter(drawn), 0)) for limit in (0, 50, MAX_LIMIT)]
        reads += [listing(offset=offset) for offset in (size + 1, MAX_OFFSET)]
        walks: list[Action] = []
        page = next(one for one in (1_000, 250, 100, 50, 7, 2, 1) if one <= max(size, 1))
        for limit in (page, *((3, 1, max(page - 1, 1)) if size < _MANY else ())):
            walks += [Walk(limit), Walk(max(limit // 3, 1), "pending")]
        if size > 1:
            walks += [Walk(max(size // 2, size - 999), None)]
        cursors = tuple(replace(walk, by_cursor=True) for walk in walks if isinstance(walk, Walk))
        gone = (purge(BEYOND), listing(), listing(status=TaskStatus.COMPLETED), create("z"), purge(LONG_AGO))
        steps = (
            Populate(size, MIXED if size < _LARGE else MOSTLY_PENDING),
            *reads,
            *walks,
            *(far_pages(size, MOSTLY_PENDING, (None, "pending", "completed")) if size > _LARGE else ()),
            Optional(cursors, CURSOR),
            *(_writes_among(size, 3) if size else ()),
            Optional(tuple(_cursors_among(size)), CURSOR),
            Optional(gone),
        )
        yield Scene(f"{size} tasks", steps, (f"size {size}",))
    yield from _large_pages(random)
    for name, wrong in values.WRONG_NUMBERS.items():
        for argument in ("limit", "offset"):
            given: dict[str, Any] = {argument: wrong}
            steps = (create(), listing(**given), listing(**given, status=TaskStatus.PENDING), listing())
            yield Scene(f"{argument} that is {name}", steps, (f"{argument}: wrong {name}",))
    for argument, most in (("limit", MAX_LIMIT), ("offset", MAX_OFFSET)):
        bounds: list[dict[str, Any]] = [{argument: value} for value in (most, most + 1, 10**30)]
        yield Scene(
            f"{argument} at its bound", (create(), *(listing(**one) for one in bounds)), (f"{argument}: bound",)
        )
    for name, wrong in values.WRONG_CURSORS.items():
        steps = (create(), listing(after=wrong), listing(after=wrong, limit=0), listing())
        yield Scene(f"a cursor that is {name}", steps, (f"after: wrong {name}",), CURSOR, about=("LIST-13",))
    both = (
        Populate(3),
        listing("p", limit=1),
        listing(after=Cursor("p"), offset=1),
        listing(after=Cursor("p"), offset=0),
    )
    yield Scene("a cursor with an offset", both, ("after: offset",), CURSOR)
    in_2191 = 7 * 10**15
    before = (create(), listing(after="0.x"), listing(after="1.~"), listing(after=f"{in_2191}.x"))
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
    yield Scene("tasks of one moment", steps, ("ties",))
    cursors = tuple(replace(one, by_cursor=True) for one in steps if isinstance(one, Walk))
    yield Scene("cursors at one moment", (*steps[: len(ties)], *cursors), ("ties by cursor",), CURSOR)
    odd = tuple(restore(restorable(one)) for one in values.NEW_IDS.values())
    by_ids = (Walk(1, by_cursor=True), Walk(3, "pending", by_cursor=True))
    yield Scene("cursors that name ids of every kind", (Known(odd), *by_ids), ("cursors of odd ids",), CURSOR)
    yield from _many_ties()


def _many_ties() -> Iterator[Scene]:
    """Many tasks of one moment, and of a few: pages begin and end among tasks of the same moment, far on too."""
    tied = tuple(restore(restorable(f"t{number:04d}")) for number in range(260))
    yield Scene("260 tasks of one moment", (Known(tied), Walk(100), Walk(99)), ("many ties",))
    size, statuses = MAX_LIMIT + 300, (*("pending",) * 8, "clipping")
    for count in (1, 3):
        moments = [LONG_AGO + number * MICROSECOND for number in range(count)]
        chosen = zip(range(size), cycle(statuses), cycle(moments), strict=False)
        tasks = [
            restorable(f"t{number:04d}", status=status, created_at=moment, updated_at=moment)
            for number, status, moment in chosen
        ]
        cursors = (Walk(300, by_cursor=True), Walk(400, "pending", by_cursor=True))
        far = tuple(far_pages(size, statuses, (None, "pending", "clipping")))
        steps = (Known(tuple(map(restore, tasks))), *far, Walk(650), Optional(cursors, CURSOR))
        name = f"{size} tasks of {f'{count} moments' if count > 1 else 'one moment'}"
        yield Scene(name, steps, ("very many ties",))


def far_pages(size: int, statuses: Sequence[str], chosen: Sequence[str | None]) -> Iterator[Action]:
    """Pages around the ends and the largest limit, of all tasks of a large store and of those of some statuses."""
    for status in chosen:
        total = size if status is None else sum(statuses[n % len(statuses)] == status for n in range(size))
        given: dict[str, Any] = {} if status is None else {"status": TaskStatus(status)}
        for offset in sorted({MAX_LIMIT - 1, MAX_LIMIT, MAX_LIMIT + 1, 1_100, total - 1, total, total + 1}):
            longest = MAX_LIMIT if offset > MAX_LIMIT else 50  # a few long pages: each takes time to compare
            yield from (listing(limit=limit, offset=offset, **given) for limit in (1, 3, longest))


def _large_pages(random: Random) -> Iterator[Scene]:
    """Pages whose tasks are larger together than one of them may be."""
    for count in (3, 7):
        size = values.MOST_BYTES // (count - 1) + random.randrange(20_000)
        created = [create(f"n{number}", config={"text": "x" * size}) for number in range(count)]
        walks: list[Action] = [Walk(count - 1), Walk(count, "pending"), Walk(2)]
        cursors = tuple(replace(walk, by_cursor=True) for walk in walks if isinstance(walk, Walk))
        steps = (Known(tuple(created)), listing(limit=count - 1), listing(limit=count, offset=count - 1), *walks)
        yield Scene(f"pages of {count} large tasks", (*steps, Optional(cursors, CURSOR)), ("large pages",))


def cursors(random: Random) -> Iterator[Scene]:
    """Cursors whose task is gone, stands among others of its moment, or was created again."""
    steps: Sequence[Action]
    names = ["a", "aa", "ab", "a0", "a.", "b", "B", "~", "_", "0", "1", "10", "9"]
    gone = {"status": "cancelled", "completed_at": LONG_AGO}
    order = sorted(names, reverse=True)
    for at, cursor in enumerate(order[:-1]):
        removed = {cursor, *random.sample(names, at % 3)}
        tasks = [restorable(name, **gone) if name in removed else restorable(name) for name in names]
        random.shuffle(tasks)
        limit = 1 + at % 4
        steps = (
            Known(tuple(map(restore, tasks))),
            listing("p0", limit=at + 1),
            purge(LONG_AGO + MICROSECOND),
            *(
                listing(f"p{page + 1}", limit=limit, after=Cursor(f"p{page}"))
                for page in range(len(names) // limit + 2)
            ),
        )
        name = f"pages of {limit} by cursor behind {cursor}, which is removed"
        yield Scene(name, steps, ("cursors of removed tasks",), CURSOR, about=("LIST-12",))
    tied = Known(tuple(create(one, f"job-{one}") for one in "abcdef"))
    for limit in (1, 2, 4):
        again = create("", Member("p", -1))
        steps = (
            tied,
            listing("p", limit=limit),
            Known((cancel(Member("p", -1)), purge(BEYOND))),
            again,
            listing("q", limit=2, after=Cursor("p")),
            listing(limit=2, after=Cursor("q")),
            listing(),
        )
        name = f"the task of a cursor after {limit} is created again"
        needs = CURSOR | CALLER_IDS
        yield Scene(name, steps, ("a cursor's task again",), needs, about=("LIST-12",))
    for status in ("pending", "llm_pass1"):
        filtered: list[Action] = [
            Populate(12, ("pending", "llm_pass1")),
            listing("p0", limit=3, status=TaskStatus(status)),
        ]
        for page in range(4):
            filtered += [
                update(Member(f"p{page}", -1), TaskStatus.UPLOADING, label=""),
                create(f"n{page}"),
                listing(f"p{page + 1}", limit=2, status=TaskStatus(status), after=Cursor(f"p{page}")),
            ]
        yield Scene(
            f"cursors of {status}, which changes", filtered, ("cursors of a status",), CURSOR, about=("LIST-12",)
        )


def _writes_among(size: int, tasks: int) -> Iterator[Action]:
    """Writes to the oldest task, one in the middle and the newest, or to the first of these, with listings around."""
    for number, offset in enumerate((size - 1, size // 2, 0)[:tasks]):
        yield listing(f"p{number}", limit=1, offset=offset)
    for number in range(tasks):
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
