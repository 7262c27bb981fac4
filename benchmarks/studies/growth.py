"""How the time of a listing grows with the number of tasks, for both designs in both modes.

All stores stand filled at once, each documented one in a database of its own, since its listing scans the database.
Every process takes a block of each listing, in a random order; Redis is filled once, memory in each process. The
documented listing reads every task whatever the page, so of it only the first page is measured; in Redis it takes a
millisecond for every ten tasks, so it stops at fewer. In full the stores of ours in memory and in Redis, and those of
the documented design in memory, take some two gigabytes each.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import count, product
from random import Random
from typing import Any

from benchmarks.document import Depth, Design, Mode
from benchmarks.studies.blocks import Blocks, Contestant, join, take_turns
from benchmarks.studies.document import Growth, Page, Point
from benchmarks.studies.filling import create, fill
from benchmarks.studies.place import DESIGNS, SEED, Place
from benchmarks.studies.plain import single
from benchmarks.studies.processes import PROCESSES, in_new_process
from benchmarks.workload import PAGE
from conformance.measure.loop import Loop
from taskstore import TaskStatus, TaskStore


@dataclass(frozen=True)
class Scale:
    """Which numbers of tasks, and how long each of them is measured."""

    ours: tuple[int, ...]
    documented_memory: tuple[int, ...]
    documented_redis: tuple[int, ...]
    processes: int
    seconds: float
    """Of a block."""

    def tasks(self, design: Design, mode: Mode) -> tuple[int, ...]:
        """Select the numbers of a store."""
        if design == "ours":
            return self.ours
        return self.documented_memory if mode == "memory" else self.documented_redis


_TO_100_000 = (100, 316, 1_000, 3_162, 10_000, 31_623, 100_000)
_TO_10_000 = (10, 32, 100, 316, 1_000, 3_162, 10_000)

SCALES: dict[Depth, Scale] = {
    "quick": Scale((100, 1_000, 10_000), (100, 1_000, 10_000), (10, 100, 316), PROCESSES["quick"], 0.005),
    "default": Scale(_TO_100_000, _TO_100_000, _TO_10_000, PROCESSES["default"], 0.02),
    "full": Scale(
        (*_TO_100_000, 316_228, 1_000_000),
        (*_TO_100_000, 316_228),
        (*_TO_10_000, 31_623),
        PROCESSES["default"],
        0.1,
    ),
}


Line = tuple[Design, Mode, Page, int, int]
"""A design, a mode, a page, a number of tasks, and the offset of the page."""


def run(depth: Depth, place: Place) -> Growth:
    """Fill the stores of Redis mode, and list from all in one process after another."""
    scale = SCALES[depth]
    with Loop.running() as loop:
        for design, mode, tasks, database in _stores(scale):
            if mode == "redis":
                loop.run(_fill(place, design, tasks, database))
    made = [in_new_process(_measure, scale, place, number) for number in range(scale.processes)]
    place.empty()
    points = []
    for line in made[0]:
        design, mode, page, tasks, offset = line
        whole = join(one[line] for one in made).model_dump()
        points.append(Point(design=design, mode=mode, page=page, tasks=tasks, offset=offset, **whole))
    return Growth(points=tuple(points))


def _stores(scale: Scale) -> Iterator[tuple[Design, Mode, int, int]]:
    """Give each store with its number of tasks and its database."""
    databases = count(1)
    modes: tuple[Mode, ...] = ("memory", "redis")
    for design, mode in product(DESIGNS, modes):
        for tasks in scale.tasks(design, mode):
            yield design, mode, tasks, next(databases) if design == "documented" and mode == "redis" else 0


def _measure(scale: Scale, place: Place, number: int) -> dict[Line, Blocks]:
    random = Random(f"{SEED} {number}")  # noqa: S311  an order, the same in every run
    with Loop.running() as loop:
        return loop.run(_list_from_all(scale, place, random))


async def _list_from_all(scale: Scale, place: Place, random: Random) -> dict[Line, Blocks]:
    contestants: list[Contestant] = []
    lines: list[Line] = []
    async with AsyncExitStack() as opened:
        client = await opened.enter_async_context(single(place.url(0)))
        for design, mode, tasks, database in _stores(scale):
            harness = opened.enter_context(place.harness(design, mode, database))
            store = await opened.enter_async_context(harness.open(_namespace(tasks)))
            if mode == "memory":
                await create(store, tasks)
            for page, status, offset in _pages(design, tasks):
                lines.append((design, mode, page, tasks, offset))
                contestant = _listing(store, tasks, status, offset)
                if mode == "redis":
                    contestant = replace(contestant, ping=client.ping, own_ping=partial(harness.ping, store))
                contestants.append(contestant)
        return dict(zip(lines, await take_turns(contestants, scale.seconds, random), strict=True))


async def _fill(place: Place, design: Design, tasks: int, database: int) -> None:
    with place.harness(design, "redis", database) as harness:
        async with harness.open(_namespace(tasks)) as store:
            await fill(store, harness, _namespace(tasks), place.url(database), tasks)


def _namespace(tasks: int) -> str:
    return f"growth-{tasks}"


def _pages(design: Design, tasks: int) -> list[tuple[Page, TaskStatus | None, int]]:
    """Choose the pages to list; half of the tasks match the filter, and a page in the depth has to be a full one."""
    first: tuple[Page, None, int] = ("first", None, 0)
    if design == "documented":
        return [first]
    half, quarter = tasks // 2, tasks // 4
    pages: list[tuple[Page, TaskStatus | None, int]] = [first, ("filtered", TaskStatus.PENDING, 0)]
    if tasks - half >= PAGE:
        pages.append(("deep", None, half))
    if half - quarter >= PAGE:
        pages.append(("deep filtered", TaskStatus.PENDING, quarter))
    return pages


def _listing(store: TaskStore, tasks: int, status: TaskStatus | None, offset: int) -> Contestant:
    total = tasks if status is None else tasks // 2

    def right(page: Any) -> bool:
        return page.total == total and len(page.tasks) == min(PAGE, total - offset)

    return Contestant(f"list of {tasks}", partial(store.list_tasks, status, PAGE, offset), right)
